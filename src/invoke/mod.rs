//! `lpt-invoke`: `configuration` → `invocation`.

mod args;
mod failures;
mod invocation;
mod measure;
mod payload;
mod processor;
mod report;
mod resume;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;

pub use args::Args;
pub use invocation::{Invocation, Outcome};
pub use payload::{Payload, Payloads, Shares};
pub use processor::Processor;
pub use report::Report;
pub use resume::Resumed;

use crate::aws::{Aws, FunctionArn};
use crate::entry::Interrupt;
use crate::error::{Error, Exit};
use crate::message;
use crate::ndjson::{Line, Reader, Record as _, Status, Upstream, Writer};
use crate::prepare::{Configuration, ConfigurationState, Plan, RunId};
use crate::units::MemoryMB;
use measure::{Measured, Measurement, Shared, Size};

/// Where neither a flag nor a plan says how many.
const DEFAULT_NUM: u32 = 10;

/// How long invocations in flight may take to come back after an interrupt: they are paid for.
const GRACE: Duration = Duration::from_secs(10);

/// How to invoke.
#[derive(Debug)]
pub struct Options {
    /// Invocations for each size, or as the plan says.
    pub num: Option<u32>,
    /// Invocations for each size where there is no plan either.
    pub num_without_plan: u32,
    /// What to invoke with.
    pub payloads: Payloads,
    /// What to call before each invocation.
    pub pre_processor: Option<Processor>,
    /// What to call after each invocation.
    pub post_processor: Option<Processor>,
    /// Whether a size's invocations are sent at once.
    pub parallel: bool,
    /// The pause between two invocations of a size, in series.
    pub sleep_between_runs: Duration,
    /// Types of function errors that count as results.
    pub allowed_exceptions: Vec<String>,
    /// Whether to take only versions that are for one invocation each.
    pub only_cold_starts: bool,
    /// Whether payloads, and messages that may hold parts of them, are shown nowhere.
    pub disable_payload_logs: bool,
    /// Invocations in flight at most.
    pub concurrency: NonZeroUsize,
    /// Whether to invoke once for each size only, or as the plan says.
    pub dry_run: bool,
    /// What need not be invoked again.
    pub resumed: Resumed,
}

/// Invokes each ready configuration of `input` as it comes, and writes to `output` what becomes of it.
///
/// After an interrupt or a failure nothing new is sent, but the input is passed on to its end, for the records that
/// undo the run are in it, and what is in flight is waited for, for it is paid for.
///
/// # Errors
/// A bad record, a closed output, an interrupt, no permission to invoke, or the first failure where no size could be
/// measured.
pub async fn run(
    options: &Options,
    aws: &Aws,
    input: Reader,
    output: impl Write,
    interrupt: &Interrupt,
) -> Result<Exit, Error> {
    let writer = RefCell::new(Writer::new(output));
    let permits = Semaphore::new(options.concurrency.get().min(Semaphore::MAX_PERMITS));
    let stop = interrupt.child_token();
    let shared = Shared { options, aws, writer: &writer, permits: &permits, stop: &stop };

    let mut lines = input.into_channel();
    let mut reading = true;
    let mut state = State::default();
    let mut measurements = FuturesUnordered::new();
    let grace = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::pin!(grace);
    let mut grace_is_over = false;
    while reading || !measurements.is_empty() {
        tokio::select! {
            Some(written) = measurements.next(), if !measurements.is_empty() => written?,
            line = lines.recv(), if reading => match line {
                None => reading = false,
                Some(Err(error)) => {
                    state.bad_input.get_or_insert(error);
                    stop.cancel();
                }
                Some(Ok(line)) => match state.take(&line, &options.resumed, &writer) {
                    Ok(Some(configuration)) if !stop.is_cancelled() => {
                        match state.measurement(aws, configuration, options) {
                            Ok(Some(measurement)) => measurements.push(measurement.run(&shared)),
                            Ok(None) => {}
                            Err(error) => {
                                state.bad_input.get_or_insert(error);
                                stop.cancel();
                            }
                        }
                    }
                    Ok(_) => {}
                    Err(error @ Error::Io { .. }) => return Err(error),
                    Err(error) => {
                        state.bad_input.get_or_insert(error);
                        stop.cancel();
                    }
                },
            },
            () = &mut grace, if !grace_is_over => {
                grace_is_over = true;
                if !measurements.is_empty() {
                    message::warning("gave up waiting for what was in flight; an invocation that has not come back is not recorded");
                    measurements.clear();
                }
            }
        }
    }
    if options.dry_run || !state.dry_runs.is_empty() {
        message::note(format_args!("dry run: allowed are {}", aws.proved().join(", ")));
    }
    if state.kept > 0 {
        message::note(format_args!("{} invocations are kept from the run that is resumed", state.kept));
    }
    let upstream = state.upstream.status();
    let (status, result) = state.conclude(interrupt);
    writer.borrow_mut().end(status.max(upstream))?;
    result
}

/// What the records so far have said, and what became of the sizes in them.
#[derive(Default)]
struct State {
    num: HashMap<RunId, u32>,
    dry_runs: HashSet<RunId>,
    upstream: Upstream,
    failed_configuration: bool,
    bad_input: Option<Error>,
    /// So many invocations need not be made again.
    kept: usize,
    sizes: BTreeMap<(RunId, FunctionArn, MemoryMB), Rc<Size>>,
}

impl State {
    /// Takes note of a line and passes it on; gives the configuration that it makes ready.
    fn take<W: Write>(
        &mut self,
        line: &Line,
        resumed: &Resumed,
        writer: &RefCell<Writer<W>>,
    ) -> Result<Option<Configuration>, Error> {
        let Some(record_type) = self.upstream.take(line)? else {
            return Ok(None);
        };
        let mut taken = Ok(None);
        match &*record_type {
            Plan::TYPE => {
                let plan: Plan = line.parse()?;
                taken = resumed.check(&plan).map(|()| None);
                self.num.insert(plan.run_id, plan.num);
                if plan.dry_run {
                    self.dry_runs.insert(plan.run_id);
                }
            }
            Configuration::TYPE => {
                let configuration: Configuration = line.parse()?;
                match configuration.state {
                    ConfigurationState::Ready => taken = Ok(Some(configuration)),
                    ConfigurationState::Failed => self.failed_configuration = true,
                    ConfigurationState::Creating => {}
                }
            }
            // It is written in its place, or was measured in vain.
            Invocation::TYPE if !resumed.is_empty() && resumed.has(&line.parse()?) => return Ok(None),
            _ => {}
        }
        writer.borrow_mut().pass(line)?;
        taken
    }

    /// What is to be done with a configuration; nothing in a dry run, if it is for another invocation than the first.
    fn measurement(
        &mut self,
        aws: &Aws,
        configuration: Configuration,
        options: &Options,
    ) -> Result<Option<Measurement>, Error> {
        if options.only_cold_starts && configuration.index.is_none() {
            return Err(Error::Usage(format!(
                "{}:{}: is for more than one invocation, of which only the first is a cold start; prepare with lpt-prepare --only-cold-starts",
                configuration.function_arn, configuration.alias
            )));
        }
        let is_dry_run = options.dry_run || self.dry_runs.contains(&configuration.run_id);
        if is_dry_run && configuration.index.is_some_and(|index| index > 0) {
            return Ok(None);
        }
        let num = if is_dry_run { 1 } else { self.num(&configuration, options) };
        // With a version for each invocation, this one is for the invocation of its index.
        let indices = match configuration.index {
            Some(index) => index..index + 1,
            None => 0..num,
        };
        let kept =
            if is_dry_run { BTreeMap::new() } else { options.resumed.kept(&configuration, indices.clone()) };
        self.kept += kept.len();
        Ok(Some(Measurement {
            lambda: aws.lambda(&configuration.function_arn),
            num,
            indices,
            kept,
            shares: if is_dry_run {
                options.payloads.only_first()
            } else {
                options.payloads.share_out(num)?
            },
            size: self.size(&configuration, options),
            configuration,
        }))
    }

    /// How often a configuration is to be invoked. With a version for each invocation, the plan has said how many
    /// there are.
    fn num(&self, configuration: &Configuration, options: &Options) -> u32 {
        let planned = self.num.get(&configuration.run_id).copied();
        let asked = options.num.filter(|_| configuration.index.is_none());
        asked.or(planned).unwrap_or(options.num_without_plan)
    }

    /// The size that a configuration belongs to.
    fn size(&mut self, configuration: &Configuration, options: &Options) -> Rc<Size> {
        let Configuration { run_id, function_arn, memory_size, .. } = configuration;
        let key = (*run_id, function_arn.clone(), *memory_size);
        Rc::clone(self.sizes.entry(key).or_insert_with(|| Rc::new(Size::new(options))))
    }

    /// How all of it went.
    fn conclude(self, interrupt: &Interrupt) -> (Status, Result<Exit, Error>) {
        if interrupt.is_cancelled() {
            return (Status::Interrupted, Err(Error::Interrupted));
        }
        if let Some(error) = self.bad_input {
            return (Status::Failed, Err(error));
        }
        let measured: Vec<Measured> =
            self.sizes.iter().map(|((_, _, memory), size)| size.conclude(*memory)).collect();
        let any_usable = measured.iter().any(|measured| measured.is_usable);
        let is_fatal = measured.iter().any(|measured| measured.is_fatal);
        // What stops the whole run is what the user should read about.
        let worst =
            measured.into_iter().max_by_key(|measured| (measured.is_fatal, measured.failure.is_some()));
        match worst.and_then(|measured| measured.failure) {
            None if self.failed_configuration => (Status::Complete, Ok(Exit::Partly)),
            None => (Status::Complete, Ok(Exit::Done)),
            Some(error) if is_fatal => (Status::Failed, Err(error)),
            Some(_) if any_usable => (Status::Complete, Ok(Exit::Partly)),
            Some(error) => {
                // Why, was said when each size was given up.
                message::error("no size could be measured");
                (Status::Failed, Ok(error.exit()))
            }
        }
    }
}
