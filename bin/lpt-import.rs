//! `lpt-import`; what it does is in `lpt::tools::import`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lpt::entry::run::<lpt::tools::import::Args>()
}
