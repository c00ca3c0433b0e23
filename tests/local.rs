//! `lpt-local`, by what other programs see of it.

use std::process::Command;

use crate::common::{Local, Tool, function};

/// A client of another make: the Python SDK, unmodified, creates, updates, publishes, aliases, invokes and deletes.
#[test]
fn an_unmodified_python_sdk_is_served() {
    let importable = Command::new("python3").args(["-c", "import boto3"]).output();
    if !importable.is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 with boto3 is not here");
        return;
    }
    let local = Local::with(&[]);
    let output = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python_sdk.py"))
        .arg(function("cpu-bound"))
        .env("AWS_ENDPOINT_URL", local.endpoint())
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    println!("{said}");
}

#[test]
fn a_command_is_led_to_it_and_its_exit_code_is_kept() {
    let argument = format!("f={}", function("cpu-bound").display());
    let run = |script: &str| {
        Tool::new("lpt-local").args(["-q", "--function", &argument, "--", "sh", "-c", script]).run()
    };
    assert_eq!(run("exit 7").code, Some(7));
    assert_eq!(run("kill -TERM $$").code, Some(128 + 15));
    let led =
        run("echo $AWS_ENDPOINT_URL $AWS_REGION ${AWS_ACCESS_KEY_ID:+key} ${AWS_SECRET_ACCESS_KEY:+secret}");
    assert!(led.stdout.starts_with("http://127.0.0.1:"), "{}", led.stdout);
    assert!(led.stdout.ends_with(" us-east-1 key secret\n"), "{}", led.stdout);
}

#[test]
fn bad_arguments_say_what_to_pass() {
    for (arguments, words) in [
        (vec!["--listen", "0.0.0.0:0"], vec!["127.0.0.1"]),
        (vec!["--function", "f=/nosuch/path"], vec!["/nosuch/path"]),
        (vec!["--function", "f"], vec!["NAME=PATH"]),
    ] {
        Tool::new("lpt-local").args(arguments).run().fails_with(2, &words);
    }
    let missing = Tool::new("lpt-local").args(["--", "/nosuch/command"]).run();
    assert_ne!(missing.code, Some(0));
    assert!(missing.stderr.contains("/nosuch/command"), "{}", missing.stderr);
}
