//! The output of a tool, and the file that holds a copy of it.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, stat};

use super::line::Line;
use crate::error::Error;
use crate::message;
use crate::progress;
use crate::quote::visible;
use crate::records::{End, Record, Status};

/// The output of a tool. Each record is flushed when it is written: nothing that is known is lost, and a
/// change is announced before it happens.
///
/// If there is a file for a copy, each record is written to it first. If one of the two fails, the other one still gets
/// all records, and each attempt returns the error.
pub struct Writer<W: Write = io::Stdout> {
    copy: Option<Sink<File>>,
    output: Sink<W>,
    kind: Kind,
    /// Whether the output is the record stream, which ends with an `end` record.
    is_stream: bool,
    /// Whether only the copy gets the records, because people read the output.
    is_for_people: bool,
    records: u64,
}

/// What stdout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A pipe, in which the next tool is told the exit code.
    Pipe,
    /// `/dev/null`, because the user wants no output.
    Null,
    /// `/dev/null`, opened by Rust's runtime because stdout was closed. It opens it for reading and writing, and a
    /// shell for writing only: <https://github.com/rust-lang/rust/blob/1.95.0/library/std/src/sys/pal/unix/mod.rs>
    Closed,
    /// A terminal, on which the line of progress may be.
    Terminal,
    Other,
}

impl Kind {
    fn of_stdout() -> Kind {
        let Ok(status) = fstat(io::stdout()) else {
            return Kind::Other;
        };
        let kind = FileType::from_raw_mode(status.st_mode);
        let is_null =
            kind.is_char_device() && stat("/dev/null").is_ok_and(|null| null.st_rdev == status.st_rdev);
        let is_readable = || fcntl_getfl(io::stdout()).is_ok_and(|flags| flags.contains(OFlags::RDWR));
        match is_null {
            true if is_readable() => Kind::Closed,
            true => Kind::Null,
            false if kind.is_fifo() => Kind::Pipe,
            false if io::stdout().is_terminal() => Kind::Terminal,
            false => Kind::Other,
        }
    }
}

impl Writer {
    /// Returns a writer to stdout.
    pub(crate) fn stdout() -> Writer {
        Writer { kind: Kind::of_stdout(), ..Writer::new(io::stdout()) }
    }

    /// Checks that somebody can still read what was written.
    ///
    /// # Errors
    /// The reader of the pipe has left.
    pub(crate) fn check_reader(&self) -> Result<(), Error> {
        let mut stdout = [PollFd::new(&self.output.to, PollFlags::OUT)];
        let has_left = self.kind == Kind::Pipe
            && poll(&mut stdout, Some(&Timespec::default())).is_ok()
            && stdout[0].revents().contains(PollFlags::ERR);
        if has_left { Err(Error::io("stdout")(io::ErrorKind::BrokenPipe.into())) } else { Ok(()) }
    }

    /// Checks that the records go somewhere. With `is_needed`, `/dev/null` is not enough.
    ///
    /// # Errors
    /// There is no copy, and stdout is closed.
    pub(crate) fn check_open(&self, is_needed: bool) -> Result<(), Error> {
        let what = match self.kind {
            Kind::Closed => "closed",
            Kind::Null if is_needed => "/dev/null",
            _ => return Ok(()),
        };
        if self.copy_type().is_some_and(|copy| !copy.is_char_device()) {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "the records would be lost, because stdout is {what}; pipe it into the next tool, or redirect it to a file"
        )))
    }
}

impl<W: Write> Writer<W> {
    /// Returns a writer to `output`.
    pub(crate) fn new(output: W) -> Writer<W> {
        let output = Sink::new("stdout".to_owned(), output);
        Writer { copy: None, output, kind: Kind::Other, is_stream: true, is_for_people: false, records: 0 }
    }

    /// Writes each record to `file`, whose name is `path`, before it is written to the output.
    pub(crate) fn copy_to(&mut self, path: &Path, file: File) {
        self.copy = Some(Sink::new(path.display().to_string(), file));
    }

    /// Writes records to the copy alone, because people read the output.
    pub(crate) fn show_people(&mut self) {
        self.is_for_people = true;
    }

    /// Whether people read the output, and no records are written to it.
    pub(crate) fn is_for_people(&self) -> bool {
        self.is_for_people
    }

    /// Writes no `end` record, because the output is a document and not the record stream.
    pub(crate) fn leave_out_end(&mut self) {
        self.is_stream = false;
    }

    /// Writes a record as one line.
    pub(crate) fn write<R: Record>(&mut self, record: &R) -> Result<(), Error> {
        self.put(&json_line(record))
    }

    /// Keeps what is written until [`Writer::flush`], or until it is much. For a tool that changes nothing, and of whose
    /// records nobody waits for a single one.
    pub(crate) fn hold(&mut self) {
        self.output.held = Some(Vec::new());
    }

    /// Writes what is held.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.output.flush()
    }

    /// Passes a line on, byte for byte.
    pub(crate) fn pass(&mut self, line: &Line) -> Result<(), Error> {
        self.put(format!("{}\n", line.text()).as_bytes())
    }

    /// Writes a text that is not a record, and a newline.
    pub(crate) fn document(&mut self, text: &str) -> Result<(), Error> {
        self.output.write(format!("{text}\n").as_bytes())
    }

    /// Writes what the records say, in short, if people read the output.
    pub(crate) fn summary(&mut self, text: impl Display) -> Result<(), Error> {
        if self.is_for_people && !message::is_quiet() {
            return self.document(&visible(&text.to_string()).to_string());
        }
        Ok(())
    }

    /// Returns the number of records that were written.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// Returns the name of the file that has a copy of the records and can be read again.
    pub(crate) fn saved_to(&self) -> Option<&str> {
        self.copy.as_ref().filter(|_| self.copy_type().is_some_and(FileType::is_file)).map(|copy| &*copy.name)
    }

    /// Returns the kind of file that has the copy: a regular file can be read again, and a device holds nothing.
    fn copy_type(&self) -> Option<FileType> {
        let status = fstat(&self.copy.as_ref()?.to).ok()?;
        Some(FileType::from_raw_mode(status.st_mode))
    }

    /// Whether no other tool follows in the pipe, as far as stdout shows.
    pub(crate) fn is_last(&self) -> bool {
        self.kind != Kind::Pipe || !self.is_stream
    }

    /// Whether the output takes no more records.
    pub(crate) fn is_closed(&self) -> bool {
        self.output.failure.is_some()
    }

    /// Whether neither the output nor a copy takes any more records.
    pub(crate) fn is_useless(&self) -> bool {
        self.is_closed() && self.copy.as_ref().is_none_or(|copy| copy.failure.is_some())
    }

    /// Writes this tool's `end` record where writing has not failed before. A tool that failed before it wrote anything
    /// writes it only into a pipe, because the next tool waits for it there.
    pub(crate) fn end(&mut self, mut end: End) -> Result<(), Error> {
        if !self.is_stream {
            return self.output.flush();
        }
        end.records = self.records;
        let exit_code = end.exit_code.take();
        let mut saved = Ok(());
        if let Some(copy) = self.copy.as_mut().filter(|copy| copy.failure.is_none()) {
            let is_cut_off = self.output.failure.is_some();
            let status = if is_cut_off { Status::Interrupted } else { end.status };
            saved = copy.write(&json_line(&End { status, partly: end.partly && !is_cut_off, ..end.clone() }));
        }
        let is_wanted = self.records > 0 || exit_code.is_none_or(|code| code == 0) || self.kind == Kind::Pipe;
        if is_wanted && !self.is_closed() && !self.is_for_people {
            end.exit_code = exit_code.filter(|_| self.kind == Kind::Pipe);
            self.output.write(&json_line(&end))?;
        }
        self.output.flush()?;
        saved
    }

    fn put(&mut self, line: &[u8]) -> Result<(), Error> {
        let saved = self.copy.as_mut().map_or(Ok(()), |copy| copy.write(line));
        match self.kind {
            _ if self.is_for_people => Ok(()),
            Kind::Terminal => progress::aside(|| self.output.write(line)),
            _ => self.output.write(line),
        }?;
        saved?;
        self.records += 1;
        Ok(())
    }
}

fn json_line<R: Record>(record: &R) -> Vec<u8> {
    let mut line = serde_json::to_vec(record).expect("a record has string keys and no failing field");
    line.push(b'\n');
    line
}

/// A stream that takes nothing more once it has failed.
struct Sink<W> {
    name: String,
    to: W,
    /// What is held back; None: nothing ever is.
    held: Option<Vec<u8>>,
    failure: Option<io::Error>,
}

impl<W: Write> Sink<W> {
    /// As much as a pipe takes at once.
    const MUCH: usize = 1 << 16;

    fn new(name: String, to: W) -> Sink<W> {
        Sink { name, to, held: None, failure: None }
    }

    fn write(&mut self, line: &[u8]) -> Result<(), Error> {
        match &mut self.held {
            None => self.put(line),
            Some(held) => {
                held.extend_from_slice(line);
                if held.len() < Self::MUCH { Ok(()) } else { self.flush() }
            }
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        match self.held.as_mut().map(std::mem::take) {
            Some(held) if !held.is_empty() => self.put(&held),
            _ => Ok(()),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.failure.is_none() {
            self.failure = self.to.write_all(bytes).and_then(|()| self.to.flush()).err();
        }
        let Some(failure) = &self.failure else {
            return Ok(());
        };
        let again =
            failure.raw_os_error().map_or_else(|| failure.kind().into(), io::Error::from_raw_os_error);
        Err(Error::io(&self.name)(again))
    }
}
