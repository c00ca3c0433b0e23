//! `lpt-tune`: the whole pipe in one word. It is above the tools, because it hands its flags to them.

mod args; // the arguments as typed
mod outlook; // what a run will do, and what it costs at most
mod files; // the files of a run
mod processes; // the tools as processes, joined by pipes

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::Stdio;

pub use args::Args;

use crate::entry::Interrupt;
use crate::error::Error;
use crate::exit::Exit;
use crate::message;
use crate::names::Callee;
use crate::report::Format;
use crate::tools::prepare;
use crate::units::Money;
use files::{Files, typed};
use outlook::{Outlook, Race};
use processes::{Ended, Processes, worst};

/// The tools that decide.
const ANALYZE: &str = "lpt-analyze";
const SELECT: &str = "lpt-select";
/// The tool that changes the function.
const APPLY: &str = "lpt-apply";
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
    /// The form of the output; None: that for who reads it.
    format: Option<Format>,
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

    /// Returns the same tool in a pipe that analyzes the records of the run, and writes the selections in `format`, or
    /// otherwise the statistics. `None` if it has no part in that.
    fn of_selecting(&self, files: &Files, format: Option<Format>) -> Option<Stage> {
        let mut stage = Stage { operands: Vec::new(), ..self.clone() };
        match self.name {
            ANALYZE => stage.operands.push(files.records.clone().into()),
            SELECT => stage.flags.push(format!("--format={}", format?.as_str()).into()),
            _ => return None,
        }
        Some(stage)
    }
}

/// Checks the flags, says what the run will do, runs the tools, and undoes the run if one of them has not done its part.
///
/// # Errors
/// A flag that a tool refuses, a file that exists, or a tool that cannot be started. Nothing is published then.
async fn run(mut options: Options, interrupt: &Interrupt) -> Result<Exit, Error> {
    let name = stem(&options.plan.functions);
    let processes = Processes::new(interrupt.clone())?;
    let files = Files::claim(options.save.take(), options.overwrites, &name)?;
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
    let mut stages = options.stages.clone();
    for (stage, save) in stages.iter_mut().zip([&files.plan, &files.records]) {
        stage.flags.push(["--save=".as_ref(), save.as_os_str()].into_iter().collect());
        stage.flags.push("--overwrite".into());
    }
    let ended = processes.run(&stages, files.open_result()?.into(), Stdio::inherit).await;
    ended.iter().for_each(Ended::say_if_killed);
    let exit = worst(&ended);
    let has_begun = files.has_plan();
    let is_undone = exit == Exit::Done || !has_begun || undo(&options.stages, &files, &processes).await;
    if is_undone {
        // What lpt-prepare was about to change is changed back.
        let _ = std::fs::remove_file(&files.plan);
    }
    let shown = show(&options, &files, &processes).await;
    if !has_begun {
        files.discard();
    } else if is_undone {
        files.say_where(options.stages.iter().any(|stage| stage.name == APPLY));
    }
    shown.map(|shown| exit.worse(shown))
}

/// Adds the statistics to the result, and shows it in the form that is asked for, or to people who have not seen it.
async fn show(options: &Options, files: &Files, processes: &Processes) -> Result<Exit, Error> {
    let has_selection = files.has_selection();
    let run = async |format, output| {
        let stages: Vec<_> =
            options.stages.iter().filter_map(|stage| stage.of_selecting(files, format)).collect();
        // What they warn of, they have said in the run.
        worst(&processes.run(&stages, output, Stdio::null).await)
    };
    let mut exit = Exit::Done;
    if has_selection {
        exit = run(None, files.begin_analysis()?.into()).await;
        files.end_analysis()?;
    }
    let (is_for_people, is_watched) = (io::stdout().is_terminal(), io::stderr().is_terminal());
    let shown = match options.format {
        Some(Format::Ndjson) => processes.copy_to_stdout(&files.result).await.map(|()| Exit::Done)?,
        None if !is_for_people => {
            let copied = processes.copy_to_stdout(&files.result).await;
            // lpt-select has shown the table where its stderr is a terminal.
            if has_selection && !is_watched && !message::is_quiet() {
                run(Some(Format::Table), copy_of_stderr()).await;
            }
            copied.map(|()| Exit::Done)?
        }
        None if is_watched || message::is_quiet() || !has_selection => Exit::Done,
        None => run(Some(Format::Table), Stdio::inherit()).await,
        Some(Format::Table) if is_for_people && is_watched && !message::is_quiet() => Exit::Done,
        Some(_) if !has_selection => Exit::Done,
        Some(format) => {
            let shown = run(Some(format), Stdio::inherit()).await;
            if !matches!(shown, Exit::Done | Exit::Partly) {
                let records = typed(&files.records);
                message::error(format_args!(
                    "the selections could not be written; try again: lpt-analyze {records} | lpt-select --format {}",
                    format.as_str()
                ));
            }
            shown
        }
    };
    Ok(exit.worse(shown))
}

fn copy_of_stderr() -> Stdio {
    io::stderr().as_fd().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from)
}

/// Undoes a run from its files. To clean up twice does no harm. Returns whether it is undone.
async fn undo(stages: &[Stage], files: &Files, processes: &Processes) -> bool {
    let cleanup = stages.last().expect("the pipe ends with lpt-cleanup");
    let operands = files.saved().into_iter().map(OsString::from).collect();
    // Mostly the first one has said what is removed.
    let again = Stage { operands, manner: vec!["--quiet".into()], ..cleanup.clone() };
    // Its status alone counts, so nobody who closes stdout may change it.
    let ended = processes.run(&[again], Stdio::null(), Stdio::inherit).await;
    let is_undone = worst(&ended) == Exit::Done;
    if !is_undone {
        message::error(format_args!("the run is not undone; try again: {}", files.cleanup_command()));
    } else if !files.is_cleaned() {
        message::note("the versions and aliases of the run are removed");
    }
    is_undone
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
