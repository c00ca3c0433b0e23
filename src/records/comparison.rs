//! The `comparison` record: what changed at one memory size since an earlier measurement.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::names::{Architecture, FunctionArn};
use crate::units::{Currency, MemoryMB, Millis, Money};

/// The change of one function on one architecture at one memory size since an earlier measurement. A change is a fraction
/// of the old value: 0.05 is 5 % more. An interval is that of the difference, also as a fraction of the old value.
///
/// A field about a change is absent if either side has too few invocations for it: two for cost and duration, 72 for the
/// 95th percentile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "comparison", rename_all = "camelCase")]
pub struct Comparison {
    /// The function's ARN, without a version or an alias.
    pub function_arn: FunctionArn,
    /// The function's architecture; `x86_64` if absent in the input.
    #[serde(default)]
    pub architecture: Architecture,
    /// The memory size in MB.
    #[serde(rename = "memorySizeMB")]
    pub memory_size: MemoryMB,
    /// The group of invocations, as in their statistics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The currency of both costs.
    pub currency: Currency,
    /// The number of used invocations of the earlier measurement.
    pub old_invocations: u64,
    /// The number of used invocations now.
    pub invocations: u64,
    /// The number of used invocations of the earlier measurement that were cold starts.
    pub old_cold_starts: u64,
    /// The number of used invocations that are cold starts now.
    pub cold_starts: u64,
    /// The old mean cost of all used invocations, at the prices of today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_mean_cost: Option<Money>,
    /// The mean cost of all used invocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_cost: Option<Money>,
    /// The change of the mean cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_change: Option<f64>,
    /// The lower end of its confidence interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_change_low: Option<f64>,
    /// The upper end of its confidence interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_change_high: Option<f64>,
    /// The probability of such a change by chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_p_value: Option<f64>,
    /// The same, corrected for the number of comparisons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_adjusted_p_value: Option<f64>,
    /// The old mean duration of the kept invocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_average_duration_ms: Option<Millis>,
    /// The mean duration of the kept invocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_duration_ms: Option<Millis>,
    /// The change of the mean duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_change: Option<f64>,
    /// The lower end of its confidence interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_change_low: Option<f64>,
    /// The upper end of its confidence interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_change_high: Option<f64>,
    /// The probability of such a change by chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_p_value: Option<f64>,
    /// The same, corrected for the number of comparisons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_adjusted_p_value: Option<f64>,
    /// The old 95th percentile of the durations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_p95_duration_ms: Option<Millis>,
    /// The 95th percentile of the durations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_duration_ms: Option<Millis>,
    /// The change of the 95th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_change: Option<f64>,
    /// The lower end of its confidence interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_change_low: Option<f64>,
    /// The upper end of its confidence interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_change_high: Option<f64>,
    /// The probability of such a change by chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_p_value: Option<f64>,
    /// The same, corrected for the number of comparisons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_adjusted_p_value: Option<f64>,
    /// The shift of the durations, in milliseconds: the median of all differences between a new and an old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift_ms: Option<f64>,
    /// The probability of durations that are shifted so far by chance, by rank, which no outlier sways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift_p_value: Option<f64>,
    /// The confidence level of all intervals, from 0 to 1.
    pub confidence: f64,
}

impl Record for Comparison {
    const TYPE: &'static str = "comparison";
}

/// A quantity that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantity {
    Cost,
    Duration,
    P95,
}

impl Quantity {
    pub const ALL: [Quantity; 3] = [Quantity::Cost, Quantity::Duration, Quantity::P95];

    pub fn as_str(self) -> &'static str {
        match self {
            Quantity::Cost => "cost",
            Quantity::Duration => "duration",
            Quantity::P95 => "p95",
        }
    }
}

/// The change of one quantity, as a fraction of the old value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    pub change: f64,
    pub low: f64,
    pub high: f64,
    /// Corrected for the number of comparisons.
    pub adjusted_p: f64,
}

impl Change {
    /// Whether the change is hardly by chance.
    pub fn is_significant(&self, confidence: f64) -> bool {
        self.adjusted_p < 1.0 - confidence
    }
}

impl Comparison {
    /// Returns the change of a quantity, if both sides have enough invocations for it.
    pub(crate) fn change(&self, quantity: Quantity) -> Option<Change> {
        let (change, low, high, adjusted_p) = match quantity {
            Quantity::Cost => {
                (self.cost_change, self.cost_change_low, self.cost_change_high, self.cost_adjusted_p_value)
            }
            Quantity::Duration => (
                self.duration_change,
                self.duration_change_low,
                self.duration_change_high,
                self.duration_adjusted_p_value,
            ),
            Quantity::P95 => {
                (self.p95_change, self.p95_change_low, self.p95_change_high, self.p95_adjusted_p_value)
            }
        };
        Some(Change { change: change?, low: low?, high: high?, adjusted_p: adjusted_p? })
    }
}
