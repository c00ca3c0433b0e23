//! The `cleaned` record: what was removed of a run.

use serde::{Deserialize, Serialize};

use super::{Record, RunId};
use crate::names::{AliasName, FunctionArn, Version};

/// One run × function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "cleaned", rename_all = "camelCase")]
pub struct Cleaned {
    /// The run.
    pub run_id: RunId,
    /// The function, unqualified.
    pub function_arn: FunctionArn,
    /// By name.
    pub aliases_deleted: Vec<AliasName>,
    /// By number.
    pub versions_deleted: Vec<Version>,
    /// Whether `$LATEST` was set back now; `false` where that was not needed, or is in `left`.
    pub memory_restored: bool,
    /// What could not be removed or restored.
    pub left: Vec<Left>,
}

impl Record for Cleaned {
    const TYPE: &'static str = "cleaned";
}

/// Something of the run that is still there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// What: an alias, a version, or the function.
    pub resource: String,
    /// AWS's name for why.
    pub error_type: String,
    /// AWS's words.
    pub error_message: String,
}
