//! CPU and memory follow the memory size, as at Lambda: which means does it on this machine.

use std::sync::Arc;

use rustix::process::Pid;

use super::cgroup::{Cgroups, Group};
use super::duty_cycle::DutyCycle;
use crate::units::MemoryMB;

/// How functions are kept to their share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Means {
    /// Control groups where they can be made, else a duty cycle.
    Auto,
    /// Control groups (version 1 or 2), which mostly needs root.
    Cgroup,
    /// Stop and continue.
    DutyCycle,
    /// Every function has the whole machine.
    Unlimited,
}

/// The means in force.
#[derive(Debug, Clone)]
pub enum Throttle {
    /// See [`Cgroups`].
    Cgroups(Arc<Cgroups>),
    /// See [`DutyCycle`]; with the number of cores that there are.
    DutyCycle(f64),
    /// None.
    Unlimited,
}

/// One environment's share.
#[derive(Debug)]
pub enum Share {
    Group(Group),
    DutyCycle { share: f64, cores: f64 },
    Whole,
}

impl Throttle {
    /// The means that were asked for; of `Auto`, the best that there is, and why not a better one.
    pub fn new(means: Means, cores: f64) -> Result<(Throttle, Option<String>), String> {
        match means {
            Means::Auto => Ok(match Cgroups::new() {
                Ok(cgroups) => (Throttle::Cgroups(Arc::new(cgroups)), None),
                Err(why) => (Throttle::DutyCycle(cores), Some(why)),
            }),
            Means::Cgroup => Ok((Throttle::Cgroups(Arc::new(Cgroups::new()?)), None)),
            Means::DutyCycle => Ok((Throttle::DutyCycle(cores), None)),
            Means::Unlimited => Ok((Throttle::Unlimited, None)),
        }
    }

    /// What it is, for people.
    pub fn describe(&self) -> &'static str {
        match self {
            Throttle::Cgroups(cgroups) if cgroups.limit_memory() => "control groups",
            Throttle::Cgroups(_) => "control groups (memory: by polling)",
            Throttle::DutyCycle(_) => "a duty cycle (stop and continue; memory: by polling)",
            Throttle::Unlimited => "nothing: every function has the whole machine (memory: by polling)",
        }
    }

    /// The share that comes with this size.
    pub fn share(&self, memory: MemoryMB) -> Result<Share, String> {
        Ok(match self {
            Throttle::Cgroups(cgroups) => Share::Group(cgroups.group(memory)?),
            Throttle::DutyCycle(cores) if memory.vcpus() < *cores => {
                Share::DutyCycle { share: memory.vcpus(), cores: *cores }
            }
            Throttle::DutyCycle(_) | Throttle::Unlimited => Share::Whole,
        })
    }

    /// Removes what was made; false where processes still hold it.
    pub fn remove(&self) -> bool {
        match self {
            Throttle::Cgroups(cgroups) => cgroups.remove(),
            Throttle::DutyCycle(_) | Throttle::Unlimited => true,
        }
    }
}

impl Share {
    /// The account of the process group that has this share, where there is one to keep.
    pub fn duty_cycle(&self, group: Pid, now: std::time::Instant) -> Option<DutyCycle> {
        match self {
            Share::DutyCycle { share, cores } => Some(DutyCycle::new(group, *share, *cores, now)),
            Share::Group(_) | Share::Whole => None,
        }
    }

    /// The control group, where that is the means.
    pub fn group(&self) -> Option<&Group> {
        match self {
            Share::Group(group) => Some(group),
            Share::DutyCycle { .. } | Share::Whole => None,
        }
    }
}
