//! `--between`: functions, architectures or groups against each other, each at its own best size.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::decide::{Change, average, change};
use crate::error::Error;
use crate::label::label_of_group;
use crate::message;
use crate::names::{Architecture, FunctionArn, FunctionRef};
use crate::records::{Between, Statistics, Strategy};
use crate::statistics::CONFIDENCE;

use super::summary::percent;

/// One of the alternatives.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Alternative {
    Function(FunctionRef),
    Architecture(Architecture),
    /// A field with its value, as in the group of statistics.
    Field(String),
}

impl FromStr for Alternative {
    type Err = String;

    fn from_str(text: &str) -> Result<Alternative, String> {
        if let Ok(architecture) = text.parse() {
            return Ok(Alternative::Architecture(architecture));
        }
        if text.contains('=') {
            return Ok(Alternative::Field(text.to_owned()));
        }
        match text.parse().map_err(|error: crate::names::NotAFunction| error.to_string())? {
            FunctionRef::Partial(_) => Err("expected the name of a function, or its whole ARN".to_owned()),
            function => Ok(Alternative::Function(function)),
        }
    }
}

impl fmt::Display for Alternative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Alternative::Function(function) => function.fmt(f),
            Alternative::Architecture(architecture) => architecture.fmt(f),
            Alternative::Field(field) => field.fmt(f),
        }
    }
}

/// What alternatives have in common, so that they can be compared: functions the group, architectures the function and
/// the group, and fields the function, the architecture and all other fields.
type Common = (Option<FunctionArn>, Option<Architecture>, Vec<String>);

impl Alternative {
    /// Returns what `size` has in common with its rivals if it is of this alternative.
    fn common(&self, size: &Statistics) -> Option<Common> {
        let mut fields: Vec<String> =
            size.group.iter().flat_map(|group| group.split(", ")).map(str::to_owned).collect();
        let function = &size.function_arn;
        let (is_this, common) = match self {
            Alternative::Function(FunctionRef::Arn(arn)) => (arn == function, (None, None)),
            Alternative::Function(named) => (named.to_string() == function.name().to_string(), (None, None)),
            Alternative::Architecture(architecture) => {
                (*architecture == size.architecture, (Some(function.clone()), None))
            }
            Alternative::Field(field) => {
                let others: Vec<String> = fields.iter().filter(|other| *other != field).cloned().collect();
                let is_this = others.len() < fields.len();
                fields = others;
                (is_this, (Some(function.clone()), Some(size.architecture)))
            }
        };
        is_this.then_some((common.0, common.1, fields))
    }
}

/// Checks that the alternatives of a command line can be compared.
pub(super) fn check(alternatives: &[Alternative]) -> Result<(), Error> {
    let first = alternatives.first().map(std::mem::discriminant);
    let is_mixed = alternatives.iter().any(|other| Some(std::mem::discriminant(other)) != first);
    let is_repeated = (1..alternatives.len()).any(|at| alternatives[..at].contains(&alternatives[at]));
    let why = match alternatives.len() {
        1 => "needs two alternatives at least",
        _ if is_mixed => {
            "compares functions, or architectures, or values of a field, and not one with another"
        }
        _ if is_repeated => "has an alternative twice",
        _ => return Ok(()),
    };
    Err(Error::Usage(format!("--between {why}; name them with commas between, such as --between f,f-arm")))
}

/// Compares the best of the alternatives with each other one, and says the result. `selected` has the statistics of the
/// sizes that were selected, each with its strategy.
pub(super) fn compare(
    alternatives: &[Alternative],
    selected: &[(&Statistics, Strategy)],
) -> Result<Vec<Between>, Error> {
    let mut by_common: BTreeMap<Common, Vec<&Statistics>> = BTreeMap::new();
    let mut strategy = None;
    for alternative in alternatives {
        let mut found: BTreeMap<Common, &Statistics> = BTreeMap::new();
        for (size, by) in selected {
            let Some(common) = alternative.common(size) else {
                continue;
            };
            if *by == Strategy::Balanced || strategy.is_some_and(|strategy| strategy != *by) {
                return Err(Error::Usage(
                    "--between compares by cost or by speed, and all by the same; add --strategy cost or --strategy speed".to_owned(),
                ));
            }
            strategy = Some(*by);
            let best = found.entry(common).or_insert(size);
            if average(size, *by) < average(best, *by) {
                *best = size;
            }
        }
        if found.is_empty() {
            return Err(Error::Failed(format!(
                "--between: no size is selected of {alternative}; look at the functionArn, architecture and group of the statistics for what can be named"
            )));
        }
        found.into_iter().for_each(|(common, size)| by_common.entry(common).or_default().push(size));
    }
    let mut compared = Vec::new();
    for mut rivals in by_common.into_values().filter(|rivals| rivals.len() > 1) {
        let strategy = strategy.expect("each alternative that was found has one");
        rivals.sort_by(|a, b| average(a, strategy).partial_cmp(&average(b, strategy)).expect("not NaN"));
        let (best, others) = (rivals[0], &rivals[1..]);
        // Bonferroni: all intervals hold together at the level.
        let level = 1.0 - (1.0 - CONFIDENCE) / others.len() as f64;
        for other in others {
            if best.currency != other.currency {
                return Err(Error::Failed(format!(
                    "--between: the costs of {} are in {}, and those of {} in {}; name functions of regions with the same currency",
                    name(best),
                    best.currency,
                    name(other),
                    other.currency
                )));
            }
            let change = change(best, other, strategy, level).expect("a selected size has both averages");
            compared.push(record(best, other, strategy, change));
            message::note(sentence(best, other, strategy, change));
        }
    }
    if compared.is_empty() {
        return Err(Error::Failed(
            "--between: the alternatives have nothing in common; architectures and values of a field are compared within a function, and functions within a group".to_owned(),
        ));
    }
    Ok(compared)
}

fn is_certain(change: Change) -> bool {
    change.interval.is_some_and(|(_, high)| high < 0.0)
}

fn record(best: &Statistics, other: &Statistics, strategy: Strategy, change: Change) -> Between {
    const RESULT: &str = "a selected size has both averages";
    Between {
        function_arn: best.function_arn.clone(),
        architecture: best.architecture,
        memory_size: best.memory_size,
        group: best.group.clone(),
        average_cost: best.average_cost.expect(RESULT),
        average_duration_ms: best.average_duration_ms.expect(RESULT),
        other_function_arn: other.function_arn.clone(),
        other_architecture: other.architecture,
        other_memory_size: other.memory_size,
        other_group: other.group.clone(),
        other_average_cost: other.average_cost.expect(RESULT),
        other_average_duration_ms: other.average_duration_ms.expect(RESULT),
        currency: best.currency.clone(),
        strategy,
        change: change.change,
        change_low: change.interval.map(|(low, _)| low),
        change_high: change.interval.map(|(_, high)| high),
        confidence: change.interval.map(|_| CONFIDENCE),
        certain: is_certain(change),
    }
}

/// Returns the sentence about the best and another.
fn sentence(best: &Statistics, other: &Statistics, strategy: Strategy, change: Change) -> String {
    let (verb, noun) = match strategy {
        Strategy::Cost => ("costs", ""),
        _ => ("takes", " time"),
    };
    let signed =
        |share: f64| format!("{} {}", percent(share.abs()), if share > 0.0 { "more" } else { "less" });
    let level = percent(CONFIDENCE);
    let interval = match change.interval {
        None => "too few invocations for an interval".to_owned(),
        Some((low, high)) if high < 0.0 => format!("{level}: {} to {} less", percent(-high), percent(-low)),
        Some((low, high)) => format!("{level}: {} to {}", signed(low), signed(high)),
    };
    let doubt = if is_certain(change) { "" } else { "cannot be told apart: " };
    format!("{doubt}{} {verb} {}{noun} than {} ({interval})", name(best), signed(change.change), name(other))
}

/// Returns the words for a size of an alternative: all that can tell it from another.
fn name(size: &Statistics) -> String {
    let function = label_of_group(&size.function_arn, size.group.as_deref());
    format!("{function} on {} at {} MB", size.architecture, size.memory_size)
}
