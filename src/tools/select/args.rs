//! The arguments of `lpt-select` as typed.

use std::path::PathBuf;

use super::Options;
use super::between::{self, Alternative};
use super::savings::Month;
use crate::cli::{
    CommonArgs, DryRunArgs, ExecutionInputArgs, IncompleteArgs, InputArgs, STYLES, StrategyArgs,
    format_parser, more, share, whole_number,
};
use crate::decide::{Conditions, Figure, Limit};
use crate::entry::{Pipe, Tool};
use crate::error::Error;
use crate::exit::Exit;
use crate::price::PriceList;
use crate::report::Format;

/// Select the best memory size of each function
///
/// Reads statistics records, writes a selection record for each function and architecture, and shows a table of the
/// sizes on stderr.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-select", version, styles = STYLES, max_term_width = 80)]
#[command(after_help = more("lpt-select"), after_long_help = include_str!("examples.txt"))]
pub struct Args {
    /// Form of the output: all records (ndjson), or the selections alone [default: ndjson, or table at a terminal]
    ///
    /// ndjson is the record stream, for the next tool. json, csv and table are the selections alone. state-machine is
    /// the output of AWS Lambda Power Tuning.
    #[arg(long, value_parser = format_parser([Format::Ndjson, Format::Json, Format::Csv, Format::Table, Format::StateMachine]))]
    #[arg(help_heading = "Output")]
    format: Option<Format>,
    #[command(flatten)]
    strategy: StrategyArgs,
    /// Propose better sizes between the measured ones
    ///
    /// A curve through the durations of 4 sizes or more predicts those between them. Up to 3 sizes that promise to be
    /// better are shown and written as proposal records. They are to be measured: none is selected or applied.
    #[arg(long)]
    #[arg(help_heading = "What to measure")]
    interpolate: bool,
    /// Pay at most this much more for speed, such as 5%
    ///
    /// Selects the fastest size whose average cost is at most this much above the lowest. With the strategy speed,
    /// selects the cheapest size whose average duration is at most this much above the lowest.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    #[arg(help_heading = "Strategy")]
    within: Option<f64>,
    #[command(flatten)]
    limits: LimitArgs,
    /// Say what the selected size saves in a month with this many invocations, against the size before the run
    ///
    /// It is the cost of compute by the average billed duration, with the price tiers of an account that has only this
    /// function. Requests cost the same with both sizes. /tmp above 512 MB and AWS's free tier are left out.
    #[arg(long, value_name = "N", value_parser = whole_number(1..=u64::MAX))]
    #[arg(help_heading = "Prices", hide_short_help = true)]
    monthly_invocations: Option<u64>,
    /// File with prices for --monthly-invocations, as of lpt-analyze
    #[arg(long, value_name = "FILE", requires = "monthly_invocations")]
    #[arg(help_heading = "Prices", hide_short_help = true)]
    prices: Option<PathBuf>,
    /// Compare functions or architectures, such as f,f-arm
    ///
    /// Each has its own best size. They are names or ARNs of functions; or x86_64,arm64; or values of a
    /// field by which lpt-analyze grouped, such as tag.commit=abc,tag.commit=def. The best is compared with each of the
    /// others: a sentence on stderr and a between record say the difference with its interval.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    #[arg(help_heading = "Comparison")]
    between: Vec<Alternative>,
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

/// The limits that a size must meet.
#[derive(Debug, clap::Args)]
struct LimitArgs {
    /// Select only a size whose average duration is at most this, such as 300ms or 1.5s
    ///
    /// Limits are compared with the figures of the statistics, and not with the ends of their intervals.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    #[arg(help_heading = "Limits", hide_short_help = true)]
    max_duration: Option<f64>,
    /// Select only a size whose median duration is at most this
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    #[arg(help_heading = "Limits", hide_short_help = true)]
    max_duration_p50: Option<f64>,
    /// Select only a size with a 90th percentile of the duration of at most this
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    #[arg(help_heading = "Limits", hide_short_help = true)]
    max_duration_p90: Option<f64>,
    /// Select only a size with a 95th percentile of the duration of at most this
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    #[arg(help_heading = "Limits", hide_short_help = true)]
    max_duration_p95: Option<f64>,
    /// Select only a size with a 99th percentile of the duration of at most this
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    #[arg(help_heading = "Limits", hide_short_help = true)]
    max_duration_p99: Option<f64>,
    /// Select only a size at which a million invocations cost at most this
    ///
    /// It is in the currency of the statistics. The cost is the average cost and the charge for a request, if its price
    /// is known.
    #[arg(long, value_name = "AMOUNT", value_parser = positive)]
    #[arg(help_heading = "Limits", hide_short_help = true)]
    max_cost_per_million: Option<f64>,
}

impl LimitArgs {
    fn into_limits(self) -> Vec<Limit> {
        let limits = [
            (Figure::AverageDuration, self.max_duration),
            (Figure::P50Duration, self.max_duration_p50),
            (Figure::P90Duration, self.max_duration_p90),
            (Figure::P95Duration, self.max_duration_p95),
            (Figure::P99Duration, self.max_duration_p99),
            (Figure::CostPerMillion, self.max_cost_per_million),
        ];
        limits.into_iter().filter_map(|(figure, at_most)| Some(Limit { figure, at_most: at_most? })).collect()
    }
}

fn positive(text: &str) -> Result<f64, &'static str> {
    let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or("expected a number above 0")
}

/// Parses a duration, to milliseconds.
fn duration(text: &str) -> Result<f64, &'static str> {
    let (number, factor) = match text.strip_suffix("ms") {
        Some(number) => (number, 1.0),
        None => (text.strip_suffix('s').unwrap_or_default(), 1000.0),
    };
    positive(number)
        .map(|number| number * factor)
        .map_err(|_| "expected a duration with its unit, such as 300ms or 1.5s")
}

impl Tool for Args {
    const STOPPED: &'static str = "stopped at once";

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn format(&self) -> Option<Format> {
        self.format
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
        if !self.between.is_empty() {
            between::check(&self.between)?;
        }
        let month = match self.monthly_invocations {
            None => None,
            Some(invocations) => {
                let mut prices = PriceList::embedded();
                if let Some(file) = &self.prices {
                    prices.extend_from_file(file)?;
                }
                Some(Month { invocations, prices })
            }
        };
        let input = self.execution_input.read()?;
        Ok(Options {
            strategy: self.strategy,
            interpolate: self.interpolate,
            conditions: Conditions { within: self.within, limits: self.limits.into_limits() },
            month,
            between: self.between,
            format: self.format,
            dry_run: self.dry_run.or(input.as_ref()),
            // The state machine leaves them out by default.
            include_output_results: input.is_none_or(|input| input.include_output_results.unwrap_or(false)),
            allow_incomplete: self.incomplete.allow_incomplete,
        })
    }
}
