//! A function that needs memory: below a certain size it fails, and above it more memory is of no use.
//!
//! `{}` uses 192 MB, so 128 MB are not enough. `{"megabytes": 64}` uses 64 MB.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};

const PAGE: usize = 4096;

#[derive(Deserialize)]
struct Request {
    megabytes: Option<usize>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Request>) -> Result<Value, Error> {
    let megabytes = event.payload.megabytes.unwrap_or(192);
    let mut memory = vec![0_u8; megabytes << 20];
    // The kernel allocates a page only when it is written to.
    for page in memory.chunks_mut(PAGE) {
        page[0] = 1;
    }
    let touched = memory.chunks(PAGE).filter(|page| page[0] == 1).count();
    Ok(json!({"megabytes": (touched * PAGE) >> 20}))
}
