//! The actions on versions.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Query, State};

use crate::local::api::response::{ListQuery, created, page};
use crate::local::api::service::{ActionResult, ServiceState};
use crate::local::api::store::{Moment, Publish};
use crate::local::api::wire;
use crate::local::function::Target;
use crate::local::refusal::Refusal;

pub(crate) async fn publish_version(
    State(service): ServiceState,
    Extension(Target { function, .. }): Extension<Target>,
    body: Bytes,
) -> ActionResult {
    let request: wire::PublishVersion = wire::read(&body)?;
    let publish = Publish {
        code_sha256: request.code_sha256,
        description: request.description,
        revision: request.revision_id,
    };
    let mut store = service.store();
    let version = store.publish(&function, &publish, Moment::now())?;
    Ok(created(wire::configuration(&function, &version, Some(&version.label()), false)))
}

pub(crate) async fn list_versions_by_function(
    State(service): ServiceState,
    Extension(Target { function, .. }): Extension<Target>,
    Query(query): Query<ListQuery>,
) -> ActionResult {
    let start = match &query.marker {
        Some(marker) => marker.parse().map_err(|_| Refusal::invalid("The marker is not one of ours."))?,
        None => 0,
    };
    let mut store = service.store();
    let (versions, next) = store.versions(&function, start, query.limit(), Moment::now())?;
    let items = versions
        .iter()
        .map(|version| wire::configuration(&function, version, Some(&version.label()), true))
        .collect();
    Ok(page("Versions", items, next.map(|next| next.to_string())))
}
