//! `lpt-cleanup`.

use rustix::process::Signal;
use serde_json::Value;

use crate::common::faults::Faults;
use crate::common::records::{RUN, Record, applied, configuration, end, lines, parse, plan};
use crate::common::{Account, Folder, Local, Pipe, Publishing, Ran, Tool, function, under_both_readings};

under_both_readings! {
    lpt_cleanup_reads_stdin_or_a_file_and_can_run_twice
    versions_of_another_run_and_of_the_user_are_left_alone
    edited_records_do_not_make_lpt_cleanup_delete_what_is_the_users
    a_plan_that_differs_from_the_tag_on_latest_is_not_believed
    leftovers_of_a_killed_run_are_found_and_undone_without_its_records
    several_old_runs_are_undone_each_with_a_record
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

fn prepared(local: &Local) -> String {
    local.tool("lpt-prepare").args(["--power-values", "128,512", "f"]).run().succeeds().stdout
}

fn lpt_cleanup_reads_stdin_or_a_file_and_can_run_twice(publishing: Publishing) {
    let local = service_publishing(publishing);
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
fn configurations_suffice_to_find_the_versions_of_a_run() {
    let local = service();
    let before = local.account();
    let prepared = prepared(&local);
    let first = prepared.lines().find(|line| line.contains("\"creating\"")).unwrap();
    local.tool("lpt-cleanup").stdin(format!("{first}\n")).run().cleans_up_after(Some(1));
    assert_eq!(local.account(), before);
}

#[test]
fn records_that_are_cut_in_mid_line_suffice_to_clean_up() {
    let local = service();
    let before = local.account();
    let records = prepared(&local);
    let cut = &records[..records.rfind("\"ready\"").unwrap()];
    let ran = local.tool("lpt-cleanup").stdin(cut).run();
    assert!(ran.stderr.contains("the last line is cut off, and is left out"), "{}", ran.stderr);
    assert!(ran.stderr.contains("warning: the input has no end record"), "{}", ran.stderr);
    ran.cleans_up_after(Some(1));
    assert_eq!(local.account(), before);
}

/// Records of another program name their runs as they like. No tag and no alias can have such a name.
#[test]
fn a_run_of_another_program_is_named_and_nothing_of_it_is_removed() {
    let local = service();
    let version = local.publish("f", "lpt version runId=nightly memorySizeMB=256 originalMemorySizeMB=256");
    local.create_alias("f", "lpt-nightly-256", &version);
    let before = local.account();
    let records = [plan("f"), configuration("f").with("alias", "lpt-nightly-256"), configuration("f")];
    let records = lines(records.map(|record| record.with("runId", "nightly")).into_iter().chain([end("x")]));
    let ran = local.tool("lpt-cleanup").stdin(records).run().succeeds();
    assert_eq!(local.account(), before);
    assert_eq!(ran.of_type("cleaned"), Vec::<Value>::new());
    assert_eq!(ran.stderr, "lpt-cleanup: the run nightly is not one of lpt, so nothing of it is removed\n");
}

fn versions_of_another_run_and_of_the_user_are_left_alone(publishing: Publishing) {
    let local = service_publishing(publishing);
    let version = local.publish("f", "lpt is nice");
    local.create_alias("f", "lpt-live", &version);
    let other_run = prepared(&local);
    let before = local.account();
    let run = prepared(&local);
    local.tool("lpt-cleanup").stdin(run).run().succeeds();
    assert_eq!(local.account(), before);
    local.tool("lpt-cleanup").stdin(other_run).run().succeeds();
    let left = &local.account().functions["f"];
    assert_eq!(left.version_numbers(), ["$LATEST", "1"]);
    assert_eq!(left.pointers(), [("lpt-live", "1")]);
}

#[test]
fn a_version_that_cannot_be_removed_is_reported_and_the_others_go() {
    let local = service();
    let run = prepared(&local);
    // The user has pointed an alias of their own at one of the run's versions.
    local.create_alias("f", "mine", "1");
    let ran = local.tool("lpt-cleanup").arg("--quiet").stdin(run).run();
    let cleaned = &ran.of_type("cleaned")[0];
    assert_eq!(cleaned["versionsDeleted"], serde_json::json!(["2"]));
    assert_eq!(cleaned["left"][0]["errorType"], "ResourceConflictException");
    assert_eq!(ran.records().pop().unwrap()["status"], "failed");
    ran.fails_with(1, &[": f:1: lambda:DeleteFunction: ", "ResourceConflictException"]);
}

#[test]
fn a_deleted_function_has_nothing_to_clean() {
    let local = service();
    let run = prepared(&local);
    let (runtime, client) = local.client();
    runtime.block_on(async { client.delete_function().function_name("f").send().await.unwrap() });
    let ran = local.tool("lpt-cleanup").stdin(run).run().succeeds();
    assert_eq!(ran.of_type("cleaned")[0]["left"], Value::Array(Vec::new()));
}

#[test]
fn a_bad_record_does_not_stop_the_cleaning() {
    let local = service();
    let before = local.account();
    let run = format!("not a record\n{}", prepared(&local));
    local.tool("lpt-cleanup").arg("--quiet").stdin(run).run().fails_with(65, &["stdin:1: not a JSON object"]);
    assert_eq!(local.account(), before);
}

/// Returns a record of lpt-apply's that announces a version with this description.
fn announced(description: &str) -> String {
    applied("f").with("alias", "live").with("versionDescription", description).line()
}

fn edited_records_do_not_make_lpt_cleanup_delete_what_is_the_users(publishing: Publishing) {
    let local = service_publishing(publishing);
    let published = format!("128 MB, published by lpt-apply at 2026-11-23T06:00:00.123Z in the run {RUN}");
    let for_alias = format!(
        "256 MB for the alias live, published by lpt-apply at 2026-11-23T06:00:00.123Z in the run {RUN}"
    );
    let descriptions = ["", "release 1", &published, &for_alias];
    for description in descriptions {
        local.publish("f", description);
    }
    let before = local.account();
    assert_eq!(before.functions["f"].versions.len(), 1 + descriptions.len());
    for beside in [plan("f"), configuration("f")] {
        for description in descriptions {
            let records = beside.line() + &announced(description) + &end("lpt-apply").line();
            local.tool("lpt-cleanup").stdin(records).run().succeeds();
            assert_eq!(local.account(), before, "{description:?}");
        }
    }
}

/// Kills a run in the middle, and returns its plan.
fn plan_of_killed_run(local: &Local) -> Value {
    let mut pipe = Pipe::start(vec![local.tool("lpt-prepare").args(["--power-values", "300-10240:4", "f"])]);
    let records = pipe.read_until("\"ready\"");
    while local.account().memory_of("f") == 256 {
        std::thread::yield_now();
    }
    pipe.signal_all(Signal::KILL);
    pipe.finish();
    parse(&records).remove(0)
}

fn a_plan_that_differs_from_the_tag_on_latest_is_not_believed(publishing: Publishing) {
    let local = service_publishing(publishing);
    let before = local.account();
    let original = Record::of(&plan_of_killed_run(&local));
    let memory = original.clone().with("originalMemorySizeMB", 10_240);
    let words = original.clone().with("originalDescription", "forged");
    let none = original.clone().without("originalDescription");
    let killed = local.account();
    assert_ne!(killed.memory_of("f"), 256, "it was in the middle");
    for (edited, said) in [
        (&memory, "the plan record 10240 MB and the description \"my own words\""),
        (&words, "the plan record 256 MB and the description \"forged\""),
        (&none, "the plan record 256 MB and the description \"\""),
    ] {
        let ran = local.tool("lpt-cleanup").stdin(edited.line() + &end("lpt-prepare").line()).run();
        assert_eq!(local.account(), killed);
        let cleaned = &ran.of_type("cleaned")[0];
        assert_eq!(cleaned["left"][0]["errorType"], "RecordsDisagree");
        let tag = "the tag says 256 MB and the description \"my own words\"";
        ran.fails_with(1, &[tag, said, "--leftovers", "--trust-records"]);
    }
    // A run whose records are good is undone beside it.
    let other =
        local.tool("lpt-cleanup").stdin(words.line() + &plan("f").line() + &end("lpt-prepare").line()).run();
    assert_eq!(other.code, Some(3), "{}", other.stderr);
    assert_eq!(local.account(), killed);

    local
        .tool("lpt-cleanup")
        .arg("--trust-records")
        .stdin(words.line() + &end("lpt-prepare").line())
        .run()
        .succeeds();
    let mut expected = before.clone();
    expected.functions.get_mut("f").unwrap().latest_mut().description = "forged".to_owned();
    assert_eq!(local.account(), expected);
}

#[test]
fn versions_that_are_gone_were_cleaned_up_already() {
    let local = service();
    let records = local.tool("lpt-prepare").args(["--power-values", "512", "f"]).run().succeeds().stdout;
    let clean_up = |records: &str| local.tool("lpt-cleanup").stdin(records).run().succeeds().stderr;
    let said = clean_up(&records);
    assert!(said.contains("f: removed 1 version and 1 alias of the run "), "{said}");
    let said = clean_up(&records);
    assert!(
        said.contains("f: the versions of the run ") && said.contains(" were cleaned up already"),
        "{said}"
    );
    let said = clean_up(&(plan("f").line() + &end("lpt-prepare").line()));
    assert!(said.contains(&format!("f: nothing of the run {RUN} is there to clean up")), "{said}");
}

#[test]
fn empty_input_leaves_nothing_to_do() {
    let local = service();
    // In a pipe, the tool before was killed or does not exist. The shell shows only the status of the last one.
    let piped = local.tool("lpt-cleanup").stdin("").run();
    assert!(piped.stderr.contains("warning: the input has no end record"), "{}", piped.stderr);
    assert_eq!((piped.code, piped.records().len()), (Some(1), 1));
    let folder = Folder::new();
    let from_file = local.tool("lpt-cleanup").arg(folder.file("empty.ndjson", "")).run().succeeds();
    assert_eq!(from_file.records().len(), 1);
}

/// A run of June 2024, which no longer works, and one a millisecond later.
const OLD_RUNS: [&str; 2] = ["01900000000070008000000000000000", "01900000000170008000000000000000"];

fn leftovers(local: &Local, arguments: &[&str]) -> Ran {
    local.tool("lpt-cleanup").args(["--leftovers", "--function", "f"]).args(arguments).run()
}

/// Gives the function versions and aliases of its user's that look like those of a run.
fn users_look_alikes(local: &Local) {
    let [run, _] = OLD_RUNS;
    let tag = |on: &str, memory: u32| {
        format!("lpt {on} runId={run} memorySizeMB={memory} originalMemorySizeMB=256")
    };
    // One with some words on lpt; one that AWS gave the tag of $LATEST; one whose memory is not the tag's.
    for (description, alias) in [
        ("lpt is nice", "lpt-live"),
        (&*tag("latest", 256), &*format!("lpt-{run}-256")),
        (&*tag("version", 512), "mine"),
    ] {
        let version = local.publish("f", description);
        local.create_alias("f", alias, &version);
    }
}

/// Each differs from the tag of a run in what a user may have typed or left out.
#[test]
fn a_description_that_is_nearly_a_tag_is_the_users() {
    let local = service();
    let records = prepared(&local);
    local.tool("lpt-cleanup").stdin(&*records).run().succeeds();
    let plan: Value = serde_json::from_str(records.lines().next().unwrap()).unwrap();
    let tag = format!(
        "lpt latest runId={} memorySizeMB=512 originalMemorySizeMB=1024",
        plan["runId"].as_str().unwrap()
    );
    let set_at = "setAt=2024-06-10T03:00:00.000Z";
    for description in [
        tag.clone(),
        format!("{tag} note=mine"),
        format!("{tag} {set_at} note=mine"),
        format!("{tag}  {set_at}"),
        format!("{tag} {set_at} index=1"),
    ] {
        let (runtime, client) = local.client();
        let update = client.update_function_configuration().function_name("f").memory_size(512);
        runtime.block_on(update.description(&description).send()).unwrap();
        let before = local.state_of("f");
        local.tool("lpt-cleanup").stdin(&*records).run().succeeds();
        leftovers(&local, &["--yes", "--even-if-recent"]).succeeds();
        assert_eq!(local.state_of("f"), before, "{description}");
    }
}

/// Kills lpt-prepare in the middle of its work. Nobody reads its records.
fn kill_prepare(local: &Local) {
    let pipe = Pipe::start(vec![local.tool("lpt-prepare").args(["--power-values", "300-10240:4", "f"])]);
    let aliases = |account: &Account| account.functions["f"].aliases.len();
    let before = aliases(&local.account());
    while aliases(&local.account()) < before + 2 {
        std::thread::yield_now();
    }
    pipe.signal_all(Signal::KILL);
    pipe.finish();
    assert_ne!(local.account().memory_of("f"), 256, "it was in the middle");
}

fn leftovers_of_a_killed_run_are_found_and_undone_without_its_records(publishing: Publishing) {
    let local = service_publishing(publishing);
    users_look_alikes(&local);
    let before = local.account();
    kill_prepare(&local);
    let killed = local.account();

    let shown = leftovers(&local, &[]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert_eq!(local.account(), killed, "only shown");
    assert_eq!(shown.records(), [end("lpt-cleanup").value()]);
    let new = killed.functions["f"].versions_since(&before.functions["f"]);
    assert!(new.len() >= 3, "two versions and $LATEST: {new:?}");
    let users = &before.functions["f"].aliases;
    let pointers = killed.functions["f"].pointers();
    for (alias, version) in pointers.into_iter().filter(|(alias, _)| !users.contains_key(*alias)) {
        let row = shown.stderr.lines().find(|line| line.contains(alias)).unwrap();
        assert_eq!(row.split_whitespace().next(), Some(version), "{row}");
    }
    for words in ["before it had 256 MB and the description \"my own words\"", "--yes", "--even-if-recent"] {
        assert!(shown.stderr.contains(words), "no {words}: {}", shown.stderr);
    }
    for theirs in ["lpt-live", "mine", OLD_RUNS[0]] {
        assert!(!shown.stderr.contains(theirs), "{theirs}: {}", shown.stderr);
    }

    let done = leftovers(&local, &["--yes", "--even-if-recent"]).succeeds();
    assert_eq!(local.account(), before);
    let cleaned = done.of_type("cleaned");
    assert_eq!(cleaned.len(), 1);
    assert_eq!(cleaned[0]["memoryRestored"], true);
    assert_eq!(cleaned[0]["versionsDeleted"].as_array().unwrap().len(), new.len() - 1);
    assert_eq!(done.records().pop().unwrap()["status"], "complete");
    let again = leftovers(&local, &["--yes"]).succeeds();
    assert!(again.stderr.contains("f: no run has left anything"), "{}", again.stderr);
    assert_eq!(again.records().len(), 1);
}

#[test]
fn leftovers_of_a_recent_run_are_left_alone() {
    let local = service();
    let records = prepared(&local);
    let before = local.account();
    let tool = local.tool("lpt-cleanup").args(["--leftovers", "--function", "f", "--yes", "--quiet"]);
    let refused = tool.stdin(records).run();
    let [end] = &refused.records()[..] else { panic!("records on stdin are read: {}", refused.stdout) };
    assert_eq!((&end["type"], &end["status"]), (&"end".into(), &"failed".into()));
    refused.fails_with(1, &[": f: the run ", "was at work less than an hour ago", "--even-if-recent"]);
    assert_eq!(local.account(), before);
}

/// Gives `f` a version and an alias of each old run, and `$LATEST` the tag of the second with this end.
fn old_runs(local: &Local, end: &str) {
    let (runtime, client) = local.client();
    runtime.block_on(async {
        for (run, memory) in OLD_RUNS.into_iter().zip([512, 1024]) {
            let tag = |on: &str, end: &str| {
                format!("lpt {on} runId={run} memorySizeMB={memory} originalMemorySizeMB=256{end}")
            };
            let update = client.update_function_configuration().function_name("f").memory_size(memory);
            update.description(tag("latest", end)).send().await.unwrap();
            let published = loop {
                // Until the update is through.
                let publish = client.publish_version().function_name("f").description(tag("version", ""));
                if let Ok(published) = publish.send().await {
                    break published;
                }
            };
            let alias = client.create_alias().function_name("f").name(format!("lpt-{run}-{memory}"));
            alias
                .description(tag("version", ""))
                .function_version(published.version().unwrap())
                .send()
                .await
                .unwrap();
        }
    });
}

fn several_old_runs_are_undone_each_with_a_record(publishing: Publishing) {
    let local = service_publishing(publishing);
    users_look_alikes(&local);
    let before = local.account();
    old_runs(&local, " setAt=2024-06-10T03:00:00.000Z originalDescription=\"my own words\"");
    let shown = leftovers(&local, &[]).succeeds();
    assert!(shown.stderr.contains("of 2024-06-10T02:35:18.400Z"), "{}", shown.stderr);
    let cleaned = leftovers(&local, &["--yes", "--function", "function:f"]).succeeds().of_type("cleaned");
    assert_eq!(local.account(), before, "the alias that looks like the old run's too");
    let runs: Vec<_> = cleaned.iter().map(|record| record["runId"].as_str().unwrap()).collect();
    assert_eq!(runs, OLD_RUNS);
    let restored: Vec<_> = cleaned.iter().map(|record| &record["memoryRestored"]).collect();
    assert_eq!(restored, [false, true], "$LATEST carried the tag of the second");
}

#[test]
fn an_old_run_that_changed_latest_recently_is_left_alone() {
    let local = service();
    old_runs(&local, &format!(" setAt={}", lpt::units::Timestamp::now()));
    let ran = leftovers(&local, &["--yes"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("{} was at work less than", OLD_RUNS[1])), "{}", ran.stderr);
    assert_eq!(ran.of_type("cleaned")[0]["runId"], OLD_RUNS[0], "the rest goes");
    assert_eq!(ran.of_type("cleaned").len(), 1);
}

#[test]
fn a_description_too_long_for_the_tag_is_lost_without_the_plan_and_a_warning_says_so() {
    let words = "many words ".repeat(20);
    let local =
        Local::with(&[&format!("f={},memory=256,description={words}", function("cpu-bound").display())]);
    let before = local.account();
    kill_prepare(&local);
    let shown = leftovers(&local, &[]);
    assert!(shown.stderr.contains("too long to be kept in the tag"), "{}", shown.stderr);
    leftovers(&local, &["--yes", "--even-if-recent", "--quiet"]).succeeds();
    let mut expected = before;
    expected.functions.get_mut("f").unwrap().latest_mut().description = String::new();
    assert_eq!(local.account(), expected);
}

#[test]
fn the_flags_of_leftovers_are_refused_beside_a_file() {
    let folder = Folder::new();
    let records = folder.file("runs.ndjson", &(plan("f").line() + &end("lpt-prepare").line()));
    for flags in [&["--function", "g"][..], &["--yes"], &["--even-if-recent"]] {
        Tool::new("lpt-cleanup").args(flags).arg(&records).run().fails_with(2, &[flags[0]]);
    }
}

#[test]
fn leftovers_are_removed_from_each_named_function() {
    let code = function("cpu-bound");
    let [f, g] = ["f", "g"].map(|name| format!("{name}={},memory=256", code.display()));
    let local = Local::with(&[&f, &g]);
    let before = local.account();
    local.tool("lpt-prepare").args(["--power-values", "512", "f", "g"]).run().succeeds();
    let arguments = ["--function", "nosuch", "--function", "g", "--yes", "--even-if-recent"];
    let ran = leftovers(&local, &arguments);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("nosuch: lambda:GetFunction: "), "{}", ran.stderr);
    assert_eq!(ran.of_type("cleaned").len(), 2);
    assert_eq!(local.account(), before);
    // As with lpt-prepare, the execution input can name it.
    let folder = Folder::new();
    let input =
        folder.file("input.json", r#"{"lambdaARN": "arn:aws:lambda:us-east-1:123456789012:function:g"}"#);
    let ran = local.tool("lpt-cleanup").args(["--leftovers", "--input"]).arg(input).run().succeeds();
    assert!(ran.stderr.contains("function:g: no run has left anything"), "{}", ran.stderr);
}

#[test]
fn arguments_about_leftovers_need_each_other() {
    for (arguments, words) in [
        (vec!["--leftovers"], vec!["name a --function"]),
        (vec!["--function", "f"], vec!["--leftovers"]),
        (vec!["--yes"], vec!["--leftovers"]),
        (vec!["--leftovers", "--function", "f:live"], vec!["version or alias \"live\""]),
        (vec!["--leftovers", "--function", "f", "runs.ndjson"], vec!["--leftovers", "FILE"]),
    ] {
        Tool::new("lpt-cleanup").args(arguments).run().fails_with(2, &words);
    }
}

#[test]
fn a_service_that_reads_no_arns_is_called_by_name() {
    let local = service();
    let before = local.state_of("f");
    let without_arns = Faults::before(local.endpoint(), 0).without_arns();
    let prepared = without_arns.tool("lpt-prepare").args(["--power-values", "128,512", "f"]).run().succeeds();
    let invoke = without_arns.tool("lpt-invoke").args(["--num", "5", "--payload", r#"{"iterations": 1}"#]);
    let invoked = invoke.stdin(prepared.stdout).run().succeeds();
    assert!(invoked.of_type("invocation").iter().all(|invocation| invocation["outcome"] == "ok"));
    without_arns.tool("lpt-cleanup").stdin(invoked.stdout).run().succeeds();
    assert_eq!(local.state_of("f"), before);
}
