//! `lpt-invoke`: `configuration` → `invocation`.

mod args;
mod invocation;
mod measure;
mod payload;
mod report;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write;
use std::num::NonZeroUsize;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;

pub use args::Args;
pub use invocation::{Invocation, Outcome};
pub use payload::Payload;
pub use report::Report;

use crate::aws::{Aws, AwsOptions};
use crate::entry::Interrupt;
use crate::error::{Error, Exit};
use crate::message;
use crate::ndjson::{End, Line, Reader, Record as _, RecordError, Status, Upstream, Writer};
use crate::prepare::{Configuration, ConfigurationState, Plan, RunId};
use measure::{Measured, Measurement, Shared};

/// Where neither a flag nor a plan says how many.
const DEFAULT_NUM: u32 = 10;

/// How long invocations in flight may take to come back after an interrupt: they are paid for.
const GRACE: Duration = Duration::from_secs(10);

/// How to invoke.
#[derive(Debug)]
pub struct Options {
    /// Invocations for each size, or as the plan says.
    pub num: Option<u32>,
    /// What to invoke with.
    pub payload: Payload,
    /// Whether a size's invocations are sent at once.
    pub parallel: bool,
    /// Invocations in flight at most.
    pub concurrency: NonZeroUsize,
    /// Where AWS is.
    pub aws: AwsOptions,
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
    input: Reader,
    output: impl Write,
    interrupt: &Interrupt,
) -> Result<Exit, Error> {
    let aws = Aws::load(&options.aws).await;
    let writer = RefCell::new(Writer::new(output));
    let permits = Semaphore::new(options.concurrency.get().min(Semaphore::MAX_PERMITS));
    let stop = interrupt.child_token();
    let shared = Shared { options, writer: &writer, permits: &permits, stop: &stop };

    let mut lines = input.into_channel();
    let mut reading = true;
    let mut state = State::default();
    let mut sizes = FuturesUnordered::new();
    let grace = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::pin!(grace);
    let mut grace_is_over = false;
    while reading || !sizes.is_empty() {
        tokio::select! {
            Some(measured) = sizes.next(), if !sizes.is_empty() => {
                let measured: Measured = measured?;
                if measured.is_fatal {
                    stop.cancel();
                }
                state.measured.push(measured);
            }
            line = lines.recv(), if reading => match line {
                None => reading = false,
                Some(line) => match line.and_then(|line| state.take(&line, &writer)) {
                    Ok(Some(configuration)) if !stop.is_cancelled() => {
                        let num = options.num.or_else(|| state.num.get(&configuration.run_id).copied());
                        let lambda = aws.lambda(&configuration.function_arn);
                        let measurement = Measurement::new(lambda, configuration, num.unwrap_or(DEFAULT_NUM));
                        sizes.push(measurement.run(&shared));
                    }
                    Ok(_) => {}
                    Err(Error::Record(error)) => {
                        state.bad_record.get_or_insert(error);
                        stop.cancel();
                    }
                    Err(error) => return Err(error),
                },
            },
            () = &mut grace, if !grace_is_over => {
                grace_is_over = true;
                if !sizes.is_empty() {
                    message::warning("gave up waiting for the invocations in flight; they are not recorded");
                    sizes.clear();
                }
            }
        }
    }
    let upstream = state.upstream.status();
    let (status, result) = state.conclude(interrupt);
    writer.borrow_mut().end(status.max(upstream))?;
    result
}

/// What the records so far have said.
#[derive(Default)]
struct State {
    num: HashMap<RunId, u32>,
    upstream: Upstream,
    failed_configuration: bool,
    bad_record: Option<RecordError>,
    measured: Vec<Measured>,
}

impl State {
    /// Takes note of a line and passes it on; gives the configuration that it makes ready.
    fn take<W: Write>(
        &mut self,
        line: &Line,
        writer: &RefCell<Writer<W>>,
    ) -> Result<Option<Configuration>, Error> {
        let mut ready = None;
        match &*line.record_type()? {
            End::TYPE => {
                self.upstream.ended(line)?;
                return Ok(None);
            }
            Plan::TYPE => {
                let plan: Plan = line.parse()?;
                self.num.insert(plan.run_id, plan.num);
            }
            Configuration::TYPE => {
                let configuration: Configuration = line.parse()?;
                match configuration.state {
                    ConfigurationState::Ready { .. } => ready = Some(configuration),
                    ConfigurationState::Failed { .. } => self.failed_configuration = true,
                    ConfigurationState::Creating => {}
                }
            }
            _ => {}
        }
        writer.borrow_mut().pass(line)?;
        Ok(ready)
    }

    /// How all of it went.
    fn conclude(self, interrupt: &Interrupt) -> (Status, Result<Exit, Error>) {
        if interrupt.is_cancelled() {
            return (Status::Interrupted, Err(Error::Interrupted));
        }
        if let Some(error) = self.bad_record {
            return (Status::Failed, Err(error.into()));
        }
        let any_usable = self.measured.iter().any(|measured| measured.usable > 0);
        let mut failures: Vec<Measured> =
            self.measured.into_iter().filter(|measured| measured.failure.is_some()).collect();
        // What stops the whole run is what the user should read about.
        failures.sort_by_key(|measured| !measured.is_fatal);
        match failures.into_iter().next() {
            None if self.failed_configuration => (Status::Complete, Ok(Exit::Partly)),
            None => (Status::Complete, Ok(Exit::Done)),
            Some(Measured { failure: Some(error), is_fatal, .. }) if is_fatal || !any_usable => {
                (Status::Failed, Err(error))
            }
            Some(_) => (Status::Complete, Ok(Exit::Partly)),
        }
    }
}
