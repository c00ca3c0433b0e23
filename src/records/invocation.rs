//! The `invocation` record: one invocation, as Lambda reported it.

use serde::{Deserialize, Serialize};

use super::{Configuration, Record, RunId, SizeKey, null_is_absent};
use crate::names::{AliasName, Architecture, FunctionArn, Version};
use crate::units::{BilledMillis, MemoryMB, Millis, Timestamp};

/// One invocation. Records that another program wrote need only the function, the memory and the two durations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "invocation", rename_all = "camelCase")]
pub struct Invocation {
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// The function, unqualified.
    pub function_arn: FunctionArn,
    /// The version that was invoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The alias that it was invoked by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<AliasName>,
    /// The processor.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub architecture: Architecture,
    /// The memory of the version.
    #[serde(rename = "memorySizeMB")]
    pub memory_size: MemoryMB,
    /// 0-based, within function, architecture and memory size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Which of several payloads it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_index: Option<u32>,
    /// When its last attempt was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Lambda's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// How it went.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub outcome: Outcome,
    /// The name of what went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// What went wrong, in the function's or AWS's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Whether an execution environment was made for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold_start: Option<bool>,
    /// The function's own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<Millis>,
    /// The time of its initialization, on a cold start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_duration_ms: Option<Millis>,
    /// The time to restore its snapshot, on a cold start with SnapStart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_duration_ms: Option<Millis>,
    /// What is billed; it contains what is billed of init and restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billed_duration_ms: Option<BilledMillis>,
    /// The part of it that is for the restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billed_restore_duration_ms: Option<BilledMillis>,
    /// The most memory that its environment has used so far.
    #[serde(rename = "maxMemoryUsedMB", default, skip_serializing_if = "Option::is_none")]
    pub max_memory_used: Option<u32>,
    /// From the request's first byte to the response's last, as this machine saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_duration_ms: Option<Millis>,
    /// 1 where no retry was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// The execution environment, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_stream: Option<String>,
}

impl Invocation {
    /// An invocation of `configuration`, of which nothing has been reported yet.
    pub fn of(configuration: &Configuration, index: u32, started_at: Timestamp, attempts: u32) -> Invocation {
        Invocation {
            run_id: Some(configuration.run_id),
            function_arn: configuration.function_arn.clone(),
            version: configuration.version,
            alias: Some(configuration.alias.clone()),
            architecture: configuration.architecture,
            memory_size: configuration.memory_size,
            index: Some(index),
            payload_index: None,
            started_at: Some(started_at),
            request_id: None,
            outcome: Outcome::Ok,
            error_type: None,
            error_message: None,
            cold_start: None,
            duration_ms: None,
            init_duration_ms: None,
            restore_duration_ms: None,
            billed_duration_ms: None,
            billed_restore_duration_ms: None,
            max_memory_used: None,
            client_duration_ms: None,
            attempts: Some(attempts),
            log_stream: None,
        }
    }

    /// Returns the function, architecture and memory size that this is about.
    pub fn size_key(&self) -> SizeKey {
        SizeKey {
            function: self.function_arn.clone(),
            architecture: self.architecture,
            memory: self.memory_size,
        }
    }
}

impl Record for Invocation {
    const TYPE: &'static str = "invocation";
}

/// How an invocation went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The function returned.
    #[default]
    Ok,
    /// A function error that the user counts as a result.
    AllowedError,
    /// The function failed.
    FunctionError,
    /// The function took longer than it may.
    Timeout,
    /// The function needed more memory than it has.
    OutOfMemory,
    /// Still throttled after the last retry.
    Throttled,
    /// AWS still failed, or did not answer, after the last retry.
    ServiceError,
    /// It ran, but its log tail holds no report.
    NoReport,
}

impl Outcome {
    /// Whether its durations are a result.
    pub fn is_usable(self) -> bool {
        matches!(self, Outcome::Ok | Outcome::AllowedError)
    }

    /// Whether the function failed: at this memory size it may fail again.
    pub fn is_function_error(self) -> bool {
        matches!(self, Outcome::FunctionError | Outcome::Timeout | Outcome::OutOfMemory)
    }

    /// Whether it reached the function, so that a request is charged.
    pub fn is_charged(self) -> bool {
        !matches!(self, Outcome::Throttled | Outcome::ServiceError)
    }
}
