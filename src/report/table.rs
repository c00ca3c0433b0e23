//! The table of a function's sizes, for people.

use comfy_table::{CellAlignment, Table, presets};

use crate::decide::{Limit, is_sound};
use crate::message::counted;
use crate::records::{Objective, Statistics, Verdict};
use crate::units::{MemoryMB, Millis, Money};

use super::chart::chart;
use super::percentage::percentage;
use super::text::{Text, Tone};

/// The greatest width of a figure. With it, and the widths of the headers, a line has 80 columns at most.
const FIGURE: usize = 6;

/// What is known of the sizes of a function besides their figures.
#[derive(Debug, Default)]
pub struct Marks<'a> {
    /// The size to point at.
    pub selected: Option<MemoryMB>,
    /// The sizes that cannot be told apart from it.
    pub near: Vec<MemoryMB>,
    /// The size before the run.
    pub original: Option<MemoryMB>,
    /// Whether the verdicts in the statistics are under the strategy by which the size was selected.
    pub has_verdicts: bool,
    /// What each size must meet.
    pub limits: &'a [Limit],
}

impl Marks<'_> {
    fn mark(&self, size: &Statistics) -> &'static str {
        match size.memory_size {
            memory if Some(memory) == self.selected => ">",
            memory if self.near.contains(&memory) => "~",
            _ => "",
        }
    }

    /// Returns what is to be said of a size: eight characters at most, unless the function fails there.
    fn word(&self, size: &Statistics) -> &'static str {
        if size.out_of_memory_errors > 0 {
            return "out of memory";
        }
        let is_selected = Some(size.memory_size) == self.selected;
        match size.verdict.filter(|_| self.has_verdicts) {
            _ if !is_sound(size) => "fails",
            Some(Verdict::Best) if is_selected => "best",
            _ if is_selected => "selected",
            _ if !self.limits.iter().all(|limit| limit.is_met(size)) => "excluded",
            Some(Verdict::Best) => "best",
            Some(Verdict::Equivalent) => "as good",
            Some(Verdict::Undecided) => "unclear",
            Some(Verdict::Worse) => "worse",
            None => "",
        }
    }

    fn tone(&self, size: &Statistics) -> Tone {
        match size {
            size if !is_sound(size) => Tone::Bad,
            size if Some(size.memory_size) == self.selected => Tone::Good,
            _ => Tone::Plain,
        }
    }
}

/// Returns the table and the chart of the sizes of the function `name` on one architecture, at least one.
pub fn table(name: &str, rivals: &[&Statistics], marks: &Marks<'_>) -> Text {
    let first = rivals[0];
    let is_original = |rival: &&&Statistics| Some(rival.memory_size) == marks.original && is_sound(rival);
    let original = rivals.iter().find(is_original).and_then(|original| original.average_cost);
    let original = original.filter(|original| original.0 > 0.0);
    let columns = [
        Column::new("", rivals, |rival| marks.mark(rival).to_owned()).padded(0, 0),
        Column::new("\nMB", rivals, |rival| rival.memory_size.to_string()),
    ];
    let half = |low: Option<f64>, high: Option<f64>| Some((high? - low?) / 2.0);
    let durations = with_intervals("mean\nms", rivals, |rival| {
        let half = half(rival.average_duration_low_ms, rival.average_duration_high_ms);
        (rival.average_duration_ms.map(Millis::get), half)
    });
    let cost_header = format!("{} per\nmillion", first.currency);
    let costs = with_intervals(&cost_header, rivals, |rival| {
        let [low, high] =
            [rival.average_cost_low, rival.average_cost_high].map(|end| end.map(Money::million));
        (rival.average_cost.map(Money::million), half(low, high))
    });
    let (quantile, of_quantile) = quantile(first.objective.unwrap_or_default());
    let quantiles: Vec<_> = rivals.iter().map(|rival| of_quantile(rival).map(Millis::get)).collect();
    let quantiles = Column { header: format!("{quantile}\nms"), cells: figures(&quantiles), padding: (1, 1) };
    let is_quantile_known = quantiles.cells.iter().any(|cell| cell != "-");
    let counts = [
        ("cold\nstarts", (|rival| rival.cold_starts) as fn(&Statistics) -> u64),
        ("\nerrors", |rival| rival.errors),
    ];
    let counts = counts.into_iter().filter(|(_, of)| rivals.iter().any(|rival| of(rival) > 0));
    let counts = counts.map(|(header, of)| Column::new(header, rivals, |rival| count(of(rival))));
    // Of a size at which the function fails, the cost is of no use. So what is said of it takes the room of the change.
    let header = if original.is_some() { "  cost\nvs now  verdict" } else { "\nverdict" };
    let last = Column::new(header, rivals, |rival| match (original, rival.average_cost) {
        (None, _) => marks.word(rival).to_owned(),
        _ if !is_sound(rival) => marks.word(rival).to_owned(),
        (Some(original), Some(cost)) => {
            format!(
                "{:>FIGURE$}  {}",
                change(marks.original, rival, cost.0 / original.0 - 1.0),
                marks.word(rival)
            )
        }
        (Some(_), None) => format!("{:>FIGURE$}  {}", "-", marks.word(rival)),
    });

    let mut all: Vec<Column> = columns.into_iter().chain(durations).collect();
    all.extend(Some(quantiles).filter(|_| is_quantile_known));
    all.extend(costs.into_iter().chain(counts));
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    all.push(last);
    table.set_header(all.iter().map(|column| &column.header));
    table.add_rows((0..rivals.len()).map(|row| all.iter().map(move |column| &column.cells[row])));
    let last = all.len() - 1;
    for (at, (column, Column { padding, .. })) in table.column_iter_mut().zip(&all).enumerate() {
        column.set_padding(*padding);
        column.set_cell_alignment(if at == last { CellAlignment::Left } else { CellAlignment::Right });
    }

    let mut text = Text::default();
    text.paragraph(Tone::Title, &format!("{name} ({})", first.architecture));
    text.paragraph(Tone::Plain, &subtitle(rivals));
    let lines: Vec<String> = table.lines().collect();
    let tones = rivals.iter().map(|rival| marks.tone(rival));
    let headers = lines.len() - rivals.len();
    for (line, tone) in lines.iter().zip(std::iter::repeat_n(Tone::Plain, headers).chain(tones)) {
        text.line(tone, line.trim_end());
    }
    text.append(chart(rivals, marks.selected, |rival| (marks.mark(rival), marks.tone(rival))));
    text
}

/// Returns what is true of all figures.
fn subtitle(rivals: &[&Statistics]) -> String {
    let invocations = || rivals.iter().map(|rival| rival.invocations);
    let (least, most) = (invocations().min().unwrap_or(0), invocations().max().unwrap_or(0));
    let invocations =
        if least == most { counted(most, "invocation") } else { format!("{least} to {most} invocations") };
    let level = rivals.iter().find_map(|rival| rival.confidence);
    let level = level.map(|level| format!("; ±: {} %", percentage(level))).unwrap_or_default();
    let trimmed = rivals.iter().find(|rival| rival.discarded > 0).map(|rival| rival.discard_top_bottom);
    let trimmed =
        trimmed.map(|share| format!("; means without the fastest and slowest {} %", percentage(share)));
    format!("{invocations} at each size{}; cost without requests{level}", trimmed.unwrap_or_default())
}

/// Returns the quantile to show: that which the strategy compares, or the 95th percentile.
fn quantile(objective: Objective) -> (&'static str, fn(&Statistics) -> Option<Millis>) {
    match objective {
        Objective::P50 => ("p50", |size| size.p50_duration_ms),
        Objective::P90 => ("p90", |size| size.p90_duration_ms),
        Objective::P99 => ("p99", |size| size.p99_duration_ms),
        Objective::Mean | Objective::P95 => ("p95", |size| size.p95_duration_ms),
    }
}

/// A column of the table.
struct Column {
    header: String,
    cells: Vec<String>,
    /// The spaces at its left and its right.
    padding: (u16, u16),
}

impl Column {
    fn new(header: &str, rivals: &[&Statistics], cell: impl Fn(&Statistics) -> String) -> Column {
        let cells = rivals.iter().map(|rival| cell(rival)).collect();
        Column { header: header.to_owned(), cells, padding: (1, 1) }
    }

    fn padded(self, left: u16, right: u16) -> Column {
        Column { padding: (left, right), ..self }
    }
}

/// Returns the column of a figure, and that of half the width of its interval if any size has one.
fn with_intervals(
    header: &str,
    rivals: &[&Statistics],
    of: impl Fn(&Statistics) -> (Option<f64>, Option<f64>),
) -> Vec<Column> {
    let (values, halves): (Vec<_>, Vec<_>) = rivals.iter().map(|rival| of(rival)).unzip();
    let values_column =
        |right| Column { header: header.to_owned(), cells: figures(&values), padding: (1, right) };
    if halves.iter().all(Option::is_none) {
        return vec![values_column(1)];
    }
    let digits = digits(&values);
    let half = |half: &Option<f64>| half.map(|half| format!("±{}", figure(half, digits, FIGURE - 1)));
    let cells = halves.iter().map(|value| half(value).unwrap_or_default()).collect();
    vec![values_column(0), Column { header: String::new(), cells, padding: (1, 1) }]
}

/// Formats figures alike, so that the eye compares them.
fn figures(values: &[Option<f64>]) -> Vec<String> {
    let digits = digits(values);
    let cell =
        |value: &Option<f64>| value.map_or_else(|| "-".to_owned(), |value| figure(value, digits, FIGURE));
    values.iter().map(cell).collect()
}

/// Returns the number of decimals that tell the least of the figures from one that is a hundredth greater.
fn digits(values: &[Option<f64>]) -> usize {
    let least = values.iter().flatten().copied().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
    match least {
        ..1.0 => 4,
        ..100.0 => 2,
        _ => 1,
    }
}

/// Formats a figure in at most `width` characters, at least five, with as many decimals as fit. It is not negative.
fn figure(value: f64, digits: usize, width: usize) -> String {
    let fits = |text: &String| text.len() <= width;
    let decimal = (0..=digits).rev().map(|digits| format!("{value:.digits$}")).find(fits);
    decimal.unwrap_or_else(|| format!("{value:.0e}"))
}

fn count(count: u64) -> String {
    figure(count as f64, 0, FIGURE)
}

/// Formats the change of the cost from the original size.
fn change(original: Option<MemoryMB>, rival: &Statistics, change: f64) -> String {
    match rough_percent(change) {
        _ if Some(rival.memory_size) == original => "now".to_owned(),
        text if text.len() <= FIGURE => text,
        // So much dearer that a factor says more.
        _ => format!("x{}", figure(change + 1.0, 0, FIGURE - 1)),
    }
}

/// Formats a change in percent with its sign, and with a decimal if it is small.
pub fn rough_percent(fraction: f64) -> String {
    let (percent, digits) = (fraction * 100.0, usize::from(fraction.abs() < 0.0995));
    format!("{percent:+.digits$} %")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::report::text::WIDTH;

    fn size(memory: u32, figure: f64, count: u64, verdict: &str) -> Statistics {
        let value = json!({
            "type": "statistics", "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:f",
            "memorySizeMB": memory, "currency": "USD", "invocations": count, "discarded": 0, "errors": count / 2,
            "functionErrors": if verdict == "worse" { count / 2 } else { 0 },
            "outOfMemoryErrors": if verdict == "undecided" { count / 2 } else { 0 }, "coldStarts": count,
            "averageDurationMs": figure, "p95DurationMs": figure, "averageDurationLowMs": -figure,
            "averageDurationHighMs": figure * 3.0, "averageCost": figure, "averageCostLow": 0.0,
            "averageCostHigh": figure * 7.0, "confidence": 0.95, "totalCost": 0.0, "discardTopBottom": 0.2,
            "strategy": "cost", "balancedWeight": 0.5, "verdict": verdict,
        });
        serde_json::from_value(value).expect("a record")
    }

    prop_compose! {
        fn any_size()(
            memory in 128..=10_240_u32,
            exponent in -12.0..12.0,
            count in prop_oneof![0..20_u64, 0..u64::MAX / 2],
            verdict in prop::sample::select(vec!["best", "equivalent", "worse", "undecided"]),
        ) -> Statistics {
            size(memory, 10_f64.powf(exponent), count, verdict)
        }
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_80_columns(
            sizes in prop::collection::vec(any_size(), 1..20),
            name in "[a-z-]{1,64}( in [a-z]{2}-central-1 of account [0-9]{12})?",
        ) {
            let rivals: Vec<&Statistics> = sizes.iter().collect();
            let original = Some(sizes[0].memory_size);
            let near = vec![sizes[sizes.len() / 2].memory_size];
            let marks = Marks { selected: original, near, original, has_verdicts: true, limits: &[] };
            let text = table(&name, &rivals, &marks).for_stdout();
            for line in text.lines() {
                prop_assert!(line.chars().count() <= usize::from(WIDTH), "{}", text);
            }
            let (_, chart) = text.rsplit_once("\n\n").unwrap_or_default();
            prop_assert!(chart.lines().count() <= 10, "{}", text);
        }

        #[test]
        fn a_figure_has_at_most_its_width(exponent in -300.0..300.0, width in 5..8_usize) {
            prop_assert!(figure(10_f64.powf(exponent), 4, width).len() <= width);
        }
    }

    #[test]
    fn figures_of_a_column_have_the_same_decimals() {
        assert_eq!(figures(&[Some(812.61), Some(56.84), None]), ["812.61", "56.84", "-"]);
        assert_eq!(figures(&[Some(0.0213), Some(1.5)]), ["0.0213", "1.5000"]);
        assert_eq!(figures(&[Some(12_345.6), Some(900_000.0)]), ["12346", "900000"]);
        assert_eq!(figures(&[Some(1e12)]), ["1e12"]);
    }
}
