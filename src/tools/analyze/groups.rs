//! All invocations in groups by size. Most take 16 bytes, so a hundred million of them fit into the memory of a laptop.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::repeats::{Fingerprint, Fingerprints, Repeats};
use crate::decide::Wave;
use crate::records::{Measured, Outcome, RunName, SizeKey, Starts};
use crate::units::BilledMillis;

/// The number of a group, in the order in which the sizes were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GroupId(pub u32);

/// An invocation on its way to its group.
pub(super) struct Row {
    pub group: GroupId,
    fingerprint: Fingerprint,
    max_memory_used: Option<u32>,
    figures: Figures,
}

enum Figures {
    Plain(Plain),
    /// With the run of its wave.
    Other(Box<(Other, Option<RunName>)>),
}

impl Row {
    pub fn of(group: GroupId, measured: &Measured, fingerprints: &Fingerprints) -> Row {
        let figures = match Plain::of(measured) {
            Some(plain) => Figures::Plain(plain),
            None => Figures::Other(Box::new((Other::of(measured), measured.run_of_wave.clone()))),
        };
        Row {
            group,
            fingerprint: fingerprints.of(&measured.identification),
            max_memory_used: measured.max_memory_used,
            figures,
        }
    }
}

/// A usable invocation with a warm start of a run that is not adaptive, as most are: its duration in microseconds in the upper half, and its billed
/// duration in milliseconds in the lower one. So they sort by duration.
///
/// Lambda reports durations with two or three decimals, and at most 15 minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Plain(u64);

impl Plain {
    fn of(measured: &Measured) -> Option<Plain> {
        let is_of_adaptive_run = measured.wave.is_some();
        if !measured.outcome.is_usable()
            || is_of_adaptive_run
            || measured.is_cold_start()
            || measured.has_start_figures()
        {
            return None;
        }
        let BilledMillis(billed) = measured.billed?;
        let duration = measured.duration?.get();
        let micros = (duration * 1000.0 + 0.5) as u32;
        let plain = Plain(u64::from(micros) << 32 | u64::from(u32::try_from(billed).ok()?));
        (plain.duration().to_bits() == duration.to_bits()).then_some(plain)
    }

    fn duration(self) -> f64 {
        (self.0 >> 32) as f64 / 1000.0
    }

    fn billed(self) -> BilledMillis {
        BilledMillis(self.0 & u64::from(u32::MAX))
    }
}

/// Any other invocation.
struct Other {
    /// The number of plain ones before it.
    plain_before: usize,
    fingerprint: Fingerprint,
    outcome: Outcome,
    is_cold: bool,
    /// Whether it is billed for longer than it ran, and nothing says that it was a cold start.
    has_unexplained_bill: bool,
    /// Duration + init + restore.
    duration: Option<f64>,
    init: Option<f64>,
    /// The time that the start took, if the record tells.
    start: Option<f64>,
    billed: Option<BilledMillis>,
    billed_restore: Option<BilledMillis>,
    /// The wave, and the round, if it is of an adaptive run.
    sent: Option<(Wave, u32)>,
}

impl Other {
    fn of(measured: &Measured) -> Other {
        Other {
            plain_before: 0,
            fingerprint: Fingerprint::NONE,
            outcome: measured.outcome,
            is_cold: measured.is_cold_start(),
            has_unexplained_bill: measured.has_unexplained_bill(),
            duration: measured.total_ms(),
            init: measured.init.map(|init| init.get()),
            start: measured.start_ms(),
            billed: measured.billed,
            billed_restore: measured.billed_restore,
            // The group numbers its runs.
            sent: measured.wave.map(|number| Wave { run: 0, number }).zip(measured.round),
        }
    }

    fn is_answered(&self) -> bool {
        self.outcome.is_charged() && !self.outcome.is_function_error()
    }
}

/// The invocations of one function on one architecture with one memory size.
pub(super) struct Group {
    pub size: SizeKey,
    /// The values of the fields by which invocations are grouped, if they are.
    pub by: Option<Arc<str>>,
    plain: Vec<Plain>,
    fingerprints: Vec<Fingerprint>,
    others: Vec<Other>,
    /// The adaptive runs, by their numbers.
    runs: Vec<Option<RunName>>,
    /// The most memory that an invocation used, in MB. One that failed for lack of memory used the most.
    pub max_memory_used: Option<u32>,
}

impl Group {
    pub fn new(size: SizeKey, by: Option<Arc<str>>) -> Group {
        Group {
            size,
            by,
            plain: Vec::new(),
            fingerprints: Vec::new(),
            others: Vec::new(),
            runs: Vec::new(),
            max_memory_used: None,
        }
    }

    pub fn push(&mut self, row: Row) {
        self.max_memory_used = self.max_memory_used.max(row.max_memory_used);
        match row.figures {
            Figures::Plain(plain) => {
                self.plain.push(plain);
                self.fingerprints.push(row.fingerprint);
            }
            Figures::Other(other) => {
                let (mut other, run) = *other;
                (other.plain_before, other.fingerprint) = (self.plain.len(), row.fingerprint);
                if let Some((wave, _)) = &mut other.sent {
                    wave.run = self.number_of(run);
                }
                self.others.push(other);
            }
        }
    }

    /// Returns the number of an adaptive run.
    fn number_of(&mut self, run: Option<RunName>) -> u32 {
        // Most often it is that of the invocation before.
        let known = self.runs.iter().rposition(|known| *known == run);
        let number = known.unwrap_or_else(|| {
            self.runs.push(run);
            self.runs.len() - 1
        });
        number.try_into().expect("fewer runs than lines fit into memory")
    }

    /// Returns the number of invocations, including those that failed.
    pub fn len(&self) -> usize {
        self.plain.len() + self.others.len()
    }

    /// Leaves out the repeats: of equal invocations, the first counts. Returns their number. Sorts the others.
    pub fn settle(&mut self) -> u64 {
        let all = self.len();
        let fingerprints = std::mem::take(&mut self.fingerprints);
        let of_others = self.others.iter().map(|other| other.fingerprint);
        if let Some(mut repeats) = Repeats::among(fingerprints.iter().copied().chain(of_others), all) {
            let mut in_order = self.others.iter().peekable();
            let mut is_first_other = Vec::with_capacity(self.others.len());
            let mut is_first_plain = Vec::with_capacity(self.plain.len());
            for at in 0..=self.plain.len() {
                while let Some(other) = in_order.next_if(|other| other.plain_before <= at) {
                    is_first_other.push(repeats.is_first(other.fingerprint));
                }
                is_first_plain.extend(fingerprints.get(at).map(|fingerprint| repeats.is_first(*fingerprint)));
            }
            keep(&mut self.plain, is_first_plain);
            keep(&mut self.others, is_first_other);
        }
        drop(fingerprints);
        self.plain.sort_unstable();
        (all - self.len()) as u64
    }

    fn count(&self, is_counted: impl Fn(&Other) -> bool) -> u64 {
        self.others.iter().filter(|other| is_counted(other)).count() as u64
    }

    /// Returns the number of invocations that failed.
    pub fn errors(&self) -> u64 {
        self.count(|other| !other.outcome.is_usable())
    }

    /// Returns the number of invocations in which the function failed: with an error, out of memory, or out of time.
    pub fn function_errors(&self) -> u64 {
        self.count(|other| other.outcome.is_function_error())
    }

    /// Returns the number of invocations in which the function ran out of memory.
    pub fn out_of_memory_errors(&self) -> u64 {
        self.count(|other| other.outcome == Outcome::OutOfMemory)
    }

    /// Returns the number of invocations that reached the function and whose billed duration is unknown.
    pub fn unbilled(&self) -> u64 {
        self.count(|other| other.outcome.is_charged() && other.billed.is_none())
    }

    /// Returns the number of invocations that reached the function, so that a request was charged.
    pub fn charged(&self) -> u64 {
        self.plain.len() as u64 + self.count(|other| other.outcome.is_charged())
    }

    /// Returns the last round of each adaptive run among them.
    pub fn rounds(&self) -> BTreeMap<Option<RunName>, u32> {
        let mut last = BTreeMap::<u32, u32>::new();
        for (wave, round) in self.others.iter().filter_map(|other| other.sent) {
            let last = last.entry(wave.run).or_default();
            *last = round.max(*last);
        }
        last.into_iter().map(|(run, round)| (self.runs[run as usize].clone(), round)).collect()
    }

    /// Returns the number of execution environments that are known: each cold start began one, and the invocations of a
    /// wave were in as many. Each run has its own, because its versions are its own.
    pub fn environments(&self) -> usize {
        let (mut waves, mut of_runs) = (BTreeMap::<Wave, usize>::new(), BTreeMap::<u32, usize>::new());
        for (wave, _) in self.others.iter().filter_map(|other| other.sent) {
            let in_wave = waves.entry(wave).or_default();
            *in_wave += 1;
            let most = of_runs.entry(wave.run).or_default();
            *most = (*in_wave).max(*most);
        }
        let cold_starts = self.count(|other| other.is_cold) as usize;
        of_runs.into_values().sum::<usize>().max(cold_starts)
    }

    /// Returns the number of those that were cold starts.
    pub fn cold_starts(&self) -> u64 {
        self.count(|other| other.outcome.is_charged() && other.is_cold)
    }

    /// Returns the total billed duration, including that of failed invocations.
    pub fn billed_duration(&self) -> BilledMillis {
        let of_plain = self.plain.iter().map(|plain| plain.billed());
        let of_others = self.others.iter().filter_map(|other| other.billed);
        BilledMillis(of_plain.chain(of_others).map(|BilledMillis(billed)| billed).sum())
    }

    /// Returns what AWS Lambda Power Tuning counts: the invocations that the function answered, warm or cold.
    pub fn answered(&self) -> Answered {
        let others = || self.others.iter().filter(|other| other.is_answered());
        let millis = |billed: Option<BilledMillis>| billed.map_or(0, |BilledMillis(billed)| billed);
        let durations = self.plain.iter().map(|plain| plain.duration());
        let billed = self.plain.iter().map(|plain| millis(Some(plain.billed())) as f64);
        let billed_of = |other: &Other| (millis(other.billed) + millis(other.billed_restore)) as f64;
        Answered {
            durations: durations.chain(others().map(|other| other.duration.unwrap_or_default())).collect(),
            billed: billed.chain(others().map(billed_of)).collect(),
            all: others().count() == self.others.len(),
        }
    }

    /// Returns the usable invocations with these starts, by ascending duration. The group is settled.
    pub fn usable(&self, starts: Starts) -> Usable {
        let plain: &[Plain] = if starts == Starts::Cold { &[] } else { &self.plain };
        let is_used = |other: &&Other| {
            other.outcome.is_usable()
                && match starts {
                    Starts::All => true,
                    Starts::Warm => !other.is_cold,
                    Starts::Cold => other.is_cold,
                }
        };
        let mut others: Vec<(f64, BilledMillis, &Other)> = (self.others.iter().filter(is_used))
            .filter_map(|other| Some((other.duration?, other.billed?, other)))
            .collect();
        others.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut init: Vec<f64> = others.iter().filter_map(|(_, _, other)| other.init).collect();
        init.sort_by(f64::total_cmp);
        let mut usable = Usable {
            durations: Vec::with_capacity(plain.len() + others.len()),
            billed: Vec::with_capacity(plain.len() + others.len()),
            init,
            cold: Vec::new(),
            waves: Vec::new(),
            rounds: Vec::new(),
            unexplained_bills: 0,
        };
        let mut plain = plain.iter().map(|plain| (plain.duration(), plain.billed())).peekable();
        for (duration, billed, other) in others {
            while let Some(before) = plain.next_if(|before| *before <= (duration, billed)) {
                usable.push(before);
            }
            if other.is_cold {
                usable.cold.push(ColdStart { rank: usable.durations.len(), start: other.start });
            }
            if let Some((wave, round)) = other.sent {
                usable.waves.push((usable.durations.len(), wave));
                usable.rounds.push(round);
            }
            usable.unexplained_bills += u64::from(other.has_unexplained_bill);
            usable.push((duration, billed));
        }
        plain.for_each(|plain| usable.push(plain));
        usable
    }
}

/// Keeps the items that are to be kept.
fn keep<T>(items: &mut Vec<T>, is_kept: Vec<bool>) {
    let mut is_kept = is_kept.into_iter();
    items.retain(|_| is_kept.next() == Some(true));
}

/// Invocations as AWS Lambda Power Tuning counts them: without a report, all their times are 0.
pub(super) struct Answered {
    /// Duration + init + restore.
    pub durations: Vec<f64>,
    /// Billed duration + billed restore duration, although the first includes the second.
    pub billed: Vec<f64>,
    /// Whether the group has no other invocations.
    pub all: bool,
}

/// The invocations whose durations count, by ascending duration. There may be none.
pub(super) struct Usable {
    /// Duration + init + restore.
    pub durations: Vec<f64>,
    /// In the order of the durations.
    pub billed: Vec<BilledMillis>,
    /// The init durations that were reported, in ascending order.
    pub init: Vec<f64>,
    /// The cold starts, in the order of the durations.
    pub cold: Vec<ColdStart>,
    /// The places of those that were sent in waves, each with its wave, in the order of the durations.
    pub waves: Vec<(usize, Wave)>,
    /// The rounds in which they were sent.
    pub rounds: Vec<u32>,
    /// The number of those that are billed for longer than they ran, and nothing says why.
    pub unexplained_bills: u64,
}

/// A cold start among the usable invocations.
pub(super) struct ColdStart {
    /// Its index in the order of the durations.
    pub rank: usize,
    /// The time that the start took, in milliseconds, if the record tells.
    pub start: Option<f64>,
}

impl Usable {
    pub fn len(&self) -> usize {
        self.durations.len()
    }

    /// Returns duration + init + restore, in ascending order.
    pub fn durations(&self) -> impl ExactSizeIterator<Item = f64> + Clone {
        self.durations.iter().copied()
    }

    fn push(&mut self, (duration, billed): (f64, BilledMillis)) {
        self.durations.push(duration);
        self.billed.push(billed);
    }
}
