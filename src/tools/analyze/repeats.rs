//! The invocations that are in the input more than once: of a file that is given twice, of records beside the
//! `*.cleaned.ndjson` that repeats them, or of a run beside the run that resumed it.

use std::hash::{BuildHasher as _, RandomState};

use crate::records::Invocation;

/// What an invocation is recognized by, among the invocations of the same function, architecture and memory size. It
/// takes 8 bytes, because there may be a hundred million of them.
///
/// It is a hash, so two invocations of a size can have the same one, and the second is left out. Among 10^8 invocations
/// of one size, that happens to a single one with a probability of (10^8)² ÷ 2 ÷ 2^64 = 0.03 %. It is keyed at random
/// (SipHash), so nobody can write records whose hashes are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    /// The fingerprint of all invocations that nothing identifies. Each of them counts.
    const NONE: Fingerprint = Fingerprint(0);
}

impl From<u64> for Fingerprint {
    fn from(bits: u64) -> Fingerprint {
        Fingerprint(bits)
    }
}

impl From<Fingerprint> for u64 {
    fn from(Fingerprint(bits): Fingerprint) -> u64 {
        bits
    }
}

/// The key of all fingerprints.
#[derive(Debug, Default)]
pub(super) struct Fingerprints(RandomState);

impl Fingerprints {
    /// Returns the fingerprint of an invocation: of its request id or, without one, of its run and index.
    pub fn of(&self, invocation: &Invocation) -> Fingerprint {
        let request_id = invocation.request_id.as_deref().filter(|request_id| !request_id.is_empty());
        let hash = match (request_id, &invocation.run_id, invocation.index) {
            (Some(request_id), _, _) => self.0.hash_one(request_id),
            (None, Some(run_id), Some(index)) => self.0.hash_one((run_id, index)),
            // A record of another program. Two such records may well be equal, and of two invocations.
            (None, _, _) => return Fingerprint::NONE,
        };
        Fingerprint(hash.max(1))
    }
}

/// Returns which of the invocations of a size are not repeats of an earlier one: of equal ones, the first counts.
/// `None`: all of them.
pub(super) fn first_of_each(fingerprints: &[Fingerprint]) -> Option<Vec<bool>> {
    let mut repeated: Vec<u64> = fingerprints.iter().map(|fingerprint| fingerprint.0).collect();
    repeated.sort_unstable();
    // Those with an equal one before them.
    let mut previous = Fingerprint::NONE.0;
    repeated.retain(|bits| *bits != Fingerprint::NONE.0 && *bits == std::mem::replace(&mut previous, *bits));
    repeated.dedup();
    if repeated.is_empty() {
        return None;
    }
    let mut has_come = vec![false; repeated.len()];
    let is_first = |fingerprint: &Fingerprint| match repeated.binary_search(&fingerprint.0) {
        Ok(at) => !std::mem::replace(&mut has_come[at], true),
        Err(_) => true,
    };
    Some(fingerprints.iter().map(is_first).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn firsts(bits: &[u64]) -> Vec<bool> {
        let fingerprints: Vec<Fingerprint> = bits.iter().copied().map(Fingerprint).collect();
        first_of_each(&fingerprints).unwrap_or_else(|| vec![true; bits.len()])
    }

    #[test]
    fn the_first_of_equal_invocations_counts_and_all_that_nothing_identifies() {
        assert_eq!(firsts(&[7, 0, 9, 7, 0, 7, 9]), [true, true, true, false, true, false, false]);
        assert_eq!(
            first_of_each(&[Fingerprint(1), Fingerprint(2), Fingerprint::NONE, Fingerprint::NONE]),
            None
        );
    }

    proptest! {
        #[test]
        fn a_repeat_is_one_that_has_come_before(bits in prop::collection::vec(0..20_u64, 0..50)) {
            let expected: Vec<bool> =
                (0..bits.len()).map(|at| bits[at] == 0 || !bits[..at].contains(&bits[at])).collect();
            prop_assert_eq!(firsts(&bits), expected);
        }
    }
}
