//! `lpt-prepare`; what it does is in `lpt::tools::prepare`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lpt::entry::run::<lpt::tools::prepare::Args>()
}
