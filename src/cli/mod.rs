//! The flags that several tools have. The same flag means the same thing in each of them.

mod execution_input; // the file of --input: the keys of AWS Lambda Power Tuning's state machine
pub(crate) mod save; // the file of --save: a copy of the records
mod complete; // what a shell offers for values: memory sizes, names of functions

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, Styles, TypedValueParser};
use tokio_util::sync::CancellationToken;

pub(crate) use complete::{answer_shell, functions, sizes};
pub use execution_input::ExecutionInput;
pub(crate) use save::SaveArgs;

use crate::aws::AwsOptions;
use crate::decide::Rules;
use crate::error::Error;
use crate::message::{self, counted};
use crate::names;
use crate::records::{BalancedWeight, Strategy};
use crate::report::Format;
use crate::statistics::CONFIDENCE;
use crate::verbose;

/// The style of help: without colour, because the tools of a pipe share one terminal.
pub(crate) const STYLES: Styles = Styles::plain();

/// Returns the last line of `-h`.
pub(crate) fn more(tool: &str) -> String {
    format!("All options in groups, and examples: {tool} --help, or man {tool}")
}

/// The flags that every tool has.
#[derive(Debug, clap::Args)]
pub struct CommonArgs {
    /// Show only warnings and errors, no summary
    #[arg(short, long)]
    quiet: bool,
    /// Show more: each call to AWS and how long it takes
    ///
    /// Given twice, also where credentials are found, and lpt-invoke shows the payloads and answers of
    /// invocations. lpt-local shows what its functions print.
    #[arg(short, long, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    #[arg(hide_short_help = true)]
    pub(crate) verbose: u8,
}

impl CommonArgs {
    /// Sets what [`crate::message`] shows.
    pub(crate) fn apply(&self) {
        message::set_quiet(self.quiet);
        verbose::show(self.verbose);
    }
}

/// The flags of tools that call AWS. Credentials come from the environment or a profile, never from a flag.
#[derive(Debug, clap::Args)]
pub(crate) struct AwsArgs {
    /// AWS region; the region in an ARN takes precedence
    #[arg(long, value_name = "REGION", value_parser = region)]
    #[arg(help_heading = "AWS")]
    region: Option<String>,
    /// Profile in the AWS configuration files
    ///
    /// It takes precedence over the environment and the plan records.
    #[arg(long, value_name = "NAME")]
    #[arg(help_heading = "AWS")]
    profile: Option<String>,
    /// Maximum control-plane requests per second and region (0: no limit)
    ///
    /// Lambda allows an account 15 per second in each region. Invocations and lambda:GetFunction, with which
    /// changes are waited for, do not count: they have quotas of their own.
    #[arg(
        long,
        value_name = "N",
        env = "LPT_CONTROL_PLANE_RATE",
        hide_env_values = true,
        default_value = "10",
        value_parser = whole_number(0..=u32::MAX)
    )]
    #[arg(help_heading = "AWS", hide_short_help = true)]
    control_plane_rate: u32,
}

impl AwsArgs {
    /// Returns the options for [`crate::aws::Aws::load`]. `interrupt` ends a call at once until one has changed
    /// something.
    pub(crate) fn options(&self, interrupt: &CancellationToken) -> AwsOptions {
        AwsOptions {
            region: self.region.clone(),
            profile: self.profile.clone(),
            control_plane_rate: self.control_plane_rate,
            interrupt: interrupt.clone(),
            must_finish: false,
        }
    }
}

/// The argument of tools that read records.
#[derive(Debug, clap::Args)]
pub struct InputArgs {
    /// Files of records, read in order (none, or -: stdin)
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// The flag for the execution input of AWS Lambda Power Tuning's state machine. A flag takes precedence over
/// the records, and the records over this file.
#[derive(Debug, clap::Args)]
pub(crate) struct ExecutionInputArgs {
    /// Execution input of AWS Lambda Power Tuning, a JSON file [env: LPT_INPUT]
    ///
    /// Each tool uses the keys that concern it; lpt(7) lists them. A flag takes precedence over the records,
    /// and the records over this file.
    #[arg(long = "input", value_name = "FILE")]
    #[arg(help_heading = "The whole run", hide_short_help = true)]
    file: Option<PathBuf>,
}

impl ExecutionInputArgs {
    /// Reads the file, if the flag or the environment names one. Says so if it is the environment, because a variable
    /// that was exported long ago is easily forgotten.
    pub(crate) fn read(&self) -> Result<Option<ExecutionInput>, Error> {
        const VARIABLE: &str = "LPT_INPUT";
        let file = self.file.clone().or_else(|| {
            // An empty variable is like an unset one.
            let file = std::env::var_os(VARIABLE).filter(|file| !file.is_empty()).map(PathBuf::from)?;
            message::note(format_args!(
                "uses --input {}, from {VARIABLE} in the environment",
                file.display()
            ));
            Some(file)
        });
        file.map(|file| ExecutionInput::from_file(&file)).transpose()
    }
}

/// The flag that makes a run only try what is allowed.
#[derive(Debug, clap::Args)]
pub(crate) struct DryRunArgs {
    /// Invoke each size once, to check the permissions
    ///
    /// Nothing is analyzed, selected or applied. lpt-invoke ends with an estimate of the real
    /// run: invocations, requests, time and cost. With lpt-prepare --dry-run the plan record tells this to the next tools.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(help_heading = "The whole run", hide_possible_values = true)]
    dry_run: Option<bool>,
}

impl DryRunArgs {
    /// Whether this is a dry run by the flag, or otherwise by the execution input. A plan record can say so
    /// too.
    pub(crate) fn or(&self, input: Option<&ExecutionInput>) -> bool {
        self.dry_run.or(input.and_then(|input| input.dry_run)).unwrap_or(false)
    }
}

/// Warns if the average of `num` invocations is of little value.
pub(crate) fn warn_of_few(num: u32) {
    /// With 5 invocations, three are left when one is dropped at each end.
    const ENOUGH: u32 = 5;
    if num < ENOUGH {
        message::warning(format_args!(
            "with only {} per size the 20 % trim removes nothing, and one slow invocation can decide the result; use at least {ENOUGH}, the minimum of AWS Lambda Power Tuning",
            counted(num, "invocation")
        ));
    }
}

/// The flag that lets a tool decide on part of a stream.
#[derive(Debug, clap::Args)]
pub(crate) struct IncompleteArgs {
    /// Use an input that is cut off, failed or lacks sizes
    ///
    /// The end record of the output still has the status of the input, so the next tool needs this flag too.
    #[arg(long)]
    #[arg(help_heading = "Input")]
    pub(crate) allow_incomplete: bool,
}

/// The flag of tools whose output is the record stream alone.
#[derive(Debug, clap::Args)]
pub(crate) struct FormatArgs {
    /// ndjson: write records to a terminal too
    ///
    /// Otherwise a terminal shows a summary.
    #[arg(long, value_parser = format_parser([Format::Ndjson]), hide_possible_values = true)]
    #[arg(help_heading = "Output", hide_short_help = true)]
    pub(crate) format: Option<Format>,
}

/// The flags that decide which size is the best.
#[derive(Debug, clap::Args)]
pub(crate) struct StrategyArgs {
    /// Choose by cost, speed or balanced [default: cost]
    ///
    /// Without it, the strategy of the statistics read takes precedence over cost.
    ///
    /// cost: the lowest average cost. speed: the lowest average duration. balanced: the lowest score, which is
    /// W × cost ÷ greatest cost + (1 - W) × duration ÷ greatest duration among the sizes, with W of
    /// --balanced-weight.
    #[arg(long, value_name = "NAME", value_parser = strategy_parser())]
    #[arg(help_heading = "Strategy", hide_possible_values = true)]
    strategy: Option<Strategy>,
    /// Weight of cost in balanced, from 0 to 1 [default: 0.5, or the weight of the statistics read]
    ///
    /// 0: only the duration counts. 1: only the cost counts.
    #[arg(long, value_name = "WEIGHT", value_parser = weight)]
    #[arg(help_heading = "Strategy", hide_short_help = true)]
    balanced_weight: Option<BalancedWeight>,
}

impl StrategyArgs {
    /// Whether a flag gives the strategy or the weight.
    pub(crate) fn is_given(&self) -> bool {
        self.strategy.is_some() || self.balanced_weight.is_some()
    }

    /// Returns the values of the flags, or otherwise those of the execution input, or otherwise the `defaults`. Warns
    /// about a weight in the execution input that is out of range.
    ///
    /// # Errors
    /// The flag gives a weight, and the strategy has none.
    pub(crate) fn resolve(
        &self,
        input: Option<&ExecutionInput>,
        defaults: (Strategy, BalancedWeight),
    ) -> Result<(Strategy, BalancedWeight), Error> {
        let strategy = self.strategy.or(input.and_then(|input| input.strategy)).unwrap_or(defaults.0);
        if self.balanced_weight.is_some() && strategy != Strategy::Balanced {
            return Err(Error::Usage(format!(
                "--balanced-weight is for the strategy balanced, and the strategy is {}; add --strategy balanced, or leave the weight out",
                strategy.as_str()
            )));
        }
        let in_input = || {
            let input = input?;
            let typed = input.balanced_weight?;
            let weight = BalancedWeight::clamped(typed);
            input.warn_if_clamped("balancedWeight", typed, weight.get());
            Some(weight)
        };
        Ok((strategy, self.balanced_weight.or_else(in_input).unwrap_or(defaults.1)))
    }
}

/// The flags that decide when a size is called better than another.
#[derive(Debug, clap::Args)]
pub(crate) struct CertaintyArgs {
    /// Probability with which all verdicts on a function's sizes are right together [default: 95%]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    #[arg(help_heading = "Strategy", hide_short_help = true)]
    confidence: Option<f64>,
    /// Difference under the strategy that does not matter [default: 5%]
    ///
    /// Sizes that are shown to differ less are called equivalent.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    #[arg(help_heading = "Strategy", hide_short_help = true)]
    tolerance: Option<f64>,
}

impl CertaintyArgs {
    /// Whether a flag gives one of them.
    pub(crate) fn is_given(&self) -> bool {
        self.confidence.is_some() || self.tolerance.is_some()
    }

    /// Returns the rules of the verdicts under a strategy.
    pub(crate) fn rules(&self, strategy: Strategy, balanced_weight: BalancedWeight) -> Rules {
        let confidence = self.confidence.unwrap_or(CONFIDENCE);
        Rules { strategy, balanced_weight, confidence, tolerance: self.tolerance.unwrap_or(0.05) }
    }
}

/// Parses a share between 0 and 1, as a fraction or in percent.
pub(crate) fn share(text: &str) -> Result<f64, &'static str> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim_end().parse().ok().map(|percent: f64| percent / 100.0),
        None => text.parse().ok(),
    };
    number
        .filter(|share| *share > 0.0 && *share < 1.0)
        .ok_or("expected a share above 0 and below 1, such as 5% or 0.05")
}

/// Returns a parser of the names of `formats`.
pub(crate) fn format_parser<const N: usize>(formats: [Format; N]) -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(formats.map(Format::as_str)).map(move |name| {
        let named = formats.into_iter().find(|format| format.as_str() == name);
        named.expect("the parser lets only their names through")
    })
}

fn strategy_parser() -> impl TypedValueParser<Value = Strategy> {
    PossibleValuesParser::new(Strategy::ALL.map(Strategy::as_str)).map(|name| {
        let named = Strategy::ALL.into_iter().find(|strategy| strategy.as_str() == name);
        named.expect("the parser lets only their names through")
    })
}

fn weight(text: &str) -> Result<BalancedWeight, &'static str> {
    let weight = text.parse().ok().and_then(|weight: f64| BalancedWeight::try_from(weight).ok());
    weight.ok_or("expected a number from 0 to 1")
}

/// Returns a parser of whole numbers in `range`, which has no other limit than that of its type upwards.
pub(crate) fn whole_number<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: FromStr + PartialOrd + Display + Clone,
{
    move |text| {
        text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
            let (min, max) = (range.start(), range.end());
            let is_too_large = text.bytes().all(|b| b.is_ascii_digit()) && text.bytes().any(|b| b != b'0');
            if is_too_large {
                format!("expected a whole number from {min} to {max}")
            } else {
                format!("expected a whole number of {min} or more")
            }
        })
    }
}

/// Parses the name of a region, which becomes a part of a host name.
pub(crate) fn region(text: &str) -> Result<String, &'static str> {
    let is_region = names::is_region(text);
    is_region.then(|| text.to_owned()).ok_or("expected a region, such as eu-west-1")
}
