//! Whatever ends a run, and whenever, what it has changed can be undone, and nothing else is.
//!
//! The seeded runs are of the whole pipe, each ended or disturbed at a random point. The first `tee` is a thread of
//! the test and is never killed: what one killed with all the others had not yet written would be known to nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::ops::Range;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::common::faults::{Fault, Faults};
use crate::common::{Folder, Local, Tool, function, read_in_background, zipped};

/// What happens to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Ctrl-C, which reaches all of the pipe.
    Interrupt,
    /// SIGTERM to all.
    Terminate,
    /// A closed terminal.
    HangUp,
    /// Ctrl-C twice.
    InterruptTwice,
    /// `kill -9` of one tool.
    KillOne,
    /// `kill -9` of all.
    KillAll,
    /// A bad network and a busy service.
    Faults,
    /// The same, and Ctrl-C or `kill -9` of one or all.
    FaultsAndSignal,
    /// A disk that is full: that of a tool's output, or that of the file.
    FullDisk,
    /// Who reads the pipe's output, or that of a tool in it, has seen enough.
    ClosedReader,
}

const KINDS: [Kind; 10] = [
    Kind::Interrupt,
    Kind::Terminate,
    Kind::HangUp,
    Kind::InterruptTwice,
    Kind::KillOne,
    Kind::KillAll,
    Kind::Faults,
    Kind::FaultsAndSignal,
    Kind::FullDisk,
    Kind::ClosedReader,
];

#[test]
fn a_run_that_was_interrupted_is_undone_from_its_records_seeds_0_to_49() {
    seeded_runs(0..50);
}

#[test]
fn a_run_that_was_interrupted_is_undone_from_its_records_seeds_50_to_99() {
    seeded_runs(50..100);
}

#[test]
fn a_run_that_was_interrupted_is_undone_from_its_records_seeds_100_to_149() {
    seeded_runs(100..150);
}

#[test]
fn a_run_that_was_interrupted_is_undone_from_its_records_seeds_150_to_199() {
    seeded_runs(150..200);
}

/// Runs all these seeds, or only the one that `LPT_SEED` names.
fn seeded_runs(seeds: Range<u64>) {
    /// At once: most of a run's time is spent waiting.
    const WORKERS: usize = 4;
    let only: Option<u64> = std::env::var("LPT_SEED").ok().map(|seed| seed.parse().unwrap());
    let seeds: Vec<u64> = seeds.filter(|seed| only.is_none_or(|only| only == *seed)).collect();
    let path = function("echo");
    let functions: Vec<String> = seeds
        .iter()
        .map(|seed| format!("--function=f{seed}={},memory=512,description=my own words", path.display()))
        .collect();
    let mut arguments = vec![
        "--control-plane-rate=0",
        "--update-delay-ms=5",
        "--cpu=unlimited",
        "--cores=unlimited",
        "--idle-seconds=1",
    ];
    arguments.extend(functions.iter().map(String::as_str));
    let local = Local::start(&arguments);
    let next = AtomicU64::new(0);
    let outcomes = Mutex::new(BTreeMap::<_, usize>::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    let _named = SeedNamed(seed);
                    let outcome = Run::new(seed, &local).check();
                    *outcomes.lock().unwrap().entry((kind_of(seed), outcome)).or_default() += 1;
                }
            });
        }
    });
    println!("{} runs, seeds {seeds:?}: {:?}", seeds.len(), outcomes.into_inner().unwrap());
}

fn kind_of(seed: u64) -> Kind {
    KINDS[seed as usize % KINDS.len()]
}

/// Says which seed repeats a run that fails.
struct SeedNamed(u64);

impl Drop for SeedNamed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("this was seed {0}, {1:?}: LPT_SEED={0} repeats it", self.0, kind_of(self.0));
        }
    }
}

/// All that there is of a function, as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    /// By number: memory, description, code, timeout.
    versions: BTreeMap<String, (i32, String, String, i32)>,
    /// By name: version, description.
    aliases: BTreeMap<String, (String, String)>,
}

impl State {
    fn of(local: &Local, name: &str) -> State {
        let (runtime, client) = local.client();
        runtime.block_on(async {
            let mut versions = BTreeMap::new();
            let mut pages =
                client.list_versions_by_function().function_name(name).into_paginator().items().send();
            while let Some(version) = pages.next().await {
                let version = version.unwrap();
                versions.insert(
                    version.version().unwrap().to_owned(),
                    (
                        version.memory_size().unwrap(),
                        version.description().unwrap_or_default().to_owned(),
                        version.code_sha256().unwrap().to_owned(),
                        version.timeout().unwrap(),
                    ),
                );
            }
            let mut aliases = BTreeMap::new();
            let mut pages = client.list_aliases().function_name(name).into_paginator().items().send();
            while let Some(alias) = pages.next().await {
                let alias = alias.unwrap();
                aliases.insert(
                    alias.name().unwrap().to_owned(),
                    (
                        alias.function_version().unwrap().to_owned(),
                        alias.description().unwrap_or_default().to_owned(),
                    ),
                );
            }
            State { versions, aliases }
        })
    }
}

/// Gives the function versions and aliases of its user's, also such that look like a run's, but are not of this one.
fn plant(local: &Local, name: &str) {
    const OTHER_RUN: &str = "019a0000000070008000000000000000";
    let (runtime, client) = local.client();
    runtime.block_on(async {
        let tag = format!("lpt version runId={OTHER_RUN} memorySizeMB=512 originalMemorySizeMB=512");
        for (description, aliases) in [
            ("release 1", vec!["live".to_owned(), "lpt-live".to_owned()]),
            (&tag, vec![format!("lpt-{OTHER_RUN}-512")]),
        ] {
            let published =
                client.publish_version().function_name(name).description(description).send().await.unwrap();
            for alias in aliases {
                client
                    .create_alias()
                    .function_name(name)
                    .name(alias)
                    .function_version(published.version().unwrap())
                    .send()
                    .await
                    .unwrap();
            }
        }
    });
}

/// What lpt-apply is to do in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Applying {
    Nothing,
    Latest,
    Alias,
}

/// One run of the whole pipe, which its seed decides.
struct Run<'a> {
    seed: u64,
    random: Rng,
    kind: Kind,
    local: &'a Local,
    faults: Option<Faults>,
    function: String,
    folder: Folder,
    applying: Applying,
}

/// What was left of a run for lpt-cleanup to undo from the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    NothingLeft,
    Undone,
}

/// What comes of one.
struct Ended {
    /// What the test's `tee` wrote to disk.
    stream: String,
    /// What lpt-invoke wrote, as far as it was read.
    measured: String,
    /// What lpt-apply wrote, as far as it was read.
    applied: String,
    /// Whether nothing must be left: lpt-cleanup, at the end of the pipe, got all that it needs, or lpt-prepare found
    /// nobody to write records for.
    cleans_up_by_itself: bool,
    /// What the tools said.
    stderr: String,
}

impl<'a> Run<'a> {
    fn new(seed: u64, local: &'a Local) -> Run<'a> {
        let mut random = Rng::with_seed(seed);
        let kind = kind_of(seed);
        let faults = matches!(kind, Kind::Faults | Kind::FaultsAndSignal).then(|| {
            let share = 0.02 + 0.2 * random.f64();
            let faults = Faults::before(local.endpoint(), seed).often(share);
            if random.bool() { faults } else { faults.only(&[random.choice(Fault::ALL).unwrap()]) }
        });
        let applying = [Applying::Nothing, Applying::Latest, Applying::Alias][random.usize(..3)];
        let function = format!("f{seed}");
        Run { seed, random, kind, local, faults, function, folder: Folder::new(), applying }
    }

    fn check(mut self) -> Outcome {
        plant(self.local, &self.function);
        let before = State::of(self.local, &self.function);
        let ended = self.go();
        let what = format!("seed {}, {:?}, {:?}", self.seed, self.kind, self.applying);
        assert_valid(&ended.stream, &what);
        assert_valid(&ended.measured, &what);
        let mut measured = BTreeSet::new();
        for invocation in whole_lines(&ended.measured).filter(|line| line.contains("\"invocation\"")) {
            let invocation: Value = serde_json::from_str(invocation).unwrap();
            let which = (invocation["alias"].to_string(), invocation["index"].as_u64());
            assert!(measured.insert(which), "{what}: recorded twice: {invocation}");
        }
        let after = State::of(self.local, &self.function);
        let by_itself = self.difference(&before, after, &ended);
        if ended.cleans_up_by_itself {
            assert_eq!(by_itself, None, "{what}: left by the pipe, which said: {}", ended.stderr);
        }
        if let Some(faults) = &self.faults {
            faults.off();
        }
        let mut said = String::new();
        let mut difference = None;
        for _ in 0..2 {
            let ran = self.local.tool("lpt-cleanup").arg(self.folder.path("stream.ndjson")).run();
            said += &ran.stderr;
            difference = self.difference(&before, State::of(self.local, &self.function), &ended);
            if difference.is_none() {
                break;
            }
        }
        if let Some(difference) = difference {
            panic!(
                "{what}: {difference}\nthe pipe said:\n{}\nlpt-cleanup said:\n{said}\nthe stream:\n{}",
                ended.stderr, ended.stream
            );
        }
        if by_itself.is_none() { Outcome::NothingLeft } else { Outcome::Undone }
    }

    /// The tools, each with the arguments that the seed chooses.
    fn tools(&mut self) -> Vec<Tool> {
        let random = &mut self.random;
        let endpoint = self.faults.as_ref().map_or(self.local.endpoint(), Faults::endpoint);
        let tool = |name: &str| Tool::new(name).towards(endpoint);
        let sizes = if random.bool() { "1024,2048" } else { "1024,1536,2048" };
        let mut prepare = tool("lpt-prepare").args(["--power-values", sizes, &self.function]);
        let mut invoke = tool("lpt-invoke").args(["--payload", "{}"]);
        if random.u8(..4) == 0 {
            prepare = prepare.args(["--only-cold-starts", "--num", "3"]);
        } else {
            prepare = prepare.args(["--num", "5"]);
        }
        if random.bool() {
            invoke = invoke.arg("--parallel");
        }
        if random.bool() {
            invoke = invoke.args(["--concurrency", "2"]);
        }
        let mut tools = vec![prepare, invoke, tool("lpt-analyze"), tool("lpt-select")];
        match self.applying {
            Applying::Nothing => {}
            Applying::Latest => tools.push(tool("lpt-apply")),
            Applying::Alias => tools.push(tool("lpt-apply").args(["--alias", "tuned"])),
        }
        tools.push(tool("lpt-cleanup"));
        tools
    }

    /// Runs the pipe and does to it what the seed says.
    fn go(&mut self) -> Ended {
        let tools = self.tools();
        let last = tools.len() - 1;
        let apply = (self.applying != Applying::Nothing).then_some(last - 1);

        let (mut full, mut file_room, mut closed) = (None, usize::MAX, None);
        match self.kind {
            Kind::FullDisk if self.random.bool() => full = Some(self.random.usize(..=last)),
            Kind::FullDisk => file_room = self.random.usize(..3000),
            // `head -3` after a tool in the pipe, or after the whole.
            Kind::ClosedReader => {
                let after = if self.random.bool() { last } else { self.random.usize(..2) };
                closed = Some((after, self.random.usize(..20)));
            }
            _ => {}
        }
        // tee -p goes on writing to disk when nobody reads its output any more; tee does not.
        let goes_on = self.random.bool();

        let (seen, lines) = mpsc::channel();
        let counted = self.random.usize(..2);
        let mut seen = Some(seen);
        let mut stages: Vec<(Child, JoinHandle<String>)> = Vec::new();
        let mut tees: Vec<(usize, JoinHandle<Vec<u8>>)> = Vec::new();
        let mut upstream: Option<ChildStdout> = None;
        // A tee waits for the tool after it.
        let mut waiting: Option<(usize, ChildStdout)> = None;
        for (at, tool) in tools.into_iter().enumerate() {
            let input = match (&waiting, upstream.take()) {
                (Some(_), _) => Stdio::piped(),
                (None, Some(upstream)) => upstream.into(),
                (None, None) => Stdio::null(),
            };
            let output = match full {
                Some(full) if full == at => File::options().write(true).open("/dev/full").unwrap().into(),
                _ => Stdio::piped(),
            };
            let mut child = tool.spawn(input, output);
            let mut tee = |at: usize, input: ChildStdout, output: Option<ChildStdin>| {
                let mut room = if at == 0 { file_room } else { usize::MAX };
                let mut file = (at == 0).then(|| File::create(self.folder.path("stream.ndjson")).unwrap());
                let limit = closed.filter(|(after, _)| *after == at).map(|(_, limit)| limit);
                let seen = if counted == at { seen.take() } else { None };
                let to_disk = move |line: &[u8]| {
                    let fits = &line[..line.len().min(room)];
                    room -= fits.len();
                    if let Some(file) = &mut file {
                        file.write_all(fits).unwrap();
                    }
                    if let Some(seen) = &seen {
                        let _ = seen.send(());
                    }
                };
                tees.push((at, start_tee(input, output, limit, goes_on, to_disk)));
            };
            if let Some((after, stdout)) = waiting.take() {
                tee(after, stdout, child.stdin.take());
            }
            if let Some(stdout) = child.stdout.take() {
                if at == last {
                    tee(at, stdout, None);
                } else if at < 2 || Some(at) == apply {
                    waiting = Some((at, stdout));
                } else {
                    upstream = Some(stdout);
                }
            }
            let stderr = child.stderr.take().unwrap();
            let stderr = if self.kind == Kind::HangUp {
                // The terminal is gone, and nothing can be said any more.
                drop(stderr);
                std::thread::spawn(String::new)
            } else {
                read_in_background(stderr)
            };
            stages.push((child, stderr));
        }
        drop(seen);
        if full == Some(0) {
            // Nothing of it reached a disk.
            File::create(self.folder.path("stream.ndjson")).unwrap();
        }
        self.disturb(&stages, &lines);

        let mut any_killed = false;
        let mut stderr = String::new();
        for (mut child, said) in stages {
            let status = child.wait().unwrap();
            any_killed |= status.code().is_none();
            stderr += &format!("{}[{status}]\n", said.join().unwrap());
        }
        let is_removed = stderr.contains("lpt-prepare: warning: the records can't be written; removed again");
        let cleans_up_by_itself = match self.kind {
            Kind::FaultsAndSignal => false,
            _ if is_removed => true,
            // A tool may get a signal before it has come to handle them.
            Kind::Interrupt | Kind::Terminate | Kind::HangUp => !any_killed,
            Kind::FullDisk => full.is_none_or(|at| at == 0 || at == last),
            Kind::ClosedReader => closed.is_some_and(|(after, _)| after == last),
            _ => false,
        };
        let mut texts: BTreeMap<usize, String> =
            tees.into_iter().map(|(at, tee)| (at, String::from_utf8(tee.join().unwrap()).unwrap())).collect();
        let stream = std::fs::read_to_string(self.folder.path("stream.ndjson")).unwrap();
        Ended {
            stream,
            measured: texts.remove(&1).unwrap_or_default(),
            applied: apply.and_then(|apply| texts.remove(&apply)).unwrap_or_default(),
            cleans_up_by_itself,
            stderr,
        }
    }

    /// Waits for the random point, and sends the signals.
    fn disturb(&mut self, stages: &[(Child, JoinHandle<String>)], lines: &mpsc::Receiver<()>) {
        let random = &mut self.random;
        let mut wait = || {
            if random.u8(..4) > 0 {
                let number = random.usize(..24);
                // Fewer come where the run ends before.
                lines.iter().take(number).for_each(drop);
            } else {
                std::thread::sleep(Duration::from_millis(random.u64(..300)));
            }
        };
        let send = |signal, stages: &[(Child, JoinHandle<String>)]| {
            for (child, _) in stages {
                // One that has ended is not waited for yet, so that its id is nobody else's.
                let _ = kill_process(Pid::from_child(child), signal);
            }
        };
        match self.kind {
            Kind::Interrupt => {
                wait();
                send(Signal::INT, stages);
            }
            Kind::Terminate => {
                wait();
                send(Signal::TERM, stages);
            }
            Kind::HangUp => {
                wait();
                send(Signal::HUP, stages);
            }
            Kind::InterruptTwice => {
                wait();
                send(Signal::INT, stages);
                if random.bool() {
                    std::thread::sleep(Duration::from_millis(random.u64(..50)));
                }
                send(Signal::INT, stages);
            }
            Kind::KillOne => {
                wait();
                let one = random.usize(..stages.len());
                send(Signal::KILL, &stages[one..=one]);
            }
            Kind::KillAll => {
                wait();
                send(Signal::KILL, stages);
            }
            Kind::FaultsAndSignal => {
                wait();
                let one = random.usize(..stages.len());
                match random.u8(..3) {
                    0 => send(Signal::INT, stages),
                    1 => send(Signal::KILL, &stages[one..=one]),
                    _ => send(Signal::KILL, stages),
                }
            }
            Kind::Faults | Kind::FullDisk | Kind::ClosedReader => {}
        }
    }

    /// How the function differs from what it was before, apart from what lpt-apply said that it does.
    fn difference(&self, before: &State, mut after: State, ended: &Ended) -> Option<String> {
        let mut expected = before.clone();
        let applied: Vec<Value> = whole_lines(&ended.applied)
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|record| record["type"] == "applied")
            .collect();
        // Write-ahead: what was not announced was not done.
        if let Some(announced) = applied.first() {
            let memory = i32::try_from(announced["memorySizeMB"].as_u64().unwrap()).unwrap();
            let is_done = applied.last().unwrap()["state"] == "applied";
            let is_done_or_not = applied.last().unwrap()["state"] == "applying"
                || self.faults.is_some() && applied.last().unwrap()["state"] == "failed";
            match self.applying {
                Applying::Nothing => unreachable!("there is no lpt-apply"),
                Applying::Latest => {
                    let latest = expected.versions.get_mut("$LATEST").unwrap();
                    if is_done || is_done_or_not && after.versions["$LATEST"].0 == memory {
                        latest.0 = memory;
                    }
                }
                Applying::Alias => {
                    let is_applied = |description: &str| description.contains(", published by lpt-apply at ");
                    let new = after
                        .versions
                        .iter()
                        .find(|(_, (size, description, ..))| *size == memory && is_applied(description));
                    if let Some((number, _)) = new
                        && (is_done || is_done_or_not)
                    {
                        let number = number.clone();
                        let alias = after.aliases.remove("tuned");
                        if let Some((version, _)) = &alias
                            && *version != number
                        {
                            return Some(format!("the alias points at {version}"));
                        }
                        if is_done && alias.is_none() {
                            return Some("the alias is said to be made, and is not".to_owned());
                        }
                        after.versions.remove(&number);
                    } else if is_done {
                        return Some("the version is said to be published, and is not".to_owned());
                    }
                }
            }
        }
        (after != expected).then(|| format!("expected {expected:#?}, found {after:#?}"))
    }
}

/// Reads lines, has each put to disk and passes it on, until `limit` lines, the end, or, unless it `goes_on`, until
/// nobody reads any more. Gives what it has read.
fn start_tee(
    input: ChildStdout,
    mut output: Option<ChildStdin>,
    limit: Option<usize>,
    goes_on: bool,
    mut to_disk: impl FnMut(&[u8]) + Send + 'static,
) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut input = BufReader::new(input);
        let mut text = Vec::new();
        let mut number = 0;
        while limit.is_none_or(|limit| number < limit) {
            let start = text.len();
            if input.read_until(b'\n', &mut text).unwrap() == 0 {
                break;
            }
            number += 1;
            to_disk(&text[start..]);
            if let Some(pipe) = &mut output
                && pipe.write_all(&text[start..]).is_err()
            {
                if !goes_on {
                    break;
                }
                output = None;
            }
        }
        text
    })
}

/// The lines of a text but a last one that is cut.
fn whole_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'))
}

fn assert_valid(stream: &str, what: &str) {
    for line in whole_lines(stream) {
        assert!(line.starts_with("{\"type\":\""), "{what}: no record: {line}");
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{what}: {error}: {line}"));
    }
}

/// A service with the function `f`, which has versions and aliases of its user's.
fn service() -> Local {
    let local = Local::start(&[
        &format!("--function=f={},memory=512,description=my own words", function("echo").display()),
        "--control-plane-rate=0",
        "--update-delay-ms=5",
        "--cpu=unlimited",
    ]);
    plant(&local, "f");
    local
}

/// A call that took effect and whose answer was lost is made again by the SDK, and is then refused.
#[test]
fn calls_whose_first_answer_is_lost_are_made_once_by_lpt_prepare_and_undone_by_lpt_cleanup() {
    let prepare_and_clean_up = |fault| {
        let local = service();
        let before = State::of(&local, "f");
        let faults = Faults::before(local.endpoint(), 0).only(&[fault]).on_every(2);
        let prepared = faults.tool("lpt-prepare").args(["--power-values", "1024,2048", "f"]).run().succeeds();
        let states: Vec<_> =
            prepared.of_type("configuration").iter().map(|record| record["state"].clone()).collect();
        assert_eq!(states, ["creating", "ready", "creating", "ready"]);
        let after = State::of(&local, "f");
        assert_eq!(after.versions["$LATEST"], before.versions["$LATEST"]);
        assert_eq!(after.versions.len(), before.versions.len() + 2);
        assert_eq!(after.aliases.len(), before.aliases.len() + 2);
        for record in prepared.of_type("configuration").iter().filter(|record| record["state"] == "ready") {
            let (version, _) = &after.aliases[record["alias"].as_str().unwrap()];
            assert_eq!(record["version"], **version);
            assert_eq!(record["memorySizeMB"], after.versions[version].0);
        }

        let faults = Faults::before(local.endpoint(), 0).only(&[fault]).on_every(2);
        let cleaned = faults.tool("lpt-cleanup").stdin(prepared.stdout).run().succeeds();
        let cleaned = &cleaned.of_type("cleaned")[0];
        assert_eq!(cleaned["versionsDeleted"].as_array().unwrap().len(), 2);
        assert_eq!(cleaned["aliasesDeleted"].as_array().unwrap().len(), 2);
        assert_eq!(State::of(&local, "f"), before);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| prepare_and_clean_up(Fault::AnswerLost));
        scope.spawn(|| prepare_and_clean_up(Fault::Cut));
    });
}

#[test]
fn calls_whose_first_answer_is_lost_are_made_once_by_lpt_apply() {
    let local = service();
    let faults = Faults::before(local.endpoint(), 0).only(&[Fault::AnswerLost]).on_every(2);
    let apply = |memory: i32, alias: &[&str]| {
        let selection = format!(
            "{{\"type\":\"selection\",\"functionArn\":\"arn:aws:lambda:us-east-1:123456789012:function:f\",\"memorySizeMB\":{memory},\"strategy\":\"cost\",\"balancedWeight\":0.5,\"averageCost\":1e-6,\"averageDurationMs\":5,\"currency\":\"USD\",\"lambdaCost\":0.001}}\n{{\"type\":\"end\",\"tool\":\"lpt-select\",\"records\":1,\"status\":\"complete\"}}\n"
        );
        let applied = faults.tool("lpt-apply").args(alias).stdin(selection).run().succeeds();
        let applied = applied.of_type("applied").pop().unwrap();
        assert_eq!(applied["state"], "applied");
        applied["version"].as_str().unwrap_or("$LATEST").to_owned()
    };
    let mut expected = State::of(&local, "f");
    // Made, then moved.
    for memory in [1024, 1536] {
        let version = apply(memory, &["--alias", "tuned"]);
        let after = State::of(&local, "f");
        assert_eq!(after.aliases["tuned"].0, version);
        assert_eq!(after.versions[&version].0, memory);
        expected.versions.insert(version.clone(), after.versions[&version].clone());
        expected.aliases.insert("tuned".to_owned(), after.aliases["tuned"].clone());
        assert_eq!(after, expected);
    }
    assert_eq!(apply(2048, &[]), "$LATEST");
    expected.versions.get_mut("$LATEST").unwrap().0 = 2048;
    assert_eq!(State::of(&local, "f"), expected);
}

/// Each request is an invocation that is paid for.
#[test]
fn an_invocation_whose_answer_is_lost_is_a_record_of_its_own_and_not_sent_again() {
    for parallel in [false, true] {
        let local = service();
        let prepared =
            local.tool("lpt-prepare").args(["--power-values", "1024", "f"]).run().succeeds().stdout;
        for fault in [Fault::AnswerLost, Fault::Cut] {
            let faults = Faults::before(local.endpoint(), 0).only(&[fault]).on_every(2);
            let ran = faults
                .tool("lpt-invoke")
                .args(["--num", "6", &format!("--parallel={parallel}")])
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
#[test]
fn a_run_whose_network_goes_at_any_call_is_undone_from_its_records() {
    let mut calls = 0..;
    let finished = std::sync::atomic::AtomicBool::new(false);
    let calls = Mutex::new(&mut calls);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !finished.load(Ordering::Relaxed) {
                    let after = calls.lock().unwrap().next().unwrap();
                    let local = service();
                    let before = State::of(&local, "f");
                    let faults = Faults::before(local.endpoint(), 0).only(&[Fault::AnswerLost]).after(after);
                    let ran = faults.tool("lpt-prepare").args(["--power-values", "1024", "f"]).run();
                    if ran.code == Some(0) {
                        // All its calls were spared.
                        assert!(after > 5, "{}", ran.stderr);
                        finished.store(true, Ordering::Relaxed);
                    } else {
                        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
                        assert_eq!(ran.records().pop().unwrap()["status"], "failed");
                    }
                    let cleaned = local.tool("lpt-cleanup").stdin(ran.stdout).run();
                    assert_eq!(State::of(&local, "f"), before, "after {after} calls: {}", cleaned.stderr);
                }
            });
        }
    });
}

#[test]
fn of_two_runs_on_one_function_one_is_refused_or_both_end_right() {
    let local = service();
    let before = State::of(&local, "f");
    let mut both = 0;
    for round in 0..20 {
        let tool = || local.tool("lpt-prepare").args(["--power-values", "1024,2048", "f"]);
        let ran = std::thread::scope(|scope| {
            let second = scope.spawn(|| tool().run());
            [tool().run(), second.join().unwrap()]
        });
        let after = State::of(&local, "f");
        assert_eq!(after.versions["$LATEST"], before.versions["$LATEST"], "round {round}: {ran:?}");
        let done = ran.iter().filter(|ran| ran.code == Some(0)).count();
        assert!(done > 0, "round {round}: one of them is let through: {ran:?}");
        both += usize::from(done == 2);
        for ran in &ran {
            let ready: Vec<_> = ran
                .of_type("configuration")
                .into_iter()
                .filter(|record| record["state"] == "ready")
                .collect();
            for record in &ready {
                let (version, _) = &after.aliases[record["alias"].as_str().unwrap()];
                assert_eq!(record["memorySizeMB"], after.versions[version].0, "round {round}");
            }
            match ran.code {
                Some(0) => assert_eq!(ready.len(), 2),
                _ => {
                    assert_eq!(ran.code, Some(1), "round {round}: {}", ran.stderr);
                    assert!(
                        ran.stderr.contains("is being tuned by the run"),
                        "round {round}: {}",
                        ran.stderr
                    );
                }
            }
        }
        for ran in ran {
            local.tool("lpt-cleanup").stdin(ran.stdout).run().succeeds();
        }
        assert_eq!(State::of(&local, "f"), before, "round {round}");
    }
    println!("20 rounds, in {both} of them both runs were let through");
}

/// Somebody else deploys code, or settings, while sizes are being published.
#[test]
fn a_deployment_in_the_middle_ends_the_run_and_stays() {
    for round in 0..8 {
        let local = service();
        let mut expected = State::of(&local, "f");
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
        let (runtime, client) = local.client();
        runtime.block_on(async {
            let zip = zipped("bootstrap", b"nobody runs it");
            loop {
                // Until it falls between two changes of the run.
                let is_made = if round % 2 == 0 {
                    let zip = aws_sdk_lambda::primitives::Blob::new(zip.clone());
                    client.update_function_code().function_name("f").zip_file(zip).send().await.is_ok()
                } else {
                    client.update_function_configuration().function_name("f").timeout(77).send().await.is_ok()
                };
                if is_made {
                    break;
                }
            }
            let theirs = client.get_function_configuration().function_name("f").send().await.unwrap();
            let latest = expected.versions.get_mut("$LATEST").unwrap();
            latest.2 = theirs.code_sha256().unwrap().to_owned();
            latest.3 = theirs.timeout().unwrap();
        });
        records.read_to_string(&mut stream).unwrap();
        assert_eq!(prepare.wait().unwrap().code(), Some(1));
        let said = said.join().unwrap();
        let what = if round % 2 == 0 { "meanwhile: code" } else { "meanwhile: timeout" };
        assert!(said.contains("somebody else changed the function") && said.contains(what), "{said}");

        // What was published before is measured, and then all of it goes.
        let ready = stream.lines().filter(|line| line.contains("\"ready\"")).count();
        let measured = local.tool("lpt-invoke").args(["--payload", "{}"]).stdin(stream).run();
        assert_eq!(measured.of_type("invocation").len(), ready, "{}", measured.stderr);
        assert_eq!(measured.records().pop().unwrap()["status"], "failed");
        local.tool("lpt-cleanup").stdin(measured.stdout).run().succeeds();
        assert_eq!(State::of(&local, "f"), expected, "round {round}: {said}");
    }
}

/// The first signal lets lpt-cleanup finish; and it lets what lpt-invoke has in flight come back, for that is paid for.
#[test]
fn a_second_signal_is_obeyed_at_once_and_says_what_to_run() {
    let local = Local::with(&[&format!("f={},memory=512,timeout=900", function("network-bound").display())]);
    let before = State::of(&local, "f");
    let sizes = ["--power-values", "1024-1120:8"];
    let prepared = local.tool("lpt-prepare").args(sizes).arg("f").run().succeeds().stdout;
    let folder = Folder::new();
    let stream = folder.file("stream.ndjson", &prepared);

    for (name, arguments) in
        [("lpt-invoke", &["--payload", r#"{"waitMs": 800000}"#][..]), ("lpt-cleanup", &[])]
    {
        let slow = Faults::before(local.endpoint(), 0).only(&[Fault::Delayed]).often(1.0);
        let tool = slow.tool(name).args(arguments);
        let mut child = tool.spawn(File::open(&stream).unwrap().into(), Stdio::piped());
        let said = read_in_background(child.stderr.take().unwrap());
        let passed_on = read_in_background(child.stdout.take().unwrap());
        while slow.chosen().is_empty() {
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
        assert_valid(&passed_on.join().unwrap(), name);
        let said = said.join().unwrap();
        assert!(said.contains("stopped at once; to undo what was begun run lpt-cleanup FILE"), "{said}");
    }
    local.tool("lpt-cleanup").arg(&stream).run().succeeds();
    assert_eq!(State::of(&local, "f"), before);
}
