//! `lpt-plot`.

use serde_json::{Value, json};

use crate::analyze::golden;
use crate::common::chromium::{self, Page};
use crate::common::records::{Record, end, invocation, lines, plan, selection, statistics};
use crate::common::{Folder, Ran, Tool};

/// The sizes of two functions, of which each strategy prefers another one.
const SIZES: [(u32, f64, f64); 4] =
    [(128, 1e-6, 900.0), (512, 1.1e-6, 400.0), (1024, 1.9e-6, 200.0), (2048, 4e-6, 190.0)];

fn measured(function: &str) -> Vec<Record> {
    SIZES
        .map(|(memory, cost, duration)| {
            statistics(function)
                .memory(memory)
                .with("averageCost", cost)
                .with("averageDurationMs", duration)
                .with("averageBilledDurationMs", duration)
                .with("averageCostLow", cost * 0.9)
                .with("averageCostHigh", cost * 1.1)
                .with("averageDurationLowMs", duration * 0.9)
                .with("averageDurationHighMs", duration * 1.1)
                .with("p95DurationMs", duration * 1.5)
        })
        .to_vec()
}

fn text(records: impl IntoIterator<Item = Record>) -> String {
    lines(records.into_iter().chain([end("lpt-analyze")]))
}

/// Returns the records in a page.
#[track_caller]
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").expect("data");
    serde_json::from_str(rest.split("</script>").next().unwrap()).unwrap()
}

#[track_caller]
fn plotted(input: String) -> Ran {
    Tool::new("lpt-plot").stdin(input).run().succeeds()
}

#[test]
fn a_file_and_stdin_give_the_same_page() {
    let folder = Folder::new();
    let from_file = Tool::new("lpt-plot").arg(golden("2-statistics.ndjson")).run().succeeds();
    let output = folder.path("report.html");
    let input = std::fs::read_to_string(golden("2-statistics.ndjson")).unwrap();
    Tool::new("lpt-plot").arg("--output").arg(&output).stdin(input).run().succeeds();
    assert_eq!(std::fs::read_to_string(&output).unwrap() + "\n", from_file.stdout);
    assert_eq!(std::fs::read_dir(folder.path("")).unwrap().count(), 1, "no hidden file is left");
}

#[test]
fn without_statistics_there_is_nothing_to_plot() {
    let folder = Folder::new();
    let output = folder.path("report.html");
    let input = text([invocation("f")]);
    let ran = Tool::new("lpt-plot").arg("--output").arg(&output).stdin(input).run();
    ran.fails_with(1, &["no statistics records", "lpt-analyze runs.ndjson | lpt-plot"]);
    assert!(!output.exists());
}

#[test]
fn a_name_says_the_form_or_is_refused() {
    let folder = Folder::new();
    for (name, begins) in
        [("a.html", &b"<!DOCTYPE html>"[..]), ("a.SVG", b"<svg "), ("a.png", b"\x89PNG\r\n")]
    {
        let output = folder.path(name);
        Tool::new("lpt-plot").arg("--output").arg(&output).stdin(text(measured("f"))).run().succeeds();
        assert!(std::fs::read(&output).unwrap().starts_with(begins), "{name}");
    }
    for name in ["a.pdf", "a"] {
        let ran = Tool::new("lpt-plot").args(["--output", name]).stdin("").run();
        ran.fails_with(2, &[name, ".html, .svg or .png"]);
    }
}

#[test]
fn a_cut_off_input_is_drawn_with_a_warning() {
    let ran = Tool::new("lpt-plot").stdin(lines(measured("f"))).run();
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.contains("warning: the input has no end record"), "{}", ran.stderr);
    assert_eq!(data(&ran.stdout)["functions"][0]["sizes"].as_array().unwrap().len(), 4);
}

#[test]
fn a_bad_line_is_named_and_no_file_is_written() {
    let folder = Folder::new();
    let output = folder.path("report.html");
    let input = text(measured("f").into_iter().chain([statistics("f").with("averageCost", "much")]));
    let ran = Tool::new("lpt-plot").arg("--output").arg(&output).stdin(input).run();
    ran.fails_with(65, &["stdin:5: averageCost: expected"]);
    assert!(!output.exists());
}

#[test]
fn each_function_has_a_section_and_a_picture_a_row() {
    let both = text(measured("f").into_iter().chain(measured("g")));
    let page = data(&plotted(both.clone()).stdout);
    let names: Vec<&Value> =
        page["functions"].as_array().unwrap().iter().map(|section| &section["name"]).collect();
    assert_eq!(names, ["f", "g"]);
    let folder = Folder::new();
    let output = folder.path("a.svg");
    Tool::new("lpt-plot").arg("--output").arg(&output).stdin(both).run().succeeds();
    let svg = std::fs::read_to_string(&output).unwrap();
    for word in ["f (x86_64): 128 MB is the best by cost", "g (x86_64)", "2048"] {
        assert!(svg.contains(word), "no {word}");
    }
    let many = text((0..51).flat_map(|n| measured(&format!("f{n}"))));
    let ran = Tool::new("lpt-plot").arg("--output").arg(&output).stdin(many).run();
    ran.fails_with(1, &["room for 50 functions", "--output report.html"]);
}

/// Cold starts have a colour of their own.
#[test]
fn a_picture_has_a_dot_for_each_invocation_and_marks_sizes_that_cannot_be_told_apart() {
    let invocations = (0..12).map(|index| {
        let (size, duration) = [(128, 80.0), (512, 20.0)][index % 2];
        let one = invocation("f").memory(size).duration(duration + index as f64);
        one.with("coldStart", index < 2).with("requestId", format!("request-{index}"))
    });
    let folder = Folder::new();
    let runs = folder.file("runs.ndjson", &text(invocations));
    let analyzed = Tool::new("lpt-analyze").arg(&runs).run().succeeds();
    let output = folder.path("a.svg");
    let tool = Tool::new("lpt-plot").args(["-", runs.to_str().unwrap(), "--output"]).arg(&output);
    tool.stdin(analyzed.stdout).run().succeeds();
    let svg = std::fs::read_to_string(&output).unwrap();
    assert_eq!(svg.matches("<circle").count(), 2 * (2 + 12), "{svg}");
    assert_eq!(svg.matches("#C25B1F").count(), 2 * 2, "{svg}");
    assert!(svg.contains("~ cannot be told apart from it"), "{svg}");
    assert_eq!(svg.matches("\n~ 128\n").count() + svg.matches("\n~ 512\n").count(), 2, "{svg}");
}

/// As where a file of records has a result beside it.
#[test]
fn of_several_analyses_of_a_run_the_first_is_shown() {
    let run = plan("f").with("originalMemorySizeMB", 128);
    let first = lines([run.clone(), statistics("f").with("strategy", "speed"), end("lpt-analyze")]);
    let second = lines([run, statistics("f"), statistics("f").memory(512), end("lpt-cleanup")]);
    let page = data(&plotted([first, second].concat()).stdout);
    let section = &page["functions"][0];
    assert_eq!((&section["strategy"], section["sizes"].as_array().unwrap().len()), (&json!("speed"), 1));
}

#[test]
fn text_of_others_is_escaped() {
    let evil = "</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>&";
    let input = text(measured("f").into_iter().map(|size| size.with("group", evil)));
    let page = plotted(input.clone()).stdout;
    assert_eq!(data(&page)["functions"][0]["group"], evil);
    assert_eq!(page.matches("</script>").count(), 3, "the data, uPlot and the page's own");
    assert!(!page.contains("<img"));
    let folder = Folder::new();
    let output = folder.path("a.svg");
    Tool::new("lpt-plot").arg("--output").arg(&output).stdin(input.clone()).run().succeeds();
    let svg = std::fs::read_to_string(&output).unwrap();
    assert!(svg.contains("&lt;/script&gt;") && !svg.contains("<script"), "{svg}");
    if chromium::is_here() {
        let mut page = Page::open(&folder.file("a.html", &page), 1200);
        assert!(page.evaluate("document.querySelector('h2').textContent").as_str().unwrap().contains(evil));
        assert_eq!(page.evaluate("document.querySelectorAll('img').length"), 0);
        assert_eq!(page.errors(), Vec::<&Value>::new());
    }
}

#[test]
fn the_selection_of_these_statistics_is_shown_and_that_of_others_is_not() {
    let chosen = |selection: Record| {
        let page = data(&plotted(text(measured("f").into_iter().chain([selection]))).stdout);
        page["functions"][0]["chosen"].clone()
    };
    let selected = selection("f").memory(512).with("averageCost", 1.1e-6).with("averageDurationMs", 400);
    let shown = chosen(selected.clone());
    assert_eq!((&shown["memory"], &shown["isSelected"]), (&json!(512), &json!(true)));
    let shown = chosen(selected.with("averageDurationMs", 401));
    assert_eq!((&shown["memory"], &shown["isSelected"]), (&json!(128), &json!(false)));
}

#[test]
fn invocations_are_dots_and_many_are_thinned_out_by_size() {
    let of_size = |memory: u32, count: usize| {
        (0..count).map(move |at| {
            invocation("f")
                .memory(memory)
                .duration(at as f64 + 0.5)
                .with("requestId", format!("r{at}"))
                .with("coldStart", at % 10 == 0)
        })
    };
    let failed = invocation("f").outcome("timeout").with("requestId", "failed");
    let few = of_size(128, 50).chain(of_size(128, 20)).chain([failed]);
    let records = measured("f").into_iter().chain(few).chain(of_size(512, 3000));
    let page = data(&plotted(text(records)).stdout);
    let section = &page["functions"][0];
    assert_eq!(section["dotCounts"], json!([50, 3000, 0, 0]), "repeats and failures do not count");
    let dots: Vec<(u64, f64, u64)> = section["dots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|dot| (dot[0].as_u64().unwrap(), dot[1].as_f64().unwrap(), dot[3].as_u64().unwrap()))
        .collect();
    let shown = |size: u64| dots.iter().filter(move |dot| dot.0 == size);
    assert_eq!((shown(0).count(), shown(1).count()), (50, 1000));
    assert_eq!(shown(0).filter(|dot| dot.2 == 1).count(), 5);
    // A fair sample has about as many cold and slow ones as all have.
    let cold = shown(1).filter(|dot| dot.2 == 1).count();
    assert!((70..130).contains(&cold), "{cold}");
    let slow = shown(1).filter(|dot| dot.1 > 1500.0).count();
    assert!((440..560).contains(&slow), "{slow}");
}

/// A run that began on a day of November, with a fifth of a cost more on each later day.
fn run(day: u32) -> (String, Vec<Record>) {
    let id = format!("01a2074c9c607396b384c6f5252e05{day:02}");
    let plan = plan("f").with("runId", &*id).with("createdAt", format!("2026-11-{day:02}T07:26:31.017Z"));
    let cost = 1e-6 * (1.0 + f64::from(day) / 5.0);
    let sizes = measured("f").into_iter().map(|size| size.with("averageCost", cost));
    (id, [plan].into_iter().chain(sizes).collect())
}

#[test]
fn runs_of_several_dates_are_a_history_and_the_last_one_is_shown() {
    let (id, later) = run(9);
    let (other_id, earlier) = run(2);
    let of_run = |id: &str| invocation("f").with("runId", id).with("index", 0);
    let invocations = [of_run(&id), of_run(&other_id)];
    let input = text(later.clone()) + &text(earlier.clone()) + &text(later) + &text(invocations);
    let page = data(&plotted(input).stdout);
    let section = &page["functions"][0];
    assert_eq!(section["run"], "2026-11-09 07:26 UTC");
    assert_eq!(section["original"], 512);
    let history: Vec<(&Value, &Value)> = section["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| (&run["time"], &run["sizes"][0]["cost"]))
        .collect();
    assert_eq!(
        history,
        [(&json!(1_793_604_391.017), &json!(1.4e-6)), (&json!(1_794_209_191.017), &json!(2.8e-6))]
    );
    assert_eq!(section["dotCounts"], json!([1, 0, 0, 0]), "that of the other run is none of this one");
}

#[test]
fn the_group_of_statistics_tells_the_run_too() {
    let grouped =
        |group: &str| measured("f").into_iter().map(|size| size.with("group", group)).collect::<Vec<_>>();
    let groups = [
        "runId=01a2074c9c607396b384c6f5252e05c0, tag.stage=a",
        "date=2026-12-01, tag.stage=a",
        "tag.stage=b",
    ];
    let page = data(&plotted(text(groups.into_iter().flat_map(grouped))).stdout);
    let sections = page["functions"].as_array().unwrap();
    assert_eq!(
        sections.iter().map(|section| &section["group"]).collect::<Vec<_>>(),
        ["tag.stage=a", "tag.stage=b"]
    );
    let names: Vec<&Value> =
        sections[0]["history"].as_array().unwrap().iter().map(|run| &run["name"]).collect();
    assert_eq!(names, ["2026-11-23 07:26 UTC", "2026-12-01"]);
    assert_eq!(sections[1]["history"], json!([]));
}

/// Moves the slider of the first section, and returns the size that is the best then.
const MOVE: &str = "weight => { const slider = document.querySelector('input'); slider.value = weight;
    slider.dispatchEvent(new Event('input')); return document.querySelector('output').dataset.best; }";

#[test]
fn the_page_ranks_as_lpt_analyze_does() {
    if !chromium::is_here() {
        return;
    }
    let folder = Folder::new();
    let mut invocations: Vec<Record> = Vec::new();
    for (at, (memory, milliseconds)) in
        [(128, 1000.0), (256, 480.0), (512, 260.0), (1024, 180.0), (2048, 170.0)].into_iter().enumerate()
    {
        invocations.extend((0..8).map(|n| {
            invocation("f")
                .memory(memory)
                .duration(milliseconds + f64::from(n * 3) + at as f64)
                .with("requestId", format!("{memory}-{n}"))
        }));
    }
    let runs = folder.file("runs.ndjson", &text(invocations));
    let analyze = |flags: &[&str]| Tool::new("lpt-analyze").args(flags).arg(&runs).run();
    let page = Tool::new("lpt-plot").args(["-".as_ref(), runs.as_os_str()]).stdin(analyze(&[]).stdout).run();
    let mut page = Page::open(&folder.file("report.html", &page.stdout), 1200);
    let mut winners = Vec::new();
    for weight in [0.0, 0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0] {
        let by_weight = ["--strategy", "balanced", "--balanced-weight", &weight.to_string()];
        let flags: &[&str] = match weight {
            0.0 => &["--strategy", "speed"],
            1.0 => &["--strategy", "cost"],
            _ => &by_weight,
        };
        let mut expected: Vec<(u64, u64, f64)> = analyze(flags)
            .of_type("statistics")
            .iter()
            .map(|size| {
                (
                    size["rank"].as_u64().unwrap(),
                    size["memorySizeMB"].as_u64().unwrap(),
                    size["score"].as_f64().unwrap(),
                )
            })
            .collect();
        expected.sort_by_key(|size| size.0);
        let best = page.evaluate(&format!("({MOVE})({weight})"));
        assert_eq!(best, expected[0].1.to_string(), "weight {weight}");
        let rows = page.evaluate("[...document.querySelectorAll('tr[data-rank]')].map(row => [Number(row.dataset.rank), Number(row.dataset.memory), Number(row.dataset.score)])");
        let mut rows: Vec<(u64, u64, f64)> = serde_json::from_value(rows).unwrap();
        rows.sort_by_key(|row| row.0);
        assert_eq!(rows, expected, "weight {weight}");
        winners.push(expected[0].1);
    }
    winners.dedup();
    assert!(winners.len() >= 3, "the slider moves the winner: {winners:?}");
    assert_eq!(page.errors(), Vec::<&Value>::new());
}

#[test]
fn the_page_asks_for_nothing_and_draws_at_any_width() {
    if !chromium::is_here() {
        return;
    }
    let folder = Folder::new();
    let (_, earlier) = run(2);
    let (_, later) = run(9);
    let dots = (0..30).map(|at| invocation("f").duration(f64::from(at) + 0.5).with("coldStart", at % 3 == 0));
    let dots = text(dots.collect::<Vec<_>>());
    let page = plotted(text(earlier) + &text(later) + &text(measured("g")) + &dots).stdout;
    let file = folder.file("report.html", &page);
    for width in [1200, 390] {
        let mut page = Page::open(&file, width);
        let drawn = "[...document.querySelectorAll('canvas')].map(canvas => {
            const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            return pixels.some(value => value > 0); })";
        // Three charts of each function, and two of the history of f.
        assert_eq!(page.evaluate(drawn), json!(vec![true; 8]));
        assert_eq!(page.evaluate("document.querySelectorAll('section').length"), 2);
        assert_eq!(page.evaluate("document.documentElement.scrollWidth <= innerWidth"), true, "{width}");
        assert_eq!(page.requests(), [format!("file://{}", file.display())]);
        assert_eq!(page.errors(), Vec::<&Value>::new());
        // What a script in the page may try, the policy refuses.
        page.evaluate("fetch('http://127.0.0.1:9/').catch(() => 0)");
        let refused = page.errors();
        assert!(
            refused.iter().any(|error| error.to_string().contains("Content Security Policy")),
            "{refused:?}"
        );
    }
}
