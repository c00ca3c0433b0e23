//! The table of what changed at the sizes of a function, for people.

use comfy_table::{CellAlignment, Table, presets};

use crate::records::{Comparison, Quantity};

/// Returns the table of the sizes of the function `name` on one architecture, at least one.
pub fn changes(name: &str, sizes: &[Comparison]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let interval = "95 % interval";
    table.set_header(["memory MB", "cost", interval, "duration", interval, "p95", interval, ""]);
    for size in sizes {
        let mut row = vec![size.memory_size.to_string()];
        let mut significant = Vec::new();
        for quantity in Quantity::ALL {
            let Some(change) = size.change(quantity) else {
                row.extend(["-".to_owned(), "-".to_owned()]);
                continue;
            };
            row.extend([
                percent(change.change),
                format!("{} to {}", percent(change.low), percent(change.high)),
            ]);
            if change.is_significant(size.confidence) {
                let direction = if change.change > 0.0 { "rose" } else { "fell" };
                significant.push(format!("{} {direction}", quantity.as_str()));
            }
        }
        row.push(if significant.is_empty() {
            String::new()
        } else {
            format!("<- {}", significant.join(", "))
        });
        table.add_row(row);
    }
    for column in table.column_iter_mut().take(7) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{name} ({}), change\n{}", sizes[0].architecture, table.trim_fmt())
}

/// Formats a change in percent, with its sign.
pub fn percent(fraction: f64) -> String {
    format!("{:+.1} %", fraction * 100.0)
}
