//! The actions on functions.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::json;

use crate::local::api::response::{ListQuery, created, ok, page};
use crate::local::api::service::{ActionResult, ServiceState};
use crate::local::api::store::Moment;
use crate::local::api::wire;
use crate::local::function::{AccountRegion, Target};

pub(crate) async fn create_function(
    State(service): ServiceState,
    Extension(caller): Extension<AccountRegion>,
    body: Bytes,
) -> ActionResult {
    let request: wire::CreateFunction = wire::read(&body)?;
    let Target { function, .. } = Target::parse(&request.function_name, None, &caller)?;
    // The reference has `function*` for it. At AWS the caller also needs iam:PassRole for the role, but a role has
    // no meaning here.
    service.authorize(&caller, "CreateFunction", &function.to_string())?;
    let configuration =
        request.settings.configuration(&function, &request.architectures, service.max_memory)?;
    let code = service.unzip(request.code).await?;
    let now = Moment::now();
    let mut store = service.store();
    let mut version = store.create(&function, configuration, code, request.tags, now)?;
    if request.publish {
        version = store.publish_latest(&function, None, now)?;
    }
    let qualifier = version.number.map(|number| number.to_string());
    Ok(created(wire::configuration(&function, &version, qualifier.as_deref(), false)))
}

pub(crate) async fn list_functions(
    State(service): ServiceState,
    Extension(caller): Extension<AccountRegion>,
    Query(query): Query<ListQuery>,
) -> ActionResult {
    let now = Moment::now();
    let mut store = service.store();
    let limit = query.limit();
    let mut found: Vec<_> = store
        .functions(&caller, query.start(), now)
        .take(limit + 1)
        .map(|(function, version)| (function.id.clone(), version.clone()))
        .collect();
    let next = (found.len() > limit).then(|| found.pop()).flatten().map(|(function, _)| function.name);
    let items =
        found.iter().map(|(function, version)| wire::configuration(function, version, None, true)).collect();
    Ok(page("Functions", items, next))
}

pub(crate) async fn get_function(
    State(service): ServiceState,
    Extension(target): Extension<Target>,
) -> ActionResult {
    let (version, configuration) = service.look_up(&target)?;
    // At AWS the link is presigned, so that whoever has it can download the code. This one leads to the code too, and has
    // a part that can be taken for a signature.
    // <https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCodeLocation.html>
    let root = version.code.root().display();
    let link = format!("file://{root}?X-Amz-Signature={}", version.revision.simple());
    let mut body = json!({
        "Configuration": configuration,
        "Code": {"RepositoryType": "S3", "Location": link},
    });
    let store = service.store();
    let tags = &store.function(&target.function)?.tags;
    if !tags.is_empty() {
        body["Tags"] = json!(tags);
    }
    Ok(ok(body))
}

pub(crate) async fn get_function_configuration(
    State(service): ServiceState,
    Extension(target): Extension<Target>,
) -> ActionResult {
    let (_, configuration) = service.look_up(&target)?;
    Ok(ok(configuration))
}

pub(crate) async fn update_function_configuration(
    State(service): ServiceState,
    Extension(Target { function, .. }): Extension<Target>,
    body: Bytes,
) -> ActionResult {
    let request: wire::UpdateFunctionConfiguration = wire::read(&body)?;
    let mut store = service.store();
    let version = store.update(
        &function,
        request.revision_id.as_deref(),
        |configuration, _| request.settings.apply(configuration, service.max_memory),
        Moment::now(),
    )?;
    Ok(ok(wire::configuration(&function, &version, None, false)))
}

pub(crate) async fn update_function_code(
    State(service): ServiceState,
    Extension(Target { function, .. }): Extension<Target>,
    body: Bytes,
) -> ActionResult {
    let request: wire::UpdateFunctionCode = wire::read(&body)?;
    let code = Arc::new(service.unzip(request.code).await?);
    let now = Moment::now();
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

pub(crate) async fn delete_function(
    State(service): ServiceState,
    Extension(target): Extension<Target>,
) -> ActionResult {
    service.store().delete(&target, Moment::now())?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
