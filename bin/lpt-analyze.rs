//! `lpt-analyze`; what it does is in `lpt::tools::analyze`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lpt::entry::run::<lpt::tools::analyze::Args>()
}
