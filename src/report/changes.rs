//! The table of what changed at the sizes of a function, for people.

use comfy_table::{CellAlignment, Table, presets};

use crate::records::{Comparison, Quantity};

use super::text::{Text, Tone};

/// What the mark of a change means.
const LEGEND: &str = "* not by chance, at 5 % after the correction for the number of comparisons";

/// Returns the table of the sizes of the function `name` on one architecture, at least one.
pub fn changes(name: &str, sizes: &[Comparison]) -> Text {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["MB", "cost", "", "duration", "", "p95", ""]);
    let mut is_any_significant = false;
    for size in sizes {
        let mut row = vec![size.memory_size.to_string()];
        for quantity in Quantity::ALL {
            let Some(change) = size.change(quantity) else {
                row.extend(["-".to_owned(), String::new()]);
                continue;
            };
            let is_significant = change.is_significant(size.confidence);
            is_any_significant |= is_significant;
            let mark = if is_significant { '*' } else { ' ' };
            let half = short((change.high - change.low) / 2.0);
            row.extend([short(change.change), format!("±{} {mark}", half.trim_start_matches('+'))]);
        }
        table.add_row(row);
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_cell_alignment(CellAlignment::Right);
        column.set_padding(if at % 2 == 0 { (1, 1) } else { (2, 0) });
    }
    let mut text = Text::default();
    text.paragraph(Tone::Title, &format!("{name} ({}), change in %", sizes[0].architecture));
    table.lines().for_each(|line| text.line(Tone::Plain, line.trim_end()));
    if is_any_significant {
        text.line(Tone::Plain, LEGEND);
    }
    text
}

/// Formats a change in percent, with its sign.
pub fn percent(fraction: f64) -> String {
    format!("{:+.1} %", fraction * 100.0)
}

/// Formats a change in percent, in a few characters.
fn short(fraction: f64) -> String {
    let percent = fraction * 100.0;
    if percent.abs() < 99_999.0 { format!("{percent:+.1}") } else { format!("{percent:+.0e}") }
}
