//! Where every binary begins: arguments, runtime, signals, the error line and the exit code, written once.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Exit};
use crate::message;
use crate::ndjson;

/// Cancelled by the first SIGINT, SIGTERM or SIGHUP. A second one ends the tool at once.
pub type Interrupt = CancellationToken;

/// A tool: its arguments as typed, and what it does with them.
pub trait Tool: clap::Parser {
    /// What to say when a second signal ends it at once.
    const STOPPED: &'static str = "stopped at once; to undo what was begun run lpt-cleanup FILE with the file of its records, or lpt-cleanup --leftovers --function NAME";

    /// Whether it stands in a pipe behind another tool, whose records it passes on.
    const READS_RECORDS: bool = true;

    /// Does the work. Whatever it says on stdout, it has flushed when this returns.
    fn run(self, interrupt: Interrupt) -> impl Future<Output = Result<Exit, Error>>;
}

/// Runs the tool `T` on this process's arguments and streams.
pub fn run<T: Tool>() -> ExitCode {
    message::set_tool(T::command().get_name());
    let tool = match T::try_parse() {
        Ok(tool) => tool,
        Err(error) => {
            let exit = answer_clap(&error);
            if exit == Exit::Usage {
                pass_on::<T>();
            }
            return exit.into();
        }
    };
    let interrupt = Interrupt::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(async {
                watch_signals(interrupt.clone(), T::STOPPED)?;
                tool.run(interrupt.clone()).await
            });
            // A thread may still wait for a line on stdin; the process does not.
            runtime.shutdown_background();
            result
        }
        Err(source) => Err(Error::io("tokio")(source)),
    };
    message::clear_progress();
    match result {
        Ok(exit) => exit,
        Err(error) if error.is_closed_pipe() && interrupt.is_cancelled() => Exit::Interrupted,
        Err(error) if error.is_closed_pipe() => Exit::Done,
        Err(error) => {
            message::error(&error);
            pass_on::<T>();
            error.exit()
        }
    }
    .into()
}

/// A tool that can't begin still hands on what the one before it says, for the records that undo the run are in it.
/// Else they would be lost between the two, where that one has ended already.
fn pass_on<T: Tool>() {
    if T::READS_RECORDS && !names_a_file() {
        ndjson::pass_on_unread_stdin();
    }
}

/// Whether an argument is a file to read records from, so that stdin, which may never end, has none. What an option
/// before it names is no such file.
fn names_a_file() -> bool {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let is_option = |argument: &std::ffi::OsString| argument.as_encoded_bytes().starts_with(b"-");
    arguments.iter().enumerate().any(|(at, argument)| {
        let follows_option = at > 0 && is_option(&arguments[at - 1]);
        !is_option(argument) && !follows_option && std::path::Path::new(argument).is_file()
    })
}

/// `--help` and `--version` as they stand; what is wrong with the arguments in one line.
fn answer_clap(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        // A reader that closed the pipe has seen enough of the help.
        let _ = error.print();
        return Exit::Done;
    }
    let text = error.render().to_string();
    let said: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .collect();
    let said = said.join(" ");
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    message::error(format_args!("{said}; see {} --help", message::tool()));
    Exit::Usage
}

fn watch_signals(interrupt: Interrupt, stopped: &'static str) -> Result<(), Error> {
    let listen = |kind| signal(kind).map_err(Error::io("signal"));
    let mut int = listen(SignalKind::interrupt())?;
    let mut term = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
                _ = hangup.recv() => {}
            }
            if interrupt.is_cancelled() {
                message::error(stopped);
                std::process::exit(Exit::Interrupted.code().into());
            }
            interrupt.cancel();
        }
    });
    Ok(())
}
