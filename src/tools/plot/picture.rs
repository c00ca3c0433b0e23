//! Cost and duration by size as a picture: a row of two charts for each function.

use std::error::Error as StdError;
use std::sync::Once;

use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea as _};
use plotters::element::{Circle, PathElement};
use plotters::prelude::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::{Color as _, FontStyle, IntoFont as _, RGBColor, register_font};

use super::dots::{Dots, OfSize, Shown};
use super::runs::{Function, cost_of_billed_ms};
use crate::error::Error;
use crate::label::label_of_group;
use crate::records::Statistics;
use crate::report::percentage;
use crate::units::MemoryMB;

/// The most functions that a picture has room for.
const MOST: usize = 50;

const WIDTH: u32 = 1000;
const HEIGHT: u32 = 340;

/// The room of a size of five digits, and its mark, below its column.
const LABEL: u32 = 52;
/// The most labels of the other axis.
const TICKS: usize = 6;

const FAMILY: &str = "sans-serif";
const TEXT: RGBColor = RGBColor(27, 36, 48);
const DIM: RGBColor = RGBColor(91, 102, 118);
const LINE: RGBColor = RGBColor(221, 226, 233);
const BEST: RGBColor = RGBColor(11, 122, 75);
const WARM: RGBColor = RGBColor(47, 111, 221);
const COLD: RGBColor = RGBColor(194, 91, 31);
const WHITE: RGBColor = RGBColor(255, 255, 255);

/// Returns the picture as SVG.
///
/// # Errors
/// There are too many functions.
pub(super) fn svg(functions: &[Function], dots: &Dots) -> Result<String, Error> {
    let height = height(functions)?;
    let mut text = String::new();
    draw(&SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area(), functions, dots, 1)?;
    Ok(text)
}

/// Returns the picture as PNG, with twice as many pixels each way, as screens have today.
///
/// # Errors
/// There are too many functions.
pub(super) fn png(functions: &[Function], dots: &Dots) -> Result<Vec<u8>, Error> {
    const SCALE: u32 = 2;
    let (width, height) = (WIDTH * SCALE, height(functions)? * SCALE);
    let mut pixels = vec![0; (width * height * 3) as usize];
    let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
    draw(&area, functions, dots, SCALE)?;
    drop(area);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    written.map_err(failed)?;
    Ok(bytes)
}

fn height(functions: &[Function]) -> Result<u32, Error> {
    if functions.len() > MOST {
        return Err(Error::Failed(format!(
            "a picture has room for {MOST} functions, and these are {}; write a page with --output report.html",
            functions.len()
        )));
    }
    Ok(HEIGHT * functions.len() as u32)
}

fn failed(error: impl StdError) -> Error {
    Error::Failed(format!("the picture cannot be drawn: {error}"))
}

/// An average with its interval.
type Average = (f64, Option<(f64, f64)>);

/// One figure of the sizes, and of their invocations.
struct Figure {
    title: String,
    average: fn(&Statistics) -> Option<Average>,
    dot: fn(&Statistics, &Shown) -> Option<f64>,
}

fn duration(size: &Statistics) -> Option<Average> {
    let interval = size.average_duration_low_ms.zip(size.average_duration_high_ms);
    Some((size.average_duration_ms?.get(), interval))
}

fn cost(size: &Statistics) -> Option<Average> {
    let interval = size.average_cost_low.zip(size.average_cost_high);
    Some((size.average_cost?.million(), interval.map(|(low, high)| (low.million(), high.million()))))
}

fn cost_of(size: &Statistics, dot: &Shown) -> Option<f64> {
    Some(cost_of_billed_ms(size)?.million() * dot.billed_ms)
}

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    functions: &[Function],
    dots: &Dots,
    scale: u32,
) -> Result<(), Error> {
    static FONT: Once = Once::new();
    FONT.call_once(|| {
        let font = include_bytes!("assets/DejaVuSans-latin.ttf");
        register_font(FAMILY, FontStyle::Normal, font).unwrap_or_else(|_| unreachable!("it is a font"));
    });
    area.fill(&WHITE).map_err(failed)?;
    let rows = area.split_evenly((functions.len(), 1));
    for (function, row) in functions.iter().zip(rows) {
        let run = function.last();
        let first = &run.sizes[0];
        let chosen = run.chosen();
        let marks = Marks {
            best: chosen.as_ref().map(|chosen| chosen.memory),
            near: chosen.as_ref().map(|chosen| chosen.indistinguishable_from.clone()).unwrap_or_default(),
        };
        let name = label_of_group(&function.key.function, function.key.group.as_deref());
        let why = chosen.map(|chosen| {
            let what = if chosen.is_selected { "selected" } else { "the best" };
            let near = if marks.near.is_empty() { "" } else { "; ~ cannot be told apart from it" };
            format!(": {} MB is {what} by {}{near}", chosen.memory, chosen.strategy.as_str())
        });
        let why = why.unwrap_or_default();
        let title = format!("{name} ({}){why}", function.key.architecture);
        let font = (FAMILY, 15 * scale).into_font().color(&TEXT);
        let row = row.margin(8 * scale, 0, 0, 0).titled(&title, font).map_err(failed)?;
        let halves = row.split_evenly((1, 2));
        let level = run.sizes.iter().find_map(|size| size.confidence);
        let level = level.map(|level| format!("; bars: {} %", percentage(level))).unwrap_or_default();
        let dots = function.dots_of_last(dots);
        let has_dots = dots.iter().any(|size| size.count > 0);
        let legend = if has_dots { "; dots: invocations, cold starts in orange" } else { "" };
        let duration = Figure {
            title: format!("duration in ms by MB{level}{legend}"),
            average: duration,
            dot: |_, dot| Some(dot.duration_ms),
        };
        let cost = Figure {
            title: format!("{} per million invocations by MB{level}", first.currency),
            average: cost,
            dot: cost_of,
        };
        for (half, figure) in halves.iter().zip([duration, cost]) {
            chart(half, &figure, (&run.sizes, &dots), &marks, scale)?;
        }
    }
    area.present().map_err(failed)
}

/// The sizes to point at.
struct Marks {
    best: Option<MemoryMB>,
    /// Those that cannot be told apart from it.
    near: Vec<MemoryMB>,
}

/// Draws one figure of each size: a column for each, and nothing between them.
fn chart<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    figure: &Figure,
    (sizes, dots): (&[Statistics], &[OfSize]),
    marks: &Marks,
    scale: u32,
) -> Result<(), Error> {
    let averages: Vec<Option<Average>> = sizes.iter().map(figure.average).collect();
    let dots: Vec<(usize, f64, bool)> = sizes
        .iter()
        .zip(dots)
        .enumerate()
        .flat_map(|(at, (size, of))| {
            of.sample.iter().filter_map(move |dot| Some((at, (figure.dot)(size, dot)?, dot.is_cold)))
        })
        .collect();
    let ends = averages.iter().flatten().map(|(value, interval)| interval.map_or(*value, |(_, high)| high));
    let top = ends.chain(dots.iter().map(|(_, value, _)| *value)).fold(0.0, f64::max) * 1.08;
    let top = if top > 0.0 { top } else { 1.0 };
    let small = |color: &RGBColor| (FAMILY, 12 * scale).into_font().color(color);
    let mut chart = ChartBuilder::on(area)
        .margin(10 * scale)
        .caption(&figure.title, (FAMILY, 13 * scale).into_font().color(&DIM))
        .x_label_area_size(24 * scale)
        .y_label_area_size(52 * scale)
        .build_cartesian_2d(-0.6..sizes.len() as f64 - 0.4, 0.0..top)
        .map_err(failed)?;
    // The sizes are labelled below, each at its column.
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .bold_line_style(LINE)
        .axis_style(LINE)
        .x_labels(0)
        .y_labels(TICKS)
        .y_label_formatter(&|value| amount(*value, top))
        .y_label_style(small(&DIM))
        .draw()
        .map_err(failed)?;
    // As on the page: warm ones at the left of the average and cold ones at its right, spread evenly and always in the same
    // way.
    let dots = dots.into_iter().enumerate().map(|(number, (at, value, is_cold))| {
        let spread = 0.14 + 0.26 * (number as f64 * 0.618_033_988_7).fract();
        let (x, color) = if is_cold { (spread, COLD) } else { (-spread, WARM) };
        Circle::new((at as f64 + x, value), 2 * scale, color.mix(0.6).filled())
    });
    chart.draw_series(dots).map_err(failed)?;
    let columns = sizes.iter().zip(averages).enumerate();
    for (at, (size, average)) in columns {
        let Some((value, interval)) = average else { continue };
        let (x, color) = (at as f64, if marks.best == Some(size.memory_size) { BEST } else { TEXT });
        if let Some((low, high)) = interval {
            let low = low.max(0.0);
            let cap = 0.1;
            let strokes =
                [[(x, low), (x, high)], [(x - cap, low), (x + cap, low)], [(x - cap, high), (x + cap, high)]];
            let style = color.stroke_width(2 * scale);
            let strokes = strokes.map(|stroke| PathElement::new(stroke.to_vec(), style));
            chart.draw_series(strokes).map_err(failed)?;
        }
        chart.draw_series([Circle::new((x, value), 4 * scale, color.filled())]).map_err(failed)?;
    }
    let plotting = chart.plotting_area();
    // Where there is no room for all labels, every second one is drawn, or fewer, with that of the marked size.
    let room = plotting.dim_in_pixel().0.max(1) / sizes.len() as u32;
    let every = (LABEL * scale).div_ceil(room.max(1)) as usize;
    let marked_at = sizes.iter().position(|size| marks.best == Some(size.memory_size)).unwrap_or(0);
    for (at, size) in sizes.iter().enumerate().skip(marked_at % every).step_by(every) {
        let color = if marks.best == Some(size.memory_size) { &BEST } else { &DIM };
        let (x, y) = plotting.map_coordinate(&(at as f64, 0.0));
        let near = if marks.near.contains(&size.memory_size) { "~ " } else { "" };
        let text = format!("{near}{}", size.memory_size);
        let style = small(color).pos(plotters::style::text_anchor::Pos::new(
            plotters::style::text_anchor::HPos::Center,
            plotters::style::text_anchor::VPos::Top,
        ));
        let (left, upper) = area.get_base_pixel();
        area.draw_text(&text, &style, (x - left, y - upper + 6 * scale as i32)).map_err(failed)?;
    }
    Ok(())
}

/// Formats a figure at an axis from 0 to `top`, with the digits that tell the least step from the next.
fn amount(value: f64, top: f64) -> String {
    let least_step = top / (TICKS + 1) as f64;
    let digits = (-least_step.log10().floor()).clamp(0.0, 12.0) as usize;
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_an_axis_differ_however_low_it_is() {
        let labels = |step: f64, top| [1.0, 2.0, 3.0].map(|at| amount(at * step, top));
        assert_eq!(labels(0.001, 0.0054), ["0.0010", "0.0020", "0.0030"]);
        assert_eq!(labels(0.02, 0.13), ["0.02", "0.04", "0.06"]);
        assert_eq!(labels(20.0, 100.0), ["20", "40", "60"]);
    }
}
