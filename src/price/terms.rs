//! What the invocations of one function are charged by.

use super::{PriceList, Rate};
use crate::names::{Architecture, FunctionArn};
use crate::records::Plan;
use crate::units::{BilledMillis, Currency, GbSeconds, MemoryMB, Money, StorageMB};

/// The longest timeout of a function, in seconds.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LONGEST_TIMEOUT: u32 = 900;

/// The longest init phase in seconds, which comes before the time that the timeout limits, and is billed too.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>
const LONGEST_INIT: u32 = 10;

/// What the invocations of a function are charged by: its prices, `/tmp`, restored snapshots.
#[derive(Debug)]
pub(crate) struct Terms {
    /// None: the price list has no price.
    rate: Option<Rate>,
    storage: Option<StorageMB>,
    pays_for_restores: bool,
    /// The billed duration that no invocation passes.
    pub bound: BilledMillis,
}

impl Terms {
    /// Returns the terms of a function, with what its plan says, if there is one.
    pub fn of(
        prices: &PriceList,
        (function, architecture): (&FunctionArn, Architecture),
        plan: Option<&Plan>,
    ) -> Terms {
        let timeout = plan.and_then(|plan| plan.timeout_seconds).unwrap_or(LONGEST_TIMEOUT);
        Terms {
            // The first tier, which is the dearest.
            rate: prices.rate(function.region(), architecture, GbSeconds(0.0)).ok(),
            storage: plan.and_then(|plan| plan.ephemeral_storage),
            pays_for_restores: plan.is_some_and(Plan::pays_for_snapshots),
            bound: BilledMillis(1000 * u64::from(timeout.saturating_add(LONGEST_INIT))),
        }
    }

    /// Returns the cost of one invocation, and its currency; `None` if the price is not known.
    pub fn cost(
        &self,
        memory: MemoryMB,
        billed: BilledMillis,
        may_be_cold: bool,
    ) -> Option<(Money, Currency)> {
        let rate = self.rate.as_ref()?;
        let restore = rate.restore(memory).filter(|_| may_be_cold && self.pays_for_restores);
        let others = rate.request().unwrap_or_default() + restore.unwrap_or_default();
        Some((rate.time(memory, self.storage, billed) + others, rate.currency.clone()))
    }
}
