//! What the kernel says in /proc about processes that we started.

use std::fs;
use std::path::PathBuf;

/// A process and its descendants. One that left its parent behind is not found; few functions do that,
/// and a look through all processes of the machine, again and again, would cost every function.
pub fn tree(leader: u32) -> Vec<u32> {
    let mut found = vec![leader];
    let mut looked = 0;
    while looked < found.len() {
        for task in tasks(found[looked]) {
            let children = fs::read_to_string(task.join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        looked += 1;
    }
    found
}

/// The most memory that a process had resident at any time, and what it has now, in KB. Unlike a
/// cgroup's count it has no page cache of files that were only read.
pub fn resident(pid: u32) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name| {
        let line = status.lines().find_map(|line: &str| line.strip_prefix(name));
        line.and_then(|value| value.split_whitespace().next())
            .and_then(|number| number.parse().ok())
            .unwrap_or(0)
    };
    (field("VmHWM:"), field("VmRSS:"))
}

/// The CPU time of each thread of a process, in nanoseconds: `stat` counts in hundredths of a second,
/// which is too coarse to share out milliseconds.
pub fn cpu_times(pid: u32) -> impl Iterator<Item = (PathBuf, u64)> {
    tasks(pid).filter_map(|task| {
        let text = fs::read_to_string(task.join("schedstat")).ok()?;
        let time = text.split_whitespace().next()?.parse().ok()?;
        Some((task, time))
    })
}

/// What everything that this process makes is marked with, for the next `lpt-local` if this one is killed.
pub fn own_mark() -> String {
    format!("{}{}", mark_prefix(), std::process::id())
}

/// Whether this is the mark of an `lpt-local` that is no longer there. One in another namespace, in a container say,
/// can't be looked for, and is let be.
pub fn is_stale(mark: &str) -> bool {
    let pid = mark.strip_prefix(&mark_prefix()).and_then(|pid| pid.parse::<u32>().ok());
    pid.is_some_and(|pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name.trim_end() != "lpt-local"
    })
}

/// Process ids mean something within their namespace only: `pid:[4026531836]`.
fn mark_prefix() -> String {
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let number: String = namespace.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    format!("lpt-local-{number}-")
}

/// The processes that have this variable in their environment, with its value. Those of others can't be
/// read and are none of ours.
pub fn with_variable(name: &str) -> Vec<(u32, String)> {
    let prefix = format!("{name}=");
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let environment = fs::read(entry.path().join("environ")).ok()?;
            let value = environment
                .split(|byte| *byte == 0)
                .find_map(|variable| variable.strip_prefix(prefix.as_bytes()))?;
            Some((pid, String::from_utf8(value.to_vec()).ok()?))
        })
        .collect()
}

fn tasks(pid: u32) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

/// Whether this process is of the group that the terminal's keys signal.
pub fn in_foreground() -> bool {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, which may contain anything: state, parent, group, session, terminal, its foreground group.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    matches!(fields[..], [_, _, group, _, _, foreground, ..] if group == foreground)
}
