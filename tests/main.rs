//! All tests of the tools as processes, in one binary: each binary would link the SDK again.
//!
//! A new test goes into the first of these files that its subject fits:
//!
//! - `docs`: the man pages agree with the arguments and the records.
//! - `layout`: the modules of src keep to their layers.
//! - `local`: lpt-local, as other programs see it.
//! - `machine`: the processes that lpt-local starts: their end, and their share of the machine.
//! - `interruption`: a tool that is disturbed at each of its calls can be undone from its records;
//!   `interruption::whole_pipe` ends or disturbs the pipe at random points, and `interruption::first_signal` ends a
//!   tool that gets no answer.
//! - `load`: many functions or many invocations, and the limits of AWS.
//! - `connection`: how a tool reaches AWS: TLS and proxies.
//! - `credentials`: whose account and which region a tool works in.
//! - `policy`: the IAM policy that is printed, and what a tool says that lacks a part of it.
//! - `state_machine`: the features of AWS Lambda Power Tuning, by its execution input and by flags.
//! - `pipeline`: the pipe as a user runs it: to its end, and stopped by Ctrl-C, a kill or a reader that leaves.
//! - `tune`: `lpt-tune`, the pipe in one word, and `lpt`.
//! - `messages`: what a tool says of its arguments, and of text that others wrote.
//! - `save`: what becomes of the records and of the versions that they name.
//! - `examples`: the script and the Makefile of examples, as a user runs them.
//! - `install`: what is installed where, also as a Debian package, and completions in the shells.
//! - `scale`: Spark, DuckDB and polars on saved runs.
//! - `adaptive`: the race of the sizes, with lpt-invoke --adaptive.
//! - `progress`: the line of progress on a terminal, and the estimate of a dry run.
//! - `prepare`, `invoke`, `import`, `analyze`, `select`, `apply`, `cleanup`, `plot`: one tool.
//!
//! A test of a function or a type is beside it, in src. Here, `common` has what tests are made of: `Local` starts a
//! service and reads its account, `Tool` and `Pipe` run the tools, `records` builds records, `faults` disturbs the
//! network, `network` is that of a company, `s3` is an S3 server, and `chromium` opens a page in a browser.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![allow(clippy::print_stdout, reason = "a test that can't run here says so")]

mod adaptive;
mod analyze;
mod apply;
mod cleanup;
mod common;
mod connection;
mod credentials;
mod docs;
mod examples;
mod import;
mod install;
mod interruption;
mod invoke;
mod layout;
mod load;
mod local;
#[cfg(target_os = "linux")]
mod machine;
mod messages;
mod pipeline;
mod plot;
mod policy;
mod prepare;
mod progress;
mod save;
mod scale;
mod select;
mod state_machine;
mod tune;
