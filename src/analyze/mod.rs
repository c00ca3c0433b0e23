//! `lpt-analyze`: `invocation` → `statistics`.

mod args;
mod bill;
mod frame;
mod power_tuning;
mod runs;
mod statistics;
mod table;

use std::collections::BTreeMap;
use std::io::Write;

use polars::prelude::PolarsError;

pub use args::Args;
pub use statistics::{Starts, Statistics};
pub use table::table;

use crate::aws::{Architecture, FunctionArn};
use crate::error::{Error, Exit};
use crate::format::{Format, Output};
use crate::invoke::Invocation;
use crate::message;
use crate::ndjson::{Line, Reader, Record as _, Upstream};
use crate::prepare::{Configuration, Plan};
use crate::price::PriceList;
use crate::statistics::{CONFIDENCE, TrimmedMean, quantile, sample_standard_deviation};
use crate::strategy::{BalancedWeight, Strategy, standings};
use crate::units::{GbSeconds, Millis, Money};
use bill::{Missing, Size, bill, check_tier};
use frame::{Frame, Group};
use power_tuning::tune;
use runs::Runs;

/// How to analyze.
#[derive(Debug)]
pub struct Options {
    /// What to drop at each end of any run.
    pub discard_top_bottom: Option<DiscardTopBottom>,
    /// What to drop at each end where the flag does not say, unless the run is of cold starts only, of which none is.
    pub default_discard_top_bottom: DiscardTopBottom,
    /// Which invocations to take; by default all, and of runs of cold starts only those that were some.
    pub starts: Option<Starts>,
    /// What they cost.
    pub pricing: Pricing,
    /// What to rank by.
    pub strategy: Strategy,
    /// Its weight.
    pub balanced_weight: BalancedWeight,
    /// The form of the output.
    pub format: Format,
    /// Whether to pass everything on as it is; a plan may say so of its run, too.
    pub dry_run: bool,
}

impl Options {
    /// In both defaults as AWS Lambda Power Tuning, which drops no cold start even if asked to.
    fn share(&self, only_cold_starts: bool) -> DiscardTopBottom {
        let default = if only_cold_starts { DiscardTopBottom(0.0) } else { self.default_discard_top_bottom };
        match self.pricing {
            Pricing::PowerTuning if only_cold_starts => default,
            _ => self.discard_top_bottom.unwrap_or(default),
        }
    }

    /// AWS Lambda Power Tuning does not look how an invocation began.
    fn starts(&self, only_cold_starts: bool) -> Starts {
        let default = match self.pricing {
            Pricing::Bill { .. } if only_cold_starts => Starts::Cold,
            _ => Starts::All,
        };
        self.starts.unwrap_or(default)
    }
}

/// What invocations cost.
#[derive(Debug)]
pub enum Pricing {
    /// What AWS bills.
    Bill {
        /// By these prices.
        prices: PriceList,
        /// In the tier of an account that has used this much in the month, region and architecture.
        used: GbSeconds,
    },
    /// What AWS Lambda Power Tuning 4.4.0 says, by its own prices and arithmetic.
    PowerTuning,
}

/// The share of invocations that is dropped at each end, 0 to 0.4 as in AWS Lambda Power Tuning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiscardTopBottom(f64);

/// As in AWS Lambda Power Tuning.
impl Default for DiscardTopBottom {
    fn default() -> DiscardTopBottom {
        DiscardTopBottom(0.2)
    }
}

impl DiscardTopBottom {
    /// The nearest share to `share`; `None` for what is no number.
    pub fn clamped(share: f64) -> Option<DiscardTopBottom> {
        (!share.is_nan()).then(|| DiscardTopBottom(share.clamp(0.0, 0.4)))
    }

    /// The share.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// Reads all of `input`, passing on what is no invocation, and writes statistics at its end. Invocations of a function
/// whose price is not known are passed on too, so that they are not lost.
///
/// # Errors
/// A bad record, after the rest of the stream has been passed on: the records that undo a run are in it. Or no
/// function's price is known.
pub async fn run(options: &Options, input: Reader, output: impl Write) -> Result<Exit, Error> {
    let mut state = State {
        options,
        output: Output::new(output, options.format),
        upstream: Upstream::default(),
        frame: Frame::default(),
        priced: None,
        unpriced: BTreeMap::new(),
        runs: Runs::default(),
    };
    let bad_input = input.for_each(|line| state.take(line)).await?;
    let result = match bad_input {
        Some(error) => Err(error),
        None => state.analyze(),
    };
    if result.is_err() {
        state.upstream.fail();
    }
    state.output.end(state.upstream.status())?;
    result
}

struct State<'a, W: Write> {
    options: &'a Options,
    output: Output<W>,
    upstream: Upstream,
    frame: Frame,
    /// The last function that was looked up in the price list: most lines are of the same one.
    priced: Option<(FunctionArn, Architecture)>,
    unpriced: BTreeMap<(FunctionArn, Architecture), Error>,
    runs: Runs,
}

impl<W: Write> State<'_, W> {
    fn take(&mut self, line: &Line) -> Result<(), Error> {
        let Some(record_type) = self.upstream.take(line)? else {
            return Ok(());
        };
        match &*record_type {
            Invocation::TYPE => {
                let invocation: Invocation = line.parse()?;
                let is_of_dry_run = invocation.run_id.is_some_and(|run| self.runs.is_dry(run));
                if !self.options.dry_run && !is_of_dry_run && self.is_priced(&invocation) {
                    let missing =
                        |field| Error::from(line.error(Some(field), "missing, though the outcome is ok"));
                    return self.frame.push(&invocation).map_err(missing);
                }
            }
            // One that can't be read is for those who need it to complain of.
            Plan::TYPE => drop(line.parse::<Plan>().map(|plan| self.runs.take_plan(plan))),
            Configuration::TYPE => {
                drop(line.parse().map(|configuration| self.runs.take_configuration(configuration)));
            }
            _ => {}
        }
        self.output.pass(line)
    }

    fn is_priced(&mut self, invocation: &Invocation) -> bool {
        let Pricing::Bill { prices, used } = &self.options.pricing else {
            return true;
        };
        let (function, architecture) = (&invocation.function_arn, invocation.architecture);
        if matches!(&self.priced, Some((last, of)) if (last, *of) == (function, architecture)) {
            return true;
        }
        match prices.rate(function.region(), architecture, *used) {
            Ok(_) => {
                self.priced = Some((function.clone(), architecture));
                true
            }
            Err(error) => {
                self.unpriced.entry((function.clone(), architecture)).or_insert(error);
                false
            }
        }
    }

    fn analyze(&mut self) -> Result<Exit, Error> {
        if self.options.dry_run || self.runs.any_is_dry() {
            message::note("dry run: its invocations are not analyzed");
        }
        if let Some(why) = self.upstream.incomplete() {
            message::warning(format_args!("{why}; these are the statistics of what there is"));
        }
        let mut missing = Missing::new();
        let frame = std::mem::take(&mut self.frame);
        let all = statistics_of_all(self.options, &self.runs, frame, &mut missing)?;
        missing.iter().for_each(message::warning);
        self.output.records(&all, |_| tables(&all))?;
        let mut unpriced = std::mem::take(&mut self.unpriced).into_values();
        match unpriced.next() {
            None => Ok(Exit::Done),
            Some(error) if all.is_empty() => Err(error),
            Some(error) => {
                std::iter::once(error).chain(unpriced).for_each(message::warning);
                Ok(Exit::Partly)
            }
        }
    }
}

/// A table for each function and architecture.
fn tables(all: &[Statistics]) -> String {
    let tables = all.chunk_by(Statistics::is_rival_of).map(|rivals| {
        let best = rivals.iter().find(|rival| rival.rank == Some(1) && rival.is_sound());
        table(&rivals.iter().collect::<Vec<_>>(), best.map(|best| (best.memory_size, best.strategy)))
    });
    tables.collect::<Vec<_>>().join("\n\n")
}

/// Statistics of each size, ranked among those of the same function and architecture, which stand together.
fn statistics_of_all(
    options: &Options,
    runs: &Runs,
    frame: Frame,
    missing: &mut Missing,
) -> Result<Vec<Statistics>, Error> {
    let groups = frame.into_groups().map_err(from_polars)?;
    let mut all = Vec::with_capacity(groups.len());
    for group in &groups {
        all.push(statistics_of(options, runs, group, missing)?);
    }
    all.sort_by(|a, b| a.key().cmp(&b.key()));
    for rivals in all.chunk_by_mut(|a, b| a.is_rival_of(b)) {
        let (ranked, candidates): (Vec<_>, Vec<_>) = rivals
            .iter_mut()
            .filter_map(|rival| rival.candidate().map(|candidate| (rival, candidate)))
            .unzip();
        for (rival, standing) in
            ranked.into_iter().zip(standings(options.strategy, options.balanced_weight, &candidates))
        {
            rival.score = Some(standing.score);
            rival.rank = Some(standing.rank);
        }
    }
    Ok(all)
}

fn statistics_of(
    options: &Options,
    runs: &Runs,
    group: &Group,
    missing: &mut Missing,
) -> Result<Statistics, Error> {
    let (function_arn, architecture, memory_size) = group.key().map_err(from_polars)?;
    let only_cold_starts = runs.are_only_cold_starts(&function_arn, architecture);
    let starts = options.starts(only_cold_starts);
    let usable = group.usable(starts).map_err(from_polars)?;
    let durations = usable.durations().map_err(from_polars)?;
    let billed = usable.billed_durations().map_err(from_polars)?;
    let billed: Vec<f64> = billed.iter().map(|billed| billed.0 as f64).collect();
    let init = usable.init_durations().map_err(from_polars)?;

    let share = options.share(only_cold_starts).get();
    let size = Size { function: &function_arn, architecture, memory: memory_size };
    let (duration, costs) = match &options.pricing {
        Pricing::Bill { prices, used } => {
            let rate = prices.rate(function_arn.region(), architecture, *used)?;
            check_tier(prices, *used, &size, missing);
            let costs = bill(&rate, &size, runs, (group, &usable), share, missing).map_err(from_polars)?;
            (TrimmedMean::of(&durations, share), costs)
        }
        Pricing::PowerTuning => tune(&size, group.answered().map_err(from_polars)?, share),
    };
    let interval = duration.and_then(|duration| duration.interval);
    let percentile = |p| (!durations.is_empty()).then(|| millis(quantile(&durations, p)));
    let unbilled = group.unbilled().map_err(from_polars)?;
    if unbilled > 0 {
        message::warning(format_args!(
            "{}: {memory_size} MB: {unbilled} invocations ran without a report; totalCost lacks them",
            function_arn.name()
        ));
    }
    Ok(Statistics {
        architecture,
        memory_size,
        starts,
        invocations: durations.len() as u64,
        discarded: 2 * duration.map_or(0, |duration| duration.dropped as u64),
        errors: group.errors().map_err(from_polars)?,
        function_errors: group.function_errors().map_err(from_polars)?,
        out_of_memory_errors: group.out_of_memory_errors().map_err(from_polars)?,
        cold_starts: usable.cold_starts().map_err(from_polars)?,
        average_duration_ms: duration.map(|duration| millis(duration.mean)),
        average_billed_duration_ms: TrimmedMean::of(&billed, share).map(|billed| billed.mean),
        average_cost: costs.average,
        mean_cost: costs.mean,
        request_cost: costs.request,
        restore_cost: costs.restore,
        total_cost: costs.total,
        min_duration_ms: percentile(0.0),
        p50_duration_ms: percentile(0.5),
        p90_duration_ms: percentile(0.9),
        p95_duration_ms: percentile(0.95),
        p99_duration_ms: percentile(0.99),
        max_duration_ms: percentile(1.0),
        stddev_duration_ms: sample_standard_deviation(&durations).map(millis),
        average_duration_low_ms: interval.map(|(low, _)| low),
        average_duration_high_ms: interval.map(|(_, high)| high),
        average_cost_low: costs.interval.map(|(low, _)| Money(low)),
        average_cost_high: costs.interval.map(|(_, high)| Money(high)),
        confidence: interval.map(|_| CONFIDENCE),
        average_init_duration_ms: TrimmedMean::of(&init, share).map(|init| millis(init.mean)),
        max_memory_used: usable.max_memory_used().map_err(from_polars)?,
        discard_top_bottom: share,
        strategy: options.strategy,
        balanced_weight: options.balanced_weight,
        score: None,
        rank: None,
        currency: costs.currency,
        function_arn,
    })
}

fn millis(value: f64) -> Millis {
    Millis::new(value).expect("made of finite values that are not negative")
}

fn from_polars(error: PolarsError) -> Error {
    Error::Failed(format!("polars: {error}"))
}
