//! The actions on aliases.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;

use crate::local::api::response::{ListQuery, created, ok, page};
use crate::local::api::service::{ActionResult, ServiceState};
use crate::local::api::store::{AliasUpdate, Moment};
use crate::local::api::wire;
use crate::local::function::Target;

pub(crate) async fn create_alias(
    State(service): ServiceState,
    Extension(Target { function, .. }): Extension<Target>,
    body: Bytes,
) -> ActionResult {
    let request: wire::CreateAlias = wire::read(&body)?;
    let weights = request.routing_config.map(|routing| routing.additional_version_weights);
    let mut store = service.store();
    let alias = store.create_alias(
        &function,
        &request.name,
        &request.function_version,
        request.description,
        weights.unwrap_or_default(),
        Moment::now(),
    )?;
    Ok(created(wire::alias(&function, &alias)))
}

pub(crate) async fn list_aliases(
    State(service): ServiceState,
    Extension(Target { function, .. }): Extension<Target>,
    Query(query): Query<ListQuery>,
) -> ActionResult {
    let store = service.store();
    let (aliases, next) =
        store.aliases(&function, query.function_version.as_deref(), query.start(), query.limit())?;
    let items = aliases.iter().map(|alias| wire::alias(&function, alias)).collect();
    Ok(page("Aliases", items, next.map(str::to_owned)))
}

pub(crate) async fn get_alias(
    State(service): ServiceState,
    Extension(Target { function, .. }): Extension<Target>,
    Path((_, alias)): Path<(String, String)>,
) -> ActionResult {
    let store = service.store();
    let alias = store.alias(&function, &alias)?;
    Ok(ok(wire::alias(&function, alias)))
}

pub(crate) async fn update_alias(
    State(service): ServiceState,
    Extension(Target { function, .. }): Extension<Target>,
    Path((_, alias)): Path<(String, String)>,
    body: Bytes,
) -> ActionResult {
    let request: wire::UpdateAlias = wire::read(&body)?;
    let update = AliasUpdate {
        version: request.function_version,
        description: request.description,
        weights: request.routing_config.map(|routing| routing.additional_version_weights),
        revision: request.revision_id,
    };
    let mut store = service.store();
    let alias = store.update_alias(&function, &alias, update, Moment::now())?;
    Ok(ok(wire::alias(&function, &alias)))
}

pub(crate) async fn delete_alias(
    State(service): ServiceState,
    Extension(Target { function, .. }): Extension<Target>,
    Path((_, alias)): Path<(String, String)>,
) -> ActionResult {
    service.store().delete_alias(&function, &alias, Moment::now())?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
