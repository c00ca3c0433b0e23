//! Processes on systems without /proc, such as macOS, as the crate sysinfo reads them. Only its own children's end is
//! told to a process there: an orphan is found by the mark in its environment alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Pid;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use super::descendants;

/// The time for which a list of all processes is used: a new one takes milliseconds of CPU time.
const LIST_LIFETIME: Duration = Duration::from_millis(100);

/// The last list of all processes.
static LIST: Mutex<Option<List>> = Mutex::new(None);

struct List {
    made: Instant,
    children: HashMap<Pid, Vec<Pid>>,
}

/// Does nothing, because only Linux lets a process adopt orphans.
pub(crate) fn adopt_orphans() {}

/// Returns a process and its descendants. A descendant whose parent has ended is not found, nor is one that was
/// started in the last moment.
pub(crate) fn process_tree(root: Pid) -> Vec<Pid> {
    let mut list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
    let List { children, .. } = match list.take() {
        Some(recent) if recent.made.elapsed() < LIST_LIFETIME => list.insert(recent),
        _ => list.insert(List { made: Instant::now(), children: all_children() }),
    };
    descendants(root, |pid| children.get(&pid).cloned().unwrap_or_default())
}

/// Returns the children of a process.
pub(crate) fn children(pid: Pid) -> Vec<Pid> {
    all_children().remove(&pid).unwrap_or_default()
}

/// Returns the resident memory of a process now, in KB, twice: the most that it had at any time is not known.
pub(crate) fn resident_memory(pid: Pid) -> (u64, u64) {
    let memory = look(Some(pid), ProcessRefreshKind::nothing().with_memory());
    let kb = process(&memory, pid).map_or(0, |process| process.memory() / 1024);
    (kb, kb)
}

/// Returns the CPU time of a process by its id, in nanoseconds, of which whole milliseconds are known.
pub(crate) fn cpu_times(pid: Pid) -> impl Iterator<Item = (Pid, u64)> {
    let time = look(Some(pid), ProcessRefreshKind::nothing().with_cpu());
    process(&time, pid).map(|process| (pid, process.accumulated_cpu_time() * 1_000_000)).into_iter()
}

/// Returns each process that has this environment variable, with its value. Processes of other users can't
/// be read, and none of them is ours.
pub(crate) fn with_variable(name: &str) -> Vec<(Pid, String)> {
    let prefix = format!("{name}=");
    let all = look(None, ProcessRefreshKind::nothing().with_environ(UpdateKind::Always));
    let marked = all.processes().iter().filter_map(|(pid, process)| {
        let variables = process.environ().iter().filter_map(|variable| variable.to_str());
        let value = variables.filter_map(|variable| variable.strip_prefix(&prefix)).next()?;
        Some((from_sysinfo(*pid)?, value.to_owned()))
    });
    marked.collect()
}

/// Returns the name of a process.
pub(crate) fn name(pid: Pid) -> String {
    let name = look(Some(pid), ProcessRefreshKind::nothing());
    process(&name, pid).map_or_else(String::new, |process| process.name().to_string_lossy().into_owned())
}

/// Returns nothing, because only Linux has namespaces of process ids.
pub(crate) fn namespace() -> String {
    String::new()
}

/// Looks at one process, or at all of them.
fn look(pid: Option<Pid>, what: ProcessRefreshKind) -> System {
    let mut system = System::new().expect("sysinfo knows macOS and the other systems of today");
    let one = pid.map(to_sysinfo);
    let which =
        one.as_ref().map_or(ProcessesToUpdate::All, |pid| ProcessesToUpdate::Some(std::slice::from_ref(pid)));
    system.refresh_processes_specifics(which, false, what.without_tasks());
    system
}

fn all_children() -> HashMap<Pid, Vec<Pid>> {
    let mut children: HashMap<Pid, Vec<Pid>> = HashMap::new();
    for (pid, process) in look(None, ProcessRefreshKind::nothing()).processes() {
        if let (Some(pid), Some(parent)) = (from_sysinfo(*pid), process.parent().and_then(from_sysinfo)) {
            children.entry(parent).or_default().push(pid);
        }
    }
    children
}

fn process(system: &System, pid: Pid) -> Option<&sysinfo::Process> {
    system.process(to_sysinfo(pid))
}

fn to_sysinfo(pid: Pid) -> sysinfo::Pid {
    sysinfo::Pid::from_u32(pid.as_raw_nonzero().get().unsigned_abs())
}

fn from_sysinfo(pid: sysinfo::Pid) -> Option<Pid> {
    Pid::from_raw(pid.as_u32().cast_signed())
}
