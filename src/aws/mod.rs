//! AWS: the setup of its SDK, and the calls that the tools make.

mod lambda; // the calls of the Lambda API
mod response_stream; // an answer that comes in parts
mod s3; // the download of a payload
mod calls; // one call: its turn, its retries, its log line
mod pace; // how often a change in progress is looked at
mod configuration; // a function's configuration
mod retry; // the retry policies, and the loop that follows them
mod error; // failed calls, and their remedies
mod policy; // IAM policies as JSON
mod profile; // the profile: its files, its credentials, its region
mod http; // the HTTP client under the SDK: proxy, certificates, keep-alive

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use tokio_util::sync::CancellationToken;

pub use aws_sdk_lambda::primitives::Blob;

pub use configuration::FunctionConfiguration;
pub use error::{AwsError, AwsErrorKind};
pub use lambda::{Alias, Invoked, Lambda, LatestChange, ListedAlias, ListedVersion, Publication};
pub use policy::{Policy, Statement};
pub use retry::{RetryPolicy, retry_until_stopped};
pub use s3::S3Url;

use self::http::Network;
use crate::error::Error;
use crate::label::note_function;
use crate::names::{FunctionArn, FunctionRef, is_region};
use crate::records::Plan;
use calls::Calls;
use profile::Profile;

/// The user's choices on how to reach AWS. Everything else comes from the environment and `~/.aws`.
#[derive(Debug, Clone, Default)]
pub struct AwsOptions {
    /// The region of functions that are named without an ARN.
    pub region: Option<String>,
    /// The profile in `~/.aws/config`.
    pub profile: Option<String>,
    /// The maximum number of requests per second to the control plane of each region; 0 is no limit.
    pub control_plane_rate: u32,
    /// Cancelled when a signal asks the tool to stop.
    pub interrupt: CancellationToken,
    /// Whether the tool has work that an interrupt must not end, such as to undo what tools upstream have changed.
    /// Otherwise an interrupt ends a call at once, until one has changed something.
    pub must_finish: bool,
}

/// The user's credentials, and those that plans name.
#[derive(Debug)]
pub struct Aws {
    own: Account,
    /// The accounts of the functions whose plan names a profile.
    of_plans: RefCell<BTreeMap<FunctionArn, Account>>,
    options: AwsOptions,
}

/// The SDK's configuration with the credentials of one profile, shared by the clients of all regions.
#[derive(Debug, Clone)]
struct Account {
    config: SdkConfig,
    calls: Rc<Calls>,
}

impl Aws {
    /// Reads the environment and `~/.aws`. The first call that needs credentials fetches them.
    ///
    /// # Errors
    /// The profile does not exist, a file of profiles or of certificates cannot be read, or the proxy's URL cannot
    /// be used. Or a signal interrupts this: where no region is set, the SDK asks the metadata service of an instance.
    pub async fn load(options: &AwsOptions) -> Result<Aws, Error> {
        let profile = Profile::load(options.profile.as_deref()).await?;
        let region = match &options.region {
            Some(region) => Some(Region::new(region.clone())),
            None => profile.region().await,
        };
        let config = configure(&profile, region, options).await?;
        let calls = Rc::new(Calls::new(profile.into_source(), options));
        let own = Account { config, calls };
        Ok(Aws { own, of_plans: RefCell::default(), options: options.clone() })
    }

    /// Makes the calls about the function of `plan` with the profile that it names, unless a flag names one.
    ///
    /// # Errors
    /// The profile does not exist on this machine, or cannot be used.
    pub async fn follow(&self, plan: &Plan) -> Result<(), Error> {
        let Some(name) = plan.profile.as_deref().filter(|_| self.options.profile.is_none()) else {
            return Ok(());
        };
        let is_of_profile = |account: &&Account| account.calls.profile().alone() == Some(name);
        let known = self.of_plans.borrow().values().find(is_of_profile).cloned();
        let account = match known {
            Some(account) => account,
            None => {
                let profile = Profile::of_plan(name, &plan.function_arn).await?;
                // Each call goes to the region of its function. This one is for the call that assumes a role.
                let region = profile.region().await;
                let region = region.unwrap_or_else(|| Region::new(plan.function_arn.region().to_owned()));
                let config = configure(&profile, Some(region), &self.options).await?;
                Account { config, calls: Rc::new(self.own.calls.with(profile.into_source())) }
            }
        };
        self.of_plans.borrow_mut().insert(plan.function_arn.clone(), account);
        Ok(())
    }

    /// Returns the profile that a flag or the function's plan names.
    pub fn profile_of(&self, function: &FunctionArn) -> Option<String> {
        self.account_of(function).calls.profile().alone().map(str::to_owned)
    }

    fn account_of(&self, function: &FunctionArn) -> Account {
        self.of_plans.borrow().get(function).unwrap_or(&self.own).clone()
    }

    /// Returns the client for the region of `function`.
    pub fn lambda(&self, function: &FunctionArn) -> Lambda {
        let account = self.account_of(function);
        account.calls.note_place(function);
        note_function(function);
        account.lambda_in(function.region())
    }

    /// Returns the client for the region that `function` names, or otherwise for the user's own.
    ///
    /// # Errors
    /// No region is set, or its name cannot be a region.
    pub fn lambda_of_ref(&self, function: &FunctionRef) -> Result<Lambda, AwsError> {
        if let FunctionRef::Arn(function) = function {
            note_function(function);
        }
        let users_own = self.own.config.region().map(Region::as_ref);
        let region = function.region().or(users_own).unwrap_or_default();
        // The region becomes a part of a host name.
        if region.is_empty() || !region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(AwsError::no_region(function, region));
        }
        Ok(self.own.lambda_in(region))
    }

    /// Returns the names of the functions in the user's own region, or `None` if no region is set or AWS refuses.
    pub async fn names_of_functions(&self) -> Option<Vec<String>> {
        let region = self.own.config.region().map(Region::as_ref).filter(|region| is_region(region))?;
        self.own.lambda_in(region).names_of_functions().await.ok()
    }

    /// Returns the IAM actions that AWS has allowed so far, sorted by name. A dry run reports them.
    pub fn proved(&self) -> Vec<&'static str> {
        self.own.calls.proved()
    }

    /// Downloads an object from S3.
    pub async fn s3_object(&self, url: &S3Url) -> Result<Vec<u8>, AwsError> {
        s3::object(&self.own.config, &self.own.calls, url).await
    }
}

impl Account {
    fn lambda_in(&self, region: &str) -> Lambda {
        let config = self.config.to_builder().region(Region::new(region.to_owned())).build();
        Lambda::new(&config, Rc::clone(&self.calls), self.calls.quotas(region))
    }
}

/// Reads the rest of the environment and of `~/.aws`.
async fn configure(
    profile: &Profile,
    region: Option<Region>,
    options: &AwsOptions,
) -> Result<SdkConfig, Error> {
    let http = Network::from_environment(profile.ca_bundle())?.client()?;
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .timeout_config(lambda::timeouts(Duration::from_secs(60)))
        // The SDK would repeat a request silently: outside the budget, and an invocation twice for one record.
        .retry_config(RetryConfig::disabled())
        // A function may run for 15 minutes before it sends its first byte.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(name) = profile.alone() {
        loader = loader.profile_name(name);
    }
    if let Some(region) = region {
        loader = loader.region(region);
    }
    tokio::select! {
        config = loader.load() => Ok(profile.authorize(config, http)),
        () = options.interrupt.cancelled(), if !options.must_finish => Err(Error::Interrupted),
    }
}
