//! The arguments of `lpt-local` as typed.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::name::{check_account, check_region};
use super::throttle::Means;
use crate::cli::{CommonArgs, InputArgs, STYLES};
use crate::entry::{Pipe, Tool};
use crate::error::Error;
use crate::exit::Exit;
use crate::units::MemoryMB;

/// A Lambda service on this machine, to try and test the other tools without an AWS account
///
/// It runs the functions' own processes, speaks the Runtime API to them and Lambda's REST API to any SDK,
/// gives them the CPU share of their memory size, and reports on each invocation as Lambda does.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-local", version, styles = STYLES)]
pub struct Args {
    /// A function and where its code is: an executable or a folder or zip with a `bootstrap`; or with
    /// runtime=python3.11,handler=app.handler a folder with a Python handler, where awslambdaric is
    /// installed. More settings: memory=128, timeout=60, log-format=Text|JSON, system-log-level=INFO, architecture=x86_64|arm64,
    /// description=TEXT, env.NAME=VALUE; and region=eu-west-1, account=210987654321, by default the callers' own
    #[arg(long = "function", value_name = "NAME=PATH[,SETTING=VALUE…]", value_parser = parse_function)]
    pub functions: Vec<FunctionArg>,
    /// Where to listen; on this machine only
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The region of functions and requests that name none [default: AWS_REGION, else us-east-1]
    #[arg(long, value_parser = parse_region)]
    pub region: Option<String>,
    /// How a function is kept to the share of CPU that its memory size brings
    #[arg(long, value_enum, default_value_t = Means::Auto)]
    pub cpu: Means,
    /// How many cores invocations may use together, or `unlimited`: one that finds no room waits, and
    /// waiting is not measured [default: those of this machine]
    #[arg(long, value_name = "N", value_parser = parse_cores)]
    pub cores: Option<CoresArg>,
    /// How many invocations may run or wait at a time
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub concurrency: usize,
    /// How many requests of the control plane are taken in a second; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub control_plane_rate: u32,
    /// How much memory the account gives a function: a new account at AWS stops at 3008
    #[arg(long, value_name = "MB", default_value_t = MemoryMB::MAX)]
    pub max_memory: MemoryMB,
    /// What the callers may do, as an IAM policy in JSON, without conditions: all else is refused as AWS refuses
    /// it; a change of the file is in force at once [default: everything]
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// How long the creation or change of a function or version takes
    #[arg(long, value_name = "MS", default_value_t = 100)]
    pub update_delay_ms: u64,
    /// How long a warm process is kept
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub idle_seconds: u64,
    /// What each tool takes.
    #[command(flatten)]
    pub common: CommonArgs,
    /// A command to run against the service, with the variables that lead an SDK to it; lpt-local ends
    /// when it does, and as it does. Without one it serves until SIGINT or SIGTERM
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

impl Tool for Args {
    const STOPPED: &'static str = "stopped at once; the next lpt-local ends what is left of this one";

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn input(&self) -> Option<&InputArgs> {
        None
    }

    async fn run(self, pipe: &mut Pipe) -> Result<Exit, Error> {
        super::run(self, pipe.interrupt.clone()).await
    }
}

/// `--function`: settings are None where they were not given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionArg {
    pub name: String,
    pub path: PathBuf,
    pub runtime: Option<String>,
    pub handler: Option<String>,
    pub memory: Option<MemoryMB>,
    pub timeout: Option<u32>,
    pub log_format: Option<String>,
    pub system_log_level: Option<String>,
    pub architecture: Option<String>,
    pub description: Option<String>,
    pub region: Option<String>,
    pub account: Option<String>,
    pub environment: Vec<(String, String)>,
}

/// `--cores`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoresArg {
    Unlimited,
    Some(u32),
}

fn parse_cores(text: &str) -> Result<CoresArg, String> {
    match text {
        "unlimited" => Ok(CoresArg::Unlimited),
        text => match text.parse() {
            Ok(cores) if cores > 0 => Ok(CoresArg::Some(cores)),
            _ => Err("neither a number above 0 nor `unlimited`".to_owned()),
        },
    }
}

/// A region that can be one.
pub fn parse_region(text: &str) -> Result<String, String> {
    check_region(text)?;
    Ok(text.to_owned())
}

fn parse_function(text: &str) -> Result<FunctionArg, String> {
    let mut parts = text.split(',');
    let (name, path) = parts
        .next()
        .and_then(|first| first.split_once('='))
        .filter(|(name, path)| !name.is_empty() && !path.is_empty())
        .ok_or("not of the form NAME=PATH")?;
    let mut function = FunctionArg { name: name.to_owned(), path: path.into(), ..FunctionArg::default() };
    for setting in parts {
        let (name, value) =
            setting.split_once('=').ok_or_else(|| format!("`{setting}` is not of the form SETTING=VALUE"))?;
        let text = Some(value.to_owned());
        match name {
            "runtime" => function.runtime = text,
            "handler" => function.handler = text,
            "memory" => function.memory = Some(value.parse().map_err(|error| format!("{error}"))?),
            "timeout" => {
                function.timeout =
                    Some(value.parse().map_err(|_| format!("timeout={value} is no number of seconds"))?)
            }
            "log-format" => function.log_format = text,
            "system-log-level" => function.system_log_level = text,
            "architecture" => function.architecture = text,
            "description" => function.description = text,
            "region" => function.region = Some(parse_region(value)?),
            "account" => {
                check_account(value)?;
                function.account = text;
            }
            _ => match name.strip_prefix("env.") {
                Some(variable) if !variable.is_empty() => {
                    function.environment.push((variable.to_owned(), value.to_owned()));
                }
                _ => return Err(format!("no setting is called `{name}`")),
            },
        }
    }
    Ok(function)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_a_name_a_path_and_settings() {
        let text = "api=./target/api,memory=512,timeout=5,log-format=JSON,env.A=b=c,region=cn-north-1,account=210987654321";
        let expected = FunctionArg {
            name: "api".to_owned(),
            path: "./target/api".into(),
            memory: MemoryMB::new(512),
            timeout: Some(5),
            log_format: Some("JSON".to_owned()),
            environment: vec![("A".to_owned(), "b=c".to_owned())],
            region: Some("cn-north-1".to_owned()),
            account: Some("210987654321".to_owned()),
            ..FunctionArg::default()
        };
        assert_eq!(parse_function(text), Ok(expected));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in [
            "api",
            "=x",
            "api=",
            "api=x,size=5",
            "api=x,memory=1",
            "api=x,env.=1",
            "api=x,memory",
            "api=x,region=Here",
            "api=x,account=1",
        ] {
            assert!(parse_function(text).is_err(), "{text}");
        }
        for text in ["0", "-1", "many"] {
            assert!(parse_cores(text).is_err(), "{text}");
        }
    }
}
