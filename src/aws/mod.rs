//! AWS: the set-up of its SDK, and the calls that the tools make.

mod lambda;
mod s3;
mod calls;
mod configuration;
mod retry;
mod error;
mod policy;
mod http;

use std::rc::Rc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};

pub use aws_sdk_lambda::primitives::Blob;

pub use configuration::FunctionConfiguration;
pub use error::{AwsError, AwsErrorKind};
pub use lambda::{Alias, Invoked, Lambda, LatestChange, ListedAlias, ListedVersion};
pub use policy::{Policy, Statement};
pub use retry::{RetryPolicy, retry_until_stopped};
pub use s3::{NotAnS3Url, S3Url};

use crate::names::{FunctionArn, FunctionRef};
use calls::Calls;

/// How to reach AWS, as far as the user said; the rest comes from the environment and `~/.aws`.
#[derive(Debug, Clone, Default)]
pub struct AwsOptions {
    /// The region, unless an ARN names it.
    pub region: Option<String>,
    /// The profile in `~/.aws/config`.
    pub profile: Option<String>,
    /// Requests a second at most to the control plane of each region; 0 is no limit.
    pub control_plane_rate: u32,
}

/// The SDK's set-up, shared by the clients of all regions.
#[derive(Debug)]
pub struct Aws {
    config: SdkConfig,
    calls: Rc<Calls>,
}

impl Aws {
    /// Reads the environment and `~/.aws`. Credentials are only fetched by the first call that needs them.
    pub async fn load(options: &AwsOptions) -> Aws {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http::client())
            .timeout_config(lambda::timeouts(Duration::from_secs(60)))
            // The SDK sends a request again without a word: past the budget, and an invocation twice for one record.
            .retry_config(RetryConfig::disabled())
            // A function may think for 15 minutes before its first byte.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(profile) = &options.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        Aws { config: loader.load().await, calls: Rc::new(Calls::at_rate(options.control_plane_rate)) }
    }

    /// Lambda in the region of `function`.
    pub fn lambda(&self, function: &FunctionArn) -> Lambda {
        self.lambda_in(function.region())
    }

    /// Lambda in the region of `function`, or else in the user's own.
    ///
    /// # Errors
    /// There is no region, or what is there cannot be one.
    pub fn lambda_of_ref(&self, function: &FunctionRef) -> Result<Lambda, AwsError> {
        let own = self.config.region().map(Region::as_ref);
        let region = function.region().or(own).unwrap_or_default();
        // It becomes a part of a host name.
        if region.is_empty() || !region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(AwsError::no_region(function, region));
        }
        Ok(self.lambda_in(region))
    }

    /// The IAM actions that were allowed so far, in the order of their names: what a dry run proves.
    pub fn proved(&self) -> Vec<&'static str> {
        self.calls.proved()
    }

    /// Reads an object of S3.
    pub async fn s3_object(&self, url: &S3Url) -> Result<Vec<u8>, AwsError> {
        s3::object(&self.config, &self.calls, url).await
    }

    fn lambda_in(&self, region: &str) -> Lambda {
        let config = self.config.to_builder().region(Region::new(region.to_owned())).build();
        Lambda::new(&config, Rc::clone(&self.calls), self.calls.budget(region))
    }
}
