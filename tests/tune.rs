//! `lpt-tune`: the pipe in one word, to its end, and undone whatever happens; and `lpt`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::common::records::parse;
use crate::common::{Account, Folder, Local, Ran, binary, function, shell};

/// The tools of a run, in their order.
const TOOLS: [&str; 6] =
    ["lpt-prepare", "lpt-invoke", "lpt-analyze", "lpt-select", "lpt-apply", "lpt-cleanup"];

fn echo() -> Local {
    Local::with(&[&format!("f={},memory=256,description=my own words", function("echo").display())])
}

/// Runs `lpt-tune` in a folder.
fn tune(local: &Local, folder: &Folder, arguments: &[&str]) -> Ran {
    local.tool("lpt-tune").within(folder).args(arguments).run()
}

/// Asserts that the run is whole. With few invocations, and other tests beside it, a cold start may be warned of.
#[track_caller]
fn whole(ran: Ran) -> Ran {
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran
}

/// Returns the names of the files in a folder, sorted.
fn files(folder: &Folder) -> Vec<String> {
    let files = std::fs::read_dir(folder.path("")).unwrap();
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Returns the records that are saved in a folder: the measured ones, and the result, of which there are no other files.
fn saved(folder: &Folder) -> [Vec<Value>; 2] {
    let names = files(folder);
    let [records, result] = &names[..] else { panic!("two files are left: {names:?}") };
    assert_eq!(result.strip_suffix(".result.ndjson"), records.strip_suffix(".ndjson"));
    [records, result].map(|name| parse(&std::fs::read_to_string(folder.path(name)).unwrap()))
}

fn count(records: &[Value], record_type: &str) -> usize {
    records.iter().filter(|record| record["type"] == record_type).count()
}

#[test]
fn lpt_tune_measures_saves_and_undoes() {
    let (local, folder) = (echo(), Folder::new());
    let before = local.account();
    let ran = whole(tune(&local, &folder, &["f", "--power-values", "128,512", "--num", "5"]));
    assert_eq!(local.account(), before);
    // What lpt-cleanup writes, the last tool of the pipe.
    assert_eq!(ran.of_type("selection").len(), 1);
    assert_eq!(ran.of_type("cleaned")[0]["left"], Value::Array(Vec::new()));
    assert_eq!(ran.records().pop().unwrap()["tool"], "lpt-cleanup");
    let names = files(&folder);
    let date = names[0].strip_prefix("f-").and_then(|rest| rest.strip_suffix("Z.ndjson")).unwrap();
    assert!(date.len() == 15 && date.as_bytes()[8] == b'T', "{names:?}");
    let [records, result] = saved(&folder);
    assert_eq!(["plan", "configuration", "invocation"].map(|name| count(&records, name)), [1, 4, 10]);
    assert_eq!(result, ran.records());
    // The stream of the whole pipe: what was computed is before what was made of it.
    let types: Vec<_> = result.iter().map(|record| record["type"].as_str().unwrap()).collect();
    let last = ["statistics", "statistics", "selection", "cleaned", "end"];
    assert!(types[0] == "plan" && types.ends_with(&last), "{types:?}");
    // The last lines have commands that can be typed.
    for hint in ["for a page: ", "to apply the size: "] {
        let command = ran.stderr.split(hint).nth(1).unwrap().lines().next().unwrap();
        let mut typed = shell(&["sh", "-c", command], local.endpoint());
        let typed = typed.current_dir(folder.path("")).output().unwrap();
        assert!(typed.status.success(), "{command}: {}", String::from_utf8_lossy(&typed.stderr));
    }
    assert!(files(&folder).contains(&"report.html".to_owned()));
    let selected = ran.of_type("selection")[0]["memorySizeMB"].as_i64().unwrap();
    assert_eq!(local.account(), before.with_memory("f", i32::try_from(selected).unwrap()));
}

#[test]
fn lpt_tunes_that_begin_at_once_have_files_of_their_own() {
    let (local, folder) = (echo(), Folder::new());
    let started: Vec<Child> = (0..3)
        .map(|_| {
            let tool = local.tool("lpt-tune").within(&folder);
            tool.args(["f", "--dry-run", "--power-values=128"]).spawn(Stdio::null(), Stdio::null())
        })
        .collect();
    // One of them may be refused, because another one is at work. It leaves no file.
    let ended = started.into_iter().map(|run| run.wait_with_output().unwrap().status);
    let whole = ended.filter(|status| status.success()).count();
    let names = files(&folder);
    let records: Vec<_> = names.iter().filter(|name| !name.ends_with(".result.ndjson")).collect();
    assert!(whole > 0 && records.len() >= whole, "{names:?}");
    for name in records {
        assert_eq!(count(&parse(&std::fs::read_to_string(folder.path(name)).unwrap()), "end"), 1, "{name}");
    }
}

/// In the form of the state machine it can take the place of its execution.
#[test]
fn lpt_tune_writes_the_selection_in_other_forms() {
    let (local, folder) = (echo(), Folder::new());
    let run = |form: &str| {
        whole(tune(&local, &folder, &["f", "--power-values=128,512", "--num=5", "-q", "--format", form]))
            .stdout
    };
    let output: Value = serde_json::from_str(&run("state-machine")).unwrap();
    assert!(output["results"]["power"].is_number(), "{output}");
    let csv = run("csv");
    assert!(csv.lines().count() == 2 && csv.lines().next().unwrap().contains("memorySizeMB"), "{csv}");
    assert!(run("table").contains("mean"));
    assert_eq!(parse(&run("ndjson")).pop().unwrap()["tool"], "lpt-cleanup");
}

/// A device that is full stands for a stdout that fails.
#[cfg(target_os = "linux")]
#[test]
fn the_result_is_saved_whole_although_stdout_fails() {
    let (local, folder) = (echo(), Folder::new());
    for (form, said) in [
        ("ndjson", "No space left"),
        ("json", "could not be written; try again: lpt-analyze runs.ndjson | lpt-select"),
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let tool = local.tool("lpt-tune").within(&folder).args(["f", "--power-values=128", "--num=5", "-q"]);
        let tool = tool.args(["--save=runs.ndjson", "--overwrite", "--format", form]);
        let output = tool.spawn(Stdio::null(), full.into()).wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
        let result = parse(&std::fs::read_to_string(folder.path("runs.result.ndjson")).unwrap());
        assert_eq!((count(&result, "statistics"), count(&result, "cleaned")), (1, 1), "{form}");
    }
}

/// What is applied stays, and nothing says otherwise.
#[test]
fn a_run_that_is_partly_done_is_not_said_to_be_undone() {
    let (local, folder) = (echo(), Folder::new());
    let ran = tune(&local, &folder, &["f", "nosuch", "--power-values=128,512", "--num=5", "--apply"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(!ran.of_type("applied").is_empty() && !ran.stderr.contains("undone"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("are removed\n"), "lpt-cleanup has said so: {}", ran.stderr);
}

#[test]
fn the_plan_of_a_run_that_may_not_be_undone_is_not_overwritten() {
    let (local, folder) = (echo(), Folder::new());
    folder.file("runs.plan.ndjson", "{\"type\":\"plan\"}\n");
    folder.file("runs.ndjson", "");
    let refused = tune(&local, &folder, &["f", "--save=runs.ndjson", "--overwrite"]);
    refused
        .fails_with(2, &["runs.plan.ndjson: has the plan of a run", "run lpt-cleanup runs.plan.ndjson, and"]);
    assert_eq!(files(&folder), ["runs.ndjson", "runs.plan.ndjson"]);
}

#[test]
fn lpt_tune_applies_only_if_it_is_told_to() {
    let (local, folder) = (echo(), Folder::new());
    let before = local.account();
    let sizes = ["f", "--power-values", "128,512", "--num", "5"];
    let ran = whole(tune(&local, &folder, &[&sizes[..], &["--apply"]].concat()));
    let selected = ran.of_type("selection")[0]["memorySizeMB"].as_i64().unwrap();
    assert!(!ran.of_type("applied").is_empty(), "{}", ran.stderr);
    assert_eq!(local.account(), before.with_memory("f", i32::try_from(selected).unwrap()));
    for flags in [&["--alias", "live"][..], &["--if-certain"], &["--alias", "live", "--apply=false"]] {
        let refused = tune(&local, &Folder::new(), &[&sizes[..], flags].concat());
        refused.fails_with(2, &[flags[0], "is for lpt-apply; add --apply"]);
    }
}

/// Each flag shows in a record of the tool that it is for, or in what that tool says.
#[test]
fn flags_reach_their_tools() {
    let (local, folder) = (echo(), Folder::new());
    let payload = folder.file("payload.json", r#"{"return": 1}"#).display().to_string();
    let ran = tune(
        &local,
        &folder,
        &[
            "--power-values=128,256",
            "--num=6",
            "--payload-file",
            &payload,
            "--tag=commit=4f2a1c",
            "--tag",
            "build=7",
            "--discard-top-bottom=0.1",
            "--strategy",
            "balanced",
            "--balanced-weight=0.25",
            "--confidence=90%",
            "--monthly-invocations=1000000",
            "--save",
            "runs.ndjson",
            "--region=us-east-1",
            "f",
        ],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    std::fs::remove_file(folder.path("payload.json")).unwrap();
    let records = parse(&std::fs::read_to_string(folder.path("runs.ndjson")).unwrap());
    assert_eq!(files(&folder), ["runs.ndjson", "runs.result.ndjson"]);
    assert_eq!(records[0]["num"], 6);
    let invocation = records.iter().find(|record| record["type"] == "invocation").unwrap();
    assert_eq!((&invocation["tag.commit"], &invocation["tag.build"]), (&"4f2a1c".into(), &"7".into()));
    let selection = &ran.of_type("selection")[0];
    assert_eq!((&selection["strategy"], &selection["balancedWeight"]), (&"balanced".into(), &0.25.into()));
    assert!(selection["monthlySavings"].is_number(), "{selection}");
    // Nobody watches stderr, so the table is shown at the end.
    assert!(ran.stderr.contains("balanced score"), "{}", ran.stderr);
    // In a race, lpt-invoke decides by the strategy too.
    let race = ["f", "--adaptive", "--strategy=speed", "--max-per-size=6", "--power-values=128,512", "-q"];
    let ran = whole(tune(&local, &Folder::new(), &race));
    assert_eq!(ran.of_type("selection")[0]["strategy"], "speed");
    assert!(!ran.stderr.contains("best by"), "--quiet goes to all: {}", ran.stderr);
}

/// The first thing that a run does is to begin the file of its records. Here no file is begun.
#[test]
fn lpt_tune_checks_all_flags_before_anything_is_published() {
    let (local, folder) = (echo(), Folder::new());
    let before = local.account();
    folder.file("bad.json", "{\"a\":}");
    folder.file("bad.plan.ndjson", "");
    for (arguments, code, words) in [
        (&[][..], 2, "name a FUNCTION"),
        (
            &["f", "--power-value", "128"],
            2,
            "lpt-tune: there is no option --power-value; the nearest one is --power",
        ),
        (&["f", "--power-values", "1"], 2, "lpt-tune: --power-values"),
        (
            &["f", "--payload-file", "bad.json"],
            2,
            "lpt-invoke: --payload-file bad.json: not JSON: line 1, column 6",
        ),
        (&["f", "--payload-file", "nosuch.json"], 1, "lpt-invoke: --payload-file nosuch.json: No such file"),
        (&["f", "--adaptive", "--num", "5"], 2, "lpt-invoke: --num and --adaptive exclude each other"),
        (&["f", "--max-per-size", "5"], 2, "lpt-invoke: --adaptive must be given, too"),
        (&["f", "--strategy", "fast"], 2, "lpt-tune: --strategy: expected cost, speed or balanced"),
        (
            &["f", "--balanced-weight", "0.5"],
            2,
            "lpt-analyze: --balanced-weight is for the strategy balanced",
        ),
        (&["f", "--prices", "nosuch.csv"], 1, "lpt-analyze: --prices nosuch.csv: No such file"),
        (&["f", "--between", "f"], 2, "lpt-select: "),
        (&["f", "--compare", "nosuch.ndjson"], 1, "lpt-analyze: nosuch.ndjson: No such file"),
        (
            &["f", "--resume", "bad.json", "--save", "bad.json", "--overwrite"],
            2,
            "lpt-tune: --resume bad.json: --save names the same file",
        ),
        (&["f", "--input", "nosuch.json"], 1, "lpt-tune: --input nosuch.json: No such file"),
        (&["f", "--save", "bad.json"], 2, "lpt-tune: --save bad.json: the file exists"),
        (&["f", "--save", "bad.ndjson"], 2, "lpt-tune: --save bad.plan.ndjson: the file exists"),
        (&["f", "--leftovers"], 2, "lpt-tune: there is no option --leftovers"),
    ] {
        let refused = tune(&local, &folder, arguments);
        assert_eq!(refused.code, Some(code), "{arguments:?}: {}", refused.stderr);
        assert!(refused.stderr.lines().count() == 1 && refused.stderr.contains(words), "{}", refused.stderr);
        assert_eq!(files(&folder), ["bad.json", "bad.plan.ndjson"], "{arguments:?}");
    }
    assert_eq!(local.account(), before);
}

#[test]
fn lpt_tune_reads_an_execution_input() {
    let local = echo();
    let before = local.account();
    let input = r#"{"lambdaARN": "f", "num": 5, "powerValues": [128, 512], "strategy": "speed", "payload": {"return": 1}, "autoOptimize": true}"#;
    for by in ["--input", "LPT_INPUT"] {
        let folder = Folder::new();
        let file = folder.file("input.json", input);
        let tool = local.tool("lpt-tune").within(&folder);
        let ran = if by == "--input" { tool.args(["--input", "input.json"]) } else { tool.env(by, &file) };
        let ran = whole(ran.run());
        assert_eq!(ran.of_type("selection")[0]["strategy"], "speed");
        assert!(!ran.of_type("applied").is_empty(), "autoOptimize is as good as --apply");
        // One tool says where the file is known from, not each of them.
        assert_eq!(ran.stderr.matches("LPT_INPUT").count(), usize::from(by == "LPT_INPUT"), "{}", ran.stderr);
        std::fs::remove_file(file).unwrap();
        assert_eq!(count(&saved(&folder)[0], "invocation"), 10);
        let ran =
            tune(&local, &folder, &["--input", folder.file("in", input).to_str().unwrap(), "--apply=false"]);
        assert!(whole(ran).of_type("applied").is_empty());
    }
    let memory = local.account().memory_of("f");
    assert_eq!(local.account(), before.with_memory("f", memory));
}

#[test]
fn lpt_tune_ends_with_the_worst_status() {
    let local = Local::with(&[
        &format!("f={},memory=256", function("echo").display()),
        &format!("memory={},memory=640", function("memory-bound").display()),
    ]);
    let before = local.account();
    for (arguments, code) in [
        (&["f", "nosuch", "--num=5"][..], 3),
        (&["memory", "--num=5"], 3),
        // Nothing has begun, so no file is left.
        (&["nosuch"], 1),
        (&["f", "--payload={\"error\": \"Broken\"}"], 1),
    ] {
        let folder = Folder::new();
        let ran = tune(&local, &folder, &[arguments, &["--power-values=128,512"]].concat());
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}", ran.stderr);
        assert_eq!(local.account(), before, "{arguments:?}");
        assert!(!files(&folder).iter().any(|name| name.ends_with(".plan.ndjson")), "it is undone");
        assert_eq!(files(&folder).is_empty(), arguments == ["nosuch"], "{arguments:?}: {}", ran.stderr);
    }
}

/// More sizes than a test waits for.
const MANY: &str = "128-10240:8";

/// A run that is under way, with some of its versions published.
struct UnderWay {
    local: Local,
    before: Account,
    folder: Folder,
    child: Child,
}

impl UnderWay {
    fn start(sizes: &str) -> UnderWay {
        let (local, folder) = (echo(), Folder::new());
        let before = local.account();
        let tool = local.tool("lpt-tune").within(&folder);
        let child = tool.args(["f", "--apply", "--power-values", sizes]).spawn(Stdio::null(), Stdio::null());
        while local.account().functions["f"].aliases.len() < 4 {
            std::thread::yield_now();
        }
        UnderWay { local, before, folder, child }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end, after which nothing of the run is left but its records.
    #[track_caller]
    fn ends_undone(self, code: i32) -> String {
        let Output { status, stderr, .. } = self.child.wait_with_output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(code), "{stderr}");
        assert_eq!(self.local.account(), self.before, "{stderr}");
        let [records, result] = saved(&self.folder);
        assert_eq!((count(&records, "plan"), count(&result, "cleaned")), (1, 1));
        stderr
    }
}

#[test]
fn a_signal_to_lpt_tune_alone_ends_the_run_and_undoes_it() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let run = UnderWay::start(MANY);
        run.signal(signal);
        let said = run.ends_undone(130);
        assert!(said.contains("lpt-cleanup: f: removed "), "{said}");
    }
}

/// The second signal ends the tools at once. lpt-cleanup gets neither.
#[test]
fn a_second_signal_does_not_stop_the_cleaning_up() {
    let run = UnderWay::start(MANY);
    run.signal(Signal::INT);
    run.signal(Signal::TERM);
    run.ends_undone(130);
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_ends_undone_whichever_tool_is_killed() {
    for tool in TOOLS {
        let run = UnderWay::start(MANY);
        kill_process(process(run.child.id(), tool), Signal::KILL).unwrap();
        let code = run.child.wait_with_output().unwrap();
        let said = String::from_utf8(code.stderr).unwrap();
        assert!(!code.status.success(), "{tool}: {said}");
        assert!(said.contains(&format!("lpt-tune: {tool} was killed (signal: 9 (SIGKILL))\n")), "{said}");
        assert_eq!(run.local.account(), run.before, "{tool}: {said}");
        assert!(!files(&run.folder).iter().any(|name| name.ends_with(".plan.ndjson")), "{tool}: {said}");
    }
}

/// The pipe does not need lpt-tune to end.
#[cfg(target_os = "linux")]
#[test]
fn the_tools_undo_the_run_if_lpt_tune_is_killed() {
    let mut run = UnderWay::start("128-384:8");
    let cleanup = process(run.child.id(), "lpt-cleanup");
    run.child.kill().unwrap();
    while rustix::process::test_kill_process(cleanup).is_ok() {
        std::thread::yield_now();
    }
    run.child.wait().unwrap();
    let memory = run.local.account().memory_of("f");
    assert_eq!(run.local.account(), run.before.with_memory("f", memory), "only the selected size is applied");
}

#[cfg(target_os = "linux")]
/// Returns the process of a tool that another process has started.
fn process(parent: u32, tool: &str) -> Pid {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    let is_tool = |id: &&str| {
        std::fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name.trim_end() == tool)
    };
    let id = children.split_whitespace().find(is_tool).unwrap_or_else(|| panic!("no {tool} runs"));
    Pid::from_raw(id.parse().unwrap()).unwrap()
}

#[cfg(target_os = "linux")]
/// Starts a command at a terminal of 80 columns, which `script` shows on its stdout.
fn at_terminal(local: &Local, folder: &Folder, command: &str) -> Child {
    let command = format!("stty rows 24 cols 80; exec {command}");
    shell(&["script", "-qefc", &command, "/dev/null"], local.endpoint())
        .env("LPT_CONTROL_PLANE_RATE", "0")
        .current_dir(folder.path(""))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn at_a_terminal_lpt_tune_says_first_what_it_will_do_and_shows_no_records() {
    let (local, folder) = (echo(), Folder::new());
    let run = |arguments: &str, answer: &str| {
        let command = format!("lpt-tune f --power-values 128,512 {arguments}");
        let mut child = at_terminal(&local, &folder, &command);
        child.stdin.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n"))
    };
    let (code, first) = run("--num 5", "");
    assert_eq!(code, Some(0), "{first}");
    for line in [
        "lpt-tune: f: 2 sizes from 128 to 512 MB, at most 10 invocations
",
        "lpt-tune: publishing and cleaning up: about 8 s, 13 control-plane requests
",
        "lpt-tune: measuring: how long it takes and what it costs, the first answers tell
",
    ] {
        let at = first.find(line).unwrap_or_else(|| panic!("no {line} in {first}"));
        assert!(at < first.find("publishing 0 of").unwrap_or(first.len()), "{first}");
    }
    assert!(!first.contains("{\"type\""), "{first}");
    // The last run tells what this one may cost.
    // lpt-select has shown it already.
    let (_, table) = run("--num 5 --format table", "");
    assert_eq!(table.matches("verdict").count(), 1, "{table}");
    let (_, records) = run("--num 5 --format ndjson", "");
    assert!(records.contains("{\"type\":\"selection\""), "{records}");
    let (_, second) = run("--num 5", "");
    assert!(second.contains("lpt-tune: measuring: at most ") && second.contains(" USD, if "), "{second}");
    let before = files(&folder);
    let (code, refused) = run("--adaptive --max-cost 0.000000001", "n\n");
    assert_eq!(code, Some(1), "{refused}");
    assert!(refused.contains("--max-cost 0.000000001 USD; begin? [y/N] "), "{refused}");
    assert_eq!(files(&folder), before);
    let (code, agreed) = run("--adaptive --max-cost 0.000000001 --save x.ndjson", "y\n");
    assert!(code != Some(2) && files(&folder).contains(&"x.ndjson".to_owned()), "{agreed}");
    let (_, dry) = run("--num 5 --only-cold-starts --dry-run", "");
    assert!(dry.contains("512 MB, at most 2 invocations\n") && dry.contains(", 13 control-plane"), "{dry}");
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_and_a_closed_terminal_undo_the_run() {
    for is_closed in [false, true] {
        let (local, folder) = (echo(), Folder::new());
        let before = local.account();
        let mut child = at_terminal(&local, &folder, "lpt-tune f --power-values 128-10240:8");
        while local.account().functions["f"].aliases.len() < 4 {
            std::thread::yield_now();
        }
        if is_closed {
            child.kill().unwrap();
            child.wait().unwrap();
            while files(&folder).len() > 2 {
                std::thread::yield_now();
            }
        } else {
            child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stdout));
        }
        assert_eq!(local.account(), before);
        let [records, result] = saved(&folder);
        assert_eq!((count(&records, "plan"), count(&result, "cleaned")), (1, 1));
    }
}

fn lpt(arguments: &[&str]) -> Output {
    Command::new(binary("lpt")).args(arguments).env("PATH", "/usr/bin:/bin").output().unwrap()
}

#[test]
fn lpt_lists_the_tools_with_a_line_each() {
    let list = lpt(&[]);
    assert_eq!(lpt(&["--help"]), list);
    assert!(list.status.success() && list.stderr.is_empty(), "{list:?}");
    let text = String::from_utf8(list.stdout).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let listed: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("bin");
    let mut tools: Vec<_> = std::fs::read_dir(bin)
        .unwrap()
        .filter_map(|file| {
            let name = file.unwrap().file_name().into_string().unwrap();
            Some(name.strip_prefix("lpt-")?.strip_suffix(".rs")?.to_owned())
        })
        .collect();
    tools.sort();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, tools);
}

#[test]
fn lpt_runs_the_tool_beside_it_and_names_the_nearest_of_a_name_that_is_none() {
    let help = lpt(&["prepare", "--help"]);
    let tool = Command::new(binary("lpt-prepare")).arg("--help").output().unwrap();
    assert_eq!(help, tool);
    assert_eq!(lpt(&["help", "prepare"]), tool);
    assert_eq!(lpt(&["analyze", "--bogus"]).status.code(), Some(2));
    let unknown = lpt(&["selct", "--help"]);
    assert_eq!(unknown.status.code(), Some(2));
    let said = String::from_utf8(unknown.stderr).unwrap();
    assert!(said.contains("try lpt select,") && said.lines().count() == 1, "{said}");
}

#[test]
fn lpt_finds_other_tools_in_path() {
    let folder = Folder::new();
    let tool = folder.file("lpt-mine", "#!/bin/sh\necho \"mine $*\"\n");
    std::fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let ran = Command::new(binary("lpt"))
        .args(["mine", "a", "b"])
        .env("PATH", folder.path(""))
        .env("PATH", format!("{}:/bin", folder.path("").display()))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), "mine a b\n");
}
