//! `lpt-plot`: `statistics`, `selection`, `proposal`, `invocation` → a page or a picture.

mod args; // the arguments as typed
mod page; // all of it as HTML
mod picture; // cost and duration by size as SVG or PNG
mod runs; // the functions, and what is known of their sizes in each run
mod dots; // the invocations

use std::fs;
use std::path::{Path, PathBuf};

use uuid::Uuid;

pub use args::Args;

use crate::entry::Pipe;
use crate::error::Error;
use crate::exit::Exit;
use crate::message::{self, counted};
use runs::Runs;

/// The options that the arguments become.
#[derive(Debug)]
struct Options {
    form: Form,
    /// None: stdout.
    output: Option<PathBuf>,
}

/// A form of the output.
#[derive(Debug, Clone, Copy)]
enum Form {
    Html,
    Svg,
    Png,
}

/// Reads all of the input, and writes the page or the picture.
///
/// # Errors
/// A bad record, no statistics at all, or a file that cannot be written.
async fn run(options: &Options, pipe: &mut Pipe) -> Result<Exit, Error> {
    let mut runs = Runs::default();
    if let Some(error) = pipe.input.for_each(|line| runs.take(line, &mut pipe.upstream)).await? {
        return Err(error);
    }
    if let Some(why) = pipe.upstream.incomplete().filter(|_| !pipe.upstream.has_spoken()) {
        message::warning(format_args!("{why}; what arrived is drawn"));
    }
    let (functions, dots) = runs.finish();
    if functions.is_empty() {
        return Err(Error::Failed(
            "the input has no statistics records; pipe the output of lpt-analyze into this, as in lpt-analyze runs.ndjson | lpt-plot - runs.ndjson --output report.html"
                .to_owned(),
        ));
    }
    let bytes = match options.form {
        Form::Html => page::page(&functions, &dots).into_bytes(),
        Form::Svg => picture::svg(&functions, &dots)?.into_bytes(),
        Form::Png => picture::png(&functions, &dots)?,
    };
    match &options.output {
        None => pipe.output.document(&String::from_utf8_lossy(&bytes))?,
        Some(path) => {
            replace(path, &bytes).map_err(Error::io(path.display().to_string()))?;
            message::note(format_args!("{}: {}", path.display(), counted(functions.len(), "function")));
        }
    }
    Ok(Exit::Done)
}

/// Writes a file, which appears when it is complete. A device is written as it is.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if path.exists() && !path.is_file() {
        return fs::write(path, bytes);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let hidden = path.with_file_name(format!(".{name}.{}", Uuid::now_v7().simple()));
    let written = fs::write(&hidden, bytes).and_then(|()| fs::rename(&hidden, path));
    written.inspect_err(|_| drop(fs::remove_file(&hidden)))
}
