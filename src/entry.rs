//! Where every binary begins: arguments, runtime, signals, the error line and the exit code, written once.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Exit};
use crate::message;

/// Cancelled by the first SIGINT, SIGTERM or SIGHUP. A second one ends the tool at once.
pub type Interrupt = CancellationToken;

/// A tool: its arguments as typed, and what it does with them.
pub trait Tool: clap::Parser {
    /// What to say when a second signal ends it at once.
    const STOPPED: &'static str =
        "stopped at once; lpt-cleanup, given the run's records, undoes what was begun";

    /// Does the work. Whatever it says on stdout, it has flushed when this returns.
    fn run(self, interrupt: Interrupt) -> impl Future<Output = Result<Exit, Error>>;
}

/// Runs the tool `T` on this process's arguments and streams.
pub fn run<T: Tool>() -> ExitCode {
    message::set_tool(T::command().get_name());
    let tool = match T::try_parse() {
        Ok(tool) => tool,
        Err(error) => return answer_clap(&error).into(),
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
            error.exit()
        }
    }
    .into()
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
