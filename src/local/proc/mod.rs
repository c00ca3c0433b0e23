//! What the system says about processes.

#[cfg(target_os = "linux")]
mod linux; // in /proc
#[cfg(any(test, not(target_os = "linux")))]
mod portable; // elsewhere, and in tests

use std::fs::File;

use rustix::process::{Pid, getpgrp};
use rustix::termios::tcgetpgrp;

#[cfg(target_os = "linux")]
pub(crate) use self::linux::*;
#[cfg(not(target_os = "linux"))]
pub(crate) use self::portable::*;

/// Returns a process and its descendants.
fn descendants(root: Pid, children: impl Fn(Pid) -> Vec<Pid>) -> Vec<Pid> {
    let mut found = vec![root];
    let mut searched = 0;
    while searched < found.len() {
        found.extend(children(found[searched]));
        searched += 1;
    }
    found
}

/// Whether this process is in the process group that the terminal's keys signal.
pub(crate) fn in_foreground() -> bool {
    // A process without a terminal can't open it.
    File::open("/dev/tty").is_ok_and(|terminal| tcgetpgrp(terminal) == Ok(getpgrp()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    use rustix::process::getpid;

    use super::{Pid, linux, portable};

    #[test]
    fn both_implementations_see_the_same() {
        portable::adopt_orphans();
        assert_eq!(portable::namespace(), "", "only Linux has namespaces");
        let value = uuid::Uuid::new_v4().to_string();
        let mut child = Command::new("sleep").arg("1000").env("LPT_TEST_MARK", &value).spawn().unwrap();
        let pid = Pid::from_child(&child);
        let marked = (pid, value);
        assert!(linux::children(getpid()).contains(&pid));
        assert!(portable::children(getpid()).contains(&pid));
        assert!(linux::process_tree(getpid()).contains(&pid));
        assert!(portable::process_tree(getpid()).contains(&pid));
        assert!(linux::with_variable("LPT_TEST_MARK").contains(&marked));
        assert!(portable::with_variable("LPT_TEST_MARK").contains(&marked));
        assert_eq!((linux::name(pid), portable::name(pid)), ("sleep".to_owned(), "sleep".to_owned()));
        let (linux, portable) = (linux::resident_memory(pid), portable::resident_memory(pid));
        assert!(linux.1 > 0 && linux.1 == portable.1 && portable.1 == portable.0, "{linux:?} {portable:?}");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn both_implementations_count_cpu_time() {
        let total = |times: &mut dyn Iterator<Item = (Pid, u64)>| times.map(|(_, time)| time).sum::<u64>();
        let (mut linux, mut portable) = (0, 0);
        // The process computes until it has used 0.2 s.
        while linux < 200_000_000 {
            portable = total(&mut portable::cpu_times(getpid()));
            linux = total(&mut linux::cpu_times(getpid()));
        }
        // sysinfo reads hundredths of a second for each of user and system on Linux.
        assert!(portable > 100_000_000 && portable <= linux + 20_000_000, "{linux} {portable}");
    }
}
