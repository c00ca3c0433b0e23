//! Times a whole run until nothing of it is left, as lpt's pipe does it and as AWS Lambda Power Tuning does it, in turn on
//! the same service: four sizes, 30 invocations of 100 ms each, changes of 1.5 s as at AWS.
//!
//! The second one is a loop that makes the calls of its handlers in their order, without its state machine, which takes
//! some time of its own: for each size an update, the wait for it, the publication and the alias; the update back; the
//! invocations of all sizes at once, those of a size in series; the deletion of all aliases and versions at once. It waits
//! as the waiter of the SDK for JavaScript does at a `minDelay` of 1 s: it looks at once, after 1 s, after 1 to 2 s more,
//! and so on.
//!
//! A run cannot take less than its changes, which are one after another, the time in which the last version becomes
//! active, and the invocations of that version.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{LastUpdateStatus, LogType, State};
use futures_util::future::join_all;

mod service;

use service::{FUNCTION, Service};

const PAIRS: usize = 5;
const SIZES: [i32; 4] = [128, 256, 512, 1024];
const NUM: u32 = 30;
const CHANGE_MS: u32 = 1500;
const INVOCATION_MS: u32 = 100;

fn main() {
    let bin = Path::new(env!("CARGO_BIN_EXE_lpt-local")).parent().expect("a binary has a folder");
    let service = Service::start(&["--update-delay-ms", &CHANGE_MS.to_string()]);
    let variables = &service.variables;

    let floor = f64::from(CHANGE_MS * (SIZES.len() as u32 + 1) + NUM * INVOCATION_MS) / 1e3;
    println!(
        "{} sizes, {NUM} invocations of {INVOCATION_MS} ms a size; changes take {CHANGE_MS} ms\n",
        SIZES.len()
    );
    println!("{:>6} {:>10} {:>18} {:>7}", "pair", "lpt s", "state machine s", "ratio");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for pair in 1..=PAIRS {
        let own = seconds_of(|| run_pipe(bin, variables));
        let other = seconds_of(|| run_loop(variables));
        println!("{pair:>6} {own:>10.2} {other:>18.2} {:>7.2}", own / other);
        ours.push(own);
        theirs.push(other);
    }
    let (own, other) = (median(ours), median(theirs));
    println!("{:>6} {own:>10.2} {other:>18.2} {:>7.2}", "median", own / other);
    println!("\nleast time of one change after another, and of the last size's invocations: {floor:.1} s");
}

fn seconds_of(run: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    run();
    begun.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn run_pipe(bin: &Path, variables: &[(String, String)]) {
    let sizes = SIZES.map(|size| size.to_string()).join(",");
    let script = format!(
        "lpt-prepare --num {NUM} --power-values {sizes} {FUNCTION} | lpt-invoke | lpt-analyze | lpt-select | lpt-cleanup"
    );
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .args(["-c", &script])
        .envs(variables.iter().cloned())
        .env("PATH", format!("{}:{path}", bin.display()))
        .env_remove("LPT_CONTROL_PLANE_RATE")
        .output()
        .expect("sh starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let selections = String::from_utf8_lossy(&output.stdout).matches("\"type\":\"selection\"").count();
    assert_eq!(selections, 1);
}

fn run_loop(variables: &[(String, String)]) {
    let variable = |name: &str| {
        let found = variables.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.clone()).expect("lpt-local prints it")
    };
    let key = aws_credential_types::Credentials::new(
        variable("AWS_ACCESS_KEY_ID"),
        variable("AWS_SECRET_ACCESS_KEY"),
        None,
        None,
        "bench",
    );
    let config = aws_sdk_lambda::Config::builder()
        .behavior_version(aws_sdk_lambda::config::BehaviorVersion::latest())
        .endpoint_url(variable("AWS_ENDPOINT_URL"))
        .region(aws_sdk_lambda::config::Region::new(variable("AWS_REGION")))
        .credentials_provider(key)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(tune(&Client::from_conf(config)));
}

async fn tune(lambda: &Client) {
    const DONE: &str = "lpt-local does it";
    let before = lambda.get_function_configuration().function_name(FUNCTION).send().await.expect(DONE);
    for size in SIZES {
        let alias = alias(size);
        set_power(lambda, size, &alias).await;
        let published = lambda.publish_version().function_name(FUNCTION).send().await.expect(DONE);
        lambda
            .get_alias()
            .function_name(FUNCTION)
            .name(&alias)
            .send()
            .await
            .expect_err("it is not there yet");
        let version = published.version().expect("a version has a number");
        lambda
            .create_alias()
            .function_name(FUNCTION)
            .name(alias)
            .function_version(version)
            .send()
            .await
            .expect(DONE);
    }
    let memory = before.memory_size().expect("a function has a memory size");
    set_power(lambda, memory, before.description().unwrap_or_default()).await;
    join_all(SIZES.map(|size| measure(lambda, alias(size)))).await;
    join_all(SIZES.map(|size| async move {
        let alias = alias(size);
        let found = lambda.get_alias().function_name(FUNCTION).name(&alias).send().await.expect(DONE);
        lambda.delete_alias().function_name(FUNCTION).name(alias).send().await.expect(DONE);
        let version = found.function_version().expect("an alias has a version");
        lambda.delete_function().function_name(FUNCTION).qualifier(version).send().await.expect(DONE);
    }))
    .await;
}

fn alias(size: i32) -> String {
    format!("RAM{size}")
}

/// Updates `$LATEST`, and waits until that is finished.
async fn set_power(lambda: &Client, memory: i32, description: &str) {
    const DONE: &str = "lpt-local does it";
    let update = lambda.update_function_configuration().function_name(FUNCTION);
    update.memory_size(memory).description(description).send().await.expect(DONE);
    for attempt in 1.. {
        let now = lambda.get_function_configuration().function_name(FUNCTION).send().await.expect(DONE);
        if now.last_update_status() == Some(&LastUpdateStatus::Successful) {
            return;
        }
        pause_before(attempt, 1.0).await;
    }
}

/// Waits as the waiter of the SDK for JavaScript does: at random between the least delay and twice that, four times that
/// and so on.
async fn pause_before(attempt: i32, least: f64) {
    let most = least * 2_f64.powi(attempt - 1);
    tokio::time::sleep(Duration::from_secs_f64(least + fastrand::f64() * (most - least))).await;
}

async fn measure(lambda: &Client, alias: String) {
    const DONE: &str = "lpt-local does it";
    // The waiter for an active version has its default of 5 s.
    for attempt in 1.. {
        let read = lambda.get_function_configuration().function_name(FUNCTION).qualifier(&alias);
        if read.send().await.expect(DONE).state() == Some(&State::Active) {
            break;
        }
        pause_before(attempt, 5.0).await;
    }
    for _ in 0..NUM {
        let invoke = lambda.invoke().function_name(FUNCTION).qualifier(&alias).log_type(LogType::Tail);
        let answer = invoke.payload(aws_sdk_lambda::primitives::Blob::new("{}")).send().await.expect(DONE);
        assert_eq!(answer.function_error(), None);
    }
}
