//! `lpt-local`: a Lambda service on this machine. A real one: it runs the functions' own processes.
//!
//! ```text
//! SDK ──REST──▶ api ──▶ store     functions, versions, aliases: pure state
//!                │
//!                └────▶ fleet     who waits for a core, who gets a warm environment
//!                         │
//!                    environment  a process ◀──Runtime API──▶ runtime_api
//!                         │
//!                      throttle   its share of CPU and memory: cgroup, or duty_cycle
//!                         │
//!                       report    its log, and the REPORT at the end of it
//! ```
//!
//! Knows no stage of the pipe, and no stage knows it: what they have in common is Lambda's API.

mod api;
mod args;
mod cgroup;
mod code;
mod duty_cycle;
mod environment;
mod fleet;
mod function;
mod limits;
mod name;
mod policy;
mod proc;
mod refusal;
mod report;
mod runtime_api;
mod store;
mod throttle;
mod wire;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

pub use args::Args;

use self::api::Service;
use self::args::{CoresArg, FunctionArg};
use self::code::Code;
use self::fleet::{Cores, Fleet};
use self::function::{Architecture, Configuration, LogFormat, Runtime, SystemLogLevel, Timeout};
use self::limits::{Concurrency, Rate};
use self::name::{ACCOUNT, FunctionId, Home};
use self::policy::Policy;
use self::refusal::Refusal;
use self::store::{Now, Store};
use self::throttle::Throttle;
use crate::entry::Interrupt;
use crate::error::Error;
use crate::exit::Exit;
use crate::message;
use crate::units::MemoryMB;

/// In place of credentials: nothing here checks them, but no SDK goes without.
const STAND_IN: &str = "lpt-local";

/// GetFunction has a limit of its own.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests>
const GET_FUNCTION_RATE: u32 = 100;

/// How often idle environments are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// Starts the service, runs the command or waits for a signal, and takes everything down again.
async fn run(args: Args, interrupt: Interrupt) -> Result<Exit, Error> {
    if !args.listen.ip().is_loopback() {
        return Err(Error::Usage(format!(
            "--listen {}: not an address of this machine alone, such as 127.0.0.1:0; anybody who can reach it can run code here",
            args.listen
        )));
    }
    let region = match (&args.region, std::env::var("AWS_REGION")) {
        (Some(region), _) => region.clone(),
        (None, Ok(region)) if !region.is_empty() => {
            args::parse_region(&region).map_err(|why| Error::Usage(format!("AWS_REGION: {why}")))?
        }
        (None, _) => "us-east-1".to_owned(),
    };
    let home = Home { account: ACCOUNT.to_owned(), region };
    // It is read for each request; what is wrong with it is better said now.
    args.policy.as_deref().map(Policy::read).transpose()?;
    remove_stale();
    raise_open_files();
    let machine =
        std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
    let (throttle, why_not) = Throttle::new(args.cpu, machine.into()).map_err(|why| {
        Error::Usage(format!("--cpu cgroup: {why}; as root it may work, or use --cpu duty-cycle"))
    })?;
    let workshop = Workshop::open()?;
    let now = Now::get();
    let mut store = Store::new(Duration::from_millis(args.update_delay_ms));
    for function in &args.functions {
        add_function(&mut store, function, &home, args.max_memory, &workshop.0, now)?;
    }
    let mut described = format!(
        "CPU follows memory by {}; this machine's {machine} cores are the ceiling",
        throttle.describe()
    );
    if let Some(why) = why_not {
        described.push_str(&format!(" (no control groups: {why})"));
    }
    message::note(described);
    let cores = match args.cores {
        None => Cores::new(Some(machine)),
        Some(CoresArg::Some(cores)) => Cores::new(Some(cores)),
        Some(CoresArg::Unlimited) => Cores::new(None),
    };
    let idle_for = Duration::from_secs(args.idle_seconds);
    let (fleet, done) = Fleet::new(throttle, cores, idle_for);
    let fleet = Arc::new(fleet);
    let service = Service {
        store: Mutex::new(store),
        fleet: Arc::clone(&fleet),
        concurrency: Concurrency::new(args.concurrency),
        control_plane: Rate::new(args.control_plane_rate),
        // Who takes the one limit away does not want the other.
        get_function: Rate::new(GET_FUNCTION_RATE.min(args.control_plane_rate.saturating_mul(100))),
        max_memory: args.max_memory,
        policy: args.policy.clone(),
        home: home.clone(),
        workshop: workshop.0.clone(),
    };
    let listener =
        TcpListener::bind(args.listen).await.map_err(Error::io(format!("--listen {}", args.listen)))?;
    let address = listener.local_addr().map_err(Error::io("listener"))?;
    let serving = tokio::spawn(async move { axum::serve(listener, api::router(service)).await });
    let sweeping = tokio::spawn(sweep(Arc::clone(&fleet)));
    let endpoint = format!("http://{address}");
    let region = &home.region;
    let exit = if args.command.is_empty() {
        message::summary(format_args!(
            "export AWS_ENDPOINT_URL={endpoint} AWS_REGION={region} AWS_ACCESS_KEY_ID={STAND_IN} AWS_SECRET_ACCESS_KEY={STAND_IN}"
        ));
        interrupt.cancelled().await;
        Ok(Exit::Done)
    } else {
        run_command(&args.command, &endpoint, region).await
    };
    serving.abort();
    sweeping.abort();
    fleet.end(done).await;
    exit
}

async fn sweep(fleet: Arc<Fleet>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        fleet.sweep(Instant::now());
    }
}

/// Creates a function of the command line, ready at once.
fn add_function(
    store: &mut Store,
    arg: &FunctionArg,
    home: &Home,
    max_memory: MemoryMB,
    workshop: &Path,
    now: Now,
) -> Result<(), Error> {
    let usage = |why: String| Error::Usage(format!("--function {}: {why}", arg.name));
    let refused = |refusal: Refusal| usage(refusal.to_string());
    let code = Code::at(&arg.path, workshop).map_err(usage)?;
    let runtime = Runtime::parse(arg.runtime.as_deref().unwrap_or("provided.al2023")).map_err(refused)?;
    let handler = match (&arg.handler, &runtime) {
        (Some(handler), _) => handler.clone(),
        (None, Runtime::Provided(_)) => "bootstrap".to_owned(),
        (None, Runtime::Python(name)) => {
            return Err(usage(format!("runtime={name} needs handler=MODULE.FUNCTION")));
        }
    };
    let home = Home {
        account: arg.account.clone().unwrap_or_else(|| home.account.clone()),
        region: arg.region.clone().unwrap_or_else(|| home.region.clone()),
    };
    let id = FunctionId { home, name: arg.name.clone() };
    let mut configuration = Configuration::new(&id, runtime, handler);
    configuration.timeout = Timeout::new(arg.timeout.unwrap_or(60)).map_err(refused)?;
    configuration.environment = arg.environment.iter().cloned().collect();
    if let Some(memory) = arg.memory {
        wire::check_memory(memory, max_memory).map_err(refused)?;
        configuration.memory = memory;
    }
    if let Some(format) = &arg.log_format {
        configuration.logging.format = LogFormat::parse(format).map_err(refused)?;
    }
    if let Some(level) = &arg.system_log_level {
        configuration.logging.system_level = SystemLogLevel::parse(level).map_err(refused)?;
    }
    if let Some(architecture) = &arg.architecture {
        configuration.architecture = Architecture::parse(architecture).map_err(refused)?;
    }
    if let Some(description) = &arg.description {
        configuration.description.clone_from(description);
    }
    code.command(&configuration).map_err(usage)?;
    // Created so long ago that it is active.
    let created =
        Now { instant: now.instant.checked_sub(store.update_delay()).unwrap_or(now.instant), ..now };
    store.create(&id, configuration, code, BTreeMap::new(), created).map_err(refused)?;
    Ok(())
}

/// Runs the command against the service. A Ctrl-C at the terminal reaches it as it reaches us; what only
/// we get, we hand on.
async fn run_command(words: &[OsString], endpoint: &str, region: &str) -> Result<Exit, Error> {
    let name = words[0].to_string_lossy().into_owned();
    let listen = |kind| signal(kind).map_err(Error::io("signal"));
    let mut int = listen(SignalKind::interrupt())?;
    let mut term = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    for (name, value) in [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_ACCESS_KEY_ID", STAND_IN),
        ("AWS_SECRET_ACCESS_KEY", STAND_IN),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ] {
        command.env(name, value);
    }
    // What would lead an SDK to another account or another endpoint.
    for name in [
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_ENDPOINT_URL_LAMBDA",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    ] {
        command.env_remove(name);
    }
    for name in ["no_proxy", "NO_PROXY"] {
        let others = std::env::var(name).unwrap_or_default();
        let all = [others.as_str(), "127.0.0.1,localhost,::1"];
        command.env(name, all.join(",").trim_start_matches(','));
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            message::error(format_args!("{name}: {error}"));
            // As a shell has it.
            let found = error.kind() != std::io::ErrorKind::NotFound;
            return Ok(Exit::Command(if found { 126 } else { 127 }));
        }
    };
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let hand_on = |signal| {
        if let Some(pid) = pid {
            // One that has ended needs no signal.
            let _ = kill_process(pid, signal);
        }
    };
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.map_err(Error::io(name))?,
            _ = int.recv() => {
                if !proc::in_foreground() {
                    hand_on(Signal::INT);
                }
            }
            _ = term.recv() => hand_on(Signal::TERM),
            _ = hangup.recv() => hand_on(Signal::HUP),
        }
    };
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, signal) => 128 + signal.unwrap_or(0),
    };
    Ok(Exit::Command(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// A folder for unpacked code, removed at the end.
struct Workshop(PathBuf);

impl Workshop {
    fn open() -> Result<Workshop, Error> {
        let path = std::env::temp_dir().join(proc::own_mark());
        // Nobody else may put code there; one that is there already is not ours.
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(Error::io(path.display().to_string()))?;
        Ok(Workshop(path))
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // The system's own cleaning takes what can't be removed.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Ends and removes what is left of an `lpt-local` that could not do it itself, since it was killed.
fn remove_stale() {
    environment::end_stale();
    cgroup::remove_stale();
    let entries = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for entry in entries {
        if entry.file_name().to_str().is_some_and(proc::is_stale) {
            // Another user's stays: it can't be removed.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// An environment takes a handful of files, and there can be a thousand.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, fewer environments fit.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}
