//! The `applied` record: a change of a function by lpt-apply.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::names::{AliasName, FunctionArn, Version};
use crate::units::MemoryMB;

/// One change of a function. It is written twice: before the change, and when it is made or has failed. A
/// change that was not needed is written once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "applied", rename_all = "camelCase")]
pub struct Applied {
    /// The function's ARN, without a version or an alias.
    pub function_arn: FunctionArn,
    /// The memory that the function gets, in MB.
    #[serde(rename = "memorySizeMB")]
    pub memory_size: MemoryMB,
    /// The memory before the change: of `$LATEST`, or of the version that the alias pointed at. Absent if the
    /// alias is new.
    #[serde(rename = "previousMemorySizeMB", default, skip_serializing_if = "Option::is_none")]
    pub previous_memory_size: Option<MemoryMB>,
    /// The alias that is moved or created. Absent if `$LATEST` is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<AliasName>,
    /// The version that the alias points at from now on. Absent until it is published, and without an alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The version that the alias pointed at before. Absent if the alias is new, and without an alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_version: Option<Version>,
    /// The description of the version that is published for the alias. No other version has it. Absent
    /// without an alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_description: Option<String>,
    /// The progress of the change.
    pub state: AppliedState,
}

/// The progress of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AppliedState {
    /// The calls that make the change are about to be sent.
    Applying,
    /// The change is made.
    Applied,
    /// No change was needed.
    Unchanged,
    /// The change was not made.
    Failed,
}

impl Record for Applied {
    const TYPE: &'static str = "applied";
}
