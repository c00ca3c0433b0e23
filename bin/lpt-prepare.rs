//! `lpt-prepare`; what it does stands in `lpt::prepare`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lpt::entry::run::<lpt::prepare::Args>()
}
