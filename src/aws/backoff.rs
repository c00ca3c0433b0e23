//! Waiting out throttling.

use std::time::Duration;

use super::{AwsError, AwsErrorKind};

/// Attempts of one call before throttling is an error: with the pauses between them, two minutes and more.
pub const MAX_ATTEMPTS: u32 = 12;

/// How long to wait after so many attempts: exponential, with full jitter, so that throttled calls do not come back
/// all at once. <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
pub fn pause_after(attempts: u32) -> Duration {
    const FIRST: Duration = Duration::from_millis(400);
    const LONGEST: Duration = Duration::from_secs(20);
    let limit = FIRST.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(LONGEST);
    limit.mul_f64(fastrand::f64())
}

/// Makes `call` again while it is throttled. The SDK gives up after few attempts, as is right for a broken
/// connection; the control plane's 15 requests a second are shared with others, who may take them for a while.
pub(super) async fn patiently<T>(call: impl AsyncFn() -> Result<T, AwsError>) -> Result<T, AwsError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match call().await {
            Err(error) if error.kind == AwsErrorKind::Throttled && attempts < MAX_ATTEMPTS => {
                tokio::time::sleep(pause_after(attempts)).await;
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn pauses_grow_but_stay_bounded() {
        assert!((0..100).all(|_| pause_after(1) <= Duration::from_millis(400)));
        assert!((1..40).all(|attempts| pause_after(attempts) <= Duration::from_secs(20)));
    }

    #[tokio::test(start_paused = true)]
    async fn only_throttling_is_waited_out_and_not_for_ever() {
        let of_kind = |kind| AwsError {
            action: "lambda:Test",
            on: "f".to_owned(),
            kind,
            code: String::new(),
            message: String::new(),
        };
        let calls = Cell::new(0);
        let count = |kind| {
            calls.set(calls.get() + 1);
            Err::<(), _>(of_kind(kind))
        };
        patiently(async || count(AwsErrorKind::Throttled)).await.unwrap_err();
        assert_eq!(calls.replace(0), MAX_ATTEMPTS);
        patiently(async || count(AwsErrorKind::Unreachable)).await.unwrap_err();
        assert_eq!(calls.get(), 1);
    }
}
