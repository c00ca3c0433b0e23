//! Values that are far from all others.

use super::moments::mean;
use super::quantile::quantile;

/// The modified Z-score beyond which a value is an outlier.
const LIMIT: f64 = 3.5;

/// Returns the number of values, in ascending order, whose modified Z-score, 0.6745 × |value − median| ÷ MAD, is more than
/// 3.5, where the MAD is the median absolute deviation from the median. It takes no memory, because there may be a hundred
/// million.
///
/// B. Iglewicz and D. C. Hoaglin, "How to Detect and Handle Outliers" (1993), chapter 3. If the MAD is 0, because at
/// least half of the values are equal, the score is |value − median| ÷ (1.253314 × mean absolute deviation), as in IBM's
/// SPSS: both factors make the score of normal values the usual one.
/// <https://www.ibm.com/docs/en/cognos-analytics/12.0.x?topic=terms-modified-z-score>
pub fn outliers(ascending: &[f64]) -> usize {
    if ascending.is_empty() {
        return 0;
    }
    let centre = quantile(ascending, 0.5);
    let unit = match median_deviation(ascending, centre) {
        mad if mad > 0.0 => mad / 0.6745,
        _ => 1.253_314 * mean(ascending.iter().map(|value| (value - centre).abs())),
    };
    // Not by division: where all values are equal, none is an outlier.
    let below = ascending.partition_point(|value| centre - value > LIMIT * unit);
    let up_to = ascending.partition_point(|value| value - centre <= LIMIT * unit);
    below + ascending.len() - up_to
}

/// Returns the median of the distances from `centre`, which grow in both directions.
fn median_deviation(ascending: &[f64], centre: f64) -> f64 {
    let (below, above) = ascending.split_at(ascending.partition_point(|value| *value < centre));
    let mut below = below.iter().rev().map(|value| centre - value).peekable();
    let mut above = above.iter().map(|value| value - centre).peekable();
    let mut next = || match (below.peek(), above.peek()) {
        (Some(low), Some(high)) if low < high => below.next(),
        (_, Some(_)) => above.next(),
        _ => below.next(),
    };
    let middle = ascending.len().div_ceil(2);
    let last = (0..middle).map_while(|_| next()).last().unwrap_or(0.0);
    if ascending.len() % 2 == 1 { last } else { next().map_or(last, |after| (last + after) / 2.0) }
}
