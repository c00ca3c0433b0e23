//! Measuring one size: its invocations, their retries, and when to give up.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, TryStreamExt as _};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use super::failures::{Failures, Known};
use super::{Options, Report, Shares};
use crate::aws::{Aws, AwsError, AwsErrorKind, Blob, Invoked, Lambda, RetryPolicy, retry_until_stopped};
use crate::error::Error;
use crate::message;
use crate::names::Qualifier;
use crate::ndjson::{Line, Writer};
use crate::records::{Configuration, Invocation, Outcome};
use crate::units::{MemoryMB, Millis, Timestamp};

/// How long a size waits after AWS could not be reached, so that a short break of the network is over before its
/// next failure counts.
const AFTER_NO_ANSWER: Duration = Duration::from_secs(1);

/// What the measurements of all sizes share.
pub(super) struct Shared<'a> {
    pub options: &'a Options,
    pub aws: &'a Aws,
    pub writer: &'a RefCell<&'a mut Writer>,
    /// One for each invocation in flight.
    pub permits: &'a Semaphore,
    /// Cancelled when no invocation should be sent any more.
    pub stop: &'a CancellationToken,
}

/// One memory size of a function in a run. All its configurations share it, for with cold starts only each
/// invocation has one of its own.
#[derive(Debug)]
pub(super) struct SizeProgress {
    /// As many as the size may have in flight.
    turns: Semaphore,
    /// One, while the size is in doubt.
    trial: Semaphore,
    has_begun: Cell<bool>,
    progress: RefCell<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    usable: u32,
    failures: Failures,
    /// Whether AWS could not be reached when an invocation last failed.
    was_unreachable: bool,
    last_failure: Option<Error>,
    is_fatal: bool,
    is_given_up: bool,
}

/// What became of one size.
#[derive(Debug)]
pub(super) struct Measured {
    /// Whether any invocation's durations count.
    pub is_usable: bool,
    /// Why it was given up, or has nothing usable.
    pub failure: Option<Error>,
    /// Whether the failure is one that the other sizes meet too.
    pub is_fatal: bool,
}

impl SizeProgress {
    pub fn new(options: &Options) -> SizeProgress {
        let turns = if options.parallel { Semaphore::MAX_PERMITS } else { 1 };
        SizeProgress {
            turns: Semaphore::new(turns),
            trial: Semaphore::new(1),
            has_begun: Cell::default(),
            progress: RefCell::default(),
        }
    }

    /// What became of it, after all its invocations; said, if that was not done yet.
    pub fn conclude(&self, memory: MemoryMB) -> Measured {
        let progress = self.progress.take();
        let is_usable = progress.usable > 0;
        let failure = progress.last_failure.filter(|_| progress.is_given_up || !is_usable);
        if let Some(failure) = &failure
            && !progress.is_given_up
        {
            message::warning(format_args!("{memory} MB has no usable invocation: {failure}"));
        }
        Measured { is_usable, failure, is_fatal: progress.is_fatal }
    }
}

/// One version to invoke.
pub(super) struct Measurement {
    pub lambda: Lambda,
    pub configuration: Configuration,
    /// How many there are of the size.
    pub num: u32,
    /// Those of this version.
    pub indices: Range<u32>,
    /// Those that were measured before.
    pub kept: BTreeMap<u32, Line>,
    /// Which invocation has which payload.
    pub shares: Shares,
    pub size: Rc<SizeProgress>,
}

/// What an invocation holds while it is in flight.
struct Admission<'a> {
    permit: SemaphorePermit<'a>,
    /// Where the size is in doubt.
    trial: Option<SemaphorePermit<'a>>,
    known: Known,
}

impl Measurement {
    /// Invokes the version and writes a record for each invocation as it ends.
    ///
    /// # Errors
    /// Records can't be written any more.
    pub async fn run(self, shared: &Shared<'_>) -> Result<(), Error> {
        for line in self.kept.values() {
            shared.writer.borrow_mut().pass(line)?;
            self.size.progress.borrow_mut().usable += 1;
        }
        let missing = self.indices.clone().filter(|index| !self.kept.contains_key(index));
        let side_by_side = if shared.options.parallel { shared.options.concurrency.get() } else { 1 };
        stream::iter(missing)
            .map(|index| self.invoke_and_record(index, shared))
            .buffer_unordered(side_by_side)
            .try_collect()
            .await
    }

    async fn invoke_and_record(&self, index: u32, shared: &Shared<'_>) -> Result<(), Error> {
        const NEVER: &str = "the semaphore is never closed";
        let _turn = self.size.turns.acquire().await.expect(NEVER);
        if self.size.progress.borrow().is_given_up || shared.stop.is_cancelled() {
            return Ok(());
        }
        if self.size.has_begun.replace(true) && !shared.options.sleep_between_runs.is_zero() {
            tokio::select! {
                () = shared.stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(shared.options.sleep_between_runs) => {}
            }
        }
        let memory = self.configuration.memory_size;
        let payload = match self.payload(index, shared).await {
            Ok(payload) => payload,
            Err(error) => {
                self.give_up(error);
                return Ok(());
            }
        };
        let Some(Admission { permit, trial: _trial, known }) = self.admission(shared).await else {
            return Ok(());
        };
        let Some((invocation, result)) = self.invoke(index, &payload, shared).await else {
            return Ok(());
        };
        drop(permit);
        shared.writer.borrow_mut().write(&invocation)?;
        if self.configuration.index.is_some() && invocation.cold_start == Some(false) {
            message::warning(format_args!(
                "{}: invocation {index} of {memory} MB was no cold start, as its record says: its version had been invoked before",
                self.configuration.function_arn.name()
            ));
        }
        message::progress(format_args!(
            "{}: {memory} MB, {} of {}",
            self.configuration.function_arn.name(),
            index + 1,
            self.num
        ));
        self.note_outcome(&invocation, known, result.as_ref().err(), shared);
        if let (Some(processor), Ok(invoked)) = (&shared.options.post_processor, &result) {
            let silent = shared.options.disable_payload_logs;
            if let Err(error) = processor.process(shared.aws, &invoked.payload, silent).await {
                self.give_up(error);
            }
        }
        Ok(())
    }

    /// Waits until an invocation may be sent, and one at a time while the size is in doubt. Returns `None` where
    /// nothing more of the size is to be sent.
    async fn admission<'a>(&'a self, shared: &'a Shared<'_>) -> Option<Admission<'a>> {
        const NEVER: &str = "the semaphore is never closed";
        let progress = &self.size.progress;
        let is_in_doubt = || progress.borrow().failures.is_in_doubt();
        loop {
            // Before the permit: the trials of one size must not keep the other sizes waiting.
            let mut trial = None;
            if is_in_doubt() {
                trial = Some(self.size.trial.acquire().await.expect(NEVER));
                if is_in_doubt() && progress.borrow().was_unreachable {
                    tokio::select! {
                        () = shared.stop.cancelled() => return None,
                        () = tokio::time::sleep(AFTER_NO_ANSWER) => {}
                    }
                }
            }
            let permit = shared.permits.acquire().await.expect(NEVER);
            if progress.borrow().is_given_up || shared.stop.is_cancelled() {
                return None;
            }
            if is_in_doubt() && trial.is_none() {
                // A failure came back meanwhile.
                continue;
            }
            let known = progress.borrow().failures.known();
            return Some(Admission { permit, trial: trial.filter(|_| is_in_doubt()), known });
        }
    }

    /// What the invocation `index` is to be sent: its payload, or what the pre-processor makes of that.
    async fn payload(&self, index: u32, shared: &Shared<'_>) -> Result<Blob, Error> {
        let payload = shared.options.payloads.get(self.shares.payload_of(index)).blob();
        let Some(processor) = &shared.options.pre_processor else {
            return Ok(payload.clone());
        };
        let silent = shared.options.disable_payload_logs;
        let Some(processed) = processor.process(shared.aws, payload.as_ref(), silent).await? else {
            return Ok(payload.clone());
        };
        match serde_json::from_slice::<IgnoredAny>(&processed) {
            Ok(_) => Ok(Blob::from(processed)),
            Err(error) => Err(Error::Failed(format!(
                "{processor}: its output, which is to be the payload, is not JSON: {error}"
            ))),
        }
    }

    /// Nothing more of this size is to be invoked.
    fn give_up(&self, error: Error) {
        let mut progress = self.size.progress.borrow_mut();
        if !progress.is_given_up {
            message::warning(format_args!("{} MB is given up: {error}", self.configuration.memory_size));
        }
        progress.is_given_up = true;
        progress.last_failure = Some(error);
    }

    /// Takes note of how an invocation went; the size, or all of the run, may be given up for that.
    fn note_outcome(
        &self,
        invocation: &Invocation,
        known: Known,
        error: Option<&AwsError>,
        shared: &Shared<'_>,
    ) {
        let mut progress = self.size.progress.borrow_mut();
        if progress.is_fatal {
            // What was in flight then says nothing new.
            return;
        }
        if invocation.outcome.is_usable() {
            progress.usable += 1;
            progress.failures.note_success();
            return;
        }
        progress.was_unreachable = error.is_some_and(|error| error.kind == AwsErrorKind::Unreachable);
        let is_at_its_end = progress.failures.note_failure(known);
        let (is_fatal, is_hopeless) = error.map_or((false, false), |error| prospects(error.kind));
        let failure = error.cloned().map_or_else(|| Error::Failed(self.describe(invocation)), Error::from);
        if is_fatal {
            progress.is_fatal = true;
            progress.is_given_up = true;
            shared.stop.cancel();
        } else if is_hopeless || is_at_its_end {
            drop(progress);
            self.give_up(failure);
            return;
        }
        progress.last_failure = Some(failure);
    }

    /// Invokes once, with retries. Returns `None` if the run was stopped before an answer came.
    async fn invoke(
        &self,
        index: u32,
        payload: &Blob,
        shared: &Shared<'_>,
    ) -> Option<(Invocation, Result<Invoked, AwsError>)> {
        let Configuration { function_arn, alias, .. } = &self.configuration;
        let silent = shared.options.disable_payload_logs;
        // Of the last attempt.
        let sent = Cell::new((Timestamp::now(), 0));
        let invoke = async |attempt| {
            sent.set((Timestamp::now(), attempt));
            let result = self.lambda.invoke(function_arn, Qualifier::Alias(alias), payload).await;
            result.map_err(|error| if silent { error.without_message() } else { error })
        };
        let result = retry_until_stopped(RetryPolicy::MEASURED, shared.stop, invoke).await?;
        let (started_at, attempts) = sent.get();
        let mut invocation = Invocation::of(&self.configuration, index, started_at, attempts);
        invocation.payload_index = u32::try_from(self.shares.payload_of(index)).ok();
        match &result {
            Ok(invoked) => record_answer(&mut invocation, invoked, shared.options),
            Err(error) => record_error(&mut invocation, error),
        }
        if !silent {
            self.trace(index, payload.as_ref(), &result);
        }
        Some((invocation, result))
    }

    fn trace(&self, index: u32, payload: &[u8], result: &Result<Invoked, AwsError>) {
        // Decoded only where it is shown: payloads may be large.
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        message::trace(fmt::from_fn(|f| {
            let answer =
                result.as_ref().map_or_else(|_| "no answer".to_owned(), |invoked| text(&invoked.payload));
            let Configuration { function_arn, alias, .. } = &self.configuration;
            write!(f, "{function_arn}:{alias}: invocation {index}: sent {}, got {answer}", text(payload))
        }));
    }

    fn describe(&self, invocation: &Invocation) -> String {
        format!(
            "{}:{}: {}: {}",
            self.configuration.function_arn,
            self.configuration.alias,
            invocation.error_type.as_deref().unwrap_or("no error type"),
            invocation.error_message.as_deref().unwrap_or("no message")
        )
    }
}

/// Whether all further invocations must fail as this one did, and whether all of this size must.
fn prospects(kind: AwsErrorKind) -> (bool, bool) {
    match kind {
        AwsErrorKind::Denied | AwsErrorKind::NoCredentials => (true, true),
        AwsErrorKind::NotFound | AwsErrorKind::Invalid => (false, true),
        _ => (false, false),
    }
}

fn record_error(invocation: &mut Invocation, error: &AwsError) {
    invocation.outcome = match error.kind {
        AwsErrorKind::Throttled => Outcome::Throttled,
        _ => Outcome::ServiceError,
    };
    invocation.error_type = Some(error.code.clone());
    invocation.error_message = Some(error.message.clone());
}

fn record_answer(invocation: &mut Invocation, invoked: &Invoked, options: &Options) {
    let request_id = invoked.request_id.as_deref().unwrap_or_default();
    let report = invoked.log_result.as_deref().and_then(|tail| Report::from_log_result(tail, request_id));
    invocation.request_id.clone_from(&invoked.request_id);
    invocation.client_duration_ms = Some(Millis::of(invoked.elapsed));
    if let Some(report) = &report {
        invocation.cold_start = Some(report.is_cold_start());
        invocation.duration_ms = Some(report.duration);
        invocation.init_duration_ms = report.init_duration;
        invocation.restore_duration_ms = report.restore_duration;
        invocation.billed_duration_ms = Some(report.billed_duration);
        invocation.billed_restore_duration_ms = report.billed_restore_duration;
        invocation.max_memory_used = report.max_memory_used;
    }
    if invoked.function_error.is_some() {
        let error = FunctionError::read(&invoked.payload);
        invocation.outcome = error.outcome(report.as_ref());
        invocation.error_type = error.error_type.or_else(|| report.and_then(|report| report.error_type));
        invocation.error_message = error.error_message.filter(|_| !options.disable_payload_logs);
        // An error that comes without a report has no durations to count.
        let is_allowed =
            invocation.error_type.as_ref().is_some_and(|error| options.allowed_exceptions.contains(error));
        if is_allowed && invocation.duration_ms.is_some() {
            invocation.outcome = Outcome::AllowedError;
        }
    } else if report.is_none() {
        invocation.outcome = Outcome::NoReport;
        invocation.error_type = Some("NoReport".to_owned());
        invocation.error_message = Some(
            "the end of the log (4 KB) holds no report of this invocation; let the function or its extensions log less"
                .to_owned(),
        );
    }
}

/// What a failed function answers.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_ResponseSyntax>
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionError {
    error_type: Option<String>,
    error_message: Option<String>,
}

impl FunctionError {
    fn read(payload: &[u8]) -> FunctionError {
        serde_json::from_slice(payload).unwrap_or_default()
    }

    /// Which failure it is, by the report where it says so, and else by the error's own words: older partitions'
    /// reports have neither a status nor an error type.
    fn outcome(&self, report: Option<&Report>) -> Outcome {
        let types = [report.and_then(|report| report.error_type.as_deref()), self.error_type.as_deref()];
        let is = |name| types.contains(&Some(name));
        let says = |text| self.error_message.as_deref().is_some_and(|message| message.contains(text));
        let status = report.and_then(|report| report.status.as_deref());
        if status == Some("timeout") || is("Sandbox.Timedout") || says("Task timed out after ") {
            Outcome::Timeout
        } else if is("Runtime.OutOfMemory") {
            Outcome::OutOfMemory
        } else {
            Outcome::FunctionError
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(payload: &str) -> Outcome {
        FunctionError::read(payload.as_bytes()).outcome(None)
    }

    #[test]
    fn a_function_error_is_told_from_a_timeout_and_from_too_little_memory() {
        assert_eq!(
            outcome(r#"{"errorType":"ValueError","errorMessage":"no","stackTrace":[]}"#),
            Outcome::FunctionError
        );
        assert_eq!(
            outcome(r#"{"errorMessage":"2026-11-23T06:00:00.000Z id Task timed out after 3.00 seconds"}"#),
            Outcome::Timeout
        );
        assert_eq!(outcome(r#"{"errorType":"Sandbox.Timedout","errorMessage":"x"}"#), Outcome::Timeout);
        assert_eq!(
            outcome(r#"{"errorType":"Runtime.OutOfMemory","errorMessage":"x"}"#),
            Outcome::OutOfMemory
        );
        assert_eq!(outcome("not JSON"), Outcome::FunctionError);
    }
}
