//! The table and the verdict that people see on stderr.

use crate::quote::excerpt;
use crate::records::{Failure, Selection, Statistics};
use crate::report::table;

/// Returns the table of one function's sizes and, below it, how the selected size compares with the original one.
pub(super) fn summary(rivals: &[&Statistics], selection: Option<&Selection>) -> String {
    let text = table(rivals, selection.map(|selection| (selection.memory_size, selection.strategy)));
    match selection {
        Some(selection) => format!("{text}\n{}", verdict(selection)),
        None => text,
    }
}

/// Returns the line of a function that has no sizes to show.
pub(super) fn failure(failure: &Failure) -> String {
    let Failure { function, error_type, error_message, .. } = failure;
    let [function, error_type, error_message] =
        [function, error_type, error_message].map(|text| excerpt(text));
    format!("{function}: not prepared: {error_type}: {error_message}")
}

fn verdict(selection: &Selection) -> String {
    let change = match (selection.original_memory_size, selection.cost_change, selection.duration_change) {
        (Some(original), _, _) if original == selection.memory_size => " (unchanged)".to_owned(),
        (Some(original), Some(cost), Some(duration)) => {
            format!(
                " against {original} MB: cost {:+.0} %, duration {:+.0} %",
                cost * 100.0,
                duration * 100.0
            )
        }
        (Some(original), _, _) => format!(" against {original} MB, which was not measured"),
        (None, _, _) => String::new(),
    };
    format!(
        "{} MB is best by {}{change}; the measuring cost {:.6} {}",
        selection.memory_size,
        selection.strategy.as_str(),
        selection.lambda_cost.0,
        selection.currency
    )
}
