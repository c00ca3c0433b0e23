//! The chart of cost and duration by size: two bars side by side.

use crate::records::Statistics;
use crate::units::MemoryMB;

use super::text::{Text, Tone, WIDTH};

/// More sizes are represented by some of them, so that the chart has ten lines at most.
const MOST_SIZES: usize = 9;

/// The columns of a bar: two of them fit beside a mark and a size of five digits.
const BAR: usize = (WIDTH as usize - 12) / 2;

/// Returns the chart of the sizes of a function that have a result; nothing if that is fewer than two. `mark_of` is how a
/// size is marked in the table, too.
pub(super) fn chart(
    rivals: &[&Statistics],
    selected: Option<MemoryMB>,
    mark_of: impl Fn(&Statistics) -> (&'static str, Tone),
) -> Text {
    let figures = |rival: &Statistics| Some((rival.average_cost?.0, rival.average_duration_ms?.get()));
    let measured: Vec<_> =
        rivals.iter().filter_map(|rival| figures(rival).map(|figures| (*rival, figures))).collect();
    let mut text = Text::default();
    if measured.len() < 2 {
        return text;
    }
    let (costs, durations): (Vec<f64>, Vec<f64>) = measured.iter().map(|(_, figures)| *figures).unzip();
    let greatest = |values: Vec<f64>| values.into_iter().fold(0.0, f64::max);
    let (greatest_cost, greatest_duration) = (greatest(costs), greatest(durations));
    let width = rivals.iter().map(|rival| rival.memory_size.to_string().len()).max().unwrap_or(0);
    text.line(Tone::Plain, &format!("{:width$}    {:BAR$}  mean duration", "", "cost"));
    let is_selected = |rival: &Statistics| Some(rival.memory_size) == selected;
    for sizes in measured.chunks(measured.len().div_ceil(MOST_SIZES)) {
        let (rival, (cost, duration)) =
            sizes.iter().find(|(rival, _)| is_selected(rival)).unwrap_or(&sizes[0]);
        let (mark, tone) = mark_of(rival);
        let line = format!(
            "{mark:1} {:>width$}  {:BAR$}  {}",
            rival.memory_size.get(),
            bar(cost / greatest_cost),
            bar(duration / greatest_duration)
        );
        text.line(tone, line.trim_end());
    }
    text
}

/// Returns a bar of a share of the greatest, to an eighth of a column.
fn bar(share: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    // Of a share that is not a number, because the greatest is 0, there is nothing to see.
    let eighths = (share * (BAR * 8) as f64).round() as usize;
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        let lengths = [0.0, 0.001, 0.5, 1.0, f64::NAN].map(|share| bar(share).chars().count());
        assert_eq!(lengths, [0, 0, 17, 34, 0]);
        assert_eq!(bar(1.0 / 34.0 / 8.0), "▏");
    }
}
