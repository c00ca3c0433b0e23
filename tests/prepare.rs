//! `lpt-prepare`.

use aws_sdk_lambda::types::Environment;
use serde_json::{Value, json};

use crate::common::records::{arn, end, lines, selection};
use crate::common::{Local, Pipe, Refusing, Tool, function, zipped};

fn cpu_bound() -> String {
    format!("f={},memory=256,description=my own words", function("cpu-bound").display())
}

#[test]
fn each_change_is_announced_before_and_confirmed_after() {
    let local = Local::with(&[&cpu_bound()]);
    let before = local.account();
    let ran =
        local.tool("lpt-prepare").args(["--power-values", "512,128", "--num", "7", "f"]).run().succeeds();
    let records = ran.records();
    let record_types: Vec<_> = records.iter().map(|record| record["type"].as_str().unwrap()).collect();
    let expected = ["plan", "configuration", "configuration", "configuration", "configuration", "end"];
    assert_eq!(record_types, expected);
    // The second size may be begun before the first is ready.
    let configurations = ran.of_type("configuration");
    let in_state = |state: &str| -> Vec<&Value> {
        configurations.iter().filter(|record| record["state"] == state).collect()
    };
    for state in ["creating", "ready"] {
        let memories: Vec<_> = in_state(state).iter().map(|record| &record["memorySizeMB"]).collect();
        assert_eq!(memories, [512, 128], "{state}");
    }
    assert_eq!(configurations[0]["state"], "creating");
    let plan = &records[0];
    assert_eq!(plan["schemaVersion"], 1);
    assert_eq!(plan["functionArn"], "arn:aws:lambda:us-east-1:123456789012:function:f");
    assert_eq!(plan["originalMemorySizeMB"], 256);
    assert_eq!(plan["originalDescription"], "my own words");
    assert_eq!(plan["powerValues"], json!([512, 128]));
    assert_eq!(plan["num"], 7);
    let after = local.account();
    let after = &after.functions["f"];
    assert_eq!(after.latest(), before.functions["f"].latest(), "memory and description are back");
    for (ready, memory) in in_state("ready").into_iter().zip([512, 128]) {
        let (alias, version) = (ready["alias"].as_str().unwrap(), ready["version"].as_str().unwrap());
        assert_eq!(after.aliases[alias].version, version);
        assert_eq!(alias, format!("lpt-{}-{memory}", plan["runId"].as_str().unwrap()));
        assert_eq!(after.versions[version].memory, memory);
    }
}

/// Starts a service in which a new version is pending for much longer than a change of `$LATEST` takes.
fn with_late_versions(more: &[&str]) -> Local {
    let f = cpu_bound();
    let arguments =
        ["--control-plane-rate=0", "--update-delay-ms=5", "--version-delay-ms=1500", "--function", &f];
    Local::start(&[&arguments, more].concat())
}

#[test]
fn lpt_prepare_begins_the_next_sizes_while_a_version_is_pending_and_says_ready_when_it_is_active() {
    let local = with_late_versions(&[]);
    let before = local.account();
    let mut pipe = Pipe::start(vec![local.tool("lpt-prepare").args(["--power-values", "512,128,1024", "f"])]);
    let begun = pipe.read_until("\"ready\"");
    assert_eq!(begun.matches("\"creating\"").count(), 3, "{begun}");
    let alias = begun.lines().last().unwrap().split('"').find(|text| text.starts_with("lpt-")).unwrap();
    let (runtime, client) = local.client();
    let active = runtime.block_on(client.get_function().function_name("f").qualifier(alias).send()).unwrap();
    let active = active.configuration.unwrap();
    assert_eq!((active.state().unwrap().as_str(), active.memory_size()), ("Active", Some(512)));
    let ran = pipe.finish().pop().unwrap().succeeds();
    assert!(ran.stdout.is_empty() || !ran.stdout.contains("\"failed\""), "{}", ran.stdout);
    let after = local.account();
    assert_eq!(after.functions["f"].latest(), before.functions["f"].latest());
    assert_eq!(after.functions["f"].aliases.len(), 3);
}

/// AWS does not say that a pending version refuses changes, nor that it does not.
#[test]
fn a_change_that_is_refused_while_a_version_is_pending_is_made_afterwards() {
    let local = with_late_versions(&["--pending-version-refuses"]);
    let before = local.account();
    let tool = |name: &str| local.tool(name).arg("-v");
    let ran = tool("lpt-prepare").args(["--power-values", "512,128", "f"]).run().succeeds();
    let refused = |action: &str| ran.stderr.contains(&format!("{action}: ResourceConflictException in "));
    assert!(refused("lambda:UpdateFunctionConfiguration"), "{}", ran.stderr);
    assert_eq!(local.account().functions["f"].aliases.len(), 2);
    tool("lpt-cleanup").stdin(ran.stdout).run().succeeds();
    assert_eq!(local.account(), before);
}

#[test]
fn lpt_prepare_never_takes_a_version_of_the_user_for_its_own() {
    let local = Local::with(&[&cpu_bound()]);
    // The last version that was published has the very configuration that is to be measured.
    local.publish("f", "release 1");
    let ran = local.tool("lpt-prepare").args(["--power-values", "256", "f"]).run().succeeds();
    assert_eq!(ran.of_type("configuration").pop().unwrap()["version"], "2");
    local.tool("lpt-cleanup").stdin(ran.stdout).run().succeeds();
    assert_eq!(local.account().functions["f"].version_numbers(), ["$LATEST", "1"]);
}

#[test]
fn only_cold_starts_publishes_a_version_for_each_invocation() {
    let local = Local::with(&[&cpu_bound()]);
    let ran = local
        .tool("lpt-prepare")
        .args(["--power-values", "128,256", "--num", "3", "--only-cold-starts", "f"])
        .run()
        .succeeds();
    let mut ready = ran.of_type("configuration");
    ready.retain(|record| record["state"] == "ready");
    let which: Vec<_> =
        ready.iter().map(|record| (record["memorySizeMB"].as_u64(), record["index"].as_u64())).collect();
    assert_eq!(
        which,
        [(128, 0), (128, 1), (128, 2), (256, 0), (256, 1), (256, 2)]
            .map(|(size, index)| (Some(size), Some(index)))
    );
    let invoked = local
        .tool("lpt-invoke")
        .args(["--payload", r#"{"iterations": 1}"#])
        .stdin(ran.stdout)
        .run()
        .succeeds();
    let invocations = invoked.of_type("invocation");
    assert_eq!(invocations.len(), 6);
    assert!(invocations.iter().all(|invocation| invocation["coldStart"] == true));
    local.tool("lpt-cleanup").stdin(invoked.stdout).run().succeeds();
    assert!(local.account().functions["f"].aliases.is_empty());
}

#[test]
fn a_missing_function_is_reported_and_the_others_are_prepared() {
    let path = function("cpu-bound");
    let local = Local::with(&[&format!("f={}", path.display()), &format!("g={}", path.display())]);
    let ran = local.tool("lpt-prepare").args(["--power-values", "128,256", "f", "nosuch", "g"]).run();
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1);
    assert!(ran.stderr.contains("nosuch: lambda:GetFunction: Function not found"), "{}", ran.stderr);
    assert_eq!(ran.of_type("plan").len(), 2);
    assert_eq!(ran.of_type("configuration").len(), 8);
    let end = ran.records().pop().unwrap();
    assert_eq!((&end["status"], &end["partly"]), (&json!("failed"), &json!(true)));
}

#[test]
fn a_function_named_twice_is_prepared_once() {
    let local = Local::with(&[&cpu_bound()]);
    let ran = local.tool("lpt-prepare").args(["--power-values", "128", "f", "123456789012:function:f"]).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("is named twice"), "{}", ran.stderr);
    assert_eq!(ran.of_type("plan").len(), 1);
}

#[test]
fn each_function_that_cannot_be_prepared_is_reported_once() {
    let ran = Local::with(&[]).tool("lpt-prepare").args(["one", "two"]).run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 2, "{}", ran.stderr);
    assert_eq!(ran.records().pop().unwrap()["status"], "failed");
}

#[test]
fn a_second_run_on_the_same_function_is_refused() {
    let local = Local::with(&[&cpu_bound()]);
    let (runtime, client) = local.client();
    let run = "lpt latest runId=01a20741590276d1a58656c56c1ccb3a memorySizeMB=512 originalMemorySizeMB=256 setAt=2026-11-23T07:20:00.123Z";
    runtime.block_on(async {
        client.update_function_configuration().function_name("f").description(run).send().await.unwrap();
    });
    let before = local.account();
    local
        .tool("lpt-prepare")
        .arg("f")
        .run()
        .fails_with(1, &["is being tuned by the run 01a20741590276d1a58656c56c1ccb3a", "lpt-cleanup"]);
    assert_eq!(local.account(), before);
}

/// Only lpt-prepare can know of what it makes after its reader has left.
#[test]
fn lpt_prepare_removes_its_versions_when_nobody_reads_its_records() {
    let local = Local::with(&[&cpu_bound()]);
    let before = local.account();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ran = local.tool("lpt-prepare").arg("f").run_into(full);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("stdout: No space left on device"), "{}", ran.stderr);
    assert_eq!(local.account(), before);

    let mut pipe = Pipe::start(vec![local.tool("lpt-prepare").args(["--power-values", "128-10240:8", "f"])]);
    let first = pipe.read_lines_and_close(1);
    assert!(first.starts_with("{\"type\":\"plan\""), "{first}");
    let ran = pipe.finish().pop().unwrap();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let is_said = |line: &str| {
        let rest = line.strip_prefix("lpt-prepare: warning: the records can't be written");
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with(" published so far"))
    };
    assert!(ran.stderr.lines().any(is_said), "{}", ran.stderr);
    assert_eq!(local.account(), before);

    // All but the end record was read. The restoration, which comes before it, takes longer than the last version.
    let f = cpu_bound();
    let delays = ["--update-delay-ms=800", "--version-delay-ms=5"];
    let local = Local::start(&[&delays[..], &["--control-plane-rate=0", "--function", &f]].concat());
    let before = local.account();
    let mut pipe = Pipe::start(vec![local.tool("lpt-prepare").args(["--power-values", "512,1024", "f"])]);
    assert_eq!(pipe.read_lines_and_close(5).matches("\"ready\"").count(), 2);
    pipe.finish();
    assert_eq!(local.account(), before);
}

/// While a run works, AWS copies its tag from `$LATEST` to a version that somebody else publishes: it stays theirs.
#[test]
fn a_version_that_others_publish_during_a_run_stays() {
    let local = Local::with(&[&cpu_bound()]);
    let (runtime, client) = local.client();
    let pipe = Pipe::start(vec![local.tool("lpt-prepare").args(["--power-values", "128-10240:8", "f"])]);
    while local.account().functions["f"].aliases.is_empty() {
        std::thread::yield_now();
    }
    let deployed = runtime.block_on(async {
        loop {
            // Until it falls between two changes of the run.
            let code = std::fs::read(function("network-bound")).unwrap();
            let zip = zipped("bootstrap", &code);
            let request = client.update_function_code().function_name("f").publish(true);
            if let Ok(deployed) = request.zip_file(aws_sdk_lambda::primitives::Blob::new(zip)).send().await {
                break deployed.version().unwrap().to_owned();
            }
        }
    });
    let ran = pipe.finish().pop().unwrap();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("somebody else changed the function meanwhile: code"), "{}", ran.stderr);
    local.tool("lpt-cleanup").arg("-q").stdin(ran.stdout).run();
    let account = local.account();
    let versions = account.functions["f"].version_numbers();
    assert_eq!(versions, ["$LATEST", &*deployed], "the run's are gone, the user's is there");
    assert_eq!(account.memory_of("f"), 256);
}

#[test]
fn settings_that_others_change_during_a_run_end_it_and_stay() {
    for (memory, description) in [(Some(777), None), (None, Some("theirs"))] {
        let local = Local::with(&[&cpu_bound()]);
        let before = local.account();
        let (runtime, client) = local.client();
        let pipe = Pipe::start(vec![local.tool("lpt-prepare").args(["--power-values", "128-10240:8", "f"])]);
        while local.account().functions["f"].aliases.is_empty() {
            std::thread::yield_now();
        }
        let theirs = runtime.block_on(async {
            loop {
                let request = client.update_function_configuration().function_name("f").timeout(77);
                let request = request.set_memory_size(memory).set_description(description.map(str::to_owned));
                if let Ok(theirs) = request.send().await {
                    break theirs;
                }
            }
        });
        let ran = pipe.finish().pop().unwrap();
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert!(ran.stderr.contains("somebody else changed"), "{}", ran.stderr);
        assert!(ran.stderr.contains("timeout"), "what they changed is named: {}", ran.stderr);
        assert!(ran.stderr.contains("before the run it had 256 MB"), "{}", ran.stderr);
        local.tool("lpt-cleanup").arg("-q").stdin(ran.stdout).run();
        let mut expected = before;
        let latest = expected.functions.get_mut("f").unwrap().latest_mut();
        latest.memory = theirs.memory_size().unwrap();
        latest.timeout = 77;
        // Where they left the tag, the description under it comes back.
        latest.description = description.unwrap_or("my own words").to_owned();
        assert_eq!(local.account(), expected);
    }
}

#[test]
fn a_size_published_several_times_is_a_new_version_each_time() {
    let local = Local::with(&[&format!("f={},memory=128", function("cpu-bound").display())]);
    let arguments = ["--power-values", "128", "--num", "3", "--only-cold-starts", "f"];
    let ran = local.tool("lpt-prepare").args(arguments).run().succeeds();
    let mut ready = ran.of_type("configuration");
    ready.retain(|record| record["state"] == "ready");
    let versions: Vec<_> = ready.iter().map(|record| record["version"].as_str().unwrap()).collect();
    assert_eq!(versions, ["1", "2", "3"]);
}

#[test]
fn bad_arguments_say_what_to_pass() {
    for (arguments, words) in [
        (vec!["--power-values", "64", "f"], vec!["64", "128 to 10240"]),
        (vec!["--power-values", "128-512", "f"], vec!["128-512:64"]),
        (vec!["f:no alias"], vec!["f:no alias", "is not a function name or ARN"]),
        (vec!["arn:aws:s3:::bucket"], vec!["arn:aws:lambda:REGION:ACCOUNT:function:NAME"]),
        (vec!["--num", "0", "f"], vec!["0"]),
        (vec![], vec!["FUNCTION"]),
    ] {
        Tool::new("lpt-prepare").args(arguments).run().fails_with(2, &words);
    }
}

#[test]
fn an_error_on_the_way_to_aws_comes_with_a_remedy() {
    let local = Local::with(&[&cpu_bound()]);
    local
        .tool("lpt-prepare")
        .arg("nosuch")
        .run()
        .fails_with(1, &["nosuch: lambda:GetFunction: ", "ResourceNotFoundException", "--region"]);
    // A port that nobody listens on any more.
    let endpoint = local.endpoint().to_owned();
    drop(local);
    let unreachable = Tool::new("lpt-prepare").towards(&endpoint).arg("f").run();
    unreachable.fails_with(1, &["f: lambda:GetFunction: ", "refused", "AWS_ENDPOINT_URL"]);
    let local = Local::with(&[&cpu_bound()]);
    local
        .tool("lpt-prepare")
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .arg("f")
        .run()
        .fails_with(1, &["f: lambda:GetFunction: ", "credentials", "AWS_ACCESS_KEY_ID"]);
    local
        .tool("lpt-prepare")
        .env_remove("AWS_REGION")
        .arg("f")
        .run()
        .fails_with(1, &["f: ", "no region is set", "--region"]);
}

#[test]
fn a_denied_action_is_named() {
    let denied = "User: arn:aws:iam::123456789012:user/me is not authorized to perform: lambda:GetFunction on resource: f";
    Refusing::with("403 Forbidden", "AccessDeniedException", denied)
        .tool("lpt-prepare")
        .arg("f")
        .run()
        .fails_with(77, &["f: lambda:GetFunction: User: ", "AccessDeniedException", "IAM"]);
}

/// Returns a service with version 1 of `f`, at which the alias `live` points, and which is as `$LATEST` is.
fn aliased() -> Local {
    let local = Local::with(&[&format!("f={},memory=512", function("cpu-bound").display())]);
    assert_eq!(local.publish("f", "mine"), "1");
    local.create_alias("f", "live", "1");
    local
}

#[test]
fn a_version_or_alias_that_is_as_latest_is_is_measured_and_lpt_apply_moves_the_alias() {
    let local = aliased();
    for named in ["f:live", &format!("{}:live", arn("f"))] {
        let prepared = local.tool("lpt-prepare").args(["--power-values", "1024", named]).run().succeeds();
        assert_eq!(prepared.of_type("plan")[0]["alias"], "live");
        assert_eq!(prepared.of_type("plan")[0]["functionArn"], arn("f"));
        let selected = prepared.stdout + &lines([selection("f").memory(1024), end("lpt-select")]);
        let dry = local.tool("lpt-apply").args(["--dry-run"]).stdin(&*selected).run().succeeds();
        assert!(dry.stderr.contains("f:live, which is at version"), "{}", dry.stderr);
        let applied = local.tool("lpt-apply").stdin(&*selected).run().succeeds();
        let change = applied.of_type("applied").pop().unwrap();
        assert_eq!(
            (&change["alias"], &change["memorySizeMB"]),
            (&"live".into(), &1024.into()),
            "{}",
            applied.stdout
        );
        local.tool("lpt-cleanup").stdin(applied.stdout).run().succeeds();
    }
    assert_eq!(local.state_of("f").latest().memory, 512, "$LATEST stays");
    let elsewhere = local.tool("lpt-prepare").args(["--power-values", "256", "f:live"]).run().succeeds();
    assert!(elsewhere.stderr.contains("has 1024 MB, and $LATEST 512 MB"), "{}", elsewhere.stderr);
    local.tool("lpt-cleanup").stdin(&*elsewhere.stdout).run().succeeds();

    let version = local.tool("lpt-prepare").args(["--power-values", "1024", "f:1"]).run().succeeds();
    assert!(version.of_type("plan")[0].get("alias").is_none(), "{}", version.stdout);
    assert!(
        version.stderr.contains("f:1: the version has the code and settings of $LATEST"),
        "{}",
        version.stderr
    );
    let selected = version.stdout + &lines([selection("f").memory(1024), end("lpt-select")]);
    let flag = local.tool("lpt-apply").args(["--alias", "next"]).stdin(&*selected).run().succeeds();
    assert_eq!(flag.of_type("applied").pop().unwrap()["alias"], "next");
    let applied = local.tool("lpt-apply").stdin(&*selected).run().succeeds();
    assert!(applied.of_type("applied").pop().unwrap().get("alias").is_none());
    assert_eq!(local.state_of("f").latest().memory, 1024);
}

#[test]
fn a_version_or_alias_that_differs_from_latest_is_not_measured_and_the_commands_to_measure_it_are_said() {
    let local = aliased();
    let (runtime, client) = local.client();
    runtime.block_on(async {
        let environment = Environment::builder().variables("A", "secret").build();
        let update = client.update_function_configuration().function_name("f").environment(environment);
        update.send().await.unwrap();
    });
    let said = ["differs from $LATEST", "environment", "get-function-configuration --function-name arn:aws"];
    let prepare = |named: &str| local.tool("lpt-prepare").args(["--power-values", "1024", named]).run();
    let settings = prepare("f:live");
    assert!(
        !settings.stderr.contains("secret") && !settings.stderr.contains("code.zip"),
        "{}",
        settings.stderr
    );
    settings.fails_with(1, &said);
    runtime.block_on(async {
        let zip = zipped("bootstrap", &std::fs::read(function("echo")).unwrap());
        client.update_function_code().function_name("f").zip_file(zip.into()).send().await.unwrap();
    });
    let code = "curl -o code.zip \"$(aws lambda get-function --function-name arn:aws:lambda:us-east-1:123456789012:function:f \
                --qualifier 1 --region us-east-1 --query Code.Location --output text)\" && aws lambda update-function-code";
    let words = ["f:", "code, environment", code, "leave the version or alias out"];
    prepare("f:live").fails_with(1, &words);
    let before = local.state_of("f");
    prepare("f:1").fails_with(1, &words);
    assert_eq!(local.state_of("f"), before, "nothing is changed");
    let unknown = prepare("f:nosuch");
    unknown.fails_with(1, &["ResourceNotFoundException"]);
}
