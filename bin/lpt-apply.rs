//! `lpt-apply`; what it does is in `lpt::tools::apply`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lpt::entry::run::<lpt::tools::apply::Args>()
}
