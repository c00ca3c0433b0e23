//! The `applied` record: a change that was made to a function.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::names::{AliasName, FunctionArn, Version};
use crate::units::MemoryMB;

/// Written twice: before the change, and when it is made or has failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "applied", rename_all = "camelCase")]
pub struct Applied {
    /// The function, unqualified.
    pub function_arn: FunctionArn,
    /// What it gets.
    #[serde(rename = "memorySizeMB")]
    pub memory_size: MemoryMB,
    /// What `$LATEST`, or the version that the alias pointed at, had.
    #[serde(rename = "previousMemorySizeMB", default, skip_serializing_if = "Option::is_none")]
    pub previous_memory_size: Option<MemoryMB>,
    /// The alias that is moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<AliasName>,
    /// The version that it points at now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The version that it pointed at before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_version: Option<Version>,
    /// The description of the version that is published for the alias, which no other has: by it one is found that the
    /// alias came not to point at, because lpt-apply was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_description: Option<String>,
    /// How far the change is.
    pub state: AppliedState,
}

/// How far a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AppliedState {
    /// The calls that make it are about to be sent.
    Applying,
    /// It is made.
    Applied,
    /// It was not needed.
    Unchanged,
    /// It was not made.
    Failed,
}

impl Record for Applied {
    const TYPE: &'static str = "applied";
}
