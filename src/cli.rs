//! The flags that tools share: the same flag means the same thing everywhere.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, Styles, TypedValueParser};

use crate::aws::AwsOptions;
use crate::message;
use crate::strategy::{BalancedWeight, Strategy};

/// Help without colour: a pipe's tools share one terminal.
pub const STYLES: Styles = Styles::plain();

/// What each tool takes.
#[derive(Debug, clap::Args)]
pub struct CommonArgs {
    /// Show warnings and errors only, no notes and no summary
    #[arg(short, long)]
    quiet: bool,
}

impl CommonArgs {
    /// Puts the flags into force.
    pub fn apply(&self) {
        message::set_quiet(self.quiet);
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
}

impl AwsArgs {
    /// As the options that the SDK is set up with.
    pub fn into_options(self) -> AwsOptions {
        AwsOptions { region: self.region, profile: self.profile }
    }
}

/// Where records come from.
#[derive(Debug, clap::Args)]
pub struct InputArgs {
    /// Files of records, read in order; none, or -, is stdin
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Whether a tool may decide on part of a stream.
#[derive(Debug, clap::Args)]
pub struct IncompleteArgs {
    /// Take what there is, though the input was cut off, says that a tool before this one failed, or lacks a size that
    /// was planned
    #[arg(long)]
    pub allow_incomplete: bool,
}

/// What makes one size better than another.
#[derive(Debug, clap::Args)]
pub struct StrategyArgs {
    /// cost: the cheapest size; speed: the fastest; balanced: the least weighted sum of both [default: cost, or what
    /// the statistics read are ranked by]
    #[arg(long, value_parser = strategy_parser())]
    pub strategy: Option<Strategy>,
    /// Weight of cost in balanced, from 0 (only speed counts) to 1 (only cost counts) [default: 0.5, or
    /// that of the statistics read]
    #[arg(long, value_name = "WEIGHT", value_parser = balanced_weight)]
    pub balanced_weight: Option<BalancedWeight>,
}

fn strategy_parser() -> impl TypedValueParser<Value = Strategy> {
    PossibleValuesParser::new(Strategy::ALL.map(Strategy::as_str)).map(|name| {
        let named = Strategy::ALL.into_iter().find(|strategy| strategy.as_str() == name);
        named.expect("the parser lets only their names through")
    })
}

fn balanced_weight(text: &str) -> Result<BalancedWeight, String> {
    let typed: f64 = text.parse().map_err(|_| "a weight is a number from 0 to 1".to_owned())?;
    let weight = BalancedWeight::clamped(typed).ok_or("a weight is a number from 0 to 1")?;
    if weight.get() != typed {
        message::warning(format_args!("--balanced-weight {text} is taken as {}", weight.get()));
    }
    Ok(weight)
}
