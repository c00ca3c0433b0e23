//! Processes on Linux, in /proc.

use std::fs;
use std::path::PathBuf;

use rustix::process::{Pid, getpid, set_child_subreaper};

use super::descendants;

/// Makes this process the parent of descendants whose own parent ends, which otherwise is the first process of the
/// machine or container.
pub(crate) fn adopt_orphans() {
    // Linux has this since 2012. Without it, orphans that clear their environment are not found.
    let _ = set_child_subreaper(Some(getpid()));
}

/// Returns a process and its descendants. A descendant whose parent has ended is not found. Few functions
/// have one, and to search all processes of the machine again and again would slow every function.
pub(crate) fn process_tree(root: Pid) -> Vec<Pid> {
    descendants(root, children)
}

/// Returns the children of a process.
pub(crate) fn children(pid: Pid) -> Vec<Pid> {
    let lists = threads(pid).map(|thread| fs::read_to_string(thread.join("children")).unwrap_or_default());
    lists.flat_map(|list| list.split_whitespace().filter_map(parse_pid).collect::<Vec<_>>()).collect()
}

/// Returns the most resident memory that a process had at any time, and what it has now, in KB. Unlike a
/// cgroup's count it leaves out the page cache of files that were only read.
pub(crate) fn resident_memory(pid: Pid) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name| {
        let line = status.lines().find_map(|line: &str| line.strip_prefix(name));
        line.and_then(|value| value.split_whitespace().next())
            .and_then(|number| number.parse().ok())
            .unwrap_or(0)
    };
    (field("VmHWM:"), field("VmRSS:"))
}

/// Returns the CPU time of each thread of a process by the thread's id, in nanoseconds. It reads `schedstat`, because
/// `stat` counts in hundredths of a second, which is too coarse to share out milliseconds.
pub(crate) fn cpu_times(pid: Pid) -> impl Iterator<Item = (Pid, u64)> {
    threads(pid).filter_map(|thread| {
        let id = parse_pid(thread.file_name()?.to_str()?)?;
        let text = fs::read_to_string(thread.join("schedstat")).ok()?;
        let time = text.split_whitespace().next()?.parse().ok()?;
        Some((id, time))
    })
}

/// Returns each process that has this environment variable, with its value. Processes of other users can't
/// be read, and none of them is ours.
pub(crate) fn with_variable(name: &str) -> Vec<(Pid, String)> {
    let prefix = format!("{name}=");
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = parse_pid(entry.file_name().to_str()?)?;
            let environment = fs::read(entry.path().join("environ")).ok()?;
            let value = environment
                .split(|byte| *byte == 0)
                .find_map(|variable| variable.strip_prefix(prefix.as_bytes()))?;
            Some((pid, String::from_utf8(value.to_vec()).ok()?))
        })
        .collect()
}

/// Returns the name of a process.
pub(crate) fn name(pid: Pid) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

/// Returns the number of the namespace of this process's id, which /proc shows as `pid:[4026531836]`.
pub(crate) fn namespace() -> String {
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    namespace.to_string_lossy().chars().filter(char::is_ascii_digit).collect()
}

fn parse_pid(text: &str) -> Option<Pid> {
    text.parse().ok().and_then(Pid::from_raw)
}

fn threads(pid: Pid) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}
