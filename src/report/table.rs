//! The table of a function's sizes that a person sees.

use comfy_table::{CellAlignment, Table, presets};

use crate::records::{Statistics, Strategy};
use crate::units::MemoryMB;

/// The sizes of one function on one architecture, of which there is one at least, and which of them is best by what.
pub fn table(rivals: &[&Statistics], best: Option<(MemoryMB, Strategy)>) -> String {
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
        let best = best.filter(|(size, _)| *size == rival.memory_size);
        table.add_row([
            rival.memory_size.to_string(),
            rival
                .average_duration_ms
                .map_or_else(|| "-".to_owned(), |duration| format!("{:.1}", duration.get())),
            match (rival.average_duration_low_ms, rival.average_duration_high_ms) {
                (Some(low), Some(high)) => format!("{:.1} to {high:.1}", low.max(0.0)),
                _ => "-".to_owned(),
            },
            rival.average_cost.map_or_else(|| "-".to_owned(), |cost| in_cents(cost.million())),
            rival.invocations.to_string(),
            rival.errors.to_string(),
            best.map_or_else(String::new, |(_, strategy)| format!("<- best by {}", strategy.as_str())),
        ]);
    }
    for column in table.column_iter_mut().take(6) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let name = first.function_arn.name();
    format!("{name} ({})\n{}", first.architecture, table.trim_fmt())
}

/// Short functions cost some cents a million: then cents alone would not tell sizes apart.
fn in_cents(amount: f64) -> String {
    let digits = if amount < 1.0 { 4 } else { 2 };
    format!("{amount:.digits$}")
}
