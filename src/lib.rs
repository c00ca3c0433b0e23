//! The tools of lpt find the right memory size of an AWS Lambda function. Each does one thing, and exchanges records
//! with the others as NDJSON on stdin and stdout:
//!
//! ```text
//! lpt-prepare f | lpt-invoke | tee -i runs.ndjson | lpt-analyze --strategy balanced | lpt-select | lpt-apply | lpt-cleanup
//!       │               │                             │                            │            │             │
//!     plan          invocation                    statistics                   selection     applied       cleaned
//!  configuration
//! ```
//!
//! A run that was saved can be analyzed again with another strategy, without invoking anything:
//!
//! ```text
//! lpt-analyze --strategy speed runs.ndjson | lpt-select
//! ```
//!
//! The modules are in three layers. Each module uses only modules that are listed below it, here and in each mod.rs;
//! tests/layout.rs checks that.

// The tools.
pub mod tools; // the six filters of the pipe, in its order; no tool uses another
pub mod local; // lpt-local: a Lambda service on this machine; it knows no tool and no record

// Shared by the tools.
pub mod entry; // arguments, runtime, signals, input, error line, exit code: once for all tools
pub mod cli; // the flags that tools share, and the execution input of AWS Lambda Power Tuning
mod report; // output for people and other programs: tables, documents
pub mod run; // the changes that a run makes to a function, and how they are undone
mod decide; // the best size under a strategy
pub mod price; // the price list
mod aws; // the SDK's set-up, the calls, the retries, the errors of AWS
pub mod ndjson; // the record stream: reader, lines, writer

// The ground: no SDK, no streams.
pub mod records; // the types of the records
mod statistics; // estimators
pub mod names; // ARNs, function names, versions, aliases, architectures
pub mod units; // memory, time, money
mod text; // serialization of types that a record holds as text
mod message; // messages on stderr
pub mod error; // the errors with which a tool ends early
pub mod exit; // the exit codes
