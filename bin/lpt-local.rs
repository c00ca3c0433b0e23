//! `lpt-local`; what it does stands in `lpt::local`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lpt::entry::run::<lpt::local::Args>()
}
