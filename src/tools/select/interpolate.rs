//! `--interpolate`: sizes that were not measured and may be better. They are proposed, never selected.

use std::collections::HashSet;

use crate::decide::interpolate::{CONFIDENCE, Curve, FEWEST, Point, Prediction};
use crate::decide::{Candidate, standings};
use crate::message;
use crate::records::{BalancedWeight, Proposal, Statistics, Strategy};
use crate::units::{MemoryMB, Millis, Money};

/// The step of the sizes that are proposed, in MB.
const STEP: u32 = 64;

/// The most sizes that are proposed for a function.
const MOST: usize = 3;

/// The duration below which the curve is jagged at less than one vCPU, in milliseconds: Lambda gives a function its
/// share of the CPU in whole slices of a period, so one slice more or less is a large part of a short duration. Of 195
/// sizes that were measured of a function with 16 ms of CPU, 45 are local minima.
///
/// Lin, Ma, Shahrad, "Demystifying Serverless Costs on Public Platforms", EuroSys 2026, arXiv 2506.01283; the
/// measurements are in dataset/cpu_overallocation/aws of repository ubc-cirrus-lab/demystifying-serverless-costs.
const JAGGED_BELOW_MS: f64 = 100.0;

/// Returns the sizes to measure, the best one first, and tells people of them and of what limits the predictions.
///
/// `rivals` are the sizes of one function and architecture in ascending order.
pub(super) fn propose(name: &str, rivals: &[&Statistics], by: (Strategy, BalancedWeight)) -> Vec<Proposal> {
    let measured: Vec<Measured<'_>> = rivals.iter().filter_map(|rival| Measured::of(rival)).collect();
    let points: Vec<Point> = measured.iter().map(|size| size.point).collect();
    let Some(curve) = Curve::fit(&points) else {
        let count = measured.len();
        message::warning(format_args!(
            "{name}: --interpolate needs {FEWEST} sizes with a usable result, not {count}; measure more with lpt-prepare --power-values"
        ));
        return vec![];
    };
    if points.iter().any(|point| point.size < MemoryMB::ONE_VCPU && point.duration < JAGGED_BELOW_MS) {
        message::warning(format_args!(
            "{name}: below {JAGGED_BELOW_MS} ms and {} MB, durations jump from size to size, because the CPU comes in slices; what is predicted there may be wrong",
            MemoryMB::ONE_VCPU
        ));
    }
    let (best, proposals) = better(&measured, &curve, by);
    let ends = [("smallest", points.first()), ("largest", points.last())];
    for (which, _) in ends.iter().filter(|(_, end)| end.is_some_and(|end| end.size == best)) {
        message::note(format_args!(
            "{name}: {best} MB is the {which} measured size, and nothing is predicted beyond it; measure there too"
        ));
    }
    if proposals.is_empty() {
        message::note(format_args!(
            "{name}: no size between those measured promises to be better than {best} MB"
        ));
        return proposals;
    }
    for proposal in &proposals {
        message::note(format_args!(
            "{name}: {}: {:.1} ms, {:.1} to {:.1} with {:.0} % confidence",
            proposal.reason,
            proposal.predicted_duration_ms.get(),
            proposal.predicted_duration_low_ms.get(),
            proposal.predicted_duration_high_ms.get(),
            proposal.confidence * 100.0
        ));
    }
    let sizes: Vec<String> = proposals.iter().map(|proposal| proposal.memory_size.to_string()).collect();
    message::note(format_args!(
        "{name}: to measure that: lpt-prepare --power-values {best},{} {} | lpt-invoke | lpt-analyze | lpt-select | lpt-cleanup",
        sizes.join(","),
        rivals[0].function_arn
    ));
    proposals
}

/// A size that a curve can go through.
struct Measured<'a> {
    statistics: &'a Statistics,
    candidate: Candidate,
    point: Point,
    /// The average cost of a billed millisecond.
    rate: f64,
}

impl<'a> Measured<'a> {
    fn of(statistics: &'a Statistics) -> Option<Measured<'a>> {
        let candidate = Candidate::of(statistics)?;
        // A change from nothing is no percentage; records of other programs may have no cost.
        if !candidate.is_sound || candidate.average_cost.0 <= 0.0 {
            return None;
        }
        let duration = Some(candidate.average_duration.get()).filter(|duration| *duration > 0.0)?;
        let ends = statistics.average_duration_low_ms.zip(statistics.average_duration_high_ms);
        let half_width = ends.map_or(0.0, |(low, high)| (high - low) / (2.0 * duration));
        let billed = statistics.average_billed_duration_ms.filter(|billed| *billed > 0.0);
        Some(Measured {
            statistics,
            candidate,
            point: Point { size: statistics.memory_size, duration, half_width },
            rate: candidate.average_cost.0 / billed.unwrap_or_else(|| duration.ceil()),
        })
    }
}

/// Returns the best measured size, and the proposals, the best one first: of each gap between measured sizes, the size
/// with the best score, if it is better than that of the best measured one. Sizes beside each other hardly differ.
fn better(
    measured: &[Measured<'_>],
    curve: &Curve,
    (strategy, weight): (Strategy, BalancedWeight),
) -> (MemoryMB, Vec<Proposal>) {
    let predicted: Vec<Proposal> =
        measured.windows(2).flat_map(|beside| between(&beside[0], &beside[1], curve)).collect();
    let of_proposal = |proposal: &Proposal| Candidate {
        is_sound: true,
        average_cost: proposal.predicted_cost,
        average_duration: proposal.predicted_duration_ms,
    };
    let candidates: Vec<Candidate> =
        measured.iter().map(|size| size.candidate).chain(predicted.iter().map(of_proposal)).collect();
    let standings = standings(strategy, weight, &candidates);
    let (of_measured, of_predicted) = standings.split_at(measured.len());
    let (best, standing) = measured
        .iter()
        .zip(of_measured)
        .min_by_key(|(_, standing)| standing.rank)
        .expect("a curve has measured sizes");
    let mut scored: Vec<(f64, Proposal)> =
        of_predicted.iter().map(|standing| standing.score).zip(predicted).collect();
    scored.retain(|(score, _)| *score < standing.score);
    scored.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let gap = |of: MemoryMB| measured.partition_point(|size| size.point.size < of);
    let mut gaps = HashSet::new();
    scored.retain(|(_, proposal)| gaps.insert(gap(proposal.memory_size)));
    scored.truncate(MOST);
    let proposals = scored.into_iter().map(|(_, proposal)| {
        let change = |predicted: f64, measured: f64| {
            let percent = (predicted / measured - 1.0) * 100.0;
            format!("{:.1} % {}", percent.abs(), if percent < 0.0 { "less" } else { "more" })
        };
        let cost = change(proposal.predicted_cost.0, best.candidate.average_cost.0);
        let duration = change(proposal.predicted_duration_ms.get(), best.point.duration);
        let reason = format!(
            "{} MB is predicted to cost {cost} and to take {duration} time than {} MB, the best measured size by {}",
            proposal.memory_size,
            best.point.size,
            strategy.as_str()
        );
        Proposal { reason, ..proposal }
    });
    (best.point.size, proposals.collect())
}

/// Returns what is predicted of the sizes between two measured ones, without a reason.
fn between(from: &Measured<'_>, to: &Measured<'_>, curve: &Curve) -> Vec<Proposal> {
    let megabytes = |size: MemoryMB| f64::from(size.get());
    let [start, end] = [from, to].map(|measured| measured.point.size);
    let sizes = (start.get() + 1..end.get()).filter(|size| size.is_multiple_of(STEP));
    let predicted = sizes.filter_map(MemoryMB::new).filter_map(|memory_size| {
        let Prediction { duration, low, high } = curve.at(memory_size)?;
        // Memory is billed by the MB, and /tmp by itself: a billed millisecond costs a price and a rise with the size.
        let way = (megabytes(memory_size) - megabytes(start)) / (megabytes(end) - megabytes(start));
        let rate = from.rate + way * (to.rate - from.rate);
        // Lambda bills whole milliseconds: https://aws.amazon.com/lambda/pricing/
        let cost = |duration: f64| Money(duration.ceil() * rate);
        Some(Proposal {
            function_arn: from.statistics.function_arn.clone(),
            architecture: from.statistics.architecture,
            memory_size,
            group: from.statistics.group.clone(),
            predicted_duration_ms: Millis::new(duration)?,
            predicted_duration_low_ms: Millis::new(low)?,
            predicted_duration_high_ms: Millis::new(high)?,
            predicted_cost: cost(duration),
            predicted_cost_low: cost(low),
            predicted_cost_high: cost(high),
            currency: from.statistics.currency.clone(),
            confidence: CONFIDENCE,
            reason: String::new(),
        })
    });
    predicted.collect()
}
