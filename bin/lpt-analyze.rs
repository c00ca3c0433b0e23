//! `lpt-analyze`; what it does stands in `lpt::analyze`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lpt::entry::run::<lpt::analyze::Args>()
}
