//! The user's profile: the files that it is in, its credentials and its region.
//!
//! As in AWS CLI, a profile that a flag names takes precedence over the environment, and the environment over a profile
//! that AWS_PROFILE names. So `--profile` never works in the account of keys that happen to be in the environment. The
//! profile that a plan names was named by `--profile` of lpt-prepare, so it takes precedence in the same way.

use std::env;
use std::error::Error as _;
use std::fmt;

use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::{
    self, ProfileFileCredentialsProvider, ProfileFileLoadError, ProfileFileRegionProvider, ProfileSet,
};
use aws_config::provider_config::ProviderConfig;
use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::error::Fault;
use crate::exit::Exit;
use crate::label::label;
use crate::names::FunctionArn;
use crate::quote::excerpt;

/// The profile to work with.
#[derive(Debug)]
pub(super) struct Profile {
    source: ProfileSource,
    ca_bundle: Option<String>,
}

/// What names the profile, and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProfileSource {
    /// `--profile`.
    Flag(String),
    /// The plan of a function.
    Plan(String),
    /// AWS_PROFILE.
    Environment(String),
    /// Nothing, so it is the profile `default`, which need not exist.
    Nothing,
}

impl ProfileSource {
    fn read(flag: Option<&str>) -> ProfileSource {
        let variable = || env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
        match flag {
            Some(name) => ProfileSource::Flag(name.to_owned()),
            None => variable().map_or(ProfileSource::Nothing, ProfileSource::Environment),
        }
    }

    fn name(&self) -> &str {
        match self {
            ProfileSource::Flag(name) | ProfileSource::Plan(name) | ProfileSource::Environment(name) => name,
            ProfileSource::Nothing => "default",
        }
    }

    /// Returns the profile whose credentials alone are used, because a flag or a plan names it.
    pub fn alone(&self) -> Option<&str> {
        match self {
            ProfileSource::Flag(name) | ProfileSource::Plan(name) => Some(name),
            ProfileSource::Environment(_) | ProfileSource::Nothing => None,
        }
    }

    /// Says where credentials are looked for.
    pub fn places(&self) -> String {
        let name = self.name();
        match self {
            ProfileSource::Flag(_) | ProfileSource::Plan(_) => format!("the profile {name} of {Files}"),
            ProfileSource::Environment(_) | ProfileSource::Nothing => format!(
                "the environment, the profile {name} of {Files} with its SSO session, a web identity, the container and the instance"
            ),
        }
    }
}

/// Says what decides whose credentials are used.
impl fmt::Display for ProfileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_keys = env::var_os("AWS_ACCESS_KEY_ID").is_some_and(|key| !key.is_empty());
        match self {
            ProfileSource::Flag(name) => write!(f, "--profile {name}"),
            ProfileSource::Plan(name) => write!(f, "the plan's profile {name}"),
            _ if has_keys => f.write_str("AWS_ACCESS_KEY_ID"),
            ProfileSource::Environment(name) => write!(f, "AWS_PROFILE {name}"),
            ProfileSource::Nothing => f.write_str("the default credentials"),
        }
    }
}

/// The files that profiles are in.
struct Files;

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = |variable, default: &str| env::var(variable).unwrap_or_else(|_| default.to_owned());
        let configuration = path("AWS_CONFIG_FILE", "~/.aws/config");
        let credentials = path("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
        write!(f, "{configuration} and {credentials}")
    }
}

/// The reason why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// No file has it.
    #[error("there is no profile {name} in {Files}; check {named_by}")]
    Unknown { name: String, named_by: &'static str },
    /// No file of this machine has it, and a plan names it.
    #[error(
        "{}: its plan names the profile {}, which is not in {Files}; add it there, or name another with --profile",
        label(function),
        excerpt(name)
    )]
    UnknownToThisMachine { name: String, function: FunctionArn },
    /// A file is malformed.
    #[error("{Files} cannot be read: {}; fix the line that it names", cause(.0))]
    Unreadable(#[from] ProfileFileLoadError),
}

/// Reads the files, with the profile of this name as the one to work with.
async fn files(name: &str) -> Result<ProfileSet, ProfileFileLoadError> {
    let (disk, environment, paths) = Default::default();
    profile::load(&disk, &environment, &paths, Some(name.to_owned().into())).await
}

fn cause(error: &ProfileFileLoadError) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

impl Fault for ProfileError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

impl Profile {
    /// Reads the profile that the flag names, or otherwise the environment.
    ///
    /// # Errors
    /// It is named and does not exist, or the files cannot be read.
    pub async fn load(flag: Option<&str>) -> Result<Profile, ProfileError> {
        let source = ProfileSource::read(flag);
        let name = source.name().to_owned();
        let files = files(&name).await?;
        if files.get_profile(&name).is_none() {
            match source {
                ProfileSource::Flag(_) => return Err(ProfileError::Unknown { name, named_by: "--profile" }),
                ProfileSource::Environment(_) => {
                    return Err(ProfileError::Unknown { name, named_by: "AWS_PROFILE" });
                }
                ProfileSource::Plan(_) | ProfileSource::Nothing => {}
            }
        }
        Ok(Profile::of(source, &files))
    }

    /// Reads the profile that the plan of `function` names.
    ///
    /// # Errors
    /// It does not exist on this machine, or the files cannot be read.
    pub async fn of_plan(name: &str, function: &FunctionArn) -> Result<Profile, ProfileError> {
        let (name, files) = (name.to_owned(), files(name).await?);
        if files.get_profile(&name).is_none() {
            return Err(ProfileError::UnknownToThisMachine { name, function: function.clone() });
        }
        Ok(Profile::of(ProfileSource::Plan(name), &files))
    }

    fn of(source: ProfileSource, files: &ProfileSet) -> Profile {
        Profile { source, ca_bundle: files.get("ca_bundle").map(str::to_owned) }
    }

    /// Returns the file of certificates that it says to trust.
    pub fn ca_bundle(&self) -> Option<&str> {
        self.ca_bundle.as_deref()
    }

    /// Returns its name if a flag or a plan names it.
    pub fn alone(&self) -> Option<&str> {
        self.source.alone()
    }

    /// Returns what names it.
    pub fn into_source(self) -> ProfileSource {
        self.source
    }

    /// Returns its region if a flag or a plan names the profile, because then the region takes precedence over the
    /// environment.
    pub async fn region(&self) -> Option<Region> {
        let name = self.source.alone()?;
        ProfileFileRegionProvider::builder().profile_name(name).build().region().await
    }

    /// Returns `config` with the credentials of this profile alone if a flag or a plan names it.
    pub fn authorize(&self, config: SdkConfig, http: SharedHttpClient) -> SdkConfig {
        let Some(name) = self.source.alone() else {
            return config;
        };
        let provider_config =
            ProviderConfig::without_region().with_http_client(http).with_region(config.region().cloned());
        let credentials =
            ProfileFileCredentialsProvider::builder().configure(&provider_config).profile_name(name).build();
        config.into_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build()
    }
}
