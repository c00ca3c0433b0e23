//! `lpt`: lists the tools; `lpt NAME …` runs lpt-NAME, and completes like it.

// The file alone, because the library would bring in what is not needed here.
#[path = "../src/beside.rs"]
mod beside;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use clap_complete::CompleteEnv;

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
    answer_shell();
    let mut words = std::env::args_os().skip(1);
    let text = |word: OsString| word.to_string_lossy().into_owned();
    let mut name = words.next().map_or_else(|| "--help".into(), text);
    let mut arguments: Vec<OsString> = Vec::new();
    if name == "help"
        && let Some(tool) = words.next()
    {
        name = text(tool);
        arguments.push("--help".into());
    }
    if matches!(&*name, "--help" | "-h" | "help") {
        let list = TOOLS.map(|(name, summary)| format!("  {name:<9}{summary}\n")).concat();
        return say(format_args!(
            "Find the right memory size of an AWS Lambda function\n\n{list}\nlpt NAME --help says more of a tool, and man 7 lpt of all of them.\n"
        ));
    }
    if matches!(&*name, "--version" | "-V") {
        return say(format_args!("lpt {}\n", env!("CARGO_PKG_VERSION")));
    }
    let error = Command::new(beside::program(&format!("lpt-{name}"))).args(arguments).args(words).exec();
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

/// Prints the words that complete a command line, and ends the process, if a shell asks by `LPT_COMPLETE` as it asks each
/// tool: the names of the tools, and behind a name what its tool says.
fn answer_shell() {
    const INDEX: &str = "_CLAP_COMPLETE_INDEX";
    if std::env::var_os("LPT_COMPLETE").is_none_or(|shell| shell.is_empty() || shell == "0") {
        return;
    }
    // The command line follows `--`. fish asks for its last word, the others for the one of this index.
    let words: Vec<OsString> = std::env::args_os().skip(2).collect();
    let index = std::env::var(INDEX).ok().and_then(|index| index.parse().ok());
    let index = index.unwrap_or(words.len().saturating_sub(1));
    if let Some(name) = words.get(1).and_then(|name| name.to_str()).filter(|_| index > 1)
        && TOOLS.iter().any(|(tool, _)| tool == &name)
    {
        let tool = format!("lpt-{name}");
        let mut command = Command::new(beside::program(&tool));
        command.args(["--", &tool]).args(&words[2..]).env(INDEX, (index - 1).to_string());
        // A tool that cannot be run completes nothing.
        let _ = command.exec();
    }
    let tools = || TOOLS.map(|(name, summary)| clap::Command::new(name).about(summary));
    CompleteEnv::with_factory(move || clap::Command::new("lpt").subcommands(tools()))
        .var("LPT_COMPLETE")
        .complete();
}

/// Whoever closes stdout wants no more.
fn say(text: fmt::Arguments<'_>) -> ExitCode {
    let _ = io::stdout().write_fmt(text);
    ExitCode::SUCCESS
}
