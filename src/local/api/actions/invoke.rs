//! The action Invoke.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use uuid::Uuid;

use crate::local::api::response::header_value;
use crate::local::api::service::{ActionResult, ServiceState};
use crate::local::api::store::Moment;
use crate::local::environment::InvocationRequest;
use crate::local::function::Target;
use crate::local::refusal::{Exception, Refusal};

/// The largest payload of an invocation, in bytes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LARGEST_PAYLOAD: usize = 6_291_456;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InvocationType {
    RequestResponse,
    Event,
    DryRun,
}

pub(crate) async fn invoke(
    State(service): ServiceState,
    Extension(target): Extension<Target>,
    headers: HeaderMap,
    body: Bytes,
) -> ActionResult {
    if body.len() > LARGEST_PAYLOAD {
        return Err(Refusal::new(
            Exception::RequestTooLarge,
            format!("Request must be smaller than {LARGEST_PAYLOAD} bytes for the InvokeFunction operation"),
        ));
    }
    let resolved = service.store().invoke(&target, random_fraction(), Moment::now())?;
    let payload = json_payload(body)?;
    let invocation_type = invocation_type(&headers)?;
    if invocation_type == InvocationType::DryRun {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let request = InvocationRequest {
        runnable: resolved.runnable,
        request_id: Uuid::new_v4().to_string(),
        function_arn: resolved.arn,
        trace_id: text(&headers, "x-amzn-trace-id").map_or_else(trace_id, str::to_owned),
        client_context: text(&headers, "x-amz-client-context")
            .and_then(|context| BASE64_STANDARD.decode(context).ok())
            .and_then(|context| String::from_utf8(context).ok()),
        payload,
        _permit: service.concurrency.admit(&target.function.account_region)?,
    };
    let mut response_headers = HeaderMap::new();
    response_headers.insert("x-amzn-requestid", header_value(&request.request_id));
    response_headers.insert("x-amzn-trace-id", header_value(&request.trace_id));
    let version = request.runnable.version.clone();
    let invocation = Arc::clone(&service.fleet).invoke(request);
    if invocation_type == InvocationType::Event {
        // Lambda would try twice more after an error. Nothing here depends on that.
        tokio::spawn(invocation);
        return Ok((StatusCode::ACCEPTED, response_headers).into_response());
    }
    let Some(invocation) = invocation.await else {
        return Err(Refusal::new(Exception::Service, "lpt-local is stopping"));
    };
    response_headers.insert("x-amz-executed-version", header_value(&version));
    response_headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if invocation.failed {
        response_headers.insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    }
    if text(&headers, "x-amz-log-type") == Some("Tail") {
        response_headers
            .insert("x-amz-log-result", header_value(&BASE64_STANDARD.encode(invocation.log.tail())));
    }
    Ok((StatusCode::OK, response_headers, invocation.payload).into_response())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Checks that the payload is JSON. An empty body is an empty object.
fn json_payload(body: Bytes) -> Result<Bytes, Refusal> {
    let payload = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
    match serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        Ok(_) => Ok(payload),
        Err(error) => Err(Refusal::new(
            Exception::InvalidRequestContent,
            format!("Could not parse request body into json: {error}"),
        )),
    }
}

fn invocation_type(headers: &HeaderMap) -> Result<InvocationType, Refusal> {
    match text(headers, "x-amz-invocation-type").unwrap_or("RequestResponse") {
        "RequestResponse" => Ok(InvocationType::RequestResponse),
        "Event" => Ok(InvocationType::Event),
        "DryRun" => Ok(InvocationType::DryRun),
        other => Err(Refusal::invalid(format!("'{other}' is not an invocation type"))),
    }
}

/// Returns a number from 0 to 1, which picks a version of an alias with weights.
fn random_fraction() -> f64 {
    f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX)
}

/// Returns a new trace id that is not sampled.
/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>
fn trace_id() -> String {
    let seconds = time::OffsetDateTime::now_utc().unix_timestamp();
    let random = Uuid::new_v4().simple().to_string();
    format!("Root=1-{seconds:08x}-{};Parent={};Sampled=0", &random[..24], &random[16..])
}
