//! The ranking of memory sizes under a strategy, how sure it is, and the choice of one.

mod between; // the difference between sizes of different functions
mod choice; // the size to select, on the user's conditions and by the verdicts
pub(crate) mod interpolate; // the duration at sizes that were not measured
mod race; // which size is measured next, until the best is known
mod verdict; // how sure it is that one size is better than another

pub(crate) use between::{Change, average, change};
pub(crate) use choice::{Choice, Conditions, Figure, Limit, NoChoice, choose};
pub use race::{Limits, Race, Saved, Sent, Step, eliminated};
pub use verdict::{Judgement, Rules, Sample, Scatter, Wave, best, estimates, judge};

use crate::records::{BalancedWeight, Statistics, Strategy};
use crate::units::{Millis, Money};

/// The properties of a measured size that a strategy compares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Whether the size can be selected. A size that cannot is worse than any that can.
    pub is_sound: bool,
    /// The average cost of one invocation.
    pub average_cost: Money,
    /// The average duration of one invocation.
    pub average_duration: Millis,
}

/// The share of failed invocations above which a size is not selected, however fast the others were.
const TOLERATED_FUNCTION_ERRORS: f64 = 0.1;

/// Whether a size can be selected: the function never ran out of memory there, and failed rarely if at all.
/// The invocations that succeeded tell nothing about the others.
pub fn is_sound(statistics: &Statistics) -> bool {
    let invocations = statistics.invocations + statistics.errors;
    statistics.out_of_memory_errors == 0 && !fails_often(statistics.function_errors, invocations)
}

/// Whether so many failures of the function among its invocations rule a size out.
pub fn fails_often(function_errors: u64, invocations: u64) -> bool {
    function_errors as f64 > TOLERATED_FUNCTION_ERRORS * invocations as f64
}

impl Candidate {
    /// Returns the candidate of a size, or `None` if the size has no usable invocation.
    pub fn of(statistics: &Statistics) -> Option<Candidate> {
        Some(Candidate {
            is_sound: is_sound(statistics),
            average_cost: statistics.average_cost?,
            average_duration: statistics.objective_duration()?,
        })
    }
}

/// The score and the rank of a candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// A lower score is better.
    pub score: f64,
    /// The best candidate has rank 1.
    pub rank: u32,
}

/// Returns the standing of each of `candidates`, in their order. Of equal candidates the first is better.
///
/// Balanced scores are those of AWS Lambda Power Tuning: weight × cost ÷ greatest cost + (1 − weight) ×
/// duration ÷ greatest duration.
pub fn standings(strategy: Strategy, weight: BalancedWeight, candidates: &[Candidate]) -> Vec<Standing> {
    let greatest = |value: fn(&Candidate) -> f64| candidates.iter().map(value).fold(0.0, f64::max);
    let cost = |candidate: &Candidate| candidate.average_cost.0;
    let duration = |candidate: &Candidate| candidate.average_duration.get();
    let (greatest_cost, greatest_duration) = (greatest(cost), greatest(duration));
    // If all values are 0 they are equal.
    let share = |value: f64, greatest: f64| if greatest > 0.0 { value / greatest } else { 0.0 };
    let score = |candidate: &Candidate| match strategy {
        Strategy::Cost => cost(candidate),
        Strategy::Speed => duration(candidate),
        Strategy::Balanced => {
            weight.get() * share(cost(candidate), greatest_cost)
                + (1.0 - weight.get()) * share(duration(candidate), greatest_duration)
        }
    };
    let tie_breaker = |candidate: &Candidate| match strategy {
        Strategy::Cost => duration(candidate),
        Strategy::Speed | Strategy::Balanced => cost(candidate),
    };
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&candidates[a], &candidates[b]);
        b.is_sound
            .cmp(&a.is_sound)
            .then(score(a).total_cmp(&score(b)))
            .then(tie_breaker(a).total_cmp(&tie_breaker(b)))
    });
    let mut standings: Vec<Standing> =
        candidates.iter().map(|candidate| Standing { score: score(candidate), rank: 0 }).collect();
    for (rank, index) in (1..).zip(order) {
        standings[index].rank = rank;
    }
    standings
}

/// Returns for each of `candidates` whether it is on the Pareto front: it is sound, and no other sound one is better in
/// cost or duration and at least as good in the other.
pub fn pareto_front(candidates: &[Candidate]) -> Vec<bool> {
    let is_beaten_by = |one: &Candidate, other: &Candidate| {
        let is_as_good =
            other.average_cost <= one.average_cost && other.average_duration <= one.average_duration;
        let is_better =
            other.average_cost < one.average_cost || other.average_duration < one.average_duration;
        other.is_sound && is_as_good && is_better
    };
    let is_on_front =
        |one: &Candidate| one.is_sound && !candidates.iter().any(|other| is_beaten_by(one, other));
    candidates.iter().map(is_on_front).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(strategy: Strategy, weight: f64, candidates: &[(f64, f64)]) -> Vec<u32> {
        let candidates: Vec<Candidate> = candidates
            .iter()
            .map(|&(cost, duration)| Candidate {
                is_sound: true,
                average_cost: Money(cost),
                average_duration: Millis::new(duration).expect("positive"),
            })
            .collect();
        let weight = BalancedWeight::clamped(weight);
        standings(strategy, weight, &candidates).iter().map(|standing| standing.rank).collect()
    }

    const SIZES: [(f64, f64); 3] = [(2.0, 800.0), (2.1, 400.0), (4.0, 390.0)];

    #[test]
    fn each_strategy_prefers_the_quantity_in_its_name() {
        assert_eq!(ranks(Strategy::Cost, 0.5, &SIZES), [1, 2, 3]);
        assert_eq!(ranks(Strategy::Speed, 0.5, &SIZES), [3, 2, 1]);
        assert_eq!(ranks(Strategy::Balanced, 0.5, &SIZES), [3, 1, 2]);
    }

    #[test]
    fn the_weight_moves_the_balanced_strategy_from_speed_to_cost() {
        assert_eq!(ranks(Strategy::Balanced, 0.0, &SIZES), ranks(Strategy::Speed, 0.5, &SIZES));
        assert_eq!(ranks(Strategy::Balanced, 1.0, &SIZES), ranks(Strategy::Cost, 0.5, &SIZES));
        assert_eq!(BalancedWeight::clamped(7.0), BalancedWeight::clamped(1.0));
    }

    #[test]
    fn an_unsound_size_is_worse_than_any_sound_one() {
        let candidate = |is_sound, cost| Candidate {
            is_sound,
            average_cost: Money(cost),
            average_duration: Millis::new(cost).expect("positive"),
        };
        let candidates = [candidate(false, 1.0), candidate(true, 9.0), candidate(true, 8.0)];
        for strategy in Strategy::ALL {
            let ranks: Vec<u32> =
                standings(strategy, BalancedWeight::default(), &candidates).iter().map(|s| s.rank).collect();
            assert_eq!(ranks, [3, 2, 1]);
        }
    }

    #[test]
    fn a_size_is_on_the_front_if_no_sound_one_is_better_in_one_respect_and_as_good_in_the_other() {
        let candidate = |(is_sound, cost, duration): (bool, f64, f64)| Candidate {
            is_sound,
            average_cost: Money(cost),
            average_duration: Millis::new(duration).expect("positive"),
        };
        let candidates = [
            (true, 1.0, 9.0),
            (true, 2.0, 5.0),
            (true, 2.0, 5.0),
            (true, 2.0, 6.0),
            (true, 3.0, 5.0),
            (false, 0.5, 1.0),
        ];
        assert_eq!(pareto_front(&candidates.map(candidate)), [true, true, true, false, false, false]);
    }

    #[test]
    fn a_tie_goes_to_the_faster_or_the_cheaper_size() {
        let tie = [(1.0, 9.0), (1.0, 8.0)];
        assert_eq!(ranks(Strategy::Cost, 0.5, &tie), [2, 1]);
        let tie = [(9.0, 1.0), (8.0, 1.0)];
        assert_eq!(ranks(Strategy::Speed, 0.5, &tie), [2, 1]);
        assert_eq!(ranks(Strategy::Balanced, 0.5, &[(0.0, 0.0), (0.0, 0.0)]), [1, 2]);
    }
}
