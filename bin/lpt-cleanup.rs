//! `lpt-cleanup`; what it does is in `lpt::tools::cleanup`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lpt::entry::run::<lpt::tools::cleanup::Args>()
}
