//! `lpt-invoke --adaptive`: which sizes are measured, for how long, and that lpt-analyze judges the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::common::records::{RUN, Record, end, invocation, lines};
use crate::common::{Folder, Local, Ran, Tool, function};

const FLAGS: [&str; 2] = ["--wave-ms", "300"];

/// Starts a service that replays a function with these mean durations, in milliseconds; from one of ten environments to
/// another they differ by 2 %, and within each by 2 %. The first invocation of each is a cold start.
fn replaying(means: &[(u32, f64)]) -> (Folder, Local) {
    replaying_as(&["f"], means)
}

/// The same for several functions, whose names may have settings.
fn replaying_as(functions: &[&str], means: &[(u32, f64)]) -> (Folder, Local) {
    let mut rows = "memorySizeMB,environment,durationMs,initDurationMs,billedDurationMs\n".to_owned();
    for (memory, mean) in means {
        for environment in 0..10_u32 {
            for row in 0..30_u32 {
                let noise = f64::from((environment * 7 + 3) % 10) - 4.5
                    + f64::from((row * 7 + environment) % 10)
                    - 4.5;
                let duration = mean * (1.0 + 0.004 * noise);
                let init = if row == 0 { "90.5" } else { "" };
                let billed = duration.ceil() + if row == 0 { 91.0 } else { 0.0 };
                writeln!(rows, "{memory},{environment},{duration:.2},{init},{billed}").unwrap();
            }
        }
    }
    let folder = Folder::new();
    let file = folder.file("f.csv", &rows);
    let replays: Vec<String> = (functions.iter())
        .map(|function| {
            let (name, settings) = function.split_at(function.find(',').unwrap_or(function.len()));
            format!("--replay={name}={}{settings}", file.display())
        })
        .collect();
    let mut arguments: Vec<&str> = replays.iter().map(String::as_str).collect();
    arguments.extend(["--update-delay-ms", "20"].iter().chain(&FLAGS));
    let local = Local::start(&arguments);
    (folder, local)
}

fn measured(local: &Local, sizes: &str, flags: &[&str]) -> Ran {
    let ran = run(local, &["f"], sizes, &[&["--adaptive"], flags].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran
}

fn run(local: &Local, functions: &[&str], sizes: &str, flags: &[&str]) -> Ran {
    let prepared = local.tool("lpt-prepare").args(["--power-values", sizes]).args(functions).run().succeeds();
    local.tool("lpt-invoke").args(flags).stdin(prepared.stdout).run()
}

/// Returns what the invocations cost in USD, in us-east-1 on x86_64: per GB-second, and per request.
fn cost(ran: &Ran) -> f64 {
    let one = |invocation: &Value| {
        let gigabytes = invocation["memorySizeMB"].as_f64().unwrap() / 1024.0;
        invocation["billedDurationMs"].as_f64().unwrap() / 1000.0 * gigabytes * 0.0000166667 + 0.2e-6
    };
    ran.of_type("invocation").iter().map(one).sum()
}

/// Returns the number of invocations of each size.
fn counts(ran: &Ran) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for invocation in ran.of_type("invocation") {
        *counts.entry(invocation["memorySizeMB"].as_u64().unwrap()).or_default() += 1;
    }
    counts
}

/// Returns the number of warm starts of each size.
fn warm_starts(ran: &Ran) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for invocation in ran.of_type("invocation").iter().filter(|invocation| invocation["coldStart"] == false) {
        *counts.entry(invocation["memorySizeMB"].as_u64().unwrap()).or_default() += 1;
    }
    counts
}

fn verdicts(ran: &Ran) -> Vec<(u64, String)> {
    let verdict =
        |size: &Value| (size["memorySizeMB"].as_u64().unwrap(), size["verdict"].as_str().unwrap().to_owned());
    ran.of_type("statistics").iter().map(verdict).collect()
}

#[test]
fn what_is_clear_costs_two_waves_a_size_and_larger_sizes_are_skipped() {
    let (_folder, local) = replaying(&[(128, 400.0), (256, 150.0), (512, 140.0), (1024, 130.0)]);
    let ran = measured(&local, "128,256,512,1024", &[]);
    assert_eq!(warm_starts(&ran), BTreeMap::from([(128, 3), (256, 3), (512, 3)]));
    let skipped = ran.of_type("skipped");
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0]["memorySizeMB"], 1024);
    let reason = skipped[0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("512 MB costs ") && reason.ends_with(" % more than 256 MB"), "{reason}");
    for invocation in ran.of_type("invocation") {
        let (round, wave) = (invocation["round"].as_u64().unwrap(), invocation["wave"].as_u64().unwrap());
        assert_eq!((round, invocation["coldStart"].as_bool()), (wave, Some(wave == 0)));
    }
    assert!(
        ran.stderr.contains("f: 256 MB is the cheapest: 95 % sure after 18 invocations"),
        "{}",
        ran.stderr
    );
    // Nothing is missing: the skipped size is known.
    let analyzed = Tool::new("lpt-analyze").stdin(ran.stdout).run().succeeds();
    let expected = [(128, "worse"), (256, "best"), (512, "worse")].map(|(size, of)| (size, of.to_owned()));
    assert_eq!(verdicts(&analyzed), expected);
    assert!(analyzed.of_type("statistics").iter().all(|size| size["starts"] == "warm"));
    let table = Tool::new("lpt-select").args(["--format", "table"]).stdin(&*analyzed.stdout).run().succeeds();
    assert!(table.stdout.contains("\nLeft out: 1024 MB.\n"), "{}", table.stdout);
    let selected = Tool::new("lpt-select").stdin(analyzed.stdout).run().succeeds();
    assert_eq!(selected.of_type("selection")[0]["memorySizeMB"], 256);
    local.tool("lpt-cleanup").stdin(selected.stdout).run().succeeds();
}

#[test]
fn the_fastest_size_is_found_too_and_no_size_is_skipped() {
    let (_folder, local) = replaying(&[(128, 400.0), (256, 150.0), (512, 90.0)]);
    let ran = measured(&local, "128,256,512", &["--strategy", "speed"]);
    assert_eq!((warm_starts(&ran).len(), ran.of_type("skipped").len()), (3, 0));
    assert!(ran.stderr.contains("f: 512 MB is the fastest: 95 % sure"), "{}", ran.stderr);
    let analyzed = Tool::new("lpt-analyze").args(["--strategy", "speed"]).stdin(ran.stdout).run().succeeds();
    assert_eq!(verdicts(&analyzed)[2], (512, "best".to_owned()));
}

#[test]
fn close_rivals_are_measured_further_within_the_limit_and_judged_alike_by_lpt_analyze() {
    // 256 MB costs 2 % less than 128 MB.
    let (_folder, local) = replaying(&[(128, 306.0), (256, 150.0), (512, 140.0)]);
    let ran = measured(&local, "128,256,512", &["--max-per-size", "9", "--tolerance", "1%"]);
    let counts = warm_starts(&ran);
    assert!(counts[&128] + counts[&256] > 6, "{counts:?}");
    assert!(counts.values().all(|count| *count <= 9), "{counts:?}");
    assert_eq!(counts[&512], 3);
    let analyzed =
        Tool::new("lpt-analyze").args(["--tolerance", "1%"]).stdin(ran.stdout.clone()).run().succeeds();
    let verdicts = verdicts(&analyzed);
    let undecided = verdicts.iter().any(|(_, verdict)| verdict == "undecided");
    assert_eq!(ran.stderr.contains("cannot be told apart"), undecided, "{}: {verdicts:?}", ran.stderr);
    let best = verdicts.iter().find(|(_, verdict)| verdict == "best").unwrap().0;
    assert!(ran.stderr.contains(&format!("f: {best} MB ")), "{}", ran.stderr);
}

/// An invocation of 128 MB costs 0.000019 USD, and by the timeout at most 0.000042; at 256 MB, which is never measured, it
/// may cost 0.000039.
const SLOW: &str = "f,timeout=10";

#[test]
fn no_wave_is_sent_that_may_pass_the_cost_that_is_allowed() {
    let (_folder, local) = replaying_as(&[SLOW], &[(128, 9000.0), (256, 3400.0)]);
    for (most, expected) in [
        ("0.00012", BTreeMap::new()),
        ("0.00013", BTreeMap::from([(128, 6)])),
        ("0.0003", BTreeMap::from([(128, 6), (256, 6)])),
    ] {
        let ran = run(&local, &["f"], "128,256", &["--adaptive", "--max-cost", most]);
        assert_eq!(counts(&ran), expected, "{most}: {}", ran.stderr);
        assert!(cost(&ran) <= most.parse().unwrap(), "{most}: {}", cost(&ran));
        let code = [1, 3, 0][expected.len()];
        assert_eq!(ran.code, Some(code), "{most}: {}", ran.stderr);
    }
}

/// By its timeout, a wave of 1024 MB might cost 0.001 USD.
#[test]
fn a_larger_size_is_expected_to_take_no_longer_than_a_smaller_one() {
    let (_folder, local) = replaying_as(&[SLOW], &[(128, 2000.0), (1024, 200.0)]);
    let ran = run(&local, &["f"], "128,1024", &["--adaptive", "--max-cost", "0.0005"]);
    assert_eq!((ran.code, counts(&ran)), (Some(0), BTreeMap::from([(128, 6), (1024, 6)])), "{}", ran.stderr);
}

/// Each function alone would not pass it.
#[test]
fn functions_that_are_measured_at_the_same_time_do_not_pass_the_cost_together() {
    let functions = ["f", "g", "h", "i"];
    let slow = functions.map(|name| format!("{name},timeout=10"));
    let slow: Vec<&str> = slow.iter().map(String::as_str).collect();
    let (_folder, local) = replaying_as(&slow, &[(128, 9000.0)]);
    for (flags, least) in [(["--adaptive", "--max-per-size", "6"], 3), (["--parallel", "--num", "6"], 6)]
        .map(|of| (of.0.to_vec(), of.1))
    {
        let flags = [flags, vec!["--max-cost", "0.00019"]].concat();
        let ran = run(&local, &functions, "128", &flags);
        assert!(cost(&ran) <= 0.00019, "{flags:?}: {}", cost(&ran));
        assert!(ran.of_type("invocation").len() >= least, "{flags:?}: {}", ran.stderr);
        assert_eq!(ran.code, Some(3), "{flags:?}: {}", ran.stderr);
    }
}

#[test]
fn a_run_of_a_fixed_number_leaves_out_what_may_pass_the_cost_and_can_be_resumed() {
    let (folder, local) = replaying_as(&[SLOW], &[(128, 9000.0)]);
    let saved = folder.path("runs.ndjson");
    let saved = saved.to_str().unwrap();
    let ran = run(&local, &["f"], "128", &["--num", "10", "--max-cost", "0.0001", "--save", saved]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let made = ran.of_type("invocation").len();
    assert!((4..=5).contains(&made), "{made}: {}", ran.stderr);
    assert!(cost(&ran) <= 0.0001);
    let left_out = format!(
        "--max-cost 0.0001 leaves out {} invocations, because one of them may cost 0.000019 USD; {made} invocations were made, and cost about {:.6} USD; to make only the others, type this with the other flags of this run: lpt-tune --resume {saved} --power-values 128 --num 10 arn:",
        10 - made,
        cost(&ran)
    );
    assert!(ran.stderr.contains(&left_out), "{}", ran.stderr);
    let others = run(&local, &["f"], "128", &["--num", "10", "--resume", saved]).succeeds();
    assert_eq!(others.of_type("invocation").len(), 10);
}

/// After the first invocation of 128 MB there is money for one of 1024 MB, but not for a second one of 128 MB besides.
#[test]
fn a_dear_size_that_waits_for_money_is_not_overtaken_by_a_cheap_one() {
    let (_folder, local) = replaying_as(&[SLOW], &[(128, 2000.0), (1024, 2000.0)]);
    let ran = run(&local, &["f"], "128,1024", &["--num", "5", "--max-cost", "0.0000425"]);
    assert_eq!((ran.code, counts(&ran)), (Some(3), BTreeMap::from([(128, 1), (1024, 1)])), "{}", ran.stderr);
}

/// 9.5 GB of it cost a seventh of what the memory costs.
#[test]
fn the_cost_of_ephemeral_storage_is_counted() {
    let (_folder, local) = replaying_as(&[SLOW], &[(128, 9000.0)]);
    let (runtime, client) = local.client();
    let storage = aws_sdk_lambda::types::EphemeralStorage::builder().size(10_240).build().unwrap();
    runtime
        .block_on(client.update_function_configuration().function_name("f").ephemeral_storage(storage).send())
        .unwrap();
    let ran = run(&local, &["f"], "128", &["--num", "40", "--max-cost", "0.0004"]);
    let gb_seconds: f64 = (ran.of_type("invocation").iter())
        .map(|invocation| 9.5 * invocation["billedDurationMs"].as_f64().unwrap() / 1000.0)
        .sum();
    let with_storage = cost(&ran) + gb_seconds * 0.0000000309;
    assert!((0.00035..=0.0004).contains(&with_storage), "{with_storage}: {}", ran.stderr);
}

#[test]
fn a_size_between_the_best_and_its_neighbour_is_published_measured_and_removed() {
    let (_folder, local) = replaying(&[(128, 1000.0), (256, 380.0), (512, 210.0), (1024, 200.0)]);
    let before = local.state_of("f");
    let ran = measured(&local, "128,512,1024", &["--refine", "1"]);
    let states: Vec<String> = (ran.of_type("configuration").iter())
        .filter(|record| record["memorySizeMB"] == 256)
        .map(|record| record["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(states, ["creating", "ready"], "{}", ran.stderr);
    assert_eq!(warm_starts(&ran).get(&256), Some(&3));
    assert!(ran.stderr.contains("f: 256 MB is the cheapest"), "{}", ran.stderr);
    let selected = Tool::new("lpt-select")
        .stdin(Tool::new("lpt-analyze").stdin(ran.stdout).run().succeeds().stdout)
        .run()
        .succeeds();
    assert_eq!(selected.of_type("selection")[0]["memorySizeMB"], 256);
    local.tool("lpt-cleanup").stdin(selected.stdout).run().succeeds();
    let after = local.state_of("f");
    assert_eq!((after.version_numbers(), after.pointers()), (before.version_numbers(), before.pointers()));
    assert_eq!(
        (&after.latest().description, after.latest().memory),
        (&before.latest().description, before.latest().memory)
    );
}

#[test]
fn no_size_is_added_to_a_function_that_has_changed_since() {
    let (_folder, local) = replaying(&[(128, 1000.0), (256, 380.0), (512, 210.0)]);
    let prepared = local.tool("lpt-prepare").args(["--power-values", "128,512", "f"]).run().succeeds();
    let (runtime, client) = local.client();
    runtime
        .block_on(client.update_function_configuration().function_name("f").description("mine").send())
        .unwrap();
    let ran = local.tool("lpt-invoke").args(["--adaptive", "--refine", "1"]).stdin(prepared.stdout).run();
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("f: 256 MB, between the sizes, is not measured: "), "{}", ran.stderr);
    assert!(ran.of_type("configuration").iter().all(|record| record["memorySizeMB"] != 256));
    assert_eq!(local.state_of("f").latest().description, "mine");
}

/// The recording has no invocations of 256 MB, so each one there is an error.
#[test]
fn a_size_that_is_added_and_fails_counts_like_a_planned_one() {
    for (sizes, flags) in
        [("128,512,1024", vec!["--adaptive", "--refine", "1"]), ("256,512", vec!["--adaptive"])]
    {
        let (_folder, local) = replaying(&[(128, 1000.0), (512, 210.0), (1024, 200.0)]);
        let prepared = local.tool("lpt-prepare").args(["--power-values", sizes, "f"]).run().succeeds();
        let ran = local.tool("lpt-invoke").args(flags).stdin(prepared.stdout).run();
        assert_eq!(ran.code, Some(3), "{sizes}: {}", ran.stderr);
        assert!(ran.stderr.contains("f: 256 MB is given up: "), "{sizes}: {}", ran.stderr);
        assert!(ran.stderr.contains("f: 512 MB is the cheapest"), "{sizes}: {}", ran.stderr);
    }
}

#[test]
fn a_size_at_which_the_function_runs_out_of_memory_is_out_of_the_race() {
    let wanted = function("memory-bound");
    let local = Local::with(&[&format!("f={}", wanted.display())]);
    let prepared = local.tool("lpt-prepare").args(["--power-values", "128,512", "f"]).run().succeeds();
    let ran = local.tool("lpt-invoke").args(["--adaptive", "--payload", "{}"]).stdin(prepared.stdout).run();
    let analyzed = Tool::new("lpt-analyze").stdin(ran.stdout.clone()).run();
    let statistics = analyzed.of_type("statistics");
    assert_eq!(statistics[0]["verdict"], Value::Null, "{}", ran.stderr);
    assert_eq!(statistics[1]["verdict"], "best", "{}", ran.stderr);
}

#[test]
fn what_adaptive_cannot_do_is_said_at_once() {
    let local = Local::with(&[]);
    for (flags, words) in [
        (vec!["--adaptive", "--num", "5"], vec!["--adaptive", "--num"]),
        (vec!["--max-per-size", "5"], vec!["--adaptive"]),
        (vec!["--strategy", "speed"], vec!["--strategy", "--adaptive"]),
        (vec!["--tolerance", "3%"], vec!["--tolerance", "--adaptive"]),
        (vec!["--adaptive", "--concurrency", "2"], vec!["--concurrency 2", "at least 3"]),
        (vec!["--adaptive", "--tolerance", "5"], vec!["--tolerance", "such as 5%"]),
        (
            vec!["--adaptive", "--payload", r#"[{"payload": 1, "weight": 1}, {"payload": 2, "weight": 1}]"#],
            vec!["--adaptive", "--payloads"],
        ),
    ] {
        local.tool("lpt-invoke").args(flags).stdin("").run().fails_with(2, &words);
    }
}

/// A saved adaptive run, whose waves are in the records.
#[test]
fn waves_widen_the_intervals_where_environments_differ() {
    let invocations = |with_waves: bool| {
        let rows = (0..12_u32).map(move |at| {
            // Each environment has its own duration.
            let record = crate::common::records::invocation("f")
                .with("index", at)
                .with("requestId", format!("r{at}"))
                .duration([100.0, 110.0, 120.0][at as usize % 3]);
            if with_waves { record.with("round", 1).with("wave", at / 3) } else { record }
        });
        lines(rows.chain([crate::common::records::end("lpt-invoke")]))
    };
    let width = |with_waves: bool| {
        let ran = Tool::new("lpt-analyze").stdin(invocations(with_waves)).run().succeeds();
        let size: Record = Record::of(&ran.of_type("statistics")[0]);
        let of = |field: &str| size.value()[field].as_f64().unwrap();
        of("averageDurationHighMs") - of("averageDurationLowMs")
    };
    assert!(width(true) > 1.2 * width(false), "{} and {}", width(true), width(false));
}

/// Nothing of 256 MB is measured.
#[test]
fn a_run_that_its_cost_ends_is_not_certain() {
    let (_folder, local) = replaying_as(&[SLOW], &[(128, 9000.0), (256, 3400.0), (512, 3000.0)]);
    let ran = run(&local, &["f"], "128,256,512", &["--adaptive", "--max-cost", "0.00013"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(!ran.stderr.contains("% sure"), "{}", ran.stderr);
    assert!(ran.stderr.contains("--max-cost allows no more"), "{}", ran.stderr);
    let analyzed = Tool::new("lpt-analyze").stdin(ran.stdout).run();
    let selected = Tool::new("lpt-select").arg("--allow-incomplete").stdin(analyzed.stdout).run();
    let selections = selected.of_type("selection");
    assert_eq!(selections.len(), 1, "{}", selected.stderr);
    assert_eq!(
        (&selections[0]["certain"], &selections[0]["confidence"]),
        (&Value::from(false), &Value::Null)
    );
}

#[test]
fn a_cost_that_is_not_known_is_not_spent() {
    let (_folder, local) = replaying(&[(128, 400.0)]);
    let prepared = local.tool("lpt-prepare").args(["--power-values", "128", "f"]).run().succeeds();
    let elsewhere = prepared.stdout.replace("us-east-1", "xx-none-1");
    for mode in ["--adaptive", "--parallel"] {
        let ran = local.tool("lpt-invoke").args([mode, "--max-cost", "1"]).stdin(&*elsewhere).run();
        assert_eq!((ran.of_type("invocation").len(), ran.code), (0, Some(1)), "{}", ran.stderr);
        assert!(ran.stderr.contains("because their price is not known"), "{}", ran.stderr);
    }
}

/// 512 MB has no warm start in the stream.
#[test]
fn a_size_of_which_nothing_is_known_leaves_the_selection_uncertain() {
    let (_folder, local) = replaying(&[(128, 400.0), (256, 150.0), (512, 300.0)]);
    let ran = measured(&local, "128,256,512", &[]);
    let analyzed = |stream: String| {
        let analyzed = Tool::new("lpt-analyze").stdin(stream).run();
        Tool::new("lpt-select").stdin(analyzed.stdout).run().of_type("selection")[0]["certain"].clone()
    };
    assert_eq!(analyzed(ran.stdout.clone()), true);
    let is_warm_of_512 =
        |line: &&str| line.contains("\"memorySizeMB\":512") && line.contains("\"coldStart\":false");
    let without: String =
        ran.stdout.lines().filter(|line| !is_warm_of_512(line)).map(|line| format!("{line}\n")).collect();
    assert_eq!(analyzed(without), false);
}

#[test]
fn a_limit_of_a_percentile_takes_more_than_three_invocations_to_be_certain() {
    let (_folder, local) = replaying(&[(128, 400.0), (256, 150.0)]);
    let ran = measured(&local, "128,256", &[]);
    let analyzed = Tool::new("lpt-analyze").stdin(ran.stdout).run();
    let selected = Tool::new("lpt-select").args(["--max-duration-p99", "1s"]).stdin(analyzed.stdout).run();
    assert_eq!(selected.of_type("selection")[0]["certain"], false);
    assert!(selected.stderr.contains("that takes 368"), "{}", selected.stderr);
}

/// The id of another run than [`RUN`].
const OTHER_RUN: &str = "01a2074c9c607396b384c6f5252e05c1";

/// Returns the invocations of a run at a size, in waves of three, each in a round of its own. The first wave and round
/// have this number.
fn waves(run: &str, memory: u32, first: u32, durations: &[f64]) -> Vec<Record> {
    let record = |(at, duration): (u32, &f64)| {
        invocation("f")
            .memory(memory)
            .duration(*duration)
            .with("runId", run)
            .with("index", 3 * first + at)
            .with("round", first + at / 3)
            .with("wave", first + at / 3)
    };
    (0..).zip(durations).map(record).collect()
}

/// Other waves of the second run find the same execution environments again, however they are numbered.
#[test]
fn waves_of_different_runs_are_apart_although_their_numbers_are_the_same() {
    let of_first = waves(RUN, 128, 1, &[100.0, 110.0, 120.0, 101.0, 111.0, 121.0]);
    let of_second = |first: u32| {
        let durations = [140.0, 150.0, 160.0, 141.0, 151.0, 161.0];
        let records = waves(OTHER_RUN, 128, first, &durations).into_iter();
        records.map(move |record| record.with("round", 2))
    };
    let input =
        |first: u32| lines(of_first.clone().into_iter().chain(of_second(first)).chain([end("lpt-invoke")]));
    let ends = |ran: Ran| {
        let size = &ran.succeeds().of_type("statistics")[0];
        ["averageDurationLowMs", "averageDurationHighMs"].map(|field| size[field].as_f64().unwrap())
    };
    let analyzed = |input: String| ends(Tool::new("lpt-analyze").stdin(input).run());
    let expected = analyzed(input(11));
    assert_eq!(analyzed(input(1)), expected);
    // Another way of reading a line, and a table.
    assert_eq!(analyzed(input(1).replace("\":", "\" : ")), expected);
    let folder = Folder::new();
    let table = folder.path("runs.parquet");
    let import =
        Tool::new("lpt-import").args(["--to", "parquet", "--output"]).arg(&table).stdin(input(1)).run();
    import.succeeds();
    assert_eq!(ends(Tool::new("lpt-analyze").arg(&table).run()), expected);
}

/// By its first round alone, 128 MB was worse in the first run.
#[test]
fn the_rounds_of_a_run_eliminate_no_size_if_another_run_measured_it_too() {
    let of_first = [
        waves(RUN, 128, 1, &[300.0, 301.0, 302.0]),
        waves(RUN, 256, 1, &[100.0, 101.0, 102.0, 100.0, 101.0, 102.0]),
    ];
    let steady: Vec<f64> = [120.0, 121.0, 122.0].repeat(9);
    let verdicts_of = |run: &str| {
        let of_second = waves(run, 128, 2, &steady);
        let input = of_first.clone().into_iter().flatten().chain(of_second).chain([end("lpt-invoke")]);
        verdicts(&Tool::new("lpt-analyze").stdin(lines(input)).run().succeeds())
    };
    assert_eq!(verdicts_of(RUN)[0].1, "worse");
    assert_eq!(verdicts_of(OTHER_RUN)[0].1, "best");
}
