//! The `plan` record: what a function was before the run, and what is to be measured.

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Record, RunId};
use crate::names::{Architecture, FunctionArn};
use crate::units::{MemoryMB, StorageMB, Timestamp};

/// Written before anything of the function is changed; it suffices to restore `$LATEST`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "plan", rename_all = "camelCase")]
pub struct Plan {
    /// The run.
    pub run_id: RunId,
    /// Of the record format.
    pub schema_version: SchemaVersion,
    /// The function, unqualified.
    pub function_arn: FunctionArn,
    /// Its processor.
    pub architecture: Architecture,
    /// Such as `python3.13`; a container image has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// `Zip` or `Image`.
    pub package_type: String,
    /// Whether its versions start from a snapshot.
    pub snap_start: bool,
    /// The size of `/tmp`, absent where it is not more than the 512 MB that are free.
    #[serde(rename = "ephemeralStorageMB", default, skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage: Option<StorageMB>,
    /// The memory of `$LATEST` before the run.
    #[serde(rename = "originalMemorySizeMB")]
    pub original_memory_size: MemoryMB,
    /// The description of `$LATEST` before the run, absent where it had none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub original_description: String,
    /// The revision of `$LATEST` before the run.
    pub original_revision_id: String,
    /// The code that is measured.
    pub code_sha256: String,
    /// The sizes, in the order in which they are published.
    pub power_values: Vec<MemoryMB>,
    /// Invocations for each size.
    pub num: u32,
    /// Whether each invocation has a version of its own.
    pub only_cold_starts: bool,
    /// Whether the run only tries what is allowed: nothing is to be analyzed or applied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// When the run began.
    pub created_at: Timestamp,
}

/// Version 1 of the record format; another one is not guessed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaVersion;

impl Serialize for SchemaVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(1)
    }
}

impl<'de> Deserialize<'de> for SchemaVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SchemaVersion, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(SchemaVersion),
            other => Err(D::Error::invalid_value(Unexpected::Unsigned(other), &"1, which this lpt knows")),
        }
    }
}

impl Record for Plan {
    const TYPE: &'static str = "plan";
}
