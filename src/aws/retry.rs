//! Sending a call again: how often, and after which pause.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{AwsError, AwsErrorKind};

/// The number of times that a call may be sent in all, by the kind of its failure. Any other failure ends it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    throttled: u32,
    conflict: u32,
    service: u32,
    not_connected: u32,
    unreachable: u32,
}

/// Attempts of a throttled call. The pauses between them are 63 seconds on average and 125 at most, because
/// others may take the control plane's 15 requests a second for a while.
const PATIENT: u32 = 12;

/// Attempts of a call at which AWS itself failed, for which there was no connection, or to which there was no answer.
const BRIEF: u32 = 3;

impl RetryPolicy {
    /// For calls of the control plane and of S3.
    ///
    /// None of them does harm when it is sent twice: a change to `$LATEST` and a publication name the
    /// revision that they are for, an alias that exists is refused as a conflict, a deletion that was done
    /// finds nothing, and a version is found by the tag of its run.
    pub const CONTROL_PLANE: RetryPolicy = RetryPolicy {
        throttled: PATIENT,
        conflict: 1,
        service: BRIEF,
        not_connected: BRIEF,
        unreachable: BRIEF,
    };

    /// For an invocation that is measured. It is sent again only if it has certainly not run: AWS rejected it for a
    /// reason that passes, or there was no connection. If AWS failed itself, if something on the way answered in its
    /// place, or if the answer was lost, the function may have run, and has cost its money.
    ///
    /// The reasons that pass: too many requests (`TooManyRequestsException`, `EC2ThrottledException`), a change in
    /// progress (`ResourceConflictException`), and a function that is not ready yet (`ResourceNotReadyException`,
    /// `SnapStartNotReadyException`). The other errors that AWS documents as rejections, such as those of KMS and of
    /// the VPC, last. `ServiceException` is documented as an internal error and no more.
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors>
    pub const MEASURED: RetryPolicy = RetryPolicy {
        throttled: PATIENT,
        conflict: PATIENT,
        service: 1,
        not_connected: BRIEF,
        unreachable: 1,
    };

    /// For an invocation beside the measured ones, of a pre- or post-processor.
    pub const PROCESSOR: RetryPolicy =
        RetryPolicy { throttled: PATIENT, conflict: 1, service: 1, not_connected: BRIEF, unreachable: 1 };

    /// Returns how often a call that fails in this way may be sent in all.
    fn attempts_for(self, kind: AwsErrorKind) -> u32 {
        match kind {
            AwsErrorKind::Throttled => self.throttled,
            AwsErrorKind::Conflict => self.conflict,
            AwsErrorKind::Service => self.service,
            AwsErrorKind::NotConnected => self.not_connected,
            AwsErrorKind::Unreachable => self.unreachable,
            _ => 1,
        }
    }
}

/// Makes `call`, which is told the number of the attempt from 1 on, as often as `policy` allows, with a pause
/// before each repetition.
pub(super) async fn retry<T>(
    policy: RetryPolicy,
    call: impl AsyncFn(u32) -> Result<T, AwsError>,
) -> Result<T, AwsError> {
    let never = CancellationToken::new();
    retry_until_stopped(policy, &never, call).await.expect("nothing cancels this token")
}

/// Does the same, and returns `None` if `stop` is cancelled during a pause.
pub async fn retry_until_stopped<T>(
    policy: RetryPolicy,
    stop: &CancellationToken,
    call: impl AsyncFn(u32) -> Result<T, AwsError>,
) -> Option<Result<T, AwsError>> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match call(attempts).await {
            Err(error) if attempts < policy.attempts_for(error.kind) => {
                tokio::select! {
                    () = stop.cancelled() => return None,
                    () = tokio::time::sleep(pause_after(attempts, fastrand::f64())) => {}
                }
            }
            result => return Some(result),
        }
    }
}

/// Returns the pause after a number of `attempts`: exponential, with full jitter, so that throttled calls do
/// not come back all at once. `jitter` is from 0 to 1.
///
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
fn pause_after(attempts: u32, jitter: f64) -> Duration {
    const FIRST: Duration = Duration::from_millis(400);
    const LONGEST: Duration = Duration::from_secs(20);
    let limit = FIRST.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(LONGEST);
    limit.mul_f64(jitter)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn pauses_double_up_to_20_seconds_and_jitter_spreads_them_from_zero() {
        let longest = [1, 2, 3, 4, 5, 6, 7, 8, 40].map(|attempts| pause_after(attempts, 1.0).as_millis());
        assert_eq!(longest, [400, 800, 1_600, 3_200, 6_400, 12_800, 20_000, 20_000, 20_000]);
        assert_eq!(pause_after(3, 0.5), Duration::from_millis(800));
        assert_eq!(pause_after(3, 0.0), Duration::ZERO);
    }

    #[test]
    fn all_pauses_of_a_throttled_call_sum_to_at_most_125_seconds() {
        let sum: Duration = (1..PATIENT).map(|attempts| pause_after(attempts, 1.0)).sum();
        assert_eq!(sum, Duration::from_millis(125_200));
    }

    fn failing(kind: AwsErrorKind) -> Result<(), AwsError> {
        Err(AwsError {
            action: "lambda:Test",
            on: "f".to_owned(),
            kind,
            code: String::new(),
            message: String::new(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn each_kind_of_failure_is_repeated_as_often_as_its_policy_says() {
        use AwsErrorKind::{Conflict, Denied, NotConnected, Service, Throttled, Unreachable};
        for (policy, kind, expected) in [
            (RetryPolicy::CONTROL_PLANE, Throttled, 12),
            (RetryPolicy::CONTROL_PLANE, Unreachable, 3),
            (RetryPolicy::CONTROL_PLANE, Service, 3),
            (RetryPolicy::CONTROL_PLANE, Conflict, 1),
            (RetryPolicy::CONTROL_PLANE, Denied, 1),
            (RetryPolicy::MEASURED, Throttled, 12),
            (RetryPolicy::MEASURED, Conflict, 12),
            (RetryPolicy::MEASURED, Service, 1),
            (RetryPolicy::MEASURED, NotConnected, 3),
            (RetryPolicy::MEASURED, Unreachable, 1),
            (RetryPolicy::PROCESSOR, Throttled, 12),
            (RetryPolicy::PROCESSOR, Service, 1),
            (RetryPolicy::PROCESSOR, Unreachable, 1),
        ] {
            let calls = Cell::new(0);
            let call = async |attempt| {
                calls.set(attempt);
                failing(kind)
            };
            retry(policy, call).await.unwrap_err();
            assert_eq!(calls.get(), expected, "{policy:?}: {kind:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_the_pause_and_not_the_call() {
        let stop = CancellationToken::new();
        let call = async |_| {
            stop.cancel();
            failing(AwsErrorKind::Throttled)
        };
        assert!(retry_until_stopped(RetryPolicy::MEASURED, &stop, call).await.is_none());
        let call = async |_| Ok(7);
        let result = retry_until_stopped(RetryPolicy::MEASURED, &stop, call).await;
        assert_eq!(result.expect("no pause").expect("no failure"), 7);
    }
}
