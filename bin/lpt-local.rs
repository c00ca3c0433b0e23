//! The program `lpt-local`. Its code is in `lpt::local`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lpt::entry::run::<lpt::local::Args>()
}
