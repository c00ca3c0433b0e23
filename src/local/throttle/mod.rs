//! Limits a process to the CPU and memory of its memory size, as Lambda does.

mod cgroup; // by the kernel's control groups
mod hierarchy; // where control groups can be created
mod duty_cycle; // by stopping and continuing the process, where control groups can't be created
mod period; // the period that both count CPU time in

use std::sync::Arc;
use std::time::Instant;

use rustix::process::Pid;

pub(crate) use self::cgroup::{ControlGroup, remove_stale};
pub(crate) use self::duty_cycle::DutyCycle;

use self::cgroup::Cgroups;
use self::hierarchy::Version;
use crate::units::MemoryMB;

/// The value of `--cpu`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ThrottleMethod {
    /// Control groups if they can be created, else a duty cycle.
    Auto,
    /// Control groups (version 1 or 2), which need root or a delegated subtree.
    Cgroup,
    /// Pause and continue the processes, which needs no rights.
    DutyCycle,
    /// No limit: every function has the whole machine.
    Unlimited,
}

/// The method in use.
#[derive(Debug, Clone)]
pub(crate) enum Throttle {
    Cgroups(Arc<Cgroups>),
    /// With the number of cores of this machine.
    DutyCycle(f64),
    Unlimited,
}

/// The share of CPU and memory of one execution environment.
#[derive(Debug)]
pub(crate) enum Share {
    ControlGroup(ControlGroup),
    /// `cores` is the number of cores of this machine.
    DutyCycle {
        vcpus: f64,
        cores: f64,
    },
    Unlimited,
}

impl Throttle {
    /// Sets up a method. For `Auto` it is the best that works here, returned with why a better one does not.
    pub(crate) fn new(method: ThrottleMethod, cores: f64) -> Result<(Throttle, Option<String>), String> {
        match method {
            ThrottleMethod::Auto => Ok(match Cgroups::new() {
                Ok(cgroups) => (Throttle::Cgroups(Arc::new(cgroups)), None),
                Err(why) => (Throttle::DutyCycle(cores), Some(why)),
            }),
            ThrottleMethod::Cgroup => Ok((Throttle::Cgroups(Arc::new(Cgroups::new()?)), None)),
            ThrottleMethod::DutyCycle => Ok((Throttle::DutyCycle(cores), None)),
            ThrottleMethod::Unlimited => Ok((Throttle::Unlimited, None)),
        }
    }

    /// Describes the method to a person, and what it means.
    pub(crate) fn describe(&self) -> String {
        // RLIMIT_AS and RLIMIT_DATA count memory that is only reserved, of which Node.js, Go and Java have far more
        // than they use, and Linux ignores RLIMIT_RSS. So the only way without control groups is to look.
        const LOOK: &str = "memory by a look every 10 ms";
        match self {
            Throttle::Cgroups(cgroups) => {
                let version = match cgroups.version() {
                    Version::One => "version 1",
                    Version::Two => "version 2",
                    Version::TwoDelegated => "version 2, delegated",
                };
                if cgroups.limit_memory() {
                    format!("CPU and memory by control groups ({version}), as at Lambda")
                } else {
                    format!("CPU by control groups ({version}), as at Lambda; {LOOK}")
                }
            }
            Throttle::DutyCycle(_) => format!("CPU by pausing processes, so approximate; {LOOK}"),
            Throttle::Unlimited => format!("CPU without limit; {LOOK}"),
        }
    }

    /// Creates the share of a memory size.
    pub(crate) fn share(&self, memory: MemoryMB) -> Result<Share, String> {
        Ok(match self {
            Throttle::Cgroups(cgroups) => Share::ControlGroup(cgroups.create(memory)?),
            Throttle::DutyCycle(cores) if memory.vcpus() < *cores => {
                Share::DutyCycle { vcpus: memory.vcpus(), cores: *cores }
            }
            Throttle::DutyCycle(_) | Throttle::Unlimited => Share::Unlimited,
        })
    }

    /// Removes all control groups. Returns false if processes are still in one.
    pub(crate) fn remove(&self) -> bool {
        match self {
            Throttle::Cgroups(cgroups) => cgroups.remove(),
            Throttle::DutyCycle(_) | Throttle::Unlimited => true,
        }
    }
}

impl Share {
    /// Returns the duty cycle of the process group that has this share, if that is the method.
    pub(crate) fn duty_cycle(&self, process_group: Pid, now: Instant) -> Option<DutyCycle> {
        match self {
            Share::DutyCycle { vcpus, cores } => Some(DutyCycle::new(process_group, *vcpus, *cores, now)),
            Share::ControlGroup(_) | Share::Unlimited => None,
        }
    }

    /// Returns the control group, if that is the method.
    pub(crate) fn control_group(&self) -> Option<&ControlGroup> {
        match self {
            Share::ControlGroup(group) => Some(group),
            Share::DutyCycle { .. } | Share::Unlimited => None,
        }
    }
}
