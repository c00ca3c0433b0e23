//! The forms of responses, and the query of a list.

use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

/// The most items that one response of a list has, whatever the request asks for.
const LONGEST_PAGE: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListQuery {
    pub(crate) marker: Option<String>,
    max_items: Option<usize>,
    pub(crate) function_version: Option<String>,
}

impl ListQuery {
    /// Returns the most items that the page may have.
    pub(crate) fn limit(&self) -> usize {
        self.max_items.unwrap_or(LONGEST_PAGE).clamp(1, LONGEST_PAGE)
    }

    /// Returns where the page begins.
    pub(crate) fn start(&self) -> &str {
        self.marker.as_deref().unwrap_or_default()
    }
}

pub(crate) fn created(body: Value) -> Response {
    (StatusCode::CREATED, Json(body)).into_response()
}

pub(crate) fn ok(body: Value) -> Response {
    Json(body).into_response()
}

/// Returns a page of a list, with the marker of the next page if there is one.
pub(crate) fn page(name: &str, items: Vec<Value>, next: Option<String>) -> Response {
    let mut body = json!({name: items});
    if let Some(next) = next {
        body["NextMarker"] = json!(next);
    }
    ok(body)
}

/// Returns a header's value, which is empty if the text can't be one.
pub(crate) fn header_value(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
}
