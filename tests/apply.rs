//! `lpt-apply`.

use crate::common::records::{Record, end, lines, selection};
use crate::common::{Folder, Local, Publishing, function, under_both_readings, zipped};

/// Returns a stream that selects this size for `f`.
fn selected(memory: u32) -> String {
    lines([selection("f").memory(memory), end("lpt-select")])
}

under_both_readings! {
    an_alias_is_made_then_moved_then_left_where_it_is
    a_version_that_the_alias_has_pointed_at_is_never_removed
}

fn service() -> Local {
    service_publishing(Publishing::CodeAndConfiguration)
}

/// Starts the same, with one of the two readings of PublishVersion.
fn service_publishing(publishing: Publishing) -> Local {
    Local::publishing(
        publishing,
        &[&format!("f={},memory=256,description=my own words", function("cpu-bound").display())],
    )
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

fn an_alias_is_made_then_moved_then_left_where_it_is(publishing: Publishing) {
    let local = service_publishing(publishing);
    let run = |memory, said: &str| {
        let ran = local.tool("lpt-apply").args(["--alias", "live"]).stdin(selected(memory)).run().succeeds();
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        ran.of_type("applied").pop().unwrap()
    };
    let at = "--function-name arn:aws:lambda:us-east-1:123456789012:function:f --region us-east-1";
    let undo = |pointer: &str, version: &str| {
        format!(
            "to undo that: aws lambda {pointer} {at} && aws lambda delete-function --qualifier {version} {at}"
        )
    };
    let made = run(512, &undo("delete-alias --name live", "1"));
    assert_eq!((&made["state"], &made["version"]), (&"applied".into(), &"1".into()));
    assert_eq!(made.get("previousVersion"), None);
    let moved = run(1024, &undo("update-alias --name live --function-version 1", "2"));
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
            ": f:live: $LATEST, which would be published, differs from the version",
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
    apply().fails_with(1, &[": f:live: sends part of its traffic to another version"]);
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

/// A version of lpt-apply's becomes the user's when the alias points at it, and stays theirs when the alias moves on.
fn a_version_that_the_alias_has_pointed_at_is_never_removed(publishing: Publishing) {
    let local = service_publishing(publishing);
    let folder = Folder::new();
    let prepared = local.tool("lpt-prepare").args(["--power-values", "512", "f"]).run().succeeds();
    let input = prepared.stdout + &selected(512);
    let applied = local.tool("lpt-apply").args(["--alias", "live"]).stdin(input).run().succeeds();
    let version = applied.of_type("applied").pop().unwrap()["version"].as_str().unwrap().to_owned();
    let records = folder.file("records.ndjson", &applied.stdout);
    let later = local.publish("f", "release 2");
    let (runtime, client) = local.client();
    let moved = client.update_alias().function_name("f").name("live").function_version(&later);
    runtime.block_on(moved.send()).unwrap();
    // Cut off, edited, and as they are.
    let announced =
        applied.stdout.split_inclusive('\n').filter(|line| !line.contains("\"applied\",\"state\""));
    let announced = folder.file("announced.ndjson", &announced.collect::<String>());
    for arguments in [
        vec![announced.to_str().unwrap()],
        vec![records.to_str().unwrap()],
        vec!["--leftovers", "--function", "f", "--yes", "--even-if-recent"],
    ] {
        local.tool("lpt-cleanup").args(arguments).run().succeeds();
        let function = &local.account().functions["f"];
        assert!(function.versions.contains_key(&version));
        assert_eq!(function.pointers(), [("live", &*later)]);
    }
}

/// An alias that AWS does not let point at the version, and a version that it does not let go.
#[test]
fn a_version_that_could_not_be_removed_is_found_by_the_tag_that_latest_keeps() {
    let folder = Folder::new();
    let statement =
        |effect: &str, actions: &str| format!(r#"{{"Effect":"{effect}","Action":{actions},"Resource":"*"}}"#);
    let allow = statement("Allow", r#""lambda:*""#);
    let deny = statement("Deny", r#"["lambda:CreateAlias","lambda:DeleteFunction"]"#);
    let policy = |statements: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    let file = folder.file("policy.json", &policy(&allow));
    let f = format!("f={},memory=256,description=my own words", function("cpu-bound").display());
    let limits = ["--control-plane-rate", "0", "--update-delay-ms", "20", "--function", &f];
    let local = Local::start(&[&limits[..], &["--policy", file.to_str().unwrap()]].concat());
    let before = local.account();

    std::fs::write(&file, policy(&format!("{allow},{deny}"))).unwrap();
    let ran = local.tool("lpt-apply").args(["--alias", "live"]).stdin(selected(512)).run();
    assert_eq!(ran.code, Some(77), "{}", ran.stderr);
    assert!(ran.stderr.contains(": f: a version for the alias live may be left ("), "{}", ran.stderr);
    let left = local.account();
    assert_eq!(left.functions["f"].version_numbers(), ["$LATEST", "1"]);
    assert_eq!(left.memory_of("f"), 256, "the memory is restored at once");

    std::fs::write(&file, policy(&allow)).unwrap();
    let cleaned = local.tool("lpt-cleanup").stdin(ran.stdout).run().cleans_up_after(ran.code);
    assert_eq!(cleaned.of_type("cleaned")[0]["versionsDeleted"], serde_json::json!(["1"]));
    assert_eq!(local.account(), before);
}

#[test]
fn only_what_is_certain_is_applied_on_request() {
    let function = function("cpu-bound");
    let names = ["f", "g", "h"].map(|name| format!("{name}={},memory=256", function.display()));
    let names = names.each_ref().map(String::as_str);
    let local = Local::publishing(Publishing::CodeAndConfiguration, &names);
    let before = local.account();
    let selected = |name, certain: bool| selection(name).memory(512).with("certain", certain);
    let apply = |selections: &[Record]| {
        let input = lines(selections.iter().cloned().chain([end("lpt-select")]));
        local.tool("lpt-apply").arg("--if-certain").stdin(input).run()
    };
    apply(&[selected("f", false)]).fails_with(1, &["f: not applied: the selection of 512 MB is not certain"]);
    apply(&[selection("h").memory(512)])
        .fails_with(1, &["does not say whether it is certain", "the same --strategy"]);
    assert_eq!(local.account(), before);
    let ran = apply(&[selected("f", false), selected("g", true), selection("h").memory(512)]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("not applied").count(), 2, "{}", ran.stderr);
    assert_eq!(local.account(), before.with_memory("g", 512));
}
