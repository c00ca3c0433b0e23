//! `lpt-cleanup`; what it does stands in `lpt::cleanup`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lpt::entry::run::<lpt::cleanup::Args>()
}
