//! The arguments of `lpt-local` as typed.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::credentials::AccessKeyId;
use super::function::{check_account, check_region};
use super::throttle::ThrottleMethod;
use crate::cli::{CommonArgs, STYLES, more, whole_number};
use crate::units::MemoryMB;

/// A Lambda service on this machine, to try the tools without an AWS account
///
/// It runs the functions' own processes, which call its Runtime API, and offers Lambda's REST API to any SDK.
/// Each function gets the share of CPU of its memory size, and each invocation a report, as at Lambda.
#[derive(Debug, clap::Parser)]
#[command(name = "lpt-local", version, styles = STYLES, max_term_width = 80)]
#[command(after_help = more("lpt-local"), after_long_help = include_str!("examples.txt"))]
pub struct Args {
    /// Create a function from the code at PATH
    ///
    /// It can be given several times. PATH is an executable, or a folder or zip with an executable named bootstrap.
    /// With runtime=python3.11,handler=app.handler it is a folder with a Python handler, in which awslambdaric is
    /// installed.
    ///
    /// More settings can follow, each after a comma: memory=128, timeout=60, log-format=Text|JSON,
    /// system-log-level=INFO, architecture=x86_64|arm64, description=TEXT, env.NAME=VALUE, region=eu-west-1,
    /// account=210987654321. By default the region and the account are those of the callers.
    #[arg(long = "function", value_name = "NAME=PATH", value_parser = parse_function)]
    #[arg(help_heading = "Functions")]
    pub(super) functions: Vec<FunctionArg>,
    /// Create a function that replays a recording
    ///
    /// It can be given several times. It runs no code and does not wait: the reports are those of the recording. See
    /// REPLAY in man lpt-local. It has the settings of --function.
    #[arg(
        long = "replay",
        value_name = "NAME=FILE.csv",
        value_parser = parse_function
    )]
    #[arg(help_heading = "Functions")]
    pub(super) replays: Vec<FunctionArg>,
    /// Seed by which --replay draws environments
    #[arg(long, value_name = "N", default_value = "0", value_parser = whole_number(0..=u64::MAX))]
    #[arg(help_heading = "Functions", hide_short_help = true)]
    pub(super) seed: u64,
    /// Time without another invocation after which a wave of parallel ones of a replay is complete
    ///
    /// They are answered then. A longer time keeps waves together on a busy machine.
    #[arg(long, value_name = "MS", default_value = "5", value_parser = whole_number(0..=u64::MAX))]
    #[arg(help_heading = "Functions", hide_short_help = true)]
    pub(super) wave_ms: u64,
    /// Address to listen on
    ///
    /// It must belong to this machine alone.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0", value_parser = parse_listen)]
    #[arg(help_heading = "Service")]
    pub(super) listen: SocketAddr,
    /// Access key id that callers must sign with [default: a random one for each start]
    ///
    /// Whoever knows it may run code as you. Other users of this machine can read the arguments of your
    /// processes, so leave this out unless the machine is yours alone.
    #[arg(long, value_name = "ID")]
    #[arg(help_heading = "Service", hide_short_help = true)]
    pub(super) access_key_id: Option<AccessKeyId>,
    /// Another access key id that callers may sign with, and their account; can be given several times
    ///
    /// Callers of an account that is given here reach the functions of their account alone, as if no function had a
    /// policy of its own.
    #[arg(long = "caller", value_name = "ID=ACCOUNT", value_parser = parse_caller)]
    pub(super) callers: Vec<(AccessKeyId, String)>,
    /// Region of functions and requests that do not name one [default: AWS_REGION, else us-east-1]
    #[arg(long, value_parser = parse_region)]
    #[arg(help_heading = "Service", hide_short_help = true)]
    pub(super) region: Option<String>,
    /// Method that limits a function to the share of CPU of its memory size
    #[arg(long, value_enum, value_name = "METHOD", default_value_t = ThrottleMethod::Auto)]
    #[arg(help_heading = "Limits", hide_short_help = true)]
    pub(super) cpu: ThrottleMethod,
    /// Cores for all invocations together, or unlimited
    ///
    /// By default they are the cores of this machine.
    /// An invocation waits until there is room for its share. The wait is not part of its duration.
    #[arg(long, value_name = "N", value_parser = parse_cores)]
    #[arg(help_heading = "Limits")]
    pub(super) cores: Option<CoresArg>,
    /// Maximum number of invocations that run or wait at once
    #[arg(long, value_name = "N", default_value = "1000", value_parser = whole_number(1..=usize::MAX))]
    #[arg(help_heading = "Limits", hide_short_help = true)]
    pub(super) concurrency: usize,
    /// Maximum control-plane requests per second (0: no limit)
    #[arg(long, value_name = "N", default_value = "15", value_parser = whole_number(0..=u32::MAX))]
    #[arg(help_heading = "Limits", hide_short_help = true)]
    pub(super) control_plane_rate: u32,
    /// Largest size of a function
    ///
    /// In new AWS accounts it is 3008.
    #[arg(long, value_name = "MB", default_value_t = MemoryMB::MAX)]
    #[arg(help_heading = "Limits")]
    pub(super) max_memory: MemoryMB,
    /// IAM policy of the callers [default: everything]
    ///
    /// It is in JSON, and says what they may do. Every other request is refused as AWS refuses it. Conditions are not
    /// supported. A change of the file takes effect at once.
    #[arg(long, value_name = "FILE")]
    #[arg(help_heading = "Service")]
    pub(super) policy: Option<PathBuf>,
    /// Publish a new version also where only the description of PublishVersion differs
    ///
    /// By default it takes a change of the code or the configuration of $LATEST, as AWS's reference says.
    /// Users of AWS report both.
    #[arg(long)]
    #[arg(help_heading = "Service", hide_short_help = true)]
    pub(super) description_makes_version: bool,
    /// Refuse changes of $LATEST, and its publication, while a version is pending
    ///
    /// By default only a change of $LATEST that is in progress refuses another one, as AWS's page on states
    /// says and as AWS Lambda Power Tuning finds it.
    #[arg(long)]
    #[arg(help_heading = "Service", hide_short_help = true)]
    pub(super) pending_version_refuses: bool,
    /// Time that creating or changing a function takes
    #[arg(long, value_name = "MS", default_value = "100", value_parser = whole_number(0..=u64::MAX))]
    #[arg(help_heading = "Service", hide_short_help = true)]
    pub(super) update_delay_ms: u64,
    /// Time that a new version is pending [default: that of --update-delay-ms]
    #[arg(long, value_name = "MS", value_parser = whole_number(0..=u64::MAX))]
    #[arg(help_heading = "Service", hide_short_help = true)]
    pub(super) version_delay_ms: Option<u64>,
    /// Time that an idle process is kept warm
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = whole_number(0..=u64::MAX))]
    #[arg(help_heading = "Service", hide_short_help = true)]
    pub(super) idle_seconds: u64,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// Command to run against the service
    ///
    /// The command gets the environment variables that lead an SDK to the service. lpt-local ends when the
    /// command does, with its exit code. Without a command it serves until SIGINT or SIGTERM.
    #[arg(last = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,
}

/// The value of `--function` or `--replay`. A setting is None if it is not given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FunctionArg {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) runtime: Option<String>,
    pub(super) handler: Option<String>,
    pub(super) memory: Option<MemoryMB>,
    pub(super) timeout: Option<u32>,
    pub(super) log_format: Option<String>,
    pub(super) system_log_level: Option<String>,
    pub(super) architecture: Option<String>,
    pub(super) description: Option<String>,
    pub(super) region: Option<String>,
    pub(super) account: Option<String>,
    pub(super) environment: Vec<(String, String)>,
}

/// The value of `--cores`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CoresArg {
    Unlimited,
    Limit(u32),
}

fn parse_caller(text: &str) -> Result<(AccessKeyId, String), String> {
    let (id, account) = text.split_once('=').ok_or("expected ID=ACCOUNT")?;
    check_account(account)?;
    Ok((id.parse()?, account.to_owned()))
}

fn parse_listen(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "expected an address of this machine and a port, such as 127.0.0.1:9001")
}

fn parse_cores(text: &str) -> Result<CoresArg, String> {
    match text {
        "unlimited" => Ok(CoresArg::Unlimited),
        text => match text.parse() {
            Ok(cores) if cores > 0 => Ok(CoresArg::Limit(cores)),
            _ => Err("expected a whole number above 0, or unlimited".to_owned()),
        },
    }
}

pub(super) fn parse_region(text: &str) -> Result<String, String> {
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
    for part in parts {
        let (setting, value) =
            part.split_once('=').ok_or_else(|| format!("`{part}` is not of the form SETTING=VALUE"))?;
        set(&mut function, setting, value)?;
    }
    Ok(function)
}

fn set(function: &mut FunctionArg, setting: &str, value: &str) -> Result<(), String> {
    let text = Some(value.to_owned());
    match setting {
        "runtime" => function.runtime = text,
        "handler" => function.handler = text,
        "memory" => function.memory = Some(value.parse().map_err(|error| format!("{error}"))?),
        "timeout" => {
            let seconds = value.parse().map_err(|_| format!("timeout={value} is not a number of seconds"))?;
            function.timeout = Some(seconds);
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
        _ => match setting.strip_prefix("env.") {
            Some(variable) if !variable.is_empty() => {
                function.environment.push((variable.to_owned(), value.to_owned()));
            }
            _ => return Err(format!("there is no setting `{setting}`")),
        },
    }
    Ok(())
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
    fn invalid_functions_and_cores_are_refused() {
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
