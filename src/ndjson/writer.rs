//! The output of a tool.

use std::io::{self, Write};

use super::line::Line;
use crate::error::Error;
use crate::records::{End, Record, Status};

/// The output of a tool. Each record is flushed when it is written: nothing that is known is lost, and a
/// change is announced before it happens.
pub struct Writer<W: Write = io::Stdout> {
    tool: String,
    output: W,
    records: u64,
}

impl Writer {
    /// Returns a writer to stdout for the tool with this name.
    pub(crate) fn stdout(tool: &str) -> Writer {
        Writer::new(tool, io::stdout())
    }
}

impl<W: Write> Writer<W> {
    /// Returns a writer to `output` for the tool with this name.
    pub(crate) fn new(tool: &str, output: W) -> Writer<W> {
        Writer { tool: tool.to_owned(), output, records: 0 }
    }

    /// Writes a record as one line.
    pub(crate) fn write<R: Record>(&mut self, record: &R) -> Result<(), Error> {
        let mut line = serde_json::to_string(record).expect("a record has string keys and no failing field");
        line.push('\n');
        self.put(line.as_bytes())
    }

    /// Passes a line on, byte for byte.
    pub(crate) fn pass(&mut self, line: &Line) -> Result<(), Error> {
        self.put(format!("{}\n", line.text()).as_bytes())
    }

    /// Writes a text that is not a record, and a newline.
    pub(crate) fn document(&mut self, text: &str) -> Result<(), Error> {
        self.put(format!("{text}\n").as_bytes())
    }

    /// Writes this tool's `end` record.
    pub(crate) fn end(&mut self, status: Status) -> Result<(), Error> {
        self.write(&End { tool: self.tool.clone(), records: self.records, status })
    }

    fn put(&mut self, line: &[u8]) -> Result<(), Error> {
        self.output.write_all(line).and_then(|()| self.output.flush()).map_err(Error::io("stdout"))?;
        self.records += 1;
        Ok(())
    }
}
