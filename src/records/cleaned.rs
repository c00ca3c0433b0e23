//! The `cleaned` record: the removal of what a run made.

use serde::{Deserialize, Serialize};

use super::{Record, RunId};
use crate::names::{AliasName, FunctionArn, Version};

/// The result of cleaning up one function of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "cleaned", rename_all = "camelCase")]
pub struct Cleaned {
    /// The id of the run that is undone.
    pub run_id: RunId,
    /// The function's ARN, without a version or an alias.
    pub function_arn: FunctionArn,
    /// The names of the aliases that were deleted.
    pub aliases_deleted: Vec<AliasName>,
    /// The numbers of the versions that were deleted.
    pub versions_deleted: Vec<Version>,
    /// Whether `$LATEST` got its memory and description back now. `false` if that was not needed, or failed
    /// and is in `left`.
    pub memory_restored: bool,
    /// The resources that could not be removed or restored.
    pub left: Vec<Left>,
}

impl Record for Cleaned {
    const TYPE: &'static str = "cleaned";
}

/// A resource of the run that could not be removed or restored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// The alias, the version or the function.
    pub resource: String,
    /// The name of the error, from AWS or of lpt's own.
    pub error_type: String,
    /// The message of the error.
    pub error_message: String,
}
