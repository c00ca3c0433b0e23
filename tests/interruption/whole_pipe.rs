//! The whole pipe, 200 times or as often as `LPT_SEEDS` says, each time ended or disturbed at a point that the seed
//! chooses. lpt-prepare and lpt-invoke save their records: nothing that was paid for may be lost, and what is left of a
//! run is undone.
//!
//! A thread of the test links each tool with the next one, and is never killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};

use super::{plant, whole_lines};
use crate::common::faults::{Fault, Faults};
use crate::common::records::parse;
use crate::common::{Folder, Function, Local, Publishing, Tool, Version, function, read_in_background};

/// The record that a stream ends with.
const END: &str = "{\"type\":\"end\",";

/// The files to which lpt-prepare and lpt-invoke save their records.
const FILES: [&str; 2] = ["plan.ndjson", "runs.ndjson"];

/// Where lpt-apply is in the pipe, if it is in it.
const APPLY: usize = 4;

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
    /// A full disk: that of a tool's output, or that of the file that it saves to.
    FullDisk,
    /// A reader that leaves early: that of the pipe's output, or that of a tool in it.
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

fn kind_of(seed: u64) -> Kind {
    KINDS[seed as usize % KINDS.len()]
}

#[test]
fn a_disturbed_run_loses_no_record_and_is_undone_first_quarter_of_the_seeds() {
    run_quarter(0, Publishing::CodeAndConfiguration);
}

#[test]
fn a_disturbed_run_loses_no_record_and_is_undone_second_quarter_of_the_seeds() {
    run_quarter(1, Publishing::DescriptionToo);
}

#[test]
fn a_disturbed_run_loses_no_record_and_is_undone_third_quarter_of_the_seeds() {
    run_quarter(2, Publishing::CodeAndConfiguration);
}

#[test]
fn a_disturbed_run_loses_no_record_and_is_undone_last_quarter_of_the_seeds() {
    run_quarter(3, Publishing::DescriptionToo);
}

fn number_in(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|number| number.parse().unwrap())
}

/// Runs a quarter of the seeds, of which `LPT_SEEDS` is the number, or only the one that `LPT_SEED` names.
fn run_quarter(quarter: u64, publishing: Publishing) {
    /// Most of a run's time is spent waiting.
    const WORKERS: usize = 4;
    let count = number_in("LPT_SEEDS").unwrap_or(200);
    let only = number_in("LPT_SEED");
    let seeds = count * quarter / 4..count * (quarter + 1) / 4;
    let seeds: Vec<u64> = seeds.filter(|seed| only.is_none_or(|only| only == *seed)).collect();
    let local = service(&seeds, publishing);
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(BTreeMap::<Kind, Vec<Outcome>>::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let _named = SeedNamed(seed);
                    let outcome = Run::new(seed, &local).check();
                    outcomes.lock().unwrap().entry(kind_of(seed)).or_default().push(outcome);
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap();
    for (kind, outcomes) in &outcomes {
        let count = |of: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| of(outcome)).count();
        let (disturbed, left) =
            (count(|outcome| outcome.was_disturbed), count(|outcome| outcome.left_something));
        println!("{kind:?}: {} runs, {disturbed} disturbed, {left} left something", outcomes.len());
    }
    if only.is_none() {
        assert_disturbed(&outcomes);
    }
}

/// Asserts that each kind of disturbance really happened. It cannot depend on how busy the machine is: a tool that
/// waits for a line is alive while that line is held back.
fn assert_disturbed(outcomes: &BTreeMap<Kind, Vec<Outcome>>) {
    for kind in KINDS {
        let of_kind = &outcomes[&kind];
        assert!(of_kind.iter().any(|outcome| outcome.was_disturbed), "{kind:?} disturbs no run: {of_kind:?}");
    }
    let killed = &outcomes[&Kind::KillAll];
    assert!(killed.iter().any(|outcome| outcome.left_something), "no run left anything to undo: {killed:?}");
}

/// Starts a service with a function for each seed.
fn service(seeds: &[u64], publishing: Publishing) -> Local {
    let path = function("echo");
    let function =
        |seed: &u64| format!("--function=f{seed}={},memory=512,description=my own words", path.display());
    let functions: Vec<String> = seeds.iter().map(function).collect();
    let settings = [
        "--control-plane-rate=0",
        "--update-delay-ms=5",
        // A version is pending while the next ones are begun and `$LATEST` is restored.
        "--version-delay-ms=250",
        "--cpu=unlimited",
        "--cores=unlimited",
        "--idle-seconds=1",
    ];
    let settings = settings.into_iter().chain(publishing.arguments().iter().copied());
    let arguments: Vec<&str> = settings.chain(functions.iter().map(String::as_str)).collect();
    Local::start(&arguments)
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

/// What lpt-apply is to do in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Applying {
    Nothing,
    Latest,
    Alias,
}

/// One run of the whole pipe.
struct Run<'a> {
    what: String,
    random: Rng,
    kind: Kind,
    local: &'a Local,
    faults: Option<Faults>,
    /// In front of all that lpt-invoke calls, to see which invocations were answered.
    invocations: Faults,
    function: String,
    folder: Folder,
    applying: Applying,
}

/// How a run went, if nothing was wrong with it.
#[derive(Debug)]
struct Outcome {
    /// A signal reached a tool at work, a request was disturbed, a disk was full, or a reader left.
    was_disturbed: bool,
    /// The pipe left something that lpt-cleanup then undid.
    left_something: bool,
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
        let endpoint = faults.as_ref().map_or(local.endpoint(), Faults::endpoint);
        let invocations = Faults::before(endpoint, seed);
        let applying = [Applying::Nothing, Applying::Latest, Applying::Alias][random.usize(..3)];
        let what = format!("seed {seed}, {kind:?}, {applying:?}");
        Run {
            what,
            random,
            kind,
            local,
            faults,
            invocations,
            function: format!("f{seed}"),
            folder: Folder::new(),
            applying,
        }
    }

    /// Runs the pipe, and judges what it and lpt-cleanup leave of the function.
    fn check(mut self) -> Outcome {
        plant(self.local, &self.function);
        let before = self.local.state_of(&self.function);
        let last = if self.applying == Applying::Nothing { APPLY } else { APPLY + 1 };
        let trouble = Trouble::choose(&mut self.random, self.kind, last);
        let tools = self.tools(&trouble);
        let (mut running, lines) = Running::start(tools, &trouble, &self);
        let is_signalled = self.signal(&mut running, lines);
        let ended = running.finish(&self);

        self.assert_records_are_right(&trouble, &ended);
        let left = self.difference(&before, &ended);
        if self.cleans_up_by_itself(&trouble, &ended) {
            assert_eq!(left, None, "{}: left by the pipe, which said:\n{}", self.what, ended.said);
        }
        let was_disturbed = self.was_disturbed(&trouble, &ended, is_signalled);
        self.assert_cleanup_undoes_it(&before, &ended);
        Outcome { was_disturbed, left_something: left.is_some() }
    }

    /// Returns the tools, each with arguments that the seed chooses.
    fn tools(&mut self, trouble: &Trouble) -> Vec<Tool> {
        let saves = [0, 1].map(|at| {
            let is_full = trouble.full_file == Some(at);
            let file = if is_full { PathBuf::from("/dev/full") } else { self.folder.path(FILES[at]) };
            [PathBuf::from("--overwrite"), PathBuf::from("--save"), file]
        });
        let random = &mut self.random;
        let endpoint = self.faults.as_ref().map_or(self.local.endpoint(), Faults::endpoint);
        let tool = |name: &str| Tool::new(name).towards(endpoint);
        let sizes = if random.bool() { "1024,2048" } else { "1024,1536,2048" };
        let mut prepare = tool("lpt-prepare").args(["--power-values", sizes, &self.function]).args(&saves[0]);
        let mut invoke = self.invocations.tool("lpt-invoke").args(["--payload", "{}"]).args(&saves[1]);
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

    /// Waits for the random point, and sends the signals. Returns whether a tool was at work then.
    fn signal(&mut self, running: &mut Running, lines: mpsc::Receiver<()>) -> bool {
        let random = &mut self.random;
        if matches!(self.kind, Kind::Faults | Kind::FullDisk | Kind::ClosedReader) {
            return false;
        }
        // The line after these is held back until the signals are sent. Fewer lines come where the run ends before.
        let held = if random.u8(..4) > 0 {
            lines.iter().take(random.usize(..24)).for_each(drop);
            Some(lines)
        } else {
            drop(lines);
            std::thread::sleep(Duration::from_millis(random.u64(..300)));
            None
        };
        let one = random.usize(..running.stages.len());
        let stages = &mut running.stages;
        let is_signalled = match self.kind {
            Kind::Interrupt => send(Signal::INT, stages),
            Kind::Terminate => send(Signal::TERM, stages),
            Kind::HangUp => send(Signal::HUP, stages),
            Kind::InterruptTwice => {
                let is_signalled = send(Signal::INT, stages);
                if random.bool() {
                    std::thread::sleep(Duration::from_millis(random.u64(..50)));
                }
                is_signalled | send(Signal::INT, stages)
            }
            Kind::KillOne => send(Signal::KILL, &mut stages[one..=one]),
            Kind::KillAll => send(Signal::KILL, stages),
            Kind::FaultsAndSignal => match random.u8(..3) {
                0 => send(Signal::INT, stages),
                1 => send(Signal::KILL, &mut stages[one..=one]),
                _ => send(Signal::KILL, stages),
            },
            Kind::Faults | Kind::FullDisk | Kind::ClosedReader => unreachable!("no signal belongs to it"),
        };
        drop(held);
        is_signalled
    }

    fn was_disturbed(&self, trouble: &Trouble, ended: &Ended, is_signalled: bool) -> bool {
        let has_faults = self.faults.as_ref().is_some_and(|faults| !faults.counts().is_empty());
        match self.kind {
            Kind::Faults => has_faults,
            Kind::FaultsAndSignal => has_faults && is_signalled,
            Kind::FullDisk => {
                let full = trouble.full.or(trouble.full_file);
                full.is_some_and(|at| !ended.statuses[at].success())
            }
            Kind::ClosedReader => trouble.closed.is_some_and(|(after, _)| !ended.read[&after].contains(END)),
            _ => is_signalled,
        }
    }

    /// Whether nothing must be left: lpt-cleanup, at the end of the pipe, got all that it needs, or lpt-prepare could
    /// not write its records.
    fn cleans_up_by_itself(&self, trouble: &Trouble, ended: &Ended) -> bool {
        let last = ended.statuses.len() - 1;
        match self.kind {
            Kind::FaultsAndSignal => false,
            _ if ended
                .said
                .contains("lpt-prepare: warning: the records can't be written; removed the versions") =>
            {
                true
            }
            // A signal may reach a tool before the tool handles it.
            Kind::Interrupt | Kind::Terminate | Kind::HangUp => {
                ended.statuses.iter().all(|status| status.code().is_some())
            }
            Kind::FullDisk => trouble.full.is_none_or(|at| at == 0 || at == last),
            Kind::ClosedReader => trouble.closed.is_some_and(|(after, _)| after == last),
            _ => false,
        }
    }

    /// Asserts that each line is a record, but for a last one that is cut, that each invocation is recorded once, and
    /// that none is lost: not one that somebody has read, and not one that was answered, if lpt-invoke could end.
    fn assert_records_are_right(&self, trouble: &Trouble, ended: &Ended) {
        parse(whole_lines(&ended.files[0]));
        let read = ended.read.get(&1).map_or("", String::as_str);
        let recorded = if trouble.full_file == Some(1) { read } else { &*ended.files[1] };
        let (mut seen, mut ids) = (BTreeSet::new(), BTreeSet::new());
        for record in parse(whole_lines(recorded)).iter().filter(|record| record["type"] == "invocation") {
            let which = (record["alias"].to_string(), record["index"].as_u64());
            assert!(seen.insert(which), "{}: recorded twice: {record}", self.what);
            ids.extend(record["requestId"].as_str().map(str::to_owned));
        }
        for line in read.lines().filter(|line| line.contains("\"type\":\"invocation\"")) {
            assert!(recorded.contains(line), "{}: not in the file: {line}", self.what);
        }
        let could_end = ended.statuses[1].code().is_some() && self.kind != Kind::InterruptTwice;
        for id in self.invocations.answered().iter().filter(|_| could_end) {
            assert!(
                ids.contains(id),
                "{}: the invocation {id} is lost:\n{recorded}\n{}",
                self.what,
                ended.said
            );
        }
    }

    /// Runs lpt-cleanup on the file, a second time where a first time does not suffice. Without a file, nothing was
    /// begun.
    fn assert_cleanup_undoes_it(&self, before: &Function, ended: &Ended) {
        if let Some(faults) = &self.faults {
            faults.off();
        }
        let clean_up = || self.local.tool("lpt-cleanup").arg(self.folder.path(FILES[0])).run().stderr;
        let mut said = clean_up();
        if self.difference(before, ended).is_some() {
            said += &clean_up();
        }
        if let Some(difference) = self.difference(before, ended) {
            panic!(
                "{}: {difference}\nthe pipe said:\n{}\nlpt-cleanup said:\n{said}\nthe file:\n{}",
                self.what, ended.said, ended.files[0]
            );
        }
    }

    /// Describes how the function differs from what it was before, apart from the change that lpt-apply announced.
    fn difference(&self, before: &Function, ended: &Ended) -> Option<String> {
        let mut now = self.local.state_of(&self.function);
        if let Some(change) = Change::announced_in(ended, self.applying) {
            let may_be_there = change.state != "failed" || self.faults.is_some();
            let is_there = may_be_there && change.take_out_of(&mut now, before);
            if change.state == "applied" && !is_there {
                return Some(format!("{change:?} is not there: {now:#?}"));
            }
        }
        (now != *before).then(|| format!("expected {before:#?}, found {now:#?}"))
    }
}

/// The change that lpt-apply announced. What it did not announce, it must not have done.
#[derive(Debug)]
struct Change {
    memory: i32,
    /// The description of the version that the alias is to point at, where there is an alias.
    description: Option<String>,
    /// What the last record says of it.
    state: String,
}

impl Change {
    fn announced_in(ended: &Ended, applying: Applying) -> Option<Change> {
        if applying == Applying::Nothing {
            return None;
        }
        let text = ended.read.get(&APPLY).map_or("", String::as_str);
        let mut records = parse(whole_lines(text));
        records.retain(|record| record["type"] == "applied");
        let announced = records.iter().find(|record| record["state"] == "applying")?;
        Some(Change {
            memory: announced["memorySizeMB"].as_i64().unwrap() as i32,
            description: announced["versionDescription"].as_str().map(str::to_owned),
            state: records.last().unwrap()["state"].as_str().unwrap().to_owned(),
        })
    }

    /// Undoes what there is of the change. Returns whether all of it was there.
    fn take_out_of(&self, now: &mut Function, before: &Function) -> bool {
        let Some(description) = &self.description else {
            let latest = now.latest_mut();
            let is_there = latest.memory == self.memory;
            if is_there {
                latest.memory = before.latest().memory;
            }
            return is_there;
        };
        let is_its = |version: &Version| version.memory == self.memory && version.description == *description;
        let Some(number) = now.versions.iter().find(|(_, version)| is_its(version)).map(|(n, _)| n.clone())
        else {
            return false;
        };
        // A version that the alias does not point at is left over.
        let is_pointed_at = now.aliases.get("tuned").is_some_and(|alias| alias.version == number);
        if is_pointed_at {
            now.versions.remove(&number);
            now.aliases.remove("tuned");
        }
        is_pointed_at
    }
}

/// What happens to the files and readers of a run. A tool is named by its place in the pipe.
struct Trouble {
    /// The tool that writes to a full disk.
    full: Option<usize>,
    /// The tool that saves its records to a full disk.
    full_file: Option<usize>,
    /// The tool whose reader leaves, and after how many lines.
    closed: Option<(usize, usize)>,
    /// The tool whose lines are counted before a signal is sent.
    counted: usize,
}

impl Trouble {
    fn choose(random: &mut Rng, kind: Kind, last: usize) -> Trouble {
        let (mut full, mut full_file, mut closed) = (None, None, None);
        match kind {
            Kind::FullDisk if random.bool() => full = Some(random.usize(..=last)),
            Kind::FullDisk => full_file = Some(random.usize(..2)),
            Kind::ClosedReader => {
                let after = if random.bool() { last } else { random.usize(..2) };
                closed = Some((after, random.usize(..20)));
            }
            _ => {}
        }
        Trouble { full, full_file, closed, counted: random.usize(..2) }
    }
}

/// The tools of a run, with a thread after each that passes on what it writes.
struct Running {
    stages: Vec<(Child, JoinHandle<String>)>,
    /// What the threads have read, by the tool before them.
    links: BTreeMap<usize, JoinHandle<String>>,
}

/// A run that has ended.
struct Ended {
    statuses: Vec<ExitStatus>,
    /// What was read of each tool's output.
    read: BTreeMap<usize, String>,
    /// What lpt-prepare and lpt-invoke have saved.
    files: [String; 2],
    /// What the tools said on stderr.
    said: String,
}

impl Running {
    /// Starts the tools. Each line of the one that is counted waits until the receiver takes note of it, or is gone.
    fn start(tools: Vec<Tool>, trouble: &Trouble, run: &Run<'_>) -> (Running, mpsc::Receiver<()>) {
        let (seen, lines) = mpsc::sync_channel(0);
        let mut seen = Some(seen);
        let mut running = Running { stages: Vec::new(), links: BTreeMap::new() };
        let mut link = |at: usize, input: ChildStdout, output: Option<ChildStdin>| {
            let link = Link {
                seen: if at == trouble.counted { seen.take() } else { None },
                limit: trouble.closed.filter(|(after, _)| *after == at).map(|(_, limit)| limit),
                // The test has to know all that lpt-apply announced.
                goes_on: at == APPLY,
            };
            running.links.insert(at, link.start(input, output));
        };
        let last = tools.len() - 1;
        let mut upstream: Option<ChildStdout> = None;
        for (at, tool) in tools.into_iter().enumerate() {
            let input = if upstream.is_some() { Stdio::piped() } else { Stdio::null() };
            let output = if trouble.full == Some(at) { full_disk() } else { Stdio::piped() };
            let mut child = tool.spawn(input, output);
            if let Some(upstream) = upstream.take() {
                link(at - 1, upstream, child.stdin.take());
            }
            upstream = child.stdout.take();
            if at == last
                && let Some(output) = upstream.take()
            {
                link(at, output, None);
            }
            let stderr = child.stderr.take().unwrap();
            let said = if run.kind == Kind::HangUp {
                // The terminal is gone, and nothing can be said any more.
                drop(stderr);
                std::thread::spawn(String::new)
            } else {
                read_in_background(stderr)
            };
            running.stages.push((child, said));
        }
        (running, lines)
    }

    /// Waits for the tools and the threads.
    fn finish(self, run: &Run<'_>) -> Ended {
        let mut statuses = Vec::new();
        let mut said = String::new();
        for (mut child, stderr) in self.stages {
            let status = child.wait().unwrap();
            said += &format!("{}[{status}]\n", stderr.join().unwrap());
            statuses.push(status);
        }
        let read = self.links.into_iter().map(|(at, link)| (at, link.join().unwrap())).collect();
        // A tool that was killed at its start has none.
        let files = FILES.map(|file| std::fs::read_to_string(run.folder.path(file)).unwrap_or_default());
        Ended { statuses, read, files, said }
    }
}

fn full_disk() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// Sends the signal to those of the tools that are still there. Returns whether there was one.
fn send(signal: Signal, stages: &mut [(Child, JoinHandle<String>)]) -> bool {
    let mut is_sent = false;
    for (child, _) in stages {
        // One that has ended meanwhile is not waited for yet, so that its id is nobody else's.
        if child.try_wait().unwrap().is_none() {
            kill_process(Pid::from_child(child), signal).unwrap();
            is_sent = true;
        }
    }
    is_sent
}

/// A thread that reads lines and passes them on.
struct Link {
    /// Who is told of each line before it is passed on.
    seen: Option<mpsc::SyncSender<()>>,
    /// How many lines it reads before it leaves.
    limit: Option<usize>,
    /// Whether it reads on when nobody reads its output.
    goes_on: bool,
}

impl Link {
    /// Reads until the end, until its limit, or until nobody reads its output. Returns what it has read.
    fn start(self, input: ChildStdout, mut output: Option<ChildStdin>) -> JoinHandle<String> {
        std::thread::spawn(move || {
            let mut input = BufReader::new(input);
            let mut text = Vec::new();
            let mut number = 0;
            while self.limit.is_none_or(|limit| number < limit) {
                let start = text.len();
                if input.read_until(b'\n', &mut text).unwrap() == 0 {
                    break;
                }
                number += 1;
                let line = &text[start..];
                if let Some(seen) = &self.seen {
                    // Nobody waits for it after the signals.
                    let _ = seen.send(());
                }
                if let Some(pipe) = &mut output
                    && pipe.write_all(line).is_err()
                {
                    if !self.goes_on {
                        break;
                    }
                    output = None;
                }
            }
            String::from_utf8(text).unwrap()
        })
    }
}
