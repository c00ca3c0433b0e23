//! The formats of a tool's output.

use serde_json::Value;

use crate::error::Error;
use crate::ndjson::{Line, Writer};
use crate::records::Record;

/// A format of a tool's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The record stream, which the next tool reads.
    Ndjson,
    /// The tool's own records in one JSON array.
    Json,
    /// The tool's own records, a line each, below a header with all fields that they can have.
    Csv,
    /// A table for people.
    Table,
    /// The output of the state machine of AWS Lambda Power Tuning.
    StateMachine,
}

impl Format {
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Ndjson => "ndjson",
            Format::Json => "json",
            Format::Csv => "csv",
            Format::Table => "table",
            Format::StateMachine => "state-machine",
        }
    }
}

/// A tool's output in one of the formats.
pub struct Output<'a> {
    writer: &'a mut Writer,
    format: Format,
}

impl<'a> Output<'a> {
    /// Returns the output in `format`, or otherwise in that for who reads it: a table for people, and records for a
    /// program. Only the record stream ends with an `end` record.
    pub fn new(writer: &'a mut Writer, format: Option<Format>) -> Output<'a> {
        let usual = if writer.is_for_people() { Format::Table } else { Format::Ndjson };
        let format = format.unwrap_or(usual);
        if format != Format::Ndjson {
            writer.leave_out_end();
        }
        Output { writer, format }
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// Passes a line of the input on. A document does not contain it.
    pub fn pass(&mut self, line: &Line) -> Result<(), Error> {
        if self.format == Format::Ndjson { self.writer.pass(line) } else { Ok(()) }
    }

    /// Writes what is held back.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.writer.flush()
    }

    /// Writes all of the tool's own records. `document` returns the text in the formats that only the tool
    /// can write.
    pub fn records<R: Record>(
        &mut self,
        records: &[R],
        document: impl FnOnce(Format) -> String,
    ) -> Result<(), Error> {
        match self.format {
            Format::Ndjson => records.iter().try_for_each(|record| self.writer.write(record)),
            Format::Json => {
                let text = serde_json::to_string_pretty(records).expect("records have string keys");
                self.writer.document(&text)
            }
            Format::Csv => self.writer.document(&csv(records)),
            Format::Table | Format::StateMachine => {
                let text = document(self.format);
                if text.is_empty() { Ok(()) } else { self.writer.document(&text) }
            }
        }
    }
}

/// Returns records as CSV. The columns are all fields that the records can have; an absent value is an empty
/// cell.
fn csv<R: Record>(records: &[R]) -> String {
    let columns = R::fields();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(columns).and_then(|()| {
        records.iter().try_for_each(|record| {
            let record = serde_json::to_value(record).expect("records have string keys");
            writer.write_record(columns.iter().map(|column| cell(&record[*column])))
        })
    });
    written.expect("a vector accepts all, and each record has all columns");
    let bytes = writer.into_inner().expect("a vector accepts all");
    let text = String::from_utf8(bytes).expect("it consists of strings");
    text.trim_end().to_owned()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
