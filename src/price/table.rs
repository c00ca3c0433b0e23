//! CSV text as rows with named cells, whose faults are reported with the line.

use std::collections::HashMap;

use csv::{ReaderBuilder, StringRecord, Trim};

/// The rows below the header.
pub(super) struct Table {
    columns: HashMap<String, usize>,
    rows: Vec<StringRecord>,
}

#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    table: &'a Table,
    record: &'a StringRecord,
}

impl Table {
    /// Reads the table whose header is the first row that begins with the cell `expected[0]`. The header must
    /// have all `expected` columns. Case and blanks in their names do not matter. Lines that begin with `#`
    /// are comments.
    pub fn read(text: &str, expected: &[&str]) -> Result<Table, String> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(Some(b'#'))
            .trim(Trim::All)
            .from_reader(text.as_bytes());
        let mut records = reader.records();
        let expectation = || format!("expected a CSV header with the columns {}", expected.join(","));
        let header = loop {
            let record = records.next().ok_or_else(expectation)?.map_err(|error| error.to_string())?;
            if record.get(0).map(normalized) == Some(normalized(expected[0])) {
                break record;
            }
        };
        let columns: HashMap<String, usize> =
            header.iter().enumerate().map(|(index, name)| (normalized(name), index)).collect();
        if let Some(missing) = expected.iter().find(|name| !columns.contains_key(&normalized(name))) {
            return Err(format!("line {}: no column {missing}; {}", line(&header), expectation()));
        }
        let rows = records.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        Ok(Table { columns, rows })
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|record| Row { table: self, record })
    }
}

impl<'a> Row<'a> {
    /// Returns the cell in a column, or an empty one if the row ends before it or the table has no such
    /// column.
    pub fn cell(self, column: &str) -> &'a str {
        let index = self.table.columns.get(&normalized(column));
        index.and_then(|index| self.record.get(*index)).unwrap_or_default()
    }

    /// Returns the message for a fault in this row.
    pub fn fault(self, what: impl std::fmt::Display) -> String {
        format!("line {}: {what}", line(self.record))
    }
}

fn line(record: &StringRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

fn normalized(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect()
}
