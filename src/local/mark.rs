//! The mark on everything that an `lpt-local` process creates, by which the next one finds what a killed
//! one left behind.

use std::fs;

/// Returns the mark of this process.
pub(super) fn own() -> String {
    format!("{}{}", prefix(), std::process::id())
}

/// Whether this is the mark of an `lpt-local` that has ended. A mark from another PID namespace, such as a
/// container's, is never stale, because its process can't be looked up from here.
pub(super) fn is_stale(mark: &str) -> bool {
    let pid = mark.strip_prefix(&prefix()).and_then(|pid| pid.parse::<u32>().ok());
    pid.is_some_and(|pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name.trim_end() != "lpt-local"
    })
}

/// Returns the part of the mark before the process id. It has the number of this PID namespace, which /proc shows
/// as `pid:[4026531836]`, because a process id means something only within its namespace.
fn prefix() -> String {
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let number: String = namespace.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    format!("lpt-local-{number}-")
}
