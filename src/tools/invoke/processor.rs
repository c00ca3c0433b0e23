//! The pre- and the post-processor, which are called before and after each invocation. They are not measured.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStderr, Command};

use crate::aws::Aws;
use crate::error::Error;
use crate::message;
use crate::names::Callee;
use crate::quote::excerpt;

/// A function or a shell command.
#[derive(Debug)]
pub(super) struct Processor {
    /// The flag, or the key of the execution input, that names it.
    place: String,
    action: Action,
}

#[derive(Debug)]
enum Action {
    /// Called with the payload, in the region of the function.
    Function(Callee),
    /// Run by the shell, with the payload on stdin.
    Command(String),
}

impl fmt::Display for Processor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Processor { place, action } = self;
        match action {
            Action::Function(callee) => write!(f, "{place}: {callee}"),
            Action::Command(command) => write!(f, "{place}: {}", excerpt(command)),
        }
    }
}

impl Processor {
    /// Makes a processor of the function that the flag or key `place` names.
    pub(super) fn function(place: String, callee: Callee) -> Processor {
        Processor { place, action: Action::Function(callee) }
    }

    /// Makes a processor of the command that the flag `place` names.
    pub(super) fn command(place: String, command: String) -> Processor {
        Processor { place, action: Action::Command(command) }
    }

    /// Hands over `payload` and returns the output. Returns `None` if that is empty, or is `null`, the output of a
    /// function that returns nothing.
    ///
    /// # Errors
    /// The processor failed or could not be called. `is_silent` leaves out its own message, because that may contain
    /// the payload.
    pub(super) async fn process(
        &self,
        aws: &Aws,
        payload: &[u8],
        is_silent: bool,
    ) -> Result<Option<Vec<u8>>, Error> {
        let output = match &self.action {
            Action::Function(callee) => self.call(aws, callee, payload, is_silent).await?,
            Action::Command(command) => self.run(command, payload, is_silent).await?,
        };
        let trimmed = output.trim_ascii();
        Ok((!trimmed.is_empty() && trimmed != b"null").then(|| trimmed.to_vec()))
    }

    async fn call(
        &self,
        aws: &Aws,
        callee: &Callee,
        payload: &[u8],
        is_silent: bool,
    ) -> Result<Vec<u8>, Error> {
        let lambda = aws.lambda_of_ref(callee.function())?;
        let invoked = lambda
            .call(callee, payload)
            .await
            .map_err(|error| if is_silent { error.without_message() } else { error })?;
        match &invoked.function_error {
            None => Ok(invoked.payload),
            Some(error) => Err(self.failed(error, last_line(&invoked.payload).filter(|_| !is_silent))),
        }
    }

    async fn run(&self, command: &str, payload: &[u8], is_silent: bool) -> Result<Vec<u8>, Error> {
        let failed = |source| Error::io(self.to_string())(source);
        let mut child = Command::new("sh")
            .args(["-c", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(if is_silent { Stdio::null() } else { Stdio::piped() })
            // In a process group of its own, so that Ctrl-C reaches only the tool, which finishes an invocation and its
            // post-processor.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let group = ProcessGroup(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
        let mut stdin = child.stdin.take().expect("it is piped");
        let write = async move {
            // A command need not read the payload.
            let _ = stdin.write_all(payload).await;
        };
        // In a task of its own, because a process that the command leaves behind may keep its stderr open.
        let shown = child.stderr.take().map(|stderr| tokio::spawn(show(stderr)));
        let ((), output) = tokio::join!(write, child.wait_with_output());
        group.forget();
        let output = output.map_err(failed)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let mut last = None;
        if let Some(shown) = shown {
            let shown = tokio::time::timeout(WAIT_FOR_STDERR, shown).await;
            last = shown.ok().and_then(Result::ok).flatten().or_else(|| last_line(&output.stdout));
        }
        Err(self.failed(&in_words(output.status), last))
    }

    /// Returns the error of a processor that ended with `status`, and the last that it printed.
    fn failed(&self, status: &str, last: Option<String>) -> Error {
        let printed = last.map_or_else(String::new, |last| format!("; it printed last: {last}"));
        Error::Failed(format!("{self}: failed ({}){printed}", excerpt(status)))
    }
}

/// The time to wait for the rest of what a command that failed has printed.
const WAIT_FOR_STDERR: Duration = Duration::from_secs(1);

/// The number of bytes at the end of a command's messages in which the last line is looked for.
const TAIL_BYTES: usize = 4096;

/// Shows the messages of a command, whole lines as they arrive, and returns the last one.
async fn show(mut stderr: ChildStderr) -> Option<String> {
    let mut tail = Vec::new();
    // What is not shown yet: the beginning of a line, over which the line of progress would be drawn.
    let mut begun = Vec::new();
    let mut buffer = [0; TAIL_BYTES];
    while let Ok(length @ 1..) = stderr.read(&mut buffer).await {
        begun.extend_from_slice(&buffer[..length]);
        tail.extend_from_slice(&buffer[..length]);
        tail.drain(..tail.len().saturating_sub(TAIL_BYTES));
        let whole = memchr::memrchr(b'\n', &begun).map_or(0, |at| at + 1);
        // A line without an end is shown in parts.
        let shown = if begun.len() - whole > TAIL_BYTES { begun.len() } else { whole };
        message::raw(&begun[..shown]);
        begun.drain(..shown);
    }
    if !begun.is_empty() {
        // The next message begins a line of its own.
        begun.push(b'\n');
        message::raw(&begun);
    }
    last_line(&tail)
}

/// Returns the last line that is not blank.
fn last_line(output: &[u8]) -> Option<String> {
    let output = String::from_utf8_lossy(output);
    let line = output.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    Some(excerpt(line).to_string())
}

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// The processes of a command. They are killed if the command is no longer waited for.
struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    /// Forgets the group after the command has ended, because its id may be used again.
    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // The group may have ended meanwhile.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
