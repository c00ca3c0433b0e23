//! Shares of CPU and memory by the kernel's control groups, version 1 or 2.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cgroups_rs::cpu::CpuController;
use cgroups_rs::memory::MemController;
use cgroups_rs::{Cgroup, hierarchies};
use rustix::process::{Pid, Signal, kill_process};

use super::period::PERIOD;
use crate::local::mark;
use crate::units::MemoryMB;

/// The smallest quota that the kernel accepts, in microseconds: `min_cfs_quota_period` in kernel/sched/core.c.
const MIN_QUOTA: i64 = 1_000;

/// The control groups of this process.
#[derive(Debug)]
pub(crate) struct Cgroups {
    name: String,
    controllers: Vec<String>,
    next: AtomicU64,
}

/// The control group of one execution environment.
#[derive(Debug)]
pub(crate) struct ControlGroup {
    /// One for each hierarchy: two in version 1, one in version 2.
    folders: BTreeSet<PathBuf>,
    /// The file in which the kernel counts the processes that it killed because they ran out of memory.
    memory_events: Option<PathBuf>,
}

impl Cgroups {
    /// Creates and removes a control group, to find out whether this process may. Prefers groups that also limit
    /// memory.
    pub(crate) fn new() -> Result<Cgroups, String> {
        let named = |controllers: &[&str]| Cgroups {
            name: mark::own(),
            controllers: controllers.iter().map(|&name| name.to_owned()).collect(),
            next: AtomicU64::new(0),
        };
        let mut refused = String::new();
        for controllers in [&["cpu", "memory"][..], &["cpu"]] {
            let cgroups = named(controllers);
            let trial = cgroups.create(MemoryMB::MIN);
            cgroups.remove();
            match trial {
                Ok(_) => return Ok(cgroups),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Whether the groups also limit memory.
    pub(crate) fn limit_memory(&self) -> bool {
        self.controllers.len() > 1
    }

    /// Creates a group with the share of CPU and memory of a memory size.
    pub(crate) fn create(&self, memory: MemoryMB) -> Result<ControlGroup, String> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = format!("{}/{number}", self.name);
        let cgroup = Cgroup::new_with_specified_controllers(
            hierarchies::auto(),
            &path,
            Some(self.controllers.clone()),
        )
        .map_err(|error| error.to_string())?;
        let mut group = ControlGroup { folders: folders(&cgroup), memory_events: None };
        for folder in &group.folders {
            // The crate does not report that it could not create a folder, nor why.
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        if let Err(error) = limit(&cgroup, memory, self.limit_memory()) {
            group.remove();
            return Err(error);
        }
        if let Some(controller) = cgroup.controller_of::<MemController>() {
            let name = if cgroup.v2() { "memory.events" } else { "memory.oom_control" };
            group.memory_events = Some(cgroups_rs::Controller::path(controller).join(name));
        }
        Ok(group)
    }

    /// Removes all groups of this process. Returns false if processes are still in one.
    pub(crate) fn remove(&self) -> bool {
        roots().iter().all(|root| remove_tree(&root.join(&self.name)))
    }
}

/// Removes the groups that a killed `lpt-local` left behind, and ends their processes.
pub(crate) fn remove_stale() {
    for root in roots() {
        let entries = fs::read_dir(&root).into_iter().flatten().flatten();
        for entry in entries {
            if entry.file_name().to_str().is_some_and(mark::is_stale) {
                end_processes(&entry.path());
                // The processes take a moment to end.
                (0..100).find(|_| {
                    std::thread::sleep(Duration::from_millis(5));
                    remove_tree(&entry.path())
                });
            }
        }
    }
}

impl ControlGroup {
    /// Returns the files that a process writes its id into to join this group.
    pub(crate) fn procs_files(&self) -> impl Iterator<Item = PathBuf> {
        self.folders.iter().map(|folder| folder.join("cgroup.procs"))
    }

    /// Whether the kernel limits the group's memory.
    pub(crate) fn limits_memory(&self) -> bool {
        self.memory_events.is_some()
    }

    /// Whether the kernel has killed a process of this group because it ran out of memory.
    pub(crate) fn ran_out_of_memory(&self) -> bool {
        let Some(file) = &self.memory_events else {
            return false;
        };
        let text = fs::read_to_string(file).unwrap_or_default();
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.is_some_and(|count| count.trim() != "0")
    }

    /// Ends all processes in the group, including those that left the process group.
    pub(crate) fn end_processes(&self) {
        for folder in &self.folders {
            end_processes(folder);
        }
    }

    /// Removes the group. Returns false if processes are still in it.
    pub(crate) fn remove(&self) -> bool {
        self.folders.iter().all(|folder| remove_tree(folder))
    }
}

fn limit(cgroup: &Cgroup, memory: MemoryMB, limit_memory: bool) -> Result<(), String> {
    let cpu: &CpuController = cgroup.controller_of().ok_or("no CPU controller")?;
    let quota = (memory.vcpus() * PERIOD.as_micros() as f64).round() as i64;
    // The period is set first. With the default of 100 ms the share would come in fewer, longer pieces.
    cpu.set_cfs_period(PERIOD.as_micros() as u64).map_err(|error| error.to_string())?;
    cpu.set_cfs_quota(quota.max(MIN_QUOTA)).map_err(|error| error.to_string())?;
    if limit_memory {
        let controller: &MemController = cgroup.controller_of().ok_or("no memory controller")?;
        let bytes = i64::from(memory.get()) << 20;
        controller.set_limit(bytes).map_err(|error| error.to_string())?;
        // Swap must not take the place of memory. A kernel without swap accounting has no such file, and usually
        // no swap.
        let _ = controller.set_memswap_limit(if cgroup.v2() { 0 } else { bytes });
    }
    Ok(())
}

fn folders(cgroup: &Cgroup) -> BTreeSet<PathBuf> {
    let subsystems = cgroup.subsystems().iter();
    subsystems.map(|subsystem| cgroups_rs::Controller::path(subsystem.to_controller()).to_owned()).collect()
}

/// Returns the root of each hierarchy that has groups of ours.
fn roots() -> Vec<PathBuf> {
    let controllers = vec!["cpu".to_owned(), "memory".to_owned()];
    let probe = Cgroup::load_with_specified_controllers(hierarchies::auto(), "lpt-local", controllers);
    let parents = folders(&probe).into_iter().filter_map(|folder| folder.parent().map(Path::to_owned));
    parents.collect()
}

/// Removes a group and its subgroups. A group's folder can be removed as soon as it has no subgroups; the kernel
/// removes the files in it. Returns false if processes are still in one.
fn remove_tree(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        if entry.path().is_dir() {
            remove_tree(&entry.path());
        }
    }
    fs::remove_dir(folder).is_ok() || !folder.exists()
}

fn end_processes(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        if entry.path().is_dir() {
            end_processes(&entry.path());
        }
    }
    let processes = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    // A process of another PID namespace reads as 0, which is not a process id.
    for pid in processes.lines().filter_map(|pid| pid.parse().ok().and_then(Pid::from_raw)) {
        // A process that has ended already needs no signal.
        let _ = kill_process(pid, Signal::KILL);
    }
}
