//! The table of actions: which request is which action.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use axum::{Extension, Router};
use uuid::Uuid;

use super::actions::{aliases, functions, invoke, versions};
use super::response::header_value;
use super::service::{Service, ServiceState};
use crate::local::gate;
use crate::local::refusal::{Exception, Refusal};

/// The largest request, in bytes: a zip of 50 MB as base64, and a little.
const LARGEST_REQUEST: usize = 70 << 20;

/// Returns the router, which admits each request before its action.
pub(crate) fn router(service: Service) -> Router {
    let service = Arc::new(service);
    let action = |name: &'static str, methods: MethodRouter<Arc<Service>>| {
        let service = Arc::clone(&service);
        methods.layer(from_fn(move |Extension(caller), mut request: Request, next: Next| {
            let service = Arc::clone(&service);
            async move {
                match service.admit(name, &caller, &mut request).await {
                    Ok(()) => next.run(request).await,
                    Err(refusal) => refusal.into_response(),
                }
            }
        }))
    };
    let functions = action("CreateFunction", post(functions::create_function))
        .merge(action("ListFunctions", get(functions::list_functions)));
    Router::new()
        .route("/2015-03-31/functions", functions.clone())
        .route("/2015-03-31/functions/", functions)
        .route(
            "/2015-03-31/functions/{name}",
            action("GetFunction", get(functions::get_function))
                .merge(action("DeleteFunction", delete(functions::delete_function))),
        )
        .route(
            "/2015-03-31/functions/{name}/configuration",
            action("GetFunctionConfiguration", get(functions::get_function_configuration))
                .merge(action("UpdateFunctionConfiguration", put(functions::update_function_configuration))),
        )
        .route(
            "/2015-03-31/functions/{name}/code",
            action("UpdateFunctionCode", put(functions::update_function_code)),
        )
        .route(
            "/2015-03-31/functions/{name}/versions",
            action("PublishVersion", post(versions::publish_version))
                .merge(action("ListVersionsByFunction", get(versions::list_versions_by_function))),
        )
        .route(
            "/2015-03-31/functions/{name}/aliases",
            action("CreateAlias", post(aliases::create_alias))
                .merge(action("ListAliases", get(aliases::list_aliases))),
        )
        .route(
            "/2015-03-31/functions/{name}/aliases/{alias}",
            action("GetAlias", get(aliases::get_alias))
                .merge(action("UpdateAlias", put(aliases::update_alias)))
                .merge(action("DeleteAlias", delete(aliases::delete_alias))),
        )
        .route("/2015-03-31/functions/{name}/invocations", action("Invoke", post(invoke::invoke)))
        .route(
            "/2021-11-15/functions/{name}/response-streaming-invocations",
            action("InvokeWithResponseStream", post(invoke::invoke_with_response_stream)),
        )
        .fallback(unknown_action)
        .method_not_allowed_fallback(unknown_action)
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
        .layer(from_fn_with_state(Arc::clone(&service), authenticate))
        .layer(from_fn(gate::refuse_web_pages))
        .layer(from_fn(add_request_id))
        .with_state(service)
}

/// Adds a request id to each response that has none: an invocation sets its own.
async fn add_request_id(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response
        .headers_mut()
        .entry("x-amzn-requestid")
        .or_insert_with(|| header_value(&Uuid::new_v4().to_string()));
    response
}

/// Lets pass what is signed with the access key id of this start, also to what is no action.
async fn authenticate(State(service): ServiceState, mut request: Request, next: Next) -> Response {
    match service.caller(request.headers()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn unknown_action(request: Request) -> Refusal {
    let message = format!("{} {} is not an action of lpt-local", request.method(), request.uri().path());
    Refusal::new(Exception::UnknownOperation, message)
}
