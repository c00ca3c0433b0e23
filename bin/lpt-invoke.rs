//! `lpt-invoke`; what it does stands in `lpt::invoke`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lpt::entry::run::<lpt::invoke::Args>()
}
