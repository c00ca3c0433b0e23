//! The arguments of `lpt-select` as typed.

use super::Options;
use crate::cli::{
    CommonArgs, DryRunArgs, ExecutionInputArgs, IncompleteArgs, InputArgs, STYLES, StrategyArgs,
    format_parser,
};
use crate::entry::{Pipe, Tool};
use crate::error::Error;
use crate::exit::Exit;
use crate::report::Format;

/// Select the best memory size of each function
///
/// Reads statistics records, writes a selection record for each function and architecture, and shows a table of the
/// sizes on stderr.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-select", version, styles = STYLES, max_term_width = 80)]
pub struct Args {
    /// Form of the output: all records (ndjson), or the selections alone
    ///
    /// ndjson is the record stream, for the next tool. json, csv and table are the selections alone. state-machine is
    /// the output of AWS Lambda Power Tuning.
    #[arg(long, default_value = "ndjson", value_parser = format_parser([Format::Ndjson, Format::Json, Format::Csv, Format::Table, Format::StateMachine]))]
    format: Format,
    #[command(flatten)]
    strategy: StrategyArgs,
    /// Propose sizes between the measured ones that may be better
    ///
    /// A curve through the durations of 4 sizes or more predicts those between them. Up to 3 sizes that promise to be
    /// better are shown and written as proposal records. They are to be measured: none is selected or applied.
    #[arg(long)]
    interpolate: bool,
    #[command(flatten)]
    dry_run: DryRunArgs,
    #[command(flatten)]
    execution_input: ExecutionInputArgs,
    #[command(flatten)]
    incomplete: IncompleteArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    input: InputArgs,
}

impl Tool for Args {
    const STOPPED: &'static str = "stopped at once";

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn input(&self) -> Option<&InputArgs> {
        Some(&self.input)
    }

    async fn run(self, pipe: &mut Pipe) -> Result<Exit, Error> {
        super::run(&self.into_options()?, pipe).await
    }
}

impl Args {
    fn into_options(self) -> Result<Options, Error> {
        let input = self.execution_input.read()?;
        Ok(Options {
            strategy: self.strategy,
            interpolate: self.interpolate,
            format: self.format,
            dry_run: self.dry_run.or(input.as_ref()),
            // The state machine leaves them out by default.
            include_output_results: input.is_none_or(|input| input.include_output_results.unwrap_or(false)),
            allow_incomplete: self.incomplete.allow_incomplete,
        })
    }
}
