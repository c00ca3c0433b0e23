//! The arguments of `lpt-analyze` as typed.

use std::path::{Path, PathBuf};

use super::compare::{Compare, Limit};
use super::group_by::{FieldName, GroupBy};
use super::{DiscardTopBottom, Options, Pricing};
use crate::cli::{
    CertaintyArgs, CommonArgs, DryRunArgs, ExecutionInput, ExecutionInputArgs, InputArgs, STYLES,
    StrategyArgs, format_parser, more, share as cli_share,
};
use crate::entry::{Pipe, Tool};
use crate::error::Error;
use crate::exit::Exit;
use crate::price::PriceList;
use crate::records::{BalancedWeight, Objective, Starts, Strategy};
use crate::report::Format;
use crate::units::GbSeconds;

/// Compute the duration, cost and rank of each memory size from its invocations
///
/// Reads invocation records, from lpt-invoke or from a file of an earlier run, and writes a statistics record for
/// each function, architecture and memory size. It invokes nothing, so trying another strategy or trim is free.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-analyze", version, styles = STYLES, max_term_width = 80)]
#[command(after_help = more("lpt-analyze"), after_long_help = include_str!("examples.txt"))]
pub struct Args {
    /// Share of the fastest and of the slowest invocations to drop, 0 to 0.4 [default: 0.2]
    ///
    /// The averages are computed without them. The default is 0 if each invocation has its own version, so that all
    /// are cold starts.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    #[arg(help_heading = "Averages", hide_short_help = true)]
    discard_top_bottom: Option<DiscardTopBottom>,
    /// Starts to use: all, warm or cold [default: all]
    ///
    /// The default is cold if each invocation has its own version, and warm after lpt-invoke --adaptive. A warning says
    /// if cold starts and warm starts are averaged together and the cold ones took more than 5 % of an average.
    #[arg(long, value_enum)]
    #[arg(help_heading = "Averages", hide_possible_values = true)]
    starts: Option<StartsArg>,
    /// Duration that the strategies speed and balanced compare: the mean, or a percentile
    ///
    /// Verdicts on a percentile take many invocations: 72 for p95, and 368 for p99.
    #[arg(long, value_enum, default_value = "mean", conflicts_with = "compat")]
    #[arg(help_heading = "Strategy", hide_short_help = true)]
    objective: ObjectiveArg,
    /// Share of cold starts in production, such as 1%, by which they are weighed in the averages
    ///
    /// The averages are then those of warm starts and the mean of the cold starts that were measured, weighed by this
    /// share. Without it they are those of the invocations as they were measured.
    #[arg(long, value_name = "SHARE", conflicts_with_all = ["starts", "compat", "compare"], value_parser = cli_share)]
    #[arg(help_heading = "Averages", hide_short_help = true)]
    cold_start_rate: Option<f64>,
    #[arg(long, value_name = "FILE", help = prices_help(), long_help = prices_long_help())]
    #[arg(help_heading = "Prices", hide_short_help = true)]
    prices: Option<PathBuf>,
    /// Form of the output: all records (ndjson), or the statistics alone [default: ndjson, or table at a terminal]
    ///
    /// ndjson is the record stream, for the next tool. json, csv and table are the statistics alone.
    #[arg(long, value_parser = format_parser([Format::Ndjson, Format::Json, Format::Csv, Format::Table]))]
    #[arg(help_heading = "Output")]
    format: Option<Format>,
    /// Monthly GB-seconds of the account, which decide the price tier
    ///
    /// It is the usage in the function's region and on its architecture, without the invocations that are analyzed.
    #[arg(long, value_name = "N", default_value = "0", value_parser = gb_seconds)]
    #[arg(help_heading = "Prices", hide_short_help = true)]
    monthly_gb_seconds: GbSeconds,
    /// Use the arithmetic and the prices of AWS Lambda Power Tuning 4.4.0
    ///
    /// The results equal those of its own runs to the last digit. It rounds the average billed duration up, counts
    /// billed restores twice, and counts a log tail without a report as 0 ms.
    #[arg(long, conflicts_with_all = ["prices", "monthly_gb_seconds", "starts"])]
    #[arg(help_heading = "Prices", hide_short_help = true)]
    compat: bool,
    /// Group by these fields too, such as tag.commit
    ///
    /// They are fields of the invocations, besides function, architecture and memory size. Sizes are rivals only within
    /// a group, so builds, payloads and regions can be compared.
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    #[arg(help_heading = "Comparison")]
    group_by: Vec<FieldName>,
    /// Read a part of a larger stream, whose end record may be in another part
    ///
    /// For an engine that gives each process all records of some functions, such as examples/spark. The parts' outputs
    /// after one another are one stream, with the worst status of all of them.
    #[arg(long)]
    #[arg(help_heading = "Input", hide_short_help = true)]
    part: bool,
    /// Say what changed since these earlier invocations
    ///
    /// OLD is a file or a folder. Writes a comparison record for each size that both have, after the statistics. With
    /// --format json or csv, the comparisons are written alone. Both sides are read, grouped and priced in the same
    /// way.
    #[arg(long, value_name = "OLD", conflicts_with_all = ["compat", "part"])]
    #[arg(help_heading = "Comparison")]
    compare: Option<PathBuf>,
    /// Exit with 1 if a figure rose more, such as 'cost>5%'
    ///
    /// The figures are cost, duration and p95, and the flag can be given several times. A figure that rose by chance does
    /// not count: the change must be significant at 5 % after the correction for the number of comparisons.
    #[arg(long, value_name = "LIMIT", requires = "compare")]
    #[arg(help_heading = "Comparison")]
    fail_if: Vec<Limit>,
    #[command(flatten)]
    strategy: StrategyArgs,
    #[command(flatten)]
    certainty: CertaintyArgs,
    #[command(flatten)]
    dry_run: DryRunArgs,
    #[command(flatten)]
    execution_input: ExecutionInputArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    input: InputArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ObjectiveArg {
    Mean,
    P50,
    P90,
    P95,
    P99,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum StartsArg {
    All,
    Warm,
    Cold,
}

fn prices_help() -> String {
    format!("File with prices that replace or extend the built-in ones of {}", PriceList::embedded_date())
}

fn prices_long_help() -> String {
    format!(
        "{}\n\n\
         It is AWS's bulk offer file of AWSLambda, in CSV or JSON, or a CSV file with the columns \
         region,architecture,meter,price,currency and, for tiers, fromGBSeconds. The meters are compute, storage and \
         snapstart-cache (per GB-second), requests (per million) and snapstart-restore (per GB).",
        prices_help()
    )
}

fn gb_seconds(text: &str) -> Result<GbSeconds, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.map(GbSeconds).ok_or_else(|| "expected a number of 0 or more".to_owned())
}

fn share(text: &str) -> Result<DiscardTopBottom, &'static str> {
    text.parse().ok().and_then(DiscardTopBottom::new).ok_or("expected a number from 0 to 0.4")
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
        super::run(self.into_options()?, pipe).await
    }
}

impl Args {
    fn into_options(self) -> Result<Options, Error> {
        let is_stdin = |file: &PathBuf| file == Path::new("-");
        if self.compare.as_ref().is_some_and(is_stdin)
            && (self.input.files.is_empty() || self.input.files.iter().any(is_stdin))
        {
            return Err(Error::Usage(
                "--compare -: stdin is the input already; name a file for one of them".to_owned(),
            ));
        }
        let input = self.execution_input.read()?;
        let dry_run = self.dry_run.or(input.as_ref());
        let defaults = (Strategy::default(), BalancedWeight::default());
        let (strategy, balanced_weight) = self.strategy.resolve(input.as_ref(), defaults)?;
        let in_input = |input: ExecutionInput| {
            let typed = input.discard_top_bottom?;
            let share = DiscardTopBottom::clamped(typed);
            input.warn_if_clamped("discardTopBottom", typed, share.get());
            Some(share)
        };
        Ok(Options {
            discard_top_bottom: self.discard_top_bottom,
            default_discard_top_bottom: input.and_then(in_input).unwrap_or_default(),
            objective: match self.objective {
                ObjectiveArg::Mean => Objective::Mean,
                _ if strategy == Strategy::Cost => {
                    return Err(Error::Usage(
                        "--objective is for the strategies speed and balanced, and the strategy is cost; add --strategy speed"
                            .to_owned(),
                    ));
                }
                ObjectiveArg::P50 => Objective::P50,
                ObjectiveArg::P90 => Objective::P90,
                ObjectiveArg::P95 => Objective::P95,
                ObjectiveArg::P99 => Objective::P99,
            },
            cold_start_rate: self.cold_start_rate,
            starts: self.starts.map(|starts| match starts {
                StartsArg::All => Starts::All,
                StartsArg::Warm => Starts::Warm,
                StartsArg::Cold => Starts::Cold,
            }),
            pricing: if self.compat {
                Pricing::PowerTuning
            } else {
                let mut prices = PriceList::embedded();
                if let Some(file) = &self.prices {
                    prices.extend_from_file(file)?;
                }
                Pricing::Bill { prices, used: self.monthly_gb_seconds }
            },
            group_by: GroupBy::new(self.group_by),
            is_part: self.part,
            rules: self.certainty.rules(strategy, balanced_weight),
            format: self.format,
            dry_run,
            compare: self.compare.map(|old| Compare { old, limits: self.fail_if }),
        })
    }
}
