//! What becomes of the records, and of the versions that they name: `--save`, a closed stdout, and a pipe without
//! lpt-cleanup.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::common::faults::{Fault, Faults};
use crate::common::records::parse;
use crate::common::{Folder, Local, Ran, function, read_in_background, shell};

const SIZES: [&str; 2] = ["--power-values", "256,512"];

fn service() -> Local {
    Local::with(&[&format!("f={},memory=256,description=mine", function("echo").display())])
}

fn read(file: &Path) -> Vec<Value> {
    parse(&std::fs::read_to_string(file).unwrap())
}

/// Returns the records that a tool wrote to stdout as a file has them: the exit code is for the next tool in the pipe.
fn as_saved(ran: &Ran) -> Vec<Value> {
    let mut records = ran.records();
    records.last_mut().unwrap().as_object_mut().unwrap().remove("exitCode");
    records
}

fn invocations(records: &[Value]) -> usize {
    records.iter().filter(|record| record["type"] == "invocation").count()
}

#[test]
fn a_saved_file_has_all_records_and_one_that_exists_is_not_overwritten_by_mistake() {
    let local = service();
    let before = local.account();
    let folder = Folder::new();
    let (plan, runs) = (folder.path("plan.ndjson"), folder.path("runs.ndjson"));
    let prepared = local.tool("lpt-prepare").args(SIZES).arg("f").arg("--save").arg(&plan).run().succeeds();
    assert_eq!(read(&plan), as_saved(&prepared));
    let invoke = || local.tool("lpt-invoke").arg("--save").arg(&runs).stdin(&*prepared.stdout);
    let measured = invoke().run().succeeds();
    assert_eq!(read(&runs), as_saved(&measured));

    invoke().run().fails_with(2, &["--save ", "runs.ndjson: the file exists", "--overwrite"]);
    assert_eq!(read(&runs), as_saved(&measured), "it is as it was");
    let again = invoke().arg("--overwrite").run().succeeds();
    assert_eq!(read(&runs), as_saved(&again));
    assert_ne!(read(&runs), as_saved(&measured));
    local.tool("lpt-cleanup").arg(&runs).run().succeeds();

    let prepare = local.tool("lpt-prepare").args(SIZES).arg("f").arg("--save").arg(&plan);
    prepare.run().fails_with(2, &["the file exists"]);
    assert_eq!(local.account(), before, "it is looked at before anything is published");
}

#[test]
fn a_file_that_the_tool_reads_is_never_overwritten() {
    let local = service();
    let folder = Folder::new();
    let runs = folder.path("runs.ndjson");
    let prepared = local.tool("lpt-prepare").args(SIZES).arg("f").run().succeeds().stdout;
    local.tool("lpt-invoke").arg("--save").arg(&runs).stdin(&*prepared).run().succeeds();
    let before = std::fs::read_to_string(&runs).unwrap();
    let link = folder.path("link.ndjson");
    std::os::unix::fs::symlink(&runs, &link).unwrap();
    for save in [&runs, &link] {
        let overwrite = || local.tool("lpt-invoke").arg("--overwrite").arg("--save").arg(save);
        let said = &["the same file is read or written here in another way too"];
        overwrite().arg("--resume").arg(&runs).stdin(&*prepared).run().fails_with(2, said);
        overwrite().arg(&runs).run().fails_with(2, said);
        assert_eq!(std::fs::read_to_string(&runs).unwrap(), before);
    }
    let more = folder.path("more.ndjson");
    let resume = local.tool("lpt-invoke").arg("--resume").arg(&runs).arg("--save").arg(&more);
    resume.stdin(prepared).run().succeeds();
    assert_eq!(invocations(&read(&more)), 20);
    local.tool("lpt-cleanup").arg(&runs).run().succeeds();
}

/// Each request of lpt-invoke is an invocation.
#[test]
fn each_invocation_is_in_the_file_although_nobody_reads_the_records_any_more() {
    for parallel in [false, true] {
        let local = service();
        let folder = Folder::new();
        let (plan, runs) = (folder.path("plan.ndjson"), folder.path("runs.ndjson"));
        local.tool("lpt-prepare").args(SIZES).arg("f").arg("--save").arg(&plan).run().succeeds();
        let requests = Faults::before(local.endpoint(), 0);
        let mut invoke = requests
            .tool("lpt-invoke")
            .args(["--num", "100000", "--concurrency", "4", &format!("--parallel={parallel}"), "--save"])
            .arg(&runs)
            .arg(&plan)
            .spawn(Stdio::null(), Stdio::piped());
        let said = read_in_background(invoke.stderr.take().unwrap());
        let mut records = BufReader::new(invoke.stdout.take().unwrap()).lines();
        let seen: Vec<String> = records.by_ref().take(12).map(Result::unwrap).collect();
        drop(records);
        assert_eq!(invoke.wait().unwrap().code(), Some(0));
        let said = said.join().unwrap();
        let expected = "lpt-invoke: f: 2 versions may remain; to remove what is there: lpt-cleanup ";
        assert!(said.starts_with(expected) && said.lines().count() == 1, "{said}");
        let saved = read(&runs);
        assert_eq!(parse(&(seen.join("\n") + "\n")), saved[..seen.len()]);
        assert_eq!(invocations(&saved), requests.chosen().len());
        assert_eq!(saved.last().unwrap()["status"], "interrupted");
        local.tool("lpt-cleanup").arg(&runs).run().succeeds();
    }
}

#[test]
fn a_full_disk_stops_the_tool_and_loses_nothing_of_the_output() {
    let local = service();
    let before = local.account();
    let to_full_disk = ["--save", "/dev/full", "--overwrite"];
    let prepare = local.tool("lpt-prepare").args(SIZES).args(to_full_disk).arg("f").run();
    assert_eq!(prepare.code, Some(1), "{}", prepare.stderr);
    assert!(prepare.stderr.contains("lpt-prepare: /dev/full: No space left on device"), "{}", prepare.stderr);
    assert_eq!(local.account(), before);

    let folder = Folder::new();
    let plan = folder.path("plan.ndjson");
    local.tool("lpt-prepare").args(SIZES).arg("f").arg("--save").arg(&plan).run().succeeds();
    let requests = Faults::before(local.endpoint(), 0);
    let invoke = requests.tool("lpt-invoke").args(to_full_disk).arg(&plan).run();
    assert_eq!(invocations(&invoke.records()), requests.chosen().len());
    assert_eq!(invoke.of_type("configuration").len(), 4, "the records that undo the run pass");
    assert_eq!(invoke.records().pop().unwrap()["status"], "failed");
    invoke.fails_with(1, &["/dev/full: No space left on device"]);
    local.tool("lpt-cleanup").arg(&plan).run().succeeds();
    assert_eq!(local.account(), before);
}

/// Runs a script with `PATH` and the service set, and its stdout not a pipe unless the script makes it one.
fn run(local: &Local, folder: &Folder, script: &str) -> Ran {
    let file = File::create(folder.path("stdout")).unwrap();
    let output = shell(&["sh", "-c", script], local.endpoint())
        .current_dir(folder.path(""))
        .stdout(file)
        .output()
        .unwrap();
    Ran {
        tool: "sh".to_owned(),
        code: output.status.code(),
        stdout: std::fs::read_to_string(folder.path("stdout")).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn a_closed_stdout_is_refused_before_anything_is_done() {
    let local = service();
    let before = local.account();
    let folder = Folder::new();
    for (script, what) in [
        ("lpt-prepare f >&-", "stdout is closed"),
        ("lpt-prepare f > /dev/null", "stdout is /dev/null"),
        ("lpt-prepare f --save /dev/null --overwrite > /dev/null", "stdout is /dev/null"),
        ("echo '{}' | lpt-invoke >&-", "stdout is closed"),
        ("echo '{}' | lpt-apply >&-", "stdout is closed"),
    ] {
        let ran = run(&local, &folder, script);
        assert_eq!(ran.code, Some(2), "{script}: {}", ran.stderr);
        assert!(ran.stderr.contains(what), "{script}: {}", ran.stderr);
        assert_eq!(local.account(), before, "{script}");
    }
    let saved = "lpt-prepare --power-values 256 --save plan.ndjson f >&- &&
        lpt-invoke plan.ndjson > /dev/null && lpt-invoke --save runs.ndjson plan.ndjson >&- && lpt-cleanup runs.ndjson >&-";
    let ran = run(&local, &folder, saved);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(local.account(), before);
}

#[test]
fn the_last_tool_says_which_versions_remain_and_how_they_are_removed() {
    const LEFTOVERS: &str =
        "lpt-cleanup --leftovers --function arn:aws:lambda:us-east-1:123456789012:function:f";
    let local = service();
    let before = local.account();
    let folder = Folder::new();
    for (script, tool, command) in [
        ("lpt-prepare $SIZES f > plan.ndjson", "lpt-prepare", LEFTOVERS),
        ("lpt-prepare $SIZES --save plan.ndjson f > /dev/null", "lpt-prepare", "lpt-cleanup plan.ndjson"),
        (
            "lpt-prepare $SIZES f | lpt-invoke --save runs.ndjson > out",
            "lpt-invoke",
            "lpt-cleanup runs.ndjson",
        ),
        ("lpt-prepare $SIZES f | lpt-invoke | lpt-analyze | lpt-select > out", "lpt-select", LEFTOVERS),
        (
            "lpt-prepare $SIZES f | lpt-invoke | lpt-analyze | lpt-select --format table | cat",
            "lpt-select",
            LEFTOVERS,
        ),
        ("lpt-prepare $SIZES f | lpt-invoke --nosuch | lpt-analyze > out", "lpt-analyze", LEFTOVERS),
        ("lpt-prepare $SIZES f | lpt-invoke | lpt-cleanup --nosuch > out", "lpt-cleanup", LEFTOVERS),
    ] {
        for file in ["plan.ndjson", "runs.ndjson"] {
            let _ = std::fs::remove_file(folder.path(file));
        }
        let ran = run(&local, &folder, &script.replace("$SIZES", &SIZES.join(" ")));
        let how =
            if command == LEFTOVERS { " (which shows it; then add --yes --even-if-recent)" } else { "" };
        let line = format!("{tool}: f: 2 versions may remain; to remove what is there: {command}{how}\n");
        assert_eq!(ran.stderr.matches("remain").count(), 1, "{script}: {}", ran.stderr);
        assert!(ran.stderr.contains(&line), "{script}: {}", ran.stderr);
        let command = if command == LEFTOVERS {
            format!("{command} --yes --even-if-recent")
        } else {
            command.to_owned()
        };
        assert_eq!(run(&local, &folder, &format!("{command} > cleaned")).code, Some(0));
        assert_eq!(local.account(), before, "{script}");
    }
    let ran = run(
        &local,
        &folder,
        "lpt-prepare --power-values 256 f | lpt-invoke | lpt-analyze | lpt-cleanup > out",
    );
    assert!(!ran.stderr.contains("remain"), "{}", ran.stderr);
    // The versions of a file may be gone long since.
    for script in ["lpt-analyze runs.ndjson | lpt-select > out", "cat runs.ndjson | lpt-analyze > out"] {
        run(&local, &folder, "lpt-prepare --power-values 256 f | lpt-invoke > runs.ndjson");
        assert_eq!(run(&local, &folder, "lpt-cleanup runs.ndjson > cleaned").code, Some(0));
        let ran = run(&local, &folder, script);
        assert_eq!(ran.code, Some(0), "{script}: {}", ran.stderr);
        assert!(!ran.stderr.contains("remain"), "{script}: {}", ran.stderr);
    }
}

#[test]
fn a_command_that_is_proposed_can_be_pasted_whatever_the_file_is_called() {
    let local = service();
    let before = local.account();
    let folder = Folder::new();
    for name in ["'a b.ndjson'", "\"it's.ndjson\"", "'$(touch made).ndjson'", "-x.ndjson"] {
        let prepare = format!("lpt-prepare --power-values 256 f --save={name} > out");
        let ran = run(&local, &folder, &prepare);
        let command = ran.stderr.split_once("what is there: ").expect(&ran.stderr).1.trim_end();
        let cleaned = run(&local, &folder, &format!("{command} > cleaned"));
        assert_eq!(cleaned.code, Some(0), "{command}: {}", cleaned.stderr);
        assert_eq!(local.account(), before, "{command}");
    }
    assert!(!folder.path("made").exists());
    let ran = local.tool("lpt-prepare").args(["f", "--save", "-"]).run();
    ran.fails_with(2, &["--save -: name a file, because stdout has the records already"]);
}

#[test]
fn an_interrupted_run_says_what_it_cost_and_how_it_goes_on() {
    let local = service();
    let before = local.account();
    let folder = Folder::new();
    let script = "lpt-prepare --power-values 256 f |
        lpt-invoke --pre-command 'test -e once && kill -INT $PPID; touch once' --save runs.ndjson > out";
    let ran = run(&local, &folder, script);
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    for words in [
        " made, and cost about 0.0000",
        " USD; to make only the others, type this with the other flags of this run: lpt-tune ",
        "lpt-invoke: interrupted\n",
        "lpt-invoke: f: 1 version may remain; to remove what is there: lpt-cleanup runs.ndjson\n",
    ] {
        assert!(ran.stderr.contains(words), "no {words:?} in {}", ran.stderr);
    }
    assert_eq!(run(&local, &folder, "lpt-cleanup runs.ndjson > cleaned").code, Some(0));
    assert_eq!(local.account(), before);
    let command = ran.stderr.split_once("of this run: ").unwrap().1.lines().next().unwrap();
    assert!(command.contains(" --resume runs.ndjson --power-values 256 --num 10 arn:"), "{command}");
    let resumed = run(&local, &folder, &format!("{command} --save all.ndjson > result.ndjson"));
    assert_eq!(resumed.code, Some(0), "{command}: {}", resumed.stderr);
    assert!(resumed.stderr.contains("of the resumed run\n"), "{}", resumed.stderr);
    assert_eq!(local.account(), before);
    // Of an alias, the alias is what lpt-apply moves.
    let (published, folder) = (local.tool("lpt-prepare"), Folder::new());
    let prepared = published.args(["--power-values", "256", "f"]).run().succeeds().stdout;
    let of_alias = prepared.replacen("{\"type\":\"plan\",", "{\"type\":\"plan\",\"alias\":\"live\",", 1);
    folder.file("plan.ndjson", &of_alias);
    let script = "lpt-invoke --pre-command 'test -e once && kill -INT $PPID; touch once' --save runs.ndjson plan.ndjson > out
        lpt-cleanup out > cleaned";
    let ran = run(&local, &folder, script);
    assert!(ran.stderr.contains(":function:f:live\n"), "{}", ran.stderr);
}

/// AWS fails at each call after the first ones, of which one is CreateAlias.
#[test]
fn a_version_whose_alias_could_not_be_made_is_among_those_that_remain() {
    let local = service();
    let before = local.account();
    let folder = Folder::new();
    // How often a tool asks whether a version is active depends on the machine, so a number can be missed.
    let is_found = (0..4).flat_map(|_| 3..14).any(|after| {
        let faults = Faults::before(local.endpoint(), 0).only(&[Fault::ServiceFailed]).after(after);
        let plan = folder.path("plan.ndjson");
        let prepare =
            faults.tool("lpt-prepare").args(["--power-values", "512", "f", "--overwrite", "--save"]);
        let ran = prepare.arg(&plan).run_into(File::create(folder.path("out")).unwrap());
        let is_without_alias = |record: &Value| record["state"] == "failed" && record["version"].is_string();
        let is_found = read(&plan).iter().any(is_without_alias);
        if is_found {
            assert!(
                ran.stderr.contains("f: 1 version may remain; to remove what is there: lpt-cleanup "),
                "{}",
                ran.stderr
            );
        }
        local.tool("lpt-cleanup").arg(&plan).run();
        assert_eq!(local.account(), before);
        is_found
    });
    assert!(is_found, "CreateAlias is among the calls");
}
