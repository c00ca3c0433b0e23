//! The input in blocks of whole lines, which several threads read and the tool takes in order.
//!
//! Each worker takes the next block, reads it, and lets a [`Scan`] find in it what it can. The tool gets the blocks in
//! the order of the input, with the lines that the scan has left: so what it writes and says is the same whatever the
//! number of workers.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::num::NonZero;
use std::ops::Range;
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memchr::{memchr, memrchr};
use tokio::sync::mpsc;

use super::line::Line;
use super::source::{Content, Opened, Source, read_at, unreadable};
use crate::error::Error;

/// The bytes of a block: a core's own cache holds that many, and a system call costs little beside them.
const BLOCK: usize = 1 << 20;

/// The bytes that are read beyond a block to have the whole of its last line. Most lines are shorter.
const LINE: usize = 1 << 12;

/// Finds something in lines, each worker with its own state.
pub(crate) trait Scan: Send + 'static {
    /// What is found in the lines of a block.
    type Found: Default + Send + 'static;

    /// Adds what the first line of `text` has to `found`, and returns its length with the newline. Returns `None` if
    /// the line is to be handled by itself.
    fn scan(&mut self, text: &[u8], found: &mut Self::Found) -> Option<usize>;
}

/// What a tool makes of the blocks of its input.
pub(crate) trait Consume {
    /// What the workers do.
    type Scan: Scan;

    /// Returns the state of a worker.
    fn scan(&self) -> Self::Scan;

    /// Whether each line is to be handled by itself, from the block on that has these lines among others.
    fn wants_each_line<'a>(&mut self, lines: impl Iterator<Item = &'a Result<Line, Error>>) -> bool;

    /// Takes what was found in a block.
    fn found(&mut self, found: <Self::Scan as Scan>::Found);

    /// Takes notice of scanned lines in this source, which come before the next line.
    fn pass_scanned(&mut self, source: &Arc<str>);

    /// Handles a line that was not scanned.
    ///
    /// # Errors
    /// A bad record, after which the next line is handled; or another error, which ends the tool.
    fn line(&mut self, line: &Line) -> Result<(), Error>;

    /// Takes notice that a block is done with.
    fn end_of_block(&mut self) -> Result<(), Error>;
}

/// Whole lines of one source.
struct Block {
    source: Arc<str>,
    bytes: Vec<u8>,
    /// The part of `bytes` that is of this block.
    range: Range<usize>,
}

/// A block, and what was found in it.
struct Scanned<F> {
    block: Block,
    found: F,
    /// The number of lines.
    lines: u64,
    /// The lines that were left: their index and their place in the bytes.
    left: Vec<(u64, Range<usize>)>,
}

impl Block {
    /// Returns the place of the line that begins at `from`.
    fn line(&self, from: usize) -> Range<usize> {
        let text = &self.bytes[from..self.range.end];
        from..from + memchr(b'\n', text).map_or(text.len(), |at| at + 1)
    }

    fn scanned<S: Scan>(self, scan: &mut S) -> Scanned<S::Found> {
        let mut scanned = Scanned { found: S::Found::default(), lines: 0, left: Vec::new(), block: self };
        let block = &scanned.block;
        let mut from = block.range.start;
        while from < block.range.end {
            from += match scan.scan(&block.bytes[from..block.range.end], &mut scanned.found) {
                Some(length) => length,
                None => {
                    let line = block.line(from);
                    scanned.left.push((scanned.lines, line.clone()));
                    line.len()
                }
            };
            scanned.lines += 1;
        }
        scanned
    }
}

impl<F> Scanned<F> {
    /// Returns the place of each line.
    fn each_line(&self) -> Vec<(u64, Range<usize>)> {
        let mut from = self.block.range.start;
        let next = |index| {
            let line = self.block.line(from);
            from = line.end;
            (index, line)
        };
        (0..self.lines).map(next).collect()
    }
}

/// The sources from which the workers take blocks.
struct Feed {
    sources: VecDeque<Source>,
    current: Option<Current>,
    /// The number of the next block.
    number: u64,
}

/// The source that is being read.
struct Current {
    name: Arc<str>,
    content: Content,
    /// The beginning of a line, of which the rest is still to come.
    carried: Vec<u8>,
}

/// A block that a worker has taken.
enum Taken {
    Read(Block),
    /// A part of a file, which the worker reads while others take more.
    Unread {
        source: Arc<str>,
        part: Part,
        buffer: Vec<u8>,
    },
}

/// The lines of a file that begin between two places.
struct Part {
    file: Arc<File>,
    from: u64,
    to: u64,
    /// The place where the lines of the file begin, and where they end.
    whole: Range<u64>,
}

impl Feed {
    /// Takes the next block, with its number. It may have to be read into `buffer`.
    fn take(&mut self, mut buffer: Vec<u8>) -> Option<(u64, Result<Taken, Error>)> {
        let taken = loop {
            let Some(current) = &mut self.current else {
                match self.sources.pop_front()?.open() {
                    Ok(Opened { name, content }) => {
                        self.current = Some(Current { name, content, carried: Vec::new() });
                        continue;
                    }
                    Err(error) => break Err(error),
                }
            };
            match current.take(buffer) {
                Ok(Ok(taken)) => break Ok(taken),
                Ok(Err(unused)) => buffer = unused,
                Err(error) => {
                    let error = unreadable(&current.name, error);
                    self.current = None;
                    break Err(error);
                }
            }
            self.current = None;
        };
        self.number += 1;
        Some((self.number - 1, taken))
    }
}

impl Current {
    /// Takes the next block. Returns the buffer if nothing is left.
    fn take(&mut self, buffer: Vec<u8>) -> io::Result<Result<Taken, Vec<u8>>> {
        let source = Arc::clone(&self.name);
        match &mut self.content {
            Content::File { file, whole, next } => {
                let from = *next;
                *next = (from + BLOCK as u64).min(whole.end);
                let part = Part { file: Arc::clone(file), from, to: *next, whole: whole.clone() };
                Ok(if part.from < part.to { Ok(Taken::Unread { source, part, buffer }) } else { Err(buffer) })
            }
            Content::Stream { input, is_live } => {
                let block = read_block(input, *is_live, &mut self.carried, buffer)?;
                Ok(block.map(|(bytes, length)| Taken::Read(Block { source, bytes, range: 0..length })))
            }
        }
    }
}

impl Taken {
    fn read(self) -> Result<Block, Error> {
        match self {
            Taken::Read(block) => Ok(block),
            Taken::Unread { source, part, buffer: mut bytes } => match part.read(&mut bytes) {
                Ok(range) => Ok(Block { source, bytes, range }),
                Err(error) => Err(unreadable(&source, error)),
            },
        }
    }
}

impl Part {
    /// Reads the lines into `buffer`, and returns their place there.
    fn read(&self, buffer: &mut Vec<u8>) -> io::Result<Range<usize>> {
        // Whether a line begins at `from` shows the byte before it.
        let base = self.from.saturating_sub(1).max(self.whole.start);
        let place = |at: u64| (at - base) as usize;
        let mut length = place((self.to + LINE as u64).min(self.whole.end));
        buffer.resize(buffer.len().max(length), 0);
        length = read_at(&self.file, &mut buffer[..length], base)?;
        let limit = place(self.to).min(length);
        let start = if self.from == self.whole.start {
            0
        } else {
            memchr(b'\n', &buffer[..limit]).map_or(limit, |newline| newline + 1)
        };
        if start == limit {
            return Ok(limit..limit);
        }
        let mut searched = limit - 1;
        loop {
            if let Some(newline) = memchr(b'\n', &buffer[searched..length]) {
                return Ok(start..searched + newline + 1);
            }
            searched = length;
            // A line may be longer than a block.
            let more = (length + BLOCK).min(place(self.whole.end));
            buffer.resize(buffer.len().max(more), 0);
            let count = read_at(&self.file, &mut buffer[length..more], base + length as u64)?;
            if count == 0 {
                return Ok(start..length);
            }
            length += count;
        }
    }
}

/// Reads a block of whole lines from a stream, after what was `carried` from the block before. Returns the buffer with
/// the length of the block, or without one if nothing is left. From a live stream it returns the lines as they come.
fn read_block(
    input: &mut impl Read,
    is_live: bool,
    carried: &mut Vec<u8>,
    mut buffer: Vec<u8>,
) -> io::Result<Result<(Vec<u8>, usize), Vec<u8>>> {
    let mut length = carried.len();
    buffer.resize(buffer.len().max(length), 0);
    buffer[..length].copy_from_slice(carried);
    carried.clear();
    let mut lines = 0;
    loop {
        buffer.resize(buffer.len().max(length + BLOCK), 0);
        let count = match input.read(&mut buffer[length..length + BLOCK]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            count => count?,
        };
        if count == 0 {
            return Ok(if length > 0 { Ok((buffer, length)) } else { Err(buffer) });
        }
        if let Some(newline) = memrchr(b'\n', &buffer[length..length + count]) {
            lines = length + newline + 1;
        }
        length += count;
        if lines > 0 && (is_live || length >= BLOCK) {
            carried.extend_from_slice(&buffer[lines..length]);
            return Ok(Ok((buffer, lines)));
        }
    }
}

/// A block that a worker is done with, by its number.
type Done<F> = (u64, Result<Scanned<F>, Error>);

/// What the workers share.
struct Workshop {
    feed: Mutex<Feed>,
    /// Buffers for blocks. There are only so many, so a worker cannot run far ahead of the others.
    buffers: Mutex<std_mpsc::Receiver<Vec<u8>>>,
}

impl Workshop {
    /// Reads and scans blocks until none is left, or nobody wants them any more.
    fn work<S: Scan>(&self, mut scan: S, done: &mpsc::Sender<Done<S::Found>>) {
        loop {
            let Ok(buffer) = lock(&self.buffers).recv() else {
                return;
            };
            let Some((number, taken)) = lock(&self.feed).take(buffer) else {
                return;
            };
            let scanned = taken.and_then(Taken::read).map(|block| block.scanned(&mut scan));
            if done.blocking_send((number, scanned)).is_err() {
                return;
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the blocks in order.
struct InOrder<'a, C: Consume> {
    consumer: &'a mut C,
    /// The source of the last block, and the number of its lines so far.
    source: Option<(Arc<str>, u64)>,
    bad_input: Option<Error>,
}

impl<C: Consume> InOrder<'_, C> {
    /// Hands a block to the tool, and returns its buffer.
    fn take(&mut self, scanned: Result<Scanned<<C::Scan as Scan>::Found>, Error>) -> Result<Vec<u8>, Error> {
        let mut scanned = match scanned {
            Ok(scanned) => scanned,
            Err(error) => {
                self.bad_input.get_or_insert(error);
                return Ok(Vec::new());
            }
        };
        let source = Arc::clone(&scanned.block.source);
        let before = match &self.source {
            Some((last, lines)) if Arc::ptr_eq(last, &source) => *lines,
            _ => 0,
        };
        self.source = Some((Arc::clone(&source), before + scanned.lines));
        let bytes = &scanned.block.bytes;
        let line = |(index, range): &(u64, Range<usize>)| {
            let line = Line::new(&source, before + index + 1, bytes[range.clone()].to_vec());
            (*index, line.map_err(Error::from))
        };
        let mut lines: Vec<(u64, Result<Line, Error>)> = scanned.left.iter().map(line).collect();
        if self.consumer.wants_each_line(lines.iter().map(|(_, line)| line)) {
            lines = scanned.each_line().iter().map(line).collect();
        } else {
            self.consumer.found(std::mem::take(&mut scanned.found));
        }
        let mut next = 0;
        for (index, line) in lines {
            if index > next {
                self.consumer.pass_scanned(&source);
            }
            next = index + 1;
            match line.and_then(|line| self.consumer.line(&line)) {
                Ok(()) => {}
                Err(error) if error.is_bad_record() => drop(self.bad_input.get_or_insert(error)),
                Err(error) => return Err(error),
            }
        }
        if scanned.lines > next {
            self.consumer.pass_scanned(&source);
        }
        self.consumer.end_of_block()?;
        Ok(scanned.block.bytes)
    }
}

/// Reads all of the sources, with one worker a core if there is more than a block. Returns the first thing that is wrong
/// with the input.
///
/// # Errors
/// The consumer failed for another reason than a bad record.
pub(super) async fn consume<C: Consume>(
    sources: Vec<Source>,
    consumer: &mut C,
) -> Result<Option<Error>, Error> {
    let size: Option<u64> = sources.iter().map(Source::size).sum();
    let mut feed = Feed { sources: sources.into(), current: None, number: 0 };
    let mut scan = consumer.scan();
    let mut in_order = InOrder { consumer, source: None, bad_input: None };
    if size.is_some_and(|size| size <= BLOCK as u64) {
        let mut buffer = Vec::new();
        while let Some((_, taken)) = feed.take(buffer) {
            let scanned = taken.and_then(Taken::read).map(|block| block.scanned(&mut scan));
            buffer = in_order.take(scanned)?;
        }
        return Ok(in_order.bad_input);
    }
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    let (unused, buffers) = std_mpsc::channel();
    (0..2 * workers + 1).for_each(|_| drop(unused.send(Vec::new())));
    let workshop = Arc::new(Workshop { feed: Mutex::new(feed), buffers: Mutex::new(buffers) });
    let (sender, mut receiver) = mpsc::channel(2 * workers + 1);
    // Threads of their own, not those of tokio: a read of stdin cannot be cancelled, and the process must be able to end
    // while one waits.
    for _ in 0..workers {
        let (workshop, scan, sender) = (Arc::clone(&workshop), in_order.consumer.scan(), sender.clone());
        std::thread::spawn(move || workshop.work(scan, &sender));
    }
    drop(sender);
    let mut early = BTreeMap::new();
    let mut next = 0;
    while let Some((number, scanned)) = receiver.recv().await {
        early.insert(number, scanned);
        while let Some(scanned) = early.remove(&next) {
            next += 1;
            // The workers may be done.
            let _ = unused.send(in_order.take(scanned)?);
        }
    }
    Ok(in_order.bad_input)
}
