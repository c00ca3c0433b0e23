//! Estimators and tests for measured values: pure functions, each formula with its source. All values are finite.

mod information; // what it is worth to know more
mod outliers; // values that are far from all others
mod holm; // several tests at once
mod ranks; // two samples compared by rank, and their shift
mod quantile; // quantiles and their intervals
mod trimmed_mean; // a mean without the extremes
mod estimate; // an estimate with its standard error, and the comparison of two
mod moments; // mean and variance

#[cfg(test)]
mod tests;

pub use estimate::{Comparison, Estimate};
pub use holm::holm;
pub use information::expected_loss;
pub use moments::{mean, sample_standard_deviation};
pub use outliers::outliers;
pub use quantile::{quantile, quantile_estimate, quantile_interval};
pub use ranks::{hodges_lehmann, mann_whitney};
pub use trimmed_mean::TrimmedMean;

/// The confidence level of all intervals: 95 %.
pub const CONFIDENCE: f64 = 0.95;

/// The share of the values that is dropped at each end without a flag: that of AWS Lambda Power Tuning.
pub const DEFAULT_TRIMMING: f64 = 0.2;
