//! `lpt-apply`.

use crate::common::{Local, function, zipped};

const END: &str = "{\"type\":\"end\",\"tool\":\"lpt-select\",\"records\":1,\"status\":\"complete\"}\n";

fn selection(name: &str, memory: u32) -> String {
    format!(
        "{{\"type\":\"selection\",\"functionArn\":\"arn:aws:lambda:us-east-1:123456789012:function:{name}\",\"memorySizeMB\":{memory},\"strategy\":\"cost\",\"balancedWeight\":0.5,\"averageCost\":1e-6,\"averageDurationMs\":5,\"currency\":\"USD\",\"lambdaCost\":0.001}}\n"
    )
}

fn service() -> Local {
    Local::with(&[&format!("f={},memory=256,description=my own words", function("cpu-bound").display())])
}

#[test]
fn latest_gets_the_memory_and_keeps_its_description() {
    let local = service();
    let ran = local.tool("lpt-apply").stdin(selection("f", 512) + END).run().succeeds();
    let states: Vec<_> = ran.of_type("applied").iter().map(|record| record["state"].clone()).collect();
    assert_eq!(states, ["applying", "applied"]);
    assert_eq!(ran.of_type("applied")[0]["previousMemorySizeMB"], 256);
    assert!(ran.stderr.contains("f: $LATEST has 512 MB now, it had 256 MB"), "{}", ran.stderr);
    let undo = "to undo that: aws lambda update-function-configuration --memory-size 256 --function-name arn:aws:lambda:us-east-1:123456789012:function:f --region us-east-1";
    assert!(ran.stderr.contains(undo), "{}", ran.stderr);
    let account = local.account();
    assert_eq!(
        account.functions["f"].versions,
        [("$LATEST".to_owned(), 512, "my own words".to_owned())].into()
    );
    let again = local.tool("lpt-apply").stdin(selection("f", 512) + END).run().succeeds();
    assert_eq!(again.of_type("applied")[0]["state"], "unchanged");
    assert_eq!(local.account(), account);
}

#[test]
fn an_alias_is_made_then_moved_then_left_where_it_is() {
    let local = service();
    let run = |memory, said: &str| {
        let ran = local
            .tool("lpt-apply")
            .args(["--alias", "live"])
            .stdin(selection("f", memory) + END)
            .run()
            .succeeds();
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
    assert_eq!(account.functions["f"].aliases, [("live".to_owned(), "2".to_owned())].into());
    assert!(account.functions["f"].versions.contains(&(
        "$LATEST".to_owned(),
        256,
        "my own words".to_owned()
    )));
}

#[test]
fn what_was_cut_off_is_not_acted_on() {
    let local = service();
    let before = local.account();
    local
        .tool("lpt-apply")
        .stdin(selection("f", 512))
        .run()
        .fails_with(1, &["no end record", "--allow-incomplete"]);
    let failed = END.replace("complete", "failed");
    local.tool("lpt-apply").stdin(selection("f", 512) + &failed).run().fails_with(1, &["failed"]);
    assert_eq!(local.account(), before);
    let allowed = local.tool("lpt-apply").arg("--allow-incomplete").stdin(selection("f", 512)).run();
    assert_eq!(allowed.code, Some(0), "{}", allowed.stderr);
    assert_eq!(local.account().memory_of("f"), 512);
}

/// The plan that lpt-prepare wrote, which says what code was measured.
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
    while client_is_pending(&runtime, &client) {
        std::thread::yield_now();
    }
}

fn client_is_pending(runtime: &tokio::runtime::Runtime, client: &aws_sdk_lambda::Client) -> bool {
    let latest = runtime
        .block_on(async { client.get_function_configuration().function_name("f").send().await.unwrap() });
    latest.last_update_status() == Some(&aws_sdk_lambda::types::LastUpdateStatus::InProgress)
}

#[test]
fn code_that_was_not_measured_is_not_sized_unless_that_is_allowed() {
    let local = service();
    let input = plan_of(&local) + &selection("f", 512) + END;
    deploy(&local, false);
    let before = local.account();
    for alias in [&[][..], &["--alias", "live"]] {
        local
            .tool("lpt-apply")
            .args(alias)
            .stdin(&*input)
            .run()
            .fails_with(1, &["its code was changed since it was measured", "--allow-changed-code"]);
    }
    assert_eq!(local.account(), before);
    let allowed = local.tool("lpt-apply").arg("--allow-changed-code").stdin(input).run();
    assert_eq!(allowed.code, Some(0), "{}", allowed.stderr);
    assert_eq!(local.account().memory_of("f"), 512);
}

#[test]
fn an_alias_is_not_moved_to_other_code_nor_while_it_splits_its_traffic() {
    let local = service();
    let (runtime, client) = local.client();
    runtime.block_on(async {
        client.publish_version().function_name("f").send().await.unwrap();
        client.create_alias().function_name("f").name("live").function_version("1").send().await.unwrap();
    });
    deploy(&local, true);
    let before = local.account();
    let apply = || local.tool("lpt-apply").args(["--alias", "live"]).stdin(selection("f", 512) + END).run();
    apply().fails_with(
        1,
        &["function:f:live: $LATEST, which would be published, differs from", "code", "--allow-changed-code"],
    );
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
    apply().fails_with(1, &["function:f:live: sends a part of its traffic to another version"]);
    assert_eq!(local.account(), before);
}

#[test]
fn two_selections_for_one_function_are_not_chosen_between() {
    let local = service();
    let before = local.account();
    local
        .tool("lpt-apply")
        .stdin([selection("f", 512), selection("f", 1024), END.to_owned()].concat())
        .run()
        .fails_with(1, &["more than one selection"]);
    assert_eq!(local.account(), before);
}

#[test]
fn one_function_that_fails_does_not_keep_the_other_from_its_memory() {
    let local = service();
    let ran = local
        .tool("lpt-apply")
        .stdin([selection("nosuch", 512), selection("f", 512), END.to_owned()].concat())
        .run();
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("nosuch"), "{}", ran.stderr);
    assert_eq!(local.account().memory_of("f"), 512);
}

#[test]
fn nothing_to_apply_and_bad_records_are_errors() {
    let local = service();
    local.tool("lpt-apply").stdin(END).run().fails_with(1, &["no selection", "lpt-select"]);
    let bad = selection("f", 512).replace("512", "\"512\"") + END;
    local.tool("lpt-apply").stdin(bad).run().fails_with(65, &["stdin:1: memorySizeMB: expected an integer"]);
    assert_eq!(local.account().memory_of("f"), 256);
}

/// Killed after it published a version and before the alias points at that, it leaves one that only its records know.
#[test]
fn a_version_that_a_killed_lpt_apply_left_is_removed_by_its_records() {
    let local = service();
    let (runtime, client) = local.client();
    let plan = plan_of(&local);
    let run_id = crate::common::records(&plan)[0]["runId"].as_str().unwrap().to_owned();
    let published = format!("512 MB, published by lpt-apply at 2026-11-23T12:00:00.000Z in the run {run_id}");
    local.tool("lpt-cleanup").arg("-q").stdin(&*plan).run().succeeds();
    let before = local.account();
    // What it has done by then, and its records.
    let publish = || {
        runtime.block_on(async {
            let request = client.publish_version().function_name("f").description(&published);
            request.send().await.unwrap().version().unwrap().to_owned()
        })
    };
    let applied = |state: &str| {
        format!(
            "{{\"type\":\"applied\",\"functionArn\":\"arn:aws:lambda:us-east-1:123456789012:function:f\",\"memorySizeMB\":512,\"alias\":\"live\",\"versionDescription\":\"{published}\",\"state\":\"{state}\"}}\n"
        )
    };
    let version = publish();
    let records = plan.clone() + &applied("applying");
    let ran = local.tool("lpt-cleanup").stdin(&*records).run().succeeds();
    assert_eq!(ran.of_type("cleaned")[0]["versionsDeleted"], serde_json::json!([version]));
    assert_eq!(local.account(), before);

    // A record that names a version of the user's is not obeyed.
    let theirs = publish();
    let edited = records.replace(&run_id, "01a20741590276d1a58656c56c1ccb3a");
    let edited = edited.replacen("01a20741590276d1a58656c56c1ccb3a", &run_id, 1);
    local.tool("lpt-cleanup").stdin(edited).run().succeeds();
    assert!(local.account().functions["f"].versions.iter().any(|(number, ..)| *number == theirs));
    local.tool("lpt-cleanup").stdin(&*records).run().succeeds();

    // One that it announced as applied, or that an alias points at, is the user's.
    let version = publish();
    let records_of_applied = plan.clone() + &applied("applying") + &applied("applied");
    local.tool("lpt-cleanup").stdin(records_of_applied).run().succeeds();
    runtime.block_on(async {
        client
            .create_alias()
            .function_name("f")
            .name("live")
            .function_version(&version)
            .send()
            .await
            .unwrap();
    });
    local.tool("lpt-cleanup").stdin(records).run().succeeds();
    let kept = &local.account().functions["f"];
    assert_eq!(kept.aliases, [("live".to_owned(), version.clone())].into());
    assert!(kept.versions.iter().any(|(number, ..)| *number == version));
}
