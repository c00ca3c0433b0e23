//! All tests of the tools as processes, in one binary: each would link polars and the SDK again.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![allow(clippy::print_stdout, reason = "a test that can't run here says so")]

mod analyze;
mod apply;
mod cleanup;
mod common;
mod docs;
mod interruption;
mod invoke;
mod layout;
mod load;
mod local;
mod pipeline;
mod policy;
mod prepare;
mod select;
mod state_machine;
