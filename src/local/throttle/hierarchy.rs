//! The places in the kernel's control groups below which this process may create its own.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The group for this process itself, beside those of its functions.
const LEAF: &str = "lpt-local";

/// How control groups can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
    /// In the subtree of version 2 that this process was started in.
    TwoDelegated,
}

/// The folders of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folders {
    pub(super) cpu: PathBuf,
    /// The folder with the memory controller. Version 1 has a hierarchy for each controller; version 2 has one for
    /// all. None if memory can't be limited.
    pub(super) memory: Option<PathBuf>,
}

/// The group below which groups are created. The root and a group of this process have the same form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hierarchy {
    pub(super) version: Version,
    pub(super) folders: Folders,
    /// The group that this process was in before it moved into a leaf of its own.
    left: Option<PathBuf>,
}

impl Folders {
    /// Returns the folders of the group `name` below this one.
    pub(super) fn below(&self, name: &str) -> Folders {
        Folders { cpu: self.cpu.join(name), memory: self.memory.as_ref().map(|memory| memory.join(name)) }
    }

    /// Returns each folder once.
    pub(super) fn all(&self) -> BTreeSet<&Path> {
        std::iter::once(&self.cpu).chain(&self.memory).map(PathBuf::as_path).collect()
    }

    pub(super) fn create(&self) -> Result<(), String> {
        self.all()
            .into_iter()
            .try_for_each(|folder| fs::create_dir_all(folder).map_err(|error| said(folder, &error)))
    }
}

impl Hierarchy {
    /// Returns the hierarchies to try, the best one first. Empty on a system without control groups.
    pub(super) fn all() -> Vec<Hierarchy> {
        let read = |file| fs::read_to_string(file).unwrap_or_default();
        find(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"))
    }

    /// Creates a group for this process, and returns the hierarchy below it.
    pub(super) fn join(&self, name: &str) -> Result<Hierarchy, String> {
        let mut joined = Hierarchy { version: self.version, folders: self.folders.below(name), left: None };
        joined.folders.create()?;
        if self.version != Version::One
            && let Err(error) = joined.enable_controllers(&self.folders.cpu)
        {
            joined.leave();
            // What can't be removed is empty, and does no harm.
            let _ = fs::remove_dir(joined.folders.cpu.join(LEAF));
            let _ = fs::remove_dir(&joined.folders.cpu);
            return Err(error);
        }
        Ok(joined)
    }

    /// Enables the controllers for the groups below `parent` and for those below this one. In version 2 a group with
    /// controllers for its subgroups has no processes itself, unless it is the root of all. So this process moves into
    /// a leaf if it is the only one.
    fn enable_controllers(&mut self, parent: &Path) -> Result<(), String> {
        let file = parent.join("cgroup.controllers");
        let available = fs::read_to_string(&file).map_err(|error| said(&file, &error))?;
        let has = |name| available.split_whitespace().any(|controller| controller == name);
        if !has("cpu") {
            return Err(format!("{}: no CPU controller", file.display()));
        }
        if !has("memory") {
            self.folders.memory = None;
        }
        let enable = if self.folders.memory.is_some() { "+cpu +memory" } else { "+cpu" };
        let control = parent.join("cgroup.subtree_control");
        let mut enabled = fs::write(&control, enable);
        if enabled.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ResourceBusy) {
            self.move_to_leaf(parent)?;
            enabled = fs::write(&control, enable);
        }
        enabled.map_err(|error| said(&control, &error))?;
        let control = self.folders.cpu.join("cgroup.subtree_control");
        fs::write(&control, enable).map_err(|error| said(&control, &error))
    }

    fn move_to_leaf(&mut self, parent: &Path) -> Result<(), String> {
        let file = parent.join("cgroup.procs");
        let processes = fs::read_to_string(&file).map_err(|error| said(&file, &error))?;
        // Other processes are not ours to move.
        if processes.trim() != std::process::id().to_string() {
            return Err(format!("{}: other processes are in this group", parent.display()));
        }
        let leaf = self.folders.cpu.join(LEAF);
        fs::create_dir(&leaf).map_err(|error| said(&leaf, &error))?;
        // 0 is the process that writes.
        fs::write(leaf.join("cgroup.procs"), "0").map_err(|error| said(&leaf, &error))?;
        self.left = Some(parent.to_owned());
        Ok(())
    }

    /// Moves this process back to where it was, so that its groups can be removed.
    pub(super) fn leave(&self) {
        if let Some(parent) = &self.left {
            // What fails here leaves empty groups, which end with the delegated subtree.
            for group in [&self.folders.cpu, parent] {
                for controller in ["-memory", "-cpu"] {
                    let _ = fs::write(group.join("cgroup.subtree_control"), controller);
                }
            }
            let _ = fs::write(parent.join("cgroup.procs"), "0");
        }
    }
}

/// Returns the error of a file or folder, with its name.
pub(super) fn said(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Reads the hierarchies from the mounts and the own groups of this process: proc_pid_mountinfo(5), cgroups(7).
fn find(mountinfo: &str, own_groups: &str) -> Vec<Hierarchy> {
    let mounted = |file_system: &str, controller: Option<&str>| {
        mountinfo.lines().find_map(|line| {
            let (mount, source) = line.split_once(" - ")?;
            let mut source = source.split(' ');
            let mut options = source.clone().nth(2)?.split(',');
            let is_wanted = source.next() == Some(file_system)
                && controller.is_none_or(|controller| options.any(|option| option == controller));
            let mut mount = mount.split(' ').skip(3);
            is_wanted.then_some((mount.next()?, Path::new(mount.next()?)))
        })
    };
    let place = |version, cpu: &Path, memory: Option<&Path>| Hierarchy {
        version,
        folders: Folders { cpu: cpu.to_owned(), memory: memory.map(Path::to_owned) },
        left: None,
    };
    if let Some((_, cpu)) = mounted("cgroup", Some("cpu")) {
        let memory = mounted("cgroup", Some("memory")).map(|(_, memory)| memory);
        let without_memory = place(Version::One, cpu, None);
        return match memory {
            Some(_) => vec![place(Version::One, cpu, memory), without_memory],
            None => vec![without_memory],
        };
    }
    let Some((mounted_group, root)) = mounted("cgroup2", None) else {
        return Vec::new();
    };
    let mut found = vec![place(Version::Two, root, Some(root))];
    // A container may mount only its own part of the tree.
    let own = own_groups.lines().find_map(|line| line.strip_prefix("0::"));
    let own = own.and_then(|own| Path::new(own).strip_prefix(mounted_group).ok());
    if let Some(own) = own.filter(|own| !own.as_os_str().is_empty()) {
        let own = root.join(own);
        found.push(place(Version::TwoDelegated, &own, Some(&own)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(mountinfo: &str, own_groups: &str) -> Vec<(Version, String, Option<String>)> {
        let text = |path: PathBuf| path.display().to_string();
        let found = find(mountinfo, own_groups).into_iter();
        found.map(|place| (place.version, text(place.folders.cpu), place.folders.memory.map(text))).collect()
    }

    #[test]
    fn version_1_has_a_hierarchy_for_each_controller() {
        let mountinfo = "24 23 0:21 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n\
            25 24 0:22 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
            27 24 0:24 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n\
            28 24 0:25 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n";
        let cpu = "/sys/fs/cgroup/cpu,cpuacct".to_owned();
        let memory = "/sys/fs/cgroup/memory".to_owned();
        let own = "4:memory:/a\n1:cpu,cpuacct:/\n0::/b\n";
        let expected = [(Version::One, cpu.clone(), Some(memory)), (Version::One, cpu, None)];
        assert_eq!(found(mountinfo, own), expected);
    }

    #[test]
    fn version_2_has_its_root_and_the_own_group() {
        let mountinfo = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let root = "/sys/fs/cgroup".to_owned();
        let own = "/sys/fs/cgroup/user.slice/run-r1.scope".to_owned();
        let root = (Version::Two, root.clone(), Some(root));
        let own = (Version::TwoDelegated, own.clone(), Some(own));
        assert_eq!(found(mountinfo, "0::/user.slice/run-r1.scope\n"), [root.clone(), own]);
        assert_eq!(found(mountinfo, "0::/\n"), [root]);
    }

    #[test]
    fn a_container_sees_its_part_of_version_2() {
        let mountinfo = "30 23 0:26 /machine/c1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let own = found(mountinfo, "0::/machine/c1/work\n").remove(1);
        assert_eq!(own.1, "/sys/fs/cgroup/work");
        assert_eq!(found(mountinfo, "0::/elsewhere\n").len(), 1);
    }

    #[test]
    fn a_system_without_control_groups_has_none() {
        assert_eq!(found("", ""), []);
    }
}
