//! Starts the service, and stops it.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;

use super::api::{self, Moment, NewVersionIf, Policy, Rate, Rules, Service, Store};
use super::args::{self, Args, CoresArg};
use super::command::Reach;
use super::credentials::AccessKeyId;
use super::environment::{self, Concurrency, Cores, Fleet, Orphans};
use super::function::{AccountRegion, DEFAULT_ACCOUNT, ReplayRules};
use super::temp_dir::{self, TempDir};
use super::throttle::{self, Throttle};
use super::{command, deploy};
use crate::cli::{CommonArgs, InputArgs};
use crate::entry::{Interrupt, Pipe, Tool};
use crate::error::Error;
use crate::exit::Exit;
use crate::message;

/// The rate limit of GetFunction, in requests per second. AWS has a separate limit for it.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests>
const GET_FUNCTION_RATE: u32 = 100;

/// The time between two checks of idle environments.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

impl Tool for Args {
    const STOPPED: &'static str = "stopped at once; the next lpt-local ends what is left of this one";
    const WRITES_RECORDS: bool = false;

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn input(&self) -> Option<&InputArgs> {
        None
    }

    async fn run(self, pipe: &mut Pipe) -> Result<Exit, Error> {
        run(self, pipe.interrupt.clone()).await
    }
}

/// Starts the service, runs the command or waits for a signal, and stops the service.
async fn run(args: Args, interrupt: Interrupt) -> Result<Exit, Error> {
    let account_region = check(&args)?;
    remove_stale();
    raise_open_file_limit();
    let temp_dir = TempDir::create()?;
    let store = create_store(&args, &account_region, temp_dir.path())?;
    let cores = machine_cores();
    let throttle = set_up_throttle(&args, cores)?;
    let (fleet, all_ended) = Fleet::new(
        throttle,
        shared_cores(args.cores, cores),
        Duration::from_secs(args.idle_seconds),
        args.common.verbose > 0,
    );
    let fleet = Arc::new(fleet);
    let region = account_region.region.clone();
    let access_key_id = args.access_key_id.unwrap_or_else(AccessKeyId::random);
    let service = Service {
        access_key_id: access_key_id.clone(),
        callers: args.callers,
        store: Mutex::new(store),
        fleet: Arc::clone(&fleet),
        concurrency: Concurrency::new(args.concurrency),
        control_plane: Rate::new(args.control_plane_rate),
        // If the control plane has no limit, GetFunction has none either.
        get_function: Rate::new(GET_FUNCTION_RATE.min(args.control_plane_rate.saturating_mul(100))),
        max_memory: args.max_memory,
        policy: args.policy,
        account_region,
        temp_dir: temp_dir.path().to_owned(),
    };
    let listener =
        TcpListener::bind(args.listen).await.map_err(Error::io(format!("--listen {}", args.listen)))?;
    let address = listener.local_addr().map_err(Error::io("listener"))?;
    let reach = Reach { endpoint: format!("http://{address}"), region, access_key_id };
    let serving = tokio::spawn(async move { axum::serve(listener, api::router(service)).await });
    let sweeping = tokio::spawn(sweep(Arc::clone(&fleet), Orphans::adopt()));
    let exit = if args.command.is_empty() {
        message::for_people(|| "For another shell, until Ctrl-C here:".to_owned());
        message::summary(reach.export());
        interrupt.cancelled().await;
        Ok(Exit::Done)
    } else {
        command::run(&args.command, &reach).await
    };
    serving.abort();
    sweeping.abort();
    fleet.shut_down(all_ended).await;
    environment::end_orphans(args.command.is_empty()).await;
    exit
}

/// Checks the arguments that can be checked before anything starts. Returns where callers and functions are
/// unless they name another account or region.
fn check(args: &Args) -> Result<AccountRegion, Error> {
    if !args.listen.ip().is_loopback() {
        return Err(Error::Usage(format!(
            "--listen {}: anybody who can reach this address could run code here; use an address of this machine alone, such as 127.0.0.1:0",
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
    // Each request reads the policy again. Reading it here reports an error at once.
    args.policy.as_deref().map(Policy::read).transpose()?;
    Ok(AccountRegion { account: DEFAULT_ACCOUNT.to_owned(), region })
}

fn machine_cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1))
}

/// Sets up the throttle, and says which one it is and what that means.
fn set_up_throttle(args: &Args, cores: u32) -> Result<Throttle, Error> {
    let (throttle, why_not) = Throttle::new(args.cpu, cores.into())
        .map_err(|why| Error::Usage(format!("--cpu cgroup: {why}; else use --cpu duty-cycle")))?;
    message::note(format_args!("{}; at most {cores} cores", throttle.describe()));
    if let Some(why) = why_not {
        message::note(format_args!("no control groups: {why}"));
    }
    Ok(throttle)
}

fn shared_cores(arg: Option<CoresArg>, machine_cores: u32) -> Cores {
    Cores::new(match arg {
        None => Some(machine_cores),
        Some(CoresArg::Limit(cores)) => Some(cores),
        Some(CoresArg::Unlimited) => None,
    })
}

/// Creates a store with the functions of the command line.
fn create_store(args: &Args, account_region: &AccountRegion, temp_dir: &Path) -> Result<Store, Error> {
    let now = Moment::now();
    let new_version_if = match args.description_makes_version {
        true => NewVersionIf::LatestOrDescriptionChanged,
        false => NewVersionIf::LatestChanged,
    };
    let mut store = Store::new(Rules {
        update_delay: Duration::from_millis(args.update_delay_ms),
        version_delay: Duration::from_millis(args.version_delay_ms.unwrap_or(args.update_delay_ms)),
        new_version_if,
        pending_version_refuses: args.pending_version_refuses,
    });
    let functions = args.functions.iter().map(|function| (function, None));
    let rules = ReplayRules { seed: args.seed, quiet: Duration::from_millis(args.wave_ms) };
    let replays = args.replays.iter().map(|replay| (replay, Some(rules)));
    for (function, replay) in functions.chain(replays) {
        deploy::create_function(
            &mut store,
            function,
            replay,
            account_region,
            args.max_memory,
            temp_dir,
            now,
        )?;
    }
    Ok(store)
}

async fn sweep(fleet: Arc<Fleet>, mut orphans: Orphans) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        fleet.sweep(Instant::now());
        orphans.reap();
    }
}

/// Ends and removes what killed `lpt-local` processes left behind.
fn remove_stale() {
    environment::end_stale();
    throttle::remove_stale();
    temp_dir::remove_stale();
}

/// Raises the limit on open files as far as it goes: there can be a thousand environments, and each needs
/// several.
fn raise_open_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // macOS has no maximum, but refuses more than OPEN_MAX in sys/syslimits.h: setrlimit(2) there. If that is refused
    // too, there is room for fewer environments.
    const OPEN_MAX: u64 = 10_240;
    let mut raised = [limit.maximum, Some(OPEN_MAX)].into_iter();
    raised.any(|current| setrlimit(Resource::Nofile, Rlimit { current, ..limit }).is_ok());
}
