//! Limits a process to the CPU and memory of its memory size, as Lambda does.

mod cgroup; // by the kernel's control groups
mod duty_cycle; // by stopping and continuing the process, where control groups can't be created
mod period; // the period that both count CPU time in

use std::sync::Arc;
use std::time::Instant;

use rustix::process::Pid;

pub(crate) use self::cgroup::{ControlGroup, remove_stale};
pub(crate) use self::duty_cycle::DutyCycle;

use self::cgroup::Cgroups;
use crate::units::MemoryMB;

/// The value of `--cpu`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ThrottleMethod {
    /// Control groups if they can be created, else a duty cycle.
    Auto,
    /// Control groups (version 1 or 2), which usually need root.
    Cgroup,
    /// Stop and continue the process.
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

    /// Describes the method to a person.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Throttle::Cgroups(cgroups) if cgroups.limit_memory() => "control groups",
            Throttle::Cgroups(_) => "control groups (memory: by polling)",
            Throttle::DutyCycle(_) => "a duty cycle (stop and continue; memory: by polling)",
            Throttle::Unlimited => "nothing: every function has the whole machine (memory: by polling)",
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
