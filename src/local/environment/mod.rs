//! Execution environments, and the invocations that they run.

mod fleet; // all environments: gives each invocation a core, and a warm or a new environment
mod process; // one environment: a process of a function
mod failure; // why an environment can't go on, and what the log and the caller learn of it
mod system_log; // the platform's lines in the log
mod report; // the report of one invocation
mod log; // the log of one invocation
mod runtime_api; // the Runtime API, which the process calls
mod memory; // the memory that the process uses
mod orphans; // processes that have outlived their parent
mod variables; // the environment variables of the process
mod cores; // the cores of this machine that invocations share
mod concurrency; // how many invocations may run at once

pub(crate) use self::concurrency::Concurrency;
pub(crate) use self::cores::Cores;
pub(crate) use self::fleet::{Fleet, Invocation, InvocationRequest};
pub(crate) use self::orphans::{Orphans, end_orphans, end_stale};
