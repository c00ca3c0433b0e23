//! The forms that a tool's output can have.

use serde_json::Value;

use crate::error::Error;
use crate::ndjson::{Line, Writer};
use crate::records::{Record, Status};

/// The forms that a stage's output can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// The record stream, which the next tool reads.
    #[default]
    Ndjson,
    /// The stage's own records in one array.
    Json,
    /// The stage's own records, a line each, below the names of all fields that they can have.
    Csv,
    /// For people.
    Table,
    /// The output of AWS Lambda Power Tuning's state machine.
    StateMachine,
}

impl Format {
    /// Its name.
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

/// A tool's output in one of the forms.
pub struct Output<'a> {
    writer: &'a mut Writer,
    format: Format,
}

impl<'a> Output<'a> {
    /// Writes to `writer`.
    pub fn new(writer: &'a mut Writer, format: Format) -> Output<'a> {
        Output { writer, format }
    }

    /// Passes a line on; a document has no place for it.
    pub fn pass(&mut self, line: &Line) -> Result<(), Error> {
        if self.format == Format::Ndjson { self.writer.pass(line) } else { Ok(()) }
    }

    /// Writes all of the stage's own records; `document` makes the text of the forms that only the stage knows.
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

    /// Writes the `end` record; a document has none.
    pub fn end(&mut self, status: Status) -> Result<(), Error> {
        if self.format == Format::Ndjson { self.writer.end(status) } else { Ok(()) }
    }
}

/// The columns are the same whatever the records hold; an absent value is an empty field.
fn csv<R: Record>(records: &[R]) -> String {
    let columns = R::fields();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(columns).and_then(|()| {
        records.iter().try_for_each(|record| {
            let record = serde_json::to_value(record).expect("records have string keys");
            writer.write_record(columns.iter().map(|column| field(&record[*column])))
        })
    });
    written.expect("a vector takes all, and each record has all columns");
    let bytes = writer.into_inner().expect("a vector takes all");
    let text = String::from_utf8(bytes).expect("made of strings");
    text.trim_end().to_owned()
}

fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
