//! Folders of records, and the fields that the names of folders hold: Hive's layout, as Spark, DuckDB and Athena write
//! it. A file below `functionArn=…/` need not have that field itself.
//!
//! <https://docs.aws.amazon.com/athena/latest/ug/partitions.html>

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use memchr::memmem;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// The fields that tell records of different functions, sizes and runs apart. Any other name of a folder, such as
/// `date=2026-11-27`, is for those who look for a part of the records.
const FIELDS: [&str; 6] = ["functionArn", "architecture", "memorySizeMB", "runId", "version", "alias"];

/// The extensions of what `lpt-plot` makes of records.
const REPORTS: [&str; 3] = ["html", "svg", "png"];

/// Returns the files below a folder, in the order of their paths. A name that begins with `.` or `_` is not of records,
/// such as Spark's `_SUCCESS`, and neither is a report.
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
        } else if !entry.path().extension().is_some_and(|of| REPORTS.iter().any(|report| of == *report)) {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// The fields that the folders of a file give to its records.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Partition(Vec<Field>);

/// A field as JSON writes it: its name in quotes, and its value.
#[derive(Debug, Clone, PartialEq)]
struct Field {
    name: String,
    value: String,
}

impl Field {
    fn new(name: &str, value: impl Into<Value>) -> Field {
        Field { name: format!("\"{name}\""), value: value.into().to_string() }
    }

    /// Whether a line has the field, as far as that can be seen without parsing it: what a colon follows is the name of a
    /// field, and no value.
    fn is_in(&self, line: &[u8]) -> bool {
        memmem::find_iter(line, self.name.as_bytes()).any(|at| {
            let after = line[at + self.name.len()..].trim_ascii_start();
            after.starts_with(b":")
        })
    }

    /// Whether it is among names in quotes.
    fn is_among(&self, names: &[u8]) -> bool {
        memmem::find(names, self.name.as_bytes()).is_some()
    }
}

impl Partition {
    /// Returns the fields in the names of the folders of a path.
    pub fn of(path: &Path) -> Partition {
        let folders = path.parent().into_iter().flat_map(Path::components);
        let fields = folders.filter_map(|component| {
            let Component::Normal(name) = component else {
                return None;
            };
            let (name, value) = name.to_str()?.split_once('=')?;
            // Hive's name for a partition without a value.
            if !FIELDS.contains(&name) || value == "__HIVE_DEFAULT_PARTITION__" {
                return None;
            }
            let text = percent_decode_str(value).decode_utf8().ok()?;
            let number = text.parse::<u32>().ok().filter(|_| name == "memorySizeMB");
            Some(number.map_or_else(|| Field::new(name, &*text), |number| Field::new(name, number)))
        });
        Partition(fields.collect())
    }

    /// Whether a table with these columns lacks any of the fields. Of lines, each one may.
    pub fn is_missing_in(&self, columns: Option<&[u8]>) -> bool {
        self.0.iter().any(|field| columns.is_none_or(|columns| !field.is_among(columns)))
    }

    /// Adds the fields that a line lacks. Anything else than an object with a field is no record, and stays as it is.
    pub fn add_to(&self, line: &mut Vec<u8>) {
        let length = line.trim_ascii_end().len();
        let inside = line[..length].strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
        if inside.is_some_and(|inside| inside.starts_with(b"\"")) && line[..length].ends_with(b"}") {
            let missing = self.0.iter().filter(|field| !field.is_in(line));
            let fields: String = missing.map(|Field { name, value }| format!(",{name}:{value}")).collect();
            line.splice(length - 1..length - 1, fields.into_bytes());
        }
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
            Field::new("functionArn", "arn:aws:lambda:us-east-1:123456789012:function:f"),
            Field::new("memorySizeMB", 512),
            Field::new("version", "7"),
        ];
        assert_eq!(fields, expected);
        let none = Partition::of(Path::new("functionArn=__HIVE_DEFAULT_PARTITION__/version=7.ndjson"));
        assert_eq!(none, Partition(Vec::new()));
    }

    #[test]
    fn a_field_is_added_to_each_line_that_lacks_it() {
        let partition = Partition(vec![Field::new("version", "7"), Field::new("alias", "a")]);
        assert!(partition.is_missing_in(Some(b"\"version\"")) && partition.is_missing_in(None));
        assert!(!partition.is_missing_in(Some(b"\"alias\"\"version\"")));
        for (line, expected) in [
            ("{\"type\":\"x\"}\n", "{\"type\":\"x\",\"version\":\"7\",\"alias\":\"a\"}\n"),
            ("{\"version\":\"8\"} \r\n", "{\"version\":\"8\",\"alias\":\"a\"} \r\n"),
            ("nonsense\n", "nonsense\n"),
            (
                "{\"tag.a\":\"version\",\"alias\" : \"b\"}\n",
                "{\"tag.a\":\"version\",\"alias\" : \"b\",\"version\":\"7\"}\n",
            ),
            ("{}\n", "{}\n"),
            ("{\"type\":\"y\"}", "{\"type\":\"y\",\"version\":\"7\",\"alias\":\"a\"}"),
        ] {
            let mut with_fields = line.into();
            partition.add_to(&mut with_fields);
            assert_eq!(String::from_utf8_lossy(&with_fields), expected, "{line}");
        }
    }
}
