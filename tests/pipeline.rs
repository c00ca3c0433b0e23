//! All six tools as real processes joined by real pipes, on a real function under each size.

use std::io::Write as _;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::common::records::{arn, end, lines, parse, plan};
use crate::common::{Folder, Local, Pipe, Ran, Refusing, Tool, binary, function, shell, variables};

const SIZES: [u64; 3] = [128, 512, 1024];

/// Just enough work that a size shows: some 80 ms at 128 MB.
const PAYLOAD: &str = r#"{"iterations": 50000}"#;

fn sizes() -> String {
    SIZES.map(|size| size.to_string()).join(",")
}

/// Starts a service with the function `f`, which already has a version and an alias of its user's.
fn service_with_users_own(function_argument: &str) -> Local {
    let local = Local::with(&[function_argument]);
    let version = local.publish("f", "release 1");
    local.create_alias("f", "live", &version);
    local
}

fn cpu_bound() -> String {
    format!("f={},memory=128,description=my own words", function("cpu-bound").display())
}

fn whole_pipe(local: &Local, invoke: &[&str], apply: &[&str]) -> Vec<Tool> {
    vec![
        local.tool("lpt-prepare").args(["--power-values", &sizes(), "--num", "4", "f"]),
        local.tool("lpt-invoke").args(invoke),
        local.tool("lpt-analyze").args(["--strategy", "speed"]),
        local.tool("lpt-select"),
        local.tool("lpt-apply").args(apply),
        local.tool("lpt-cleanup"),
    ]
}

#[track_caller]
fn all_succeeded(ran: Vec<Ran>) -> Ran {
    ran.into_iter().map(Ran::succeeds).next_back().unwrap()
}

#[test]
fn the_whole_pipe_changes_nothing_but_the_selected_memory() {
    let local = service_with_users_own(&cpu_bound());
    let before = local.account();
    let last = all_succeeded(Pipe::start(whole_pipe(&local, &["--payload", PAYLOAD], &[])).finish());

    let selection = &last.of_type("selection")[0];
    let selected = selection["memorySizeMB"].as_u64().unwrap();
    assert!(SIZES.contains(&selected));
    assert_ne!(selected, 128, "the fastest is not the slowest");
    assert_eq!(local.account(), before.with_memory("f", i32::try_from(selected).unwrap()));
    let cleaned = &last.of_type("cleaned")[0];
    assert_eq!(cleaned["versionsDeleted"].as_array().unwrap().len(), SIZES.len());
    assert_eq!(cleaned["aliasesDeleted"].as_array().unwrap().len(), SIZES.len());
    assert_eq!(cleaned["left"], Value::Array(Vec::new()));
    let end = last.records().pop().unwrap();
    assert_eq!(
        (&end["type"], &end["tool"], &end["status"]),
        (&"end".into(), &"lpt-cleanup".into(), &"complete".into())
    );
    assert_eq!(end["records"].as_u64().unwrap() as usize, last.records().len() - 1);
}

#[test]
fn the_pipe_changes_nothing_when_it_selects_the_memory_that_the_function_has() {
    let local = service_with_users_own(&format!(
        "f={},memory=128,description=mine",
        function("network-bound").display()
    ));
    let before = local.account();
    let mut tools = whole_pipe(&local, &["--payload", r#"{"waitMs": 20}"#], &[]);
    // A function that only waits gets dearer with more memory, and no faster.
    tools[2] = local.tool("lpt-analyze").args(["--strategy", "cost"]);
    let last = all_succeeded(Pipe::start(tools).finish());
    assert_eq!(last.of_type("selection")[0]["memorySizeMB"], 128);
    assert_eq!(last.of_type("applied")[0]["state"], "unchanged");
    assert_eq!(local.account(), before);
}

#[test]
fn an_alias_and_the_version_that_it_points_at_are_all_that_lpt_apply_makes() {
    let local = service_with_users_own(&cpu_bound());
    let before = local.account();
    let last = all_succeeded(
        Pipe::start(whole_pipe(&local, &["--payload", PAYLOAD], &["--alias", "live"])).finish(),
    );

    let applied = last.of_type("applied").pop().unwrap();
    assert_eq!(applied["state"], "applied");
    assert_eq!(applied["previousVersion"], "1");
    let version = applied["version"].as_str().unwrap().to_owned();
    let after = local.account();
    assert_eq!(after.memory_of("f"), 128);
    let new = after.functions["f"].versions_since(&before.functions["f"]);
    assert_eq!(new.keys().collect::<Vec<_>>(), [&version]);
    assert_eq!(applied["memorySizeMB"], new[&*version].memory);
    assert_eq!(after.functions["f"].pointers(), [("live", &*version)]);
}

#[test]
fn a_measured_run_is_decided_again_without_measuring() {
    let local = service_with_users_own(&cpu_bound());
    let mut tools = whole_pipe(&local, &["--payload", PAYLOAD], &[]);
    tools.truncate(2);
    tools.push(local.tool("lpt-cleanup"));
    let measured = all_succeeded(Pipe::start(tools).finish());
    drop(local);
    assert_eq!(measured.of_type("invocation").len(), SIZES.len() * 4);
    for (strategy, field) in [("cost", "averageCost"), ("speed", "averageDurationMs")] {
        // Of four invocations none is trimmed, and lpt-analyze warns of the cold start among them.
        let arguments = ["--starts", "warm", "--strategy", strategy];
        let analyzed = Tool::new("lpt-analyze").args(arguments).stdin(&*measured.stdout).run().succeeds();
        let sizes = analyzed.of_type("statistics");
        let values = || sizes.iter().map(|size| size[field].as_f64().unwrap());
        // Of equal sizes one is the first.
        let first = sizes.iter().find(|size| size["rank"] == 1).unwrap();
        assert_eq!(first[field].as_f64().unwrap(), values().fold(f64::INFINITY, f64::min));
        let selected = Tool::new("lpt-select").stdin(&*analyzed.stdout).run().succeeds();
        let selected = selected.of_type("selection")[0]["memorySizeMB"].clone();
        let selected = sizes.iter().find(|size| size["memorySizeMB"] == selected).unwrap();
        // One that is as good may be better in the other respect.
        assert!(["best", "equivalent"].contains(&selected["verdict"].as_str().unwrap()), "{selected}");
    }
}

/// The function has a size of its own that is not measured, so that any selected one is a change.
#[test]
fn a_size_that_fails_is_reported_and_the_others_are_measured() {
    let local = Local::with(&[&format!("f={},memory=640", function("memory-bound").display())]);
    let before = local.account();
    let ran =
        Pipe::start(whole_pipe(&local, &["--num", "2", "--payload", r#"{"megabytes": 192}"#], &[])).finish();
    let codes: Vec<_> = ran.iter().map(|ran| ran.code.unwrap()).collect();
    assert_eq!(codes, [0, 3, 3, 3, 3, 3], "{ran:?}");
    assert!(ran[1].stderr.contains("128 MB has no usable invocation"), "{}", ran[1].stderr);
    let selected = ran[5].of_type("selection")[0]["memorySizeMB"].as_u64().unwrap();
    assert!([512, 1024].contains(&selected), "{selected}");
    assert_eq!(local.account(), before.with_memory("f", i32::try_from(selected).unwrap()));
}

/// Publishing all these sizes takes minutes.
#[test]
fn measuring_starts_while_sizes_are_still_being_published() {
    let local = Local::with(&[&cpu_bound()]);
    let before = local.account();
    let mut pipe = Pipe::start(vec![
        local.tool("lpt-prepare").args(["--power-values", "128-10240:4", "f"]),
        local.tool("lpt-invoke").args(["--num", "1", "--payload", PAYLOAD]),
    ]);
    let mut stream = pipe.read_until("\"invocation\"");
    pipe.signal_all(Signal::INT);
    let ran = pipe.finish();
    assert_eq!(ran[0].code, Some(130), "lpt-prepare was at work: {}", ran[0].stderr);
    stream += &ran[1].stdout;
    let cleaned = local.tool("lpt-cleanup").stdin(stream).run();
    assert_eq!(cleaned.code, Some(130), "in a pipe, it ends as the tools before: {}", cleaned.stderr);
    assert_eq!(local.account(), before);
}

/// Ctrl-C goes to the whole pipe. It is sent once measuring has begun, which the growing file shows.
#[test]
fn the_pipe_cleans_up_by_itself_after_ctrl_c() {
    let local = service_with_users_own(&cpu_bound());
    let before = local.account();
    let folder = Folder::new();
    let runs = folder.path("runs.ndjson");
    // A real shell's pipe, in a process group of its own.
    let script = format!(
        "lpt-prepare --power-values {} f | lpt-invoke --num 100000 --payload '{PAYLOAD}' --save {} | lpt-analyze | lpt-select | lpt-apply | lpt-cleanup",
        sizes(),
        runs.display()
    );
    let mut shell = {
        use std::os::unix::process::CommandExt as _;
        shell(&["sh", "-c", &script], local.endpoint()).process_group(0).spawn().unwrap()
    };
    while !std::fs::read_to_string(&runs).unwrap_or_default().contains("\"invocation\"") {
        assert!(shell.try_wait().unwrap().is_none(), "the pipe ended before it measured");
        std::thread::yield_now();
    }
    rustix::process::kill_process_group(rustix::process::Pid::from_child(&shell), Signal::INT).unwrap();
    let output = shell.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(stderr.contains("lpt-invoke: interrupted"), "{stderr}");
    assert!(!stderr.contains("lpt-apply:"), "nothing is applied, and lpt-invoke has said why: {stderr}");
    assert_eq!(
        parse(&text).iter().filter(|record| record["type"] == "cleaned").count(),
        1,
        "{text} {stderr}"
    );
    assert_eq!(local.account(), before);
    let kept = parse(&std::fs::read_to_string(&runs).unwrap());
    assert!(kept.iter().any(|record| record["type"] == "invocation"), "what was measured is kept");
    assert_eq!(kept.last().unwrap()["status"], "interrupted");
}

/// Each failure, how README's pipe ends because of it, and the only line that says why.
const FAILURES: [(&str, i32, &str); 16] = [
    ("lpt-prepare nosuch | lpt-invoke | …", 1, "lpt-prepare: nosuch: lambda:GetFunction: Function not found"),
    (
        "lpt-prepare $SIZES f nosuch | lpt-invoke | …",
        3,
        "lpt-prepare: nosuch: lambda:GetFunction: Function not found",
    ),
    ("lpt-prepare --nosuch f | lpt-invoke | …", 2, "lpt-prepare: there is no option --nosuch"),
    ("lpt-prepare $SIZES f | lpt-invoke --nosuch | …", 2, "lpt-invoke: there is no option --nosuch"),
    (
        "lpt-prepare $SIZES f | lpt-invoke | lpt-analyze --nosuch | lpt-select | lpt-apply --dry-run | lpt-cleanup",
        2,
        "lpt-analyze: there is no option --nosuch",
    ),
    (
        "lpt-prepare $SIZES f | lpt-invoke | lpt-analyze | lpt-select --nosuch | lpt-apply --dry-run | lpt-cleanup",
        2,
        "lpt-select: there is no option --nosuch",
    ),
    (
        "lpt-prepare $SIZES f | lpt-invoke | lpt-analyze | lpt-select | lpt-apply --nosuch | lpt-cleanup",
        2,
        "lpt-apply: there is no option --nosuch",
    ),
    (
        "lpt-prepare $SIZES f | lpt-invoke | lpt-analyze | lpt-select | lpt-apply --dry-run | lpt-cleanup --nosuch",
        2,
        "lpt-cleanup: there is no option --nosuch",
    ),
    (
        "lpt-prepare $SIZES f | lpt-invoke --payload-file nosuch.json | …",
        1,
        "lpt-invoke: --payload-file nosuch.json: No such file or directory",
    ),
    (
        "lpt-prepare $SIZES f | lpt-invoke --payload '{\"error\":\"Planted\"}' | …",
        1,
        "lpt-invoke: no size could be measured",
    ),
    ("lpt-prepare $SIZES memory | lpt-invoke | …", 3, ""),
    ("{ lpt-prepare $SIZES f; echo '{}'; } | lpt-invoke | …", 65, "lpt-invoke: stdin:7: type: missing"),
    ("lpt-prepare $SIZES f | AWS_ENDPOINT_URL=$DENIED lpt-invoke | …", 77, "lpt-invoke: "),
    ("AWS_ENDPOINT_URL=$DENIED lpt-prepare f | lpt-invoke | …", 77, "lpt-prepare: f: "),
    (
        "{ echo '{\"type\":\"end\",\"tool\":\"lpt-prepare\",\"records\":0,\"status\":\"failed\",\"exitCode\":75}'; exit 75; } | lpt-invoke | …",
        75,
        "",
    ),
    ("lpt-prepare $SIZES f | lpt-invoke --pre-command 'kill -INT $PPID' | …", 130, "lpt-invoke: interrupted"),
];

#[test]
fn the_pipe_has_the_same_status_in_sh_as_with_pipefail_and_one_line_says_why() {
    let local = Local::with(&[
        &format!("f={},memory=256", function("echo").display()),
        &format!("memory={},memory=640", function("memory-bound").display()),
    ]);
    let before = local.account();
    let denied = Refusing::with("403 Forbidden", "AccessDeniedException", "not allowed");
    for (script, code, why) in FAILURES {
        let script = script.replace('…', "lpt-analyze | lpt-select | lpt-apply --dry-run | lpt-cleanup");
        for command in [&["sh", "-c", &script][..], &["bash", "-o", "pipefail", "-c", &script]] {
            let output = shell(command, local.endpoint())
                .env("SIZES", "--power-values=128,512")
                .env("DENIED", denied.endpoint())
                .output()
                .unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(code), "{command:?}: {said}");
            let is_why = |line: &&str| line.starts_with("lpt-") && !why.is_empty() && line.contains(why);
            assert_eq!(said.lines().filter(is_why).count(), usize::from(!why.is_empty()), "{script}: {said}");
            assert!(!said.contains("--allow-incomplete"), "{script}: {said}");
        }
        local
            .tool("lpt-cleanup")
            .args(["--leftovers", "--yes", "--even-if-recent"])
            .args(["--function", "f"])
            .run();
        assert_eq!(local.account(), before, "{script}");
    }
}

#[test]
fn a_pipe_in_which_a_tool_is_missing_or_killed_fails_in_sh_too() {
    let local = Local::with(&[&format!("f={},memory=256", function("echo").display())]);
    let before = local.account();
    for middle in ["lpt-aply", "sh -c 'kill -KILL $$'", "head -n 4"] {
        let script = format!(
            "lpt-prepare --power-values 128,512 f | lpt-invoke --save runs.ndjson | {middle} | lpt-cleanup"
        );
        let folder = Folder::new();
        let output =
            shell(&["sh", "-c", &script], local.endpoint()).current_dir(folder.path("")).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{middle}: {said}");
        assert!(said.contains("lpt-cleanup: warning: the input"), "{middle}: {said}");
        local.tool("lpt-cleanup").arg(folder.path("runs.ndjson")).run().succeeds();
        assert_eq!(local.account(), before, "{middle}");
    }
}

#[test]
fn a_function_that_cannot_be_prepared_has_a_record_and_a_line_in_the_table() {
    let local = Local::with(&[&format!("f={},memory=256", function("echo").display())]);
    let prepared = local.tool("lpt-prepare").args(["--power-values", "256,512", "f", "nosuch"]).run();
    assert_eq!(prepared.code, Some(3), "{}", prepared.stderr);
    let failure = &prepared.of_type("failure")[0];
    assert_eq!(failure["function"], "nosuch");
    assert_eq!(failure["errorType"], "ResourceNotFoundException");
    let end = prepared.records().pop().unwrap();
    assert_eq!(
        (&end["status"], &end["partly"], &end["exitCode"]),
        (&"failed".into(), &true.into(), &3.into())
    );

    let measured = local.tool("lpt-invoke").stdin(prepared.stdout).run();
    let folder = Folder::new();
    let runs = folder.file("runs.ndjson", &measured.stdout);
    for (from, code) in [("the pipe", 3), ("a file", 0)] {
        let analyze = Tool::new("lpt-analyze");
        let analyzed =
            if from == "a file" { analyze.arg(&runs).run() } else { analyze.stdin(&*measured.stdout).run() };
        assert_eq!(analyzed.code, Some(code), "from {from}: {}", analyzed.stderr);
        let selected = Tool::new("lpt-select").stdin(analyzed.stdout).run_watched();
        assert_eq!(selected.code, Some(3), "from {from}: {}", selected.stderr);
        assert_eq!(selected.of_type("selection").len(), 1, "the other function is whole");
        assert!(
            selected.stderr.contains("\nnosuch: not prepared: ResourceNotFoundException: "),
            "{}",
            selected.stderr
        );
    }
    local.tool("lpt-cleanup").arg(&runs).run().succeeds();
}

/// A table of lpt-analyze and of lpt-select is tested there.
#[test]
fn a_terminal_shows_a_summary_and_no_records() {
    let local = Local::with(&[&format!("f={},memory=256", function("echo").display())]);
    let folder = Folder::new();
    let saved = |name: &str| {
        let text = std::fs::read_to_string(folder.path(name)).unwrap();
        crate::common::records::parse(&text)
    };
    let shows = |tool: Tool, said: &str| {
        let shown = tool.run_at_terminal().succeeds().stdout;
        assert!(shown.contains(said) && !shown.contains('{'), "{said}: {shown}");
        shown
    };
    let plan = folder.path("plan.ndjson");
    let prepare = local.tool("lpt-prepare").args(["--power-values", "256,512", "f", "--save"]).arg(&plan);
    shows(prepare, "f: published 2 versions of 256, 512 MB");
    assert_eq!(saved("plan.ndjson").pop().unwrap()["status"], "complete", "the file has all");
    let runs = folder.path("runs.ndjson");
    let invoke = local.tool("lpt-invoke").arg("--num=5").arg(&plan).arg("--save").arg(&runs);
    let shown = shows(invoke, "10 invocations were made, and cost about 0.00");
    assert!(shown.contains(&format!("; lpt-analyze {} shows the result", runs.display())), "{shown}");
    shows(Tool::new("lpt-import").arg(&runs), "records; to keep them, redirect stdout");
    shows(Tool::new("lpt-analyze").args(["--starts", "warm"]).arg(&runs), "mean duration");
    let cleanup = || local.tool("lpt-cleanup").arg(&runs);
    shows(cleanup(), "lpt-cleanup: f: removed 2 versions and 2 aliases of the run");
    let again = cleanup().args(["--format", "ndjson", "--quiet"]).run_at_terminal().succeeds();
    assert_eq!((again.of_type("cleaned").len(), again.of_type("end").len()), (1, 1));
}

/// In the pipe, the tool that failed has said why. Who reads its file later has not seen that.
#[test]
fn a_file_of_a_failed_run_says_why_it_is_incomplete() {
    let local = Local::with(&[&format!("f={},memory=256", function("echo").display())]);
    let prepared = local.tool("lpt-prepare").args(["--power-values", "256", "f"]).run().succeeds();
    let failed =
        local.tool("lpt-invoke").args(["--payload-file", "nosuch.json"]).stdin(prepared.stdout).run();
    let silent = Tool::new("lpt-select").stdin(&*failed.stdout).run();
    assert_eq!((silent.code, &*silent.stderr), (Some(1), ""));
    let folder = Folder::new();
    let runs = folder.file("runs.ndjson", &failed.stdout);
    Tool::new("lpt-select").arg(&runs).run().fails_with(
        1,
        &[
            "runs.ndjson: ",
            "a tool before this one failed: lpt-invoke: --payload-file nosuch.json: No such file",
            "--allow-incomplete",
        ],
    );
    local.tool("lpt-cleanup").arg(&runs).run().succeeds();
}

/// The first signal is for the tools upstream, which then close the pipe. Where they do not, the second signal ends it.
#[test]
fn a_tool_that_waits_for_input_obeys_the_second_signal() {
    for (tool, said) in [
        ("lpt-analyze", "lpt-analyze: stopped at once\n"),
        ("lpt-select", "lpt-select: stopped at once\n"),
        ("lpt-cleanup", "lpt-cleanup: stopped at once; to undo what was begun run lpt-cleanup FILE"),
    ] {
        let mut waiting = Command::new(binary(tool))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It passes a line on, so its signals are watched by then.
        let stdin = waiting.stdin.as_mut().unwrap();
        stdin.write_all(b"{\"type\":\"other\"}\n").unwrap();
        let mut passed = [0; 17];
        std::io::Read::read_exact(waiting.stdout.as_mut().unwrap(), &mut passed).unwrap();
        while waiting.try_wait().unwrap().is_none() {
            rustix::process::kill_process(rustix::process::Pid::from_child(&waiting), Signal::INT).unwrap();
            std::thread::yield_now();
        }
        let output = waiting.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{tool}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(said), "{tool}");
    }
}

/// What a tool that cannot begin passes on: the pipe from the tool before, and no file that the user named.
#[test]
fn a_tool_that_cannot_begin_passes_on_the_pipe_and_no_file() {
    let folder = Folder::new();
    let file = folder.file("runs.ndjson", &lines([plan("of-the-file"), end("lpt-invoke")]));
    let file = file.to_str().unwrap();
    let passed_on = |tool: &str, arguments: &[&str]| {
        let piped = lines([plan("of-the-pipe"), end("lpt-prepare")]);
        let ran = Tool::new(tool).args(arguments).stdin(piped).run();
        // A file that cannot be read is a failure; the others are wrong arguments.
        let code = if arguments.contains(&"/nofile") { 1 } else { 2 };
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        ran.of_type("plan").into_iter().map(|plan| plan["functionArn"].clone()).collect::<Vec<_>>()
    };
    let pipe = vec![Value::from(arn("of-the-pipe"))];
    // The value of an option, known or mistyped, is no file of records.
    assert_eq!(passed_on("lpt-invoke", &["--payload-file", file, "--bogus"]), pipe);
    assert_eq!(passed_on("lpt-invoke", &["--payloadfile", file]), pipe);
    // With a file of records nothing is read from the pipe, which may never end.
    for arguments in
        [["--allow-incomplete", file, "--bogus"], ["--bogus", "--", file], [file, "--bogus", "x"]]
    {
        assert!(passed_on("lpt-select", &arguments).is_empty(), "{arguments:?}");
    }
    assert_eq!(passed_on("lpt-analyze", &["--input", "/nofile", file, "-"]), pipe);
}

#[test]
fn a_plan_on_disk_suffices_to_undo_a_run_that_was_killed() {
    let local = service_with_users_own(&cpu_bound());
    let before = local.account();
    let pipe = Pipe::start(vec![local.tool("lpt-prepare").args(["--power-values", "128-10240:8", "f"])]);
    while local.account().functions["f"].aliases.len() < 4 {
        std::thread::yield_now();
    }
    pipe.signal_all(Signal::KILL);
    let killed = pipe.finish().pop().unwrap();
    assert_eq!(killed.code, None);
    assert_ne!(local.account(), before);
    // The kill may have cut the last line.
    let whole_lines = killed.stdout.rfind('\n').map_or(0, |at| at + 1);
    let plan = &killed.stdout[..whole_lines];
    let folder = Folder::new();
    let plan = folder.file("plan.ndjson", plan);
    let cleaned = local.tool("lpt-cleanup").arg(&plan).run().succeeds();
    assert_eq!(cleaned.of_type("cleaned")[0]["memoryRestored"], true);
    assert_eq!(local.account(), before);
    let again = local.tool("lpt-cleanup").arg(&plan).run().succeeds();
    assert_eq!(again.of_type("cleaned")[0]["versionsDeleted"], Value::Array(Vec::new()));
    assert_eq!(local.account(), before);
}

#[test]
fn lpt_invoke_stops_sending_when_nobody_reads_any_more() {
    let local = Local::with(&[&cpu_bound()]);
    let prepared = local.tool("lpt-prepare").args(["--power-values", "128", "f"]).run().succeeds();
    let mut invoke = Command::new(binary("lpt-invoke"))
        .args(["--num", "100000", "--payload", PAYLOAD])
        .envs(variables(local.endpoint()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    invoke.stdin.take().unwrap().write_all(prepared.stdout.as_bytes()).unwrap();
    drop(invoke.stdout.take());
    let output = invoke.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "a closed pipe is no fault");
    assert!(output.status.success());
}

#[test]
fn no_output_holds_a_secret_even_with_vv() {
    let secrets = [
        ("AWS_ACCESS_KEY_ID", "AKIAPLANTEDKEYID0001"),
        ("AWS_SECRET_ACCESS_KEY", "planted-secret-access-key"),
        ("AWS_SESSION_TOKEN", "planted-session-token"),
    ];
    let of_function = "planted-password-of-the-function";
    let of_payload = "planted-word-of-the-payload";
    let f = format!("f={},memory=256,env.PASSWORD={of_function}", function("echo").display());
    let [(_, key), ..] = secrets;
    let local = Local::start_as_is(&["--control-plane-rate=0", "--access-key-id", key, "--function", &f]);
    // The second payload makes the function fail with an error message that repeats the payload.
    let payloads = Folder::new();
    let payloads = payloads.file(
        "payloads.ndjson",
        &format!("{{\"said\":\"{of_payload}\"}}\n{{\"error\":\"Planted\",\"message\":\"{of_payload}\"}}\n"),
    );
    let mut input = String::new();
    let mut said = String::new();
    let tools: [(&str, &[&str]); 6] = [
        ("lpt-prepare", &["--power-values", "128,512", "--num", "6", "f"]),
        (
            "lpt-invoke",
            &[
                "--disable-payload-logs",
                "--allowed-exceptions",
                "Planted",
                "--payloads",
                payloads.to_str().unwrap(),
            ],
        ),
        ("lpt-analyze", &[]),
        ("lpt-select", &[]),
        ("lpt-apply", &[]),
        ("lpt-cleanup", &[]),
    ];
    for (tool, arguments) in tools {
        let secrets = secrets.iter();
        let tool = secrets.fold(local.tool(tool), |tool, (name, value)| tool.env(name, value));
        let ran = tool.arg("-vv").args(arguments).stdin(std::mem::take(&mut input)).run();
        assert_eq!(ran.code, Some(0), "{}: {}", ran.tool, ran.stderr);
        said += &ran.stdout;
        said += &ran.stderr;
        input = ran.stdout;
    }
    assert!(said.contains("lambda:InvokeFunction: done"), "-vv says what is done: {said}");
    assert!(said.contains("\"errorType\":\"Planted\""), "{said}");
    for secret in secrets.map(|(_, value)| value).into_iter().chain([of_function, of_payload]) {
        assert!(!said.contains(secret), "{secret} is in {said}");
    }
}
