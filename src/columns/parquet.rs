//! A table in Parquet: compressed with zstd, names coded by a dictionary, with the statistics by which an engine skips
//! what it does not need. <https://parquet.apache.org/docs/file-format/>

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{
    Compression, ConvertedType, LogicalType, Repetition, TimeUnit, Type as PhysicalType, ZstdLevel,
};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::record::{Field, Row};
use parquet::schema::types::{ColumnPath, Type, TypePtr};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::row::{Cell, Gap, cells, line};
use super::{COLUMNS, Kind};
use crate::records::{End, Invocation, Record as _};
use crate::units::Timestamp;

/// The rows that are written at once, and held in memory until then: as many as engines like to skip at once.
const ROWS: usize = 1 << 17;

/// Writes records as rows. Those that are no invocations come in groups of their own, before the invocations with which
/// they arrive, so that a reader of invocations can skip them.
pub struct ParquetWriter<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    invocations: Columns,
    others: Columns,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// Returns a writer to `output`.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn new(output: W) -> io::Result<ParquetWriter<W>> {
        let zstd = Compression::ZSTD(ZstdLevel::default());
        let mut properties = WriterProperties::builder().set_compression(zstd);
        // Each of them is another one.
        for unique in ["requestId", "startedAt", "durationMs", "initDurationMs", "clientDurationMs"] {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(unique), false);
        }
        let writer = SerializedFileWriter::new(output, schema(), Arc::new(properties.build()));
        let writer = writer.map_err(from_parquet)?;
        Ok(ParquetWriter { writer, invocations: Columns::default(), others: Columns::default() })
    }

    /// Writes a record.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn write(&mut self, record: Map<String, Value>) -> io::Result<()> {
        let record_type = record.get("type").and_then(Value::as_str);
        let columns = match record_type {
            Some(Invocation::TYPE) => &mut self.invocations,
            // Nothing that came before it may come after it.
            Some(End::TYPE) => {
                self.write_held()?;
                &mut self.others
            }
            _ => &mut self.others,
        };
        columns.add(cells(record, Gap::Null));
        if self.held() < ROWS { Ok(()) } else { self.write_held() }
    }

    /// Returns the number of rows that are held in memory.
    pub fn held(&self) -> usize {
        self.invocations.rows + self.others.rows
    }

    /// Writes what is held, and the end of the file.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.write_held()?;
        self.writer.close().map(drop).map_err(from_parquet)
    }

    /// Writes what is held, as row groups.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn write_held(&mut self) -> io::Result<()> {
        for columns in [&mut self.others, &mut self.invocations] {
            if columns.rows > 0 {
                std::mem::take(columns).write(&mut self.writer).map_err(from_parquet)?;
            }
        }
        Ok(())
    }
}

pub(super) fn from_parquet(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => source.downcast().map_or_else(io::Error::other, |io| *io),
        ParquetError::General(what) if what.starts_with("Disabled feature") => io::Error::new(
            io::ErrorKind::InvalidData,
            "its columns are compressed with LZ4 or Brotli; write it with zstd, Snappy or gzip",
        ),
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    }
}

/// Returns the type of each column.
fn schema() -> TypePtr {
    let column = |(name, kind): (&str, Kind)| {
        let physical = match kind {
            Kind::Text => PhysicalType::BYTE_ARRAY,
            Kind::Bool => PhysicalType::BOOLEAN,
            Kind::Int32 => PhysicalType::INT32,
            Kind::Int64 | Kind::Time => PhysicalType::INT64,
            Kind::Double => PhysicalType::DOUBLE,
        };
        let (logical, converted) = match kind {
            Kind::Text => (Some(LogicalType::String), ConvertedType::UTF8),
            Kind::Time => {
                (Some(LogicalType::timestamp(true, TimeUnit::MILLIS)), ConvertedType::TIMESTAMP_MILLIS)
            }
            _ => (None, ConvertedType::NONE),
        };
        let repetition = if name == "type" { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        let column = Type::primitive_type_builder(name, physical)
            .with_repetition(repetition)
            .with_converted_type(converted)
            .with_logical_type(logical)
            .build();
        Arc::new(column.expect("the types fit together"))
    };
    let columns = COLUMNS.map(column).to_vec();
    Arc::new(
        Type::group_type_builder("record").with_fields(columns).build().expect("each name is there once"),
    )
}

/// Rows column by column.
#[derive(Default)]
struct Columns {
    columns: Vec<Column>,
    rows: usize,
}

/// The values of a column that are there, and for each row whether it has one: 1 or 0.
struct Column {
    levels: Vec<i16>,
    values: Values,
}

enum Values {
    Text(Vec<ByteArray>),
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Double(Vec<f64>),
}

impl Values {
    fn new(kind: Kind) -> Values {
        match kind {
            Kind::Text => Values::Text(Vec::new()),
            Kind::Bool => Values::Bool(Vec::new()),
            Kind::Int32 => Values::Int32(Vec::new()),
            Kind::Int64 | Kind::Time => Values::Int64(Vec::new()),
            Kind::Double => Values::Double(Vec::new()),
        }
    }

    fn push(&mut self, cell: Cell) {
        match (self, cell) {
            (Values::Text(values), Cell::Text(text)) => values.push(ByteArray::from(text.into_bytes())),
            (Values::Bool(values), Cell::Bool(value)) => values.push(value),
            (Values::Int32(values), Cell::Int(number)) => {
                values.push(number.try_into().expect("a cell of 32 bits is in range"));
            }
            (Values::Int64(values), Cell::Int(number)) => values.push(number),
            (Values::Int64(values), Cell::Time(time)) => values.push(time.to_unix_millis()),
            (Values::Double(values), Cell::Double(number)) => values.push(number),
            _ => unreachable!("a cell is of the kind of its column"),
        }
    }
}

impl Columns {
    fn add(&mut self, row: super::row::Row) {
        if self.columns.is_empty() {
            let new = |(_, kind)| Column { levels: Vec::new(), values: Values::new(kind) };
            self.columns = COLUMNS.map(new).into();
        }
        for (column, cell) in self.columns.iter_mut().zip(row) {
            column.levels.push(cell.is_some().into());
            if let Some(cell) = cell {
                column.values.push(cell);
            }
        }
        self.rows += 1;
    }

    fn write<W: Write + Send>(self, writer: &mut SerializedFileWriter<W>) -> Result<(), ParquetError> {
        let mut group = writer.next_row_group()?;
        for Column { levels, values } in self.columns {
            let mut column = group.next_column()?.expect("the schema has as many columns");
            let levels = Some(&*levels);
            match (values, column.untyped()) {
                // It is required, so it has no levels.
                (Values::Text(values), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                    let levels = levels.filter(|_| writer.get_descriptor().max_def_level() > 0);
                    writer.write_batch(&values, levels, None)
                }
                (Values::Bool(values), ColumnWriter::BoolColumnWriter(writer)) => {
                    writer.write_batch(&values, levels, None)
                }
                (Values::Int32(values), ColumnWriter::Int32ColumnWriter(writer)) => {
                    writer.write_batch(&values, levels, None)
                }
                (Values::Int64(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                    writer.write_batch(&values, levels, None)
                }
                (Values::Double(values), ColumnWriter::DoubleColumnWriter(writer)) => {
                    writer.write_batch(&values, levels, None)
                }
                _ => unreachable!("the schema says what the values of a column are"),
            }?;
            column.close()?;
        }
        group.close().map(drop)
    }
}

/// What the values of a column are, where the reader of rows does not know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    AsIs,
    /// DuckDB makes one of each text that looks like one, such as a request id.
    Uuid,
    /// A time in nanoseconds, as pandas has it.
    Nanoseconds,
}

impl Meaning {
    pub fn of(column: &Type) -> Meaning {
        match column.get_basic_info().logical_type_ref() {
            Some(LogicalType::Uuid) => Meaning::Uuid,
            Some(LogicalType::Timestamp(time)) if time.unit == TimeUnit::NANOS => Meaning::Nanoseconds,
            _ => Meaning::AsIs,
        }
    }
}

/// Returns a row as a line of JSON. Rows without a type are of `type_of_rows`.
pub(super) fn line_of(row: Row, meanings: &[Meaning], type_of_rows: Option<&str>) -> io::Result<String> {
    let implied = type_of_rows.map(|name| ("type", Value::from(name)));
    let columns = row.into_columns();
    let fields =
        columns.iter().zip(meanings).map(|((name, field), meaning)| (&**name, value(field, *meaning)));
    let fields = fields.filter(|(_, value)| !value.is_null());
    line(implied.into_iter().chain(fields)).map_err(io::Error::other)
}

pub(super) fn value(field: &Field, meaning: Meaning) -> Value {
    // A time that a record cannot have stays as it is, and the reader of the record is to say so.
    let time = |count: i64, in_a_second: i64| {
        let seconds = u64::try_from(count.div_euclid(in_a_second)).ok();
        let nanoseconds = count.rem_euclid(in_a_second) * (1_000_000_000 / in_a_second);
        let time = seconds.zip(nanoseconds.try_into().ok());
        let time = time.and_then(|(seconds, nanoseconds)| Timestamp::from_unix(seconds, nanoseconds));
        time.map_or_else(|| field.to_json_value(), |time| Value::from(time.to_string()))
    };
    match field {
        // JSON has no such number, and the reader of the record is to say so.
        Field::Double(number) if !number.is_finite() => Value::from(number.to_string()),
        Field::Float(number) if !number.is_finite() => Value::from(number.to_string()),
        Field::Double(number) => Value::from(*number),
        Field::TimestampMillis(millis) => time(*millis, 1_000),
        Field::TimestampMicros(micros) => time(*micros, 1_000_000),
        Field::Long(nanos) if meaning == Meaning::Nanoseconds => time(*nanos, 1_000_000_000),
        Field::Bytes(bytes) if meaning == Meaning::Uuid => {
            let uuid = Uuid::from_slice(bytes.data());
            uuid.map_or_else(|_| field.to_json_value(), |uuid| Value::from(uuid.to_string()))
        }
        Field::Decimal(_) => {
            serde_json::from_str(&field.to_string()).unwrap_or_else(|_| field.to_json_value())
        }
        // Some writers do not say that a text is one.
        Field::Bytes(bytes) => bytes.as_utf8().map_or_else(|_| field.to_json_value(), Value::from),
        other => other.to_json_value(),
    }
}
