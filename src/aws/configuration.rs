//! The part of a function's configuration that the tools use.

use std::fmt;

use aws_sdk_lambda::types::{
    FunctionConfiguration as FunctionConfigurationOutput, LastUpdateStatus, SnapStartOptimizationStatus,
    State,
};

use super::error::AwsError;
use crate::names::{Architecture, FunctionArn, Version};
use crate::units::{MemoryMB, StorageMB};

/// Returns the configuration in an answer. The SDK has a type for each action's answer, all with the fields of
/// `FunctionConfiguration`.
macro_rules! configuration_in {
    ($output:expr) => {{
        let output = $output;
        aws_sdk_lambda::types::FunctionConfiguration::builder()
            .set_function_arn(output.function_arn)
            .set_version(output.version)
            .set_memory_size(output.memory_size)
            .set_description(output.description)
            .set_revision_id(output.revision_id)
            .set_code_sha256(output.code_sha256)
            .set_architectures(output.architectures)
            .set_runtime(output.runtime)
            .set_package_type(output.package_type)
            .set_snap_start(output.snap_start)
            .set_ephemeral_storage(output.ephemeral_storage)
            .set_capacity_provider_config(output.capacity_provider_config)
            .set_environment(output.environment)
            .set_handler(output.handler)
            .set_layers(output.layers)
            .set_role(output.role)
            .set_timeout(output.timeout)
            .set_vpc_config(output.vpc_config)
            .set_state(output.state)
            .set_state_reason(output.state_reason)
            .set_last_update_status(output.last_update_status)
            .set_last_update_status_reason(output.last_update_status_reason)
            .build()
    }};
}
pub(super) use configuration_in;

/// The part of a function's configuration that the tools use.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionConfiguration {
    pub function_arn: FunctionArn,
    /// The published version; `None` for `$LATEST`.
    pub version: Option<Version>,
    pub memory: MemoryMB,
    /// Empty if the function has none.
    pub description: String,
    /// Changes whenever somebody changes the function.
    pub revision_id: String,
    /// In base64, as AWS sends it.
    pub code_sha256: String,
    pub architecture: Architecture,
    /// For example `python3.13`; `None` for a container image.
    pub runtime: Option<String>,
    /// `Zip` or `Image`.
    pub package_type: String,
    /// Whether published versions start from a snapshot.
    pub snap_start: bool,
    /// The size of `/tmp`, if it is more than the free 512 MB.
    pub ephemeral_storage: Option<StorageMB>,
    /// The longest time that an invocation may take.
    pub timeout_seconds: Option<u32>,
    /// Whether the function runs on managed instances, which are not billed by duration.
    pub managed_instances: bool,
    settings: Settings,
    /// Whether a change is still in progress.
    pub(super) pending: bool,
    /// AWS's reason, if the last change failed.
    failure: Option<String>,
}

/// The settings, besides code, memory and description, that influence measurements and that somebody may
/// change: names and values, always in the same order.
#[derive(Clone, PartialEq)]
struct Settings(Vec<(&'static str, String)>);

impl Settings {
    fn read(output: &FunctionConfigurationOutput) -> Settings {
        let sorted = |mut values: Vec<String>| {
            values.sort_unstable();
            values.join(" ")
        };
        let environment = output.environment().and_then(|environment| environment.variables());
        let environment = environment.into_iter().flatten().map(|(name, value)| format!("{name}={value:?}"));
        let vpc = output.vpc_config();
        let network = vpc.into_iter().flat_map(|vpc| [vpc.subnet_ids(), vpc.security_group_ids()].concat());
        let layers = output.layers().iter().filter_map(|layer| layer.arn()).collect::<Vec<_>>();
        let storage = output.ephemeral_storage().map_or(512, |storage| storage.size());
        let architectures = output.architectures().iter().map(|name| name.as_str().to_owned());
        Settings(vec![
            ("architecture", sorted(architectures.collect())),
            ("environment", sorted(environment.collect())),
            ("handler", output.handler().unwrap_or_default().to_owned()),
            ("runtime", output.runtime().map_or("", |runtime| runtime.as_str()).to_owned()),
            ("layers", layers.join(" ")),
            ("role", output.role().unwrap_or_default().to_owned()),
            ("timeout", output.timeout().unwrap_or_default().to_string()),
            ("ephemeral storage", storage.to_string()),
            ("VPC", sorted(network.collect())),
        ])
    }
}

/// Omits the values, which may be secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings")
    }
}

impl FunctionConfiguration {
    /// Returns the names of the settings that differ from `expected`, apart from memory and description.
    pub fn differences_from(&self, expected: &FunctionConfiguration) -> Vec<&'static str> {
        let code = (self.code_sha256 != expected.code_sha256).then_some("code");
        let settings = self.settings.0.iter().zip(&expected.settings.0);
        code.into_iter()
            .chain(settings.filter(|(own, expected)| own != expected).map(|((name, _), _)| *name))
            .collect()
    }

    /// Reads the answer to `action`.
    pub(super) fn read(
        action: &'static str,
        on: &str,
        output: &FunctionConfigurationOutput,
    ) -> Result<FunctionConfiguration, AwsError> {
        let missing = |what: &str| AwsError::service(action, on, format!("the answer has no usable {what}"));
        let arn = output.function_arn().ok_or_else(|| missing("FunctionArn"))?;
        // A call with a qualifier returns the qualified ARN.
        let unqualified = arn.splitn(8, ':').take(7).collect::<Vec<_>>().join(":");
        Ok(FunctionConfiguration {
            function_arn: unqualified.parse().map_err(|_| missing("FunctionArn"))?,
            version: output.version().and_then(|version| version.parse().ok()),
            memory: output
                .memory_size()
                .and_then(|size| u32::try_from(size).ok())
                .and_then(MemoryMB::new)
                .ok_or_else(|| missing("MemorySize"))?,
            description: output.description().unwrap_or_default().to_owned(),
            revision_id: output.revision_id().unwrap_or_default().to_owned(),
            code_sha256: output.code_sha256().unwrap_or_default().to_owned(),
            architecture: match output.architectures().first() {
                None => Architecture::default(),
                Some(name) => name.as_str().parse().map_err(|_| missing("Architectures"))?,
            },
            runtime: output.runtime().map(|runtime| runtime.as_str().to_owned()),
            package_type: output.package_type().map_or("Zip", |package| package.as_str()).to_owned(),
            snap_start: output
                .snap_start()
                .and_then(|snap_start| snap_start.apply_on())
                .is_some_and(|apply_on| apply_on.as_str() == "PublishedVersions")
                || output
                    .snap_start()
                    .and_then(|snap_start| snap_start.optimization_status())
                    .is_some_and(|status| *status == SnapStartOptimizationStatus::On),
            ephemeral_storage: output
                .ephemeral_storage()
                .and_then(|storage| u32::try_from(storage.size()).ok())
                .and_then(StorageMB::new)
                .filter(|storage| *storage > StorageMB::FREE),
            timeout_seconds: output.timeout().and_then(|seconds| u32::try_from(seconds).ok()),
            managed_instances: output.capacity_provider_config().is_some(),
            settings: Settings::read(output),
            pending: matches!(output.state(), Some(State::Pending))
                || matches!(output.last_update_status(), Some(LastUpdateStatus::InProgress)),
            failure: failure(output),
        })
    }

    /// Returns this configuration, or the error of the change `action` if that failed.
    pub(super) fn succeeded(self, action: &'static str) -> Result<FunctionConfiguration, AwsError> {
        match self.failure {
            Some(reason) => Err(AwsError::service(action, self.function_arn.to_string(), reason)),
            None => Ok(self),
        }
    }
}

fn failure(output: &FunctionConfigurationOutput) -> Option<String> {
    let reason = match (output.state(), output.last_update_status()) {
        (Some(State::Failed), _) => output.state_reason(),
        (_, Some(LastUpdateStatus::Failed)) => output.last_update_status_reason(),
        _ => return None,
    };
    Some(reason.unwrap_or("AWS gives no reason").to_owned())
}
