//! The memory that the processes of an environment use.

use std::time::{Duration, Instant};

use rustix::process::Pid;

use crate::local::proc;
use crate::units::MemoryMB;

/// The time between two measurements of memory if the kernel does not limit it: a function that takes too much should not
/// get far.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// The time between two measurements if the kernel limits it. They only serve to know the use of a process
/// that exits suddenly.
const POLL_INTERVAL_WITH_KERNEL_LIMIT: Duration = Duration::from_millis(250);

/// Measures memory, and compares it with the limit.
#[derive(Debug)]
pub(super) struct Memory {
    limit_kb: u64,
    peak_kb: u64,
    measured: Instant,
    poll_interval: Duration,
    /// Whether the kernel limits the memory, and so decides what counts.
    limited_by_kernel: bool,
}

impl Memory {
    pub(super) fn new(limit: MemoryMB, limited_by_kernel: bool, now: Instant) -> Memory {
        Memory {
            limit_kb: u64::from(limit.get()) << 10,
            peak_kb: 0,
            measured: now,
            poll_interval: if limited_by_kernel { POLL_INTERVAL_WITH_KERNEL_LIMIT } else { POLL_INTERVAL },
            limited_by_kernel,
        }
    }

    /// Returns when the next measurement is due.
    pub(super) fn due(&self) -> Instant {
        self.measured + self.poll_interval
    }

    /// Measures the memory of the processes. Returns whether it is over a limit that the kernel does not enforce.
    pub(super) fn measure(&mut self, process_group: Pid) -> bool {
        let processes = proc::process_tree(process_group);
        let sums = processes.into_iter().map(proc::resident_memory);
        let (peak, current) = sums.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        self.peak_kb = self.peak_kb.max(peak);
        self.measured = Instant::now();
        current > self.limit_kb && !self.limited_by_kernel
    }

    /// Whether the peak is over a limit that the kernel does not enforce.
    pub(super) fn peak_exceeds_limit(&self) -> bool {
        self.peak_kb > self.limit_kb && !self.limited_by_kernel
    }

    /// Records that the processes ran out of memory, and so used all of it.
    pub(super) fn set_exhausted(&mut self) {
        self.peak_kb = self.limit_kb;
    }

    /// Returns the most memory that was in use at any time, in MB.
    pub(super) fn max_used(&self) -> u32 {
        let megabytes = self.peak_kb.min(self.limit_kb).div_ceil(1024);
        u32::try_from(megabytes).unwrap_or(u32::MAX).max(1)
    }
}
