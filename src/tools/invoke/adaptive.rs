//! The adaptive measurement of one function: the sizes race, and only those that may be the best are measured further.

use futures_util::future::join_all;
use tokio::sync::mpsc;

use super::measure::{Measurement, Shared};
use super::{Recorder, refine};
use crate::decide::{Judgement, Limits, Race, Rules, Sent, Step, best, fails_often};
use crate::label::label;
use crate::message::{self, counted};
use crate::price::{PriceList, Rate};
use crate::records::{Configuration, Invocation, Measured, Outcome, Plan, Skipped, Strategy, Verdict};
use crate::report::percentage;
use crate::units::{BilledMillis, GbSeconds, MemoryMB, StorageMB};

/// How a function is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Adaptive {
    pub rules: Rules,
    pub limits: Limits,
    /// The most sizes that are added between those that were prepared.
    pub refine: usize,
}

impl Adaptive {
    /// Returns the number of invocations that a size gets at most.
    pub fn most(&self) -> u32 {
        (self.limits.wave + self.limits.max_per_size) as u32
    }
}

/// The waves that a size gets until one of them has warm starts.
const FIRST_WAVES: usize = 3;

/// The sizes of one function on one architecture.
pub(super) struct Sizes {
    adaptive: Adaptive,
    /// The plan of the function; None: it is not in the input.
    plan: Option<Plan>,
    price: Price,
    race: Race,
    /// By their numbers in the race.
    lanes: Vec<Lane>,
    /// Why larger sizes need not be measured.
    skips: Option<String>,
    /// Whether a wave was not sent because of its cost.
    is_over_budget: bool,
}

/// One size.
struct Lane {
    measurement: Measurement,
    /// The index of the next invocation.
    next: u32,
    waves: u32,
    cold_starts: usize,
    failures: u64,
    is_out_of_memory: bool,
}

impl Sizes {
    pub fn new(adaptive: Adaptive, plan: Option<Plan>) -> Sizes {
        let race = Race::new(adaptive.rules, adaptive.limits);
        // Another program's run is not added to.
        let plan = plan.filter(|plan| plan.run_id.id().is_some());
        let price = Price::of(plan.as_ref());
        Sizes { adaptive, plan, price, race, lanes: Vec::new(), skips: None, is_over_budget: false }
    }

    /// Measures the sizes as they come, and then those that may be the best.
    pub async fn run(mut self, mut sizes: mpsc::UnboundedReceiver<Measurement>, shared: &Shared<'_>) {
        while let Some(measurement) = sizes.recv().await {
            self.enter(measurement, shared).await;
        }
        // What is undecided between the sizes that were prepared does not matter if one between them is better.
        for _ in 0..self.adaptive.refine {
            if shared.stop.is_cancelled() || self.is_over_budget || !self.refine(shared).await {
                break;
            }
        }
        self.finish(shared).await;
        if !shared.stop.is_cancelled() {
            self.conclude();
        }
    }

    /// Measures the sizes that may be the best, until that is known.
    async fn finish(&mut self, shared: &Shared<'_>) {
        while !shared.stop.is_cancelled()
            && let Some(Step { size, count }) = self.race.step()
        {
            if !self.send_wave(size, count, self.race.round(), shared).await {
                self.race.step_back();
                return;
            }
        }
    }

    /// Adds a size between the best one and its neighbours. Returns whether there is one.
    async fn refine(&mut self, shared: &Shared<'_>) -> bool {
        let (Some(memory), Some(plan), Some(first)) =
            (self.race.proposal(), &self.plan, self.lanes.first().map(|lane| &lane.measurement))
        else {
            return false;
        };
        match refine::publish(&first.lambda, plan, memory, shared.recorder).await {
            Ok(None) => false,
            Ok(Some(configuration)) => {
                let measurement = first.of_another_size(configuration, shared);
                self.skips = None;
                self.enter(measurement, shared).await;
                true
            }
            Err(error) => {
                shared.recorder.failed_configuration.set(true);
                message::warning(format_args!(
                    "{}: {memory} MB, between the sizes, is not measured: {error}",
                    label(&plan.function_arn)
                ));
                false
            }
        }
    }

    /// Warms a size up and measures it for the first time, unless a smaller one shows that it is dearer.
    async fn enter(&mut self, measurement: Measurement, shared: &Shared<'_>) {
        let memory = measurement.configuration.memory_size;
        let smaller = |lane: &Lane| lane.measurement.configuration.memory_size < memory;
        let is_ascending = self.lanes.iter().all(smaller);
        if let Some(reason) = self.skips.as_ref().filter(|_| is_ascending) {
            shared.recorder.skip(&measurement.configuration, reason);
            return;
        }
        let lane =
            Lane { measurement, next: 0, waves: 0, cold_starts: 0, failures: 0, is_out_of_memory: false };
        let size = self.race.add_size(memory);
        self.lanes.push(lane);
        let wave = self.adaptive.limits.wave;
        for attempt in 0..=FIRST_WAVES {
            let round = u32::from(attempt > 0);
            let count = if round == 0 { wave } else { wave.min(self.race.left(size)) };
            let is_measured = self.race.count(size) >= wave || count == 0;
            if is_measured || shared.stop.is_cancelled() || !self.send_wave(size, count, round, shared).await
            {
                break;
            }
        }
        if self.race.is_clearly_dearer(size) {
            self.skips = self.comparison(size);
        }
    }

    /// Says how much dearer a size is than the cheapest.
    fn comparison(&self, size: usize) -> Option<String> {
        let judgements = self.race.judgements();
        let best = best(&judgements)?;
        let [this, cheapest] = [size, best].map(|at| judgements[at].map(|judgement| judgement.score.mean));
        let percent = 100.0 * (this? / cheapest? - 1.0);
        Some(format!("{} MB costs {percent:.0} % more than {} MB", self.memory(size), self.memory(best)))
    }

    fn memory(&self, size: usize) -> MemoryMB {
        self.lanes[size].measurement.configuration.memory_size
    }

    /// Sends so many invocations of a size together. Returns whether it could: `false` if that may pass the cost that is
    /// allowed.
    async fn send_wave(&mut self, size: usize, count: usize, round: u32, shared: &Shared<'_>) -> bool {
        let (memory, price) = (self.memory(size), &self.price);
        let Lane { measurement, next, waves, cold_starts, failures, is_out_of_memory } =
            &mut self.lanes[size];
        let Some(_reservation) = measurement.reserve(count as u64, shared).await else {
            self.is_over_budget |= !shared.stop.is_cancelled() && !measurement.is_given_up();
            return false;
        };
        let (first, known) = (*next, self.race.count(size));
        let sent = (first..first + count as u32)
            .map(|index| measurement.invoke_and_record(index, Some((round, *waves)), shared));
        let invocations: Vec<Invocation> = join_all(sent).await.into_iter().flatten().collect();
        for invocation in &invocations {
            let Ok(measured) = Measured::of(invocation) else {
                continue;
            };
            *cold_starts += usize::from(measured.is_cold_start());
            *failures += u64::from(invocation.outcome.is_function_error());
            let is_usable = invocation.outcome.is_usable() && !measured.is_cold_start();
            if let (true, Some(duration)) = (is_usable, measured.total_ms()) {
                let billed = invocation.billed_duration_ms.unwrap_or(BilledMillis(0));
                let cost = price.cost(memory, billed);
                self.race.note(size, Sent { round, wave: *waves, duration, cost });
            }
        }
        if round > 0 {
            let more = self.race.count(size) - known;
            self.race.note_without_value(size, count - more);
        }
        self.race.note_environments(size, (*cold_starts).max(invocations.len()));
        *next += count as u32;
        *waves += 1;
        *is_out_of_memory |= invocations.iter().any(|invocation| invocation.outcome == Outcome::OutOfMemory);
        // As lpt-analyze and lpt-select judge it: of the warm starts.
        let warm = self.race.count(size) as u64;
        let is_out =
            *is_out_of_memory || measurement.is_given_up() || fails_often(*failures, warm + *failures);
        self.race.set_out(size, is_out);
        true
    }

    /// Says what is known now.
    fn conclude(&self) {
        let Some(first) = self.lanes.first() else {
            return;
        };
        let name = label(&first.measurement.configuration.function_arn);
        let judgements = self.race.judgements();
        let sent: u32 = self.lanes.iter().map(|lane| lane.next).sum();
        let after = format!("after {}", counted(u64::from(sent), "invocation"));
        let why = match self.is_over_budget {
            true => "; --max-cost allows no more",
            false => "; more invocations would hardly tell",
        };
        let Some(best) = best(&judgements) else {
            let why = if self.is_over_budget { why } else { "" };
            message::warning(format_args!("{name}: no size is known to be the best {after}{why}"));
            return;
        };
        let of = |verdict| {
            let is = move |judgement: &Option<Judgement>| judgement.is_some_and(|of| of.verdict == verdict);
            let sizes = judgements.iter().enumerate().filter(move |(_, judgement)| is(judgement));
            sizes.map(|(size, _)| format!("{} MB", self.memory(size))).collect::<Vec<_>>().join(", ")
        };
        // Of a size without a warm start nothing is known.
        let unknown = (0..self.lanes.len())
            .filter(|size| judgements[*size].is_none() && self.race.is_in(*size))
            .map(|size| format!("{} MB", self.memory(size)));
        let undecided: Vec<String> = Some(of(Verdict::Undecided))
            .into_iter()
            .filter(|sizes| !sizes.is_empty())
            .chain(unknown)
            .collect();
        let (undecided, equivalent) = (undecided.join(", "), of(Verdict::Equivalent));
        let by = match self.adaptive.rules.strategy {
            Strategy::Cost => "the cheapest",
            Strategy::Speed => "the fastest",
            Strategy::Balanced => "the best balance",
        };
        let memory = self.memory(best);
        let tolerance = percentage(self.adaptive.rules.tolerance);
        if undecided.is_empty() && self.is_over_budget {
            message::note(format_args!(
                "{name}: {memory} MB is {by} of the sizes that were measured {after}{why}"
            ));
            return;
        }
        if undecided.is_empty() {
            let confidence = percentage(self.adaptive.rules.confidence);
            let others = match &*equivalent {
                "" => String::new(),
                sizes => format!("; within {tolerance} % of it: {sizes}"),
            };
            message::note(format_args!("{name}: {memory} MB is {by}: {confidence} % sure {after}{others}"));
            return;
        }
        message::note(format_args!(
            "{name}: {memory} MB looks like {by}, but {undecided} cannot be told apart from it {after}{why}"
        ));
    }
}

/// What an invocation costs beside others of its function.
enum Price {
    /// The price of a GB-second is the same at all sizes, so it need not be known.
    GbSeconds,
    /// `/tmp` beyond the free size costs by duration too.
    WithStorage(Rate, StorageMB),
}

impl Price {
    fn of(plan: Option<&Plan>) -> Price {
        let of_storage = || {
            let plan = plan?;
            let storage = plan.ephemeral_storage.filter(|storage| *storage > StorageMB::FREE)?;
            let region = plan.function_arn.region();
            let rate = PriceList::embedded().rate(region, plan.architecture, GbSeconds(0.0)).ok()?;
            rate.storage(storage, BilledMillis(0))?;
            Some(Price::WithStorage(rate, storage))
        };
        of_storage().unwrap_or(Price::GbSeconds)
    }

    fn cost(&self, memory: MemoryMB, billed: BilledMillis) -> f64 {
        match self {
            Price::GbSeconds => billed.0 as f64 * f64::from(memory.get()),
            Price::WithStorage(rate, storage) => rate.time(memory, Some(*storage), billed).0,
        }
    }
}

impl Recorder<'_> {
    /// Records that a size is not measured.
    fn skip(&self, configuration: &Configuration, reason: &str) {
        self.record(&Skipped {
            run_id: configuration.run_id.clone(),
            function_arn: configuration.function_arn.clone(),
            architecture: configuration.architecture,
            memory_size: configuration.memory_size,
            reason: reason.to_owned(),
        });
    }
}
