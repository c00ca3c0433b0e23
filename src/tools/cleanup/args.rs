//! `lpt-cleanup`'s arguments as typed.

use super::leftovers;
use crate::aws::Aws;
use crate::cli::{AwsArgs, CommonArgs, ExecutionInputArgs, InputArgs, STYLES};
use crate::entry::{Pipe, Tool};
use crate::error::Error;
use crate::exit::Exit;
use crate::names::FunctionRef;

/// Remove what a run made, and restore what it changed
///
/// Reads plan and configuration records, at the end of the pipe or from a file of an earlier run, deletes the run's
/// aliases and versions, and sets $LATEST back if the run did not. Nothing without the run's tag is touched. Running
/// it twice does no harm.
///
/// Where no records are left, --leftovers finds the versions and aliases of earlier runs in the account, by their tags.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-cleanup", version, styles = STYLES, max_term_width = 80)]
pub struct Args {
    /// Read no records: show what earlier runs have left of the functions; --yes removes it
    #[arg(long, conflicts_with = "files")]
    leftovers: bool,
    /// Function to look at for leftovers, as lpt-prepare takes it; can be given several times [default: lambdaARN of
    /// --input]
    #[arg(long = "function", value_name = "FUNCTION", requires = "leftovers")]
    functions: Vec<FunctionRef>,
    /// Remove the leftovers, and set $LATEST back where it still carries the tag of a run
    #[arg(long, requires = "leftovers")]
    yes: bool,
    /// Remove also what is left of a run that began less than an hour ago, and may still be at work
    #[arg(long, requires = "leftovers")]
    even_if_recent: bool,
    #[command(flatten)]
    execution_input: ExecutionInputArgs,
    #[command(flatten)]
    aws: AwsArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    input: InputArgs,
}

impl Tool for Args {
    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn input(&self) -> Option<&InputArgs> {
        (!self.leftovers).then_some(&self.input)
    }

    /// The first interrupt is for the tools upstream: they end, and this one still cleans up.
    async fn run(self, pipe: &mut Pipe) -> Result<Exit, Error> {
        let aws = Aws::load(&self.aws.options()).await;
        if self.leftovers {
            leftovers::run(&self.into_options()?, &aws, pipe).await
        } else {
            // Nothing in the execution input concerns this: it works whatever that says.
            super::run(&aws, pipe).await
        }
    }
}

impl Args {
    fn into_options(self) -> Result<leftovers::Options, Error> {
        let nothing =
            "name a --function to look at, or an --input file that has a lambdaARN; see lpt-cleanup --help";
        let input = self.execution_input.read()?.unwrap_or_default();
        Ok(leftovers::Options {
            functions: input.functions_or(self.functions, nothing)?,
            yes: self.yes,
            even_if_recent: self.even_if_recent,
        })
    }
}
