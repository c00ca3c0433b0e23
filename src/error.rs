//! Why a tool ends early.

use std::error::Error as StdError;
use std::io;

use crate::exit::Exit;

/// An error that another module defines. Its text is one line: what happened, where, and what to do next.
pub trait Fault: StdError + Send + Sync + 'static {
    /// Returns the exit code that this error owns.
    fn exit(&self) -> Exit;
}

/// Why a tool cannot go on. Its text is one line: what happened, where, and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line asks for something impossible.
    #[error("{0}")]
    Usage(String),
    /// A file or a stream cannot be read or written.
    #[error("{what}: {source}")]
    Io {
        /// The file or stream, as the user knows it.
        what: String,
        /// The system's own error.
        source: io::Error,
    },
    /// A signal asked the tool to stop.
    #[error("interrupted")]
    Interrupted,
    /// Anything that has no type of its own, in full.
    #[error("{0}")]
    Failed(String),
    /// An error that another module defines: a bad record, a refusal of AWS.
    #[error("{0}")]
    Fault(Box<dyn Fault>),
}

impl<F: Fault> From<F> for Error {
    fn from(fault: F) -> Error {
        Error::Fault(Box::new(fault))
    }
}

impl Error {
    /// Names the file or stream that an I/O error is about.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
        let what = what.into();
        move |source| Error::Io { what, source }
    }

    /// Returns the exit code that this error owns.
    pub fn exit(&self) -> Exit {
        match self {
            Error::Usage(_) => Exit::Usage,
            Error::Io { .. } | Error::Failed(_) => Exit::Failed,
            Error::Interrupted => Exit::Interrupted,
            Error::Fault(fault) => fault.exit(),
        }
    }

    /// Returns the error that another module defines, if this is one of type `F`.
    pub fn fault<F: Fault>(&self) -> Option<&F> {
        let Error::Fault(fault) = self else {
            return None;
        };
        let fault: &(dyn StdError + 'static) = &**fault;
        fault.downcast_ref()
    }

    /// Whether a line of the input is not a record. The lines after it can still be read.
    pub fn is_bad_record(&self) -> bool {
        self.exit() == Exit::BadRecord
    }

    /// Whether the reader of our output has left, which is not a failure: `lpt-analyze … | head -1`.
    pub fn is_closed_pipe(&self) -> bool {
        let mut cause: Option<&(dyn StdError + 'static)> = Some(self);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<io::Error>()
                && error.kind() == io::ErrorKind::BrokenPipe
            {
                return true;
            }
            cause = error.source();
        }
        false
    }
}
