//! The `selection` record: the best size of a function.

use serde::{Deserialize, Serialize};

use super::{BalancedWeight, Record, Strategy};
use crate::names::{Architecture, FunctionArn};
use crate::units::{Currency, MemoryMB, Millis, Money};

/// The best size of one function on one architecture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "selection", rename_all = "camelCase")]
pub struct Selection {
    /// The function's ARN, without a version or an alias.
    pub function_arn: FunctionArn,
    /// The function's architecture; `x86_64` if absent in the input.
    #[serde(default)]
    pub architecture: Architecture,
    /// The best memory size, in MB.
    #[serde(rename = "memorySizeMB")]
    pub memory_size: MemoryMB,
    /// The group of invocations for which it is the best, as in the size's statistics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The strategy by which it is the best.
    pub strategy: Strategy,
    /// The weight of cost in the strategy `balanced`.
    pub balanced_weight: BalancedWeight,
    /// The average cost of one invocation with that size, as in the size's statistics.
    pub average_cost: Money,
    /// The average duration of one invocation with that size, as in the size's statistics.
    pub average_duration_ms: Millis,
    /// The currency of all costs in this record.
    pub currency: Currency,
    /// The memory of `$LATEST` before the run, in MB. Absent if the input has no plan.
    #[serde(rename = "originalMemorySizeMB", default, skip_serializing_if = "Option::is_none")]
    pub original_memory_size: Option<MemoryMB>,
    /// The change of the average cost from the original size, as a fraction: -0.25 is a quarter less. Absent
    /// if the original size was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_change: Option<f64>,
    /// The change of the average duration from the original size, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_change: Option<f64>,
    /// What the selected size saves in a month against the original one, at the number of invocations of
    /// `lpt-select --monthly-invocations`; negative if it costs more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_savings: Option<Money>,
    /// The probability, at least, that no other size is better under the strategy by more than the tolerance. Absent
    /// unless the selection is certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Whether each other size is shown to be worse or equivalent. Absent where the statistics have no verdicts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certain: Option<bool>,
    /// The sizes, in MB, that cannot be told apart from the best: the equivalent ones and the undecided ones.
    #[serde(rename = "indistinguishableFrom", default, skip_serializing_if = "Vec::is_empty")]
    pub indistinguishable_from: Vec<MemoryMB>,
    /// The cost of the measuring itself: the sum of the total costs of all sizes.
    pub lambda_cost: Money,
    /// A link to a chart of all sizes with a result. Absent if no chart can be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visualization: Option<String>,
}

impl Record for Selection {
    const TYPE: &'static str = "selection";
}
