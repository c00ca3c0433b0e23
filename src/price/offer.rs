//! AWS's bulk offer file of AWSLambda, JSON or CSV. Anybody can download it without credentials:
//! `offers/v1.0/aws/AWSLambda/current/REGION/index.json` or `index.csv` below the Price List Bulk API's
//! endpoint.
//! <https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-the-aws-price-list-bulk-api.html>

use std::collections::BTreeMap;

use serde::Deserialize;

use super::table::Table;
use super::{Confidence, Meter, Origin, Prices, Tier, number};
use crate::names::Architecture;
use crate::quote::quoted;

const OFFER_CODE: &str = "AWSLambda";

/// The name of an offer file among the sources of a price.
pub(super) const SOURCE: &str = "offer";

/// The products that the price list uses: group (`None` if it is unknown), usage type without the region's
/// prefix, our meter and architectures. Provisioned concurrency, Lambda@Edge and other products have other
/// groups.
const PRODUCTS: [(Option<&str>, &str, Meter, &[Architecture]); 8] = {
    use Architecture::{Arm64, X86_64};
    [
        (Some("AWS-Lambda-Duration"), "Lambda-GB-Second", Meter::Compute, &[X86_64]),
        (Some("AWS-Lambda-Duration-ARM"), "Lambda-GB-Second-ARM", Meter::Compute, &[Arm64]),
        (Some("AWS-Lambda-Requests"), "Request", Meter::Requests, &[X86_64]),
        (Some("AWS-Lambda-Requests-ARM"), "Request-ARM", Meter::Requests, &[Arm64]),
        (Some("AWS-Lambda-Storage-Duration"), "Lambda-Storage-GB-Second", Meter::Storage, &[X86_64]),
        (Some("AWS-Lambda-Storage-Duration-ARM"), "Lambda-Storage-GB-Second-ARM", Meter::Storage, &[Arm64]),
        // SnapStart has one price for both architectures.
        (None, "Lambda-SnapStart-Cached-GB-S", Meter::SnapStartCache, &[X86_64, Arm64]),
        (None, "Lambda-SnapStart-Restored-GB", Meter::SnapStartRestore, &[X86_64, Arm64]),
    ]
};

/// One on-demand price of one product.
struct Entry<'a> {
    region: &'a str,
    group: &'a str,
    /// For example `EUW1-Lambda-GB-Second`. In us-east-1 it has no prefix; the prefix of the free tier is
    /// `Global`.
    usage_type: &'a str,
    from: &'a str,
    price: &'a str,
    currency: &'a str,
    /// The time when AWS published the file; empty if it does not say.
    published: &'a str,
}

impl Prices {
    /// Adds a price, if it is of one of [`PRODUCTS`].
    fn add_entry(&mut self, entry: &Entry<'_>) -> Result<(), String> {
        let product = PRODUCTS.iter().find(|(group, usage_type, ..)| {
            let prefix = entry.usage_type.strip_suffix(usage_type);
            group.is_none_or(|group| group == entry.group)
                && prefix.is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('-'))
        });
        let Some((_, _, meter, architectures)) = product.filter(|_| !entry.region.is_empty()) else {
            return Ok(());
        };
        let price = number("price", entry.price)?;
        // A price of zero is that of a free tier, and not that of the usage above it.
        if price == 0.0 {
            return Ok(());
        }
        // Our prices are for a million. The exponent keeps all digits; a multiplication would round.
        let price = if *meter == Meter::Requests { number("price", &format!("{price}e6"))? } else { price };
        let from =
            if entry.from.is_empty() { 0.0 } else { number("the beginning of the range", entry.from)? };
        let origin = Origin {
            confidence: Confidence::High,
            list_date: entry.published.chars().take_while(|c| *c != 'T').collect(),
            sources: SOURCE.to_owned(),
        };
        for architecture in *architectures {
            let tier = Tier { from, price, origin: origin.clone() };
            self.add((entry.region.to_owned(), *architecture, *meter), tier, entry.currency.parse()?)?;
        }
        Ok(())
    }

    fn or_no_prices(self) -> Result<Prices, String> {
        if self.0.is_empty() {
            return Err(format!(
                "contains no on-demand price of functions; expected AWS's bulk offer file of {OFFER_CODE}, with a region code for each product"
            ));
        }
        Ok(self)
    }
}

fn require_lambda(offer_code: &str) -> Result<(), String> {
    if offer_code == OFFER_CODE {
        return Ok(());
    }
    Err(format!("the offer code is {}; expected AWS's bulk offer file of {OFFER_CODE}", quoted(offer_code)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offer {
    offer_code: String,
    #[serde(default)]
    publication_date: String,
    products: BTreeMap<String, Product>,
    terms: Terms,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Deserialize, Default)]
struct Attributes {
    #[serde(default)]
    group: String,
    #[serde(default, rename = "usagetype")]
    usage_type: String,
    #[serde(default, rename = "regionCode")]
    region: String,
}

#[derive(Deserialize)]
struct Terms {
    /// The terms by SKU, then by rate plan.
    #[serde(default, rename = "OnDemand")]
    on_demand: BTreeMap<String, BTreeMap<String, Term>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Term {
    price_dimensions: BTreeMap<String, Dimension>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dimension {
    #[serde(default)]
    begin_range: String,
    /// The price by currency. A file has one currency: CNY in China, otherwise USD.
    price_per_unit: BTreeMap<String, String>,
}

/// Reads an offer file, or returns `None` if the text is something else.
pub(super) fn read(text: &str) -> Option<Result<Prices, String>> {
    if text.trim_start().starts_with('{') {
        Some(read_json(text))
    } else {
        is_csv(text).then(|| read_csv(text))
    }
}

fn read_json(text: &str) -> Result<Prices, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let offer: Offer = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| format!("{error}; expected AWS's bulk offer file of {OFFER_CODE}"))?;
    require_lambda(&offer.offer_code)?;
    let mut prices = Prices::default();
    for (sku, terms) in &offer.terms.on_demand {
        let Some(Product { attributes }) = offer.products.get(sku) else {
            continue;
        };
        for (rate_code, dimension) in terms.values().flat_map(|term| &term.price_dimensions) {
            for (currency, price) in &dimension.price_per_unit {
                let entry = Entry {
                    region: &attributes.region,
                    group: &attributes.group,
                    usage_type: &attributes.usage_type,
                    from: &dimension.begin_range,
                    price,
                    currency,
                    published: &offer.publication_date,
                };
                prices.add_entry(&entry).map_err(|why| format!("{rate_code}: {why}"))?;
            }
        }
    }
    prices.or_no_prices()
}

/// Whether a text is an offer file in CSV, whose first line is `"FormatVersion","v1.0"`.
fn is_csv(text: &str) -> bool {
    text.trim_start().trim_start_matches('"').starts_with("FormatVersion")
}

/// Reads an offer file in CSV, whose first five lines are about the file.
fn read_csv(text: &str) -> Result<Prices, String> {
    let about = |name: &str| {
        let mut lines = text.lines().take(5).map(|line| line.replace('"', ""));
        lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(',')?.trim().to_owned()))
    };
    if let Some(code) = about("OfferCode") {
        require_lambda(&code)?;
    }
    let published = about("Publication Date").unwrap_or_default();
    let columns =
        ["SKU", "TermType", "StartingRange", "PricePerUnit", "Currency", "Group", "usageType", "Region Code"];
    let mut prices = Prices::default();
    for row in Table::read(text, &columns)?.rows().filter(|row| row.cell("TermType") == "OnDemand") {
        let entry = Entry {
            region: row.cell("Region Code"),
            group: row.cell("Group"),
            usage_type: row.cell("usageType"),
            from: row.cell("StartingRange"),
            price: row.cell("PricePerUnit"),
            currency: row.cell("Currency"),
            published: &published,
        };
        prices.add_entry(&entry).map_err(|why| row.fault(why))?;
    }
    prices.or_no_prices()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::json;

    use std::collections::BTreeSet;

    use crate::names::Architecture;
    use crate::price::{PriceList, Rate};
    use crate::units::GbSeconds;

    /// Region, group, usage type, from, price: the entries of the embedded list for us-east-1, and others to
    /// ignore.
    const ROWS: [[&str; 5]; 20] = [
        ["us-east-1", "AWS-Lambda-Duration", "Lambda-GB-Second", "0", "0.0000166667000"],
        ["us-east-1", "AWS-Lambda-Duration", "Lambda-GB-Second", "15000000000", "0.0000133334000"],
        ["us-east-1", "AWS-Lambda-Duration", "Lambda-GB-Second", "6000000000", "0.0000150000000"],
        ["us-east-1", "AWS-Lambda-Duration-ARM", "Lambda-GB-Second-ARM", "0", "0.0000000000"],
        ["us-east-1", "AWS-Lambda-Duration-ARM", "Lambda-GB-Second-ARM", "400000", "0.0000133334"],
        ["us-east-1", "AWS-Lambda-Duration-ARM", "Lambda-GB-Second-ARM", "7500000000", "0.0000120001"],
        ["us-east-1", "AWS-Lambda-Duration-ARM", "Lambda-GB-Second-ARM", "18750000000", "0.0000106667"],
        ["us-east-1", "AWS-Lambda-Requests", "Request", "0", "0.0000002000"],
        ["us-east-1", "AWS-Lambda-Requests-ARM", "USE1-Request-ARM", "0", "0.0000002000"],
        ["us-east-1", "AWS-Lambda-Storage-Duration", "Lambda-Storage-GB-Second", "0", "0.0000000309"],
        ["us-east-1", "AWS-Lambda-Storage-Duration-ARM", "Lambda-Storage-GB-Second-ARM", "0", "0.0000000309"],
        ["us-east-1", "", "Lambda-SnapStart-Cached-GB-S", "0", "0.0000015046"],
        ["us-east-1", "", "USE1-Lambda-SnapStart-Restored-GB", "0", "0.0001397998"],
        ["", "AWS-Lambda-Duration", "Global-Lambda-GB-Second", "0", "0.0000000000"],
        ["", "AWS-Lambda-Requests", "Global-Request", "0", "0.0000000000"],
        ["us-east-1", "AWS-Lambda-Edge-Duration", "Lambda-Edge-GB-Second", "0", "0.00005001"],
        ["us-east-1", "AWS-Lambda-Edge-Requests", "Lambda-Edge-Request", "0", "0.0000006"],
        ["us-east-1", "AWS-Lambda-Duration-Provisioned", "Lambda-Provisioned-GB-Second", "0", "0.0000097222"],
        [
            "us-east-1",
            "AWS-Lambda-Provisioned-Concurrency",
            "Lambda-Provisioned-Concurrency",
            "0",
            "0.0000041667",
        ],
        ["eu-west-1", "AWS-Lambda-Duration", "EU-Lambda-GB-Second", "0", "0.0000166667"],
    ];

    fn json_offer() -> serde_json::Value {
        let mut products = json!({});
        let mut terms = json!({});
        for (at, [region, group, usage_type, from, price]) in ROWS.into_iter().enumerate() {
            let sku = format!("SKU{at}");
            let mut attributes = json!({"servicecode": "AWSLambda", "group": group, "usagetype": usage_type});
            if !region.is_empty() {
                attributes["regionCode"] = region.into();
            }
            products[&sku] = json!({"sku": sku, "productFamily": "Serverless", "attributes": attributes});
            terms[&sku] = json!({format!("{sku}.ODT"): {
                "offerTermCode": "ODT",
                "priceDimensions": {format!("{sku}.ODT.P"): {
                    "unit": "Lambda-GB-Second", "beginRange": from, "endRange": "Inf", "pricePerUnit": {"USD": price},
                }},
            }});
        }
        json!({"formatVersion": "v1.0", "offerCode": "AWSLambda", "publicationDate": "2026-11-20T00:00:00Z",
            "products": products, "terms": {"OnDemand": terms}})
    }

    fn csv_offer() -> String {
        let mut text = concat!(
            "\"FormatVersion\",\"v1.0\"\n",
            "\"Disclaimer\",\"For information, and \"\"only\"\" that\"\n",
            "\"Publication Date\",\"2026-11-20T00:00:00Z\"\n",
            "\"Version\",\"20261120000000\"\n",
            "\"OfferCode\",\"AWSLambda\"\n",
            "\"SKU\",\"TermType\",\"StartingRange\",\"EndingRange\",\"Unit\",\"PricePerUnit\",\"Currency\",\"Group\",\"usageType\",\"Region Code\"\n",
            "\"R\",\"Reserved\",\"0\",\"Inf\",\"Hrs\",\"9\",\"USD\",\"AWS-Lambda-Duration\",\"Lambda-GB-Second\",\"us-east-1\"\n",
        )
        .to_owned();
        for [region, group, usage_type, from, price] in ROWS {
            text += &format!(
                "\"S\",\"OnDemand\",\"{from}\",\"Inf\",\"x\",\"{price}\",\"USD\",\"{group}\",\"{usage_type}\",\"{region}\"\n"
            );
        }
        text
    }

    fn list_of(text: &str) -> PriceList {
        let mut list = PriceList { prices: Default::default() };
        list.read(text.as_bytes()).expect("a good file");
        list
    }

    fn fault(text: &str) -> String {
        PriceList::embedded().read(text.as_bytes()).expect_err(text)
    }

    #[test]
    fn both_formats_give_the_rates_of_the_embedded_list() {
        let embedded = PriceList::embedded();
        for list in [list_of(&json_offer().to_string()), list_of(&csv_offer())] {
            for used in [0.0, 6e9, 7.5e9, 15e9, 18.75e9].map(GbSeconds) {
                for architecture in [Architecture::X86_64, Architecture::Arm64] {
                    let rate = |list: &PriceList| list.rate("us-east-1", architecture, used).expect("listed");
                    assert_eq!(rate(&list), rate(&embedded), "{used:?}");
                }
            }
            let europe = list.rate("eu-west-1", Architecture::X86_64, GbSeconds(0.0)).expect("listed");
            assert_eq!(europe.request(), None);
            assert_eq!(list.prices.len(), 11, "no other prices: {:?}", list.prices.keys());
        }
    }

    /// The files have the shape that AWS publishes, with AWS's names of products, and tiers in no order. Besides, they
    /// have products that cost something else: provisioned concurrency, streamed responses, the free tier.
    #[test]
    fn files_in_the_shape_that_aws_publishes_give_the_rates_of_the_embedded_list() {
        let embedded = PriceList::embedded();
        let value = |rate: Rate| Rate { medium: BTreeSet::new(), ..rate };
        for (region, text, meters) in [
            ("us-east-1", include_str!("../../tests/data/offers/us-east-1.csv"), 10),
            ("us-west-1", include_str!("../../tests/data/offers/us-west-1.json"), 10),
            ("af-south-1", include_str!("../../tests/data/offers/af-south-1.json"), 10),
            // No /tmp on x86_64, and no SnapStart.
            ("cn-northwest-1", include_str!("../../tests/data/offers/cn-northwest-1.csv"), 5),
        ] {
            let list = list_of(text);
            assert_eq!(list.prices.len(), meters, "no other prices: {:?}", list.prices.keys());
            for (used, architecture) in [0.0, 6e9, 7.5e9, 15e9, 18.75e9]
                .map(GbSeconds)
                .into_iter()
                .flat_map(|used| [(used, Architecture::X86_64), (used, Architecture::Arm64)])
            {
                let rate = |list: &PriceList| list.rate(region, architecture, used).expect("listed");
                assert_eq!(value(rate(&list)), value(rate(&embedded)), "{region} {architecture} {used:?}");
            }
            for tier in list.prices.values().flat_map(|price| &price.tiers) {
                assert_eq!((&*tier.origin.list_date, &*tier.origin.sources), ("2026-10-01", "offer"));
            }
        }
    }

    #[test]
    fn a_fault_in_an_offer_file_is_named() {
        let json = json_offer().to_string();
        for (from, to, words) in [
            (
                "\"offerCode\":\"AWSLambda\"",
                "\"offerCode\":\"AmazonEC2\"",
                "the offer code is \"AmazonEC2\"; expected",
            ),
            (
                "\"0.0000166667000\"",
                "\"much\"",
                "SKU0.ODT.P: price: expected a number of 0 or more, found \"much\"",
            ),
            (
                "\"0.0000166667000\"",
                "7",
                "terms.OnDemand.SKU0.SKU0.ODT.priceDimensions.SKU0.ODT.P.pricePerUnit.USD",
            ),
            ("\"beginRange\":\"0\"", "\"beginRange\":\"x\"", "the beginning of the range: expected a number"),
            ("regionCode", "region", "contains no on-demand price of functions"),
            ("\"OnDemand\"", "\"Reserved\"", "contains no on-demand price"),
            ("\"terms\"", "\"words\"", "missing field `terms`"),
            ("\"6000000000\"", "\"0\"", "us-east-1,x86_64,compute: has two prices from 0 GB-seconds"),
        ] {
            assert!(json.contains(from), "{from}");
            let fault = fault(&json.replace(from, to));
            assert!(fault.contains(words), "{fault}");
        }
        assert!(fault("{\"offerCode\":").contains("line 1 column 13"));
        let csv = csv_offer();
        for (from, to, words) in [
            ("\"AWSLambda\"", "\"AmazonEC2\"", "the offer code is \"AmazonEC2\""),
            ("\"0.0000166667000\"", "\"much\"", "line 8: price: expected a number of 0 or more"),
            ("\"Region Code\"", "\"Region\"", "line 6: no column Region Code; expected a CSV header with"),
            ("OnDemand", "Reserved", "contains no on-demand price"),
        ] {
            let fault = fault(&csv.replace(from, to));
            assert!(fault.contains(words), "{fault}");
        }
    }

    /// Generates a good file in each of the formats.
    fn good() -> impl Strategy<Value = Vec<u8>> {
        let own = include_str!("prices.csv").to_owned();
        prop_oneof![Just(own), Just(csv_offer()), Just(json_offer().to_string())].prop_map(String::into_bytes)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_a_price_list_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
            let _ = PriceList::embedded().read(&bytes);
        }

        #[test]
        fn a_good_file_with_changed_bytes_is_a_price_list_or_an_error(
            good in good(),
            changes in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), vec(0_u8..128, 0..4)), 1..8),
        ) {
            let mut bytes = good;
            for (at, length, other) in changes {
                let at = at.index(bytes.len() + 1);
                let to = (at + length.index(6)).min(bytes.len());
                bytes.splice(at..to, other);
            }
            let mut list = PriceList::embedded();
            if list.read(&bytes).is_ok() {
                for price in list.prices.values() {
                    prop_assert!(price.tiers.iter().all(|tier| tier.from.is_finite() && tier.price.is_finite()));
                    prop_assert!(price.tiers.is_sorted_by(|a, b| a.from < b.from));
                }
            }
        }
    }
}
