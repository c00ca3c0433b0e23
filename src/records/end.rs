//! The `end` record: the last line of each tool.

use serde::{Deserialize, Serialize};

use super::Record;

/// The last line of each tool. A stream without one was cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "end", rename_all = "camelCase")]
pub struct End {
    /// The name of the tool that wrote the stream.
    pub tool: String,
    /// The number of lines before this one, those passed on included.
    pub records: u64,
    /// The status of the stream: the worst of this tool and the tools before it.
    pub status: Status,
    /// Whether each part that failed has a record that says so, and the other parts are whole. Absent if `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partly: bool,
    /// The message of the first tool that failed, with the tool's name. Absent if no tool showed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The exit code of the pipe up to here. Absent outside of a pipe, because a run that is read again later does not
    /// fail again, and if it is 0 and the pipe has published no version that may remain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
}

impl Record for End {
    const TYPE: &'static str = "end";
}

/// The status of a stream, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The stream holds everything that it should hold.
    Complete,
    /// Something failed and is missing from the stream.
    Failed,
    /// A signal, or a reader or writer that went away, cut the work off.
    Interrupted,
}
