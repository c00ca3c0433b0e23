//! The `configuration` record: a version to measure.

use serde::{Deserialize, Serialize};

use super::RunId;
use crate::aws::{AliasName, Architecture, FunctionArn, Version};
use crate::ndjson::Record;
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
    #[serde(flatten)]
    pub state: ConfigurationState,
}

/// How far a configuration is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum ConfigurationState {
    /// The calls that make it are about to be sent.
    Creating,
    /// It can be invoked.
    Ready {
        /// The published version.
        version: Version,
    },
    /// The account or the function refuses this size.
    Failed {
        /// AWS's name for why.
        error_type: String,
        /// AWS's words.
        error_message: String,
    },
}

impl Record for Configuration {
    const TYPE: &'static str = "configuration";
}
