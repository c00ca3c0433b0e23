//! The table of a function's sizes, for people.

use comfy_table::{CellAlignment, Table, presets};

use crate::decide::is_sound;
use crate::records::Statistics;
use crate::units::MemoryMB;

/// What the mark of a size on the Pareto front means.
const LEGEND: &str = "* no other size is both cheaper and faster";

/// Returns the table of the sizes of the function `name` on one architecture, at least one. `best` is the size
/// to point at, and what it is.
pub fn table(name: &str, rivals: &[&Statistics], best: Option<(MemoryMB, &str)>) -> String {
    let first = rivals[0];
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let header = [
        "memory MB".to_owned(),
        "duration ms".to_owned(),
        "95 % interval".to_owned(),
        format!("{} per million", first.currency),
        "invocations".to_owned(),
        "cold starts".to_owned(),
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
            rival.average_cost.map_or_else(|| "-".to_owned(), |cost| amount(cost.million())),
            rival.invocations.to_string(),
            rival.cold_starts.to_string(),
            rival.errors.to_string(),
            match best {
                Some((_, what)) => format!("<- {what}"),
                None if rival.out_of_memory_errors > 0 => "out of memory".to_owned(),
                None if !is_sound(rival) => "fails".to_owned(),
                None if rival.pareto == Some(true) => "*".to_owned(),
                None => String::new(),
            },
        ]);
    }
    for column in table.column_iter_mut().take(7) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let text = format!("{name} ({})\n{}", first.architecture, table.trim_fmt());
    // The best needs no mark.
    let is_marked = |rival: &&Statistics| {
        rival.pareto == Some(true) && best.is_none_or(|(size, _)| size != rival.memory_size)
    };
    if rivals.iter().any(is_marked) { format!("{text}\n{LEGEND}") } else { text }
}

/// Formats an amount to two decimals, or to four if it is less than one: a million short invocations cost
/// some cents, and sizes would look the same.
fn amount(amount: f64) -> String {
    let digits = if amount < 1.0 { 4 } else { 2 };
    format!("{amount:.digits$}")
}
