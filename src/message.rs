//! Messages to the user on stderr: `tool: what: why`, one line each. stdout is for records.
//!
//! Text that others wrote is quoted with [`crate::quote`] where a message is made. Whatever a message holds, here it
//! becomes one line of visible characters.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::progress;
use crate::quote::{first_chars, visible};
use crate::wrap;

static TOOL: OnceLock<String> = OnceLock::new();
static QUIET: AtomicBool = AtomicBool::new(false);
static FIRST_ERROR: OnceLock<String> = OnceLock::new();

/// The number of characters after which a message is cut. It is more than any that is made of short quotations.
const MAX_CHARS: usize = 4_000;

/// Sets the name at the beginning of each message. [`crate::entry`] calls it once.
pub(crate) fn set_tool(name: &str) {
    TOOL.get_or_init(|| name.to_owned());
}

/// Hides notes, summaries and progress if `quiet`. Warnings and errors are always shown.
pub(crate) fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
    progress::set_hidden(quiet);
}

/// Whether only warnings and errors are shown.
pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Returns the tool's name, as in messages and in its `end` record.
pub(crate) fn tool() -> &'static str {
    TOOL.get().map_or("lpt", String::as_str)
}

/// Returns how many there are of something, for example `1 version` or `2 aliases`.
pub(crate) fn counted<N: Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let ending = match noun {
        _ if count == N::from(1) => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{count} {noun}{ending}")
}

/// Shows something that is good to know.
pub(crate) fn note(text: impl Display) {
    if !is_quiet() {
        write_message("", text);
    }
}

/// Shows a step of the work, or what is sent and what comes back. It is shown whole: that is what the user asks for.
pub(crate) fn detail(text: impl Display) {
    write_line(format_args!("{}: {}", tool(), visible(&text.to_string())));
}

/// Shows something that the user should look at, although the work goes on.
pub(crate) fn warning(text: impl Display) {
    write_message("warning: ", text);
}

/// Shows why something failed.
pub(crate) fn error(text: impl Display) {
    let line = message_line("", text);
    write_wrapped(&line);
    FIRST_ERROR.get_or_init(|| line);
}

/// Returns the first error that was shown, for the tools after this one.
pub(crate) fn first_error() -> Option<&'static str> {
    FIRST_ERROR.get().map(String::as_str)
}

/// Shows text that stdout says too, in another form, to people who watch stderr.
pub(crate) fn for_people(text: impl FnOnce() -> String) {
    if !is_quiet() && std::io::stderr().is_terminal() {
        write_line(text());
    }
}

/// Shows a summary of several lines, without the tool's name.
pub(crate) fn summary(text: impl Display) {
    if !is_quiet() {
        let text = text.to_string();
        let lines: Vec<_> = text.split('\n').map(|line| visible(line).to_string()).collect();
        write_line(lines.join("\n"));
    }
}

fn write_message(kind: &str, text: impl Display) {
    write_wrapped(&message_line(kind, text));
}

fn message_line(kind: &str, text: impl Display) -> String {
    format!("{}: {kind}{}", tool(), first_chars(&text.to_string(), MAX_CHARS))
}

fn write_wrapped(line: &str) {
    match wrap::columns(std::io::stderr()) {
        Some(columns) => write_line(wrap::between_words(line, columns)),
        None => write_line(line),
    }
}

fn write_line(text: impl Display) {
    raw(format!("{text}\n").as_bytes());
}

/// Shows whole lines as they are: those of a command of the user's.
pub(crate) fn raw(lines: &[u8]) {
    // One write, so that the lines of tools that share a terminal do not mix.
    let bytes = [progress::erased().as_bytes(), lines].concat();
    if !lines.is_empty() {
        // If stderr cannot be written to, there is nobody to tell.
        let _ = progress::aside(|| std::io::stderr().write_all(&bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn only_one_thing_is_counted_in_the_singular() {
        let versions = [0_u32, 1, 2].map(|count| counted(count, "version"));
        assert_eq!(versions, ["0 versions", "1 version", "2 versions"]);
        let aliases = [0_usize, 1, 2].map(|count| counted(count, "alias"));
        assert_eq!(aliases, ["0 aliases", "1 alias", "2 aliases"]);
    }
}
