//! Which size is measured next, until it is known which one is the best: a race by successive elimination.
//!
//! E. Even-Dar, S. Mannor and Y. Mansour, "Action elimination and stopping conditions for the multi-armed bandit and
//! reinforcement learning problems", Journal of Machine Learning Research 7 (2006), 1079–1105.

use super::verdict::{Test, Wave};
use super::{Judgement, Rules, Sample, best, judge};
use crate::records::{Strategy, Verdict};
use crate::statistics::{Comparison, DEFAULT_TRIMMING, Estimate, expected_loss};
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

/// The value of information, relative to the score of the best, below which no more is measured for it.
const LEAST_VALUE: f64 = 0.0005;

/// The ratio of two sizes that differ too little to measure one between them.
const CLOSE: f64 = 1.15;

#[derive(Debug, Clone)]
struct Runner {
    memory: MemoryMB,
    /// By ascending duration.
    values: Vec<Sent>,
    /// The number of invocations that gave no value, because they started cold or failed.
    without_value: usize,
    environments: usize,
    /// Whether it cannot be selected, because the function fails at it.
    is_out: bool,
    /// Whether a round has shown that it is worse.
    is_eliminated: bool,
}

/// A usable invocation with a warm start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sent {
    /// The round in which it was sent.
    pub round: u32,
    /// The wave, among those of its size.
    pub wave: u32,
    /// The duration in milliseconds.
    pub duration: f64,
    /// The cost, in any unit.
    pub cost: f64,
}

impl Race {
    /// Starts a race without any size.
    pub fn new(rules: Rules, limits: Limits) -> Race {
        Race { rules, limits, sizes: Vec::new(), round: 1 }
    }

    /// Adds a size, and returns its number. The sizes come in ascending order.
    pub fn add_size(&mut self, memory: MemoryMB) -> usize {
        self.sizes.push(Runner {
            memory,
            values: Vec::new(),
            without_value: 0,
            environments: 0,
            is_out: false,
            is_eliminated: false,
        });
        self.sizes.len() - 1
    }

    /// Notes an invocation of a size.
    pub fn note(&mut self, size: usize, sent: Sent) {
        let values = &mut self.sizes[size].values;
        values.insert(values.partition_point(|value| value.duration <= sent.duration), sent);
    }

    /// Notes that so many invocations of a size, beside those of its warm-up, gave no value. They count, so that a race
    /// ends whatever the invocations bring.
    pub fn note_without_value(&mut self, size: usize, count: usize) {
        self.sizes[size].without_value += count;
    }

    /// Notes that so many execution environments of a size are known.
    pub fn note_environments(&mut self, size: usize, environments: usize) {
        let known = &mut self.sizes[size].environments;
        *known = (*known).max(environments);
    }

    /// Notes whether a size cannot be selected, because the function fails at it.
    pub fn set_out(&mut self, size: usize, is_out: bool) {
        self.sizes[size].is_out = is_out;
    }

    /// Whether a size may still be selected.
    pub fn is_in(&self, size: usize) -> bool {
        !self.sizes[size].is_out
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
        let places: Vec<usize> = (0..samples.len()).filter(|at| samples[*at].is_some()).collect();
        let known: Vec<Sample> = samples.into_iter().flatten().collect();
        let is_eliminated = |at: usize| self.sizes[places[at]].is_eliminated;
        let mut judgements = vec![None; self.sizes.len()];
        for (at, judgement) in places.iter().zip(judge(&self.rules, &known, Some(self.round), is_eliminated))
        {
            judgements[*at] = judgement;
        }
        judgements
    }

    /// Ends the round: the sizes that it shows to be worse are out of the race. The next one begins with invocations.
    fn eliminate(&mut self, judgements: &[Option<Judgement>]) {
        for (runner, judgement) in self.sizes.iter_mut().zip(judgements) {
            runner.is_eliminated |= judgement.is_some_and(|judgement| judgement.verdict == Verdict::Worse);
        }
    }

    /// Whether a size is so much dearer than the cheapest that larger ones need not be measured, by the strategy cost.
    pub fn is_clearly_dearer(&self, size: usize) -> bool {
        let judgements = self.judgements();
        let best = best(&judgements).and_then(|best| judgements[best]);
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
        self.eliminate(&judgements);
        let best = best(&judgements).and_then(|best| Some((best, judgements[best]?)))?;
        let known = judgements.iter().enumerate().filter_map(|(at, judgement)| Some((at, (*judgement)?)));
        let mut rivals: Vec<(usize, Judgement)> =
            known.filter(|(_, judgement)| judgement.verdict == Verdict::Undecided).collect();
        rivals.sort_by(|(_, a), (_, b)| b.p_value.unwrap_or(1.0).total_cmp(&a.p_value.unwrap_or(1.0)));
        let test = Test::new(&self.rules, judgements.iter().flatten().count(), Some(self.round + 1));
        let is_worth_it = |rival: &(usize, Judgement)| {
            self.may_be_decided(&test, rival, &best)
                || self.value(rival, &best) > LEAST_VALUE * best.1.score.mean
        };
        let step = rivals.into_iter().filter(is_worth_it).find_map(|rival| {
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

    /// Takes the last step back, because its invocations are not made.
    pub fn step_back(&mut self) {
        self.round -= 1;
    }

    /// Returns the size that is worth measuring next between the best and its neighbours; `None` if they are close.
    pub fn proposal(&self) -> Option<MemoryMB> {
        let judgements = self.judgements();
        let megabytes = |runner: &Runner| f64::from(runner.memory.get());
        let best = megabytes(&self.sizes[best(&judgements)?]);
        let others = || self.sizes.iter().map(megabytes);
        let below = others().filter(|memory| *memory < best).max_by(f64::total_cmp);
        let above = others().filter(|memory| *memory > best).min_by(f64::total_cmp);
        // The wider gap may hide more.
        let gap = |other: f64| (other / best).ln().abs();
        let widest = [below, above].into_iter().flatten().max_by(|a, b| gap(*a).total_cmp(&gap(*b)))?;
        let between = (widest * best).sqrt().round();
        MemoryMB::new(between as u32).filter(|_| gap(widest) >= CLOSE.ln())
    }

    /// Whether all invocations that are left may decide between a rival and the best, if their difference is in truth
    /// farther from, or closer to, 0 by its standard error.
    fn may_be_decided(&self, test: &Test, rival: &(usize, Judgement), best: &(usize, Judgement)) -> bool {
        let at_last = |of: &(usize, Judgement)| {
            let standard_error = (of.1.score.standard_error.powi(2) - self.reducible(of)).sqrt();
            Estimate { standard_error, ..of.1.score }
        };
        let (rival_at_last, best_at_last) = (at_last(rival), at_last(best));
        let doubt = DOUBT * Comparison::of(&rival.1.score, &best.1.score).standard_error;
        [doubt, -doubt].into_iter().any(|shift| {
            let shifted = Estimate { mean: rival_at_last.mean + shift, ..rival_at_last };
            test.verdict(&shifted, &best_at_last).0 != Verdict::Undecided
        })
    }

    /// Returns by how much the size that is chosen is expected to be better after all invocations that are left, because
    /// they may show that the rival is the better one: the expected value of sample information.
    ///
    /// H. Raiffa and R. Schlaifer, "Applied statistical decision theory" (1961), chapter 5; S. E. Chick and K. Inoue, "New
    /// two-stage and sequential procedures for selecting the best simulated system", Operations Research 49 (2001), 732–743.
    fn value(&self, rival: &(usize, Judgement), best: &(usize, Judgement)) -> f64 {
        let spread = (self.reducible(rival) + self.reducible(best)).sqrt();
        let difference = rival.1.score.mean - best.1.score.mean;
        expected_loss(difference, spread)
    }

    /// Returns the part of the variance of a score that all invocations that are left would take away.
    fn reducible(&self, (at, judgement): &(usize, Judgement)) -> f64 {
        let left = self.left(*at) as f64;
        let share = left / (left + self.sizes[*at].values.len() as f64);
        (judgement.score.standard_error.powi(2) - judgement.floor.powi(2)).max(0.0) * share
    }

    /// Returns the number of invocations that a size may still have.
    pub fn left(&self, size: usize) -> usize {
        let Runner { values, without_value, .. } = &self.sizes[size];
        self.limits.max_per_size.saturating_sub(values.len() + without_value)
    }
}

/// The sizes of a saved race: the size, its invocations, the environments that they were in, and whether it is sound.
pub type Saved<'a> = (MemoryMB, &'a [Sent], usize, bool);

/// Returns whether each size was eliminated before the last round, as the race itself did.
pub fn eliminated(rules: &Rules, sizes: &[Saved<'_>], last_round: u32) -> Vec<bool> {
    let mut race = Race::new(*rules, Limits { wave: 0, max_per_size: 0 });
    for (memory, _, environments, is_sound) in sizes {
        let size = race.add_size(*memory);
        race.note_environments(size, *environments);
        race.set_out(size, !is_sound);
    }
    let sent =
        || sizes.iter().enumerate().flat_map(|(size, (_, sent, ..))| sent.iter().map(move |of| (size, of)));
    let mut rounds: Vec<u32> =
        sent().map(|(_, of)| of.round.max(1)).filter(|round| *round < last_round).collect();
    rounds.sort_unstable();
    rounds.dedup();
    for round in rounds {
        race.round = round;
        sent().filter(|(_, of)| of.round.max(1) == round).for_each(|(size, of)| race.note(size, *of));
        let judgements = race.judgements();
        race.eliminate(&judgements);
    }
    race.sizes.iter().map(|runner| runner.is_eliminated).collect()
}

impl Runner {
    fn sample(&self) -> Option<Sample> {
        let of = |quantity: fn(&Sent) -> f64| self.values.iter().map(quantity);
        let waves = self.values.iter().map(|value| Wave { run: 0, number: value.wave });
        let waves: Vec<(usize, Wave)> = waves.enumerate().collect();
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
            let cost = duration.ceil() * f64::from(race.sizes[size].memory.get());
            race.note(size, Sent { round: race.round, wave, duration, cost });
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

    /// Notes a wave of a size whose invocations scatter widely within each environment.
    fn note_scattered(race: &mut Race, size: usize, wave: u32, mean: f64) {
        for environment in 0..3 {
            let shift = [0.0, 0.4, -0.4][(environment + wave as usize) % 3];
            let (round, duration) = (race.round, mean * (1.0 + shift));
            race.note(size, Sent { round, wave, duration, cost: duration });
        }
        race.note_environments(size, 3);
    }

    /// No number of invocations that is allowed would tell these sizes apart with confidence.
    #[test]
    fn what_scatters_widely_is_measured_further_because_the_better_one_may_still_show() {
        let mut race = race(Strategy::Cost);
        for (memory_mb, mean) in [(128, 100.0), (256, 101.0)] {
            let size = race.add_size(memory(memory_mb));
            note_scattered(&mut race, size, 0, mean);
            note_scattered(&mut race, size, 1, mean);
        }
        assert_eq!(race.step().map(|step| step.count), Some(3));
        let judgements = race.judgements();
        let [best, rival] = [0, 1].map(|at| (at, judgements[at].expect("a judgement")));
        let test = Test::new(&race.rules, 2, Some(race.round));
        assert!(!race.may_be_decided(&test, &rival, &best));
        assert!(race.value(&rival, &best) > LEAST_VALUE * best.1.score.mean);
    }

    /// For example because the process ends after each answer, so that all others start cold.
    #[test]
    fn a_race_ends_although_its_invocations_give_no_values() {
        let mut race = race(Strategy::Cost);
        for (memory_mb, mean) in [(128, 100.0), (256, 101.0)] {
            let size = race.add_size(memory(memory_mb));
            note_scattered(&mut race, size, 0, mean);
        }
        let mut sent = [3, 3];
        while let Some(Step { size, count }) = race.step() {
            race.note_without_value(size, count);
            sent[size] += count;
        }
        assert!(sent[0] + sent[1] > 6 && sent.iter().all(|count| *count <= LIMITS.max_per_size), "{sent:?}");
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
        race.set_out(1, true);
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
