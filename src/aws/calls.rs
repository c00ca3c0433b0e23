//! Calls to AWS: the state that all clients of a tool share.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::AwsOptions;
use super::error::AwsError;
use super::pace::Pace;
use super::profile::ProfileSource;
use super::retry::{RetryPolicy, retry};
use crate::message;
use crate::names::FunctionArn;

/// The time that AWS gets to answer a call after an interrupt. Nearly all answers take less than a second.
const PATIENCE_AFTER_INTERRUPT: Duration = Duration::from_secs(10);

/// The part of that time after which the user hears what the tool waits for.
const SILENCE_AFTER_INTERRUPT: Duration = Duration::from_secs(1);

/// Makes calls, and collects the actions that AWS allowed.
#[derive(Debug)]
pub(super) struct Calls {
    profile: ProfileSource,
    interrupt: CancellationToken,
    /// Whether an interrupt leaves something to undo. Until then it ends a call at once.
    must_finish: Rc<Cell<bool>>,
    /// The maximum number of requests per second to each region's control plane; 0 is no limit.
    rate: u32,
    quotas: RefCell<BTreeMap<String, Rc<Quotas>>>,
    proved: Rc<RefCell<BTreeSet<&'static str>>>,
    /// The accounts and regions that the user knows of.
    places: Rc<RefCell<BTreeSet<(String, String)>>>,
}

impl Calls {
    pub fn new(profile: ProfileSource, options: &AwsOptions) -> Calls {
        Calls {
            profile,
            interrupt: options.interrupt.clone(),
            must_finish: Rc::new(Cell::new(options.must_finish)),
            rate: options.control_plane_rate,
            quotas: RefCell::default(),
            proved: Rc::default(),
            places: Rc::default(),
        }
    }

    /// Returns the calls of the same tool with another profile, whose account has quotas of its own.
    pub fn with(&self, profile: ProfileSource) -> Calls {
        Calls {
            profile,
            interrupt: self.interrupt.clone(),
            must_finish: Rc::clone(&self.must_finish),
            rate: self.rate,
            quotas: RefCell::default(),
            proved: Rc::clone(&self.proved),
            places: Rc::clone(&self.places),
        }
    }

    /// Returns what names the profile.
    pub fn profile(&self) -> &ProfileSource {
        &self.profile
    }

    /// Tells the user once, with `--verbose`, that the tool works in the account and region of `function`.
    pub fn note_place(&self, function: &FunctionArn) {
        let (account, region) = (function.account().to_owned(), function.region().to_owned());
        if self.places.borrow_mut().insert((account, region)) {
            let (account, region) = (function.account(), function.region());
            let credentials = &self.profile;
            debug!("works in account {account}, region {region}, by {credentials}");
        }
    }

    /// Returns the quotas that all clients of one region share.
    pub fn quotas(&self, region: &str) -> Rc<Quotas> {
        let mut quotas = self.quotas.borrow_mut();
        Rc::clone(quotas.entry(region.to_owned()).or_insert_with(|| Rc::new(Quotas::new(self.rate))))
    }

    /// Makes a call, and repeats it if that may help. Each attempt waits for its turn in `budget`, if there
    /// is one.
    ///
    /// An interrupt ends the call at once if no call of this tool has changed anything yet. Otherwise the call may be
    /// needed to undo the changes, so each attempt gets [`PATIENCE_AFTER_INTERRUPT`].
    pub async fn make<O, E>(
        &self,
        budget: Option<&Budget>,
        action: &'static str,
        on: impl fmt::Display,
        send: impl AsyncFn() -> Result<O, SdkError<E>>,
    ) -> Result<O, AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let on = on.to_string();
        if is_change(action) && !self.interrupt.is_cancelled() {
            self.must_finish.set(true);
        }
        let call = retry(RetryPolicy::CONTROL_PLANE, async |_| {
            if let Some(budget) = budget {
                budget.turn().await;
            }
            self.with_patience(action, &on, self.make_once(action, &on, &send)).await
        });
        self.unless_interrupted(action, &on, call).await
    }

    /// Waits, and fails at an interrupt if there is nothing to undo.
    pub async fn pause(&self, duration: Duration, action: &'static str, on: &str) -> Result<(), AwsError> {
        let pause = async {
            tokio::time::sleep(duration).await;
            Ok(())
        };
        self.unless_interrupted(action, on, pause).await
    }

    /// Whether a signal asked the tool to stop.
    pub fn is_interrupted(&self) -> bool {
        self.interrupt.is_cancelled()
    }

    async fn unless_interrupted<T>(
        &self,
        action: &'static str,
        on: &str,
        work: impl Future<Output = Result<T, AwsError>>,
    ) -> Result<T, AwsError> {
        if self.must_finish.get() {
            return work.await;
        }
        let mut work = std::pin::pin!(work);
        tokio::select! {
            biased;
            () = self.interrupt.cancelled() => {}
            result = &mut work => return result,
        }
        // A call beside this one may have changed something meanwhile.
        if self.must_finish.get() { work.await } else { Err(AwsError::interrupted(action, on)) }
    }

    /// Waits for an answer, and after an interrupt no longer than [`PATIENCE_AFTER_INTERRUPT`].
    async fn with_patience<T>(
        &self,
        action: &'static str,
        on: &str,
        answer: impl Future<Output = Result<T, AwsError>>,
    ) -> Result<T, AwsError> {
        let mut answer = std::pin::pin!(answer);
        tokio::select! {
            biased;
            result = &mut answer => return result,
            () = self.interrupt.cancelled() => {}
        }
        if let Ok(result) = tokio::time::timeout(SILENCE_AFTER_INTERRUPT, &mut answer).await {
            return result;
        }
        let rest = PATIENCE_AFTER_INTERRUPT - SILENCE_AFTER_INTERRUPT;
        message::warning(format_args!(
            "{on}: {action}: interrupted, and waiting up to {} s for the answer, to undo what was begun; a second signal ends this",
            rest.as_secs()
        ));
        let result = tokio::time::timeout(rest, answer).await;
        // It is not repeated: the second attempt would mostly wait as long.
        result.unwrap_or_else(|_| Err(AwsError::abandoned(action, on)))
    }

    /// Makes a call once.
    pub async fn make_once<O, E>(
        &self,
        action: &'static str,
        on: &str,
        send: impl AsyncFn() -> Result<O, SdkError<E>>,
    ) -> Result<O, AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let begun = Instant::now();
        // Boxed, because the SDK's futures are large and nested deeper than the compiler likes to follow.
        let result =
            Box::pin(send()).await.map_err(|error| AwsError::from_sdk(action, on, &error, &self.profile));
        let outcome = result.as_ref().map_or_else(|error| &*error.code, |_| "done");
        debug!("{on}: {action}: {outcome} in {} ms", begun.elapsed().as_millis());
        // A 404 also proves the permission: without it AWS answers 403 whether or not the resource exists.
        if result.as_ref().map_or_else(AwsError::is_not_found, |_| true) {
            self.proved.borrow_mut().insert(action);
        }
        result
    }

    /// Returns the actions that AWS has allowed so far, sorted by name.
    pub fn proved(&self) -> Vec<&'static str> {
        self.proved.borrow().iter().copied().collect()
    }
}

/// Whether an action changes something. Each of those that the tools use says so in its name.
fn is_change(action: &str) -> bool {
    let (_, verb) = action.split_once(':').expect("SERVICE:VERB");
    !verb.starts_with("Get") && !verb.starts_with("List")
}

/// What the tool may ask of one region in a second. AWS counts the requests of all users of an account together: 100 of
/// GetFunction, and 15 of the rest of the control plane.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests>
#[derive(Debug)]
pub(super) struct Quotas {
    /// For everything except GetFunction and invocations.
    pub control_plane: Budget,
    pub get_function: Budget,
    /// The pace at which changes are looked at with GetFunction.
    pub get_function_pace: Pace,
    /// The pace at which they are looked at with a request of the rest of the control plane.
    pub control_plane_pace: Pace,
}

/// The maximum number of GetFunction requests per second: half of what AWS allows the account.
const GET_FUNCTION_RATE: u32 = 50;

impl Quotas {
    /// `rate` is that of the control plane; 0 is no limit to either.
    fn new(rate: u32) -> Quotas {
        let get_function_rate = if rate == 0 { 0 } else { GET_FUNCTION_RATE };
        Quotas {
            control_plane: Budget::new(rate),
            get_function: Budget::new(get_function_rate),
            get_function_pace: Pace::new(get_function_rate),
            // The changes themselves need the other half.
            control_plane_pace: Pace::new(rate.div_ceil(2)),
        }
    }
}

/// The time whose unused turns are saved up.
const SAVED_UP: Duration = Duration::from_millis(500);

/// Spaces out the requests that count against one quota.
#[derive(Debug)]
pub(super) struct Budget {
    /// The time between two requests; zero is no limit.
    interval: Duration,
    /// The turn of the next request. It may lie in the past, because turns that pass unused are saved up;
    /// those of longer than [`SAVED_UP`] ago expire.
    next: Cell<tokio::time::Instant>,
}

impl Budget {
    /// Allows `rate` requests per second, and half of them at once at first and after a pause: with the default of 10, no
    /// second has more than the 15 that the control plane accepts, also where one tool begins when another ends.
    fn new(rate: u32) -> Budget {
        let interval = Duration::from_secs(1).checked_div(rate).unwrap_or_default();
        let now = tokio::time::Instant::now();
        Budget { interval, next: Cell::new(now.checked_sub(SAVED_UP).unwrap_or(now)) }
    }

    /// Waits for the turn of the next request.
    async fn turn(&self) {
        if self.interval.is_zero() {
            return;
        }
        let now = tokio::time::Instant::now();
        let earliest = now.checked_sub(SAVED_UP).unwrap_or(now) + self.interval;
        let turn = self.next.get().max(earliest);
        self.next.set(turn + self.interval);
        tokio::time::sleep_until(turn).await;
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::operation::get_alias::GetAliasError;
    use futures_util::future::join_all;

    use super::super::AwsErrorKind;
    use super::*;

    /// Returns the turns, in seconds, of a number of `requests` that are made at once.
    async fn turns(budget: &Budget, requests: u32) -> Vec<f64> {
        let begun = tokio::time::Instant::now();
        join_all((0..requests).map(async |_| {
            budget.turn().await;
            begun.elapsed().as_secs_f64()
        }))
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_has_more_requests_than_one_and_a_half_times_the_rate() {
        let budget = Budget::new(10);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let before = turns(&budget, 100).await;
        // The next tool.
        let after = turns(&Budget::new(10), 100).await;
        let last = before.last().expect("100 requests");
        let turns: Vec<f64> = before.iter().copied().chain(after.iter().map(|turn| last + turn)).collect();
        let in_second = |from: f64| turns.iter().filter(|turn| (from..from + 1.0).contains(*turn)).count();
        assert!(turns.iter().all(|from| in_second(*from) <= 15), "{turns:?}");
        assert!((9.0..=10.0).contains(last), "{turns:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_of_zero_sets_no_limit() {
        assert_eq!(turns(&Budget::new(0), 1000).await, vec![0.0; 1000]);
    }

    fn calls(interrupt: &CancellationToken) -> Calls {
        let options =
            AwsOptions { control_plane_rate: 10, interrupt: interrupt.clone(), ..AwsOptions::default() };
        Calls::new(ProfileSource::Nothing, &options)
    }

    type Unanswered = SdkError<GetAliasError>;

    /// Makes a call that is never answered, and returns its error and the seconds that it took.
    async fn unanswered(calls: &Calls, action: &'static str) -> (AwsErrorKind, f64) {
        let begun = tokio::time::Instant::now();
        let never = async || std::future::pending::<Result<(), Unanswered>>().await;
        let error = calls.make(None, action, "f", never).await.unwrap_err();
        (error.kind, begun.elapsed().as_secs_f64())
    }

    #[tokio::test(start_paused = true)]
    async fn an_interrupt_ends_a_call_at_once_until_something_is_changed() {
        let interrupt = CancellationToken::new();
        let calls = calls(&interrupt);
        let (read, ()) = tokio::join!(unanswered(&calls, "lambda:GetAlias"), async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            interrupt.cancel();
        });
        assert_eq!(read, (AwsErrorKind::Interrupted, 5.0));
        let next = unanswered(&calls, "lambda:CreateAlias").await;
        assert_eq!(next, (AwsErrorKind::Interrupted, 0.0), "nothing is begun after it");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_change_an_interrupt_bounds_the_wait_for_each_answer() {
        let interrupt = CancellationToken::new();
        let calls = calls(&interrupt);
        let (change, ()) = tokio::join!(unanswered(&calls, "lambda:CreateAlias"), async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            interrupt.cancel();
        });
        assert_eq!(change, (AwsErrorKind::Abandoned, 15.0));
        assert_eq!(unanswered(&calls, "lambda:GetAlias").await, (AwsErrorKind::Abandoned, 10.0));
        let answered = calls.make(None, "lambda:DeleteAlias", "f", async || Ok::<_, Unanswered>(7)).await;
        assert_eq!(answered.expect("the undo goes on"), 7);
    }

    #[test]
    fn each_region_has_its_own_quotas_that_its_clients_share() {
        let calls = calls(&CancellationToken::new());
        let quotas = calls.quotas("eu-west-1");
        assert!(Rc::ptr_eq(&quotas, &calls.quotas("eu-west-1")));
        assert!(!Rc::ptr_eq(&quotas, &calls.quotas("us-east-1")));
    }
}
