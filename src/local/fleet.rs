//! All execution environments: who waits for a core, who gets a warm one, and what an invocation comes to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use axum::body::Bytes;
use serde_json::json;
use time::OffsetDateTime;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::environment::{End, Environment, KILLED, Life};
use super::function::Runnable;
use super::limits::Place;
use super::report::{Fault, Log, Platform, Report, Span, Status, stamp};
use super::runtime_api::{Event, FunctionError};
use super::throttle::Throttle;
use crate::units::MemoryMB;

/// How long an initialization may take before it is tried once more as a part of the invocation.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib>
const INIT: Duration = Duration::from_secs(10);

/// The cores of this machine, counted in the MB of memory that bring them. An invocation starts when they
/// can give it its share, and holds that share until it ends. Otherwise sizes that are measured side by
/// side would take CPU time from each other, and a laptop would measure how busy it is.
#[derive(Debug)]
pub struct Cores {
    /// None is no limit.
    all: Option<(u32, Semaphore)>,
}

impl Cores {
    /// So many cores, or no limit.
    pub fn new(cores: Option<u32>) -> Cores {
        Cores {
            all: cores.map(|cores| {
                let all = cores.saturating_mul(MemoryMB::ONE_VCPU.get());
                (all, Semaphore::new(all as usize))
            }),
        }
    }

    /// Waits, first come first served, until there is room for this size: for all that there is, if it
    /// wants more.
    async fn room(&self, memory: MemoryMB) -> Option<tokio::sync::SemaphorePermit<'_>> {
        let (all, free) = self.all.as_ref()?;
        free.acquire_many(memory.get().min(*all)).await.ok()
    }
}

/// All execution environments.
#[derive(Debug)]
pub struct Fleet {
    throttle: Throttle,
    cores: Cores,
    idle_for: Duration,
    /// The warm ones, by the generation of what they run.
    pools: Mutex<HashMap<u64, Pool>>,
    /// What new environments get; none when the service ends.
    life: Mutex<Option<Life>>,
}

/// Warm environments of one runnable, until the store lets go of it.
#[derive(Debug)]
struct Pool {
    runnable: Weak<Runnable>,
    idle: Vec<Environment>,
}

/// What is to be invoked, with what.
#[derive(Debug)]
pub struct Request {
    pub runnable: Arc<Runnable>,
    pub request_id: String,
    pub function_arn: String,
    pub trace_id: String,
    pub client_context: Option<String>,
    pub payload: Bytes,
    /// Its place among all invocations, given back at its end, whoever waits for that.
    pub _place: Place,
}

/// What came of an invocation.
#[derive(Debug)]
pub struct Invocation {
    pub payload: Bytes,
    pub failed: bool,
    pub log: Log,
}

impl Fleet {
    /// A fleet without environments, and what is done when the last one is gone.
    pub fn new(throttle: Throttle, cores: Cores, idle_for: Duration) -> (Fleet, mpsc::Receiver<()>) {
        let (alive, done) = mpsc::channel(1);
        let fleet = Fleet {
            throttle,
            cores,
            idle_for,
            pools: Mutex::default(),
            life: Mutex::new(Some(Life { stop: CancellationToken::new(), _alive: alive })),
        };
        (fleet, done)
    }

    /// Invokes, to the end, also where nobody waits for it any more.
    pub async fn invoke(self: Arc<Self>, request: Request) -> Option<Invocation> {
        let life = self.life.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let work = async move {
            let _room = tokio::select! {
                room = self.cores.room(request.runnable.configuration.memory) => room,
                () = life.stop.cancelled() => return None,
            };
            Some(self.run(&request, &life).await)
        };
        tokio::spawn(work).await.ok().flatten()
    }

    async fn run(&self, request: &Request, life: &Life) -> Invocation {
        let runnable = &request.runnable;
        let configuration = &runnable.configuration;
        let platform = Platform {
            logging: &configuration.logging,
            request_id: &request.request_id,
            clock: OffsetDateTime::now_utc,
        };
        let mut log = Log::default();
        let (mut environment, init) = self.initialized(request, life, &platform, &mut log).await;
        let begun = Instant::now();
        let timeout = Duration::from_secs(configuration.timeout.seconds().into());
        let deadline = begun + timeout;
        let mut answer = None;
        let mut end = None;
        if environment.is_none() {
            // The initialization once more, now on the invocation's time.
            match self.cold(runnable, life, deadline, &mut log).await {
                Ok(second) => environment = Some(second),
                Err(failure) => {
                    let took = Span::of(begun.elapsed());
                    platform.init_report(&mut log, "invoke", took, &verdict(&failure, request).0);
                    end = Some(failure);
                }
            }
        }
        platform.start(&mut log, &runnable.version);
        if let Some(environment) = &mut environment {
            let event = Event {
                request_id: request.request_id.clone(),
                deadline_ms: deadline_ms(deadline),
                function_arn: request.function_arn.clone(),
                trace_id: request.trace_id.clone(),
                client_context: request.client_context.clone(),
                payload: request.payload.clone(),
            };
            (answer, end) = environment.invoke(event, deadline, &mut log).await;
        }
        let duration = match end {
            Some(End::TimedOut) => timeout,
            _ => begun.elapsed(),
        };
        let max_memory_used = match (&end, &environment) {
            (Some(End::OutOfMemory), _) => configuration.memory.get(),
            (_, Some(environment)) => environment.max_memory_used(),
            (_, None) => 1,
        };
        let (status, payload) = match (answer, &end) {
            // Who answered and then ended has answered.
            (Some(answer), None | Some(End::Exited(_))) => match answer {
                Ok(body) => (Status::Success, body),
                Err(error) => (Status::Error(error.kind), error.body),
            },
            (_, end) => {
                let end = end.as_ref().unwrap_or(&End::Stopped);
                if let Some(fault) = fault(end, request) {
                    platform.fault(&mut log, &fault);
                }
                verdict(end, request)
            }
        };
        let report = Report {
            duration: Span::of(duration),
            init,
            memory: configuration.memory.get(),
            max_memory_used,
            status,
        };
        platform.end(&mut log, &report);
        if let Some(environment) = environment {
            match end {
                None => self.keep(runnable, life, environment),
                Some(_) => retire(environment),
            }
        }
        Invocation { payload, failed: report.status != Status::Success, log }
    }

    /// A warm environment, or a new one with the time that its initialization took; none if that failed.
    async fn initialized(
        &self,
        request: &Request,
        life: &Life,
        platform: &Platform<'_>,
        log: &mut Log,
    ) -> (Option<Environment>, Option<Span>) {
        if let Some(environment) = self.warm(&request.runnable) {
            return (Some(environment), None);
        }
        let begun = Instant::now();
        let cold = self.cold(&request.runnable, life, begun + INIT, log).await;
        let took = Span::of(begun.elapsed());
        match cold {
            Ok(environment) => (Some(environment), Some(took)),
            Err(end) => {
                platform.init_report(log, "init", took, &verdict(&end, request).0);
                (None, None)
            }
        }
    }

    /// A new environment, initialized.
    async fn cold(
        &self,
        runnable: &Runnable,
        life: &Life,
        deadline: Instant,
        log: &mut Log,
    ) -> Result<Environment, End> {
        let mut environment = Environment::start(runnable, &self.throttle, life.clone()).await?;
        match environment.init(deadline, log).await {
            Ok(()) => Ok(environment),
            Err(end) => {
                retire(environment);
                Err(end)
            }
        }
    }

    /// The environment that was used last, which is the one with the warmest caches.
    fn warm(&self, runnable: &Runnable) -> Option<Environment> {
        loop {
            let mut environment = self.pools().get_mut(&runnable.generation)?.idle.pop()?;
            if environment.is_alive() {
                return Some(environment);
            }
            retire(environment);
        }
    }

    fn keep(&self, runnable: &Arc<Runnable>, life: &Life, mut environment: Environment) {
        if life.stop.is_cancelled() {
            return retire(environment);
        }
        environment.freeze();
        let mut pools = self.pools();
        let pool = pools
            .entry(runnable.generation)
            .or_insert_with(|| Pool { runnable: Arc::downgrade(runnable), idle: Vec::new() });
        pool.idle.push(environment);
    }

    /// Ends environments that were idle for too long, that ended by themselves, and those whose
    /// configuration is no longer there.
    pub fn sweep(&self, now: Instant) {
        let mut ended = Vec::new();
        self.pools().retain(|_, pool| {
            if pool.runnable.strong_count() == 0 {
                ended.append(&mut pool.idle);
            }
            let idle_for = self.idle_for;
            ended.extend(pool.idle.extract_if(.., |environment| {
                now.saturating_duration_since(environment.idle_since) > idle_for || !environment.is_alive()
            }));
            !pool.idle.is_empty()
        });
        for environment in ended {
            retire(environment);
        }
    }

    /// Ends every environment and waits until all are gone.
    pub async fn end(&self, mut done: mpsc::Receiver<()>) {
        if let Some(life) = self.life.lock().unwrap_or_else(PoisonError::into_inner).take() {
            life.stop.cancel();
        }
        let pools = std::mem::take(&mut *self.pools());
        for environment in pools.into_values().flat_map(|pool| pool.idle) {
            retire(environment);
        }
        // Nothing is ever sent: the channel closes with the last environment.
        while done.recv().await.is_some() {}
        let mut tries = 0..100;
        while !self.throttle.remove() && tries.next().is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn pools(&self) -> MutexGuard<'_, HashMap<u64, Pool>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends an environment without anybody waiting for it.
fn retire(environment: Environment) {
    tokio::spawn(environment.end());
}

/// What the platform says of an end that the function did not choose.
fn fault(end: &End, request: &Request) -> Option<Fault> {
    let (kind, message) = match end {
        End::Exited(status) => ("Runtime.ExitError", End::exit_message(*status)),
        End::OutOfMemory => ("Runtime.ExitError", KILLED.to_owned()),
        End::TimedOut => {
            let seconds = request.runnable.configuration.timeout.seconds();
            ("Sandbox.Timedout", format!("Task timed out after {seconds}.00 seconds"))
        }
        End::NoEntrypoint(why) => ("Runtime.InvalidEntrypoint", why.clone()),
        End::Stopped => ("Runtime.ExitError", "lpt-local is stopping".to_owned()),
        End::InitError(_) => return None,
    };
    Some(Fault { kind, message })
}

/// What the report and the caller get to know of an end.
fn verdict(end: &End, request: &Request) -> (Status, Bytes) {
    let status = match end {
        End::TimedOut => Status::Timeout,
        End::OutOfMemory => Status::Error("Runtime.OutOfMemory".to_owned()),
        End::InitError(error) => Status::Error(error.kind.clone()),
        End::NoEntrypoint(_) => Status::Error("Runtime.InvalidEntrypoint".to_owned()),
        End::Exited(_) | End::Stopped => Status::Error("Runtime.ExitError".to_owned()),
    };
    let id = &request.request_id;
    let payload = match (end, fault(end, request)) {
        (End::InitError(FunctionError { body, .. }), _) => body.clone(),
        (End::TimedOut, Some(fault)) => {
            let message = format!("{} {id} {}", stamp(OffsetDateTime::now_utc()), fault.message);
            json!({"errorType": fault.kind, "errorMessage": message}).to_string().into()
        }
        (_, Some(fault)) => {
            let message = format!("RequestId: {id} Error: {}", fault.message);
            json!({"errorType": fault.kind, "errorMessage": message}).to_string().into()
        }
        (_, None) => Bytes::new(),
    };
    (status, payload)
}

/// An instant as the milliseconds since 1970 that runtimes reckon with.
fn deadline_ms(deadline: Instant) -> u128 {
    let left = deadline.saturating_duration_since(Instant::now());
    let at = SystemTime::now() + left;
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(cores: &Cores) -> usize {
        cores.all.as_ref().unwrap().1.available_permits()
    }

    #[tokio::test]
    async fn an_invocation_holds_the_share_of_its_size() {
        let cores = Cores::new(Some(2));
        let room = cores.room(MemoryMB::new(512).unwrap()).await;
        assert_eq!(free(&cores), 2 * 1769 - 512);
        drop(room);
        assert_eq!(free(&cores), 2 * 1769);
    }

    #[tokio::test]
    async fn who_wants_more_than_there_is_holds_all_of_it() {
        let cores = Cores::new(Some(2));
        let room = cores.room(MemoryMB::MAX).await;
        assert_eq!(free(&cores), 0);
        drop(room);
    }

    #[tokio::test]
    async fn without_a_limit_nobody_waits() {
        let cores = Cores::new(None);
        assert!(cores.room(MemoryMB::MAX).await.is_none());
    }
}
