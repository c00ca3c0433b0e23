//! The pre- and the post-processor, which are called before and after each invocation. They are not measured.

use std::fmt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::aws::Aws;
use crate::error::Error;
use crate::names::Callee;

/// A function or a shell command.
#[derive(Debug)]
pub(super) enum Processor {
    /// Called with the payload, in the region of the function.
    Function(Callee),
    /// Run by the shell, with the payload on stdin.
    Command(String),
}

impl fmt::Display for Processor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Processor::Function(callee) => callee.fmt(f),
            Processor::Command(command) => command.fmt(f),
        }
    }
}

impl Processor {
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
        let output = match self {
            Processor::Function(callee) => call(aws, callee, payload, is_silent).await?,
            Processor::Command(command) => run(command, payload, is_silent).await?,
        };
        let trimmed = output.trim_ascii();
        Ok((!trimmed.is_empty() && trimmed != b"null").then(|| trimmed.to_vec()))
    }
}

async fn call(aws: &Aws, callee: &Callee, payload: &[u8], is_silent: bool) -> Result<Vec<u8>, Error> {
    let lambda = aws.lambda_of_ref(callee.function())?;
    let invoked = lambda
        .call(callee, payload)
        .await
        .map_err(|error| if is_silent { error.without_message() } else { error })?;
    match &invoked.function_error {
        None => Ok(invoked.payload),
        Some(error) if is_silent => Err(Error::Failed(format!("{callee}: failed ({error})"))),
        Some(error) => {
            let answer = String::from_utf8_lossy(&invoked.payload);
            Err(Error::Failed(format!("{callee}: failed ({error}): {answer}")))
        }
    }
}

async fn run(command: &str, payload: &[u8], is_silent: bool) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::io(command)(source);
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(if is_silent { Stdio::null() } else { Stdio::inherit() })
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
    let ((), output) = tokio::join!(write, child.wait_with_output());
    group.forget();
    let output = output.map_err(failed)?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(Error::Failed(format!("{command}: {}", output.status)))
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
