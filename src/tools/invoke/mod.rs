//! `lpt-invoke`: `configuration` → `invocation`.

mod args; // the arguments as typed
mod adaptive; // the race of the sizes of a function
mod refine; // the publication of a size between those that were measured
mod measure; // the measurement of one size: its invocations and their records
mod failures; // when a size is given up because its invocations fail
mod resume; // the invocations of an interrupted run, which need not be made again
mod processor; // the pre- and post-processor: a function or a shell command
mod payload; // the payloads, and their shares of the invocations
mod estimate; // what the real run will do and cost, from a dry run
mod tally; // what is made and what is still to come: the line of progress
mod budget; // what the invocations cost, and what may still be spent

use std::cell::{Cell, RefCell};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

pub use args::Args;
pub(crate) use args::WAVE;
pub(crate) use estimate::requests;
pub use payload::{Payload, Payloads, Shares};

use crate::aws::Aws;
use crate::entry::{Interrupt, Pipe};
use crate::error::Error;
use crate::exit::Exit;
use crate::label::label;
use crate::message::{self, counted};
use crate::names::{AliasName, Architecture, FunctionArn};
use crate::ndjson::{Line, Upstream, Writer};
use crate::progress;
use crate::quote::operand;
use crate::records::{
    Configuration, ConfigurationState, Failure, Invocation, Plan, Record, RunName, SizeKey, Tags,
};
use crate::units::Money;
use adaptive::{Adaptive, Sizes};
use budget::Budget;
use estimate::Estimate;
use measure::{Measurement, Shared, SizeProgress, SizeResult};
use processor::Processor;
use resume::Resumed;
use tally::{Share, Tally, in_money};

/// The number of invocations per size if neither a flag nor a plan has one.
const DEFAULT_NUM: u32 = 10;

/// The time that invocations in flight get to return after an interrupt, because they are paid for.
const GRACE: Duration = Duration::from_secs(10);

/// The options that the arguments become.
#[derive(Debug)]
struct Options {
    /// Invocations per size; None: as the plan says.
    num: Option<u32>,
    /// Invocations per size if there is no plan either.
    num_without_plan: u32,
    payloads: Payloads,
    /// Called before each invocation.
    pre_processor: Option<Processor>,
    /// Called after each invocation.
    post_processor: Option<Processor>,
    /// Whether the invocations of a size are sent at once.
    parallel: bool,
    /// Whether to read the answers as streams.
    response_stream: bool,
    /// The pause between two invocations of a size, in series.
    sleep_between_runs: Duration,
    /// Types of function errors that count as results.
    allowed_exceptions: Vec<String>,
    /// How to find the best size with few invocations; None: each size gets as many.
    adaptive: Option<Adaptive>,
    /// The most that the run may cost, in the currency of the region.
    max_cost: Option<Money>,
    /// Whether to accept only versions that are for one invocation each.
    only_cold_starts: bool,
    /// Whether to hide payloads, and error messages that may contain parts of them.
    disable_payload_logs: bool,
    /// The fields of the user's own in each record.
    tags: Tags,
    /// Maximum number of invocations in flight.
    concurrency: NonZeroUsize,
    /// Whether to invoke only once per size. A plan may ask for that, too.
    dry_run: bool,
    /// The invocations of an interrupted run, which need not be made again.
    resumed: Resumed,
}

/// Invokes each ready configuration as it arrives, and writes an invocation record as each invocation ends.
///
/// After an interrupt or a failure it sends nothing more. It still passes the input on to its end, because the records
/// that undo the run are in it, and waits for the invocations in flight, because they are paid for.
///
/// # Errors
/// A bad record, a closed output, an interrupt, no permission to invoke, or the first failure if no size could be
/// measured.
async fn run(options: &Options, aws: &Aws, pipe: &mut Pipe) -> Result<Exit, Error> {
    let Pipe { input, upstream, output, interrupt } = pipe;
    let permits = Semaphore::new(options.concurrency.get().min(Semaphore::MAX_PERMITS));
    let stop = interrupt.child_token();
    let recorder = Recorder {
        budget: Budget::new(options.max_cost),
        tally: Tally::new(),
        estimate: RefCell::new(Estimate::new()),
        writer: RefCell::new(output),
        failure: RefCell::default(),
        gone: RefCell::default(),
        published: RefCell::default(),
        failed_configuration: Cell::default(),
        sizes: RefCell::default(),
        stop: &stop,
    };
    let shared = Shared { options, aws, recorder: &recorder, permits: &permits, stop: &stop };

    let mut invoke = Invoke::new(options, aws, upstream, &recorder, &stop);
    let mut measurements = FuturesUnordered::new();
    let mut reading = true;
    let grace = async {
        interrupt.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::pin!(grace);
    let mut grace_is_over = false;
    let line = || {
        let spent = in_money(&recorder.budget.spent());
        recorder.tally.line(&spent, stop.is_cancelled(), options.adaptive.is_some())
    };
    progress::during(Duration::ZERO, line, async {
        while reading || !measurements.is_empty() {
            tokio::select! {
                Some(()) = measurements.next(), if !measurements.is_empty() => {}
                line = input.next(), if reading => match line {
                    None => {
                        reading = false;
                        // No more sizes come.
                        invoke.races.clear();
                        recorder.tally.end();
                    }
                    Some(Err(error)) => invoke.stop_because(error),
                    Some(Ok(line)) => match invoke.handle(&line).await {
                        Ok(Some(Work::Size(measurement))) => measurements.push(measurement.run(&shared).boxed_local()),
                        Ok(Some(Work::Race(sizes, race))) => {
                            measurements.push(race.run(sizes, &shared).boxed_local());
                        }
                        Ok(None) => {}
                        Err(error) => invoke.stop_because(error),
                    },
                },
                () = &mut grace, if !grace_is_over => {
                    grace_is_over = true;
                    if !measurements.is_empty() {
                        message::warning(format_args!(
                            "stopped waiting after {} s; the invocations still in flight are not recorded",
                            GRACE.as_secs()
                        ));
                        measurements.clear();
                    }
                }
            }
            // What is in flight is paid for, so it is recorded where that is possible.
            reading &= !recorder.writer.borrow().is_closed();
            if recorder.writer.borrow().is_useless() {
                measurements.clear();
            }
        }
    })
    .await;
    if invoke.is_dry() {
        message::note(format_args!("dry run: these actions are allowed: {}", aws.proved().join(", ")));
        if let Some(estimate) = recorder.estimate.borrow().in_words(options, &recorder.budget) {
            message::note(estimate);
        }
    }
    if invoke.kept > 0 {
        message::note(format_args!("kept {} of the resumed run", counted(invoke.kept, "invocation")));
    }
    match invoke.repeats {
        0 => {}
        1 => message::note("1 version is in the input twice, and is measured once"),
        repeats => message::note(format_args!(
            "{repeats} ready configuration records repeat a version of the input; each version is measured once"
        )),
    }
    if interrupt.is_cancelled() {
        message::note(format_args!("{}{}", recorder.budget, invoke.how_to_go_on()));
    } else {
        invoke.say_what_is_left_out();
    }
    recorder.summarize();
    match recorder.failure.take() {
        Some(error) => Err(error),
        None => invoke.conclude(interrupt),
    }
}

/// The output of the measurements of all sizes.
struct Recorder<'a> {
    budget: Budget,
    tally: Tally,
    /// What a dry run tells of the real run.
    estimate: RefCell<Estimate>,
    writer: RefCell<&'a mut Writer>,
    /// The first failure to write.
    failure: RefCell<Option<Error>>,
    /// The versions that turned out not to be there any more.
    gone: RefCell<Vec<Configuration>>,
    /// The versions that this tool has published.
    published: RefCell<Vec<Configuration>>,
    /// Whether a size could not be published, by lpt-prepare or by this tool.
    failed_configuration: Cell<bool>,
    /// The progress of each size.
    sizes: RefCell<BTreeMap<(RunName, SizeKey), Rc<SizeProgress>>>,
    /// Cancelled then, because each invocation costs money.
    stop: &'a CancellationToken,
}

impl Recorder<'_> {
    fn write(&self, invocation: &Invocation) {
        self.budget.add(invocation);
        self.tally.note_invocation(invocation);
        self.estimate.borrow_mut().note(invocation);
        self.record(invocation);
    }

    /// Writes a record of another type.
    fn record<R: Record>(&self, record: &R) {
        let written = self.writer.borrow_mut().write(record);
        self.note(written);
    }

    /// Whether a record could not be written.
    fn has_failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    fn note_published(&self, configuration: &Configuration) {
        self.published.borrow_mut().push(configuration.clone());
    }

    /// Returns the progress of the size that a configuration belongs to.
    fn size(&self, configuration: &Configuration, options: &Options) -> Rc<SizeProgress> {
        let key = (configuration.run_id.clone(), configuration.size_key());
        let mut sizes = self.sizes.borrow_mut();
        Rc::clone(sizes.entry(key).or_insert_with(|| Rc::new(SizeProgress::new(options, self.tally.pace()))))
    }

    fn pass(&self, line: &Line) {
        self.note(self.writer.borrow_mut().pass(line));
    }

    fn note_gone(&self, configuration: &Configuration) {
        self.gone.borrow_mut().push(configuration.clone());
    }

    /// Tells people who see no records what they say, in short.
    fn summarize(&self) {
        let mut writer = self.writer.borrow_mut();
        let next = match writer.saved_to() {
            Some(file) => format!("lpt-analyze {} shows the result", operand(file)),
            None => "to see the result, pipe lpt-invoke into lpt-analyze".to_owned(),
        };
        let written = writer.summary(format_args!("{}; {next}", self.budget));
        self.note(written);
    }

    fn note(&self, written: Result<(), Error>) {
        if let Err(error) = written {
            self.failure.borrow_mut().get_or_insert(error);
            self.stop.cancel();
        }
    }
}

/// The state of a run of the tool: facts from the records so far, and the progress of each size.
struct Invoke<'a> {
    options: &'a Options,
    aws: &'a Aws,
    recorder: &'a Recorder<'a>,
    /// Cancelled when no invocation should be sent any more.
    stop: &'a CancellationToken,
    upstream: &'a mut Upstream,
    /// Invocations per size, as the plan of each run says.
    num: HashMap<RunName, u32>,
    dry_runs: HashSet<RunName>,
    /// The versions that are measured, by their aliases.
    measured: HashSet<(FunctionArn, AliasName)>,
    /// The number of versions that were in the input already. They are not measured again, which would cost money.
    repeats: usize,
    bad_input: Option<Error>,
    /// The number of invocations that are kept from the resumed run.
    kept: usize,
    /// Where the sizes of each function and architecture go if they race.
    races: HashMap<(RunName, FunctionArn, Architecture), mpsc::UnboundedSender<Measurement>>,
    plans: BTreeMap<(RunName, FunctionArn), Plan>,
}

/// What to do about a configuration that is ready.
enum Work {
    /// Measure the size.
    Size(Box<Measurement>),
    /// Let this and the following sizes of its function race.
    Race(mpsc::UnboundedReceiver<Measurement>, Box<Sizes>),
}

impl<'a> Invoke<'a> {
    fn new(
        options: &'a Options,
        aws: &'a Aws,
        upstream: &'a mut Upstream,
        recorder: &'a Recorder<'a>,
        stop: &'a CancellationToken,
    ) -> Invoke<'a> {
        Invoke {
            options,
            aws,
            recorder,
            stop,
            upstream,
            num: HashMap::new(),
            dry_runs: HashSet::new(),
            measured: HashSet::new(),
            repeats: 0,
            bad_input: None,
            kept: 0,
            races: HashMap::new(),
            plans: BTreeMap::new(),
        }
    }

    /// Stops sending because of `error`. The first error is the one that is reported.
    fn stop_because(&mut self, error: Error) {
        self.bad_input.get_or_insert(error);
        self.stop.cancel();
    }

    fn is_dry(&self) -> bool {
        self.options.dry_run || !self.dry_runs.is_empty()
    }

    /// Passes a line on. Returns the work to do if it is a configuration that is ready.
    async fn handle(&mut self, line: &Line) -> Result<Option<Work>, Error> {
        let Some(record_type) = self.upstream.admit(line)? else {
            return Ok(None);
        };
        let resumed = &self.options.resumed;
        let mut ready = Ok(None);
        match &*record_type {
            Plan::TYPE => {
                let plan: Plan = line.parse()?;
                self.recorder.budget.note_plan(&plan);
                ready = resumed.check(&plan).and(self.aws.follow(&plan).await).map(|()| None);
                self.num.insert(plan.run_id.clone(), plan.num);
                if plan.dry_run {
                    self.dry_runs.insert(plan.run_id.clone());
                }
                self.recorder.tally.expect(&plan, self.invocations_of_a_version(&plan));
                self.plans.insert((plan.run_id.clone(), plan.function_arn.clone()), plan);
            }
            Configuration::TYPE => {
                let configuration: Configuration = line.parse()?;
                self.upstream.note_published(&configuration);
                self.recorder.tally.note_configuration(&configuration);
                match configuration.state {
                    ConfigurationState::Ready => ready = Ok(Some(configuration)),
                    ConfigurationState::Failed => self.recorder.failed_configuration.set(true),
                    ConfigurationState::Creating => {}
                }
            }
            Failure::TYPE => {
                if let Some(function) = line.parse::<Failure>().ok().and_then(|failure| failure.function_arn)
                {
                    self.recorder.tally.end_of(&function);
                }
            }
            // `Measurement::run` writes it if it is kept; otherwise the invocation is made again.
            Invocation::TYPE if !resumed.is_empty() && resumed.has(&line.parse()?) => return Ok(None),
            _ => {}
        }
        self.recorder.pass(line);
        match ready? {
            Some(configuration) if !self.stop.is_cancelled() && self.is_new(&configuration) => {
                Ok(self.measurement(configuration)?.and_then(|measurement| self.work(measurement)))
            }
            _ => Ok(None),
        }
    }

    /// Returns the work that a measurement begins, if it does not join a race that is under way.
    fn work(&mut self, measurement: Measurement) -> Option<Work> {
        let Some(adaptive) = self.options.adaptive.filter(|_| !self.is_dry()) else {
            return Some(Work::Size(Box::new(measurement)));
        };
        let Configuration { run_id, function_arn, architecture, .. } = &measurement.configuration;
        let key = (run_id.clone(), function_arn.clone(), *architecture);
        let (run_id, function_arn) = (run_id.clone(), function_arn.clone());
        match self.races.entry(key) {
            Entry::Occupied(race) => {
                // Its race ends only after this sender is dropped.
                let _ = race.get().send(measurement);
                None
            }
            Entry::Vacant(new) => {
                let (sender, receiver) = mpsc::unbounded_channel();
                let plan = self.plans.get(&(run_id, function_arn)).cloned();
                let _ = new.insert(sender).send(measurement);
                Some(Work::Race(receiver, Box::new(Sizes::new(adaptive, plan))))
            }
        }
    }

    /// Whether a configuration was not in the input yet.
    fn is_new(&mut self, configuration: &Configuration) -> bool {
        let version = (configuration.function_arn.clone(), configuration.alias.clone());
        let is_new = self.measured.insert(version);
        self.repeats += usize::from(!is_new);
        is_new
    }

    /// Returns the measurement of a configuration, or `None` in a dry run if it is for another invocation than the
    /// first.
    fn measurement(&mut self, configuration: Configuration) -> Result<Option<Measurement>, Error> {
        let options = self.options;
        if options.only_cold_starts && configuration.index.is_none() {
            return Err(Error::Usage(format!(
                "{}:{}: the version is for several invocations, and only the first is a cold start; prepare it with lpt-prepare --only-cold-starts",
                label(&configuration.function_arn),
                configuration.alias
            )));
        }
        if options.adaptive.is_some() && configuration.index.is_some() {
            return Err(Error::Usage(format!(
                "{}:{}: the version is for one invocation, and --adaptive makes several; prepare it without --only-cold-starts",
                label(&configuration.function_arn),
                configuration.alias
            )));
        }
        let is_dry_run = options.dry_run || self.dry_runs.contains(&configuration.run_id);
        let mut num = options.adaptive.map_or_else(|| self.num(&configuration), |adaptive| adaptive.most());
        if is_dry_run {
            self.recorder.estimate.borrow_mut().expect(&configuration, num);
            num = 1;
            if configuration.index.is_some_and(|index| index > 0) {
                return Ok(None);
            }
        }
        // A version that is for one invocation is for the invocation of its index.
        let indices = match configuration.index {
            Some(index) => index..index + 1,
            None => 0..num,
        };
        let kept =
            if is_dry_run { BTreeMap::new() } else { options.resumed.kept(&configuration, indices.clone()) };
        self.kept += kept.len();
        let size = self.recorder.size(&configuration, options);
        Ok(Some(Measurement {
            shares: if is_dry_run {
                options.payloads.only_first()
            } else {
                options.payloads.share_out(num)?
            },
            left: Share::new(&size.pace, indices.len() as u32 - kept.len() as u32),
            size,
            lambda: self.aws.lambda(&configuration.function_arn),
            num,
            indices,
            kept,
            configuration,
        }))
    }

    /// Returns the number of invocations that each version of a plan gets, at most.
    fn invocations_of_a_version(&self, plan: &Plan) -> u32 {
        let is_dry_run = self.options.dry_run || plan.dry_run;
        match self.options.adaptive {
            _ if is_dry_run || plan.only_cold_starts => 1,
            Some(adaptive) => adaptive.most(),
            None => self.options.num.unwrap_or(plan.num),
        }
    }

    /// Returns the number of invocations of the configuration's size. If each invocation has a version of its own, it
    /// is the number of versions, which the plan says.
    fn num(&self, configuration: &Configuration) -> u32 {
        let planned = self.num.get(&configuration.run_id).copied();
        let flag = self.options.num.filter(|_| configuration.index.is_none());
        flag.or(planned).unwrap_or(self.options.num_without_plan)
    }

    /// Warns of the invocations that the limit of the cost leaves out.
    fn say_what_is_left_out(&self) {
        let budget = &self.recorder.budget;
        if let Some(left_out) = budget.left_out() {
            message::warning(format_args!("{left_out}; {budget}{}", self.how_to_go_on()));
        }
    }

    /// Returns what to do for the invocations that were not made. An adaptive run cannot be resumed, nor one that is not
    /// saved.
    fn how_to_go_on(&self) -> String {
        let writer = self.recorder.writer.borrow();
        let can_resume = self.options.adaptive.is_none() && self.recorder.budget.invocations() > 0;
        let file = writer.saved_to().filter(|_| can_resume);
        let plans: Vec<&Plan> = self.plans.values().collect();
        file.map(|file| format!("; {}", resume::how_to(file, &plans, self.options.num))).unwrap_or_default()
    }

    /// Returns the result of the tool.
    fn conclude(self, interrupt: &Interrupt) -> Result<Exit, Error> {
        for configuration in self.recorder.published.take() {
            self.upstream.note_published(&configuration);
        }
        for configuration in self.recorder.gone.take() {
            self.upstream.forget_version(&configuration);
        }
        if interrupt.is_cancelled() {
            return Err(Error::Interrupted);
        }
        if let Some(error) = self.bad_input {
            return Err(error);
        }
        let sizes = self.recorder.sizes.take();
        let results: Vec<SizeResult> = sizes.iter().map(|((_, key), size)| size.conclude(key)).collect();
        let any_usable = results.iter().any(|result| result.is_usable);
        let is_fatal = results.iter().any(|result| result.is_fatal);
        let is_cut_short = self.recorder.budget.left_out().is_some();
        // If a failure stopped the whole run, that is the one to report.
        let worst = results.into_iter().max_by_key(|result| (result.is_fatal, result.failure.is_some()));
        match worst.and_then(|result| result.failure) {
            None if is_cut_short && !any_usable => {
                message::error("no size could be measured");
                Ok(Exit::Failed)
            }
            None if is_cut_short || self.recorder.failed_configuration.get() => Ok(Exit::Partly),
            None => Ok(Exit::Done),
            Some(error) if is_fatal => Err(error),
            Some(_) if any_usable => Ok(Exit::Partly),
            Some(error) => {
                // The reasons were shown when each size was given up.
                message::error("no size could be measured");
                Ok(error.exit())
            }
        }
    }
}
