//! Messages to the user on stderr: `tool: what: why`, one line each. stdout is for records.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

static TOOL: OnceLock<String> = OnceLock::new();
static QUIET: AtomicBool = AtomicBool::new(false);
static VERBOSITY: AtomicU8 = AtomicU8::new(0);
static PROGRESS_SHOWN: AtomicBool = AtomicBool::new(false);

/// Sets the name at the beginning of each message. [`crate::entry`] calls it once.
pub(crate) fn set_tool(name: &str) {
    TOOL.get_or_init(|| name.to_owned());
}

/// Hides notes, summaries and progress if `quiet`. Warnings and errors are always shown.
pub(crate) fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// Sets how much more is shown: 1 shows details, 2 also what is sent and what comes back.
pub(crate) fn set_verbosity(verbosity: u8) {
    VERBOSITY.store(verbosity, Ordering::Relaxed);
}

/// Returns the tool's name, as in messages and in its `end` record.
pub(crate) fn tool() -> &'static str {
    TOOL.get().map_or("lpt", String::as_str)
}

/// Shows something that is good to know.
pub(crate) fn note(text: impl Display) {
    if !QUIET.load(Ordering::Relaxed) {
        write_line(format_args!("{}: {}", tool(), one_line(text)));
    }
}

/// Shows a step of the work, with `--verbose`.
pub(crate) fn detail(text: impl Display) {
    at_verbosity(1, text);
}

/// Shows what is sent and what comes back, with `--verbose` given twice.
pub(crate) fn trace(text: impl Display) {
    at_verbosity(2, text);
}

fn at_verbosity(verbosity: u8, text: impl Display) {
    if VERBOSITY.load(Ordering::Relaxed) >= verbosity {
        write_line(format_args!("{}: {}", tool(), one_line(text)));
    }
}

/// Shows something that the user should look at, although the work goes on.
pub(crate) fn warning(text: impl Display) {
    write_line(format_args!("{}: warning: {}", tool(), one_line(text)));
}

/// Shows why something failed.
pub(crate) fn error(text: impl Display) {
    write_line(format_args!("{}: {}", tool(), one_line(text)));
}

/// Shows a summary of several lines, without the tool's name.
pub(crate) fn summary(text: impl Display) {
    if !QUIET.load(Ordering::Relaxed) {
        write_line(text);
    }
}

/// Shows the progress of the work, in one line that the next one replaces. Does nothing unless stderr is a
/// terminal.
pub(crate) fn progress(text: impl Display) {
    let mut stderr = std::io::stderr().lock();
    if !QUIET.load(Ordering::Relaxed) && stderr.is_terminal() {
        PROGRESS_SHOWN.store(true, Ordering::Relaxed);
        // If stderr cannot be written to, there is nobody to tell.
        let _ = write!(stderr, "\r\x1b[K{}: {text}", tool());
    }
}

/// Clears the line of progress.
pub(crate) fn clear_progress() {
    if PROGRESS_SHOWN.swap(false, Ordering::Relaxed) {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
}

/// Replaces control characters by spaces. Text that others wrote, such as a function's error message, must
/// not move the cursor or look like a line of this tool.
fn one_line(text: impl Display) -> String {
    text.to_string()
        .split(|c: char| c.is_control())
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn write_line(text: impl Display) {
    clear_progress();
    // One write, so that the lines of tools that share a terminal do not mix.
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}
