//! What the tools say of their arguments, and of text that others wrote.

use crate::common::faults::{Fault, Faults};
use crate::common::records::{configuration, end, invocation, lines, selection, statistics};
use crate::common::{Folder, Local, Ran, Refusing, Tool, function};

/// Runs lpt-invoke on a function that fails with this message.
fn invoked_with_error(message: &str) -> Ran {
    let local = Local::with(&[&format!("f={}", function("echo").display())]);
    let input = local.tool("lpt-prepare").args(["--power-values", "128", "f"]).run().succeeds().stdout;
    let payload = serde_json::json!({"error": "NoCoffee", "message": message}).to_string();
    let folder = Folder::new();
    let payload = folder.file("payload.json", &payload);
    local.tool("lpt-invoke").arg("--payload-file").arg(payload).stdin(input).run()
}

#[test]
fn a_message_quotes_at_most_200_characters_of_what_others_wrote() {
    let long = "é".repeat(500_000);
    let argument = &long[..100_000];
    let folder = Folder::new();
    let input = folder.file("input.json", &format!("{{\"strategy\": \"{long}\"}}"));
    let answer = Refusing::with("400 Bad Request", "InvalidParameterValueException", long.clone().leak());
    let analyze = |record: String| Tool::new("lpt-analyze").stdin(record).run();
    let select = |record: String| Tool::new("lpt-select").stdin(record).run();
    let prepare = || Tool::new("lpt-prepare").env("AWS_REGION", "us-east-1");
    for ran in [
        analyze(invocation("f").outcome(&long).line()),
        analyze(invocation("f").with("functionArn", &*long).line()),
        analyze(invocation("f").with("startedAt", &*long).line()),
        select(lines([statistics("f").with("currency", &*long), end("lpt-analyze")])),
        select(lines([statistics("f").with("strategy", &*long), end("lpt-analyze")])),
        answer.tool("lpt-prepare").arg("f").run(),
        answer.tool("lpt-invoke").stdin(lines([configuration("f"), end("lpt-prepare")])).run(),
        prepare().arg(argument).run(),
        prepare().args(["--power-values", argument, "f"]).run(),
        prepare().args(["--num", argument, "f"]).run(),
        prepare().args(["--region", argument, "f"]).run(),
        prepare().arg(format!("--{argument}")).run(),
        prepare().arg("--input").arg(input).run(),
        Tool::new("lpt-local").args(["--function", argument]).run(),
        Tool::new("lpt-local").args(["--cores", argument]).run(),
        invoked_with_error(&long),
    ] {
        assert_ne!(ran.code, Some(0), "{ran:?}");
        let longest = ran.stderr.split(|c| c != 'é').map(|run| run.chars().count()).max();
        // The quotation can have some words of its own before them.
        assert!(longest.is_some_and(|longest| (180..=200).contains(&longest)), "{}", ran.stderr);
        assert!(ran.stderr.contains("é…"), "{}", ran.stderr);
        let is_short = |line: &str| line.chars().count() < 900;
        assert!(ran.stderr.lines().all(is_short), "{}", ran.stderr);
    }
}

#[test]
fn what_others_wrote_cannot_deceive_a_terminal() {
    let hostile = "\u{202e}a\u{2066}b\u{2028}c\u{1b}[2Jd\u{feff}e\u{200b}\u{61c}\nlpt-invoke: all is well";
    let ran = invoked_with_error(hostile);
    let shown = r"\u{202e}a\u{2066}b\u{2028}c\u{1b}[2Jd\u{feff}e\u{200b}\u{61c} lpt-invoke: all is well";
    assert!(ran.stderr.contains(shown), "{}", ran.stderr);
    assert!(ran.stderr.chars().all(|c| c == '\n' || c == ' ' || c.is_ascii_graphic()), "{:?}", ran.stderr);
    assert_eq!(ran.of_type("invocation")[0]["errorMessage"], hostile, "a record keeps it as it is");
}

#[test]
fn a_value_that_a_flag_does_not_take_is_refused_in_plain_words() {
    let whole = |flag: &str, min: u32| -> Vec<(Vec<String>, String)> {
        ["", "-5", "1.5", "many", "5x", "NaN"]
            .map(|value| {
                let words = format!("{flag} \"{value}\": expected a whole number of {min} or more");
                (vec![flag.to_owned(), value.to_owned()], words)
            })
            .into()
    };
    let one = |flag: &str, value: &str, words: &str| {
        vec![(vec![flag.to_owned(), value.to_owned()], words.to_owned())]
    };
    let not_a_size = |value: &str| {
        format!("--power-values: a memory size is a whole number from 128 to 10240 MB, not \"{value}\"")
    };
    let count_max = "expected a whole number from 1 to 4294967295";
    let boolean = |flag: &str| {
        vec![
            (vec![format!("{flag}=maybe")], format!("{flag}: expected true or false, found \"maybe\"")),
            (vec![format!("{flag}=")], format!("{flag}: expected true or false, found nothing")),
        ]
    };
    for (tool, cases) in [
        ("lpt-prepare", whole("--num", 1)),
        ("lpt-prepare", one("--num", "0", "--num \"0\": expected a whole number of 1 or more")),
        ("lpt-prepare", one("--num", "99999999999", &format!("--num \"99999999999\": {count_max}"))),
        (
            "lpt-prepare",
            one(
                "--power-values",
                "",
                "--power-values \"\": expected memory sizes, such as 128,512,1024, or ALL",
            ),
        ),
        ("lpt-prepare", one("--power-values", "-128", &not_a_size("-128"))),
        ("lpt-prepare", one("--power-values", "1.5", &not_a_size("1.5"))),
        (
            "lpt-prepare",
            one(
                "--power-values",
                "128-512",
                "--power-values \"128-512\": the range 128-512 has no step; write 128-512:64, for example",
            ),
        ),
        ("lpt-prepare", boolean("--only-cold-starts")),
        ("lpt-prepare", boolean("--dry-run")),
        ("lpt-prepare", one("--region", "", "--region \"\": expected a region, such as eu-west-1")),
        (
            "lpt-prepare",
            one("--region", "us east", "--region \"us east\": expected a region, such as eu-west-1"),
        ),
        ("lpt-prepare", one("--input", "", "--input needs a value; write --input=FILE")),
        ("lpt-prepare", whole("--control-plane-rate", 0)),
        ("lpt-prepare", one("--nope", "f", "there is no option --nope")),
        (
            "lpt-prepare",
            one(
                "--powervalues",
                "128",
                "there is no option --powervalues; the nearest one is --power-values",
            ),
        ),
        ("lpt-prepare", one("--num=5", "--num=6", "--num can be given only once")),
        ("lpt-prepare", one("-q", "-v", "--quiet and --verbose exclude each other; leave one out")),
        ("lpt-prepare", one("f", "--policy=1", "--policy takes no value, found \"1\"; write --policy alone")),
        ("lpt-invoke", whole("--num", 1)),
        ("lpt-invoke", whole("--concurrency", 1)),
        (
            "lpt-invoke",
            one("--concurrency", "0", "--concurrency \"0\": expected a whole number of 1 or more"),
        ),
        ("lpt-invoke", whole("--sleep-between-runs-ms", 0)),
        ("lpt-invoke", whole("--shuffle", 0)),
        ("lpt-invoke", one("--shuffle", "1", "--payloads FILE.ndjson must be given, too")),
        (
            "lpt-invoke",
            one(
                "--payload-s3",
                "bucket",
                "--payload-s3: \"bucket\" is not the URL of an S3 object; write s3://BUCKET/KEY",
            ),
        ),
        (
            "lpt-invoke",
            one("--pre-processor", "f:0", "--pre-processor: \"f:0\" is not a function name or ARN"),
        ),
        ("lpt-analyze", one("--starts", "hot", "--starts: expected all, warm or cold, found \"hot\"")),
        (
            "lpt-analyze",
            one("--format", "xml", "--format: expected ndjson, json, csv or table, found \"xml\""),
        ),
        (
            "lpt-analyze",
            one("--strategy", "best", "--strategy: expected cost, speed or balanced, found \"best\""),
        ),
        (
            "lpt-analyze",
            one("--monthly-gb-seconds", "-1", "--monthly-gb-seconds \"-1\": expected a number of 0 or more"),
        ),
        (
            "lpt-analyze",
            one(
                "--monthly-gb-seconds",
                "NaN",
                "--monthly-gb-seconds \"NaN\": expected a number of 0 or more",
            ),
        ),
        (
            "lpt-analyze",
            one("--balanced-weight", "half", "--balanced-weight \"half\": expected a number from 0 to 1"),
        ),
        (
            "lpt-analyze",
            one(
                "--discard-top-bottom",
                "20 %",
                "--discard-top-bottom \"20 %\": expected a number from 0 to 0.4",
            ),
        ),
        ("lpt-select", one("--strategy", "", "--strategy: expected cost, speed or balanced, found nothing")),
        ("lpt-apply", one("--alias", "", "--alias: \"\" is not the name of an alias")),
        ("lpt-apply", one("--alias", "7", "--alias: \"7\" is not the name of an alias")),
        ("lpt-cleanup", one("--function", "f", "--leftovers must be given, too")),
        (
            "lpt-local",
            one("sh", "-c", "\"sh\" is not expected here; write lpt-local [OPTIONS] [-- <COMMAND>...]"),
        ),
        ("lpt-local", whole("--concurrency", 1)),
        ("lpt-local", whole("--control-plane-rate", 0)),
        ("lpt-local", whole("--update-delay-ms", 0)),
        ("lpt-local", whole("--idle-seconds", 0)),
        ("lpt-local", one("--cores", "-1", "--cores \"-1\": expected a whole number above 0, or unlimited")),
        (
            "lpt-local",
            one(
                "--listen",
                "9001",
                "--listen \"9001\": expected an address of this machine and a port, such as 127.0.0.1:9001",
            ),
        ),
        (
            "lpt-local",
            one(
                "--max-memory",
                "1 GB",
                "--max-memory: a memory size is a whole number from 128 to 10240 MB, not \"1 GB\"",
            ),
        ),
    ] {
        for (arguments, words) in cases {
            let ran = Tool::new(tool).args(&arguments).run().fails_with(2, &[&words]);
            assert!(ran.stderr.ends_with(&format!("; see {tool} --help\n")), "{}", ran.stderr);
        }
    }
}

#[test]
fn a_function_is_named_in_each_form_of_aws_and_a_name_that_is_too_long_is_said_to_be() {
    let local = Local::with(&[&format!("f={}", function("echo").display())]);
    for name in ["f", "function:f", "123456789012:f", "123456789012:function:f"] {
        local.tool("lpt-prepare").args(["--power-values", "128", "--dry-run", name]).run().succeeds();
    }
    let unknown = local.tool("lpt-prepare").arg("123456789012:nosuch").run();
    unknown.fails_with(1, &["lpt-prepare: 123456789012:function:nosuch: "]);
    let unknown = local.tool("lpt-prepare").arg("123456789012:f:7").run();
    unknown.fails_with(1, &["lpt-prepare: 123456789012:function:f: ", "ResourceNotFoundException"]);
    let long = "a".repeat(65);
    for text in [long.clone(), format!("arn:aws:lambda:us-east-1:123456789012:function:{long}")] {
        let words = format!("the name \"{long}\" has 65 characters; a function's name has at most 64");
        Tool::new("lpt-prepare").arg(&text).run().fails_with(2, &[&words]);
    }
}

#[test]
fn each_tool_notes_that_it_uses_the_execution_input_of_the_environment() {
    let folder = Folder::new();
    let file = folder.file("input.json", "{}");
    let words = format!("uses --input {}, from LPT_INPUT in the environment", file.display());
    for (tool, arguments) in [
        ("lpt-prepare", &["--policy", "arn:aws:lambda:us-east-1:123456789012:function:f"][..]),
        ("lpt-invoke", &[]),
        ("lpt-analyze", &[]),
        ("lpt-select", &[]),
        ("lpt-apply", &[]),
        ("lpt-cleanup", &["--leftovers"]),
    ] {
        let note = format!("{tool}: {words}\n");
        let run = || Tool::new(tool).args(arguments).env("LPT_INPUT", &file).stdin("");
        let ran = run().run();
        assert!(ran.stderr.starts_with(&note), "{}", ran.stderr);
        assert!(!run().arg("--quiet").run().stderr.contains("LPT_INPUT"));
        assert!(!run().arg("--input").arg(&file).run().stderr.contains("LPT_INPUT"), "a flag is no surprise");
        assert!(!run().env("LPT_INPUT", "").run().stderr.contains("LPT_INPUT"));
    }
}

#[test]
fn a_message_has_the_short_name_of_a_function_with_the_region_where_there_are_several() {
    let path = function("echo").display().to_string();
    let functions = ["us-east-1", "eu-west-1"].map(|region| format!("f={path},region={region}"));
    let mut arguments = vec!["--max-memory", "3008"];
    arguments.extend(functions.iter().flat_map(|function| ["--function", function]));
    let local = Local::start(&arguments);
    let arn = |region: &str| format!("arn:aws:lambda:{region}:123456789012:function:f");
    let prepare = || local.tool("lpt-prepare").args(["--power-values", "3009", "--num", "5"]);
    let one = prepare().arg(arn("eu-west-1")).run();
    assert!(one.stderr.contains(": f: lambda:UpdateFunctionConfiguration: "), "{}", one.stderr);
    assert!(!one.stderr.contains("arn:"), "{}", one.stderr);
    let both = prepare().args([arn("us-east-1"), arn("eu-west-1")]).run();
    for region in ["us-east-1", "eu-west-1"] {
        let named = format!(": f in {region}: lambda:UpdateFunctionConfiguration: ");
        assert!(both.stderr.contains(&named), "{}", both.stderr);
    }
}

/// GetFunction's answer has a link to the code that is signed: whoever has it can download the code. Here some of the
/// answers are also cut in the middle of it.
#[test]
fn the_link_to_the_code_is_in_no_output() {
    let folder = Folder::new();
    let code = folder.path("code");
    std::fs::copy(function("echo"), &code).unwrap();
    let local = Local::with(&[&format!("f={}", code.display())]);
    let (runtime, client) = local.client();
    let answer = runtime.block_on(client.get_function().function_name("f").send()).unwrap();
    let link = answer.code.unwrap().location.unwrap();
    let (place, _) = link.strip_prefix("file://").unwrap().split_once("?X-Amz-Signature=").unwrap();
    let faults = Faults::before(local.endpoint(), 0).only(&[Fault::Cut]).on_every(7);
    let tool = |name: &str| faults.tool(name).args(["-v", "-v"]);
    let selected = lines([selection("f").memory(512), end("lpt-select")]);
    let mut ran = vec![
        tool("lpt-prepare").args(["--policy", "f"]).run(),
        tool("lpt-prepare").args(["--dry-run", "--power-values", "512", "f"]).run(),
        tool("lpt-prepare").args(["--power-values", "512", "f"]).run(),
        tool("lpt-apply").args(["--alias", "live"]).stdin(&*selected).run(),
        tool("lpt-cleanup").args(["--leftovers", "--function", "f"]).run(),
    ];
    ran.push(tool("lpt-cleanup").stdin(&*ran[2].stdout).run());
    // Where no answer is whole.
    let cut = Faults::before(local.endpoint(), 0).only(&[Fault::Cut]).on_every(1);
    let unread = cut.tool("lpt-prepare").args(["-v", "-v", "f"]).run();
    assert_eq!(unread.code, Some(1));
    ran.push(unread);
    assert!(ran[..6].iter().all(|ran| ran.stderr.contains("lambda:GetFunction: done in ")));
    for Ran { stdout, stderr, .. } in &ran {
        for secret in [place, "file:", "X-Amz", "Location"] {
            assert!(!stdout.contains(secret) && !stderr.contains(secret), "{stdout}{stderr}");
        }
    }
}
