//! The measurement of one size: its invocations, their retries and records, and giving the size up.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use tracing::{Level, enabled, trace};

use super::budget::Reservation;
use super::failures::{CountWhenSent, Failures};
use super::payload::not_json;
use super::tally::{Pace, Share};
use super::{Options, Recorder, Shares};
use crate::aws::{Aws, AwsError, AwsErrorKind, Blob, Invoked, Lambda, RetryPolicy, retry_until_stopped};
use crate::error::Error;
use crate::label::label;
use crate::message;
use crate::names::Qualifier;
use crate::ndjson::Line;
use crate::quote::excerpt;
use crate::records::{Configuration, Invocation, Outcome, SizeKey};
use crate::telemetry::Report;
use crate::units::{Millis, Timestamp};

/// The times that a size waits after AWS could not be reached or failed itself: after the first failure in a row, and
/// after the second. An outage that is shorter than their sum does not end the size.
const PAUSES_IN_AN_OUTAGE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];

/// The parts that the measurements of all sizes share.
pub(super) struct Shared<'a> {
    pub options: &'a Options,
    pub aws: &'a Aws,
    pub recorder: &'a Recorder<'a>,
    /// One permit for each invocation that may be in flight.
    pub permits: &'a Semaphore,
    /// Cancelled when no further invocation may be sent.
    pub stop: &'a CancellationToken,
}

/// The progress of one memory size of a function in a run. All configurations of the size share it, because each
/// invocation has its own configuration if only cold starts are measured.
#[derive(Debug)]
pub(super) struct SizeProgress {
    /// One permit for each invocation that the size may have in flight.
    turns: Semaphore,
    /// One permit, for the only invocation that may be in flight while the size is in doubt.
    trial: Semaphore,
    has_begun: Cell<bool>,
    progress: RefCell<Progress>,
    pub pace: Rc<Pace>,
}

#[derive(Debug, Default)]
struct Progress {
    usable: u32,
    failures: Failures,
    /// Whether AWS could not be reached or failed itself when an invocation last failed.
    is_outage: bool,
    last_failure: Option<Error>,
    is_fatal: bool,
    is_given_up: bool,
}

impl Progress {
    /// Returns the time to wait before the next invocation.
    fn pause(&self) -> Duration {
        let failures = self.failures.in_a_row() as usize;
        let pause = PAUSES_IN_AN_OUTAGE.get(failures.wrapping_sub(1)).filter(|_| self.is_outage);
        pause.copied().unwrap_or_default()
    }
}

/// The result of one size.
#[derive(Debug)]
pub(super) struct SizeResult {
    /// Whether it has a usable invocation.
    pub is_usable: bool,
    /// The reason why the size was given up or has no usable invocation.
    pub failure: Option<Error>,
    /// Whether the other sizes must fail in the same way.
    pub is_fatal: bool,
}

impl SizeProgress {
    pub fn new(options: &Options, pace: Rc<Pace>) -> SizeProgress {
        let is_at_once = options.parallel || options.adaptive.is_some();
        let turns = if is_at_once { Semaphore::MAX_PERMITS } else { 1 };
        SizeProgress {
            turns: Semaphore::new(turns),
            trial: Semaphore::new(1),
            has_begun: Cell::default(),
            progress: RefCell::default(),
            pace,
        }
    }

    /// Returns the result of the size `key` after all its invocations. Warns of a failure, unless giving the size up
    /// did so.
    pub fn conclude(&self, key: &SizeKey) -> SizeResult {
        let progress = self.progress.take();
        let is_usable = progress.usable > 0;
        let failure = progress.last_failure.filter(|_| progress.is_given_up || !is_usable);
        if let Some(failure) = &failure
            && !progress.is_given_up
        {
            let SizeKey { function, memory, .. } = key;
            message::warning(format_args!(
                "{}: {memory} MB has no usable invocation: {failure}",
                label(function)
            ));
        }
        SizeResult { is_usable, failure, is_fatal: progress.is_fatal }
    }
}

/// The invocations to make of one version.
pub(super) struct Measurement {
    pub lambda: Lambda,
    pub configuration: Configuration,
    /// The number of invocations of the size.
    pub num: u32,
    /// The indices of the invocations of this version.
    pub indices: Range<u32>,
    /// The records that are kept from the resumed run, by index.
    pub kept: BTreeMap<u32, Line>,
    /// The payload of each invocation.
    pub shares: Shares,
    pub size: Rc<SizeProgress>,
    /// What is still to be made of it.
    pub left: Share,
}

/// The permits that an invocation holds while it is in flight.
struct Admission<'a> {
    permit: SemaphorePermit<'a>,
    /// Held while the size is in doubt.
    trial: Option<SemaphorePermit<'a>>,
    failures_when_sent: CountWhenSent,
}

impl Measurement {
    /// Invokes the version and writes a record for each invocation as it ends.
    pub async fn run(self, shared: &Shared<'_>) {
        for line in self.kept.values() {
            shared.recorder.pass(line);
            self.size.progress.borrow_mut().usable += 1;
        }
        let missing = self.indices.clone().filter(|index| !self.kept.contains_key(index));
        let max_in_flight = if shared.options.parallel { shared.options.concurrency.get() } else { 1 };
        stream::iter(missing)
            .map(async |index| {
                if let Some(_reservation) = self.reserve(1, shared).await {
                    self.invoke_and_record(index, None, shared).await;
                }
            })
            .buffer_unordered(max_in_flight)
            .for_each(async |_| ())
            .await;
    }

    /// Returns the measurement of another size of the same function.
    pub fn of_another_size(&self, configuration: Configuration, shared: &Shared<'_>) -> Measurement {
        let size = shared.recorder.size(&configuration, shared.options);
        Measurement {
            lambda: self.lambda.clone(),
            configuration,
            num: self.num,
            indices: self.indices.clone(),
            kept: BTreeMap::new(),
            shares: self.shares.clone(),
            left: Share::new(&size.pace, self.num),
            size,
        }
    }

    /// Reserves the money for so many invocations together. Returns `None` if they are not to be made.
    pub async fn reserve<'a>(&self, count: u64, shared: &'a Shared<'_>) -> Option<Reservation<'a>> {
        let (budget, key) = (&shared.recorder.budget, self.configuration.size_key());
        let reservation = tokio::select! {
            biased;
            () = shared.stop.cancelled() => return None,
            reservation = budget.reserve(&key, count) => reservation,
        };
        if reservation.is_none() && !self.is_given_up() {
            budget.leave_out(&key, count);
        }
        reservation
    }

    /// Whether no further invocation of the size is made.
    pub fn is_given_up(&self) -> bool {
        self.size.progress.borrow().is_given_up
    }

    /// Makes one invocation, in this round and wave of an adaptive run, and writes its record. Returns `None` if it was
    /// not made, or if the run was stopped before an answer came.
    pub async fn invoke_and_record(
        &self,
        index: u32,
        sent_in: Option<(u32, u32)>,
        shared: &Shared<'_>,
    ) -> Option<Invocation> {
        const NEVER: &str = "the semaphore is never closed";
        let _turn = self.size.turns.acquire().await.expect(NEVER);
        if self.is_given_up() || shared.stop.is_cancelled() {
            return None;
        }
        if self.size.has_begun.replace(true) && !shared.options.sleep_between_runs.is_zero() {
            tokio::select! {
                () = shared.stop.cancelled() => return None,
                () = tokio::time::sleep(shared.options.sleep_between_runs) => {}
            }
        }
        self.size.pace.begin();
        let memory = self.configuration.memory_size;
        let payload = match self.payload(index, shared).await {
            Ok(payload) => payload,
            Err(error) => {
                self.give_up(error);
                return None;
            }
        };
        let Admission { permit, trial: _trial, failures_when_sent } = self.admission(shared).await?;
        let (mut invocation, result) = self.invoke(index, &payload, shared).await?;
        drop(permit);
        (invocation.round, invocation.wave) = sent_in.unzip();
        shared.recorder.write(&invocation);
        if self.configuration.index.is_some() && invocation.cold_start == Some(false) {
            message::warning(format_args!(
                "{}: invocation {index} of {memory} MB was not a cold start, because its version had been invoked before; its record says so",
                label(&self.configuration.function_arn)
            ));
        }
        self.left.note_made();
        self.note_outcome(&invocation, failures_when_sent, result.as_ref().err(), shared);
        if let (Some(processor), Ok(invoked)) = (&shared.options.post_processor, &result) {
            let is_silent = shared.options.disable_payload_logs;
            if let Err(error) = processor.process(shared.aws, &invoked.payload, is_silent).await {
                self.give_up(error);
            }
        }
        Some(invocation)
    }

    /// Waits until an invocation may be sent: one at a time while the size is in doubt. Returns `None` if no further
    /// invocation of the size may be sent.
    async fn admission<'a>(&'a self, shared: &'a Shared<'_>) -> Option<Admission<'a>> {
        const NEVER: &str = "the semaphore is never closed";
        let progress = &self.size.progress;
        let is_in_doubt = || progress.borrow().failures.is_in_doubt();
        let is_over = || progress.borrow().is_given_up || shared.stop.is_cancelled();
        loop {
            // Acquired before the permit, so that the trials of one size do not block the other sizes.
            let mut trial = None;
            if is_in_doubt() {
                trial = Some(self.size.trial.acquire().await.expect(NEVER));
                if is_over() {
                    return None;
                }
                let pause = progress.borrow().pause();
                tokio::select! {
                    () = shared.stop.cancelled() => return None,
                    () = tokio::time::sleep(pause) => {}
                }
            }
            let permit = shared.permits.acquire().await.expect(NEVER);
            if is_over() {
                return None;
            }
            if is_in_doubt() && trial.is_none() {
                // An invocation has failed meanwhile.
                continue;
            }
            let failures_when_sent = progress.borrow().failures.count();
            return Some(Admission { permit, trial: trial.filter(|_| is_in_doubt()), failures_when_sent });
        }
    }

    /// Returns the bytes to send for the invocation `index`: its payload, or the output of the pre-processor.
    async fn payload(&self, index: u32, shared: &Shared<'_>) -> Result<Blob, Error> {
        let payload = shared.options.payloads.get(self.shares.payload_of(index)).blob();
        let Some(processor) = &shared.options.pre_processor else {
            return Ok(payload.clone());
        };
        let is_silent = shared.options.disable_payload_logs;
        let Some(processed) = processor.process(shared.aws, payload.as_ref(), is_silent).await? else {
            return Ok(payload.clone());
        };
        match serde_json::from_slice::<IgnoredAny>(&processed) {
            Ok(_) => Ok(Blob::from(processed)),
            Err(_) => Err(Error::Failed(format!(
                "{processor}: its output, which replaces the payload, is {}",
                not_json(&processed)
            ))),
        }
    }

    /// Makes no further invocation of this size, because of `error`.
    fn give_up(&self, error: Error) {
        let mut progress = self.size.progress.borrow_mut();
        if !progress.is_given_up {
            message::warning(format_args!(
                "{}: {} MB is given up: {error}",
                label(&self.configuration.function_arn),
                self.configuration.memory_size
            ));
        }
        progress.is_given_up = true;
        progress.last_failure = Some(error);
    }

    /// Notes the outcome of an invocation, and gives up the size or stops the run if it makes further ones useless.
    fn note_outcome(
        &self,
        invocation: &Invocation,
        failures_when_sent: CountWhenSent,
        error: Option<&AwsError>,
        shared: &Shared<'_>,
    ) {
        let mut progress = self.size.progress.borrow_mut();
        if progress.is_fatal {
            // The run is stopped already. The invocations that were in flight tell nothing new.
            return;
        }
        if invocation.outcome.is_usable() {
            progress.usable += 1;
            progress.failures.note_success();
            return;
        }
        progress.is_outage = error.is_some_and(|error| is_outage(error.kind));
        let has_failed_too_often = progress.failures.note_failure(failures_when_sent);
        let (is_fatal, is_hopeless) =
            error.map_or((false, false), |error| (is_fatal(error.kind), is_hopeless(error.kind)));
        let failure = match error {
            // The alias was there when its record was written.
            Some(error) if error.is_not_found() => {
                shared.recorder.note_gone(&self.configuration);
                Error::Failed("its version is gone, because the run was cleaned up already; to measure, start again with lpt-prepare".to_owned())
            }
            Some(error) => error.clone().into(),
            None => Error::Failed(describe(invocation)),
        };
        if is_fatal {
            progress.is_fatal = true;
            progress.is_given_up = true;
            shared.stop.cancel();
        } else if is_hopeless || has_failed_too_often {
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
        let is_silent = shared.options.disable_payload_logs;
        // The time and the number of the last attempt.
        let sent = Cell::new((Timestamp::now(), 0));
        let invoke = async |attempt| {
            sent.set((Timestamp::now(), attempt));
            let alias = Qualifier::Alias(alias);
            let result = match shared.options.response_stream {
                true => {
                    let keeps_result = shared.options.post_processor.is_some() || enabled!(Level::TRACE);
                    self.lambda.invoke_with_response_stream(function_arn, alias, payload, keeps_result).await
                }
                false => self.lambda.invoke(function_arn, alias, payload).await,
            };
            result.map_err(|error| if is_silent { error.without_message() } else { error })
        };
        let result = retry_until_stopped(RetryPolicy::MEASURED, shared.stop, invoke).await?;
        let (started_at, attempts) = sent.get();
        let mut invocation = Invocation::of(&self.configuration, index, started_at, attempts);
        invocation.tags = shared.options.tags.clone();
        invocation.payload_index = u32::try_from(self.shares.payload_of(index)).ok();
        match &result {
            Ok(invoked) => record_answer(&mut invocation, invoked, shared.options),
            Err(error) => record_error(&mut invocation, error),
        }
        if !is_silent {
            self.trace(index, payload.as_ref(), &result);
        }
        Some((invocation, result))
    }

    fn trace(&self, index: u32, payload: &[u8], result: &Result<Invoked, AwsError>) {
        // Payloads may be large.
        if !enabled!(Level::TRACE) {
            return;
        }
        let text = |bytes| String::from_utf8_lossy(bytes);
        let answer = result.as_ref().map_or("no answer".into(), |invoked| text(&invoked.payload));
        let Configuration { function_arn, alias, .. } = &self.configuration;
        trace!("{function_arn}:{alias}: invocation {index}: sent {}, got {answer}", text(payload));
    }
}

/// Returns the error of an invocation that Lambda answered, without the size, which each message names.
fn describe(invocation: &Invocation) -> String {
    if invocation.outcome == Outcome::OutOfMemory {
        let used = invocation.max_memory_used.map(|used| format!("used {used} of "));
        return format!("out of memory: {}{} MB", used.unwrap_or_default(), invocation.memory_size);
    }
    format!(
        "{}: {}",
        excerpt(invocation.error_type.as_deref().unwrap_or("no error type")),
        excerpt(invocation.error_message.as_deref().unwrap_or("no message"))
    )
}

/// Whether all further invocations of any size must fail in the same way.
fn is_fatal(kind: AwsErrorKind) -> bool {
    matches!(kind, AwsErrorKind::Denied | AwsErrorKind::NoCredentials | AwsErrorKind::NotTrusted)
}

/// Whether all further invocations of the same size must fail in the same way.
fn is_hopeless(kind: AwsErrorKind) -> bool {
    is_fatal(kind) || matches!(kind, AwsErrorKind::NotFound | AwsErrorKind::Invalid)
}

/// Whether further invocations may succeed a little later.
fn is_outage(kind: AwsErrorKind) -> bool {
    matches!(kind, AwsErrorKind::NotConnected | AwsErrorKind::Unreachable | AwsErrorKind::Service)
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
        // An error without a report has no durations, so it cannot be a result.
        let is_allowed =
            invocation.error_type.as_ref().is_some_and(|error| options.allowed_exceptions.contains(error));
        if is_allowed && invocation.duration_ms.is_some() {
            invocation.outcome = Outcome::AllowedError;
        }
    } else if report.is_none() {
        invocation.outcome = Outcome::NoReport;
        invocation.error_type = Some("NoReport".to_owned());
        invocation.error_message = Some(why_no_report(invoked.log_result.as_deref()).to_owned());
    }
}

/// Says why the end of a log, in base64, may have no report of the invocation.
fn why_no_report(log_result: Option<&str>) -> &'static str {
    /// Half of the 4 KB that the end of a log has at most, in base64.
    const FAR_FROM_FULL: usize = 2048 / 3 * 4;
    if log_result.is_none_or(|tail| tail.len() < FAR_FROM_FULL) {
        "the log has no report at all; set the function's system log level to INFO, or use a service that writes reports"
    } else {
        "the last 4 KB of the log have no report of this invocation; let the function and its extensions log less"
    }
}

/// The payload that Lambda returns if the function failed.
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

    /// Returns the outcome that the report names, or otherwise the one that the error itself names, because the reports
    /// of older partitions have neither a status nor an error type.
    fn outcome(&self, report: Option<&Report>) -> Outcome {
        let types = [report.and_then(|report| report.error_type.as_deref()), self.error_type.as_deref()];
        let is = |name| types.contains(&Some(name));
        let has_text = |text| self.error_message.as_deref().is_some_and(|message| message.contains(text));
        let status = report.and_then(|report| report.status.as_deref());
        if status == Some("timeout") || is("Sandbox.Timedout") || has_text("Task timed out after ") {
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
    fn a_log_that_has_room_for_a_report_has_none_at_all() {
        for tail in [None, Some(String::new()), Some("QUJD".repeat(500))] {
            assert!(why_no_report(tail.as_deref()).contains("no report at all"), "{tail:?}");
        }
        assert!(why_no_report(Some(&"QUJD".repeat(4096 / 3))).contains("log less"));
    }

    #[test]
    fn function_errors_timeouts_and_lack_of_memory_are_told_apart() {
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
