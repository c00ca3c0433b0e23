//! The tools as processes, joined by pipes.
//!
//! Each is in a process group of its own, so that a signal reaches it only from here: a Ctrl-C at the terminal once, and
//! lpt-cleanup not at all until the user insists. Killed or not, this process is not needed for the pipe to end: then
//! nothing but the second cleaning up is missing.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::{CLEANUP, Stage};
use crate::beside;
use crate::entry::Interrupt;
use crate::error::Error;
use crate::exit::Exit;
use crate::message;
use crate::records::{End, Status};
use crate::signals::Signals;

/// The number of signals that lpt-cleanup does not get. The first ends the run, and the second ends the tools at once.
const NOT_FOR_CLEANUP: u32 = 2;

/// A tool that has ended.
pub(super) struct Ended {
    pub tool: &'static str,
    pub status: io::Result<ExitStatus>,
}

impl Ended {
    /// Returns how the tool ended. One that was killed, or that could not be started, has failed.
    pub fn exit(&self) -> Exit {
        self.status.as_ref().map_or(Exit::Failed, |status| exit_of(*status))
    }

    /// Tells the user that the tool was killed, or could not be started: it has not said so itself.
    pub fn say_if_killed(&self) {
        let tool = self.tool;
        match &self.status {
            Ok(status) if status.code().is_none() => {
                message::error(format_args!("{tool} was killed ({status})"));
            }
            Ok(_) => {}
            Err(error) => message::error(format_args!("{tool}: {error}")),
        }
    }
}

/// Returns the worst of how the tools ended.
pub(super) fn worst(ended: &[Ended]) -> Exit {
    ended.iter().fold(Exit::Done, |exit, ended| exit.worse(ended.exit()))
}

fn exit_of(status: ExitStatus) -> Exit {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(Exit::Failed, Exit::of_code)
}

/// The processes of a run, and the signals for them.
pub(super) struct Processes {
    /// The number of signals so far, and the last one.
    signals: watch::Receiver<(u32, Signal)>,
    interrupt: Interrupt,
}

impl Processes {
    /// Listens for signals, which [`crate::entry`] leaves to this process.
    pub fn new(interrupt: Interrupt) -> Result<Processes, Error> {
        let mut incoming = Signals::listen()?;
        let (sender, signals) = watch::channel((0, Signal::INT));
        tokio::spawn(async move {
            loop {
                let signal = incoming.next().await;
                sender.send_modify(|(count, last)| {
                    *count += 1;
                    *last = signal;
                });
            }
        });
        Ok(Processes { signals, interrupt })
    }

    /// Lets each tool but the first one check its arguments, on a stream without records. The first one checks its own
    /// before it changes anything. Returns how a tool ends that refuses them, after it has said why.
    pub async fn check(&self, stages: &[Stage]) -> Result<Option<Exit>, Error> {
        let checks = stages[1..].iter().map(async |stage| {
            // What a tool warns of, it will say in the run.
            let mut arguments = stage.flags.clone();
            arguments.push("--quiet".into());
            if stage.name != CLEANUP {
                arguments.push("--dry-run".into());
            }
            let (reader, mut writer) = io::pipe().map_err(Error::io("pipe"))?;
            let end = End {
                tool: message::tool().to_owned(),
                records: 0,
                status: Status::Complete,
                partly: false,
                cause: None,
                exit_code: None,
            };
            let line = serde_json::to_string(&end).expect("a record has string keys");
            // Before the tool may refuse its flags, and nobody reads.
            writeln!(writer, "{line}").map_err(Error::io(stage.name))?;
            drop(writer);
            let child = Command::new(beside::program(stage.name))
                .args(arguments)
                .stdin(reader)
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .map_err(Error::io(stage.name))?;
            child.wait_with_output().await.map_err(Error::io(stage.name))
        });
        let outputs = tokio::select! {
            outputs = join_all(checks) => outputs,
            () = self.interrupt.cancelled() => return Err(Error::Interrupted),
        };
        for output in outputs {
            let output = output?;
            if !output.status.success() {
                // If stderr cannot be written to, there is nobody to tell.
                let _ = io::stderr().write_all(&output.stderr);
                return Ok(Some(exit_of(output.status)));
            }
        }
        Ok(None)
    }

    /// Runs tools joined by pipes to their end. The last one writes to `output`, and each has the stderr of `errors`.
    pub async fn run(&self, stages: &[Stage], mut output: Stdio, errors: fn() -> Stdio) -> Vec<Ended> {
        let mut children = Vec::new();
        // The first one is started last, so that nothing changes unless all others are there.
        for (at, stage) in stages.iter().enumerate().rev() {
            let ends = if at == 0 {
                Ok((Stdio::null(), Stdio::null()))
            } else {
                io::pipe().map(|(reader, writer)| (reader.into(), writer.into()))
            };
            let child = ends.and_then(|(input, next)| {
                Command::new(beside::program(stage.name))
                    .args(stage.arguments())
                    .stdin(input)
                    .stdout(std::mem::replace(&mut output, next))
                    .stderr(errors())
                    .process_group(0)
                    .spawn()
            });
            let is_there = child.is_ok();
            children.push((stage, child));
            if !is_there {
                break;
            }
        }
        // Those that wait for a tool that is not there see the end of their input.
        drop(output);
        let ended = children.into_iter().rev().map(async |(stage, child)| {
            let status = match child {
                Ok(child) => wait(child, self.signals.clone(), stage).await,
                Err(error) => Err(error),
            };
            Ended { tool: stage.name, status }
        });
        join_all(ended).await
    }

    /// Writes a file to stdout. A signal ends that, and so does whoever closes stdout.
    pub async fn copy_to_stdout(&self, file: &Path) -> Result<(), Error> {
        let name = file.display().to_string();
        let mut file = File::open(file).map_err(Error::io(&name))?;
        let mut signals = self.signals.clone();
        signals.mark_unchanged();
        let copied = tokio::task::spawn_blocking(move || io::copy(&mut file, &mut io::stdout()));
        tokio::select! {
            copied = copied => match copied.expect("copying does not panic") {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::io("stdout")(error)),
                _ => Ok(()),
            },
            Ok(()) = signals.changed() => Err(Error::Interrupted),
        }
    }

    /// Asks the user a question. Where nobody can answer, the answer is yes.
    pub async fn agrees(&self, question: &str) -> Result<bool, Error> {
        if !io::stdin().is_terminal() {
            return Ok(true);
        }
        let _ = write!(io::stderr(), "{}: {question} [y/N] ", message::tool());
        let answer = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            io::stdin().read_line(&mut answer).map(|_| answer)
        });
        tokio::select! {
            answer = answer => {
                let answer = answer.expect("reading does not panic").map_err(Error::io("stdin"))?;
                Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
            }
            () = self.interrupt.cancelled() => Err(Error::Interrupted),
        }
    }
}

/// Waits until a tool ends, and forwards signals to it meanwhile.
async fn wait(
    mut child: Child,
    mut signals: watch::Receiver<(u32, Signal)>,
    stage: &Stage,
) -> io::Result<ExitStatus> {
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let ignored = if stage.name == CLEANUP { NOT_FOR_CLEANUP } else { 0 };
    loop {
        tokio::select! {
            status = child.wait() => return status,
            Ok(()) = signals.changed() => {
                let (count, signal) = *signals.borrow_and_update();
                if let Some(pid) = pid.filter(|_| count > ignored) {
                    // It may have ended just now.
                    let _ = kill_process(pid, signal);
                }
            }
        }
    }
}
