//! The `proposal` record: a size to measure, because it may be better than each measured one.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::names::{Architecture, FunctionArn};
use crate::units::{Currency, MemoryMB, Millis, Money};

/// A size of one function on one architecture that was not measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "proposal", rename_all = "camelCase")]
pub struct Proposal {
    /// The function's ARN, without a version or an alias.
    pub function_arn: FunctionArn,
    /// The function's architecture; `x86_64` if absent in the input.
    #[serde(default)]
    pub architecture: Architecture,
    /// The memory size to measure, in MB.
    #[serde(rename = "memorySizeMB")]
    pub memory_size: MemoryMB,
    /// The group of invocations that the prediction is about, as in the statistics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The average duration that is expected.
    pub predicted_duration_ms: Millis,
    /// The lower end of its interval.
    pub predicted_duration_low_ms: Millis,
    /// The upper end of its interval.
    pub predicted_duration_high_ms: Millis,
    /// The average cost that is expected.
    pub predicted_cost: Money,
    /// The lower end of its interval.
    pub predicted_cost_low: Money,
    /// The upper end of its interval.
    pub predicted_cost_high: Money,
    /// The currency of all costs in this record.
    pub currency: Currency,
    /// The confidence level of both intervals, from 0 to 1.
    pub confidence: f64,
    /// Why the size is proposed: a sentence.
    pub reason: String,
}

impl Record for Proposal {
    const TYPE: &'static str = "proposal";
}
