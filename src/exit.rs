//! The exit codes, the same in every tool. lpt(7) lists them.

use std::process::ExitCode;

/// The way in which a tool ends, with its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Code 0: all of the work is done.
    Done,
    /// Code 1: the tool failed.
    Failed,
    /// Code 2: the tool was called with arguments that it cannot use.
    Usage,
    /// Code 3: some sizes or functions failed, or a limit of the cost left some out. The rest is in the stream.
    Partly,
    /// Code 65: a line of the input is not a record (`EX_DATAERR` of sysexits).
    BadRecord,
    /// Code 75: AWS throttled every attempt. Trying again later may help (`EX_TEMPFAIL`).
    Throttled,
    /// Code 77: AWS denied access (`EX_NOPERM`).
    Denied,
    /// Code 130: a signal interrupted the tool.
    Interrupted,
    /// The exit code of the command that the tool ran.
    Command(u8),
}

impl Exit {
    /// Returns the exit code as a number, as the shell sees it.
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

    /// Returns the way in which a tool ended that had this exit code.
    pub(crate) fn of_code(code: u8) -> Exit {
        let known = [
            Exit::Done,
            Exit::Failed,
            Exit::Usage,
            Exit::Partly,
            Exit::BadRecord,
            Exit::Throttled,
            Exit::Denied,
            Exit::Interrupted,
        ];
        known.into_iter().find(|exit| exit.code() == code).unwrap_or(Exit::Command(code))
    }

    /// Returns the worse of the two. A higher code is worse, because it says more, but nothing is better than a part.
    pub(crate) fn worse(self, other: Exit) -> Exit {
        let badness = |exit: &Exit| (*exit != Exit::Done, *exit != Exit::Partly, exit.code());
        std::cmp::max_by_key(self, other, badness)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
