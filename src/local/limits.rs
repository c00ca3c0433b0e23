//! How much of the API may be used: requests a second, and invocations at a time. At AWS each account has so
//! much in each region: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::name::Home;
use super::refusal::{Kind, Refusal};

/// So many requests a second, and as many at once after a pause: a token bucket.
#[derive(Debug)]
pub struct Rate {
    /// 0 is no limit.
    per_second: f64,
    buckets: Mutex<HashMap<Home, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Rate {
    /// Full buckets.
    pub fn new(per_second: u32) -> Rate {
        Rate { per_second: per_second.into(), buckets: Mutex::default() }
    }

    /// Takes one token, or refuses as Lambda's control plane does.
    pub fn admit(&self, caller: &Home, now: Instant) -> Result<(), Refusal> {
        if self.per_second == 0.0 {
            return Ok(());
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full = Bucket { tokens: self.per_second, filled: now };
        let bucket = buckets.entry(caller.clone()).or_insert(full);
        let since = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.tokens = (bucket.tokens + since * self.per_second).min(self.per_second);
        bucket.filled = now;
        if bucket.tokens < 1.0 {
            return Err(Refusal::new(Kind::TooManyRequests("CallerRateLimitExceeded"), "Rate exceeded"));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

/// So many invocations at a time, those included that wait for a core of this machine.
#[derive(Debug)]
pub struct Concurrency {
    most: usize,
    now: Mutex<HashMap<Home, Arc<AtomicUsize>>>,
}

/// The place of one invocation, given back when it is dropped.
#[derive(Debug)]
pub struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Concurrency {
    /// Room for `most` invocations.
    pub fn new(most: usize) -> Concurrency {
        Concurrency { most, now: Mutex::default() }
    }

    /// Takes a place where the function is, or refuses as Lambda does.
    pub fn admit(&self, home: &Home) -> Result<Place, Refusal> {
        let mut places = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let now = places.entry(home.clone()).or_default();
        if now.load(Ordering::Relaxed) >= self.most {
            return Err(Refusal::new(
                Kind::TooManyRequests("ConcurrentInvocationLimitExceeded"),
                "Rate Exceeded.",
            ));
        }
        now.fetch_add(1, Ordering::Relaxed);
        Ok(Place(Arc::clone(now)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn home(region: &str) -> Home {
        Home { account: "123456789012".to_owned(), region: region.to_owned() }
    }

    #[test]
    fn a_burst_is_as_large_as_the_rate_and_refills_with_time() {
        let start = Instant::now();
        let rate = Rate::new(15);
        let admitted = |region, now| (0..100).filter(|_| rate.admit(&home(region), now).is_ok()).count();
        assert_eq!(admitted("us-east-1", start), 15);
        assert_eq!(admitted("us-east-1", start + Duration::from_millis(200)), 3);
        assert_eq!(admitted("eu-west-1", start), 15, "each region has a rate of its own");
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        let start = Instant::now();
        let rate = Rate::new(0);
        assert!((0..1000).all(|_| rate.admit(&home("us-east-1"), start).is_ok()));
    }

    #[test]
    fn a_place_is_free_again_after_its_invocation() {
        let concurrency = Concurrency::new(1);
        let place = concurrency.admit(&home("us-east-1")).unwrap();
        let refusal = concurrency.admit(&home("us-east-1")).unwrap_err();
        assert_eq!(refusal.kind(), Kind::TooManyRequests("ConcurrentInvocationLimitExceeded"));
        assert!(concurrency.admit(&home("eu-west-1")).is_ok());
        drop(place);
        assert!(concurrency.admit(&home("us-east-1")).is_ok());
    }
}
