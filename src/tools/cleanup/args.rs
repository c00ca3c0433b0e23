//! The arguments of `lpt-cleanup` as typed.

use super::leftovers;
use crate::aws::{Aws, AwsOptions};
use crate::cli::{AwsArgs, CommonArgs, ExecutionInputArgs, FormatArgs, InputArgs, STYLES, functions, more};
use crate::entry::{Pipe, Tool};
use crate::error::Error;
use crate::exit::Exit;
use crate::names::FunctionRef;
use crate::report::Format;

/// Remove what a run made, and restore what it changed
///
/// Reads plan and configuration records, at the end of the pipe or from the file of an earlier run. Deletes
/// the aliases and versions of the run, and restores $LATEST if the run did not. Touches nothing without the
/// run's tag. Running it twice does no harm.
///
/// Without records, --leftovers finds the versions and aliases of earlier runs in the account, by their tags.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-cleanup", version, styles = STYLES, max_term_width = 80)]
#[command(after_help = more("lpt-cleanup"), after_long_help = include_str!("examples.txt"))]
pub struct Args {
    /// Show what earlier runs have left in the account
    ///
    /// Reads no records. Changes nothing without --yes.
    #[arg(long, conflicts_with = "files")]
    #[arg(help_heading = "Leftovers")]
    leftovers: bool,
    /// Function to search for leftovers [default: lambdaARN of --input]
    ///
    /// NAME, ACCOUNT:NAME or an ARN, without a version or alias. Can be given several times.
    #[arg(long = "function", value_name = "FUNCTION", requires = "leftovers", conflicts_with = "files", add = functions())]
    #[arg(help_heading = "Leftovers")]
    functions: Vec<FunctionRef>,
    /// Remove the leftovers, and restore $LATEST
    ///
    /// $LATEST stays as it is if it does not carry the tag of a run.
    #[arg(long, requires = "leftovers", conflicts_with = "files")]
    #[arg(help_heading = "Leftovers")]
    yes: bool,
    /// Include runs that were at work less than an hour ago
    ///
    /// Such a run may be at work still. Removing its versions makes it fail.
    #[arg(long, requires = "leftovers", conflicts_with = "files")]
    #[arg(help_heading = "Leftovers", hide_short_help = true)]
    even_if_recent: bool,
    /// Restore what the plan record says, even if the tag on $LATEST says otherwise
    ///
    /// The record and the tag both have the memory and the description of before the run. If they differ, one
    /// was edited or damaged, and nothing of the function is changed. --leftovers restores what the tag says.
    #[arg(long, conflicts_with = "leftovers")]
    #[arg(help_heading = "Input", hide_short_help = true)]
    trust_records: bool,
    #[command(flatten)]
    execution_input: ExecutionInputArgs,
    #[command(flatten)]
    aws: AwsArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    input: InputArgs,
}

impl Tool for Args {
    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn format(&self) -> Option<Format> {
        self.format.format
    }

    fn input(&self) -> Option<&InputArgs> {
        (!self.leftovers).then_some(&self.input)
    }

    /// At the end of a pipe, cleans up despite a first interrupt, which is for the tools upstream: they end.
    async fn run(self, pipe: &mut Pipe) -> Result<Exit, Error> {
        let must_finish = pipe.upstream.is_piped();
        let aws_options = AwsOptions { must_finish, ..self.aws.options(&pipe.interrupt) };
        if self.leftovers {
            let options = self.into_options()?;
            leftovers::run(&options, &Aws::load(&aws_options).await?, pipe).await
        } else {
            // Nothing in the execution input concerns this tool, so a bad file does not stop it.
            let options = super::Options { trust_records: self.trust_records };
            super::run(&options, &Aws::load(&aws_options).await?, pipe).await
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
