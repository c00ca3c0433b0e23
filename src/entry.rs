//! The entry of every binary: arguments, runtime, signals, the input, the error line and the exit code.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use crate::cli::{CommonArgs, InputArgs, answer_shell};
use crate::error::Error;
use crate::exit::Exit;
use crate::message;
use crate::ndjson::{Reader, Upstream, Writer};
use crate::progress;
use crate::report::Format;
use crate::signals::Signals;
use crate::usage;

/// Cancelled by the first SIGINT, SIGTERM or SIGHUP. A second one ends the tool at once.
pub type Interrupt = CancellationToken;

/// A tool: its arguments as typed, and its work.
pub trait Tool: clap::Parser {
    /// The error line when a second signal ends the tool at once.
    const STOPPED: &'static str = "stopped at once; to undo what was begun run lpt-cleanup FILE with the file of its records, or lpt-cleanup --leftovers --function NAME";

    /// Whether stdout is a record stream, which ends with an `end` record.
    const WRITES_RECORDS: bool = true;

    /// Whether the tool hands each signal on to others that it waits for, and no second signal ends it.
    const FORWARDS_SIGNALS: bool = false;

    /// Returns the flags that every tool has.
    fn common(&self) -> &CommonArgs;

    /// Returns the form of the output that is asked for; `None`: that for who reads it.
    fn format(&self) -> Option<Format> {
        None
    }

    /// Returns the files of records to read, or `None` if the tool reads no records.
    fn input(&self) -> Option<&InputArgs>;

    /// Does the work. When it returns, everything that it wrote is flushed. The `end` record follows from the result.
    fn run(self, pipe: &mut Pipe) -> impl Future<Output = Result<Exit, Error>>;
}

/// The place of a tool in the pipe: its input, its output, and its interrupt.
pub struct Pipe {
    /// The records that the previous tool wrote, or those of the files that are named.
    pub input: Reader,
    /// What the tools before this one made of the input.
    pub upstream: Upstream,
    /// The stream that the next tool reads.
    pub output: Writer,
    /// Cancelled when a signal asks the tool to stop.
    pub interrupt: Interrupt,
}

/// Runs the tool `T` on this process's arguments and streams. Or, if a shell asks by the environment, prints what the
/// shell can complete.
pub fn run<T: Tool>() -> ExitCode {
    answer_shell(T::command);
    message::set_tool(T::command().get_name());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let exit = match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(run_tool::<T>());
            // A thread may still wait for a line on stdin. The process does not wait for it.
            runtime.shutdown_background();
            exit
        }
        Err(source) => {
            message::error(Error::io("tokio")(source));
            Exit::Failed
        }
    };
    exit.into()
}

async fn run_tool<T: Tool>() -> Exit {
    let interrupt = Interrupt::new();
    let tool = match parse::<T>() {
        Ok(tool) => tool,
        Err(error) => {
            let exit = report_usage(&error);
            if exit == Exit::Done {
                return exit;
            }
            let input = if names_a_file::<T>() { None } else { Reader::open(&[]).ok() };
            let input = input.unwrap_or_else(Reader::nothing);
            return Pipe::new::<T>(input, interrupt, None).end_early(exit).await;
        }
    };
    tool.common().apply();
    let format = tool.format();
    let input = tool.input().map_or_else(|| Ok(Reader::nothing()), |input| Reader::open(&input.files));
    let input = input.and_then(|input| watch_signals::<T>(interrupt.clone()).map(|()| input));
    let mut pipe = match input {
        Ok(input) => Pipe::new::<T>(input, interrupt, format),
        Err(error) => {
            message::error(&error);
            return Pipe::new::<T>(Reader::nothing(), interrupt, format).end(error.exit());
        }
    };
    let result = tool.run(&mut pipe).await;
    match result {
        Ok(exit) => pipe.end(exit),
        Err(error) if error.is_closed_pipe() && pipe.interrupt.is_cancelled() => pipe.end(Exit::Interrupted),
        Err(error) if error.is_closed_pipe() => pipe.end(Exit::Done),
        Err(error) => {
            if !matches!(error, Error::Upstream) {
                message::error(&error);
            }
            pipe.end_early(error.exit()).await
        }
    }
}

impl Pipe {
    /// At a terminal people read the output, unless it is asked for in a form.
    fn new<T: Tool>(input: Reader, interrupt: Interrupt, format: Option<Format>) -> Pipe {
        let mut output = Writer::stdout();
        if format.is_none() && io::stdout().is_terminal() {
            output.show_people();
        }
        if !T::WRITES_RECORDS {
            output.leave_out_end();
        }
        Pipe { upstream: input.upstream(), input, output, interrupt }
    }

    /// Ends the tool, which has failed as `own` says, and perhaps before it has read its input.
    async fn end_early(mut self, own: Exit) -> Exit {
        let Pipe { input, upstream, output, interrupt } = &mut self;
        tokio::select! {
            () = interrupt.cancelled() => {}
            () = input.pass_on(upstream, output) => {}
        }
        self.end(own)
    }

    /// Writes the `end` record, and returns how the tool ends: as itself says, or as the pipe up to it if that is worse.
    /// So the status of the last tool is that of the whole pipe.
    fn end(mut self, own: Exit) -> Exit {
        let (exit, end) = self.upstream.conclude(own);
        let exit = match self.output.end(end) {
            Err(error) if !error.is_closed_pipe() => {
                message::error(&error);
                exit.worse(error.exit())
            }
            _ => exit,
        };
        // Nobody after this tool can undo the run.
        if self.output.is_last() || self.output.is_closed() {
            self.upstream.say_what_remains(self.output.saved_to());
        }
        exit
    }
}

/// Whether a command line that clap refuses names a file of records. If it does, stdin has no records, and may never
/// end. A tool without an argument for files never reads stdin, so the answer for it is `true`.
///
/// The word after an option that takes a value is not such a file. Nor is the word after an unknown option: passing on
/// a stream that nobody needs does less harm than losing the records that undo a run.
fn names_a_file<T: Tool>() -> bool {
    let command = T::command();
    if !command.get_arguments().any(|argument| argument.get_id() == "files") {
        return true;
    }
    let takes_value = |option: &str| {
        let named = command.get_arguments().find(|argument| {
            argument.get_long().is_some_and(|long| option == format!("--{long}"))
                || argument.get_short().is_some_and(|short| option == format!("-{short}"))
        });
        let may_take_one =
            |argument: &clap::Arg| argument.get_action().takes_values() && !argument.is_require_equals_set();
        !option.contains('=') && named.is_none_or(may_take_one)
    };
    let is_file = |word: std::ffi::OsString| Path::new(&word).is_file();
    let mut words = std::env::args_os().skip(1);
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        if text == "--" {
            return words.any(is_file);
        }
        if text.starts_with('-') && text != "-" {
            if takes_value(&text) {
                words.next();
            }
        } else if is_file(word) {
            return true;
        }
    }
    false
}

/// Parses this process's arguments.
fn parse<T: Tool>() -> Result<T, clap::Error> {
    // The headings of groups would take the few options of -h beyond the 24 lines of a terminal.
    let is_short_help = std::env::args_os().any(|word| word == "-h");
    let mut command = T::command().mut_args(|mut argument| {
        if is_short_help {
            argument = argument.help_heading(None);
        }
        // A negative number is a value, which the parser of its option refuses. It is not an unknown option.
        let is_option = argument.get_long().is_some() && argument.get_action().takes_values();
        argument.allow_negative_numbers(is_option)
    });
    let mut matches = command.try_get_matches_from_mut(std::env::args_os())?;
    T::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// Prints `--help` and `--version` unchanged, and an error in the arguments as one line.
fn report_usage(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        // If the reader closed the pipe, it has seen enough of the help.
        let _ = error.print();
        return Exit::Done;
    }
    message::error(format_args!("{}; see {} --help", usage::describe(error), message::tool()));
    Exit::Usage
}

/// Cancels `interrupt` at the first signal. At the second one, says that the tool is stopped and ends the process.
fn watch_signals<T: Tool>(interrupt: Interrupt) -> Result<(), Error> {
    let mut signals = Signals::listen()?;
    tokio::spawn(async move {
        loop {
            signals.next().await;
            if interrupt.is_cancelled() && !T::FORWARDS_SIGNALS {
                progress::clear();
                message::error(T::STOPPED);
                std::process::exit(Exit::Interrupted.code().into());
            }
            interrupt.cancel();
        }
    });
    Ok(())
}
