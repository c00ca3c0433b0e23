//! `lpt-cleanup`.

use serde_json::Value;

use crate::common::{Folder, Local, function};

fn service() -> Local {
    Local::with(&[&format!("f={},memory=256,description=my own words", function("cpu-bound").display())])
}

fn prepared(local: &Local) -> String {
    local.tool("lpt-prepare").args(["--power-values", "128,512", "f"]).run().succeeds().stdout
}

#[test]
fn it_works_from_stdin_from_a_file_and_twice() {
    let local = service();
    let before = local.account();
    let folder = Folder::new();
    let from_stdin = local.tool("lpt-cleanup").stdin(prepared(&local)).run().succeeds();
    assert_eq!(local.account(), before);
    let plan = folder.file("plan.ndjson", &prepared(&local));
    let from_file = local.tool("lpt-cleanup").arg(&plan).run().succeeds();
    assert_eq!(local.account(), before);
    for ran in [from_stdin, from_file] {
        assert_eq!(ran.of_type("cleaned")[0]["versionsDeleted"].as_array().unwrap().len(), 2);
        assert_eq!(ran.of_type("plan"), Vec::<Value>::new(), "consumed");
    }
    let again = local.tool("lpt-cleanup").arg(&plan).run().succeeds();
    assert_eq!(again.of_type("cleaned")[0]["versionsDeleted"], Value::Array(Vec::new()));
    assert_eq!(local.account(), before);
}

#[test]
fn configurations_alone_suffice_to_find_a_runs_versions() {
    let local = service();
    let before = local.account();
    let prepared = prepared(&local);
    let first = prepared.lines().find(|line| line.contains("\"creating\"")).unwrap();
    local.tool("lpt-cleanup").stdin(format!("{first}\n")).run().succeeds();
    assert_eq!(local.account(), before);
}

#[test]
fn another_runs_and_the_users_own_are_left_alone() {
    let local = service();
    let (runtime, client) = local.client();
    runtime.block_on(async {
        client.publish_version().function_name("f").description("lpt is nice").send().await.unwrap();
        client.create_alias().function_name("f").name("lpt-live").function_version("1").send().await.unwrap();
    });
    let other_run = prepared(&local);
    let before = local.account();
    let run = prepared(&local);
    local.tool("lpt-cleanup").stdin(run).run().succeeds();
    assert_eq!(local.account(), before);
    local.tool("lpt-cleanup").stdin(other_run).run().succeeds();
    let account = local.account();
    let versions: Vec<_> = account.functions["f"].versions.iter().map(|version| version.0.as_str()).collect();
    assert_eq!(versions, ["$LATEST", "1"]);
    assert_eq!(account.functions["f"].aliases, [("lpt-live".to_owned(), "1".to_owned())].into());
}

#[test]
fn what_cannot_be_removed_is_said_and_the_rest_goes() {
    let local = service();
    let run = prepared(&local);
    let (runtime, client) = local.client();
    // The user has pointed an alias of their own at one of the run's versions.
    runtime.block_on(async {
        client.create_alias().function_name("f").name("mine").function_version("1").send().await.unwrap();
    });
    let ran = local.tool("lpt-cleanup").arg("--quiet").stdin(run).run();
    let cleaned = &ran.of_type("cleaned")[0];
    assert_eq!(cleaned["versionsDeleted"], serde_json::json!(["2"]));
    assert_eq!(cleaned["left"][0]["errorType"], "ResourceConflictException");
    assert_eq!(ran.records().pop().unwrap()["status"], "failed");
    ran.fails_with(1, &["function:f:1: lambda:DeleteFunction: ", "ResourceConflictException"]);
}

#[test]
fn a_function_that_is_gone_has_nothing_left_to_clean() {
    let local = service();
    let run = prepared(&local);
    let (runtime, client) = local.client();
    runtime.block_on(async { client.delete_function().function_name("f").send().await.unwrap() });
    let ran = local.tool("lpt-cleanup").stdin(run).run().succeeds();
    assert_eq!(ran.of_type("cleaned")[0]["left"], Value::Array(Vec::new()));
}

#[test]
fn a_bad_record_does_not_keep_it_from_cleaning() {
    let local = service();
    let before = local.account();
    let run = format!("not a record\n{}", prepared(&local));
    local.tool("lpt-cleanup").arg("--quiet").stdin(run).run().fails_with(65, &["stdin:1: not a JSON object"]);
    assert_eq!(local.account(), before);
}

#[test]
fn without_records_there_is_nothing_to_do() {
    let ran = service().tool("lpt-cleanup").stdin("").run().succeeds();
    assert_eq!(ran.records().len(), 1);
}
