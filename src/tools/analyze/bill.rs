//! The costs of one size, as AWS bills them.

use std::collections::{BTreeMap, BTreeSet};

use super::groups::{Group, Usable};
use super::plans::Plans;
use crate::decide::{Scatter, Sent};
use crate::message;
use crate::names::Architecture;
use crate::price::{Meter, PriceList, Rate, how_to_add};
use crate::records::{Plan, SizeKey};
use crate::statistics::{CONFIDENCE, TrimmedMean, mean};
use crate::units::{BilledMillis, Currency, GbSeconds, Money, StorageMB};

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
    /// The scatter of the costs about their average.
    pub scatter: Option<Scatter>,
    /// The invocations of an adaptive run.
    pub sent: Vec<Sent>,
}

/// What is to be said about the prices, each once.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// Warnings about prices that are needed and missing.
    missing: BTreeSet<String>,
    /// The meters whose price is of medium confidence, by region and architecture.
    medium: BTreeMap<(String, Architecture), BTreeSet<Meter>>,
}

impl Doubts {
    pub fn extend(&mut self, other: Doubts) {
        self.missing.extend(other.missing);
        for (of, meters) in other.medium {
            self.medium.entry(of).or_default().extend(meters);
        }
    }

    /// Warns of the missing prices, and notes those of medium confidence.
    pub fn show(&self) {
        self.missing.iter().for_each(message::warning);
        let medium = self.medium.iter().map(|((region, architecture), meters)| {
            let meters: Vec<&str> = meters.iter().map(|meter| meter.as_str()).collect();
            format!("{} in {region} on {architecture}", meters.join(", "))
        });
        let medium: Vec<String> = medium.collect();
        if !medium.is_empty() {
            message::note(format_args!(
                "costs rest on prices of medium confidence: {}; give AWS's own price list to --prices to be sure",
                medium.join("; ")
            ));
        }
    }
}

/// Computes the costs of a size with the prices of `rate`. Adds to `doubts` what is to be said about these prices.
pub(super) fn bill(
    rate: &Rate,
    size: &SizeKey,
    plans: &Plans,
    (group, usable): (&Group, &Usable),
    share: f64,
    doubts: &mut Doubts,
) -> Costs {
    let (function, architecture, memory) = (&size.function, size.architecture, size.memory);
    let region = function.region();
    let Doubts { missing, medium } = doubts;
    let mut rest_on = |meter| {
        if rate.is_medium(meter) {
            medium.entry((region.to_owned(), architecture)).or_default().insert(meter);
        }
    };
    rest_on(Meter::Compute);
    let mut needed = |price: Option<Money>, meter: Meter, fields: &str| {
        if price.is_some() {
            rest_on(meter);
        } else {
            missing.insert(format!(
                "no price for {meter} in {region} on {architecture}: left out of {fields}; {}",
                how_to_add(region, architecture, meter, &rate.currency)
            ));
        }
        price
    };
    let plan = plans.plan(function, architecture);
    let storage = plan.and_then(|plan| plan.ephemeral_storage).filter(|storage| *storage > StorageMB::FREE);
    if let Some(storage) = storage {
        needed(rate.storage(storage, BilledMillis(0)), Meter::Storage, "averageCost, meanCost and totalCost");
    }
    let by_duration = |billed| rate.time(memory, storage, billed);
    let costs = usable.billed.iter().map(|billed| by_duration(*billed).0);
    let average = TrimmedMean::of(costs.clone(), share);
    let estimate = average.and_then(|average| average.estimate(costs.clone()));

    let times = |count: u64, price: Option<Money>| Money(count as f64 * price.unwrap_or_default().0);
    let request = needed(rate.request(), Meter::Requests, "requestCost and totalCost");
    let mut total = by_duration(group.billed_duration()) + times(group.charged(), request);
    let mut restore = None;
    if plan.is_some_and(Plan::pays_for_snapshots) {
        restore = needed(rate.restore(memory), Meter::SnapStartRestore, "restoreCost and totalCost");
        let cache = needed(rate.cache(memory), Meter::SnapStartCache, "totalCost");
        let versions = plans.versions(size) as u64;
        total = total + times(group.cold_starts(), restore) + times(versions, cache);
    }
    Costs {
        currency: rate.currency.clone(),
        average: average.map(|average| Money(average.mean)),
        interval: estimate.map(|estimate| estimate.interval(CONFIDENCE)),
        mean: (usable.len() > 0).then(|| Money(mean(costs.clone()))),
        request,
        restore,
        total,
        sent: usable
            .waves
            .iter()
            .zip(&usable.rounds)
            .map(|((at, wave), round)| Sent {
                round: *round,
                wave: wave.number,
                duration: usable.durations[*at],
                cost: by_duration(usable.billed[*at]).0,
            })
            .collect(),
        scatter: average.and_then(|average| Scatter::of(costs, &average, estimate, &usable.waves)),
    }
}

/// Adds a warning to `doubts` if the price list has only one tier although the account has a usage of `used`.
pub(super) fn check_tier(prices: &PriceList, used: GbSeconds, size: &SizeKey, doubts: &mut Doubts) {
    let (region, architecture) = (size.function.region(), size.architecture);
    if used > GbSeconds(0.0) && !prices.has_tiers(region, architecture) {
        doubts.missing.insert(format!(
            "only one tier of compute is known in {region} on {architecture}, and is used whatever --monthly-gb-seconds says; give AWS's bulk offer file of AWSLambda for {region}, which has all tiers, to --prices"
        ));
    }
}
