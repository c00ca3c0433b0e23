//! Which size is measured next, until it is known which one is the best: a race by successive elimination.
//!
//! E. Even-Dar, S. Mannor and Y. Mansour, "Action elimination and stopping conditions for the multi-armed bandit and
//! reinforcement learning problems", Journal of Machine Learning Research 7 (2006), 1079–1105.

use super::verdict::Test;
use super::{Judgement, Rules, Sample, judge};
use crate::records::{Strategy, Verdict};
use crate::statistics::{Comparison, DEFAULT_TRIMMING, Estimate};
use crate::units::MemoryMB;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The invocations of a wave, which are in flight together.
    pub wave: usize,
    /// The most invocations of a size, without those of its warm-up.
    pub max_per_size: usize,
}

/// The invocations that come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The number of the size, in the order in which the sizes were added.
    pub size: usize,
    /// The number of invocations.
    pub count: usize,
}

/// The sizes of one function, and what was measured of them so far.
#[derive(Debug, Clone)]
pub struct Race {
    rules: Rules,
    limits: Limits,
    sizes: Vec<Runner>,
    round: u32,
}

/// The standard errors by which a difference may in truth be another one.
const DOUBT: f64 = 2.0;

/// The ratio of two sizes that differ too little to measure one between them.
const CLOSE: f64 = 1.15;

#[derive(Debug, Clone)]
struct Runner {
    memory: MemoryMB,
    /// By ascending duration.
    values: Vec<Value>,
    environments: usize,
    /// Whether it cannot be selected, because the function fails at it.
    is_out: bool,
}

/// A usable invocation with a warm start.
#[derive(Debug, Clone, Copy)]
struct Value {
    wave: u32,
    duration: f64,
    cost: f64,
}

impl Race {
    /// Starts a race without any size.
    pub fn new(rules: Rules, limits: Limits) -> Race {
        Race { rules, limits, sizes: Vec::new(), round: 1 }
    }

    /// Adds a size, and returns its number. The sizes come in ascending order.
    pub fn add_size(&mut self, memory: MemoryMB) -> usize {
        self.sizes.push(Runner { memory, values: Vec::new(), environments: 0, is_out: false });
        self.sizes.len() - 1
    }

    /// Notes a usable invocation with a warm start, of the wave that has this number in its size.
    pub fn note(&mut self, size: usize, wave: u32, duration_ms: f64, billed_ms: f64) {
        let Runner { memory, values, .. } = &mut self.sizes[size];
        // The price of a GB-second is the same at all sizes.
        let cost = billed_ms * f64::from(memory.get());
        let place = values.partition_point(|value| value.duration <= duration_ms);
        values.insert(place, Value { wave, duration: duration_ms, cost });
    }

    /// Notes that so many execution environments of a size are known.
    pub fn note_environments(&mut self, size: usize, environments: usize) {
        let known = &mut self.sizes[size].environments;
        *known = (*known).max(environments);
    }

    /// Leaves out a size at which the function fails.
    pub fn leave_out(&mut self, size: usize) {
        self.sizes[size].is_out = true;
    }

    /// Returns the number of invocations of a size that were noted.
    pub fn count(&self, size: usize) -> usize {
        self.sizes[size].values.len()
    }

    /// Returns the round: 1 until each size has its first wave.
    pub fn round(&self) -> u32 {
        self.round
    }

    /// Returns the judgement on each size after this round.
    pub fn judgements(&self) -> Vec<Option<Judgement>> {
        let samples: Vec<Option<Sample>> = self.sizes.iter().map(Runner::sample).collect();
        let known: Vec<Sample> = samples.iter().flatten().copied().collect();
        let mut judgements = judge(&self.rules, &known, Some(self.round)).into_iter();
        samples.iter().map(|sample| sample.and_then(|_| judgements.next().flatten())).collect()
    }

    /// Whether a size is so much dearer than the cheapest that larger ones need not be measured, by the strategy cost.
    pub fn is_clearly_dearer(&self, size: usize) -> bool {
        let judgements = self.judgements();
        let best = judgements.iter().flatten().find(|judgement| judgement.verdict == Verdict::Best);
        let (Some(Some(this)), Some(best)) = (judgements.get(size), best) else {
            return false;
        };
        self.rules.strategy == Strategy::Cost
            && this.verdict == Verdict::Worse
            && this.score.mean > best.score.mean * (1.0 + self.rules.tolerance)
    }

    /// Returns the next invocations; `None` if nothing is undecided, or no more may be measured.
    ///
    /// They are of the best size or of its closest rival, whichever takes more of the variance of their difference for
    /// its money.
    pub fn step(&mut self) -> Option<Step> {
        let judgements = self.judgements();
        let verdict = |verdict| {
            let of = move |(at, judgement): (usize, &Option<Judgement>)| Some((at, (*judgement)?));
            judgements
                .iter()
                .enumerate()
                .filter_map(of)
                .filter(move |(_, judgement)| judgement.verdict == verdict)
        };
        let best = verdict(Verdict::Best).next()?;
        let mut rivals: Vec<(usize, Judgement)> = verdict(Verdict::Undecided).collect();
        rivals.sort_by(|(_, a), (_, b)| b.p_value.unwrap_or(1.0).total_cmp(&a.p_value.unwrap_or(1.0)));
        let test = Test::new(&self.rules, judgements.iter().flatten().count(), Some(self.round + 1));
        let step =
            rivals.into_iter().filter(|rival| self.may_be_decided(&test, rival, &best)).find_map(|rival| {
                let open = [best, rival].into_iter().filter(|(at, _)| self.left(*at) > 0);
                let gain = |(at, judgement): &(usize, Judgement)| {
                    let (count, wave) = (self.sizes[*at].values.len() as f64, self.limits.wave as f64);
                    let within = judgement.score.standard_error.powi(2) - judgement.floor.powi(2);
                    let variance = within * wave / (count + wave);
                    variance / self.sizes[*at].cost_of_one()
                };
                let (size, _) = open.max_by(|a, b| gain(a).total_cmp(&gain(b)))?;
                Some(Step { size, count: self.left(size).min(self.limits.wave) })
            });
        self.round += u32::from(step.is_some());
        step
    }

    /// Returns the size that is worth measuring next between the best and its neighbours; `None` if they are close.
    pub fn proposal(&self) -> Option<MemoryMB> {
        let judgements = self.judgements();
        let is_best = |judgement: &Option<Judgement>| judgement.is_some_and(|j| j.verdict == Verdict::Best);
        let best = f64::from(self.sizes[judgements.iter().position(is_best)?].memory.get());
        let measured = |at: usize| judgements[at].map(|judgement| judgement.score.mean);
        let others = (0..self.sizes.len()).map(|at| (f64::from(self.sizes[at].memory.get()), measured(at)));
        let others: Vec<(f64, Option<f64>)> = others.collect();
        let below = others.iter().filter(|(memory, _)| *memory < best).max_by(|a, b| a.0.total_cmp(&b.0));
        let above = others.iter().filter(|(memory, _)| *memory > best).min_by(|a, b| a.0.total_cmp(&b.0));
        // The wider gap may hide more.
        let widest = [below, above].into_iter().flatten().max_by(|a, b| {
            let ratio = |other: &(f64, Option<f64>)| (other.0 / best).ln().abs();
            ratio(a).total_cmp(&ratio(b))
        })?;
        let is_close = (widest.0 / best).ln().abs() < CLOSE.ln();
        let between = (widest.0 * best).sqrt().round();
        MemoryMB::new(between as u32).filter(|_| !is_close)
    }

    /// Whether all invocations that are left may decide between a rival and the best, if their difference is in truth
    /// farther from, or closer to, 0 by its standard error. Otherwise they would be wasted.
    fn may_be_decided(&self, test: &Test, rival: &(usize, Judgement), best: &(usize, Judgement)) -> bool {
        let at_last = |(at, judgement): &(usize, Judgement)| {
            let share = self.sizes[*at].values.len() as f64 / self.limits.max_per_size as f64;
            let (now, floor) = (judgement.score.standard_error.powi(2), judgement.floor.powi(2));
            Estimate { standard_error: (floor + (now - floor) * share).sqrt(), ..judgement.score }
        };
        let (rival_at_last, best_at_last) = (at_last(rival), at_last(best));
        let doubt = DOUBT * Comparison::of(&rival.1.score, &best.1.score).standard_error;
        [doubt, -doubt].into_iter().any(|shift| {
            let shifted = Estimate { mean: rival_at_last.mean + shift, ..rival_at_last };
            test.verdict(&shifted, &best_at_last).0 != Verdict::Undecided
        })
    }

    /// Returns the number of invocations that a size may still have.
    fn left(&self, size: usize) -> usize {
        self.limits.max_per_size.saturating_sub(self.sizes[size].values.len())
    }
}

impl Runner {
    fn sample(&self) -> Option<Sample> {
        let of = |quantity: fn(&Value) -> f64| self.values.iter().map(quantity);
        let waves: Vec<(usize, u32)> = self.values.iter().map(|value| value.wave).enumerate().collect();
        let (durations, costs) = (of(|value| value.duration), of(|value| value.cost));
        Sample::of(durations, costs, DEFAULT_TRIMMING, &waves, self.environments, !self.is_out)
    }

    fn cost_of_one(&self) -> f64 {
        self.values.iter().map(|value| value.cost).sum::<f64>() / self.values.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::BalancedWeight;

    const LIMITS: Limits = Limits { wave: 3, max_per_size: 20 };

    fn race(strategy: Strategy) -> Race {
        let balanced_weight = BalancedWeight::default();
        Race::new(Rules { strategy, balanced_weight, confidence: 0.95, tolerance: 0.05 }, LIMITS)
    }

    fn memory(size: u32) -> MemoryMB {
        MemoryMB::new(size).expect("a memory size")
    }

    /// Notes a wave: the durations are around `mean`, 3 % apart.
    fn note(race: &mut Race, size: usize, wave: u32, mean: f64, count: usize) {
        for environment in 0..count {
            let duration = mean * (1.0 + 0.03 * (environment as f64 - 1.0) + 0.002 * f64::from(wave % 3));
            race.note(size, wave, duration, duration.ceil());
        }
        race.note_environments(size, 3);
    }

    /// Runs a race to its end. Returns the number of invocations of each size, and the verdicts.
    fn run(mut race: Race, means: &[(u32, f64)]) -> (Vec<usize>, Vec<Verdict>) {
        let mut waves = vec![0; means.len()];
        for (size, mean) in means {
            let size = race.add_size(memory(*size));
            note(&mut race, size, 0, *mean, LIMITS.wave);
        }
        while let Some(Step { size, count }) = race.step() {
            waves[size] += 1;
            note(&mut race, size, waves[size], means[size].1, count);
        }
        let counts = race.sizes.iter().map(|size| size.values.len()).collect();
        (counts, race.judgements().into_iter().flatten().map(|judgement| judgement.verdict).collect())
    }

    #[test]
    fn what_is_clear_at_once_costs_one_wave_a_size() {
        let means = [(128, 8000.0), (256, 3000.0), (512, 2000.0)];
        assert_eq!(
            run(race(Strategy::Cost), &means),
            (vec![3; 3], vec![Verdict::Worse, Verdict::Best, Verdict::Worse])
        );
        assert_eq!(run(race(Strategy::Speed), &means).1, [Verdict::Worse, Verdict::Worse, Verdict::Best]);
    }

    #[test]
    fn more_is_spent_on_the_best_and_its_rivals_only_and_no_more_than_allowed() {
        let (counts, verdicts) = run(race(Strategy::Cost), &[(128, 4000.0), (256, 2040.0), (512, 2000.0)]);
        assert_eq!(counts[2], 3);
        assert!(
            counts[0] + counts[1] > 6 && counts.iter().all(|count| *count <= LIMITS.max_per_size),
            "{counts:?}"
        );
        assert_eq!(verdicts[2], Verdict::Worse);
    }

    #[test]
    fn larger_sizes_are_skipped_only_by_cost() {
        for (strategy, expected) in [(Strategy::Cost, [false, true]), (Strategy::Speed, [false, false])] {
            let mut race = race(strategy);
            let is_dearer = [(128, 1000.0), (256, 990.0)].map(|(size, mean)| {
                let size = race.add_size(memory(size));
                note(&mut race, size, 0, mean, 3);
                race.is_clearly_dearer(size)
            });
            assert_eq!(is_dearer, expected);
        }
    }

    #[test]
    fn a_size_that_fails_is_out_of_the_race() {
        let mut race = race(Strategy::Cost);
        for mean in [1000.0, 100.0] {
            let size = race.add_size(memory(128));
            note(&mut race, size, 0, mean, 3);
        }
        race.leave_out(1);
        let verdicts = race.judgements().into_iter().map(|judgement| judgement.map(|of| of.verdict));
        assert_eq!(verdicts.collect::<Vec<_>>(), [Some(Verdict::Best), None]);
        assert_eq!(race.step(), None);
    }

    #[test]
    fn a_proposal_lies_between_the_best_and_its_farther_neighbour() {
        let mut race = race(Strategy::Cost);
        for (size, mean) in [(128, 9000.0), (512, 1000.0), (1024, 900.0)] {
            let size = race.add_size(memory(size));
            note(&mut race, size, 0, mean, 3);
        }
        assert_eq!(race.proposal(), Some(memory(256)));
    }
}
