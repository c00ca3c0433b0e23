//! The report of one invocation.

use std::time::Duration;

/// A duration in hundredths of a millisecond, the precision of a report. What is billed is computed from
/// what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReportedDuration(u64);

impl ReportedDuration {
    /// Rounds to the nearest hundredth of a millisecond.
    pub(super) fn of(duration: Duration) -> ReportedDuration {
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        ReportedDuration(microseconds.saturating_add(5) / 10)
    }

    /// Formats the duration in milliseconds with two decimal places.
    pub(super) fn text(self) -> String {
        format!("{}.{:02}", self.0 / 100, self.0 % 100)
    }

    /// Returns the duration in milliseconds.
    pub(super) fn milliseconds(self) -> f64 {
        self.0 as f64 / 100.0
    }
}

/// The end of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    Success,
    /// With the error's type.
    Error(String),
    Timeout,
}

impl Status {
    /// Returns the name that the report has for it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Status::Success => "success",
            Status::Error(_) => "error",
            Status::Timeout => "timeout",
        }
    }
}

/// The platform's report of an invocation.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub(super) duration: ReportedDuration,
    pub(super) billed_ms: u64,
    /// The time of the initialization, on a cold start only.
    pub(super) init: Option<ReportedDuration>,
    /// The function's memory, in MB.
    pub(super) memory: u32,
    /// The most memory that was in use at any time, in MB. None if a recording does not have it.
    pub(super) max_memory_used: Option<u32>,
    pub(super) status: Status,
}

/// Returns the billed time: whole milliseconds of the duration and, since 2025-08-01, of the initialization.
/// <https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/>
pub(super) fn billed_ms(duration: ReportedDuration, init: Option<ReportedDuration>) -> u64 {
    (duration.0 + init.map_or(0, |init| init.0)).div_ceil(100).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn billed_us(duration_us: u64, init_us: Option<u64>) -> u64 {
        let duration = |us| ReportedDuration::of(Duration::from_micros(us));
        billed_ms(duration(duration_us), init_us.map(duration))
    }

    #[test]
    fn a_cold_start_is_billed_with_its_init() {
        // AWS's own example: 133.61 + 80.00 ms are billed as 214.
        assert_eq!(billed_us(133_610, Some(80_000)), 214);
        assert_eq!(billed_us(133_610, None), 134);
        assert_eq!(billed_us(2_000, None), 2);
        assert_eq!(billed_us(0, None), 1);
    }

    #[test]
    fn the_billed_time_follows_from_the_shown_time() {
        // 5.0004 ms shows as 5.00.
        assert_eq!(ReportedDuration::of(Duration::from_nanos(5_000_400)).text(), "5.00");
        assert_eq!(billed_us(5_004, None), 5);
    }
}
