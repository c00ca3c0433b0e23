//! What is called before and after each invocation. It is no part of what is measured.

use std::fmt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::aws::Aws;
use crate::error::Error;
use crate::names::Callee;

/// A function, or a command of this machine.
#[derive(Debug)]
pub enum Processor {
    /// Called with the payload, in whichever region it is.
    Function(Callee),
    /// Run by the shell with the payload on its stdin.
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
    /// Hands it `payload`, and gives what it returns or writes; nothing where that is empty, or `null`, which a
    /// function returns that returns nothing.
    ///
    /// # Errors
    /// It failed or could not be called. What it says itself is left out with `is_silent`, for it may hold the payload.
    pub async fn process(
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
            let said = String::from_utf8_lossy(&invoked.payload);
            Err(Error::Failed(format!("{callee}: failed ({error}): {said}")))
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
        // Of its own, so that Ctrl-C is for the tool, which lets an invocation and what follows it come to its end.
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let mut stdin = child.stdin.take().expect("it is piped");
    let write = async move {
        // A command may have no interest in the payload.
        let _ = stdin.write_all(payload).await;
    };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    group.has_ended();
    let output = output.map_err(failed)?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(Error::Failed(format!("{command}: {}", output.status)))
    }
}

/// A command's processes, which end when nobody waits for them any more.
struct Group(Option<Pid>);

impl Group {
    /// Its number may be another's from now on.
    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // One that has ended meanwhile is no matter.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
