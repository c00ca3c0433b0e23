//! Shares of CPU where control groups can't be made: a process group is stopped when it has used up its
//! share, and continued when it has earned more. It pays for CPU time, not for time, so that a function
//! that waits is not slowed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::sleep_until;

use super::cgroup::PERIOD;
use super::proc;

/// In nanoseconds. To look more often would take the CPU time that is to be shared out.
const LEAST_WAIT: f64 = 200_000.0;

/// The account of one process group: earns its share of each nanosecond, pays for the CPU time that it uses.
#[derive(Debug)]
pub struct DutyCycle {
    group: Pid,
    /// vCPUs.
    share: f64,
    /// How many of them it can use at once.
    cores: f64,
    /// CPU time that it may use, in nanoseconds; below zero it has used more than it had.
    balance: f64,
    /// What each thread had used when we last looked.
    paid: HashMap<PathBuf, u64>,
    looked: Instant,
    /// When to look again.
    due: Instant,
    stopped: bool,
}

impl DutyCycle {
    /// An account with one period's share in it, as a control group begins.
    pub fn new(group: Pid, share: f64, cores: f64, now: Instant) -> DutyCycle {
        DutyCycle {
            group,
            share,
            cores,
            balance: most(share),
            paid: HashMap::new(),
            looked: now,
            due: now,
            stopped: false,
        }
    }

    /// The group has been continued by its owner.
    pub fn thawed(&mut self, now: Instant) {
        self.stopped = false;
        self.due = now;
    }

    /// Waits until the account is to be settled, and settles it. Loses nothing when it is dropped before.
    pub async fn turn(&mut self) {
        sleep_until(self.due.into()).await;
        let now = Instant::now();
        let used = self.used();
        let waiting = self.settle(used, now);
        if waiting != self.stopped {
            let signal = if waiting { Signal::STOP } else { Signal::CONT };
            // A group that is gone needs no share.
            let _ = kill_process_group(self.group, signal);
            self.stopped = waiting;
        }
    }

    /// Books CPU time and says whether the group has to wait now.
    fn settle(&mut self, used: u64, now: Instant) -> bool {
        let earned = self.share * (now - self.looked).as_nanos() as f64;
        self.looked = now;
        // What is not used is not saved, as with a control group.
        self.balance = (self.balance + earned).min(most(self.share)) - used as f64;
        // Once it waits, it waits for half of that: more signals would cost more, and with less room above
        // it would lose what it earns while our timer is late.
        let enough = most(self.share) / 2.0;
        let waiting = self.balance < if self.stopped { enough } else { 0.0 };
        let nanos = if waiting { (enough - self.balance) / self.share } else { self.balance / self.cores };
        self.due = now + std::time::Duration::from_nanos(nanos.max(LEAST_WAIT) as u64);
        waiting
    }

    /// CPU time since we last looked.
    fn used(&mut self) -> u64 {
        let leader = self.group.as_raw_nonzero().get().unsigned_abs();
        let mut paid = HashMap::with_capacity(self.paid.len());
        let mut used = 0;
        for pid in proc::tree(leader) {
            for (thread, time) in proc::cpu_times(pid) {
                used += time.saturating_sub(self.paid.get(&thread).copied().unwrap_or(0));
                paid.insert(thread, time);
            }
        }
        self.paid = paid;
        used
    }
}

/// The share of one period.
fn most(share: f64) -> f64 {
    share * PERIOD.as_nanos() as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A tenth of a vCPU: 2 ms of each 20 ms.
    fn account(now: Instant) -> DutyCycle {
        let group = Pid::from_raw(i32::MAX).unwrap();
        DutyCycle::new(group, 0.1, 2.0, now)
    }

    fn ms(milliseconds: u64) -> u64 {
        milliseconds * 1_000_000
    }

    #[test]
    fn who_waits_uses_nothing_and_is_never_stopped() {
        let mut now = Instant::now();
        let mut account = account(now);
        for _ in 0..100 {
            now += Duration::from_millis(20);
            assert!(!account.settle(0, now));
        }
        assert_eq!(account.balance, most(0.1), "nothing is saved beyond one period");
    }

    #[test]
    fn who_computes_gets_its_share_and_no_more() {
        let start = Instant::now();
        let mut now = start;
        let mut account = account(now);
        let mut used = 0;
        while now - start < Duration::from_secs(10) {
            let before = now;
            now = account.due;
            let burned = if account.stopped { 0 } else { (now - before).as_nanos() as u64 };
            used += burned;
            account.stopped = account.settle(burned, now);
        }
        let share = used as f64 / (now - start).as_nanos() as f64;
        assert!((0.095..0.105).contains(&share), "{share}");
    }

    #[test]
    fn a_debt_is_worked_off() {
        let now = Instant::now();
        let mut account = account(now);
        assert!(account.settle(ms(6), now));
        account.stopped = true;
        // 6 used, 2 owned, 1 wanted: 50 ms at a tenth.
        assert_eq!((account.due - now).as_millis(), 50);
    }
}
