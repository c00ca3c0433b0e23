//! A table in CSV: RFC 4180, with a header. An empty cell is an absent value.

use std::io::{self, Read, Write};

use serde_json::{Map, Number, Value};

use super::row::{Cell, cells, line};
use super::{COLUMNS, Kind, type_of_rows};
use crate::records::{Record as _, Statistics};
use crate::units::Timestamp;

/// Writes records as rows.
pub struct CsvWriter<W: Write> {
    rows: csv::Writer<W>,
}

impl<W: Write> CsvWriter<W> {
    /// Returns a writer to `output`, which gets the header at once.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn new(output: W) -> io::Result<CsvWriter<W>> {
        let mut rows = csv::Writer::from_writer(output);
        rows.write_record(COLUMNS.map(|(name, _)| name))?;
        Ok(CsvWriter { rows })
    }

    /// Writes a record.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn write(&mut self, record: Map<String, Value>) -> io::Result<()> {
        let row = cells(record).map(|cell| match cell {
            None => String::new(),
            Some(Cell::Text(text)) => text,
            Some(Cell::Time(time)) => time.to_string(),
            Some(Cell::Bool(value)) => value.to_string(),
            Some(Cell::Int(number)) => number.to_string(),
            Some(Cell::Double(number)) => Value::from(number).to_string(),
        });
        Ok(self.rows.write_record(row)?)
    }

    /// Writes what is held back.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.rows.flush()
    }
}

/// Returns a line of JSON for each row. A cell that is not what its column should hold stays a text, of which the reader
/// of the record says what is wrong.
pub fn lines_of_csv(input: impl Read) -> impl Iterator<Item = io::Result<String>> {
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(input);
    let header = rows.headers().cloned();
    let (names, error) = match header {
        Ok(names) => (names, None),
        Err(error) => (csv::StringRecord::new(), Some(Err(error.into()))),
    };
    let type_of_rows = type_of_rows(names.iter());
    let lines = rows.into_records().map(move |row| {
        let row = row?;
        let implied = type_of_rows.map(|name| ("type", Value::from(name)));
        let fields = names.iter().zip(row.iter()).filter(|(_, cell)| !cell.is_empty());
        let fields = fields.map(|(name, cell)| (name, value(name, cell)));
        line(implied.into_iter().chain(fields)).map_err(io::Error::other)
    });
    error.into_iter().chain(lines)
}

/// Returns the value of a cell.
fn value(name: &str, cell: &str) -> Value {
    let text = || Value::from(cell);
    let kind = COLUMNS.iter().find(|(column, _)| *column == name).map(|(_, kind)| *kind);
    match kind {
        Some(Kind::Text) => text(),
        Some(Kind::Time) => time(cell).map_or_else(text, |time| Value::from(time.to_string())),
        Some(Kind::Bool) => match cell {
            // Python writes them with capitals.
            "true" | "True" => true.into(),
            "false" | "False" => false.into(),
            _ => text(),
        },
        Some(Kind::Int32 | Kind::Int64 | Kind::Double) => number(cell).map_or_else(text, Value::from),
        // `lpt-analyze --format csv` writes these.
        None if Statistics::fields().contains(&name) => match name {
            "starts" | "currency" | "strategy" => text(),
            _ => number(cell).map_or_else(text, Value::from),
        },
        None => text(),
    }
}

/// Returns the time that a cell holds: as records have it, or as DuckDB and polars write it, such as
/// `2026-11-23 07:26:31.469+00`. Without an offset it is UTC.
fn time(cell: &str) -> Option<Timestamp> {
    let text = cell.replacen(' ', "T", 1);
    let endings = ["", ":00", "Z"].map(|ending| format!("{text}{ending}"));
    // An offset of four digits has no colon.
    let with_colon =
        text.len().checked_sub(2).and_then(|at| Some(format!("{}:{}", text.get(..at)?, text.get(at..)?)));
    endings.into_iter().chain(with_colon).find_map(|text| text.parse().ok())
}

/// Returns the number that a cell holds as JSON writes it.
fn number(cell: &str) -> Option<Number> {
    serde_json::from_str(cell).ok()
}
