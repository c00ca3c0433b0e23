//! What all clients of a tool share about the calls that they make.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};

use super::error::AwsError;
use super::retry::{RetryPolicy, retry};
use crate::message;

/// Makes calls, and keeps what they have shown.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Of each region's control plane; 0 is no limit.
    rate: u32,
    budgets: RefCell<BTreeMap<String, Rc<Budget>>>,
    proved: RefCell<BTreeSet<&'static str>>,
}

impl Calls {
    /// Calls of which a region's control plane gets so many a second at most; 0 is no limit.
    pub fn at_rate(rate: u32) -> Calls {
        Calls { rate, ..Calls::default() }
    }

    /// What all clients of one region's control plane share.
    pub fn budget(&self, region: &str) -> Rc<Budget> {
        let mut budgets = self.budgets.borrow_mut();
        Rc::clone(budgets.entry(region.to_owned()).or_insert_with(|| Rc::new(Budget::new(self.rate))))
    }

    /// Makes a call, each of its attempts within `budget` where there is one, and makes it again where that may help.
    pub async fn make<O, E, R>(
        &self,
        budget: Option<&Budget>,
        action: &'static str,
        on: impl fmt::Display,
        send: impl AsyncFn() -> Result<O, SdkError<E, R>>,
    ) -> Result<O, AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: fmt::Debug + 'static,
    {
        let on = on.to_string();
        retry(RetryPolicy::CONTROL_PLANE, async |_| {
            if let Some(budget) = budget {
                budget.turn().await;
            }
            self.make_once(action, &on, &send).await
        })
        .await
    }

    /// Makes a call once.
    pub async fn make_once<O, E, R>(
        &self,
        action: &'static str,
        on: &str,
        send: impl AsyncFn() -> Result<O, SdkError<E, R>>,
    ) -> Result<O, AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: fmt::Debug + 'static,
    {
        let begun = Instant::now();
        // Boxed, for the SDK's futures are large and nested deeper than the compiler likes to follow.
        let result = Box::pin(send()).await.map_err(|error| AwsError::from_sdk(action, on, &error));
        let outcome = result.as_ref().map_or_else(|error| &*error.code, |_| "done");
        message::detail(format_args!("{on}: {action}: {outcome} in {} ms", begun.elapsed().as_millis()));
        // A 404 also proves the permission: without it AWS answers 403 whether or not the resource exists.
        if result.as_ref().map_or_else(AwsError::is_not_found, |_| true) {
            self.proved.borrow_mut().insert(action);
        }
        result
    }

    /// The actions that were allowed.
    pub fn proved(&self) -> Vec<&'static str> {
        self.proved.borrow().iter().copied().collect()
    }
}

/// The requests that may be sent to the control plane of one region.
///
/// That takes 15 a second in all from an account, of all its users:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests>
#[derive(Debug)]
pub(super) struct Budget {
    /// Between two requests; none is no limit.
    interval: Duration,
    /// When the next request has its turn, if none was sent before its own; a turn that passed is not saved up for
    /// longer than half a second.
    next: Cell<tokio::time::Instant>,
}

impl Budget {
    /// So many requests a second, half of them at once after a pause: with the default of 10, no second sees more than
    /// the control plane's 15.
    fn new(rate: u32) -> Budget {
        let interval = Duration::from_secs(1).checked_div(rate).unwrap_or_default();
        Budget { interval, next: Cell::new(tokio::time::Instant::now()) }
    }

    /// Waits for the turn of the next request.
    async fn turn(&self) {
        if self.interval.is_zero() {
            return;
        }
        const SAVED: Duration = Duration::from_millis(500);
        let now = tokio::time::Instant::now();
        let earliest = now.checked_sub(SAVED).unwrap_or(now) + self.interval;
        let turn = self.next.get().max(earliest);
        self.next.set(turn + self.interval);
        tokio::time::sleep_until(turn).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    /// When each of `requests` that all come at once has its turn, in seconds.
    async fn turns(budget: &Budget, requests: u32) -> Vec<f64> {
        let begun = tokio::time::Instant::now();
        join_all((0..requests).map(async |_| {
            budget.turn().await;
            begun.elapsed().as_secs_f64()
        }))
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_has_more_requests_than_the_rate_and_half_of_it_saved_up() {
        let budget = Budget::new(10);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let turns = turns(&budget, 100).await;
        let in_second = |from: f64| turns.iter().filter(|at| (from..from + 1.0).contains(*at)).count();
        assert!(turns.iter().all(|from| in_second(*from) <= 15), "{turns:?}");
        assert!((9.0..=10.0).contains(turns.last().expect("100 requests")), "{turns:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_of_0_is_no_limit() {
        assert_eq!(turns(&Budget::new(0), 1000).await, vec![0.0; 1000]);
    }

    #[test]
    fn each_region_has_a_budget_of_its_own_that_its_clients_share() {
        let calls = Calls::at_rate(10);
        let budget = calls.budget("eu-west-1");
        assert!(Rc::ptr_eq(&budget, &calls.budget("eu-west-1")));
        assert!(!Rc::ptr_eq(&budget, &calls.budget("us-east-1")));
    }
}
