//! Files that hold something else than records, recognized by how they begin.

use super::STDIN;
use crate::error::Fault;
use crate::exit::Exit;
use crate::message;

/// The mark at the beginning of a UTF-8 file that some editors and shells write. It is no part of the first record.
const UTF_8_MARK: &[u8] = b"\xef\xbb\xbf";

/// Removes the mark of UTF-8 from the beginning of a file. Returns its length.
pub(super) fn strip_mark(beginning: &mut Vec<u8>) -> usize {
    let is_marked = beginning.starts_with(UTF_8_MARK);
    beginning.drain(..if is_marked { UTF_8_MARK.len() } else { 0 }).count()
}

/// The error of a file that holds something else than records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: is {what}, and not records in NDJSON; {remedy}")]
pub struct Foreign {
    /// The name of the file, or `stdin`.
    pub source_name: String,
    what: &'static str,
    remedy: String,
}

impl Foreign {
    /// Returns the error if the source that begins with this line surely has no records.
    pub(super) fn recognize(source_name: &str, first_line: &[u8]) -> Option<Foreign> {
        let (what, remedy) = recognize(first_line)?;
        let file = if source_name == STDIN { "FILE" } else { source_name };
        let remedy = remedy.replace("FILE", file).replace("TOOL", message::tool());
        Some(Foreign { source_name: source_name.to_owned(), what, remedy })
    }
}

impl Fault for Foreign {
    fn exit(&self) -> Exit {
        Exit::BadRecord
    }
}

/// Returns what the file is that begins with `first_line`, and what to do, if it surely has no records. FILE and TOOL
/// stand for the names of the file and of the tool that reads it.
fn recognize(first_line: &[u8]) -> Option<(&'static str, &'static str)> {
    let is = |start: &[u8]| first_line.starts_with(start);
    // The byte order marks are those of Unicode.
    if is(b"PK\x03\x04") {
        Some(("a zip archive", "unpack it: unzip -p FILE | TOOL"))
    } else if is(b"\xff\xfe") || is(b"\xfe\xff") {
        Some(("UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 FILE | TOOL"))
    } else {
        None
    }
}

/// Whether a line is the header of a CSV file: names between commas.
pub(crate) fn is_csv(line: &[u8]) -> bool {
    let is_name = |name: &[u8]| {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-. @".contains(byte);
        let name = name.trim_ascii();
        let name = name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(name);
        name.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'@')
            && name.iter().all(is_part)
    };
    line.contains(&b',') && line.trim_ascii().split(|byte| *byte == b',').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_recognized_by_how_it_begins() {
        let cases: [(&[u8], Option<&str>); 8] = [
            (b"PK\x03\x04\x14", Some("a zip archive")),
            (b"\xff\xfe{\0\"\0", Some("UTF-16")),
            (b"\xfe\xff\0{\0\"", Some("UTF-16")),
            (b"functionArn,memorySizeMB,durationMs\r", None),
            (b"{\"type\":\"end\",\"tool\":\"x\"}", None),
            (b"[1,2]", None),
            (b"nonsense", None),
            (b"", None),
        ];
        for (line, expected) in cases {
            assert_eq!(recognize(line).map(|(what, _)| what), expected, "{line:?}");
        }
    }

    #[test]
    fn the_header_of_a_csv_file_is_names_between_commas() {
        for header in [
            "functionArn,memorySizeMB,durationMs\r",
            "\"functionArn\", \"memorySizeMB\"",
            "@timestamp,@message",
        ] {
            assert!(is_csv(header.as_bytes()), "{header}");
        }
        for other in ["{\"type\":\"end\", cut", "[1,2]", "1,2", "functionArn", "a,\"b", ""] {
            assert!(!is_csv(other.as_bytes()), "{other}");
        }
    }
}
