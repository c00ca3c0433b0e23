//! Where the records go: to stdout or a file, as NDJSON or as a table, or to the folders of a partition.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::columns::{CsvWriter, ParquetWriter};
use crate::error::Error;
use crate::records::{End, Record};

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

    /// Returns the number of records that are held in memory, because they are written together.
    fn held(&self) -> usize {
        match &self.table {
            Table::Parquet(rows) => rows.held(),
            Table::Ndjson(_) | Table::Csv(_) => 0,
        }
    }

    fn write_held(&mut self) -> io::Result<()> {
        match &mut self.table {
            Table::Parquet(rows) => rows.write_held(),
            Table::Ndjson(_) | Table::Csv(_) => Ok(()),
        }
    }

    fn finish(mut self, end: &End) -> io::Result<()> {
        let end = End { records: self.records, exit_code: None, ..end.clone() };
        self.table.write(Written::of(&end))?;
        self.table.finish()
    }
}

/// A file that appears when it is complete. Until then, its name begins with a dot, so that no tool reads it.
pub(super) struct NewFile {
    table: Counted<BufWriter<Appending>>,
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

/// A file that is open only while something is written to it, because a process may have only about a thousand open.
struct Appending(PathBuf);

impl Write for Appending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        File::options().append(true).open(&self.0)?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The bytes that are written to a file at once.
const WRITTEN_AT_ONCE: usize = 1 << 15;

impl NewFile {
    fn create(format: Format, path: PathBuf) -> Result<NewFile, Error> {
        let name = path.display().to_string();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        let hidden = path.with_file_name(format!(".{file_name}.{}", Uuid::now_v7().simple()));
        File::create_new(&hidden).map_err(Error::io(&name))?;
        let hidden = Hidden(hidden);
        let output = BufWriter::with_capacity(WRITTEN_AT_ONCE, Appending(hidden.0.clone()));
        let table = Counted::new(format, output).map_err(Error::io(&name))?;
        Ok(NewFile { table, hidden, path })
    }

    fn write(&mut self, record: Written) -> Result<(), Error> {
        self.table.write(record).map_err(Error::io(self.path.display().to_string()))
    }

    fn write_held(&mut self) -> Result<(), Error> {
        self.table.write_held().map_err(Error::io(self.path.display().to_string()))
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
            let folders = Folders {
                format,
                root: path,
                partition_by,
                files: BTreeMap::new(),
                held: 0,
                most_held: MOST_HELD,
            };
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
            Destination::File(file) => file.write(record),
            Destination::Folders(folders) => folders.write(record),
        }
    }

    /// Completes all files with this `end` record.
    pub fn finish(self, end: &End) -> Result<(), Error> {
        match self {
            Destination::Stdout(table) => table.finish(end).map_err(Error::io("stdout")),
            Destination::File(file) => file.finish(end),
            Destination::Folders(folders) => {
                folders.files.into_values().try_for_each(|file| file.finish(end))
            }
        }
    }
}

/// The folders of a partition, in Hive's form. <https://docs.aws.amazon.com/athena/latest/ug/partitions.html>
pub(super) struct Folders {
    format: Format,
    root: PathBuf,
    partition_by: PartitionBy,
    /// By their folders.
    files: BTreeMap<PathBuf, NewFile>,
    /// The number of records that the files hold in memory.
    held: usize,
    /// The most that they may hold together.
    most_held: usize,
}

/// Some hundred MB.
const MOST_HELD: usize = 1 << 19;

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
        let file = match self.files.entry(folder) {
            Entry::Occupied(file) => file.into_mut(),
            Entry::Vacant(new) => {
                let folder = new.key();
                fs::create_dir_all(folder).map_err(Error::io(folder.display().to_string()))?;
                let name = format!("part-{}.{}", Uuid::now_v7().simple(), self.format.extension());
                let file = NewFile::create(self.format, folder.join(name))?;
                new.insert(file)
            }
        };
        self.held -= file.table.held();
        file.write(record)?;
        self.held += file.table.held();
        if self.held > self.most_held { self.write_most() } else { Ok(()) }
    }

    /// Writes what the file that holds the most records holds.
    fn write_most(&mut self) -> Result<(), Error> {
        let Some(file) = self.files.values_mut().max_by_key(|file| file.table.held()) else {
            return Ok(());
        };
        self.held -= file.table.held();
        file.write_held()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Status;

    #[test]
    fn the_files_of_a_partition_hold_only_so_many_records_in_memory() {
        let root = std::env::temp_dir().join(format!("lpt-{}", Uuid::now_v7()));
        let mut folders = Folders {
            format: Format::Parquet,
            root: root.clone(),
            partition_by: PartitionBy { function: false, date: true },
            files: BTreeMap::new(),
            held: 0,
            most_held: 10,
        };
        for number in 0..100 {
            let day = 10 + number % 7;
            let line =
                format!(r#"{{"type":"invocation","startedAt":"2026-11-{day}T00:00:00Z","index":{number}}}"#);
            let fields = serde_json::from_str(&line).expect("it is an object");
            folders.write(Written { line, fields }).expect("there is room on the disk");
            let held: usize = folders.files.values().map(|file| file.table.held()).sum();
            assert_eq!(folders.held, held);
            assert!(held <= 10, "{held}");
        }
        let end = End {
            tool: "lpt-import".to_owned(),
            records: 0,
            status: Status::Complete,
            partly: false,
            cause: None,
            exit_code: None,
        };
        Destination::Folders(folders).finish(&end).expect("there is room on the disk");
        let lines: Vec<_> = crate::ndjson::Lines::of_files(std::slice::from_ref(&root)).collect();
        fs::remove_dir_all(root).expect("the files are there");
        // An end record in each file.
        assert_eq!(lines.len(), 100 + 7);
        assert!(lines.iter().all(Result::is_ok), "{lines:?}");
    }
}
