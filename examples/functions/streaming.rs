//! A function that streams its response. It speaks the Runtime API itself, because the client of the others cannot
//! report an error in the middle of a stream.
//!
//! - `{"kilobytes": 7000}` streams that many.
//! - `{"kilobytes": 100, "error": "NotEnoughCoffee"}` fails with an error of that type after them.
//! - `{"kilobytes": 100, "exit": true}` ends its process after them.
//! - `{"kilobytes": 100, "hold": 192}` then uses as many MB of memory.
//! - `{"kilobytes": 100, "wait": 60}` then waits as many seconds.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming>

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(default)]
struct Request {
    kilobytes: usize,
    error: Option<String>,
    exit: bool,
    hold: usize,
    wait: u64,
}

impl Default for Request {
    fn default() -> Request {
        Request { kilobytes: 1, error: None, exit: false, hold: 0, wait: 0 }
    }
}

fn main() -> io::Result<()> {
    loop {
        let mut api = call("GET", "next", "")?;
        let event = answer(&mut api)?;
        let (head, body) = event.split_once("\r\n\r\n").unwrap_or_default();
        let id = head.lines().filter_map(|line| line.split_once(": "));
        let id = id.filter(|(name, _)| name.eq_ignore_ascii_case("lambda-runtime-aws-request-id"));
        let id = id.map(|(_, id)| id).next().unwrap_or_default();
        respond(id, serde_json::from_str(body)?)?;
    }
}

fn respond(id: &str, request: Request) -> io::Result<()> {
    let mut api = call(
        "POST",
        &format!("{id}/response"),
        "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\
         Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n",
    )?;
    let kilobyte = "x".repeat(1024);
    for _ in 0..request.kilobytes {
        write!(api, "400\r\n{kilobyte}\r\n")?;
    }
    if request.exit {
        api.flush()?;
        std::process::exit(3);
    }
    std::thread::sleep(Duration::from_secs(request.wait));
    let mut memory = vec![0_u8; request.hold << 20];
    // The kernel allocates a page only when it is written to.
    memory.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    std::hint::black_box(memory);
    write!(api, "0\r\n")?;
    if let Some(error_type) = request.error {
        let body = json!({"errorType": error_type, "errorMessage": "as asked for"}).to_string();
        let body = BASE64_STANDARD.encode(body);
        write!(api, "Lambda-Runtime-Function-Error-Type: Function.{error_type}\r\n")?;
        write!(api, "Lambda-Runtime-Function-Error-Body: {body}\r\n")?;
    }
    write!(api, "\r\n")?;
    answer(&mut api).map(drop)
}

/// Begins a call of the Runtime API, on a connection of its own.
fn call(method: &str, path: &str, headers: &str) -> io::Result<io::BufWriter<TcpStream>> {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").map_err(io::Error::other)?;
    let mut api = io::BufWriter::new(TcpStream::connect(&address)?);
    write!(
        api,
        "{method} /2018-06-01/runtime/invocation/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n"
    )?;
    Ok(api)
}

fn answer(api: &mut io::BufWriter<TcpStream>) -> io::Result<String> {
    api.flush()?;
    let mut answer = String::new();
    api.get_mut().read_to_string(&mut answer)?;
    Ok(answer)
}
