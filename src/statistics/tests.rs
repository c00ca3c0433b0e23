//! The estimators against the figures of SciPy and NumPy in tests/data/statistics, and where these have none.

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    comparisons: Vec<Compared>,
    quantiles: Vec<OfQuantile>,
    outliers: Vec<Outliers>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Compared {
    name: String,
    a: Vec<f64>,
    b: Vec<f64>,
    mann_whitney: f64,
    hodges_lehmann: f64,
    tests: Vec<TTest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TTest {
    share: f64,
    difference: f64,
    standard_error: f64,
    degrees_of_freedom: f64,
    p_two_sided: f64,
    p_greater: f64,
    low: f64,
    high: f64,
}

#[derive(Deserialize)]
struct OfQuantile {
    values: Vec<f64>,
    p: f64,
    confidence: f64,
    quantile: f64,
    interval: Option<(f64, f64)>,
}

#[derive(Deserialize)]
struct Outliers {
    values: Vec<f64>,
    outliers: Vec<usize>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../tests/data/statistics/reference.json")).expect("the figures")
}

#[track_caller]
fn assert_close(what: &str, ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() <= 1e-8 * theirs.abs(), "{what}: {ours}, not {theirs}");
}

fn trimmed(ordered: &[f64], share: f64) -> Option<TrimmedMean> {
    TrimmedMean::of(ordered.iter().copied(), share)
}

fn estimate(ordered: &[f64], share: f64) -> Option<Estimate> {
    trimmed(ordered, share)?.estimate(ordered.iter().copied())
}

#[test]
fn a_trimmed_mean_drops_the_floor_of_the_share_at_each_end() {
    let values: Vec<f64> = (1..=9).map(f64::from).chain([1000.0]).collect();
    let of_ten = trimmed(&values, 0.2).expect("six values are left");
    assert_eq!((of_ten.dropped, of_ten.mean), (2, 5.5));
    let of_four = trimmed(&values[..4], 0.2).expect("four values are left");
    assert_eq!((of_four.dropped, of_four.mean), (0, 2.5));
}

#[test]
fn one_value_has_no_error_and_no_value_has_no_mean() {
    assert_eq!(trimmed(&[], 0.2), None);
    let one = trimmed(&[7.0], 0.4).expect("one value");
    assert_eq!((one.mean, one.estimate([7.0].into_iter())), (7.0, None));
}

/// Without trimming the interval is Student's: for 1…5, mean 3, s = √2.5, t(4) = 2.776445.
#[test]
fn the_interval_of_an_untrimmed_mean_is_that_of_student() {
    let (low, high) = estimate(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.0).expect("five values").interval(0.95);
    let half = 2.776_445_105_2 * (2.5_f64 / 5.0).sqrt();
    assert_close("low", low, 3.0 - half);
    assert_close("high", high, 3.0 + half);
}

#[test]
fn a_comparison_is_the_test_of_welch_or_of_yuen() {
    for Compared { name, a, b, tests, .. } in reference().comparisons {
        for test in tests {
            let of = |values| estimate(values, test.share).expect("two values are left");
            let comparison = Comparison::of(&of(&a), &of(&b));
            let (low, high) = comparison.interval(0.95);
            for (figure, ours, theirs) in [
                ("difference", comparison.difference, test.difference),
                ("standard error", comparison.standard_error, test.standard_error),
                ("degrees of freedom", comparison.degrees_of_freedom, test.degrees_of_freedom),
                ("p", comparison.p_two_sided(), test.p_two_sided),
                ("p of greater", comparison.p_greater(), test.p_greater),
                ("low", low, test.low),
                ("high", high, test.high),
            ] {
                assert_close(&format!("{name}, share {}: {figure}", test.share), ours, theirs);
            }
        }
    }
}

#[test]
fn values_without_variance_differ_for_sure_or_not_at_all() {
    let of = |value: f64, count| estimate(&vec![value; count], 0.0).expect("several values");
    // The mean of three times 0.1 is not 0.1.
    let same = Comparison::of(&of(0.1, 3), &of(0.1, 7));
    assert_eq!((same.p_two_sided(), same.p_greater(), same.interval(0.95)), (1.0, 1.0, (0.0, 0.0)));
    let greater = Comparison::of(&of(3.0, 3), &of(2.0, 7));
    assert_eq!((greater.p_two_sided(), greater.p_greater(), greater.interval(0.95)), (0.0, 0.0, (1.0, 1.0)));
    let less = Comparison::of(&of(2.0, 7), &of(3.0, 3));
    assert_eq!((less.p_two_sided(), less.p_greater()), (0.0, 1.0));
    let one_varies = Comparison::of(&estimate(&[1.0, 3.0], 0.0).expect("two values"), &of(2.0, 7));
    assert_eq!((one_varies.p_two_sided(), one_varies.degrees_of_freedom), (1.0, 1.0));
}

#[test]
fn the_p_value_of_mann_and_whitney_is_that_of_scipy_and_symmetric() {
    for Compared { name, a, b, mann_whitney: theirs, .. } in reference().comparisons {
        assert_close(&name, mann_whitney(&a, &b), theirs);
        assert_eq!(mann_whitney(&a, &b), mann_whitney(&b, &a), "{name}");
    }
    assert_close("three and three", mann_whitney(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]), 0.1);
    assert_eq!((mann_whitney(&[], &[1.0]), mann_whitney(&[2.0; 5], &[2.0; 30])), (1.0, 1.0));
}

#[test]
fn the_shift_is_the_median_of_all_differences() {
    for Compared { name, a, b, hodges_lehmann: theirs, .. } in reference().comparisons {
        assert_close(&name, hodges_lehmann(&a, &b).expect("values"), theirs);
    }
    assert_eq!(hodges_lehmann(&[], &[1.0]), None);
}

/// Both samples are more than a million pairs, so the shift is that of their quantiles.
#[test]
fn the_shift_of_large_samples_is_near_that_of_all_pairs() {
    let b: Vec<f64> = (0..1100).map(|at| (f64::from(at * 7919 % 1100) / 1100.0).powi(3)).collect();
    let a: Vec<f64> = b.iter().take(1000).map(|value| value + 0.25).collect();
    let mut differences: Vec<f64> = a.iter().flat_map(|a| b.iter().map(move |b| a - b)).collect();
    differences.sort_unstable_by(f64::total_cmp);
    let (ours, exact) = (hodges_lehmann(&a, &b).expect("values"), quantile(&differences, 0.5));
    assert!((ours - exact).abs() < 0.001, "{ours}, not {exact}");
}

#[test]
fn quantiles_interpolate() {
    let values = [1.0, 2.0, 3.0, 4.0];
    assert_eq!([0.0, 0.5, 0.9, 1.0].map(|p| quantile(&values, p)), [1.0, 2.5, 3.7, 4.0]);
    assert_eq!(quantile(&[5.0], 0.99), 5.0);
}

#[test]
fn the_interval_of_a_quantile_is_that_of_scipy() {
    let (mut known, mut too_few) = (0, 0);
    for OfQuantile { values, p, confidence, quantile: theirs, interval } in reference().quantiles {
        assert_close("quantile", quantile(&values, p), theirs);
        assert_eq!(
            quantile_interval(&values, p, confidence),
            interval,
            "{} values, p {p}, confidence {confidence}",
            values.len()
        );
        if interval.is_some() { known += 1 } else { too_few += 1 }
    }
    assert!(known > 5 && too_few > 5, "{known} and {too_few}");
}

#[test]
fn the_interval_of_a_quantile_needs_as_many_values_as_documented() {
    let values: Vec<f64> = (0..368).map(f64::from).collect();
    for (p, enough) in [(0.95, 72), (0.99, 368)] {
        assert_eq!(quantile_interval(&values[..enough - 1], p, 0.95), None);
        assert!(quantile_interval(&values[..enough], p, 0.95).is_some());
    }
    assert_eq!(quantile_interval(&[], 0.5, 0.95), None);
}

/// The standard error of the quantile of a uniform distribution is √(p (1 − p) ÷ n).
#[test]
fn the_error_of_a_quantile_is_the_asymptotic_one_of_many_values() {
    let values: Vec<f64> = (0..100_000).map(|at| f64::from(at) / 100_000.0).collect();
    let estimate = quantile_estimate(&values, 0.95).expect("enough values");
    let expected = (0.95 * 0.05 / 100_000.0_f64).sqrt();
    assert!((estimate.standard_error / expected - 1.0).abs() < 0.01, "{estimate:?}, not {expected}");
    assert_eq!(quantile_estimate(&values[..71], 0.95), None);
}

/// The figures are those of `p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")` in R.
#[test]
fn p_values_are_corrected_as_by_holm() {
    for (ours, theirs) in holm(&[0.01, 0.04, 0.03, 0.005]).into_iter().zip([0.03, 0.06, 0.06, 0.02]) {
        assert_close("p", ours, theirs);
    }
    assert_eq!(holm(&[0.6, 0.7]), [1.0, 1.0]);
}

/// The figures are those of `scipy.integrate.quad(lambda x: -x * norm.pdf(x, mean, deviation), -40, 0)`.
#[test]
fn the_expected_loss_is_the_integral() {
    let figures =
        [(0.0, 1.0, 0.3989422804014327), (1.0, 1.0, 0.08331547058768632), (0.5, 2.0, 0.5726893964471603)];
    for (mean, deviation, theirs) in figures {
        assert_close("loss", expected_loss(mean, deviation), theirs);
    }
    assert_close("loss", expected_loss(-1.0, 0.5), 1.0042453513084149);
    assert_eq!([expected_loss(1.0, 0.0), expected_loss(-1.0, 0.0)], [0.0, 1.0]);
}

#[test]
fn outliers_are_those_of_the_modified_z_score() {
    for Outliers { mut values, outliers: theirs } in reference().outliers {
        values.sort_by(f64::total_cmp);
        assert_eq!(outliers(&values), theirs.len());
    }
    assert_eq!((outliers(&[]), outliers(&[4.0; 5])), (0, 0));
}

proptest! {
    #[test]
    fn each_p_value_is_a_probability_and_each_interval_holds_its_difference(
        a in prop::collection::vec((0..50_u32).prop_map(f64::from), 2..30),
        b in prop::collection::vec((0..50_u32).prop_map(f64::from), 2..30),
    ) {
        let of = |values: &[f64]| estimate(values, 0.2).expect("two values are left");
        let comparison = Comparison::of(&of(&a), &of(&b));
        for p in [comparison.p_two_sided(), comparison.p_greater(), mann_whitney(&a, &b)] {
            prop_assert!((0.0..=1.0).contains(&p), "{p}");
        }
        prop_assert_eq!(mann_whitney(&a, &b), mann_whitney(&b, &a));
        let (low, high) = comparison.interval(0.95);
        prop_assert!(low <= comparison.difference && comparison.difference <= high);
    }
}
