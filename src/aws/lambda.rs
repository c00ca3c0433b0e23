//! The calls of the Lambda API that the tools make, with their answers parsed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
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
use aws_sdk_lambda::types::{AliasConfiguration, AliasRoutingConfiguration, LogType};
use tokio::sync::OnceCell;

use super::calls::{Calls, Quotas};
use super::configuration::{FunctionConfiguration, configuration_in};
use super::error::AwsError;
use super::pace::{Kind, LONGEST_CHANGE, pause_after_conflict};
use super::response_stream;
use super::retry::{RetryPolicy, retry};
use crate::names::{AliasName, Callee, FunctionArn, Qualifier, Version};
use crate::units::MemoryMB;

/// A change to `$LATEST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatestChange<'a> {
    pub memory: MemoryMB,
    pub description: &'a str,
    /// The revision that was read. AWS refuses the change if somebody has changed the function since.
    pub revision_id: Option<&'a str>,
}

/// A version as PublishVersion returned it. It may be one that was there already.
#[derive(Debug, Clone)]
pub struct Publication {
    pub version: Version,
    /// Its configuration at first.
    pub first: FunctionConfiguration,
    /// The time of the answer.
    begun: Instant,
}

/// A published version in the list of all versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedVersion {
    pub version: Version,
    pub description: String,
    pub memory: Option<MemoryMB>,
}

/// An alias in the list of all aliases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAlias {
    pub name: AliasName,
    /// The version that it points at; `None` for `$LATEST`.
    pub version: Option<Version>,
    /// The versions besides that get a part of its traffic.
    pub additional_versions: Vec<Version>,
    pub description: String,
}

/// The target of an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The version that gets its traffic; `None` for `$LATEST`.
    pub version: Option<Version>,
    /// Whether another version gets a part of the traffic.
    pub is_split: bool,
    /// Changes whenever somebody changes the alias.
    pub revision_id: Option<String>,
}

/// The answer to an invocation.
#[derive(Debug, Clone)]
pub struct Invoked {
    /// AWS's word for how the function failed, if it did.
    pub function_error: Option<String>,
    /// The function's result, or its error. A result that was streamed is here only if it was to be kept.
    pub payload: Vec<u8>,
    /// The end of the log, in base64.
    pub log_result: Option<String>,
    pub request_id: Option<String>,
    /// The time from the request's first byte to the response's last.
    pub elapsed: Duration,
}

/// The maximum run time of a function, and some time for the network.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html>
const LONGEST_INVOCATION: Duration = Duration::from_secs(15 * 60 + 60);

/// The permission to invoke, whether the answer is streamed or not.
const INVOKE: &str = "lambda:InvokeFunction";

/// Lambda's API in one region.
#[derive(Debug, Clone)]
pub struct Lambda {
    client: aws_sdk_lambda::Client,
    calls: Rc<Calls>,
    quotas: Rc<Quotas>,
    /// Whether GetFunction is of no use on functions, and on their versions, but GetFunctionConfiguration is.
    reads_configuration_only: Rc<[Cell<bool>; 2]>,
    /// Whether the service knows a function by its name, for the functions that it did not find by their ARN.
    is_known_by_name: Rc<RefCell<BTreeMap<FunctionArn, Rc<OnceCell<bool>>>>>,
}

impl Lambda {
    pub(super) fn new(config: &SdkConfig, calls: Rc<Calls>, quotas: Rc<Quotas>) -> Lambda {
        let client = aws_sdk_lambda::Client::new(config);
        Lambda {
            client,
            calls,
            quotas,
            reads_configuration_only: Rc::default(),
            is_known_by_name: Rc::default(),
        }
    }

    /// Makes a call of the control plane about `function`. `send` gets what to call it.
    async fn make<O, E>(
        &self,
        action: &'static str,
        function: &FunctionArn,
        on: impl fmt::Display,
        send: impl AsyncFn(String) -> Result<O, SdkError<E>>,
    ) -> Result<O, AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.by_arn_or_name(function, async |address| {
            self.calls
                .make(Some(&self.quotas.control_plane), action, &on, async || send(address.clone()).await)
                .await
        })
        .await
    }

    /// Makes a call that addresses `function` by its ARN. If the service does not find it and knows it by its name, as
    /// services do that imitate AWS and read no ARN, the call is made again by name.
    async fn by_arn_or_name<T>(
        &self,
        function: &FunctionArn,
        call: impl AsyncFn(String) -> Result<T, AwsError>,
    ) -> Result<T, AwsError> {
        let asked = self.is_known_by_name.borrow().get(function).and_then(|asked| asked.get().copied());
        if asked == Some(true) {
            return call(function.name().to_string()).await;
        }
        match call(function.to_string()).await {
            Err(error) if error.is_not_found() && self.is_known_by_name(function).await => {
                call(function.name().to_string()).await
            }
            result => result,
        }
    }

    /// Whether the name of `function` leads to it. A name is looked up in the account of the credentials, so the ARN
    /// in the answer decides: the function of the same name in another account is another function.
    async fn is_known_by_name(&self, function: &FunctionArn) -> bool {
        let asked = Rc::clone(self.is_known_by_name.borrow_mut().entry(function.clone()).or_default());
        let ask = async || {
            let found = self.configuration(function.name(), Qualifier::Latest).await;
            found.is_ok_and(|found| found.function_arn == *function)
        };
        *asked.get_or_init(ask).await
    }

    /// Reads the configuration of `function`, with GetFunction: that has a quota of its own, seven times that of the
    /// rest of the control plane together, and AWS's newer waiters poll with it. If IAM denies it, or a service that
    /// imitates AWS does not find the function with it, with GetFunctionConfiguration.
    ///
    /// GetFunction's answer also has a link to the code, which is signed. It is dropped here, unread.
    ///
    /// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests>
    /// <https://docs.aws.amazon.com/cli/latest/reference/lambda/wait/function-updated-v2.html>
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>
    pub async fn configuration(
        &self,
        function: impl fmt::Display,
        qualifier: Qualifier<'_>,
    ) -> Result<FunctionConfiguration, AwsError> {
        let on = function.to_string();
        let configuration_only = self.reads_configuration_only(qualifier);
        let configuration = if configuration_only.get() {
            self.with_get_function_configuration(&on, qualifier).await?
        } else {
            match self.with_get_function(&on, qualifier).await {
                Err(refused) if refused.is_denied_by_iam() || refused.is_not_found() => {
                    match self.with_get_function_configuration(&on, qualifier).await {
                        // The action of the first one is what a policy should allow.
                        Err(error) if error.kind == refused.kind => return Err(refused),
                        result => {
                            configuration_only.set(true);
                            result?
                        }
                    }
                }
                result => result?,
            }
        };
        self.calls.note_place(&configuration.function_arn);
        Ok(configuration)
    }

    fn reads_configuration_only(&self, qualifier: Qualifier<'_>) -> &Cell<bool> {
        let [on_functions, on_versions] = &*self.reads_configuration_only;
        if qualifier.parameter().is_none() { on_functions } else { on_versions }
    }

    async fn with_get_function(
        &self,
        on: &str,
        qualifier: Qualifier<'_>,
    ) -> Result<FunctionConfiguration, AwsError> {
        const ACTION: &str = "lambda:GetFunction";
        let request = self.client.get_function().function_name(on).set_qualifier(qualifier.parameter());
        let send = async || request.clone().send().await.map(|output| output.configuration);
        let configuration = self.calls.make(Some(&self.quotas.get_function), ACTION, on, send).await?;
        let missing = || AwsError::service(ACTION, on, "the answer has no Configuration");
        FunctionConfiguration::read(ACTION, on, &configuration.ok_or_else(missing)?)
    }

    async fn with_get_function_configuration(
        &self,
        on: &str,
        qualifier: Qualifier<'_>,
    ) -> Result<FunctionConfiguration, AwsError> {
        const ACTION: &str = "lambda:GetFunctionConfiguration";
        let request =
            self.client.get_function_configuration().function_name(on).set_qualifier(qualifier.parameter());
        let send = async || request.clone().send().await;
        let output = self.calls.make(Some(&self.quotas.control_plane), ACTION, on, send).await?;
        FunctionConfiguration::read(ACTION, on, &configuration_in!(output))
    }

    /// Waits until no change to `function` is in progress, whether it succeeds or fails, and reads its
    /// configuration.
    pub async fn settled(
        &self,
        function: &(impl fmt::Display + ?Sized),
        qualifier: Qualifier<'_>,
    ) -> Result<FunctionConfiguration, AwsError> {
        let now = self.configuration(function, qualifier).await?;
        if now.pending { self.settled_since(Instant::now(), function, qualifier).await } else { Ok(now) }
    }

    /// Waits for the change that began at `begun`, whether it succeeds or fails, and reads the configuration.
    async fn settled_since(
        &self,
        begun: Instant,
        function: &(impl fmt::Display + ?Sized),
        qualifier: Qualifier<'_>,
    ) -> Result<FunctionConfiguration, AwsError> {
        const ACTION: &str = "lambda:GetFunction";
        let on = function.to_string();
        let kind = if qualifier.parameter().is_none() { Kind::Update } else { Kind::Publication };
        let paces = if self.reads_configuration_only(qualifier).get() {
            &self.quotas.control_plane_pace
        } else {
            &self.quotas.get_function_pace
        };
        let wait = paces.begin(kind);
        loop {
            let elapsed = begun.elapsed();
            if elapsed > LONGEST_CHANGE {
                let why = "a change to the function is still in progress after 15 minutes";
                return Err(AwsError::service(ACTION, on, why));
            }
            self.calls.pause(wait.pause(elapsed), ACTION, &on).await?;
            let looked_at = begun.elapsed();
            let configuration = self.configuration(&on, qualifier).await?;
            if !configuration.pending {
                wait.end(looked_at);
                return Ok(configuration);
            }
            // A version need not be ready to be deleted.
            if matches!(qualifier, Qualifier::Version(_)) && self.calls.is_interrupted() {
                return Ok(configuration);
            }
        }
    }

    /// Waits before a change is tried again that AWS refused with `conflict`, because another operation is in progress.
    /// Changes have been refused since `since`.
    ///
    /// # Errors
    /// Returns the `conflict` if it has lasted too long, or if nobody wants to wait for it any more.
    pub async fn wait_out(&self, conflict: AwsError, since: Instant) -> Result<(), AwsError> {
        match pause_after_conflict(since.elapsed(), self.calls.is_interrupted()) {
            Some(pause) => self.calls.pause(pause, conflict.action, &conflict.on).await,
            None => Err(conflict),
        }
    }

    /// Changes the memory and the description of `$LATEST`, and waits until the change is finished. Succeeds
    /// also if the answer was lost but `$LATEST` has the new values.
    pub async fn update_latest(
        &self,
        function: &FunctionArn,
        change: &LatestChange<'_>,
    ) -> Result<FunctionConfiguration, AwsError> {
        const ACTION: &str = "lambda:UpdateFunctionConfiguration";
        let request = self
            .client
            .update_function_configuration()
            .memory_size(i32::try_from(change.memory.get()).expect("at most 10,240"))
            .description(change.description)
            .set_revision_id(change.revision_id.map(str::to_owned));
        let updated = self
            .make(ACTION, function, function, async |f| request.clone().function_name(f).send().await)
            .await;
        match updated {
            Ok(output) => {
                let begun = Instant::now();
                let on = function.to_string();
                let updated = FunctionConfiguration::read(ACTION, &on, &configuration_in!(output))?;
                self.finished(updated, begun, Qualifier::Latest).await?.succeeded(ACTION)
            }
            Err(error) if error.may_hide_success() => {
                let now = self.settled(function, Qualifier::Latest).await;
                match now.and_then(|now| now.succeeded(ACTION)) {
                    Ok(now) if now.memory == change.memory && now.description == change.description => {
                        Ok(now)
                    }
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Waits for the change that began at `begun`, unless the answer to it shows that it is finished.
    async fn finished(
        &self,
        answer: FunctionConfiguration,
        begun: Instant,
        qualifier: Qualifier<'_>,
    ) -> Result<FunctionConfiguration, AwsError> {
        if !answer.pending {
            return Ok(answer);
        }
        self.settled_since(begun, &answer.function_arn, qualifier).await
    }

    /// Publishes `$LATEST`, as it was read in `latest`, as a version with `description`, and returns the version as it
    /// is at first: it may take a while until it can be invoked. See [`Lambda::active`].
    ///
    /// If nothing in `$LATEST` has changed since the last version was published, AWS returns that version and
    /// publishes none. Whether another `description` alone makes a new one is reported both ways.
    pub async fn publish_version(
        &self,
        latest: &FunctionConfiguration,
        description: &str,
    ) -> Result<Publication, AwsError> {
        const ACTION: &str = "lambda:PublishVersion";
        let function = &latest.function_arn;
        let request = self
            .client
            .publish_version()
            .revision_id(&latest.revision_id)
            .code_sha256(&latest.code_sha256)
            .description(description);
        let output = self
            .make(ACTION, function, function, async |f| request.clone().function_name(f).send().await)
            .await?;
        let begun = Instant::now();
        let on = function.to_string();
        let first = FunctionConfiguration::read(ACTION, &on, &configuration_in!(output))?;
        let version =
            first.version.ok_or_else(|| AwsError::service(ACTION, on, "the answer has no version"))?;
        Ok(Publication { version, first, begun })
    }

    /// Waits until a version can be invoked, and reads its configuration. A version is not waited for after an
    /// interrupt.
    pub async fn active(&self, publication: Publication) -> Result<FunctionConfiguration, AwsError> {
        let Publication { version, first, begun } = publication;
        self.finished(first, begun, Qualifier::Version(version)).await?.succeeded("lambda:PublishVersion")
    }

    /// Lists the names of all functions of the account.
    pub async fn names_of_functions(&self) -> Result<Vec<String>, AwsError> {
        let request = self.client.list_functions();
        let mut names = Vec::new();
        let mut marker = None;
        loop {
            let page = request.clone().set_marker(marker);
            let page = async || page.clone().send().await;
            let page =
                self.calls.make(Some(&self.quotas.control_plane), "lambda:ListFunctions", "*", page).await?;
            names.extend(
                page.functions().iter().filter_map(|function| function.function_name().map(str::to_owned)),
            );
            marker = page.next_marker;
            if marker.is_none() {
                return Ok(names);
            }
        }
    }

    /// Lists all published versions.
    pub async fn versions(&self, function: &FunctionArn) -> Result<Vec<ListedVersion>, AwsError> {
        let listed = self.by_arn_or_name(function, async |address| self.all_versions(&address).await).await?;
        let published = |listed: FunctionConfigurationOutput| {
            let version = listed.version().and_then(|version| version.parse().ok())?;
            let description = listed.description().unwrap_or_default().to_owned();
            let memory = listed.memory_size().and_then(|size| MemoryMB::new(u32::try_from(size).ok()?));
            Some(ListedVersion { version, description, memory })
        };
        Ok(listed.into_iter().filter_map(published).collect())
    }

    /// Lists `$LATEST` and all published versions of the function at `address`.
    async fn all_versions(&self, address: &str) -> Result<Vec<FunctionConfigurationOutput>, AwsError> {
        const ACTION: &str = "lambda:ListVersionsByFunction";
        let request = self.client.list_versions_by_function().function_name(address);
        // Each page is a separate request to the control plane.
        let mut listed = Vec::new();
        let mut marker = None;
        loop {
            let page = request.clone().set_marker(marker);
            let page = async || page.clone().send().await;
            let page = self.calls.make(Some(&self.quotas.control_plane), ACTION, address, page).await?;
            listed.extend(page.versions.unwrap_or_default());
            marker = page.next_marker;
            if marker.is_none() {
                break;
            }
        }
        // moto's answer for an ARN, which it does not read here.
        if listed.is_empty() { Err(AwsError::not_listed(ACTION, address)) } else { Ok(listed) }
    }

    /// Lists all aliases.
    pub async fn aliases(&self, function: &FunctionArn) -> Result<Vec<ListedAlias>, AwsError> {
        let request = self.client.list_aliases();
        let read = |alias: &AliasConfiguration| {
            Some(ListedAlias {
                name: alias.name()?.parse().ok()?,
                version: alias.function_version().and_then(|version| version.parse().ok()),
                additional_versions: additional_versions(alias.routing_config())
                    .filter_map(|version| version.parse().ok())
                    .collect(),
                description: alias.description().unwrap_or_default().to_owned(),
            })
        };
        let mut aliases = Vec::new();
        let mut marker = None;
        loop {
            let page = request.clone().set_marker(marker);
            let page = async |f| page.clone().function_name(f).send().await;
            let page = self.make("lambda:ListAliases", function, function, page).await?;
            aliases.extend(page.aliases().iter().filter_map(read));
            marker = page.next_marker;
            if marker.is_none() {
                return Ok(aliases);
            }
        }
    }

    /// Returns the target of an alias, or `None` if the alias does not exist.
    pub async fn alias(&self, function: &FunctionArn, alias: &AliasName) -> Result<Option<Alias>, AwsError> {
        let request = self.client.get_alias().name(alias.to_string());
        let on = format!("{function}:{alias}");
        match self
            .make("lambda:GetAlias", function, on, async |f| request.clone().function_name(f).send().await)
            .await
        {
            Ok(output) => Ok(Some(Alias {
                version: output.function_version().and_then(|version| version.parse().ok()),
                is_split: additional_versions(output.routing_config()).next().is_some(),
                revision_id: output.revision_id().map(str::to_owned),
            })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates an alias that does not exist yet. Succeeds also if the alias exists and points at the version,
    /// because the answer to its creation may have been lost.
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
            .name(alias.to_string())
            .function_version(version.to_string())
            .description(description);
        let on = format!("{function}:{alias}");
        let created = self
            .make("lambda:CreateAlias", function, on, async |f| request.clone().function_name(f).send().await)
            .await;
        self.unless_points_at(created.map(drop), function, alias, version).await
    }

    /// Points an existing alias, as it was read in `from`, at another version. Succeeds also if the call
    /// fails but the alias points there, because the answer to its move may have been lost.
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
            .name(alias.to_string())
            .function_version(version.to_string())
            .set_revision_id(from.revision_id.clone());
        let on = format!("{function}:{alias}");
        let moved = self
            .make("lambda:UpdateAlias", function, on, async |f| request.clone().function_name(f).send().await)
            .await;
        self.unless_points_at(moved.map(drop), function, alias, version).await
    }

    /// Ignores the error of a call that points an alias at a version, if the alias points there.
    async fn unless_points_at(
        &self,
        result: Result<(), AwsError>,
        function: &FunctionArn,
        alias: &AliasName,
        version: Version,
    ) -> Result<(), AwsError> {
        match result {
            // Lists the aliases, because everybody who may prepare a run may do that.
            Err(error) if error.may_hide_success() => match self.aliases(function).await {
                Ok(aliases)
                    if aliases
                        .iter()
                        .any(|listed| listed.name == *alias && listed.version == Some(version)) =>
                {
                    Ok(())
                }
                _ => Err(error),
            },
            result => result,
        }
    }

    /// Deletes an alias. Succeeds also if it no longer exists.
    pub async fn delete_alias(&self, function: &FunctionArn, alias: &AliasName) -> Result<(), AwsError> {
        let request = self.client.delete_alias().name(alias.to_string());
        let on = format!("{function}:{alias}");
        unless_gone(
            self.make("lambda:DeleteAlias", function, on, async |f| {
                request.clone().function_name(f).send().await
            })
            .await
            .map(drop),
        )
    }

    /// Deletes a published version, and never the function, because a `Version` is a number. Succeeds also if
    /// the version no longer exists.
    pub async fn delete_version(&self, function: &FunctionArn, version: Version) -> Result<(), AwsError> {
        let request = self.client.delete_function().qualifier(version.to_string());
        let on = format!("{function}:{version}");
        unless_gone(
            self.make("lambda:DeleteFunction", function, on, async |f| {
                request.clone().function_name(f).send().await
            })
            .await
            .map(drop),
        )
    }

    /// Invokes a function once, waits for its answer, and asks for the end of its log.
    ///
    /// The caller decides whether to repeat an invocation that failed, because each costs money. Invocations
    /// with the same payload share its bytes.
    pub async fn invoke(
        &self,
        function: &FunctionArn,
        qualifier: Qualifier<'_>,
        payload: &Blob,
    ) -> Result<Invoked, AwsError> {
        let invoke = async |address: String| self.invoke_at(&address, qualifier, payload).await;
        self.by_arn_or_name(function, invoke).await
    }

    async fn invoke_at(
        &self,
        function: &str,
        qualifier: Qualifier<'_>,
        payload: &Blob,
    ) -> Result<Invoked, AwsError> {
        let on = qualified(function, qualifier);
        let stopwatch = Stopwatch::default();
        let send = async || {
            self.client
                .invoke()
                .function_name(function)
                .set_qualifier(qualifier.parameter())
                .log_type(LogType::Tail)
                .payload(payload.clone())
                .customize()
                .config_override(longest_invocation())
                .interceptor(stopwatch.clone())
                .send()
                .await
        };
        let output = self.calls.make_once(INVOKE, &on, send).await?;
        Ok(Invoked {
            function_error: output.function_error().map(str::to_owned),
            log_result: output.log_result().map(str::to_owned),
            request_id: output.request_id().map(str::to_owned),
            payload: output.payload.map(Blob::into_inner).unwrap_or_default(),
            elapsed: stopwatch.elapsed(),
        })
    }

    /// Invokes in the same way, and reads the answer in parts as they come. The result is kept only if `keeps_result`.
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html>
    pub async fn invoke_with_response_stream(
        &self,
        function: &FunctionArn,
        qualifier: Qualifier<'_>,
        payload: &Blob,
        keeps_result: bool,
    ) -> Result<Invoked, AwsError> {
        self.by_arn_or_name(function, async |address| {
            let on = qualified(&address, qualifier);
            let stopwatch = Stopwatch::default();
            let send = async || {
                self.client
                    .invoke_with_response_stream()
                    .function_name(&address)
                    .set_qualifier(qualifier.parameter())
                    .log_type(LogType::Tail)
                    .payload(payload.clone())
                    .customize()
                    .config_override(longest_invocation())
                    .interceptor(stopwatch.clone())
                    .send()
                    .await
            };
            let mut output = self.calls.make_once(INVOKE, &on, send).await?;
            // The SDK's own limit is for the beginning of the answer.
            let answer = response_stream::read(&mut output, INVOKE, &on, keeps_result);
            let answer = tokio::time::timeout(LONGEST_INVOCATION, answer).await;
            let answer = answer.unwrap_or_else(|_| Err(AwsError::no_answer(INVOKE, &on)))?;
            Ok(Invoked {
                function_error: answer.function_error,
                log_result: answer.log_result,
                request_id: output.request_id().map(str::to_owned),
                payload: answer.payload,
                elapsed: stopwatch.since_start(),
            })
        })
        .await
    }

    /// Invokes a function that is not measured, and repeats the call while it is throttled.
    pub async fn call(&self, callee: &Callee, payload: &[u8]) -> Result<Invoked, AwsError> {
        let payload = Blob::from(payload);
        let function = callee.function().to_string();
        let invoke = async |_| self.invoke_at(&function, callee.qualifier(), &payload).await;
        retry(RetryPolicy::PROCESSOR, invoke).await
    }
}

fn qualified(function: &str, qualifier: Qualifier<'_>) -> String {
    match qualifier.parameter() {
        Some(qualifier) => format!("{function}:{qualifier}"),
        None => function.to_owned(),
    }
}

fn longest_invocation() -> aws_sdk_lambda::config::Builder {
    aws_sdk_lambda::Config::builder().timeout_config(timeouts(LONGEST_INVOCATION))
}

/// Makes an attempt fail if it has no answer within `attempt`.
pub(super) fn timeouts(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(attempt).build()
}

/// Returns the versions that get a part of an alias's traffic, besides the one that it points at.
fn additional_versions(routing: Option<&AliasRoutingConfiguration>) -> impl Iterator<Item = &String> {
    let weights = routing.and_then(AliasRoutingConfiguration::additional_version_weights);
    weights.into_iter().flat_map(|weights| weights.keys())
}

/// Ignores the error of a deletion whose object does not exist.
fn unless_gone(result: Result<(), AwsError>) -> Result<(), AwsError> {
    match result {
        Err(error) if error.is_not_found() => Ok(()),
        other => other,
    }
}

/// Measures the last attempt of one call, without the SDK's preparations: to fetch credentials may take
/// seconds.
#[derive(Debug, Clone, Default)]
struct Stopwatch(Arc<Mutex<(Option<Instant>, Duration)>>);

impl Stopwatch {
    fn elapsed(&self) -> Duration {
        self.0.lock().expect("nothing panics while it holds this lock").1
    }

    /// Returns the time since the attempt began, whose answer may have gone on after the call returned.
    fn since_start(&self) -> Duration {
        let start = self.0.lock().expect("nothing panics while it holds this lock").0;
        start.map_or(Duration::ZERO, |start| start.elapsed())
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
