//! Mean and variance.

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

/// Returns the variance of a sample, with n − 1, or `None` for fewer than two values.
pub(super) fn sample_variance(values: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let mean = mean(values.clone());
    let (mut squares, mut count) = (0.0, 0_u64);
    values.for_each(|value| {
        squares += (value - mean).powi(2);
        count += 1;
    });
    (count > 1).then(|| squares / (count - 1) as f64)
}
