//! The embedded list, written anew from the offer files that AWS publishes.

use std::path::Path;

use super::{COLUMNS, EMBEDDED, Price, PriceList, offer, utf8};
use crate::error::Error;

/// The columns of the embedded list after the region, the architecture and the meter.
const FURTHER_COLUMNS: [&str; 6] =
    ["fromGBSeconds", "price", "currency", "confidence", "priceListDate", "sources"];

/// Returns the text of the embedded list with the prices in AWS's bulk offer files of AWSLambda, JSON or CSV, in place of
/// its own. A price that no file has stays as it is. The list has the date of the newest file, if that is newer.
///
/// # Errors
/// A file cannot be read, or is no offer file of AWSLambda.
pub fn rebuilt<P: AsRef<Path>>(files: &[P]) -> Result<String, Error> {
    let mut list = PriceList::embedded();
    let mut taken = PriceList::embedded_date().to_owned();
    for file in files {
        let name = file.as_ref().display().to_string();
        let bytes = std::fs::read(file).map_err(Error::io(&name))?;
        let fault = |why: String| Error::Usage(format!("{name}: {why}"));
        let text = utf8(&bytes).map_err(fault)?;
        let prices = offer::read(text)
            .unwrap_or_else(|| Err("not an offer file; download AWS's of AWSLambda, JSON or CSV".to_owned()))
            .map_err(fault)?;
        for tier in prices.0.values().flat_map(|price| &price.tiers) {
            if tier.origin.list_date > taken {
                taken.clone_from(&tier.origin.list_date);
            }
        }
        list.prices.extend(prices.0);
    }
    Ok(list.to_csv(&taken))
}

impl PriceList {
    /// Returns the list in the format of the embedded one, below its header with the date `taken`.
    fn to_csv(&self, taken: &str) -> String {
        let mut text = format!("# taken: {taken}\n");
        for line in EMBEDDED.lines().skip(1).take_while(|line| line.starts_with('#')) {
            text.push_str(line);
            text.push('\n');
        }
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut write = |cells: &[&str]| writer.write_record(cells).expect("a Vec can be written to");
        write(&[&COLUMNS[..3], &FURTHER_COLUMNS].concat());
        for ((region, architecture, meter), Price { tiers, currency }) in &self.prices {
            for tier in tiers {
                write(&[
                    region,
                    architecture.as_str(),
                    meter.as_str(),
                    &tier.from.to_string(),
                    &tier.price.to_string(),
                    currency.as_str(),
                    tier.origin.confidence.as_str(),
                    &tier.origin.list_date,
                    &tier.origin.sources,
                ]);
            }
        }
        text + str::from_utf8(&writer.into_inner().expect("a Vec can be written to"))
            .expect("it is made of text")
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn offer(file: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/offers").join(file)
    }

    /// Returns the lines without what tells where a price is from.
    fn prices(text: &str) -> Vec<String> {
        let rows = text.lines().filter(|line| !line.starts_with('#'));
        rows.map(|row| row.split(',').take(6).collect::<Vec<_>>().join(",")).collect()
    }

    #[test]
    fn the_embedded_list_is_rebuilt_from_no_file_as_it_is() {
        assert_eq!(rebuilt::<&Path>(&[]).expect("nothing to read"), EMBEDDED);
    }

    #[test]
    fn offer_files_replace_the_prices_that_they_have_and_name_themselves_as_the_source() {
        let list = rebuilt(&[offer("af-south-1.json"), offer("cn-northwest-1.csv")]).expect("good files");
        assert_eq!(prices(&list), prices(EMBEDDED), "the prices are the same");
        assert!(
            list.contains("\naf-south-1,x86_64,compute,6000000000,0.00001989,USD,high,2026-10-01,offer\n")
        );
        assert!(list.contains("\ncn-northwest-1,arm64,requests,0,1.36,CNY,high,2026-10-01,offer\n"));
        assert!(list.contains("\nus-east-1,x86_64,requests,0,0.2,USD,high,2026-10-01,calc; "));
        assert!(list.starts_with(&format!("# taken: {}\n", PriceList::embedded_date())), "that is newer");
    }

    #[test]
    fn a_newer_file_sets_the_date_and_another_file_is_refused() {
        let folder = std::env::temp_dir().join(format!("lpt-rebuild-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the files");
        let write = |name: &str, text: &str| {
            let file = folder.join(name);
            std::fs::write(&file, text).expect("the folder can be written to");
            file
        };
        let text = std::fs::read_to_string(offer("us-west-1.json")).expect("it is in the repository");
        let newer = text.replace("2026-10-01T", "2031-02-03T").replace("0.0000166667", "0.0000166668");
        let list = rebuilt(&[write("newer.json", &newer)]).expect("a good file");
        let own = rebuilt(&[write("own.csv", EMBEDDED)]).expect_err("not AWS's").to_string();
        std::fs::remove_dir_all(&folder).expect("it is ours");
        assert!(list.starts_with("# taken: 2031-02-03\n# AWS Lambda's"));
        assert!(list.contains("\nus-west-1,x86_64,compute,0,0.0000166668,USD,high,2031-02-03,offer\n"));
        assert!(
            own.ends_with("own.csv: not an offer file; download AWS's of AWSLambda, JSON or CSV"),
            "{own}"
        );
        assert!(rebuilt(&[folder.join("nosuch.json")]).is_err());
    }
}
