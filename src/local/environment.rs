//! An execution environment: one process of a function, its Runtime API, its output and its share of
//! the machine.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use time::OffsetDateTime;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::cgroup::Group;
use super::duty_cycle::DutyCycle;
use super::function::{LogFormat, Runnable, Runtime};
use super::proc;
use super::report::Log;
use super::runtime_api::{Event, FunctionError, RuntimeApi, Said};
use super::throttle::{Share, Throttle};

/// In the environment of every process that we start: by it the next `lpt-local` finds those of one that
/// was killed.
const OWNER: &str = "LPT_LOCAL_OWNER";

/// Ends the processes of an `lpt-local` that is no longer there.
pub fn end_stale() {
    for (pid, owner) in proc::with_variable(OWNER) {
        if let Some(pid) = Pid::from_raw(pid.cast_signed())
            && proc::is_stale(&owner)
        {
            // One that has ended meanwhile is what we want.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// As much as the kernel keeps of a pipe that nobody reads: pipe(7).
const PIPE: usize = 1 << 16;

/// How often memory is looked at where nobody else limits it: a function that takes more should not get far.
const MEMORY_LOOK: Duration = Duration::from_millis(10);
/// And where the kernel limits it: only so that something is known of a process that is suddenly gone.
const SELDOM: Duration = Duration::from_millis(250);

/// One process of a function.
#[derive(Debug)]
pub struct Environment {
    child: Child,
    group: Pid,
    share: Share,
    duty_cycle: Option<DutyCycle>,
    api: RuntimeApi,
    output: Option<pipe::Receiver>,
    memory: Memory,
    /// When its last invocation ended.
    pub idle_since: Instant,
    life: Life,
    gone: bool,
}

/// What all environments of a service share.
#[derive(Debug, Clone)]
pub struct Life {
    /// Cancelled when the service ends.
    pub stop: CancellationToken,
    /// Open for as long as one of them is there.
    pub _alive: mpsc::Sender<()>,
}

/// What is known about memory.
#[derive(Debug)]
struct Memory {
    limit_kb: u64,
    peak_kb: u64,
    looked: Instant,
    /// How long after that to look again.
    interval: Duration,
    /// Then it is the kernel that decides what counts.
    limited_by_kernel: bool,
}

/// Why an environment can not go on.
#[derive(Debug)]
pub enum End {
    /// The process is gone.
    Exited(ExitStatus),
    /// It wanted more memory than there was.
    OutOfMemory,
    /// It took too long.
    TimedOut,
    /// It said that it can't start.
    InitError(FunctionError),
    /// There is nothing to start.
    NoEntrypoint(String),
    /// The service stops.
    Stopped,
}

/// What a function answered.
pub type Answer = Result<Bytes, FunctionError>;

impl Environment {
    /// Starts a process; it is not initialized yet.
    pub async fn start(runnable: &Runnable, throttle: &Throttle, life: Life) -> Result<Environment, End> {
        let no_entrypoint = |error: std::io::Error| End::NoEntrypoint(error.to_string());
        let configuration = &runnable.configuration;
        let function = runnable.code.command(configuration).map_err(End::NoEntrypoint)?;
        let api = RuntimeApi::open().await.map_err(no_entrypoint)?;
        let share = throttle.share(configuration.memory).map_err(End::NoEntrypoint)?;
        // One pipe for both, so that what was said first stands first.
        let (reader, writer) = std::io::pipe().map_err(no_entrypoint)?;
        let mut command = in_group(function.into_iter().map(Into::into), share.group());
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
        // Our ends of the pipe close with it: its end is the process's.
        drop(command);
        let output = pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(no_entrypoint)?;
        let now = Instant::now();
        let group = child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
            .ok_or_else(|| End::NoEntrypoint("the process was gone at once".to_owned()))?;
        let limited_by_kernel = share.group().is_some_and(Group::limits_memory);
        Ok(Environment {
            duty_cycle: share.duty_cycle(group, now),
            child,
            group,
            share,
            api,
            output: Some(output),
            memory: Memory {
                limit_kb: u64::from(configuration.memory.get()) << 10,
                peak_kb: 0,
                looked: now,
                interval: if limited_by_kernel { SELDOM } else { MEMORY_LOOK },
                limited_by_kernel,
            },
            idle_since: now,
            life,
            gone: false,
        })
    }

    /// Waits until the runtime asks for its first invocation.
    pub async fn init(&mut self, deadline: Instant, log: &mut Log) -> Result<(), End> {
        loop {
            match self.listen(deadline, log).await? {
                Said::Next => return Ok(()),
                Said::InitError(error) => return Err(End::InitError(error)),
                // There is no invocation that these could be about.
                Said::Response(_) | Said::Error(_) => {}
            }
        }
    }

    /// Has the runtime do one invocation, and waits until it is ready for another, for what it does
    /// meanwhile is billed too. The answer, and why there will be no other.
    pub async fn invoke(
        &mut self,
        event: Event,
        deadline: Instant,
        log: &mut Log,
    ) -> (Option<Answer>, Option<End>) {
        self.api.send(event).await;
        self.thaw();
        let mut answer = None;
        let end = loop {
            match self.listen(deadline, log).await {
                Ok(Said::Response(body)) => answer = Some(Ok(body)),
                Ok(Said::Error(error)) => answer = Some(Err(error)),
                Ok(Said::InitError(error)) => break Some(End::InitError(error)),
                // Without an answer it is the old request again, after its connection broke.
                Ok(Said::Next) if answer.is_none() => {}
                Ok(Said::Next) => break None,
                Err(end) => break Some(end),
            }
        };
        self.look_at_memory();
        self.drain(log);
        if end.is_none() && !self.memory.limited_by_kernel && self.memory.peak_kb > self.memory.limit_kb {
            // It was over the limit between two looks.
            return (None, Some(End::OutOfMemory));
        }
        (answer, end)
    }

    /// Frozen between invocations, as at Lambda: what runs on in the background must not take from others.
    pub fn freeze(&mut self) {
        self.signal(Signal::STOP);
        self.idle_since = Instant::now();
    }

    fn thaw(&mut self) {
        self.signal(Signal::CONT);
        if let Some(duty_cycle) = &mut self.duty_cycle {
            duty_cycle.thawed(Instant::now());
        }
    }

    /// Whether the process is still there.
    pub fn is_alive(&mut self) -> bool {
        !self.gone && matches!(self.child.try_wait(), Ok(None))
    }

    /// The most memory that its processes had at any time, in MB.
    pub fn max_memory_used(&self) -> u32 {
        let megabytes = self.memory.peak_kb.min(self.memory.limit_kb).div_ceil(1024);
        u32::try_from(megabytes).unwrap_or(u32::MAX).max(1)
    }

    /// Ends its processes and removes its control group.
    pub async fn end(mut self) {
        self.kill();
        // Without waiting it would stay as a zombie.
        let _ = self.child.wait().await;
        if let Share::Group(group) = &self.share {
            group.end_processes();
            let mut tries = 0..100;
            while !group.remove() && tries.next().is_some() {
                sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// The next thing that the runtime says; its output goes into the log meanwhile.
    async fn listen(&mut self, deadline: Instant, log: &mut Log) -> Result<Said, End> {
        loop {
            tokio::select! {
                // What was said before the process ended was said. Output comes last: one who never stops
                // printing must not escape the deadline.
                biased;
                said = self.api.listen() => {
                    self.drain(log);
                    return said.ok_or(End::Stopped);
                }
                () = self.life.stop.cancelled() => return Err(End::Stopped),
                () = sleep_until(deadline.into()) => {
                    self.look_at_memory();
                    self.drain(log);
                    return Err(End::TimedOut);
                }
                status = self.child.wait() => {
                    // What it started goes with it.
                    self.kill();
                    self.drain(log);
                    let out_of_memory = self.share.group().is_some_and(Group::ran_out_of_memory);
                    return Err(match status {
                        Ok(status) if !out_of_memory => End::Exited(status),
                        _ => self.out_of_memory(),
                    });
                }
                () = turn(&mut self.duty_cycle) => {}
                () = sleep_until((self.memory.looked + self.memory.interval).into()) => {
                    if self.look_at_memory() > self.memory.limit_kb && !self.memory.limited_by_kernel {
                        self.kill();
                        self.drain(log);
                        return Err(self.out_of_memory());
                    }
                }
                () = readable(&self.output) => self.drain(log),
            }
        }
    }

    fn out_of_memory(&mut self) -> End {
        self.memory.peak_kb = self.memory.limit_kb;
        End::OutOfMemory
    }

    /// What its processes have in memory now, in KB.
    fn look_at_memory(&mut self) -> u64 {
        let leader = self.group.as_raw_nonzero().get().unsigned_abs();
        let processes = proc::tree(leader);
        let sums = processes.into_iter().map(proc::resident);
        let (peak, now) = sums.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        self.memory.peak_kb = self.memory.peak_kb.max(peak);
        self.memory.looked = Instant::now();
        now
    }

    /// Reads what is there of its output: as much as a pipe holds, for more can come for ever.
    fn drain(&mut self, log: &mut Log) {
        let mut buffer = [0; 1 << 14];
        for _ in 0..=PIPE / buffer.len() {
            let Some(output) = &self.output else { return };
            match output.try_read(&mut buffer) {
                Ok(0) => self.output = None,
                Ok(count) => log.push(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(_) => self.output = None,
            }
        }
    }

    fn signal(&self, signal: Signal) {
        if !self.gone {
            // A group that is gone is past all signals.
            let _ = kill_process_group(self.group, signal);
        }
    }

    /// Once only: the number of a group that is gone can become another's.
    fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.gone = true;
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.kill();
    }
}

impl End {
    /// How Go's runtime, in which Lambda's own supervisor is written, words the end of a process.
    pub fn exit_message(status: ExitStatus) -> String {
        match (status.code(), status.signal()) {
            (Some(0), _) => "Runtime exited without providing a reason".to_owned(),
            (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
            (None, Some(9)) => KILLED.to_owned(),
            (None, signal) => {
                let name = match signal.unwrap_or(0) {
                    4 => "illegal instruction",
                    6 => "aborted",
                    7 => "bus error",
                    8 => "floating point exception",
                    11 => "segmentation fault",
                    15 => "terminated",
                    _ => return format!("Runtime exited with error: signal {}", signal.unwrap_or(0)),
                };
                format!("Runtime exited with error: signal: {name}")
            }
        }
    }
}

/// What is said of a process that was killed.
pub const KILLED: &str = "Runtime exited with error: signal: killed";

async fn readable(output: &Option<pipe::Receiver>) {
    match output {
        // An error shows again where it is read.
        Some(output) => drop(output.readable().await),
        None => std::future::pending().await,
    }
}

async fn turn(duty_cycle: &mut Option<DutyCycle>) {
    match duty_cycle {
        Some(duty_cycle) => duty_cycle.turn().await,
        None => std::future::pending().await,
    }
}

/// The command, in a control group before its first instruction. A shell goes ahead, since between fork
/// and exec only `unsafe` code could run in the child; it costs nothing of the share before it is in.
fn in_group(command: impl Iterator<Item = OsString>, group: Option<&Group>) -> Command {
    const ENTER: &str = r#"while [ "$1" != -- ]; do echo $$ >"$1" || exit; shift; done; shift; exec "$@""#;
    let mut words: Vec<OsString> = Vec::new();
    if let Some(group) = group {
        words.extend(["/bin/sh", "-c", ENTER, "sh"].map(Into::into));
        words.extend(group.doors().map(Into::into));
        words.push("--".into());
    }
    words.extend(command);
    let mut made = Command::new(&words[0]);
    made.args(&words[1..]);
    made
}

/// The environment variables of a function's process, and none of the user's own but the search paths.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
fn variables(runnable: &Runnable, runtime_api: &str) -> Vec<(OsString, OsString)> {
    let configuration = &runnable.configuration;
    let region = &runnable.function.home.region;
    let mut variables: Vec<(OsString, OsString)> = Vec::new();
    let mut set = |name: &str, value: &str| variables.push((name.into(), value.into()));
    set("LANG", "en_US.UTF-8");
    set("TZ", ":UTC");
    for (name, value) in &configuration.environment {
        set(name, value);
    }
    let today = OffsetDateTime::now_utc().date();
    let stream = format!(
        "{:04}/{:02}/{:02}/[{}]{}",
        today.year(),
        u8::from(today.month()),
        today.day(),
        runnable.version,
        uuid::Uuid::new_v4().simple()
    );
    let root = runnable.code.root().to_string_lossy();
    for (name, value) in [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api),
        ("AWS_LAMBDA_FUNCTION_NAME", &runnable.function.name),
        ("AWS_LAMBDA_FUNCTION_VERSION", &runnable.version),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &configuration.memory.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &configuration.logging.group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", &stream),
        ("AWS_LAMBDA_LOG_FORMAT", configuration.logging.format.name()),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_ACCESS_KEY_ID", super::STAND_IN),
        ("AWS_SECRET_ACCESS_KEY", super::STAND_IN),
        ("_HANDLER", &configuration.handler),
        ("LAMBDA_TASK_ROOT", &root),
        (OWNER, &proc::own_mark()),
    ] {
        set(name, value);
    }
    if configuration.logging.format == LogFormat::Json
        && let Some(level) = &configuration.logging.application_level
    {
        set("AWS_LAMBDA_LOG_LEVEL", level);
    }
    if let Runtime::Python(name) = &configuration.runtime {
        set("AWS_EXECUTION_ENV", &format!("AWS_Lambda_{name}"));
    }
    // Where the runtime client was found, the process must find it too.
    for name in ["PATH", "PYTHONPATH"] {
        if !configuration.environment.contains_key(name)
            && let Some(value) = std::env::var_os(name)
        {
            variables.push((name.into(), value));
        }
    }
    variables
}
