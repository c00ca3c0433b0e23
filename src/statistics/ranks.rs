//! Two samples compared by rank, which no outlier sways, and their shift.

use statrs::distribution::{ContinuousCDF, Normal};

use super::quantile::quantile;

/// The size of both samples up to which the distribution of U is counted. It takes n² m steps, and the counts, up to
/// 40 over 20, are exact.
const EXACT: usize = 20;

/// The number of pairs up to which all differences are computed.
const PAIRS: usize = 1_000_000;

/// Returns the two-sided p-value of Mann and Whitney's test, which asks whether a value of one sample tends to be
/// greater than one of the other. It is 1 if a sample is empty.
///
/// It is exact if all values differ and no sample has more than 20. Otherwise it is that of the normal approximation,
/// with the corrections for ties and for continuity.
///
/// H. B. Mann and D. R. Whitney, "On a test of whether one of two random variables is stochastically larger than the
/// other", The Annals of Mathematical Statistics 18 (1947), 50–60; for ties, E. L. Lehmann, "Nonparametrics" (1975),
/// section 1.4.
pub fn mann_whitney(a: &[f64], b: &[f64]) -> f64 {
    let (n, m) = (a.len(), b.len());
    let mut all: Vec<(f64, bool)> =
        a.iter().map(|value| (*value, true)).chain(b.iter().map(|value| (*value, false))).collect();
    all.sort_unstable_by(|x, y| x.0.total_cmp(&y.0));
    // Pairs in which a is greater; a tie is half a pair.
    let (mut pairs, mut ties, mut below) = (0.0, 0.0, 0.0);
    for equal in all.chunk_by(|x, y| x.0 == y.0) {
        let count = equal.len() as f64;
        let of_a = equal.iter().filter(|(_, is_of_a)| *is_of_a).count() as f64;
        pairs += of_a * (below + (count - of_a) / 2.0);
        ties += count.powi(3) - count;
        below += count - of_a;
    }
    let (n_values, m_values, total) = (n as f64, m as f64, (n + m) as f64);
    let u = pairs.max(n_values * m_values - pairs);
    if ties == 0.0 && n.max(m) <= EXACT {
        return (2.0 * exact_tail(n, m, u as usize)).min(1.0);
    }
    let variance = n_values * m_values / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    let beyond = u - n_values * m_values / 2.0 - 0.5;
    // Without a variance all values are equal.
    if variance <= 0.0 || beyond <= 0.0 {
        return 1.0;
    }
    2.0 * Normal::standard().sf(beyond / variance.sqrt())
}

/// Returns the probability of at least `u` pairs in which the first of n values is greater than one of m.
///
/// The numbers of arrangements by their pairs are the coefficients of the Gaussian binomial, the product over i of
/// (1 − q^(m + i)) ÷ (1 − qⁱ): R. P. Stanley, "Enumerative Combinatorics", volume 1, section 1.7.
fn exact_tail(n: usize, m: usize, u: usize) -> f64 {
    let most = n * m;
    let mut counts = vec![0.0; most + 1];
    counts[0] = 1.0;
    for i in 1..=n {
        for pairs in (m + i..=most).rev() {
            counts[pairs] -= counts[pairs - m - i];
        }
        for pairs in i..=most {
            counts[pairs] += counts[pairs - i];
        }
    }
    counts[u..].iter().sum::<f64>() / counts.iter().sum::<f64>()
}

/// Returns the shift from b to a: the median of all differences of a value of a and a value of b; `None` if a sample is
/// empty.
///
/// If there are more than a million pairs, each sample is first reduced to at most 1,000 of its quantiles, evenly
/// spaced, so time and memory have a bound.
///
/// J. L. Hodges and E. L. Lehmann, "Estimates of location based on rank tests", The Annals of Mathematical Statistics 34
/// (1963), 598–611.
pub fn hodges_lehmann(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len().saturating_mul(b.len()) > PAIRS {
        return hodges_lehmann(&reduced(a), &reduced(b));
    }
    let pairs = a.len() * b.len();
    let mut differences: Vec<f64> = a.iter().flat_map(|a| b.iter().map(move |b| a - b)).collect();
    if pairs == 0 {
        return None;
    }
    let middle = pairs / 2;
    let (below, above, _) = differences.select_nth_unstable_by(middle, f64::total_cmp);
    let below = below.iter().copied().max_by(f64::total_cmp);
    // Of an even number, there are two in the middle.
    Some(below.filter(|_| pairs.is_multiple_of(2)).map_or(*above, |below| below.midpoint(*above)))
}

/// Returns at most √[`PAIRS`] quantiles of a sample.
fn reduced(values: &[f64]) -> Vec<f64> {
    let count = values.len().min(PAIRS.isqrt());
    let mut ascending = values.to_vec();
    ascending.sort_unstable_by(f64::total_cmp);
    (0..count).map(|at| quantile(&ascending, (at as f64 + 0.5) / count as f64)).collect()
}
