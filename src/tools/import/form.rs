//! What a text holds, told by how it begins.

use crate::ndjson::{self, Text};

/// A form of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Records, which every tool reads.
    Records,
    /// The lines of a log.
    ReportLines,
    /// The JSON of CloudWatch Logs.
    CloudWatchJson,
    /// A result of Logs Insights.
    InsightsCsv,
}

impl Form {
    /// Returns the form of a text.
    pub fn of(text: &Text) -> Form {
        let line = text.first_line().trim_ascii_start();
        let has = |name: &str| memchr::memmem::find(line, name.as_bytes()).is_some();
        let has_events =
            line.starts_with(b"{") && ["\"events\"", "\"logEvents\"", "\"message\""].into_iter().any(has);
        // Python's own log lines begin with [INFO].
        let is_array = line.strip_prefix(b"[").is_some_and(|inside| {
            matches!(inside.trim_ascii_start().first(), None | Some(b'{' | b'[' | b']' | b'"'))
        });
        // The result of a query for the messages alone has no comma.
        let is_messages = matches!(line.trim_ascii(), b"@message" | b"\"@message\"");
        if is_messages {
            Form::InsightsCsv
        } else if line.starts_with(b"PAR1") {
            Form::Records
        } else if ndjson::is_csv_header(line) {
            // The fields of a log event begin so.
            if has("@") { Form::InsightsCsv } else { Form::Records }
        } else if line.starts_with(b"{\"type\":") && !has("\"platform.") {
            Form::Records
        } else if is_array || line.trim_ascii() == b"{" || has_events {
            Form::CloudWatchJson
        } else if line.starts_with(b"{") && has("\"functionArn\"") {
            Form::Records
        } else {
            Form::ReportLines
        }
    }
}
