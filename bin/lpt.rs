//! `lpt`: lists the tools; `lpt NAME …` runs lpt-NAME.

// The file alone, because the library would bring in what is not needed here.
#[path = "../src/beside.rs"]
mod beside;

use std::fmt;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// The tools in the order of the pipe, after the one that runs them all.
const TOOLS: [(&str, &str); 10] = [
    ("tune", "Find the best size of functions: from prepare to cleanup in one word"),
    ("prepare", "Publish a version of a function for each size to measure"),
    ("invoke", "Invoke each version, and record what Lambda reports"),
    ("import", "Make records of logs that are there already; convert records"),
    ("analyze", "Compute the duration, cost and rank of each size"),
    ("select", "Select the best size of each function"),
    ("apply", "Give each function the size that was selected"),
    ("cleanup", "Remove what a run made, and restore what it changed"),
    ("plot", "Draw the sizes of each function: a page, or a picture"),
    ("local", "Serve functions on this machine, to try the tools without AWS"),
];

#[allow(clippy::print_stderr, reason = "no tool runs yet")]
fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let name = words.next().map_or_else(|| "--help".into(), |word| word.to_string_lossy().into_owned());
    if matches!(&*name, "--help" | "-h" | "help") {
        let list = TOOLS.map(|(name, summary)| format!("  {name:<9}{summary}\n")).concat();
        return say(format_args!(
            "Find the right memory size of an AWS Lambda function\n\n{list}\nlpt NAME --help says more of a tool, and man 7 lpt of all of them.\n"
        ));
    }
    if matches!(&*name, "--version" | "-V") {
        return say(format_args!("lpt {}\n", env!("CARGO_PKG_VERSION")));
    }
    let error = Command::new(beside::program(&format!("lpt-{name}"))).args(words).exec();
    let likeness = |tool: &str| strsim::jaro_winkler(tool, &name);
    let nearest = TOOLS.iter().map(|(tool, _)| tool).max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let nearest = nearest.unwrap_or(&"tune");
    match error.kind() {
        io::ErrorKind::NotFound => {
            eprintln!("lpt: there is no lpt-{name}; try lpt {nearest}, or lpt for a list")
        }
        _ => eprintln!("lpt: lpt-{name} cannot be run: {error}"),
    }
    ExitCode::from(2)
}

/// Whoever closes stdout wants no more.
fn say(text: fmt::Arguments<'_>) -> ExitCode {
    let _ = io::stdout().write_fmt(text);
    ExitCode::SUCCESS
}
