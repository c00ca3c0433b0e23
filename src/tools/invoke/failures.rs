//! When a size is given up because its invocations fail.

/// A size is given up after this many failures in a row. Each one may cost the function's whole timeout.
const MAX_FAILURES_IN_A_ROW: u32 = 3;

/// The failures of one size since its last success.
///
/// Invocations in flight side by side have no order, and one break of the network fails all of them. So a failure
/// counts only if its invocation was sent after the failure counted before it was known: whatever fails at the same
/// time counts once. In series this is a count of failures in a row. Side by side, a size that [is in doubt] sends
/// one invocation at a time, so that a function that always fails costs what was in flight when the first failure
/// came back, and two invocations more.
///
/// [is in doubt]: Failures::is_in_doubt
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// Counted since the last success.
    in_a_row: u32,
    /// Counted since the beginning.
    counted: u64,
}

/// What was known when an invocation was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known(u64);

impl Failures {
    /// Returns what is known now, for an invocation that is about to be sent.
    pub fn known(&self) -> Known {
        Known(self.counted)
    }

    /// Whether a failure has been counted and nothing has succeeded since.
    pub fn is_in_doubt(&self) -> bool {
        self.in_a_row > 0
    }

    /// Notes a success.
    pub fn note_success(&mut self) {
        self.in_a_row = 0;
    }

    /// Notes the failure of an invocation that was sent when `known` was known. Returns whether the size is to be
    /// given up.
    pub fn note_failure(&mut self, known: Known) -> bool {
        if known == self.known() {
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
    fn in_series_three_failures_in_a_row_end_a_size() {
        let mut failures = Failures::default();
        let mut fail = || {
            let known = failures.known();
            failures.note_failure(known)
        };
        assert_eq!([fail(), fail(), fail()], [false, false, true]);
    }

    #[test]
    fn a_success_begins_the_row_anew() {
        let mut failures = Failures::default();
        for _ in 0..100 {
            for _ in 0..2 {
                let known = failures.known();
                assert!(!failures.note_failure(known));
            }
            assert!(failures.is_in_doubt());
            failures.note_success();
            assert!(!failures.is_in_doubt());
        }
    }

    #[test]
    fn what_fails_at_the_same_time_counts_once() {
        let mut failures = Failures::default();
        let in_flight = vec![failures.known(); 100];
        assert!(in_flight.into_iter().all(|known| !failures.note_failure(known)));
        // Two more that are sent after that, one at a time, fail too: the function always does.
        let known = failures.known();
        assert!(!failures.note_failure(known));
        let known = failures.known();
        assert!(failures.note_failure(known));
    }

    #[test]
    fn a_second_break_of_the_network_does_not_end_a_size_that_has_succeeded_since() {
        let mut failures = Failures::default();
        for _ in 0..10 {
            let in_flight = vec![failures.known(); 100];
            for (at, known) in in_flight.into_iter().enumerate() {
                if at % 2 == 0 {
                    assert!(!failures.note_failure(known));
                } else {
                    failures.note_success();
                }
            }
        }
    }
}
