//! `lpt-select`; what it does stands in `lpt::select`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lpt::entry::run::<lpt::select::Args>()
}
