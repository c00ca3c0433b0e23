//! Estimators for measured values: pure functions, each formula with its source.

mod comparison; // estimates, and the difference of two of them

use std::iter::repeat_n;

pub use comparison::{Comparison, Estimate};

/// The confidence level of all intervals: 95 %.
pub const CONFIDENCE: f64 = 0.95;

/// The share of the values that is dropped at each end without a flag: that of AWS Lambda Power Tuning.
pub const DEFAULT_TRIMMING: f64 = 0.2;

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

    /// Returns the interval that contains the true trimmed mean with [`CONFIDENCE`]; `None` for fewer than two kept
    /// values. The values are those that the mean was computed from.
    pub fn interval(&self, ordered: impl ExactSizeIterator<Item = f64> + Clone) -> Option<(f64, f64)> {
        let degrees_of_freedom = (ordered.len() - 2 * self.dropped) as f64 - 1.0;
        let standard_error = self.standard_error(ordered)?;
        Some(Estimate { mean: self.mean, standard_error, degrees_of_freedom }.interval(CONFIDENCE))
    }

    /// Returns the standard error, from the winsorized variance: √((n − 1) s²w ÷ (h (h − 1))) for n values of which h
    /// are kept; with h − 1 degrees of freedom. `None` for fewer than two kept values.
    ///
    /// K. K. Yuen, "The two-sample trimmed t for unequal population variances", Biometrika 61 (1974), 165–170.
    pub fn standard_error(&self, ordered: impl ExactSizeIterator<Item = f64> + Clone) -> Option<f64> {
        let n = ordered.len();
        if n < 2 * self.dropped + 2 {
            return None;
        }
        let variance = sample_variance(self.winsorized(ordered))?;
        Some((self.factor(n as f64) * variance / n as f64).sqrt())
    }

    /// Returns the factor by which n times the variance of the trimmed mean of n values is greater than the winsorized
    /// variance: n (n − 1) ÷ (h (h − 1)).
    pub fn factor(&self, n: f64) -> f64 {
        let h = n - 2.0 * self.dropped as f64;
        n * (n - 1.0) / (h * (h - 1.0))
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

/// Returns the arithmetic mean of at least one value.
pub fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0_u64);
    values.for_each(|value| {
        sum += value;
        count += 1;
    });
    sum / count as f64
}

/// Returns the standard deviation of a sample, with n − 1, or `None` for fewer than two values.
pub fn sample_standard_deviation(values: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    sample_variance(values).map(f64::sqrt)
}

fn sample_variance(values: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let mean = mean(values.clone());
    let (mut squares, mut count) = (0.0, 0_u64);
    values.for_each(|value| {
        squares += (value - mean).powi(2);
        count += 1;
    });
    (count > 1).then(|| squares / (count - 1) as f64)
}

/// Returns the quantile `p` of at least one value, in ascending order, by linear interpolation.
///
/// This is type 7 of R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", The American
/// Statistician 50 (1996), 361–365; the default of R, NumPy and spreadsheets.
pub fn quantile(ascending: &[f64], p: f64) -> f64 {
    let position = p * (ascending.len() - 1) as f64;
    let below = ascending[position.floor() as usize];
    let above = ascending[position.ceil() as usize];
    below + (above - below) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trimmed(ordered: &[f64], share: f64) -> Option<TrimmedMean> {
        TrimmedMean::of(ordered.iter().copied(), share)
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-6 * b.abs().max(1.0)
    }

    #[test]
    fn a_trimmed_mean_drops_the_floor_of_the_share_at_each_end() {
        let values: Vec<f64> = (1..=9).map(f64::from).chain([1000.0]).collect();
        let of_ten = trimmed(&values, 0.2).expect("six values are left");
        assert_eq!((of_ten.dropped, of_ten.mean), (2, 5.5));
        let of_four = trimmed(&values[..4], 0.2).expect("four values are left");
        assert_eq!((of_four.dropped, of_four.mean), (0, 2.5));
    }

    /// The data are those of R. R. Wilcox, "Introduction to Robust Estimation and Hypothesis Testing"; the
    /// figures are SciPy 1.17.1's: its `ttest_ind(data, data + 100, trim=0.2, equal_var=False)` is Yuen's
    /// test, whose statistic is 100 ÷ √(2 × standard error²), and t(12) = 2.178813 at 0.975.
    #[test]
    fn the_interval_equals_that_of_yuens_test() {
        let data = [
            77.0, 87.0, 88.0, 114.0, 151.0, 210.0, 219.0, 246.0, 253.0, 262.0, 296.0, 299.0, 306.0, 376.0,
            428.0, 515.0, 666.0, 1310.0, 2611.0,
        ];
        let trimmed = trimmed(&data, 0.2).expect("thirteen values are left");
        assert!(close(trimmed.mean, 282.692_307_7) && trimmed.dropped == 3);
        let (low, high) = trimmed.interval(data.iter().copied()).expect("an interval");
        assert!(close(low, 174.041_766_9) && close(high, 391.342_848_4), "({low}, {high})");
    }

    /// Without trimming the interval is Student's: for 1…5, mean 3, s = √2.5, t(4) = 2.776445.
    #[test]
    fn the_interval_of_an_untrimmed_mean_is_that_of_student() {
        let data = [1.0, 2.0, 3.0, 4.0, 5.0];
        let trimmed = trimmed(&data, 0.0).expect("five values");
        let (low, high) = trimmed.interval(data.iter().copied()).expect("an interval");
        let half = 2.776_445_1 * (2.5_f64 / 5.0).sqrt();
        assert!(close(low, 3.0 - half) && close(high, 3.0 + half), "({low}, {high})");
    }

    #[test]
    fn one_value_has_no_interval_and_no_value_has_no_mean() {
        assert_eq!(trimmed(&[], 0.2), None);
        let one = trimmed(&[7.0], 0.4).expect("one value");
        assert_eq!((one.mean, one.interval([7.0].into_iter())), (7.0, None));
    }

    #[test]
    fn quantiles_interpolate() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!([0.0, 0.5, 0.9, 1.0].map(|p| quantile(&values, p)), [1.0, 2.5, 3.7, 4.0]);
        assert_eq!(quantile(&[5.0], 0.99), 5.0);
    }
}
