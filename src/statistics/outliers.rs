//! Values that are far from all others.

use super::moments::mean;
use super::quantile::quantile;

/// The modified Z-score beyond which a value is an outlier.
const LIMIT: f64 = 3.5;

/// Returns the indices of the values whose modified Z-score, 0.6745 × |value − median| ÷ MAD, is more than 3.5, where the
/// MAD is the median absolute deviation from the median.
///
/// B. Iglewicz and D. C. Hoaglin, "How to Detect and Handle Outliers" (1993), chapter 3. If the MAD is 0, because at
/// least half of the values are equal, the score is |value − median| ÷ (1.253314 × mean absolute deviation), as in IBM's
/// SPSS: both factors make the score of normal values the usual one.
/// <https://www.ibm.com/docs/en/cognos-analytics/12.0.x?topic=terms-modified-z-score>
pub fn outliers(values: &[f64]) -> Vec<usize> {
    let Some(centre) = median(values.to_vec()) else {
        return Vec::new();
    };
    let deviations: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    let unit = match median(deviations.clone()) {
        Some(mad) if mad > 0.0 => mad / 0.6745,
        _ => 1.253_314 * mean(deviations.iter().copied()),
    };
    // Not by division: where all values are equal, none is an outlier.
    let is_far = |deviation: f64| deviation > LIMIT * unit;
    deviations.iter().enumerate().filter(|(_, deviation)| is_far(**deviation)).map(|(at, _)| at).collect()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    (!values.is_empty()).then(|| quantile(&values, 0.5))
}
