//! The table and the sentences that people see.

use crate::decide::{Choice, Conditions, Figure, Limit, is_sound};
use crate::message::counted;
use crate::quote::excerpt;
use crate::records::{Failure, Selection, Statistics, Strategy, Verdict};
use crate::report::{Marks, Text, Tone, percentage, percentage_at_least, rough_percent, table};
use crate::statistics::CONFIDENCE;
use crate::units::{MemoryMB, Money};

use super::Options;
use super::savings::Month;

/// Returns the table of one function's sizes with, below it, why one is selected, what that saves against the original one,
/// how sure that is, and where to see it drawn.
pub(super) fn summary(
    name: &str,
    rivals: &[&Statistics],
    chosen: Option<(&Selection, &Choice<'_>)>,
    options: &Options,
) -> Text {
    let Some((selection, choice)) = chosen else {
        return table(name, rivals, &Marks::default());
    };
    let conditions = &options.conditions;
    let marks = Marks {
        selected: Some(selection.memory_size),
        near: selection.indistinguishable_from.clone(),
        original: selection.original_memory_size,
        has_verdicts: choice.certainty.is_some(),
        limits: &conditions.limits,
    };
    let mut text = table(name, rivals, &marks);
    let sentences = [
        Some(reason(selection, choice, conditions)),
        preference(selection.strategy, choice, conditions),
        doubt(selection.strategy, rivals, choice, conditions),
        saving(rivals, selection, options.month.as_ref()),
        Some(format!("The measuring cost {} {}", selection.lambda_cost, selection.currency)),
    ];
    let sentences: Vec<String> = sentences.into_iter().flatten().map(|sentence| sentence + ".").collect();
    let mut below = Text::default();
    below.paragraph(Tone::Plain, &sentences.join(" "));
    if let Some(url) = &selection.visualization {
        below.line(Tone::Plain, &format!("Chart: {url}"));
    }
    text.append(below);
    text
}

/// Returns the sentence about why the size is selected.
fn reason(selection: &Selection, choice: &Choice<'_>, conditions: &Conditions) -> String {
    let strategy = selection.strategy;
    let what = match (conditions.within, strategy) {
        _ if choice.best != choice.selected => match (conditions.within, strategy) {
            (None, _) => format!("is among the best by {}", strategy.as_str()),
            (Some(within), Strategy::Cost) => {
                format!("is the fastest within {} % of the lowest cost", percentage(within))
            }
            (Some(within), _) => {
                format!("is the cheapest within {} % of the lowest duration", percentage(within))
            }
        },
        (_, Strategy::Cost) => "costs the least".to_owned(),
        (_, Strategy::Speed) => "is the fastest".to_owned(),
        (_, Strategy::Balanced) => format!(
            "has the lowest balanced score, {:.3}, where cost weighs {} and duration the rest",
            choice.score,
            selection.balanced_weight.get()
        ),
    };
    let of = if conditions.limits.is_empty() { "" } else { " of the sizes that meet the limits" };
    format!("{} MB {what}{of}", selection.memory_size)
}

/// Returns the sentence about what the selected size saves against the original one, if that is known.
fn saving(rivals: &[&Statistics], selection: &Selection, month: Option<&Month>) -> Option<String> {
    let original = selection.original_memory_size?;
    if original == selection.memory_size {
        return Some(format!("{original} MB is today's size"));
    }
    let measured = rivals.iter().find(|rival| rival.memory_size == original);
    let (Some(cost), Some(duration), Some(before)) =
        (selection.cost_change, selection.duration_change, measured.and_then(|size| size.average_cost))
    else {
        let why = match measured {
            None => "was not measured",
            Some(measured) if measured.out_of_memory_errors > 0 => "ran out of memory",
            Some(measured) if measured.function_errors > 0 => "failed",
            Some(_) => "has no usable invocation",
        };
        return Some(format!("Today's size, {original} MB, {why}"));
    };
    let per_million = before.million() - selection.average_cost.million();
    let (invocations, saved) = match month.zip(selection.monthly_savings) {
        Some((month, Money(saved))) => (format!("{} invocations a month", month.invocations), saved),
        None => ("A million invocations".to_owned(), per_million),
    };
    let direction = if saved < 0.0 { "more" } else { "less" };
    Some(format!(
        "{invocations} cost {} {} {direction} than with {original} MB, today's size (cost {}, duration {})",
        Money(saved.abs()),
        selection.currency,
        rough_percent(cost),
        rough_percent(duration)
    ))
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
        Some(within) => format!("which --within {}% allows", percentage(within)),
        None if selected.p_value.is_some_and(|p| p < 1.0 - level) => {
            "which is within the tolerance".to_owned()
        }
        None => "which may be chance".to_owned(),
    };
    let (best, selected) = (best.memory_size, selected.memory_size);
    Some(format!("{best} MB {advantage}, {why}; {selected} MB {preferred}"))
}

/// Returns the sentence about what is not certain, or how certain the choice is. A note says so already if the verdicts are
/// under another strategy.
fn doubt(
    strategy: Strategy,
    rivals: &[&Statistics],
    choice: &Choice<'_>,
    conditions: &Conditions,
) -> Option<String> {
    if rivals.len() == 1 {
        return Some("That is not certain: no other size was measured".to_owned());
    }
    let Some(certainty) = &choice.certainty else {
        let is_judged = rivals.iter().any(|rival| rival.verdict.is_some());
        return (!is_judged).then(|| {
            "How certain that is, is not known: no size has a verdict; lpt-analyze gives verdicts where sizes have several invocations".to_owned()
        });
    };
    let is_eligible = |rival: &Statistics| conditions.limits.iter().all(|limit| limit.is_met(rival));
    let better = match strategy {
        Strategy::Cost => "cost less",
        Strategy::Speed => "be faster",
        Strategy::Balanced => "be better",
    };
    let mut undecided = certainty.undecided.clone();
    undecided.sort_unstable();
    let sizes: Vec<String> = undecided.iter().map(MemoryMB::to_string).collect();
    Some(match certainty.confidence {
        Some(confidence) if certainty.is_certain => {
            // Each environment has a machine of its own, and those differ.
            let is_of_one = rivals.iter().any(|rival| is_sound(rival) && rival.environments == Some(1));
            let as_far = if is_of_one { ", as far as one execution environment tells" } else { "" };
            format!("That is certain to at least {} %{as_far}", percentage_at_least(confidence))
        }
        _ if !sizes.is_empty() => {
            format!(
                "That is not certain: {} MB may {better}, which more invocations may tell",
                sizes.join(", ")
            )
        }
        _ if conditions.within.is_some() => {
            let (selected, best) = (choice.selected.memory_size, choice.best.memory_size);
            format!(
                "That is not certain: it is not shown that {selected} MB is as good as {best} MB, only that the averages are near"
            )
        }
        _ if rivals.iter().any(|rival| rival.verdict == Some(Verdict::Best) && !is_eligible(rival)) => {
            "That is not certain: the limits exclude the size with which the others were compared".to_owned()
        }
        _ if !conditions.limits.is_empty() => {
            "That is not certain: there are too few invocations for the limits".to_owned()
        }
        _ => "That is not certain: planned sizes were not measured".to_owned(),
    })
}

/// Returns the line of a function that has no sizes to show.
pub(super) fn failure(failure: &Failure) -> Text {
    let Failure { function, error_type, error_message, .. } = failure;
    let [function, error_type, error_message] =
        [function, error_type, error_message].map(|text| excerpt(text));
    let mut text = Text::default();
    text.paragraph(Tone::Bad, &format!("{function}: not prepared: {error_type}: {error_message}"));
    text
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
