//! The JSON of requests and responses. Every member has AWS's spelling.

use std::collections::BTreeMap;

use axum::body::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::store::{Alias, Version};
use crate::local::function::{
    Architecture, Configuration, FunctionId, LogFormat, Logging, Runtime, SystemLogLevel, Timeout,
    check_description, check_memory,
};
use crate::local::refusal::{Exception, Refusal};
use crate::units::MemoryMB;

const LAST_MODIFIED: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]+0000");

/// Parses the body of a request.
pub(crate) fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    // A request without parameters may have no body.
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        Refusal::new(
            Exception::InvalidRequestContent,
            format!("Could not parse request body into json: {error}"),
        )
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateFunction {
    pub(crate) function_name: String,
    pub(crate) code: FunctionCode,
    #[serde(default)]
    pub(crate) publish: bool,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    #[serde(flatten)]
    pub(crate) settings: Settings,
    #[serde(default)]
    pub(crate) architectures: Vec<String>,
}

/// The code of a function. Only a zip in the request itself is supported.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FunctionCode {
    pub(crate) zip_file: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UpdateFunctionCode {
    #[serde(flatten)]
    pub(crate) code: FunctionCode,
    #[serde(default)]
    pub(crate) architectures: Vec<String>,
    #[serde(default)]
    pub(crate) publish: bool,
    #[serde(default)]
    pub(crate) dry_run: bool,
    pub(crate) revision_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UpdateFunctionConfiguration {
    pub(crate) revision_id: Option<String>,
    #[serde(flatten)]
    pub(crate) settings: Settings,
}

/// The settings that both CreateFunction and UpdateFunctionConfiguration have.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Settings {
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

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PublishVersion {
    pub(crate) code_sha256: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) revision_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateAlias {
    pub(crate) name: String,
    pub(crate) function_version: String,
    #[serde(default)]
    pub(crate) description: String,
    pub(crate) routing_config: Option<RoutingConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UpdateAlias {
    pub(crate) function_version: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) routing_config: Option<RoutingConfig>,
    pub(crate) revision_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RoutingConfig {
    #[serde(default)]
    pub(crate) additional_version_weights: BTreeMap<String, f64>,
}

impl Settings {
    /// Returns the configuration of a new function.
    pub(crate) fn configuration(
        self,
        function: &FunctionId,
        architectures: &[String],
        max_memory: MemoryMB,
    ) -> Result<Configuration, Refusal> {
        let required = |what: &str| {
            Refusal::invalid(format!("{what} is mandatory for functions created with deployment packages."))
        };
        let runtime = self.runtime.as_deref().ok_or_else(|| required("Runtime"))?;
        let handler = self.handler.clone().ok_or_else(|| required("Handler"))?;
        let mut configuration = Configuration::new(function, Runtime::parse(runtime)?, handler);
        set_architecture(&mut configuration, architectures)?;
        self.apply(&mut configuration, max_memory)?;
        Ok(configuration)
    }

    /// Changes the settings that are given.
    pub(crate) fn apply(
        self,
        configuration: &mut Configuration,
        max_memory: MemoryMB,
    ) -> Result<(), Refusal> {
        if let Some(snap_start) = self.snap_start
            && snap_start.apply_on.is_some_and(|on| on != "None")
        {
            return Err(Refusal::invalid("SnapStart is not supported by lpt-local."));
        }
        if let Some(runtime) = self.runtime {
            configuration.runtime = Runtime::parse(&runtime)?;
        }
        if let Some(memory) = self.memory_size {
            configuration.memory = memory_size(memory, max_memory)?;
        }
        if let Some(seconds) = self.timeout {
            configuration.timeout = Timeout::new(seconds)?;
        }
        if let Some(storage) = self.ephemeral_storage {
            configuration.ephemeral_storage = storage.checked_size()?;
        }
        if let Some(logging) = self.logging_config {
            logging.apply(&mut configuration.logging)?;
        }
        if let Some(description) = &self.description {
            check_description(description)?;
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

fn memory_size(megabytes: u32, max_memory: MemoryMB) -> Result<MemoryMB, Refusal> {
    let memory = MemoryMB::new(megabytes).ok_or_else(|| {
        Refusal::invalid(format!(
            "Value '{megabytes}' at 'memorySize' failed to satisfy constraint: \
             Member must have value between {} and {}",
            MemoryMB::MIN,
            MemoryMB::MAX
        ))
    })?;
    check_memory(memory, max_memory)?;
    Ok(memory)
}

impl EphemeralStorage {
    fn checked_size(&self) -> Result<u32, Refusal> {
        if (512..=10_240).contains(&self.size) {
            return Ok(self.size);
        }
        Err(Refusal::invalid(format!(
            "Value '{}' at 'ephemeralStorage.size' failed to satisfy constraint: \
             Member must have value between 512 and 10240",
            self.size
        )))
    }
}

impl LoggingConfig {
    fn apply(self, logging: &mut Logging) -> Result<(), Refusal> {
        if let Some(format) = self.log_format {
            logging.format = LogFormat::parse(&format)?;
        }
        if self.application_log_level.is_some() {
            logging.application_level = self.application_log_level;
        }
        if let Some(level) = self.system_log_level {
            logging.system_level = SystemLogLevel::parse(&level)?;
        }
        if let Some(group) = self.log_group {
            logging.group = group;
        }
        Ok(())
    }
}

/// Sets the architecture if one is given. There can be only one.
pub(crate) fn set_architecture(
    configuration: &mut Configuration,
    architectures: &[String],
) -> Result<(), Refusal> {
    if let Some(name) = architectures.first() {
        configuration.architecture = Architecture::parse(name)?;
    }
    Ok(())
}

/// Returns a FunctionConfiguration with the ARN of the qualifier. In a list it has no state.
pub(crate) fn configuration(
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
        "CodeSize": version.code.bytes,
        "Description": configuration.description,
        "Timeout": configuration.timeout.seconds(),
        "MemorySize": configuration.memory.get(),
        "LastModified": version.modified.format(LAST_MODIFIED).expect("a date of this millennium has this form"),
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
    if !in_list {
        add_state(&mut out, version);
    }
    out
}

/// Adds how far the creation or the last change is. Until a function or version is created, it has no last update.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html>
fn add_state(configuration: &mut Value, version: &Version) {
    if version.is_pending() {
        configuration["State"] = json!("Pending");
        configuration["StateReason"] = json!("The function is being created.");
        configuration["StateReasonCode"] = json!("Creating");
        return;
    }
    configuration["State"] = json!("Active");
    if version.is_updating() {
        configuration["LastUpdateStatus"] = json!("InProgress");
        configuration["LastUpdateStatusReason"] = json!("The function is being created.");
        configuration["LastUpdateStatusReasonCode"] = json!("Creating");
    } else {
        configuration["LastUpdateStatus"] = json!("Successful");
    }
}

/// Returns an AliasConfiguration.
pub(crate) fn alias(function: &FunctionId, alias: &Alias) -> Value {
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
