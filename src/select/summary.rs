//! The table that a person sees on stderr.

use comfy_table::{CellAlignment, Table, presets};

use super::Selection;
use crate::analyze::Statistics;

/// The sizes of one function, which of them was selected, and how it compares with the function's own.
pub(super) fn summary(rivals: &[&Statistics], selection: Option<&Selection>) -> String {
    let first = rivals[0];
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let header = [
        "memory MB".to_owned(),
        "duration ms".to_owned(),
        "95 % interval".to_owned(),
        format!("{} per million", first.currency),
        "invocations".to_owned(),
        "errors".to_owned(),
        String::new(),
    ];
    table.set_header(header);
    for rival in rivals {
        let selected = selection.filter(|selection| selection.memory_size == rival.memory_size);
        table.add_row([
            rival.memory_size.to_string(),
            rival
                .average_duration_ms
                .map_or_else(|| "-".to_owned(), |duration| format!("{:.1}", duration.get())),
            match (rival.average_duration_low_ms, rival.average_duration_high_ms) {
                (Some(low), Some(high)) => format!("{:.1} to {high:.1}", low.max(0.0)),
                _ => "-".to_owned(),
            },
            rival.average_cost.map_or_else(|| "-".to_owned(), |cost| format!("{:.2}", cost.million())),
            rival.invocations.to_string(),
            rival.errors.to_string(),
            selected
                .map_or_else(String::new, |selection| format!("<- best by {}", selection.strategy.as_str())),
        ]);
    }
    for column in table.column_iter_mut().take(6) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let name = first.function_arn.name();
    let mut text = format!("{name} ({})\n{}", first.architecture, table.trim_fmt());
    if let Some(selection) = selection {
        text.push('\n');
        text.push_str(&verdict(selection));
    }
    text
}

fn verdict(selection: &Selection) -> String {
    let change = match (selection.original_memory_size, selection.cost_change, selection.duration_change) {
        (Some(original), _, _) if original == selection.memory_size => " (as it is)".to_owned(),
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
