//! One line of a stream, and the error of a line that is not a record.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment, Track};

use crate::error::Fault;
use crate::exit::Exit;
use crate::message;
use crate::quote::{excerpt, json};
use crate::records::{AnyRecord, Record};

/// One line of a stream, with its place there.
#[derive(Debug, Clone)]
pub struct Line {
    source: Arc<str>,
    number: u64,
    text: String,
    is_cut: bool,
}

impl Line {
    /// Makes a line of the bytes that have this number, from 1, in `source`, and before which there is no newline yet.
    ///
    /// The last line of a source has no newline if its writer was killed, or if it copies a file that is still written.
    /// If it is also the beginning of a JSON object and no more, it is cut off.
    pub(super) fn new(source: &Arc<str>, number: u64, mut bytes: Vec<u8>) -> Result<Line, RecordError> {
        let mut line = Line { source: Arc::clone(source), number, text: String::new(), is_cut: false };
        match bytes.pop_if(|byte| *byte == b'\n') {
            Some(_) => {}
            None => line.is_cut = is_beginning_of_object(&bytes),
        }
        match String::from_utf8(bytes) {
            Ok(text) => line.text = text,
            // A character may be cut, too.
            Err(error) if line.is_cut => {
                line.text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            }
            Err(_) => return Err(line.error(None, "not UTF-8")),
        }
        Ok(line)
    }

    /// Whether the line is the last one of its source and is cut off in the middle.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Warns that this line is cut off.
    pub(crate) fn warn_of_cut(&self) {
        message::warning(format_args!(
            "{}:{}: the last line is cut off, and is left out",
            self.source, self.number
        ));
    }

    /// Returns the line as it was read, without its newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the number of the line in its file or stream, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn source(&self) -> &Arc<str> {
        &self.source
    }

    /// Returns the type of the record.
    pub fn record_type(&self) -> Result<Cow<'_, str>, RecordError> {
        let tag: Tag<'_> = self.deserialize()?;
        Ok(tag.record_type)
    }

    /// Parses the line as a record of type `R`, and ignores fields that `R` does not have.
    pub fn parse<R: Record>(&self) -> Result<R, RecordError> {
        self.deserialize()
    }

    /// Returns all fields of the record.
    pub(crate) fn fields(&self) -> Result<Map<String, Value>, RecordError> {
        self.deserialize()
    }

    /// Parses the line as a record of the type that it names. Returns `None` if that type is unknown.
    pub fn record(&self) -> Result<Option<AnyRecord>, RecordError> {
        let record_type = self.record_type()?;
        let mut track = Track::new();
        let mut deserializer = serde_json::Deserializer::from_str(&self.text);
        let deserializer = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
        let record = AnyRecord::deserialize(&record_type, deserializer).transpose();
        record.map_err(|error| self.explain(&error, &track.path()))
    }

    fn deserialize<'a, T: Deserialize<'a>>(&'a self) -> Result<T, RecordError> {
        let mut deserializer = serde_json::Deserializer::from_str(&self.text);
        let value = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| self.explain(error.inner(), error.path()))?;
        // Nothing may follow the object.
        deserializer.end().map_err(|error| self.explain(&error, &Track::new().path()))?;
        Ok(value)
    }

    /// Returns an error that describes what is wrong at `path`, in the terms of the record format.
    fn explain(&self, error: &serde_json::Error, path: &Path) -> RecordError {
        let value = match serde_json::from_str::<Value>(&self.text) {
            Err(_) if self.text.trim().is_empty() => {
                return self.error(None, "not a JSON object: an empty line");
            }
            Err(syntax) => {
                return self
                    .error(None, format!("not a JSON object: a syntax error at column {}", syntax.column()));
            }
            Ok(value) if !value.is_object() => {
                return self.error(None, format!("expected an object, found {}", kind_of(&value)));
            }
            Ok(value) => value,
        };
        let place = path.to_string();
        let words = error.to_string();
        let words = words.split(" at line ").next().unwrap_or_default();
        if let Some(field) = words.strip_prefix("missing field ") {
            let field = field.trim_matches('`');
            let field = if place == "." { field.to_owned() } else { format!("{place}.{field}") };
            return self.error(Some(&field), "missing");
        }
        let Some((wrong, expected)) = words.rsplit_once(", expected ") else {
            return self.error(Some(&place), words);
        };
        let is_of_right_kind = wrong.starts_with("invalid value") || wrong.starts_with("unknown variant");
        let found = match value_at(&value, path) {
            Some(found) if is_of_right_kind => json(found).to_string(),
            Some(found) => kind_of(found).to_owned(),
            None => "nothing".to_owned(),
        };
        self.error(Some(&place), format!("expected {}, found {found}", in_words(expected)))
    }

    /// Returns an error about this line, or about one of its fields.
    pub(crate) fn error(&self, field: Option<&str>, what: impl Into<String>) -> RecordError {
        RecordError {
            source_name: self.source.to_string(),
            line: self.number,
            field: field.map(str::to_owned),
            what: what.into(),
        }
    }
}

/// The field that all records have.
#[derive(Deserialize)]
pub(super) struct Tag<'a> {
    #[serde(rename = "type", borrow)]
    pub record_type: Cow<'a, str>,
}

/// Whether `bytes` would be a JSON object if more bytes followed.
fn is_beginning_of_object(bytes: &[u8]) -> bool {
    let is_incomplete = |error: serde_json::Error| {
        // A number that breaks off, as in `-` or `1.`, is a syntax error, and that at the end.
        let is_in_number = bytes.last().is_some_and(|last| b"-+.eE".contains(last));
        error.is_eof() || (is_in_number && error.column() >= bytes.len())
    };
    bytes.first() == Some(&b'{') && serde_json::from_slice::<IgnoredAny>(bytes).is_err_and(is_incomplete)
}

/// Returns the value at `path`.
fn value_at<'a>(value: &'a Value, path: &Path) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Seq { index } => value.get(index),
        Segment::Map { key } => value.get(key),
        Segment::Enum { .. } | Segment::Unknown => None,
    })
}

/// Translates what serde expected from Rust's types into plain words.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "an integer of 0 or more",
        "f64" => "a number",
        "a sequence" => "an array",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The error of a line that is not a record: `runs.ndjson:17: durationMs: expected a number, found a string`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct RecordError {
    /// The name of the file, or `stdin`.
    pub source_name: String,
    /// The number of the line in its file or stream, from 1.
    pub line: u64,
    /// The field that is wrong. Absent if the whole line is.
    pub field: Option<String>,
    /// The fault in plain words.
    pub what: String,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.source_name, self.line)?;
        if let Some(field) = &self.field {
            write!(f, "{}: ", excerpt(field))?;
        }
        write!(f, "{} (fix or delete that line; lpt-records(5) describes the format)", self.what)
    }
}

impl Fault for RecordError {
    fn exit(&self) -> Exit {
        Exit::BadRecord
    }
}
