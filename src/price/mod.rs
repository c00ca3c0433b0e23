//! What Lambda costs: the price list, and the cost of what is billed.

mod offer;
mod table;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::error::Error;
use crate::names::Architecture;
use crate::units::{BilledMillis, Currency, GbSeconds, MemoryMB, Money, StorageMB};
use table::Table;

const EMBEDDED: &str = include_str!("prices.csv");

/// The columns of our own price files; `fromGBSeconds` may be missing.
const COLUMNS: [&str; 5] = ["region", "architecture", "meter", "price", "currency"];

/// What AWS counts and bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meter {
    /// A GB-second of memory.
    Compute,
    /// A million requests.
    Requests,
    /// A GB-second of `/tmp` above 512 MB.
    Storage,
    /// A GB-second of the snapshot of a published version, by its memory.
    SnapStartCache,
    /// A GB of memory restored from a snapshot.
    SnapStartRestore,
}

impl Meter {
    const ALL: [Meter; 5] =
        [Meter::Compute, Meter::Requests, Meter::Storage, Meter::SnapStartCache, Meter::SnapStartRestore];

    /// Its name in our price files.
    pub fn as_str(self) -> &'static str {
        match self {
            Meter::Compute => "compute",
            Meter::Requests => "requests",
            Meter::Storage => "storage",
            Meter::SnapStartCache => "snapstart-cache",
            Meter::SnapStartRestore => "snapstart-restore",
        }
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Meter {
    type Err = String;

    fn from_str(text: &str) -> Result<Meter, String> {
        let named = Meter::ALL.into_iter().find(|meter| meter.as_str() == text);
        named.ok_or_else(|| {
            format!("a meter is one of {}, not {text:?}", Meter::ALL.map(Meter::as_str).join(", "))
        })
    }
}

/// The least time that the snapshot of a published version is billed: three hours.
/// <https://aws.amazon.com/lambda/pricing/>
const SHORTEST_CACHE_SECONDS: f64 = 3.0 * 3600.0;

/// What a function costs in one region on one architecture, in the tier that the account is in. `None` is what the
/// price list lacks.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    gb_second: f64,
    request: Option<Money>,
    storage_gb_second: Option<f64>,
    cache_gb_second: Option<f64>,
    restored_gb: Option<f64>,
    /// Of all of them.
    pub currency: Currency,
}

impl Rate {
    /// The compute cost of one invocation: its billed duration, exactly as it was reported. Billed durations contain
    /// what is billed of init and of a SnapStart restore already.
    pub fn compute(&self, memory: MemoryMB, billed: BilledMillis) -> Money {
        let GbSeconds(gb_seconds) = billed.gb_seconds(memory);
        Money(gb_seconds * self.gb_second)
    }

    /// The cost of `/tmp` while one invocation runs: of what the function has above the 512 MB that are free.
    pub fn storage(&self, storage: StorageMB, billed: BilledMillis) -> Option<Money> {
        self.storage_gb_second.map(|price| Money(billed.storage_gb_seconds(storage).0 * price))
    }

    /// The charge for one request.
    pub fn request(&self) -> Option<Money> {
        self.request
    }

    /// The charge for restoring a snapshot, at one cold start; what it takes is in the billed duration besides.
    pub fn restore(&self, memory: MemoryMB) -> Option<Money> {
        self.restored_gb.map(|price| Money(memory.gigabytes() * price))
    }

    /// The charge for the snapshot of one published version that is deleted within three hours, the least that is
    /// billed.
    pub fn cache(&self, memory: MemoryMB) -> Option<Money> {
        self.cache_gb_second.map(|price| Money(memory.gigabytes() * SHORTEST_CACHE_SECONDS * price))
    }
}

/// Prices by region, architecture and meter.
#[derive(Debug, Clone)]
pub struct PriceList {
    prices: HashMap<Key, Price>,
}

type Key = (String, Architecture, Meter);

/// The price of one meter.
#[derive(Debug, Clone)]
struct Price {
    /// Ascending, one at least: from how many GB-seconds of a month, and what.
    tiers: Vec<(f64, f64)>,
    currency: Currency,
}

impl Price {
    /// In the tier of an account that has used `used`. A list whose first tier is free, and not in it, still prices
    /// what lies below.
    fn at(&self, used: GbSeconds) -> f64 {
        let tier = self.tiers.iter().rev().find(|(from, _)| *from <= used.0);
        tier.unwrap_or(&self.tiers[0]).1
    }
}

impl PriceList {
    /// The prices that were known when this was built.
    pub fn embedded() -> PriceList {
        let mut list = PriceList { prices: HashMap::new() };
        list.read(EMBEDDED.as_bytes()).expect("a test reads the embedded list");
        list
    }

    /// When the embedded prices were taken, as year-month-day.
    pub fn taken() -> &'static str {
        let first = EMBEDDED.lines().next().unwrap_or_default();
        first.strip_prefix("# taken: ").expect("a test reads the date")
    }

    /// Replaces or adds the prices in a file: CSV with the columns `region,architecture,meter,price,currency` and,
    /// where compute has tiers, `fromGBSeconds`; or AWS's bulk offer file of AWSLambda, CSV or JSON. Which of them it
    /// is, its content tells. What the file says of a meter replaces all tiers that were known of it.
    ///
    /// # Errors
    /// The file can't be read, or is none of these.
    pub fn extend_from_file(&mut self, file: &Path) -> Result<(), Error> {
        let name = format!("--prices {}", file.display());
        let text = std::fs::read(file).map_err(Error::io(&name))?;
        self.read(&text).map_err(|why| Error::Usage(format!("{name}: {why}")))
    }

    /// What a function in `region` on `architecture` costs an account that has used `used` there in the month.
    ///
    /// # Errors
    /// The list has no price for compute; there is no default, for a wrong price is worse than none.
    pub fn rate(&self, region: &str, architecture: Architecture, used: GbSeconds) -> Result<Rate, Error> {
        let price = |meter| self.prices.get(&(region.to_owned(), architecture, meter));
        let compute = price(Meter::Compute).ok_or_else(|| {
            Error::Failed(format!(
                "no price for compute in {region} on {architecture} in the list of {}; {}",
                PriceList::taken(),
                how_to_add(region, architecture, Meter::Compute, &Currency::usd())
            ))
        })?;
        // Amounts in two currencies have no sum.
        let other = |meter| {
            let price = price(meter).filter(|price| price.currency == compute.currency);
            price.map(|price| price.at(GbSeconds(0.0)))
        };
        Ok(Rate {
            gb_second: compute.at(used),
            request: other(Meter::Requests).map(|million| Money(million / 1e6)),
            storage_gb_second: other(Meter::Storage),
            cache_gb_second: other(Meter::SnapStartCache),
            restored_gb: other(Meter::SnapStartRestore),
            currency: compute.currency.clone(),
        })
    }

    /// Whether the list tells compute's tiers apart there.
    pub fn has_tiers(&self, region: &str, architecture: Architecture) -> bool {
        let compute = self.prices.get(&(region.to_owned(), architecture, Meter::Compute));
        compute.is_some_and(|price| price.tiers.len() > 1)
    }

    /// Replaces or adds the prices in a text as [`PriceList::extend_from_file`] reads it.
    ///
    /// # Errors
    /// Names the line or the key, and the fault.
    pub fn read(&mut self, text: &[u8]) -> Result<(), String> {
        let text = str::from_utf8(text).map_err(|error| format!("not UTF-8: {error}"))?;
        let text = text.trim_start_matches('\u{feff}');
        let prices = if text.trim_start().starts_with('{') {
            offer::read_json(text)?
        } else if offer::is_csv(text) {
            offer::read_csv(text)?
        } else {
            read_own(text)?
        };
        self.prices.extend(prices.0);
        Ok(())
    }
}

/// What to do about a price that the list lacks.
pub fn how_to_add(region: &str, architecture: Architecture, meter: Meter, currency: &Currency) -> String {
    format!(
        "add it with --prices FILE: AWS's bulk offer file of AWSLambda for {region}, or a CSV file with a line {region},{architecture},{meter},PRICE,{currency} below {}",
        COLUMNS.join(",")
    )
}

fn read_own(text: &str) -> Result<Prices, String> {
    let mut prices = Prices::default();
    for row in Table::read(text, &COLUMNS)?.rows() {
        let from = row.cell("fromGBSeconds");
        let mut add = || {
            let tier = Tier {
                from: if from.is_empty() { 0.0 } else { number("fromGBSeconds", from)? },
                price: number("price", row.cell("price"))?,
                currency: row.cell("currency").parse()?,
            };
            let region = row.cell("region");
            if region.is_empty() {
                return Err("the region is missing".to_owned());
            }
            prices
                .add((region.to_owned(), row.cell("architecture").parse()?, row.cell("meter").parse()?), tier)
        };
        add().map_err(|why: String| row.fault(why))?;
    }
    Ok(prices)
}

/// A number that a price or a range can be.
fn number(what: &str, text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| format!("{what}: expected a number of 0 or more, found {text:?}"))
}

/// The prices in one file.
#[derive(Default)]
struct Prices(HashMap<Key, Price>);

struct Tier {
    from: f64,
    price: f64,
    currency: Currency,
}

impl Prices {
    fn add(&mut self, key: Key, Tier { from, price, currency }: Tier) -> Result<(), String> {
        let (region, architecture, meter) = &key;
        let name = format!("{region},{architecture},{meter}");
        let known =
            self.0.entry(key).or_insert_with(|| Price { tiers: Vec::new(), currency: currency.clone() });
        if known.currency != currency {
            return Err(format!("{name}: has prices in {} and in {currency}", known.currency));
        }
        let at = known.tiers.partition_point(|tier| tier.0 < from);
        match known.tiers.get(at) {
            Some(tier) if tier.0 == from && tier.1 == price => {}
            Some(tier) if tier.0 == from => {
                return Err(format!("{name}: has two prices from {from} GB-seconds: {} and {price}", tier.1));
            }
            _ => known.tiers.insert(at, (from, price)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(region: &str, architecture: Architecture, used: f64) -> Rate {
        PriceList::embedded().rate(region, architecture, GbSeconds(used)).expect("listed")
    }

    fn cost(region: &str, architecture: Architecture, memory: u32, billed: u64) -> f64 {
        let memory = MemoryMB::new(memory).expect("in range");
        rate(region, architecture, 0.0).compute(memory, BilledMillis(billed)).0
    }

    fn fault(text: &str) -> String {
        PriceList::embedded().read(text.as_bytes()).expect_err(text)
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
        let china = rate("cn-north-1", Architecture::Arm64, 0.0);
        assert_eq!((china.gb_second, china.currency, china.request), (0.000_113_6, Currency::cny(), None));
    }

    /// <https://aws.amazon.com/lambda/pricing/>, us-east-1, by GB-seconds a month.
    #[test]
    fn the_tier_is_that_of_what_the_account_has_used() {
        let x86_64 =
            [0.0, 5.9e9, 6e9, 15e9].map(|used| rate("us-east-1", Architecture::X86_64, used).gb_second);
        assert_eq!(x86_64, [0.000_016_666_7, 0.000_016_666_7, 0.000_015, 0.000_013_333_4]);
        let arm64 =
            [0.0, 7.4e9, 7.5e9, 18.75e9].map(|used| rate("us-east-1", Architecture::Arm64, used).gb_second);
        assert_eq!(arm64, [0.000_013_333_4, 0.000_013_333_4, 0.000_012_000_1, 0.000_010_666_7]);
        let list = PriceList::embedded();
        assert!(list.has_tiers("us-east-1", Architecture::X86_64));
        assert!(!list.has_tiers("eu-west-1", Architecture::X86_64), "only the first is known");
    }

    /// Prices of <https://aws.amazon.com/lambda/pricing/>, us-east-1.
    #[test]
    fn tmp_and_snapstart_have_meters_of_their_own_where_they_are_known() {
        let virginia = rate("us-east-1", Architecture::X86_64, 0.0);
        let memory = MemoryMB::new(2048).expect("in range");
        let storage = StorageMB::new(1536).expect("in range");
        // Of 1.5 GB, 0.5 are free.
        assert_eq!(virginia.storage(storage, BilledMillis(1000)), Some(Money(0.000_000_030_9)));
        assert_eq!(virginia.storage(StorageMB::FREE, BilledMillis(1000)), Some(Money(0.0)));
        assert_eq!(virginia.restore(memory), Some(Money(2.0 * 0.000_139_799_8)));
        assert_eq!(virginia.cache(memory), Some(Money(2.0 * 10_800.0 * 0.000_001_504_6)));
        let ireland = rate("eu-west-1", Architecture::X86_64, 0.0);
        assert_eq!(
            (ireland.storage(storage, BilledMillis(1)), ireland.restore(memory), ireland.cache(memory)),
            (None, None, None)
        );
    }

    #[test]
    fn a_region_without_a_price_is_an_error_that_says_how_to_add_it() {
        let error = PriceList::embedded()
            .rate("xx-none-1", Architecture::X86_64, GbSeconds(0.0))
            .expect_err("not listed")
            .to_string();
        assert!(error.contains("xx-none-1,x86_64,compute,") && error.contains(PriceList::taken()), "{error}");
    }

    #[test]
    fn the_list_says_when_it_was_taken() {
        let format = time::macros::format_description!("[year]-[month]-[day]");
        assert!(time::Date::parse(PriceList::taken(), format).is_ok(), "{}", PriceList::taken());
    }

    #[test]
    fn a_file_replaces_and_adds_prices() {
        let mut list = PriceList::embedded();
        list.read(b"region,architecture,meter,price,currency\nxx-none-1,x86_64,compute,1,EUR\nxx-none-1,x86_64,requests,2,EUR\nus-east-1,x86_64,compute,3,USD\n")
            .expect("a good file");
        let added = list.rate("xx-none-1", Architecture::X86_64, GbSeconds(0.0)).expect("added");
        assert_eq!((added.gb_second, added.request), (1.0, Some(Money(2e-6))));
        let replaced = list.rate("us-east-1", Architecture::X86_64, GbSeconds(7e9)).expect("replaced");
        assert_eq!(
            (replaced.gb_second, replaced.request),
            (3.0, Some(Money(0.2 / 1e6))),
            "without the old tiers"
        );
    }

    #[test]
    fn prices_in_another_currency_than_computes_are_none() {
        let mut list = PriceList::embedded();
        list.read(b"region,architecture,meter,price,currency\nus-east-1,x86_64,compute,1,EUR\n")
            .expect("a good file");
        let rate = list.rate("us-east-1", Architecture::X86_64, GbSeconds(0.0)).expect("replaced");
        assert_eq!(
            (rate.request, rate.restored_gb, rate.currency.to_string()),
            (None, None, "EUR".to_owned())
        );
    }

    #[test]
    fn the_faults_of_a_file_are_named() {
        const HEADER: &str = "# mine\nregion,architecture,meter,fromGBSeconds,price,currency\n";
        for (row, words) in [
            ("x,x86_64,compute,0,much,EUR", "line 3: price: expected a number of 0 or more, found \"much\""),
            ("x,x86_64,compute,0,NaN,EUR", "line 3: price: expected"),
            ("x,x86_64,compute,0,-1,EUR", "line 3: price: expected"),
            ("x,x86_64,compute,0,,EUR", "line 3: price: expected"),
            ("x,x86_64,compute,far,1,EUR", "line 3: fromGBSeconds: expected"),
            ("x,sparc,compute,0,1,EUR", "line 3: an architecture is x86_64 or arm64"),
            ("x,x86_64,disk,0,1,EUR", "line 3: a meter is one of compute, requests, storage,"),
            ("x,x86_64,compute,0,1,euro", "line 3: a currency is a code of three capitals"),
            ("x,x86_64,compute,0,1", "line 3: a currency is"),
            (",x86_64,compute,0,1,EUR", "line 3: the region is missing"),
            (
                "x,x86_64,compute,0,1,EUR\nx,x86_64,compute,0,2,EUR",
                "line 4: x,x86_64,compute: has two prices",
            ),
            (
                "x,x86_64,compute,0,1,EUR\nx,x86_64,compute,9,2,USD",
                "line 4: x,x86_64,compute: has prices in EUR and in USD",
            ),
        ] {
            let fault = fault(&format!("{HEADER}{row}\n"));
            assert!(fault.contains(words), "{fault}");
        }
        assert!(fault("region,price\n").contains("line 1: no column architecture; expected a CSV header"));
        assert!(fault("hello").contains("expected a CSV header with the columns region,architecture,"));
        assert!(PriceList::embedded().read(b"\xff\xfe").expect_err("no text").contains("not UTF-8"));
    }
}
