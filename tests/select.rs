//! `lpt-select`.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use crate::analyze::golden;
use crate::common::records::{Record, arn, configuration, end, lines, parse, plan, selection, statistics};
use crate::common::{Folder, Tool};

fn measured() -> String {
    std::fs::read_to_string(golden("2-statistics.ndjson")).unwrap()
}

#[test]
fn a_file_and_stdin_give_the_same() {
    let from_file = Tool::new("lpt-select").arg(golden("2-statistics.ndjson")).run().succeeds();
    let from_stdin = Tool::new("lpt-select").stdin(measured()).run().succeeds();
    let dash = Tool::new("lpt-select").args(["--", "-"]).stdin(measured()).run().succeeds();
    assert_eq!(from_file.stdout, from_stdin.stdout);
    assert_eq!(from_file.stdout, dash.stdout);
    crate::analyze::assert_golden("3-selection.ndjson", &from_file.stdout);
    assert_eq!(from_file.stderr, "", "nobody watches it");
    let table = Tool::new("lpt-select").args(["--format", "table"]).stdin(measured()).run().succeeds();
    crate::analyze::assert_golden("3-selection.txt", &table.stdout);
    let watched = Tool::new("lpt-select").stdin(measured()).run_watched().succeeds();
    assert_eq!((watched.stdout, watched.stderr), (from_file.stdout, table.stdout));
}

#[test]
fn a_file_that_is_given_twice_counts_once() {
    let file = golden("2-statistics.ndjson");
    let once = Tool::new("lpt-select").arg(&file).run().succeeds();
    let twice = Tool::new("lpt-select").arg(&file).arg(&file).run().succeeds();
    assert_eq!(once.of_type("selection"), twice.of_type("selection"));
    assert_eq!(once.stderr, twice.stderr);
}

#[test]
fn another_strategy_selects_another_size() {
    let size = |strategy: &str| {
        let ran =
            Tool::new("lpt-select").args(["--strategy", strategy, "-q"]).stdin(measured()).run().succeeds();
        assert_eq!(ran.stderr, "");
        ran.of_type("selection")[0]["memorySizeMB"].as_u64().unwrap()
    };
    assert_ne!(size("cost"), size("speed"));
}

#[test]
fn nothing_is_selected_from_an_incomplete_stream() {
    let mut text = measured();
    text.truncate(text.trim_end().rfind('\n').unwrap() + 1);
    Tool::new("lpt-select").stdin(&*text).run().fails_with(1, &["no end record", "--allow-incomplete"]);
    let allowed = Tool::new("lpt-select").arg("--allow-incomplete").stdin(&*text).run();
    assert_eq!(allowed.code, Some(0));
    assert!(allowed.stderr.contains("warning: the input has no end record"), "{}", allowed.stderr);
    assert_eq!(allowed.of_type("selection").len(), 1);
    assert_eq!(
        allowed.records().pop().unwrap()["status"],
        "interrupted",
        "what comes after may not take it for whole"
    );

    let failed = measured().replace("\"status\":\"complete\"", "\"status\":\"failed\"");
    let refused = Tool::new("lpt-select").stdin(failed).run();
    assert_eq!(refused.records().pop().unwrap()["status"], "failed");
    refused.fails_with(1, &["a tool before this one failed"]);
}

#[test]
fn nothing_is_selected_from_a_stream_that_is_cut_in_mid_line() {
    let text = measured();
    let cut = &text[..text.len() - 9];
    let ran = Tool::new("lpt-select").stdin(cut).run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(ran.of_type("selection").len(), 0);
    assert!(ran.stderr.contains("the last line is cut off"), "{}", ran.stderr);
    let allowed = Tool::new("lpt-select").arg("--allow-incomplete").stdin(cut).run();
    assert_eq!((allowed.code, allowed.of_type("selection").len()), (Some(0), 1), "{}", allowed.stderr);
}

#[test]
fn input_without_usable_statistics_is_an_error() {
    Tool::new("lpt-select").stdin(end("lpt-analyze")).run().fails_with(1, &["no statistics", "lpt-analyze"]);
    // No size has a usable invocation.
    let unusable = statistics("f").without("averageCost").without("averageDurationMs");
    let unusable = lines([unusable.clone(), unusable.memory(512), end("lpt-analyze")]);
    let ran = Tool::new("lpt-select").arg("-q").stdin(unusable).run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("no size can be selected"), "{}", ran.stderr);
}

/// With the cheapest size, most invocations time out; the others are cheap.
#[test]
fn a_size_at_which_the_function_often_fails_is_passed_over() {
    let with = |memory: &str, errors: &str| -> String {
        let lines = measured();
        let lines =
            lines.lines().map(|line| match line.contains(&format!("\"memorySizeMB\":{memory},\"starts\"")) {
                true => {
                    line.replace("\"errors\":0,\"functionErrors\":0,\"outOfMemoryErrors\":0", errors) + "\n"
                }
                false => line.to_owned() + "\n",
            });
        lines.collect()
    };
    let select = |text: String| Tool::new("lpt-select").args(["--strategy", "cost"]).stdin(text).run();
    let best = select(measured()).of_type("selection")[0]["memorySizeMB"].to_string();
    for (errors, is_passed_over) in [
        ("\"errors\":9,\"functionErrors\":9,\"outOfMemoryErrors\":0", true),
        ("\"errors\":94,\"functionErrors\":1,\"outOfMemoryErrors\":1", true),
        ("\"errors\":94,\"functionErrors\":10,\"outOfMemoryErrors\":0", false),
        ("\"errors\":3,\"functionErrors\":0,\"outOfMemoryErrors\":0", false),
    ] {
        let ran = select(with(&best, errors));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let selected = ran.of_type("selection")[0]["memorySizeMB"].to_string();
        assert_eq!(selected != best, is_passed_over, "{errors}: {}", ran.stderr);
        assert_eq!(ran.stderr.contains(&format!(" at {best} MB")), is_passed_over, "{}", ran.stderr);
    }
}

#[test]
fn nothing_is_selected_when_a_planned_size_was_not_measured() {
    let without: String = measured()
        .lines()
        .filter(|line| !line.contains("\"memorySizeMB\":1024,\"starts\""))
        .map(|line| format!("{line}\n"))
        .collect();
    let ran = Tool::new("lpt-select").stdin(&*without).run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("sizes that were not measured (1024 MB)"), "{}", ran.stderr);
    let allowed = Tool::new("lpt-select").arg("--allow-incomplete").stdin(without).run();
    assert_eq!(allowed.of_type("selection").len(), 1);
}

/// Returns the statistics of a size at which the function always runs out of memory.
fn out_of_memory(memory: u32) -> Record {
    let failed = statistics("f").memory(memory).without("averageDurationMs").without("averageCost");
    failed
        .with("invocations", 0)
        .with("coldStarts", 0)
        .with("errors", 5)
        .with("functionErrors", 5)
        .with("outOfMemoryErrors", 5)
        .with("maxMemoryUsedMB", memory)
}

/// The plan's function has 128 MB.
#[test]
fn out_of_memory_is_called_that_and_first_if_it_is_the_current_size() {
    let plan = plan("f").with("originalMemorySizeMB", 128).with("powerValues", vec![128, 192, 256]);
    let sizes = [out_of_memory(128), out_of_memory(192), statistics("f").memory(256), end("lpt-analyze")];
    let ran = Tool::new("lpt-select").stdin(lines([plan.clone()].into_iter().chain(sizes))).run_watched();
    assert_eq!((ran.code, &ran.of_type("selection")[0]["memorySizeMB"]), (Some(0), &256.into()));
    let lines_said: Vec<&str> = ran.stderr.lines().collect();
    // The terminal breaks it between words.
    assert_eq!(
        lines_said[0].replace("of  128", "of 128"),
        "lpt-select: warning: f: out of memory at 128 MB, its current size: used 128 of 128 MB in 5 of 5 invocations"
    );
    assert!(
        ran.stderr.contains("f: out of memory at 192 MB: used 192 of 192 MB in 5 of 5"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr
            .replace('\n', " ")
            .contains("several invocations. Today's size, 128 MB, ran out of memory. "),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("\n256 MB costs the least. How certain that is, is not known: no size has a")
    );
    let rows = lines_said.iter().filter(|line| line.trim_end().ends_with("  out of memory")).count();
    assert_eq!(rows, 2, "{}", ran.stderr);

    let all = lines([plan, out_of_memory(128), out_of_memory(192), out_of_memory(256), end("lpt-analyze")]);
    let ran = Tool::new("lpt-select").stdin(all).run();
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.contains("f: no size can be selected: it runs out of memory at each one"),
        "{}",
        ran.stderr
    );
}

/// The account refuses 10,240 MB for f. For g that size is planned, and was not measured.
#[test]
fn a_size_that_is_refused_for_one_function_is_not_excused_for_another() {
    let planned = |function| plan(function).with("powerValues", vec![128, 10_240]);
    let refused = configuration("f").memory(10_240).with("state", "failed").without("version");
    let stream = [planned("f"), planned("g"), refused, statistics("f"), statistics("g"), end("lpt-analyze")];
    let ran = Tool::new("lpt-select").stdin(lines(stream)).run();
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let selections = ran.of_type("selection");
    assert_eq!(selections.len(), 1, "{}", ran.stderr);
    assert_eq!(selections[0]["functionArn"], arn("f"));
    assert!(ran.stderr.contains("warning: g: nothing is selected"), "{}", ran.stderr);
    assert!(ran.stderr.contains("sizes that were not measured (10240 MB)"), "{}", ran.stderr);
}

/// The test reads the link as the chart does.
#[test]
fn the_visualization_holds_all_sizes_in_order() {
    let ran = Tool::new("lpt-select").stdin(measured()).run().succeeds();
    let url = ran.of_type("selection")[0]["visualization"].as_str().unwrap().to_owned();
    let data = url.strip_prefix("https://lambda-power-tuning.show/#").unwrap();
    let parts: Vec<Vec<u8>> = data.split(';').map(|part| BASE64_STANDARD.decode(part).unwrap()).collect();
    let floats = |part: &[u8]| -> Vec<f32> {
        part.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    };
    let sizes: Vec<u16> =
        parts[0].chunks_exact(2).map(|bytes| u16::from_le_bytes(bytes.try_into().unwrap())).collect();
    let all = parse(&measured());
    let of = |field: &str| -> Vec<f32> {
        let statistics = all.iter().filter(|record| record["type"] == "statistics");
        statistics.map(|record| record[field].as_f64().unwrap() as f32).collect()
    };
    assert_eq!(sizes, [128, 512, 1024, 1536]);
    assert_eq!((floats(&parts[1]), floats(&parts[2])), (of("averageDurationMs"), of("averageCost")));
    let yuan = measured().replace("\"USD\"", "\"CNY\"");
    let ran = Tool::new("lpt-select").stdin(yuan).run().succeeds();
    let url = ran.of_type("selection")[0]["visualization"].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://lambda-power-tuning.show/?currency=CNY#"), "{url}");
}

/// Returns the statistics of a size with this average duration, and the cost that follows from it.
fn lasting(memory: u32, milliseconds: f64) -> Record {
    let billed = milliseconds + 0.5;
    statistics("f")
        .memory(memory)
        .with("averageDurationMs", milliseconds)
        .with("averageBilledDurationMs", billed)
        .with("averageCost", billed * f64::from(memory) * 1.6e-11)
}

/// Returns the statistics of a function with one thread: 20 ms, and 100 ms of CPU.
fn one_thread(memory: u32, strategy: &str) -> Record {
    lasting(memory, 20.0 + 100.0 * 1769.0 / f64::from(memory.min(1769))).with("strategy", strategy)
}

fn interpolate(sizes: &[u32], strategy: &str) -> crate::common::Ran {
    let sizes = sizes.iter().map(|memory| one_thread(*memory, strategy)).chain([end("lpt-analyze")]);
    let ran = Tool::new("lpt-select").arg("--interpolate").stdin(lines(sizes)).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran
}

/// The best size is between 1,024 MB and 1,769 MB, where a second CPU begins that one thread cannot use.
#[test]
fn sizes_that_promise_to_be_better_are_proposed_and_none_is_selected() {
    let ran = interpolate(&[128, 512, 1024, 3008], "balanced");
    assert_eq!(ran.of_type("selection")[0]["memorySizeMB"], 1024);
    let proposals = ran.of_type("proposal");
    assert_eq!(proposals.len(), 1, "{proposals:?}");
    let proposal = &proposals[0];
    let memory = proposal["memorySizeMB"].as_u64().unwrap();
    assert!(memory.is_multiple_of(64) && (512..3008).contains(&memory), "{memory}");
    let truth = one_thread(u32::try_from(memory).unwrap(), "balanced").value();
    for (predicted, measured) in
        [("predictedDuration", "averageDurationMs"), ("predictedCost", "averageCost")]
    {
        let unit = if measured.ends_with("Ms") { "Ms" } else { "" };
        let value = |end: &str| proposal[format!("{predicted}{end}{unit}")].as_f64().unwrap();
        let measured = truth[measured].as_f64().unwrap();
        assert!((value("") / measured - 1.0).abs() < 0.01, "{proposal}: {measured}");
        assert!(value("Low") < measured && measured < value("High"), "{proposal}: {measured}");
    }
    let reason = proposal["reason"].as_str().unwrap();
    assert!(reason.ends_with("than 1024 MB, the best measured size by balanced"), "{reason}");
    for said in [reason, &format!("lpt-prepare --power-values 1024,{memory} {} |", arn("f"))] {
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    assert!(!ran.stderr.contains("jump"), "{}", ran.stderr);
}

#[test]
fn nothing_is_proposed_without_the_flag_or_in_a_document() {
    let sizes = || {
        lines([128, 512, 1024, 3008].map(|size| one_thread(size, "balanced"))) + &end("lpt-analyze").line()
    };
    let plain = Tool::new("lpt-select").stdin(sizes()).run().succeeds();
    assert_eq!(plain.of_type("proposal").len(), 0);
    assert!(!plain.stderr.contains("predicted"), "{}", plain.stderr);
    let json =
        Tool::new("lpt-select").args(["--interpolate", "--format", "json"]).stdin(sizes()).run().succeeds();
    assert!(json.stderr.contains("predicted"), "{}", json.stderr);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(document.as_array().unwrap().len(), 1, "the selection alone: {document}");
}

#[test]
fn nothing_is_predicted_beyond_the_measured_sizes() {
    for (strategy, which) in [("cost", "128 MB is the smallest"), ("speed", "1536 MB is the largest")] {
        let ran = interpolate(&[128, 512, 1024, 1536], strategy);
        assert_eq!(ran.of_type("proposal").len(), 0, "{}", ran.stderr);
        for said in
            [which, "nothing is predicted beyond it", "no size between those measured promises to be better"]
        {
            assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
        }
    }
}

/// Of the four sizes, the function runs out of memory at one.
#[test]
fn three_sizes_with_a_result_are_too_few_to_interpolate() {
    let sizes = [512, 1024, 3008].map(|memory| one_thread(memory, "balanced"));
    let sizes = [out_of_memory(128)].into_iter().chain(sizes).chain([end("lpt-analyze")]);
    let ran = Tool::new("lpt-select").arg("--interpolate").stdin(lines(sizes)).run();
    assert_eq!((ran.of_type("selection").len(), ran.of_type("proposal").len()), (1, 0), "{}", ran.stderr);
    let said = "warning: f: --interpolate needs 4 sizes with a usable result, not 3";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

/// With 1,769 MB or more, a function has a CPU to itself.
#[test]
fn short_durations_with_a_part_of_a_cpu_are_warned_of() {
    let said = |sizes: [u32; 4]| {
        let short = sizes.map(|memory| lasting(memory, 5.0 + 16.0 * 1769.0 / f64::from(memory)));
        let short = short.into_iter().chain([end("lpt-analyze")]);
        let ran = Tool::new("lpt-select").arg("--interpolate").stdin(lines(short)).run();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.stderr.contains("warning: f: below 100 ms and 1769 MB, durations jump from size to size")
    };
    assert!(said([128, 512, 1024, 2048]));
    assert!(!said([2048, 3008, 4096, 8192]));
}

#[test]
fn lpt_apply_passes_a_proposal_on_and_does_not_apply_it() {
    let proposed = interpolate(&[128, 512, 1024, 3008], "balanced").stdout;
    let only_proposal: String = proposed
        .lines()
        .filter(|line| !line.contains("\"type\":\"selection\""))
        .map(|line| format!("{line}\n"))
        .collect();
    let ran = Tool::new("lpt-apply").stdin(only_proposal).run();
    assert_eq!((ran.of_type("applied").len(), ran.of_type("proposal").len()), (0, 1), "{}", ran.stderr);
}

/// Returns the statistics of a size that was compared with the best.
fn judged(memory: u32, cost: f64, duration: f64, verdict: &str) -> Record {
    let size = statistics("f").memory(memory).with("averageCost", cost).with("averageDurationMs", duration);
    size.with("verdict", verdict).with("verdictConfidence", 0.95)
}

/// Selects from `sizes` with `flags`, and returns the selection and what was said, in one line.
fn select(flags: &[&str], sizes: &[Record]) -> (Value, String) {
    let input = lines(sizes.iter().cloned().chain([end("lpt-analyze")]));
    let ran = Tool::new("lpt-select").args(flags).stdin(input).run_watched().succeeds();
    (ran.of_type("selection").remove(0), ran.stderr.replace('\n', " "))
}

#[test]
fn of_sizes_that_are_as_good_the_one_that_is_better_in_the_other_respect_is_selected() {
    let sizes = [
        judged(128, 0.99e-6, 40.0, "best"),
        judged(512, 1.0e-6, 10.0, "equivalent").with("pValue", 0.6),
        judged(1024, 1.5e-6, 5.0, "worse").with("pValue", 0.01),
    ];
    let (selection, said) = select(&[], &sizes);
    assert_eq!((&selection["memorySizeMB"], &selection["certain"]), (&512.into(), &true.into()), "{said}");
    assert_eq!(selection["indistinguishableFrom"], json!([128]));
    assert_eq!(selection["confidence"], 0.95, "that of the verdicts");
    assert!(
        said.contains("512 MB is among the best by cost. 128 MB costs 1.0 % less, which may be chance; 512 MB is 4.0 times as fast. That is certain to at least 95.0 %."),
        "{said}"
    );
    let by_speed = sizes.clone().map(|size| size.with("strategy", "speed"));
    let by_speed = by_speed.map(|size| match size.value()["memorySizeMB"].as_u64() {
        Some(128) => size.with("verdict", "equivalent").with("averageDurationMs", 10.2).with("pValue", 0.001),
        Some(512) => size.with("verdict", "best"),
        _ => size.with("averageDurationMs", 20.0),
    });
    let (selection, said) = select(&[], &by_speed);
    assert_eq!(selection["memorySizeMB"], 128, "{said}");
    assert!(
        said.contains("512 MB takes 2.0 % less time, which is within the tolerance; 128 MB costs 1.0 % less"),
        "{said}"
    );
    let balanced = sizes.map(|size| size.with("strategy", "balanced"));
    let (selection, said) = select(&["--strategy", "balanced"], &balanced);
    assert_eq!(selection["memorySizeMB"], 128, "the best stays: {said}");
}

/// Its invocations say how exact its mean is, and nothing of others.
#[test]
fn a_single_size_is_not_called_certain() {
    let (selection, said) = select(&[], &[judged(128, 1e-6, 40.0, "best")]);
    assert_eq!((&selection["certain"], selection.get("confidence")), (&false.into(), None), "{said}");
    assert!(
        said.contains("128 MB costs the least. That is not certain: no other size was measured."),
        "{said}"
    );
}

#[test]
fn certainty_that_rests_on_one_execution_environment_is_said_to() {
    for (environments, is_said) in [(1, true), (3, false)] {
        let sizes = [judged(128, 1e-6, 40.0, "best"), judged(512, 2e-6, 10.0, "worse").with("pValue", 0.001)];
        let (_, said) = select(&[], &sizes.map(|size| size.with("environments", environments)));
        assert!(said.contains("That is certain to at least 95.0 %"), "{said}");
        assert_eq!(said.contains("as far as one execution environment tells"), is_said, "{said}");
    }
}

#[test]
fn a_selection_of_an_earlier_run_is_replaced_if_the_function_has_statistics() {
    let earlier = [selection("f").memory(3008), selection("g").memory(3008)];
    let input = lines(earlier.into_iter().chain([statistics("f"), end("lpt-analyze")]));
    let ran = Tool::new("lpt-select").arg("-q").stdin(input).run().succeeds();
    let selected: Vec<_> = ran.of_type("selection").iter().map(|one| one["memorySizeMB"].clone()).collect();
    assert_eq!(selected, [3008, 128], "that of g, and the new one of f: {}", ran.stdout);
}

#[test]
fn an_undecided_size_is_not_selected_but_makes_the_selection_uncertain() {
    let sizes = [
        judged(128, 1.0e-6, 40.0, "best"),
        judged(256, 1.1e-6, 20.0, "undecided").with("pValue", 0.2),
        judged(512, 1.5e-6, 10.0, "worse").with("pValue", 0.01),
    ];
    let (selection, said) = select(&[], &sizes);
    assert_eq!((&selection["memorySizeMB"], &selection["certain"]), (&128.into(), &false.into()));
    assert_eq!(selection["indistinguishableFrom"], json!([256]));
    assert_eq!(selection["confidence"], Value::Null);
    assert!(said.contains("not certain: 256 MB may cost less, which more invocations may tell"), "{said}");
    let never_judged = sizes.map(|size| {
        if size.value()["verdict"] == "undecided" { size.without("verdict").without("pValue") } else { size }
    });
    let (selection, said) = select(&[], &never_judged);
    assert_eq!((&selection["certain"], &selection["confidence"]), (&false.into(), &Value::Null), "{said}");
}

#[test]
fn verdicts_under_another_strategy_say_nothing() {
    let sizes = [judged(128, 1e-6, 40.0, "best"), judged(512, 1e-6, 10.0, "equivalent").with("pValue", 0.6)];
    let (selection, said) = select(&["--strategy", "speed"], &sizes);
    assert_eq!(selection["memorySizeMB"], 512);
    assert_eq!(selection.get("certain"), None, "{said}");
    assert!(!said.contains("certain"), "{said}");
}

#[test]
fn within_a_percentage_of_the_lowest_the_size_that_is_better_in_the_other_respect_is_selected() {
    let size = |memory, cost: f64, duration: f64| {
        statistics("f").memory(memory).with("averageCost", cost).with("averageDurationMs", duration)
    };
    let sizes = [size(128, 1.0e-6, 40.0), size(512, 1.04e-6, 11.0), size(1024, 1.06e-6, 10.8)];
    for (flags, expected) in [
        (&[][..], 128),
        (&["--within", "5%"], 512),
        (&["--within", "6.1%"], 1024),
        (&["--within", "3%", "--strategy", "speed"], 512),
    ] {
        let (selection, said) = select(flags, &sizes);
        assert_eq!(selection["memorySizeMB"], expected, "{flags:?}: {said}");
    }
    let (_, said) = select(&["--within", "5%"], &sizes);
    assert!(said.contains("512 MB is the fastest within 5 % of the lowest cost"), "{said}");
    assert!(
        said.contains("128 MB costs 3.8 % less, which --within 5% allows; 512 MB is 3.6 times as fast"),
        "{said}"
    );
    let (_, said) = select(&["--within", "7%"], &sizes);
    assert!(
        said.contains("is the fastest within 7 % of") && said.contains("which --within 7% allows"),
        "{said}"
    );
    let judged = sizes.map(|size| match size.value()["memorySizeMB"].as_u64() {
        Some(128) => size.with("verdict", "best"),
        _ => size.with("verdict", "worse").with("pValue", 0.01),
    });
    let (selection, said) = select(&["--within", "5%"], &judged);
    assert_eq!((&selection["memorySizeMB"], &selection["certain"]), (&512.into(), &false.into()), "{said}");
    assert!(said.contains("not certain: it is not shown that 512 MB is as good as 128 MB"), "{said}");
    let wrong = |flags: &[&str], said: &str| {
        let input = lines([statistics("f"), end("lpt-analyze")]);
        Tool::new("lpt-select").args(flags).stdin(input).run().fails_with(2, &[said]);
    };
    wrong(&["--within", "5%", "--strategy", "balanced"], "--within is for the strategies cost and speed");
    wrong(&["--within", "5"], "such as 5%");
    wrong(&["--max-duration", "300"], "such as 300ms or 1.5s");
    wrong(&["--max-cost-per-million", "0"], "above 0");
}

#[test]
fn only_sizes_that_meet_the_limits_are_selected() {
    let size = |memory, cost: f64, p99: f64| {
        let size = statistics("f").memory(memory).with("averageCost", cost).with("p99DurationMs", p99);
        size.with("averageDurationMs", p99 / 2.0).with("requestCost", 2e-7).with("invocations", 400)
    };
    let sizes = [size(128, 1.0e-6, 800.0), size(512, 2.0e-6, 400.0), size(1024, 3.0e-6, 300.0)];
    for (flags, expected) in [
        (&["--max-duration", "0.2s"][..], 512),
        (&["--max-duration-p99", "399ms"], 1024),
        (&["--max-cost-per-million", "2.3", "--strategy", "speed"], 512),
        // The charge for a request counts.
        (&["--max-cost-per-million", "2.1", "--strategy", "speed"], 128),
    ] {
        let (selection, said) = select(flags, &sizes);
        assert_eq!(selection["memorySizeMB"], expected, "{flags:?}: {said}");
    }
    let refused = |flags: &[&str], said: &str| {
        let input = lines(sizes.iter().cloned().chain([end("lpt-analyze")]));
        let ran = Tool::new("lpt-select").args(flags).stdin(input).run();
        assert_eq!((ran.code, ran.of_type("selection").len()), (Some(1), 0), "{}", ran.stderr);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    };
    refused(
        &["--max-duration-p99", "300ms", "--max-cost-per-million", "2.5"],
        "f: no size meets --max-duration-p99 300ms and --max-cost-per-million 2.5; the nearest is 1024 MB with 3.20 USD per million, 28 % above --max-cost-per-million;",
    );
    refused(&["--max-duration-p90", "1s"], "no size meets --max-duration-p90 1000ms: the statistics lack");
    let judged = sizes.clone().map(|size| match size.value()["memorySizeMB"].as_u64() {
        Some(128) => size.with("verdict", "best"),
        _ => size.with("verdict", "worse").with("pValue", 0.01),
    });
    let (selection, said) = select(&["--max-duration", "0.2s"], &judged);
    assert_eq!((&selection["memorySizeMB"], &selection["certain"]), (&512.into(), &false.into()), "{said}");
    assert!(
        said.contains("not certain: the limits exclude the size with which the others were compared"),
        "{said}"
    );
}

/// Returns the table and what is below it.
fn table(flags: &[&str], records: &[Record]) -> String {
    let input = lines(records.iter().cloned().chain([end("lpt-analyze")]));
    Tool::new("lpt-select").args(["--format", "table"]).args(flags).stdin(input).run().stdout
}

/// Returns the rows of the sizes, each as its words.
fn rows(table: &str) -> Vec<Vec<&str>> {
    let words = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    words.skip_while(|words| !words.contains(&"MB")).skip(1).take_while(|words| !words.is_empty()).collect()
}

#[test]
fn the_table_marks_the_selected_size_and_those_that_cannot_be_told_apart() {
    let sizes = [
        plan("f").with("originalMemorySizeMB", 256).with("powerValues", vec![128, 256, 512, 1024, 2048]),
        judged(128, 1.0e-6, 40.0, "best"),
        judged(256, 2.0e-6, 20.0, "undecided").with("pValue", 0.2),
        judged(512, 1.0e-6, 10.0, "equivalent").with("pValue", 0.6),
        judged(1024, 3.0e-6, 10.0, "worse").with("pValue", 0.01),
        out_of_memory(2048),
    ];
    let shown = table(&[], &sizes);
    let expected = [
        "~ 128 40.00 1.00 1 0 -50 % best",
        "~ 256 20.00 2.00 1 0 now unclear",
        "> 512 10.00 1.00 1 0 -50 % selected",
        "1024 10.00 3.00 1 0 +50 % worse",
        "2048 - - 0 5 out of memory",
    ];
    assert_eq!(rows(&shown).iter().map(|row| row.join(" ")).collect::<Vec<_>>(), expected, "{shown}");
    let excluded = table(&["--max-duration", "15ms"], &sizes);
    assert!(excluded.contains("excluded"), "{excluded}");
}

#[test]
fn functions_of_one_name_are_told_apart_in_tables() {
    let sizes = [statistics("f"), statistics("f").region("eu-west-1")];
    let shown = table(&[], &sizes);
    assert!(
        shown.contains("f in eu-west-1 (x86_64)\n") && shown.contains("f in us-east-1 (x86_64)\n"),
        "{shown}"
    );
}

#[test]
fn a_score_is_shown_where_the_strategy_is_balanced() {
    let sizes = [judged(128, 1.0e-6, 40.0, "best"), judged(512, 2.0e-6, 10.0, "worse")];
    let (_, said) = select(&["--strategy", "balanced", "--balanced-weight", "0.2"], &sizes);
    // 0.2 × 2 ÷ 2 + 0.8 × 10 ÷ 40.
    assert!(
        said.contains("512 MB has the lowest balanced score, 0.400, where cost weighs 0.2 and"),
        "{said}"
    );
}

/// At a terminal, the records come back with a flag.
#[test]
fn a_terminal_shows_a_table_and_no_records() {
    let tool = || Tool::new("lpt-select").stdin(measured()).env_remove("NO_COLOR");
    let shown = tool().run_at_terminal().succeeds().stdout;
    let expected = std::fs::read_to_string(golden("3-selection.txt")).unwrap();
    let without_colour = |text: &str| {
        let mut parts = text.split('\u{1b}');
        let first = parts.next().unwrap().to_owned();
        first + &parts.map(|part| part.split_once('m').unwrap().1).collect::<String>()
    };
    assert_eq!(without_colour(&shown), expected);
    assert!(shown.contains("\u{1b}[1m"), "{shown}");
    for (variable, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        assert_eq!(tool().env(variable, value).run_at_terminal().succeeds().stdout, expected, "{variable}");
    }
    let piped =
        tool().args(["--format", "table"]).env("CLICOLOR_FORCE", "1").env("CI", "true").run().succeeds();
    assert_eq!(piped.stdout, expected, "a pipe gets no colour, whatever is set");
    assert!(!piped.stderr.contains('\u{1b}'), "{}", piped.stderr);
    let records = tool().args(["--format", "ndjson", "--quiet"]).run_at_terminal().succeeds();
    assert_eq!(records.records(), parse(&std::fs::read_to_string(golden("3-selection.ndjson")).unwrap()));
    assert_eq!(
        without_colour(&tool().arg("--quiet").run_at_terminal().succeeds().stdout),
        expected,
        "that is the answer"
    );
    let quiet = Tool::new("lpt-select").arg("--quiet").stdin(measured()).run_watched().succeeds();
    assert_eq!(quiet.stderr, "");
}

/// Returns the statistics of the only size of an alternative: its cost in millionths, the half width of the interval,
/// and the number of invocations. The duration is ten times as much, in seconds.
fn alternative(function: &str, architecture: &str, memory: u32, (cost, half, n): (f64, f64, u32)) -> Record {
    let size = statistics(function).memory(memory).with("architecture", architecture).with("invocations", n);
    let size = size.with("averageCost", cost * 1e-6).with("confidence", 0.95);
    let size =
        size.with("averageCostLow", (cost - half) * 1e-6).with("averageCostHigh", (cost + half) * 1e-6);
    let (low, high) = ((cost - half) * 1e4, (cost + half) * 1e4);
    size.with("averageDurationMs", cost * 1e4)
        .with("averageDurationLowMs", low)
        .with("averageDurationHighMs", high)
}

/// The half widths are those of standard errors of 0.01 with 8 degrees of freedom and 0.02 with 5. The expected interval
/// is SciPy's: v = 0.01**2 + 0.02**2; df = v**2 / (0.01**4 / 8 + 0.02**4 / 5); -0.2 ± stats.t.ppf(.975, df) * v**.5, and
/// ppf(.9875, df) with two rivals.
#[test]
fn functions_are_compared_each_at_its_own_best_size() {
    let arm = alternative("f-arm", "arm64", 512, (0.8, 0.0230600413520417, 9));
    let dear = alternative("f-arm", "arm64", 1024, (2.0, 0.1, 9));
    let x86 = alternative("f", "x86_64", 768, (1.0, 0.0514116367127262, 6));
    let third = alternative("g", "x86_64", 768, (0.82, 0.0514116367127262, 6));
    let select = |flags: &[&str], sizes: &[&Record]| {
        let input = lines(sizes.iter().map(|size| (*size).clone()).chain([end("lpt-analyze")]));
        Tool::new("lpt-select").args(flags).stdin(input).run()
    };
    let near = |record: &Value, low: f64, high: f64| {
        for (field, expected) in [("change", -0.2), ("changeLow", low), ("changeHigh", high)] {
            let value = record[field].as_f64().unwrap();
            assert!((value - expected).abs() < 1e-9, "{field}: {value} and not {expected}");
        }
    };
    for strategy in ["cost", "speed"] {
        let ran = select(&["--between", "f,f-arm", "--strategy", strategy], &[&arm, &dear, &x86]).succeeds();
        assert_eq!(ran.of_type("selection").len(), 2);
        let [between] = &ran.of_type("between")[..] else { panic!("{}", ran.stderr) };
        near(between, -0.25214393197022317, -0.14785606802977674);
        assert_eq!((&between["functionArn"], &between["memorySizeMB"]), (&arn("f-arm").into(), &512.into()));
        assert_eq!((&between["otherFunctionArn"], &between["certain"]), (&arn("f").into(), &true.into()));
        let verb = if strategy == "cost" { "costs 20 % less" } else { "takes 20 % less time" };
        let said =
            format!("f-arm on arm64 at 512 MB {verb} than f on x86_64 at 768 MB (95 %: 15 % to 25 % less)");
        assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    }
    let ran = select(&["--between", "g,f,f-arm"], &[&arm, &x86, &third]).succeeds();
    let between = ran.of_type("between");
    assert_eq!(
        (between.len(), &between[0]["certain"], &between[1]["certain"]),
        (2, &false.into(), &true.into())
    );
    near(&between[1], -0.2624113330528362, -0.13758866694716373);
    assert!(
        ran.stderr.contains("cannot be told apart: f-arm on arm64 at 512 MB costs 2.4 % less than g"),
        "{}",
        ran.stderr
    );

    let bare = statistics("f").with("averageCost", 9e-6);
    let ran = select(&["--between", "f,f-arm"], &[&arm, &bare]).succeeds();
    assert!(ran.stderr.contains("too few invocations for an interval"), "{}", ran.stderr);
    assert_eq!(ran.of_type("between")[0]["certain"], false);

    let yuan = x86.clone().with("currency", "CNY");
    select(&["-q", "--between", "f,f-arm"], &[&arm, &yuan]).fails_with(1, &["USD", "CNY", "same currency"]);
    select(&["-q", "--between", "f,h"], &[&arm, &x86]).fails_with(1, &["no size is selected of h"]);
    select(&["-q", "--between", "x86_64,arm64"], &[&arm, &x86])
        .fails_with(1, &["nothing in common", "within a function"]);
    select(&["-q", "--between", "f,f-arm", "--strategy", "balanced"], &[&arm, &x86])
        .fails_with(2, &["--strategy cost"]);
    for (flag, said) in [
        ("f", "two alternatives"),
        ("f,arm64", "one with another"),
        ("f,f", "twice"),
        ("f,g:7", "version or alias"),
    ] {
        select(&["-q", "--between", flag], &[&arm, &x86]).fails_with(2, &[said]);
    }
}

#[test]
fn architectures_and_builds_are_compared_within_a_function() {
    let with = |function, architecture, group: &str, cost| {
        alternative(function, architecture, 512, (cost, 0.01, 9)).with("group", group)
    };
    let sizes = [
        with("f", "x86_64", "tag.commit=abc, payloadIndex=0", 1.0),
        with("f", "x86_64", "tag.commit=def, payloadIndex=0", 0.9),
        with("f", "x86_64", "tag.commit=abc, payloadIndex=1", 2.0),
        with("f", "x86_64", "tag.commit=def, payloadIndex=1", 2.5),
        with("f", "arm64", "tag.commit=abc, payloadIndex=0", 0.7),
    ];
    let select = |between: &str| {
        let input = lines(sizes.iter().cloned().chain([end("lpt-analyze")]));
        Tool::new("lpt-select").args(["--between", between]).stdin(input).run().succeeds().of_type("between")
    };
    let builds = select("tag.commit=abc,tag.commit=def");
    let pairs: Vec<_> =
        builds.iter().map(|pair| (pair["group"].as_str(), pair["otherGroup"].as_str())).collect();
    let group = |build: &'static str| Some(build);
    assert_eq!(
        pairs,
        [
            (group("tag.commit=def, payloadIndex=0"), group("tag.commit=abc, payloadIndex=0")),
            (group("tag.commit=abc, payloadIndex=1"), group("tag.commit=def, payloadIndex=1")),
        ]
    );
    let architectures = select("arm64,x86_64");
    assert_eq!(architectures.len(), 1);
    assert_eq!(
        (&architectures[0]["architecture"], &architectures[0]["otherAverageCost"]),
        (&"arm64".into(), &1e-6.into())
    );
}

/// With 1 GB-second an invocation before, and half as much after. The tiers in us-east-1 on x86_64 begin at 6 and 15
/// billion GB-seconds.
#[test]
fn the_savings_of_a_month_follow_the_price_tiers() {
    let size = |memory, cost: f64| {
        let size = statistics("f").memory(memory).with("averageCost", cost);
        size.with("averageBilledDurationMs", 1000.0)
    };
    let sizes = [size(512, 8e-6), size(1024, 16e-6)];
    let plan =
        |original: u32| plan("f").with("originalMemorySizeMB", original).with("powerValues", vec![512, 1024]);
    for (invocations, expected, said) in [
        (1_000_000_u64, 8.33335, "1000000 invocations a month cost 8.33 USD less than with 1024 MB"),
        (8_000_000_000, 63_333.4, "63333.40 USD less"),
        (20_000_000_000, 141_667.0, "141667.00 USD less"),
    ] {
        let records = [plan(1024), sizes[0].clone(), sizes[1].clone()];
        let (selection, shown) = select(&["--monthly-invocations", &invocations.to_string()], &records);
        let savings = selection["monthlySavings"].as_f64().unwrap();
        assert!((savings - expected).abs() < 1e-6, "{savings} and not {expected}");
        assert!(shown.contains(said), "{shown}");
    }
    let month = ["--monthly-invocations", "1000000"];
    let dearer = [plan(512), sizes[0].clone().with("averageDurationMs", 50), sizes[1].clone()];
    let (selection, shown) = select(&[&month[..], &["--strategy", "speed"]].concat(), &dearer);
    assert!(selection["monthlySavings"].as_f64().unwrap() < 0.0);
    assert!(shown.contains("cost 8.33 USD more than with 512 MB"), "{shown}");
    let folder = Folder::new();
    let price = "region,architecture,meter,price,currency\nus-east-1,x86_64,compute,0.5,USD\n";
    let file = folder.file("prices.csv", price);
    let own = [month[0], month[1], "--prices", file.to_str().unwrap()];
    let (selection, _) = select(&own, &[plan(1024), sizes[0].clone(), sizes[1].clone()]);
    assert_eq!(selection["monthlySavings"], 250_000.0);
    let unknown = |records: &[Record], why: &str| {
        let input = lines(records.iter().cloned().chain([end("lpt-analyze")]));
        let ran = Tool::new("lpt-select").args(month).stdin(input).run();
        assert_eq!((ran.code, ran.of_type("selection")[0].get("monthlySavings")), (Some(0), None));
        let shown = ran.stderr;
        assert!(shown.contains(&format!("f: what is saved in a month is not known: {why}")), "{shown}");
    };
    unknown(&sizes, "the size before the run");
    let in_yuan = sizes.clone().map(|size| size.with("currency", "CNY"));
    unknown(
        &[vec![plan(1024)], in_yuan.to_vec()].concat(),
        "no price for compute in us-east-1 on x86_64 in CNY; add it",
    );
    let unbilled = sizes.map(|size| size.without("averageBilledDurationMs"));
    unknown(&[vec![plan(1024)], unbilled.to_vec()].concat(), "the statistics lack averageBilledDurationMs");
}
