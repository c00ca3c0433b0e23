//! The difference between two sizes of different functions, from their statistics alone.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::records::{Statistics, Strategy};

/// The change from one size to another, as a fraction of the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    pub change: f64,
    /// `None` if either size has no interval.
    pub interval: Option<(f64, f64)>,
}

/// How far an average can be relied on.
struct Precision {
    standard_error: f64,
    degrees_of_freedom: f64,
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
    let share = |difference: f64| if difference == 0.0 { 0.0 } else { difference / base };
    let interval = precision(size, strategy).zip(precision(other, strategy)).map(|(a, b)| {
        let margin = margin(&a, &b, confidence);
        (share(difference - margin), share(difference + margin))
    });
    Some(Change { change: share(difference), interval })
}

/// Returns half the width of the interval of the difference of two averages.
///
/// B. L. Welch, "The generalization of 'Student's' problem when several different population variances are involved",
/// Biometrika 34 (1947), 28–35; for trimmed means, Yuen as in [`crate::statistics`].
fn margin(a: &Precision, b: &Precision, confidence: f64) -> f64 {
    let variances = [a, b].map(|precision| precision.standard_error.powi(2));
    let variance = variances[0] + variances[1];
    if variance == 0.0 {
        return 0.0;
    }
    let parts = variances[0].powi(2) / a.degrees_of_freedom + variances[1].powi(2) / b.degrees_of_freedom;
    t(variance.powi(2) / parts, confidence) * variance.sqrt()
}

/// Returns the standard error that the interval of a size was made with.
fn precision(size: &Statistics, strategy: Strategy) -> Option<Precision> {
    let (low, high) = match strategy {
        Strategy::Cost => (size.average_cost_low?.0, size.average_cost_high?.0),
        _ => (size.average_duration_low_ms?, size.average_duration_high_ms?),
    };
    let kept = size.invocations.checked_sub(size.discarded).filter(|kept| *kept >= 2)?;
    let degrees_of_freedom = (kept - 1) as f64;
    let confidence = size.confidence.filter(|confidence| *confidence > 0.0 && *confidence < 1.0)?;
    let standard_error = (high - low) / 2.0 / t(degrees_of_freedom, confidence);
    Some(Precision { standard_error, degrees_of_freedom })
}

/// Returns the quantile of Student's t that bounds a two-sided interval.
fn t(degrees_of_freedom: f64, confidence: f64) -> f64 {
    let distribution = StudentsT::new(0.0, 1.0, degrees_of_freedom).expect("it is more than 0");
    distribution.inverse_cdf(0.5 + confidence / 2.0)
}
