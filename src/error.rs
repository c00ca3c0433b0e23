//! The errors with which a tool ends early.

use std::error::Error as StdError;
use std::io;

use crate::exit::Exit;

/// An error that another module defines. Its text is one line: what happened, where, and what to do next.
pub trait Fault: StdError + Send + Sync + 'static {
    /// Returns the exit code that this error owns.
    fn exit(&self) -> Exit;
}

/// An error with which a tool ends early. Its text is one line: what happened, where, and what to do next.
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
    /// A tool before this one in the pipe failed, and has said why.
    #[error("a tool before this one failed")]
    Upstream,
    /// An error without a type of its own, with its full text.
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
    /// Returns a function that adds the name of the file or stream to an I/O error.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
        let what = what.into();
        move |source| Error::Io { what, source }
    }

    /// Returns the exit code that this error owns.
    pub fn exit(&self) -> Exit {
        match self {
            Error::Usage(_) => Exit::Usage,
            Error::Io { .. } | Error::Failed(_) | Error::Upstream => Exit::Failed,
            Error::Interrupted => Exit::Interrupted,
            Error::Fault(fault) => fault.exit(),
        }
    }

    /// Returns the error that another module defines, if its type is `F`.
    pub fn fault<F: Fault>(&self) -> Option<&F> {
        let Error::Fault(fault) = self else {
            return None;
        };
        let fault: &(dyn StdError + 'static) = &**fault;
        fault.downcast_ref()
    }

    /// Whether a line of the input is not a record. The lines after it can still be read.
    pub(crate) fn is_bad_record(&self) -> bool {
        self.exit() == Exit::BadRecord
    }

    /// Whether the reader of this tool's output has left, which is not a failure: `lpt-analyze … | head -1`.
    pub(crate) fn is_closed_pipe(&self) -> bool {
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
