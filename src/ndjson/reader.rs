//! The lines of the input, as an iterator and as they arrive.

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rustix::fs::{FileType, fstat};
use tokio::sync::mpsc;

use super::bad_input::BadInput;
use super::blocks::{self, Consume, Work};
use super::line::Line;
use super::source::{Opened, Source, Text, unreadable};
use super::{Upstream, Writer};
use crate::error::Error;
use crate::file_at::bytes_read;
use crate::message;
use crate::progress;

/// The lines of one or more files, in order.
pub struct Lines {
    sources: std::vec::IntoIter<Source>,
    current: Option<OpenSource>,
}

struct OpenSource {
    name: Arc<str>,
    lines: u64,
    input: Box<dyn BufRead + Send>,
}

impl Lines {
    /// Reads the lines of `sources`, one source after another.
    fn of(sources: Vec<Source>) -> Lines {
        Lines { sources: sources.into_iter(), current: None }
    }

    /// Reads the records in a text that somebody has looked at.
    pub(crate) fn of_records(text: Text) -> Lines {
        Lines::of(vec![Source::Seen(Box::new(text))])
    }

    /// Reads `files` one after another; `-` is stdin.
    pub(crate) fn of_files(files: &[PathBuf]) -> Lines {
        Lines::of(Source::of_files(files))
    }

    /// Reads the lines of a text in memory, and calls their source `name`.
    pub fn of_text(name: &str, text: impl Into<Vec<u8>>) -> Lines {
        Lines::of(vec![Source::Text { name: name.to_owned(), text: text.into() }])
    }
}

/// Goes on after a bad line, and with the next file after one that cannot be read.
impl Iterator for Lines {
    type Item = Result<Line, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(current) = &mut self.current else {
                match self.sources.next()?.open() {
                    Ok(Opened { name, content }) => {
                        self.current = Some(OpenSource { name, lines: 0, input: content.into_reader() });
                    }
                    Err(error) => return Some(Err(error)),
                }
                continue;
            };
            let mut bytes = Vec::new();
            match current.input.read_until(b'\n', &mut bytes) {
                Ok(0) => self.current = None,
                Ok(_) => {
                    current.lines += 1;
                    let line = Line::new(&current.name, current.lines, bytes);
                    return Some(line.map_err(Error::from));
                }
                Err(source) => {
                    let error = unreadable(&current.name, source);
                    self.current = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// The input of a tool. It belongs to [`crate::entry`], which passes on what a failed tool has not read.
pub struct Reader {
    state: State,
    /// Whether the tool reads records at all.
    is_expected: bool,
    /// Whether stdin is read and is a pipe, in which unread lines are lost.
    is_piped: bool,
}

enum State {
    Unread(Vec<Source>),
    Reading(mpsc::Receiver<Result<Line, Error>>),
}

impl Reader {
    /// Reads `files` one after another. No file, or `-`, is stdin.
    ///
    /// # Errors
    /// Stdin would be read and is a terminal, where nobody will type records.
    pub(crate) fn open(files: &[PathBuf]) -> Result<Reader, Error> {
        let sources: Vec<Source> =
            if files.is_empty() { vec![Source::Stdin] } else { Source::of_files(files) };
        let reads_stdin = sources.iter().any(Source::is_stdin);
        if reads_stdin && io::stdin().is_terminal() {
            return Err(Error::Usage(format!(
                "expected records on stdin, but stdin is a terminal; pipe another tool's output into it, name a file, or see {} --help",
                message::tool()
            )));
        }
        let is_pipe =
            || fstat(io::stdin()).is_ok_and(|status| FileType::from_raw_mode(status.st_mode).is_fifo());
        Ok(Reader { state: State::Unread(sources), is_expected: true, is_piped: reads_stdin && is_pipe() })
    }

    /// Returns an input without any line, for a tool that reads no records.
    pub(crate) fn nothing() -> Reader {
        Reader { state: State::Unread(Vec::new()), is_expected: false, is_piped: false }
    }

    /// Returns the next line as soon as it arrives. After a bad line the next one can be read.
    pub(crate) async fn next(&mut self) -> Option<Result<Line, Error>> {
        if let State::Unread(_) = &self.state {
            self.state = State::Reading(into_channel(Lines::of(self.take_sources())));
        }
        match &mut self.state {
            State::Reading(receiver) => receiver.recv().await,
            State::Unread(_) => unreachable!("reading has begun above"),
        }
    }

    /// Hands each line to `handle`, to the end of the input: after a bad line too, because the records that
    /// undo a run may follow it, and after a file that cannot be read. Returns the first thing that is wrong
    /// with the input.
    ///
    /// # Errors
    /// `handle` failed for another reason than a bad record.
    pub(crate) async fn for_each(
        &mut self,
        mut handle: impl FnMut(&Line) -> Result<(), Error>,
    ) -> Result<Option<Error>, Error> {
        let mut bad_input = BadInput::default();
        while let Some(line) = self.next().await {
            match line {
                Err(error) => bad_input.note(error),
                Ok(line) => bad_input.after(handle(&line))?,
            }
        }
        Ok(bad_input.0)
    }

    /// Hands all of the input to `consumer`, in blocks that are read and scanned by one worker a core. Returns the first
    /// thing that is wrong with the input.
    ///
    /// # Errors
    /// The consumer failed for another reason than a bad record.
    pub(crate) async fn consume<C: Consume>(&mut self, consumer: &mut C) -> Result<Option<Error>, Error> {
        blocks::consume(self.take_sources(), consumer, Work::default()).await
    }

    /// Returns the number of bytes to read, if all sources are regular files that nobody reads yet.
    pub(crate) fn size(&self) -> Option<u64> {
        match &self.state {
            State::Unread(sources) => sources.iter().map(Source::size).sum(),
            State::Reading(_) => None,
        }
    }

    /// Returns the sources as texts, which need not be of records. Each is opened when it is its turn.
    pub(crate) fn texts(&mut self) -> impl Iterator<Item = Result<Text, Error>> + Send + use<> {
        self.take_sources().into_iter().map(Source::open_text)
    }

    /// Takes the sources that nobody reads yet.
    fn take_sources(&mut self) -> Vec<Source> {
        match &mut self.state {
            State::Unread(sources) => std::mem::take(sources),
            State::Reading(_) => Vec::new(),
        }
    }

    /// Returns what is known of the tools before this one: nothing yet.
    pub(crate) fn upstream(&self) -> Upstream {
        if self.is_expected { Upstream::new(self.is_piped) } else { Upstream::default() }
    }

    /// Passes on the pipe from the previous tool if nothing of it was read: the records that undo a run are in it, and
    /// the tool that wrote them may have ended already. A file that the user named is still there, and is not passed on.
    pub(crate) async fn pass_on(&mut self, upstream: &mut Upstream, writer: &mut Writer) {
        if !self.is_piped {
            return;
        }
        let stdin = self.take_sources().into_iter().filter(Source::is_stdin).collect();
        let mut lines = into_channel(Lines::of(stdin));
        while let Some(line) = lines.recv().await {
            let passed = match line {
                Ok(line) if !matches!(upstream.admit(&line), Ok(None)) => writer.pass(&line),
                _ => Ok(()),
            };
            // The reader of the output has left.
            if passed.is_err() {
                return;
            }
        }
    }
}

/// Does the `work` of reading files, and shows how much of their `size` is read, if that is known.
pub(crate) async fn reading<T>(size: Option<u64>, work: impl Future<Output = T>) -> T {
    let Some(size) = size else {
        return work.await;
    };
    let (begun, before) = (Instant::now(), bytes_read());
    let line = || {
        // The footer of a table is read twice.
        let read = (bytes_read() - before).min(size);
        let left = (read > 0).then(|| begun.elapsed().mul_f64((size - read) as f64 / read as f64));
        let in_mb = |bytes: u64| format!("{:.0}", bytes as f64 / 1e6);
        format!("read {} of {} MB · {}", in_mb(read), in_mb(size), progress::time_left(left))
    };
    progress::during(progress::SECOND, line, work).await
}

/// Reads in a thread of its own, not one of tokio's: a read of stdin cannot be cancelled, and the process
/// must be able to end while one waits.
fn into_channel(lines: Lines) -> mpsc::Receiver<Result<Line, Error>> {
    let (sender, receiver) = mpsc::channel(64);
    std::thread::spawn(move || {
        for line in lines {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
