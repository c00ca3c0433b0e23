//! What can go wrong, and the exit code that each kind owns.

use std::error::Error as StdError;
use std::io;
use std::process::ExitCode;

/// How a tool ends; the same in every tool, listed in `lpt.7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, all of it.
    Done,
    /// 1: failed.
    Failed,
    /// 2: called wrongly.
    Usage,
    /// 3: some sizes or functions failed, the rest is in the stream.
    Partly,
    /// 65: a line of the input is not a record (`EX_DATAERR` of sysexits).
    BadRecord,
    /// 75: throttled to the end, trying again later may help (`EX_TEMPFAIL`).
    Throttled,
    /// 77: access denied (`EX_NOPERM`).
    Denied,
    /// 130: interrupted by a signal.
    Interrupted,
    /// What a command that the tool ran exited with.
    Command(u8),
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Partly => 3,
            Exit::BadRecord => 65,
            Exit::Throttled => 75,
            Exit::Denied => 77,
            Exit::Interrupted => 130,
            Exit::Command(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// Why a tool could not go on. Its text is one line: what, where, and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line asks for something that can't be.
    #[error("{0}")]
    Usage(String),
    /// A line of the input is not a record.
    #[error(transparent)]
    Record(#[from] crate::ndjson::RecordError),
    /// AWS, or what stands in for it, refused or did not answer.
    #[error(transparent)]
    Aws(#[from] crate::aws::AwsError),
    /// A file or a stream could not be read or written.
    #[error("{what}: {source}")]
    Io {
        /// The file or stream, as the user knows it.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A signal asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// Anything else, said in full.
    #[error("{0}")]
    Failed(String),
}

impl Error {
    /// Names the file or stream that an I/O error is about.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
        let what = what.into();
        move |source| Error::Io { what, source }
    }

    /// The exit code that this kind of error owns.
    pub fn exit(&self) -> Exit {
        match self {
            Error::Usage(_) => Exit::Usage,
            Error::Record(_) => Exit::BadRecord,
            Error::Aws(error) => error.exit(),
            Error::Io { .. } | Error::Failed(_) => Exit::Failed,
            Error::Interrupted => Exit::Interrupted,
        }
    }

    /// Whether whoever read our output has gone, which is no fault: `lpt-analyze … | head -1`.
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
