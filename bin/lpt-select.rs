//! `lpt-select`; what it does is in `lpt::tools::select`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lpt::entry::run::<lpt::tools::select::Args>()
}
