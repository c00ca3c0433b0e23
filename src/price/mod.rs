//! What Lambda costs: the price list, and the cost of an invocation.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::aws::Architecture;
use crate::error::Error;
use crate::units::{BilledMillis, GbSeconds, MemoryMB, Money};

const EMBEDDED: &str = include_str!("prices.csv");

/// A currency's ISO 4217 code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Currency(String);

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// What a function costs in one region on one architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    gb_second: f64,
    /// One request's charge.
    pub request: Money,
    /// Of both.
    pub currency: Currency,
}

impl Rate {
    /// The compute cost of one invocation: its billed duration, exactly as it was reported. Billed durations contain
    /// what is billed of init and of a SnapStart restore already.
    pub fn compute(&self, memory: MemoryMB, billed: BilledMillis) -> Money {
        let GbSeconds(gb_seconds) = billed.gb_seconds(memory);
        Money(gb_seconds * self.gb_second)
    }
}

/// Prices by region and architecture.
#[derive(Debug, Clone)]
pub struct PriceList {
    prices: HashMap<(String, Architecture, Meter), (f64, Currency)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Meter {
    /// Per GB-second.
    Compute,
    /// Per million requests.
    Requests,
}

#[derive(Deserialize)]
struct Row {
    region: String,
    architecture: Architecture,
    meter: Meter,
    price: f64,
    currency: Currency,
}

impl PriceList {
    /// The prices that were known when this was built.
    pub fn embedded() -> PriceList {
        let mut list = PriceList { prices: HashMap::new() };
        list.read(EMBEDDED.as_bytes()).expect("a test reads the embedded list");
        list
    }

    /// Replaces or adds the prices in a CSV file with the columns `region,architecture,meter,price,currency`.
    pub fn extend_from_file(&mut self, file: &Path) -> Result<(), Error> {
        let name = format!("--prices {}", file.display());
        let text = std::fs::read(file).map_err(Error::io(&name))?;
        self.read(&text).map_err(|why| Error::Usage(format!("{name}: {why}")))
    }

    /// What a function in `region` on `architecture` costs.
    ///
    /// # Errors
    /// The list does not have them; there is no default, for a wrong price is worse than none.
    pub fn rate(&self, region: &str, architecture: Architecture) -> Result<Rate, Error> {
        let price = |meter, name| {
            self.prices.get(&(region.to_owned(), architecture, meter)).ok_or_else(|| {
                Error::Failed(format!(
                    "no price for {name} in {region} on {architecture}; add it with --prices FILE.csv, a line such as: {region},{architecture},{name},0.0000166667,USD (below region,architecture,meter,price,currency)"
                ))
            })
        };
        let (gb_second, currency) = price(Meter::Compute, "compute")?;
        let (million_requests, _) = price(Meter::Requests, "requests")?;
        Ok(Rate { gb_second: *gb_second, request: Money(million_requests / 1e6), currency: currency.clone() })
    }

    /// Replaces or adds the prices in CSV as [`PriceList::extend_from_file`] reads it.
    ///
    /// # Errors
    /// Names the line and the fault.
    pub fn read(&mut self, text: &[u8]) -> Result<(), String> {
        let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_reader(text);
        for row in reader.deserialize() {
            let Row { region, architecture, meter, price, currency } =
                row.map_err(|error| error.to_string())?;
            if !(price.is_finite() && price >= 0.0) {
                return Err(format!("{region}, {architecture}: {price} is no price"));
            }
            self.prices.insert((region, architecture, meter), (price, currency));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(region: &str, architecture: Architecture, memory: u32, billed: u64) -> f64 {
        let memory = MemoryMB::new(memory).expect("in range");
        PriceList::embedded()
            .rate(region, architecture)
            .expect("listed")
            .compute(memory, BilledMillis(billed))
            .0
    }

    /// AWS's own example, 3 million invocations of 120 ms with 1,536 MB: 540,000 GB-seconds, USD 9.00 for compute.
    /// <https://aws.amazon.com/lambda/pricing/>
    #[test]
    fn the_published_example_comes_out() {
        let one = cost("us-east-1", Architecture::X86_64, 1536, 120);
        assert!((one * 3e6 - 9.000_018).abs() < 1e-9, "{}", one * 3e6);
    }

    #[test]
    fn prices_differ_by_region_and_architecture() {
        assert_eq!(cost("us-east-1", Architecture::Arm64, 1024, 1000), 0.000_013_333_4);
        assert_eq!(cost("af-south-1", Architecture::X86_64, 1024, 1000), 0.000_022_1);
    }

    #[test]
    fn a_region_without_a_price_is_an_error_that_says_how_to_add_it() {
        let error = PriceList::embedded()
            .rate("xx-none-1", Architecture::X86_64)
            .expect_err("not listed")
            .to_string();
        assert!(error.contains("xx-none-1,x86_64,compute,"), "{error}");
    }

    #[test]
    fn a_file_replaces_and_adds_prices_and_its_faults_are_named() {
        let mut list = PriceList::embedded();
        list.read(b"region,architecture,meter,price,currency\nxx-none-1,x86_64,compute,1,EUR\nxx-none-1,x86_64,requests,2,EUR\n")
            .expect("a good file");
        let rate = list.rate("xx-none-1", Architecture::X86_64).expect("added");
        assert_eq!((rate.compute(MemoryMB::MIN, BilledMillis(8000)).0, rate.request.0), (1.0, 2e-6));
        let fault = list.read(b"region,architecture,meter,price,currency\nx,x86_64,compute,much,EUR\n");
        assert!(fault.expect_err("no number").contains("line: 2"));
        assert!(list.read(b"region,architecture,meter,price,currency\nx,x86_64,compute,NaN,EUR\n").is_err());
    }
}
