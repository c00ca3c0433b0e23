//! The `configuration` record: a version to measure.

use serde::{Deserialize, Serialize};

use super::{Record, RunName, SizeKey};
use crate::names::{AliasName, Architecture, FunctionArn, Version};
use crate::units::MemoryMB;

/// One version to measure. It is written twice: before the version and its alias are made, and when they are
/// ready or have failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "configuration", rename_all = "camelCase")]
pub struct Configuration {
    /// The id of the run that made the version.
    pub run_id: RunName,
    /// The function's ARN, without a version or an alias.
    pub function_arn: FunctionArn,
    /// The function's architecture; `x86_64` if absent in the input.
    #[serde(default)]
    pub architecture: Architecture,
    /// The memory of this version, in MB.
    #[serde(rename = "memorySizeMB")]
    pub memory_size: MemoryMB,
    /// The name of the alias that points, or will point, at the version.
    pub alias: AliasName,
    /// The index of the only invocation that the version is for. Absent unless each invocation has a version
    /// of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// The progress of the version and its alias.
    pub state: ConfigurationState,
    /// The number of the published version. Absent if none was published, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The name of the error. Absent unless the version has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// The message of the error. Absent unless the version has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// The progress of a version and its alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfigurationState {
    /// The calls that make them are about to be sent.
    Creating,
    /// The version can be invoked by its alias.
    Ready,
    /// The account or the function refuses this size, or the run could not continue.
    Failed,
}

impl Configuration {
    /// Returns the function, architecture and memory size of the version.
    pub(crate) fn size_key(&self) -> SizeKey {
        SizeKey {
            function: self.function_arn.clone(),
            architecture: self.architecture,
            memory: self.memory_size,
        }
    }
}

impl Record for Configuration {
    const TYPE: &'static str = "configuration";
}
