//! The tools of the pipe, in its order.
//!
//! Each has its arguments as typed in `args.rs`, which become its `Options`, and a function `run` that is handed the
//! options, the client of AWS where it calls AWS, and its place in the pipe.

/// lpt-prepare: publishes a version for each size to measure. Writes `plan` and `configuration` records.
pub mod prepare;

/// lpt-invoke: invokes each version. `configuration` → `invocation`.
pub mod invoke;

/// lpt-analyze: computes durations and costs. `invocation` → `statistics`.
pub mod analyze;

/// lpt-select: selects the best size of each function. `statistics` → `selection`.
pub mod select;

/// lpt-apply: gives the selected size to the function. `selection` → `applied`.
pub mod apply;

/// lpt-cleanup: removes what the run made, and restores what it changed. `plan`, `configuration` → `cleaned`.
pub mod cleanup;
