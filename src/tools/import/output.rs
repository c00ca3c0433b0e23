//! Where the records go: to stdout or a file, as NDJSON or as a table, or to the folders of a partition.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::columns::{CsvWriter, ParquetWriter};
use crate::error::Error;
use crate::message;
use crate::records::{End, Record, Status};

/// A form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Ndjson,
    Csv,
    Parquet,
}

impl Format {
    fn extension(self) -> &'static str {
        match self {
            Format::Ndjson => "ndjson",
            Format::Csv => "csv",
            Format::Parquet => "parquet",
        }
    }
}

/// The fields by which records go to folders.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartitionBy {
    pub function: bool,
    pub date: bool,
}

/// A record as its line, and as its fields.
pub(super) struct Written {
    pub line: String,
    pub fields: Map<String, Value>,
}

impl Written {
    pub fn of<R: Record>(record: &R) -> Written {
        let line = serde_json::to_string(record).expect("a record has string keys");
        let fields = serde_json::from_str(&line).expect("a record is an object");
        Written { line, fields }
    }
}

/// Records in one of the forms.
enum Table<W: Write + Send> {
    Ndjson(W),
    Csv(Box<CsvWriter<W>>),
    Parquet(Box<ParquetWriter<W>>),
}

impl<W: Write + Send> Table<W> {
    fn new(format: Format, output: W) -> io::Result<Table<W>> {
        Ok(match format {
            Format::Ndjson => Table::Ndjson(output),
            Format::Csv => Table::Csv(Box::new(CsvWriter::new(output)?)),
            Format::Parquet => Table::Parquet(Box::new(ParquetWriter::new(output)?)),
        })
    }

    fn write(&mut self, record: Written) -> io::Result<()> {
        match self {
            Table::Ndjson(output) => writeln!(output, "{}", record.line),
            Table::Csv(rows) => rows.write(record.fields),
            Table::Parquet(rows) => rows.write(record.fields),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Table::Ndjson(mut output) => output.flush(),
            Table::Csv(rows) => rows.finish(),
            Table::Parquet(rows) => rows.finish(),
        }
    }
}

/// A table with the number of its records, which its `end` record says.
pub(super) struct Counted<W: Write + Send> {
    table: Table<W>,
    records: u64,
}

impl<W: Write + Send> Counted<W> {
    fn new(format: Format, output: W) -> io::Result<Counted<W>> {
        Ok(Counted { table: Table::new(format, output)?, records: 0 })
    }

    fn write(&mut self, record: Written) -> io::Result<()> {
        self.records += 1;
        self.table.write(record)
    }

    fn finish(mut self, end: &End) -> io::Result<()> {
        let end = End { records: self.records, exit_code: None, ..end.clone() };
        self.table.write(Written::of(&end))?;
        self.table.finish()
    }
}

/// A file that appears when it is complete. Until then, its name begins with a dot, so that no tool reads it.
pub(super) struct NewFile {
    table: Counted<BufWriter<File>>,
    hidden: Hidden,
    path: PathBuf,
}

/// The name of a file until it is complete. A file that is not completed is removed.
struct Hidden(PathBuf);

impl Drop for Hidden {
    fn drop(&mut self) {
        // After it has got its own name, there is none.
        let _ = fs::remove_file(&self.0);
    }
}

impl NewFile {
    fn create(format: Format, path: PathBuf) -> Result<NewFile, Error> {
        let name = path.display().to_string();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        let hidden = path.with_file_name(format!(".{file_name}.{}", Uuid::now_v7().simple()));
        let file = File::create_new(&hidden).map_err(Error::io(&name))?;
        let hidden = Hidden(hidden);
        let table = Counted::new(format, BufWriter::new(file)).map_err(Error::io(&name))?;
        Ok(NewFile { table, hidden, path })
    }

    fn finish(self, end: &End) -> Result<(), Error> {
        let finished = self.table.finish(end).and_then(|()| fs::rename(&self.hidden.0, &self.path));
        finished.map_err(Error::io(self.path.display().to_string()))
    }
}

/// Where records go, except for the record stream on stdout.
pub(super) enum Destination {
    Stdout(Counted<io::Stdout>),
    File(NewFile),
    Folders(Folders),
}

impl Destination {
    /// Returns the destination; `None` is the record stream on stdout.
    ///
    /// # Errors
    /// The file exists, or cannot be written.
    pub fn new(
        format: Format,
        output: Option<PathBuf>,
        partition_by: PartitionBy,
    ) -> Result<Option<Destination>, Error> {
        let Some(path) = output else {
            let table = || Counted::new(format, io::stdout()).map_err(Error::io("stdout"));
            return (format != Format::Ndjson).then(|| table().map(Destination::Stdout)).transpose();
        };
        if partition_by.function || partition_by.date {
            let folders = Folders { format, root: path, partition_by, open: BTreeMap::new(), turn: 0 };
            return Ok(Some(Destination::Folders(folders)));
        }
        if path.exists() {
            return Err(Error::Usage(format!(
                "--output {}: exists already; name another file",
                path.display()
            )));
        }
        NewFile::create(format, path).map(Destination::File).map(Some)
    }

    /// Writes a record.
    pub fn write(&mut self, record: Written) -> Result<(), Error> {
        match self {
            Destination::Stdout(table) => table.write(record).map_err(Error::io("stdout")),
            Destination::File(file) => {
                file.table.write(record).map_err(Error::io(file.path.display().to_string()))
            }
            Destination::Folders(folders) => folders.write(record),
        }
    }

    /// Completes all files with this `end` record.
    pub fn finish(self, end: &End) -> Result<(), Error> {
        match self {
            Destination::Stdout(table) => table.finish(end).map_err(Error::io("stdout")),
            Destination::File(file) => file.finish(end),
            Destination::Folders(folders) => {
                folders.open.into_values().try_for_each(|(_, file)| file.finish(end))
            }
        }
    }
}

/// The folders of a partition, in Hive's form. <https://docs.aws.amazon.com/athena/latest/ug/partitions.html>
pub(super) struct Folders {
    format: Format,
    root: PathBuf,
    partition_by: PartitionBy,
    /// The files that are being written, by their folder, each with its last turn.
    open: BTreeMap<PathBuf, (u64, NewFile)>,
    turn: u64,
}

/// The files that are written at the same time. A process may have about a thousand open.
const OPEN_FILES: usize = 200;

/// The bytes that Hive writes as `%` and two digits in the name of a folder.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'\'')
    .add(b'*')
    .add(b'/')
    .add(b':')
    .add(b'=')
    .add(b'?')
    .add(b'\\')
    .add(b'{')
    .add(b'[')
    .add(b']')
    .add(b'^');

impl Folders {
    fn write(&mut self, record: Written) -> Result<(), Error> {
        let folder = self.folder_of(&record.fields);
        if !self.open.contains_key(&folder) {
            if self.open.len() == OPEN_FILES {
                self.close_one()?;
            }
            fs::create_dir_all(&folder).map_err(Error::io(folder.display().to_string()))?;
            let name = format!("part-{}.{}", Uuid::now_v7().simple(), self.format.extension());
            let file = NewFile::create(self.format, folder.join(name))?;
            self.open.insert(folder.clone(), (0, file));
        }
        self.turn += 1;
        let (turn, file) = self.open.get_mut(&folder).expect("it is open now");
        *turn = self.turn;
        file.table.write(record).map_err(Error::io(file.path.display().to_string()))
    }

    /// Completes the file that was written to the longest time ago. If more comes for its folder, it gets another one.
    fn close_one(&mut self) -> Result<(), Error> {
        let oldest = self.open.iter().min_by_key(|(_, (turn, _))| *turn).map(|(folder, _)| folder.clone());
        match oldest.and_then(|folder| self.open.remove(&folder)) {
            Some((_, file)) => file.finish(&complete()),
            None => Ok(()),
        }
    }

    fn folder_of(&self, record: &Map<String, Value>) -> PathBuf {
        let text = |name: &str| record.get(name).and_then(Value::as_str);
        let date = ["startedAt", "createdAt"].into_iter().find_map(|name| text(name)?.get(..10));
        let PartitionBy { function, date: by_date } = self.partition_by;
        let parts = [("functionArn", text("functionArn"), function), ("date", date, by_date)];
        let mut folder = self.root.clone();
        for (name, value, _) in parts.into_iter().filter(|(.., is_wanted)| *is_wanted) {
            let value = value.map_or_else(
                // Hive's name for records without a value.
                || "__HIVE_DEFAULT_PARTITION__".to_owned(),
                |value| utf8_percent_encode(value, ESCAPED).to_string(),
            );
            folder.push(format!("{name}={value}"));
        }
        folder
    }
}

fn complete() -> End {
    End {
        tool: message::tool().to_owned(),
        records: 0,
        status: Status::Complete,
        partly: false,
        cause: None,
        exit_code: None,
    }
}
