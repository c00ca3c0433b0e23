//! The `failure` record: a function that could not be prepared.

use serde::{Deserialize, Serialize};

use super::{Record, RunName};
use crate::names::FunctionArn;

/// A function that lpt-prepare could not prepare, or not for all sizes. The function may not even exist, so the record
/// names it as the user did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "failure", rename_all = "camelCase")]
pub struct Failure {
    /// The id of the run.
    pub run_id: RunName,
    /// The function as the user named it.
    pub function: String,
    /// The function's ARN, without a version or an alias. Absent if AWS did not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_arn: Option<FunctionArn>,
    /// The name of the error.
    pub error_type: String,
    /// The message of the error.
    pub error_message: String,
}

impl Record for Failure {
    const TYPE: &'static str = "failure";
}
