//! Processes of functions that have outlived their parent. They are found by the mark in their environment or, because
//! this process adopts them, as its children.

use std::collections::HashSet;
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process, waitid, waitpid,
};
use tokio::time::sleep;

use super::variables::OWNER;
use crate::local::{mark, proc};

/// The orphans of functions that are children of this process.
#[derive(Debug)]
pub(crate) struct Orphans {
    /// The children that had ended at the last look, and that nobody had waited for.
    ended: HashSet<Pid>,
}

impl Orphans {
    /// Adopts all orphans from now on.
    pub(crate) fn adopt() -> Orphans {
        proc::adopt_orphans();
        Orphans { ended: HashSet::new() }
    }

    /// Removes the zombies of orphans. All other children are waited for within the time between two calls, so a child
    /// that had ended at the last call and is still there is an orphan.
    pub(crate) fn reap(&mut self) {
        let ended: HashSet<Pid> = ended_children().into_iter().collect();
        ended.intersection(&self.ended).for_each(|pid| reap(*pid));
        self.ended = ended;
    }
}

/// Ends the orphans of functions, which are all that is left of functions. `only_functions` says that this process has
/// started nothing else. Otherwise only a process with our mark and its descendants are known to be a function's.
pub(crate) async fn end_orphans(only_functions: bool) {
    // A process may start another one while it is ended.
    for _ in 0..100 {
        let mut roots = marked_with(|mark| mark == mark::own());
        if only_functions {
            roots.extend(proc::children(getpid()));
        }
        if roots.is_empty() {
            return;
        }
        roots.into_iter().flat_map(proc::process_tree).for_each(kill);
        sleep(Duration::from_millis(5)).await;
        ended_children().into_iter().for_each(reap);
    }
}

/// Ends the processes that a killed `lpt-local` left behind.
pub(crate) fn end_stale() {
    marked_with(mark::is_stale).into_iter().for_each(kill);
}

/// Returns the processes of functions whose `lpt-local` has such a mark.
fn marked_with(is_wanted: impl Fn(&str) -> bool) -> Vec<Pid> {
    let marked = proc::with_variable(OWNER).into_iter();
    marked.filter(|(_, mark)| is_wanted(mark)).map(|(pid, _)| pid).collect()
}

/// Returns the children of this process that have ended and that nobody has waited for.
fn ended_children() -> Vec<Pid> {
    let has_ended = |id| {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(id, options), Ok(Some(_)))
    };
    // Mostly there is none, and this is one call to the kernel however many children there are.
    if !has_ended(WaitId::All) {
        return Vec::new();
    }
    proc::children(getpid()).into_iter().filter(|pid| has_ended(WaitId::Pid(*pid))).collect()
}

fn reap(pid: Pid) {
    // Only the kernel's note of the process is to be removed: its status tells nobody anything.
    let _ = waitpid(Some(pid), WaitOptions::NOHANG);
}

fn kill(pid: Pid) {
    // A process that has ended meanwhile needs no signal.
    let _ = kill_process(pid, Signal::KILL);
}
