//! The page: one file that needs nothing else. The records become JSON in it, and page.js draws them.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::dots::{Dots, OfSize, Shown};
use super::runs::{Chosen, Function, Key, Run, cost_of_billed_ms};
use crate::decide::{Candidate, is_sound, pareto_front};
use crate::label::label;
use crate::names::Architecture;
use crate::records::{BalancedWeight, Objective, Proposal, Starts, Statistics, Strategy, Verdict};
use crate::units::{Currency, MemoryMB, Millis, Money};

const UPLOT: &str = include_str!("assets/uPlot.iife.min.js");
const UPLOT_STYLE: &str = include_str!("assets/uPlot.min.css");
const UPLOT_LICENSE: &str = include_str!("assets/uPlot-LICENSE.txt");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Returns the page of the functions. Its policy lets nothing run but its own scripts, and no request leave:
/// <https://www.w3.org/TR/CSP3/>
pub(super) fn page(functions: &[Function], dots: &Dots) -> String {
    let data = Data {
        version: env!("CARGO_PKG_VERSION"),
        functions: functions.iter().map(|function| Section::of(function, dots)).collect(),
    };
    let data = serde_json::to_string(&data).expect("string keys and finite numbers");
    let style = format!("{UPLOT_STYLE}{STYLE}");
    let hash = |text: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)));
    let policy = format!(
        "default-src 'none'; script-src {} {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        hash(UPLOT),
        hash(SCRIPT),
        hash(&style)
    );
    // What others wrote comes last, so that nothing is looked for in it.
    include_str!("page.html")
        .replace("{policy}", &policy)
        .replace("{style}", &style)
        .replace("{license}", UPLOT_LICENSE.trim_end())
        .replace("{uplot}", UPLOT)
        .replace("{script}", SCRIPT)
        // JSON in a script element ends at `</script`, and `<!--` changes what ends it.
        .replace("{data}", &data.replace('<', "\\u003c"))
}

#[derive(Serialize)]
struct Data<'a> {
    version: &'static str,
    functions: Vec<Section<'a>>,
}

/// A function in its last run, and the runs before.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Section<'a> {
    name: String,
    arn: String,
    architecture: Architecture,
    group: Option<&'a str>,
    run: String,
    currency: &'a Currency,
    strategy: Strategy,
    balanced_weight: BalancedWeight,
    objective: Objective,
    starts: Starts,
    cold_start_rate: Option<f64>,
    confidence: Option<f64>,
    request_cost: Option<Money>,
    original: Option<MemoryMB>,
    chosen: Option<Chosen>,
    proposals: &'a [Proposal],
    sizes: Vec<Size>,
    /// Of each size the number of its invocations.
    dot_counts: Vec<usize>,
    /// The position of the size, the duration, the billed duration, and 1 for a cold start.
    dots: Vec<(usize, f64, f64, u8)>,
    /// All runs, if there are several.
    history: Vec<Point>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Size {
    memory: MemoryMB,
    is_sound: bool,
    is_on_front: bool,
    verdict: Option<Verdict>,
    cost: Option<Money>,
    cost_low: Option<Money>,
    cost_high: Option<Money>,
    /// The cost of a billed millisecond, by which each invocation's cost is known.
    rate: Option<f64>,
    duration: Option<f64>,
    duration_low: Option<f64>,
    duration_high: Option<f64>,
    /// What the strategy compares.
    objective_duration: Option<f64>,
    p95: Option<f64>,
    p95_low: Option<f64>,
    p95_high: Option<f64>,
    invocations: u64,
    cold_starts: u64,
    errors: u64,
    out_of_memory_errors: u64,
}

/// A run in the history.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Point {
    name: String,
    /// Seconds since 1970.
    time: Option<f64>,
    sizes: Vec<Size>,
}

impl<'a> Section<'a> {
    fn of(function: &'a Function, dots: &Dots) -> Section<'a> {
        let Function { key: Key { function: arn, architecture, group }, runs } = function;
        let run = function.last();
        let first = &run.sizes[0];
        let of_sizes = function.dots_of_last(dots);
        let shown = |(at, size): (usize, &OfSize)| {
            let dot = move |dot: &Shown| (at, dot.duration_ms, dot.billed_ms, u8::from(dot.is_cold));
            size.sample.iter().map(dot).collect::<Vec<_>>()
        };
        let point = |(at, run): (usize, &'a Run)| Point {
            name: run.name(at + 1),
            time: run.began_at.map(|time| time.to_unix_millis() as f64 / 1000.0),
            sizes: sizes(run),
        };
        Section {
            name: label(arn),
            arn: arn.to_string(),
            architecture: *architecture,
            group: group.as_deref(),
            run: run.name(runs.len()),
            currency: &first.currency,
            strategy: first.strategy,
            balanced_weight: first.balanced_weight,
            objective: first.objective.unwrap_or_default(),
            starts: first.starts,
            cold_start_rate: first.cold_start_rate,
            confidence: run.sizes.iter().find_map(|size| size.confidence),
            request_cost: first.request_cost,
            original: run.original,
            chosen: run.chosen(),
            proposals: &run.proposals,
            sizes: sizes(run),
            dot_counts: of_sizes.iter().map(|size| size.count).collect(),
            dots: of_sizes.iter().enumerate().flat_map(shown).collect(),
            history: if runs.len() > 1 { runs.iter().enumerate().map(point).collect() } else { Vec::new() },
        }
    }
}

fn sizes(run: &Run) -> Vec<Size> {
    let candidates: Vec<Candidate> = run.sizes.iter().filter_map(Candidate::of).collect();
    let mut front = pareto_front(&candidates).into_iter();
    let is_on_front =
        move |size: &Statistics| Candidate::of(size).is_some_and(|_| front.next() == Some(true));
    run.sizes.iter().scan(is_on_front, |is_on_front, size| Some(Size::of(size, is_on_front(size)))).collect()
}

impl Size {
    fn of(size: &Statistics, is_on_front: bool) -> Size {
        let ms = |duration: Option<Millis>| duration.map(Millis::get);
        Size {
            memory: size.memory_size,
            is_sound: is_sound(size),
            is_on_front,
            verdict: size.verdict,
            cost: size.average_cost,
            cost_low: size.average_cost_low,
            cost_high: size.average_cost_high,
            rate: cost_of_billed_ms(size).map(|cost| cost.0),
            duration: ms(size.average_duration_ms),
            duration_low: size.average_duration_low_ms,
            duration_high: size.average_duration_high_ms,
            objective_duration: ms(size.objective_duration()),
            p95: ms(size.p95_duration_ms),
            p95_low: ms(size.p95_duration_low_ms),
            p95_high: ms(size.p95_duration_high_ms),
            invocations: size.invocations,
            cold_starts: size.cold_starts,
            errors: size.errors,
            out_of_memory_errors: size.out_of_memory_errors,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_others_are_those_of_the_note_beside_them() {
        let note = include_str!("assets/README.md");
        let font = include_bytes!("assets/DejaVuSans-latin.ttf");
        for (name, bytes) in [
            ("uPlot.iife.min.js", UPLOT.as_bytes()),
            ("uPlot.min.css", UPLOT_STYLE.as_bytes()),
            ("DejaVuSans-latin.ttf", font),
        ] {
            let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            let line = note.lines().find(|line| line.contains(name)).expect("a line of the table");
            assert!(line.contains(&hash), "{name} is {hash}");
        }
    }
}
