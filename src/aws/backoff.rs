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

/// How often a call of the control plane or of S3 may be sent that fails so. Throttling is waited out, for the control
/// plane's 15 requests a second are shared with others, who may take them for a while; a broken connection, or an
/// error of AWS's own, is tried a little more. Sent twice none of them does harm: a change of `$LATEST` and a
/// publication name the revision that they are for, an alias that was created is refused as a conflict, a deletion that
/// was done finds nothing, and what bears the tag of a run is found by it.
pub(super) fn attempts_for(kind: AwsErrorKind) -> u32 {
    match kind {
        AwsErrorKind::Throttled => MAX_ATTEMPTS,
        AwsErrorKind::Service | AwsErrorKind::Unreachable => 3,
        _ => 1,
    }
}

/// How often an invocation may be sent of which nothing is measured. One whose answer got lost is not sent again: the
/// function may have run.
pub(super) fn attempts_to_invoke(kind: AwsErrorKind) -> u32 {
    if kind == AwsErrorKind::Throttled { MAX_ATTEMPTS } else { 1 }
}

/// Makes `call` as often as it may be made.
pub(super) async fn patiently<T>(
    attempts_for: impl Fn(AwsErrorKind) -> u32,
    call: impl AsyncFn() -> Result<T, AwsError>,
) -> Result<T, AwsError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match call().await {
            Err(error) if attempts < attempts_for(error.kind) => {
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
    async fn throttling_is_waited_out_though_not_for_ever_and_little_else() {
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
        let cases = [
            (AwsErrorKind::Throttled, MAX_ATTEMPTS, MAX_ATTEMPTS),
            (AwsErrorKind::Unreachable, 3, 1),
            (AwsErrorKind::Service, 3, 1),
            (AwsErrorKind::Denied, 1, 1),
        ];
        for (kind, made, invoked) in cases {
            patiently(attempts_for, async || count(kind)).await.unwrap_err();
            assert_eq!(calls.replace(0), made, "{kind:?}");
            patiently(attempts_to_invoke, async || count(kind)).await.unwrap_err();
            assert_eq!(calls.replace(0), invoked, "{kind:?}");
        }
    }
}
