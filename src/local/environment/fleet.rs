//! All execution environments. An invocation waits for a core, gets a warm or a new environment, and ends with
//! a report.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use axum::body::Bytes;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::concurrency::ConcurrencyPermit;
use super::cores::Cores;
use super::failure::Failure;
use super::log::Log;
use super::process::{Answer, Environment, Shutdown};
use super::report::{Report, ReportedDuration, Status, billed_ms};
use super::runtime_api::Event;
use super::system_log::SystemLog;
use crate::local::function::{Recording, Row, Runnable};
use crate::local::throttle::Throttle;

/// The longest time of an initialization. One that takes longer is tried once more as a part of the invocation.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib>
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Fleet {
    throttle: Throttle,
    cores: Cores,
    idle_timeout: Duration,
    /// Whether the functions' output is shown on stderr.
    show_output: bool,
    /// The warm environments, by the generation of their runnable.
    pools: Mutex<HashMap<u64, Pool>>,
    /// Each new environment gets a copy. None when the service stops.
    shutdown: Mutex<Option<Shutdown>>,
}

/// The warm environments of one runnable, until the store drops it.
#[derive(Debug)]
struct Pool {
    runnable: Weak<Runnable>,
    idle: Vec<Environment>,
}

/// The code to invoke, and its event.
#[derive(Debug)]
pub(crate) struct InvocationRequest {
    pub(crate) runnable: Arc<Runnable>,
    pub(crate) request_id: String,
    pub(crate) function_arn: String,
    pub(crate) trace_id: String,
    pub(crate) client_context: Option<String>,
    pub(crate) payload: Bytes,
    /// Where the parts of a streamed answer go as they come. None collects them.
    pub(crate) stream: Option<mpsc::Sender<Bytes>>,
    /// Released when the invocation ends, even if the caller no longer waits.
    pub(crate) _permit: ConcurrencyPermit,
}

/// The result of an invocation.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// Empty if the answer was streamed.
    pub(crate) payload: Bytes,
    pub(crate) failed: bool,
    pub(crate) log: Log,
}

impl Fleet {
    /// Creates a fleet without environments. The receiver closes when the last environment has ended.
    pub(crate) fn new(
        throttle: Throttle,
        cores: Cores,
        idle_timeout: Duration,
        show_output: bool,
    ) -> (Fleet, mpsc::Receiver<()>) {
        let (ended, all_ended) = mpsc::channel(1);
        let fleet = Fleet {
            throttle,
            cores,
            idle_timeout,
            show_output,
            pools: Mutex::default(),
            shutdown: Mutex::new(Some(Shutdown { requested: CancellationToken::new(), _ended: ended })),
        };
        (fleet, all_ended)
    }

    /// Invokes. The invocation runs to its end, even if the caller no longer waits. None if the service stops.
    pub(crate) async fn invoke(self: Arc<Self>, request: InvocationRequest) -> Option<Invocation> {
        let shutdown = self.shutdown.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let work = async move {
            if let Some(recording) = &request.runnable.code.recording {
                return Some(replay(&request, recording).await);
            }
            let _permit = tokio::select! {
                permit = self.cores.acquire(request.runnable.configuration.memory) => permit,
                () = shutdown.requested.cancelled() => return None,
            };
            Some(self.run(&request, &shutdown).await)
        };
        tokio::spawn(work).await.ok().flatten()
    }

    async fn run(&self, request: &InvocationRequest, shutdown: &Shutdown) -> Invocation {
        let configuration = &request.runnable.configuration;
        let system_log = system_log(request);
        let runnable = &request.runnable;
        let shown_as = || format!("{}:{}", runnable.function.name, runnable.version);
        let mut log = Log::new(self.show_output.then(shown_as));
        let (environment, init) = self.warm_or_new(request, shutdown, &system_log, &mut log).await;
        let started = Instant::now();
        let environment = match environment {
            Some(environment) => Ok(environment),
            None => self.initialize_again(request, shutdown, started, &system_log, &mut log).await,
        };
        system_log.start(&mut log, &request.runnable.version);
        let (environment, answer, failure) = match environment {
            Ok(mut environment) => {
                let deadline = started + configuration.timeout.duration();
                let (answer, failure) =
                    environment.invoke(event(request, deadline), deadline, &mut log).await;
                (Some(environment), answer, failure)
            }
            Err(failure) => (None, None, Some(failure)),
        };
        let duration = match failure {
            Some(Failure::TimedOut) => configuration.timeout.duration(),
            _ => started.elapsed(),
        };
        let max_memory_used = match (&failure, &environment) {
            (Some(Failure::OutOfMemory), _) => configuration.memory.get(),
            (_, Some(environment)) => environment.max_memory_used(),
            (_, None) => 1,
        };
        let (status, payload) = conclude(answer, failure.as_ref(), request, &system_log, &mut log);
        let duration = ReportedDuration::of(duration);
        let report = Report {
            duration,
            billed_ms: billed_ms(duration, init),
            init,
            memory: configuration.memory.get(),
            max_memory_used: Some(max_memory_used),
            status,
        };
        log.end();
        system_log.end(&mut log, &report);
        if let Some(environment) = environment {
            match failure {
                None => self.keep_warm(&request.runnable, shutdown, environment),
                Some(_) => retire(environment),
            }
        }
        Invocation { payload, failed: report.status != Status::Success, log }
    }

    /// Returns a warm environment, or a new one with the time of its initialization. None if that failed.
    async fn warm_or_new(
        &self,
        request: &InvocationRequest,
        shutdown: &Shutdown,
        system_log: &SystemLog<'_>,
        log: &mut Log,
    ) -> (Option<Environment>, Option<ReportedDuration>) {
        if let Some(environment) = self.take_warm(&request.runnable) {
            return (Some(environment), None);
        }
        let started = Instant::now();
        let initialized = self.initialize(&request.runnable, shutdown, started + INIT_TIMEOUT, log).await;
        let init = ReportedDuration::of(started.elapsed());
        match initialized {
            Ok(environment) => (Some(environment), Some(init)),
            Err(failure) => {
                system_log.init_report(log, "init", init, &failure.status());
                (None, None)
            }
        }
    }

    /// Initializes an environment within the time of the invocation, which has started.
    async fn initialize_again(
        &self,
        request: &InvocationRequest,
        shutdown: &Shutdown,
        started: Instant,
        system_log: &SystemLog<'_>,
        log: &mut Log,
    ) -> Result<Environment, Failure> {
        let runnable = &request.runnable;
        let deadline = started + runnable.configuration.timeout.duration();
        let initialized = self.initialize(runnable, shutdown, deadline, log).await;
        if let Err(failure) = &initialized {
            let init = ReportedDuration::of(started.elapsed());
            system_log.init_report(log, "invoke", init, &failure.status());
        }
        initialized
    }

    /// Starts an environment, and waits until it is initialized.
    async fn initialize(
        &self,
        runnable: &Runnable,
        shutdown: &Shutdown,
        deadline: Instant,
        log: &mut Log,
    ) -> Result<Environment, Failure> {
        let mut environment = Environment::start(runnable, &self.throttle, shutdown.clone()).await?;
        match environment.init(deadline, log).await {
            Ok(()) => Ok(environment),
            Err(failure) => {
                retire(environment);
                Err(failure)
            }
        }
    }

    /// Takes the warm environment that was used last, because it has the warmest caches.
    fn take_warm(&self, runnable: &Runnable) -> Option<Environment> {
        loop {
            let mut environment = self.pools().get_mut(&runnable.generation)?.idle.pop()?;
            if environment.is_alive() {
                return Some(environment);
            }
            retire(environment);
        }
    }

    fn keep_warm(&self, runnable: &Arc<Runnable>, shutdown: &Shutdown, mut environment: Environment) {
        if shutdown.requested.is_cancelled() {
            return retire(environment);
        }
        environment.freeze();
        let mut pools = self.pools();
        let pool = pools
            .entry(runnable.generation)
            .or_insert_with(|| Pool { runnable: Arc::downgrade(runnable), idle: Vec::new() });
        pool.idle.push(environment);
    }

    /// Ends the environments that were idle for too long, that ended by themselves, and whose configuration no
    /// longer exists.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut expired = Vec::new();
        self.pools().retain(|_, pool| {
            if pool.runnable.strong_count() == 0 {
                expired.append(&mut pool.idle);
            }
            expired.extend(pool.idle.extract_if(.., |environment| {
                now.saturating_duration_since(environment.idle_since) > self.idle_timeout
                    || !environment.is_alive()
            }));
            !pool.idle.is_empty()
        });
        for environment in expired {
            retire(environment);
        }
    }

    /// Ends every environment, and waits until all have ended.
    pub(crate) async fn shut_down(&self, mut all_ended: mpsc::Receiver<()>) {
        if let Some(shutdown) = self.shutdown.lock().unwrap_or_else(PoisonError::into_inner).take() {
            shutdown.requested.cancel();
        }
        let pools = std::mem::take(&mut *self.pools());
        for environment in pools.into_values().flat_map(|pool| pool.idle) {
            retire(environment);
        }
        // Nothing is ever sent: the channel closes with the last environment.
        while all_ended.recv().await.is_some() {}
        let mut tries = 0..100;
        while !self.throttle.remove() && tries.next().is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn pools(&self) -> MutexGuard<'_, HashMap<u64, Pool>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Invokes a recording, which takes no share of the cores.
async fn replay(request: &InvocationRequest, recording: &Recording) -> Invocation {
    let Runnable { configuration, version, replay, .. } = &*request.runnable;
    let row = replay.next(recording, configuration.memory).await;
    let system_log = system_log(request);
    let mut log = Log::default();
    system_log.start(&mut log, version);
    // The recording does not have what the function answered.
    let (answer, row, failure) = match row {
        Ok(row) => (Some(Ok(Bytes::from_static(b"null"))), row, None),
        Err(why) => (None, Row::NOTHING, Some(Failure::NoEntrypoint(why))),
    };
    let (status, payload) = conclude(answer, failure.as_ref(), request, &system_log, &mut log);
    let report = Report {
        duration: ReportedDuration::of(row.duration),
        billed_ms: row.billed_ms,
        init: row.init.map(ReportedDuration::of),
        memory: configuration.memory.get(),
        max_memory_used: row.max_memory_used,
        status,
    };
    system_log.end(&mut log, &report);
    Invocation { payload, failed: report.status != Status::Success, log }
}

fn system_log(request: &InvocationRequest) -> SystemLog<'_> {
    SystemLog {
        logging: &request.runnable.configuration.logging,
        request_id: &request.request_id,
        clock: OffsetDateTime::now_utc,
    }
}

/// Ends an environment in the background.
fn retire(environment: Environment) {
    tokio::spawn(environment.shut_down());
}

/// Returns the status and the payload of an invocation. Logs a failure that the function has not reported itself.
fn conclude(
    answer: Option<Answer>,
    failure: Option<&Failure>,
    request: &InvocationRequest,
    system_log: &SystemLog<'_>,
    log: &mut Log,
) -> (Status, Bytes) {
    match (answer, failure) {
        // The answer of a function that exits after it counts.
        (Some(Ok(body)), None | Some(Failure::Exited(_))) => (Status::Success, body),
        (Some(Err(error)), None | Some(Failure::Exited(_))) => (Status::Error(error.error_type), error.body),
        (_, failure) => {
            let failure = failure.unwrap_or(&Failure::Stopped);
            let timeout = request.runnable.configuration.timeout;
            if let Some(fault) = failure.fault(timeout) {
                system_log.fault(log, &fault);
            }
            (failure.status(), failure.payload(&request.request_id, timeout))
        }
    }
}

fn event(request: &InvocationRequest, deadline: Instant) -> Event {
    Event {
        request_id: request.request_id.clone(),
        deadline_ms: unix_ms(deadline),
        function_arn: request.function_arn.clone(),
        trace_id: request.trace_id.clone(),
        client_context: request.client_context.clone(),
        payload: request.payload.clone(),
        stream: request.stream.clone(),
    }
}

/// Returns an instant in milliseconds since 1970, the form that runtimes use.
fn unix_ms(instant: Instant) -> u128 {
    let left = instant.saturating_duration_since(Instant::now());
    let at = SystemTime::now() + left;
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis()
}
