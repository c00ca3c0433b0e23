//! The rule by which a size is given up because its invocations fail.

/// The number of failures in a row after which a size is given up. Each one may cost the function's whole timeout.
const MAX_FAILURES_IN_A_ROW: u32 = 3;

/// The failures of one size since its last success.
///
/// Invocations in flight side by side have no order, and one break of the network fails all of them. So a failure
/// counts only if its invocation was sent after the previously counted failure was known: all failures at the same
/// time count once. In series this is a count of failures in a row. Side by side, a size that [is in doubt] sends one
/// invocation at a time, so a function that always fails costs the invocations that were in flight when the first
/// failure came back, and two more.
///
/// [is in doubt]: Failures::is_in_doubt
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// Failures counted since the last success.
    in_a_row: u32,
    /// Failures counted since the beginning.
    counted: u64,
}

/// The number of failures that were counted when an invocation was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CountWhenSent(u64);

impl Failures {
    /// Returns the count for an invocation that is about to be sent.
    pub fn count(&self) -> CountWhenSent {
        CountWhenSent(self.counted)
    }

    /// Returns the number of failures counted since the last success.
    pub fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    /// Whether a failure has been counted and nothing has succeeded since.
    pub fn is_in_doubt(&self) -> bool {
        self.in_a_row > 0
    }

    /// Notes a success.
    pub fn note_success(&mut self) {
        self.in_a_row = 0;
    }

    /// Notes the failure of an invocation that was sent at the count `when_sent`. Returns whether to give the size up.
    pub fn note_failure(&mut self, when_sent: CountWhenSent) -> bool {
        if when_sent == self.count() {
            self.in_a_row += 1;
            self.counted += 1;
        }
        self.in_a_row >= MAX_FAILURES_IN_A_ROW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_in_a_row_end_a_size_in_series() {
        let mut failures = Failures::default();
        let mut fail = || {
            let when_sent = failures.count();
            failures.note_failure(when_sent)
        };
        assert_eq!([fail(), fail(), fail()], [false, false, true]);
    }

    #[test]
    fn a_success_resets_the_failures_in_a_row() {
        let mut failures = Failures::default();
        for _ in 0..100 {
            for _ in 0..2 {
                let when_sent = failures.count();
                assert!(!failures.note_failure(when_sent));
            }
            assert!(failures.is_in_doubt());
            failures.note_success();
            assert!(!failures.is_in_doubt());
        }
    }

    #[test]
    fn failures_at_the_same_time_count_once() {
        let mut failures = Failures::default();
        let in_flight = vec![failures.count(); 100];
        assert!(in_flight.into_iter().all(|when_sent| !failures.note_failure(when_sent)));
        // The function always fails: so do two more invocations, sent afterwards one at a time.
        let when_sent = failures.count();
        assert!(!failures.note_failure(when_sent));
        let when_sent = failures.count();
        assert!(failures.note_failure(when_sent));
    }

    #[test]
    fn a_second_network_break_does_not_end_a_size_that_has_succeeded_since() {
        let mut failures = Failures::default();
        for _ in 0..10 {
            let in_flight = vec![failures.count(); 100];
            for (at, when_sent) in in_flight.into_iter().enumerate() {
                if at % 2 == 0 {
                    assert!(!failures.note_failure(when_sent));
                } else {
                    failures.note_success();
                }
            }
        }
    }
}
