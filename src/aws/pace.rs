//! The pace at which changes in progress are looked at.
//!
//! A change takes a second or two, or minutes with a container image or SnapStart. It is looked at again after a part of
//! the time that it has taken so far, so whatever its length it is noticed late by no more than that part. Once changes of
//! its kind have ended in the region, it is first looked at when it may have ended too, which saves nearly all requests,
//! and then more often.

use std::cell::Cell;
use std::time::Duration;

/// The time after which a change counts as stuck, even one to a function with SnapStart in a VPC.
pub(super) const LONGEST_CHANGE: Duration = Duration::from_secs(15 * 60);

/// The part of a change's length, as a divisor, after which it is looked at again: 6 %.
const PART: u32 = 16;

/// The same, where such changes have been seen: 3 %.
const PART_OF_KNOWN: u32 = 32;

/// The part of the shortest change so far that is waited before the first look.
const SHARE_OF_SHORTEST: f64 = 0.95;

/// The first look where no change has ended yet.
const FIRST_LOOK: Duration = Duration::from_millis(100);

/// The latest first look: the next function may be quicker than all before it.
const LATEST_FIRST_LOOK: Duration = Duration::from_secs(2);

const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The kinds of changes that take a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of `$LATEST`, until its `LastUpdateStatus` is no longer `InProgress`.
    Update,
    /// Of a new version, until its `State` is no longer `Pending`.
    Publication,
}

/// The pace of all waits in one region.
#[derive(Debug)]
pub(super) struct Pace {
    /// The maximum number of looks per second, of all waits together; 0 is no limit.
    rate: u32,
    waits: Cell<u32>,
    /// The length of the shortest change so far, by its kind.
    shortest: [Cell<Option<Duration>>; 2],
}

impl Pace {
    pub(super) fn new(rate: u32) -> Pace {
        Pace { rate, waits: Cell::default(), shortest: Default::default() }
    }

    /// Begins to wait for a change.
    pub(super) fn begin(&self, kind: Kind) -> Wait<'_> {
        self.waits.set(self.waits.get() + 1);
        Wait { pace: self, shortest: &self.shortest[kind as usize] }
    }
}

/// The wait for one change. Others take its share of the rate when it is dropped.
#[derive(Debug)]
pub(super) struct Wait<'a> {
    pace: &'a Pace,
    shortest: &'a Cell<Option<Duration>>,
}

impl Wait<'_> {
    /// Returns the pause before the next look at a change that began so long ago.
    pub(super) fn pause(&self, elapsed: Duration) -> Duration {
        let Pace { rate, waits, .. } = self.pace;
        let share = (Duration::from_secs(1) * waits.get()).checked_div(*rate).unwrap_or_default();
        let (first_look, part) = match self.shortest.get() {
            None => (FIRST_LOOK, PART),
            Some(shortest) => (shortest.mul_f64(SHARE_OF_SHORTEST).min(LATEST_FIRST_LOOK), PART_OF_KNOWN),
        };
        let pause = (elapsed / part).clamp(SHORTEST_PAUSE, LONGEST_PAUSE).max(share);
        pause.max(first_look.saturating_sub(elapsed))
    }

    /// Ends the wait for a change that was seen to be finished after this time.
    pub(super) fn end(self, length: Duration) {
        let shortest = self.shortest.get().map_or(length, |shortest| shortest.min(length));
        self.shortest.set(Some(shortest));
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.pace.waits.set(self.pace.waits.get() - 1);
    }
}

/// Returns the pause before a change is tried again that AWS has refused for this time, because another operation is in
/// progress. Returns `None` if that has lasted too long, or after an interrupt for as long as AWS gets for an answer.
pub(super) fn pause_after_conflict(elapsed: Duration, is_interrupted: bool) -> Option<Duration> {
    let longest = if is_interrupted { Duration::from_secs(10) } else { LONGEST_CHANGE };
    let pause = (elapsed / 2).clamp(Duration::from_millis(200), Duration::from_secs(3));
    (elapsed < longest).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits for a change of this length, beside others, and returns how late it is noticed and after how many looks.
    fn notice(pace: &Pace, length: Duration) -> (Duration, u32) {
        let wait = pace.begin(Kind::Update);
        let (mut elapsed, mut looks) = (Duration::ZERO, 0);
        while looks == 0 || elapsed < length {
            elapsed += wait.pause(elapsed);
            looks += 1;
        }
        wait.end(elapsed);
        (elapsed - length, looks)
    }

    #[test]
    fn a_change_of_any_length_is_noticed_within_a_tenth_of_it_and_inside_the_quota() {
        for ms in (300..=3_000).step_by(7) {
            let length = Duration::from_millis(ms);
            let pace = Pace::new(50);
            let (late, looks) = notice(&pace, length);
            assert!(late <= length / 10, "{length:?}: {late:?}");
            assert!(looks <= 1 + length.as_millis() as u32 / 20, "{length:?}: {looks} looks");
            // The next one is much like it.
            for length in [length, length.mul_f64(0.95), length.mul_f64(1.1)] {
                let (late, looks) = notice(&pace, length);
                assert!(late <= length / 10, "{length:?}: {late:?}");
                assert!(looks <= 20, "{length:?}: {looks} looks");
            }
        }
    }

    #[test]
    fn changes_side_by_side_share_the_rate() {
        let pace = Pace::new(50);
        let waits: Vec<Wait<'_>> = (0..100).map(|_| pace.begin(Kind::Update)).collect();
        let second = Duration::from_secs(1);
        assert_eq!(waits[0].pause(second), 2 * second);
        drop(waits);
        assert_eq!(pace.begin(Kind::Update).pause(second), second / 16);
        let unlimited = Pace::new(0);
        assert_eq!(unlimited.begin(Kind::Update).pause(FIRST_LOOK), SHORTEST_PAUSE);
    }

    #[test]
    fn a_quick_kind_does_not_hasten_a_slow_one_and_a_slow_one_does_not_delay_a_quick_one_for_long() {
        let pace = Pace::new(50);
        pace.begin(Kind::Publication).end(Duration::from_secs(180));
        assert_eq!(pace.begin(Kind::Publication).pause(Duration::ZERO), LATEST_FIRST_LOOK);
        assert_eq!(pace.begin(Kind::Update).pause(Duration::ZERO), FIRST_LOOK);
    }

    #[test]
    fn a_refused_change_is_tried_again_for_as_long_as_a_change_may_take_and_briefly_after_an_interrupt() {
        let tries = |is_interrupted| {
            let (mut elapsed, mut tries) = (Duration::ZERO, 0);
            while let Some(pause) = pause_after_conflict(elapsed, is_interrupted) {
                elapsed += pause;
                tries += 1;
            }
            (elapsed.as_secs(), tries)
        };
        assert!((10..14).contains(&tries(true).0));
        let (seconds, tries) = tries(false);
        assert!((900..904).contains(&seconds) && tries < 320, "{seconds} s, {tries} tries");
    }
}
