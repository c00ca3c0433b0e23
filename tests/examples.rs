//! The files in examples that users copy, run as they are.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::common::records::parse;
use crate::common::{Folder, Local, binary, function, variables};

const SIZES: &str = "128,512";
const F: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// Runs a program in `folder`, with the tools in its PATH.
fn run(
    local: &Local,
    folder: &Folder,
    program: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Output {
    let bin = Path::new(binary("lpt-prepare")).parent().unwrap();
    let mut command = Command::new(program);
    for variable in ["PAYLOAD", "STRATEGY", "APPLY", "LPT_INPUT", "MAKEFLAGS", "MAKELEVEL"] {
        command.env_remove(variable);
    }
    command
        .args(arguments)
        .current_dir(folder.path("."))
        .env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()))
        .env("LPT_CONTROL_PLANE_RATE", "0")
        .envs(variables(local.endpoint()))
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn tune(local: &Local, folder: &Folder, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let script = example("tune.sh").display().to_string();
    run(local, folder, "sh", &[&[&*script], arguments].concat(), environment)
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Returns the names of the files in a folder, sorted.
fn files(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn of_type(text: &str, record_type: &str) -> Vec<Value> {
    parse(text).into_iter().filter(|record| record["type"] == record_type).collect()
}

fn echo() -> Local {
    Local::with(&[&format!("f={},memory=256", function("echo").display())])
}

#[test]
fn tune_sh_shows_its_help() {
    let (local, folder) = (echo(), Folder::new());
    for flag in ["--help", "-h"] {
        let help = tune(&local, &folder, &[flag], &[]);
        let text = String::from_utf8(help.stdout.clone()).unwrap();
        assert!(help.status.success() && help.stderr.is_empty(), "{help:?}");
        for word in ["tune.sh FUNCTION [OPTION OF lpt-prepare]", "PAYLOAD ", "STRATEGY ", "APPLY "] {
            assert!(text.contains(word), "no {word:?} in: {text}");
        }
        assert!(!text.contains('#') && !text.contains("set -eu"), "{text}");
    }
}

/// The first thing that a run does is to begin the file of its records. Here no file is begun.
#[test]
fn tune_sh_checks_payload_and_strategy_before_anything_is_published() {
    let (local, folder) = (echo(), Folder::new());
    let before = local.account();
    let bad = folder.file("bad.json", "{\"a\":}").display().to_string();
    for (arguments, environment, code, words) in [
        (&["f"][..], &[("PAYLOAD", &*bad)][..], 2, "bad.json: not JSON: line 1, column 6: "),
        (&["f"], &[("PAYLOAD", "nosuch.json")], 1, "nosuch.json: No such file"),
        (&["f"], &[("STRATEGY", "fast")], 2, "lpt-analyze: "),
        (&["f"], &[("APPLY", "Yes")], 2, "tune.sh: APPLY is yes or no, not Yes; see tune.sh --help"),
        (&[], &[], 2, "tune.sh: name a function; see tune.sh --help"),
        (&["--num", "5", "f"], &[], 2, "tune.sh: name the function before --num"),
    ] {
        let refused = tune(&local, &folder, arguments, environment);
        assert_eq!(refused.status.code(), Some(code), "{refused:?}");
        let said = stderr(&refused);
        assert!(said.lines().count() == 1 && said.contains(words), "{said}");
        assert_eq!(files(&folder.path(".")), ["bad.json"]);
    }
    assert_eq!(local.account(), before);
}

#[test]
fn tune_sh_measures_applies_if_asked_to_and_cleans_up() {
    let (local, folder) = (echo(), Folder::new());
    let before = local.account();
    let payload = folder.file("event.json", r#"{"return": 1}"#).display().to_string();
    let arguments = [F, "--power-values", SIZES, "--num", "5"];
    for (apply, memory) in [("no", vec![256]), ("yes", vec![128, 512])] {
        let ran = tune(&local, &folder, &arguments, &[("PAYLOAD", &payload), ("APPLY", apply)]);
        let said = stderr(&ran);
        assert!(ran.status.success(), "{said}");
        assert!(said.lines().last().unwrap().starts_with("lpt-cleanup: f: removed 2 versions"), "{said}");
        let is_named = |line| str::strip_prefix(line, "tune.sh: the records are in ");
        let records = said.lines().find_map(is_named).expect("it names its file");
        let text = std::fs::read_to_string(folder.path(records)).unwrap();
        std::fs::remove_file(folder.path(records)).unwrap();
        assert_eq!(of_type(&text, "invocation").len(), 10);
        let after = local.account();
        assert!(memory.contains(&after.memory_of("f")), "{apply}: {}", after.memory_of("f"));
        assert_eq!(after, before.clone().with_memory("f", after.memory_of("f")));
        assert_eq!(files(&folder.path(".")), ["event.json"], "no other file is left");
    }
}

#[test]
fn the_makefile_takes_names_and_arns() {
    let (local, folder) = (echo(), Folder::new());
    let before = local.account();
    std::fs::create_dir(folder.path("payloads")).unwrap();
    folder.file("payloads/f.json", r#"{"return": 1}"#);
    let makefile = example("Makefile").display().to_string();
    let functions = format!("FUNCTIONS=f {F}");
    let make = |goals: &[&str]| {
        let sizes = format!("SIZES={SIZES}");
        let arguments = [&["-f", &*makefile, &functions, &sizes, "NUM=5"], goals].concat();
        let ran = run(&local, &folder, "make", &arguments, &[]);
        assert!(ran.status.success(), "{}", stderr(&ran));
        String::from_utf8(ran.stdout).unwrap()
    };
    let said = make(&["tune"]);
    assert_eq!(said.matches("lpt-invoke --payload-file payloads/f.json ").count(), 2, "{said}");
    let arn = "arn-aws-lambda-us-east-1-123456789012-function-f";
    let kinds = ["cleaned.ndjson", "ndjson", "selected.ndjson"];
    let expected: Vec<_> =
        [arn, "f"].iter().flat_map(|run| kinds.map(|kind| format!("{run}.{kind}"))).collect();
    assert_eq!(files(&folder.path("runs")), expected);
    let selected = || std::fs::read_to_string(folder.path(&format!("runs/{arn}.selected.ndjson"))).unwrap();
    assert_eq!(of_type(&selected(), "selection")[0]["strategy"], "balanced");
    make(&["reanalyze", "STRATEGY=speed"]);
    assert_eq!(of_type(&selected(), "selection")[0]["strategy"], "speed");
    make(&["cleanup"]);
    assert_eq!(local.account(), before);
}
