//! The `statistics` record: one memory size, as its invocations show it.

use serde::{Deserialize, Serialize};

use super::{BalancedWeight, Record, SizeKey, Strategy};
use crate::names::{Architecture, FunctionArn};
use crate::units::{Currency, MemoryMB, Millis, Money};

/// One function × architecture × memory size. Durations are duration + init + restore; costs are of one invocation
/// unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "statistics", rename_all = "camelCase")]
pub struct Statistics {
    /// The function, unqualified.
    pub function_arn: FunctionArn,
    /// The processor.
    #[serde(default)]
    pub architecture: Architecture,
    /// The memory.
    #[serde(rename = "memorySizeMB")]
    pub memory_size: MemoryMB,
    /// Which invocations were taken.
    #[serde(default)]
    pub starts: Starts,
    /// Of all costs.
    pub currency: Currency,
    /// How many invocations were used.
    pub invocations: u64,
    /// How many of them were dropped from the averages, at both ends together.
    pub discarded: u64,
    /// How many invocations failed.
    pub errors: u64,
    /// At how many of those the function itself failed.
    #[serde(default)]
    pub function_errors: u64,
    /// At how many of those it ran out of memory.
    #[serde(default)]
    pub out_of_memory_errors: u64,
    /// How many of those used were cold starts.
    pub cold_starts: u64,
    /// Trimmed mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_duration_ms: Option<Millis>,
    /// Of the same kept invocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_billed_duration_ms: Option<f64>,
    /// Compute, and `/tmp` where it is more than what is free, of the same kept invocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_cost: Option<Money>,
    /// Likewise, plain mean of all used: what the bill will show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_cost: Option<Money>,
    /// The charge for the request itself, to add to either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_cost: Option<Money>,
    /// The charge for restoring the snapshot at a cold start, where SnapStart is charged, to add to that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_cost: Option<Money>,
    /// All that AWS charges for the invocations made, errors included, together, and for the snapshots of the
    /// versions.
    pub total_cost: Money,
    /// Least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_duration_ms: Option<Millis>,
    /// Median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_duration_ms: Option<Millis>,
    /// 90th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90_duration_ms: Option<Millis>,
    /// 95th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_duration_ms: Option<Millis>,
    /// 99th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_duration_ms: Option<Millis>,
    /// Greatest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_ms: Option<Millis>,
    /// Of the sample, n − 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stddev_duration_ms: Option<Millis>,
    /// Where the interval of the average begins; below 0 where the data are too few or too wild to exclude that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_duration_low_ms: Option<f64>,
    /// Where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_duration_high_ms: Option<f64>,
    /// Where the interval of the average cost begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_cost_low: Option<Money>,
    /// Where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_cost_high: Option<Money>,
    /// Of these intervals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Trimmed mean of the init durations that were reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_init_duration_ms: Option<Millis>,
    /// The most memory that any invocation used.
    #[serde(rename = "maxMemoryUsedMB", default, skip_serializing_if = "Option::is_none")]
    pub max_memory_used: Option<u32>,
    /// The share dropped at each end.
    pub discard_top_bottom: f64,
    /// What the rank is by.
    pub strategy: Strategy,
    /// Its weight.
    pub balanced_weight: BalancedWeight,
    /// The less, the better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// 1 is best; absent where the size has no usable invocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
}

impl Record for Statistics {
    const TYPE: &'static str = "statistics";
}

impl Statistics {
    /// Returns the function, architecture and memory size that this is about.
    pub fn size_key(&self) -> SizeKey {
        SizeKey {
            function: self.function_arn.clone(),
            architecture: self.architecture,
            memory: self.memory_size,
        }
    }

    /// Whether both are sizes of the same function and architecture, so that one of them is to be selected.
    pub fn is_rival_of(&self, other: &Statistics) -> bool {
        (&self.function_arn, self.architecture) == (&other.function_arn, other.architecture)
    }
}

/// Which invocations were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Starts {
    /// All.
    #[default]
    All,
    /// Those that found an execution environment.
    Warm,
    /// Those that one was made for.
    Cold,
}
