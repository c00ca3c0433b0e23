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
use crate::ndjson::{Line, Reader, Record as _, Status, Upstream, Writer};
use crate::prepare::{Configuration, ConfigurationState, Plan, RunId};
use measure::{Measured, Measurement};

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
/// # Errors
/// A bad record, a closed output, an interrupt, or the first failure where no size could be measured. What was in
/// flight is waited for and written first, for it is paid for.
pub async fn run(
    options: &Options,
    input: Reader,
    output: impl Write,
    interrupt: &Interrupt,
) -> Result<Exit, Error> {
    let aws = Aws::load(&options.aws).await;
    let writer = RefCell::new(Writer::new(output));
    let permits = Semaphore::new(options.concurrency.get().min(Semaphore::MAX_PERMITS));
    // Stops the sending of new invocations: on an interrupt, or after an error.
    let stop = interrupt.child_token();
    let shared = measure::Shared { options, writer: &writer, permits: &permits, stop: &stop };

    let mut lines = input.into_channel();
    let mut reading = true;
    let mut state = State::default();
    let mut sizes = FuturesUnordered::new();
    let mut failure = None;
    let grace = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::pin!(grace);
    while reading || !sizes.is_empty() {
        tokio::select! {
            // A size that ended early has freed its place before the next one is begun.
            biased;
            Some(result) = sizes.next(), if !sizes.is_empty() => match result {
                Ok(measured) => state.measured.push(measured),
                // Nobody reads any more: each further invocation would cost money for nothing.
                Err(error) => return Err(error),
            },
            () = interrupt.cancelled(), if reading => {
                reading = false;
                lines.close();
                if !sizes.is_empty() {
                    message::note("interrupted; waiting for the invocations in flight");
                }
            }
            line = lines.recv(), if reading => match line {
                None => reading = false,
                Some(line) => match line.and_then(|line| state.take(&line, &writer)) {
                    Ok(None) => {}
                    Ok(Some(configuration)) => {
                        let num = options.num.or_else(|| state.num.get(&configuration.run_id).copied());
                        let lambda = aws.lambda(Some(configuration.function_arn.region()));
                        let measurement = Measurement::new(lambda, configuration, num.unwrap_or(DEFAULT_NUM));
                        sizes.push(measurement.run(&shared));
                    }
                    Err(error) if error.is_closed_pipe() => return Err(error),
                    Err(error) => {
                        failure = Some(error);
                        reading = false;
                        stop.cancel();
                    }
                },
            },
            () = &mut grace => {
                message::warning("gave up waiting for the invocations in flight; they are not recorded");
                break;
            }
        }
    }
    drop(sizes);
    finish(state, failure, interrupt, &writer)
}

fn finish<W: Write>(
    state: State,
    failure: Option<Error>,
    interrupt: &Interrupt,
    writer: &RefCell<Writer<W>>,
) -> Result<Exit, Error> {
    let usable = state.measured.iter().any(|measured| measured.usable > 0);
    let mut failures: Vec<Error> =
        state.measured.into_iter().filter_map(|measured| measured.failure).collect();
    let (status, result) = if interrupt.is_cancelled() {
        (Status::Interrupted, Err(Error::Interrupted))
    } else if let Some(failure) = failure {
        (Status::Failed, Err(failure))
    } else if failures.is_empty() && !state.failed_configuration {
        (Status::Complete, Ok(Exit::Done))
    } else if usable || failures.is_empty() {
        (Status::Complete, Ok(Exit::Partly))
    } else {
        (Status::Failed, Err(failures.swap_remove(0)))
    };
    writer.borrow_mut().end(status.max(state.upstream.status()))?;
    result
}

/// What the records so far have said.
#[derive(Default)]
struct State {
    num: HashMap<RunId, u32>,
    upstream: Upstream,
    failed_configuration: bool,
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
            crate::ndjson::End::TYPE => {
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
}
