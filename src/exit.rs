//! The exit codes, the same in every tool. lpt(7) lists them.

use std::process::ExitCode;

/// How a tool ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: did all of its work.
    Done,
    /// 1: failed.
    Failed,
    /// 2: was called with arguments that it cannot use.
    Usage,
    /// 3: some sizes or functions failed; the rest is in the stream.
    Partly,
    /// 65: a line of the input is not a record (`EX_DATAERR` of sysexits).
    BadRecord,
    /// 75: AWS throttled it to the end; trying again later may help (`EX_TEMPFAIL`).
    Throttled,
    /// 77: AWS denied access (`EX_NOPERM`).
    Denied,
    /// 130: a signal interrupted it.
    Interrupted,
    /// The exit code of the command that the tool ran.
    Command(u8),
}

impl Exit {
    /// Returns the number that the shell sees.
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
