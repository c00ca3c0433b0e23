//! The limit on requests per second, which each account has in each region.
//! <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::local::function::AccountRegion;
use crate::local::refusal::{Exception, Refusal};

/// A token bucket: so many requests per second, and as many at once after a pause.
#[derive(Debug)]
pub(crate) struct Rate {
    /// 0 is no limit.
    per_second: f64,
    buckets: Mutex<HashMap<AccountRegion, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Rate {
    /// Creates a limit whose buckets are full.
    pub(crate) fn new(per_second: u32) -> Rate {
        Rate { per_second: per_second.into(), buckets: Mutex::default() }
    }

    /// Takes one token, or refuses the request as Lambda's control plane does.
    pub(crate) fn admit(&self, caller: &AccountRegion, now: Instant) -> Result<(), Refusal> {
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
            return Err(Refusal::new(Exception::TooManyRequests("CallerRateLimitExceeded"), "Rate exceeded"));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn account_region(region: &str) -> AccountRegion {
        AccountRegion { account: "123456789012".to_owned(), region: region.to_owned() }
    }

    #[test]
    fn a_burst_is_as_large_as_the_rate_and_refills_with_time() {
        let start = Instant::now();
        let rate = Rate::new(15);
        let admitted =
            |region, now| (0..100).filter(|_| rate.admit(&account_region(region), now).is_ok()).count();
        assert_eq!(admitted("us-east-1", start), 15);
        assert_eq!(admitted("us-east-1", start + Duration::from_millis(200)), 3);
        assert_eq!(admitted("eu-west-1", start), 15, "each region has a rate of its own");
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        let start = Instant::now();
        let rate = Rate::new(0);
        assert!((0..1000).all(|_| rate.admit(&account_region("us-east-1"), start).is_ok()));
    }
}
