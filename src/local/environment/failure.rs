//! Why an environment can't go on, and what the log and the caller learn of it.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use axum::body::Bytes;
use rustix::process::Signal;
use serde_json::json;
use time::OffsetDateTime;

use super::report::Status;
use super::runtime_api::FunctionError;
use super::system_log::{Fault, timestamp};
use crate::local::function::Timeout;

/// Signals, which have other numbers on other systems, by the names that Go's runtime gives them.
const SIGNALS: [(Signal, &str); 7] = [
    (Signal::ILL, "illegal instruction"),
    (Signal::ABORT, "aborted"),
    (Signal::BUS, "bus error"),
    (Signal::FPE, "floating point exception"),
    (Signal::KILL, "killed"),
    (Signal::SEGV, "segmentation fault"),
    (Signal::TERM, "terminated"),
];

const KILLED: &str = "Runtime exited with error: signal: killed";

/// Why an environment can't go on.
#[derive(Debug)]
pub(super) enum Failure {
    /// The process has exited.
    Exited(ExitStatus),
    OutOfMemory,
    TimedOut,
    /// The runtime reported that it can't start.
    InitError(FunctionError),
    /// The process could not be started.
    NoEntrypoint(String),
    /// The service is stopping.
    Stopped,
}

impl Failure {
    /// Returns what the platform logs. None if the function has reported the error itself.
    pub(super) fn fault(&self, timeout: Timeout) -> Option<Fault> {
        let (error_type, message) = match self {
            Failure::Exited(status) => ("Runtime.ExitError", exit_message(*status)),
            Failure::OutOfMemory => ("Runtime.ExitError", KILLED.to_owned()),
            Failure::TimedOut => {
                let seconds = timeout.seconds();
                ("Sandbox.Timedout", format!("Task timed out after {seconds}.00 seconds"))
            }
            Failure::NoEntrypoint(why) => ("Runtime.InvalidEntrypoint", why.clone()),
            Failure::Stopped => ("Runtime.ExitError", "lpt-local is stopping".to_owned()),
            Failure::InitError(_) => return None,
        };
        Some(Fault { error_type, message })
    }

    /// Returns the status in the report.
    pub(super) fn status(&self) -> Status {
        match self {
            Failure::TimedOut => Status::Timeout,
            Failure::OutOfMemory => Status::Error("Runtime.OutOfMemory".to_owned()),
            Failure::InitError(error) => Status::Error(error.error_type.clone()),
            Failure::NoEntrypoint(_) => Status::Error("Runtime.InvalidEntrypoint".to_owned()),
            Failure::Exited(_) | Failure::Stopped => Status::Error("Runtime.ExitError".to_owned()),
        }
    }

    /// Returns the payload that the caller gets.
    pub(super) fn payload(&self, request_id: &str, timeout: Timeout) -> Bytes {
        let Some(fault) = self.fault(timeout) else {
            return match self {
                Failure::InitError(error) => error.body.clone(),
                _ => Bytes::new(),
            };
        };
        let message = match self {
            Failure::TimedOut => {
                format!("{} {request_id} {}", timestamp(OffsetDateTime::now_utc()), fault.message)
            }
            _ => format!("RequestId: {request_id} Error: {}", fault.message),
        };
        json!({"errorType": fault.error_type, "errorMessage": message}).to_string().into()
    }
}

/// Describes the end of a process in the words of Go's runtime, in which Lambda's own supervisor is written.
fn exit_message(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "Runtime exited without providing a reason".to_owned(),
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, signal) => {
            let signal = signal.unwrap_or(0);
            match SIGNALS.iter().find(|(named, _)| named.as_raw() == signal) {
                Some((_, name)) => format!("Runtime exited with error: signal: {name}"),
                None => format!("Runtime exited with error: signal {signal}"),
            }
        }
    }
}
