//! What a function is: its configuration, its code, and one version of both that can run.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::code::Code;
use super::name::FunctionId;
use super::refusal::Refusal;
use crate::units::MemoryMB;

/// Everything about a function that UpdateFunctionConfiguration can set. What two versions have to
/// differ in, besides their code, to be two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    pub runtime: Runtime,
    pub handler: String,
    pub description: String,
    pub role: String,
    pub memory: MemoryMB,
    pub timeout: Timeout,
    pub environment: BTreeMap<String, String>,
    pub architecture: Architecture,
    /// Size of /tmp, in MB. Nothing here limits it; it is a price that tools must see.
    pub ephemeral_storage: u32,
    pub logging: Logging,
    pub tracing: String,
}

impl Configuration {
    /// A configuration with Lambda's defaults for what CreateFunction may leave out.
    pub fn new(function: &FunctionId, runtime: Runtime, handler: String) -> Configuration {
        Configuration {
            runtime,
            handler,
            description: String::new(),
            role: format!("arn:{}:iam::{}:role/lpt-local", function.home.partition(), function.home.account),
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

/// One configuration and code that can be run: what an execution environment is made for. A version is
/// one for ever; `$LATEST` has another after each change, so that no warm environment outlives it.
#[derive(Debug)]
pub struct Runnable {
    pub function: FunctionId,
    /// `$LATEST` or the number of a version.
    pub version: String,
    /// Tells this from every other runnable of this service.
    pub generation: u64,
    pub configuration: Configuration,
    pub code: Arc<Code>,
}

/// The runtimes that can be run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runtime {
    /// An executable `bootstrap` that speaks the Runtime API itself.
    Provided(String),
    /// Python, through the official client `awslambdaric`.
    Python(String),
}

impl Runtime {
    /// Reads AWS's name of a runtime.
    pub fn parse(name: &str) -> Result<Runtime, Refusal> {
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

    /// AWS's name of it.
    pub fn name(&self) -> &str {
        match self {
            Runtime::Provided(name) | Runtime::Python(name) => name,
        }
    }
}

/// How long one invocation may take, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout(u32);

impl Timeout {
    /// 1 to 900 seconds.
    pub fn new(seconds: u32) -> Result<Timeout, Refusal> {
        if (1..=900).contains(&seconds) {
            return Ok(Timeout(seconds));
        }
        Err(Refusal::invalid(format!(
            "Value '{seconds}' at 'timeout' failed to satisfy constraint: \
             Member must have value between 1 and 900"
        )))
    }

    /// The number of seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

/// The instruction set. A process here runs on this machine's; the name is for the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    X86_64,
    Arm64,
}

impl Architecture {
    /// Reads AWS's name of an architecture.
    pub fn parse(name: &str) -> Result<Architecture, Refusal> {
        match name {
            "x86_64" => Ok(Architecture::X86_64),
            "arm64" => Ok(Architecture::Arm64),
            _ => Err(Refusal::invalid(format!(
                "Value '[{name}]' at 'architectures' failed to satisfy constraint: \
                 Member must satisfy enum value set: [x86_64, arm64]"
            ))),
        }
    }

    /// AWS's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::X86_64 => "x86_64",
            Architecture::Arm64 => "arm64",
        }
    }
}

/// How a function logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    pub format: LogFormat,
    pub application_level: Option<String>,
    pub system_level: SystemLogLevel,
    pub group: String,
}

/// Which of the platform's own events are in a JSON log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemLogLevel {
    Debug,
    Info,
    /// Only what went wrong: a successful invocation leaves no report.
    Warn,
}

impl SystemLogLevel {
    /// Reads AWS's name of a level.
    pub fn parse(name: &str) -> Result<SystemLogLevel, Refusal> {
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

    /// AWS's name of it.
    pub fn name(self) -> &'static str {
        match self {
            SystemLogLevel::Debug => "DEBUG",
            SystemLogLevel::Info => "INFO",
            SystemLogLevel::Warn => "WARN",
        }
    }
}

/// The form of the platform's own lines in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// `START`, `END`, `REPORT`, with tabs.
    Text,
    /// `platform.start`, `platform.report`, an object in a line.
    Json,
}

impl LogFormat {
    /// Reads AWS's name of a log format.
    pub fn parse(name: &str) -> Result<LogFormat, Refusal> {
        match name {
            "Text" => Ok(LogFormat::Text),
            "JSON" => Ok(LogFormat::Json),
            _ => Err(Refusal::invalid(format!(
                "Value '{name}' at 'loggingConfig.logFormat' failed to satisfy constraint: \
                 Member must satisfy enum value set: [JSON, Text]"
            ))),
        }
    }

    /// AWS's name of it.
    pub fn name(self) -> &'static str {
        match self {
            LogFormat::Text => "Text",
            LogFormat::Json => "JSON",
        }
    }
}
