//! The mean of values that come in clusters: those of one execution environment resemble each other more than others.

use super::estimate::Estimate;
use super::moments::mean;

/// Returns the mean of all values, with the standard error that holds if values resemble each other within a cluster:
/// √(g ÷ (g − 1) × Σ e²) ÷ n, where e is a cluster's sum of deviations from the mean, for n values in g clusters; with
/// g − 1 degrees of freedom. Empty clusters are left out. `None` for fewer than two others.
///
/// This is the variance of a ratio of sums over clusters, of L. Kish, "Survey Sampling" (1965), chapter 6, and the robust
/// variance of K.-Y. Liang and S. L. Zeger, "Longitudinal data analysis using generalized linear models", Biometrika
/// 73 (1986), 13–22, with the usual correction for few clusters.
pub fn clustered_estimate(clusters: &[&[f64]]) -> Option<Estimate> {
    let clusters = || clusters.iter().filter(|cluster| !cluster.is_empty());
    let count = clusters().count() as f64;
    if count < 2.0 {
        return None;
    }
    let values = || clusters().flat_map(|cluster| cluster.iter().copied());
    let (n, mean) = (values().count() as f64, mean(values()));
    let deviation = |cluster: &[f64]| cluster.iter().map(|value| value - mean).sum::<f64>();
    let squares: f64 = clusters().map(|cluster| deviation(cluster).powi(2)).sum();
    let standard_error = (count / (count - 1.0) * squares).sqrt() / n;
    Some(Estimate { mean, standard_error, degrees_of_freedom: count - 1.0 })
}
