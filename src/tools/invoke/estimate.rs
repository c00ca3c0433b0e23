//! What the real run will do and cost, as far as a dry run tells: from its one invocation of each size.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::Options;
use super::budget::Budget;
use super::tally::in_money;
use crate::message::counted;
use crate::names::{Architecture, FunctionArn};
use crate::progress::in_words;
use crate::records::{Configuration, Invocation, SizeKey};
use crate::units::{BilledMillis, Currency, Money};

/// Returns the control-plane requests of a run. A version needs five: an update, a publication, an alias, and two
/// deletions. A function needs three, as `make bench` counts them: its restoration, and two lists for lpt-cleanup.
pub(crate) fn requests(functions: u64, versions: u64) -> u64 {
    versions * 5 + functions * 3
}

/// The sizes of a dry run.
#[derive(Debug)]
pub(super) struct Estimate {
    begun: Instant,
    sizes: BTreeMap<SizeKey, OfSize>,
}

/// What the real run will do at one size.
#[derive(Debug)]
struct OfSize {
    invocations: u32,
    /// Whether each invocation has a version of its own.
    only_cold_starts: bool,
    /// When the size can be invoked, after the beginning.
    ready: Duration,
    /// The first invocation, if it is usable.
    first: Option<Sample>,
}

/// The billed duration, and the time until the answer.
#[derive(Debug, Clone, Copy)]
struct Sample {
    cold: (BilledMillis, f64),
    warm: (BilledMillis, f64),
}

impl Sample {
    /// Returns what the first invocation tells of the others, which need no init phase. Lambda bills the duration
    /// rounded up to the millisecond: <https://aws.amazon.com/lambda/pricing/>
    fn of(invocation: &Invocation) -> Option<Sample> {
        let duration = invocation.duration_ms.filter(|_| invocation.outcome.is_usable())?;
        let init =
            invocation.init_duration_ms.or(invocation.restore_duration_ms).map_or(0.0, |init| init.get());
        let answered = invocation.client_duration_ms.unwrap_or(duration).get();
        let cold = (invocation.billed_duration_ms?, answered);
        Some(Sample { cold, warm: (BilledMillis(duration.get().ceil() as u64), (answered - init).max(0.0)) })
    }
}

impl Estimate {
    pub fn new() -> Estimate {
        Estimate { begun: Instant::now(), sizes: BTreeMap::new() }
    }

    /// Notes a size that gets so many invocations in the real run.
    pub fn expect(&mut self, configuration: &Configuration, invocations: u32) {
        let new = || OfSize {
            invocations,
            only_cold_starts: configuration.index.is_some(),
            ready: self.begun.elapsed(),
            first: None,
        };
        self.sizes.entry(configuration.size_key()).or_insert_with(new);
    }

    /// Notes an invocation of the dry run.
    pub fn note(&mut self, invocation: &Invocation) {
        if let Some(size) = self.sizes.get_mut(&invocation.size_key()) {
            size.first = size.first.or_else(|| Sample::of(invocation));
        }
    }

    /// Says what the real run will do; `None` if there is nothing to go by.
    pub fn in_words(&self, options: &Options, budget: &Budget) -> Option<String> {
        let known: Vec<_> =
            self.sizes.iter().filter_map(|(key, size)| Some((key, size, size.first?))).collect();
        if known.is_empty() {
            return None;
        }
        let invocations: u64 = known.iter().map(|(_, size, _)| u64::from(size.invocations)).sum();
        let versions = |size: &OfSize| if size.only_cold_starts { u64::from(size.invocations) } else { 1 };
        let versions: u64 = known.iter().map(|(_, size, _)| versions(size)).sum();
        let functions: BTreeSet<_> = known.iter().map(|(key, ..)| &key.function).collect();
        let requests = requests(functions.len() as u64, versions);
        let mut times = BTreeMap::<(&FunctionArn, Architecture), f64>::new();
        let mut total_ms = 0.0;
        let mut amounts = BTreeMap::<Currency, Money>::new();
        let mut is_priced = true;
        for (key, size, Sample { cold, warm }) in &known {
            let is_cold = size.only_cold_starts || (options.parallel && options.adaptive.is_none());
            let num = f64::from(size.invocations);
            let cold_starts = if is_cold { num } else { 1.0 };
            let of_all = cold.1 * cold_starts + warm.1 * (num - cold_starts);
            total_ms += of_all;
            let pauses = options.sleep_between_runs.as_secs_f64() * 1000.0 * (num - 1.0);
            let ready = size.ready.as_secs_f64() * 1000.0;
            let time = times.entry((&key.function, key.architecture)).or_default();
            // The sizes are measured side by side, but for those of a race.
            *time = match options.adaptive {
                Some(adaptive) => time.max(ready) + of_all / adaptive.limits.wave as f64,
                None if options.parallel => time.max(ready + cold.1),
                None => time.max(ready + of_all + pauses),
            };
            for (count, (billed, _), is_cold) in [(cold_starts, cold, true), (num - cold_starts, warm, false)]
            {
                match budget.cost(key, *billed, is_cold) {
                    Some((cost, currency)) => amounts.entry(currency).or_default().0 += count * cost.0,
                    None => is_priced = false,
                }
            }
        }
        let ms = times.into_values().fold(total_ms / options.concurrency.get() as f64, f64::max);
        let about = if options.adaptive.is_some() { "at most" } else { "about" };
        let most = if options.adaptive.is_some() { "at most " } else { "" };
        let cost =
            if is_priced { format!("{about} {}", in_money(&amounts)) } else { "an unknown cost".to_owned() };
        let mut text = format!(
            "estimate of the real run, from one invocation of each size: {}, {most}{}, about {}, {about} {}, {cost}",
            counted(known.len(), "size"),
            counted(invocations, "invocation"),
            counted(requests, "control-plane request"),
            in_words(Duration::from_secs_f64(ms / 1000.0)),
        );
        if options.pre_processor.is_some() || options.post_processor.is_some() {
            text += ", without the processors";
        }
        let unknown = self.sizes.len() - known.len();
        if unknown > 0 {
            text += &format!("; {} without a usable invocation left out", counted(unknown, "size"));
        }
        Some(text)
    }
}
