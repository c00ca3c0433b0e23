//! The tools of lpt find the right memory size of an AWS Lambda function. Each does one thing, and exchanges records
//! with the others as NDJSON on stdin and stdout:
//!
//! ```text
//! lpt-prepare f | lpt-invoke --save runs.ndjson | lpt-analyze --strategy balanced | lpt-select | lpt-apply | lpt-cleanup
//!       │               │                              │                             │            │             │
//!  plan and        invocation                     statistics                    selection     applied       cleaned
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
//! tests/layout.rs checks that. bin/ has a main for each tool, and tests/main.rs says where each test is.

// The tools.
pub mod tune; // lpt-tune: the pipe in one word, which hands its flags to the tools
pub mod tools; // prepare, invoke, analyze, select, apply, cleanup: the pipe in its order; no tool uses another
pub mod local; // lpt-local: a Lambda service that gives functions the CPU and memory of their size; knows no tool

// Shared by the tools.
pub mod entry; // arguments, runtime, signals, input, error line, exit code: once for all tools
mod usage; // what is wrong with a command line, in plain words
pub mod cli; // the flags that tools share, and the input file of AWS Lambda Power Tuning's state machine
mod report; // output for people and other programs: tables, documents
pub mod run; // the changes that a run makes to a function: tag, publish, restore, remove
pub mod decide; // the best size under a strategy, how sure that is, and what is measured to know it
pub mod price; // the price list
mod aws; // the SDK's set-up, the calls, the retries, the errors of AWS
mod verbose; // what --verbose shows of the work, and of the SDK's
pub mod ndjson; // the record stream: reader, lines, writer
pub mod columns; // records as rows of a table, in CSV and Parquet

// The ground: no SDK, no record stream.
pub mod telemetry; // Lambda's reports of its invocations
pub mod records; // the types of the records
pub mod statistics; // estimators and tests: means, quantiles, ranks, with their uncertainty
mod label; // functions in messages: the short name, with the region where there are several
pub mod names; // ARNs, function names, versions, aliases, architectures
pub mod units; // memory, time, money
mod file_at; // a file that several threads read, each at its own place
mod signals; // the signals that end a process
mod beside; // where the programs of the tools are
mod text; // a macro that serializes a type as text, such as an ARN
mod message; // messages on stderr
mod wrap; // long lines on a terminal, broken between words
mod progress; // the line of progress on stderr, and writing beside it
mod quote; // text of others in messages and tables: short, and without characters that cannot be seen
pub mod error; // the errors with which a tool ends early
pub mod exit; // the exit codes
