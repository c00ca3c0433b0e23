//! The `invocation` record: one invocation, as Lambda reported it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::IntoDeserializer as _;
use serde::de::value::{self, StrDeserializer};
use serde::{Deserialize, Serialize, Serializer};

use super::{Configuration, Record, RunName, SizeKey, null_is_absent};
use crate::names::{AliasName, Architecture, FunctionArn, Version};
use crate::units::{BilledMillis, MemoryMB, Millis, Timestamp};

/// One invocation, with its retries. A record that another program wrote needs only the function, the memory
/// and the two durations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "invocation", rename_all = "camelCase")]
pub struct Invocation {
    /// The run. Another program may leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunName>,
    /// The function's ARN, without a version or an alias.
    pub function_arn: FunctionArn,
    /// The number of the version that was invoked, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The alias by which the version was invoked, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<AliasName>,
    /// The function's architecture; `x86_64` if absent in the input.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub architecture: Architecture,
    /// The memory of the version, in MB.
    #[serde(rename = "memorySizeMB")]
    pub memory_size: MemoryMB,
    /// The index within function, architecture and memory size, in the order of sending, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// The index of the payload that was sent, from 0, among the weighted or streamed payloads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_index: Option<u32>,
    /// The time at which the last attempt was sent, by the clock of this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Lambda's id of the invocation. Absent if Lambda did not answer or refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The outcome; `ok` if absent in the input.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub outcome: Outcome,
    /// The name of the error, from the function, the report or AWS. Absent if the outcome is `ok`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// The message of the error, from the function or AWS. Absent if the outcome is `ok`, or if the user
    /// wants no message of a function recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Whether an execution environment was started for it. Absent without a report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold_start: Option<bool>,
    /// The duration of the function itself, without init and restore. Absent without a report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<Millis>,
    /// The duration of the initialization. Absent unless it was a cold start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_duration_ms: Option<Millis>,
    /// The duration of restoring the snapshot. Absent unless it was a cold start with SnapStart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_duration_ms: Option<Millis>,
    /// The billed duration, which contains the billed parts of init and restore. Absent without a report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billed_duration_ms: Option<BilledMillis>,
    /// The part of the billed duration that is for the restore. Absent unless it was a cold start with
    /// SnapStart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billed_restore_duration_ms: Option<BilledMillis>,
    /// The most memory that the execution environment has used so far, in MB.
    #[serde(rename = "maxMemoryUsedMB", default, skip_serializing_if = "Option::is_none")]
    pub max_memory_used: Option<u32>,
    /// The time from the first byte of the last attempt's request to the last byte of its response, as this
    /// machine measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_duration_ms: Option<Millis>,
    /// The number of times that it was sent: 1 without a retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// The round of the adaptive run in which it was sent: 0 for the warm-up, and 1 for the first of each size. Absent
    /// without `--adaptive`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// The wave, among those of its size in the run, with which it was sent: invocations at the same time, which found as many
    /// execution environments. Absent without `--adaptive`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<u32>,
    /// The name of the log stream, which identifies the execution environment. lpt-import knows it, lpt-invoke does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_stream: Option<String>,
    /// The fields `tag.KEY` that the user has given. They are only written: nothing that reads them knows their names.
    #[serde(flatten, skip_deserializing)]
    pub tags: Tags,
}

/// Fields of the user's own, each named `tag.KEY`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(Arc<BTreeMap<String, String>>);

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&*self.0)
    }
}

impl Tags {
    /// The beginning of the name of each of them.
    const PREFIX: &str = "tag.";

    /// Returns the fields of the tags `KEY`, each with its value.
    pub fn new(tags: impl IntoIterator<Item = (String, String)>) -> Tags {
        let fields = tags.into_iter().map(|(key, value)| (format!("{}{key}", Tags::PREFIX), value));
        Tags(Arc::new(fields.collect()))
    }
}

impl Invocation {
    /// Returns an invocation of `configuration` of which nothing has been reported yet.
    pub(crate) fn of(
        configuration: &Configuration,
        index: u32,
        started_at: Timestamp,
        attempts: u32,
    ) -> Invocation {
        Invocation {
            run_id: Some(configuration.run_id.clone()),
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
            round: None,
            wave: None,
            log_stream: None,
            tags: Tags::default(),
        }
    }

    /// Returns the function, architecture and memory size that was invoked.
    pub(crate) fn size_key(&self) -> SizeKey {
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

/// The outcome of an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The function returned a result.
    #[default]
    Ok,
    /// The function failed with an error that the user counts as a result.
    AllowedError,
    /// The function failed with another error.
    FunctionError,
    /// The function ran into its timeout.
    Timeout,
    /// The function needed more memory than it has.
    OutOfMemory,
    /// AWS still throttled the last attempt.
    Throttled,
    /// AWS refused, or failed at, the last attempt or did not answer it.
    ServiceError,
    /// The function ran, but the end of its log holds no report.
    NoReport,
}

impl Outcome {
    /// Returns the outcome that records call `name`.
    pub(crate) fn named(name: &str) -> Option<Outcome> {
        let name: StrDeserializer<'_, value::Error> = name.into_deserializer();
        Outcome::deserialize(name).ok()
    }

    /// Whether the durations count as a result.
    pub(crate) fn is_usable(self) -> bool {
        matches!(self, Outcome::Ok | Outcome::AllowedError)
    }

    /// Whether the function itself failed, so that it may fail again at this memory size.
    pub(crate) fn is_function_error(self) -> bool {
        matches!(self, Outcome::FunctionError | Outcome::Timeout | Outcome::OutOfMemory)
    }

    /// Whether the invocation reached the function, so that its request is charged.
    pub(crate) fn is_charged(self) -> bool {
        !matches!(self, Outcome::Throttled | Outcome::ServiceError)
    }
}
