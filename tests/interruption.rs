//! A run can be undone from its records, wherever it was cut off, and nothing else changes.

mod first_signal;
mod whole_pipe;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use crate::common::faults::{Fault, Faults};
use crate::common::records::{end, lines, parse, selection};
use crate::common::{
    Folder, Function, Local, Pipe, Publishing, Ran, Tool, function, read_in_background, under_both_readings,
    zipped,
};

under_both_readings! {
    lpt_prepare_and_lpt_cleanup_make_each_call_once_when_its_first_answer_is_lost
    lpt_apply_makes_each_call_once_when_its_first_answer_is_lost
    a_run_whose_network_goes_at_any_call_is_undone_from_its_records
    lpt_apply_killed_at_any_call_leaves_nothing_that_leftovers_does_not_find
    lpt_prepare_whose_run_is_ended_by_lpt_cleanup_says_so_and_leaves_nothing
    two_runs_on_one_function_both_end_right_or_one_is_refused
    a_version_that_somebody_else_publishes_in_the_middle_stays
    a_deployment_in_the_middle_ends_the_run_and_stays
}

/// Gives the function versions and aliases that are its user's, some of which look like those of a run.
fn plant(local: &Local, name: &str) {
    const OTHER_RUN: &str = "019a0000000070008000000000000000";
    let tag = format!("lpt version runId={OTHER_RUN} memorySizeMB=512 originalMemorySizeMB=512");
    let release = local.publish(name, "release 1");
    local.create_alias(name, "live", &release);
    local.create_alias(name, "lpt-live", &release);
    let other_run = local.publish(name, &tag);
    let (runtime, client) = local.client();
    let alias = client.create_alias().function_name(name).name(format!("lpt-{OTHER_RUN}-512"));
    runtime.block_on(alias.description(tag).function_version(other_run).send()).unwrap();
}

/// Starts a service with the function `f`, which has versions and aliases of its user's.
fn service() -> Local {
    service_publishing(Publishing::CodeAndConfiguration)
}

/// Starts the same, with one of the two readings of PublishVersion.
fn service_publishing(publishing: Publishing) -> Local {
    let function = format!("--function=f={},memory=512,description=my own words", function("echo").display());
    let limits =
        ["--control-plane-rate=0", "--update-delay-ms=5", "--version-delay-ms=100", "--cpu=unlimited"];
    let local = Local::start(&[&[&*function], &limits[..], publishing.arguments()].concat());
    plant(&local, "f");
    local
}

/// Returns the text without a last line that is cut.
fn whole_lines(text: &str) -> &str {
    &text[..text.rfind('\n').map_or(0, |at| at + 1)]
}

/// The SDK makes such a call again, and AWS then refuses it.
fn lpt_prepare_and_lpt_cleanup_make_each_call_once_when_its_first_answer_is_lost(publishing: Publishing) {
    std::thread::scope(|scope| {
        for fault in [Fault::AnswerLost, Fault::Cut] {
            scope.spawn(move || prepare_and_clean_up_despite(fault, publishing));
        }
    });
}

fn prepare_and_clean_up_despite(fault: Fault, publishing: Publishing) {
    let local = service_publishing(publishing);
    let before = local.state_of("f");
    let faults = || Faults::before(local.endpoint(), 0).only(&[fault]).on_every(2);
    let while_preparing = faults();
    let prepare = while_preparing.tool("lpt-prepare").args(["--power-values", "1024,2048", "f"]);
    let prepared = prepare.run().succeeds();
    assert!(while_preparing.counts()[&fault] > 4, "each size's calls are disturbed");
    let mut states: Vec<_> =
        prepared.of_type("configuration").iter().map(|record| record["state"].to_string()).collect();
    states.sort_unstable();
    assert_eq!(states, ["\"creating\"", "\"creating\"", "\"ready\"", "\"ready\""]);
    let after = local.state_of("f");
    assert_eq!(after.latest(), before.latest());
    assert_eq!(after.versions.len(), before.versions.len() + 2);
    assert_eq!(after.aliases.len(), before.aliases.len() + 2);
    assert_eq!(assert_ready_versions_exist(&prepared, &after), 2);

    let while_cleaning = faults();
    let cleaned = while_cleaning.tool("lpt-cleanup").stdin(prepared.stdout).run().succeeds();
    assert!(while_cleaning.counts()[&fault] > 4, "each removal is disturbed");
    let cleaned = &cleaned.of_type("cleaned")[0];
    assert_eq!(cleaned["versionsDeleted"].as_array().unwrap().len(), 2);
    assert_eq!(cleaned["aliasesDeleted"].as_array().unwrap().len(), 2);
    assert_eq!(local.state_of("f"), before);
}

/// Asserts that the function has what lpt-prepare says is ready, and returns how many versions that are.
#[track_caller]
fn assert_ready_versions_exist(prepared: &Ran, now: &Function) -> usize {
    let mut ready = prepared.of_type("configuration");
    ready.retain(|record| record["state"] == "ready");
    for record in &ready {
        let alias = &now.aliases[record["alias"].as_str().unwrap()];
        assert_eq!(record["version"], *alias.version);
        assert_eq!(record["memorySizeMB"], now.versions[&alias.version].memory);
    }
    ready.len()
}

fn lpt_apply_makes_each_call_once_when_its_first_answer_is_lost(publishing: Publishing) {
    let local = service_publishing(publishing);
    let faults = Faults::before(local.endpoint(), 0).only(&[Fault::AnswerLost]).on_every(2);
    let apply = |memory: u32, alias: &[&str]| {
        let input = lines([selection("f").memory(memory), end("lpt-select")]);
        let before = faults.chosen().len();
        let applied = faults.tool("lpt-apply").args(alias).stdin(input).run().succeeds();
        assert!(faults.chosen()[before..].contains(&Some(Fault::AnswerLost)), "{memory} MB meets no fault");
        let applied = applied.of_type("applied").pop().unwrap();
        assert_eq!(applied["state"], "applied");
        applied["version"].as_str().unwrap_or("$LATEST").to_owned()
    };
    let mut expected = local.state_of("f");
    // The alias is made, and then moved.
    for memory in [1024, 1536] {
        let version = apply(memory, &["--alias", "tuned"]);
        let after = local.state_of("f");
        assert_eq!(after.aliases["tuned"].version, version);
        assert_eq!(after.versions[&version].memory, memory as i32);
        expected.versions.insert(version.clone(), after.versions[&version].clone());
        expected.aliases.insert("tuned".to_owned(), after.aliases["tuned"].clone());
        assert_eq!(after, expected);
    }
    assert_eq!(apply(2048, &[]), "$LATEST");
    expected.latest_mut().memory = 2048;
    assert_eq!(local.state_of("f"), expected);
}

/// Each request is an invocation that is paid for. With two in flight, at most two lost ones end one after the other:
/// the next request is sent only when one of the two has ended, and every second one is answered.
#[test]
fn an_invocation_whose_answer_is_lost_is_recorded_and_not_sent_again() {
    for parallel in [false, true] {
        let local = service();
        let prepared =
            local.tool("lpt-prepare").args(["--power-values", "1024", "f"]).run().succeeds().stdout;
        for fault in [Fault::AnswerLost, Fault::Cut] {
            let faults = Faults::before(local.endpoint(), 0).only(&[fault]).on_every(2);
            let ran = faults
                .tool("lpt-invoke")
                .args(["--num", "6", "--concurrency", "2", &format!("--parallel={parallel}")])
                .stdin(&*prepared)
                .run();
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            let invocations = ran.of_type("invocation");
            assert_eq!(invocations.len(), 6);
            assert_eq!(faults.chosen().len(), 6, "each was sent once");
            let lost: Vec<_> =
                invocations.iter().filter(|invocation| invocation["outcome"] != "ok").collect();
            assert_eq!(lost.len(), 3);
            for invocation in lost {
                assert_eq!(invocation["outcome"], "service-error");
                assert_eq!(invocation["errorType"], "Unreachable");
                assert_eq!(invocation.get("durationMs"), None);
            }
            assert!(invocations.iter().all(|invocation| invocation["attempts"] == 1));
        }
    }
}

/// The network goes while the run is at any of its calls, which may have taken effect.
fn a_run_whose_network_goes_at_any_call_is_undone_from_its_records(publishing: Publishing) {
    let next_call = AtomicUsize::new(0);
    let is_finished = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_finished.load(Ordering::Relaxed) {
                    let after = next_call.fetch_add(1, Ordering::Relaxed);
                    let local = service_publishing(publishing);
                    let before = local.state_of("f");
                    let faults = Faults::before(local.endpoint(), 0).only(&[Fault::AnswerLost]).after(after);
                    let ran = faults.tool("lpt-prepare").args(["--power-values", "1024", "f"]).run();
                    if ran.code == Some(0) {
                        // All its calls were spared.
                        assert!(after > 5, "{}", ran.stderr);
                        is_finished.store(true, Ordering::Relaxed);
                    } else {
                        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
                        assert_eq!(ran.records().pop().unwrap()["status"], "failed");
                    }
                    let cleaned = local.tool("lpt-cleanup").stdin(ran.stdout).run();
                    assert_eq!(local.state_of("f"), before, "after {after} calls: {}", cleaned.stderr);
                }
            });
        }
    });
}

/// Cut off between the publication and the alias, lpt-apply leaves a version that only the account knows of.
fn lpt_apply_killed_at_any_call_leaves_nothing_that_leftovers_does_not_find(publishing: Publishing) {
    let folder = Folder::new();
    let input = folder.file("selected.ndjson", &lines([selection("f").memory(1024), end("lpt-select")]));
    let (mut published, mut pointed) = (0, 0);
    for call in 0.. {
        let local = service_publishing(publishing);
        let clean_up = || {
            let leftovers = ["--leftovers", "--function", "f", "--yes", "--even-if-recent"];
            local.tool("lpt-cleanup").args(leftovers).run().succeeds();
        };
        // The other run's things go, too.
        clean_up();
        let before = local.state_of("f");
        let network = Faults::before(local.endpoint(), 0).hold(call);
        let apply = network.tool("lpt-apply").args(["--alias", "tuned"]).arg(&input);
        if !killed_while_held(apply, &network) {
            break;
        }
        let cut_off = local.state_of("f");
        let is_pointed_at = cut_off.aliases.contains_key("tuned");
        published += usize::from(!is_pointed_at && cut_off.versions.len() > before.versions.len());
        pointed += usize::from(is_pointed_at);

        clean_up();
        let mut after = local.state_of("f");
        if let Some(tuned) = after.aliases.remove("tuned") {
            assert_eq!(after.versions.remove(&tuned.version).unwrap().memory, 1024, "call {call}");
        }
        assert_eq!(after, before, "call {call}");
    }
    assert!(published > 0 && pointed > 0, "{published} runs had published, {pointed} had pointed the alias");
}

/// Kills the tool when this request is held back, which then never arrives. Returns whether there was such a request.
fn killed_while_held(tool: Tool, network: &Faults) -> bool {
    let mut pipe = Pipe::start(vec![tool]);
    while !network.is_holding() {
        if pipe.has_ended() {
            return false;
        }
        std::thread::yield_now();
    }
    pipe.signal_all(Signal::KILL);
    pipe.finish();
    true
}

/// In a pipe that breaks, lpt-cleanup may come to its end while lpt-prepare is still at work.
fn lpt_prepare_whose_run_is_ended_by_lpt_cleanup_says_so_and_leaves_nothing(publishing: Publishing) {
    let local = service_publishing(publishing);
    let before = local.state_of("f");
    let folder = Folder::new();
    let mut ended = 0;
    for call in 0.. {
        let network = Faults::before(local.endpoint(), 0).hold(call);
        let records = folder.path("records.ndjson");
        let mut prepare = network
            .tool("lpt-prepare")
            .args(["--power-values", "1024,2048", "f"])
            .spawn(Stdio::null(), File::create(&records).unwrap().into());
        let said = read_in_background(prepare.stderr.take().unwrap());
        while !network.is_holding() && prepare.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        let was_held = network.is_holding();
        let clean_up = || local.tool("lpt-cleanup").arg(&records).run().succeeds();
        if was_held {
            clean_up();
        }
        network.release();
        let code = prepare.wait().unwrap().code();
        let said = said.join().unwrap();
        if code == Some(0) {
            // It had changed nothing yet, or nothing any more.
            clean_up();
        } else {
            ended += 1;
            assert_eq!(code, Some(1), "call {call}: {said}");
            assert!(said.contains("f: lpt-cleanup has ended the run "), "call {call}: {said}");
        }
        assert!(!said.contains("somebody else"), "call {call}: {said}");
        assert_eq!(local.state_of("f"), before, "call {call}: {said}");
        if !was_held {
            break;
        }
    }
    assert!(ended > 4, "the run was ended {ended} times");
}

/// The second run begins at each call of the first one. It ends before that call is made, or runs at the same time.
fn two_runs_on_one_function_both_end_right_or_one_is_refused(publishing: Publishing) {
    let next_call = AtomicUsize::new(0);
    let is_finished = AtomicBool::new(false);
    let (both, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let local = service_publishing(publishing);
                while !is_finished.load(Ordering::Relaxed) {
                    let call = next_call.fetch_add(1, Ordering::Relaxed);
                    for at_once in [false, true] {
                        let Some(complete) = run_two(&local, call, at_once) else {
                            is_finished.store(true, Ordering::Relaxed);
                            continue;
                        };
                        if !at_once {
                            let count = if complete == 2 { &both } else { &refused };
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let (both, refused) = (both.into_inner(), refused.into_inner());
    println!("of two runs, both ended {both} times, and one was refused {refused} times");
    // A run refuses others from its first change until it has restored the function.
    assert!(both > 0 && refused > 4, "both ended {both} times, and one was refused {refused} times");
}

/// Holds back the first run at this call while the second one begins. Returns how many of the two are complete, or
/// nothing if the first makes fewer calls.
fn run_two(local: &Local, call: usize, at_once: bool) -> Option<usize> {
    let before = local.state_of("f");
    let prepare = |tool: Tool| tool.args(["--power-values", "1024,2048", "f"]).run();
    let faults = Faults::before(local.endpoint(), 0).hold(call);
    let mut was_held = false;
    let ran = std::thread::scope(|scope| {
        let first = scope.spawn(|| prepare(faults.tool("lpt-prepare")));
        while !faults.is_holding() && !first.is_finished() {
            std::thread::yield_now();
        }
        was_held = faults.is_holding();
        let second = scope.spawn(|| prepare(local.tool("lpt-prepare")));
        if at_once {
            faults.release();
        }
        let second = second.join().unwrap();
        faults.release();
        [first.join().unwrap(), second]
    });
    let what = format!("call {call}, at once: {at_once}");
    let complete = assert_runs_end_right(&ran, &before, &local.state_of("f"), &what);
    for ran in ran {
        local.tool("lpt-cleanup").stdin(ran.stdout).run().cleans_up_after(ran.code);
    }
    assert_eq!(local.state_of("f"), before, "{what}");
    was_held.then_some(complete)
}

/// Returns how many of two runs are complete: one at least. The other one is refused.
#[track_caller]
fn assert_runs_end_right(ran: &[Ran; 2], before: &Function, after: &Function, what: &str) -> usize {
    assert_eq!(after.latest(), before.latest(), "{what}: {ran:?}");
    for ran in ran {
        let ready = assert_ready_versions_exist(ran, after);
        if ran.code == Some(0) {
            assert_eq!(ready, 2, "{what}");
        } else {
            assert_eq!(ran.code, Some(1), "{what}: {}", ran.stderr);
            assert!(ran.stderr.contains("is being tuned by the run"), "{what}: {}", ran.stderr);
        }
    }
    let complete = ran.iter().filter(|ran| ran.code == Some(0)).count();
    assert!(complete > 0, "{what}: one of them is let through: {ran:?}");
    complete
}

/// AWS may copy the run's tag of $LATEST to such a version, or give the run that version instead of one of its own.
fn a_version_that_somebody_else_publishes_in_the_middle_stays(publishing: Publishing) {
    let mut overtaken = 0;
    for call in 0.. {
        let local = service_publishing(publishing);
        let mut expected = local.state_of("f");
        let network = Faults::before(local.endpoint(), 0).hold(call);
        let prepare = network.tool("lpt-prepare").args(["--power-values", "1024,2048", "f"]);
        let ran = std::thread::scope(|scope| {
            let prepare = scope.spawn(|| prepare.run());
            while !network.is_holding() && !prepare.is_finished() {
                std::thread::yield_now();
            }
            let before = local.state_of("f");
            if network.is_holding()
                && let Some(number) = publish_when_settled(&local)
                // AWS may answer with a version that was there, be it the run's or the user's, or that the run has just
                // published.
                && !before.versions.contains_key(&number)
                && let Some(version) = local.state_of("f").versions.get(&number)
                && !version.description.starts_with("lpt version ")
            {
                expected.versions.insert(number, version.clone());
            }
            network.release();
            prepare.join().unwrap()
        });
        if ran.code != Some(0) {
            overtaken += 1;
            assert_eq!(ran.code, Some(1), "call {call}: {}", ran.stderr);
            assert!(ran.stderr.contains("somebody else changed the function"), "call {call}: {}", ran.stderr);
        }
        local.tool("lpt-cleanup").stdin(ran.stdout).run().cleans_up_after(ran.code);
        assert_eq!(local.state_of("f"), expected, "call {call}: {}", ran.stderr);
        if !network.is_holding() {
            break;
        }
    }
    println!("{publishing:?}: {overtaken} runs ended");
}

/// Publishes `$LATEST` as somebody who knows nothing of the run, unless a change of it is in progress.
fn publish_when_settled(local: &Local) -> Option<String> {
    let (runtime, client) = local.client();
    let published = runtime.block_on(client.publish_version().function_name("f").send());
    published.ok()?.version().map(str::to_owned)
}

/// Somebody else deploys code, or changes a setting, while sizes are being published.
fn a_deployment_in_the_middle_ends_the_run_and_stays(publishing: Publishing) {
    for round in 0..8 {
        let local = service_publishing(publishing);
        let mut expected = local.state_of("f");
        let mut prepare = local
            .tool("lpt-prepare")
            .args(["--power-values", "1024-10240:8", "--num", "1", "f"])
            .spawn(Stdio::null(), Stdio::piped());
        let said = read_in_background(prepare.stderr.take().unwrap());
        let mut records = BufReader::new(prepare.stdout.take().unwrap());
        let mut stream = String::new();
        for _ in 0..2 + round {
            records.read_line(&mut stream).unwrap();
        }
        let what = if round % 2 == 0 { "code" } else { "timeout" };
        deploy(&local, what);
        let theirs = local.state_of("f");
        let latest = expected.latest_mut();
        latest.code_sha256.clone_from(&theirs.latest().code_sha256);
        latest.timeout = theirs.latest().timeout;
        records.read_to_string(&mut stream).unwrap();
        assert_eq!(prepare.wait().unwrap().code(), Some(1));
        let said = said.join().unwrap();
        assert!(said.contains("somebody else changed the function"), "{said}");
        assert!(said.contains(&format!("meanwhile: {what}")), "{said}");

        // What was published before is measured, and then all of it goes.
        let ready = stream.lines().filter(|line| line.contains("\"ready\"")).count();
        let measured = local.tool("lpt-invoke").args(["--payload", "{}"]).stdin(stream).run();
        assert_eq!(measured.of_type("invocation").len(), ready, "{}", measured.stderr);
        assert_eq!(measured.records().pop().unwrap()["status"], "failed");
        local.tool("lpt-cleanup").stdin(measured.stdout).run().cleans_up_after(measured.code);
        assert_eq!(local.state_of("f"), expected, "round {round}: {said}");
    }
}

/// Changes the code or the timeout, as soon as that falls between two changes of the run.
fn deploy(local: &Local, what: &str) {
    let (runtime, client) = local.client();
    let zip = zipped("bootstrap", b"nobody runs it");
    runtime.block_on(async {
        loop {
            let is_made = if what == "code" {
                let zip = aws_sdk_lambda::primitives::Blob::new(zip.clone());
                client.update_function_code().function_name("f").zip_file(zip).send().await.is_ok()
            } else {
                client.update_function_configuration().function_name("f").timeout(77).send().await.is_ok()
            };
            if is_made {
                break;
            }
        }
    });
}

/// After the first signal lpt-cleanup would finish, and lpt-invoke would wait for what is in flight, because that is
/// paid for. Here neither can: AWS never gets its first call.
#[test]
fn a_second_signal_is_obeyed_at_once_and_says_what_to_run() {
    let local = service();
    let before = local.state_of("f");
    let prepared = local.tool("lpt-prepare").args(["--power-values", "1024", "f"]).run().succeeds().stdout;
    let folder = Folder::new();
    let stream = folder.file("stream.ndjson", &prepared);

    for tool in ["lpt-invoke", "lpt-cleanup"] {
        let network = Faults::before(local.endpoint(), 0).hold(0);
        let (input, mut records) = std::io::pipe().unwrap();
        records.write_all(prepared.as_bytes()).unwrap();
        drop(records);
        let mut child = network.tool(tool).spawn(input.into(), Stdio::piped());
        let said = read_in_background(child.stderr.take().unwrap());
        let passed_on = read_in_background(child.stdout.take().unwrap());
        while !network.is_holding() {
            std::thread::yield_now();
        }
        // The second one counts where it comes after the first; two that come at once are one.
        let mut signals = 0;
        while child.try_wait().unwrap().is_none() {
            kill_process(Pid::from_child(&child), Signal::INT).unwrap();
            signals += 1;
            std::thread::yield_now();
        }
        assert!(signals >= 2);
        assert_eq!(child.wait().unwrap().code(), Some(130));
        parse(whole_lines(&passed_on.join().unwrap()));
        let said = said.join().unwrap();
        assert!(said.contains("stopped at once; to undo what was begun run lpt-cleanup FILE"), "{said}");
    }
    local.tool("lpt-cleanup").arg(&stream).run().succeeds();
    assert_eq!(local.state_of("f"), before);
}
