//! The invocations that are in the input more than once: of a file that is given twice, of records beside the
//! `*.cleaned.ndjson` that repeats them, or of a run beside the run that resumed it.

use std::hash::{BuildHasher as _, RandomState};

use crate::records::Identification;

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
    pub const NONE: Fingerprint = Fingerprint(0);
}

/// The key of all fingerprints.
#[derive(Debug, Default)]
pub(super) struct Fingerprints(RandomState);

impl Fingerprints {
    /// Returns the fingerprint of an invocation.
    pub fn of(&self, identification: &Identification) -> Fingerprint {
        match identification {
            Identification::RequestId(request_id) => Fingerprint(self.0.hash_one(request_id).max(1)),
            Identification::Index(run, index) => Fingerprint(self.0.hash_one((run, index)).max(1)),
            Identification::Unknown => Fingerprint::NONE,
        }
    }
}

/// The fingerprints that several invocations of a size have.
#[derive(Debug, PartialEq)]
pub(super) struct Repeats {
    /// In ascending order.
    repeated: Vec<u64>,
    /// Which of them have come.
    has_come: Vec<bool>,
}

impl Repeats {
    /// Returns the repeats among `count` fingerprints, or `None` if there are none, as nearly always.
    ///
    /// A bit for each value of the last bits of a fingerprint, eight times as many as fingerprints, leaves only one in
    /// sixteen to be compared. So it takes a few bytes, and no sorting of all.
    pub fn among(fingerprints: impl Iterator<Item = Fingerprint> + Clone, count: usize) -> Option<Repeats> {
        let identified = fingerprints.filter(|fingerprint| *fingerprint != Fingerprint::NONE);
        let mut seen = Bits::new(count * 8);
        let mut candidates: Vec<u64> =
            identified.clone().map(|Fingerprint(bits)| bits).filter(|bits| seen.set(*bits)).collect();
        drop(seen);
        candidates.sort_unstable();
        candidates.dedup();
        let mut of_candidates = Bits::new(count * 8);
        for bits in &candidates {
            of_candidates.set(*bits);
        }
        let mut counts = vec![0_u8; candidates.len()];
        for Fingerprint(bits) in identified.filter(|Fingerprint(bits)| of_candidates.is_set(*bits)) {
            if let Ok(at) = candidates.binary_search(&bits) {
                counts[at] = counts[at].saturating_add(1);
            }
        }
        let mut counts = counts.into_iter();
        candidates.retain(|_| counts.next() > Some(1));
        let has_come = vec![false; candidates.len()];
        (!candidates.is_empty()).then_some(Repeats { repeated: candidates, has_come })
    }

    /// Whether an invocation is not the repeat of an earlier one.
    pub fn is_first(&mut self, Fingerprint(bits): Fingerprint) -> bool {
        match self.repeated.binary_search(&bits) {
            Ok(at) => !std::mem::replace(&mut self.has_come[at], true),
            Err(_) => true,
        }
    }
}

/// A bit for each value of the last bits of a hash.
struct Bits {
    words: Vec<u64>,
    mask: u64,
}

impl Bits {
    /// Makes at least `count` bits.
    fn new(count: usize) -> Bits {
        let words = count.div_ceil(64).next_power_of_two();
        Bits { words: vec![0; words], mask: words as u64 * 64 - 1 }
    }

    fn place(&self, hash: u64) -> (usize, u64) {
        let place = hash & self.mask;
        ((place / 64) as usize, 1 << (place % 64))
    }

    fn is_set(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.words[word] & bit != 0
    }

    /// Sets the bit. Returns whether it was set before.
    fn set(&mut self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        let was_set = self.words[word] & bit != 0;
        self.words[word] |= bit;
        was_set
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn firsts(bits: &[u64]) -> Option<Vec<bool>> {
        let fingerprints = bits.iter().copied().map(Fingerprint);
        let mut repeats = Repeats::among(fingerprints.clone(), bits.len())?;
        Some(fingerprints.map(|fingerprint| repeats.is_first(fingerprint)).collect())
    }

    #[test]
    fn the_first_of_equal_invocations_counts_and_all_that_nothing_identifies() {
        let expected = vec![true, true, true, false, true, false, false];
        assert_eq!(firsts(&[7, 0, 9, 7, 0, 7, 9]), Some(expected));
        assert_eq!(firsts(&[1, 2, 0, 0]), None);
        // Their last bits are equal.
        assert_eq!(firsts(&[1, 1 << 40 | 1, 2 << 40 | 1]), None);
    }

    proptest! {
        #[test]
        fn a_repeat_is_one_that_has_come_before(
            bits in prop::collection::vec(prop_oneof![0..20_u64, any::<u64>(), (0..9_u64).prop_map(|n| n << 60 | 1)], 0..300),
        ) {
            let expected: Vec<bool> =
                (0..bits.len()).map(|at| bits[at] == 0 || !bits[..at].contains(&bits[at])).collect();
            prop_assert_eq!(firsts(&bits).unwrap_or_else(|| vec![true; bits.len()]), expected);
        }
    }
}
