//! The costs of one size, as AWS bills them.

use std::collections::BTreeSet;

use polars::prelude::PolarsResult;

use super::frame::{Group, Usable};
use super::plans::Plans;
use crate::price::{Meter, PriceList, Rate, how_to_add};
use crate::records::SizeKey;
use crate::statistics::{TrimmedMean, mean};
use crate::units::{BilledMillis, Currency, GbSeconds, Money};

/// The costs in a `statistics` record.
pub(super) struct Costs {
    pub currency: Currency,
    pub average: Option<Money>,
    /// The confidence interval of the average.
    pub interval: Option<(f64, f64)>,
    pub mean: Option<Money>,
    pub request: Option<Money>,
    pub restore: Option<Money>,
    pub total: Money,
}

/// Warnings about prices that are needed and missing, each once.
pub(super) type Missing = BTreeSet<String>;

/// Computes the costs of a size with the prices of `rate`. Adds missing prices to `missing`.
pub(super) fn bill(
    rate: &Rate,
    size: &SizeKey,
    plans: &Plans,
    (group, usable): (&Group, &Usable),
    share: f64,
    missing: &mut Missing,
) -> PolarsResult<Costs> {
    let (function, architecture, memory) = (&size.function, size.architecture, size.memory);
    let mut needed = |price: Option<Money>, meter: Meter, fields: &str| {
        if price.is_none() {
            let region = function.region();
            missing.insert(format!(
                "no price for {meter} in {region} on {architecture}: left out of {fields}; {}",
                how_to_add(region, architecture, meter, &rate.currency)
            ));
        }
        price
    };
    let plan = plans.plan(function, architecture);
    let storage = plan.and_then(|plan| plan.ephemeral_storage);
    if let Some(storage) = storage {
        needed(rate.storage(storage, BilledMillis(0)), Meter::Storage, "averageCost, meanCost and totalCost");
    }
    let by_duration = |billed| {
        let storage = storage.and_then(|storage| rate.storage(storage, billed));
        rate.compute(memory, billed) + storage.unwrap_or_default()
    };
    let costs: Vec<f64> =
        usable.billed_durations()?.into_iter().map(|billed| by_duration(billed).0).collect();
    let average = TrimmedMean::of(&costs, share);

    let times = |count: u64, price: Option<Money>| Money(count as f64 * price.unwrap_or_default().0);
    let request = needed(rate.request(), Meter::Requests, "requestCost and totalCost");
    let mut total = by_duration(group.billed_duration()?) + times(group.charged()?, request);
    let mut restore = None;
    // SnapStart costs nothing extra for Java: <https://aws.amazon.com/lambda/pricing/>.
    let is_java = |runtime: &String| runtime.starts_with("java");
    if plan.is_some_and(|plan| plan.snap_start && !plan.runtime.as_ref().is_some_and(is_java)) {
        restore = needed(rate.restore(memory), Meter::SnapStartRestore, "restoreCost and totalCost");
        let cache = needed(rate.cache(memory), Meter::SnapStartCache, "totalCost");
        let versions = plans.versions(size) as u64;
        total = total + times(group.cold_starts()?, restore) + times(versions, cache);
    }
    Ok(Costs {
        currency: rate.currency.clone(),
        average: average.map(|average| Money(average.mean)),
        interval: average.and_then(|average| average.interval),
        mean: (!costs.is_empty()).then(|| Money(mean(&costs))),
        request,
        restore,
        total,
    })
}

/// Adds a warning to `missing` if the price list has only one tier although the account has a usage of `used`.
pub(super) fn check_tier(prices: &PriceList, used: GbSeconds, size: &SizeKey, missing: &mut Missing) {
    let (region, architecture) = (size.function.region(), size.architecture);
    if used > GbSeconds(0.0) && !prices.has_tiers(region, architecture) {
        missing.insert(format!(
            "only one tier of compute is known in {region} on {architecture}, and is used whatever --monthly-gb-seconds says; give AWS's bulk offer file of AWSLambda for {region}, which has all tiers, to --prices"
        ));
    }
}
