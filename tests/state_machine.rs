//! The features of AWS Lambda Power Tuning's state machine, by its own execution input and by the equivalent flags.

use serde_json::{Value, json};

use crate::common::records::{arn, end, invocation, lines, parse, selection, statistics};
use crate::common::s3::S3;
use crate::common::{ACCESS_KEY_ID, Folder, Local, Pipe, Ran, Tool, function};

const TOOLS: [&str; 6] =
    ["lpt-prepare", "lpt-invoke", "lpt-analyze", "lpt-select", "lpt-apply", "lpt-cleanup"];
const QUICK: &str = r#"{"iterations": 1}"#;

fn cpu_bound(settings: &str) -> Local {
    Local::with(&[&format!("f={}{settings}", function("cpu-bound").display())])
}

/// Starts a service with a function `f` that returns what its payload says.
fn echo() -> Local {
    Local::with(&[&format!("f={}", function("echo").display())])
}

fn prepared(local: &Local, sizes: &str) -> String {
    local.tool("lpt-prepare").args(["--power-values", sizes, "f"]).run().succeeds().stdout
}

/// Writes an execution input for the function `f`, with these keys besides.
fn execution_input(folder: &Folder, keys: Value) -> std::path::PathBuf {
    let mut input =
        json!({"lambdaARN": "f", "num": 5, "powerValues": [256, 512], "payload": {"iterations": 1}});
    input.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    folder.file("execution-input.json", &input.to_string())
}

/// Runs all six tools, each with nothing but the execution input in its environment.
fn whole_pipe(local: &Local, input: &std::path::Path) -> Vec<Ran> {
    Pipe::start(TOOLS.map(|tool| local.tool(tool).env("LPT_INPUT", input)).into()).finish()
}

#[track_caller]
fn all_succeed(ran: &[Ran]) {
    for tool in ran {
        assert_eq!(tool.code, Some(0), "{}: {}", tool.tool, tool.stderr);
    }
}

fn sizes(records: &[Value]) -> Vec<u64> {
    records.iter().map(|record| record["memorySizeMB"].as_u64().unwrap()).collect()
}

#[test]
fn the_example_of_an_execution_input_runs_the_whole_pipe() {
    let local = Local::with(&[&format!("cpu-bound={},memory=128", function("cpu-bound").display())]);
    let input = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/execution-input.json");
    let ran = whole_pipe(&local, input.as_ref());
    all_succeed(&ran);
    let last = ran.last().unwrap();
    assert_eq!(sizes(&last.of_type("statistics")), Vec::<u64>::new(), "lpt-select has consumed them");
    let plan = &last.of_type("plan");
    assert_eq!(plan.len(), 0, "lpt-cleanup has consumed it");
    let selection = &last.of_type("selection")[0];
    assert_eq!((&selection["strategy"], &selection["balancedWeight"]), (&json!("balanced"), &json!(0.5)));
    let selected = selection["memorySizeMB"].as_i64().unwrap();
    assert!([512, 1024, 1769].contains(&selected), "{selected}");
    let account = local.account();
    assert_eq!(i64::from(account.memory_of("cpu-bound")), selected, "autoOptimize is true");
    assert_eq!(account.functions["cpu-bound"].versions.len(), 1, "and nothing else is left");
}

#[test]
fn each_tool_names_what_is_wrong_with_an_execution_input() {
    let folder = Folder::new();
    for (text, words) in [
        (r#"{"powerValuse": [128]}"#, vec!["unknown key \"powerValuse\"", "did you mean powerValues?"]),
        (r#"{"lambdaArn": "f"}"#, vec!["\"lambdaArn\"", "did you mean lambdaARN?"]),
        (r#"{"num": "ten"}"#, vec!["num: expected a number, found \"ten\""]),
        (r#"{"num": 0}"#, vec!["num: expected a whole number from 1 to 4294967295, found 0"]),
        (r#"{"sleepBetweenRunsMs": 0.5}"#, vec!["sleepBetweenRunsMs: expected a whole number"]),
        (r#"{"dryRun": "yes"}"#, vec!["dryRun: expected true or false"]),
        (r#"{"autoOptimizeAlias": "v1.2"}"#, vec!["autoOptimizeAlias: ", "letters, digits"]),
        (r#"{"preProcessorARN": "a b"}"#, vec!["preProcessorARN: ", "is not a function name"]),
        (r#"{"payloadS3": "bucket/key"}"#, vec!["payloadS3: ", "s3://BUCKET/KEY"]),
        (
            r#"{"strategy": "fast"}"#,
            vec!["strategy: expected one of \"cost\", \"speed\", \"balanced\", found \"fast\""],
        ),
        (r#"{"lambdaARN": "f:live"}"#, vec!["lambdaARN: ", "give the function without it: f"]),
        (r#"{"powerValues": {}}"#, vec!["powerValues: ", "a list of integers or strings, or \"ALL\""]),
        ("[]", vec!["expected a JSON object"]),
        ("{} {}", vec!["trailing characters"]),
        ("{", vec!["EOF"]),
    ] {
        let file = folder.file("input.json", text);
        for tool in &TOOLS[..5] {
            let ran = Tool::new(tool).arg("--input").arg(&file).stdin("").run();
            let mut expected = vec!["input.json: "];
            expected.extend(&words);
            ran.fails_with(2, &expected);
        }
    }
    for (text, words) in [
        (r#"{"lambdaARN": "f", "powerValues": [64]}"#, vec!["powerValues: ", "128 to 10240"]),
        ("{}", vec!["name a FUNCTION", "lambdaARN"]),
    ] {
        let file = folder.file("input.json", text);
        Tool::new("lpt-prepare").arg("--input").arg(&file).run().fails_with(2, &words);
    }
    Tool::new("lpt-analyze")
        .args(["--input", "nosuch.json"])
        .run()
        .fails_with(1, &["nosuch.json: No such file"]);
    let cleanup =
        Tool::new("lpt-cleanup").args(["--input", "nosuch.json"]).stdin(end("lpt-prepare").line()).run();
    assert_eq!(cleanup.code, Some(0), "cleaning up does not hang on it: {}", cleanup.stderr);
}

/// The state machine accepts what JavaScript takes for a number or a truth value. An empty name counts as absent.
#[test]
fn values_that_the_state_machine_accepts_are_accepted() {
    let folder = Folder::new();
    let local = cpu_bound(",memory=333");
    let input = execution_input(
        &folder,
        json!({
            "num": "6", "sleepBetweenRunsMs": "1", "discardTopBottom": "0.4", "disablePayloadLogs": 1,
            "parallelInvocation": 0, "preProcessorARN": "", "postProcessorARN": null, "payloadS3": "",
            "autoOptimize": true, "autoOptimizeAlias": "",
        }),
    );
    let ran = whole_pipe(&local, &input);
    all_succeed(&ran);
    assert_ne!(local.account().memory_of("f"), 333, "applied to $LATEST");
    let prepared = local.tool("lpt-prepare").env("LPT_INPUT", input).run().succeeds();
    assert_eq!(prepared.of_type("plan")[0]["num"], 6);
}

/// lpt-prepare may have ended before a later tool refuses to start: its records must not be lost in the pipe.
#[test]
fn a_tool_that_cannot_start_passes_on_the_records() {
    let local = cpu_bound("");
    let before = local.account();
    let nothing: &[&str] = &[];
    for (wrong, flags, code) in [
        (1, &["--payload-file", "nosuch.json"][..], 1),
        (1, &["--nosuch"], 2),
        (2, &["--prices", "nosuch.csv"], 1),
        (3, &["--strategy", "none"], 2),
        (4, &["--alias", "a b"], 2),
    ] {
        // lpt-prepare has ended: all its records are in the pipe.
        let prepared = local.tool("lpt-prepare").args(["--power-values", "256", "f"]).run().succeeds();
        assert_ne!(local.account(), before);
        let mut text = prepared.stdout;
        for (at, tool) in TOOLS.iter().enumerate().skip(1) {
            let flags = if at == wrong { flags } else { nothing };
            let payload: &[&str] = if at == 1 && wrong != 1 { &["--payload", QUICK] } else { nothing };
            let ran = local.tool(tool).args(flags).args(payload).stdin(text).run();
            if at == wrong {
                assert_eq!(ran.code, Some(code), "{}", ran.stderr);
                assert_eq!(ran.records().pop().unwrap()["status"], "failed");
            }
            text = ran.stdout;
        }
        assert_eq!(local.account(), before, "{} with {flags:?}", TOOLS[wrong]);
    }
}

/// A flag takes precedence over the records, and these over the file: so one flag of the first tool serves the pipe.
#[test]
fn a_flag_takes_precedence_over_the_execution_input_in_every_tool() {
    let folder = Folder::new();
    let local = cpu_bound("");
    let input = execution_input(&folder, json!({"strategy": "cost", "discardTopBottom": 0.4}));
    // Enough work that a size shows.
    let payload = r#"{"iterations": 50000}"#;
    let flags: [&[&str]; 6] = [
        &["--num", "6", "--power-values", "128,1024"],
        &["--payload", payload],
        &["--strategy", "speed"],
        &[],
        &[],
        &[],
    ];
    let tools = TOOLS.iter().zip(flags);
    let ran = Pipe::start(
        tools.map(|(tool, flags)| local.tool(tool).args(flags).env("LPT_INPUT", &input)).collect(),
    )
    .finish();
    all_succeed(&ran);
    let last = ran.last().unwrap();
    assert_eq!(last.of_type("selection")[0]["strategy"], "speed");
    assert_eq!(last.of_type("selection")[0]["memorySizeMB"], 1024);
    let prepare = local.tool("lpt-prepare").args(["--num", "6"]).env("LPT_INPUT", &input).run().succeeds();
    let plan = &prepare.of_type("plan")[0];
    assert_eq!((&plan["num"], &plan["powerValues"]), (&json!(6), &json!([256, 512])));
    let invoke = local.tool("lpt-invoke").env("LPT_INPUT", &input).stdin(prepare.stdout).run().succeeds();
    assert_eq!(invoke.of_type("invocation").len(), 12);
    let analyze = Tool::new("lpt-analyze").env("LPT_INPUT", &input).stdin(&*invoke.stdout).run().succeeds();
    assert_eq!(analyze.of_type("statistics")[0]["discardTopBottom"], 0.4);
    let flag = ["--discard-top-bottom", "0"];
    let analyze = Tool::new("lpt-analyze").args(flag).env("LPT_INPUT", &input).stdin(invoke.stdout).run();
    assert_eq!(analyze.of_type("statistics")[0]["discardTopBottom"], 0.0);
}

#[test]
fn a_function_is_found_by_name_and_arn_in_its_region_partition_and_account() {
    let path = function("cpu-bound").display().to_string();
    let local = Local::with(&[
        &format!("f={path}"),
        &format!("f={path},region=eu-west-1,memory=333"),
        &format!("f={path},account=210987654321,memory=444"),
        &format!("c={path},region=cn-north-1"),
    ]);
    for (named, found) in [
        ("f", &*arn("f")),
        ("123456789012:function:f", &arn("f")),
        ("210987654321:function:f", "arn:aws:lambda:us-east-1:210987654321:function:f"),
        // The region comes from the ARN, though AWS_REGION says another.
        (
            "arn:aws:lambda:eu-west-1:123456789012:function:f",
            "arn:aws:lambda:eu-west-1:123456789012:function:f",
        ),
        (
            "arn:aws:lambda:us-east-1:210987654321:function:f",
            "arn:aws:lambda:us-east-1:210987654321:function:f",
        ),
        (
            "arn:aws-cn:lambda:cn-north-1:123456789012:function:c",
            "arn:aws-cn:lambda:cn-north-1:123456789012:function:c",
        ),
    ] {
        let ran = local.tool("lpt-prepare").args(["--power-values", "256", named]).run().succeeds();
        assert_eq!(ran.of_type("plan")[0]["functionArn"], found, "{named}");
        let ran = local
            .tool("lpt-invoke")
            .args(["--num", "5", "--payload", QUICK])
            .stdin(ran.stdout)
            .run()
            .succeeds();
        assert_eq!(ran.of_type("invocation")[0]["functionArn"], found);
        let ran = local.tool("lpt-cleanup").stdin(ran.stdout).run().succeeds();
        assert_eq!(ran.of_type("cleaned")[0]["versionsDeleted"].as_array().unwrap().len(), 1, "{named}");
    }
    let elsewhere = local.tool("lpt-prepare").args(["--region", "eu-west-1", "f"]).run();
    assert_eq!(elsewhere.of_type("plan")[0]["originalMemorySizeMB"], 333);
    let folder = Folder::new();
    let config = format!(
        "[profile other]\nregion = eu-west-1\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = test\n"
    );
    let config = folder.file("config", &config);
    let mut tool = local.tool("lpt-prepare").args(["--profile", "other", "f"]).env("AWS_CONFIG_FILE", config);
    for variable in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        tool = tool.env_remove(variable);
    }
    let named = tool.run().succeeds();
    assert_eq!(named.of_type("plan")[0]["originalMemorySizeMB"], 333, "the profile's credentials and region");
}

#[test]
fn few_invocations_are_allowed_with_a_warning_about_trimming() {
    let local = cpu_bound("");
    for num in ["1", "4"] {
        let ran = local.tool("lpt-prepare").args(["--power-values", "256", "--num", num, "f"]).run();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("warning") && ran.stderr.contains("the 20 % trim removes nothing"),
            "{}",
            ran.stderr
        );
        let invoked = local.tool("lpt-invoke").args(["--payload", QUICK]).stdin(ran.stdout).run().succeeds();
        assert_eq!(invoked.of_type("invocation").len(), num.parse::<usize>().unwrap());
        let invoked =
            local.tool("lpt-invoke").args(["--num", num, "--payload", QUICK]).stdin(invoked.stdout).run();
        assert!(
            invoked.stderr.contains("warning") && invoked.stderr.contains("the 20 % trim removes nothing"),
            "{}",
            invoked.stderr
        );
    }
    local.tool("lpt-prepare").args(["--power-values", "256", "--num", "5", "f"]).run().succeeds();
}

#[test]
fn power_values_are_integers_or_strings_in_order_without_duplicates() {
    let folder = Folder::new();
    let local = cpu_bound("");
    for (values, expected) in [
        (json!([512, "256", 512, "128"]), json!([512, 256, 128])),
        (json!("1024"), json!([1024])),
        (json!(["512,1024"]), json!([512, 1024])),
        (json!([128.0]), json!([128])),
        (json!([]), json!([128, 256, 512, 1024, 1536, 3008])),
    ] {
        let input = execution_input(&folder, json!({"powerValues": values}));
        let ran = local.tool("lpt-prepare").env("LPT_INPUT", input).run().succeeds();
        assert_eq!(ran.of_type("plan")[0]["powerValues"], expected);
    }
    let input = execution_input(&folder, json!({"powerValues": "ALL"}));
    let ran = local.tool("lpt-prepare").env("LPT_INPUT", input).run().succeeds();
    let all = ran.of_type("plan")[0]["powerValues"].as_array().unwrap().clone();
    assert_eq!((all.len(), &all[0], &all[158]), (159, &json!(128), &json!(10_240)));
}

/// New accounts stop at 3,008 MB.
#[test]
fn a_size_that_the_account_refuses_fails_alone() {
    let arguments = ["--control-plane-rate", "0", "--max-memory", "3008", "--function"];
    let f = format!("f={}", function("cpu-bound").display());
    let local = Local::start(&[&arguments[..], &[&f]].concat());
    let before = local.account();
    let ran = Pipe::start(vec![
        local.tool("lpt-prepare").args(["--power-values", "512,4096,1024", "f"]),
        local.tool("lpt-invoke").args(["--payload", QUICK]),
        local.tool("lpt-analyze"),
        local.tool("lpt-select"),
        local.tool("lpt-cleanup"),
    ])
    .finish();
    let codes: Vec<_> = ran.iter().map(|tool| tool.code).collect();
    assert_eq!(codes, [Some(3); 5]);
    assert!(
        ran[0].stderr.contains("4096 MB is left out") && ran[0].stderr.contains("3008"),
        "{}",
        ran[0].stderr
    );
    assert_eq!(ran[4].of_type("selection").len(), 1, "the others are measured");
    assert_eq!(local.account(), before);
    let prepared = local.tool("lpt-prepare").args(["--power-values", "4096", "f"]).run();
    let failed = prepared.of_type("configuration").pop().unwrap();
    assert_eq!((&failed["state"], &failed["errorType"]), (&json!("failed"), &json!("ValidationException")));
}

/// Returns the payloads that were sent: the function echoes them, and the post-command gets them.
fn sent(local: &Local, arguments: &[&str], input: Option<&std::path::Path>) -> Vec<String> {
    let folder = Folder::new();
    let file = folder.path("sent");
    let command = format!("cat >> {0}; echo >> {0}", file.display());
    let mut tool = local.tool("lpt-invoke").args(["--num", "5", "--post-command", &command]).args(arguments);
    if let Some(input) = input {
        tool = tool.env("LPT_INPUT", input);
    }
    tool.stdin(prepared(local, "1024")).run().succeeds();
    std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn the_payload_of_the_execution_input_is_sent_as_the_state_machine_sends_it() {
    let folder = Folder::new();
    let local = echo();
    for (payload, expected) in [
        (json!({"a": 1}), r#"{"a":1}"#),
        (json!([1, 2]), "[1,2]"),
        (json!([{"payload": 1}]), r#"[{"payload":1}]"#),
        (json!("{\"a\": 1}"), r#"{"a":1}"#),
        (json!("some words"), r#""some words""#),
    ] {
        let input = execution_input(&folder, json!({"payload": payload}));
        assert_eq!(sent(&local, &[], Some(&input)), [expected; 5]);
    }
    let weighted = json!([{"payload": "{\"a\": 1}", "weight": 2}, {"payload": "b", "weight": 3}]);
    let input = execution_input(&folder, json!({"payload": weighted}));
    assert_eq!(sent(&local, &[], Some(&input)), [r#"{"a":1}"#, r#"{"a":1}"#, r#""b""#, r#""b""#, r#""b""#]);
    assert_eq!(sent(&local, &["--payload", "[0]"], Some(&input)), ["[0]"; 5], "the flag takes precedence");
}

#[test]
fn a_payload_comes_from_s3() {
    let folder = Folder::new();
    for bucket in ["bucket", "private"] {
        std::fs::create_dir(folder.path(bucket)).unwrap();
    }
    std::fs::create_dir(folder.path("bucket/some")).unwrap();
    folder.file("bucket/some/payload.json", r#"{"return": {"from": "S3"}}"#);
    folder.file("bucket/weighted.json", r#"[{"payload": 1, "weight": 2}, {"payload": 2, "weight": 3}]"#);
    folder.file("bucket/words", "no JSON");
    folder.file("private/payload.json", "{}");
    // As large as Lambda takes, and a byte more.
    let largest = format!("\"{}\"", "x".repeat(6 * 1024 * 1024 - 2));
    folder.file("bucket/largest.json", &largest);
    folder.file("bucket/larger.json", &largest.replacen('x', "xx", 1));
    let s3 = S3::of(&folder.path("."));
    let local = echo();
    let input = prepared(&local, "1024");
    let sent_from = folder.path("sent");
    let command = format!("cat >> {0}; echo >> {0}", sent_from.display());
    let invoke = |arguments: &[&str]| {
        let tool = s3.serve(local.tool("lpt-invoke")).args(["--num", "5", "--post-command", &command]);
        tool.args(arguments).stdin(&*input).run()
    };
    let sent = |arguments: &[&str]| {
        let _ = std::fs::remove_file(&sent_from);
        invoke(arguments).succeeds();
        let text = std::fs::read_to_string(&sent_from).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(sent(&["--payload-s3", "s3://bucket/some/payload.json"]), [r#"{"from":"S3"}"#; 5]);
    assert_eq!(sent(&["--payload-s3", "s3://bucket/words"]), [r#""no JSON""#; 5]);
    assert_eq!(sent(&["--payload-s3", "s3://bucket/weighted.json"]), ["1", "1", "2", "2", "2"]);
    assert!(sent(&["--payload-s3", "s3://bucket/largest.json"]) == [&*largest; 5], "6 MB arrive");

    let keys = json!({"payloadS3": "s3://bucket/some/payload.json", "payload": {"not": "this"}});
    let file = execution_input(&folder, keys);
    assert_eq!(sent(&["--input", file.to_str().unwrap()]), [r#"{"from":"S3"}"#; 5]);

    // Three different faults, and nothing is invoked.
    let none = |ran: Ran| {
        assert_eq!(ran.of_type("invocation"), Vec::<Value>::new());
        ran
    };
    let denied = invoke(&["--payload-s3", "s3://private/payload.json"]);
    none(denied).fails_with(77, &["s3://private/payload.json: s3:GetObject: ", "AccessDenied", "IAM"]);
    let missing = invoke(&["--payload-s3", "s3://bucket/nosuch.json"]);
    none(missing).fails_with(1, &["s3://bucket/nosuch.json: s3:GetObject: ", "NoSuchKey"]);
    let no_bucket = invoke(&["--payload-s3", "s3://nosuch/payload.json"]);
    none(no_bucket).fails_with(1, &["s3://nosuch/payload.json: s3:GetObject: ", "NoSuch"]);
    let no_url = invoke(&["--payload-s3", "https://bucket/payload.json"]);
    none(no_url).fails_with(2, &["https://bucket/payload.json", "s3://BUCKET/KEY"]);
    let large = invoke(&["--payload-s3", "s3://bucket/larger.json"]);
    none(large).fails_with(2, &["s3://bucket/larger.json", "6291457 bytes", "6291456"]);
}

#[test]
fn the_output_of_a_pre_processor_replaces_the_payload_unless_it_is_empty() {
    let echo = function("echo").display().to_string();
    let local = Local::with(&[&format!("f={echo}"), &format!("pre={echo},region=eu-west-1")]);
    let pre = "arn:aws:lambda:eu-west-1:123456789012:function:pre";
    let with = |payload: &str| sent(&local, &["--pre-processor", pre, "--payload", payload], None);
    assert_eq!(with(r#"{"return": {"made": "before"}}"#), [r#"{"made":"before"}"#; 5]);
    // Without output, the function gets the payload itself, and returns what that says.
    assert_eq!(with(r#"{"return": null}"#), ["null"; 5]);
    let folder = Folder::new();
    let keys = json!({"preProcessorARN": pre, "payload": {"return": [7]}});
    let input = execution_input(&folder, keys);
    assert_eq!(sent(&local, &[], Some(&input)), ["[7]"; 5]);
    let command = "sed s/here/there/";
    assert_eq!(sent(&local, &["--pre-command", command, "--payload", "\"here\""], None), ["\"there\""; 5]);
    assert_eq!(sent(&local, &["--pre-command", "true", "--payload", "\"here\""], None), ["\"here\""; 5]);
}

/// The post-processor gets what the function returned. It, too, does what it is told: it returns something, or fails.
#[test]
fn a_processor_that_fails_stops_its_size_and_is_not_measured() {
    let echo = function("echo").display().to_string();
    let local = Local::with(&[&format!("f={echo}"), &format!("p={echo},region=eu-west-1")]);
    let input = prepared(&local, "512,1024");
    let processor = "arn:aws:lambda:eu-west-1:123456789012:function:p";
    let invoke = |arguments: &[&str]| {
        local.tool("lpt-invoke").args(["--num", "5"]).args(arguments).stdin(&*input).run()
    };

    let before = invoke(&["--pre-processor", processor, "--payload", r#"{"error": "TooEarly"}"#]);
    assert_eq!(before.code, Some(1), "{}", before.stderr);
    assert_eq!(before.of_type("invocation"), Vec::<Value>::new(), "nothing is invoked");
    for size in ["512", "1024"] {
        let said = format!("{size} MB is given up: --pre-processor: {processor}: failed");
        assert!(before.stderr.contains(&said) && before.stderr.contains("TooEarly"), "{}", before.stderr);
    }

    let payload = r#"{"return": {"error": "TooLate"}}"#;
    let after = invoke(&["--post-processor", processor, "--payload", payload]);
    assert_eq!(after.code, Some(3), "{}", after.stderr);
    let invocations = after.of_type("invocation");
    assert_eq!(invocations.len(), 2, "each size's first one is measured, and kept");
    assert!(invocations.iter().all(|invocation| invocation["outcome"] == "ok"));
    assert!(after.stderr.contains("TooLate"), "{}", after.stderr);

    let no_json = invoke(&["--pre-command", "echo no JSON"]);
    assert_eq!(no_json.of_type("invocation"), Vec::<Value>::new(), "nothing is sent");
    assert!(
        no_json.stderr.contains("512 MB is given up: --pre-command: echo no JSON: its output")
            && no_json.stderr.contains("is not JSON: line 1, column 2: "),
        "{}",
        no_json.stderr
    );
    let nosuch = invoke(&["--pre-command", "exec /nosuch/command"]);
    assert!(
        nosuch
            .stderr
            .contains("--pre-command: exec /nosuch/command: failed (exit status 127); it printed last: "),
        "{}",
        nosuch.stderr
    );
    let command = invoke(&["--pre-command", "exit 7"]);
    assert!(command.stderr.contains("exit 7: failed (exit status 7)"), "{}", command.stderr);
    let missing = invoke(&["--post-processor", "nosuch:live"]);
    assert!(missing.stderr.contains("nosuch:live: lambda:InvokeFunction: "), "{}", missing.stderr);

    let folder = Folder::new();
    let file = execution_input(&folder, json!({"postProcessorARN": processor, "payload": {"return": 1}}));
    let whole = invoke(&["--input", file.to_str().unwrap()]).succeeds();
    let names: Vec<_> = whole.of_type("invocation");
    assert_eq!(names.len(), 10, "what is called around them is no invocation");
    assert!(names.iter().all(|record| record["functionArn"].as_str().unwrap().ends_with(":f")));
}

#[test]
fn disable_payload_logs_keeps_payloads_out_of_every_message() {
    let local = echo();
    let input = prepared(&local, "1024");
    let payload = r#"{"return": {"token": "planted-secret"}}"#;
    let failing = r#"{"error": "Denied", "message": "planted-secret is wrong"}"#;
    let shown = |arguments: &[&str]| {
        let tool = local.tool("lpt-invoke").args(["-vv", "--num", "5"]).args(arguments);
        tool.stdin(&*input).run()
    };
    for arguments in [
        vec!["--payload", payload],
        vec!["--payload", failing],
        vec!["--payload", failing, "--pre-processor", "f"],
        vec!["--payload", "{}", "--pre-command", "echo '{\"made\": \"planted-secret\"}'"],
        vec!["--payload", payload, "--post-command", "cat >&2"],
    ] {
        let open = shown(&arguments);
        assert!(open.stderr.contains("planted-secret"), "the test can fail: {}", open.stderr);
        let closed = shown(&[&arguments[..], &["--disable-payload-logs"]].concat());
        assert!(!closed.stderr.contains("planted-secret"), "{}", closed.stderr);
        assert!(!closed.stdout.contains("planted-secret"), "{}", closed.stdout);
        assert!(closed.stderr.contains("lambda:InvokeFunction"), "-vv still shows the calls");
    }
    let failed = shown(&["--payload", failing, "--disable-payload-logs"]);
    assert_eq!(failed.of_type("invocation")[0]["errorType"], "Denied");
    let folder = Folder::new();
    let file = execution_input(
        &folder,
        json!({"disablePayloadLogs": true, "payload": {"return": "planted-secret"}}),
    );
    let closed = shown(&["--input", file.to_str().unwrap()]);
    assert!(!closed.stderr.contains("planted-secret"), "{}", closed.stderr);
}

#[test]
fn a_dry_run_invokes_each_size_once_applies_nothing_and_says_what_is_allowed() {
    let folder = Folder::new();
    let local = cpu_bound(",memory=333");
    let before = local.account();
    let weighted =
        json!([{"payload": {"iterations": 1}, "weight": 1}, {"payload": {"iterations": 2}, "weight": 9}]);
    let keys = json!({"dryRun": true, "num": 50, "autoOptimize": true, "autoOptimizeAlias": "live", "payload": weighted});
    let input = execution_input(&folder, keys);
    let ran = whole_pipe(&local, &input);
    all_succeed(&ran);
    let last = ran.last().unwrap();
    let mut invoked = sizes(&last.of_type("invocation"));
    invoked.sort_unstable();
    assert_eq!(invoked, [256, 512], "once each, and passed on unanalyzed");
    for unwanted in ["statistics", "selection", "applied"] {
        assert_eq!(last.of_type(unwanted), Vec::<Value>::new());
    }
    for (tool, actions) in [
        (
            0,
            "lambda:CreateAlias, lambda:GetFunction, lambda:PublishVersion, lambda:UpdateFunctionConfiguration",
        ),
        (1, "these actions are allowed: lambda:InvokeFunction"),
        (2, "not analyzed"),
        (3, "nothing is selected"),
        (4, "nothing is applied; these actions are allowed: lambda:GetAlias, lambda:GetFunction"),
    ] {
        let said = &ran[tool].stderr;
        assert!(said.contains("dry run: ") && said.contains(actions), "{said}");
    }
    assert_eq!(local.account(), before);

    // With a version for each invocation, too, each size is invoked once.
    let prepared = ["--power-values", "256,512", "--num", "6", "--only-cold-starts", "f"];
    let prepared = local.tool("lpt-prepare").args(prepared).run().succeeds();
    let invoked = local.tool("lpt-invoke").arg("--dry-run").stdin(prepared.stdout).run().succeeds();
    let mut once = sizes(&invoked.of_type("invocation"));
    once.sort_unstable();
    assert_eq!(once, [256, 512]);
    local.tool("lpt-cleanup").stdin(invoked.stdout).run().succeeds();

    // The plan passes the flag of the first tool on to the others.
    let flags: [&[&str]; 6] = [&["--dry-run", "f"], &["--payload", QUICK], &[], &[], &[], &[]];
    let tools = TOOLS.iter().zip(flags);
    let ran = Pipe::start(tools.map(|(tool, flags)| local.tool(tool).args(flags)).collect()).finish();
    all_succeed(&ran);
    assert_eq!(ran[5].of_type("invocation").len(), 6);
    assert_eq!(local.account(), before);
}

#[test]
fn a_dry_run_of_one_tool_says_what_it_would_do() {
    let local = cpu_bound(",memory=333");
    let before = local.account();
    let selected = lines([selection("f").memory(512), end("lpt-select")]);
    let ran = local.tool("lpt-apply").arg("--dry-run").stdin(&*selected).run().succeeds();
    assert!(ran.stderr.contains("f: $LATEST, which has 333 MB, would get 512 MB"), "{}", ran.stderr);
    let made = local.tool("lpt-apply").args(["--dry-run", "--alias", "live"]);
    let made = made.stdin(selected).run().succeeds();
    assert!(
        made.stderr.contains("f:live would be created and point at a new version with 512 MB"),
        "{}",
        made.stderr
    );
    assert_eq!(ran.of_type("applied"), Vec::<Value>::new());
    assert_eq!(local.account(), before);
}

#[test]
fn an_execution_input_applies_nothing_unless_auto_optimize_is_true() {
    let folder = Folder::new();
    for (keys, flags, changed) in [
        (json!({}), vec![], false),
        (json!({"autoOptimize": false, "autoOptimizeAlias": "live"}), vec![], false),
        (json!({"autoOptimize": true}), vec![], true),
        (json!({"autoOptimize": false}), vec!["--auto-optimize"], true),
        (json!({"autoOptimize": true}), vec!["--auto-optimize=false"], false),
    ] {
        let local = cpu_bound(",memory=333");
        let input = execution_input(&folder, keys.clone());
        let mut tools: Vec<Tool> = TOOLS.map(|tool| local.tool(tool).env("LPT_INPUT", &input)).into();
        let apply = tools.remove(4).args(flags);
        tools.insert(4, apply);
        let ran = Pipe::start(tools).finish();
        all_succeed(&ran);
        assert_eq!(local.account().memory_of("f") != 333, changed, "{keys}");
        assert_eq!(ran[4].stderr.contains("nothing is applied"), !changed, "{}", ran[4].stderr);
        assert_eq!(ran[5].of_type("applied").is_empty(), !changed);
        assert!(local.account().functions["f"].aliases.is_empty());
    }
    let local = cpu_bound(",memory=333");
    let input = execution_input(&folder, json!({"autoOptimize": true, "autoOptimizeAlias": "live"}));
    let ran = whole_pipe(&local, &input);
    all_succeed(&ran);
    let selected = ran[5].of_type("selection")[0]["memorySizeMB"].clone();
    let account = local.account();
    assert_eq!(account.memory_of("f"), 333, "the alias is moved, $LATEST stays");
    let live = &account.functions["f"].aliases["live"];
    assert_eq!(selected, account.functions["f"].versions[&live.version].memory);
}

/// Somebody else's call may have warmed a version. Its invocation is recorded as warm, and left out.
#[test]
fn a_warm_start_among_cold_starts_is_reported_and_not_analyzed() {
    let folder = Folder::new();
    let local = cpu_bound("");
    let file = execution_input(&folder, json!({"onlyColdStarts": true, "powerValues": [1024]}));
    let ran = local.tool("lpt-prepare").env("LPT_INPUT", &file).run().succeeds();
    let ready = ran.of_type("configuration");
    let warmed = ready.iter().find(|record| record["state"] == "ready" && record["index"] == 2).unwrap();
    let (runtime, client) = local.client();
    runtime.block_on(async {
        let alias = warmed["alias"].as_str().unwrap();
        let payload = aws_sdk_lambda::primitives::Blob::new(QUICK);
        client.invoke().function_name("f").qualifier(alias).payload(payload).send().await.unwrap();
    });
    let ran = local.tool("lpt-invoke").env("LPT_INPUT", &file).stdin(ran.stdout).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("invocation 2 of 1024 MB was not a cold start"), "{}", ran.stderr);
    let invocations = ran.of_type("invocation");
    let cold: Vec<_> = invocations.iter().map(|invocation| invocation["coldStart"] == true).collect();
    assert_eq!(cold, [true, true, false, true, true]);
    let analyzed = Tool::new("lpt-analyze").stdin(ran.stdout).run().succeeds();
    let statistics = &analyzed.of_type("statistics")[0];
    assert_eq!(
        (&statistics["starts"], &statistics["invocations"], &statistics["discardTopBottom"]),
        (&json!("cold"), &json!(4), &json!(0.0))
    );
    local.tool("lpt-cleanup").stdin(analyzed.stdout).run().succeeds();

    // Versions that are meant for several invocations each are refused: only the first would be a cold start.
    let input = prepared(&local, "1024");
    let refused = local.tool("lpt-invoke").arg("--only-cold-starts").stdin(input).run();
    assert_eq!(refused.of_type("invocation"), Vec::<Value>::new());
    refused.fails_with(2, &["lpt-prepare --only-cold-starts"]);
}

#[test]
fn shares_and_weights_of_the_execution_input_are_clamped_with_a_warning() {
    let folder = Folder::new();
    let records = lines((1..=10).map(|n| invocation("f").duration(n.into())).chain([end("lpt-invoke")]));
    let file = execution_input(
        &folder,
        json!({"discardTopBottom": 0.7, "balancedWeight": -3, "strategy": "balanced"}),
    );
    let ran = Tool::new("lpt-analyze").arg("--input").arg(&file).stdin(records).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let statistics = &ran.of_type("statistics")[0];
    let taken = (&statistics["discardTopBottom"], &statistics["balancedWeight"]);
    assert_eq!(taken, (&json!(0.4), &json!(0.0)));
    assert_eq!(ran.stderr.matches("warning").count(), 2, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("discardTopBottom 0.7 is out of range; using 0.4")
            && ran.stderr.contains("balancedWeight -3 is out of range; using 0")
    );
}

/// Whatever the file says, cold starts are not trimmed.
#[test]
fn only_a_flag_trims_cold_starts() {
    let folder = Folder::new();
    let local = cpu_bound("");
    let keys = json!({"onlyColdStarts": true, "powerValues": [1024], "discardTopBottom": 0.2});
    let file = execution_input(&folder, keys);
    let prepared = local.tool("lpt-prepare").env("LPT_INPUT", &file).run().succeeds();
    let invoked = local.tool("lpt-invoke").env("LPT_INPUT", &file).stdin(prepared.stdout).run().succeeds();
    for (flags, discarded) in [(vec![], 0), (vec!["--discard-top-bottom", "0.2"], 2)] {
        let tool = Tool::new("lpt-analyze").args(flags).env("LPT_INPUT", &file);
        let ran = tool.stdin(&*invoked.stdout).run().succeeds();
        assert_eq!(ran.of_type("statistics")[0]["discarded"], discarded);
    }
}

#[test]
fn the_pause_of_the_execution_input_is_kept_in_series_only() {
    let folder = Folder::new();
    let local = cpu_bound("");
    let keys = json!({"sleepBetweenRunsMs": 150});
    let file = execution_input(&folder, keys);
    let input = prepared(&local, "1024");
    let tool = local.tool("lpt-invoke").args(["--num", "3"]).env("LPT_INPUT", &file);
    let starts = tool.stdin(&*input).run().starts();
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= 150), "{starts:?}");

    // If the pause were kept in parallel, the test would time out.
    let keys = json!({"parallelInvocation": true, "sleepBetweenRunsMs": 3_600_000});
    let file = execution_input(&folder, keys);
    let ran = local.tool("lpt-invoke").env("LPT_INPUT", &file).stdin(&*input).run().succeeds();
    assert_eq!(ran.of_type("invocation").len(), 10, "as many as the plan says");
    let tool = local.tool("lpt-invoke").env("LPT_INPUT", &file);
    tool.args(["--parallel=false", "--sleep-between-runs-ms", "1"]).stdin(&*input).run().succeeds();
    let both =
        local.tool("lpt-invoke").args(["--parallel", "--sleep-between-runs-ms", "1"]).stdin(&*input).run();
    both.fails_with(2, &["--sleep-between-runs-ms", "--parallel"]);
}

#[test]
fn allowed_exceptions_of_the_execution_input_are_results() {
    let folder = Folder::new();
    let local = cpu_bound("");
    let keys = json!({"allowedExceptions": ["Boom"], "payload": {"error": "Boom"}});
    let file = execution_input(&folder, keys);
    let ran =
        local.tool("lpt-invoke").env("LPT_INPUT", &file).stdin(prepared(&local, "1024")).run().succeeds();
    let outcomes = ran.of_type("invocation");
    assert!(outcomes.len() == 10 && outcomes.iter().all(|record| record["outcome"] == "allowed-error"));
}

const STATISTICS: &str = include_str!("data/2-statistics.ndjson");

#[test]
fn the_state_machine_format_has_its_keys_and_the_values_of_the_stream() {
    let folder = Folder::new();
    let select = || Tool::new("lpt-select").args(["--strategy", "speed"]).stdin(STATISTICS);
    let selection = select().run().of_type("selection").pop().unwrap();
    let ran = select().args(["--format", "state-machine"]).run().succeeds();
    let output: Value = serde_json::from_str(&ran.stdout).unwrap();
    let stats: Vec<Value> = parse(STATISTICS)
        .iter()
        .filter(|record| record["type"] == "statistics" && record.get("averageCost").is_some())
        .map(|record| {
            json!({
                "value": record["memorySizeMB"],
                "averagePrice": record["averageCost"],
                "averageDuration": record["averageDurationMs"],
            })
        })
        .collect();
    assert!(stats.len() > 1);
    let mut expected = json!({"results": {
        "power": selection["memorySizeMB"],
        "cost": selection["averageCost"],
        "duration": selection["averageDurationMs"],
        "stateMachine": {
            "executionCost": 0,
            "lambdaCost": selection["lambdaCost"],
            "visualization": selection["visualization"],
        },
        "stats": stats,
    }});
    assert_eq!(output, expected);

    // With the file they are in it only if that says so.
    let with = execution_input(&folder, json!({"includeOutputResults": true}));
    let ran = select().args(["--format", "state-machine"]).env("LPT_INPUT", with).run().succeeds();
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap(), expected);
    let without = execution_input(&folder, json!({}));
    let ran = select().args(["--format", "state-machine"]).env("LPT_INPUT", without).run().succeeds();
    expected["results"].as_object_mut().unwrap().remove("stats");
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap(), expected);
}

/// The last digits of a sum depend on its order, which is that of the strategy.
#[test]
fn the_cost_of_measuring_is_summed_from_the_best_size_to_the_worst() {
    let measured = [(128, 0.1, 300), (256, 0.2, 200), (512, 0.3, 100)].map(|(size, cost, duration)| {
        let costs = statistics("f").memory(size).with("averageCost", cost).with("totalCost", cost);
        costs.with("averageDurationMs", duration)
    });
    let input = lines(measured);
    for (strategy, sum) in [("cost", 0.1 + 0.2 + 0.3), ("speed", 0.3 + 0.2 + 0.1)] {
        let arguments = ["--allow-incomplete", "--strategy", strategy];
        let ran = Tool::new("lpt-select").args(arguments).stdin(&*input).run();
        assert_eq!(ran.of_type("selection")[0]["lambdaCost"].as_f64(), Some(sum), "{strategy}");
    }
    assert_ne!(0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1, "the test can fail");
}

#[test]
fn statistics_and_selections_can_be_a_table_json_or_csv() {
    const INVOCATIONS: &str = include_str!("data/1-invocations.ndjson");
    for (tool, input, record_type) in
        [("lpt-analyze", INVOCATIONS, "statistics"), ("lpt-select", STATISTICS, "selection")]
    {
        let run = |format: &str| Tool::new(tool).args(["-q", "--format", format]).stdin(input).run();
        let records = run("ndjson").of_type(record_type);
        assert!(!records.is_empty());
        let json: Value = serde_json::from_str(&run("json").stdout).unwrap();
        assert_eq!(json, json!(records), "{tool}");

        let text = run("csv").stdout;
        let mut csv = csv::Reader::from_reader(text.as_bytes());
        let columns: Vec<String> = csv.headers().unwrap().iter().map(str::to_owned).collect();
        let rows: Vec<csv::StringRecord> = csv.records().map(|row| row.unwrap()).collect();
        assert_eq!(rows.len(), records.len(), "{tool}");
        for (row, record) in rows.iter().zip(&records) {
            for (name, value) in record.as_object().unwrap().iter().filter(|(name, _)| *name != "type") {
                let cell = &row[columns.iter().position(|column| column == name).unwrap()];
                let expected = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                assert_eq!(cell, expected, "{tool}: {name}");
            }
        }

        let table = run("table");
        assert!(
            table.stdout.contains(" MB ")
                && table.stdout.contains("\n> ")
                && table.stdout.contains("  best\n"),
            "{}",
            table.stdout
        );
        assert_eq!(table.stderr, "");
    }
    Tool::new("lpt-analyze").args(["--format", "state-machine"]).run().fails_with(2, &["state-machine"]);
}
