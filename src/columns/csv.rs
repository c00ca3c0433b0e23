//! A table in CSV: RFC 4180, with a header. An empty cell is an absent value.

use std::io::{self, Read, Write};

use csv::StringRecord;
use serde_json::{Map, Number, Value};

use super::row::{Cell, Gap, cells, line};
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
        rows.write_record(COLUMNS.map(|(name, _)| name)).map_err(from_csv)?;
        Ok(CsvWriter { rows })
    }

    /// Writes a record.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn write(&mut self, record: Map<String, Value>) -> io::Result<()> {
        let row = cells(record, Gap::Empty).map(|cell| match cell {
            None => String::new(),
            Some(Cell::Text(text)) => text,
            Some(Cell::Time(time)) => time.to_string(),
            Some(Cell::Bool(value)) => value.to_string(),
            Some(Cell::Int(number)) => number.to_string(),
            Some(Cell::Double(number)) => Value::from(number).to_string(),
        });
        self.rows.write_record(row).map_err(from_csv)
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
        Err(error) => (StringRecord::new(), Some(Err(error.into()))),
    };
    let type_of_rows = type_of_rows(names.iter());
    let lines = rows.into_records().map(move |row| {
        let row = row?;
        check_length(&names, &row)?;
        let implied = type_of_rows.map(|name| ("type", Value::from(name)));
        let fields = names.iter().zip(row.iter()).filter(|(_, cell)| !cell.is_empty());
        let fields = fields.map(|(name, cell)| (name, value(name, cell)));
        line(implied.into_iter().chain(fields)).map_err(io::Error::other)
    });
    error.into_iter().chain(lines)
}

/// Returns the error of the output itself, such as a closed pipe.
fn from_csv(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, format!("{other:?}")),
    }
}

/// Checks that each cell of a row has a name: a comma in a text without quotation marks, or a cut row, moves values to
/// other columns.
fn check_length(names: &StringRecord, row: &StringRecord) -> io::Result<()> {
    let is_surplus_empty = row.iter().skip(names.len()).all(str::is_empty);
    if row.len() >= names.len() && is_surplus_empty {
        return Ok(());
    }
    let line = row.position().map_or(0, csv::Position::line);
    let (cells, names) = (row.len(), names.len());
    let what =
        format!("line {line} has {cells} cells, and the header {names} names; fix or delete that line");
    Err(io::Error::new(io::ErrorKind::InvalidData, what))
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
/// `2026-11-23 07:26:31.469+00`, or Athena, with ` UTC`. Without an offset it is UTC.
fn time(cell: &str) -> Option<Timestamp> {
    let text = cell.strip_suffix(" UTC").unwrap_or(cell).replacen(' ', "T", 1);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_engines_write_it() {
        for (cell, expected) in [
            ("2026-11-23T07:26:31Z", Some("2026-11-23T07:26:31.000Z")),
            ("2026-11-23 07:26:31.469+00", Some("2026-11-23T07:26:31.469Z")),
            ("2026-11-23 09:26:31.469123+02", Some("2026-11-23T07:26:31.469Z")),
            ("2026-11-23T02:26:31.469000-0500", Some("2026-11-23T07:26:31.469Z")),
            ("2026-11-23 12:56:31.469+05:30", Some("2026-11-23T07:26:31.469Z")),
            ("2026-11-23 07:26:31.469 UTC", Some("2026-11-23T07:26:31.469Z")),
            ("2026-11-23 07:26:31", Some("2026-11-23T07:26:31.000Z")),
            ("2026-11-23", None),
            ("2026-11-23 7 o'clock", None),
            ("2026-11-23 07:26:31 CET", None),
            ("2026-11-23 07:26:31+é1", None),
            ("1795505191", None),
        ] {
            assert_eq!(time(cell).map(|time| time.to_string()).as_deref(), expected, "{cell}");
        }
    }

    #[test]
    fn a_row_with_more_or_fewer_cells_than_names_is_an_error() {
        let read = |rows: &str| -> Vec<Result<String, String>> {
            let rows = format!("functionArn,durationMs\n{rows}");
            lines_of_csv(rows.as_bytes()).map(|line| line.map_err(|error| error.to_string())).collect()
        };
        let good = r#"{"type":"invocation","functionArn":"f","durationMs":1.5}"#;
        assert_eq!(read("f,1.5\nf,1.5,,\n"), [Ok(good.to_owned()), Ok(good.to_owned())]);
        for (row, cells) in [("f,1,5", 3), ("f", 1)] {
            let lines = read(&format!("f,1.5\n{row}\n"));
            let what = format!("line 3 has {cells} cells, and the header 2 names; fix or delete that line");
            assert_eq!(lines, [Ok(good.to_owned()), Err(what)]);
        }
    }
}
