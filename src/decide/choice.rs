//! The size to select: the best under the strategy, on the conditions of the user and as far as the verdicts of the
//! statistics tell sizes apart.

use super::{Candidate, is_sound, standings};
use crate::records::{BalancedWeight, Statistics, Strategy, Verdict};
use crate::units::MemoryMB;

/// What a user asks for besides the strategy.
#[derive(Debug, Default)]
pub struct Conditions {
    /// How much worse than the best a size may be, as a fraction, if it is better in the other respect.
    pub within: Option<f64>,
    /// The limits that a size must meet.
    pub limits: Vec<Limit>,
}

/// An upper limit of one figure of a size.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub figure: Figure,
    /// More than 0.
    pub at_most: f64,
}

/// A figure that can be limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    AverageDuration,
    P50Duration,
    P90Duration,
    P95Duration,
    P99Duration,
    /// With the request, if its price is known.
    CostPerMillion,
}

impl Figure {
    /// Returns the figure of a size in milliseconds or in the currency of the statistics; `None` if it is not known.
    pub fn of(self, size: &Statistics) -> Option<f64> {
        let duration = match self {
            Figure::AverageDuration => size.average_duration_ms,
            Figure::P50Duration => size.p50_duration_ms,
            Figure::P90Duration => size.p90_duration_ms,
            Figure::P95Duration => size.p95_duration_ms,
            Figure::P99Duration => size.p99_duration_ms,
            Figure::CostPerMillion => {
                return size
                    .average_cost
                    .map(|cost| (cost + size.request_cost.unwrap_or_default()).million());
            }
        };
        duration.map(|duration| duration.get())
    }
}

impl Figure {
    /// Returns the number of invocations that it takes to bound the figure from above with 97.5 %: the greatest of n is
    /// below the quantile p with the probability pⁿ.
    fn needed(self) -> u64 {
        let p: f64 = match self {
            Figure::AverageDuration | Figure::CostPerMillion => return 1,
            Figure::P50Duration => 0.5,
            Figure::P90Duration => 0.9,
            Figure::P95Duration => 0.95,
            Figure::P99Duration => 0.99,
        };
        (0.025_f64.ln() / p.ln()).ceil() as u64
    }
}

impl Limit {
    /// Returns the number of invocations that are needed to tell whether a size meets it, if it has fewer.
    pub fn needs_more(&self, size: &Statistics) -> Option<u64> {
        Some(self.figure.needed()).filter(|needed| size.invocations < *needed)
    }

    /// Whether a size meets it. A figure that is not known meets no limit.
    pub fn is_met(&self, size: &Statistics) -> bool {
        self.figure.of(size).is_some_and(|value| value <= self.at_most)
    }
}

/// The size that is selected, and how sure that is.
pub struct Choice<'a> {
    pub selected: &'a Statistics,
    /// The best under the strategy alone, of the sizes that meet the limits.
    pub best: &'a Statistics,
    /// The score of that one.
    pub score: f64,
    /// All sizes with a result, from the best to the worst.
    pub ranked: Vec<&'a Statistics>,
    /// `None` if the statistics have no verdicts under this strategy.
    pub certainty: Option<Certainty>,
}

impl Choice<'_> {
    /// Notes that something is not known that could change the choice.
    pub fn doubt(&mut self) {
        if let Some(certainty) = &mut self.certainty {
            certainty.is_certain = false;
            certainty.confidence = None;
        }
    }
}

/// How sure a choice is.
#[derive(Debug, Default)]
pub struct Certainty {
    /// As in the record.
    pub confidence: Option<f64>,
    pub is_certain: bool,
    /// The sizes that are as good as the selected one.
    pub equivalent: Vec<MemoryMB>,
    /// The sizes that may be better.
    pub undecided: Vec<MemoryMB>,
}

/// Why no size can be selected.
pub enum NoChoice<'a> {
    /// The function fails at each size, or none has a result.
    Unsound,
    /// No size meets all limits. The nearest one exceeds them by the least share; `None` if a limited figure is not
    /// known of any size.
    Limits { nearest: Option<&'a Statistics> },
}

/// Chooses one of the sizes of one function and architecture. Of sizes that are as good under the strategy, it is the
/// one that is better in the other respect: the fastest for cost, and the cheapest for speed.
pub fn choose<'a>(
    rivals: &[&'a Statistics],
    (strategy, weight): (Strategy, BalancedWeight),
    conditions: &Conditions,
) -> Result<Choice<'a>, NoChoice<'a>> {
    let (measured, candidates): (Vec<&Statistics>, Vec<Candidate>) =
        rivals.iter().filter_map(|rival| Some((*rival, Candidate::of(rival)?))).unzip();
    let standings = standings(strategy, weight, &candidates);
    let mut ranked: Vec<_> = measured.into_iter().zip(candidates).zip(standings).collect();
    ranked.sort_by_key(|(_, standing)| standing.rank);
    let mut sound = ranked.iter().filter(|((_, candidate), _)| candidate.is_sound).peekable();
    sound.peek().ok_or(NoChoice::Unsound)?;
    let is_eligible = |size: &Statistics| conditions.limits.iter().all(|limit| limit.is_met(size));
    let (eligible, others): (Vec<_>, Vec<_>) = sound.partition(|((size, _), _)| is_eligible(size));
    let Some(first) = eligible.first() else {
        let sizes = others.iter().map(|((size, _), _)| *size);
        return Err(NoChoice::Limits { nearest: nearest(sizes, &conditions.limits) });
    };
    let is_of = |verdict| move |size: &Statistics| size.verdict == Some(verdict);
    let is_good = |size: &Statistics| is_of(Verdict::Best)(size) || is_of(Verdict::Equivalent)(size);
    // Verdicts under another strategy say nothing about this one.
    let same_strategy = |size: &&Statistics| {
        size.strategy == strategy && (strategy != Strategy::Balanced || size.balanced_weight == weight)
    };
    let has_verdicts =
        rivals.iter().all(same_strategy) && rivals.iter().any(|size| is_of(Verdict::Best)(size));
    // A verdict compares a size with the best. If the limits exclude that one, no verdict says which of the others is.
    let judged_best = eligible.iter().find(|((size, _), _)| has_verdicts && is_of(Verdict::Best)(size));
    let best = if conditions.within.is_some() { first } else { judged_best.unwrap_or(first) };
    let is_near = |size: &Statistics, score: f64| match conditions.within {
        Some(within) => score <= best.1.score * (1.0 + within),
        None if strategy == Strategy::Balanced => size == best.0.0,
        None => size == best.0.0 || judged_best.is_some() && is_good(size),
    };
    let near = eligible.iter().filter(|((size, _), standing)| is_near(size, standing.score));
    let other_respect = |candidate: &Candidate| match strategy {
        Strategy::Cost => candidate.average_duration.get(),
        Strategy::Speed => candidate.average_cost.0,
        // Both respects are in the score already.
        Strategy::Balanced => 0.0,
    };
    // The first is the best, and stays if no other is better.
    let selected = near.min_by(|((_, a), _), ((_, b), _)| other_respect(a).total_cmp(&other_respect(b)));
    let selected = selected.map_or(best.0.0, |((size, _), _)| size);
    let is_judged = judged_best.is_some() && is_good(selected);
    let rest = || eligible.iter().map(|((size, _), _)| *size).filter(|size| is_judged && *size != selected);
    let certainty = has_verdicts.then(|| {
        let is_open = |size: &&Statistics| !is_good(size) && !is_of(Verdict::Worse)(size);
        // Nothing is known of a size without a result at which the function does not fail.
        let unknown = rivals.iter().filter(|size| Candidate::of(size).is_none() && is_sound(size));
        let mut undecided: Vec<MemoryMB> = rest().filter(is_open).map(|size| size.memory_size).collect();
        undecided.extend(unknown.map(|size| size.memory_size));
        // A single size was compared with nothing.
        let is_certain = is_judged && undecided.is_empty() && rivals.len() > 1;
        Certainty {
            confidence: selected.verdict_confidence.filter(|_| is_certain),
            is_certain,
            equivalent: rest().filter(|size| is_good(size)).map(|size| size.memory_size).collect(),
            undecided,
        }
    });
    Ok(Choice {
        selected,
        best: best.0.0,
        score: best.1.score,
        certainty,
        ranked: ranked.iter().map(|((size, _), _)| *size).collect(),
    })
}

/// Returns the size that exceeds its worst limit by the least share.
fn nearest<'a>(sizes: impl Iterator<Item = &'a Statistics>, limits: &[Limit]) -> Option<&'a Statistics> {
    let excess = |size: &Statistics| {
        let shares = limits.iter().map(|limit| Some(limit.figure.of(size)? / limit.at_most));
        shares.collect::<Option<Vec<f64>>>().map(|shares| shares.into_iter().fold(0.0, f64::max))
    };
    let known = sizes.filter_map(|size| Some((excess(size)?, size)));
    known.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, size)| size)
}
