//! The `selection` record: the best size of a function.

use serde::{Deserialize, Serialize};

use super::{BalancedWeight, Record, Strategy};
use crate::names::{Architecture, FunctionArn};
use crate::units::{Currency, MemoryMB, Millis, Money};

/// One function × architecture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "selection", rename_all = "camelCase")]
pub struct Selection {
    /// The function, unqualified.
    pub function_arn: FunctionArn,
    /// The processor.
    #[serde(default)]
    pub architecture: Architecture,
    /// The best size.
    #[serde(rename = "memorySizeMB")]
    pub memory_size: MemoryMB,
    /// What it is best by.
    pub strategy: Strategy,
    /// Its weight.
    pub balanced_weight: BalancedWeight,
    /// Compute, of one invocation with that size.
    pub average_cost: Money,
    /// Of one invocation with that size.
    pub average_duration_ms: Millis,
    /// Of all costs.
    pub currency: Currency,
    /// What the function had before the run.
    #[serde(rename = "originalMemorySizeMB", default, skip_serializing_if = "Option::is_none")]
    pub original_memory_size: Option<MemoryMB>,
    /// Against that, as a fraction: -0.25 is a quarter less. Absent where it was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_change: Option<f64>,
    /// Likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_change: Option<f64>,
    /// What the measuring itself cost, compute and requests.
    pub lambda_cost: Money,
    /// A link to a chart of all sizes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visualization: Option<String>,
}

impl Record for Selection {
    const TYPE: &'static str = "selection";
}
