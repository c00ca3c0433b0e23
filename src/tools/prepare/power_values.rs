//! The memory sizes to measure, as the user lists them.

use std::str::FromStr;

use crate::quote::excerpt;
use crate::units::MemoryMB;

/// The sizes to measure: at least one, each once, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerValues(Vec<MemoryMB>);

impl PowerValues {
    /// Returns the sizes, in the order given.
    pub fn sizes(&self) -> &[MemoryMB] {
        &self.0
    }
}

/// The step of `ALL`, as in AWS Lambda Power Tuning's `"powerValues": "ALL"`.
const STEP_OF_ALL: usize = 64;

impl FromStr for PowerValues {
    type Err = String;

    fn from_str(text: &str) -> Result<PowerValues, String> {
        if text.trim().is_empty() {
            return Err("expected memory sizes, such as 128,512,1024, or ALL".to_owned());
        }
        let mut sizes = Vec::new();
        for part in text.split(',').map(str::trim) {
            let range = if part.eq_ignore_ascii_case("all") {
                (MemoryMB::MIN, MemoryMB::MAX, STEP_OF_ALL)
            } else if let Some((from, rest)) = part.split_once('-').filter(|(from, _)| !from.is_empty()) {
                let (to, step) = rest.split_once(':').ok_or_else(|| {
                    format!("the range {0} has no step; write {0}:64, for example", excerpt(part))
                })?;
                let step = step.parse().ok().filter(|step| *step > 0).ok_or_else(|| {
                    format!("the step of the range {} is not a whole number above 0", excerpt(part))
                })?;
                (parse_size(from)?, parse_size(to)?, step)
            } else {
                (parse_size(part)?, parse_size(part)?, 1)
            };
            let (from, to, step) = range;
            if from > to {
                return Err(format!("the range {} is empty, because it starts above its end", excerpt(part)));
            }
            sizes.extend((from.get()..=to.get()).step_by(step).filter_map(MemoryMB::new));
        }
        let mut seen = std::collections::HashSet::new();
        sizes.retain(|size| seen.insert(*size));
        Ok(PowerValues(sizes))
    }
}

fn parse_size(text: &str) -> Result<MemoryMB, String> {
    text.parse().map_err(|error: crate::units::NotAMemorySize| error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn sizes(text: &str) -> Vec<u32> {
        let values: PowerValues = text.parse().expect("sizes");
        values.sizes().iter().map(|size| size.get()).collect()
    }

    #[test]
    fn lists_keep_their_order_and_hold_each_size_once() {
        assert_eq!(sizes("512, 128,512,3008"), [512, 128, 3008]);
    }

    #[test]
    fn a_range_has_a_step_and_all_is_every_64_mb() {
        assert_eq!(sizes("128-400:128,1024"), [128, 256, 384, 1024]);
        let all = sizes("ALL");
        assert_eq!((all.len(), all[0], all[1], all[all.len() - 1]), (159, 128, 192, 10_240));
    }

    #[test]
    fn bad_sizes_and_ranges_are_refused() {
        for text in ["", "64", "10241", "128,", "128-256", "256-128:64", "128-256:0", "1.5", "-128"] {
            assert!(text.parse::<PowerValues>().is_err(), "{text}");
        }
    }

    /// Generates a part of the list as a user may type it, and the sizes that it stands for.
    fn part() -> impl Strategy<Value = (String, Vec<u32>)> {
        let size = || 128..=10_240_u32;
        prop_oneof![
            4 => size().prop_map(|size| (size.to_string(), vec![size])),
            2 => (size(), size(), 1..5_000_usize).prop_map(|(one, other, step)| {
                let (from, to) = (one.min(other), one.max(other));
                (format!("{from}-{to}:{step}"), (from..=to).step_by(step).collect())
            }),
            1 => proptest::sample::select(vec!["ALL", "all"])
                .prop_map(|all| (all.to_owned(), (128..=10_240).step_by(64).collect())),
        ]
    }

    proptest! {
        #[test]
        fn each_size_is_kept_once_where_it_is_first_named(parts in vec(part(), 1..6), gap in " {0,2}") {
            let (texts, named): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
            let mut expected: Vec<u32> = Vec::new();
            for size in named.concat() {
                if !expected.contains(&size) {
                    expected.push(size);
                }
            }
            prop_assert_eq!(sizes(&texts.join(&format!(",{gap}"))), expected);
        }

        #[test]
        fn any_text_is_refused_or_parses_as_sizes_of_lambda(
            text in prop_oneof!["[0-9,:ALal -]{0,20}", "[1-9][0-9]{2,3}-[0-9]{3,5}:[0-9]{1,25}", any::<String>()],
        ) {
            if let Ok(values) = text.parse::<PowerValues>() {
                let sizes: Vec<u32> = values.sizes().iter().map(|size| size.get()).collect();
                prop_assert!(!sizes.is_empty() && sizes.iter().all(|size| (128..=10_240).contains(size)));
                let again: Vec<String> = sizes.iter().map(u32::to_string).collect();
                prop_assert_eq!(again.join(",").parse::<PowerValues>(), Ok(values));
            }
        }
    }
}
