//! `--compare`: what changed at each size since an earlier measurement.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::groups::Usable;
use super::parallel::{in_parallel, is_much};
use super::{Analysis, Analyze, Findings, Options};
use crate::decide::{self, Candidate, Scatter, estimates};
use crate::error::Error;
use crate::exit::Exit;
use crate::label::{label_of_group, note_function};
use crate::message;
use crate::names::{Architecture, FunctionArn};
use crate::ndjson::{Reader, Writer};
use crate::records::{Comparison, Quantity, Starts, Statistics};
use crate::report::{Format, Text, changes, percent};
use crate::statistics::{
    self, CONFIDENCE, Estimate, TrimmedMean, hodges_lehmann, holm, mann_whitney, quantile_estimate,
};
use crate::units::{MemoryMB, Millis, Money};

/// What to compare with, and what is not acceptable.
#[derive(Debug)]
pub(super) struct Compare {
    pub old: PathBuf,
    pub limits: Vec<Limit>,
}

impl Compare {
    /// Checks that there is something to compare with.
    pub fn check(&self) -> Result<(), Error> {
        std::fs::metadata(&self.old).map(drop).map_err(Error::io(self.old.display().to_string()))
    }
}

/// A change that is not acceptable, such as `cost>5%`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Limit {
    quantity: Quantity,
    percent: f64,
}

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Limit, &'static str> {
        let parse = || {
            let (name, limit) = text.split_once('>')?;
            let quantity = Quantity::ALL.into_iter().find(|quantity| quantity.as_str() == name.trim())?;
            let percent = limit.trim().strip_suffix('%')?.trim_end().parse().ok()?;
            (0.0..f64::INFINITY).contains(&percent).then_some(Limit { quantity, percent })
        };
        parse().ok_or(
            "expected cost, duration or p95, > and a percentage, in quotes because of the shell: 'cost>5%'",
        )
    }
}

/// What the comparison of one size needs of its invocations.
pub(super) struct Sample {
    cost: Option<Estimate>,
    duration: Option<Estimate>,
    p95: Option<Estimate>,
    /// In ascending order.
    durations: Vec<f64>,
    /// Whether they were sent in waves.
    has_waves: bool,
    /// How cost and duration scatter.
    of_means: Option<decide::Sample>,
    /// How cost and the percentile do.
    of_p95: Option<decide::Sample>,
}

impl Sample {
    /// Takes the usable invocations of a size, from at least so many environments, with the mean of their durations,
    /// trimmed, and that of their costs.
    pub fn of(
        usable: Usable,
        mean_duration: Option<(TrimmedMean, Option<Estimate>)>,
        mean_cost: Option<Money>,
        environments: usize,
    ) -> Sample {
        let Usable { durations, waves, .. } = usable;
        // A cost is proportional to the billed duration.
        let billed = usable.billed.iter().map(|billed| billed.0 as f64);
        let mean_billed = TrimmedMean::of(billed.clone(), 0.0);
        let of_billed = mean_billed.and_then(|mean| mean.estimate(billed.clone()));
        let cost = mean_cost.zip(of_billed).and_then(|(Money(mean), billed)| {
            let standard_error = billed.standard_error * mean / billed.mean;
            (billed.mean > 0.0).then_some(Estimate { mean, standard_error, ..billed })
        });
        let cost_scatter = mean_billed.and_then(|mean| Scatter::of(billed, &mean, of_billed, &waves));
        let p95 = quantile_estimate(&durations, 0.95);
        let scatter = |duration: f64, duration_scatter: Option<Scatter>| {
            let (average_cost, average_duration) = (mean_cost?, Millis::new(duration)?);
            let candidate = Candidate { is_sound: true, average_cost, average_duration };
            Some(decide::Sample { candidate, cost: cost_scatter?, duration: duration_scatter?, environments })
        };
        let of_means = mean_duration.and_then(|(mean, estimate)| {
            scatter(mean.mean, Scatter::of(durations.iter().copied(), &mean, estimate, &waves))
        });
        let of_p95 = p95.and_then(|p95| scatter(p95.mean, Scatter::of_quantile(&durations, 0.95)));
        Sample {
            cost,
            duration: mean_duration.and_then(|(_, estimate)| estimate),
            p95,
            has_waves: !waves.is_empty(),
            of_means,
            of_p95,
            durations,
        }
    }
}

/// The sizes of one side, each by what the other side knows it by.
type Side = BTreeMap<Key, (Statistics, Sample)>;
type Key = (FunctionArn, Architecture, Option<String>, MemoryMB);

fn side(mut sizes: Vec<(Statistics, Sample)>) -> Side {
    for rivals in sizes.chunk_by_mut(|(a, _), (b, _)| a.is_rival_of(b)) {
        learn_from_waves(rivals);
    }
    sizes.into_iter().map(|size| (size.0.sort_key(), size)).collect()
}

/// Takes the errors over all execution environments, as the verdicts do, if any of the sizes was measured in waves.
fn learn_from_waves(rivals: &mut [(Statistics, Sample)]) {
    if !rivals.iter().any(|(_, sample)| sample.has_waves) {
        return;
    }
    learn(
        rivals,
        |sample| sample.of_means,
        |sample, (cost, duration)| {
            (sample.cost, sample.duration) = (cost, duration);
        },
    );
    learn(rivals, |sample| sample.of_p95, |sample, (_, p95)| sample.p95 = p95);
}

fn learn(
    rivals: &mut [(Statistics, Sample)],
    scatter: fn(&Sample) -> Option<decide::Sample>,
    set: fn(&mut Sample, (Option<Estimate>, Option<Estimate>)),
) {
    let known = rivals.iter_mut().filter_map(|(_, sample)| Some((scatter(sample)?, sample)));
    let (scatters, samples): (Vec<decide::Sample>, Vec<&mut Sample>) = known.unzip();
    for (sample, estimates) in samples.into_iter().zip(estimates(&scatters)) {
        set(sample, estimates.unzip());
    }
}

/// The earlier measurement.
pub(super) struct Old(Side);

impl Old {
    /// Reads the earlier measurement, as the input is read.
    ///
    /// # Errors
    /// It cannot be read, a record in it is bad, or it has no invocation.
    pub async fn read(options: &Arc<Options>, compare: &Compare) -> Result<Old, Error> {
        let mut input = Reader::open(std::slice::from_ref(&compare.old))?;
        let mut upstream = input.upstream();
        // A table holds no line of the input, so nothing is written.
        let mut unused = Writer::stdout();
        let mut analyze = Analyze::new(options, (&mut unused, Some(Format::Table)), &mut upstream);
        if let Some(error) = input.consume(&mut analyze).await? {
            return Err(error);
        }
        let groups = analyze.take_groups();
        let Analyze { upstream, plans, .. } = analyze;
        if let Some(why) = upstream.incomplete() {
            message::warning(format_args!("--compare: {why}; compares with the invocations that arrived"));
        }
        if groups.is_empty() {
            return Err(Error::Failed(format!(
                "--compare {}: has no invocation whose price is known; name a file of invocation records",
                compare.old.display()
            )));
        }
        let analysis = Analysis { options, plans: &plans };
        groups.iter().for_each(|group| note_function(&group.size.function));
        let findings = analysis.findings_of_all(groups).into_iter().map(|findings| {
            let Findings { ranked, sample, .. } = findings?;
            Ok((ranked.statistics, sample.expect("samples are kept for a comparison")))
        });
        Ok(Old(side(findings.collect::<Result<_, Error>>()?)))
    }

    /// Compares each size that is on both sides. Warns of those that are not.
    pub fn compare(mut self, new: Vec<(Statistics, Sample)>) -> Vec<Comparison> {
        let (mut pairs, mut only_new) = (Vec::new(), Vec::new());
        for (key, new) in side(new) {
            match self.0.remove(&key) {
                Some(old) => {
                    warn_of_different_choices(&old.0, &new.0);
                    pairs.push((old, new));
                }
                None => only_new.push(key),
            }
        }
        warn_of_missing(&only_new, "has no such size");
        warn_of_missing(&self.0.into_keys().collect::<Vec<_>>(), "alone has this size");
        let much = is_much(pairs.iter().map(|(_, (_, new))| new.durations.len()).sum());
        let mut comparisons = in_parallel(pairs, much, |(old, new)| comparison(old, new));
        adjust(&mut comparisons);
        comparisons
    }
}

/// Says which sizes are not compared, a line for each function.
fn warn_of_missing(sizes: &[Key], why: &str) {
    let is_same = |a: &Key, b: &Key| (&a.0, a.1, &a.2) == (&b.0, b.1, &b.2);
    for sizes in sizes.chunk_by(is_same) {
        let (function, _, group, _) = &sizes[0];
        let list: Vec<String> = sizes.iter().map(|(.., memory)| memory.to_string()).collect();
        message::warning(format_args!(
            "{}: {} MB: not compared, because the file of --compare {why}",
            label_of_group(function, group.as_deref()),
            list.join(", ")
        ));
    }
}

/// Warns if the figures of a size are of different invocations: of other starts, or trimmed otherwise.
fn warn_of_different_choices(old: &Statistics, new: &Statistics) {
    if (old.starts, old.discard_top_bottom) != (new.starts, new.discard_top_bottom) {
        let used = |statistics: &Statistics| {
            let starts = match statistics.starts {
                Starts::All => "all",
                Starts::Warm => "warm",
                Starts::Cold => "cold",
            };
            format!("{starts} starts and a share of {}", statistics.discard_top_bottom)
        };
        message::warning(format_args!(
            "{}: {} MB: compares {} with {} before; give both --starts and --discard-top-bottom",
            label_of_group(&new.function_arn, new.group.as_deref()),
            new.memory_size,
            used(new),
            used(old)
        ));
    }
}

fn comparison((old, old_sample): (Statistics, Sample), (new, sample): (Statistics, Sample)) -> Comparison {
    let cost = Changed::of(old_sample.cost, sample.cost);
    let duration = Changed::of(old_sample.duration, sample.duration);
    let p95 = Changed::of(old_sample.p95, sample.p95);
    let (before, now) = (&old_sample.durations, &sample.durations);
    let shift = hodges_lehmann(now, before);
    Comparison {
        old_invocations: old.invocations,
        invocations: new.invocations,
        old_cold_starts: old.cold_starts,
        cold_starts: new.cold_starts,
        old_mean_cost: old.mean_cost,
        mean_cost: new.mean_cost,
        cost_change: cost.map(|cost| cost.change),
        cost_change_low: cost.map(|cost| cost.low),
        cost_change_high: cost.map(|cost| cost.high),
        cost_p_value: cost.map(|cost| cost.p),
        cost_adjusted_p_value: None,
        old_average_duration_ms: old.average_duration_ms,
        average_duration_ms: new.average_duration_ms,
        duration_change: duration.map(|duration| duration.change),
        duration_change_low: duration.map(|duration| duration.low),
        duration_change_high: duration.map(|duration| duration.high),
        duration_p_value: duration.map(|duration| duration.p),
        duration_adjusted_p_value: None,
        old_p95_duration_ms: old.p95_duration_ms,
        p95_duration_ms: new.p95_duration_ms,
        p95_change: p95.map(|p95| p95.change),
        p95_change_low: p95.map(|p95| p95.low),
        p95_change_high: p95.map(|p95| p95.high),
        p95_p_value: p95.map(|p95| p95.p),
        p95_adjusted_p_value: None,
        shift_ms: shift,
        shift_p_value: shift.map(|_| mann_whitney(now, before)),
        confidence: CONFIDENCE,
        function_arn: new.function_arn,
        architecture: new.architecture,
        memory_size: new.memory_size,
        group: new.group,
        currency: new.currency,
    }
}

/// A change as a fraction of the old value.
#[derive(Clone, Copy)]
struct Changed {
    change: f64,
    low: f64,
    high: f64,
    p: f64,
}

impl Changed {
    fn of(old: Option<Estimate>, new: Option<Estimate>) -> Option<Changed> {
        let (old, new) = (old.filter(|old| old.mean > 0.0)?, new?);
        let change = statistics::Comparison::of(&new, &old).relative_to(old.mean);
        let (low, high) = change.interval(CONFIDENCE);
        Some(Changed { change: change.difference, low, high, p: change.p_two_sided() })
    }
}

/// Corrects the p-values of all changes for their number.
fn adjust(comparisons: &mut [Comparison]) {
    let (p_values, adjusted): (Vec<f64>, Vec<&mut Option<f64>>) = comparisons
        .iter_mut()
        .flat_map(|size| {
            [
                (size.cost_p_value, &mut size.cost_adjusted_p_value),
                (size.duration_p_value, &mut size.duration_adjusted_p_value),
                (size.p95_p_value, &mut size.p95_adjusted_p_value),
            ]
        })
        .filter_map(|(p, adjusted)| Some((p?, adjusted)))
        .unzip();
    for (adjusted, p) in adjusted.into_iter().zip(holm(&p_values)) {
        *adjusted = Some(p);
    }
}

/// Says which changes are larger than a limit and significant, and which cannot be told. Returns how the tool ends.
pub(super) fn judge(limits: &[Limit], comparisons: &[Comparison]) -> Exit {
    let (mut exit, mut may_be_chance) = (Exit::Done, false);
    if !limits.is_empty() && comparisons.is_empty() {
        message::error(
            "--fail-if: no size is both in the input and in the file of --compare; measure the same function and sizes",
        );
        exit = Exit::Failed;
    }
    for size in comparisons {
        for Limit { quantity, percent: limit } in limits {
            let name = quantity.as_str();
            let what = format!(
                "{}: {} MB",
                label_of_group(&size.function_arn, size.group.as_deref()),
                size.memory_size
            );
            match size.change(*quantity) {
                None => message::warning(format_args!(
                    "{what}: --fail-if cannot tell whether {name} changed, with {} before and {} now; it takes {} each time",
                    size.old_invocations,
                    message::counted(size.invocations, "invocation"),
                    if *quantity == Quantity::P95 { 72 } else { 2 }
                )),
                Some(change) if change.change * 100.0 > *limit && change.is_significant(size.confidence) => {
                    message::error(format_args!(
                        "{what}: {name} changed by {}, more than the {limit} % of --fail-if (95 % interval {} to {}, p {})",
                        percent(change.change),
                        percent(change.low),
                        percent(change.high),
                        if change.adjusted_p < 0.001 {
                            "< 0.001".to_owned()
                        } else {
                            format!("= {:.3}", change.adjusted_p)
                        }
                    ));
                    exit = Exit::Failed;
                    may_be_chance |= size.old_cold_starts == 1 || size.cold_starts == 1;
                }
                Some(_) => {}
            }
        }
    }
    if may_be_chance {
        message::warning(
            "with one cold start at a size, all its invocations may have reached one execution environment, whose luck looks like a change; measure both sides with lpt-invoke --parallel to be sure",
        );
    }
    exit
}

/// Returns a table for each function and architecture.
pub(super) fn tables(comparisons: &[Comparison]) -> Text {
    let is_same = |a: &Comparison, b: &Comparison| {
        (&a.function_arn, a.architecture, &a.group) == (&b.function_arn, b.architecture, &b.group)
    };
    let mut text = Text::default();
    for sizes in comparisons.chunk_by(is_same) {
        text.append(changes(&label_of_group(&sizes[0].function_arn, sizes[0].group.as_deref()), sizes));
    }
    text
}
