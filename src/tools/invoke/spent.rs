//! What the invocations of this run have cost so far.

use std::collections::BTreeMap;
use std::fmt;

use crate::price::PriceList;
use crate::records::{Invocation, SizeKey};
use crate::units::{BilledMillis, GbSeconds, Money};

/// The invocations that are recorded, and what they cost.
#[derive(Debug, Clone, Default)]
pub(super) struct Spent {
    invocations: u64,
    /// The number of billed invocations of each size, and their time.
    billed: BTreeMap<SizeKey, (u64, BilledMillis)>,
}

impl Spent {
    pub fn add(&mut self, invocation: &Invocation) {
        self.invocations += 1;
        if let Some(billed) = invocation.billed_duration_ms {
            let (count, total) = self.billed.entry(invocation.size_key()).or_insert((0, BilledMillis(0)));
            *count += 1;
            total.0 += billed.0;
        }
    }

    /// Whether the cost so far, and that of so many more invocations with this billed duration together, pass an amount.
    pub fn would_pass(&self, most: Money, (size, count, billed): (SizeKey, u64, BilledMillis)) -> bool {
        let mut then = self.clone();
        let (known, total) = then.billed.entry(size).or_insert((0, BilledMillis(0)));
        *known += count;
        total.0 += billed.0;
        // Without a price nothing is known of the cost.
        let is_priced = |size: &SizeKey| {
            PriceList::embedded().rate(size.function.region(), size.architecture, GbSeconds(0.0)).is_ok()
        };
        !then.billed.keys().all(is_priced) || then.amounts().values().any(|amount| amount.0 > most.0)
    }

    /// Returns the amount in each currency, as far as the embedded list has prices. The first tier is assumed.
    fn amounts(&self) -> BTreeMap<String, Money> {
        let prices = PriceList::embedded();
        let mut amounts = BTreeMap::<String, Money>::new();
        for (size, (count, billed)) in &self.billed {
            if let Ok(rate) = prices.rate(size.function.region(), size.architecture, GbSeconds(0.0)) {
                let requests = Money(*count as f64 * rate.request().unwrap_or_default().0);
                let amount = amounts.entry(rate.currency.to_string()).or_default();
                *amount = *amount + rate.compute(size.memory, *billed) + requests;
            }
        }
        amounts
    }
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.invocations {
            1 => f.write_str("1 invocation is recorded")?,
            count => write!(f, "{count} invocations are recorded")?,
        }
        for (at, (currency, amount)) in self.amounts().iter().enumerate() {
            let before = if at == 0 { ", and cost about" } else { " and" };
            write!(f, "{before} {:.6} {currency}", amount.0)?;
        }
        Ok(())
    }
}
