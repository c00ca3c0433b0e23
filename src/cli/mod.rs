//! The flags that tools share: the same flag means the same thing everywhere.

mod execution_input;

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, Styles, TypedValueParser};

pub use execution_input::ExecutionInput;

use crate::aws::AwsOptions;
use crate::error::Error;
use crate::message;
use crate::records::{BalancedWeight, Strategy};
use crate::report::Format;

/// Help without colour: a pipe's tools share one terminal.
pub const STYLES: Styles = Styles::plain();

/// What each tool takes.
#[derive(Debug, clap::Args)]
pub struct CommonArgs {
    /// Show warnings and errors only, no notes and no summary
    #[arg(short, long)]
    quiet: bool,
    /// Show each call and how long it took; twice: also payloads and answers
    #[arg(short, long, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
}

impl CommonArgs {
    /// Puts the flags into force.
    pub fn apply(&self) {
        message::set_quiet(self.quiet);
        message::set_verbosity(self.verbose);
    }
}

/// Where AWS is and who calls. Credentials come from the environment or a profile, never from a flag.
#[derive(Debug, clap::Args)]
pub struct AwsArgs {
    /// AWS region; an ARN's own region goes before it
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Profile in the AWS configuration files
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Requests a second at most to Lambda's control plane in a region, which takes 15 from an account; 0 is no limit.
    /// Invocations are not of these
    #[arg(
        long,
        value_name = "N",
        env = "LPT_CONTROL_PLANE_RATE",
        hide_env_values = true,
        default_value_t = 10
    )]
    control_plane_rate: u32,
}

impl AwsArgs {
    /// As the options that the SDK is set up with.
    pub fn options(&self) -> AwsOptions {
        AwsOptions {
            region: self.region.clone(),
            profile: self.profile.clone(),
            control_plane_rate: self.control_plane_rate,
        }
    }
}

/// Where records come from.
#[derive(Debug, clap::Args)]
pub struct InputArgs {
    /// Files of records, read in order; none, or -, is stdin
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// The input of a state machine's execution, for who comes from AWS Lambda Power Tuning. A flag goes before what the
/// records say, and that before this file.
#[derive(Debug, clap::Args)]
pub struct ExecutionInputArgs {
    /// Execution input of AWS Lambda Power Tuning, JSON, of which each tool takes what concerns it; a flag goes before it
    #[arg(long = "input", value_name = "FILE", env = "LPT_INPUT", hide_env_values = true)]
    file: Option<PathBuf>,
}

impl ExecutionInputArgs {
    /// What the file says, where one is named.
    pub fn read(&self) -> Result<Option<ExecutionInput>, Error> {
        // A variable that is empty is as good as none.
        let file = self.file.as_ref().filter(|file| !file.as_os_str().is_empty());
        file.map(|file| ExecutionInput::from_file(file)).transpose()
    }
}

/// Whether only to try that everything is allowed.
#[derive(Debug, clap::Args)]
pub struct DryRunArgs {
    /// Try whether everything is allowed: one invocation for each size, no analysis, nothing applied
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    dry_run: Option<bool>,
}

impl DryRunArgs {
    /// Whether this is a dry run; the records may say so too.
    pub fn or(&self, input: Option<&ExecutionInput>) -> bool {
        self.dry_run.or(input.and_then(|input| input.dry_run)).unwrap_or(false)
    }
}

/// Warns where so few invocations are asked for that their average says little.
pub fn warn_of_few(num: u32) {
    /// So many leave three when one is dropped at each end.
    const FEW: u32 = 5;
    if num < FEW {
        message::warning(format_args!(
            "with {num} invocations a size nothing is trimmed at 20 %, so that a single slow one decides; {FEW} are the least that AWS Lambda Power Tuning takes"
        ));
    }
}

/// Whether a tool may decide on part of a stream.
#[derive(Debug, clap::Args)]
pub struct IncompleteArgs {
    /// Take what there is, though the input was cut off, says that a tool before this one failed, or lacks a size that
    /// was planned
    #[arg(long)]
    pub allow_incomplete: bool,
}

/// Which size is best.
#[derive(Debug, clap::Args)]
pub struct StrategyArgs {
    /// cost: the cheapest size; speed: the fastest; balanced: the least weighted sum of both [default: cost, or the
    /// strategy of the statistics read]
    #[arg(long, value_parser = strategy_parser())]
    strategy: Option<Strategy>,
    /// Weight of cost in balanced, from 0 (only speed counts) to 1 (only cost counts) [default: 0.5, or the weight of
    /// the statistics read]
    #[arg(long, value_name = "WEIGHT", value_parser = weight)]
    balanced_weight: Option<f64>,
}

impl StrategyArgs {
    /// Returns the flags, or else what the execution input says. Warns about a weight that is out of range.
    pub fn resolve(&self, input: Option<&ExecutionInput>) -> (Option<Strategy>, Option<BalancedWeight>) {
        let strategy = self.strategy.or(input.and_then(|input| input.strategy));
        let typed = self.balanced_weight.map(|weight| ("--balanced-weight".to_owned(), weight));
        let typed = typed.or_else(|| {
            let input = input?;
            Some((input.place_of("balancedWeight"), input.balanced_weight?))
        });
        let weight = typed.map(|(place, typed)| {
            let weight = BalancedWeight::clamped(typed);
            warn_if_clamped(&place, typed, weight.get());
            weight
        });
        (strategy, weight)
    }
}

/// Warns if the number at `place` is taken as another one.
pub fn warn_if_clamped(place: &str, typed: f64, taken: f64) {
    if taken != typed {
        message::warning(format_args!("{place} {typed} is taken as {taken}"));
    }
}

/// Returns a parser of the names of `formats`.
pub fn format_parser<const N: usize>(formats: [Format; N]) -> impl TypedValueParser<Value = Format> {
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

fn weight(text: &str) -> Result<f64, &'static str> {
    number(text).ok_or("a weight is a number from 0 to 1")
}

/// Parses a number; `nan` is none.
pub fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| !number.is_nan())
}
