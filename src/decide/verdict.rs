//! How sure it is that one size is better than another.
//!
//! Invocations of one size differ for two reasons: from one execution environment to another, and within each. What
//! matters to the next month of traffic is the mean over all environments, and a run sees a few of them. So the error of a
//! mean of n invocations in k environments is √(s² (ρ ÷ k + (1 − ρ) ÷ n)), where s² is their variance, and ρ the share of
//! it that is between environments: the intraclass correlation, as in L. Kish, "Survey Sampling" (1965), section 5.4.
//!
//! AWS does not say which environment answered. But the invocations of a wave are in flight together, so each is in
//! another one, and the next wave finds the same ones again: the means of waves differ by what happens within
//! environments only. That tells ρ. Another run has versions, and so environments, of its own.
//!
//! A few invocations of one size tell little of their variance, so it is moderated by that of the other sizes, relative to
//! the means: G. K. Smyth, "Linear models and empirical Bayes methods for assessing differential expression in
//! microarray experiments", Statistical Applications in Genetics and Molecular Biology 3 (2004), article 3, section 3.

use std::collections::BTreeMap;

use super::{Candidate, Standing, standings};
use crate::records::{BalancedWeight, Strategy, Verdict};
use crate::statistics::{Comparison, Estimate, TrimmedMean, quantile_estimate};
use crate::units::{Millis, Money};

/// The weight of what the other sizes tell of the variance, in degrees of freedom.
const PRIOR_DEGREES_OF_FREEDOM: f64 = 4.0;

/// What a degree of freedom of another size counts as one of this: their relative variances are alike, but not the same.
/// Chosen so that intervals of 95 % hold the true mean about as often; benches/README.md has the figures.
const LIKENESS: f64 = 0.5;

/// The variance of a rounding error, in ms²: billed durations are whole milliseconds. W. F. Sheppard, "On the calculation of
/// the most probable values of frequency-constants", Proceedings of the London Mathematical Society 29 (1898), 353–380.
const ROUNDING: f64 = 1.0 / 12.0;

/// The share of the variance that is between environments where nothing tells it: about that of the measurements of
/// Lin, Ma and Shahrad (2025), arXiv 2506.01283.
const PRIOR_SHARE: f64 = 0.5;

/// The wave of an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wave {
    /// The number of the run, in any order.
    pub run: u32,
    /// The number of the wave, among those of its size in the run.
    pub number: u32,
}

/// The values of one size: how they scatter about their trimmed mean, relative to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scatter {
    /// The number of values.
    count: f64,
    /// The variance of a value, so that the variance of the trimmed mean is this, divided by the count.
    variance: f64,
    /// The variance of a value within its environment, as the means of waves tell it.
    within: f64,
    /// Its degrees of freedom: the number of waves of each run but one; 0: no run has two waves.
    degrees_of_freedom_within: f64,
}

impl Scatter {
    /// Returns the scatter of `ordered` about its trimmed mean, whose estimate is `None` if fewer than two values were kept.
    /// `waves` has the places of those that were sent in waves. `None` if the mean is 0.
    pub fn of(
        ordered: impl ExactSizeIterator<Item = f64> + Clone,
        trimmed: &TrimmedMean,
        estimate: Option<Estimate>,
        waves: &[(usize, Wave)],
    ) -> Option<Scatter> {
        let (count, mean) = (ordered.len(), trimmed.mean);
        if mean <= 0.0 {
            return None;
        }
        // Without an error of the trimmed mean, that of the plain mean stands in.
        let plain = TrimmedMean { mean, dropped: 0 };
        let trimmed = if estimate.is_some() { trimmed } else { &plain };
        let estimate = estimate.or_else(|| plain.estimate(ordered.clone()));
        let n = count as f64;
        let variance = estimate.map_or(0.0, |estimate| n * (estimate.standard_error / mean).powi(2));
        let mut scatter = Scatter { count: n, variance, within: 0.0, degrees_of_freedom_within: 0.0 };
        if !waves.is_empty() {
            scatter.learn_from_waves(
                trimmed.winsorized(ordered),
                trimmed.factor(count) / mean.powi(2),
                waves,
            );
        }
        Some(scatter)
    }

    /// Returns the scatter of the quantile `p` of the durations, ascending. `None` if they are too few to know it.
    pub fn of_quantile(ascending: &[f64], p: f64) -> Option<Scatter> {
        let Estimate { mean, standard_error, .. } = quantile_estimate(ascending, p)?;
        let count = ascending.len() as f64;
        let variance = count * (standard_error / mean).powi(2);
        Some(Scatter { count, variance, within: 0.0, degrees_of_freedom_within: 0.0 })
    }

    /// Returns the scatter with this variance at the least.
    fn at_least(self, variance: f64) -> Scatter {
        Scatter { variance: self.variance.max(variance), within: self.within.max(variance), ..self }
    }

    /// Learns from the means of waves how values vary within an environment; `factor` makes a variance of these values
    /// one of the trimmed mean.
    fn learn_from_waves(&mut self, values: impl Iterator<Item = f64>, factor: f64, waves: &[(usize, Wave)]) {
        let mut of_waves = BTreeMap::<Wave, (f64, f64)>::new();
        let mut waves = waves.iter().peekable();
        for (at, value) in values.enumerate() {
            if let Some((_, wave)) = waves.next_if(|(place, _)| *place == at) {
                let (sum, count) = of_waves.entry(*wave).or_default();
                *sum += value;
                *count += 1.0;
            }
        }
        let of_waves: Vec<(Wave, (f64, f64))> = of_waves.into_iter().collect();
        let (mut squares, mut freedom) = (0.0, 0.0);
        for of_run in of_waves.chunk_by(|(a, _), (b, _)| a.run == b.run) {
            let waves = || of_run.iter().map(|(_, of_wave)| *of_wave);
            let (sum, count) =
                waves().fold((0.0, 0.0), |(sum, count), (part, size)| (sum + part, count + size));
            squares += waves().map(|(part, size)| size * (part / size - sum / count).powi(2)).sum::<f64>();
            freedom += of_run.len() as f64 - 1.0;
        }
        if freedom > 0.0 {
            self.within = factor * squares / freedom;
            self.degrees_of_freedom_within = freedom;
        }
    }
}

/// What was measured at one size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// The means that the strategy compares.
    pub candidate: Candidate,
    /// The scatter of the costs.
    pub cost: Scatter,
    /// The scatter of the durations.
    pub duration: Scatter,
    /// The number of execution environments that the values are known to come from, at least.
    pub environments: usize,
}

impl Sample {
    /// Returns the scatter of the costs. Durations that are all billed as the same millisecond may differ within it, so
    /// that the next one is billed as another.
    fn scatter_of_cost(&self) -> Scatter {
        self.cost.at_least(ROUNDING / self.candidate.average_duration.get().powi(2))
    }

    /// Returns the number of environments, at least 1, and not more than values.
    fn environments(&self) -> f64 {
        (self.environments as f64).clamp(1.0, self.cost.count)
    }

    /// Returns the sample of the durations in milliseconds of usable invocations, ascending, and of their costs in the
    /// same order, of which `share` is trimmed at each end. `waves` has the places of those that were sent in waves, each
    /// with its wave, ascending. `None` if there is no invocation, or if they took no time.
    pub fn of(
        durations: impl ExactSizeIterator<Item = f64> + Clone,
        costs: impl ExactSizeIterator<Item = f64> + Clone,
        share: f64,
        waves: &[(usize, Wave)],
        environments: usize,
        is_sound: bool,
    ) -> Option<Sample> {
        let duration = TrimmedMean::of(durations.clone(), share)?;
        let cost = TrimmedMean::of(costs.clone(), share)?;
        Some(Sample {
            candidate: Candidate {
                is_sound,
                average_cost: Money(cost.mean),
                average_duration: Millis::new(duration.mean)?,
            },
            cost: Scatter::of(costs.clone(), &cost, cost.estimate(costs), waves)?,
            duration: Scatter::of(durations.clone(), &duration, duration.estimate(durations), waves)?,
            environments,
        })
    }
}

/// When a difference counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// The strategy.
    pub strategy: Strategy,
    /// The weight of cost in `balanced`.
    pub balanced_weight: BalancedWeight,
    /// The probability with which all verdicts are right together.
    pub confidence: f64,
    /// The share by which a size may be worse and still be called equivalent.
    pub tolerance: f64,
}

/// The test of a size against the best.
pub(super) struct Test {
    /// The probability of an error.
    level: f64,
    tolerance: f64,
}

impl Test {
    /// Returns the test of each of so many sizes, in a round.
    pub(super) fn new(rules: &Rules, sizes: usize, round: Option<u32>) -> Test {
        let round = round.map_or(1.0, |round| f64::from(round.max(1)) * (f64::from(round.max(1)) + 1.0));
        let rivals = sizes.saturating_sub(1).max(1) as f64;
        Test { level: (1.0 - rules.confidence) / (rivals * round), tolerance: rules.tolerance }
    }

    /// Returns the verdict on a score that is not the best, and the probability of such a difference if it were as good.
    pub(super) fn verdict(&self, score: &Estimate, best: &Estimate) -> (Verdict, f64) {
        let p_value = Comparison::of(score, best).p_greater();
        let tolerated = Estimate {
            mean: best.mean * (1.0 + self.tolerance),
            standard_error: best.standard_error * (1.0 + self.tolerance),
            ..*best
        };
        // To be worse than tolerated is excluded.
        let is_equivalent = Comparison::of(&tolerated, score).p_greater() <= self.level;
        let verdict = match p_value <= self.level {
            _ if is_equivalent => Verdict::Equivalent,
            true => Verdict::Worse,
            false => Verdict::Undecided,
        };
        (verdict, p_value)
    }
}

/// The verdict on one size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// How it compares with the best.
    pub verdict: Verdict,
    /// The probability of such a difference to the best, or a greater one, if it were as good; `None` for the best.
    pub p_value: Option<f64>,
    /// Its score, and how exact that is.
    pub score: Estimate,
    /// The standard error that would be left after any number of invocations in the same environments.
    pub floor: f64,
}

/// Returns the place of the best.
pub fn best(judgements: &[Option<Judgement>]) -> Option<usize> {
    judgements.iter().position(|judgement| judgement.is_some_and(|of| of.verdict == Verdict::Best))
}

/// Returns the judgement on each sound size; `None` for the others, and for all if nothing tells how they vary.
///
/// With rounds, the level of each test is such that all tests of all rounds are right together: the errors that are
/// allowed in round ℓ are 1 ÷ (ℓ (ℓ + 1)) of all, which adds up to 1. K. Jamieson and R. Nowak, "Best-arm identification
/// algorithms for multi-armed bandits in the fixed confidence setting", CISS 2014, section III. A size that an earlier round
/// has eliminated stays worse.
pub fn judge(
    rules: &Rules,
    samples: &[Sample],
    round: Option<u32>,
    is_eliminated: impl Fn(usize) -> bool,
) -> Vec<Option<Judgement>> {
    // What an earlier round has shown to be worse cannot be the best any more.
    let candidate = |(at, sample): (usize, &Sample)| Candidate {
        is_sound: sample.candidate.is_sound && !is_eliminated(at),
        ..sample.candidate
    };
    let candidates: Vec<Candidate> = samples.iter().enumerate().map(candidate).collect();
    let standings = standings(rules.strategy, rules.balanced_weight, &candidates);
    let scores = scores(rules, samples, &standings);
    let best = standings.iter().position(|standing| standing.rank == 1);
    let (Some(scores), Some(best)) = (scores, best.filter(|best| candidates[*best].is_sound)) else {
        return vec![None; samples.len()];
    };
    let test = Test::new(rules, samples.iter().filter(|sample| sample.candidate.is_sound).count(), round);
    let judge = |at: usize| {
        let (score, floor) = scores[at];
        if at == best {
            return Judgement { verdict: Verdict::Best, p_value: None, score, floor };
        }
        let (verdict, p_value) = test.verdict(&score, &scores[best].0);
        let verdict = if is_eliminated(at) { Verdict::Worse } else { verdict };
        Judgement { verdict, p_value: Some(p_value), score, floor }
    };
    (0..samples.len()).map(|at| samples[at].candidate.is_sound.then(|| judge(at))).collect()
}

/// Returns the scores, how exact they are, and the standard errors that any number of invocations would leave.
fn scores(rules: &Rules, samples: &[Sample], standings: &[Standing]) -> Option<Vec<(Estimate, f64)>> {
    let of_costs = relative_errors(samples, Sample::scatter_of_cost)?;
    let of_durations = relative_errors(samples, |sample| sample.duration)?;
    let greatest = |value: fn(&Candidate) -> f64| {
        samples.iter().map(|sample| value(&sample.candidate)).fold(f64::MIN_POSITIVE, f64::max)
    };
    let greatest_cost = greatest(|candidate| candidate.average_cost.0);
    let greatest_duration = greatest(|candidate| candidate.average_duration.get());
    let weight = rules.balanced_weight.get();
    let estimates = samples.iter().zip(standings).zip(of_costs.iter().zip(&of_durations));
    let estimates = estimates.map(|((sample, standing), (of_cost, of_duration))| {
        let absolute = |of_cost: f64, of_duration: f64| {
            let cost = sample.candidate.average_cost.0 * of_cost;
            let duration = sample.candidate.average_duration.get() * of_duration;
            match rules.strategy {
                Strategy::Cost => cost,
                Strategy::Speed => duration,
                // The cost of an invocation follows its duration.
                Strategy::Balanced => {
                    weight * cost / greatest_cost + (1.0 - weight) * duration / greatest_duration
                }
            }
        };
        let score = Estimate {
            mean: standing.score,
            standard_error: absolute(of_cost.error, of_duration.error),
            degrees_of_freedom: of_cost.degrees_of_freedom,
        };
        (score, absolute(of_cost.floor, of_duration.floor))
    });
    Some(estimates.collect())
}

/// Returns the average cost and duration of each sample, and how exact they are over all environments. `None` if nothing
/// tells how it varies.
pub fn estimates(samples: &[Sample]) -> Vec<Option<(Estimate, Estimate)>> {
    let costs = relative_errors(samples, Sample::scatter_of_cost);
    let durations = relative_errors(samples, |sample| sample.duration);
    let (Some(costs), Some(durations)) = (costs, durations) else {
        return vec![None; samples.len()];
    };
    let estimate = |mean: f64, of: &RelativeError| Estimate {
        mean,
        standard_error: mean * of.error,
        degrees_of_freedom: of.degrees_of_freedom,
    };
    let both = samples.iter().zip(costs.iter().zip(&durations)).map(|(sample, (cost, duration))| {
        let Candidate { average_cost, average_duration, .. } = sample.candidate;
        Some((estimate(average_cost.0, cost), estimate(average_duration.get(), duration)))
    });
    both.collect()
}

/// The standard error of a mean, relative to it.
struct RelativeError {
    error: f64,
    /// What would be left of it after any number of invocations in the same environments.
    floor: f64,
    degrees_of_freedom: f64,
}

/// Returns the error of each mean. `None` if each size has one value only.
fn relative_errors(samples: &[Sample], scatter: fn(&Sample) -> Scatter) -> Option<Vec<RelativeError>> {
    let sum = |of: fn(&Scatter) -> f64| samples.iter().map(|sample| of(&scatter(sample))).sum::<f64>();
    let freedom = sum(|scatter| scatter.count - 1.0);
    if freedom < 1.0 {
        return None;
    }
    let pooled = sum(|scatter| (scatter.count - 1.0) * scatter.variance) / freedom;
    let freedom_within = sum(|scatter| scatter.degrees_of_freedom_within);
    let within = sum(|scatter| scatter.degrees_of_freedom_within * scatter.within);
    let share_between = match pooled > 0.0 && freedom_within > 0.0 {
        true => (1.0 - within / freedom_within / pooled).clamp(0.0, 1.0),
        false => PRIOR_SHARE,
    };
    let share_between = (PRIOR_DEGREES_OF_FREEDOM * PRIOR_SHARE + freedom_within * share_between)
        / (PRIOR_DEGREES_OF_FREEDOM + freedom_within);
    let error = |sample: &Sample| {
        let (scatter, environments) = (scatter(sample), sample.environments());
        // Without several waves, nothing tells what differs between environments; the share is the assumed one then, and all
        // values tell the variance.
        let is_in_waves = scatter.degrees_of_freedom_within > 0.0;
        let own = if is_in_waves { environments } else { scatter.count } - 1.0;
        // The other sizes cannot tell more than they know.
        let of_this = scatter.count - 1.0;
        let of_others = freedom - of_this;
        let prior = PRIOR_DEGREES_OF_FREEDOM.min(of_others);
        if prior + own < 1.0 {
            return None;
        }
        let others =
            if of_others > 0.0 { (pooled * freedom - scatter.variance * of_this) / of_others } else { 0.0 };
        // The difference of two sums may be below 0 by rounding.
        let variance = (prior * others.max(0.0) + own * scatter.variance) / (prior + own);
        let degrees_of_freedom = (LIKENESS * prior + own).max(1.0);
        let between = variance * share_between / environments;
        let within = variance * (1.0 - share_between) / scatter.count;
        Some(RelativeError { error: (between + within).sqrt(), floor: between.sqrt(), degrees_of_freedom })
    };
    samples.iter().map(error).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        let balanced_weight = BalancedWeight::default();
        Rules { strategy: Strategy::Cost, balanced_weight, confidence: 0.95, tolerance: 0.05 }
    }

    /// Returns the sample of values that come in waves of three.
    fn sample(values: &[f64]) -> Sample {
        let mut ordered: Vec<(f64, u32)> = values.iter().copied().zip((0..).map(|at: u32| at / 3)).collect();
        ordered.sort_by(|a, b| a.0.total_cmp(&b.0));
        let waves = ordered.iter().map(|(_, number)| Wave { run: 0, number: *number });
        let waves: Vec<(usize, Wave)> = waves.enumerate().collect();
        let values = ordered.iter().map(|(value, _)| *value);
        Sample::of(values.clone(), values, 0.2, &waves, 3, true).expect("values above 0")
    }

    fn verdicts(samples: &[Sample]) -> Vec<Option<Verdict>> {
        judge(&rules(), samples, Some(1), |_| false)
            .into_iter()
            .map(|judgement| judgement.map(|of| of.verdict))
            .collect()
    }

    #[test]
    fn a_size_that_is_clearly_dearer_is_worse_and_one_that_may_be_is_undecided() {
        let samples = [sample(&[10.0, 10.2, 9.8]), sample(&[10.1, 10.4, 9.9]), sample(&[15.0, 15.3, 14.8])];
        let expected = [Verdict::Best, Verdict::Undecided, Verdict::Worse];
        assert_eq!(verdicts(&samples), expected.map(Some));
    }

    #[test]
    fn a_size_that_is_surely_within_the_tolerance_is_equivalent() {
        let values = |mean: f64| [-1.0, 0.0, 1.0, 0.0, 1.0, -1.0, 1.0, -1.0, 0.0].map(|by| mean + by);
        let samples = [sample(&values(1000.0)), sample(&values(1020.0)), sample(&values(1060.0))];
        let expected = [Verdict::Best, Verdict::Equivalent, Verdict::Worse];
        assert_eq!(verdicts(&samples), expected.map(Some));
    }

    #[test]
    fn a_size_at_which_the_function_fails_has_no_verdict() {
        let failed = Sample {
            candidate: Candidate { is_sound: false, ..sample(&[1.0; 3]).candidate },
            ..sample(&[1.0; 3])
        };
        assert_eq!(verdicts(&[failed, sample(&[2.0, 2.1, 1.9])]), [None, Some(Verdict::Best)]);
        assert_eq!(verdicts(&[failed, failed]), [None, None]);
    }

    #[test]
    fn single_values_tell_nothing() {
        assert_eq!(verdicts(&[sample(&[1.0]), sample(&[9.0])]), [None, None]);
    }

    /// The same values: where the waves agree, the environments differ, and more invocations in them help little.
    #[test]
    fn what_differs_between_environments_is_not_averaged_away() {
        let error = |values: &[f64]| {
            let samples = [sample(values), sample(values)];
            judge(&rules(), &samples, None, |_| false)[0].expect("a judgement").score.standard_error
        };
        let of_environments = error(&[9.0, 10.0, 11.0, 9.0, 10.0, 11.0, 9.0, 10.0, 11.0, 9.0, 10.0, 11.0]);
        let of_chance = error(&[9.0, 9.0, 10.0, 11.0, 11.0, 10.0, 9.0, 11.0, 9.0, 10.0, 11.0, 10.0]);
        assert!(of_environments > 1.2 * of_chance, "{of_environments} and {of_chance}");
    }

    /// All are billed as 2 ms, although some may be billed as 3 ms another time.
    #[test]
    fn equal_billed_durations_are_exact_to_a_millisecond_only() {
        let error = |mean: f64| {
            let samples = [sample(&[mean; 6]), sample(&[mean; 6])];
            judge(&rules(), &samples, None, |_| false)[0].expect("a judgement").score.standard_error / mean
        };
        assert!(error(2.0) > 0.05, "{}", error(2.0));
        assert!(error(2000.0) < 0.0001, "{}", error(2000.0));
    }

    #[test]
    fn invocations_in_series_tell_how_their_own_size_scatters_whatever_another_one_does() {
        let of = |mean: f64, scatter: f64| {
            let values = (0..10).map(move |at| mean * (1.0 + scatter * (f64::from(at) - 4.5) / 4.5));
            Sample::of(values.clone(), values, 0.2, &[], 1, true).expect("values above 0")
        };
        let samples = [of(70.0, 0.1), of(750.0, 0.05), of(80.0, 0.6)];
        let judgements = judge(&rules(), &samples, None, |_| false);
        let verdicts = judgements.into_iter().map(|judgement| judgement.map(|of| of.verdict));
        let expected = [Verdict::Best, Verdict::Worse, Verdict::Undecided];
        assert_eq!(verdicts.collect::<Vec<_>>(), expected.map(Some));
    }

    #[test]
    fn each_later_round_asks_for_more() {
        let samples = [sample(&[10.0, 10.2, 9.8]), sample(&[11.0, 11.2, 10.8])];
        let verdict = |round| judge(&rules(), &samples, round, |_| false)[1].expect("a judgement").verdict;
        assert_eq!(
            [None, Some(1), Some(20)].map(verdict),
            [Verdict::Worse, Verdict::Worse, Verdict::Undecided]
        );
    }
}
