//! Lambda's REST API: which request is which action, and what each action answers.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html>

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use axum::{Extension, Json, RequestExt, Router};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::code::Code;
use super::fleet::{self, Fleet};
use super::limits::{Concurrency, Rate};
use super::name::{Home, Qualifier, Target, check_region};
use super::policy::Policy;
use super::refusal::{Kind, Refusal};
use super::store::{AliasUpdate, Now, Publish, Store, Version};
use super::wire;
use crate::units::MemoryMB;

/// As much as an invocation may be given.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LARGEST_PAYLOAD: usize = 6_291_456;
/// A zip of 50 MB as base64, and a little.
const LARGEST_REQUEST: usize = 70 << 20;
/// As many as a list has in one answer, whatever was asked for.
const LONGEST_PAGE: usize = 50;

/// What the requests work on.
#[derive(Debug)]
pub struct Service {
    pub store: Mutex<Store>,
    pub fleet: Arc<Fleet>,
    pub concurrency: Concurrency,
    pub control_plane: Rate,
    pub get_function: Rate,
    /// As much memory as the account gives a function.
    pub max_memory: MemoryMB,
    /// The file that says what callers may do; None is everything.
    pub policy: Option<PathBuf>,
    /// Where callers are, unless they name another region.
    pub home: Home,
    /// Where zips are unpacked.
    pub workshop: PathBuf,
}

type Shared = State<Arc<Service>>;
type Answer = Result<Response, Refusal>;

/// The table of actions.
pub fn router(service: Service) -> Router {
    let service = Arc::new(service);
    let action = |name: &'static str, methods: MethodRouter<Arc<Service>>| {
        let service = Arc::clone(&service);
        methods.layer(from_fn(move |mut request: Request, next: Next| {
            let service = Arc::clone(&service);
            async move {
                match service.admit(name, &mut request).await {
                    Ok(()) => next.run(request).await,
                    Err(refusal) => refusal.into_response(),
                }
            }
        }))
    };
    let functions =
        action("CreateFunction", post(create_function)).merge(action("ListFunctions", get(list_functions)));
    Router::new()
        .route("/2015-03-31/functions", functions.clone())
        .route("/2015-03-31/functions/", functions)
        .route(
            "/2015-03-31/functions/{name}",
            action("GetFunction", get(get_function)).merge(action("DeleteFunction", delete(delete_function))),
        )
        .route(
            "/2015-03-31/functions/{name}/configuration",
            action("GetFunctionConfiguration", get(get_function_configuration))
                .merge(action("UpdateFunctionConfiguration", put(update_function_configuration))),
        )
        .route("/2015-03-31/functions/{name}/code", action("UpdateFunctionCode", put(update_function_code)))
        .route(
            "/2015-03-31/functions/{name}/versions",
            action("PublishVersion", post(publish_version))
                .merge(action("ListVersionsByFunction", get(list_versions_by_function))),
        )
        .route(
            "/2015-03-31/functions/{name}/aliases",
            action("CreateAlias", post(create_alias)).merge(action("ListAliases", get(list_aliases))),
        )
        .route(
            "/2015-03-31/functions/{name}/aliases/{alias}",
            action("GetAlias", get(get_alias))
                .merge(action("UpdateAlias", put(update_alias)))
                .merge(action("DeleteAlias", delete(delete_alias))),
        )
        .route("/2015-03-31/functions/{name}/invocations", action("Invoke", post(invoke)))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
        .layer(from_fn(identify))
        .with_state(service)
}

/// Every answer has a request id; an invocation's own stays.
async fn identify(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().entry("x-amzn-requestid").or_insert_with(|| text(&Uuid::new_v4().to_string()));
    response
}

async fn unknown(request: Request) -> Refusal {
    let message = format!("{} {} is no action of lpt-local", request.method(), request.uri().path());
    Refusal::new(Kind::UnknownOperation, message)
}

impl Service {
    /// Whether the request may go on to its action. The action gets to know where the caller is, and which
    /// function the path and the query mean, if they mean one.
    async fn admit(&self, action: &str, request: &mut Request) -> Result<(), Refusal> {
        let Some(authorization) = request.headers().get(header::AUTHORIZATION) else {
            return Err(Refusal::new(Kind::MissingAuthenticationToken, "Missing Authentication Token"));
        };
        let mut caller = self.home.clone();
        if let Some(region) = authorization.to_str().ok().and_then(signed_region) {
            caller.region = region.to_owned();
        }
        match action {
            "Invoke" => {}
            "GetFunction" => self.get_function.admit(&caller, Instant::now())?,
            _ => self.control_plane.admit(&caller, Instant::now())?,
        }
        let path = request.extract_parts::<RawPathParams>().await;
        let name = path.iter().flatten().find(|(parameter, _)| *parameter == "name");
        if let Some((_, name)) = name {
            let Query(query) = Query::<Qualified>::try_from_uri(request.uri())
                .map_err(|error| Refusal::invalid(error.to_string()))?;
            let target = Target::parse(name, query.qualifier.as_deref(), &caller)?;
            // The service authorization reference has `function*` for each of these actions, those on aliases
            // included, and Lambda compares that with the FunctionName and the Qualifier of the call:
            // <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html>
            // <https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html#function-resources>
            // The latter names Invoke and GetFunction. GetFunctionConfiguration and DeleteFunction, which
            // take a Qualifier too, are read likewise: that `f` alone does not cover `f:1` is stricter.
            self.authorize(&caller, action, &target.to_string())?;
            request.extensions_mut().insert(target);
        } else if action == "ListFunctions" {
            // It has no resource type there, so that only `*` covers it.
            self.authorize(&caller, action, "*")?;
        }
        request.extensions_mut().insert(caller);
        Ok(())
    }

    /// Whether the policy lets the caller do this.
    fn authorize(&self, caller: &Home, action: &str, resource: &str) -> Result<(), Refusal> {
        let Some(file) = &self.policy else {
            return Ok(());
        };
        // As at AWS, a changed policy is in force without a restart.
        let policy =
            Policy::read(file).map_err(|error| Refusal::new(Kind::AccessDenied, error.to_string()))?;
        // IAM's names are the API's, but for this one.
        let action = if action == "Invoke" { "InvokeFunction" } else { action };
        let action = format!("lambda:{action}");
        policy.decide(&action, resource).map_err(|denial| Refusal::denied(caller, &action, resource, denial))
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A function or a version, and its configuration as it is answered.
    fn look_up(&self, target: &Target) -> Result<(Version, Value), Refusal> {
        let version = self.store().version(target, Now::get())?.clone();
        let qualifier = target.qualifier.as_ref().map(Qualifier::to_string);
        let configuration = wire::configuration(&target.function, &version, qualifier.as_deref(), false);
        Ok((version, configuration))
    }

    /// Unpacks a zip, which may take long enough to hold up invocations.
    async fn unzip(&self, code: wire::CodeIn) -> Result<Code, Refusal> {
        let Some(zip) = code.zip_file else {
            return Err(Refusal::invalid("lpt-local takes code as a ZipFile only."));
        };
        let workshop = self.workshop.clone();
        let work = move || {
            let bytes = BASE64_STANDARD.decode(zip).map_err(|error| format!("ZipFile: {error}"))?;
            Code::unzip(bytes, &workshop)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(code) => code.map_err(Refusal::invalid),
            Err(error) => Err(Refusal::new(Kind::Service, error.to_string())),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    marker: Option<String>,
    max_items: Option<usize>,
    function_version: Option<String>,
}

impl Page {
    fn most(&self) -> usize {
        self.max_items.unwrap_or(LONGEST_PAGE).clamp(1, LONGEST_PAGE)
    }

    fn from(&self) -> &str {
        self.marker.as_deref().unwrap_or_default()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Qualified {
    qualifier: Option<String>,
}

/// The region that a request is signed for, which at AWS is that of the endpoint. Here all regions have one
/// endpoint.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
fn signed_region(authorization: &str) -> Option<&str> {
    let (_, rest) = authorization.split_once("Credential=")?;
    let scope = rest.split([',', ' ']).next()?;
    match scope.split('/').collect::<Vec<_>>()[..] {
        [_, _, region, _, "aws4_request"] if check_region(region).is_ok() => Some(region),
        _ => None,
    }
}

fn created(body: Value) -> Response {
    (StatusCode::CREATED, Json(body)).into_response()
}

fn ok(body: Value) -> Response {
    Json(body).into_response()
}

/// A page of a list, with the marker of the next one if there is one.
fn page(name: &str, items: Vec<Value>, next: Option<String>) -> Response {
    let mut body = json!({name: items});
    if let Some(next) = next {
        body["NextMarker"] = json!(next);
    }
    ok(body)
}

/// A header's value; one that can't be is left empty.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
}

async fn create_function(State(service): Shared, Extension(caller): Extension<Home>, body: Bytes) -> Answer {
    let request: wire::CreateFunction = wire::read(&body)?;
    let Target { function, .. } = Target::parse(&request.function_name, None, &caller)?;
    // `function*` in the reference. What iam:PassRole would be needed for, its role, means nothing here.
    service.authorize(&caller, "CreateFunction", &function.to_string())?;
    let configuration =
        request.settings.configuration(&function, &request.architectures, service.max_memory)?;
    let code = service.unzip(request.code).await?;
    let now = Now::get();
    let mut store = service.store();
    let mut version = store.create(&function, configuration, code, request.tags, now)?;
    if request.publish {
        version = store.publish_latest(&function, None, now)?;
    }
    let qualifier = version.number.map(|number| number.to_string());
    Ok(created(wire::configuration(&function, &version, qualifier.as_deref(), false)))
}

async fn list_functions(
    State(service): Shared,
    Extension(caller): Extension<Home>,
    Query(query): Query<Page>,
) -> Answer {
    let now = Now::get();
    let mut store = service.store();
    let most = query.most();
    let mut found: Vec<_> = store
        .functions(&caller, query.from(), now)
        .take(most + 1)
        .map(|(function, version)| (function.id.clone(), version.clone()))
        .collect();
    let next = (found.len() > most).then(|| found.pop()).flatten().map(|(function, _)| function.name);
    let items =
        found.iter().map(|(function, version)| wire::configuration(function, version, None, true)).collect();
    Ok(page("Functions", items, next))
}

async fn get_function(State(service): Shared, Extension(target): Extension<Target>) -> Answer {
    let (version, configuration) = service.look_up(&target)?;
    let mut body = json!({
        "Configuration": configuration,
        "Code": {"RepositoryType": "S3", "Location": format!("file://{}", version.code.root().display())},
    });
    let store = service.store();
    let tags = &store.function(&target.function)?.tags;
    if !tags.is_empty() {
        body["Tags"] = json!(tags);
    }
    Ok(ok(body))
}

async fn get_function_configuration(State(service): Shared, Extension(target): Extension<Target>) -> Answer {
    let (_, configuration) = service.look_up(&target)?;
    Ok(ok(configuration))
}

async fn update_function_configuration(
    State(service): Shared,
    Extension(Target { function, .. }): Extension<Target>,
    body: Bytes,
) -> Answer {
    let request: wire::UpdateFunctionConfiguration = wire::read(&body)?;
    let mut store = service.store();
    let version = store.update(
        &function,
        request.revision_id.as_deref(),
        |configuration, _| request.settings.apply(configuration, service.max_memory),
        Now::get(),
    )?;
    Ok(ok(wire::configuration(&function, &version, None, false)))
}

async fn update_function_code(
    State(service): Shared,
    Extension(Target { function, .. }): Extension<Target>,
    body: Bytes,
) -> Answer {
    let request: wire::UpdateFunctionCode = wire::read(&body)?;
    let code = Arc::new(service.unzip(request.code).await?);
    let now = Now::get();
    let mut store = service.store();
    if request.dry_run {
        let target = Target { function: function.clone(), qualifier: None };
        let version = store.version(&target, now)?.clone();
        return Ok(ok(wire::configuration(&function, &version, None, false)));
    }
    let mut version = store.update(
        &function,
        request.revision_id.as_deref(),
        |configuration, current| {
            *current = code;
            wire::set_architecture(configuration, &request.architectures)
        },
        now,
    )?;
    if request.publish {
        version = store.publish_latest(&function, None, now)?;
    }
    let qualifier = version.number.map(|number| number.to_string());
    Ok(ok(wire::configuration(&function, &version, qualifier.as_deref(), false)))
}

async fn delete_function(State(service): Shared, Extension(target): Extension<Target>) -> Answer {
    service.store().delete(&target, Now::get())?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn publish_version(
    State(service): Shared,
    Extension(Target { function, .. }): Extension<Target>,
    body: Bytes,
) -> Answer {
    let request: wire::PublishVersion = wire::read(&body)?;
    let publish = Publish {
        code_sha256: request.code_sha256,
        description: request.description,
        revision: request.revision_id,
    };
    let mut store = service.store();
    let version = store.publish(&function, &publish, Now::get())?;
    Ok(created(wire::configuration(&function, &version, Some(&version.label()), false)))
}

async fn list_versions_by_function(
    State(service): Shared,
    Extension(Target { function, .. }): Extension<Target>,
    Query(query): Query<Page>,
) -> Answer {
    let from = match &query.marker {
        Some(marker) => marker.parse().map_err(|_| Refusal::invalid("The marker is not one of ours."))?,
        None => 0,
    };
    let mut store = service.store();
    let (versions, next) = store.versions(&function, from, query.most(), Now::get())?;
    let items = versions
        .iter()
        .map(|version| wire::configuration(&function, version, Some(&version.label()), true))
        .collect();
    Ok(page("Versions", items, next.map(|next| next.to_string())))
}

async fn create_alias(
    State(service): Shared,
    Extension(Target { function, .. }): Extension<Target>,
    body: Bytes,
) -> Answer {
    let request: wire::CreateAlias = wire::read(&body)?;
    let weights = request.routing_config.map(|routing| routing.additional_version_weights);
    let mut store = service.store();
    let alias = store.create_alias(
        &function,
        &request.name,
        &request.function_version,
        request.description,
        weights.unwrap_or_default(),
        Now::get(),
    )?;
    Ok(created(wire::alias(&function, &alias)))
}

async fn list_aliases(
    State(service): Shared,
    Extension(Target { function, .. }): Extension<Target>,
    Query(query): Query<Page>,
) -> Answer {
    let store = service.store();
    let (aliases, next) =
        store.aliases(&function, query.function_version.as_deref(), query.from(), query.most())?;
    let items = aliases.iter().map(|alias| wire::alias(&function, alias)).collect();
    Ok(page("Aliases", items, next.map(str::to_owned)))
}

async fn get_alias(
    State(service): Shared,
    Extension(Target { function, .. }): Extension<Target>,
    Path((_, alias)): Path<(String, String)>,
) -> Answer {
    let store = service.store();
    let alias = store.alias(&function, &alias)?;
    Ok(ok(wire::alias(&function, alias)))
}

async fn update_alias(
    State(service): Shared,
    Extension(Target { function, .. }): Extension<Target>,
    Path((_, alias)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let request: wire::UpdateAlias = wire::read(&body)?;
    let update = AliasUpdate {
        version: request.function_version,
        description: request.description,
        weights: request.routing_config.map(|routing| routing.additional_version_weights),
        revision: request.revision_id,
    };
    let mut store = service.store();
    let alias = store.update_alias(&function, &alias, update, Now::get())?;
    Ok(ok(wire::alias(&function, &alias)))
}

async fn delete_alias(
    State(service): Shared,
    Extension(Target { function, .. }): Extension<Target>,
    Path((_, alias)): Path<(String, String)>,
) -> Answer {
    service.store().delete_alias(&function, &alias, Now::get())?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn invoke(
    State(service): Shared,
    Extension(target): Extension<Target>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if body.len() > LARGEST_PAYLOAD {
        return Err(Refusal::new(
            Kind::RequestTooLarge,
            format!("Request must be smaller than {LARGEST_PAYLOAD} bytes for the InvokeFunction operation"),
        ));
    }
    let invoked = service.store().invoke(&target, draw(), Now::get())?;
    let payload = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        return Err(Refusal::new(
            Kind::InvalidRequestContent,
            format!("Could not parse request body into json: {error}"),
        ));
    }
    let kind = header("x-amz-invocation-type").unwrap_or("RequestResponse");
    match kind {
        "RequestResponse" | "Event" => {}
        "DryRun" => return Ok(StatusCode::NO_CONTENT.into_response()),
        other => return Err(Refusal::invalid(format!("'{other}' is no invocation type"))),
    }
    let request = fleet::Request {
        runnable: invoked.runnable,
        request_id: Uuid::new_v4().to_string(),
        function_arn: invoked.arn,
        trace_id: header("x-amzn-trace-id").map_or_else(trace_id, str::to_owned),
        client_context: header("x-amz-client-context")
            .and_then(|context| BASE64_STANDARD.decode(context).ok())
            .and_then(|context| String::from_utf8(context).ok()),
        payload,
        _place: service.concurrency.admit(&target.function.home)?,
    };
    let mut answer = HeaderMap::new();
    answer.insert("x-amzn-requestid", text(&request.request_id));
    answer.insert("x-amzn-trace-id", text(&request.trace_id));
    let version = request.runnable.version.clone();
    let invocation = Arc::clone(&service.fleet).invoke(request);
    if kind == "Event" {
        // Lambda would try twice more after an error; nothing here depends on it.
        tokio::spawn(invocation);
        return Ok((StatusCode::ACCEPTED, answer).into_response());
    }
    let Some(invocation) = invocation.await else {
        return Err(Refusal::new(Kind::Service, "lpt-local is stopping"));
    };
    answer.insert("x-amz-executed-version", text(&version));
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if invocation.failed {
        answer.insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    }
    if header("x-amz-log-type") == Some("Tail") {
        answer.insert("x-amz-log-result", text(&BASE64_STANDARD.encode(invocation.log.tail())));
    }
    Ok((StatusCode::OK, answer, invocation.payload).into_response())
}

/// From 0 to 1, for an alias that splits its invocations.
fn draw() -> f64 {
    f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX)
}

/// A trace that nobody samples: <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>.
fn trace_id() -> String {
    let seconds = time::OffsetDateTime::now_utc().unix_timestamp();
    let random = Uuid::new_v4().simple().to_string();
    format!("Root=1-{seconds:08x}-{};Parent={};Sampled=0", &random[..24], &random[16..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_that_of_the_credential_scope() {
        let signed = |scope: &str| {
            let header = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
            signed_region(&header).map(str::to_owned)
        };
        let region = signed("test/20261123/eu-west-1/lambda/aws4_request");
        assert_eq!(region.as_deref(), Some("eu-west-1"));
        // A signature for several regions has none in its scope.
        for scope in
            ["test/20261123/lambda/aws4_request", "test/20261123/EU West/lambda/aws4_request", "test"]
        {
            assert_eq!(signed(scope), None, "{scope}");
        }
        assert_eq!(signed_region("Bearer token"), None);
    }
}
