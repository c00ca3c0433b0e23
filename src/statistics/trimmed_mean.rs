//! A mean without the extremes.

use std::iter::repeat_n;

use super::estimate::Estimate;
use super::moments::{mean, sample_variance};

/// A mean without the greatest and the smallest values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrimmedMean {
    /// The mean of the kept values.
    pub mean: f64,
    /// The number of values that were dropped at each end.
    pub dropped: usize,
}

impl TrimmedMean {
    /// Drops floor(n × `share`) values at each end of `ordered` and returns the mean of the rest, or `None`
    /// if nothing is left.
    ///
    /// The values are in the order of the quantity by which they are trimmed. It need not be their own: costs
    /// are trimmed by duration, so that cost and duration are those of the same invocations.
    pub fn of(ordered: impl ExactSizeIterator<Item = f64>, share: f64) -> Option<TrimmedMean> {
        let n = ordered.len();
        let dropped = (n as f64 * share).floor() as usize;
        let kept = n.checked_sub(2 * dropped).filter(|kept| *kept > 0)?;
        Some(TrimmedMean { mean: mean(ordered.skip(dropped).take(kept)), dropped })
    }

    /// Returns the mean with its standard error, from the winsorized variance: √((n − 1) s²w ÷ (h (h − 1))) for n values
    /// of which h are kept; with h − 1 degrees of freedom. `None` for fewer than two kept values. The values are those
    /// that the mean was computed from.
    ///
    /// K. K. Yuen, "The two-sample trimmed t for unequal population variances", Biometrika 61 (1974), 165–170.
    pub fn estimate(&self, ordered: impl ExactSizeIterator<Item = f64> + Clone) -> Option<Estimate> {
        let (n, kept) = (ordered.len(), ordered.len() - 2 * self.dropped);
        if kept < 2 {
            return None;
        }
        let variance = self.factor(n) * sample_variance(self.winsorized(ordered))? / n as f64;
        Some(Estimate {
            mean: self.mean,
            standard_error: variance.sqrt(),
            degrees_of_freedom: kept as f64 - 1.0,
        })
    }

    /// Returns the factor by which n times the variance of the trimmed mean of n values is greater than the winsorized
    /// variance: n (n − 1) ÷ (h (h − 1)). At least two values were kept.
    pub fn factor(&self, n: usize) -> f64 {
        let h = (n - 2 * self.dropped) as f64;
        n as f64 * (n as f64 - 1.0) / (h * (h - 1.0))
    }

    /// Returns the values, with those that were dropped replaced by the nearest one that was kept.
    pub fn winsorized(
        &self,
        ordered: impl ExactSizeIterator<Item = f64> + Clone,
    ) -> impl Iterator<Item = f64> + Clone {
        let count = ordered.len() - 2 * self.dropped;
        let kept = ordered.skip(self.dropped).take(count);
        // If the order is that of another quantity, the values at the ends need not be the extremes.
        let least = kept.clone().fold(f64::INFINITY, f64::min);
        let greatest = kept.clone().fold(f64::NEG_INFINITY, f64::max);
        repeat_n(least, self.dropped).chain(kept).chain(repeat_n(greatest, self.dropped))
    }
}
