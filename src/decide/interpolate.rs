//! The duration at sizes that were not measured, between those that were.
//!
//! The curve is T(m) = a + b · min(m, M)^−β with a, b ≥ 0: a part that no CPU makes faster, and a part that becomes
//! faster with the CPU, which is proportional to the memory, up to the size M beyond which the function can use no
//! more.
//!
//! It is fitted to relative errors with the weights of Huber, so that one odd size does not bend it: P. J. Huber,
//! "Robust estimation of a location parameter", Annals of Mathematical Statistics 35 (1964), 73–101. For given β and M
//! the curve is linear in a and b, which iteratively reweighted least squares finds; β and M are the best of a grid.

use std::f64::consts::E;

use crate::units::MemoryMB;

/// The fewest sizes that a curve is fitted to: as many as it has parameters.
pub const FEWEST: usize = 4;

/// The share of unmeasured sizes at which the true duration is in the interval of its [`Prediction`], at least.
pub const CONFIDENCE: f64 = 0.9;

/// The relative error beyond which a size counts less. Of 0.005, 0.02, 0.05 and 1, it predicts the functions of cebert
/// best, both halves together.
const HUBER: f64 = 0.02;

/// What is tried for β, in steps: 0.5 to 2. One is CPU time alone; the functions of cebert have 0.85 to 2.
const EXPONENTS: std::ops::RangeInclusive<u32> = 10..=40;
const EXPONENT_STEP: f64 = 0.05;

/// The relative error that a curve has wherever it goes, even if it goes through all points, and the factor from
/// the spread of the errors to the half-width of the interval. [`Curve::half_width`] says where both come from.
const PRIOR_ERROR: f64 = 0.08;
const WIDTH: f64 = 2.75;

/// The duration at a size that was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub size: MemoryMB,
    /// In milliseconds, more than 0.
    pub duration: f64,
    /// Half of the width of its confidence interval, relative to the duration; 0 if it is not known.
    pub half_width: f64,
}

/// The duration at a size that was not measured, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    pub duration: f64,
    pub low: f64,
    pub high: f64,
}

/// A curve through the durations of one function.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    shape: Shape,
    /// a and b.
    terms: (f64, f64),
    /// The sum of the squared relative errors, in logarithms.
    squares: f64,
    points: Vec<Point>,
}

/// The parameters in which the curve is not linear: β and M.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shape {
    exponent: f64,
    saturation: f64,
}

impl Shape {
    /// Returns min(m, M)^−β, with m in vCPUs, so that b has the size of a duration.
    fn term(self, size: MemoryMB) -> f64 {
        size.vcpus().min(self.saturation).powf(-self.exponent)
    }
}

impl Curve {
    /// Fits a curve to points in ascending order of size, or returns `None` for fewer than [`FEWEST`].
    ///
    /// M is one vCPU, because many functions use one thread; or a measured size above it, not one of the ends; or
    /// none.
    pub fn fit(points: &[Point]) -> Option<Curve> {
        let inner = points.get(2..points.len().checked_sub(1)?)?;
        if points.len() < FEWEST {
            return None;
        }
        let measured = inner.iter().map(|point| point.size.vcpus()).filter(|vcpus| *vcpus > 1.0);
        let saturations: Vec<f64> = [1.0].into_iter().chain(measured).chain([f64::INFINITY]).collect();
        let shapes = saturations.iter().flat_map(|&saturation| {
            EXPONENTS.map(move |step| Shape { exponent: EXPONENT_STEP * f64::from(step), saturation })
        });
        let fitted = shapes.map(|shape| (shape, reweighted(shape, points)));
        let (shape, terms) = fitted.min_by(|a, b| loss(*a, points).total_cmp(&loss(*b, points)))?;
        let error = |point: &Point| ((terms.0 + terms.1 * shape.term(point.size)) / point.duration).ln();
        let squares = points.iter().map(|point| error(point).powi(2)).sum();
        Some(Curve { shape, terms, squares, points: points.to_vec() })
    }

    /// Returns the duration at a size between the smallest and the largest that were measured. Beyond them it returns
    /// `None`: nothing there has shown how the function behaves.
    pub fn at(&self, size: MemoryMB) -> Option<Prediction> {
        let next = self.points.iter().position(|point| point.size > size)?;
        let below = next.checked_sub(1)?;
        let duration = self.terms.0 + self.terms.1 * self.shape.term(size);
        let factor = E.powf(self.half_width(&self.points[below..=next]));
        Some(Prediction { duration, low: duration / factor, high: duration * factor })
    }

    /// Returns half of the width of the interval, in logarithms: 2.75 · √((0.08² + Σe²) ÷ (n − 3)), for the errors e at
    /// the n measured sizes, and the uncertainty of the two sizes beside it, which that does not contain.
    ///
    /// The form is that of a regression's standard error with a prior; its divisor makes few sizes say less. 0.08 and
    /// 2.75 are calibrated on the warm means of repository cebert/aws-lambda-performance-benchmarks, 2025, with one to
    /// five sizes left out: on half of the functions the interval held the durations at 91 % or more of the sizes that
    /// were left out, for each number of sizes that remained, from 4 to 8. The other half shows that it holds: a test
    /// below repeats both.
    fn half_width(&self, beside: &[Point]) -> f64 {
        let freedom = (self.points.len() - 3) as f64;
        let spread = ((PRIOR_ERROR.powi(2) + self.squares) / freedom).sqrt();
        beside.iter().map(|point| point.half_width).fold(0.0, f64::max).hypot(WIDTH * spread)
    }
}

/// Returns a and b of least Huber loss.
fn reweighted(shape: Shape, points: &[Point]) -> (f64, f64) {
    const ROUNDS: usize = 10;
    let mut weights = vec![1.0; points.len()];
    let mut terms = (0.0, 0.0);
    for _ in 0..ROUNDS {
        terms = least_squares(shape, points, &weights);
        for (weight, error) in weights.iter_mut().zip(errors((shape, terms), points)) {
            *weight = (HUBER / error).min(1.0);
        }
    }
    terms
}

/// Returns the a, b ≥ 0 for which the weighted sum of the squared relative errors is least.
fn least_squares(shape: Shape, points: &[Point], weights: &[f64]) -> (f64, f64) {
    // Sums of w·u², w·u·v, w·v², w·u, w·v, where the relative error is a·u + b·v − 1.
    let (mut uu, mut uv, mut vv, mut u1, mut v1) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (point, weight) in points.iter().zip(weights) {
        let u = 1.0 / point.duration;
        let v = shape.term(point.size) * u;
        uu += weight * u * u;
        uv += weight * u * v;
        vv += weight * v * v;
        u1 += weight * u;
        v1 += weight * v;
    }
    let determinant = uu * vv - uv * uv;
    // Without this, sizes beyond M alone would divide 0 by 0.
    if determinant > 1e-12 * uu * vv {
        let (a, b) = ((u1 * vv - v1 * uv) / determinant, (v1 * uu - u1 * uv) / determinant);
        if a >= 0.0 && b >= 0.0 {
            return (a, b);
        }
    }
    // The least is at an edge then: the sum is less by u1² ÷ uu with a alone, and by v1² ÷ vv with b alone.
    if u1 * u1 / uu >= v1 * v1 / vv { (u1 / uu, 0.0) } else { (0.0, v1 / vv) }
}

fn loss(curve: (Shape, (f64, f64)), points: &[Point]) -> f64 {
    let huber = |error: f64| if error <= HUBER { error * error / 2.0 } else { HUBER * (error - HUBER / 2.0) };
    errors(curve, points).map(huber).sum()
}

/// Returns the absolute relative error of each point.
fn errors((shape, (a, b)): (Shape, (f64, f64)), points: &[Point]) -> impl Iterator<Item = f64> {
    points.iter().map(move |point| ((a + b * shape.term(point.size)) / point.duration - 1.0).abs())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    fn size(megabytes: u32) -> MemoryMB {
        MemoryMB::new(megabytes).expect("a memory size")
    }

    fn points(durations: &[(u32, f64)]) -> Vec<Point> {
        let point = |&(megabytes, duration)| Point { size: size(megabytes), duration, half_width: 0.0 };
        durations.iter().map(point).collect()
    }

    /// Returns points on 20 ms + 1000 ms ÷ min(vCPUs, 1).
    fn one_thread(sizes: &[u32]) -> Vec<Point> {
        let duration = |megabytes| 20.0 + 1000.0 / size(megabytes).vcpus().min(1.0);
        points(&sizes.iter().map(|&megabytes| (megabytes, duration(megabytes))).collect::<Vec<_>>())
    }

    fn duration(points: &[Point], megabytes: u32) -> f64 {
        Curve::fit(points).expect("enough sizes").at(size(megabytes)).expect("a size between them").duration
    }

    #[track_caller]
    fn assert_near(value: f64, expected: f64) {
        assert!((value / expected - 1.0).abs() < 1e-3, "{value}, not {expected}");
    }

    #[test]
    fn a_curve_finds_the_durations_that_it_was_made_of() {
        let measured = one_thread(&[128, 512, 1024, 2048, 3008]);
        for unmeasured in one_thread(&[192, 768, 1536, 1792, 2560]) {
            assert_near(duration(&measured, unmeasured.size.get()), unmeasured.duration);
        }
        let flat = points(&[(128, 30.0), (512, 30.0), (1024, 30.0), (2048, 30.0)]);
        assert_near(duration(&flat, 256), 30.0);
        let above_one_vcpu = points(&[(2048, 50.0), (4096, 25.0), (8192, 12.5), (10_240, 10.0)]);
        assert_near(duration(&above_one_vcpu, 5120), 20.0);
    }

    #[test]
    fn one_odd_size_does_not_bend_the_curve() {
        let mut measured = one_thread(&[128, 256, 512, 768, 1024, 1536, 2048]);
        let expected = duration(&measured, 640);
        measured[3].duration *= 1.5;
        let with_odd = duration(&measured, 640);
        assert!((with_odd / expected - 1.0).abs() < 0.02, "{with_odd}, not {expected}");
    }

    #[test]
    fn a_curve_ends_at_the_sizes_that_were_measured() {
        let curve = Curve::fit(&one_thread(&[256, 512, 1024, 2048])).expect("enough sizes");
        let is_predicted = |megabytes| curve.at(size(megabytes)).is_some();
        assert_eq!([192, 320, 1984, 2112].map(is_predicted), [false, true, true, false]);
    }

    #[test]
    fn three_sizes_are_too_few() {
        assert_eq!(Curve::fit(&one_thread(&[128, 512, 1024])), None);
        assert_eq!(Curve::fit(&[]), None);
    }

    #[test]
    fn the_interval_is_as_wide_as_that_of_the_sizes_beside_it_at_least() {
        let mut measured = one_thread(&[128, 512, 1024, 2048]);
        let ratio = |points: &[Point], megabytes| {
            let at = Curve::fit(points).expect("enough sizes").at(size(megabytes)).expect("between them");
            at.high / at.duration
        };
        let before = [ratio(&measured, 256), ratio(&measured, 1536)];
        measured[0].half_width = 0.5;
        assert!(ratio(&measured, 256) > before[0].max(1.5), "{before:?}");
        assert_eq!(ratio(&measured, 1536), before[1], "its neighbours are certain");
    }

    /// The durations of a function, and whether the interval was calibrated on it.
    type Function = (Vec<Point>, bool);

    /// The durations of a function in each run, by the name of the run.
    type Runs = BTreeMap<String, Vec<(u32, f64)>>;

    /// Returns the functions of cebert, warm, if they are at hand. The halves alternate by workload, runtime and
    /// architecture, so that each has as many of each, and both runs of a function are in the same half.
    fn cebert() -> Option<Vec<Function>> {
        let mut functions: BTreeMap<[String; 3], Runs> = BTreeMap::new();
        for row in rows("cebert_2025_summary.csv")?.into_iter().filter(|row| &row[2] == "warm") {
            let key = [&row[1], &row[3], &row[4]].map(str::to_owned);
            let value = (row[5].parse().expect("a size"), row[6].parse().expect("a duration"));
            functions.entry(key).or_default().entry(row[0].to_owned()).or_default().push(value);
        }
        let with_half = functions.into_values().enumerate().flat_map(|(at, runs)| {
            runs.into_values().map(move |mut durations| {
                durations.sort_by_key(|(size, _)| *size);
                (points(&durations), (at + at / 2).is_multiple_of(2))
            })
        });
        Some(with_half.collect())
    }

    /// Returns the rows of a file with measurements that are not part of the project.
    #[allow(clippy::print_stdout, reason = "a test that can't run here says so")]
    fn rows(file: &str) -> Option<Vec<csv::StringRecord>> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(file);
        if !path.exists() {
            println!("skipped: {} is not here", path.display());
            return None;
        }
        let mut reader = csv::Reader::from_path(path).expect("a readable file");
        Some(reader.records().map(|row| row.expect("a row")).collect())
    }

    /// A size that was left out: the number of those that remained, the relative error at it, and whether the interval
    /// held its duration.
    #[derive(Clone, Copy)]
    struct LeftOut {
        remaining: usize,
        error: f64,
        is_held: bool,
    }

    /// Leaves `count` sizes out in each way, and predicts those that are between others.
    fn leave_out(points: &[Point], count: u32) -> Vec<LeftOut> {
        let ways = (0_u32..1 << points.len()).filter(|way| way.count_ones() == count);
        let results = ways.flat_map(|way| {
            let (out, rest): (Vec<_>, Vec<_>) =
                points.iter().enumerate().partition(|(at, _)| way & (1 << at) != 0);
            let rest: Vec<Point> = rest.into_iter().map(|(_, point)| *point).collect();
            let curve = Curve::fit(&rest);
            let predicted = out.into_iter().filter_map(move |(_, point)| {
                let Prediction { duration, low, high } = curve.as_ref()?.at(point.size)?;
                let is_held = (low..=high).contains(&point.duration);
                Some(LeftOut {
                    remaining: rest.len(),
                    error: (duration / point.duration - 1.0).abs(),
                    is_held,
                })
            });
            predicted.collect::<Vec<_>>()
        });
        results.collect()
    }

    fn median(results: &[LeftOut]) -> f64 {
        let mut errors: Vec<f64> = results.iter().map(|result| result.error).collect();
        errors.sort_by(f64::total_cmp);
        errors[errors.len() / 2]
    }

    fn coverage(results: &[LeftOut]) -> f64 {
        results.iter().filter(|result| result.is_held).count() as f64 / results.len() as f64
    }

    #[test]
    #[allow(clippy::print_stdout, reason = "the figures are worth reading")]
    fn a_size_that_is_left_out_is_predicted_within_3_percent_in_the_median() {
        let Some(functions) = cebert() else { return };
        let of_half = |half| {
            let half = functions.iter().filter(move |(_, is_calibrated)| *is_calibrated == half);
            half.flat_map(|(points, _)| leave_out(points, 1)).collect::<Vec<_>>()
        };
        let [calibrated, other] = [true, false].map(of_half);
        let all = [&calibrated[..], &other].concat();
        for (half, results) in [("calibrated", &calibrated), ("other", &other), ("all", &all)] {
            println!(
                "{half}: {} sizes, median error {:.4}, coverage {:.3}",
                results.len(),
                median(results),
                coverage(results)
            );
        }
        assert!(median(&all) <= 0.03, "{}", median(&all));
        assert!(coverage(&other) >= CONFIDENCE, "{}", coverage(&other));
    }

    #[test]
    #[allow(clippy::print_stdout, reason = "the figures are worth reading")]
    fn the_interval_holds_for_any_number_of_sizes() {
        let Some(functions) = cebert() else { return };
        for (half, least) in [(true, 0.91), (false, CONFIDENCE)] {
            let of_half = functions.iter().filter(|(_, is_calibrated)| *is_calibrated == half);
            let results: Vec<LeftOut> =
                of_half.flat_map(|(points, _)| (1..=5).flat_map(|count| leave_out(points, count))).collect();
            for remaining in FEWEST..=8 {
                let of_count = results.iter().copied().filter(|result| result.remaining == remaining);
                let of_count: Vec<LeftOut> = of_count.collect();
                let coverage = coverage(&of_count);
                println!(
                    "calibrated {half}, {remaining} sizes: {} predictions, {coverage:.3}",
                    of_count.len()
                );
                assert!(coverage >= least, "{remaining} sizes: {coverage}");
            }
        }
    }

    /// Every size from 128 to 1,849 MB of a function that uses 16 ms of CPU: the curve is jagged there.
    #[test]
    #[allow(clippy::print_stdout, reason = "the figures are worth reading")]
    fn a_jagged_curve_is_predicted_less_well() {
        let Some(rows) = rows("ubc_aws_cpu_quota_sample.csv") else { return };
        let mut sums: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
        for row in rows {
            let (sum, count) = sums.entry(row[0].parse().expect("a size")).or_default();
            *sum += row[3].parse::<f64>().expect("a duration");
            *count += 1.0;
        }
        let means: Vec<(u32, f64)> =
            sums.into_iter().map(|(size, (sum, count))| (size, sum / count)).collect();
        let all = points(&means);
        let nearest = |wanted: u32| all.iter().min_by_key(|point| point.size.get().abs_diff(wanted));
        let measured: Vec<Point> =
            [128, 256, 512, 1024, 1536].into_iter().filter_map(nearest).copied().collect();
        let curve = Curve::fit(&measured).expect("enough sizes");
        let unmeasured = all.iter().filter(|point| measured.iter().all(|other| other.size != point.size));
        let results: Vec<LeftOut> = unmeasured
            .filter_map(|point| {
                let Prediction { duration, low, high } = curve.at(point.size)?;
                let error = (duration / point.duration - 1.0).abs();
                Some(LeftOut { remaining: 5, error, is_held: (low..=high).contains(&point.duration) })
            })
            .collect();
        let left_out = leave_out(&measured, 1);
        println!(
            "{} sizes, median error {:.4}, coverage {:.3}; leave one out: {:.4}, {:.3}",
            results.len(),
            median(&results),
            coverage(&results),
            median(&left_out),
            coverage(&left_out)
        );
        assert!(median(&results) <= 0.1, "{}", median(&results));
    }
}
