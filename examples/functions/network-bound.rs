//! A function that waits for the network, which a sleep simulates. More memory does not make it faster, only
//! more expensive.
//!
//! `{}` waits for 100 ms, `{"waitMs": 20}` for 20 ms.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    wait_ms: Option<u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Request>) -> Result<Value, Error> {
    let wait_ms = event.payload.wait_ms.unwrap_or(100);
    tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    Ok(json!({"waitedMs": wait_ms}))
}
