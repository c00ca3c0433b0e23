//! The output of a tool.

use std::io::{self, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};

use super::line::Line;
use crate::error::Error;
use crate::records::{End, Record};

/// The output of a tool. Each record is flushed when it is written: nothing that is known is lost, and a
/// change is announced before it happens.
pub struct Writer<W: Write = io::Stdout> {
    output: W,
    /// Whether the output is a pipe, in which the next tool is told the exit code.
    is_piped: bool,
    /// Whether the output is the record stream, which ends with an `end` record.
    is_stream: bool,
    records: u64,
}

impl Writer {
    /// Returns a writer to stdout.
    pub(crate) fn stdout() -> Writer {
        let is_piped =
            fstat(io::stdout()).is_ok_and(|status| FileType::from_raw_mode(status.st_mode).is_fifo());
        Writer { is_piped, ..Writer::new(io::stdout()) }
    }

    /// Checks that somebody can still read what was written.
    ///
    /// # Errors
    /// The reader of the pipe has left.
    pub(crate) fn check_reader(&self) -> Result<(), Error> {
        let mut stdout = [PollFd::new(&self.output, PollFlags::OUT)];
        let has_left = self.is_piped
            && poll(&mut stdout, Some(&Timespec::default())).is_ok()
            && stdout[0].revents().contains(PollFlags::ERR);
        if has_left { Err(Error::io("stdout")(io::ErrorKind::BrokenPipe.into())) } else { Ok(()) }
    }
}

impl<W: Write> Writer<W> {
    /// Returns a writer to `output`.
    pub(crate) fn new(output: W) -> Writer<W> {
        Writer { output, is_piped: false, is_stream: true, records: 0 }
    }

    /// Writes no `end` record, because the output is a document and not the record stream.
    pub(crate) fn leave_out_end(&mut self) {
        self.is_stream = false;
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

    /// Writes this tool's `end` record. A tool that failed before it wrote anything writes it only into a pipe, because
    /// the next tool waits for it there.
    pub(crate) fn end(&mut self, mut end: End) -> Result<(), Error> {
        let is_empty = self.records == 0 && end.exit_code.is_some();
        if !self.is_stream || is_empty && !self.is_piped {
            return Ok(());
        }
        end.records = self.records;
        end.exit_code = end.exit_code.filter(|_| self.is_piped);
        self.write(&end)
    }

    fn put(&mut self, line: &[u8]) -> Result<(), Error> {
        self.output.write_all(line).and_then(|()| self.output.flush()).map_err(Error::io("stdout"))?;
        self.records += 1;
        Ok(())
    }
}
