//! The JSON of Lambda's API, in and out; every member is spelled as AWS spells it.

use std::collections::BTreeMap;

use axum::body::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::function::{Architecture, Configuration, LogFormat, Runtime, SystemLogLevel, Timeout};
use super::name::FunctionId;
use super::refusal::{Kind, Refusal};
use super::store::{Alias, Version};
use crate::units::MemoryMB;

const MODIFIED: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]+0000");

/// Reads the body of a request.
pub fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    // A request without parameters may have no body at all.
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        Refusal::new(Kind::InvalidRequestContent, format!("Could not parse request body into json: {error}"))
    })
}

/// CreateFunction.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateFunction {
    pub function_name: String,
    pub code: CodeIn,
    #[serde(default)]
    pub publish: bool,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    #[serde(flatten)]
    pub settings: Settings,
    #[serde(default)]
    pub architectures: Vec<String>,
}

/// Where the code is: only a zip in the request itself can be had here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CodeIn {
    pub zip_file: Option<String>,
}

/// UpdateFunctionCode.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateFunctionCode {
    #[serde(flatten)]
    pub code: CodeIn,
    #[serde(default)]
    pub architectures: Vec<String>,
    #[serde(default)]
    pub publish: bool,
    #[serde(default)]
    pub dry_run: bool,
    pub revision_id: Option<String>,
}

/// UpdateFunctionConfiguration.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateFunctionConfiguration {
    pub revision_id: Option<String>,
    #[serde(flatten)]
    pub settings: Settings,
}

/// What both CreateFunction and UpdateFunctionConfiguration can set.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Settings {
    runtime: Option<String>,
    role: Option<String>,
    handler: Option<String>,
    description: Option<String>,
    timeout: Option<u32>,
    memory_size: Option<u32>,
    environment: Option<Environment>,
    ephemeral_storage: Option<EphemeralStorage>,
    logging_config: Option<LoggingConfig>,
    tracing_config: Option<TracingConfig>,
    snap_start: Option<SnapStart>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EphemeralStorage {
    size: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LoggingConfig {
    log_format: Option<String>,
    application_log_level: Option<String>,
    system_log_level: Option<String>,
    log_group: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TracingConfig {
    mode: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SnapStart {
    apply_on: Option<String>,
}

/// PublishVersion.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PublishVersion {
    pub code_sha256: Option<String>,
    pub description: Option<String>,
    pub revision_id: Option<String>,
}

/// CreateAlias.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateAlias {
    pub name: String,
    pub function_version: String,
    #[serde(default)]
    pub description: String,
    pub routing_config: Option<RoutingConfig>,
}

/// UpdateAlias.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateAlias {
    pub function_version: Option<String>,
    pub description: Option<String>,
    pub routing_config: Option<RoutingConfig>,
    pub revision_id: Option<String>,
}

/// How an alias splits its invocations.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RoutingConfig {
    #[serde(default)]
    pub additional_version_weights: BTreeMap<String, f64>,
}

impl Settings {
    /// The configuration of a new function, in an account that gives `most` memory.
    pub fn configuration(
        self,
        function: &FunctionId,
        architectures: &[String],
        most: MemoryMB,
    ) -> Result<Configuration, Refusal> {
        let required = |what: &str| {
            Refusal::invalid(format!("{what} is mandatory for functions created with deployment packages."))
        };
        let runtime = self.runtime.as_deref().ok_or_else(|| required("Runtime"))?;
        let handler = self.handler.clone().ok_or_else(|| required("Handler"))?;
        let mut configuration = Configuration::new(function, Runtime::parse(runtime)?, handler);
        set_architecture(&mut configuration, architectures)?;
        self.apply(&mut configuration, most)?;
        Ok(configuration)
    }

    /// Sets what was given, in an account that gives `most` memory.
    pub fn apply(self, configuration: &mut Configuration, most: MemoryMB) -> Result<(), Refusal> {
        if let Some(snap_start) = self.snap_start
            && snap_start.apply_on.is_some_and(|on| on != "None")
        {
            return Err(Refusal::invalid("SnapStart is not supported by lpt-local."));
        }
        if let Some(runtime) = self.runtime {
            configuration.runtime = Runtime::parse(&runtime)?;
        }
        if let Some(memory) = self.memory_size {
            configuration.memory = MemoryMB::new(memory).ok_or_else(|| {
                Refusal::invalid(format!(
                    "Value '{memory}' at 'memorySize' failed to satisfy constraint: \
                     Member must have value between {} and {}",
                    MemoryMB::MIN,
                    MemoryMB::MAX
                ))
            })?;
            check_memory(configuration.memory, most)?;
        }
        if let Some(seconds) = self.timeout {
            configuration.timeout = Timeout::new(seconds)?;
        }
        if let Some(storage) = self.ephemeral_storage {
            if !(512..=10_240).contains(&storage.size) {
                return Err(Refusal::invalid(format!(
                    "Value '{}' at 'ephemeralStorage.size' failed to satisfy constraint: \
                     Member must have value between 512 and 10240",
                    storage.size
                )));
            }
            configuration.ephemeral_storage = storage.size;
        }
        if let Some(logging) = self.logging_config {
            if let Some(format) = logging.log_format {
                configuration.logging.format = LogFormat::parse(&format)?;
            }
            if logging.application_log_level.is_some() {
                configuration.logging.application_level = logging.application_log_level;
            }
            if let Some(level) = logging.system_log_level {
                configuration.logging.system_level = SystemLogLevel::parse(&level)?;
            }
            if let Some(group) = logging.log_group {
                configuration.logging.group = group;
            }
        }
        if let Some(environment) = self.environment {
            configuration.environment = environment.variables;
        }
        if let Some(mode) = self.tracing_config.and_then(|tracing| tracing.mode) {
            configuration.tracing = mode;
        }
        let texts = [
            (self.role, &mut configuration.role),
            (self.handler, &mut configuration.handler),
            (self.description, &mut configuration.description),
        ];
        for (given, setting) in texts {
            if let Some(given) = given {
                *setting = given;
            }
        }
        Ok(())
    }
}

/// What the account refuses, in AWS's words and by AWS's name, as users report them:
/// <https://github.com/alexcasalboni/aws-lambda-power-tuning/pull/181>,
/// <https://github.com/remotion-dev/remotion/issues/2737>.
pub fn check_memory(memory: MemoryMB, most: MemoryMB) -> Result<(), Refusal> {
    if memory <= most {
        return Ok(());
    }
    Err(Refusal::new(
        Kind::Validation,
        format!(
            "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to {most}"
        ),
    ))
}

/// Sets the architecture where one was given; there can be only one.
pub fn set_architecture(configuration: &mut Configuration, architectures: &[String]) -> Result<(), Refusal> {
    if let Some(name) = architectures.first() {
        configuration.architecture = Architecture::parse(name)?;
    }
    Ok(())
}

/// A FunctionConfiguration, under the ARN that it was asked for. Lists leave out how far it is.
pub fn configuration(
    function: &FunctionId,
    version: &Version,
    qualifier: Option<&str>,
    in_list: bool,
) -> Value {
    let configuration = &version.configuration;
    let logging = &configuration.logging;
    let mut out = json!({
        "FunctionName": function.name,
        "FunctionArn": qualifier.map_or_else(|| function.to_string(), |qualifier| function.qualified(qualifier)),
        "Runtime": configuration.runtime.name(),
        "Role": configuration.role,
        "Handler": configuration.handler,
        "CodeSize": version.code.size,
        "Description": configuration.description,
        "Timeout": configuration.timeout.seconds(),
        "MemorySize": configuration.memory.get(),
        "LastModified": version.modified.format(MODIFIED).expect("a date of this millennium has this form"),
        "CodeSha256": version.code.sha256,
        "Version": version.label(),
        "TracingConfig": {"Mode": configuration.tracing},
        "RevisionId": version.revision.to_string(),
        "PackageType": "Zip",
        "Architectures": [configuration.architecture.name()],
        "EphemeralStorage": {"Size": configuration.ephemeral_storage},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": logging.format.name(), "LogGroup": logging.group},
    });
    if !configuration.environment.is_empty() {
        out["Environment"] = json!({"Variables": configuration.environment});
    }
    if logging.format == LogFormat::Json {
        out["LoggingConfig"]["ApplicationLogLevel"] =
            json!(logging.application_level.as_deref().unwrap_or("INFO"));
        out["LoggingConfig"]["SystemLogLevel"] = json!(logging.system_level.name());
    }
    if in_list {
        return out;
    }
    if version.is_pending() {
        out["State"] = json!("Pending");
        out["StateReason"] = json!("The function is being created.");
        out["StateReasonCode"] = json!("Creating");
    } else {
        out["State"] = json!("Active");
    }
    if version.is_updating() {
        out["LastUpdateStatus"] = json!("InProgress");
        out["LastUpdateStatusReason"] = json!("The function is being created.");
        out["LastUpdateStatusReasonCode"] = json!("Creating");
    } else {
        out["LastUpdateStatus"] = json!("Successful");
    }
    out
}

/// An AliasConfiguration.
pub fn alias(function: &FunctionId, alias: &Alias) -> Value {
    let mut out = json!({
        "AliasArn": function.qualified(&alias.name),
        "Name": alias.name,
        "FunctionVersion": alias.version.to_string(),
        "Description": alias.description,
        "RevisionId": alias.revision.to_string(),
    });
    if !alias.weights.is_empty() {
        out["RoutingConfig"] = json!({"AdditionalVersionWeights": alias.weights});
    }
    out
}
