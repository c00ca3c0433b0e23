//! Folders of records, and the fields that the names of folders hold: Hive's layout, as Spark, DuckDB and Athena write
//! it. A file below `functionArn=…/` need not have that field itself.
//!
//! <https://docs.aws.amazon.com/athena/latest/ug/partitions.html>

use std::fs;
use std::io::{self, BufRead, Cursor, Read};
use std::path::{Component, Path, PathBuf};

use memchr::memmem;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// The fields that tell records of different functions, sizes and runs apart. Any other name of a folder, such as
/// `date=2026-11-27`, is for those who look for a part of the records.
const FIELDS: [&str; 6] = ["functionArn", "architecture", "memorySizeMB", "runId", "version", "alias"];

/// Returns the files below a folder, in the order of their paths. A name that begins with `.` or `_` is not of records,
/// such as Spark's `_SUCCESS`.
pub(super) fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut files = Vec::new();
    for entry in entries {
        if let [b'.' | b'_', ..] = entry.file_name().as_encoded_bytes() {
            continue;
        }
        if entry.file_type()?.is_dir() {
            files.extend(files_below(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// The fields that the folders of a file give to its records, as JSON.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Partition(Vec<(&'static str, Value)>);

impl Partition {
    /// Returns the fields in the names of the folders of a path.
    pub fn of(path: &Path) -> Partition {
        let folders = path.parent().into_iter().flat_map(Path::components);
        let fields = folders.filter_map(|component| {
            let Component::Normal(name) = component else {
                return None;
            };
            let (name, value) = name.to_str()?.split_once('=')?;
            let field = *FIELDS.iter().find(|field| **field == name)?;
            // Hive's name for a partition without a value.
            if value == "__HIVE_DEFAULT_PARTITION__" {
                return None;
            }
            let text = percent_decode_str(value).decode_utf8().ok()?;
            let number = text.parse::<u32>().ok().filter(|_| field == "memorySizeMB");
            Some((field, number.map_or_else(|| Value::from(text), Value::from)))
        });
        Partition(fields.collect())
    }

    /// Whether a table with these columns lacks any of the fields. Of lines, each one may.
    pub fn is_missing_in(&self, columns: Option<&[u8]>) -> bool {
        self.0.iter().any(|(field, _)| columns.is_none_or(|columns| !has_field(columns, field)))
    }

    /// Returns a reader that adds the fields to each line that lacks them.
    pub fn added_to(self, input: Box<dyn BufRead + Send>) -> impl Read + Send {
        WithFields { input, fields: self.0, line: Cursor::default() }
    }
}

/// Whether a line has a field, as far as that can be seen without parsing it. A text in quotes is nearly always the name
/// of a field.
fn has_field(line: &[u8], field: &str) -> bool {
    memmem::find(line, format!("\"{field}\"").as_bytes()).is_some()
}

/// Adds fields to lines.
struct WithFields {
    input: Box<dyn BufRead + Send>,
    fields: Vec<(&'static str, Value)>,
    line: Cursor<Vec<u8>>,
}

impl Read for WithFields {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.line.position() == self.line.get_ref().len() as u64 {
            let mut line = Vec::new();
            self.input.read_until(b'\n', &mut line)?;
            // Anything else than an object with a field is no record, and stays as it is.
            let length = line.trim_ascii_end().len();
            let inside = line[..length].strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
            if inside.is_some_and(|inside| inside.starts_with(b"\"")) && line[..length].ends_with(b"}") {
                let missing = self.fields.iter().filter(|(field, _)| !has_field(&line, field));
                let fields: String = missing.map(|(field, value)| format!(",\"{field}\":{value}")).collect();
                line.splice(length - 1..length - 1, fields.into_bytes());
            }
            self.line = Cursor::new(line);
        }
        self.line.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_folders_give_fields() {
        let arn = "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af";
        let path = format!("runs/functionArn={arn}/memorySizeMB=512/date=2026-11-27/version=7/part-0.ndjson");
        let Partition(fields) = Partition::of(Path::new(&path));
        let expected = [
            ("functionArn", Value::from("arn:aws:lambda:us-east-1:123456789012:function:f")),
            ("memorySizeMB", Value::from(512)),
            ("version", Value::from("7")),
        ];
        assert_eq!(fields, expected);
        let none = Partition::of(Path::new("functionArn=__HIVE_DEFAULT_PARTITION__/version=7.ndjson"));
        assert_eq!(none, Partition(Vec::new()));
    }

    #[test]
    fn a_field_is_added_to_each_line_that_lacks_it() {
        let lines = "{\"type\":\"x\"}\n{\"version\":\"8\"} \r\nnonsense\n{}\n{\"type\":\"y\"}";
        let partition = Partition(vec![("version", "7".into()), ("alias", "a".into())]);
        let mut read = String::new();
        assert!(partition.is_missing_in(Some(b"\"version\"")) && partition.is_missing_in(None));
        assert!(!partition.is_missing_in(Some(b"\"alias\"\"version\"")));
        let mut with_fields = partition.added_to(Box::new(Cursor::new(lines)));
        with_fields.read_to_string(&mut read).expect("all is in memory");
        let expected = "{\"type\":\"x\",\"version\":\"7\",\"alias\":\"a\"}\n{\"version\":\"8\",\"alias\":\"a\"} \r\nnonsense\n{}\n{\"type\":\"y\",\"version\":\"7\",\"alias\":\"a\"}";
        assert_eq!(read, expected);
    }
}
