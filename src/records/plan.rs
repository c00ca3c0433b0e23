//! The `plan` record: a function before the run, and the sizes to measure.

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Record, RunId, RunName};
use crate::names::{AliasName, Architecture, FunctionArn};
use crate::units::{MemoryMB, StorageMB, Timestamp};

/// One function before the run, and the sizes to measure. It is written before anything of the function is
/// changed, and suffices to restore `$LATEST`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "plan", rename_all = "camelCase")]
pub struct Plan {
    /// The id of the run that follows this plan.
    pub run_id: RunName,
    /// The version of the record format.
    pub schema_version: SchemaVersion,
    /// The function's ARN, without a version or an alias.
    pub function_arn: FunctionArn,
    /// The function's architecture.
    pub architecture: Architecture,
    /// The runtime, such as `python3.13`. Absent for a container image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The type of the deployment package: `Zip` or `Image`.
    pub package_type: String,
    /// Whether published versions start from a snapshot.
    pub snap_start: bool,
    /// The size of `/tmp` in MB. Absent if it is not more than the 512 MB that are free.
    #[serde(rename = "ephemeralStorageMB", default, skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage: Option<StorageMB>,
    /// The longest time that an invocation may take, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// The memory of `$LATEST` before the run, in MB.
    #[serde(rename = "originalMemorySizeMB")]
    pub original_memory_size: MemoryMB,
    /// The description of `$LATEST` before the run. Absent if it had none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub original_description: String,
    /// The revision of `$LATEST` before the run.
    pub original_revision_id: String,
    /// The hash of the code that is measured, as Lambda reports it.
    pub code_sha256: String,
    /// The memory sizes to measure in MB, in the order in which they are published.
    pub power_values: Vec<MemoryMB>,
    /// The number of invocations for each size.
    pub num: u32,
    /// Whether each invocation has a version of its own.
    pub only_cold_starts: bool,
    /// The alias by which the user named the function, whose version has this code: lpt-apply moves it. Absent if there
    /// is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<AliasName>,
    /// The profile of the AWS configuration files that `--profile` named: the tools after lpt-prepare work with it too.
    /// Absent if no flag named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Whether the run only tries what is allowed, so that nothing is analyzed or applied. Absent if `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// The time at which the run began.
    pub created_at: Timestamp,
}

/// Version 1 of the record format. A record of another version is an error.
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
            other => Err(D::Error::invalid_value(
                Unexpected::Unsigned(other),
                &"1, the version that this lpt reads",
            )),
        }
    }
}

impl Plan {
    /// Returns the number of versions that lpt-prepare publishes of each size.
    pub(crate) fn versions_of_a_size(&self) -> u32 {
        if self.only_cold_starts && !self.dry_run { self.num } else { 1 }
    }

    /// Whether restored snapshots are charged for. SnapStart costs nothing extra for Java:
    /// <https://aws.amazon.com/lambda/pricing/>.
    pub(crate) fn pays_for_snapshots(&self) -> bool {
        self.snap_start && !self.runtime.as_ref().is_some_and(|runtime| runtime.starts_with("java"))
    }

    /// Returns the id of the run of lpt that this plan is of. A function is changed, and restored, only in such a run.
    ///
    /// # Panics
    /// The plan is another program's.
    pub(crate) fn own_run(&self) -> RunId {
        self.run_id.id().expect("a plan of another program is not carried out")
    }
}

impl Record for Plan {
    const TYPE: &'static str = "plan";
}
