//! Fuzzes the parser of price lists.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use lpt::names::Architecture;
use lpt::price::PriceList;
use lpt::units::{BilledMillis, GbSeconds, MemoryMB};

static EMBEDDED: LazyLock<PriceList> = LazyLock::new(PriceList::embedded);

fuzz_target!(|csv: &[u8]| {
    let mut list = EMBEDDED.clone();
    if list.read(csv).is_err() {
        return;
    }
    for region in ["us-east-1", "xx-none-1"] {
        for architecture in [Architecture::X86_64, Architecture::Arm64] {
            if let Ok(rate) = list.rate(region, architecture, GbSeconds(7e9)) {
                let cost = rate.compute(MemoryMB::MAX, BilledMillis(900_000));
                assert!(cost.0 >= 0.0 && rate.request().is_none_or(|request| request.0 >= 0.0), "{rate:?}");
            }
        }
    }
});
