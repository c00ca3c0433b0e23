//! A record as cells, and back.

use serde_json::{Map, Value};

use super::{COLUMNS, Kind, OTHER_FIELDS};
use crate::units::Timestamp;

/// The value of a column in a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Text(String),
    Time(Timestamp),
    Bool(bool),
    Int(i64),
    Double(f64),
}

/// A cell for each column.
pub(super) type Row = [Option<Cell>; COLUMNS.len()];

/// What a table has in place of a value that is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    Null,
    /// An empty text, so that no other text may be empty.
    Empty,
}

/// Returns the cells of a record. A value that its column can't hold as it is goes to the other fields.
pub(super) fn cells(mut record: Map<String, Value>, gap: Gap) -> Row {
    let mut row: Row = COLUMNS.map(|(name, kind)| {
        let value = record.get(name).filter(|value| gap == Gap::Null || **value != "");
        let cell = value.and_then(|value| cell(kind, value)).filter(|_| name != OTHER_FIELDS)?;
        record.remove(name);
        Some(cell)
    });
    // A column can't tell a null from a value that is absent, and for its field they are the same.
    record.retain(|name, value| !(value.is_null() && COLUMNS.iter().any(|(column, _)| column == name)));
    if let (Some(last), false) = (row.last_mut(), record.is_empty()) {
        *last = Some(Cell::Text(Value::from(record).to_string()));
    }
    row
}

fn cell(kind: Kind, value: &Value) -> Option<Cell> {
    match kind {
        Kind::Text => value.as_str().map(|text| Cell::Text(text.to_owned())),
        Kind::Time => {
            let text = value.as_str()?;
            let time: Timestamp = text.parse().ok()?;
            // Before 1970, a time in Parquet is negative, and nobody measured anything.
            (time.to_string() == text && time.to_unix_millis() >= 0).then_some(Cell::Time(time))
        }
        Kind::Bool => value.as_bool().map(Cell::Bool),
        Kind::Int32 => value.as_i64().filter(|number| i32::try_from(*number).is_ok()).map(Cell::Int),
        Kind::Int64 => value.as_i64().map(Cell::Int),
        Kind::Double => {
            let number = value.as_f64()?;
            // Beyond, not every whole number is one.
            const EXACT: f64 = 9_007_199_254_740_992.0;
            (value.is_f64() || number.abs() <= EXACT).then_some(Cell::Double(number))
        }
    }
}

/// Returns a record with these fields as a line without its newline: the fields as they come, and the other fields in
/// place of their column. An error is a text of other fields that is no JSON object.
pub(super) fn line<'a>(fields: impl Iterator<Item = (&'a str, Value)>) -> Result<String, String> {
    let mut text = vec![b'{'];
    let mut add = |name: &str, value: &Value| {
        if text.len() > 1 {
            text.push(b',');
        }
        serde_json::to_writer(&mut text, name).expect("a vector takes all");
        text.push(b':');
        serde_json::to_writer(&mut text, value).expect("a vector takes all");
    };
    for (name, value) in fields {
        if name != OTHER_FIELDS {
            add(name, &value);
            continue;
        }
        let others = value.as_str().and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
        let Some(others) = others else {
            return Err(format!("{OTHER_FIELDS}: expected a JSON object"));
        };
        others.iter().for_each(|(name, value)| add(name, value));
    }
    text.push(b'}');
    Ok(String::from_utf8(text).expect("JSON is UTF-8"))
}
