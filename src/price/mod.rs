//! The price list, and the costs that follow from it.

mod terms; // what an invocation of a function costs
mod rebuild; // the embedded list, written anew from AWS's offer files
mod offer; // AWS's bulk offer file
mod table; // CSV rows with named cells

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::error::Error;
use crate::names::Architecture;
use crate::quote::quoted;
use crate::units::{BilledMillis, Currency, GbSeconds, MemoryMB, Money, StorageMB};
pub use rebuild::rebuilt;
use table::Table;
pub(crate) use terms::Terms;

const EMBEDDED: &str = include_str!("prices.csv");

/// The required columns of our own price files. The columns `fromGBSeconds`, `confidence`, `priceListDate` and `sources`
/// are optional.
const COLUMNS: [&str; 5] = ["region", "architecture", "meter", "price", "currency"];

/// A unit that AWS counts and bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meter {
    /// A GB-second of memory.
    Compute,
    /// A million requests.
    Requests,
    /// A GB-second of `/tmp` above 512 MB.
    Storage,
    /// A GB-second of the snapshot of a published version, by the version's memory.
    SnapStartCache,
    /// A GB of memory restored from a snapshot.
    SnapStartRestore,
}

impl Meter {
    const ALL: [Meter; 5] =
        [Meter::Compute, Meter::Requests, Meter::Storage, Meter::SnapStartCache, Meter::SnapStartRestore];

    /// Returns the name in our price files.
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
        let meter = Meter::ALL.into_iter().find(|meter| meter.as_str() == text);
        meter.ok_or_else(|| {
            format!("a meter is one of {}, not {}", Meter::ALL.map(Meter::as_str).join(", "), quoted(text))
        })
    }
}

/// How far a price can be relied on. The header of the embedded list says what each word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Confidence {
    /// Also that of a price in a file of the user's, who knows where it is from.
    #[default]
    High,
    Medium,
}

impl Confidence {
    fn as_str(self) -> &'static str {
        match self {
            Confidence::High => "high",
            Confidence::Medium => "medium",
        }
    }
}

impl FromStr for Confidence {
    type Err = String;

    fn from_str(text: &str) -> Result<Confidence, String> {
        match text {
            "high" | "" => Ok(Confidence::High),
            "medium" => Ok(Confidence::Medium),
            _ => Err(format!("a confidence is high or medium, not {}", quoted(text))),
        }
    }
}

/// The minimum time that AWS bills for the snapshot of a published version: three hours.
/// <https://aws.amazon.com/lambda/pricing/>
const SHORTEST_CACHE_SECONDS: f64 = 3.0 * 3600.0;

/// The prices in one region on one architecture, in the tier of the account. A price is `None` if the price
/// list does not have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    gb_second: f64,
    request: Option<Money>,
    storage_gb_second: Option<f64>,
    cache_gb_second: Option<f64>,
    restored_gb: Option<f64>,
    /// The meters whose price is of medium confidence.
    medium: BTreeSet<Meter>,
    /// The currency of all these prices.
    pub currency: Currency,
}

impl Rate {
    /// Returns the compute cost of one invocation from its billed duration, exactly as it was reported. The
    /// billed duration already contains what AWS bills of the init phase and of a SnapStart restore.
    pub fn compute(&self, memory: MemoryMB, billed: BilledMillis) -> Money {
        let GbSeconds(gb_seconds) = billed.gb_seconds(memory);
        Money(gb_seconds * self.gb_second)
    }

    /// Returns the cost of the time of invocations: compute, and `/tmp` above the free 512 MB if that has a price.
    pub fn time(&self, memory: MemoryMB, storage: Option<StorageMB>, billed: BilledMillis) -> Money {
        let storage = storage.and_then(|storage| self.storage(storage, billed));
        self.compute(memory, billed) + storage.unwrap_or_default()
    }

    /// Returns the cost of `/tmp` during one invocation, of the part above the free 512 MB.
    pub fn storage(&self, storage: StorageMB, billed: BilledMillis) -> Option<Money> {
        self.storage_gb_second.map(|price| Money(billed.storage_gb_seconds(storage).0 * price))
    }

    /// Whether the price of a meter is of medium confidence, so that a result which rests on it needs a note.
    pub fn is_medium(&self, meter: Meter) -> bool {
        self.medium.contains(&meter)
    }

    /// Returns the charge for one request.
    pub fn request(&self) -> Option<Money> {
        self.request
    }

    /// Returns the charge for a restored snapshot at one cold start. Its time is billed too, in the billed
    /// duration.
    pub fn restore(&self, memory: MemoryMB) -> Option<Money> {
        self.restored_gb.map(|price| Money(memory.gigabytes() * price))
    }

    /// Returns the charge for the snapshot of one published version that is deleted within three hours, the
    /// minimum that AWS bills.
    pub fn cache(&self, memory: MemoryMB) -> Option<Money> {
        self.cache_gb_second.map(|price| Money(memory.gigabytes() * SHORTEST_CACHE_SECONDS * price))
    }
}

/// Prices by region, architecture and meter.
#[derive(Debug, Clone)]
pub struct PriceList {
    prices: BTreeMap<Key, Price>,
}

type Key = (String, Architecture, Meter);

/// The price of one meter.
#[derive(Debug, Clone)]
struct Price {
    /// At least one tier, ascending.
    tiers: Vec<Tier>,
    currency: Currency,
}

/// A price, and where it is known from.
#[derive(Debug, Clone, PartialEq)]
struct Tier {
    /// The GB-seconds of the month from which it applies.
    from: f64,
    price: f64,
    origin: Origin,
}

/// Where a price is known from.
#[derive(Debug, Clone, PartialEq, Default)]
struct Origin {
    confidence: Confidence,
    /// The date of AWS's price list, as year-month-day; empty if it is not known.
    list_date: String,
    /// The names of the sources, which the header of the embedded list explains.
    sources: String,
}

impl Price {
    /// Returns the tier of an account that has used `used`. Below the first tier in the list, which may begin where a
    /// free tier ends, it is that first tier.
    fn at(&self, used: GbSeconds) -> &Tier {
        let tier = self.tiers.iter().rev().find(|tier| tier.from <= used.0);
        tier.unwrap_or(&self.tiers[0])
    }
}

impl PriceList {
    /// Returns the price list that is built into the tools.
    pub fn embedded() -> PriceList {
        let mut list = PriceList { prices: BTreeMap::new() };
        list.read(EMBEDDED.as_bytes()).expect("the embedded list is valid, as a test checks");
        list
    }

    /// Returns the date of the built-in prices, as year-month-day.
    pub fn embedded_date() -> &'static str {
        let first = EMBEDDED.lines().next().unwrap_or_default();
        first.strip_prefix("# taken: ").expect("the first line has the date, as a test checks")
    }

    /// Replaces or adds the prices in a file. Its content tells which format it has: CSV with the columns
    /// `region,architecture,meter,price,currency` and, for tiers of compute, `fromGBSeconds`; or AWS's bulk
    /// offer file of AWSLambda, CSV or JSON. The file's prices for a meter replace all of its known tiers.
    ///
    /// # Errors
    /// The file cannot be read, or has none of these formats.
    pub fn extend_from_file(&mut self, file: &Path) -> Result<(), Error> {
        let name = format!("--prices {}", file.display());
        let text = std::fs::read(file).map_err(Error::io(&name))?;
        self.read(&text).map_err(|why| Error::Usage(format!("{name}: {why}")))
    }

    /// Returns the prices in `region` on `architecture` for an account that has used `used` there in the
    /// month.
    ///
    /// # Errors
    /// The list has no price for compute. There is no default, because a wrong price is worse than none.
    pub fn rate(&self, region: &str, architecture: Architecture, used: GbSeconds) -> Result<Rate, Error> {
        let price = |meter| self.prices.get(&(region.to_owned(), architecture, meter));
        let compute = price(Meter::Compute).ok_or_else(|| {
            Error::Failed(format!(
                "no price for compute in {region} on {architecture} in the price list of {}; {}",
                PriceList::embedded_date(),
                how_to_add(region, architecture, Meter::Compute, &Currency::usd())
            ))
        })?;
        let mut medium = BTreeSet::new();
        let mut note = |meter, tier: &Tier| {
            if tier.origin.confidence == Confidence::Medium {
                medium.insert(meter);
            }
            tier.price
        };
        let gb_second = note(Meter::Compute, compute.at(used));
        // Amounts in two currencies cannot be added.
        let mut other = |meter| {
            let price = price(meter).filter(|price| price.currency == compute.currency);
            price.map(|price| note(meter, price.at(GbSeconds(0.0))))
        };
        Ok(Rate {
            gb_second,
            request: other(Meter::Requests).map(|million| Money(million / 1e6)),
            storage_gb_second: other(Meter::Storage),
            cache_gb_second: other(Meter::SnapStartCache),
            restored_gb: other(Meter::SnapStartRestore),
            medium,
            currency: compute.currency.clone(),
        })
    }

    /// Returns the cost of `used` in a month, each GB-second at the price of its tier; `None` if the list has no price for
    /// compute there in `currency`. A GB-second below the first tier in the list costs as in that tier, because AWS's
    /// free tier is one of the account, and may be used up by other functions.
    /// <https://aws.amazon.com/lambda/pricing/>
    pub fn compute(
        &self,
        region: &str,
        architecture: Architecture,
        used: GbSeconds,
        currency: &Currency,
    ) -> Option<Money> {
        let compute = self.prices.get(&(region.to_owned(), architecture, Meter::Compute));
        let tiers = &compute.filter(|price| price.currency == *currency)?.tiers;
        let ends = tiers.iter().skip(1).map(|tier| tier.from).chain([f64::INFINITY]);
        let mut start = 0.0;
        let costs = tiers.iter().zip(ends).map(|(tier, end)| {
            let in_tier = (used.0.min(end) - start).max(0.0);
            start = end;
            Money(in_tier * tier.price)
        });
        Some(costs.sum())
    }

    /// Whether the list has several tiers of compute there.
    pub fn has_tiers(&self, region: &str, architecture: Architecture) -> bool {
        let compute = self.prices.get(&(region.to_owned(), architecture, Meter::Compute));
        compute.is_some_and(|price| price.tiers.len() > 1)
    }

    /// Replaces or adds the prices in a text, in the formats of [`PriceList::extend_from_file`].
    ///
    /// # Errors
    /// The text has a fault; the error names its line or key.
    pub fn read(&mut self, text: &[u8]) -> Result<(), String> {
        let text = utf8(text)?;
        let prices = offer::read(text).unwrap_or_else(|| read_own(text))?;
        self.prices.extend(prices.0);
        Ok(())
    }
}

fn utf8(text: &[u8]) -> Result<&str, String> {
    let text = str::from_utf8(text).map_err(|error| format!("not UTF-8: {error}"))?;
    Ok(text.trim_start_matches('\u{feff}'))
}

/// Returns the remedy for a price that the list does not have.
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
                origin: Origin {
                    confidence: row.cell("confidence").parse()?,
                    list_date: row.cell("priceListDate").to_owned(),
                    sources: row.cell("sources").to_owned(),
                },
            };
            let region = row.cell("region");
            if region.is_empty() {
                return Err("the region is missing".to_owned());
            }
            let key = (region.to_owned(), row.cell("architecture").parse()?, row.cell("meter").parse()?);
            prices.add(key, tier, row.cell("currency").parse()?)
        };
        add().map_err(|why: String| row.fault(why))?;
    }
    Ok(prices)
}

/// Parses a price or the start of a range, which is finite and not negative.
fn number(what: &str, text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| format!("{what}: expected a number of 0 or more, found {}", quoted(text)))
}

/// The prices in one file.
#[derive(Default)]
struct Prices(BTreeMap<Key, Price>);

impl Prices {
    fn add(&mut self, key: Key, tier: Tier, currency: Currency) -> Result<(), String> {
        let (region, architecture, meter) = &key;
        let name = format!("{region},{architecture},{meter}");
        let known =
            self.0.entry(key).or_insert_with(|| Price { tiers: Vec::new(), currency: currency.clone() });
        if known.currency != currency {
            return Err(format!("{name}: has prices in {} and in {currency}", known.currency));
        }
        let at = known.tiers.partition_point(|other| other.from < tier.from);
        match known.tiers.get(at) {
            Some(other) if other.from == tier.from && other.price == tier.price => {}
            Some(other) if other.from == tier.from => {
                return Err(format!(
                    "{name}: has two prices from {} GB-seconds: {} and {}",
                    tier.from, other.price, tier.price
                ));
            }
            _ => known.tiers.insert(at, tier),
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

    /// AWS's own example, 3 million invocations of 120 ms with 1,536 MB: 540,000 GB-seconds, USD 9.00 for
    /// compute.
    /// <https://aws.amazon.com/lambda/pricing/>
    #[test]
    fn the_cost_of_the_published_example_is_that_of_aws() {
        let one = cost("us-east-1", Architecture::X86_64, 1536, 120);
        assert!((one * 3e6 - 9.000_018).abs() < 1e-9, "{}", one * 3e6);
    }

    #[test]
    fn prices_differ_by_region_and_architecture() {
        assert_eq!(cost("us-east-1", Architecture::Arm64, 1024, 1000), 0.000_013_333_4);
        assert_eq!(cost("af-south-1", Architecture::X86_64, 1024, 1000), 0.000_022_1);
        assert_eq!(cost("ap-northeast-3", Architecture::X86_64, 1024, 1000), 0.000_016_666_7);
        assert_eq!(cost("eu-central-2", Architecture::Arm64, 1024, 1000), 0.000_014_666_7);
        // The last digit differs in AWS's own list.
        assert_eq!(cost("il-central-1", Architecture::Arm64, 1024, 1000), 0.000_014_000_1);
        assert_eq!(cost("mx-central-1", Architecture::Arm64, 1024, 1000), 0.000_014);
        assert_eq!(rate("ap-east-1", Architecture::Arm64, 0.0).request, Some(Money(0.28 / 1e6)));
    }

    /// AWS China's list of 2024-12-31 (infracost), and npm @remotion/lambda-client 4.0.527 for arm64.
    #[test]
    fn prices_in_china_are_in_yuan_and_differ_by_architecture() {
        for region in ["cn-north-1", "cn-northwest-1"] {
            for (architecture, compute) in
                [(Architecture::X86_64, 0.000_113_477), (Architecture::Arm64, 0.000_090_8)]
            {
                let china = rate(region, architecture, 7e9);
                assert_eq!(
                    (china.gb_second, china.currency, china.request),
                    (compute, Currency::cny(), Some(Money(1.36 / 1e6))),
                    "{region} {architecture}: without tiers"
                );
            }
        }
    }

    /// The prices of AWS's list of 2025-10-30, which no ratio gives.
    #[test]
    fn tiers_are_known_in_each_region_of_the_price_list() {
        for (region, architecture, used, price) in [
            ("ap-northeast-3", Architecture::X86_64, 6e9, 0.000_015),
            ("ap-east-1", Architecture::X86_64, 6e9, 0.000_020_62),
            ("ap-east-1", Architecture::Arm64, 18.75e9, 0.000_014_7),
            ("me-central-1", Architecture::X86_64, 6e9, 0.000_018_591),
            ("af-south-1", Architecture::X86_64, 15e9, 0.000_017_68),
        ] {
            assert_eq!(rate(region, architecture, used).gb_second, price, "{region}");
        }
        let list = PriceList::embedded();
        assert!(list.has_tiers("us-gov-west-1", Architecture::Arm64));
        assert!(!list.has_tiers("cn-north-1", Architecture::X86_64));
    }

    #[test]
    fn every_region_has_compute_and_requests_on_both_architectures() {
        let list = PriceList::embedded();
        let regions: BTreeSet<&String> = list.prices.keys().map(|(region, ..)| region).collect();
        assert_eq!(regions.len(), 38);
        for region in regions {
            for architecture in [Architecture::X86_64, Architecture::Arm64] {
                assert!(rate(region, architecture, 0.0).request.is_some(), "{region} {architecture}");
            }
        }
    }

    #[test]
    fn a_price_of_medium_confidence_is_marked() {
        let tier_2 = rate("af-south-1", Architecture::X86_64, 6e9);
        assert!(tier_2.is_medium(Meter::Compute) && !tier_2.is_medium(Meter::Requests));
        assert!(!rate("af-south-1", Architecture::X86_64, 0.0).is_medium(Meter::Compute));
        assert!(!rate("us-east-1", Architecture::X86_64, 6e9).is_medium(Meter::Compute));
        let ningxia = rate("cn-northwest-1", Architecture::Arm64, 0.0);
        assert!(
            [Meter::Compute, Meter::Requests, Meter::Storage]
                .into_iter()
                .all(|meter| ningxia.is_medium(meter))
        );
    }

    #[test]
    fn every_price_of_the_embedded_list_has_its_sources_and_their_date() {
        let list = PriceList::embedded();
        let header: Vec<&str> = EMBEDDED.lines().take_while(|line| line.starts_with('#')).collect();
        for (key, tier) in
            list.prices.iter().flat_map(|(key, price)| price.tiers.iter().map(move |tier| (key, tier)))
        {
            assert!(is_date(&tier.origin.list_date), "{key:?}");
            for source in tier
                .origin
                .sources
                .split([';', '('])
                .map(str::trim)
                .filter(|name| !name.is_empty() && !name.contains(' '))
            {
                let explained = |line: &&str| line.starts_with(&format!("#   {source} "));
                assert!(header.iter().any(explained), "{key:?}: {source}");
            }
        }
    }

    fn is_date(text: &str) -> bool {
        time::Date::parse(text, time::macros::format_description!("[year]-[month]-[day]")).is_ok()
    }

    #[test]
    fn a_list_of_an_unknown_confidence_is_refused() {
        let fault =
            fault("region,architecture,meter,price,currency,confidence\nx,x86_64,compute,1,EUR,low\n");
        assert_eq!(fault, "line 2: a confidence is high or medium, not \"low\"");
    }

    /// <https://aws.amazon.com/lambda/pricing/>, us-east-1, by GB-seconds a month.
    #[test]
    fn the_usage_of_the_account_decides_the_tier() {
        let x86_64 =
            [0.0, 5.9e9, 6e9, 15e9].map(|used| rate("us-east-1", Architecture::X86_64, used).gb_second);
        assert_eq!(x86_64, [0.000_016_666_7, 0.000_016_666_7, 0.000_015, 0.000_013_333_4]);
        let arm64 =
            [0.0, 7.4e9, 7.5e9, 18.75e9].map(|used| rate("us-east-1", Architecture::Arm64, used).gb_second);
        assert_eq!(arm64, [0.000_013_333_4, 0.000_013_333_4, 0.000_012_000_1, 0.000_010_666_7]);
    }

    /// Prices of <https://aws.amazon.com/lambda/pricing/>, us-east-1.
    #[test]
    fn tmp_and_snapstart_have_prices_only_where_the_list_knows_them() {
        let virginia = rate("us-east-1", Architecture::X86_64, 0.0);
        let memory = MemoryMB::new(2048).expect("in range");
        let storage = StorageMB::new(1536).expect("in range");
        // Of 1.5 GB, 0.5 are free.
        assert_eq!(virginia.storage(storage, BilledMillis(1000)), Some(Money(0.000_000_030_9)));
        assert_eq!(virginia.storage(StorageMB::FREE, BilledMillis(1000)), Some(Money(0.0)));
        assert_eq!(virginia.restore(memory), Some(Money(2.0 * 0.000_139_799_8)));
        assert_eq!(virginia.cache(memory), Some(Money(2.0 * 10_800.0 * 0.000_001_504_6)));
        let ireland = rate("eu-west-1", Architecture::Arm64, 0.0);
        assert_eq!(ireland.storage(storage, BilledMillis(1000)), Some(Money(0.000_000_034)));
        // AWS's list has no SnapStart in Taipei, and no source has /tmp on x86_64 in Ningxia.
        let taipei = rate("ap-east-2", Architecture::X86_64, 0.0);
        assert_eq!((taipei.restore(memory), taipei.cache(memory)), (None, None));
        assert_eq!(rate("cn-northwest-1", Architecture::X86_64, 0.0).storage(storage, BilledMillis(1)), None);
    }

    #[test]
    fn a_region_without_a_price_is_an_error_with_the_remedy() {
        let error = PriceList::embedded()
            .rate("xx-none-1", Architecture::X86_64, GbSeconds(0.0))
            .expect_err("not listed")
            .to_string();
        assert!(
            error.contains("xx-none-1,x86_64,compute,") && error.contains(PriceList::embedded_date()),
            "{error}"
        );
    }

    #[test]
    fn the_embedded_list_has_a_date() {
        assert!(is_date(PriceList::embedded_date()), "{}", PriceList::embedded_date());
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
    fn prices_in_another_currency_than_that_of_compute_are_left_out() {
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
    fn a_fault_in_a_file_is_named_with_its_line() {
        const HEADER: &str = "# mine\nregion,architecture,meter,fromGBSeconds,price,currency\n";
        for (row, words) in [
            ("x,x86_64,compute,0,much,EUR", "line 3: price: expected a number of 0 or more, found \"much\""),
            ("x,x86_64,compute,0,NaN,EUR", "line 3: price: expected"),
            ("x,x86_64,compute,0,-1,EUR", "line 3: price: expected"),
            ("x,x86_64,compute,0,,EUR", "line 3: price: expected"),
            ("x,x86_64,compute,far,1,EUR", "line 3: fromGBSeconds: expected"),
            ("x,sparc,compute,0,1,EUR", "line 3: an architecture is x86_64 or arm64"),
            ("x,x86_64,disk,0,1,EUR", "line 3: a meter is one of compute, requests, storage,"),
            ("x,x86_64,compute,0,1,euro", "line 3: a currency is a code of three capital letters"),
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
