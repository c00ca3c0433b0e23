//! `lpt-invoke`: `configuration` → `invocation`.

mod args;
mod measure;
mod failures;
mod resume;
mod processor;
mod payload;
mod report;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use args::Args;
pub use payload::{Payload, Payloads, Shares};
pub use processor::Processor;
pub use report::Report;
pub use resume::Resumed;

use crate::aws::Aws;
use crate::entry::{Interrupt, Pipe};
use crate::error::Error;
use crate::exit::Exit;
use crate::message;
use crate::ndjson::{Line, Upstream, Writer};
use crate::records::{
    Configuration, ConfigurationState, Invocation, Plan, Record as _, RunId, SizeKey, Status,
};
use measure::{Measured, Measurement, Shared, SizeProgress};

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

/// Invokes each ready configuration as it arrives, and writes an invocation record as each invocation ends.
///
/// After an interrupt or a failure it sends nothing new. It still passes the input on to its end, because the records
/// that undo the run are in it, and waits for the invocations in flight, because they are paid for.
///
/// # Errors
/// A bad record, a closed output, an interrupt, no permission to invoke, or the first failure where no size could be
/// measured.
pub async fn run(options: &Options, aws: &Aws, pipe: &mut Pipe) -> Result<Exit, Error> {
    let Pipe { input, output, interrupt } = pipe;
    let writer = RefCell::new(output);
    let permits = Semaphore::new(options.concurrency.get().min(Semaphore::MAX_PERMITS));
    let stop = interrupt.child_token();
    let shared = Shared { options, aws, writer: &writer, permits: &permits, stop: &stop };

    let mut invoke = Invoke::new(options, aws, &writer, &stop);
    let mut measurements = FuturesUnordered::new();
    let mut reading = true;
    let grace = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::pin!(grace);
    let mut grace_is_over = false;
    while reading || !measurements.is_empty() {
        tokio::select! {
            Some(written) = measurements.next(), if !measurements.is_empty() => written?,
            line = input.next(), if reading => match line {
                None => reading = false,
                Some(Err(error)) => invoke.stop_because(error),
                Some(Ok(line)) => match invoke.handle(&line) {
                    Ok(Some(measurement)) => measurements.push(measurement.run(&shared)),
                    Ok(None) => {}
                    Err(error @ Error::Io { .. }) => return Err(error),
                    Err(error) => invoke.stop_because(error),
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
    if invoke.is_dry() {
        message::note(format_args!("dry run: allowed are {}", aws.proved().join(", ")));
    }
    if invoke.kept > 0 {
        message::note(format_args!("{} invocations are kept from the run that is resumed", invoke.kept));
    }
    let upstream = invoke.upstream.status();
    let (status, result) = invoke.conclude(interrupt);
    writer.borrow_mut().end(status.max(upstream))?;
    result
}

/// What the records so far say, and what became of the sizes in them.
struct Invoke<'a> {
    options: &'a Options,
    aws: &'a Aws,
    writer: &'a RefCell<&'a mut Writer>,
    /// Cancelled when no invocation should be sent any more.
    stop: &'a CancellationToken,
    upstream: Upstream,
    /// Invocations for each size, as the plan of the run says.
    num: HashMap<RunId, u32>,
    dry_runs: HashSet<RunId>,
    failed_configuration: bool,
    bad_input: Option<Error>,
    /// Invocations that need not be made again.
    kept: usize,
    sizes: BTreeMap<(RunId, SizeKey), Rc<SizeProgress>>,
}

impl<'a> Invoke<'a> {
    fn new(
        options: &'a Options,
        aws: &'a Aws,
        writer: &'a RefCell<&'a mut Writer>,
        stop: &'a CancellationToken,
    ) -> Invoke<'a> {
        Invoke {
            options,
            aws,
            writer,
            stop,
            upstream: Upstream::default(),
            num: HashMap::new(),
            dry_runs: HashSet::new(),
            failed_configuration: false,
            bad_input: None,
            kept: 0,
            sizes: BTreeMap::new(),
        }
    }

    /// Sends nothing more, because of `error`.
    fn stop_because(&mut self, error: Error) {
        self.bad_input.get_or_insert(error);
        self.stop.cancel();
    }

    fn is_dry(&self) -> bool {
        self.options.dry_run || !self.dry_runs.is_empty()
    }

    /// Passes a line on. Returns what is to be measured if it is a configuration that is ready.
    fn handle(&mut self, line: &Line) -> Result<Option<Measurement>, Error> {
        let Some(record_type) = self.upstream.admit(line)? else {
            return Ok(None);
        };
        let resumed = &self.options.resumed;
        let mut ready = Ok(None);
        match &*record_type {
            Plan::TYPE => {
                let plan: Plan = line.parse()?;
                ready = resumed.check(&plan).map(|()| None);
                self.num.insert(plan.run_id, plan.num);
                if plan.dry_run {
                    self.dry_runs.insert(plan.run_id);
                }
            }
            Configuration::TYPE => {
                let configuration: Configuration = line.parse()?;
                match configuration.state {
                    ConfigurationState::Ready => ready = Ok(Some(configuration)),
                    ConfigurationState::Failed => self.failed_configuration = true,
                    ConfigurationState::Creating => {}
                }
            }
            // It is written in its place, or was measured in vain.
            Invocation::TYPE if !resumed.is_empty() && resumed.has(&line.parse()?) => return Ok(None),
            _ => {}
        }
        self.writer.borrow_mut().pass(line)?;
        match ready? {
            Some(configuration) if !self.stop.is_cancelled() => self.measurement(configuration),
            _ => Ok(None),
        }
    }

    /// Returns what is to be done with a configuration: nothing in a dry run, if it is for another invocation than the
    /// first.
    fn measurement(&mut self, configuration: Configuration) -> Result<Option<Measurement>, Error> {
        let options = self.options;
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
        let num = if is_dry_run { 1 } else { self.num(&configuration) };
        // With a version for each invocation, this one is for the invocation of its index.
        let indices = match configuration.index {
            Some(index) => index..index + 1,
            None => 0..num,
        };
        let kept =
            if is_dry_run { BTreeMap::new() } else { options.resumed.kept(&configuration, indices.clone()) };
        self.kept += kept.len();
        Ok(Some(Measurement {
            lambda: self.aws.lambda(&configuration.function_arn),
            num,
            indices,
            kept,
            shares: if is_dry_run {
                options.payloads.only_first()
            } else {
                options.payloads.share_out(num)?
            },
            size: self.size(&configuration),
            configuration,
        }))
    }

    /// How often a configuration is to be invoked. With a version for each invocation, the plan has said how many
    /// there are.
    fn num(&self, configuration: &Configuration) -> u32 {
        let planned = self.num.get(&configuration.run_id).copied();
        let asked = self.options.num.filter(|_| configuration.index.is_none());
        asked.or(planned).unwrap_or(self.options.num_without_plan)
    }

    /// Returns the progress of the size that a configuration belongs to.
    fn size(&mut self, configuration: &Configuration) -> Rc<SizeProgress> {
        let key = (configuration.run_id, configuration.size_key());
        Rc::clone(self.sizes.entry(key).or_insert_with(|| Rc::new(SizeProgress::new(self.options))))
    }

    /// Returns how all of it went.
    fn conclude(self, interrupt: &Interrupt) -> (Status, Result<Exit, Error>) {
        if interrupt.is_cancelled() {
            return (Status::Interrupted, Err(Error::Interrupted));
        }
        if let Some(error) = self.bad_input {
            return (Status::Failed, Err(error));
        }
        let measured: Vec<Measured> =
            self.sizes.iter().map(|((_, key), size)| size.conclude(key.memory)).collect();
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
