//! Shares of CPU where control groups can't be created. A process group is stopped when it has used up its
//! share, and continued when it has earned more. It pays for CPU time and not for elapsed time, so that a
//! function that waits is not slowed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::sleep_until;

use super::period::PERIOD;
use crate::local::proc;

/// The shortest time between two charges, in nanoseconds. Charging more often would use up the CPU time that
/// is to be shared out.
const MIN_WAIT: f64 = 200_000.0;

/// The CPU budget of one process group. The group earns its share of each nanosecond, and pays for the CPU time
/// that it uses.
#[derive(Debug)]
pub(crate) struct DutyCycle {
    process_group: Pid,
    /// The share of CPU.
    vcpus: f64,
    /// The number of cores that the group can use at once.
    cores: f64,
    /// The CPU time that the group may use, in nanoseconds. Below zero it has used more than it had earned.
    balance: f64,
    /// The CPU time of each thread that is paid for, in nanoseconds.
    charged: HashMap<Pid, u64>,
    last_charge: Instant,
    next_charge: Instant,
    stopped: bool,
}

impl DutyCycle {
    /// Begins with the budget of one period, as a control group does.
    pub(crate) fn new(process_group: Pid, vcpus: f64, cores: f64, now: Instant) -> DutyCycle {
        DutyCycle {
            process_group,
            vcpus,
            cores,
            balance: budget(vcpus),
            charged: HashMap::new(),
            last_charge: now,
            next_charge: now,
            stopped: false,
        }
    }

    /// Records that the owner of the process group has continued it.
    pub(crate) fn resumed(&mut self, now: Instant) {
        self.stopped = false;
        self.next_charge = now;
    }

    /// Waits until the next charge is due, charges, and stops or continues the process group. Can be dropped
    /// while it waits: nothing is lost.
    pub(crate) async fn step(&mut self) {
        sleep_until(self.next_charge.into()).await;
        let now = Instant::now();
        let used = self.cpu_time_used();
        let stop = self.charge(used, now);
        if stop != self.stopped {
            let signal = if stop { Signal::STOP } else { Signal::CONT };
            // A group that has ended needs no share.
            let _ = kill_process_group(self.process_group, signal);
            self.stopped = stop;
        }
    }

    /// Charges CPU time, in nanoseconds. Returns whether the group has to be stopped now.
    fn charge(&mut self, used: u64, now: Instant) -> bool {
        let earned = self.vcpus * (now - self.last_charge).as_nanos() as f64;
        self.last_charge = now;
        // As with a control group, a budget that is not used is not saved.
        self.balance = (self.balance + earned).min(budget(self.vcpus)) - used as f64;
        // A stopped group waits until it has half of the budget. With less, it would be signalled more often,
        // which costs more. With more, it would lose what it earns while our timer is late.
        let enough = budget(self.vcpus) / 2.0;
        let stop = self.balance < if self.stopped { enough } else { 0.0 };
        let wait = if stop { (enough - self.balance) / self.vcpus } else { self.balance / self.cores };
        self.next_charge = now + Duration::from_nanos(wait.max(MIN_WAIT) as u64);
        stop
    }

    /// Returns the CPU time since the last charge, in nanoseconds.
    fn cpu_time_used(&mut self) -> u64 {
        let mut charged = HashMap::with_capacity(self.charged.len());
        let mut used = 0;
        for pid in proc::process_tree(self.process_group) {
            for (thread, time) in proc::cpu_times(pid) {
                used += time.saturating_sub(self.charged.get(&thread).copied().unwrap_or(0));
                charged.insert(thread, time);
            }
        }
        self.charged = charged;
        used
    }
}

/// Returns the CPU time of one period, in nanoseconds.
fn budget(vcpus: f64) -> f64 {
    vcpus * PERIOD.as_nanos() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the duty cycle of a tenth of a vCPU: 2 ms of each 20 ms.
    fn tenth(now: Instant) -> DutyCycle {
        let process_group = Pid::from_raw(i32::MAX).unwrap();
        DutyCycle::new(process_group, 0.1, 2.0, now)
    }

    fn ms(milliseconds: u64) -> u64 {
        milliseconds * 1_000_000
    }

    #[test]
    fn a_group_that_waits_is_never_stopped() {
        let mut now = Instant::now();
        let mut duty_cycle = tenth(now);
        for _ in 0..100 {
            now += Duration::from_millis(20);
            assert!(!duty_cycle.charge(0, now));
        }
        assert_eq!(duty_cycle.balance, budget(0.1), "nothing is saved beyond one period");
    }

    #[test]
    fn a_group_that_computes_gets_its_share_and_no_more() {
        let start = Instant::now();
        let mut now = start;
        let mut duty_cycle = tenth(now);
        let mut used = 0;
        while now - start < Duration::from_secs(10) {
            let before = now;
            now = duty_cycle.next_charge;
            let burned = if duty_cycle.stopped { 0 } else { (now - before).as_nanos() as u64 };
            used += burned;
            duty_cycle.stopped = duty_cycle.charge(burned, now);
        }
        let share = used as f64 / (now - start).as_nanos() as f64;
        assert!((0.095..0.105).contains(&share), "{share}");
    }

    #[test]
    fn a_debt_is_worked_off() {
        let now = Instant::now();
        let mut duty_cycle = tenth(now);
        assert!(duty_cycle.charge(ms(6), now));
        duty_cycle.stopped = true;
        // 6 used, 2 owned, 1 wanted: 50 ms at a tenth.
        assert_eq!((duty_cycle.next_charge - now).as_millis(), 50);
    }
}
