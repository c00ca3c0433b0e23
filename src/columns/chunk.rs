//! The invocations of a Parquet file, without a line for each: the columns that count, a row group at a time.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{ConvertedType, LogicalType};
use parquet::column::reader::{ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, FileReader as _, Length, RowGroupReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::schema::types::ColumnDescriptor;
use uuid::Uuid;

use super::parquet::{Meaning, from_parquet, line_of};
use super::type_of_rows;
use crate::file_at::FileAt;
use crate::quote::excerpt;
use crate::records::{Invocation, Record as _};

/// The rows that are decoded at once: their columns fit into a core's cache.
const BATCH: usize = 4096;

/// A Parquet file of which several threads can read parts at the same time.
pub struct ParquetFile {
    reader: SerializedFileReader<Part>,
    /// What the values of each column are.
    meanings: Vec<Meaning>,
    /// The type of all rows, if no column says it.
    type_of_rows: Option<&'static str>,
}

/// A source of bytes that can be read at any place.
enum Part {
    File(Arc<File>, u64),
    Memory(Bytes),
}

impl Length for Part {
    fn len(&self) -> u64 {
        match self {
            Part::File(_, length) => *length,
            Part::Memory(bytes) => bytes.len() as u64,
        }
    }
}

impl ChunkReader for Part {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> ParquetResult<Box<dyn Read>> {
        Ok(match self {
            Part::File(file, _) => Box::new(FileAt { file: Arc::clone(file), place: start }),
            Part::Memory(bytes) => Box::new(io::Cursor::new(bytes.slice(start as usize..))),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        match self {
            Part::File(file, _) => {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, start)?;
                Ok(bytes.into())
            }
            Part::Memory(bytes) => bytes.get_bytes(start, length),
        }
    }
}

impl ParquetFile {
    /// Opens a file.
    ///
    /// # Errors
    /// It cannot be read, or is not in Parquet.
    pub fn open(file: Arc<File>) -> io::Result<ParquetFile> {
        let length = file.metadata()?.len();
        ParquetFile::new(Part::File(file, length))
    }

    /// Opens what was read from a stream.
    ///
    /// # Errors
    /// It is not in Parquet.
    pub fn in_memory(bytes: Vec<u8>) -> io::Result<ParquetFile> {
        ParquetFile::new(Part::Memory(bytes.into()))
    }

    fn new(part: Part) -> io::Result<ParquetFile> {
        let reader = SerializedFileReader::new(part).map_err(from_parquet)?;
        let fields = reader.metadata().file_metadata().schema_descr().root_schema().get_fields();
        let type_of_rows = type_of_rows(fields.iter().map(|field| field.name()));
        let meanings = fields.iter().map(|field| Meaning::of(field)).collect();
        let mut columns = reader.metadata().row_groups().iter().flat_map(RowGroupMetaData::columns);
        // The reader of the column would end the process.
        let is_nowhere = |column: &ColumnChunkMetaData| {
            let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
            start < 0 || column.compressed_size() < 0
        };
        if columns.any(is_nowhere) {
            let what = "damaged: a column begins nowhere in the file";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(ParquetFile { reader, meanings, type_of_rows })
    }

    /// Returns the names of the columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let fields = self.reader.metadata().file_metadata().schema_descr().root_schema().get_fields();
        fields.iter().map(|field| field.name())
    }

    /// Returns the number of row groups.
    pub fn row_groups(&self) -> usize {
        self.reader.num_row_groups()
    }

    /// Returns a line of JSON for each row of a row group.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn lines(&self, group: usize) -> io::Result<Vec<String>> {
        // The reader of rows would end the process.
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let mut columns = schema.columns().iter();
        if let Some(span) = columns.find(|column| column.converted_type() == ConvertedType::INTERVAL) {
            let what = format!("the column {} is of type INTERVAL; leave it out", excerpt(span.name()));
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let group = self.reader.get_row_group(group).map_err(from_parquet)?;
        let rows = RowIter::from_row_group(None, &*group).map_err(from_parquet)?;
        rows.map(|row| line_of(row.map_err(from_parquet)?, &self.meanings, self.type_of_rows)).collect()
    }

    /// Returns the invocations of a row group. `None` if it has other records too, as far as its statistics show, or
    /// columns of other types than ours.
    pub fn chunk(&self, group: usize) -> Option<Chunk> {
        let group = self.reader.get_row_group(group).ok()?;
        let columns = RowGroup(&*group);
        let is_of_invocations = match self.type_of_rows {
            Some(implied) => implied == Invocation::TYPE,
            None => columns.text("type")?.constant()? == Invocation::TYPE.as_bytes(),
        };
        if !is_of_invocations {
            return None;
        }
        // Where each invocation has a request id, its run and its index tell nothing more.
        let has_request_ids = columns.has_text_in_each("requestId");
        let (run, index) = match has_request_ids {
            true => (Column::Absent, IntColumn::Int64(Column::Absent)),
            false => (columns.text("runId")?, columns.int("index")?),
        };
        Some(Chunk {
            rows: usize::try_from(group.metadata().num_rows()).ok()?,
            function: columns.text("functionArn")?,
            architecture: columns.text("architecture")?,
            memory: columns.int("memorySizeMB")?,
            run,
            index,
            request_id: columns.ids("requestId")?,
            outcome: columns.text("outcome")?,
            cold_start: columns.bool("coldStart")?,
            duration: columns.double("durationMs")?,
            init: columns.double("initDurationMs")?,
            restore: columns.double("restoreDurationMs")?,
            billed: columns.int("billedDurationMs")?,
            billed_restore: columns.int("billedRestoreDurationMs")?,
            max_memory_used: columns.int("maxMemoryUsedMB")?,
            round: columns.int("round")?,
            wave: columns.int("wave")?,
        })
    }
}

/// The columns of a row group.
struct RowGroup<'a>(&'a dyn RowGroupReader);

impl RowGroup<'_> {
    /// Whether each row has a text in a column, and none is empty, as far as its statistics show.
    fn has_text_in_each(&self, name: &str) -> bool {
        let mut columns = self.0.metadata().columns().iter();
        let column = columns.find(|column| column.column_path().string() == name);
        column.and_then(ColumnChunkMetaData::statistics).is_some_and(|statistics| {
            let is_empty = |min: &[u8]| min.is_empty();
            statistics.null_count_opt() == Some(0) && !statistics.min_bytes_opt().is_none_or(is_empty)
        })
    }

    /// Returns a column, which is [`Column::Absent`] if the file lacks it, and `None` if its values are of another type.
    fn column<T: DataType>(
        &self,
        name: &str,
        constant: impl FnOnce(&ColumnChunkMetaData) -> Option<T::T>,
    ) -> Option<Column<T>> {
        let metadata: &RowGroupMetaData = self.0.metadata();
        let is_named = |column: &ColumnChunkMetaData| {
            column.column_path().parts().first().is_some_and(|part| part == name)
        };
        let Some(at) = metadata.columns().iter().position(is_named) else {
            return Some(Column::Absent);
        };
        let column = metadata.column(at);
        let descriptor = column.column_descr();
        let is_flat = descriptor.max_rep_level() == 0 && descriptor.max_def_level() <= 1;
        if !is_flat || column.column_type() != T::get_physical_type() || !is_plain(descriptor) {
            return None;
        }
        let nulls = column.statistics().and_then(|statistics| statistics.null_count_opt());
        if nulls == u64::try_from(column.num_values()).ok() {
            return Some(Column::Absent);
        }
        if let Some(value) = constant(column) {
            return Some(Column::Constant(value));
        }
        Some(Column::Read(Box::new(Reading {
            reader: get_typed_column_reader(self.0.get_column_reader(at).ok()?),
            is_optional: descriptor.max_def_level() == 1,
            levels: Vec::with_capacity(BATCH),
            values: Vec::with_capacity(BATCH),
            row: 0,
            value: 0,
        })))
    }

    fn text(&self, name: &str) -> Option<Column<ByteArrayType>> {
        self.column(name, |column| {
            let statistics = column.statistics()?;
            // Bounds that are equal leave one value, even if their writer doesn't say whether it shortened them.
            let (min, max) = (statistics.min_bytes_opt()?, statistics.max_bytes_opt()?);
            let is_constant = min == max && statistics.null_count_opt() == Some(0);
            is_constant.then(|| ByteArray::from(min.to_vec()))
        })
    }

    fn ids(&self, name: &str) -> Option<IdColumn> {
        let text = self.text(name).map(IdColumn::Text);
        text.or_else(|| Some(IdColumn::Uuid(self.column(name, |_| None)?, [0; 36])))
    }

    fn int(&self, name: &str) -> Option<IntColumn> {
        let of_32_bits = self.column::<Int32Type>(name, |_| None).map(IntColumn::Int32);
        of_32_bits.or_else(|| self.column::<Int64Type>(name, |_| None).map(IntColumn::Int64))
    }

    fn double(&self, name: &str) -> Option<Column<DoubleType>> {
        self.column(name, |_| None)
    }

    fn bool(&self, name: &str) -> Option<Column<BoolType>> {
        self.column(name, |_| None)
    }
}

/// Whether the values of a column are what their bytes are: a decimal is a whole number too, but a hundred times what it
/// means.
fn is_plain(column: &ColumnDescriptor) -> bool {
    match column.logical_type_ref() {
        None => !matches!(
            column.converted_type(),
            ConvertedType::DECIMAL
                | ConvertedType::DATE
                | ConvertedType::TIME_MILLIS
                | ConvertedType::TIME_MICROS
                | ConvertedType::TIMESTAMP_MILLIS
                | ConvertedType::TIMESTAMP_MICROS
        ),
        Some(LogicalType::Uuid) => column.type_length() == 16,
        Some(logical) => {
            matches!(
                logical,
                LogicalType::String | LogicalType::Enum | LogicalType::Json | LogicalType::Integer(_)
            )
        }
    }
}

/// A column of a row group, of which one value after another is taken.
enum Column<T: DataType> {
    /// No row has a value.
    Absent,
    /// All rows have the same, so nothing needs to be read.
    Constant(T::T),
    Read(Box<Reading<T>>),
}

/// The rows of a column that were read.
struct Reading<T: DataType> {
    reader: ColumnReaderImpl<T>,
    is_optional: bool,
    /// 1 for each row that has a value, and 0 for each other one.
    levels: Vec<i16>,
    values: Vec<T::T>,
    /// The next row, and the next value.
    row: usize,
    value: usize,
}

impl Column<ByteArrayType> {
    /// Returns the value that all rows have.
    fn constant(&self) -> Option<&[u8]> {
        match self {
            Column::Constant(value) => Some(value.data()),
            _ => None,
        }
    }
}

impl<T: DataType> Column<T> {
    /// Reads the next rows.
    fn fill(&mut self, rows: usize) -> io::Result<()> {
        let Column::Read(reading) = self else {
            return Ok(());
        };
        let Reading { reader, is_optional, levels, values, row, value } = &mut **reading;
        levels.clear();
        values.clear();
        (*row, *value) = (0, 0);
        let (read, ..) = reader.read_records(rows, Some(levels), None, values).map_err(from_parquet)?;
        if !*is_optional {
            levels.resize(read, 1);
        }
        if read < rows {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a column is shorter than the others"));
        }
        Ok(())
    }

    /// Takes the value of the next row.
    #[inline]
    fn next(&mut self) -> Option<&T::T> {
        match self {
            Column::Absent => None,
            Column::Constant(value) => Some(value),
            Column::Read(reading) => {
                let Reading { levels, values, row, value, .. } = &mut **reading;
                *row += 1;
                if levels[*row - 1] == 0 {
                    return None;
                }
                *value += 1;
                Some(&values[*value - 1])
            }
        }
    }
}

/// A column of whole numbers, which some programs write with 64 bits.
enum IntColumn {
    Int32(Column<Int32Type>),
    Int64(Column<Int64Type>),
}

impl IntColumn {
    fn fill(&mut self, rows: usize) -> io::Result<()> {
        match self {
            IntColumn::Int32(column) => column.fill(rows),
            IntColumn::Int64(column) => column.fill(rows),
        }
    }

    #[inline]
    fn next(&mut self) -> Option<i64> {
        match self {
            IntColumn::Int32(column) => column.next().copied().map(i64::from),
            IntColumn::Int64(column) => column.next().copied(),
        }
    }
}

/// A column of ids, which some programs write as UUIDs, and its last id as text.
enum IdColumn {
    Text(Column<ByteArrayType>),
    Uuid(Column<FixedLenByteArrayType>, [u8; 36]),
}

impl IdColumn {
    fn fill(&mut self, rows: usize) -> io::Result<()> {
        match self {
            IdColumn::Text(column) => column.fill(rows),
            IdColumn::Uuid(column, _) => column.fill(rows),
        }
    }

    #[inline]
    fn next(&mut self) -> Option<&[u8]> {
        match self {
            IdColumn::Text(column) => column.next().map(ByteArray::data),
            IdColumn::Uuid(column, text) => {
                let uuid = Uuid::from_slice(column.next()?.data()).expect("16 bytes, as the schema says");
                Some(uuid.hyphenated().encode_lower(text).as_bytes())
            }
        }
    }
}

/// The invocations of a row group.
pub struct Chunk {
    rows: usize,
    function: Column<ByteArrayType>,
    architecture: Column<ByteArrayType>,
    memory: IntColumn,
    run: Column<ByteArrayType>,
    index: IntColumn,
    request_id: IdColumn,
    outcome: Column<ByteArrayType>,
    cold_start: Column<BoolType>,
    duration: Column<DoubleType>,
    init: Column<DoubleType>,
    restore: Column<DoubleType>,
    billed: IntColumn,
    billed_restore: IntColumn,
    max_memory_used: IntColumn,
    round: IntColumn,
    wave: IntColumn,
}

/// The columns of one row, as they are in the file: nothing is checked.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "each is the column of its name")]
pub struct ChunkRow<'a> {
    pub function: Option<&'a [u8]>,
    pub architecture: Option<&'a [u8]>,
    pub memory: Option<i64>,
    pub run: Option<&'a [u8]>,
    pub index: Option<i64>,
    pub request_id: Option<&'a [u8]>,
    pub outcome: Option<&'a [u8]>,
    pub cold_start: Option<bool>,
    pub duration: Option<f64>,
    pub init: Option<f64>,
    pub restore: Option<f64>,
    pub billed: Option<i64>,
    pub billed_restore: Option<i64>,
    pub max_memory_used: Option<i64>,
    pub round: Option<i64>,
    pub wave: Option<i64>,
}

impl Chunk {
    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Hands each row to `take`, until it returns `None`. Returns the number of rows, or `None` if not all were taken.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn for_each(mut self, mut take: impl FnMut(ChunkRow) -> Option<()>) -> io::Result<Option<u64>> {
        let mut left = self.rows;
        while left > 0 {
            let rows = left.min(BATCH);
            self.fill(rows)?;
            for _ in 0..rows {
                if take(self.next()).is_none() {
                    return Ok(None);
                }
            }
            left -= rows;
        }
        Ok(Some(self.rows as u64))
    }

    fn fill(&mut self, rows: usize) -> io::Result<()> {
        for column in [&mut self.function, &mut self.architecture, &mut self.run, &mut self.outcome] {
            column.fill(rows)?;
        }
        self.request_id.fill(rows)?;
        for column in [
            &mut self.memory,
            &mut self.index,
            &mut self.billed,
            &mut self.billed_restore,
            &mut self.max_memory_used,
            &mut self.round,
            &mut self.wave,
        ] {
            column.fill(rows)?;
        }
        for column in [&mut self.duration, &mut self.init, &mut self.restore] {
            column.fill(rows)?;
        }
        self.cold_start.fill(rows)
    }

    #[inline]
    fn next(&mut self) -> ChunkRow<'_> {
        ChunkRow {
            function: self.function.next().map(ByteArray::data),
            architecture: self.architecture.next().map(ByteArray::data),
            memory: self.memory.next(),
            run: self.run.next().map(ByteArray::data),
            index: self.index.next(),
            request_id: self.request_id.next(),
            outcome: self.outcome.next().map(ByteArray::data),
            cold_start: self.cold_start.next().copied(),
            duration: self.duration.next().copied(),
            init: self.init.next().copied(),
            restore: self.restore.next().copied(),
            billed: self.billed.next(),
            billed_restore: self.billed_restore.next(),
            max_memory_used: self.max_memory_used.next(),
            round: self.round.next(),
            wave: self.wave.next(),
        }
    }
}
