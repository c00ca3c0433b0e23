//! The record stream: numbered lines in, lines out, what passes through, and the `end` record.
//!
//! The format itself is described in `lpt-records.5`.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_path_to_error::Segment;
use tokio::sync::mpsc;

use crate::error::Error;
use crate::message;

/// Lets a type stand in a record as the text that it displays as and parses from.
macro_rules! stands_as_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use stands_as_text;

/// `null` in a record is an absent value: programs that know missing values write them so.
pub fn null_is_absent<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A record type, named by the `type` field of its lines.
pub trait Record: Serialize + DeserializeOwned {
    /// The value of `type`.
    const TYPE: &'static str;
}

/// One line of a stream, and where it stood.
#[derive(Debug, Clone)]
pub struct Line {
    source: Arc<str>,
    number: u64,
    text: String,
}

impl Line {
    /// The record's type.
    pub fn record_type(&self) -> Result<Cow<'_, str>, RecordError> {
        #[derive(Deserialize)]
        struct Tag<'a> {
            #[serde(rename = "type", borrow)]
            record_type: Cow<'a, str>,
        }
        let tag: Tag<'_> = self.deserialize()?;
        Ok(tag.record_type)
    }

    /// The line as a record of type `R`. Fields that `R` does not know are ignored.
    pub fn parse<R: Record>(&self) -> Result<R, RecordError> {
        self.deserialize()
    }

    fn deserialize<'a, T: Deserialize<'a>>(&'a self) -> Result<T, RecordError> {
        let mut deserializer = serde_json::Deserializer::from_str(&self.text);
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| self.explain(&error))
    }

    /// What is wrong with this line, in the terms of the record format.
    fn explain(&self, error: &serde_path_to_error::Error<serde_json::Error>) -> RecordError {
        let inner = error.inner();
        let (field, what) = match serde_json::from_str::<Value>(&self.text) {
            Err(syntax) => (None, format!("not a JSON object: {syntax}")),
            Ok(value) if !value.is_object() => {
                (None, format!("expected an object, found {}", kind_of(&value)))
            }
            Ok(value) => {
                let said = inner.to_string();
                let said = said.split(" at line ").next().unwrap_or_default();
                if let Some(field) = said.strip_prefix("missing field ") {
                    let field = field.trim_matches('`');
                    let place = error.path().to_string();
                    let field = if place == "." { field.to_owned() } else { format!("{place}.{field}") };
                    (Some(field), "missing".to_owned())
                } else {
                    let field = error.path().to_string();
                    let found = value_at(&value, error.path());
                    let what = match said.split_once(", expected ") {
                        Some((wrong, expected)) => {
                            let is_of_right_kind =
                                wrong.starts_with("invalid value") || wrong.starts_with("unknown variant");
                            let found = match found {
                                Some(found) if is_of_right_kind => found.to_string(),
                                Some(found) => kind_of(found).to_owned(),
                                None => "nothing".to_owned(),
                            };
                            format!("expected {}, found {found}", in_words(expected))
                        }
                        None => said.to_owned(),
                    };
                    (Some(field), what)
                }
            }
        };
        self.error(field.as_deref(), what)
    }

    /// An error about this line, or about `field` of it.
    pub fn error(&self, field: Option<&str>, what: impl Into<String>) -> RecordError {
        RecordError {
            source_name: self.source.to_string(),
            line: self.number,
            field: field.map(str::to_owned),
            what: what.into(),
        }
    }
}

/// What stands at `path`.
fn value_at<'a>(value: &'a Value, path: &serde_path_to_error::Path) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Seq { index } => value.get(index),
        Segment::Map { key } => value.get(key),
        Segment::Enum { .. } | Segment::Unknown => None,
    })
}

/// What serde calls by Rust's types.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "an integer of 0 or more",
        "f64" => "a number",
        other => other,
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A line that is not the record that it should be: `runs.ndjson:17: durationMs: expected a number, found a string`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct RecordError {
    /// The file's name, or `stdin`.
    pub source_name: String,
    /// 1-based.
    pub line: u64,
    /// The field that is wrong, where it is one.
    pub field: Option<String>,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.source_name, self.line)?;
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        write!(f, "{} (mend or remove that line; lpt-records(5) describes the format)", self.what)
    }
}

/// The lines of one or more streams, in order.
pub struct Reader {
    sources: std::vec::IntoIter<Source>,
    current: Option<OpenSource>,
}

static STDIN_IS_READ: AtomicBool = AtomicBool::new(false);

/// Nothing on stdin is for this tool: also where it fails, it is not passed on.
pub(crate) fn leave_stdin() {
    STDIN_IS_READ.store(true, Ordering::Relaxed);
}

/// Passes the records on stdin on, with an `end` that says that this tool failed, unless a [`Reader`] has begun with
/// them, or stdin is no pipe.
pub(crate) fn pass_on_unread_stdin() {
    let stdin = io::stdin();
    let is_pipe = rustix::fs::fstat(&stdin)
        .is_ok_and(|status| rustix::fs::FileType::from_raw_mode(status.st_mode).is_fifo());
    if STDIN_IS_READ.load(Ordering::Relaxed) || !is_pipe {
        return;
    }
    let mut writer = Writer::stdout();
    let lines = Reader::open(&[]).into_iter().flatten().flatten();
    let is_end = |line: &Line| line.record_type().is_ok_and(|record_type| record_type == End::TYPE);
    let mut lines = lines.filter(|line| !is_end(line));
    // Whoever reads no more wants no more.
    let _ = lines.try_for_each(|line| writer.pass(&line)).and_then(|()| writer.end(Status::Failed));
}

enum Source {
    Stdin,
    File(PathBuf),
}

struct OpenSource {
    name: Arc<str>,
    lines: u64,
    input: Box<dyn BufRead + Send>,
}

impl Reader {
    /// Reads `files` one after another; none, or `-`, is stdin.
    ///
    /// # Errors
    /// Stdin is wanted and is a terminal, where nobody will type records.
    pub fn open(files: &[PathBuf]) -> Result<Reader, Error> {
        let mut sources: Vec<Source> = files
            .iter()
            .map(|file| if file == Path::new("-") { Source::Stdin } else { Source::File(file.clone()) })
            .collect();
        if sources.is_empty() {
            sources.push(Source::Stdin);
        }
        let wants_stdin = sources.iter().any(|source| matches!(source, Source::Stdin));
        if wants_stdin && io::stdin().is_terminal() {
            return Err(Error::Usage(format!(
                "expects records on stdin, which is a terminal; pipe another tool's output into it, or see {} --help",
                message::tool()
            )));
        }
        Ok(Reader { sources: sources.into_iter(), current: None })
    }

    /// Reads what is in memory, under the name `name`.
    pub fn of(name: &str, text: impl Into<Vec<u8>>) -> Reader {
        let input = Box::new(io::Cursor::new(text.into()));
        Reader {
            sources: Vec::new().into_iter(),
            current: Some(OpenSource { name: name.into(), lines: 0, input }),
        }
    }

    /// The lines as they arrive, for a stage that does other things meanwhile. They go on after a bad one, and after a
    /// file that can't be read with the next one.
    pub fn into_channel(self) -> mpsc::Receiver<Result<Line, Error>> {
        let (sender, receiver) = mpsc::channel(64);
        // A thread of its own, not tokio's: a read of stdin cannot be cancelled, and the process must be able to
        // leave while one waits.
        std::thread::spawn(move || {
            for line in self {
                if sender.blocking_send(line).is_err() {
                    break;
                }
            }
        });
        receiver
    }

    /// Hands each line to `take`, to the end of the stream: after a bad line too, for the records that undo a run may
    /// stand below it, and after a file that can't be read. Gives the first thing that is wrong with the input.
    ///
    /// # Errors
    /// `take` met something other than a bad record.
    pub async fn for_each(
        self,
        mut take: impl FnMut(&Line) -> Result<(), Error>,
    ) -> Result<Option<Error>, Error> {
        let mut bad_input = None;
        let mut lines = self.into_channel();
        while let Some(line) = lines.recv().await {
            match line {
                Err(error) => drop(bad_input.get_or_insert(error)),
                Ok(line) => match take(&line) {
                    Ok(()) => {}
                    Err(Error::Record(error)) => drop(bad_input.get_or_insert(error.into())),
                    Err(error) => return Err(error),
                },
            }
        }
        Ok(bad_input)
    }

    fn next_source(&mut self) -> Option<Result<OpenSource, Error>> {
        Some(match self.sources.next()? {
            Source::Stdin => {
                STDIN_IS_READ.store(true, Ordering::Relaxed);
                Ok(OpenSource {
                    name: "stdin".into(),
                    lines: 0,
                    input: Box::new(BufReader::new(io::stdin())),
                })
            }
            Source::File(path) => {
                let name = path.display().to_string();
                match File::open(&path) {
                    Ok(file) => {
                        Ok(OpenSource { name: name.into(), lines: 0, input: Box::new(BufReader::new(file)) })
                    }
                    Err(source) => Err(Error::io(name)(source)),
                }
            }
        })
    }
}

impl Iterator for Reader {
    type Item = Result<Line, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(current) = &mut self.current else {
                match self.next_source()? {
                    Ok(source) => self.current = Some(source),
                    Err(error) => return Some(Err(error)),
                }
                continue;
            };
            let mut bytes = Vec::new();
            match current.input.read_until(b'\n', &mut bytes) {
                Ok(0) => self.current = None,
                Ok(_) => {
                    if bytes.last() == Some(&b'\n') {
                        bytes.pop();
                    }
                    current.lines += 1;
                    let mut line =
                        Line { source: current.name.clone(), number: current.lines, text: String::new() };
                    return Some(match String::from_utf8(bytes) {
                        Ok(text) => {
                            line.text = text;
                            Ok(line)
                        }
                        Err(_) => Err(line.error(None, "not UTF-8").into()),
                    });
                }
                Err(source) => {
                    let name = current.name.to_string();
                    self.current = None;
                    return Some(Err(Error::io(name)(source)));
                }
            }
        }
    }
}

/// How a stream ended, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All that was to be done is in the stream.
    Complete,
    /// Something failed, the stream lacks it.
    Failed,
    /// A signal, or a reader or writer that went away, cut the work off.
    Interrupted,
}

/// The last line of each tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "end", rename_all = "camelCase")]
pub struct End {
    /// Which tool wrote the stream.
    pub tool: String,
    /// The lines before this one.
    pub records: u64,
    /// How it went, here and upstream.
    pub status: Status,
}

impl Record for End {
    const TYPE: &'static str = "end";
}

/// What the `end` records of one source say.
#[derive(Debug)]
struct SourceEnd {
    source: Arc<str>,
    worst: Status,
    /// Whether a line stands after the last of them.
    is_open: bool,
}

/// What the `end` records of the input say together: a stage hands each line to [`Upstream::take`].
#[derive(Debug, Default)]
pub struct Upstream {
    sources: Vec<SourceEnd>,
    has_failed_here: bool,
}

impl Upstream {
    /// Takes note of a line: there has to be an end after it, in the same source. Gives the record's type, unless the
    /// line was an `end` record, which is consumed here.
    pub fn take<'a>(&mut self, line: &'a Line) -> Result<Option<Cow<'a, str>>, RecordError> {
        if !self.sources.last().is_some_and(|last| Arc::ptr_eq(&last.source, &line.source)) {
            let source = Arc::clone(&line.source);
            self.sources.push(SourceEnd { source, worst: Status::Complete, is_open: true });
        }
        let last = self.sources.last_mut().expect("there is one now");
        last.is_open = true;
        let record_type = line.record_type()?;
        if record_type != End::TYPE {
            return Ok(Some(record_type));
        }
        let end: End = line.parse()?;
        last.worst = last.worst.max(end.status);
        last.is_open = false;
        Ok(None)
    }

    /// Takes note of a failure of this tool.
    pub fn fail(&mut self) {
        self.has_failed_here = true;
    }

    /// The worst that was said; a stream without an `end` was cut off.
    pub fn status(&self) -> Status {
        let here = if self.has_failed_here { Status::Failed } else { Status::Complete };
        if self.is_cut_off() {
            return Status::Interrupted;
        }
        self.sources.iter().map(|source| source.worst).fold(here, Status::max)
    }

    fn is_cut_off(&self) -> bool {
        self.sources.is_empty() || self.sources.iter().any(|source| source.is_open)
    }

    /// Why nothing should be decided on this input, unless it is complete.
    ///
    /// # Errors
    /// The input was cut off or says that its tool failed, and the user did not allow that.
    pub fn require_complete(&self, allow_incomplete: bool) -> Result<(), Error> {
        let Some(why) = self.incomplete() else {
            return Ok(());
        };
        if allow_incomplete {
            message::warning(format_args!("{why}; going on with what there is"));
            Ok(())
        } else {
            Err(Error::Failed(format!("{why}; measure again, or take what there is with --allow-incomplete")))
        }
    }

    /// What is wrong with the input's end, if anything is.
    pub fn incomplete(&self) -> Option<&'static str> {
        if self.is_cut_off() {
            return Some("the input has no end record: it was cut off, or is not of these tools");
        }
        match self.status() {
            Status::Complete => None,
            Status::Failed => Some("the input's end record says that a tool before this one failed"),
            Status::Interrupted => {
                Some("the input's end record says that a tool before this one was interrupted")
            }
        }
    }
}

/// Writes records, each flushed at once: what is known is not lost, and what is announced stands before it happens.
pub struct Writer<W: Write> {
    output: W,
    records: u64,
}

impl Writer<io::Stdout> {
    /// Writes to stdout.
    pub fn stdout() -> Writer<io::Stdout> {
        Writer::new(io::stdout())
    }
}

impl<W: Write> Writer<W> {
    /// Writes to `output`.
    pub fn new(output: W) -> Writer<W> {
        Writer { output, records: 0 }
    }

    /// Writes a record and flushes it.
    pub fn write<R: Record>(&mut self, record: &R) -> Result<(), Error> {
        let mut line = serde_json::to_string(record).expect("a record has string keys and no failing field");
        line.push('\n');
        self.put(line.as_bytes())
    }

    /// Passes a line on, unchanged.
    pub fn pass(&mut self, line: &Line) -> Result<(), Error> {
        self.put(format!("{}\n", line.text).as_bytes())
    }

    /// Writes a text that is no record, and a newline.
    pub(crate) fn document(&mut self, text: &str) -> Result<(), Error> {
        self.put(format!("{text}\n").as_bytes())
    }

    /// Writes this tool's `end` record.
    pub fn end(&mut self, status: Status) -> Result<(), Error> {
        self.write(&End { tool: message::tool().to_owned(), records: self.records, status })
    }

    fn put(&mut self, line: &[u8]) -> Result<(), Error> {
        self.output.write_all(line).and_then(|()| self.output.flush()).map_err(Error::io("stdout"))?;
        self.records += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::analyze::Statistics;
    use crate::apply::Applied;
    use crate::cleanup::Cleaned;
    use crate::invoke::Invocation;
    use crate::prepare::{Configuration, Plan};
    use crate::select::Selection;
    use crate::units::{MemoryMB, Millis};

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(tag = "type", rename = "sample", rename_all = "camelCase")]
    struct Sample {
        duration_ms: Millis,
        #[serde(rename = "memorySizeMB")]
        memory_size: MemoryMB,
    }

    impl Record for Sample {
        const TYPE: &'static str = "sample";
    }

    fn why(text: &str) -> String {
        let line = Reader::of("stdin", text).next().expect("a line").expect("readable");
        let error = line.record_type().err().or_else(|| line.parse::<Sample>().err());
        let error = error.expect("a bad record").to_string();
        error.split(" (mend").next().expect("split yields one at least").to_owned()
    }

    #[test]
    fn a_bad_line_is_named_by_place_field_and_fault() {
        let cases = [
            (
                r#"{"type":"sample","durationMs":"1","memorySizeMB":128}"#,
                "stdin:1: durationMs: expected a number, found a string",
            ),
            (
                r#"{"type":"sample","durationMs":-1,"memorySizeMB":128}"#,
                "stdin:1: durationMs: expected a number from 0 to 10^12, found -1",
            ),
            (
                r#"{"type":"sample","durationMs":1,"memorySizeMB":64}"#,
                "stdin:1: memorySizeMB: expected an integer from 128 to 10240, found 64",
            ),
            (
                r#"{"type":"sample","durationMs":1,"memorySizeMB":128.5}"#,
                "stdin:1: memorySizeMB: expected an integer from 128 to 10240, found 128.5",
            ),
            (r#"{"type":"sample","durationMs":1}"#, "stdin:1: memorySizeMB: missing"),
            (r#"{"durationMs":1}"#, "stdin:1: type: missing"),
            (r#"{"type":7}"#, "stdin:1: type: expected a string, found a number"),
            ("[1]", "stdin:1: expected an object, found an array"),
        ];
        for (text, expected) in cases {
            assert_eq!(why(text), expected, "for {text}");
        }
        for text in [r#"{"type":"sample","durationMs":NaN,"memorySizeMB":128}"#, "{\"type\":\"sample\"", "\n"]
        {
            assert!(why(text).starts_with("stdin:1: not a JSON object: "), "for {text}: {}", why(text));
        }
    }

    #[test]
    fn what_is_missing_inside_a_field_is_named_with_its_place() {
        let text = r#"{"type":"cleaned","runId":"01a20741590276d1a58656c56c1ccb3a","functionArn":"arn:aws:lambda:us-east-1:123456789012:function:f","aliasesDeleted":[],"versionsDeleted":[],"memoryRestored":true,"left":[{}]}"#;
        let line = Reader::of("stdin", text).next().expect("a line").expect("readable");
        let error = line.parse::<crate::cleanup::Cleaned>().expect_err("left lacks its fields");
        assert_eq!((error.field.as_deref(), &*error.what), (Some("left[0].resource"), "missing"));
    }

    #[test]
    fn lines_are_numbered_and_the_last_newline_is_optional() {
        let numbers: Vec<u64> =
            Reader::of("x", "{}\n{}\n{}").map(|line| line.expect("readable").number).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }

    #[test]
    fn a_line_passes_through_byte_for_byte() {
        let text = "{\"type\" : \"other\",  \"é\":1e3 }";
        let mut written = Vec::new();
        let mut writer = Writer::new(&mut written);
        for line in Reader::of("x", text) {
            writer.pass(&line.expect("readable")).expect("a vector takes all");
        }
        assert_eq!(written, format!("{text}\n").into_bytes());
    }

    #[test]
    fn type_is_the_first_field() {
        let mut written = Vec::new();
        Writer::new(&mut written).end(Status::Complete).expect("a vector takes all");
        assert_eq!(
            String::from_utf8(written).expect("UTF-8"),
            "{\"type\":\"end\",\"tool\":\"lpt\",\"records\":0,\"status\":\"complete\"}\n"
        );
    }

    #[test]
    fn a_stream_without_an_end_was_cut_off_and_the_worst_end_counts() {
        let mut upstream = Upstream::default();
        assert_eq!(upstream.status(), Status::Interrupted);
        assert!(upstream.require_complete(false).is_err());
        for status in ["complete", "failed", "complete"] {
            let text = format!(r#"{{"type":"end","tool":"x","records":0,"status":"{status}"}}"#);
            let line = Reader::of("x", text).next().expect("a line").expect("readable");
            assert_eq!(upstream.take(&line), Ok(None), "an end record");
        }
        assert_eq!(upstream.status(), Status::Failed);
        assert!(upstream.require_complete(false).is_err());
        assert!(upstream.require_complete(true).is_ok());
    }

    /// The example of each record type in `lpt-records.5`, in the order of the pipe.
    fn examples() -> Vec<serde_json::Map<String, Value>> {
        include_str!("../man/lpt-records.5")
            .lines()
            .filter(|line| line.starts_with("{\"type\":"))
            .map(|line| serde_json::from_str(&line.replace("\\:", "").replace("\\-", "-")).expect("JSON"))
            .collect()
    }

    fn line(text: impl Into<Vec<u8>>) -> Line {
        Reader::of("x", text).next().expect("a line").expect("readable")
    }

    /// Reads `first` as the record that it says it is, and what is written of that once more.
    fn read_write_read(first: &Line) -> Result<(), RecordError> {
        fn of<R: Record + PartialEq + fmt::Debug>(first: &Line) -> Result<(), RecordError> {
            let record: R = first.parse()?;
            let mut written = Vec::new();
            Writer::new(&mut written).write(&record).expect("a vector takes all");
            let second = line(written);
            assert_eq!(second.record_type().as_deref(), Ok(R::TYPE));
            assert_eq!(second.parse(), Ok(record), "of {}", first.text);
            Ok(())
        }
        match &*first.record_type()? {
            Plan::TYPE => of::<Plan>(first),
            Configuration::TYPE => of::<Configuration>(first),
            Invocation::TYPE => of::<Invocation>(first),
            Statistics::TYPE => of::<Statistics>(first),
            Selection::TYPE => of::<Selection>(first),
            Applied::TYPE => of::<Applied>(first),
            Cleaned::TYPE => of::<Cleaned>(first),
            End::TYPE => of::<End>(first),
            _ => Ok(()),
        }
    }

    /// Any JSON.
    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-2..20_000_i32).prop_map(Value::from),
            (-2..20_000_i32).prop_map(|number| Value::from(f64::from(number))),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 16, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// A value for a field: one that some field has, or may have, or any.
    fn value() -> impl Strategy<Value = Value> {
        let known: Vec<Value> = examples().into_iter().flat_map(|example| example.into_values()).collect();
        prop_oneof![
            select(known),
            "(19|20)[0-9]{2}-0[1-9]-[0-2][1-8]T0[0-9]:00:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]0[0-9]:30)"
                .prop_map(Value::from),
            Just(serde_json::json!([{"resource": "f", "errorType": "e", "errorMessage": "m"}])),
            Just(serde_json::json!([{"resource": "f", "errorType": 7}])),
            json(),
        ]
    }

    /// A field's name: of a known field of any record, or of one that nobody knows.
    fn name() -> impl Strategy<Value = String> {
        let known = examples().into_iter().flat_map(|example| example.into_iter().map(|(name, _)| name));
        let absent =
            ["errorType", "errorMessage", "restoreDurationMs", "billedRestoreDurationMs", "logStream"];
        prop_oneof![
            8 => select(known.chain(absent.map(str::to_owned)).collect::<Vec<_>>()),
            1 => any::<String>(),
        ]
    }

    #[test]
    fn each_example_is_read_back_as_it_is_written() {
        let examples = examples();
        let types: Vec<_> =
            examples.iter().map(|example| example["type"].as_str().expect("a string")).collect();
        assert_eq!(
            types,
            [
                Plan::TYPE,
                Configuration::TYPE,
                Invocation::TYPE,
                Statistics::TYPE,
                Selection::TYPE,
                Applied::TYPE,
                Cleaned::TYPE,
                End::TYPE
            ]
        );
        for example in &examples {
            read_write_read(&line(Value::from(example.clone()).to_string())).expect("a record");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_record_with_another_value_is_read_back_as_it_is_written_or_that_field_is_named(
            mut record in select(examples()),
            name in name(),
            value in value(),
        ) {
            // A record of another type lacks other fields.
            prop_assume!(name != "type" || !value.is_string());
            record.insert(name.clone(), value);
            if let Err(error) = read_write_read(&line(Value::from(record).to_string())) {
                let field = error.field.as_deref().unwrap_or_default();
                let is_named = field.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']));
                prop_assert!(is_named, "{}", error);
                prop_assert!(error.to_string().starts_with(&format!("x:1: {field}: ")), "{}", error);
            }
        }

        #[test]
        fn a_record_without_a_field_is_read_or_that_field_is_named(
            (mut record, at) in (select(examples()), any::<prop::sample::Index>()),
        ) {
            let name = record.keys().nth(at.index(record.len())).expect("in range").clone();
            record.remove(&name);
            if let Err(error) = read_write_read(&line(Value::from(record).to_string())) {
                prop_assert_eq!((error.field.as_deref(), &*error.what), (Some(&*name), "missing"));
            }
        }

        #[test]
        fn any_line_is_read_or_its_place_is_named(
            before in 0..3_usize,
            text in prop_oneof![
                json().prop_map(|value| value.to_string()),
                (select(examples()), any::<prop::sample::Index>(), "\\PC{0,3}").prop_map(|(record, at, edit)| {
                    // One character of a record, or more, is another.
                    let mut text: Vec<char> = Value::from(record).to_string().chars().collect();
                    let at = at.index(text.len());
                    text.splice(at..=at, edit.chars());
                    text.into_iter().collect()
                }),
                "[^\n]{0,200}",
            ],
        ) {
            let stream = "\n".repeat(before) + &text + "\n";
            let line = Reader::of("x", stream).nth(before).expect("a line").expect("UTF-8");
            prop_assert_eq!(&line.text, &text);
            if let Err(error) = read_write_read(&line) {
                let place = format!("x:{}: ", before + 1);
                prop_assert!(error.to_string().starts_with(&place), "{}", error);
            }
        }

        #[test]
        fn any_bytes_pass_through_or_their_lines_are_named(bytes in vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..60)) {
            let mut written = Vec::new();
            let mut writer = Writer::new(&mut written);
            let mut expected = Vec::new();
            let mut numbers = Vec::new();
            for (read, bytes) in Reader::of("x", bytes.clone()).zip(bytes.split(|byte| *byte == b'\n')) {
                match read {
                    Ok(line) => {
                        expected.extend([bytes, b"\n"].concat());
                        numbers.push(line.number);
                        writer.pass(&line).expect("a vector takes all");
                    }
                    Err(Error::Record(error)) => {
                        prop_assert!(std::str::from_utf8(bytes).is_err());
                        numbers.push(error.line);
                    }
                    Err(other) => prop_assert!(false, "{}", other),
                }
            }
            prop_assert_eq!(written, expected);
            prop_assert!((1..).zip(numbers).all(|(expected, number)| expected == number));
        }
    }
}
