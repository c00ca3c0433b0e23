//! `lpt-cleanup`'s arguments as typed.

use super::Options;
use crate::cli::{AwsArgs, CommonArgs, ExecutionInputArgs, InputArgs, STYLES};
use crate::entry::{Interrupt, Tool};
use crate::error::{Error, Exit};
use crate::ndjson::Reader;

/// Remove what a run made, and restore what it changed
///
/// Reads plan and configuration records, at the end of the pipe or from a file of an earlier run, deletes the run's
/// aliases and versions, and sets $LATEST back if the run did not. Nothing without the run's tag is touched. Running
/// it twice does no harm.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-cleanup", version, styles = STYLES)]
pub struct Args {
    /// Nothing in it concerns this tool, which works whatever it says.
    #[command(flatten)]
    _execution_input: ExecutionInputArgs,
    #[command(flatten)]
    aws: AwsArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    input: InputArgs,
}

impl Tool for Args {
    /// The first interrupt is for the tools upstream: they end, and this one finishes what it is there for.
    async fn run(self, _: Interrupt) -> Result<Exit, Error> {
        self.common.apply();
        let options = Options { aws: self.aws.options() };
        super::run(&options, Reader::open(&self.input.files)?, std::io::stdout()).await
    }
}
