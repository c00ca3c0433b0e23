//! The arguments of `lpt-prepare` as typed.

use std::num::NonZeroU32;
use std::str::FromStr;

use super::{Options, PowerValues};
use crate::aws::Aws;
use crate::cli::{
    AwsArgs, CommonArgs, DryRunArgs, ExecutionInputArgs, FormatArgs, InputArgs, STYLES, SaveArgs, functions,
    more, sizes, warn_of_few, whole_number,
};
use crate::entry::{Pipe, Tool};
use crate::error::Error;
use crate::exit::Exit;
use crate::names::Callee;
use crate::report::Format;

/// Publish a version of a Lambda function for each memory size to measure
///
/// Writes a plan record for each function before anything is changed, and configuration records for each
/// size. At the end, $LATEST gets its memory and description back. lpt-cleanup removes the versions.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-prepare", version, styles = STYLES, max_term_width = 80)]
#[command(after_help = more("lpt-prepare"), after_long_help = include_str!("examples.txt"))]
pub struct Args {
    /// Functions to tune [default: lambdaARN of --input]
    ///
    /// Each is NAME, ACCOUNT:NAME or an ARN. What is measured is $LATEST. With a version or alias, such as NAME:live, it
    /// is measured if $LATEST has its code and settings, and lpt-apply moves the alias.
    #[arg(value_name = "FUNCTION", add = functions())]
    functions: Vec<Callee>,
    /// Sizes in MB [default: 128,256,512,1024,1536,3008]
    ///
    /// A list of sizes (128,512), of ranges with a step (128-3008:64), or of both. ALL is every 64 MB from
    /// 128 to 10240.
    #[arg(long, value_name = "MB", value_parser = PowerValues::from_str, add = sizes())]
    #[arg(help_heading = "What to measure")]
    power_values: Option<PowerValues>,
    /// Number of invocations per size [default: 10]
    ///
    /// lpt-invoke reads it from the plan record.
    #[arg(long, value_name = "N", value_parser = whole_number(1..=u32::MAX))]
    #[arg(help_heading = "Invocations")]
    num: Option<u32>,
    /// Publish a version for each invocation, so that each one is a cold start
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(help_heading = "Invocations", hide_short_help = true, hide_possible_values = true)]
    only_cold_starts: Option<bool>,
    /// Print the minimal IAM policy for a run, and exit
    ///
    /// It is for a run on these functions, and has one or two statements for each tool. With --input it also allows
    /// invoking the processors and reading the payload at S3 that the file names. Nothing is changed. To keep
    /// lambda:GetFunction from the caller, which also lets download the code, allow lambda:GetFunctionConfiguration in
    /// its place: lpt(7) says what that costs.
    #[arg(long)]
    #[arg(help_heading = "AWS")]
    policy: bool,
    #[command(flatten)]
    dry_run: DryRunArgs,
    #[command(flatten)]
    save: SaveArgs,
    #[command(flatten)]
    execution_input: ExecutionInputArgs,
    #[command(flatten)]
    aws: AwsArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    common: CommonArgs,
}

const NO_FUNCTION: &str = "name a FUNCTION to tune, or an --input file that has a lambdaARN";

/// The sizes if neither a flag nor the execution input has any, as in AWS Lambda Power Tuning.
const DEFAULT_POWER_VALUES: &str = "128,256,512,1024,1536,3008";

/// The number of invocations per size if neither a flag nor the execution input has one.
const DEFAULT_NUM: u32 = 10;

impl Tool for Args {
    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn format(&self) -> Option<Format> {
        self.format.format
    }

    fn input(&self) -> Option<&InputArgs> {
        None
    }

    async fn run(self, pipe: &mut Pipe) -> Result<Exit, Error> {
        let aws_options = self.aws.options(&pipe.interrupt);
        if self.policy {
            let input = self.execution_input.read()?.unwrap_or_default();
            let functions = input.functions_or(self.functions, NO_FUNCTION)?;
            return super::policy::print(&functions, &input, &Aws::load(&aws_options).await?, pipe).await;
        }
        let save = self.save.clone();
        let options = self.into_options()?;
        if !options.dry_run && !options.only_cold_starts {
            warn_of_few(options.num);
        }
        let aws = Aws::load(&aws_options).await?;
        save.open(&[], &mut pipe.output)?;
        pipe.output.check_open(true)?;
        super::run(&options, &aws, pipe).await
    }
}

impl Args {
    pub(crate) fn into_options(self) -> Result<Options, Error> {
        let input = self.execution_input.read()?;
        let dry_run = self.dry_run.or(input.as_ref());
        let input = input.unwrap_or_default();
        let functions = input.functions_or(self.functions, NO_FUNCTION)?;
        let power_values = input.power_values.as_deref().map(PowerValues::from_str).transpose();
        let power_values = power_values.map_err(|why| input.error("powerValues", why))?;
        let only_cold_starts = self.only_cold_starts.or(input.only_cold_starts).unwrap_or(false);
        let num = self.num.or(input.num.map(NonZeroU32::get)).unwrap_or(DEFAULT_NUM);
        Ok(Options {
            functions,
            power_values: self
                .power_values
                .or(power_values)
                .unwrap_or_else(|| DEFAULT_POWER_VALUES.parse().expect("a constant list of sizes")),
            num,
            only_cold_starts,
            dry_run,
        })
    }
}
