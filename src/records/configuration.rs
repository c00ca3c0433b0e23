//! The `configuration` record: a version to measure.

use serde::{Deserialize, Serialize};

use super::{Record, RunId, SizeKey};
use crate::names::{AliasName, Architecture, FunctionArn, Version};
use crate::units::MemoryMB;

/// Written twice: before the version and its alias are made, and when they are ready or have failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "configuration", rename_all = "camelCase")]
pub struct Configuration {
    /// The run.
    pub run_id: RunId,
    /// The function, unqualified.
    pub function_arn: FunctionArn,
    /// Its processor.
    #[serde(default)]
    pub architecture: Architecture,
    /// The memory of this version.
    #[serde(rename = "memorySizeMB")]
    pub memory_size: MemoryMB,
    /// The alias that points, or will point, at it.
    pub alias: AliasName,
    /// Which invocation it is for, where each has a version of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// How far it is.
    pub state: ConfigurationState,
    /// The published version, where it is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// AWS's name for why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// Why it failed, in AWS's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// How far a configuration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfigurationState {
    /// The calls that make it are about to be sent.
    Creating,
    /// It can be invoked.
    Ready,
    /// The account or the function refuses this size, or the run could not go on.
    Failed,
}

impl Configuration {
    /// Returns the function, architecture and memory size that this is about.
    pub fn size_key(&self) -> SizeKey {
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
