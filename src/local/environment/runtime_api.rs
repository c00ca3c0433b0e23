//! The Runtime API, which the process of one execution environment calls.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_body_util::BodyExt as _;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::local::gate;

/// The largest response of a function, in bytes: 6 MB and a little.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LARGEST_RESPONSE: usize = 6_291_556;

/// The largest response that is streamed to the caller, in bytes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html>
const LARGEST_STREAM: usize = 200 << 20;

/// An invocation event, as the runtime gets it.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) request_id: String,
    /// The time at which the function is stopped, in milliseconds since 1970.
    pub(super) deadline_ms: u128,
    pub(super) function_arn: String,
    pub(super) trace_id: String,
    pub(super) client_context: Option<String>,
    pub(super) payload: Bytes,
    /// Where the parts of a streamed response go. None collects them.
    pub(super) stream: Option<mpsc::Sender<Bytes>>,
}

/// A call of the runtime.
#[derive(Debug)]
pub(super) enum RuntimeCall {
    /// The runtime is ready for an invocation.
    Next,
    /// The function has answered, with nothing here if its response was streamed.
    Response(Bytes),
    /// The function has failed.
    Error(FunctionError),
    /// The runtime could not start.
    InitError(FunctionError),
}

/// An error as the runtime reports it. The caller gets the body unchanged.
#[derive(Debug)]
pub(super) struct FunctionError {
    /// Of the form `Runtime.Name` or `Function.Name`.
    pub(super) error_type: String,
    pub(super) body: Bytes,
}

/// The server of one environment. Its port and connections close when it is dropped.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    pub(super) address: SocketAddr,
    events: mpsc::Sender<Event>,
    calls: mpsc::UnboundedReceiver<RuntimeCall>,
    _open: DropGuard,
}

/// The state that the server's handlers share.
#[derive(Debug)]
struct ServerState {
    events: Mutex<mpsc::Receiver<Event>>,
    calls: mpsc::UnboundedSender<RuntimeCall>,
    /// The running invocation, the only one that the runtime can answer.
    running: StdMutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    request_id: String,
    stream: Option<mpsc::Sender<Bytes>>,
}

impl RuntimeApi {
    /// Starts a server on a port of its own.
    pub(super) async fn bind() -> std::io::Result<RuntimeApi> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (events, events_receiver) = mpsc::channel(1);
        let (calls_sender, calls) = mpsc::unbounded_channel();
        let state = Arc::new(ServerState {
            events: Mutex::new(events_receiver),
            calls: calls_sender,
            running: StdMutex::new(None),
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .layer(DefaultBodyLimit::max(LARGEST_RESPONSE))
            .layer(from_fn(gate::refuse_web_pages))
            .with_state(state);
        let open = CancellationToken::new();
        let closed = open.clone().cancelled_owned();
        tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(closed).await });
        Ok(RuntimeApi { address, events, calls, _open: open.drop_guard() })
    }

    /// Sends an invocation, which the runtime gets with its next call of `next`.
    pub(super) async fn send(&self, event: Event) {
        // The server holds the receiver for as long as this exists.
        let _ = self.events.send(event).await;
    }

    /// Waits for the next call. None if the server has ended.
    pub(super) async fn next_call(&mut self) -> Option<RuntimeCall> {
        self.calls.recv().await
    }
}

async fn next(State(state): State<Arc<ServerState>>) -> Response {
    // The environment may be gone already, and nobody receives the call.
    let _ = state.calls.send(RuntimeCall::Next);
    let Some(event) = state.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    *state.running() = Some(Running { request_id: event.request_id.clone(), stream: event.stream });
    let mut headers = vec![
        ("Content-Type", "application/json".to_owned()),
        ("Lambda-Runtime-Aws-Request-Id", event.request_id),
        ("Lambda-Runtime-Deadline-Ms", event.deadline_ms.to_string()),
        ("Lambda-Runtime-Invoked-Function-Arn", event.function_arn),
        ("Lambda-Runtime-Trace-Id", event.trace_id),
    ];
    if let Some(context) = event.client_context {
        headers.push(("Lambda-Runtime-Client-Context", context));
    }
    let mut response = event.payload.into_response();
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Reads a response. A runtime that streams it says so in a header, and reports an error in the middle in two trailers.
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming>
async fn response(
    State(state): State<Arc<ServerState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    mut body: Body,
) -> Response {
    let is_streamed =
        headers.get("Lambda-Runtime-Function-Response-Mode").is_some_and(|mode| mode == "streaming");
    let stream = state.stream_of(&id).filter(|_| is_streamed);
    let limit = if stream.is_some() { LARGEST_STREAM } else { LARGEST_RESPONSE };
    let (mut collected, mut size, mut trailers) = (Vec::new(), 0, HeaderMap::new());
    while size <= limit
        && let Some(frame) = body.frame().await
    {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return refuse(StatusCode::BAD_REQUEST, "BrokenResponse", &error.to_string()),
        };
        match frame.into_data() {
            Ok(chunk) => {
                size += chunk.len();
                match &stream {
                    // If the caller has left, nobody receives them.
                    Some(stream) => drop(stream.send(chunk).await),
                    None => collected.extend_from_slice(&chunk),
                }
            }
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    if size <= limit {
        return state.answer(
            &id,
            match trailers.get("Lambda-Runtime-Function-Error-Body") {
                Some(body) => {
                    let body = BASE64_STANDARD.decode(body).unwrap_or_else(|_| body.as_bytes().to_vec());
                    RuntimeCall::Error(function_error(&trailers, body.into()))
                }
                None => RuntimeCall::Response(collected.into()),
            },
        );
    }
    let message = format!("Response payload size exceeded maximum allowed payload size ({limit} bytes).");
    let error_type = "Function.ResponseSizeTooLarge";
    let body = json!({"errorType": error_type, "errorMessage": message}).to_string();
    let error = FunctionError { error_type: error_type.to_owned(), body: body.into() };
    state.answer(&id, RuntimeCall::Error(error));
    refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
}

async fn error(
    State(state): State<Arc<ServerState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let error = function_error(&headers, body);
    state.answer(&id, RuntimeCall::Error(error))
}

async fn init_error(State(state): State<Arc<ServerState>>, headers: HeaderMap, body: Bytes) -> Response {
    state.accept(RuntimeCall::InitError(function_error(&headers, body)))
}

impl ServerState {
    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns where a streamed response to an invocation goes, if it is the running one and its caller streams.
    fn stream_of(&self, id: &str) -> Option<mpsc::Sender<Bytes>> {
        self.running().as_ref().filter(|running| running.request_id == id)?.stream.clone()
    }

    /// Accepts the answer to the running invocation, and refuses one to any other.
    fn answer(&self, id: &str, call: RuntimeCall) -> Response {
        let mut running = self.running();
        if running.as_ref().is_none_or(|running| running.request_id != id) {
            return refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID");
        }
        *running = None;
        self.accept(call)
    }

    fn accept(&self, call: RuntimeCall) -> Response {
        let _ = self.calls.send(call);
        (StatusCode::ACCEPTED, json!({"status": "OK"}).to_string()).into_response()
    }
}

fn refuse(status: StatusCode, error_type: &str, message: &str) -> Response {
    let body = json!({"errorType": error_type, "errorMessage": message});
    (status, body.to_string()).into_response()
}

/// Reads an error. Its type goes into the report, where Lambda allows only two families of types. The runtime
/// interface emulator does the same: aws/aws-lambda-runtime-interface-emulator, fatalerror.go.
fn function_error(headers: &HeaderMap, body: Bytes) -> FunctionError {
    let reported = headers
        .get("Lambda-Runtime-Function-Error-Type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let is_known = reported.starts_with("Runtime.") || reported.starts_with("Function.");
    let error_type = if is_known { reported } else { "Runtime.Unknown" };
    FunctionError { error_type: error_type.to_owned(), body }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_web_page_gets_no_event_that_is_the_functions() {
        let mut api = RuntimeApi::bind().await.unwrap();
        for header in ["Host: evil.example", "Host: localhost\r\nSec-Fetch-Site: cross-site"] {
            let mut stream = TcpStream::connect(api.address).await.unwrap();
            let request = format!(
                "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n{header}\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        }
        assert!(api.calls.try_recv().is_err(), "the environment learns of no call");
    }
}
