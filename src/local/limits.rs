//! How much of the API a caller may use: requests a second, and invocations at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::refusal::{Kind, Refusal};

/// So many requests a second, and as many at once after a pause: a token bucket.
#[derive(Debug)]
pub struct Rate {
    /// 0 is no limit.
    per_second: f64,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Rate {
    /// A full bucket.
    pub fn new(per_second: u32, now: Instant) -> Rate {
        Rate {
            per_second: per_second.into(),
            bucket: Mutex::new(Bucket { tokens: per_second.into(), filled: now }),
        }
    }

    /// Takes one token, or refuses as Lambda's control plane does.
    pub fn admit(&self, now: Instant) -> Result<(), Refusal> {
        if self.per_second == 0.0 {
            return Ok(());
        }
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
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
    now: Arc<AtomicUsize>,
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
        Concurrency { most, now: Arc::default() }
    }

    /// Takes a place, or refuses as Lambda does.
    pub fn admit(&self) -> Result<Place, Refusal> {
        if self.now.load(Ordering::Relaxed) >= self.most {
            return Err(Refusal::new(
                Kind::TooManyRequests("ConcurrentInvocationLimitExceeded"),
                "Rate Exceeded.",
            ));
        }
        self.now.fetch_add(1, Ordering::Relaxed);
        Ok(Place(Arc::clone(&self.now)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_as_large_as_the_rate_and_refills_with_time() {
        let start = Instant::now();
        let rate = Rate::new(15, start);
        let admitted = (0..100).filter(|_| rate.admit(start).is_ok()).count();
        assert_eq!(admitted, 15);
        let later = start + Duration::from_millis(200);
        let admitted = (0..100).filter(|_| rate.admit(later).is_ok()).count();
        assert_eq!(admitted, 3);
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        let start = Instant::now();
        let rate = Rate::new(0, start);
        assert!((0..1000).all(|_| rate.admit(start).is_ok()));
    }

    #[test]
    fn a_place_is_free_again_after_its_invocation() {
        let concurrency = Concurrency::new(1);
        let place = concurrency.admit().unwrap();
        let refusal = concurrency.admit().unwrap_err();
        assert_eq!(refusal.kind(), Kind::TooManyRequests("ConcurrentInvocationLimitExceeded"));
        drop(place);
        assert!(concurrency.admit().is_ok());
    }
}
