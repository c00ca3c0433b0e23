//! The tools of the pipe, in its order.
//!
//! Each tool has its arguments as typed in `args.rs`, which become its `Options`. Its function `run` gets the
//! options, its place in the pipe and, if the tool calls AWS, the AWS client.

pub mod prepare; // lpt-prepare: publishes a version for each size; writes `plan` and `configuration`
pub mod invoke; // lpt-invoke: invokes each version; `configuration` → `invocation`
pub mod import; // lpt-import: makes records of logs, and converts them; logs → `invocation`
pub mod analyze; // lpt-analyze: computes durations and costs; `invocation` → `statistics`
pub mod select; // lpt-select: selects the best size of each function; `statistics` → `selection`
pub mod apply; // lpt-apply: gives the selected size to the function; `selection` → `applied`
pub mod cleanup; // lpt-cleanup: undoes a run; `plan`, `configuration` → `cleaned`
pub mod plot; // lpt-plot: draws the sizes; `statistics`, `selection`, `invocation` → a page or a picture
