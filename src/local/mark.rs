//! The mark on everything that an `lpt-local` process creates, by which the next one finds what a killed
//! one left behind.

use rustix::process::Pid;

use super::proc;

/// Returns the mark of this process.
pub(super) fn own() -> String {
    format!("{}{}", prefix(), std::process::id())
}

/// Whether this is the mark of an `lpt-local` that has ended. A mark from another PID namespace, such as a
/// container's, is never stale, because its process can't be looked up from here.
pub(super) fn is_stale(mark: &str) -> bool {
    let pid = mark.strip_prefix(&prefix()).and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
    pid.is_some_and(|pid| proc::name(pid) != "lpt-local")
}

/// Returns the part of the mark before the process id. It has the number of this PID namespace, because a process id
/// means something only within its namespace.
fn prefix() -> String {
    format!("lpt-local-{}-", proc::namespace())
}
