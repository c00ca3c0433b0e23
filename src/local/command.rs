//! Runs the user's command against the service.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::credentials::{AccessKeyId, SECRET_ACCESS_KEY};
use super::proc;
use crate::error::Error;
use crate::exit::Exit;
use crate::message;
use crate::signals::Signals;

/// Variables that would lead an SDK to another account or another endpoint.
const MISLEADING: [&str; 8] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ENDPOINT_URL_LAMBDA",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// How to reach the service.
#[derive(Debug)]
pub(super) struct Reach {
    pub(super) endpoint: String,
    pub(super) region: String,
    pub(super) access_key_id: AccessKeyId,
}

impl Reach {
    /// Returns the variables that lead an SDK to the service. SDKs read `AWS_REGION`, the AWS CLI and boto3
    /// `AWS_DEFAULT_REGION`.
    /// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html>
    fn variables(&self) -> [(&'static str, &str); 5] {
        [
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
            ("AWS_ACCESS_KEY_ID", self.access_key_id.as_str()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
        ]
    }

    /// Returns the line that a shell sets the variables with.
    pub(super) fn export(&self) -> String {
        let assignments = self.variables().map(|(name, value)| format!("{name}={value}"));
        format!("export {}", assignments.join(" "))
    }
}

/// Runs the command, and returns its exit code.
pub(super) async fn run(words: &[OsString], service: &Reach) -> Result<Exit, Error> {
    let name = words[0].to_string_lossy().into_owned();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    lead_to_service(&mut command, service);
    // Listens before the command starts, so that it gets every signal.
    let signals = Signals::listen()?;
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            message::error(format_args!("{name}: {error}"));
            // A shell returns the same codes.
            let found = error.kind() != std::io::ErrorKind::NotFound;
            return Ok(Exit::Command(if found { 126 } else { 127 }));
        }
    };
    let status = wait(child, signals).await.map_err(Error::io(name))?;
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, signal) => 128 + signal.unwrap_or(0),
    };
    Ok(Exit::Command(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// Sets the variables that lead an SDK in the command to the service, and removes those that would lead it
/// elsewhere.
fn lead_to_service(command: &mut Command, service: &Reach) {
    command.envs(service.variables()).env("AWS_EC2_METADATA_DISABLED", "true");
    for name in MISLEADING {
        command.env_remove(name);
    }
    for name in ["no_proxy", "NO_PROXY"] {
        let others = std::env::var(name).unwrap_or_default();
        let all = [others.as_str(), "127.0.0.1,localhost,::1"];
        command.env(name, all.join(",").trim_start_matches(','));
    }
}

/// Waits until the command ends, and forwards signals to it. A Ctrl-C at the terminal reaches the command by
/// itself, because the terminal signals the whole foreground group.
async fn wait(mut child: Child, mut signals: Signals) -> std::io::Result<ExitStatus> {
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let forward = |signal| {
        if let Some(pid) = pid {
            // A process that has ended needs no signal.
            let _ = kill_process(pid, signal);
        }
    };
    loop {
        tokio::select! {
            status = child.wait() => return status,
            signal = signals.next() => {
                if signal != Signal::INT || !proc::in_foreground() {
                    forward(signal);
                }
            }
        }
    }
}
