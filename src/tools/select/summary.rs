//! The table and the verdict that people see on stderr.

use crate::message::counted;
use crate::quote::excerpt;
use crate::records::{Failure, Selection, Statistics};
use crate::report::table;
use crate::units::MemoryMB;

/// Returns the table of one function's sizes and, below it, how the selected size compares with the original one.
pub(super) fn summary(name: &str, rivals: &[&Statistics], selection: Option<&Selection>) -> String {
    let text = table(name, rivals, selection.map(|selection| (selection.memory_size, selection.strategy)));
    match selection {
        Some(selection) => format!("{text}\n{}", verdict(rivals, selection)),
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

fn verdict(rivals: &[&Statistics], selection: &Selection) -> String {
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
        "{} MB is best by {}{change}; the measuring cost {:.6} {}",
        selection.memory_size,
        selection.strategy.as_str(),
        selection.lambda_cost.0,
        selection.currency
    )
}
