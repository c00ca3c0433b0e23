//! The table and the verdict that people see on stderr.

use crate::decide::{Choice, Conditions, Figure, Limit};
use crate::message::counted;
use crate::quote::excerpt;
use crate::records::{Failure, Selection, Statistics, Strategy};
use crate::report::table;
use crate::statistics::CONFIDENCE;
use crate::units::{MemoryMB, Money};

use super::Options;
use super::savings::Month;

/// Returns the table of one function's sizes and, below it, how the selected size compares with the original one and
/// with those that are as good.
pub(super) fn summary(
    name: &str,
    rivals: &[&Statistics],
    chosen: Option<(&Selection, &Choice<'_>)>,
    options: &Options,
) -> String {
    let conditions = &options.conditions;
    let Some((selection, choice)) = chosen else {
        return table(name, rivals, None);
    };
    let by = format!("best by {}", selection.strategy.as_str());
    let is_best = choice.best == choice.selected;
    let pointer = if is_best { &by } else { "selected" };
    let distinction = match (conditions.within, selection.strategy) {
        _ if is_best => by.clone(),
        (None, _) => format!("among the {by}"),
        (Some(within), Strategy::Cost) => {
            format!("the fastest within {} % of the lowest cost", within * 100.0)
        }
        (Some(within), _) => format!("the cheapest within {} % of the lowest duration", within * 100.0),
    };
    let mut lines = vec![table(name, rivals, Some((selection.memory_size, pointer)))];
    lines.push(verdict(rivals, selection, &distinction));
    let month = options.month.as_ref().zip(selection.monthly_savings);
    lines.extend(month.map(|(month, savings)| savings_of(month, savings, selection)));
    lines.extend(preference(selection.strategy, choice, conditions));
    lines.extend(doubt(selection.strategy, choice, conditions));
    lines.join("\n")
}

/// Returns the sentence about the limits that no size meets, with the size that is the nearest.
pub(super) fn no_size_meets(name: &str, limits: &[Limit], nearest: Option<&Statistics>) -> String {
    let flag = |limit: &Limit| match limit.figure {
        Figure::CostPerMillion => format!("{} {}", flag_of(limit.figure), limit.at_most),
        _ => format!("{} {}ms", flag_of(limit.figure), limit.at_most),
    };
    let flags: Vec<String> = limits.iter().map(flag).collect();
    let flags = flags.join(" and ");
    let Some(nearest) = nearest else {
        return format!(
            "{name}: no size meets {flags}: the statistics lack such a figure; analyze the invocations again with lpt-analyze"
        );
    };
    let missed = limits.iter().filter(|limit| !limit.is_met(nearest)).filter_map(|limit| {
        let value = limit.figure.of(nearest)?;
        let unit = match limit.figure {
            Figure::CostPerMillion => format!("{} per million", nearest.currency),
            _ => "ms".to_owned(),
        };
        let excess = percent(value / limit.at_most - 1.0);
        Some(format!("{value:.2} {unit}, {excess} above {}", flag_of(limit.figure)))
    });
    let missed = missed.collect::<Vec<_>>().join(", and ");
    format!(
        "{name}: no size meets {flags}; the nearest is {} MB with {missed}; measure other sizes with lpt-prepare --power-values, or relax the limit",
        nearest.memory_size
    )
}

fn savings_of(month: &Month, Money(savings): Money, selection: &Selection) -> String {
    let Selection { currency, original_memory_size, .. } = selection;
    let original = original_memory_size.expect("without an original size no savings are known");
    let direction = if savings < 0.0 { "more" } else { "less" };
    format!(
        "{} invocations a month cost {:.2} {currency} {direction} than with {original} MB",
        month.invocations,
        savings.abs(),
    )
}

fn flag_of(figure: Figure) -> &'static str {
    match figure {
        Figure::AverageDuration => "--max-duration",
        Figure::P50Duration => "--max-duration-p50",
        Figure::P90Duration => "--max-duration-p90",
        Figure::P95Duration => "--max-duration-p95",
        Figure::P99Duration => "--max-duration-p99",
        Figure::CostPerMillion => "--max-cost-per-million",
    }
}

/// Formats a fraction, which is not negative, as a percentage of at least two digits if it is small.
pub(super) fn percent(fraction: f64) -> String {
    let percent = fraction * 100.0;
    if percent < 9.95 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// Returns the sentence about why the selected size is preferred to the best under the strategy, if it is another.
fn preference(strategy: Strategy, choice: &Choice<'_>, conditions: &Conditions) -> Option<String> {
    let Choice { best, selected, .. } = *choice;
    if best == selected {
        return None;
    }
    let less = |a: f64, b: f64| percent((1.0 - a / b).max(0.0));
    let (best_cost, cost) = (best.average_cost?.0, selected.average_cost?.0);
    let (best_duration, duration) = (best.average_duration_ms?.get(), selected.average_duration_ms?.get());
    let (advantage, preferred) = match strategy {
        Strategy::Cost => {
            let times = best_duration / duration;
            let faster = if times < 2.0 {
                format!("takes {} less time", less(duration, best_duration))
            } else {
                format!("is {times:.1} times as fast")
            };
            (format!("costs {} less", less(best_cost, cost)), faster)
        }
        _ => (
            format!("takes {} less time", less(best_duration, duration)),
            format!("costs {} less", less(cost, best_cost)),
        ),
    };
    let level = selected.confidence.unwrap_or(CONFIDENCE);
    let why = match conditions.within {
        Some(within) => format!("which --within {}% allows", within * 100.0),
        None if selected.p_value.is_some_and(|p| p < 1.0 - level) => {
            "which is within the tolerance".to_owned()
        }
        None => "which may be chance".to_owned(),
    };
    let (best, selected) = (best.memory_size, selected.memory_size);
    Some(format!("{best} MB {advantage}, {why}; {selected} MB {preferred}"))
}

/// Returns the sentence about what is not certain, or how certain the choice is. Without verdicts nothing is known.
fn doubt(strategy: Strategy, choice: &Choice<'_>, conditions: &Conditions) -> Option<String> {
    let certainty = choice.certainty.as_ref()?;
    let better = match strategy {
        Strategy::Cost => "cost less",
        Strategy::Speed => "be faster",
        Strategy::Balanced => "be better",
    };
    let sizes: Vec<String> = certainty.undecided.iter().map(MemoryMB::to_string).collect();
    Some(match certainty.confidence {
        Some(confidence) if certainty.is_certain => {
            format!("certain to at least {:.1} %", confidence * 100.0)
        }
        _ if !sizes.is_empty() => {
            format!("not certain: {} MB may {better}; measure more invocations to know", sizes.join(", "))
        }
        _ if conditions.within.is_some() => {
            let (selected, best) = (choice.selected.memory_size, choice.best.memory_size);
            format!(
                "not certain: it is not shown that {selected} MB is as good as {best} MB, only that the averages are near"
            )
        }
        _ if !conditions.limits.is_empty() => {
            "not certain: too few invocations for the limits, or they exclude the size with which the others were compared".to_owned()
        }
        _ => "not certain: planned sizes were not measured".to_owned(),
    })
}

/// Returns the line of a function that has no sizes to show.
pub(super) fn failure(failure: &Failure) -> String {
    let Failure { function, error_type, error_message, .. } = failure;
    let [function, error_type, error_message] =
        [function, error_type, error_message].map(|text| excerpt(text));
    format!("{function}: not prepared: {error_type}: {error_message}")
}

/// Returns the sentence about the size `failed`, which is not to be selected because the function fails at it.
pub(super) fn unsound(name: &str, failed: &Statistics, original: Option<MemoryMB>) -> String {
    let size = failed.memory_size;
    let made = counted(failed.invocations + failed.errors, "invocation");
    let current = if original == Some(size) { ", its current size" } else { "" };
    if failed.out_of_memory_errors == 0 {
        let failures = failed.function_errors;
        return format!("{name}: fails at {size} MB{current}: in {failures} of {made}");
    }
    let used = failed.max_memory_used.map(|used| format!("used {used} of {size} MB ")).unwrap_or_default();
    let failures = failed.out_of_memory_errors;
    format!("{name}: out of memory at {size} MB{current}: {used}in {failures} of {made}")
}

fn verdict(rivals: &[&Statistics], selection: &Selection, distinction: &str) -> String {
    let change = match (selection.original_memory_size, selection.cost_change, selection.duration_change) {
        (Some(original), _, _) if original == selection.memory_size => " (unchanged)".to_owned(),
        (Some(original), Some(cost), Some(duration)) => {
            format!(
                " against {original} MB: cost {:+.0} %, duration {:+.0} %",
                cost * 100.0,
                duration * 100.0
            )
        }
        (Some(original), _, _) => {
            let measured = rivals.iter().find(|rival| rival.memory_size == original);
            let why = match measured {
                None => "which was not measured",
                Some(measured) if measured.out_of_memory_errors > 0 => "where it ran out of memory",
                Some(measured) if measured.function_errors > 0 => "where it failed",
                Some(_) => "which has no usable invocation",
            };
            format!(" against {original} MB, {why}")
        }
        (None, _, _) => String::new(),
    };
    format!(
        "{} MB is {distinction}{change}; the measuring cost {:.6} {}",
        selection.memory_size, selection.lambda_cost.0, selection.currency
    )
}
