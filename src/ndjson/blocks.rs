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

use super::bad_input::BadInput;
use super::line::Line;
use super::source::{Content, Opened, Source, unreadable};
use crate::columns::{Chunk, ParquetFile};
use crate::error::Error;
use crate::file_at::FileAt;

/// How the input is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    /// The bytes of a block. A core's own cache should hold them, and a system call should cost little beside them.
    pub block: usize,
    /// The number of threads, if there is more than a block; None: one a core.
    pub workers: Option<usize>,
}

impl Default for Work {
    fn default() -> Work {
        Work { block: 1 << 20, workers: None }
    }
}

/// The bytes that are read beyond a block to have the whole of its last line. Most lines are shorter.
const LINE: usize = 1 << 12;

/// Finds something in lines, each worker with its own state.
pub(crate) trait Scan: Send + 'static {
    /// What is found in the lines of a block.
    type Found: Default + Send + 'static;

    /// Adds what the first line of `text` has to `found`, and returns its length with the newline. Returns `None` if
    /// the line is to be handled by itself.
    fn scan(&mut self, text: &[u8], found: &mut Self::Found) -> Option<usize>;

    /// Adds what a part of a table has to `found`, and returns the number of its rows. Returns `None` if its lines are
    /// to be looked at.
    ///
    /// # Errors
    /// The file cannot be read.
    fn scan_chunk(&mut self, chunk: Chunk, found: &mut Self::Found) -> io::Result<Option<u64>>;
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

/// A part of a table.
struct RowGroup {
    file: Arc<ParquetFile>,
    number: usize,
}

/// A block, and what was found in it.
struct Scanned<F> {
    block: Block,
    /// The part of a table of which no line was made.
    row_group: Option<RowGroup>,
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
        let mut scanned =
            Scanned { found: S::Found::default(), lines: 0, left: Vec::new(), block: self, row_group: None };
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

impl RowGroup {
    /// Returns its rows as lines.
    fn block(&self, source: Arc<str>) -> io::Result<Block> {
        let lines = self.file.lines(self.number)?.into_iter().map(|line| line + "\n");
        let bytes = lines.collect::<String>().into_bytes();
        Ok(Block { source, range: 0..bytes.len(), bytes })
    }

    fn scanned<S: Scan>(self, source: Arc<str>, scan: &mut S) -> io::Result<Scanned<S::Found>> {
        let mut found = S::Found::default();
        let chunk = self.file.chunk(self.number);
        match chunk.map(|chunk| scan.scan_chunk(chunk, &mut found)).transpose()?.flatten() {
            None => Ok(self.block(source)?.scanned(scan)),
            Some(lines) => {
                let block = Block { source, bytes: Vec::new(), range: 0..0 };
                Ok(Scanned { block, row_group: Some(self), found, lines, left: Vec::new() })
            }
        }
    }
}

impl<F> Scanned<F> {
    /// Makes lines of a part of a table.
    fn make_lines(&mut self) -> io::Result<()> {
        if let Some(row_group) = self.row_group.take() {
            self.block = row_group.block(Arc::clone(&self.block.source))?;
        }
        Ok(())
    }

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
    block: usize,
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
    /// A part of a table, likewise.
    RowGroup {
        source: Arc<str>,
        row_group: RowGroup,
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
            match current.take(self.block, &mut buffer) {
                Ok(Some(taken)) => break Ok(taken),
                Ok(None) => {}
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
    /// Takes the next block, with `buffer` for its bytes. Returns `None` if nothing is left.
    fn take(&mut self, block: usize, buffer: &mut Vec<u8>) -> io::Result<Option<Taken>> {
        let source = Arc::clone(&self.name);
        match &mut self.content {
            Content::File { file, whole, next } => {
                let from = *next;
                *next = (from + block as u64).min(whole.end);
                let part = Part { file: Arc::clone(file), from, to: *next, whole: whole.clone() };
                let is_left = part.from < part.to;
                Ok(is_left.then(|| Taken::Unread { source, part, buffer: std::mem::take(buffer) }))
            }
            Content::Parquet { file, next } => {
                let row_group = RowGroup { file: Arc::clone(file), number: *next };
                *next += 1;
                let is_left = row_group.number < file.row_groups();
                Ok(is_left.then_some(Taken::RowGroup { source, row_group }))
            }
            Content::Stream { input, is_live } => {
                let length = read_block(input, *is_live, block, &mut self.carried, buffer)?;
                let block = |length| Block { source, bytes: std::mem::take(buffer), range: 0..length };
                Ok(length.map(|length| Taken::Read(block(length))))
            }
        }
    }
}

impl Taken {
    fn scanned<S: Scan>(self, scan: &mut S) -> Result<Scanned<S::Found>, Error> {
        match self {
            Taken::Read(block) => Ok(block.scanned(scan)),
            Taken::Unread { source, part, buffer: mut bytes } => match part.read(&mut bytes) {
                Ok(range) => Ok(Block { source, bytes, range }.scanned(scan)),
                Err(error) => Err(unreadable(&source, error)),
            },
            Taken::RowGroup { source, row_group } => {
                let scanned = row_group.scanned(Arc::clone(&source), scan);
                scanned.map_err(|error| unreadable(&source, error))
            }
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
        let mut file = FileAt { file: Arc::clone(&self.file), place: base };
        length = file.fill(&mut buffer[..length])?;
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
            let more = (2 * length).min(place(self.whole.end));
            buffer.resize(buffer.len().max(more), 0);
            let count = file.fill(&mut buffer[length..more])?;
            if count == 0 {
                return Ok(start..length);
            }
            length += count;
        }
    }
}

/// Reads a block of whole lines from a stream into `buffer`, after what was `carried` from the block before. Returns its
/// length, or `None` if nothing is left. From a live stream it returns the lines as they come.
fn read_block(
    input: &mut impl Read,
    is_live: bool,
    block: usize,
    carried: &mut Vec<u8>,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<usize>> {
    let mut length = carried.len();
    buffer.resize(buffer.len().max(length), 0);
    buffer[..length].copy_from_slice(carried);
    carried.clear();
    let mut lines = None;
    loop {
        buffer.resize(buffer.len().max(length + block), 0);
        let count = match input.read(&mut buffer[length..length + block]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            count => count?,
        };
        if count == 0 {
            return Ok((length > 0).then_some(length));
        }
        if let Some(newline) = memrchr(b'\n', &buffer[length..length + count]) {
            lines = Some(length + newline + 1);
        }
        length += count;
        if let Some(lines) = lines.filter(|_| is_live || length >= block) {
            carried.extend_from_slice(&buffer[lines..length]);
            return Ok(Some(lines));
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
            let scanned = taken.and_then(|taken| taken.scanned(&mut scan));
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
    bad_input: BadInput,
}

impl<C: Consume> InOrder<'_, C> {
    /// Hands a block to the tool, and returns its buffer.
    fn take(&mut self, scanned: Result<Scanned<<C::Scan as Scan>::Found>, Error>) -> Result<Vec<u8>, Error> {
        let mut scanned = match scanned {
            Ok(scanned) => scanned,
            Err(error) => {
                self.bad_input.note(error);
                return Ok(Vec::new());
            }
        };
        let source = Arc::clone(&scanned.block.source);
        let before = match &self.source {
            Some((last, lines)) if Arc::ptr_eq(last, &source) => *lines,
            _ => 0,
        };
        self.source = Some((Arc::clone(&source), before + scanned.lines));
        let line = |bytes: &[u8], (index, range): &(u64, Range<usize>)| {
            let line = Line::new(&source, before + index + 1, bytes[range.clone()].to_vec());
            (*index, line.map_err(Error::from))
        };
        let mut lines: Vec<(u64, Result<Line, Error>)> =
            scanned.left.iter().map(|place| line(&scanned.block.bytes, place)).collect();
        if self.consumer.wants_each_line(lines.iter().map(|(_, line)| line)) {
            scanned.make_lines().map_err(|error| unreadable(&source, error))?;
            lines = scanned.each_line().iter().map(|place| line(&scanned.block.bytes, place)).collect();
        } else {
            self.consumer.found(std::mem::take(&mut scanned.found));
        }
        let mut next = 0;
        for (index, line) in lines {
            if index > next {
                self.consumer.pass_scanned(&source);
            }
            next = index + 1;
            self.bad_input.after(line.and_then(|line| self.consumer.line(&line)))?;
        }
        if scanned.lines > next {
            self.consumer.pass_scanned(&source);
        }
        self.consumer.end_of_block()?;
        Ok(scanned.block.bytes)
    }
}

/// Reads all of the sources, with several workers if there is more than a block. Returns the first thing that is wrong
/// with the input.
///
/// # Errors
/// The consumer failed for another reason than a bad record.
pub(super) async fn consume<C: Consume>(
    sources: Vec<Source>,
    consumer: &mut C,
    Work { block, workers }: Work,
) -> Result<Option<Error>, Error> {
    let size: Option<u64> = sources.iter().map(Source::size).sum();
    let mut feed = Feed { block, sources: sources.into(), current: None, number: 0 };
    let mut scan = consumer.scan();
    let mut in_order = InOrder { consumer, source: None, bad_input: BadInput::default() };
    if size.is_some_and(|size| size <= block as u64) {
        let mut buffer = Vec::new();
        while let Some((_, taken)) = feed.take(buffer) {
            let scanned = taken.and_then(|taken| taken.scanned(&mut scan));
            buffer = in_order.take(scanned)?;
        }
        return Ok(in_order.bad_input.0);
    }
    let workers = workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get));
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
    Ok(in_order.bad_input.0)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::ndjson::Lines;

    /// Scans the lines that begin with `s`.
    struct OfS;

    impl Scan for OfS {
        type Found = Vec<Vec<u8>>;

        fn scan(&mut self, text: &[u8], found: &mut Self::Found) -> Option<usize> {
            let length = text.iter().position(|byte| *byte == b'\n')? + 1;
            text.starts_with(b"s").then(|| found.push(text[..length - 1].to_vec()))?;
            Some(length)
        }

        fn scan_chunk(&mut self, _chunk: Chunk, _found: &mut Self::Found) -> io::Result<Option<u64>> {
            Ok(None)
        }
    }

    /// Collects what was scanned, and the other lines with their numbers. From a line `each` on, it wants each line.
    #[derive(Debug, Default, PartialEq)]
    struct Collected {
        scanned: Vec<Vec<u8>>,
        lines: Vec<(u64, String)>,
        wants_each_line: bool,
    }

    impl Consume for Collected {
        type Scan = OfS;

        fn scan(&self) -> OfS {
            OfS
        }

        fn wants_each_line<'a>(&mut self, mut lines: impl Iterator<Item = &'a Result<Line, Error>>) -> bool {
            self.wants_each_line |= lines.any(|line| line.as_ref().is_ok_and(|line| line.text() == "each"));
            self.wants_each_line
        }

        fn found(&mut self, found: Vec<Vec<u8>>) {
            self.scanned.extend(found);
        }

        fn pass_scanned(&mut self, _source: &Arc<str>) {}

        fn line(&mut self, line: &Line) -> Result<(), Error> {
            self.lines.push((line.number(), line.text().to_owned()));
            Ok(())
        }

        fn end_of_block(&mut self) -> Result<(), Error> {
            Ok(())
        }
    }

    fn collected(sources: Vec<Source>, work: Work) -> (Collected, Option<String>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let mut collected = Collected::default();
        let bad_input =
            runtime.block_on(consume(sources, &mut collected, work)).expect("the consumer never fails");
        (collected, bad_input.map(|error| error.to_string()))
    }

    proptest! {
        #[test]
        fn the_blocks_have_all_lines_in_order_whatever_their_size_and_the_workers(
            texts in vec(vec("s{0,40}|[a-r]{0,9}|each", 0..30).prop_map(|lines| lines.join("\n")), 1..4),
            block in 1..60_usize,
            workers in 1..4_usize,
        ) {
            static FOLDERS: AtomicU32 = AtomicU32::new(0);
            let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
            let folder = std::env::temp_dir().join(format!("lpt-blocks-{}-{number}", std::process::id()));
            std::fs::create_dir(&folder).expect("a folder for temporary files");
            let files: Vec<_> = (0..texts.len()).map(|number| folder.join(number.to_string())).collect();
            for (file, text) in files.iter().zip(&texts) {
                std::fs::write(file, text).expect("a new file");
            }
            let in_memory = |text: &String| Source::Text { name: "x".to_owned(), text: text.clone().into_bytes() };
            for sources in [Source::of_files(&files), texts.iter().map(in_memory).collect()] {
                let (collected, bad_input) = collected(sources, Work { block, workers: Some(workers) });
                prop_assert_eq!(bad_input, None);
                let mut expected = Collected::default();
                let mut wants_each_line = false;
                for line in texts.iter().flat_map(|text| Lines::of_text("x", text.clone())) {
                    let line = line.expect("a line");
                    // Whether the last line of a text ends with a newline is not seen here.
                    expected.lines.push((line.number(), line.text().to_owned()));
                    wants_each_line |= line.text() == "each";
                }
                let mut of_s = expected.lines.iter().filter(|(_, text)| text.starts_with('s'));
                let mut others = expected.lines.iter();
                // Each line is there once, scanned or not, and each of both kinds in order.
                prop_assert_eq!(collected.scanned.len() + collected.lines.len(), expected.lines.len());
                for scanned in &collected.scanned {
                    prop_assert!(of_s.any(|(_, text)| text.as_bytes() == scanned));
                }
                for line in &collected.lines {
                    prop_assert!(others.any(|other| other == line), "{:?}", line);
                }
                prop_assert_eq!(collected.wants_each_line, wants_each_line);
            }
            std::fs::remove_dir_all(folder).expect("it is there");
        }
    }
}
