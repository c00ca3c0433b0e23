//! The `between` record: how two functions, architectures or builds compare, each at its own best size.

use serde::{Deserialize, Serialize};

use super::{Record, Strategy};
use crate::names::{Architecture, FunctionArn};
use crate::units::{Currency, MemoryMB, Millis, Money};

/// The best of the alternatives of `lpt-select --between`, compared with one of the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "between", rename_all = "camelCase")]
pub struct Between {
    /// The ARN of the function that is the best, without a version or an alias.
    pub function_arn: FunctionArn,
    /// Its architecture; `x86_64` if absent in the input.
    #[serde(default)]
    pub architecture: Architecture,
    /// The size that was selected for it, in MB.
    #[serde(rename = "memorySizeMB")]
    pub memory_size: MemoryMB,
    /// Its group of invocations, as in the size's statistics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The average cost of one invocation with that size.
    pub average_cost: Money,
    /// The average duration of one invocation with that size.
    pub average_duration_ms: Millis,
    /// The ARN of the function with which it is compared.
    pub other_function_arn: FunctionArn,
    /// The other's architecture; `x86_64` if absent in the input.
    #[serde(default)]
    pub other_architecture: Architecture,
    /// The size that was selected for the other, in MB.
    #[serde(rename = "otherMemorySizeMB")]
    pub other_memory_size: MemoryMB,
    /// The other's group of invocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_group: Option<String>,
    /// The average cost of one invocation of the other.
    pub other_average_cost: Money,
    /// The average duration of one invocation of the other.
    pub other_average_duration_ms: Millis,
    /// The currency of all costs in this record.
    pub currency: Currency,
    /// The strategy: `cost` compares the average costs, and `speed` the average durations.
    pub strategy: Strategy,
    /// The change from the other to the best, as a fraction of the other: -0.21 is 21 % less.
    pub change: f64,
    /// The lower end of the confidence interval of the change. Absent if either has fewer than two kept invocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_low: Option<f64>,
    /// The upper end of the confidence interval of the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_high: Option<f64>,
    /// The confidence level of the intervals, of all alternatives together, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Whether the interval is below 0, so that the two can be told apart.
    pub certain: bool,
}

impl Record for Between {
    const TYPE: &'static str = "between";
}
