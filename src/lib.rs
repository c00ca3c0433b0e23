//! The tools of lpt find the right memory size of an AWS Lambda function. Each does one thing and hands its records
//! on, NDJSON on stdin and stdout:
//!
//! ```text
//! lpt-prepare f | lpt-invoke | tee -i runs.ndjson | lpt-analyze --strategy balanced | lpt-select | lpt-apply | lpt-cleanup
//!       │               │                             │                            │            │             │
//!     plan          invocation                    statistics                   selection     applied       cleaned
//!  configuration
//! ```
//!
//! What was measured is kept, and decided on again without measuring:
//!
//! ```text
//! lpt-analyze --strategy speed runs.ndjson | lpt-select
//! ```
//!
//! The modules stand in the order in which they may know each other: one may use those above it, never one below. A
//! stage has its record types in files of their name, its arguments as typed in `args.rs`, and a function `run` that
//! turns a [`ndjson::Reader`] into records on any writer.

// What all tools stand on.
pub mod entry;
pub mod error;
pub mod message;
pub mod ndjson;

pub mod format;
pub mod units;

// What the stages share: AWS, money, statistics, what makes a size the best, and what a user says of it all.
pub mod aws;
pub mod price;
pub mod statistics;
pub mod strategy;

pub mod execution_input;

pub mod cli;

/// Makes statistics of invocations.
pub mod analyze;
/// Gives it to the function.
pub mod apply;
/// Removes what the run made.
pub mod cleanup;
/// Invokes each version and records what Lambda reports.
pub mod invoke;
/// Publishes a version for each size to measure, and puts `$LATEST` back.
pub mod prepare;
/// Selects the best size.
pub mod select;

/// Lambda on this machine: what the tools can be tried on. It knows no stage, and no stage knows it.
pub mod local;
