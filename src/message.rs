//! What a tool says to a person, on stderr: `tool: what: why`, one line each. stdout is for records.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

static TOOL: OnceLock<String> = OnceLock::new();
static QUIET: AtomicBool = AtomicBool::new(false);
static VERBOSITY: AtomicU8 = AtomicU8::new(0);
static PROGRESS_SHOWN: AtomicBool = AtomicBool::new(false);

/// Sets the name that stands before each message. Called once, by [`crate::entry`].
pub(crate) fn set_tool(name: &str) {
    TOOL.get_or_init(|| name.to_owned());
}

/// With `true`, notes, summaries and progress are not shown; warnings and errors are.
pub fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// 1 shows details, 2 also what is sent and what comes back.
pub fn set_verbosity(verbosity: u8) {
    VERBOSITY.store(verbosity, Ordering::Relaxed);
}

/// The tool's name, as it stands in messages and in its `end` record.
pub fn tool() -> &'static str {
    TOOL.get().map_or("lpt", String::as_str)
}

/// Says something that is good to know.
pub fn note(text: impl Display) {
    if !QUIET.load(Ordering::Relaxed) {
        line(format_args!("{}: {}", tool(), one_line(text)));
    }
}

/// Says, to who asked for it, what happens step by step.
pub fn detail(text: impl Display) {
    at_verbosity(1, text);
}

/// Says, to who asked twice, what is sent and what comes back.
pub fn trace(text: impl Display) {
    at_verbosity(2, text);
}

fn at_verbosity(verbosity: u8, text: impl Display) {
    if VERBOSITY.load(Ordering::Relaxed) >= verbosity {
        line(format_args!("{}: {}", tool(), one_line(text)));
    }
}

/// Says something that the user should look at, though the work goes on.
pub fn warning(text: impl Display) {
    line(format_args!("{}: warning: {}", tool(), one_line(text)));
}

/// Says why something failed.
pub fn error(text: impl Display) {
    line(format_args!("{}: {}", tool(), one_line(text)));
}

/// Shows a summary of several lines as it stands, without the tool's name.
pub fn summary(text: impl Display) {
    if !QUIET.load(Ordering::Relaxed) {
        line(text);
    }
}

/// Shows how far the work is, in one line that the next one replaces, where stderr is a terminal.
pub fn progress(text: impl Display) {
    let mut stderr = std::io::stderr().lock();
    if !QUIET.load(Ordering::Relaxed) && stderr.is_terminal() {
        PROGRESS_SHOWN.store(true, Ordering::Relaxed);
        // stderr that can't be written to leaves nobody to tell.
        let _ = write!(stderr, "\r\x1b[K{}: {text}", tool());
    }
}

/// Takes the last line of progress away again, before the tool leaves.
pub(crate) fn clear_progress() {
    if PROGRESS_SHOWN.swap(false, Ordering::Relaxed) {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
}

/// What others wrote, a function's error message say, must not move the cursor or pass for a line of ours.
fn one_line(text: impl Display) -> String {
    text.to_string()
        .split(|c: char| c.is_control())
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn line(text: impl Display) {
    clear_progress();
    // One write, so that the lines of tools that share a terminal don't mix.
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}
