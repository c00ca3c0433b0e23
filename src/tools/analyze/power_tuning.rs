//! The arithmetic and the prices of AWS Lambda Power Tuning 4.4.0, to the last digit, to check its old runs:
//! `computeStatistics` in lambda/executor.js, the functions that it calls in lambda/utils.js, and `baseCosts`
//! in template.yml. <https://github.com/alexcasalboni/aws-lambda-power-tuning>

use super::bill::Costs;
use super::groups::Answered;
use crate::names::Architecture;
use crate::records::SizeKey;
use crate::statistics::TrimmedMean;
use crate::units::{Currency, MemoryMB, Money};

/// The price of a millisecond with 128 MB if the region has no price of its own, for x86_64 and for arm64.
const DEFAULT: (f64, f64) = (2.1e-9, 1.7e-9);

/// The prices of regions with their own price, for x86_64; for arm64 there are none.
const BY_REGION: [(&str, f64); 7] = [
    ("ap-east-1", 2.9e-9),
    ("af-south-1", 2.8e-9),
    ("me-south-1", 2.6e-9),
    ("eu-south-1", 2.4e-9),
    ("ap-northeast-3", 2.7e-9),
    ("cn-north-1", 1.42e-8),
    ("cn-northwest-1", 1.42e-8),
];

fn base_price(region: &str, architecture: Architecture) -> f64 {
    match architecture {
        Architecture::Arm64 => DEFAULT.1,
        Architecture::X86_64 => {
            BY_REGION.iter().find(|(name, _)| *name == region).map_or(DEFAULT.0, |(_, price)| *price)
        }
    }
}

/// Returns the price of `milliseconds`, rounded up.
fn price(base: f64, memory: MemoryMB, milliseconds: f64) -> f64 {
    milliseconds.ceil() * base * (f64::from(memory.get()) / f64::from(MemoryMB::MIN.get()))
}

/// Returns the average duration and the costs that AWS Lambda Power Tuning computes. The duration is `None` if it has
/// no result: if there were no invocations, if no log tail had a report, or if an invocation failed, which ends its
/// run.
pub(super) fn duration_and_costs(
    size: &SizeKey,
    mut answered: Answered,
    share: f64,
) -> (Option<TrimmedMean>, Costs) {
    let region = size.function.region();
    let base = base_price(region, size.architecture);
    // Both are sorted and trimmed separately. The total is summed in ascending order too, because it sorts in place.
    answered.durations.sort_by(f64::total_cmp);
    answered.billed.sort_by(f64::total_cmp);
    let total = answered.billed.iter().fold(0.0, |sum, billed| sum + price(base, size.memory, *billed));
    let duration = TrimmedMean::of(answered.durations.iter().copied(), share)
        .filter(|duration| answered.all && duration.mean > 0.0);
    let billed = TrimmedMean::of(answered.billed.iter().copied(), share).filter(|_| duration.is_some());
    let costs = Costs {
        currency: if region.starts_with("cn-") { Currency::cny() } else { Currency::usd() },
        average: billed.map(|billed| Money(price(base, size.memory, billed.mean))),
        // An interval belongs to a mean, and this average is rounded up.
        interval: None,
        mean: None,
        request: None,
        restore: None,
        total: Money(total),
        scatter: None,
        sent: Vec::new(),
    };
    (duration, costs)
}
