//! `lpt-tune`; what it does is in `lpt::tune`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lpt::entry::run::<lpt::tune::Args>()
}
