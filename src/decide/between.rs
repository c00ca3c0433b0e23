//! The difference between two sizes of different functions, from their statistics alone.

use crate::records::{Statistics, Strategy};
use crate::statistics::{Comparison, Estimate};

/// The change from one size to another, as a fraction of the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    pub change: f64,
    /// `None` if either size has no interval.
    pub interval: Option<(f64, f64)>,
}

/// Returns the average that the strategy compares; `None` for balanced scores, which are relative to the sizes of one
/// function, and for a size without a result.
pub fn average(size: &Statistics, strategy: Strategy) -> Option<f64> {
    match strategy {
        Strategy::Cost => size.average_cost.map(|cost| cost.0),
        Strategy::Speed => size.average_duration_ms.map(|duration| duration.get()),
        Strategy::Balanced => None,
    }
}

/// Returns the change from `other` to `size` in what the strategy compares, with its interval at the level `confidence`.
/// The average of `other` counts as exact where the difference becomes a fraction of it.
pub fn change(size: &Statistics, other: &Statistics, strategy: Strategy, confidence: f64) -> Option<Change> {
    let base = average(other, strategy)?;
    let difference = average(size, strategy)? - base;
    let interval = estimate(size, strategy)
        .zip(estimate(other, strategy))
        .map(|(size, other)| Comparison::of(&size, &other).relative_to(base).interval(confidence));
    Some(Change { change: if difference == 0.0 { 0.0 } else { difference / base }, interval })
}

/// Returns the average that the strategy compares, with the standard error that its interval was made with.
fn estimate(size: &Statistics, strategy: Strategy) -> Option<Estimate> {
    let (low, high) = match strategy {
        Strategy::Cost => (size.average_cost_low?.0, size.average_cost_high?.0),
        _ => (size.average_duration_low_ms?, size.average_duration_high_ms?),
    };
    // Older records do not say it.
    let of_kept = || {
        let kept = size.invocations.checked_sub(size.discarded).filter(|kept| *kept >= 2)?;
        Some((kept - 1) as f64)
    };
    let degrees_of_freedom = size.degrees_of_freedom.filter(|degrees| *degrees > 0.0).or_else(of_kept)?;
    let confidence = size.confidence.filter(|confidence| *confidence > 0.0 && *confidence < 1.0)?;
    let unit = Estimate { mean: 0.0, standard_error: 1.0, degrees_of_freedom };
    let (_, half) = unit.interval(confidence);
    Some(Estimate {
        mean: average(size, strategy)?,
        standard_error: (high - low) / 2.0 / half,
        degrees_of_freedom,
    })
}
