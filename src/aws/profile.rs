//! The user's profile: the files that it is in, its credentials and its region.
//!
//! As in AWS CLI, a profile that a flag names takes precedence over the environment, and the environment over a profile
//! that AWS_PROFILE names. So `--profile` never works in the account of keys that happen to be in the environment.

use std::env;
use std::error::Error as _;
use std::fmt;

use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::{
    self, ProfileFileCredentialsProvider, ProfileFileLoadError, ProfileFileRegionProvider,
};
use aws_config::provider_config::ProviderConfig;
use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::error::Fault;
use crate::exit::Exit;

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
            ProfileSource::Flag(name) | ProfileSource::Environment(name) => name,
            ProfileSource::Nothing => "default",
        }
    }

    /// Says where credentials are looked for.
    pub fn places(&self) -> String {
        let name = self.name();
        match self {
            ProfileSource::Flag(_) => format!("the profile {name} of {Files}"),
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
    /// A file is malformed.
    #[error("{Files} cannot be read: {}; fix the line that it names", cause(.0))]
    Unreadable(#[from] ProfileFileLoadError),
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
        let (disk, environment, paths) = Default::default();
        let files = profile::load(&disk, &environment, &paths, Some(name.clone().into())).await?;
        if files.get_profile(&name).is_none() {
            match source {
                ProfileSource::Flag(_) => return Err(ProfileError::Unknown { name, named_by: "--profile" }),
                ProfileSource::Environment(_) => {
                    return Err(ProfileError::Unknown { name, named_by: "AWS_PROFILE" });
                }
                ProfileSource::Nothing => {}
            }
        }
        let ca_bundle = files.get("ca_bundle").map(str::to_owned);
        Ok(Profile { source, ca_bundle })
    }

    /// Returns the file of certificates that it says to trust.
    pub fn ca_bundle(&self) -> Option<&str> {
        self.ca_bundle.as_deref()
    }

    /// Returns what names it.
    pub fn into_source(self) -> ProfileSource {
        self.source
    }

    /// Returns its region if a flag names the profile, because then the region takes precedence over the environment.
    pub async fn region(&self) -> Option<Region> {
        let ProfileSource::Flag(name) = &self.source else {
            return None;
        };
        ProfileFileRegionProvider::builder().profile_name(name).build().region().await
    }

    /// Returns `config` with the credentials of this profile alone if a flag names it.
    pub fn authorize(&self, config: SdkConfig, http: SharedHttpClient) -> SdkConfig {
        let ProfileSource::Flag(name) = &self.source else {
            return config;
        };
        let provider_config =
            ProviderConfig::without_region().with_http_client(http).with_region(config.region().cloned());
        let credentials =
            ProfileFileCredentialsProvider::builder().configure(&provider_config).profile_name(name).build();
        config.into_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build()
    }
}
