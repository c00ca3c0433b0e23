//! `lpt-invoke`; what it does is in `lpt::tools::invoke`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lpt::entry::run::<lpt::tools::invoke::Args>()
}
