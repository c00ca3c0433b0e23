//! Intervals of any statistic, by resampling.

use fastrand::Rng;

use super::quantile::quantile;

/// Returns the interval that contains the true value of `statistic` with about this confidence: the quantiles of the
/// statistic over `repetitions` resamples, of as many clusters, with replacement. `statistic` may reorder the values that
/// it is given.
///
/// Values that were measured together, as those of a wave of parallel calls, are a cluster, because they resemble each
/// other. Where nothing is known of that, each value is one. `None` for fewer than two clusters that have values, or
/// without repetitions. The same seed gives the same interval on every machine.
///
/// B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13; of clusters, A. C. Davison and
/// D. V. Hinkley, "Bootstrap Methods and their Application" (1997), section 3.8.
pub fn bootstrap_interval(
    clusters: &[&[f64]],
    statistic: impl Fn(&mut [f64]) -> f64,
    confidence: f64,
    seed: u64,
    repetitions: usize,
) -> Option<(f64, f64)> {
    let clusters: Vec<&[f64]> = clusters.iter().copied().filter(|cluster| !cluster.is_empty()).collect();
    if clusters.len() < 2 || repetitions == 0 {
        return None;
    }
    let mut random = Rng::with_seed(seed);
    let mut resample = Vec::new();
    let mut values: Vec<f64> = (0..repetitions)
        .map(|_| {
            resample.clear();
            for _ in 0..clusters.len() {
                // The type is named, because the numbers that are drawn depend on it.
                resample.extend_from_slice(clusters[random.u64(0..clusters.len() as u64) as usize]);
            }
            statistic(&mut resample)
        })
        .collect();
    values.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    Some((quantile(&values, tail), quantile(&values, 1.0 - tail)))
}
