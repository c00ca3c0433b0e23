//! `lpt-apply`.

use crate::common::records::{RUN, applied, end, lines, parse, selection};
use crate::common::{Local, function, zipped};

/// Returns a stream that selects this size for `f`.
fn selected(memory: u32) -> String {
    lines([selection("f").memory(memory), end("lpt-select")])
}

fn service() -> Local {
    Local::with(&[&format!("f={},memory=256,description=my own words", function("cpu-bound").display())])
}

#[test]
fn latest_gets_the_memory_and_keeps_its_description() {
    let local = service();
    let before = local.account();
    let ran = local.tool("lpt-apply").stdin(selected(512)).run().succeeds();
    let states: Vec<_> = ran.of_type("applied").iter().map(|record| record["state"].clone()).collect();
    assert_eq!(states, ["applying", "applied"]);
    assert_eq!(ran.of_type("applied")[0]["previousMemorySizeMB"], 256);
    assert!(ran.stderr.contains("f: $LATEST has 512 MB now, it had 256 MB"), "{}", ran.stderr);
    let undo = "to undo that: aws lambda update-function-configuration --memory-size 256 --function-name arn:aws:lambda:us-east-1:123456789012:function:f --region us-east-1";
    assert!(ran.stderr.contains(undo), "{}", ran.stderr);
    let account = local.account();
    assert_eq!(account, before.with_memory("f", 512));
    let again = local.tool("lpt-apply").stdin(selected(512)).run().succeeds();
    assert_eq!(again.of_type("applied")[0]["state"], "unchanged");
    assert_eq!(local.account(), account);
}

#[test]
fn an_alias_is_made_then_moved_then_left_where_it_is() {
    let local = service();
    let run = |memory, said: &str| {
        let ran = local.tool("lpt-apply").args(["--alias", "live"]).stdin(selected(memory)).run().succeeds();
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        ran.of_type("applied").pop().unwrap()
    };
    let made = run(512, "to undo that: aws lambda delete-alias --name live --function-name arn:");
    assert_eq!((&made["state"], &made["version"]), (&"applied".into(), &"1".into()));
    assert_eq!(made.get("previousVersion"), None);
    let moved = run(
        1024,
        "to undo that: aws lambda update-alias --name live --function-version 1 --function-name arn:",
    );
    assert_eq!(
        (&moved["version"], &moved["previousVersion"], &moved["previousMemorySizeMB"]),
        (&"2".into(), &"1".into(), &512.into())
    );
    let left = run(1024, "has 1024 MB already");
    assert_eq!((&left["state"], &left["version"]), (&"unchanged".into(), &"2".into()));
    let account = local.account();
    assert_eq!(account.memory_of("f"), 256, "$LATEST stays as it is");
    assert_eq!(account.functions["f"].latest().description, "my own words");
    assert_eq!(account.functions["f"].pointers(), [("live", "2")]);
}

#[test]
fn an_incomplete_stream_is_not_applied() {
    let local = service();
    let before = local.account();
    local
        .tool("lpt-apply")
        .stdin(selection("f").memory(512))
        .run()
        .fails_with(1, &["no end record", "--allow-incomplete"]);
    let failed = lines([selection("f").memory(512), end("lpt-select").with("status", "failed")]);
    local.tool("lpt-apply").stdin(failed).run().fails_with(1, &["failed"]);
    assert_eq!(local.account(), before);
    let allowed = local.tool("lpt-apply").arg("--allow-incomplete").stdin(selection("f").memory(512)).run();
    assert_eq!(allowed.code, Some(0), "{}", allowed.stderr);
    assert_eq!(local.account().memory_of("f"), 512);
}

/// Returns the plan that lpt-prepare wrote, which says what code was measured.
fn plan_of(local: &Local) -> String {
    let prepared = local.tool("lpt-prepare").args(["--power-values", "512", "f"]).run().succeeds();
    local.tool("lpt-cleanup").arg("-q").stdin(&*prepared.stdout).run().succeeds();
    prepared.stdout.lines().next().unwrap().to_owned() + "\n"
}

fn deploy(local: &Local, publish: bool) {
    let (runtime, client) = local.client();
    let zip = zipped("bootstrap", &std::fs::read(function("network-bound")).unwrap());
    runtime.block_on(async {
        let request = client.update_function_code().function_name("f").publish(publish);
        request.zip_file(aws_sdk_lambda::primitives::Blob::new(zip)).send().await.unwrap();
    });
    while is_pending(&runtime, &client) {
        std::thread::yield_now();
    }
}

fn is_pending(runtime: &tokio::runtime::Runtime, client: &aws_sdk_lambda::Client) -> bool {
    let latest = runtime
        .block_on(async { client.get_function_configuration().function_name("f").send().await.unwrap() });
    latest.last_update_status() == Some(&aws_sdk_lambda::types::LastUpdateStatus::InProgress)
}

#[test]
fn changed_code_is_refused_unless_that_is_allowed() {
    let local = service();
    let input = plan_of(&local) + &selected(512);
    deploy(&local, false);
    let before = local.account();
    for alias in [&[][..], &["--alias", "live"]] {
        local
            .tool("lpt-apply")
            .args(alias)
            .stdin(&*input)
            .run()
            .fails_with(1, &["its code has changed since it was measured", "--allow-changed-code"]);
    }
    assert_eq!(local.account(), before);
    let allowed = local.tool("lpt-apply").arg("--allow-changed-code").stdin(input).run();
    assert_eq!(allowed.code, Some(0), "{}", allowed.stderr);
    assert_eq!(local.account().memory_of("f"), 512);
}

#[test]
fn an_alias_is_not_moved_to_other_code_nor_while_it_splits_its_traffic() {
    let local = service();
    let version = local.publish("f", "release 1");
    local.create_alias("f", "live", &version);
    deploy(&local, true);
    let before = local.account();
    let apply = || local.tool("lpt-apply").args(["--alias", "live"]).stdin(selected(512)).run();
    apply().fails_with(
        1,
        &[
            "function:f:live: $LATEST, which would be published, differs from the version",
            "code",
            "--allow-changed-code",
        ],
    );
    let (runtime, client) = local.client();
    runtime.block_on(async {
        let split =
            aws_sdk_lambda::types::AliasRoutingConfiguration::builder().additional_version_weights("2", 0.1);
        client
            .update_alias()
            .function_name("f")
            .name("live")
            .routing_config(split.build())
            .send()
            .await
            .unwrap();
    });
    apply().fails_with(1, &["function:f:live: sends part of its traffic to another version"]);
    assert_eq!(local.account(), before);
}

#[test]
fn two_selections_for_one_function_are_refused() {
    let local = service();
    let before = local.account();
    local
        .tool("lpt-apply")
        .stdin(lines([selection("f").memory(512), selection("f").memory(1024), end("lpt-select")]))
        .run()
        .fails_with(1, &["more than one selection"]);
    assert_eq!(local.account(), before);
}

#[test]
fn a_function_that_fails_does_not_stop_the_others() {
    let local = service();
    let ran = local
        .tool("lpt-apply")
        .stdin(lines([selection("nosuch"), selection("f").memory(512), end("lpt-select")]))
        .run();
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("nosuch"), "{}", ran.stderr);
    assert_eq!(local.account().memory_of("f"), 512);
}

#[test]
fn a_missing_selection_and_a_bad_record_are_errors() {
    let local = service();
    local.tool("lpt-apply").stdin(end("lpt-select")).run().fails_with(1, &["no selection", "lpt-select"]);
    let bad = lines([selection("f").with("memorySizeMB", "512"), end("lpt-select")]);
    local.tool("lpt-apply").stdin(bad).run().fails_with(65, &["stdin:1: memorySizeMB: expected an integer"]);
    assert_eq!(local.account().memory_of("f"), 256);
}

/// Killed between publishing a version and pointing the alias at it, lpt-apply leaves a version that only its records
/// know.
#[test]
fn lpt_cleanup_removes_the_version_that_a_killed_lpt_apply_left() {
    let local = service();
    let plan = plan_of(&local);
    let run_id = parse(&plan)[0]["runId"].as_str().unwrap().to_owned();
    let before = local.account();
    let description = |run_id: &str| {
        format!("512 MB, published by lpt-apply at 2026-11-23T12:00:00.000Z in the run {run_id}")
    };
    let records = |run_id: &str, state: &str| {
        let announced = applied("f").memory(512).with("alias", "live");
        let announced = announced.with("versionDescription", description(run_id)).with("state", state);
        plan.clone() + &announced.line()
    };
    let clean_up = |records: String| local.tool("lpt-cleanup").stdin(records).run().succeeds();
    let is_there = |version: &str| local.account().functions["f"].versions.contains_key(version);

    let version = local.publish("f", &description(&run_id));
    let cleaned = clean_up(records(&run_id, "applying"));
    assert_eq!(cleaned.of_type("cleaned")[0]["versionsDeleted"], serde_json::json!([version]));
    assert_eq!(local.account(), before);

    // A record that names a version which is not the run's is not obeyed.
    let theirs = local.publish("f", &description(RUN));
    clean_up(records(RUN, "applying"));
    assert!(is_there(&theirs));

    // A version that lpt-apply recorded as applied, or that an alias points at, is the user's.
    let version = local.publish("f", &description(&run_id));
    clean_up(records(&run_id, "applying") + &records(&run_id, "applied"));
    assert!(is_there(&version));
    local.create_alias("f", "live", &version);
    clean_up(records(&run_id, "applying"));
    assert!(is_there(&version));
    assert_eq!(local.account().functions["f"].pointers(), [("live", &*version)]);
}
