//! One execution environment: a process of a function, its Runtime API, its output and its share of the
//! machine.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::log::Log;
use super::memory::Memory;
use super::runtime_api::{Event, FunctionError, RuntimeApi, RuntimeCall};
use super::variables::variables;
use crate::local::function::Runnable;
use crate::local::proc;
use crate::local::throttle::{ControlGroup, DutyCycle, Share, Throttle};

/// The bytes that the kernel keeps of a pipe that nobody reads: pipe(7).
const PIPE_CAPACITY: usize = 1 << 16;

/// One process of a function.
#[derive(Debug)]
pub(crate) struct Environment {
    child: Child,
    process_group: Pid,
    share: Share,
    duty_cycle: Option<DutyCycle>,
    api: RuntimeApi,
    output: Option<pipe::Receiver>,
    memory: Memory,
    /// The end of the last invocation.
    pub(crate) idle_since: Instant,
    shutdown: Shutdown,
    killed: bool,
}

/// The signals by which the service and its environments tell each other that they end.
#[derive(Debug, Clone)]
pub(crate) struct Shutdown {
    /// Cancelled when the service stops.
    pub(crate) requested: CancellationToken,
    /// The channel closes with the last environment.
    pub(crate) _ended: mpsc::Sender<()>,
}

/// The function's answer to one invocation.
pub(crate) type Answer = Result<Bytes, FunctionError>;

impl Environment {
    /// Starts a process, which is not yet initialized.
    pub(crate) async fn start(
        runnable: &Runnable,
        throttle: &Throttle,
        shutdown: Shutdown,
    ) -> Result<Environment, Failure> {
        let no_entrypoint = |error: std::io::Error| Failure::NoEntrypoint(error.to_string());
        let configuration = &runnable.configuration;
        let entrypoint = runnable.code.command(configuration).map_err(Failure::NoEntrypoint)?;
        let api = RuntimeApi::bind().await.map_err(no_entrypoint)?;
        let share = throttle.share(configuration.memory).map_err(Failure::NoEntrypoint)?;
        // stdout and stderr share one pipe, which keeps their order.
        let (reader, writer) = std::io::pipe().map_err(no_entrypoint)?;
        let mut command = in_group(entrypoint.into_iter().map(Into::into), share.control_group());
        command
            .current_dir(runnable.code.root())
            .env_clear()
            .envs(variables(runnable, &api.address.to_string()))
            .stdin(Stdio::null())
            .stdout(writer.try_clone().map_err(no_entrypoint)?)
            .stderr(writer)
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn().map_err(no_entrypoint)?;
        // The command holds our copies of the pipe's writing end. Once they are closed, the pipe ends when the
        // process does.
        drop(command);
        let output = pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(no_entrypoint)?;
        let now = Instant::now();
        let process_group = child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
            .ok_or_else(|| Failure::NoEntrypoint("the process ended at once".to_owned()))?;
        let limited_by_kernel = share.control_group().is_some_and(ControlGroup::limits_memory);
        Ok(Environment {
            duty_cycle: share.duty_cycle(process_group, now),
            child,
            process_group,
            share,
            api,
            output: Some(output),
            memory: Memory::new(configuration.memory, limited_by_kernel, now),
            idle_since: now,
            shutdown,
            killed: false,
        })
    }

    /// Waits until the runtime asks for its first invocation.
    pub(crate) async fn init(&mut self, deadline: Instant, log: &mut Log) -> Result<(), Failure> {
        loop {
            match self.next_call(deadline, log).await? {
                RuntimeCall::Next => return Ok(()),
                RuntimeCall::InitError(error) => return Err(Failure::InitError(error)),
                // There is no invocation yet that these could answer.
                RuntimeCall::Response(_) | RuntimeCall::Error(_) => {}
            }
        }
    }

    /// Runs one invocation, and waits until the runtime is ready for the next one, because its work until then
    /// is billed too. Returns the answer, and why the environment can't go on.
    pub(crate) async fn invoke(
        &mut self,
        event: Event,
        deadline: Instant,
        log: &mut Log,
    ) -> (Option<Answer>, Option<Failure>) {
        self.api.send(event).await;
        self.thaw();
        let mut answer = None;
        let failure = loop {
            match self.next_call(deadline, log).await {
                Ok(RuntimeCall::Response(body)) => answer = Some(Ok(body)),
                Ok(RuntimeCall::Error(error)) => answer = Some(Err(error)),
                Ok(RuntimeCall::InitError(error)) => break Some(Failure::InitError(error)),
                // Without an answer this is the earlier request, sent again after its connection broke.
                Ok(RuntimeCall::Next) if answer.is_none() => {}
                Ok(RuntimeCall::Next) => break None,
                Err(failure) => break Some(failure),
            }
        };
        self.memory.measure(self.process_group);
        self.drain_output(log);
        if failure.is_none() && self.memory.peak_exceeds_limit() {
            // It was over the limit between two measurements.
            return (None, Some(Failure::OutOfMemory));
        }
        (answer, failure)
    }

    /// Stops the process between invocations, as Lambda does: what it does in the background must not take CPU
    /// time from others.
    pub(crate) fn freeze(&mut self) {
        self.signal(Signal::STOP);
        self.idle_since = Instant::now();
    }

    fn thaw(&mut self) {
        self.signal(Signal::CONT);
        if let Some(duty_cycle) = &mut self.duty_cycle {
            duty_cycle.resumed(Instant::now());
        }
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        !self.killed && matches!(self.child.try_wait(), Ok(None))
    }

    /// Returns the most memory that the processes had at any time, in MB.
    pub(crate) fn max_memory_used(&self) -> u32 {
        self.memory.max_used()
    }

    /// Ends the processes and removes the control group.
    pub(crate) async fn shut_down(mut self) {
        self.kill();
        // A process that nobody waits for stays as a zombie.
        let _ = self.child.wait().await;
        if let Share::ControlGroup(group) = &self.share {
            group.end_processes();
            let mut tries = 0..100;
            while !group.remove() && tries.next().is_some() {
                sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// Returns the runtime's next call. Meanwhile the output goes into the log, and CPU and memory are limited.
    async fn next_call(&mut self, deadline: Instant, log: &mut Log) -> Result<RuntimeCall, Failure> {
        loop {
            tokio::select! {
                // Calls come first, because a call that was made before the process ended counts. Output comes
                // last, because a function that never stops printing must not escape the deadline.
                biased;
                call = self.api.next_call() => {
                    self.drain_output(log);
                    return call.ok_or(Failure::Stopped);
                }
                () = self.shutdown.requested.cancelled() => return Err(Failure::Stopped),
                () = sleep_until(deadline.into()) => {
                    self.memory.measure(self.process_group);
                    self.drain_output(log);
                    return Err(Failure::TimedOut);
                }
                status = self.child.wait() => {
                    // The processes that it started end with it.
                    self.kill();
                    self.drain_output(log);
                    let out_of_memory = self.share.control_group().is_some_and(ControlGroup::ran_out_of_memory);
                    return Err(match status {
                        Ok(status) if !out_of_memory => Failure::Exited(status),
                        _ => self.out_of_memory(),
                    });
                }
                () = step(&mut self.duty_cycle) => {}
                () = sleep_until(self.memory.due().into()) => {
                    if self.memory.measure(self.process_group) {
                        self.kill();
                        self.drain_output(log);
                        return Err(self.out_of_memory());
                    }
                }
                () = readable(&self.output) => self.drain_output(log),
            }
        }
    }

    fn out_of_memory(&mut self) -> Failure {
        self.memory.set_exhausted();
        Failure::OutOfMemory
    }

    /// Moves the output that is there into the log: at most what a pipe holds, because output may never end.
    fn drain_output(&mut self, log: &mut Log) {
        let mut buffer = [0; 1 << 14];
        for _ in 0..=PIPE_CAPACITY / buffer.len() {
            let Some(output) = &self.output else { return };
            match output.try_read(&mut buffer) {
                Ok(0) => self.output = None,
                Ok(count) => log.push(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(_) => self.output = None,
            }
        }
    }

    /// Sends no signal after the kill, because another process may have got the number of the group by then.
    fn signal(&self, signal: Signal) {
        if !self.killed {
            // A group that has ended needs no signal.
            let _ = kill_process_group(self.process_group, signal);
        }
    }

    /// Ends the processes, including those that left the process group. Once the first one has ended, the parent of
    /// those is no longer in the tree, and they end with their control group or with this service: see `Orphans`.
    fn kill(&mut self) {
        let is_running = self.child.id().is_some() && !self.killed;
        let tree = if is_running { proc::process_tree(self.process_group) } else { Vec::new() };
        self.signal(Signal::KILL);
        for pid in tree {
            // A process that has ended needs no signal.
            let _ = kill_process(pid, Signal::KILL);
        }
        self.killed = true;
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn readable(output: &Option<pipe::Receiver>) {
    match output {
        // Reading returns the same error again.
        Some(output) => drop(output.readable().await),
        None => std::future::pending().await,
    }
}

async fn step(duty_cycle: &mut Option<DutyCycle>) {
    match duty_cycle {
        Some(duty_cycle) => duty_cycle.step().await,
        None => std::future::pending().await,
    }
}

/// Returns a command that joins the control group before its first instruction. It starts with a shell, because
/// only `unsafe` code could run in the child between fork and exec. The shell costs nothing of the share before
/// it is in the group.
fn in_group(words: impl Iterator<Item = OsString>, group: Option<&ControlGroup>) -> Command {
    const ENTER: &str = r#"while [ "$1" != -- ]; do echo $$ >"$1" || exit; shift; done; shift; exec "$@""#;
    let mut all: Vec<OsString> = Vec::new();
    if let Some(group) = group {
        all.extend(["/bin/sh", "-c", ENTER, "sh"].map(Into::into));
        all.extend(group.procs_files().map(Into::into));
        all.push("--".into());
    }
    all.extend(words);
    let mut command = Command::new(&all[0]);
    command.args(&all[1..]);
    command
}
