//! A function that only computes: it counts primes on one thread. More memory makes it proportionally faster,
//! up to one vCPU at 1,769 MB.
//!
//! - `{}` takes about 60 ms of a whole core in a debug build, so 0.8 s at 128 MB.
//! - `{"iterations": 1000}` counts the primes up to 1,000.
//! - `{"error": "NotEnoughCoffee"}` fails with an error of that type.

use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Request {
    iterations: Option<u64>,
    error: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Request>) -> Result<Value, Diagnostic> {
    if let Some(error_type) = event.payload.error {
        return Err(Diagnostic { error_type, error_message: "as asked for".to_owned() });
    }
    let limit = event.payload.iterations.unwrap_or(380_000);
    // The result depends on every step, so the compiler cannot leave one out.
    Ok(json!({"primes": (2..limit).filter(is_prime).count()}))
}

fn is_prime(number: &u64) -> bool {
    let mut divisor = 2;
    while divisor * divisor <= *number {
        if number.is_multiple_of(divisor) {
            return false;
        }
        divisor += 1;
    }
    true
}
