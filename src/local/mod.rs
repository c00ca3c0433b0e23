//! `lpt-local`: a Lambda service on this machine that runs the functions' own processes, or replays recordings.
//!
//! ```text
//! SDK ──REST──▶ api ─────▶ environment ─────▶ throttle
//!                │              │                 │
//!              store          fleet        cgroup or duty_cycle
//!                         process ◀──Runtime API──▶ the function
//! ```
//!
//! It knows no tool and no record: it shares only Lambda's API with the tools.

mod server; // starts the service, and stops it
mod command; // runs the user's command against the service
mod deploy; // creates the functions that the command line names
mod args; // the arguments as typed
mod api; // Lambda's REST API, and the functions, versions and aliases that it works on
mod environment; // execution environments: a process, its Runtime API, its log and its report
mod throttle; // the share of CPU and memory that a process gets
mod function; // a function's name, configuration and code
mod gate; // refuses requests that a web page may have sent
mod refusal; // the exceptions that the API refuses requests with
mod temp_dir; // the folder for unpacked code
mod mark; // the mark by which the next lpt-local finds what a killed one left behind
mod proc; // what the system says about processes, on Linux and elsewhere
mod credentials; // the access key that callers sign with

pub use args::Args;
