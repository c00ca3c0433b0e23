//! The files in examples that users copy, run as they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::common::records::parse;
use crate::common::{Folder, Local, binary, function, has, python_with, variables, zipped};

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
    for variable in ["LPT_INPUT", "MAKEFLAGS", "MAKELEVEL"] {
        command.env_remove(variable);
    }
    command
        .args(arguments)
        .current_dir(folder.path("."))
        .env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()))
        .env("LPT_CONTROL_PLANE_RATE", "0")
        .envs(variables(local.endpoint()))
        // Version 1 of the AWS CLI reads no AWS_REGION.
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
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

/// Runs the Makefile's goals on functions, and returns what make showed.
fn make(local: &Local, folder: &Folder, functions: &str, goals: &[&str]) -> String {
    let makefile = example("Makefile").display().to_string();
    let (functions, sizes) = (format!("FUNCTIONS={functions}"), format!("SIZES={SIZES}"));
    let arguments = [&["-f", &*makefile, &*functions, &*sizes, "NUM=5"], goals].concat();
    let ran = run(local, folder, "make", &arguments, &[]);
    assert!(ran.status.success(), "{}", stderr(&ran));
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn the_makefile_takes_names_and_arns() {
    if !has("aws") {
        return;
    }
    let (local, folder) = (echo(), Folder::new());
    let before = local.account();
    std::fs::create_dir(folder.path("payloads")).unwrap();
    folder.file("payloads/f.json", r#"{"return": 1}"#);
    let make = |goals: &[&str]| make(&local, &folder, &format!("f {F}"), goals);
    let said = make(&["tune"]);
    assert_eq!(said.matches("lpt-invoke --payload-file payloads/f.json ").count(), 2, "{said}");
    let arn = "arn-aws-lambda-us-east-1-123456789012-function-f";
    let kinds = ["cleaned.ndjson", "code", "ndjson", "selected.ndjson"];
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

/// Also after a selection anew, and where the last run failed.
#[test]
fn the_makefile_measures_a_function_again_only_if_its_code_or_payload_has_changed() {
    if !has("aws") {
        return;
    }
    let echo = function("echo");
    let local = Local::with(&[&format!("f={}", echo.display()), &format!("g={}", echo.display())]);
    let folder = Folder::new();
    let measured = |goals: &[&str]| {
        let said = make(&local, &folder, "f g", goals);
        let is_measured = |name: &&str| said.contains(&format!("--num 5 -- {name} "));
        ["f", "g"].into_iter().filter(is_measured).collect::<String>()
    };
    assert_eq!(measured(&["tune"]), "fg");
    assert_eq!(measured(&["tune"]), "");
    let (runtime, client) = local.client();
    let zip = zipped("bootstrap", &[std::fs::read(&echo).unwrap(), b"other code".to_vec()].concat());
    let update = client.update_function_code().function_name("g").zip_file(zip.into());
    runtime.block_on(update.send()).unwrap();
    measured(&["reanalyze"]);
    assert_eq!(measured(&["tune"]), "g");
    std::fs::create_dir(folder.path("payloads")).unwrap();
    let payload = folder.file("payloads/f.json", "{");
    let makefile = example("Makefile").display().to_string();
    let failed = run(&local, &folder, "make", &["-f", &makefile, "FUNCTIONS=f g"], &[]);
    assert_eq!(failed.status.code(), Some(2), "{}", stderr(&failed));
    std::fs::write(payload, "{}").unwrap();
    assert_eq!(measured(&["tune"]), "f");
}

/// Returns the parts of a file that this Python expression names, of the file as `doc`.
fn yaml<T: serde::de::DeserializeOwned>(file: &str, expression: &str) -> T {
    let program =
        format!("import json, sys, yaml; doc = yaml.safe_load(sys.stdin); print(json.dumps({expression}))");
    let file = std::fs::File::open(example(file)).unwrap();
    let ran = Command::new("python3").args(["-c", &program]).stdin(file).output().unwrap();
    assert!(ran.status.success(), "{}", stderr(&ran));
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// Runs a job in a repository whose build has other code on main than in the change: cheap code, which answers at once,
/// or dear code, which computes.
fn a_job_fails_if_the_change_is_dearer(
    environment: &BTreeMap<String, String>,
    commands: &[String],
    target_branch: &str,
) {
    if !has("aws") || !has("git") {
        return;
    }
    let cheap = zipped("bootstrap", &std::fs::read(function("echo")).unwrap());
    let dear = zipped("bootstrap", &std::fs::read(function("cpu-bound")).unwrap());
    for (before, after, status) in [(&cheap, &dear, 1), (&dear, &cheap, 0)] {
        let (local, folder) = (echo(), Folder::new());
        folder.file("Makefile", "function.zip: code.zip\n\tcp code.zip function.zip\n");
        std::fs::write(folder.path("code.zip"), before).unwrap();
        let commit = "git init --quiet && git add . && git -c user.name=Test -c user.email= commit --quiet -m main && git update-ref refs/remotes/origin/main HEAD";
        let committed = run(&local, &folder, "sh", &["-c", commit], &[]);
        assert!(committed.status.success(), "{}", stderr(&committed));
        std::fs::write(folder.path("code.zip"), after).unwrap();
        let mut environment: Vec<_> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let region = environment.iter().position(|(name, _)| *name == "AWS_REGION");
        region.map(|at| environment.remove(at));
        environment.extend([("FUNCTION", "f"), ("SIZES", "512"), ("NUM", "10"), (target_branch, "main")]);
        let ran = run(&local, &folder, "bash", &["-e", "-c", &commands.join("\n")], &environment);
        assert_eq!(ran.status.code(), Some(status), "{}", stderr(&ran));
        assert_eq!(stderr(&ran).contains("of --fail-if (95 %"), status == 1, "{}", stderr(&ran));
        let shown = String::from_utf8(ran.stdout).unwrap();
        assert!(shown.contains("512"), "{shown}");
        let left = local.account().functions["f"].clone();
        assert!(left.versions.len() == 1 && left.aliases.is_empty(), "more than $LATEST is left: {left:?}");
    }
}

#[test]
fn the_github_job_fails_if_a_change_makes_the_function_dearer() {
    const FILE: &str = "github-actions.yml";
    if !python_with("yaml") {
        return;
    }
    let environment: BTreeMap<String, String> = yaml(FILE, "doc['env']");
    let steps: Vec<String> =
        yaml(FILE, "[step['run'] for step in doc['jobs']['cost']['steps'] if 'run' in step]");
    let (install, steps) = steps.split_first().unwrap();
    assert!(install.starts_with("cargo install "), "{install}");
    a_job_fails_if_the_change_is_dearer(&environment, steps, "GITHUB_BASE_REF");
}

#[test]
fn the_gitlab_job_fails_if_a_change_makes_the_function_dearer() {
    const FILE: &str = "gitlab-ci.yml";
    if !python_with("yaml") {
        return;
    }
    let environment: BTreeMap<String, String> = yaml(FILE, "doc['cost']['variables']");
    let script: Vec<String> = yaml(FILE, "doc['cost']['script']");
    a_job_fails_if_the_change_is_dearer(&environment, &script, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME");
}

#[test]
fn the_crontab_keeps_the_records_of_each_run() {
    let local = Local::with(&[&format!("orders-api={},memory=256", function("echo").display())]);
    let before = local.account();
    let folder = Folder::new();
    let crontab = std::fs::read_to_string(example("crontab")).unwrap();
    let line = crontab.lines().last().unwrap();
    // Five fields say when.
    let command = line.split_whitespace().skip(5).collect::<Vec<_>>().join(" ");
    let home = folder.path(".").display().to_string();
    let ran = run(&local, &folder, "sh", &["-c", &command], &[("HOME", &home)]);
    let mail = stderr(&ran);
    assert!(ran.status.success(), "{mail}");
    let kept = files(&folder.path("lpt-runs"));
    let [file, result] = &kept[..] else { panic!("{kept:?}") };
    assert!(file.starts_with("orders-api-2") && result.ends_with(".result.ndjson"), "{kept:?}");
    let selecting = "lpt-analyze -q lpt-runs | lpt-select -q --format json";
    let selected = run(&local, &folder, "sh", &["-c", selecting], &[]);
    let selections: Value = serde_json::from_slice(&selected.stdout).unwrap();
    let marked = mail.lines().find_map(|line| line.strip_prefix('>')?.split_whitespace().next());
    assert_eq!(marked, Some(&*selections[0]["memorySizeMB"].to_string()), "{mail}");
    assert_eq!(local.account(), before);
    // The comment says how to see all runs.
    let history = crontab.lines().find_map(|line| line.strip_prefix("# history of the function: ")).unwrap();
    let seen = run(&local, &folder, "sh", &["-c", history], &[("HOME", &home)]);
    assert!(seen.status.success() && folder.path("history.html").exists(), "{}", stderr(&seen));
}

/// Each block of shell in README.md, in the order in which they stand there, in one folder.
#[test]
fn the_commands_of_the_readme_work_as_they_stand_there() {
    // More memory makes it dearer and not faster, so the cheapest size is certain.
    let program = function("network-bound").display().to_string();
    let local = Local::with(
        &["my-function", "cpu-bound"]
            .map(|name| format!("{name}={program},memory=256"))
            .each_ref()
            .map(|spec| &**spec),
    );
    let folder = Folder::new();
    folder.file("event.json", r#"{"orders": 3}"#);
    std::fs::copy(example("execution-input.json"), folder.path("execution-input.json")).unwrap();
    let readme = std::fs::read_to_string(example("../README.md")).unwrap();
    let blocks: Vec<&str> =
        readme.split("```bash\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 4, "{} blocks", blocks.len());
    for block in blocks {
        let ran = run(&local, &folder, "bash", &["-c", &format!("set -e\n{block}")], &[]);
        assert!(ran.status.success(), "{block}{}", stderr(&ran));
    }
}
