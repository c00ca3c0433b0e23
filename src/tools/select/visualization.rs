//! The link to AWS Lambda Power Tuning's chart. It contains all of the data behind the `#`, so none of that reaches a
//! server.

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::decide::Candidate;
use crate::records::Statistics;

/// Returns the link, or `None` if no size has a result. Behind the `#` are three parts in base64, joined by `;`: sizes
/// as little-endian 16-bit integers, durations in ms and costs as little-endian 32-bit floats, all in order of size.
///
/// The format is that of AWS Lambda Power Tuning 4.4.0, `buildVisualizationURL` in lambda/utils.js.
pub(super) fn visualization(rivals: &[&Statistics]) -> Option<String> {
    let (mut sizes, mut durations, mut costs) = (Vec::new(), Vec::new(), Vec::new());
    let mut sorted = rivals.to_vec();
    sorted.sort_by_key(|rival| rival.memory_size);
    for rival in sorted {
        if let Some(candidate) = Candidate::of(rival) {
            let size = u16::try_from(rival.memory_size.get()).expect("at most 10,240");
            sizes.extend(size.to_le_bytes());
            durations.extend((candidate.average_duration.get() as f32).to_le_bytes());
            costs.extend((candidate.average_cost.0 as f32).to_le_bytes());
        }
    }
    if sizes.is_empty() {
        return None;
    }
    // The chart's default currency is USD.
    let currency = match rivals[0].currency.to_string().as_str() {
        "USD" => String::new(),
        other => format!("?currency={other}"),
    };
    let [sizes, durations, costs] = [sizes, durations, costs].map(|part| BASE64_STANDARD.encode(part));
    Some(format!("https://lambda-power-tuning.show/{currency}#{sizes};{durations};{costs}"))
}
