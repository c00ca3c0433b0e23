//! The limit on concurrent invocations, which each account has in each region.
//! <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::local::function::AccountRegion;
use crate::local::refusal::{Exception, Refusal};

/// Counts the invocations at a time, including those that wait for a core of this machine.
#[derive(Debug)]
pub(crate) struct Concurrency {
    limit: usize,
    running: Mutex<HashMap<AccountRegion, Arc<AtomicUsize>>>,
}

/// Counts as one invocation until it is dropped.
#[derive(Debug)]
pub(crate) struct ConcurrencyPermit(Arc<AtomicUsize>);

impl Drop for ConcurrencyPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Concurrency {
    pub(crate) fn new(limit: usize) -> Concurrency {
        Concurrency { limit, running: Mutex::default() }
    }

    /// Admits an invocation of a function in this account and region, or refuses it as Lambda does.
    pub(crate) fn admit(&self, account_region: &AccountRegion) -> Result<ConcurrencyPermit, Refusal> {
        let mut counts = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = counts.entry(account_region.clone()).or_default();
        if running.load(Ordering::Relaxed) >= self.limit {
            return Err(Refusal::new(
                Exception::TooManyRequests("ConcurrentInvocationLimitExceeded"),
                "Rate Exceeded.",
            ));
        }
        running.fetch_add(1, Ordering::Relaxed);
        Ok(ConcurrencyPermit(Arc::clone(running)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account_region(region: &str) -> AccountRegion {
        AccountRegion { account: "123456789012".to_owned(), region: region.to_owned() }
    }

    #[test]
    fn a_permit_is_free_again_after_its_invocation() {
        let concurrency = Concurrency::new(1);
        let permit = concurrency.admit(&account_region("us-east-1")).unwrap();
        let refusal = concurrency.admit(&account_region("us-east-1")).unwrap_err();
        assert_eq!(refusal.exception(), Exception::TooManyRequests("ConcurrentInvocationLimitExceeded"));
        assert!(concurrency.admit(&account_region("eu-west-1")).is_ok());
        drop(permit);
        assert!(concurrency.admit(&account_region("us-east-1")).is_ok());
    }
}
