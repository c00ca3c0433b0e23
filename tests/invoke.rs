//! `lpt-invoke`.

use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::common::faults::{Fault, Faults};
use crate::common::records::{Record, lines, parse};
use crate::common::{Folder, Local, Ran, Refusing, Scripted, Tool, binary, function, refusal, variables};

const QUICK: &str = r#"{"iterations": 1}"#;

fn prepared(local: &Local, sizes: &str) -> String {
    local.tool("lpt-prepare").args(["--power-values", sizes, "f"]).run().succeeds().stdout
}

fn cpu_bound(settings: &str) -> Local {
    Local::with(&[&format!("f={}{settings}", function("cpu-bound").display())])
}

#[test]
fn a_size_whose_version_is_gone_was_cleaned_up_already() {
    let local = cpu_bound("");
    let input = prepared(&local, "128");
    local.tool("lpt-cleanup").stdin(&*input).run().succeeds();
    let folder = Folder::new();
    let invoke = local.tool("lpt-invoke").args(["--num", "5", "--payload", QUICK]);
    let ran =
        invoke.arg(folder.file("runs.ndjson", &input)).run_into(File::create(folder.path("out")).unwrap());
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(!ran.stderr.contains("remain"), "{}", ran.stderr);
    let said = "f: 128 MB is given up: its version is gone, because the run was cleaned up already";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

/// Returns the indices of a size's invocations, in the order of their records.
fn indices(ran: &Ran, memory: u64) -> Vec<u64> {
    let mut invocations = ran.of_type("invocation");
    invocations.retain(|invocation| invocation["memorySizeMB"] == memory);
    invocations.iter().map(|invocation| invocation["index"].as_u64().unwrap()).collect()
}

#[test]
fn each_size_is_invoked_num_times_and_everything_passes_through() {
    let local = cpu_bound("");
    let input = prepared(&local, "128,256");
    let ran =
        local.tool("lpt-invoke").args(["--num", "5", "--payload", QUICK]).stdin(&*input).run().succeeds();
    for memory in [128, 256] {
        assert_eq!(indices(&ran, memory), [0, 1, 2, 3, 4]);
    }
    let passed: String = ran
        .stdout
        .lines()
        .filter(|line| !line.contains("\"invocation\""))
        .take(5)
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(passed, input.lines().take(5).map(|line| format!("{line}\n")).collect::<String>());
    for invocation in ran.of_type("invocation") {
        assert_eq!(invocation["outcome"], "ok");
        assert_eq!(invocation["attempts"], 1);
        assert_eq!(invocation["coldStart"], invocation["index"] == 0);
        assert_eq!(invocation.get("initDurationMs").is_some(), invocation["coldStart"] == true);
        assert!(invocation["durationMs"].as_f64().unwrap() > 0.0);
        let whole =
            invocation["durationMs"].as_f64().unwrap() + invocation["initDurationMs"].as_f64().unwrap_or(0.0);
        assert_eq!(invocation["billedDurationMs"].as_f64().unwrap(), whole.ceil());
        assert!(
            invocation["clientDurationMs"].as_f64().unwrap() >= invocation["durationMs"].as_f64().unwrap()
        );
        assert!(
            !invocation
                .as_object()
                .unwrap()
                .values()
                .any(|value| value.is_object() || value.is_array() || value.is_null())
        );
    }
}

#[test]
fn a_version_that_is_in_the_input_twice_is_measured_once() {
    let local = cpu_bound("");
    let folder = Folder::new();
    let plan = folder.file("plan.ndjson", &prepared(&local, "128,256"));
    let arguments = ["--num", "5", "--payload", QUICK];
    let ran = local.tool("lpt-invoke").args(arguments).arg(&plan).arg(&plan).run().succeeds();
    for memory in [128, 256] {
        assert_eq!(indices(&ran, memory), [0, 1, 2, 3, 4]);
    }
    assert!(ran.stderr.contains("2 ready configuration records repeat a version"), "{}", ran.stderr);
}

#[test]
fn the_plan_says_how_often_to_invoke_when_num_is_not_given() {
    let local = cpu_bound("");
    let input =
        local.tool("lpt-prepare").args(["--power-values", "128", "--num", "6", "f"]).run().succeeds().stdout;
    let ran = local.tool("lpt-invoke").args(["--payload", QUICK]).stdin(input).run().succeeds();
    assert_eq!(indices(&ran, 128), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn json_reports_are_read_like_text_ones() {
    let local = cpu_bound(",log-format=JSON");
    let input = prepared(&local, "128");
    let ran = local.tool("lpt-invoke").args(["--num", "5", "--payload", QUICK]).stdin(input).run().succeeds();
    let invocations = ran.of_type("invocation");
    assert_eq!(invocations.len(), 5);
    assert!(invocations.iter().all(|invocation| invocation["durationMs"].is_number()));
    assert!(invocations[0]["initDurationMs"].is_number());
}

#[test]
fn parallel_invocations_are_made_once_each() {
    let local = cpu_bound("");
    let input = prepared(&local, "128");
    let ran = local
        .tool("lpt-invoke")
        .args(["--num", "20", "--parallel", "--concurrency", "5", "--payload", QUICK])
        .stdin(input)
        .run()
        .succeeds();
    let mut indices = indices(&ran, 128);
    indices.sort_unstable();
    assert_eq!(indices, (0..20).collect::<Vec<u64>>());
}

/// If more were in flight than the flag says, the service would refuse one, and it would take another attempt.
#[test]
fn concurrency_limits_the_invocations_of_all_sizes_together() {
    let f = format!("f={}", function("network-bound").display());
    let local = Local::start(&["--concurrency", "3", "--control-plane-rate", "0", "--function", &f]);
    let input = prepared(&local, "512,1024");
    let arguments = ["--num", "8", "--parallel", "--concurrency", "3", "--payload", r#"{"waitMs": 50}"#];
    let ran = local.tool("lpt-invoke").args(arguments).stdin(input).run().succeeds();
    let invocations = ran.of_type("invocation");
    assert_eq!(invocations.len(), 16);
    assert!(invocations.iter().all(|invocation| invocation["attempts"] == 1), "{}", ran.stdout);
}

#[test]
fn a_throttled_invocation_is_sent_again_and_the_attempts_are_counted() {
    let path = function("network-bound");
    let local = Local::start(&[
        "--concurrency",
        "1",
        "--control-plane-rate",
        "0",
        "--function",
        &format!("f={}", path.display()),
    ]);
    let input = prepared(&local, "128");
    let ran = local
        .tool("lpt-invoke")
        .args(["--num", "6", "--parallel", "--payload", r#"{"waitMs": 100}"#])
        .stdin(input)
        .run()
        .succeeds();
    let invocations = ran.of_type("invocation");
    assert_eq!(invocations.len(), 6);
    assert!(invocations.iter().all(|invocation| invocation["outcome"] == "ok"));
    assert!(invocations.iter().any(|invocation| invocation["attempts"].as_u64().unwrap() > 1));
}

#[test]
fn a_function_error_is_a_record_with_its_type_and_message() {
    let local = cpu_bound("");
    let input = prepared(&local, "128");
    let ran = local.tool("lpt-invoke").args(["--payload", r#"{"error": "Boom"}"#]).stdin(input).run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("128 MB is given up") && ran.stderr.contains("Boom"), "{}", ran.stderr);
    let invocations = ran.of_type("invocation");
    assert_eq!(invocations.len(), 3, "given up after three failures in a row");
    for invocation in invocations {
        assert_eq!(invocation["outcome"], "function-error");
        assert_eq!(invocation["errorType"], "Boom");
        assert!(invocation["errorMessage"].is_string());
        assert!(invocation["durationMs"].is_number(), "it ran, and was billed");
    }
    assert_eq!(ran.records().pop().unwrap()["status"], "failed");
}

#[test]
fn side_by_side_a_function_that_always_fails_costs_two_invocations_more_than_were_in_flight() {
    let local = cpu_bound("");
    let input = prepared(&local, "1024");
    let ran = local
        .tool("lpt-invoke")
        .args(["--num", "40", "--parallel", "--concurrency", "5", "--payload", r#"{"error": "Boom"}"#])
        .stdin(input)
        .run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("1024 MB is given up").count(), 1, "{}", ran.stderr);
    assert_eq!(ran.of_type("invocation").len(), 7);
}

#[test]
fn a_short_break_of_the_network_does_not_end_a_size() {
    let local = cpu_bound("");
    let input = prepared(&local, "1024");
    let faults = Faults::before(local.endpoint(), 0).only(&[Fault::AnswerLost]).first(5);
    let ran = faults
        .tool("lpt-invoke")
        .args(["--num", "20", "--parallel", "--concurrency", "5", "--payload", "{}"])
        .stdin(input)
        .run();
    assert_eq!(faults.counts()[&Fault::AnswerLost], 5, "all that were in flight");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let invocations = ran.of_type("invocation");
    assert_eq!(invocations.len(), 20);
    assert_eq!(invocations.iter().filter(|invocation| invocation["outcome"] == "ok").count(), 15);
}

/// A gateway with a limit of 60 s would otherwise make a slow function cost three times.
#[test]
fn an_invocation_that_may_have_run_is_sent_and_recorded_once() {
    let local = cpu_bound("");
    let input = prepared(&local, "1024");
    for (fault, error_type) in [
        (Fault::BadGateway, "HTTP 502"),
        (Fault::ServiceFailed, "ServiceException"),
        (Fault::Unavailable, "ServiceUnavailableException"),
        (Fault::AnswerLost, "Unreachable"),
    ] {
        let faults = Faults::before(local.endpoint(), 0).only(&[fault]).first(1);
        let ran = faults.tool("lpt-invoke").args(["--num", "5", "--payload", QUICK]).stdin(&*input).run();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(faults.chosen().len(), 5, "{fault:?}: each invocation is sent once");
        let invocations = ran.of_type("invocation");
        assert_eq!(invocations.len(), 5);
        let failed = &invocations[0];
        let said = (&failed["outcome"], &failed["errorType"], &failed["attempts"]);
        assert_eq!(said, (&json!("service-error"), &json!(error_type), &json!(1)), "{fault:?}");
        assert!(invocations[1..].iter().all(|invocation| invocation["outcome"] == "ok"));
    }
}

#[test]
fn an_invocation_that_was_rejected_is_sent_again() {
    let local = cpu_bound("");
    let input = prepared(&local, "1024");
    for (status, code) in [
        ("429 Too Many Requests", "TooManyRequestsException"),
        ("502 Bad Gateway", "EC2ThrottledException"),
        ("409 Conflict", "ResourceConflictException"),
        ("502 Bad Gateway", "ResourceNotReadyException"),
        ("409 Conflict", "SnapStartNotReadyException"),
    ] {
        let is_first = AtomicBool::new(true);
        let once = Scripted::with(move |_| match is_first.swap(false, Ordering::Relaxed) {
            true => refusal(status, code, "not now"),
            false => refusal("404 Not Found", "ResourceNotFoundException", "the second attempt is the last"),
        });
        let ran = once.tool("lpt-invoke").args(["--num", "1", "--payload", "{}"]).stdin(&*input).run();
        assert_eq!(ran.of_type("invocation")[0]["attempts"], 2, "{code}: {}", ran.stderr);
    }
}

/// Nobody listens at the endpoint. Each pause is one of the size: with one for each of the 400 invocations, this would
/// take an hour.
#[test]
fn a_network_that_stays_away_ends_a_size_after_two_pauses() {
    let local = cpu_bound("");
    let input = prepared(&local, "1024");
    let ran = Tool::new("lpt-invoke")
        .towards("http://127.0.0.1:9")
        .args(["--num", "400", "--parallel", "--concurrency", "100"])
        .stdin(input)
        .run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("1024 MB is given up").count(), 1, "{}", ran.stderr);
    // Those that were sent before the first one failed, and two more.
    let invocations = ran.of_type("invocation").len();
    assert!((3..=102).contains(&invocations), "{invocations}");
}

#[test]
fn too_little_memory_and_too_little_time_are_told_apart() {
    let local = Local::with(&[&format!("f={},memory=1024", function("memory-bound").display())]);
    let input = prepared(&local, "128");
    let ran = local
        .tool("lpt-invoke")
        .args(["--num", "1", "--payload", r#"{"megabytes": 192}"#])
        .stdin(input)
        .run();
    assert_eq!(ran.of_type("invocation")[0]["outcome"], "out-of-memory", "{}", ran.stdout);

    let local = Local::with(&[&format!("f={},timeout=1", function("network-bound").display())]);
    let input = prepared(&local, "128");
    let ran =
        local.tool("lpt-invoke").args(["--num", "1", "--payload", r#"{"waitMs": 5000}"#]).stdin(input).run();
    let invocation = &ran.of_type("invocation")[0];
    assert_eq!(invocation["outcome"], "timeout", "{}", ran.stdout);
    assert!(invocation["errorMessage"].as_str().unwrap().contains("Task timed out after 1.00 seconds"));
}

#[test]
fn a_bad_record_stops_the_measuring_and_the_records_that_undo_the_run_pass() {
    let local = cpu_bound("");
    let input = prepared(&local, "128,256");
    let mut lines: Vec<&str> = input.lines().collect();
    let at = lines.iter().position(|line| line.contains("\"ready\"") && line.contains("MB\":128")).unwrap();
    let bad = lines[at].replace("\"memorySizeMB\":128", "\"memorySizeMB\":\"128\"");
    lines[at] = &bad;
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let ran = local.tool("lpt-invoke").args(["--num", "5", "--payload", QUICK]).stdin(text).run();
    assert_eq!(ran.of_type("plan").len(), 1);
    assert_eq!(ran.of_type("configuration").len(), 3, "all but the bad one reach lpt-cleanup");
    assert_eq!(ran.records().pop().unwrap()["status"], "failed");
    let what = "memorySizeMB: expected an integer from 128 to 10240, found a string";
    ran.fails_with(65, &[&format!("stdin:{}: {what}", at + 1)]);
}

#[test]
fn lpt_invoke_stops_at_once_without_permission_or_credentials() {
    let local = cpu_bound("");
    let input = prepared(&local, "128,256");
    let denied = Refusing::with(
        "403 Forbidden",
        "AccessDeniedException",
        "not authorized to perform: lambda:InvokeFunction",
    );
    let ran = denied.tool("lpt-invoke").stdin(&*input).run();
    assert!(ran.of_type("invocation").len() <= 2, "one for each size at most");
    assert_eq!(ran.of_type("invocation")[0]["outcome"], "service-error");
    assert_eq!(ran.records().pop().unwrap()["status"], "failed");
    ran.fails_with(77, &["lambda:InvokeFunction: not authorized", "AccessDeniedException"]);
    let ran = local
        .tool("lpt-invoke")
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .stdin(input)
        .run();
    ran.fails_with(1, &["lambda:InvokeFunction: ", "credentials"]);
}

#[test]
fn each_record_has_the_tags_of_the_user() {
    let local = cpu_bound("");
    let input = prepared(&local, "128");
    let invoke = |tags: &[&str]| {
        let tags = tags.iter().flat_map(|tag| ["--tag", tag]);
        local.tool("lpt-invoke").args(["--num", "5", "--payload", QUICK]).args(tags).stdin(&*input).run()
    };
    let ran = invoke(&["commit=4f2a1c", "build.kind=a=b"]);
    for record in ran.of_type("invocation") {
        assert_eq!((&record["tag.commit"], &record["tag.build.kind"]), (&"4f2a1c".into(), &"a=b".into()));
    }
    assert_eq!(ran.of_type("invocation").len(), 5);
    invoke(&["commit=a", "commit=b"]).fails_with(2, &["--tag commit: is given twice, first as \"a\""]);
    for bad in ["commit", "=a", "commit=", "a b=c"] {
        invoke(&[bad]).fails_with(2, &["expected KEY=VALUE"]);
    }
}

#[test]
fn a_version_that_is_gone_fails_alone() {
    let local = cpu_bound("");
    let input = prepared(&local, "128,256");
    let (runtime, client) = local.client();
    let is_of_128 = |line: &&str| line.contains("\"configuration\"") && line.contains("MB\":128");
    let alias: Value = serde_json::from_str(input.lines().find(is_of_128).unwrap()).unwrap();
    runtime.block_on(async {
        client.delete_alias().function_name("f").name(alias["alias"].as_str().unwrap()).send().await.unwrap();
    });
    let ran = local.tool("lpt-invoke").args(["--num", "2", "--payload", QUICK]).stdin(input).run();
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert_eq!(indices(&ran, 256), [0, 1]);
    assert_eq!(indices(&ran, 128), [0], "hopeless, so not tried again");
}

#[test]
fn a_payload_comes_from_a_file_and_a_bad_one_is_named() {
    let folder = Folder::new();
    let local = cpu_bound("");
    let input = prepared(&local, "128");
    let file = folder.file("payload.json", r#"{"error": "FromFile"}"#);
    let ran = local.tool("lpt-invoke").args(["--num", "1", "--payload-file"]).arg(&file).stdin(&*input).run();
    assert_eq!(ran.of_type("invocation")[0]["errorType"], "FromFile");
    let bad = folder.file("bad.json", "{");
    local
        .tool("lpt-invoke")
        .arg("--payload-file")
        .arg(&bad)
        .stdin(&*input)
        .run()
        .fails_with(2, &["bad.json: not JSON: line 1, column 1: the text ends before the }"]);
    local
        .tool("lpt-invoke")
        .arg("--payload-file")
        .arg(folder.path("nosuch.json"))
        .stdin(input)
        .run()
        .fails_with(1, &["nosuch.json: No such file"]);
}

#[test]
fn a_payload_names_a_file_as_with_curl_and_aws_cli() {
    let folder = Folder::new();
    let local = cpu_bound("");
    let input = prepared(&local, "128");
    let file = folder.file("event.json", "\u{feff}{\"error\": \"FromFile\"}\n");
    let invoke = |payload: String| {
        local.tool("lpt-invoke").args(["--num", "5", "--payload", &payload]).stdin(&*input).run()
    };
    for prefix in ["@", "file://", "fileb://"] {
        let ran = invoke(format!("{prefix}{}", file.display()));
        assert_eq!(ran.of_type("invocation")[0]["errorType"], "FromFile", "{}", ran.stderr);
    }
    folder.file("event.json", "{\n  \"error\": 'FromFile'\n}\n");
    invoke(format!("@{}", file.display())).fails_with(2, &["event.json: not JSON: line 2, column 12: "]);
    invoke("@/nosuch/event.json".to_owned()).fails_with(1, &["--payload /nosuch/event.json: No such file"]);
}

/// The records that undo the run pass in any case.
#[test]
fn a_payload_that_is_surely_a_mistake_invokes_nothing() {
    let folder = Folder::new();
    let local = Local::with(&[&format!("f={}", function("echo").display())]);
    let input = prepared(&local, "128");
    let event = folder.file("event.json", "{}").display().to_string();
    let invoke = |payload: &str| {
        let arguments = ["--num", "5", "--disable-payload-logs", "--payload", payload];
        local.tool("lpt-invoke").args(arguments).stdin(&*input).run()
    };
    for (payload, words) in [
        (
            r#"{"token":"planted",}"#,
            "--payload: not JSON: line 1, column 20: a key in double quotes is missing",
        ),
        (&*event, "event.json is a file; send what is in it with --payload @"),
        ("planted.json", "send a file with --payload @FILE"),
    ] {
        let ran = invoke(payload);
        assert_eq!((ran.of_type("invocation").len(), ran.of_type("configuration").len()), (0, 2));
        assert!(!ran.stderr.contains("planted"), "{}", ran.stderr);
        ran.fails_with(2, &[words]);
    }
    let text = invoke("planted words").succeeds();
    assert_eq!(text.of_type("invocation").len(), 5);
    assert_eq!(text.stderr, "lpt-invoke: --payload: not JSON, so it is sent as text: a JSON string\n");
    let input = folder.file("input.json", r#"{"payload": "{\"a\":}", "num": 1}"#);
    let of_input = local.tool("lpt-invoke").arg("--input").arg(input).stdin(prepared(&local, "128")).run();
    let said = "payload: a string that begins like JSON is sent as a string, because it is not JSON: line 1, column 6: ";
    assert!(of_input.stderr.contains(said), "{}", of_input.stderr);
    assert_eq!(of_input.of_type("invocation")[0]["outcome"], "ok", "as the state machine does");
}

#[test]
fn a_command_that_fails_is_named_with_its_status_and_its_last_words() {
    let local = cpu_bound("");
    let input = prepared(&local, "128");
    let invoke = |arguments: &[&str]| {
        let ran = local.tool("lpt-invoke").args(["--num", "5"]).args(arguments).stdin(&*input).run();
        let lines: Vec<_> = ran.stderr.lines().map(str::to_owned).collect();
        lines
    };
    let command = "echo first >&2; echo no token >&2; echo >&2; exit 7";
    let said = invoke(&["--pre-command", command]);
    assert_eq!(said[..3], ["first", "no token", ""], "what it prints is shown as before");
    assert_eq!(
        said[3],
        format!(
            "lpt-invoke: warning: f: 128 MB is given up: --pre-command: {command}: failed (exit status 7); it printed last: no token"
        )
    );
    let said = invoke(&["--post-command", "echo to stdout; kill -9 $$"]);
    assert!(
        said[0].ends_with("--post-command: echo to stdout; kill -9 $$: failed (ended by signal 9); it printed last: to stdout"),
        "{said:?}"
    );
    let said = invoke(&["--pre-command", "head -c 3000 /dev/zero | tr '\\0' x >&2; exit 1", "--quiet"]);
    let last = &said[1];
    assert!(last.contains(&format!("{}…", "x".repeat(200))) && last.len() < 500, "{last}");
    let said = invoke(&["--pre-command", "echo planted >&2; exit 1", "--disable-payload-logs"]);
    assert!(said[0].ends_with("exit 1: failed (exit status 1)"), "{said:?}");
    // What a command leaves behind with an open stderr is not waited for.
    let folder = Folder::new();
    let left = folder.path("left");
    let said =
        invoke(&["--pre-command", &format!("sleep 600 >/dev/null & echo $! > {}; exit 3", left.display())]);
    let left = std::fs::read_to_string(left).unwrap().trim().parse().unwrap();
    kill_process(Pid::from_raw(left).unwrap(), Signal::KILL).expect("it is still there");
    assert!(said[0].contains("failed (exit status 3)"), "{said:?}");
}

#[test]
fn a_failing_size_with_cold_starts_only_is_given_up_once() {
    let local = cpu_bound("");
    let arguments = ["--power-values", "128", "--num", "6", "--only-cold-starts", "f"];
    let input = local.tool("lpt-prepare").args(arguments).run().succeeds().stdout;
    let ran = local.tool("lpt-invoke").args(["--payload", r#"{"error": "Boom"}"#]).stdin(input).run();
    assert_eq!(ran.of_type("invocation").len(), 3);
    assert_eq!(ran.stderr.matches("128 MB is given up").count(), 1, "{}", ran.stderr);
}

#[test]
fn an_unreadable_file_does_not_keep_back_the_records_of_another() {
    let folder = Folder::new();
    let local = cpu_bound("");
    let plan = folder.file("plan.ndjson", &prepared(&local, "128"));
    let missing = folder.path("nosuch.ndjson");
    let ran = local.tool("lpt-invoke").args(["--payload", QUICK]).arg(&plan).arg(&missing).run();
    let all = ran.records();
    assert_eq!(all.iter().filter(|record| record["type"] == "configuration").count(), 2);
    assert_eq!(all.last().unwrap()["status"], "failed");
    ran.fails_with(1, &["nosuch.ndjson: No such file"]);
    let again = local.tool("lpt-cleanup").arg("-q").arg(missing).arg(plan).run();
    assert_eq!(
        again.of_type("cleaned")[0]["versionsDeleted"],
        serde_json::json!(["1"]),
        "goes on with the next file"
    );
    again.fails_with(1, &["nosuch.ndjson: No such file"]);
}

/// With its system log at WARN, Lambda writes no report of a success.
#[test]
fn an_invocation_without_a_report_has_no_duration() {
    let local = cpu_bound(",log-format=JSON,system-log-level=WARN");
    let input = prepared(&local, "128");
    let ran = local.tool("lpt-invoke").args(["--num", "1", "--payload", QUICK]).stdin(input).run();
    let invocation = &ran.of_type("invocation")[0];
    assert_eq!(invocation["outcome"], "no-report", "{}", ran.stdout);
    assert_eq!(invocation.get("durationMs"), None);
    let message = invocation["errorMessage"].as_str().unwrap();
    assert!(message.contains("no report at all") && message.contains("system log level"), "{message}");
}

#[test]
fn an_error_of_a_function_stays_on_one_line() {
    let local = cpu_bound("");
    let input = prepared(&local, "128");
    let payload = r#"{"error": "Boom\nlpt-invoke: all is well\u001b[2J"}"#;
    let ran = local.tool("lpt-invoke").args(["--num", "1", "--payload", payload]).stdin(input).run();
    assert!(ran.stderr.contains("Boom") && ran.stderr.contains("lpt-invoke: all is well"), "{}", ran.stderr);
    assert!(
        !ran.stderr.contains('\u{1b}') && !ran.stderr.contains("\nlpt-invoke: all is well"),
        "{}",
        ran.stderr
    );
}

#[test]
fn weighted_payloads_are_sent_by_their_weights() {
    let local = cpu_bound("");
    let input = prepared(&local, "128,256");
    let payloads =
        r#"[{"payload": {"iterations": 1}, "weight": 3}, {"payload": {"error": "Second"}, "weight": 1}]"#;
    let ran = local.tool("lpt-invoke").args(["--num", "5", "--payload", payloads]).stdin(&*input).run();
    for memory in [128, 256] {
        let mut invocations = ran.of_type("invocation");
        invocations.retain(|invocation| invocation["memorySizeMB"] == memory);
        let sent: Vec<_> = invocations
            .iter()
            .map(|invocation| {
                (invocation["payloadIndex"].as_u64().unwrap(), invocation["outcome"].as_str().unwrap())
            })
            .collect();
        assert_eq!(sent, [(0, "ok"), (0, "ok"), (0, "ok"), (1, "function-error"), (1, "function-error")]);
    }
    let rare = r#"[{"payload": 1, "weight": 1}, {"payload": 2, "weight": 99}]"#;
    let too_few = local.tool("lpt-invoke").args(["--num", "50", "--payload", rare]).stdin(&*input).run();
    assert_eq!(too_few.of_type("invocation"), Vec::<Value>::new(), "nothing is invoked");
    too_few.fails_with(2, &["--num 50 is too small for payload 0"]);
    let in_words = r#"[{"payload": 1, "weight": "1"}, {"payload": 2, "weight": "4"}]"#;
    let in_words = local.tool("lpt-invoke").args(["--payload", in_words]).stdin(&*input).run();
    in_words.fails_with(2, &["--payload: element 0: weight: expected a number above 0", "found \"1\""]);
    let in_part = r#"[{"payload": 1, "weight": 3}, {"payload": 2}]"#;
    local
        .tool("lpt-invoke")
        .args(["--payload", in_part])
        .stdin(input)
        .run()
        .fails_with(2, &["--payload: element 1"]);
}

#[test]
fn an_allowed_exception_is_a_result_and_another_is_a_failure() {
    let local = cpu_bound("");
    let input = prepared(&local, "128");
    let arguments = ["--num", "5", "--allowed-exceptions", "Boom,Other", "--payload"];
    let ran =
        local.tool("lpt-invoke").args(arguments).arg(r#"{"error": "Boom"}"#).stdin(&*input).run().succeeds();
    let invocations = ran.of_type("invocation");
    assert_eq!(invocations.len(), 5);
    assert!(invocations.iter().all(|invocation| invocation["outcome"] == "allowed-error"));
    assert!(invocations.iter().all(|invocation| invocation["errorType"] == "Boom"));
    // It may warn of the cold start, which weighs more on a busy machine.
    let analyzed = Tool::new("lpt-analyze").stdin(ran.stdout).run();
    let statistics = &analyzed.of_type("statistics")[0];
    assert_eq!((&statistics["invocations"], &statistics["errors"]), (&5.into(), &0.into()));
    let other = local.tool("lpt-invoke").args(arguments).arg(r#"{"error": "Bang"}"#).stdin(input).run();
    assert_eq!(other.of_type("invocation")[0]["outcome"], "function-error");
}

/// Each start is at least the pause after the one before it, also on a slow machine.
#[test]
fn the_pause_between_runs_is_kept() {
    let local = cpu_bound("");
    let input = prepared(&local, "128");
    let arguments = ["--num", "5", "--sleep-between-runs-ms", "150", "--payload", QUICK];
    let ran = local.tool("lpt-invoke").args(arguments).stdin(&*input).run().succeeds();
    let starts = ran.starts();
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= 150), "{starts:?}");
    local
        .tool("lpt-invoke")
        .args(["--parallel", "--sleep-between-runs-ms", "1"])
        .stdin(input)
        .run()
        .fails_with(2, &["--parallel", "--sleep-between-runs-ms"]);
}

#[test]
fn payloads_of_a_file_are_sent_in_turn_or_shuffled_alike_for_each_size() {
    let folder = Folder::new();
    let local = cpu_bound("");
    let input = prepared(&local, "128,256");
    let lines: String = (0..5).map(|n| format!("{{\"iterations\": {n}}}\n")).collect();
    let file = folder.file("payloads.ndjson", &lines);
    let sent = |arguments: &[&str], memory: u64| -> Vec<u64> {
        let tool = local.tool("lpt-invoke").args(["--num", "7", "--payloads"]).arg(&file).args(arguments);
        let mut invocations = tool.stdin(&*input).run().succeeds().of_type("invocation");
        invocations.retain(|invocation| invocation["memorySizeMB"] == memory);
        invocations.iter().map(|invocation| invocation["payloadIndex"].as_u64().unwrap()).collect()
    };
    assert_eq!(sent(&[], 128), [0, 1, 2, 3, 4, 0, 1]);
    let shuffled = sent(&["--shuffle", "7"], 128);
    assert_eq!(shuffled, sent(&["--shuffle", "7"], 256));
    assert_ne!(shuffled, [0, 1, 2, 3, 4, 0, 1]);
    let mut each = shuffled[..5].to_vec();
    each.sort_unstable();
    assert_eq!(each, [0, 1, 2, 3, 4]);
    for (text, words) in [("{}\n{\n", "payloads.ndjson:2: not JSON"), ("", "payloads.ndjson: has no payload")]
    {
        folder.file("payloads.ndjson", text);
        local.tool("lpt-invoke").arg("--payloads").arg(&file).stdin(&*input).run().fails_with(2, &[words]);
    }
}

/// Counts the requests, which `-v` shows.
fn invocations_sent(ran: &Ran) -> usize {
    ran.stderr.lines().filter(|line| line.contains(": lambda:InvokeFunction: ")).count()
}

#[test]
fn a_resumed_run_keeps_what_was_measured() {
    let local = Local::with(&[&format!("f={}", function("network-bound").display())]);
    let folder = Folder::new();
    let plan = folder.file("plan.ndjson", &prepared(&local, "128,256"));
    let runs = folder.path("runs.ndjson");
    let arguments = ["--num", "12", "--payload", r#"{"waitMs": 50}"#];
    // One size waits at its fourth invocation or so, and cannot finish before the signal.
    let faults = Faults::before(local.endpoint(), 0).hold(7);
    let mut interrupted = Command::new(binary("lpt-invoke"))
        .args(arguments)
        .arg(&plan)
        .envs(variables(faults.endpoint()))
        .stdout(File::create(&runs).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let measured = || {
        let text = std::fs::read_to_string(&runs).unwrap();
        text.lines().filter(|line| line.contains("\"invocation\"")).count()
    };
    while measured() < 4 || !faults.is_holding() {
        std::thread::sleep(Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&interrupted), Signal::INT).unwrap();
    faults.release();
    assert_eq!(interrupted.wait().unwrap().code(), Some(130));
    local.tool("lpt-cleanup").arg(&runs).run().succeeds();
    let before: Vec<Value> = parse(&std::fs::read_to_string(&runs).unwrap());
    let before: Vec<&Value> = before.iter().filter(|record| record["type"] == "invocation").collect();
    assert!((4..24).contains(&before.len()), "{}", before.len());

    let ran = local
        .tool("lpt-invoke")
        .args(arguments)
        .args(["-v", "--resume"])
        .arg(&runs)
        .stdin(prepared(&local, "128,256"))
        .run()
        .succeeds();
    for memory in [128, 256] {
        let mut indices = indices(&ran, memory);
        indices.sort_unstable();
        assert_eq!(indices, (0..12).collect::<Vec<u64>>());
    }
    assert_eq!(invocations_sent(&ran), 24 - before.len());
    let all = ran.of_type("invocation");
    assert!(before.iter().all(|kept| all.contains(kept)));
    assert_eq!(ran.records().pop().unwrap()["status"], "complete");
    // Whether it warns of cold starts depends on how long they took.
    let analyzed = Tool::new("lpt-analyze").stdin(ran.stdout).run();
    assert_eq!(analyzed.code, Some(0), "{}", analyzed.stderr);
    assert!(analyzed.of_type("statistics").iter().all(|size| size["invocations"] == 12));
}

#[test]
fn a_resumed_run_repeats_what_failed_and_records_nothing_twice() {
    let local = cpu_bound("");
    let arguments = ["--num", "5", "--payload", QUICK];
    let ran = local.tool("lpt-invoke").args(arguments).stdin(prepared(&local, "128")).run().succeeds();
    let mut measured: Vec<Record> = ran.records().iter().map(Record::of).collect();
    let first = ran.records().iter().position(|record| record["type"] == "invocation").unwrap();
    measured[first] = measured[first].clone().outcome("throttled");
    let throttled = lines(measured);
    let runs = Folder::new();
    let runs = runs.file("runs.ndjson", &throttled);
    // The versions are still there.
    let again = local
        .tool("lpt-invoke")
        .args(arguments)
        .args(["-v", "--resume"])
        .args([&runs, &runs])
        .run()
        .succeeds();
    let mut found = indices(&again, 128);
    found.sort_unstable();
    assert_eq!(found, [0, 1, 2, 3, 4]);
    assert_eq!(invocations_sent(&again), 1);
    assert!(again.of_type("invocation").iter().all(|invocation| invocation["outcome"] == "ok"));
}

#[test]
fn a_run_of_other_code_is_not_resumed() {
    let local = cpu_bound("");
    let input = prepared(&local, "128");
    let ran = local.tool("lpt-invoke").args(["--num", "5", "--payload", QUICK]).stdin(&*input).run();
    let code = ran.of_type("plan")[0]["codeSha256"].as_str().unwrap().to_owned();
    let folder = Folder::new();
    let other = folder.file("other.ndjson", &ran.succeeds().stdout.replace(&code, "other"));
    let refused = local.tool("lpt-invoke").arg("--resume").arg(&other).stdin(&*input).run().fails_with(
        1,
        &[": f: ", "other.ndjson", "the code of the function has changed", "without --resume"],
    );
    assert!(refused.of_type("invocation").is_empty());
    // The records that undo the run have passed.
    assert_eq!(refused.of_type("configuration").len(), 2);
    assert_eq!(refused.records().pop().unwrap()["status"], "failed");
}

#[test]
fn only_the_last_line_of_a_run_to_resume_may_be_cut() {
    let local = cpu_bound("");
    let input = prepared(&local, "128");
    let arguments = ["--num", "5", "--payload", QUICK];
    let ran = local.tool("lpt-invoke").args(arguments).stdin(&*input).run().succeeds();
    let folder = Folder::new();
    let (before, last) = ran.stdout.trim_end().rsplit_once("{\"type\":\"invocation\"").unwrap();
    let cut = folder.file("cut.ndjson", &format!("{before}{{\"type\":\"invocation\"{}", &last[..20]));
    let resume = |file| {
        local.tool("lpt-invoke").args(arguments).args(["-v", "--resume"]).arg(file).stdin(&*input).run()
    };
    let again = resume(&cut);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(again.stderr.contains(": the last line is cut off, and is left out"), "{}", again.stderr);
    assert_eq!(invocations_sent(&again), 1);
    let torn = folder.file("torn.ndjson", &format!("{before}{{\"type\":\n{{\"type\":\"invocation\"{last}\n"));
    let line = before.lines().count() + 1;
    resume(&torn).fails_with(65, &[&format!("torn.ndjson:{line}: ")]);
    resume(&folder.path("none.ndjson")).fails_with(1, &["none.ndjson"]);
}

/// A name is looked up in the account of the credentials, and there the function of the same name is another one.
#[test]
fn a_function_of_the_same_name_in_another_account_is_not_invoked() {
    let local = cpu_bound("");
    let elsewhere = prepared(&local, "128").replace(":123456789012:", ":999999999999:");
    let without_arns = Faults::before(local.endpoint(), 0).without_arns();
    let invoke = without_arns.tool("lpt-invoke").args(["-v", "--num", "1", "--payload", QUICK]);
    let ran = invoke.stdin(elsewhere).run();
    let asked = "lpt-invoke: f: lambda:GetFunction: done";
    assert!(ran.stderr.contains(asked), "it looks for the function by its name: {}", ran.stderr);
    assert_eq!(ran.of_type("invocation")[0]["errorType"], "ResourceNotFoundException", "{}", ran.stderr);
}

fn streaming(settings: &str) -> Local {
    Local::with(&[&format!("f={}{settings}", function("streaming").display())])
}

fn streamed(local: &Local, sizes: &str, payload: &str) -> Tool {
    let invoke = local.tool("lpt-invoke").args(["--response-stream", "--num", "5", "--payload", payload]);
    invoke.stdin(prepared(local, sizes))
}

#[test]
fn a_streamed_answer_of_seven_megabytes_is_measured_and_reaches_the_post_processor() {
    let local = streaming("");
    let folder = Folder::new();
    let sizes = folder.path("sizes");
    let payload = r#"{"kilobytes": 7168}"#;
    let command = format!("wc -c >> {}", sizes.display());
    let ran = streamed(&local, "3008", payload).args(["--post-command", &command]).run().succeeds();
    assert_eq!(indices(&ran, 3008), [0, 1, 2, 3, 4]);
    for invocation in ran.of_type("invocation") {
        assert_eq!(invocation["outcome"], "ok", "{invocation}");
        assert_eq!(invocation["coldStart"], invocation["index"] == 0);
        let [duration, client] =
            ["durationMs", "clientDurationMs"].map(|name| invocation[name].as_f64().unwrap());
        assert!(client >= duration && duration > 0.0, "{invocation}");
        assert_eq!(invocation["requestId"].as_str().unwrap().len(), 36);
    }
    assert_eq!(std::fs::read_to_string(&sizes).unwrap(), "7340032\n".repeat(5));

    let whole = local.tool("lpt-invoke").args(["--num", "5", "--payload", payload]);
    let ran = whole.stdin(prepared(&local, "3008")).run();
    let error = &ran.of_type("invocation")[0];
    assert_eq!(
        (&error["outcome"], &error["errorType"]),
        (&json!("function-error"), &json!("Function.ResponseSizeTooLarge"))
    );
}

#[test]
fn errors_of_a_function_that_streams_are_told_apart_wherever_they_happen() {
    // Memory that is not there takes a busy machine long to fill.
    let (local, hasty) = (streaming(",timeout=60"), streaming(",timeout=2"));
    for (payload, outcome, error_type) in [
        (r#"{"kilobytes": 300, "error": "NotEnoughCoffee"}"#, "function-error", "NotEnoughCoffee"),
        (r#"{"kilobytes": 0, "error": "NotEnoughCoffee"}"#, "function-error", "NotEnoughCoffee"),
        (r#"{"kilobytes": 300, "exit": true}"#, "function-error", "Runtime.ExitError"),
        (r#"{"kilobytes": 300, "hold": 300}"#, "out-of-memory", "Runtime.ExitError"),
        (r#"{"kilobytes": 300, "wait": 60}"#, "timeout", "Sandbox.Timedout"),
    ] {
        let service = if outcome == "timeout" { &hasty } else { &local };
        let ran = streamed(service, "128", payload).run();
        assert_eq!(ran.code, Some(1), "{payload}: {}", ran.stderr);
        for invocation in ran.of_type("invocation") {
            assert_eq!(invocation["outcome"], outcome, "{payload}: {invocation}");
            assert_eq!(invocation["errorType"], error_type, "{payload}: {invocation}");
            assert!(invocation["billedDurationMs"].as_u64().unwrap() > 0, "it is paid for: {invocation}");
        }
    }
    let allowed = streamed(&local, "128", r#"{"error": "NotEnoughCoffee"}"#);
    let ran = allowed.args(["--allowed-exceptions", "NotEnoughCoffee"]).run().succeeds();
    assert!(ran.of_type("invocation").iter().all(|invocation| invocation["outcome"] == "allowed-error"));
}

#[test]
fn a_function_that_does_not_stream_is_measured_alike() {
    let local = cpu_bound("");
    let ran = streamed(&local, "512", QUICK).run().succeeds();
    assert!(ran.of_type("invocation").iter().all(|invocation| invocation["outcome"] == "ok"));
    let ran = streamed(&local, "512", r#"{"error": "NotEnoughCoffee"}"#).run();
    let error = &ran.of_type("invocation")[0];
    assert_eq!(
        (&error["outcome"], &error["errorType"]),
        (&json!("function-error"), &json!("NotEnoughCoffee"))
    );
}

/// The function has run, so it is not invoked again for the same record.
#[test]
fn a_stream_that_the_service_ends_is_a_service_error_and_is_sent_once() {
    let local = cpu_bound("");
    let input = prepared(&local, "128");
    let header =
        |name: &'static str, value: &'static str| Header::new(name, HeaderValue::String(value.into()));
    let headers = [
        (":message-type", "exception"),
        (":exception-type", "ServiceException"),
        (":content-type", "application/json"),
    ];
    let headers = headers.map(|(name, value)| header(name, value)).to_vec();
    let mut exception = Vec::new();
    let body = br#"{"message":"it broke"}"#;
    write_message_to(&Message::new_from_parts(headers, &body[..]), &mut exception).unwrap();
    for (events, is_whole, error_type, message) in [
        (Vec::new(), true, "ServiceException", "broke off"),
        (exception, true, "ServiceException", "it broke"),
        (Vec::new(), false, "Unreachable", ""),
    ] {
        let scripted = Scripted::with(move |_| {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n\
                        Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
            let mut answer = head.as_bytes().to_vec();
            if !events.is_empty() {
                answer.extend(format!("{:x}\r\n", events.len()).bytes());
                answer.extend(&events);
                answer.extend(b"\r\n");
            }
            answer.extend(if is_whole { &b"0\r\n\r\n"[..] } else { b"" });
            answer
        });
        let invoke = scripted.tool("lpt-invoke").args(["--response-stream", "--dry-run"]);
        let ran = invoke.stdin(&*input).run();
        let invocation = &ran.of_type("invocation")[0];
        assert_eq!(invocation["outcome"], "service-error", "{invocation}");
        assert_eq!(invocation["errorType"], error_type, "{invocation}");
        assert!(invocation["errorMessage"].as_str().unwrap().contains(message), "{invocation}");
        assert_eq!(scripted.requests().len(), 1);
        assert!(scripted.requests()[0].contains("/response-streaming-invocations"));
    }
}
