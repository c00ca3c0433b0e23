//! The Runtime API, which one execution environment's process talks to.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

/// As much as a function may answer: 6 MB and a little.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MOST: usize = 6_291_556;

/// An invocation, as the runtime gets it.
#[derive(Debug)]
pub struct Event {
    pub request_id: String,
    /// Milliseconds since 1970 when the function will be stopped.
    pub deadline_ms: u128,
    pub function_arn: String,
    pub trace_id: String,
    pub client_context: Option<String>,
    pub payload: Bytes,
}

/// What a runtime says.
#[derive(Debug)]
pub enum Said {
    /// It is ready for an invocation.
    Next,
    /// The function's answer.
    Response(Bytes),
    /// The function's error.
    Error(FunctionError),
    /// It could not start.
    InitError(FunctionError),
}

/// An error as the runtime tells it: the body goes to the caller as it is.
#[derive(Debug)]
pub struct FunctionError {
    /// Of the form `Runtime.Name` or `Function.Name`.
    pub kind: String,
    pub body: Bytes,
}

/// The listener of one environment. It and its connections end when this is dropped.
#[derive(Debug)]
pub struct RuntimeApi {
    pub address: SocketAddr,
    events: mpsc::Sender<Event>,
    said: mpsc::UnboundedReceiver<Said>,
    _open: DropGuard,
}

#[derive(Debug)]
struct Desk {
    events: Mutex<mpsc::Receiver<Event>>,
    said: mpsc::UnboundedSender<Said>,
    /// The invocation that the runtime is at: it can answer no other.
    current: StdMutex<Option<String>>,
}

impl RuntimeApi {
    /// Listens on a port of its own.
    pub async fn open() -> std::io::Result<RuntimeApi> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (events, inbox) = mpsc::channel(1);
        let (outbox, said) = mpsc::unbounded_channel();
        let desk = Arc::new(Desk { events: Mutex::new(inbox), said: outbox, current: StdMutex::new(None) });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            // One byte more than may be, to tell too much from a broken connection.
            .layer(DefaultBodyLimit::max(MOST + 1))
            .with_state(desk);
        let open = CancellationToken::new();
        let closed = open.clone().cancelled_owned();
        tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(closed).await });
        Ok(RuntimeApi { address, events, said, _open: open.drop_guard() })
    }

    /// Hands an invocation to the runtime, which takes it with its next `next`.
    pub async fn send(&self, event: Event) {
        // The listener holds the other end for as long as this lives.
        let _ = self.events.send(event).await;
    }

    /// What the runtime says next.
    pub async fn listen(&mut self) -> Option<Said> {
        self.said.recv().await
    }
}

async fn next(State(desk): State<Arc<Desk>>) -> Response {
    // The environment may be gone already: then nobody listens.
    let _ = desk.said.send(Said::Next);
    let Some(event) = desk.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    *desk.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(event.request_id.clone());
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

async fn response(State(desk): State<Arc<Desk>>, Path(id): Path<String>, body: Bytes) -> Response {
    if body.len() <= MOST {
        return desk.answer(&id, Said::Response(body));
    }
    let message = format!("Response payload size exceeded maximum allowed payload size ({MOST} bytes).");
    let kind = "Function.ResponseSizeTooLarge";
    let body = json!({"errorType": kind, "errorMessage": message}).to_string();
    let said = Said::Error(FunctionError { kind: kind.to_owned(), body: body.into() });
    desk.answer(&id, said);
    refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
}

async fn error(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let error = function_error(&headers, body);
    desk.answer(&id, Said::Error(error))
}

async fn init_error(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response {
    desk.accept(Said::InitError(function_error(&headers, body)))
}

impl Desk {
    fn answer(&self, id: &str, said: Said) -> Response {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_deref() != Some(id) {
            return refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID");
        }
        *current = None;
        self.accept(said)
    }

    fn accept(&self, said: Said) -> Response {
        let _ = self.said.send(said);
        (StatusCode::ACCEPTED, json!({"status": "OK"}).to_string()).into_response()
    }
}

fn refuse(status: StatusCode, kind: &str, message: &str) -> Response {
    let body = json!({"errorType": kind, "errorMessage": message});
    (status, body.to_string()).into_response()
}

/// The type goes into the report, where Lambda allows only its own two families of them; the runtime
/// interface emulator does the same: aws/aws-lambda-runtime-interface-emulator, fatalerror.go.
fn function_error(headers: &HeaderMap, body: Bytes) -> FunctionError {
    let kind = headers
        .get("Lambda-Runtime-Function-Error-Type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind =
        if kind.starts_with("Runtime.") || kind.starts_with("Function.") { kind } else { "Runtime.Unknown" };
    FunctionError { kind: kind.to_owned(), body }
}
