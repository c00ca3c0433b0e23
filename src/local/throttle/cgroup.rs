//! Shares of CPU and memory by the kernel's control groups, version 1 or 2. They are folders in a file system, and
//! their limits are files. <https://docs.kernel.org/admin-guide/cgroup-v2.html>

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::hierarchy::{Folders, Hierarchy, Version, said};
use super::period::PERIOD;
use crate::local::mark;
use crate::units::MemoryMB;

/// The smallest quota that the kernel accepts, in microseconds: `min_cfs_quota_period` in kernel/sched/core.c.
const MIN_QUOTA: u64 = 1_000;

/// The control groups of this process.
#[derive(Debug)]
pub(crate) struct Cgroups {
    hierarchy: Hierarchy,
    next: AtomicU64,
}

/// The control group of one execution environment.
#[derive(Debug)]
pub(crate) struct ControlGroup {
    version: Version,
    folders: Folders,
}

impl Cgroups {
    /// Creates and removes a control group, to find out whether this process may. Prefers groups that also limit
    /// memory.
    ///
    /// # Errors
    /// Says why it may not, and what helps.
    pub(crate) fn new() -> Result<Cgroups, String> {
        let mut refused = "this system has none".to_owned();
        for hierarchy in Hierarchy::all() {
            let remedy = match hierarchy.version {
                Version::One => "root may create them",
                Version::Two | Version::TwoDelegated => {
                    "`systemd-run --user --scope -p Delegate=yes lpt-local …` has a group of its own"
                }
            };
            match Cgroups::below(&hierarchy) {
                Ok(cgroups) => return Ok(cgroups),
                Err(why) => refused = format!("{why}; {remedy}"),
            }
        }
        Err(refused)
    }

    fn below(hierarchy: &Hierarchy) -> Result<Cgroups, String> {
        let cgroups = Cgroups { hierarchy: hierarchy.join(&mark::own())?, next: AtomicU64::new(0) };
        let trial = cgroups.create(MemoryMB::MIN).inspect_err(|_| {
            cgroups.remove();
        })?;
        trial.remove();
        Ok(cgroups)
    }

    pub(crate) fn version(&self) -> Version {
        self.hierarchy.version
    }

    /// Whether the groups also limit memory.
    pub(crate) fn limit_memory(&self) -> bool {
        self.hierarchy.folders.memory.is_some()
    }

    /// Creates a group with the share of CPU and memory of a memory size.
    pub(crate) fn create(&self, memory: MemoryMB) -> Result<ControlGroup, String> {
        let number = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        let group =
            ControlGroup { version: self.hierarchy.version, folders: self.hierarchy.folders.below(&number) };
        group.limit(memory).inspect_err(|_| {
            group.remove();
        })?;
        Ok(group)
    }

    /// Removes all groups of this process. Returns false if processes are still in one.
    pub(crate) fn remove(&self) -> bool {
        self.hierarchy.leave();
        self.hierarchy.folders.all().into_iter().all(remove_tree)
    }
}

/// Removes the groups that a killed `lpt-local` left behind, and ends their processes.
pub(crate) fn remove_stale() {
    let hierarchies = Hierarchy::all();
    let parents: BTreeSet<&Path> = hierarchies.iter().flat_map(|hierarchy| hierarchy.folders.all()).collect();
    for parent in parents {
        for group in subgroups(parent) {
            if group.file_name().and_then(|name| name.to_str()).is_some_and(mark::is_stale) {
                end_processes(&group);
                // The processes take a moment to end.
                (0..100).find(|_| {
                    std::thread::sleep(Duration::from_millis(5));
                    remove_tree(&group)
                });
            }
        }
    }
}

impl ControlGroup {
    /// Returns the files that a process writes its id into to join this group.
    pub(crate) fn procs_files(&self) -> impl Iterator<Item = PathBuf> {
        self.folders.all().into_iter().map(|folder| folder.join("cgroup.procs"))
    }

    /// Whether the kernel limits the group's memory.
    pub(crate) fn limits_memory(&self) -> bool {
        self.folders.memory.is_some()
    }

    /// Whether the kernel has killed a process of this group because it ran out of memory.
    pub(crate) fn ran_out_of_memory(&self) -> bool {
        let Some(folder) = &self.folders.memory else {
            return false;
        };
        let file = if self.version == Version::One { "memory.oom_control" } else { "memory.events" };
        let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.is_some_and(|count| count.trim() != "0")
    }

    /// Ends all processes in the group, including those that left the process group.
    pub(crate) fn end_processes(&self) {
        self.folders.all().into_iter().for_each(end_processes);
    }

    /// Removes the group. Returns false if processes are still in it.
    pub(crate) fn remove(&self) -> bool {
        self.folders.all().into_iter().all(remove_tree)
    }

    /// Creates the folders, and sets the limits.
    fn limit(&self, size: MemoryMB) -> Result<(), String> {
        self.folders.create()?;
        // With the kernel's default period of 100 ms the share would come in fewer, longer pieces.
        let period = PERIOD.as_micros();
        let quota = ((size.vcpus() * period as f64).round() as u64).max(MIN_QUOTA);
        let bytes = u64::from(size.get()) << 20;
        // Swap must not take the place of memory. A kernel without swap accounting has no such file, and usually no
        // swap.
        let Folders { cpu, memory } = &self.folders;
        match self.version {
            Version::One => {
                write(cpu, "cpu.cfs_period_us", period)?;
                write(cpu, "cpu.cfs_quota_us", quota)?;
                if let Some(folder) = memory {
                    write(folder, "memory.limit_in_bytes", bytes)?;
                    let _ = write(folder, "memory.memsw.limit_in_bytes", bytes);
                }
            }
            Version::Two | Version::TwoDelegated => {
                write(cpu, "cpu.max", format_args!("{quota} {period}"))?;
                if let Some(folder) = memory {
                    write(folder, "memory.max", bytes)?;
                    let _ = write(folder, "memory.swap.max", 0);
                }
            }
        }
        Ok(())
    }
}

/// Writes a file of a group.
fn write(group: &Path, file: &str, value: impl ToString) -> Result<(), String> {
    let file = group.join(file);
    fs::write(&file, value.to_string()).map_err(|error| said(&file, &error))
}

/// Removes a group and its subgroups. A group's folder can be removed as soon as it has no subgroups; the kernel
/// removes the files in it. Returns false if processes are still in one.
fn remove_tree(group: &Path) -> bool {
    for subgroup in subgroups(group) {
        remove_tree(&subgroup);
    }
    fs::remove_dir(group).is_ok() || !group.exists()
}

fn end_processes(group: &Path) {
    for subgroup in subgroups(group) {
        end_processes(&subgroup);
    }
    let processes = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    // A process of another PID namespace reads as 0, which is not a process id.
    for pid in processes.lines().filter_map(|pid| pid.parse().ok().and_then(Pid::from_raw)) {
        // A process that has ended already needs no signal.
        let _ = kill_process(pid, Signal::KILL);
    }
}

fn subgroups(group: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir())
}
