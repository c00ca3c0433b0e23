//! What the selected size saves in a month.

use crate::price::{Meter, PriceList, how_to_add};
use crate::records::Statistics;
use crate::units::{GbSeconds, Money};

/// The use of a function in a month, and the prices of it.
#[derive(Debug)]
pub(super) struct Month {
    pub invocations: u64,
    pub prices: PriceList,
}

impl Month {
    /// Returns what a month with `selected` costs less than one with `original`, or why that is not known. Requests cost
    /// the same with both.
    pub(super) fn savings(
        &self,
        original: Option<&Statistics>,
        selected: &Statistics,
    ) -> Result<Money, String> {
        let original = original.ok_or("the size before the run is not in the plan, or has no result")?;
        Ok(Money(self.cost(original)? - self.cost(selected)?))
    }

    /// Returns the cost of compute in a month.
    fn cost(&self, size: &Statistics) -> Result<f64, String> {
        let billed = size.average_billed_duration_ms.ok_or("the statistics lack averageBilledDurationMs")?;
        let used = GbSeconds(self.invocations as f64 * size.memory_size.gigabytes() * billed / 1000.0);
        let (region, architecture) = (size.function_arn.region(), size.architecture);
        let cost = self.prices.compute(region, architecture, used, &size.currency).ok_or_else(|| {
            let remedy = how_to_add(region, architecture, Meter::Compute, &size.currency);
            format!("no price for compute in {region} on {architecture} in {}; {remedy}", size.currency)
        })?;
        Ok(cost.0)
    }
}
