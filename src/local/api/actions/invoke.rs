//! The actions Invoke and InvokeWithResponseStream.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::local::api::event_stream;
use crate::local::api::response::header_value;
use crate::local::api::service::{ActionResult, Service, ServiceState};
use crate::local::api::store::Moment;
use crate::local::environment::{Fleet, Invocation, InvocationRequest};
use crate::local::function::Target;
use crate::local::refusal::{Exception, Refusal};

/// The largest payload of an invocation, in bytes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LARGEST_PAYLOAD: usize = 6_291_456;

const EXECUTED_VERSION: &str = "x-amz-executed-version";

const STOPPING: &str = "lpt-local is stopping";

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
    let invocation_type = invocation_type(&headers)?;
    let request = request(&service, &target, &headers, body)?;
    if invocation_type == InvocationType::DryRun {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let mut response_headers = response_headers(&request);
    let invocation = Arc::clone(&service.fleet).invoke(request);
    if invocation_type == InvocationType::Event {
        // Lambda would try twice more after an error. Nothing here depends on that.
        tokio::spawn(invocation);
        response_headers.remove(EXECUTED_VERSION);
        return Ok((StatusCode::ACCEPTED, response_headers).into_response());
    }
    let Some(invocation) = invocation.await else {
        return Err(Refusal::new(Exception::Service, STOPPING));
    };
    response_headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if invocation.failed {
        response_headers.insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    }
    if let Some(log_result) = log_result(&headers, &invocation) {
        response_headers.insert("x-amz-log-result", header_value(&log_result));
    }
    Ok((StatusCode::OK, response_headers, invocation.payload).into_response())
}

pub(crate) async fn invoke_with_response_stream(
    State(service): ServiceState,
    Extension(target): Extension<Target>,
    headers: HeaderMap,
    body: Bytes,
) -> ActionResult {
    let invocation_type = invocation_type(&headers)?;
    let mut request = request(&service, &target, &headers, body)?;
    match invocation_type {
        InvocationType::RequestResponse => {}
        InvocationType::DryRun => return Ok(StatusCode::NO_CONTENT.into_response()),
        InvocationType::Event => return Err(Refusal::invalid("'Event' has no response to stream")),
    }
    let mut response_headers = response_headers(&request);
    response_headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(event_stream::CONTENT_TYPE));
    let (sender, chunks) = mpsc::channel(1);
    request.stream = Some(sender);
    let (frames, mut sent) = mpsc::channel(1);
    // In a task of its own, because an invocation runs to its end, even if the caller no longer waits.
    tokio::spawn(send_events(Arc::clone(&service.fleet), request, chunks, headers, frames));
    let frames = stream::poll_fn(move |context| sent.poll_recv(context));
    Ok((StatusCode::OK, response_headers, Body::from_stream(frames.map(Ok::<_, Infallible>))).into_response())
}

/// Sends the parts of the answer as they come, and how the invocation ended.
async fn send_events(
    fleet: Arc<Fleet>,
    request: InvocationRequest,
    mut chunks: mpsc::Receiver<Bytes>,
    headers: HeaderMap,
    frames: mpsc::Sender<Bytes>,
) {
    // If the caller has left, nobody receives them.
    let send = async |frame| drop(frames.send(frame).await);
    let mut invocation = pin!(fleet.invoke(request));
    let ended = loop {
        tokio::select! {
            biased;
            Some(chunk) = chunks.recv() => send(event_stream::payload_chunk(chunk)).await,
            ended = &mut invocation => break ended,
        }
    };
    // What was sent before the end is still in the channel.
    chunks.close();
    while let Some(chunk) = chunks.recv().await {
        send(event_stream::payload_chunk(chunk)).await;
    }
    let Some(invocation) = ended else {
        return send(event_stream::exception("ServiceException", STOPPING)).await;
    };
    let log_result = log_result(&headers, &invocation);
    let details = String::from_utf8_lossy(&invocation.payload);
    let error = invocation.failed.then_some(("Unhandled", &*details));
    if error.is_none() && !invocation.payload.is_empty() {
        send(event_stream::payload_chunk(invocation.payload.clone())).await;
    }
    send(event_stream::invoke_complete(error, log_result)).await;
}

/// Returns the invocation that a call asks for.
fn request(
    service: &Service,
    target: &Target,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<InvocationRequest, Refusal> {
    if body.len() > LARGEST_PAYLOAD {
        return Err(Refusal::new(
            Exception::RequestTooLarge,
            format!("Request must be smaller than {LARGEST_PAYLOAD} bytes for the InvokeFunction operation"),
        ));
    }
    let resolved = service.store().invoke(target, random_fraction(), Moment::now())?;
    let payload = json_payload(body)?;
    Ok(InvocationRequest {
        runnable: resolved.runnable,
        request_id: Uuid::new_v4().to_string(),
        function_arn: resolved.arn,
        trace_id: text(headers, "x-amzn-trace-id").map_or_else(trace_id, str::to_owned),
        client_context: text(headers, "x-amz-client-context")
            .and_then(|context| BASE64_STANDARD.decode(context).ok())
            .and_then(|context| String::from_utf8(context).ok()),
        payload,
        stream: None,
        _permit: service.concurrency.admit(&target.function.account_region)?,
    })
}

/// Returns the headers that tell the caller of the invocation.
fn response_headers(request: &InvocationRequest) -> HeaderMap {
    let header = |name, value: &str| (HeaderName::from_static(name), header_value(value));
    HeaderMap::from_iter([
        header("x-amzn-requestid", &request.request_id),
        header("x-amzn-trace-id", &request.trace_id),
        header(EXECUTED_VERSION, &request.runnable.version),
    ])
}

/// Returns the end of the log, if the caller asks for it.
fn log_result(headers: &HeaderMap, invocation: &Invocation) -> Option<String> {
    (text(headers, "x-amz-log-type") == Some("Tail")).then(|| BASE64_STANDARD.encode(invocation.log.tail()))
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
