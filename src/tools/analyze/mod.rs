//! `lpt-analyze`: `invocation` → `statistics`.

mod args; // the arguments as typed
mod compare; // what changed since an earlier measurement
mod power_tuning; // the arithmetic and the prices of AWS Lambda Power Tuning
mod bill; // the costs of one size, as AWS bills them
mod cold_starts; // doubts about cold starts in the averages
mod scan; // the invocations among the lines
mod group_by; // the fields by which invocations are grouped
mod groups; // all invocations, in groups by size
mod repeats; // the invocations that are in the input more than once
mod plans; // the plans of the runs, and the versions that were published
mod parallel; // work for all cores

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

pub use args::Args;

use crate::decide::{
    Candidate, Rules, Sample, Saved, Scatter, Sent, eliminated, estimates, is_sound, judge, pareto_front,
    standings,
};
use crate::entry::Pipe;
use crate::error::Error;
use crate::exit::Exit;
use crate::label::{label, label_of_group, note_function};
use crate::message::{self, counted};
use crate::names::{Architecture, FunctionArn};
use crate::ndjson::{Consume, Line, Upstream, Writer, reading};
use crate::price::PriceList;
use crate::records::{
    Comparison, Configuration, Invocation, Objective, Plan, Record as _, RunName, SizeKey, Starts,
    Statistics, Strategy, Verdict,
};
use crate::report::{Format, Marks, Output, Text, table};
use crate::statistics::{
    CONFIDENCE, DEFAULT_TRIMMING, Estimate, TrimmedMean, outliers, quantile, quantile_interval,
    sample_standard_deviation,
};
use crate::units::{GbSeconds, Millis, Money};
use bill::{Costs, Doubts, bill, check_tier};
use cold_starts::{ColdStarts, OfSize};
use compare::{Compare, Old};
use group_by::GroupBy;
use groups::{Group, GroupId, Row, Usable};
use parallel::{in_parallel, is_much};
use plans::Plans;
use scan::{InvocationScan, Sizes};

/// The options that the arguments become.
#[derive(Debug)]
struct Options {
    /// The share to drop at each end, as the flag says.
    discard_top_bottom: Option<DiscardTopBottom>,
    /// The share to drop at each end without the flag. From runs of cold starts only, nothing is dropped then.
    default_discard_top_bottom: DiscardTopBottom,
    /// The invocations to use; None: all, and the cold ones in runs of cold starts only.
    starts: Option<Starts>,
    /// The share of cold starts in production, by which they and the warm starts are weighed; None: as they were measured.
    cold_start_rate: Option<f64>,
    pricing: Pricing,
    /// The duration that the strategy compares.
    objective: Objective,
    /// The fields by which invocations are grouped, besides function, architecture and memory size.
    group_by: GroupBy,
    /// Whether the input is a part of a larger stream.
    is_part: bool,
    /// The strategy that ranks the sizes, and when one is called better than another.
    rules: Rules,
    format: Option<Format>,
    /// Whether to pass on everything unchanged. A plan may ask for that, too.
    dry_run: bool,
    /// The earlier measurement to compare with.
    compare: Option<Compare>,
}

impl Options {
    /// Returns the share to drop at each end. Both defaults are those of AWS Lambda Power Tuning, which never drops a
    /// cold start, even if it is told to.
    fn share(&self, only_cold_starts: bool) -> DiscardTopBottom {
        let default = if only_cold_starts { DiscardTopBottom(0.0) } else { self.default_discard_top_bottom };
        match self.pricing {
            Pricing::PowerTuning if only_cold_starts => default,
            _ => self.discard_top_bottom.unwrap_or(default),
        }
    }

    /// Returns the invocations to use. AWS Lambda Power Tuning uses all, because it ignores how an invocation started.
    fn starts(&self, only_cold_starts: bool, is_adaptive: bool) -> Starts {
        let default = match self.pricing {
            Pricing::Bill { .. } if self.cold_start_rate.is_some() => Starts::Warm,
            Pricing::Bill { .. } if only_cold_starts => Starts::Cold,
            // Its cold starts are the warm-up.
            Pricing::Bill { .. } if is_adaptive => Starts::Warm,
            _ => Starts::All,
        };
        self.starts.unwrap_or(default)
    }
}

/// The method that computes the costs of invocations.
#[derive(Debug)]
enum Pricing {
    /// As AWS bills them.
    Bill {
        prices: PriceList,
        /// The usage of the account in the month, region and architecture, which decides the price tier.
        used: GbSeconds,
    },
    /// As AWS Lambda Power Tuning 4.4.0 computes them, with its own prices and arithmetic.
    PowerTuning,
}

/// The share of invocations that is dropped at each end, 0 to 0.4 as in AWS Lambda Power Tuning.
#[derive(Debug, Clone, Copy, PartialEq)]
struct DiscardTopBottom(f64);

/// The default of AWS Lambda Power Tuning.
impl Default for DiscardTopBottom {
    fn default() -> DiscardTopBottom {
        DiscardTopBottom(DEFAULT_TRIMMING)
    }
}

impl DiscardTopBottom {
    /// The greatest share.
    const MAX: f64 = 0.4;

    fn new(share: f64) -> Option<DiscardTopBottom> {
        (0.0..=DiscardTopBottom::MAX).contains(&share).then_some(DiscardTopBottom(share))
    }

    /// Returns the allowed share that is nearest to `share`, which is not NaN.
    fn clamped(share: f64) -> DiscardTopBottom {
        DiscardTopBottom(share.clamp(0.0, DiscardTopBottom::MAX))
    }

    fn get(self) -> f64 {
        self.0
    }
}

/// Reads all of the input, passes on each record that is not an invocation, and writes statistics at the end. It also
/// passes on the invocations of a function whose price is unknown, so that they are not lost.
///
/// # Errors
/// A bad record, after the rest of the stream has been passed on, because the records that undo a run are in it. Or
/// the price of no function is known.
async fn run(options: Options, pipe: &mut Pipe) -> Result<Exit, Error> {
    let options = Arc::new(options);
    if options.is_part {
        pipe.upstream.expect_part();
    }
    // Nobody waits for a single record of this tool: what matters comes at the end.
    pipe.output.hold();
    let old = match &options.compare {
        // Whether it is there is known before anything is measured.
        Some(compare) if options.dry_run => compare.check().map(|()| None)?,
        Some(compare) => Some(Old::read(&options, compare).await?),
        None => None,
    };
    let output = (&mut pipe.output, options.format);
    let mut analyze = Analyze::new(&options, output, &mut pipe.upstream);
    let size = pipe.input.size();
    match reading(size, pipe.input.consume(&mut analyze)).await? {
        Some(error) => Err(error),
        None => analyze.conclude(old),
    }
}

impl Options {
    /// Whether the price of a function is known.
    fn is_priced(&self, size: &SizeKey) -> bool {
        self.check_price(&size.function, size.architecture).is_ok()
    }

    fn check_price(&self, function: &FunctionArn, architecture: Architecture) -> Result<(), Error> {
        match &self.pricing {
            Pricing::Bill { prices, used } => prices.rate(function.region(), architecture, *used).map(drop),
            Pricing::PowerTuning => Ok(()),
        }
    }
}

/// The state of a run of the tool: the records that it has read.
struct Analyze<'a> {
    options: Arc<Options>,
    output: Output<'a>,
    upstream: &'a mut Upstream,
    sizes: Arc<Sizes>,
    /// By their numbers.
    groups: Vec<Group>,
    unpriced: BTreeMap<(FunctionArn, Architecture), Error>,
    plans: Plans,
    /// Statistics records, for example of a folder with the results of earlier runs.
    earlier: Vec<Line>,
    /// Whether each line is handled by itself, because invocations are passed on.
    each_line: bool,
}

impl Consume for Analyze<'_> {
    type Scan = InvocationScan;

    fn scan(&self) -> InvocationScan {
        InvocationScan::new(Arc::clone(&self.sizes))
    }

    fn wants_each_line<'l>(&mut self, lines: impl Iterator<Item = &'l Result<Line, Error>>) -> bool {
        let is_dry_plan = |line: &Line| {
            line.record_type().is_ok_and(|record_type| record_type == Plan::TYPE)
                && line.parse().is_ok_and(|plan: Plan| plan.dry_run)
        };
        self.each_line = self.each_line || self.options.dry_run || lines.flatten().any(is_dry_plan);
        self.each_line
    }

    fn found(&mut self, rows: Vec<Row>) {
        rows.into_iter().for_each(|row| self.push(row));
    }

    fn pass_scanned(&mut self, source: &Arc<str>) {
        self.upstream.note_line(source);
    }

    /// Keeps an invocation whose price is known, and passes any other line on.
    fn line(&mut self, line: &Line) -> Result<(), Error> {
        let Some(record_type) = self.upstream.admit(line)? else {
            return Ok(());
        };
        match &*record_type {
            Invocation::TYPE => {
                let invocation: Invocation = line.parse()?;
                let is_of_dry_run = invocation.run_id.as_ref().is_some_and(|run| self.plans.is_dry(run));
                if self.options.dry_run || is_of_dry_run {
                    return self.output.pass(line);
                }
                let missing = |field| line.error(Some(field), "missing, although the outcome is ok");
                let by = self.options.group_by.of_line(line)?;
                match self.sizes.row(&invocation, by).map_err(missing)? {
                    Some(row) => self.push(row),
                    None => {
                        self.note_unpriced(invocation.function_arn, invocation.architecture);
                        self.output.pass(line)?;
                    }
                }
                return Ok(());
            }
            Plan::TYPE => {
                // A bad one is passed on too: lpt-cleanup may know what to do with it.
                self.output.pass(line)?;
                self.plans.add(line.parse()?);
                return Ok(());
            }
            Configuration::TYPE => {
                self.output.pass(line)?;
                self.plans.add_configuration(line.parse()?);
                return Ok(());
            }
            Statistics::TYPE => {
                self.earlier.push(line.clone());
                return Ok(());
            }
            _ => {}
        }
        self.output.pass(line)
    }

    fn end_of_block(&mut self) -> Result<(), Error> {
        self.output.flush()
    }
}

impl<'a> Analyze<'a> {
    fn new(
        options: &Arc<Options>,
        (writer, format): (&'a mut Writer, Option<Format>),
        upstream: &'a mut Upstream,
    ) -> Analyze<'a> {
        Analyze {
            output: Output::new(writer, format),
            upstream,
            sizes: Arc::new(Sizes::new(Arc::clone(options))),
            options: Arc::clone(options),
            groups: Vec::new(),
            unpriced: BTreeMap::new(),
            plans: Plans::default(),
            earlier: Vec::new(),
            each_line: false,
        }
    }

    fn push(&mut self, row: Row) {
        let GroupId(number) = row.group;
        while self.groups.len() <= number as usize {
            let (size, by) = self.sizes.size(GroupId(self.groups.len() as u32));
            self.groups.push(Group::new(size, by));
        }
        self.groups[number as usize].push(row);
    }

    fn note_unpriced(&mut self, function: FunctionArn, architecture: Architecture) {
        if let Err(error) = self.options.check_price(&function, architecture) {
            self.unpriced.entry((function, architecture)).or_insert(error);
        }
    }

    /// Passes statistics records on, except those of sizes whose invocations are here: they are computed anew.
    fn pass_earlier(&mut self, groups: &[Group]) -> Result<(), Error> {
        let computed: HashSet<&SizeKey> = groups.iter().map(|group| &group.size).collect();
        let is_replaced = |line: &Line| {
            line.parse().is_ok_and(|earlier: Statistics| computed.contains(&earlier.size_key()))
        };
        for line in std::mem::take(&mut self.earlier).iter().filter(|line| !is_replaced(line)) {
            self.output.pass(line)?;
        }
        Ok(())
    }

    /// Takes the groups that have invocations, in the order of their statistics.
    fn take_groups(&mut self) -> Vec<Group> {
        let mut groups = std::mem::take(&mut self.groups);
        groups.retain(|group| group.len() > 0);
        groups.sort_by_cached_key(|group| {
            let SizeKey { function, architecture, memory } = group.size.clone();
            (function, architecture, group.by.clone(), memory)
        });
        groups
    }

    /// Writes the statistics of all invocations that were kept, and what changed since the `old` ones.
    fn conclude(&mut self, old: Option<Old>) -> Result<Exit, Error> {
        let groups = self.take_groups();
        self.pass_earlier(&groups)?;
        let is_empty = groups.is_empty() && self.unpriced.is_empty() && !self.options.is_part;
        if self.options.dry_run || self.plans.any_is_dry() {
            message::note("dry run: its invocations are not analyzed");
        } else if is_empty && !self.upstream.has_spoken() {
            return Err(Error::Failed(
                "the input has no invocation records; pipe the output of lpt-invoke into this, or name a file of it"
                    .to_owned(),
            ));
        } else if let Some(why) = self.upstream.incomplete().filter(|_| !self.upstream.has_spoken()) {
            message::warning(format_args!("{why}; the statistics are of the invocations that arrived"));
        }
        let old = old.filter(|_| !self.plans.any_is_dry());
        let (all, samples) =
            Analysis { options: &self.options, plans: &self.plans }.statistics_of_all(groups)?;
        let exit =
            self.write(&all, old.map(|old| old.compare(all.iter().cloned().zip(samples).collect())))?;
        let mut unpriced = std::mem::take(&mut self.unpriced).into_values();
        match unpriced.next() {
            None => Ok(exit),
            // Another part may have a function with a price.
            Some(error) if all.is_empty() && !self.options.is_part => Err(error),
            Some(error) => {
                std::iter::once(error).chain(unpriced).for_each(message::warning);
                Ok(exit.worse(Exit::Partly))
            }
        }
    }

    /// Writes the statistics, and the comparisons if there are any. A document in JSON or CSV has room for one of them.
    fn write(&mut self, all: &[Statistics], compared: Option<Vec<Comparison>>) -> Result<Exit, Error> {
        let Some(compared) = compared else {
            let plans = &self.plans;
            self.output.records(all, |_| tables(all, plans).for_stdout())?;
            return Ok(Exit::Done);
        };
        if self.output.format() == Format::Ndjson {
            self.output.records(all, |_| String::new())?;
        }
        let plans = &self.plans;
        self.output.records(&compared, |_| {
            let mut text = tables(all, plans);
            text.append(compare::tables(&compared));
            text.for_stdout()
        })?;
        let limits = self.options.compare.as_ref().map_or(&[][..], |compare| &compare.limits);
        Ok(compare::judge(limits, &compared))
    }
}

/// Returns a table for each function and architecture.
fn tables(all: &[Statistics], plans: &Plans) -> Text {
    let mut text = Text::default();
    for rivals in all.chunk_by(Statistics::is_rival_of) {
        let Statistics { function_arn, architecture, group, .. } = &rivals[0];
        let best = rivals.iter().find(|rival| rival.rank == Some(1) && is_sound(rival));
        let is_near = |rival: &&Statistics| {
            matches!(rival.verdict, Some(Verdict::Best | Verdict::Equivalent | Verdict::Undecided))
        };
        let marks = Marks {
            selected: best.map(|best| best.memory_size),
            near: rivals.iter().filter(is_near).map(|rival| rival.memory_size).collect(),
            original: plans.plan(function_arn, *architecture).map(|plan| plan.original_memory_size),
            has_verdicts: true,
            limits: &[],
        };
        let name = label_of_group(function_arn, group.as_deref());
        text.append(table(&name, &rivals.iter().collect::<Vec<_>>(), &marks));
    }
    text
}

/// The analysis of all invocations.
struct Analysis<'a> {
    options: &'a Options,
    plans: &'a Plans,
}

/// The statistics of one size, and what their rank is judged by.
struct Ranked {
    statistics: Statistics,
    /// The scatter of its costs and of its durations.
    scatters: Option<(Scatter, Scatter)>,
    /// The number of execution environments that are known.
    environments: usize,
    /// The invocations of an adaptive run.
    sent: Vec<Sent>,
    /// The last round of each adaptive run.
    rounds: BTreeMap<Option<RunName>, u32>,
}

/// What the analysis of one size finds.
struct Findings {
    ranked: Ranked,
    repeats: u64,
    /// What is to be said about it at once.
    warnings: Vec<String>,
    doubts: Doubts,
    starts: Option<OfSize>,
    /// For a comparison.
    sample: Option<compare::Sample>,
}

impl Analysis<'_> {
    /// Returns the statistics of each size, sorted, and ranked among the sizes of the same function and architecture.
    /// Warns of everything that is doubtful. With a comparison, there is a sample for each of them.
    fn statistics_of_all(
        &self,
        groups: Vec<Group>,
    ) -> Result<(Vec<Statistics>, Vec<compare::Sample>), Error> {
        groups.iter().for_each(|group| note_function(&group.size.function));
        let mut all = Vec::with_capacity(groups.len());
        let (mut repeats, mut doubts, mut cold_starts) = (0, Doubts::default(), ColdStarts::default());
        let (mut warnings, mut samples) = (Vec::new(), Vec::new());
        for findings in self.findings_of_all(groups) {
            let findings = findings?;
            repeats += findings.repeats;
            warnings.extend(findings.warnings);
            doubts.extend(findings.doubts);
            if let Some(starts) = findings.starts {
                cold_starts.add(&findings.ranked.statistics.size_key(), starts);
            }
            all.push(findings.ranked);
            samples.extend(findings.sample);
        }
        note_repeats(repeats);
        warnings.iter().for_each(message::warning);
        self.rank(&mut all);
        for function in self.plans.changed() {
            message::warning(format_args!(
                "{}: the input has runs of different code; they are analyzed together",
                label(function)
            ));
        }
        cold_starts.warnings().iter().for_each(message::warning);
        doubts.show();
        Ok((all.into_iter().map(|ranked| ranked.statistics).collect(), samples))
    }

    /// Ranks the sizes among those of the same function and architecture, and judges how sure that is.
    fn rank(&self, all: &mut [Ranked]) {
        let rules = &self.options.rules;
        for rivals in all.chunk_by_mut(|a, b| a.statistics.is_rival_of(&b.statistics)) {
            let (mut ranked, candidates): (Vec<_>, Vec<_>) = rivals
                .iter_mut()
                .filter_map(|rival| Candidate::of(&rival.statistics).map(|candidate| (rival, candidate)))
                .unzip();
            let standings = standings(rules.strategy, rules.balanced_weight, &candidates);
            let fronts = pareto_front(&candidates);
            for (rival, (standing, is_on_front)) in ranked.iter_mut().zip(standings.into_iter().zip(fronts)) {
                rival.statistics.score = Some(standing.score);
                rival.statistics.rank = Some(standing.rank);
                rival.statistics.pareto = Some(is_on_front);
            }
            let samples = ranked.iter().zip(candidates).map(|(rival, candidate)| {
                let (cost, duration) = rival.scatters?;
                Some(Sample { candidate, cost, duration, environments: rival.environments })
            });
            let Some(samples) = samples.collect::<Option<Vec<_>>>() else {
                if rules.strategy != Strategy::Cost && self.options.objective != Objective::Mean {
                    let name = label(&ranked[0].statistics.function_arn);
                    message::note(format_args!(
                        "{name}: too few invocations to know how exact the percentile is, so no verdict is possible; it takes 72 for p95, and 368 for p99"
                    ));
                }
                continue;
            };
            let mut rounds = BTreeMap::new();
            for (run, round) in ranked.iter().flat_map(|rival| &rival.rounds) {
                let last = rounds.entry(run).or_insert(*round);
                *last = (*last).max(*round);
            }
            // Each round of each run has asked whether it is enough.
            let round = rounds.values().copied().reduce(u32::saturating_add);
            let saved = ranked.iter().zip(&samples).map(|(rival, sample)| {
                let Sample { candidate, environments, .. } = *sample;
                (rival.statistics.memory_size, &*rival.sent, environments, candidate.is_sound)
            });
            let saved: Vec<Saved<'_>> = saved.collect();
            // A run has eliminated sizes by its own invocations, which are not all that is known if there are several.
            let eliminated = match round {
                Some(round) if rounds.len() == 1 => eliminated(rules, &saved, round),
                _ => Vec::new(),
            };
            let is_eliminated = |at: usize| eliminated.get(at) == Some(&true);
            let judgements = judge(rules, &samples, round, is_eliminated);
            for (rival, judgement) in ranked.iter_mut().zip(judgements) {
                rival.statistics.verdict = judgement.map(|judgement| judgement.verdict);
                rival.statistics.verdict_confidence = judgement.map(|_| rules.confidence);
                rival.statistics.p_value = judgement.and_then(|judgement| judgement.p_value);
            }
            if round.is_none() {
                continue;
            }
            // The waves tell how much environments differ.
            for (rival, estimates) in ranked.iter_mut().zip(estimates(&samples)) {
                let of = &mut rival.statistics;
                let (cost, duration) = estimates.unzip();
                let ends = |estimate: Option<Estimate>| {
                    estimate.map(|estimate| estimate.interval(CONFIDENCE)).unzip()
                };
                let (low, high) = ends(cost);
                (of.average_cost_low, of.average_cost_high) = (low.map(Money), high.map(Money));
                (of.average_duration_low_ms, of.average_duration_high_ms) = ends(duration);
                of.degrees_of_freedom = duration.map(|duration| duration.degrees_of_freedom);
            }
        }
    }

    fn findings_of_all(&self, groups: Vec<Group>) -> Vec<Result<Findings, Error>> {
        let much = is_much(groups.iter().map(Group::len).sum());
        in_parallel(groups, much, |group| self.findings(group))
    }

    fn findings(&self, mut group: Group) -> Result<Findings, Error> {
        let repeats = group.settle();
        let size = &group.size;
        let only_cold_starts = self.plans.are_only_cold_starts(&size.function, size.architecture);
        let rounds = group.rounds();
        let starts = self.options.starts(only_cold_starts, !rounds.is_empty());
        let share = self.options.share(only_cold_starts).get();
        let usable = group.usable(starts);
        let name = label_of_group(&size.function, group.by.as_deref());
        let (mut doubts, mut warnings, mut of_starts) = (Doubts::default(), Vec::new(), None);
        // The mean duration and cost of a cold start, if they are asked for.
        let mut cold = None;
        let (duration, costs) = match &self.options.pricing {
            Pricing::Bill { prices, used } => {
                let rate = prices.rate(size.function.region(), size.architecture, *used)?;
                check_tier(prices, *used, size, &mut doubts);
                let costs = bill(&rate, size, self.plans, (&group, &usable), share, &mut doubts);
                let duration = TrimmedMean::of(usable.durations(), share);
                let dropped = duration.map_or(0, |duration| duration.dropped);
                of_starts = Some(OfSize::of(size.memory, &usable, dropped));
                if self.options.cold_start_rate.is_some() {
                    let starts = group.usable(Starts::Cold);
                    let costs = bill(&rate, size, self.plans, (&group, &starts), 0.0, &mut doubts);
                    let duration = TrimmedMean::of(starts.durations(), 0.0).map(|duration| duration.mean);
                    let restore = costs.restore.unwrap_or_default();
                    cold = Some(duration.zip(costs.mean.map(|cost| cost + restore)));
                }
                (duration, costs)
            }
            Pricing::PowerTuning => {
                let answered = group.answered();
                if !answered.all {
                    warnings.push(format!(
                        "{name}: {} MB: has no result with --compat, because AWS Lambda Power Tuning ends when an invocation fails",
                        size.memory
                    ));
                }
                power_tuning::duration_and_costs(size, answered, share)
            }
        };
        let unbilled = group.unbilled();
        if unbilled > 0 {
            warnings.push(format!(
                "{name}: {} MB: {} ran without a report, so totalCost lacks the cost of that time",
                size.memory,
                counted(unbilled, "invocation")
            ));
        }
        let estimate = duration.and_then(|duration| duration.estimate(usable.durations()));
        let scatter = match self.options.objective.quantile() {
            Some(p) => Scatter::of_quantile(&usable.durations, p),
            None => duration
                .and_then(|duration| Scatter::of(usable.durations(), &duration, estimate, &usable.waves)),
        };
        let (scatters, environments) = (costs.scatter.zip(scatter), group.environments());
        let (sent, mean_cost) = (costs.sent.clone(), costs.mean);
        let figures = Figures { starts, share, duration, estimate, costs };
        let mut statistics = figures.statistics(self.options, &group, &usable);
        if let Some((rate, cold)) = self.options.cold_start_rate.zip(cold) {
            match cold {
                Some(cold) => weigh_cold_starts(&mut statistics, rate, cold),
                None => warnings.push(format!(
                    "{name}: {} MB has no cold start, so its averages are of warm starts only; measure some, as lpt-invoke --adaptive does",
                    size.memory
                )),
            }
        }
        let ranked = Ranked { statistics, scatters, environments, sent, rounds };
        let mean_duration = duration.map(|mean| (mean, estimate));
        let sample = || compare::Sample::of(usable, mean_duration, mean_cost, environments);
        let sample = self.options.compare.is_some().then(sample);
        Ok(Findings { ranked, repeats, warnings, doubts, starts: of_starts, sample })
    }
}

/// Adds the part of the cold starts to the averages of warm starts: their mean duration and cost, which count as exact.
fn weigh_cold_starts(statistics: &mut Statistics, rate: f64, (duration, cost): (f64, Money)) {
    let Statistics { average_duration_ms: Some(warm_duration), average_cost: Some(warm_cost), .. } =
        statistics
    else {
        return;
    };
    let more_duration = rate * (duration - warm_duration.get());
    let more_cost = Money(rate * (cost.0 - warm_cost.0));
    *warm_duration = millis(warm_duration.get() + more_duration);
    *warm_cost = *warm_cost + more_cost;
    for end in [&mut statistics.average_duration_low_ms, &mut statistics.average_duration_high_ms] {
        *end = end.map(|end| end + more_duration);
    }
    for end in [&mut statistics.average_cost_low, &mut statistics.average_cost_high] {
        *end = end.map(|end| end + more_cost);
    }
    statistics.cold_start_rate = Some(rate);
}

/// Says how many invocations were left out because the input has them more than once.
fn note_repeats(repeats: u64) {
    match repeats {
        0 => {}
        1 => message::note("1 invocation is in the input twice, and counts once"),
        _ => message::note(format_args!(
            "{repeats} records repeat an invocation of the input, and are left out: each invocation counts once"
        )),
    }
}

/// The figures of one size from which its record is made.
struct Figures {
    starts: Starts,
    share: f64,
    duration: Option<TrimmedMean>,
    /// The mean of the durations with its error.
    estimate: Option<Estimate>,
    costs: Costs,
}

impl Figures {
    /// Returns the figures as a record, without score and rank.
    fn statistics(self, options: &Options, group: &Group, usable: &Usable) -> Statistics {
        let Figures { starts, share, duration, estimate, costs } = self;
        let billed = usable.billed.iter().map(|billed| billed.0 as f64);
        let interval = estimate.map(|estimate| estimate.interval(CONFIDENCE));
        let p95 = quantile_interval(&usable.durations, 0.95, CONFIDENCE);
        let percentile = |p| (usable.len() > 0).then(|| millis(quantile(&usable.durations, p)));
        Statistics {
            function_arn: group.size.function.clone(),
            architecture: group.size.architecture,
            memory_size: group.size.memory,
            group: group.by.as_deref().map(str::to_owned),
            starts,
            currency: costs.currency,
            invocations: usable.len() as u64,
            discarded: 2 * duration.map_or(0, |duration| duration.dropped as u64),
            outliers: outliers(&usable.durations) as u64,
            errors: group.errors(),
            function_errors: group.function_errors(),
            out_of_memory_errors: group.out_of_memory_errors(),
            cold_starts: usable.cold.len() as u64,
            environments: Some(group.environments() as u64).filter(|known| *known > 0),
            average_duration_ms: duration.map(|duration| millis(duration.mean)),
            average_billed_duration_ms: TrimmedMean::of(billed, share).map(|billed| billed.mean),
            average_cost: costs.average,
            mean_cost: costs.mean,
            request_cost: costs.request,
            restore_cost: costs.restore,
            total_cost: costs.total,
            min_duration_ms: percentile(0.0),
            p50_duration_ms: percentile(0.5),
            p90_duration_ms: percentile(0.9),
            p95_duration_ms: percentile(0.95),
            p95_duration_low_ms: p95.map(|(low, _)| millis(low)),
            p95_duration_high_ms: p95.map(|(_, high)| millis(high)),
            p99_duration_ms: percentile(0.99),
            max_duration_ms: percentile(1.0),
            stddev_duration_ms: sample_standard_deviation(usable.durations()).map(millis),
            average_duration_low_ms: interval.map(|(low, _)| low),
            average_duration_high_ms: interval.map(|(_, high)| high),
            average_cost_low: costs.interval.map(|(low, _)| Money(low)),
            average_cost_high: costs.interval.map(|(_, high)| Money(high)),
            confidence: interval.map(|_| CONFIDENCE),
            degrees_of_freedom: estimate.map(|estimate| estimate.degrees_of_freedom),
            average_init_duration_ms: TrimmedMean::of(usable.init.iter().copied(), share)
                .map(|init| millis(init.mean)),
            max_memory_used: group.max_memory_used,
            discard_top_bottom: share,
            cold_start_rate: None,
            strategy: options.rules.strategy,
            balanced_weight: options.rules.balanced_weight,
            objective: Some(options.objective).filter(|objective| *objective != Objective::Mean),
            score: None,
            rank: None,
            pareto: None,
            verdict: None,
            verdict_confidence: None,
            p_value: None,
        }
    }
}

fn millis(value: f64) -> Millis {
    Millis::new(value).expect("it is computed from finite values that are not negative")
}
