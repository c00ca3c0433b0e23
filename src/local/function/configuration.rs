//! The settings of a function, and what the API accepts for each.

use std::collections::BTreeMap;
use std::time::Duration;

use super::name::FunctionId;
use crate::local::refusal::{Exception, Refusal};
use crate::units::MemoryMB;

/// The settings that UpdateFunctionConfiguration can change. PublishVersion makes a new version only if these
/// or the code differ from the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Configuration {
    pub(crate) runtime: Runtime,
    pub(crate) handler: String,
    pub(crate) description: String,
    pub(crate) role: String,
    pub(crate) memory: MemoryMB,
    pub(crate) timeout: Timeout,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) architecture: Architecture,
    /// The storage at /tmp, in MB. Nothing limits it here, but tools need it for the price.
    pub(crate) ephemeral_storage: u32,
    pub(crate) logging: Logging,
    pub(crate) tracing: String,
}

impl Configuration {
    /// Returns a configuration with Lambda's defaults for what CreateFunction may leave out.
    pub(crate) fn new(function: &FunctionId, runtime: Runtime, handler: String) -> Configuration {
        Configuration {
            runtime,
            handler,
            description: String::new(),
            role: format!(
                "arn:{}:iam::{}:role/lpt-local",
                function.account_region.partition(),
                function.account_region.account
            ),
            memory: MemoryMB::MIN,
            timeout: Timeout(3),
            environment: BTreeMap::new(),
            architecture: Architecture::X86_64,
            ephemeral_storage: 512,
            logging: Logging {
                format: LogFormat::Text,
                application_level: None,
                system_level: SystemLogLevel::Info,
                group: format!("/aws/lambda/{}", function.name),
            },
            tracing: "PassThrough".to_owned(),
        }
    }
}

/// Refuses more memory than the account allows, with AWS's error name and words, as users report them:
/// <https://github.com/alexcasalboni/aws-lambda-power-tuning/pull/181>,
/// <https://github.com/remotion-dev/remotion/issues/2737>.
pub(crate) fn check_memory(memory: MemoryMB, max_memory: MemoryMB) -> Result<(), Refusal> {
    if memory <= max_memory {
        return Ok(());
    }
    Err(Refusal::new(
        Exception::Validation,
        format!(
            "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to {max_memory}"
        ),
    ))
}

/// Refuses a description of a function, a version or an alias that is too long.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html#lambda-UpdateFunctionConfiguration-request-Description>
pub(crate) fn check_description(text: &str) -> Result<(), Refusal> {
    if text.encode_utf16().count() <= 256 {
        return Ok(());
    }
    Err(Refusal::constraint(text, "description", "have length less than or equal to 256"))
}

/// The runtimes that lpt-local can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Runtime {
    /// An executable `bootstrap` that calls the Runtime API itself.
    Provided(String),
    /// Python, with the official runtime client `awslambdaric`.
    Python(String),
}

impl Runtime {
    pub(crate) fn parse(name: &str) -> Result<Runtime, Refusal> {
        if name.starts_with("provided.") {
            return Ok(Runtime::Provided(name.to_owned()));
        }
        if name.starts_with("python3.") {
            return Ok(Runtime::Python(name.to_owned()));
        }
        Err(Refusal::invalid(format!(
            "Value {name} at 'runtime' cannot be run here: only provided.al2023 and the like, and python3.x"
        )))
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Runtime::Provided(name) | Runtime::Python(name) => name,
        }
    }
}

/// The longest time that one invocation may take, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeout(u32);

impl Timeout {
    /// Accepts 1 to 900 seconds.
    pub(crate) fn new(seconds: u32) -> Result<Timeout, Refusal> {
        if (1..=900).contains(&seconds) {
            return Ok(Timeout(seconds));
        }
        Err(Refusal::invalid(format!(
            "Value '{seconds}' at 'timeout' failed to satisfy constraint: \
             Member must have value between 1 and 900"
        )))
    }

    pub(crate) fn seconds(self) -> u32 {
        self.0
    }

    pub(crate) fn duration(self) -> Duration {
        Duration::from_secs(self.0.into())
    }
}

/// The instruction set that the API names, which decides the price. A process here runs on this machine's
/// own, whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Architecture {
    X86_64,
    Arm64,
}

impl Architecture {
    pub(crate) fn parse(name: &str) -> Result<Architecture, Refusal> {
        match name {
            "x86_64" => Ok(Architecture::X86_64),
            "arm64" => Ok(Architecture::Arm64),
            _ => Err(Refusal::invalid(format!(
                "Value '[{name}]' at 'architectures' failed to satisfy constraint: \
                 Member must satisfy enum value set: [x86_64, arm64]"
            ))),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Architecture::X86_64 => "x86_64",
            Architecture::Arm64 => "arm64",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logging {
    pub(crate) format: LogFormat,
    pub(crate) application_level: Option<String>,
    pub(crate) system_level: SystemLogLevel,
    pub(crate) group: String,
}

/// The least severe of the platform's events that a JSON log contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SystemLogLevel {
    Debug,
    Info,
    /// Failures only: a successful invocation writes no report.
    Warn,
}

impl SystemLogLevel {
    pub(crate) fn parse(name: &str) -> Result<SystemLogLevel, Refusal> {
        match name {
            "DEBUG" => Ok(SystemLogLevel::Debug),
            "INFO" => Ok(SystemLogLevel::Info),
            "WARN" => Ok(SystemLogLevel::Warn),
            _ => Err(Refusal::invalid(format!(
                "Value '{name}' at 'loggingConfig.systemLogLevel' failed to satisfy constraint: \
                 Member must satisfy enum value set: [DEBUG, INFO, WARN]"
            ))),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            SystemLogLevel::Debug => "DEBUG",
            SystemLogLevel::Info => "INFO",
            SystemLogLevel::Warn => "WARN",
        }
    }
}

/// The form of the platform's lines in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// `START`, `END` and `REPORT` lines, with fields separated by tabs.
    Text,
    /// `platform.start` and `platform.report` events, one JSON object a line.
    Json,
}

impl LogFormat {
    pub(crate) fn parse(name: &str) -> Result<LogFormat, Refusal> {
        match name {
            "Text" => Ok(LogFormat::Text),
            "JSON" => Ok(LogFormat::Json),
            _ => Err(Refusal::invalid(format!(
                "Value '{name}' at 'loggingConfig.logFormat' failed to satisfy constraint: \
                 Member must satisfy enum value set: [JSON, Text]"
            ))),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            LogFormat::Text => "Text",
            LogFormat::Json => "JSON",
        }
    }
}
