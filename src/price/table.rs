//! CSV text as rows with named cells, each fault with its line.

use std::collections::HashMap;

use csv::{ReaderBuilder, StringRecord, Trim};

/// The rows below the header.
pub(super) struct Table {
    columns: HashMap<String, usize>,
    rows: Vec<StringRecord>,
}

/// One row.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    table: &'a Table,
    record: &'a StringRecord,
}

impl Table {
    /// The table whose header is the first row with a cell `expected[0]` at its beginning; it must have all the
    /// `expected` columns. Names match without regard to case and blanks, and lines that begin with `#` are comments.
    pub fn read(text: &str, expected: &[&str]) -> Result<Table, String> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(Some(b'#'))
            .trim(Trim::All)
            .from_reader(text.as_bytes());
        let mut records = reader.records();
        let wanted = || format!("expected a CSV header with the columns {}", expected.join(","));
        let header = loop {
            let record = records.next().ok_or_else(wanted)?.map_err(|error| error.to_string())?;
            if record.get(0).map(folded) == Some(folded(expected[0])) {
                break record;
            }
        };
        let columns: HashMap<String, usize> =
            header.iter().enumerate().map(|(at, name)| (folded(name), at)).collect();
        if let Some(missing) = expected.iter().find(|name| !columns.contains_key(&folded(name))) {
            return Err(format!("line {}: no column {missing}; {}", line(&header), wanted()));
        }
        let rows = records.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        Ok(Table { columns, rows })
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|record| Row { table: self, record })
    }
}

impl<'a> Row<'a> {
    /// What stands in a column; nothing where the row ends before it, or the table has no such column.
    pub fn cell(self, column: &str) -> &'a str {
        let at = self.table.columns.get(&folded(column));
        at.and_then(|at| self.record.get(*at)).unwrap_or_default()
    }

    /// What is wrong with this row.
    pub fn fault(self, what: impl std::fmt::Display) -> String {
        format!("line {}: {what}", line(self.record))
    }
}

fn line(record: &StringRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

fn folded(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect()
}
