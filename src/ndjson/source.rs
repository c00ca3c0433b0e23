//! Where lines come from: files, stdin, a text in memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::ops::Range;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memchr::memchr;
use rustix::fs::{FileType, fstat, tell};

use super::STDIN;
use super::foreign::{self, Foreign};
use super::partition::{self, Partition};
use crate::columns::{ParquetFile, lines_of_csv};
use crate::error::Error;
use crate::file_at::FileAt;
use crate::message;

/// A source that is not open yet.
pub(super) enum Source {
    Stdin,
    File(PathBuf),
    /// One whose first line somebody has looked at.
    Seen(Box<Text>),
    Text {
        name: String,
        text: Vec<u8>,
    },
}

/// An open source.
pub(super) struct Opened {
    pub name: Arc<str>,
    pub content: Content,
}

/// The bytes of a source.
pub(super) enum Content {
    /// A regular file, which several threads can read at any place: where its lines begin and end, and the next place
    /// to read.
    File { file: Arc<File>, whole: Range<u64>, next: u64 },
    /// Bytes that can be read once, in order. Somebody may wait for each line of a live stream.
    Stream { input: Box<dyn Read + Send>, is_live: bool },
    /// A table of which several threads can read row groups, and the next one to read.
    Parquet { file: Arc<ParquetFile>, next: usize },
}

impl Source {
    /// Returns the sources that file arguments name: `-` is stdin, and a folder means the files below it.
    pub fn of_files(files: &[PathBuf]) -> Vec<Source> {
        let sources = files.iter().flat_map(|file| {
            if file == Path::new("-") {
                return vec![Source::Stdin];
            }
            match file.is_dir().then(|| partition::files_below(file)) {
                Some(Ok(files)) if !files.is_empty() => files.into_iter().map(Source::File).collect(),
                // Opening it shows what is wrong.
                _ => vec![Source::File(file.clone())],
            }
        });
        sources.collect()
    }

    pub fn is_stdin(&self) -> bool {
        matches!(self, Source::Stdin)
    }

    /// Returns the number of bytes in a regular file; `None` for anything else.
    pub fn size(&self) -> Option<u64> {
        let Source::File(path) = self else {
            return None;
        };
        path.metadata().ok().filter(|metadata| metadata.is_file()).map(|metadata| metadata.len())
    }

    /// Opens the source as a stream of records.
    ///
    /// # Errors
    /// It cannot be read, or it surely has no records.
    pub fn open(self) -> Result<Opened, Error> {
        self.open_text()?.records()
    }

    /// Opens the source, and looks at its first line without its compression.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open_text(self) -> Result<Text, Error> {
        let mut partition = Partition::default();
        let (name, content) = match self {
            Source::Seen(text) => return Ok(*text),
            Source::Stdin => (STDIN.to_owned(), of_stdin()),
            Source::File(path) => {
                partition = Partition::of(&path);
                (path.display().to_string(), File::open(&path).and_then(of_file))
            }
            Source::Text { name, text } => {
                (name, Ok(Content::Stream { input: Box::new(Cursor::new(text)), is_live: false }))
            }
        };
        let opened = content.and_then(|content| content.decompressed(&name));
        let (content, first_line) = opened.map_err(|error| unreadable(&name, error))?;
        Ok(Text { name, content, first_line, partition })
    }
}

/// An open source of which is not known what it holds.
pub(crate) struct Text {
    name: String,
    content: Content,
    /// The first line, or the beginning of a long one.
    first_line: Vec<u8>,
    partition: Partition,
}

impl Text {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn first_line(&self) -> &[u8] {
        &self.first_line
    }

    /// Returns a reader of the text itself.
    pub fn into_reader(self) -> Box<dyn BufRead + Send> {
        self.content.into_reader()
    }

    /// Returns the lines of records, also of a table, with the fields that the names of its folders hold.
    fn records(self) -> Result<Opened, Error> {
        let Text { name, content, first_line, partition } = self;
        let made = content.into_records(first_line);
        let (mut content, first_line) = made.map_err(|error| unreadable(&name, error))?;
        let columns = matches!(content, Content::Parquet { .. }).then_some(&*first_line);
        if partition.is_missing_in(columns) {
            let lines = raw_lines(content.into_reader()).map(move |line| {
                let mut line = line?;
                partition.add_to(&mut line);
                Ok(line)
            });
            content = Content::Stream { input: Box::new(ByLines::new(lines)), is_live: false };
        }
        if let Some(foreign) = Foreign::recognize(&name, &first_line) {
            return Err(foreign.into());
        }
        Ok(Opened { name: name.into(), content })
    }
}

impl Content {
    /// Returns the content without its compression, if it has one, and its first line.
    fn decompressed(mut self, name: &str) -> io::Result<(Content, Vec<u8>)> {
        // Somebody may compress what is compressed, but no more than that.
        for _ in 0..=2 {
            let first_line = self.first_line()?;
            let Some(compression) = Compression::of(&first_line) else {
                return Ok((self, first_line));
            };
            let input = compression.decoder(self.into_reader())?;
            let input = Box::new(UpToCut { input, name: name.to_owned() });
            self = Content::Stream { input, is_live: false };
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "is compressed more than twice; decompress it"))
    }

    /// Returns the rows of a table as records, if it is one, and a line with the names of their fields.
    fn into_records(self, first_line: Vec<u8>) -> io::Result<(Content, Vec<u8>)> {
        if first_line.starts_with(b"PAR1") {
            let file = Arc::new(self.into_parquet()?);
            let columns = file.columns().map(|name| format!("\"{name}\"")).collect::<String>();
            Ok((Content::Parquet { file, next: 0 }, columns.into()))
        } else if foreign::is_csv(&first_line) {
            let input = Box::new(ByLines::new(lines_of_csv(self.into_reader()).map(with_newline)));
            let mut content = Content::Stream { input, is_live: false };
            let first_line = content.first_line()?;
            Ok((content, first_line))
        } else {
            Ok((self, first_line))
        }
    }

    /// Returns the first line, or the beginning of a long one, and goes on behind a mark of UTF-8.
    fn first_line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = vec![0; LONG];
        match self {
            Content::File { file, whole, next } => {
                let length = FileAt { file: Arc::clone(file), place: whole.start }.fill(&mut line)?;
                line.truncate(length);
                whole.start += foreign::strip_mark(&mut line) as u64;
                *next = whole.start;
            }
            Content::Parquet { .. } => line.clear(),
            Content::Stream { input, .. } => {
                let mut length = 0;
                while length < LONG && !line[..length].contains(&b'\n') {
                    match input.read(&mut line[length..]) {
                        Ok(0) => break,
                        Ok(count) => length += count,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                line.truncate(length);
                foreign::strip_mark(&mut line);
                let rest = std::mem::replace(input, Box::new(io::empty()));
                *input = Box::new(Cursor::new(line.clone()).chain(rest));
            }
        }
        line.truncate(memchr(b'\n', &line).map_or(line.len(), |newline| newline + 1));
        Ok(line)
    }

    /// Returns a reader of all bytes in order.
    pub fn into_reader(self) -> Box<dyn BufRead + Send> {
        match self {
            Content::File { file, whole, next } => {
                Box::new(BufReader::new(FileAt { file, place: next }.take(whole.end - next)))
            }
            Content::Stream { input, .. } => Box::new(BufReader::new(input)),
            Content::Parquet { file, next } => {
                let lines = (next..file.row_groups()).flat_map(move |group| match file.lines(group) {
                    Ok(lines) => lines.into_iter().map(Ok).collect(),
                    Err(error) => vec![Err(error)],
                });
                Box::new(BufReader::new(ByLines::new(lines.map(with_newline))))
            }
        }
    }

    /// Returns the table that the bytes are.
    fn into_parquet(self) -> io::Result<ParquetFile> {
        match self {
            Content::File { file, whole, .. } if whole.start == 0 => ParquetFile::open(file),
            content => {
                let mut bytes = Vec::new();
                content.into_reader().read_to_end(&mut bytes)?;
                ParquetFile::in_memory(bytes)
            }
        }
    }
}

/// Reads lines, none of which is empty, as the bytes of a stream.
struct ByLines<I> {
    lines: I,
    line: Cursor<Vec<u8>>,
}

impl<I> ByLines<I> {
    fn new(lines: I) -> ByLines<I> {
        ByLines { lines, line: Cursor::default() }
    }
}

impl<I: Iterator<Item = io::Result<Vec<u8>>>> Read for ByLines<I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.line.position() == self.line.get_ref().len() as u64 {
            let Some(line) = self.lines.next() else {
                return Ok(0);
            };
            self.line = Cursor::new(line?);
        }
        self.line.read(buffer)
    }
}

fn with_newline(line: io::Result<String>) -> io::Result<Vec<u8>> {
    Ok((line? + "\n").into_bytes())
}

/// Returns the lines as they are, with their newlines. The last one may have none.
pub(crate) fn raw_lines(
    mut input: Box<dyn BufRead + Send>,
) -> impl Iterator<Item = io::Result<Vec<u8>>> + Send {
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        let read = input.read_until(b'\n', &mut line);
        read.map(|length| (length > 0).then_some(line)).transpose()
    })
}

/// A way to compress a file, told by its first bytes.
enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstandard,
}

impl Compression {
    fn of(bytes: &[u8]) -> Option<Compression> {
        if bytes.starts_with(b"\x1f\x8b") {
            Some(Compression::Gzip)
        } else if bytes.starts_with(b"\x28\xb5\x2f\xfd") {
            Some(Compression::Zstandard)
        } else {
            None
        }
    }

    /// Returns a reader of what `input` was made from. Files that were concatenated are read one after another.
    fn decoder(self, input: Box<dyn BufRead + Send>) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
            Compression::Zstandard => Box::new(zstd::Decoder::with_buffer(input)?),
        })
    }
}

/// Reads a compressed file that may be cut off, because its writer was killed or still writes.
struct UpToCut {
    input: Box<dyn Read + Send>,
    name: String,
}

impl Read for UpToCut {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                message::warning(format_args!("{}: the compressed file is cut off", self.name));
                self.input = Box::new(io::empty());
                Ok(0)
            }
            read => read,
        }
    }
}

/// The length from which a first line need not be known to its end.
const LONG: usize = 1 << 16;

fn of_stdin() -> io::Result<Content> {
    of_file(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Returns what is left of a file. A regular one that is stdin may have been read in part.
fn of_file(file: File) -> io::Result<Content> {
    let status = fstat(&file)?;
    let kind = FileType::from_raw_mode(status.st_mode);
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    // Files of /proc and the like say that they have no bytes.
    let size = u64::try_from(status.st_size).unwrap_or(0);
    if !kind.is_file() || size == 0 {
        return Ok(Content::Stream { input: Box::new(file), is_live: true });
    }
    let from = tell(&file)?.min(size);
    Ok(Content::File { file: Arc::new(file), whole: from..size, next: from })
}

/// Returns the error of a source that cannot be read.
pub(crate) fn unreadable(name: &str, source: io::Error) -> Error {
    if source.kind() == io::ErrorKind::IsADirectory {
        return Error::Failed(format!(
            "{name}: is a folder without files of records; name another one, or a file"
        ));
    }
    Error::io(name)(source)
}
