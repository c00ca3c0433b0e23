//! `lpt-plot`; what it does is in `lpt::tools::plot`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lpt::entry::run::<lpt::tools::plot::Args>()
}
