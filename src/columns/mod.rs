//! Records as rows of one table, in CSV and in Parquet, which query engines read fastest.
//!
//! The table has a column for each field of an `invocation`, and one for everything else: `otherFields` is a JSON object
//! with the fields that have no column, such as `tag.commit` or those of a plan. So each record of any type is a row, and
//! nothing is lost. Invocations are the rows `where type = 'invocation'`.

mod csv; // a table in CSV
mod chunk; // the invocations of a Parquet file, column by column
mod parquet; // a table in Parquet
mod row; // a record as cells, and back

#[cfg(test)]
mod tests;

pub use self::chunk::{Chunk, ChunkRow, ParquetFile};
pub use self::csv::{CsvWriter, lines_of_csv};
pub use self::parquet::ParquetWriter;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// UTF-8.
    Text,
    /// RFC 3339 in UTC with milliseconds; in Parquet a `TIMESTAMP(MILLIS, UTC)`.
    Time,
    /// `true` or `false`.
    Bool,
    /// A whole number of 32 bits, or of 64.
    Int32,
    Int64,
    /// A number of 64 bits with a fraction.
    Double,
}

/// The columns in their order, and what their values are. All but the first can be absent in a row.
const COLUMNS: [(&str, Kind); 27] = [
    ("type", Kind::Text),
    ("runId", Kind::Text),
    ("functionArn", Kind::Text),
    ("version", Kind::Text),
    ("alias", Kind::Text),
    ("architecture", Kind::Text),
    ("memorySizeMB", Kind::Int32),
    ("index", Kind::Int64),
    ("payloadIndex", Kind::Int64),
    ("startedAt", Kind::Time),
    ("requestId", Kind::Text),
    ("outcome", Kind::Text),
    ("errorType", Kind::Text),
    ("errorMessage", Kind::Text),
    ("coldStart", Kind::Bool),
    ("durationMs", Kind::Double),
    ("initDurationMs", Kind::Double),
    ("restoreDurationMs", Kind::Double),
    ("billedDurationMs", Kind::Int64),
    ("billedRestoreDurationMs", Kind::Int64),
    ("maxMemoryUsedMB", Kind::Int32),
    ("clientDurationMs", Kind::Double),
    ("attempts", Kind::Int32),
    ("round", Kind::Int32),
    ("wave", Kind::Int32),
    ("logStream", Kind::Text),
    (OTHER_FIELDS, Kind::Text),
];

/// The column of all fields that have none.
const OTHER_FIELDS: &str = "otherFields";

/// Returns the type of the rows of a table that does not say it, because another program made it: an invocation has a
/// duration, and statistics have an average.
fn type_of_rows<'a>(mut names: impl Iterator<Item = &'a str> + Clone) -> Option<&'static str> {
    if names.clone().any(|name| name == "type") {
        None
    } else if names.clone().any(|name| name == "durationMs") {
        Some("invocation")
    } else {
        names.any(|name| name == "averageDurationMs").then_some("statistics")
    }
}
