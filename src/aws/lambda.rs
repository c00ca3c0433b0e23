//! The calls of the Lambda API that the tools make, with their answers parsed.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_lambda::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_lambda::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_lambda::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::FunctionConfiguration as FunctionConfigurationOutput;
use aws_sdk_lambda::types::{AliasConfiguration, LogType};

use super::calls::{Budget, Calls};
use super::configuration::FunctionConfiguration;
use super::error::AwsError;
use super::retry::{RetryPolicy, retry};
use crate::names::{AliasName, Callee, FunctionArn, Qualifier, Version};
use crate::units::MemoryMB;

/// A change to `$LATEST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatestChange<'a> {
    /// Its new memory.
    pub memory: MemoryMB,
    /// Its new description.
    pub description: &'a str,
    /// Refuse if somebody changed the function since this revision was read.
    pub revision_id: Option<&'a str>,
}

/// A published version as the list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedVersion {
    /// Its number.
    pub version: Version,
    /// Its own description.
    pub description: String,
    /// Its memory.
    pub memory: Option<MemoryMB>,
}

/// An alias as the list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAlias {
    /// Its name.
    pub name: AliasName,
    /// The version that it points at; none for `$LATEST`.
    pub version: Option<Version>,
    /// Its own description.
    pub description: String,
}

/// What an alias points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The version that gets its traffic.
    pub version: Option<Version>,
    /// Whether another version gets a part of it.
    pub is_split: bool,
    /// Changes whenever somebody changes the alias.
    pub revision_id: Option<String>,
}

/// An invocation that came back.
#[derive(Debug, Clone)]
pub struct Invoked {
    /// Set where the function failed, to AWS's word for how.
    pub function_error: Option<String>,
    /// What the function returned, or its error.
    pub payload: Vec<u8>,
    /// The end of the log, base64.
    pub log_result: Option<String>,
    /// The invocation's id.
    pub request_id: Option<String>,
    /// From the request's first byte to the response's last.
    pub elapsed: Duration,
}

/// A change that takes longer than this, also of a function with SnapStart in a VPC, is stuck.
const LONGEST_CHANGE: Duration = Duration::from_secs(15 * 60);

/// When to look whether a change is through, before any was seen.
const FIRST_LOOK: Duration = Duration::from_millis(100);

/// The longest that a function may run, and some time for the way.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html>
const LONGEST_INVOCATION: Duration = Duration::from_secs(15 * 60 + 60);

/// Lambda's API in one region.
#[derive(Debug, Clone)]
pub struct Lambda {
    client: aws_sdk_lambda::Client,
    calls: Rc<Calls>,
    budget: Rc<Budget>,
    /// How long a change takes, as far as it was seen: a second or two, minutes for container images and SnapStart. To
    /// look earlier is in vain, and each look counts against the control plane's 15 requests a second.
    usual_change: Rc<Cell<Duration>>,
}

impl Lambda {
    pub(super) fn new(config: &SdkConfig, calls: Rc<Calls>, budget: Rc<Budget>) -> Lambda {
        let usual_change = Rc::new(Cell::new(FIRST_LOOK));
        Lambda { client: aws_sdk_lambda::Client::new(config), calls, budget, usual_change }
    }

    /// Makes a call of the control plane.
    async fn make<O, E, R>(
        &self,
        action: &'static str,
        on: impl fmt::Display,
        send: impl AsyncFn() -> Result<O, SdkError<E, R>>,
    ) -> Result<O, AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: fmt::Debug + 'static,
    {
        self.calls.make(Some(&self.budget), action, on, send).await
    }

    /// Reads the configuration of `function`.
    pub async fn configuration(
        &self,
        function: impl fmt::Display,
        qualifier: Qualifier<'_>,
    ) -> Result<FunctionConfiguration, AwsError> {
        let on = function.to_string();
        let request =
            self.client.get_function_configuration().function_name(&on).set_qualifier(qualifier.parameter());
        let output =
            self.make("lambda:GetFunctionConfiguration", &on, async || request.clone().send().await).await?;
        FunctionConfiguration::read(&on, &output)
    }

    /// Waits until no change of `function` is under way any more, whether it succeeded or failed, and reads it.
    pub async fn settled(
        &self,
        function: &(impl fmt::Display + ?Sized),
        qualifier: Qualifier<'_>,
    ) -> Result<FunctionConfiguration, AwsError> {
        self.settled_after(Duration::ZERO, function, qualifier).await
    }

    /// The same, with a first look after `pause`.
    async fn settled_after(
        &self,
        mut pause: Duration,
        function: &(impl fmt::Display + ?Sized),
        qualifier: Qualifier<'_>,
    ) -> Result<FunctionConfiguration, AwsError> {
        let begun = Instant::now();
        let mut waited = Duration::ZERO;
        loop {
            tokio::time::sleep(pause).await;
            waited += pause;
            let configuration = self.configuration(function, qualifier).await?;
            if !configuration.pending {
                if !waited.is_zero() {
                    // A little less, so that it comes down again after a slow one.
                    self.usual_change.set(waited.mul_f64(0.9));
                }
                return Ok(configuration);
            }
            if begun.elapsed() > LONGEST_CHANGE {
                return Err(AwsError::service(
                    "lambda:GetFunctionConfiguration",
                    function.to_string(),
                    "a change of the function is still under way after 15 minutes",
                ));
            }
            pause = (waited / 2).clamp(FIRST_LOOK, Duration::from_secs(3));
        }
    }

    /// Changes the memory and the description of `$LATEST`, and waits until that is through. It counts as made where it
    /// is seen to be, though its answer was lost.
    pub async fn update_latest(
        &self,
        function: &FunctionArn,
        change: &LatestChange<'_>,
    ) -> Result<FunctionConfiguration, AwsError> {
        const ACTION: &str = "lambda:UpdateFunctionConfiguration";
        let request = self
            .client
            .update_function_configuration()
            .function_name(function.to_string())
            .memory_size(i32::try_from(change.memory.get()).expect("10,240 at most"))
            .description(change.description)
            .set_revision_id(change.revision_id.map(str::to_owned));
        let made = self.make(ACTION, function, async || request.clone().send().await).await;
        let settled = async || {
            self.settled_after(self.usual_change.get(), function, Qualifier::Latest).await?.succeeded(ACTION)
        };
        match made {
            Ok(_) => settled().await,
            Err(error) if error.may_hide_success() => match settled().await {
                Ok(now) if now.memory == change.memory && now.description == change.description => Ok(now),
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Publishes `$LATEST`, as it was read in `latest`, as a version with `description`, and waits until it can be
    /// invoked.
    ///
    /// If nothing of `$LATEST` has changed since the last one was published, AWS answers with that one, whatever its
    /// description, and makes none.
    pub async fn publish_version(
        &self,
        latest: &FunctionConfiguration,
        description: &str,
    ) -> Result<FunctionConfiguration, AwsError> {
        const ACTION: &str = "lambda:PublishVersion";
        let function = &latest.function_arn;
        let request = self
            .client
            .publish_version()
            .function_name(function.to_string())
            .revision_id(&latest.revision_id)
            .code_sha256(&latest.code_sha256)
            .description(description);
        let output = self.make(ACTION, function, async || request.clone().send().await).await?;
        let version = output
            .version()
            .and_then(|version| version.parse().ok())
            .ok_or_else(|| AwsError::service(ACTION, function.to_string(), "the answer has no version"))?;
        let usual = self.usual_change.get();
        self.settled_after(usual, function, Qualifier::Version(version)).await?.succeeded(ACTION)
    }

    /// All published versions.
    pub async fn versions(&self, function: &FunctionArn) -> Result<Vec<ListedVersion>, AwsError> {
        let request = self.client.list_versions_by_function().function_name(function.to_string());
        // Each page is a request of its own to the control plane.
        let mut listed = Vec::new();
        let mut marker = None;
        loop {
            let page = request.clone().set_marker(marker);
            let page = async || page.clone().send().await;
            let page = self.make("lambda:ListVersionsByFunction", function, page).await?;
            listed.extend(page.versions.unwrap_or_default());
            marker = page.next_marker;
            if marker.is_none() {
                break;
            }
        }
        // `$LATEST` is in the list too.
        let published = |listed: FunctionConfigurationOutput| {
            let version = listed.version().and_then(|version| version.parse().ok())?;
            let description = listed.description().unwrap_or_default().to_owned();
            let memory = listed.memory_size().and_then(|size| MemoryMB::new(u32::try_from(size).ok()?));
            Some(ListedVersion { version, description, memory })
        };
        Ok(listed.into_iter().filter_map(published).collect())
    }

    /// All aliases.
    pub async fn aliases(&self, function: &FunctionArn) -> Result<Vec<ListedAlias>, AwsError> {
        let request = self.client.list_aliases().function_name(function.to_string());
        let read = |alias: &AliasConfiguration| {
            Some(ListedAlias {
                name: alias.name()?.parse().ok()?,
                version: alias.function_version().and_then(|version| version.parse().ok()),
                description: alias.description().unwrap_or_default().to_owned(),
            })
        };
        let mut aliases = Vec::new();
        let mut marker = None;
        loop {
            let page = request.clone().set_marker(marker);
            let page = async || page.clone().send().await;
            let page = self.make("lambda:ListAliases", function, page).await?;
            aliases.extend(page.aliases().iter().filter_map(read));
            marker = page.next_marker;
            if marker.is_none() {
                return Ok(aliases);
            }
        }
    }

    /// What an alias points at; none where there is no such alias.
    pub async fn alias(&self, function: &FunctionArn, alias: &AliasName) -> Result<Option<Alias>, AwsError> {
        let request = self.client.get_alias().function_name(function.to_string()).name(alias.to_string());
        let on = format!("{function}:{alias}");
        match self.make("lambda:GetAlias", on, async || request.clone().send().await).await {
            Ok(output) => Ok(Some(Alias {
                version: output.function_version().and_then(|version| version.parse().ok()),
                is_split: output
                    .routing_config()
                    .and_then(|routing| routing.additional_version_weights())
                    .is_some_and(|weights| !weights.is_empty()),
                revision_id: output.revision_id().map(str::to_owned),
            })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates an alias that does not exist yet. One that is seen to be there and to point at the version counts as
    /// made, for the answer to that may have been lost.
    pub async fn create_alias(
        &self,
        function: &FunctionArn,
        alias: &AliasName,
        version: Version,
        description: &str,
    ) -> Result<(), AwsError> {
        let request = self
            .client
            .create_alias()
            .function_name(function.to_string())
            .name(alias.to_string())
            .function_version(version.to_string())
            .description(description);
        let on = format!("{function}:{alias}");
        let made = self.make("lambda:CreateAlias", on, async || request.clone().send().await).await;
        self.or_points_at(made.map(drop), function, alias, version).await
    }

    /// Points an existing alias, as it was read in `from`, at another version. One that is seen to point there counts
    /// as moved, for the answer to that may have been lost.
    pub async fn move_alias(
        &self,
        function: &FunctionArn,
        alias: &AliasName,
        from: &Alias,
        version: Version,
    ) -> Result<(), AwsError> {
        let request = self
            .client
            .update_alias()
            .function_name(function.to_string())
            .name(alias.to_string())
            .function_version(version.to_string())
            .set_revision_id(from.revision_id.clone());
        let on = format!("{function}:{alias}");
        let moved = self.make("lambda:UpdateAlias", on, async || request.clone().send().await).await;
        self.or_points_at(moved.map(drop), function, alias, version).await
    }

    /// What became of a call that points an alias at a version: a failure is none if the alias does so.
    async fn or_points_at(
        &self,
        pointed: Result<(), AwsError>,
        function: &FunctionArn,
        alias: &AliasName,
        version: Version,
    ) -> Result<(), AwsError> {
        match pointed {
            // Listed, for that is allowed to whoever may prepare a run.
            Err(error) if error.may_hide_success() => match self.aliases(function).await {
                Ok(aliases)
                    if aliases.iter().any(|now| now.name == *alias && now.version == Some(version)) =>
                {
                    Ok(())
                }
                _ => Err(error),
            },
            pointed => pointed,
        }
    }

    /// Deletes an alias; one that is gone already is no error.
    pub async fn delete_alias(&self, function: &FunctionArn, alias: &AliasName) -> Result<(), AwsError> {
        let request = self.client.delete_alias().function_name(function.to_string()).name(alias.to_string());
        let on = format!("{function}:{alias}");
        unless_gone(
            self.make("lambda:DeleteAlias", on, async || request.clone().send().await).await.map(drop),
        )
    }

    /// Deletes a published version, and never the function: `Version` is a number. One that is gone already is no
    /// error.
    pub async fn delete_version(&self, function: &FunctionArn, version: Version) -> Result<(), AwsError> {
        let request =
            self.client.delete_function().function_name(function.to_string()).qualifier(version.to_string());
        let on = format!("{function}:{version}");
        unless_gone(
            self.make("lambda:DeleteFunction", on, async || request.clone().send().await).await.map(drop),
        )
    }

    /// Invokes a function once, waits for its answer and asks for the end of its log. Sent once: whether a failed one
    /// should be sent again is the caller's decision, for it costs money. All that send the same payload share it.
    pub async fn invoke(
        &self,
        function: &impl fmt::Display,
        qualifier: Qualifier<'_>,
        payload: &Blob,
    ) -> Result<Invoked, AwsError> {
        let on = match qualifier.parameter() {
            Some(qualifier) => format!("{function}:{qualifier}"),
            None => function.to_string(),
        };
        let watch = Stopwatch::default();
        let send = async || {
            self.client
                .invoke()
                .function_name(function.to_string())
                .set_qualifier(qualifier.parameter())
                .log_type(LogType::Tail)
                .payload(payload.clone())
                .customize()
                .config_override(
                    aws_sdk_lambda::config::Config::builder().timeout_config(timeouts(LONGEST_INVOCATION)),
                )
                .interceptor(watch.clone())
                .send()
                .await
        };
        let output = self.calls.make_once("lambda:InvokeFunction", &on, send).await?;
        Ok(Invoked {
            function_error: output.function_error().map(str::to_owned),
            log_result: output.log_result().map(str::to_owned),
            request_id: output.request_id().map(str::to_owned),
            payload: output.payload.map(Blob::into_inner).unwrap_or_default(),
            elapsed: watch.elapsed(),
        })
    }

    /// Invokes a function that is no object of the measuring, and again while it is throttled.
    pub async fn call(&self, callee: &Callee, payload: &[u8]) -> Result<Invoked, AwsError> {
        let payload = Blob::from(payload);
        let invoke = async |_| self.invoke(callee.function(), callee.qualifier(), &payload).await;
        retry(RetryPolicy::PROCESSOR, invoke).await
    }
}

/// No answer within `attempt` is no answer.
pub(super) fn timeouts(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(attempt).build()
}

fn unless_gone(result: Result<(), AwsError>) -> Result<(), AwsError> {
    match result {
        Err(error) if error.is_not_found() => Ok(()),
        other => other,
    }
}

/// Measures the last attempt of one call, without what the SDK does before it: credentials may take seconds.
#[derive(Debug, Clone, Default)]
struct Stopwatch(Arc<Mutex<(Option<Instant>, Duration)>>);

impl Stopwatch {
    fn elapsed(&self) -> Duration {
        self.0.lock().expect("nothing panics while it holds this lock").1
    }
}

impl Intercept for Stopwatch {
    fn name(&self) -> &'static str {
        "Stopwatch"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.lock().expect("nothing panics while it holds this lock").0 = Some(Instant::now());
        Ok(())
    }

    fn read_after_attempt(
        &self,
        _: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut times = self.0.lock().expect("nothing panics while it holds this lock");
        times.1 = times.0.map_or(Duration::ZERO, |start| start.elapsed());
        Ok(())
    }
}
