//! `lpt-tune`: the whole pipe in one word. It is above the tools, because it hands its flags to them.

mod args; // the arguments as typed
mod outlook; // what a run will do, and what it costs at most
mod processes; // the tools as processes, joined by pipes

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

pub use args::Args;

use crate::entry::Interrupt;
use crate::error::Error;
use crate::exit::Exit;
use crate::message;
use crate::names::Callee;
use crate::quote::operand;
use crate::tools::prepare;
use crate::units::{Money, Timestamp};
use outlook::{Outlook, Race};
use processes::{Ended, Processes};

/// The last tool of the pipe.
const CLEANUP: &str = "lpt-cleanup";

/// The options that the arguments become.
#[derive(Debug)]
struct Options {
    /// The tools in the order of the pipe.
    stages: Vec<Stage>,
    /// What lpt-prepare makes of its arguments.
    plan: prepare::Options,
    /// How much an adaptive run measures at most; None: it is none.
    race: Option<Race>,
    /// Whether the invocations of a size are sent at once.
    is_parallel: bool,
    /// Maximum control-plane requests per second; 0: no limit.
    rate: u32,
    /// What the run may cost.
    max_cost: Option<Money>,
    /// The file for the records; None: a dated one in the current folder.
    save: Option<PathBuf>,
    overwrites: bool,
}

/// A tool of the pipe, and its arguments.
#[derive(Debug, Clone)]
struct Stage {
    name: &'static str,
    flags: Vec<OsString>,
    /// The flags that a check replaces: how much the tool says, and whether the run is dry.
    manner: Vec<OsString>,
    operands: Vec<OsString>,
}

impl Stage {
    fn arguments(&self) -> Vec<OsString> {
        let operands = if self.operands.is_empty() { None } else { Some("--".into()) };
        let operands = operands.into_iter().chain(self.operands.iter().cloned());
        self.flags.iter().chain(&self.manner).cloned().chain(operands).collect()
    }
}

/// Checks the flags, says what the run will do, runs the tools, and undoes the run if one of them has not done its part.
///
/// # Errors
/// A flag that a tool refuses, a file that exists, or a tool that cannot be started. Nothing is published then.
async fn run(mut options: Options, interrupt: &Interrupt) -> Result<Exit, Error> {
    let name = stem(&options.plan.functions);
    let file = options.save.take().unwrap_or_else(|| dated(&name));
    let plan = file.with_extension("plan.ndjson");
    let is_there = |file: &&PathBuf| !options.overwrites && file.exists();
    if let Some(file) = [&file, &plan].into_iter().find(is_there) {
        return Err(Error::Usage(format!(
            "--save {}: the file exists; name another one, or add --overwrite",
            file.display()
        )));
    }
    let processes = Processes::new(interrupt.clone())?;
    if let Some(exit) = processes.check(&options.stages).await? {
        return Ok(exit);
    }
    if io::stderr().is_terminal() {
        let outlook = Outlook::of(&options, &name);
        outlook.show();
        if let Some(question) = outlook.question(options.max_cost)
            && !processes.agrees(&question).await?
        {
            message::note("nothing is published");
            return Ok(Exit::Failed);
        }
    }
    if interrupt.is_cancelled() {
        return Err(Error::Interrupted);
    }
    for (stage, save) in options.stages.iter_mut().zip([&plan, &file]) {
        stage.flags.push(["--save=".as_ref(), save.as_os_str()].into_iter().collect());
        stage.flags.extend(options.overwrites.then(|| "--overwrite".into()));
    }
    // People read the summaries, which are on stderr.
    let output = if io::stdout().is_terminal() { Stdio::null() } else { Stdio::inherit() };
    let ended = processes.run(&options.stages, output).await?;
    let exit = ended.iter().fold(Exit::Done, |exit, ended| exit.worse(ended.exit()));
    for Ended { tool, status } in ended.iter().filter(|ended| ended.status.code().is_none()) {
        message::error(format_args!("{tool} was killed ({status})"));
    }
    let cleanup = options.stages.last().expect("the pipe ends with lpt-cleanup");
    undo(cleanup, exit, [&plan, &file], &processes).await
}

/// Undoes a run from its files, unless each tool has done its part. Says where the records are.
async fn undo(cleanup: &Stage, exit: Exit, files: [&Path; 2], processes: &Processes) -> Result<Exit, Error> {
    let [plan, runs] = files;
    let has_records = |file: &&Path| file.metadata().is_ok_and(|file| file.len() > 0);
    let saved: Vec<&Path> = files.into_iter().filter(has_records).collect();
    if exit != Exit::Done && !saved.is_empty() {
        // To clean up twice does no harm. Its status alone counts, so nobody who closes stdout may change it.
        let operands = saved.iter().map(|file| file.into()).collect();
        let again = Stage { operands, ..cleanup.clone() };
        let ended = processes.run(&[again], Stdio::null()).await?;
        if ended.iter().any(|ended| !ended.status.success()) {
            let operands: Vec<String> =
                saved.iter().map(|file| operand(&file.display().to_string())).collect();
            message::error(format_args!(
                "the run is not undone; try again: lpt-cleanup {}",
                operands.join(" ")
            ));
            return Ok(exit);
        }
    }
    // What lpt-prepare was about to change is changed back.
    let _ = std::fs::remove_file(plan);
    if has_records(&runs) {
        message::note(format_args!("the records are in {}", operand(&runs.display().to_string())));
    }
    Ok(exit)
}

/// Returns the beginning of the names of the files of runs of these functions.
fn stem(functions: &[Callee]) -> String {
    let first = functions[0].function().to_string();
    let name = first.rsplit(':').next().unwrap_or_default();
    match functions.len() - 1 {
        0 => name.to_owned(),
        others => format!("{name}-and-{others}-more"),
    }
}

/// Returns a new file in the current folder, such as f-20261127T204500Z.ndjson. Of the same second there may be several.
fn dated(name: &str) -> PathBuf {
    let now = Timestamp::now().to_string();
    let seconds = now.split('.').next().unwrap_or_default().replace(['-', ':'], "");
    let mut file = PathBuf::from(format!("{name}-{seconds}Z.ndjson"));
    for number in 2.. {
        if !file.exists() {
            break;
        }
        file.set_file_name(format!("{name}-{seconds}Z-{number}.ndjson"));
    }
    file
}
