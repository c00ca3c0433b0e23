//! The `statistics` record: the durations and costs of one memory size.

use serde::{Deserialize, Serialize};

use super::{BalancedWeight, Objective, Record, SizeKey, Strategy};
use crate::names::{Architecture, FunctionArn};
use crate::units::{Currency, MemoryMB, Millis, Money};

/// The statistics of one function on one architecture at one memory size. A duration is the sum of duration,
/// init and restore. A cost is that of one invocation unless its field says otherwise.
///
/// The used invocations are those that count as a result and have the start that is asked for. The kept ones
/// are what trimming leaves of them. A field that is computed from either is absent if there are none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "statistics", rename_all = "camelCase")]
pub struct Statistics {
    /// The function's ARN, without a version or an alias.
    pub function_arn: FunctionArn,
    /// The function's architecture; `x86_64` if absent in the input.
    #[serde(default)]
    pub architecture: Architecture,
    /// The memory size in MB.
    #[serde(rename = "memorySizeMB")]
    pub memory_size: MemoryMB,
    /// The values of the fields by which the invocations were grouped, such as `tag.commit=abc, payloadIndex=0`. Absent
    /// if they were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The starts of the invocations that are used.
    #[serde(default)]
    pub starts: Starts,
    /// The currency of all costs in this record.
    pub currency: Currency,
    /// The number of used invocations.
    pub invocations: u64,
    /// The number of used invocations that trimming dropped, at both ends together.
    pub discarded: u64,
    /// The number of used invocations whose duration is far from those of all others. They are used all the same.
    #[serde(default)]
    pub outliers: u64,
    /// The number of failed invocations.
    pub errors: u64,
    /// The number of failed invocations at which the function itself failed.
    #[serde(default)]
    pub function_errors: u64,
    /// The number of failed invocations at which the function ran out of memory.
    #[serde(default)]
    pub out_of_memory_errors: u64,
    /// The number of used invocations that were cold starts.
    pub cold_starts: u64,
    /// The number of execution environments that the invocations were in, as far as cold starts and waves tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environments: Option<u64>,
    /// The mean duration of the kept invocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_duration_ms: Option<Millis>,
    /// The mean billed duration of the kept invocations, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_billed_duration_ms: Option<f64>,
    /// The mean cost of the kept invocations: compute, and `/tmp` beyond the free size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_cost: Option<Money>,
    /// The mean cost of all used invocations, untrimmed, which the bill follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_cost: Option<Money>,
    /// The charge for one request, which is part of neither cost above. Absent if the price list has no price
    /// for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_cost: Option<Money>,
    /// The charge for restoring the snapshot at one cold start, which is part of neither cost above. Absent
    /// without SnapStart, if it is free for the runtime, or if the price list has no price for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_cost: Option<Money>,
    /// The charge of AWS for all invocations that were made, errors included, and for the snapshots of the
    /// versions.
    pub total_cost: Money,
    /// The shortest duration of the used invocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_duration_ms: Option<Millis>,
    /// The median duration of the used invocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_duration_ms: Option<Millis>,
    /// The 90th percentile of the durations of the used invocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90_duration_ms: Option<Millis>,
    /// The 95th percentile of the durations of the used invocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_duration_ms: Option<Millis>,
    /// The lower end of the confidence interval of the 95th percentile, which no distribution is assumed for. Absent if
    /// there are too few invocations: it takes 72.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_duration_low_ms: Option<Millis>,
    /// The upper end of that interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_duration_high_ms: Option<Millis>,
    /// The 99th percentile of the durations of the used invocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_duration_ms: Option<Millis>,
    /// The longest duration of the used invocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_ms: Option<Millis>,
    /// The sample standard deviation (n − 1) of the durations of the used invocations. Absent with fewer than
    /// two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stddev_duration_ms: Option<Millis>,
    /// The lower end of the confidence interval of the average duration, in milliseconds. Below 0 if the data
    /// are too few or too scattered to exclude that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_duration_low_ms: Option<f64>,
    /// The upper end of the confidence interval of the average duration, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_duration_high_ms: Option<f64>,
    /// The lower end of the confidence interval of the average cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_cost_low: Option<Money>,
    /// The upper end of the confidence interval of the average cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_cost_high: Option<Money>,
    /// The confidence level of both intervals, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// The degrees of freedom of Student's t in both intervals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degrees_of_freedom: Option<f64>,
    /// The trimmed mean of the init durations that were reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_init_duration_ms: Option<Millis>,
    /// The most memory that any invocation reported, in MB, those that failed included.
    #[serde(rename = "maxMemoryUsedMB", default, skip_serializing_if = "Option::is_none")]
    pub max_memory_used: Option<u32>,
    /// The share of the used invocations that trimming drops at each end.
    pub discard_top_bottom: f64,
    /// The share of cold starts that is part of the averages and their intervals, with the mean duration and cost of the
    /// cold starts that were measured. Absent if they are averages of the used invocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold_start_rate: Option<f64>,
    /// The strategy that the rank is by.
    pub strategy: Strategy,
    /// The weight of cost in the strategy `balanced`.
    pub balanced_weight: BalancedWeight,
    /// The duration that the strategy compares; the mean if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<Objective>,
    /// The value that the strategy compares: the lower, the better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The place among the sizes of the function and architecture: 1 is the best. Absent if no invocation of
    /// the size is usable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
    /// Whether it is on the Pareto front: no other size at which the function works is cheaper and at least as fast, or
    /// faster and at least as cheap. Absent without a rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pareto: Option<bool>,
    /// How it compares with the best under the strategy. Absent if it has no rank, if the function fails at it, or if it
    /// or the best has fewer than two usable invocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The probability with which all verdicts of the function are right together. Absent without a verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict_confidence: Option<f64>,
    /// The probability of a difference to the best like this one, or a greater one, if it were in truth as good. Absent
    /// without a verdict, and for the best itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
}

impl Record for Statistics {
    const TYPE: &'static str = "statistics";
}

impl Statistics {
    /// Returns the function, architecture and memory size that the statistics are about.
    pub(crate) fn size_key(&self) -> SizeKey {
        SizeKey {
            function: self.function_arn.clone(),
            architecture: self.architecture,
            memory: self.memory_size,
        }
    }

    /// Returns the duration that the strategy compares.
    pub(crate) fn objective_duration(&self) -> Option<Millis> {
        match self.objective.unwrap_or_default() {
            Objective::Mean => self.average_duration_ms,
            Objective::P50 => self.p50_duration_ms,
            Objective::P90 => self.p90_duration_ms,
            Objective::P95 => self.p95_duration_ms,
            Objective::P99 => self.p99_duration_ms,
        }
    }

    /// Returns what statistics are sorted by, so that rivals are beside each other.
    pub(crate) fn sort_key(&self) -> (FunctionArn, Architecture, Option<String>, MemoryMB) {
        (self.function_arn.clone(), self.architecture, self.group.clone(), self.memory_size)
    }

    /// Whether both are sizes of the same function, architecture and group, so that one of them is to be selected.
    pub(crate) fn is_rival_of(&self, other: &Statistics) -> bool {
        (&self.function_arn, self.architecture, &self.group)
            == (&other.function_arn, other.architecture, &other.group)
    }
}

/// How a size compares with the best under the strategy, at the confidence level of the record, over all sizes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is the best, as far as it was measured.
    Best,
    /// It is not worse than the best by more than the tolerance.
    Equivalent,
    /// It is worse.
    Worse,
    /// The measurements show neither.
    Undecided,
}

/// The starts that are used: cold, warm, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Starts {
    /// All invocations, cold and warm.
    #[default]
    All,
    /// The invocations that found an execution environment.
    Warm,
    /// The invocations that an execution environment was started for.
    Cold,
}
