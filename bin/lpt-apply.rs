//! `lpt-apply`; what it does stands in `lpt::apply`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lpt::entry::run::<lpt::apply::Args>()
}
