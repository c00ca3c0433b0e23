//! A function that returns its event, in place of a pre- or post-processor.
//!
//! - `{"return": X}` returns X.
//! - `{"error": "NotEnoughCoffee", "message": "why"}` fails with an error of that type and message.

use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    let mut event = event.payload;
    if let Some(error_type) = event["error"].as_str() {
        let error_message = event["message"].as_str().unwrap_or_default().to_owned();
        return Err(Diagnostic { error_type: error_type.to_owned(), error_message });
    }
    Ok(match event.get_mut("return") {
        Some(value) => value.take(),
        None => event,
    })
}
