//! The file of `--save`: a copy of the records that a tool writes.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat, fstat, ftruncate, stat};

use crate::error::Error;
use crate::ndjson::Writer;

/// The flags for a copy of the records.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SaveArgs {
    /// Save the records to this file, too
    ///
    /// Each is saved before it is written to stdout. The file must not exist yet, unless --overwrite is given. It is
    /// complete even if a later tool of the pipe ends early.
    #[arg(long, value_name = "FILE")]
    #[arg(help_heading = "Output")]
    pub(crate) save: Option<PathBuf>,
    /// Overwrite the file of --save if it exists
    #[arg(long, requires = "save")]
    #[arg(help_heading = "Output", hide_short_help = true)]
    overwrite: bool,
}

impl SaveArgs {
    /// Opens the file, so that `output` writes each record to it first. `read` are the files that the tool reads.
    ///
    /// # Errors
    /// The file exists and may not be overwritten, or it is read or written by this tool in another way too.
    pub(crate) fn open(&self, read: &[PathBuf], output: &mut Writer) -> Result<(), Error> {
        let Some(path) = &self.save else {
            return Ok(());
        };
        let file = open(path, self.overwrite)?;
        if self.overwrite {
            empty(&file, read, &format!("--save {}", path.display()))?;
        }
        output.copy_to(path, file);
        Ok(())
    }
}

/// Opens a file of `--save`. One that may be overwritten is not emptied here, because its records may be needed.
///
/// # Errors
/// The file exists and may not be overwritten, or it cannot be written.
pub(crate) fn open(path: &Path, overwrites: bool) -> Result<File, Error> {
    if path.as_os_str() == "-" {
        return Err(Error::Usage("--save -: name a file, because stdout has the records already".to_owned()));
    }
    let name = format!("--save {}", path.display());
    let mut options = OpenOptions::new();
    options.write(true).create_new(!overwrites).create(true).truncate(false);
    options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::Usage(format!("{name}: the file exists; name another one, or add --overwrite"))
        }
        _ => Error::io(&name)(error),
    })
}

/// Empties a file that is overwritten.
fn empty(file: &File, read: &[PathBuf], name: &str) -> Result<(), Error> {
    let status = fstat(file).map_err(|error| Error::io(name)(error.into()))?;
    if !FileType::from_raw_mode(status.st_mode).is_file() {
        return Ok(());
    }
    let is_it = |other: &Stat| (other.st_dev, other.st_ino) == (status.st_dev, status.st_ino);
    let streams = [fstat(io::stdin().as_fd()), fstat(io::stdout().as_fd())];
    let read = read.iter().map(stat);
    if streams.into_iter().chain(read).flatten().any(|other| is_it(&other)) {
        return Err(Error::Usage(format!(
            "{name}: the same file is read or written here in another way too, so it would be lost; name another one"
        )));
    }
    ftruncate(file, 0).map_err(|error| Error::io(name)(error.into()))
}
