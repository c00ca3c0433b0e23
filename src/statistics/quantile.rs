//! Quantiles and their intervals.

use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::beta::beta_reg;

use super::CONFIDENCE;
use super::estimate::Estimate;

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

/// Returns two of the values, in ascending order, between which the true quantile `p`, more than 0 and less than 1, lies
/// with at least this confidence, whatever the distribution is.
///
/// `None` if there are too few values: the greatest of n is below the quantile with the probability pⁿ, so an upper end
/// for p = 0.95 at the confidence 0.95 takes 72 values, and one for p = 0.99 takes 368.
///
/// The number of values below the quantile is binomial: W. J. Conover, "Practical Nonparametric Statistics", 3rd edition
/// (1999), section 3.2.
pub fn quantile_interval(ascending: &[f64], p: f64, confidence: f64) -> Option<(f64, f64)> {
    let n = ascending.len();
    let tail = (1.0 - confidence) / 2.0;
    let low = least_count(n, |count| at_most(count, n, p) >= tail);
    let high = least_count(n, |count| 1.0 - at_most(count, n, p) <= tail);
    (low > 0 && high < n).then(|| (ascending[low - 1], ascending[high]))
}

/// Returns the quantile `p` with the standard error that its interval of 95 % would have if it were that of a normal
/// distribution; `None` if [`quantile_interval`] is. So two quantiles can be compared.
///
/// R. S. Woodruff, "Confidence intervals for medians and other position measures", Journal of the American Statistical
/// Association 47 (1952), 635–646.
pub fn quantile_estimate(ascending: &[f64], p: f64) -> Option<Estimate> {
    let (low, high) = quantile_interval(ascending, p, CONFIDENCE)?;
    let half = Normal::standard().inverse_cdf(0.5 + CONFIDENCE / 2.0);
    Some(Estimate {
        mean: quantile(ascending, p),
        standard_error: (high - low) / (2.0 * half),
        degrees_of_freedom: (ascending.len() - 1) as f64,
    })
}

/// Returns the least number from 0 to `n` that `is_enough`, as all greater ones are.
fn least_count(n: usize, is_enough: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low.midpoint(high);
        if is_enough(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// Returns the probability that at most `count` of `n` values are below the quantile `p`.
fn at_most(count: usize, n: usize, p: f64) -> f64 {
    if count >= n { 1.0 } else { beta_reg((n - count) as f64, count as f64 + 1.0, 1.0 - p) }
}
