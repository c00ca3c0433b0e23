//! `lpt-analyze`, and the expected outputs: tests/data holds them in the pipe's order, each tool's output the next
//! one's input. `LPT_BLESS=1` rewrites all but the first, which is a real run's.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::common::records::{RUN, Record, configuration, end, invocation, lines, plan, statistics};
use crate::common::{Folder, Local, Ran, Tool, function};

/// Returns the path of a file in tests/data.
pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Asserts that the file holds `text`, or writes it there if `LPT_BLESS` is set.
#[track_caller]
pub fn assert_golden(name: &str, text: &str) {
    let path = golden(name);
    if std::env::var_os("LPT_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name} differs; if that is wanted: make bless");
}

fn runs() -> String {
    std::fs::read_to_string(golden("1-invocations.ndjson")).unwrap()
}

/// Returns a stream of these records, with its end.
fn whole(records: impl IntoIterator<Item = Record>) -> String {
    lines(records) + &end("lpt-invoke").line()
}

/// Moves a record to a region that the built-in prices lack.
fn elsewhere(record: Record) -> Record {
    record.region("xx-none-1")
}

#[test]
fn a_file_and_stdin_give_the_same() {
    let from_file = Tool::new("lpt-analyze").arg(golden("1-invocations.ndjson")).run().succeeds();
    let from_stdin = Tool::new("lpt-analyze").stdin(runs()).run().succeeds();
    assert_eq!(from_file.stdout, from_stdin.stdout);
    assert_eq!(from_file.stderr, "");
    assert_golden("2-statistics.ndjson", &from_file.stdout);
}

#[test]
fn the_figures_are_those_that_the_format_defines() {
    // 128 MB costs 0.0000166667 ÷ 8 USD a second.
    let durations = [10.0, 20.0, 30.0, 40.0, 1000.0];
    let input = whole(durations.map(|duration| invocation("f").duration(duration)));
    let ran = Tool::new("lpt-analyze").stdin(input).run().succeeds();
    let statistics = &ran.of_type("statistics")[0];
    let number = |field: &str| statistics[field].as_f64().unwrap();
    let price = 0.000_016_666_7 / 8.0 / 1000.0;
    assert_eq!(statistics["architecture"], "x86_64");
    assert_eq!((number("invocations"), number("discarded"), number("errors")), (5.0, 2.0, 0.0));
    assert_eq!(number("averageDurationMs"), 30.0);
    assert!((number("averageCost") - 30.0 * price).abs() < 1e-18);
    assert!((number("meanCost") - 220.0 * price).abs() < 1e-18);
    assert!((number("requestCost") - 2e-7).abs() < 1e-20);
    assert!((number("totalCost") - 1100.0 * price - 1e-6).abs() < 1e-18);
    assert_eq!(
        (number("minDurationMs"), number("p50DurationMs"), number("maxDurationMs")),
        (10.0, 30.0, 1000.0)
    );
    assert!(number("averageDurationLowMs") < 30.0 && number("averageDurationHighMs") > 30.0);
    assert_eq!(number("confidence"), 0.95);
}

#[test]
fn trimming_rounds_down_at_each_end() {
    let input = whole((1..=10).map(|n| invocation("f").duration(n.into())));
    for (share, discarded) in [("0", 0), ("0.19", 2), ("0.2", 4), ("0.4", 8)] {
        let ran =
            Tool::new("lpt-analyze").args(["--discard-top-bottom", share]).stdin(&*input).run().succeeds();
        assert_eq!(ran.of_type("statistics")[0]["discarded"], discarded, "{share}");
    }
}

#[test]
fn a_share_or_a_weight_out_of_range_is_a_usage_error() {
    for share in ["0.45", "-0.1", "nan", "20%", ""] {
        let refused =
            Tool::new("lpt-analyze").arg(format!("--discard-top-bottom={share}")).stdin(runs()).run();
        refused.fails_with(2, &["--discard-top-bottom", "a number from 0 to 0.4"]);
    }
    for weight in ["7", "-0.1", "nan", "half"] {
        for tool in ["lpt-analyze", "lpt-select"] {
            let weight = format!("--balanced-weight={weight}");
            let refused = Tool::new(tool).args(["--strategy", "balanced", &weight]).stdin(runs()).run();
            refused.fails_with(2, &["--balanced-weight", "a number from 0 to 1"]);
        }
    }
}

/// lpt-select takes the strategy of the statistics if no flag has one.
#[test]
fn a_weight_without_the_strategy_balanced_is_a_usage_error() {
    let analyze = |arguments: &[&str]| Tool::new("lpt-analyze").args(arguments).stdin(runs()).run();
    let select = |statistics: &str, arguments: &[&str]| {
        Tool::new("lpt-select").args(arguments).stdin(statistics).run()
    };
    let by_cost = analyze(&[]).succeeds().stdout;
    let balanced = analyze(&["--strategy", "balanced", "--balanced-weight", "0.7"]).succeeds();
    assert_eq!(balanced.of_type("statistics")[0]["balancedWeight"], 0.7);
    let weight = "--balanced-weight=1";
    for (strategy, refused) in [
        ("cost", analyze(&[weight])),
        ("speed", analyze(&[weight, "--strategy", "speed"])),
        ("cost", select(&by_cost, &[weight])),
        ("speed", select(&balanced.stdout, &[weight, "--strategy", "speed"])),
    ] {
        let words = [
            "--balanced-weight is for the strategy balanced",
            &format!("is {strategy};"),
            "--strategy balanced",
        ];
        refused.fails_with(2, &words);
    }
    for ran in [select(&balanced.stdout, &[weight]), select(&by_cost, &[weight, "--strategy", "balanced"])] {
        assert_eq!(ran.succeeds().of_type("selection")[0]["balancedWeight"], 1.0);
    }
    let folder = Folder::new();
    let input = folder.file("input.json", r#"{"strategy": "balanced", "balancedWeight": 0.1}"#);
    let ran = analyze(&["--input", input.to_str().unwrap(), weight]).succeeds();
    assert_eq!(ran.of_type("statistics")[0]["balancedWeight"], 1.0);
}

#[test]
fn errors_are_counted_and_a_size_with_nothing_else_has_no_rank() {
    let invoked = invocation("f").duration(5.0);
    let error = |memory| invoked.clone().memory(memory).outcome("function-error");
    let throttled = invocation("f").memory(256).without("durationMs").without("billedDurationMs");
    let input = whole([invoked.clone(), error(128), error(256), throttled.outcome("throttled")]);
    let ran = Tool::new("lpt-analyze").stdin(input).run().succeeds();
    let statistics = ran.of_type("statistics");
    assert_eq!(
        (&statistics[0]["invocations"], &statistics[0]["errors"], &statistics[0]["rank"]),
        (&1.into(), &1.into(), &1.into())
    );
    assert_eq!((&statistics[1]["invocations"], &statistics[1]["errors"]), (&0.into(), &2.into()));
    assert_eq!(statistics[1].get("rank"), None);
    assert_eq!(statistics[1].get("averageDurationMs"), None);
    let total = statistics[1]["totalCost"].as_f64().unwrap();
    let billed = 0.005 * 0.25 * 0.000_016_666_7;
    assert!(
        (total - billed - 2e-7).abs() < 1e-18,
        "the error was billed, the throttled request was not: {total}"
    );
}

#[test]
fn cold_and_warm_starts_are_told_apart() {
    let cold = invocation("f").duration(100.0).with("initDurationMs", 200).with("billedDurationMs", 300);
    let input = whole([cold, invocation("f").duration(50.0)]);
    for (starts, average) in [("cold", 300.0), ("warm", 50.0), ("all", 175.0)] {
        let ran = Tool::new("lpt-analyze").args(["--starts", starts]).stdin(&*input).run();
        assert_eq!(ran.of_type("statistics")[0]["averageDurationMs"], average, "{starts}");
    }
}

/// Returns invocations of a size, the first `cold` of them with an init.
fn started(memory: u32, duration: f64, cold: usize, all: usize) -> Vec<Record> {
    let warm = |n: usize| invocation("f").memory(memory).duration(duration + n as f64 / 100.0);
    let cold_start =
        |n: usize| warm(n).with("initDurationMs", 400).with("billedDurationMs", duration as u64 + 401);
    (0..all).map(|n| if n < cold { cold_start(n) } else { warm(n) }).collect()
}

/// As measured with --parallel: the smaller size is the cheaper one, and has had more cold starts.
#[test]
fn cold_starts_that_turn_the_choice_are_seen() {
    let input = whole([started(512, 100.0, 6, 8), started(1024, 80.0, 3, 8)].concat());
    let best = |ran: &Ran| {
        let statistics = ran.of_type("statistics");
        let best = statistics.iter().find(|record| record["rank"] == 1).unwrap();
        best["memorySizeMB"].clone()
    };
    let analyze = |arguments: &[&str]| Tool::new("lpt-analyze").args(arguments).stdin(&*input).run();
    let all = analyze(&["--strategy", "speed"]);
    assert_eq!(best(&all), 1024);
    assert_eq!(
        all.stderr,
        "lpt-analyze: warning: f: cold starts are among the averaged invocations (5 of 6 at 512 MB, 2 of 6 at 1024 MB), so sizes are hard to compare; leave them out with --starts warm\n"
    );
    let cost = ["--strategy", "cost"];
    assert_eq!(
        (best(&analyze(&cost)), best(&analyze(&[&cost[..], &["--starts", "warm"]].concat()).succeeds())),
        (1024.into(), 512.into())
    );
    let table = analyze(&["--format", "table"]).stdout;
    let lines: Vec<Vec<char>> = table.lines().map(|line| line.chars().collect()).collect();
    let starts =
        |line: &Vec<char>| line.windows(6).position(|word| word.iter().eq(&['s', 't', 'a', 'r', 't', 's']));
    let header = lines.iter().position(|line| starts(line).is_some()).expect("a header");
    let column = starts(&lines[header]).expect("a column");
    let cold = |line: &Vec<char>| line[column..column + 6].iter().collect::<String>().trim().to_owned();
    assert_eq!(lines[header + 1..header + 3].iter().map(cold).collect::<Vec<_>>(), ["6", "3"]);
}

#[test]
fn cold_starts_that_survive_the_trim_are_warned_of_if_they_matter() {
    let both = |cold, all| [started(512, 100.0, cold, all), started(1024, 80.0, cold, all)].concat();
    let cases: [(Vec<Record>, &[&str], &str); 8] = [
        // One in fifty is trimmed, which is how a run in series looks.
        (both(1, 50), &[], ""),
        (both(1, 5), &[], ""),
        (both(1, 50), &["--discard-top-bottom", "0"], "(1 of 50 at 1024 MB, 1 of 50 at 512 MB)"),
        (both(1, 4), &[], "(1 of 4 at 1024 MB, 1 of 4 at 512 MB)"),
        (started(512, 100.0, 1, 4), &[], "(1 of 4 at 512 MB)"),
        // They are what was measured.
        (both(8, 8), &[], ""),
        (both(2, 8), &["--starts", "cold"], ""),
        (
            [started(512, 100.0, 4, 4), started(1024, 80.0, 1, 8)].concat(),
            &[],
            "512 MB has no others, so measure more there",
        ),
    ];
    for (records, arguments, expected) in cases {
        let ran = Tool::new("lpt-analyze").args(arguments).stdin(whole(records)).run();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stderr.contains(expected), "no {expected:?} in {}", ran.stderr);
        assert_eq!(ran.stderr.contains("--starts warm"), !expected.is_empty(), "{}", ran.stderr);
    }
    // Its record does not tell how long it took.
    let slow = invocation("f").memory(512).duration(500.0).with("coldStart", true);
    let records = started(512, 100.0, 0, 3).into_iter().chain([slow]);
    let ran = Tool::new("lpt-analyze").stdin(whole(records)).run();
    assert!(ran.stderr.contains("(1 of 4 at 512 MB)"), "{}", ran.stderr);
    // A start that takes 1 ms of 400 does no harm.
    let quick = |record: Record| record.with("initDurationMs", 1).with("billedDurationMs", 402);
    let records =
        started(512, 400.0, 0, 3).into_iter().chain([quick(invocation("f").memory(512).duration(400.0))]);
    Tool::new("lpt-analyze").stdin(whole(records)).run().succeeds();
}

/// Of a program that keeps the bill and not the init.
#[test]
fn a_bill_that_nothing_explains_is_warned_of() {
    let billed = |billed: u64| invocation("f").duration(100.0).with("billedDurationMs", billed);
    let input = whole([billed(100), billed(101), billed(500), billed(501)]);
    let ran = Tool::new("lpt-analyze").stdin(input).run();
    assert!(
        ran.stderr.contains("f: 2 invocations are billed for longer than they ran, and no coldStart"),
        "{}",
        ran.stderr
    );
    let explained = [
        billed(500).with("coldStart", false),
        billed(500).with("coldStart", true),
        billed(500).with("initDurationMs", 399.5),
        billed(403).with("billedRestoreDurationMs", 303),
    ];
    let ran = Tool::new("lpt-analyze").args(["--starts", "all"]).stdin(whole(explained)).run();
    assert!(!ran.stderr.contains("billed for longer"), "{}", ran.stderr);
}

/// In several regions or accounts, the same name is of several functions.
#[test]
fn a_function_has_its_short_name_and_its_region_where_there_are_several() {
    let [here, there] = ["us-east-1", "eu-west-1"].map(|region| invocation("f").region(region));
    let titles = |records: Vec<Record>| -> Vec<String> {
        let ran = Tool::new("lpt-analyze").args(["--format", "table"]).stdin(whole(records)).run().succeeds();
        ran.stdout.lines().filter(|line| line.contains("(x86_64)")).map(str::to_owned).collect()
    };
    assert_eq!(titles(vec![here.clone(), invocation("g").region("eu-west-1")]), ["g (x86_64)", "f (x86_64)"]);
    assert_eq!(
        titles(vec![here.clone(), there.clone()]),
        ["f in eu-west-1 (x86_64)", "f in us-east-1 (x86_64)"]
    );
    let report =
        |record: Record| record.outcome("no-report").without("durationMs").without("billedDurationMs");
    let ran = Tool::new("lpt-analyze").stdin(whole([here.clone(), there.clone(), report(there)])).run();
    assert!(
        ran.stderr.contains("warning: f in eu-west-1: 128 MB: 1 invocation ran without a report"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_most_memory_is_that_of_all_invocations() {
    let used = |used: u32| invocation("f").with("maxMemoryUsedMB", used);
    let ran = Tool::new("lpt-analyze")
        .stdin(whole([used(70), used(128).outcome("out-of-memory")]))
        .run()
        .succeeds();
    assert_eq!(ran.of_type("statistics")[0]["maxMemoryUsedMB"], 128);
}

#[test]
fn functions_and_architectures_are_ranked_apart() {
    let x86 = invocation("f").duration(5.0);
    let arm = x86.clone().with("architecture", "arm64");
    let input = whole([x86, arm, invocation("g").duration(5.0), invocation("f").memory(256).duration(4.0)]);
    let ran = Tool::new("lpt-analyze").stdin(input).run().succeeds();
    let ranks: Vec<_> = ran
        .of_type("statistics")
        .iter()
        .map(|record| {
            let name = record["functionArn"].as_str().unwrap().chars().last().unwrap();
            (
                name,
                record["architecture"].as_str().unwrap().to_owned(),
                record["memorySizeMB"].as_u64().unwrap(),
                record["rank"].as_u64().unwrap(),
            )
        })
        .collect();
    let x86 = || "x86_64".to_owned();
    assert_eq!(
        ranks,
        [('f', x86(), 128, 1), ('f', x86(), 256, 2), ('f', "arm64".to_owned(), 128, 1), ('g', x86(), 128, 1)]
    );
}

#[test]
fn a_price_file_covers_a_region_without_built_in_prices() {
    let invoked = elsewhere(invocation("f").duration(8000.0));
    let input = whole([invoked.clone()]);
    let unpriced = Tool::new("lpt-analyze").stdin(&*input).run();
    assert!(unpriced.stdout.starts_with(&invoked.line()), "not lost");
    unpriced.fails_with(1, &["xx-none-1", "--prices"]);
    let both = Tool::new("lpt-analyze").stdin(invocation("f").line() + &input).run();
    assert_eq!(both.code, Some(3), "{}", both.stderr);
    assert_eq!((both.of_type("statistics").len(), both.of_type("invocation").len()), (1, 1));
    let folder = Folder::new();
    let prices = folder.file(
        "prices.csv",
        "region,architecture,meter,price,currency\nxx-none-1,x86_64,compute,2,EUR\nxx-none-1,x86_64,requests,1,EUR\n",
    );
    let ran = Tool::new("lpt-analyze").arg("--prices").arg(&prices).stdin(&*input).run().succeeds();
    let statistics = &ran.of_type("statistics")[0];
    assert_eq!((&statistics["averageCost"], &statistics["currency"]), (&2.0.into(), &"EUR".into()));
    let bad = folder.file("bad.csv", "region,architecture\n");
    let bad = Tool::new("lpt-analyze").arg("--prices").arg(bad).stdin(input).run();
    bad.fails_with(
        2,
        &["bad.csv: line 1: no column meter; expected", "region,architecture,meter,price,currency"],
    );
}

#[test]
fn an_offer_file_of_aws_is_recognized_by_its_content() {
    let folder = Folder::new();
    let product = |group, usage_type| json!({"attributes": {"regionCode": "xx-none-1", "group": group, "usagetype": usage_type}});
    let term =
        |price| json!({"T": {"priceDimensions": {"D": {"beginRange": "0", "pricePerUnit": {"USD": price}}}}});
    let offer = json!({
        "offerCode": "AWSLambda",
        "products": {
            "A": product("AWS-Lambda-Duration", "XXN1-Lambda-GB-Second"),
            "B": product("AWS-Lambda-Requests", "XXN1-Request"),
        },
        "terms": {"OnDemand": {"A": term("0.00002"), "B": term("0.0000003")}},
    });
    let prices = folder.file("prices.csv", &offer.to_string());
    let input = whole([elsewhere(invocation("f").memory(1024).duration(1000.0))]);
    let ran = Tool::new("lpt-analyze").arg("--prices").arg(&prices).stdin(&*input).run().succeeds();
    let statistics = &ran.of_type("statistics")[0];
    assert_eq!(
        (&statistics["averageCost"], &statistics["requestCost"]),
        (&0.00002.into(), &0.000_000_3.into())
    );
    let bad = folder.file("ec2.json", &offer.to_string().replace("AWSLambda", "AmazonEC2"));
    let bad = Tool::new("lpt-analyze").arg("--prices").arg(bad).stdin(input).run();
    bad.fails_with(2, &["ec2.json: the offer code is \"AmazonEC2\"; expected"]);
}

#[test]
fn the_price_list_says_when_it_was_taken() {
    let taken = lpt::price::PriceList::embedded_date();
    let help = Tool::new("lpt-analyze").arg("--help").run().succeeds();
    assert!(help.stdout.split_whitespace().collect::<Vec<_>>().join(" ").contains(taken), "{}", help.stdout);
    let unknown = whole([elsewhere(invocation("f"))]);
    Tool::new("lpt-analyze").stdin(unknown).run().fails_with(1, &["xx-none-1", taken, "--prices FILE"]);
}

#[test]
fn the_usage_of_the_account_decides_the_price_tier() {
    let input = whole([invocation("f").memory(1024).duration(1000.0)]);
    for (used, cost) in [("0", 0.000_016_666_7), ("6e9", 0.000_015), ("15000000000", 0.000_013_333_4)] {
        let ran =
            Tool::new("lpt-analyze").args(["--monthly-gb-seconds", used]).stdin(&*input).run().succeeds();
        assert_eq!(ran.of_type("statistics")[0]["averageCost"], cost, "{used}");
    }
    let in_europe = input.replace("us-east-1", "eu-west-1");
    let ran =
        Tool::new("lpt-analyze").args(["--monthly-gb-seconds", "7e9"]).stdin(in_europe).run().succeeds();
    assert_eq!(ran.of_type("statistics")[0]["averageCost"], 0.000_015);
    let in_china = input.replace("us-east-1", "cn-north-1");
    let ran = Tool::new("lpt-analyze").args(["--monthly-gb-seconds", "7e9"]).stdin(in_china).run();
    assert!(
        ran.stderr.contains("warning: only one tier of compute is known in cn-north-1"),
        "{}",
        ran.stderr
    );
    let negative = Tool::new("lpt-analyze").args(["--monthly-gb-seconds=-1"]).stdin(input).run();
    negative.fails_with(2, &["--monthly-gb-seconds", "a number of 0 or more"]);
}

#[test]
fn a_missing_price_is_left_out_with_one_warning() {
    let folder = Folder::new();
    let only_compute = "region,architecture,meter,price,currency\nxx-none-1,x86_64,compute,2,CNY\n";
    let prices = folder.file("prices.csv", only_compute);
    let invoked = elsewhere(invocation("f").duration(1000.0));
    let ran = Tool::new("lpt-analyze")
        .arg("--prices")
        .arg(prices)
        .stdin(whole([invoked.clone(), invoked.memory(256)]))
        .run();
    let warnings: Vec<_> = ran.stderr.lines().collect();
    assert_eq!(warnings.len(), 1, "{}", ran.stderr);
    for words in [
        "no price for requests in xx-none-1",
        "requestCost and totalCost",
        "xx-none-1,x86_64,requests,PRICE,CNY",
    ] {
        assert!(warnings[0].contains(words), "{}", warnings[0]);
    }
    let statistics = &ran.of_type("statistics")[0];
    assert_eq!((ran.code, statistics.get("requestCost")), (Some(0), None));
    assert_eq!(statistics["currency"], "CNY");
    assert_eq!(statistics["totalCost"], statistics["averageCost"]);
}

#[test]
fn a_result_that_rests_on_a_price_of_medium_confidence_has_one_note() {
    let invoked = |region: &str| invocation("f").memory(1024).duration(1000.0).region(region);
    let analyze = |arguments: &[&str], records: Vec<Record>| {
        Tool::new("lpt-analyze").args(arguments).stdin(whole(records)).run().succeeds()
    };
    let in_china = invoked("cn-northwest-1").with("architecture", "arm64");
    let ran = analyze(&[], vec![in_china.clone(), in_china.memory(512), invoked("cn-north-1")]);
    assert_eq!(
        ran.stderr,
        "lpt-analyze: costs rest on prices of medium confidence: compute in cn-north-1 on x86_64; compute, requests in cn-northwest-1 on arm64; give AWS's own price list to --prices to be sure\n"
    );
    let statistics = &ran.of_type("statistics");
    let cost = |at: usize, field: &str| statistics[at][field].as_f64().unwrap();
    assert_eq!((cost(0, "averageCost"), cost(0, "requestCost")), (0.000_113_477, 1.36 / 1e6));
    assert_eq!((cost(2, "averageCost"), &statistics[2]["currency"]), (0.000_090_8, &"CNY".into()));
    // The first tier of Cape Town is of high confidence, the second is not.
    assert_eq!(analyze(&[], vec![invoked("af-south-1")]).stderr, "");
    let second = analyze(&["--monthly-gb-seconds", "7e9"], vec![invoked("af-south-1")]);
    assert!(
        second.stderr.contains("medium confidence: compute in af-south-1 on x86_64;"),
        "{}",
        second.stderr
    );
    assert_eq!(second.of_type("statistics")[0]["averageCost"], 0.000_019_89);
    // With AWS's own file nothing is in doubt.
    let offer = golden("offers/cn-northwest-1.csv");
    let arm64 = invoked("cn-northwest-1").with("architecture", "arm64");
    assert_eq!(analyze(&["--prices", offer.to_str().unwrap()], vec![arm64]).stderr, "");
}

/// Returns the versions of a run: these are ready, and one more is being made.
fn configurations(memory: u32, indices: std::ops::Range<u32>) -> Vec<Record> {
    let version = |index: u32| {
        let alias = format!("lpt-{RUN}-{memory}-{index}");
        configuration("f").memory(memory).with("index", index).with("alias", alias)
    };
    let creating = version(9).with("state", "creating").without("version");
    indices.map(|index| version(index).with("version", (index + 1).to_string())).chain([creating]).collect()
}

/// A cold start with SnapStart, as four reports show it: what is billed of the restore is part of what is billed.
const RESTORES: [(f64, u64, u64); 4] =
    [(306.34, 303, 610), (127.10, 26, 154), (159.87, 118, 278), (2338.66, 182, 2521)];

fn restored(memory: u32, (duration, billed_restore, billed): (f64, u64, u64)) -> Record {
    invocation("f")
        .memory(memory)
        .duration(duration)
        .with("billedDurationMs", billed)
        .with("restoreDurationMs", 400.5)
        .with("billedRestoreDurationMs", billed_restore)
}

#[test]
fn a_restore_is_billed_once() {
    let price = 0.000_016_666_7;
    for report in RESTORES {
        let ran = Tool::new("lpt-analyze").stdin(whole([restored(1024, report)])).run().succeeds();
        let statistics = &ran.of_type("statistics")[0];
        let number = |field: &str| statistics[field].as_f64().unwrap();
        assert_eq!(number("averageDurationMs"), report.0 + 400.5);
        assert_eq!(number("averageBilledDurationMs"), report.2 as f64);
        assert!((number("averageCost") - report.2 as f64 / 1000.0 * price).abs() < 1e-18);
        assert!((number("totalCost") - number("averageCost") - 2e-7).abs() < 1e-18, "no plan says SnapStart");
        assert_eq!(statistics.get("restoreCost"), None);
    }
}

#[test]
fn snapstart_charges_each_cold_start_and_each_version_but_not_for_java() {
    let mut records = configurations(2048, 0..3);
    records.extend(RESTORES.map(|report| restored(2048, report)));
    records.push(invocation("f").memory(2048).duration(5.0));
    let analyze = |runtime: &str, region: &str| {
        let plan = plan("f").with("snapStart", true).with("runtime", runtime);
        let input = plan.line() + &whole(records.clone());
        Tool::new("lpt-analyze").stdin(input.replace("us-east-1", region)).run()
    };
    let number = |statistics: &Value, field: &str| statistics[field].as_f64().unwrap();
    let python = &analyze("python3.13", "us-east-1").succeeds().of_type("statistics")[0];
    let java = &analyze("java21", "us-east-1").succeeds().of_type("statistics")[0];
    let restore = 2.0 * 0.000_139_799_8;
    let cache = 2.0 * 3.0 * 3600.0 * 0.000_001_504_6;
    assert_eq!(number(python, "restoreCost"), restore);
    assert_eq!(java.get("restoreCost"), None);
    assert_eq!(python["averageCost"], java["averageCost"]);
    let more = number(python, "totalCost") - number(java, "totalCost");
    assert!((more - 4.0 * restore - 3.0 * cache).abs() < 1e-15, "4 restores, 3 versions: {more}");

    let london = &analyze("python3.13", "eu-west-2").succeeds().of_type("statistics")[0];
    assert_eq!(number(london, "restoreCost"), 2.0 * 0.000_198_053_4);

    // AWS's list has no SnapStart in Taipei.
    let java = &analyze("java21", "ap-east-2").succeeds().of_type("statistics")[0];
    let ran = analyze("python3.13", "ap-east-2");
    let warnings: Vec<_> = ran.stderr.lines().collect();
    assert_eq!(warnings.len(), 2, "{}", ran.stderr);
    for (warning, meter) in warnings.iter().zip(["snapstart-cache", "snapstart-restore"]) {
        assert!(warning.contains(&format!("no price for {meter} in ap-east-2")), "{warning}");
    }
    assert_eq!(ran.of_type("statistics")[0]["totalCost"], java["totalCost"]);
}

#[test]
fn tmp_above_512_mb_adds_to_the_cost_of_duration() {
    let invoked = |duration| invocation("f").memory(1024).duration(duration);
    let input = whole([plan("f").with("ephemeralStorageMB", 2560), invoked(500.0), invoked(1500.0)]);
    let ran = Tool::new("lpt-analyze").stdin(&*input).run().succeeds();
    let statistics = &ran.of_type("statistics")[0];
    let second = 0.000_016_666_7 + 2.0 * 0.000_000_030_9;
    for (field, expected) in
        [("averageCost", second), ("meanCost", second), ("totalCost", 2.0 * second + 4e-7)]
    {
        assert!((statistics[field].as_f64().unwrap() - expected).abs() < 1e-18, "{field}");
    }
    let in_europe = input.replace("us-east-1", "eu-west-1");
    let in_europe = Tool::new("lpt-analyze").stdin(in_europe).run().succeeds();
    assert_eq!(in_europe.of_type("statistics")[0]["meanCost"], 0.000_016_666_7 + 2.0 * 0.000_000_034);
    // No source has the price of /tmp on x86_64 in Ningxia. The free 512 MB need none.
    let in_ningxia = input.replace("us-east-1", "cn-northwest-1");
    let ran = Tool::new("lpt-analyze").stdin(&*in_ningxia).run();
    assert!(ran.stderr.contains("no price for storage in cn-northwest-1"), "{}", ran.stderr);
    assert_eq!(ran.of_type("statistics")[0]["meanCost"], 0.000_113_477);
    let free = in_ningxia.replace("\"ephemeralStorageMB\":2560", "\"ephemeralStorageMB\":512");
    assert_eq!(Tool::new("lpt-analyze").stdin(free).run().succeeds().stderr, "");
}

#[test]
fn lpt_prepare_records_how_much_tmp_is_paid_for() {
    let local = Local::with(&[&format!("f={}", function("cpu-bound").display())]);
    let prepare = || local.tool("lpt-prepare").args(["--power-values", "128", "f"]).run().succeeds();
    assert_eq!(prepare().of_type("plan")[0].get("ephemeralStorageMB"), None);
    let (runtime, client) = local.client();
    let storage = aws_sdk_lambda::types::EphemeralStorage::builder().size(1024).build().unwrap();
    let request = client.update_function_configuration().function_name("f").ephemeral_storage(storage);
    runtime.block_on(request.send()).unwrap();
    assert_eq!(prepare().of_type("plan")[0]["ephemeralStorageMB"], 1024);
}

#[test]
fn cold_starts_are_not_trimmed_unless_a_flag_says_so() {
    let invocations = whole((1..=10).map(|n| invocation("f").duration(n.into())));
    let cold = plan("f").with("onlyColdStarts", true);
    let warm = plan("f");
    let cases: [(&[&str], &[&Record], f64); 7] = [
        (&[], &[&cold], 0.0),
        (&["--discard-top-bottom", "0.3"], &[&cold], 0.3),
        (&["--compat"], &[&cold], 0.0),
        (&["--compat", "--discard-top-bottom", "0.3"], &[&cold], 0.0),
        (&["--compat"], &[&warm], 0.2),
        (&[], &[&cold, &warm], 0.2),
        (&[], &[], 0.2),
    ];
    for (flags, plans, share) in cases {
        let input = plans.iter().map(|plan| plan.line()).chain([invocations.clone()]).collect::<String>();
        let ran = Tool::new("lpt-analyze").args(flags).stdin(input).run().succeeds();
        assert_eq!(ran.of_type("statistics")[0]["discardTopBottom"], share, "{flags:?} {plans:?}");
    }
}

/// Duration, init, restore, billed, billed restore; 0 is absent.
type Report = (f64, f64, f64, u64, u64);
const WARM: &[Report] = &[
    (101.37, 0.0, 0.0, 102, 0),
    (98.2, 0.0, 0.0, 99, 0),
    (97.03, 0.0, 0.0, 98, 0),
    (250.49, 0.0, 0.0, 251, 0),
    (99.91, 0.0, 0.0, 100, 0),
    (103.3, 0.0, 0.0, 104, 0),
    (96.7, 0.0, 0.0, 97, 0),
    (100.01, 0.0, 0.0, 101, 0),
    (98.86, 0.0, 0.0, 99, 0),
    (133.61, 80.0, 0.0, 214, 0),
];
const FEW: &[Report] = &[
    (12.34, 0.0, 0.0, 13, 0),
    (15.01, 0.0, 0.0, 16, 0),
    (14.2, 265.72, 0.0, 280, 0),
    (12.9, 0.0, 0.0, 13, 0),
];
const SNAP: &[Report] = &[
    (306.34, 0.0, 474.16, 610, 303),
    (127.1, 0.0, 401.3, 154, 26),
    (159.87, 0.0, 390.05, 278, 118),
    (2338.66, 0.0, 512.6, 2521, 182),
    (30.2, 0.0, 0.0, 31, 0),
];
const ONE: &[Report] = &[(7.77, 0.0, 0.0, 8, 0)];

fn reported(region: &str, architecture: &str, memory: u32, reports: &[Report]) -> String {
    whole(reports.iter().map(|&(duration, init, restore, billed, billed_restore)| {
        let mut record = invocation("f").region(region).with("architecture", architecture).memory(memory);
        record = record.duration(duration).with("billedDurationMs", billed);
        for (field, value) in [("initDurationMs", init), ("restoreDurationMs", restore)] {
            if value > 0.0 {
                record = record.with(field, value);
            }
        }
        if billed_restore > 0 {
            record = record.with("billedRestoreDurationMs", billed_restore);
        }
        record
    }))
}

/// The expected digits are those of Node.js 20 with an implementation of its own, for each share s:
///
/// ```js
/// const trimmed = (v, s) => {
///     const k = Math.floor(v.length * s); v.sort((a, b) => a - b);
///     let t = 0; for (const x of v.slice(k, v.length - k)) t = t + x;
///     return t / (v.length - 2 * k);
/// };
/// const price = ms => Math.ceil(ms) * base * (mb / 128);
/// const duration = trimmed(reports.map(r => r[0] + r[1] + r[2]), s);
/// const billed = reports.map(r => r[3] + r[4]), cost = price(trimmed(billed, s));
/// let total = 0; for (const x of billed) total = total + price(x);
/// ```
///
/// Of restores, which it counts twice, the first one's 610 ms are 913. The order of the sum is in the last digits.
#[test]
#[rustfmt::skip]
fn compat_computes_as_aws_lambda_power_tuning_to_the_last_digit() {
    let cases = [
        ("us-east-1", "x86_64", 512, WARM, "0", 125.94800000000001, 0.0000010668, 0.000010626000000000001),
        ("us-east-1", "x86_64", 512, WARM, "0.2", 100.27499999999999, 8.484000000000001e-7, 0.000010626000000000001),
        ("us-east-1", "x86_64", 512, WARM, "0.4", 99.96000000000001, 8.484000000000001e-7, 0.000010626000000000001),
        ("eu-west-1", "arm64", 1769, WARM, "0", 125.94800000000001, 0.00000298380546875, 0.000029720582031249995),
        ("eu-west-1", "arm64", 1769, WARM, "0.2", 100.27499999999999, 0.00000237294765625, 0.000029720582031249995),
        ("eu-west-1", "arm64", 1769, WARM, "0.4", 99.96000000000001, 0.00000237294765625, 0.000029720582031249995),
        ("cn-north-1", "x86_64", 3008, FEW, "0", 80.0425, 0.0000270297, 0.00010745139999999999),
        ("cn-north-1", "x86_64", 3008, FEW, "0.2", 80.0425, 0.0000270297, 0.00010745139999999999),
        ("cn-north-1", "x86_64", 3008, FEW, "0.4", 13.955, 0.0000050055, 0.00010745139999999999),
        ("ap-northeast-3", "x86_64", 128, FEW, "0", 80.0425, 2.1870000000000002e-7, 8.694000000000001e-7),
        ("ap-northeast-3", "x86_64", 128, FEW, "0.2", 80.0425, 2.1870000000000002e-7, 8.694000000000001e-7),
        ("ap-northeast-3", "x86_64", 128, FEW, "0.4", 13.955, 4.0500000000000005e-8, 8.694000000000001e-7),
        ("af-south-1", "arm64", 1024, SNAP, "0", 948.0559999999999, 0.000011492, 0.00005743279999999999),
        ("af-south-1", "arm64", 1024, SNAP, "0.2", 619.6066666666667, 0.0000067592, 0.00005743279999999999),
        ("af-south-1", "arm64", 1024, SNAP, "0.4", 549.9200000000001, 0.0000053856, 0.00005743279999999999),
        ("us-east-1", "x86_64", 1536, SNAP, "0", 948.0559999999999, 0.000021294000000000003, 0.00010641960000000001),
        ("us-east-1", "x86_64", 1536, SNAP, "0.2", 619.6066666666667, 0.000012524400000000002, 0.00010641960000000001),
        ("us-east-1", "x86_64", 1536, SNAP, "0.4", 549.9200000000001, 0.000009979200000000001, 0.00010641960000000001),
        ("eu-south-1", "x86_64", 10240, ONE, "0", 7.77, 0.000001536, 0.000001536),
        ("eu-south-1", "x86_64", 10240, ONE, "0.2", 7.77, 0.000001536, 0.000001536),
        ("eu-south-1", "x86_64", 10240, ONE, "0.4", 7.77, 0.000001536, 0.000001536),
    ];
    for (region, architecture, memory, reports, share, duration, cost, total) in cases {
        let input = reported(region, architecture, memory, reports);
        let arguments = ["--compat", "--discard-top-bottom", share];
        let ran = Tool::new("lpt-analyze").args(arguments).stdin(input).run().succeeds();
        let statistics = &ran.of_type("statistics")[0];
        let found = ["averageDurationMs", "averageCost", "totalCost"].map(|field| statistics[field].as_f64().unwrap());
        assert_eq!(found, [duration, cost, total], "{region} {architecture} {memory} {share}");
        assert_eq!(statistics["currency"], if region == "cn-north-1" { "CNY" } else { "USD" });
        for field in ["averageCostLow", "averageCostHigh", "meanCost", "requestCost", "restoreCost"] {
            assert_eq!(statistics.get(field), None, "{field}");
        }
        assert_eq!((&statistics["rank"], &statistics["score"]), (&1.into(), &cost.into()));
    }
}

#[test]
fn compat_counts_what_aws_lambda_power_tuning_counts() {
    let with = |outcome: &str| invocation("f").memory(256).duration(40.0).outcome(outcome);
    let no_report = with("no-report").without("durationMs").without("billedDurationMs");
    let ok = |memory| invocation("f").memory(memory).duration(20.0).with("billedDurationMs", 21);
    let compat = |records: &[Record]| {
        Tool::new("lpt-analyze").args(["--compat"]).stdin(whole(records.iter().cloned())).run()
    };

    let ran = compat(&[with("allowed-error"), ok(256)]).succeeds();
    let statistics = &ran.of_type("statistics")[0];
    // (40 + 21) ÷ 2 is 30.5, rounded up.
    assert_eq!(
        (&statistics["averageDurationMs"], &statistics["averageCost"]),
        (&30.0.into(), &(31.0 * 2.1e-9 * 2.0).into())
    );

    let ran = compat(&[no_report, ok(256)]);
    let statistics = &ran.of_type("statistics")[0];
    assert_eq!(
        (&statistics["averageDurationMs"], &statistics["averageCost"]),
        (&10.0.into(), &(11.0 * 2.1e-9 * 2.0).into())
    );
    assert_eq!((&statistics["invocations"], &statistics["errors"]), (&1.into(), &1.into()));

    // A failure ends its run.
    for outcome in ["function-error", "timeout", "throttled"] {
        let ran = compat(&[with(outcome), ok(256), ok(512)]);
        assert!(ran.stderr.contains("f: 256 MB: has no result with --compat"), "{}", ran.stderr);
        let statistics = ran.of_type("statistics");
        assert_eq!((statistics[0].get("averageCost"), statistics[0].get("rank")), (None, None), "{outcome}");
        assert_eq!(statistics[1]["rank"], 1);
    }
}

#[test]
fn compat_needs_no_price_list_and_refuses_one() {
    let input = whole([elsewhere(invocation("f"))]);
    let ran = Tool::new("lpt-analyze").arg("--compat").stdin(&*input).run().succeeds();
    assert_eq!(ran.of_type("statistics")[0]["averageCost"], 2.1e-9);
    for other in [["--prices", "p.csv"], ["--monthly-gb-seconds", "1"], ["--starts", "cold"]] {
        let ran = Tool::new("lpt-analyze").arg("--compat").args(other).stdin(&*input).run();
        ran.fails_with(2, &["--compat", other[0]]);
    }
}

#[test]
fn null_is_an_absent_value() {
    let fields = ["architecture", "outcome", "initDurationMs"].into_iter();
    let nulls = fields.fold(invocation("f"), |record, field| record.with(field, Value::Null));
    let ran = Tool::new("lpt-analyze").stdin(whole([nulls])).run().succeeds();
    let statistics = &ran.of_type("statistics")[0];
    assert_eq!((&statistics["architecture"], &statistics["invocations"]), (&"x86_64".into(), &1.into()));
}

#[test]
fn other_records_pass_through_unchanged_and_in_place() {
    let odd = "{\"type\" : \"someone-elses\",  \"x\": [1.0, 2e0 ] }\n";
    let input = invocation("f").line() + odd + &whole([invocation("f")]);
    let ran = Tool::new("lpt-analyze").stdin(input).run();
    assert!(ran.stdout.starts_with(odd), "{}", ran.stdout);
}

/// A file is given twice, or beside the one that lpt-cleanup made of it, or a run beside the run that resumed it.
#[test]
fn each_invocation_counts_once() {
    let folder = Folder::new();
    let run = folder.file("run.ndjson", &runs());
    let cleaned = folder.file("run.cleaned.ndjson", &(runs() + &end("lpt-cleanup").line()));
    // It keeps what was measured, byte for byte, and measures the rest.
    let (mut kept, mut is_kept) = (0, true);
    let resumed: String = (runs().lines())
        .map(|line| {
            is_kept = !line.contains("\"invocation\"") || kept < 7;
            kept += usize::from(is_kept && line.contains("\"invocation\""));
            let line = line.to_owned() + "\n";
            if is_kept {
                line
            } else {
                line.replace(RUN, "01a20741590276d1a58656c56c1ccb3a")
                    .replace("\"requestId\":\"", "\"requestId\":\"0")
            }
        })
        .collect();
    let resumed = folder.file("resumed.ndjson", &resumed);
    let analyze = |files: &[&PathBuf]| Tool::new("lpt-analyze").args(files).run().succeeds();
    let once = analyze(&[&run]);
    assert_eq!(once.stderr, "");
    for files in [vec![&run, &run], vec![&run, &cleaned], vec![&run, &run, &cleaned]] {
        let ran = analyze(&files);
        assert_eq!(ran.of_type("statistics"), once.of_type("statistics"));
        let repeats = 24 * (files.len() - 1);
        let note = format!(
            "lpt-analyze: {repeats} records repeat an invocation of the input, and are left out: each invocation counts once\n"
        );
        assert_eq!(ran.stderr, note);
    }
    let both = analyze(&[&run, &resumed]);
    assert!(both.stderr.contains("7 records repeat an invocation"), "{}", both.stderr);
    let count = |ran: &Ran| -> u64 {
        ran.of_type("statistics").iter().map(|record| record["invocations"].as_u64().unwrap()).sum()
    };
    assert_eq!((count(&once), count(&both)), (24, 48 - 7));
}

#[test]
fn the_first_record_of_a_request_counts() {
    let invoked = |id: &str, duration| invocation("f").with("requestId", id).duration(duration);
    let of_run = |index: u32| invocation("f").with("runId", RUN).with("index", index).duration(8.0);
    let failed =
        |record: Record| record.without("durationMs").without("billedDurationMs").outcome("throttled");
    let cases: [(Vec<Record>, u64, f64, u64); 6] = [
        (vec![invoked("a", 3.0), invoked("b", 5.0), invoked("a", 999.0)], 2, 4.0, 0),
        (vec![invoked("a", 3.0), invoked("a", 5.0).memory(256)], 1, 3.0, 0),
        // Without a request id, the run and the index identify an invocation.
        (vec![of_run(0), of_run(1), of_run(0), failed(of_run(2)), failed(of_run(2))], 2, 8.0, 1),
        (vec![of_run(0).with("requestId", "a"), of_run(0).with("requestId", "b")], 2, 8.0, 0),
        // Nothing identifies these.
        (vec![invocation("f").duration(6.0), invocation("f").duration(6.0)], 2, 6.0, 0),
        (
            vec![invoked("", 6.0), invoked("", 6.0), of_run(0).without("index"), of_run(0).without("index")],
            4,
            7.0,
            0,
        ),
    ];
    for (records, invocations, average, errors) in cases {
        let ran = Tool::new("lpt-analyze").stdin(whole(records.clone())).run().succeeds();
        let statistics = &ran.of_type("statistics")[0];
        assert_eq!(
            (&statistics["invocations"], &statistics["averageDurationMs"], &statistics["errors"]),
            (&invocations.into(), &average.into(), &errors.into()),
            "{records:?}"
        );
    }
    let twice = whole([invoked("a", 3.0), invoked("a", 3.0)]);
    let ran = Tool::new("lpt-analyze").stdin(twice).run().succeeds();
    assert_eq!(ran.stderr, "lpt-analyze: 1 invocation is in the input twice, and counts once\n");
}

/// The plans differ in the code, which is said once.
#[test]
fn repeated_plans_and_configurations_do_no_harm() {
    let changed = plan("f").with("codeSha256", "d");
    let once = lines([plan("f"), changed.clone(), configuration("f"), invocation("f")]);
    let repeats = lines([plan("f"), changed, configuration("f")]);
    let analyze = |input: String| Tool::new("lpt-analyze").stdin(input + &end("lpt-invoke").line()).run();
    let (once, twice) = (analyze(once.clone()), analyze(once + &repeats));
    assert_eq!(once.of_type("statistics"), twice.of_type("statistics"));
    assert_eq!((once.code, &once.stderr), (twice.code, &twice.stderr));
    assert_eq!(once.stderr.matches("different code").count(), 1, "{}", once.stderr);
}

/// With a plan that says SnapStart, and the same index in two runs.
#[test]
fn a_run_of_another_program_can_have_any_name() {
    let of_run = |run: &str| {
        let records =
            [plan("f").with("snapStart", true), configuration("f"), invocation("f").with("index", 0)];
        records.map(|record| record.with("runId", run))
    };
    let records =
        ["nightly 2026/11/24", "", "01a2074c-9c60-7396-b384-c6f5252e05c0"].into_iter().flat_map(of_run);
    let ran = Tool::new("lpt-analyze").stdin(whole(records)).run().succeeds();
    let statistics = &ran.of_type("statistics")[0];
    assert_eq!(statistics["invocations"], 3);
    assert_eq!(statistics["restoreCost"], 0.125 * 0.000_139_799_8);
    Tool::new("lpt-select").stdin(ran.stdout).run().succeeds();
}

#[test]
fn statistics_of_an_earlier_run_are_replaced_if_the_invocations_are_there() {
    let others = [statistics("g"), statistics("f").memory(512)];
    let again = [statistics("f"), invocation("f").duration(3.0), end("lpt-invoke")];
    let input = lines(others.into_iter().chain(again));
    let ran = Tool::new("lpt-analyze").stdin(input).run().succeeds();
    let left: Vec<_> =
        ran.of_type("statistics").iter().map(|one| one["averageDurationMs"].as_f64().unwrap()).collect();
    assert_eq!(
        left,
        [5.0, 5.0, 3.0],
        "those of g, and of f at another size, and the new ones: {}",
        ran.stdout
    );
    assert_eq!(ran.of_type("statistics")[2].get("environments"), None, "no cold start tells");
}

#[test]
fn a_report_in_a_folder_of_records_is_left_out() {
    let folder = Folder::new();
    folder.file("runs.ndjson", &runs());
    folder.file("report.html", "<!DOCTYPE html>");
    Tool::new("lpt-analyze").arg(folder.path("")).run().succeeds();
}

#[test]
fn an_incomplete_stream_is_analyzed_with_a_warning() {
    let ran = Tool::new("lpt-analyze").stdin(invocation("f")).run();
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.contains("warning: the input has no end record"), "{}", ran.stderr);
    assert_eq!(ran.of_type("statistics").len(), 1);
    assert_eq!(ran.records().pop().unwrap()["status"], "interrupted");
}

#[test]
fn a_bad_record_is_named_and_the_records_that_undo_the_run_pass() {
    let version = configuration("f");
    let cases: [(String, &[&str]); 9] = [
        ("{\"type\":\"invocation\"\n".to_owned(), &["stdin:2: not a JSON object"]),
        ("\n".to_owned(), &["stdin:2: not a JSON object"]),
        ("7\n".to_owned(), &["stdin:2: expected an object, found a number"]),
        ("{\"durationMs\":1}\n".to_owned(), &["stdin:2: type: missing"]),
        (
            invocation("f").with("durationMs", "1").line(),
            &["stdin:2: durationMs: expected a number, found a string"],
        ),
        (invocation("f").without("durationMs").line(), &["stdin:2: durationMs: missing"]),
        (
            invocation("f").with("functionArn", "f").line(),
            &["stdin:2: functionArn: ", "not a whole function ARN"],
        ),
        (
            plan("f").with("powerValues", "128").line(),
            &["stdin:2: powerValues: expected an array, found a string"],
        ),
        (configuration("f").without("alias").line(), &["stdin:2: alias: missing"]),
    ];
    for (line, words) in cases {
        let input = invocation("f").line() + &line + &whole([version.clone()]);
        let ran = Tool::new("lpt-analyze").stdin(input).run();
        assert!(ran.stdout.contains(&version.line()), "{}", ran.stdout);
        assert_eq!(ran.records().pop().unwrap()["status"], "failed");
        ran.fails_with(65, words);
    }
}

#[test]
fn several_files_are_read_in_order_and_one_that_is_missing_is_named() {
    let folder = Folder::new();
    let one = folder.file("one.ndjson", &whole([invocation("f")]));
    let two = folder.file("two.ndjson", &whole([invocation("f").duration(3.0)]));
    let ran = Tool::new("lpt-analyze").arg(&one).arg(&two).run().succeeds();
    assert_eq!(ran.of_type("statistics")[0]["invocations"], 2);
    let missing = folder.path("nosuch.ndjson");
    Tool::new("lpt-analyze").arg(&one).arg(missing).run().fails_with(1, &["nosuch.ndjson: No such file"]);
    let bad = folder.file("bad.ndjson", "{}\n");
    Tool::new("lpt-analyze").arg(&one).arg(bad).run().fails_with(65, &["bad.ndjson:1: type: missing"]);
}

#[test]
fn each_file_needs_its_own_end() {
    let folder = Folder::new();
    let cut = folder.file("cut.ndjson", &invocation("f").line());
    let complete = folder.file("complete.ndjson", &whole([invocation("f").duration(3.0)]));
    let ran = Tool::new("lpt-analyze").arg(&cut).arg(&complete).run();
    assert!(ran.stderr.contains("no end record"), "{}", ran.stderr);
    assert_eq!(ran.records().pop().unwrap()["status"], "interrupted");
    let joined = Tool::new("lpt-analyze").stdin(whole([invocation("f")]) + &invocation("f").line()).run();
    assert_eq!(joined.records().pop().unwrap()["status"], "interrupted", "a line after the last end");
}

/// As of a writer that was killed, or a disk that was full.
#[test]
fn a_file_that_is_cut_in_mid_line_is_analyzed_with_a_warning() {
    let folder = Folder::new();
    let (before, last) = (invocation("f").line(), invocation("f").duration(9.0).line());
    let analyze = |text: &str| Tool::new("lpt-analyze").arg(folder.file("cut.ndjson", text)).run();
    for end in [1, 5, last.len() / 2, last.len() - 2] {
        let ran = analyze(&(before.clone() + &last[..end]));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("cut.ndjson:2: the last line is cut off, and is left out"),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.of_type("statistics")[0]["invocations"], 1);
        assert_eq!(ran.records().pop().unwrap()["status"], "interrupted");
    }
    // Only the newline is missing.
    let whole = analyze(&(before.clone() + last.trim_end()));
    assert_eq!(whole.of_type("statistics")[0]["invocations"], 2);
    // A cut line behind the end of another run.
    let joined = analyze(&(before.clone() + &end("lpt-invoke").line() + &last[..9]));
    assert_eq!(joined.records().pop().unwrap()["status"], "interrupted");
    // Anywhere else, and of anything else, it is a bad line.
    let elsewhere = last[..9].to_owned() + "\n" + &before;
    for bad in [elsewhere, before.clone() + &last[..9] + "\n", before.clone() + "nonsense", before + "{}"] {
        assert_eq!(analyze(&bad).code, Some(65), "{bad}");
    }
}

#[test]
fn a_file_of_another_kind_is_named_with_what_to_do() {
    let folder = Folder::new();
    let utf_16: Vec<u8> = format!("\u{feff}{}", runs()).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: [(&str, &[u8], [&str; 2]); 2] = [
        ("runs.zip", b"PK\x03\x04\x14\0\0\0", ["is a zip archive", "unzip -p"]),
        ("runs16.ndjson", &utf_16, ["is UTF-16", "iconv -f UTF-16 -t UTF-8"]),
    ];
    for (name, bytes, words) in cases {
        let path = folder.path(name);
        std::fs::write(&path, bytes).unwrap();
        let refused = Tool::new("lpt-analyze").arg(&path).run();
        refused.fails_with(65, &[&format!("{name}: "), words[0], words[1]]);
    }
    let refused = Tool::new("lpt-analyze").arg(Folder::new().path("")).run();
    refused.fails_with(1, &["is a folder without files of records"]);
    // PowerShell and editors write it.
    let marked = folder.file("marked.ndjson", &format!("\u{feff}{}", runs()));
    let ran = Tool::new("lpt-analyze").arg(marked).run().succeeds();
    assert_eq!(ran.stdout, Tool::new("lpt-analyze").stdin(runs()).run().stdout);
}

fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn zstandard(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).unwrap()
}

/// The files are told by their content; none has a name that says what it is.
#[test]
fn the_statistics_are_the_same_from_every_form_and_order_of_the_records() {
    let folder = Folder::new();
    let runs = runs();
    let expected = Tool::new("lpt-analyze").stdin(runs.clone()).run().succeeds().of_type("statistics");
    assert!(expected.len() > 3);
    let lines: Vec<&str> = runs.split_inclusive('\n').collect();
    let (first, second) = lines.split_at(lines.len() / 2);
    let (first, second) = (first.concat(), second.concat());
    let end = lines.last().unwrap();
    // What is passed on stays as it is.
    let with_spaces = |line: &str| match line.contains("\"invocation\"") {
        true => line.replace("\":", "\" : ").replace('\n', " \r\n"),
        false => line.to_owned(),
    };
    let mut forms: Vec<(&str, Vec<u8>)> = vec![
        ("gzip", gzip(&runs)),
        ("gzip of several members", [gzip(&first), gzip(&second)].concat()),
        ("zstd", zstandard(&runs)),
        ("zstd of several frames", [zstandard(&first), zstandard(&second)].concat()),
        ("gzip of zstd", gzip(zstandard(&runs))),
        ("with spaces", lines.iter().map(|line| with_spaces(line)).collect::<String>().into_bytes()),
    ];
    let mut reversed: Vec<&str> = lines[..lines.len() - 1].to_vec();
    reversed.reverse();
    reversed.push(end);
    forms.push(("in reverse", reversed.concat().into_bytes()));
    for (form, bytes) in forms {
        let path = folder.path(form);
        std::fs::write(&path, &bytes).unwrap();
        let of_file = Tool::new("lpt-analyze").arg(&path).run().succeeds();
        assert_eq!((of_file.of_type("statistics"), &*of_file.stderr), (expected.clone(), ""), "{form}");
        let of_stdin = Tool::new("lpt-analyze").stdin(bytes).run().succeeds();
        assert_eq!((of_stdin.of_type("statistics"), &*of_stdin.stderr), (expected.clone(), ""), "{form}");
    }
    // A folder with a file for each line, and others that are not of records.
    let many = folder.path("many");
    for (number, line) in lines.iter().enumerate() {
        let of_ten = many.join(format!("{:02}", number / 10));
        std::fs::create_dir_all(&of_ten).unwrap();
        let end = if line == end { "" } else { end };
        std::fs::write(of_ten.join(format!("{number:03}")), format!("{line}{end}")).unwrap();
    }
    std::fs::write(many.join("_SUCCESS"), "").unwrap();
    std::fs::write(many.join(".hidden"), "nonsense").unwrap();
    let of_folder = Tool::new("lpt-analyze").arg(&many).run().succeeds();
    assert_eq!((of_folder.of_type("statistics"), &*of_folder.stderr), (expected, ""));
}

/// Lines that begin alike may differ in what follows.
#[test]
fn an_architecture_counts_wherever_it_is_in_its_line() {
    let of = |architecture: &str| {
        let line = invocation("f").line();
        line.trim_end().trim_end_matches('}').to_owned()
            + &format!(",\"index\":1,\"architecture\":\"{architecture}\"}}\n")
    };
    let without = invocation("f").line();
    let lines = of("arm64") + &of("x86_64") + &of("arm64") + &without + &of("arm64");
    let ran = Tool::new("lpt-analyze").stdin(lines).run();
    let found: Vec<_> = (ran.of_type("statistics").iter())
        .map(|found| (found["architecture"].clone(), found["invocations"].clone()))
        .collect();
    assert_eq!(found, [(json!("x86_64"), json!(2)), (json!("arm64"), json!(3))], "{}", ran.stderr);
    let folder = Folder::new();
    for architecture in ["arm64", "x86_64"] {
        let path = folder.path("runs").join(format!("architecture={architecture}"));
        std::fs::create_dir_all(&path).unwrap();
        let with = invocation("f").with("architecture", "x86_64").line();
        std::fs::write(path.join("part-0"), with + &without.repeat(3)).unwrap();
    }
    let ran = Tool::new("lpt-analyze").arg(folder.path("runs")).run();
    let found: Vec<_> = ran.of_type("statistics").iter().map(|found| found["invocations"].clone()).collect();
    assert_eq!(found, [json!(5), json!(3)], "{}", ran.stderr);
}

#[test]
fn an_empty_name_is_a_bad_record_and_so_is_what_follows_an_object() {
    for (line, what) in [
        (invocation("f").with("version", "").line(), "stdin:1: version: "),
        (invocation("f").with("alias", "").line(), "stdin:1: alias: "),
        ("{\"type\":\"other\"}garbage\n".to_owned(), "stdin:1: not a JSON object: a syntax error"),
        (invocation("f").line().trim_end().repeat(2) + "\n", "stdin:1: not a JSON object: a syntax error"),
    ] {
        Tool::new("lpt-analyze").stdin(line).run().fails_with(65, &[what]);
    }
}

/// As Spark writes them: `df.write.partitionBy("functionArn", "memorySizeMB").json(…)`.
#[test]
fn the_folders_of_a_partition_give_the_fields_that_its_records_lack() {
    let folder = Folder::new();
    let expected = Tool::new("lpt-analyze").stdin(runs()).run().succeeds().of_type("statistics");
    for line in runs().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let (mut path, mut written) = (folder.path("runs"), record.clone());
        for field in ["functionArn", "memorySizeMB"] {
            let value = match &record[field] {
                Value::Null => "__HIVE_DEFAULT_PARTITION__".to_owned(),
                Value::String(text) => text.replace(':', "%3A"),
                other => other.to_string(),
            };
            path.push(format!("{field}={value}"));
            written.as_object_mut().unwrap().remove(field);
        }
        std::fs::create_dir_all(&path).unwrap();
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path.join("part-0.json"));
        writeln!(file.unwrap(), "{written}").unwrap();
    }
    // Their fields are in another order than ours, and records that pass through stay so.
    let ran = Tool::new("lpt-analyze").arg("--format=json").arg(folder.path("runs")).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(serde_json::from_str::<Vec<Value>>(&ran.stdout).unwrap(), expected);
}

#[test]
fn a_compressed_file_that_is_cut_off_is_analyzed_with_a_warning() {
    let folder = Folder::new();
    // Of a few records zstd makes one block, so that nothing arrives without its end.
    for (name, whole, code) in [("runs.gz", gzip(runs()), 0), ("runs.zst", zstandard(&runs()), 1)] {
        let path = folder.path(name);
        std::fs::write(&path, &whole[..whole.len() - 10]).unwrap();
        let ran = Tool::new("lpt-analyze").arg(&path).run();
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert_eq!(ran.stderr.contains("has no invocation records"), code == 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("{name}: the compressed file is cut off")), "{}", ran.stderr);
        std::fs::write(&path, [&whole[..20], &[0xff; 20], &whole[40..]].concat()).unwrap();
        Tool::new("lpt-analyze").arg(&path).run().fails_with(1, &[name]);
    }
}

#[test]
fn groups_are_ranked_apart_and_carry_what_they_are_grouped_by() {
    let of = |commit: &str, memory, duration| {
        invocation("f").memory(memory).duration(duration).with("tag.commit", commit).with("payloadIndex", 1)
    };
    let records = [
        of("old", 128, 800.0),
        of("old", 256, 500.0),
        of("new", 128, 900.0),
        of("new", 256, 300.0),
        invocation("f").memory(128).duration(7.0),
    ];
    let analyze = |arguments: &[&str], records: Vec<Record>| {
        Tool::new("lpt-analyze").args(arguments).stdin(whole(records)).run().succeeds()
    };
    let ran = analyze(&["--group-by", "tag.commit,payloadIndex"], records.to_vec());
    let groups: Vec<_> = (ran.of_type("statistics").iter())
        .map(|found| (found["group"].clone(), found["memorySizeMB"].clone(), found["rank"].clone()))
        .collect();
    let expected = [
        ("tag.commit=, payloadIndex=", 128, 1),
        ("tag.commit=new, payloadIndex=1", 128, 2),
        ("tag.commit=new, payloadIndex=1", 256, 1),
        ("tag.commit=old, payloadIndex=1", 128, 1),
        ("tag.commit=old, payloadIndex=1", 256, 2),
    ];
    assert_eq!(groups, expected.map(|(group, memory, rank)| (json!(group), json!(memory), json!(rank))));
    let selected = Tool::new("lpt-select").stdin(ran.stdout).run_watched();
    assert_eq!(selected.code, Some(0), "{}", selected.stderr);
    let best: Vec<_> = selected
        .of_type("selection")
        .iter()
        .map(|best| (best["group"].clone(), best["memorySizeMB"].clone()))
        .collect();
    assert_eq!(best[1..], [(json!(expected[1].0), json!(256)), (json!(expected[3].0), json!(128))]);
    assert!(selected.stderr.contains("f (tag.commit=new, payloadIndex=1)"), "{}", selected.stderr);
    let refused = Tool::new("lpt-apply").stdin(selected.stdout).run();
    refused.fails_with(1, &["f: has more than one selection"]);
    // Lines that the scanner leaves to the parser are in the same groups.
    let odd: Vec<Record> = records.iter().map(|record| record.clone().with("errorType", "\u{1}")).collect();
    let of_odd = analyze(&["--group-by", "tag.commit,payloadIndex"], odd);
    let groups_of_odd: Vec<_> =
        of_odd.of_type("statistics").iter().map(|found| found["group"].clone()).collect();
    assert_eq!(groups_of_odd, expected.map(|(group, ..)| json!(group)));
    let ungrouped = analyze(&[], records.to_vec());
    assert_eq!(ungrouped.of_type("statistics").len(), 2);
}

#[test]
fn what_cannot_be_grouped_by_is_refused() {
    let nested = whole([invocation("f").with("tag.a", json!([1]))]);
    Tool::new("lpt-analyze")
        .args(["--group-by", "tag.a"])
        .stdin(nested)
        .run()
        .fails_with(65, &["stdin:1: tag.a: expected a text, a number or a boolean to group by"]);
    for (field, why) in [
        ("memorySizeMB", "statistics are those of each memorySizeMB anyway"),
        ("errors", "errors is a field of statistics, and not of invocations"),
        ("", "expected the name of a field"),
    ] {
        Tool::new("lpt-analyze").arg(format!("--group-by={field}")).run().fails_with(2, &[why]);
    }
}

#[test]
fn a_part_needs_no_end_record_and_parts_after_one_another_are_one_stream() {
    let part =
        |function: &str| Tool::new("lpt-analyze").arg("--part").stdin(invocation(function)).run().succeeds();
    let (f, g) = (part("f"), part("g"));
    assert_eq!(f.records().pop().unwrap()["status"], "complete");
    // The end record of the whole may be in a part of its own.
    let failed =
        Tool::new("lpt-analyze").arg("--part").stdin(end("lpt-invoke").with("status", "interrupted")).run();
    assert_eq!(failed.records().pop().unwrap()["status"], "interrupted");
    let selected = Tool::new("lpt-select").stdin(f.stdout.clone() + &g.stdout).run().succeeds();
    assert_eq!(selected.of_type("selection").len(), 2);
    let refused = Tool::new("lpt-select").stdin(f.stdout + &failed.stdout + &g.stdout).run();
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
}

#[test]
fn impossible_figures_are_bad_records() {
    for (field, value) in [
        ("durationMs", json!(1e308)),
        ("billedDurationMs", json!(u64::MAX)),
        ("billedDurationMs", json!(1.5)),
        ("outcome", json!("weird")),
    ] {
        let ran = Tool::new("lpt-analyze").stdin(whole([invocation("f").with(field, value)])).run();
        ran.fails_with(65, &[&format!("stdin:1: {field}: expected ")]);
    }
}

#[test]
fn statistics_are_flat() {
    let ran = Tool::new("lpt-analyze").stdin(runs()).run().succeeds();
    for record in ran.of_type("statistics") {
        assert!(
            record
                .as_object()
                .unwrap()
                .values()
                .all(|value| !matches!(value, Value::Null | Value::Array(_) | Value::Object(_)))
        );
    }
}

/// A record without its newline is one that a killed program left, in a part too.
#[test]
fn a_part_that_is_cut_off_in_a_line_is_incomplete() {
    let part = invocation("f").line() + r#"{"type":"invocation","functionArn"#;
    let ran = Tool::new("lpt-analyze").arg("--part").stdin(part).run();
    assert_eq!(ran.of_type("end")[0]["status"], "interrupted");
    assert!(ran.stderr.contains("was cut off"), "{}", ran.stderr);
}

/// Other parts may have a function with a price, and their statistics must not be lost.
#[test]
fn a_part_without_any_price_fails_partly() {
    let unpriced = elsewhere(invocation("f"));
    let ran = Tool::new("lpt-analyze").arg("--part").stdin(unpriced.line()).run();
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("warning: no price for compute in xx-none-1"), "{}", ran.stderr);
    assert!(ran.stdout.starts_with(&unpriced.line()), "the invocation is passed on: {}", ran.stdout);
    let last = &ran.of_type("end")[0];
    assert_eq!((&last["status"], &last["partly"]), (&"failed".into(), &true.into()));
    Tool::new("lpt-analyze").stdin(whole([unpriced])).run().fails_with(1, &["xx-none-1"]);
}

/// The records of their removal may be in another part.
#[test]
fn a_part_says_nothing_of_versions_that_may_remain() {
    let run = |arguments: &[&str]| {
        let output = std::fs::File::create("/dev/null").unwrap();
        let mut analyze = Tool::new("lpt-analyze").args(arguments).spawn(Stdio::piped(), output.into());
        let stdin = analyze.stdin.take().unwrap();
        std::io::Write::write_all(&mut &stdin, configuration("f").line().as_bytes()).unwrap();
        drop(stdin);
        String::from_utf8(analyze.wait_with_output().unwrap().stderr).unwrap()
    };
    assert_eq!(run(&["--part"]), "");
    assert!(run(&[]).contains("1 version may remain"));
}

const OLD: [f64; 10] = [100.0, 104.0, 98.0, 110.0, 102.0, 99.0, 300.0, 101.0, 97.0, 103.0];
const NEW: [f64; 10] = [130.0, 131.0, 126.0, 140.0, 129.0, 128.0, 127.0, 260.0, 133.0, 125.0];

/// Returns a run of `f` at 128 MB.
fn measured(durations: impl IntoIterator<Item = f64>) -> String {
    whole(durations.into_iter().map(|duration| invocation("f").duration(duration)))
}

/// Compares `new` with `old`, a file.
fn compare(old: &str, new: &str, arguments: &[&str]) -> Ran {
    let folder = Folder::new();
    let old = folder.file("old.ndjson", old);
    Tool::new("lpt-analyze").arg("--compare").arg(old).args(arguments).stdin(new).run()
}

/// The figures are those of SciPy 1.17.1: `ttest_ind(NEW, OLD, equal_var=False)` for the cost, the same with `trim=0.2`
/// for the duration, and `mannwhitneyu(NEW, OLD, method="exact")`. The p-values are adjusted for two comparisons.
#[test]
fn a_comparison_has_the_changes_with_their_intervals_and_p_values() {
    let ran = compare(&measured(OLD), &measured(NEW), &[]).succeeds();
    let types: Vec<String> =
        ran.records().iter().map(|record| record["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(types, ["statistics", "comparison", "end"]);
    let comparison = &ran.of_type("comparison")[0];
    for (field, expected) in [
        ("oldInvocations", 10.0),
        ("invocations", 10.0),
        ("oldMeanCost", 121.4 * 0.000_016_666_7 / 8.0 / 1000.0),
        ("meanCost", 142.9 * 0.000_016_666_7 / 8.0 / 1000.0),
        ("costChange", 0.177_100_494_2),
        ("costChangeLow", -0.239_388_810_4),
        ("costChangeHigh", 0.593_589_798_9),
        ("costPValue", 0.380_038_601_1),
        ("costAdjustedPValue", 0.380_038_601_1),
        ("durationChange", 0.277_504_105_1),
        ("durationChangeLow", 0.236_852_073_5),
        ("durationChangeHigh", 0.318_156_136_6),
        ("durationPValue", 4.056_073_038e-8),
        ("durationAdjustedPValue", 8.112_146_077e-8),
        ("oldP95DurationMs", 214.5),
        ("p95DurationMs", 206.0),
        ("shiftMs", 28.0),
        ("shiftPValue", 0.001_504_687_263),
        ("confidence", 0.95),
    ] {
        let value = comparison[field].as_f64().unwrap_or_else(|| panic!("no {field}: {comparison}"));
        assert!((value - expected).abs() < 1e-6 * expected.abs(), "{field}: {value}, not {expected}");
    }
    // It takes 72 invocations.
    assert_eq!(comparison.get("p95Change"), None);
}

#[test]
fn a_change_fails_only_if_it_is_both_larger_than_the_limit_and_significant() {
    let (old, new) = (measured(OLD), measured(NEW));
    let slower = compare(&old, &new, &["--fail-if", "duration>5%"]);
    let words = [
        "f: 128 MB: duration changed by +27.8 %, more than the 5 % of --fail-if",
        "95 % interval +23.7 % to +31.8 %, p < 0.001",
    ];
    let slower = slower.fails_with(1, &words);
    assert_eq!((slower.of_type("comparison").len(), slower.of_type("statistics").len()), (1, 1));
    assert_eq!(slower.of_type("end")[0]["status"], "failed");
    // By chance, smaller, and smaller than before.
    compare(&old, &new, &["--fail-if", "cost>5%"]).succeeds();
    compare(&old, &new, &["--fail-if", "duration>30%", "--fail-if", "cost > 0 %"]).succeeds();
    compare(&new, &old, &["--fail-if", "duration>5%"]).succeeds();
    let steady = |duration: f64| measured([duration; 10]);
    compare(&steady(100.0), &steady(100.0), &["--fail-if", "cost>0%"]).succeeds();
    compare(&steady(100.0), &steady(106.0), &["--fail-if", "cost>5%"])
        .fails_with(1, &["f: 128 MB: cost changed by +6.0 %", "p < 0.001"]);
}

#[test]
fn a_change_between_single_environments_may_be_chance() {
    let run = |durations: [f64; 10]| {
        let records = durations.map(|duration| invocation("f").duration(duration));
        whole(records.into_iter().enumerate().map(|(at, record)| record.with("coldStart", at == 0)))
    };
    let steady = |factor: f64| std::array::from_fn(|at| factor * (100.0 + at as f64));
    let ran = compare(&run(steady(1.0)), &run(steady(1.2)), &["--fail-if", "cost>5%"]);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!((ran.code, lines.len()), (Some(1), 2), "{}", ran.stderr);
    assert!(lines[1].contains("warning: with one cold start at a size"), "{}", ran.stderr);
    compare(&run(steady(1.0)), &run(steady(1.0)), &["--fail-if", "cost>5%"]).succeeds();
}

/// Twenty comparisons by chance are not one that is significant.
/// Twelve invocations in three execution environments, which differ. The figures are those of
/// tests/data/statistics/waves.py with SciPy 1.17.1.
#[test]
fn a_change_between_waves_contains_what_differs_between_environments() {
    let run = |durations: [f64; 12], has_waves: bool| {
        whole(durations.into_iter().enumerate().map(|(at, duration)| {
            let record = invocation("f").duration(duration);
            if has_waves { record.with("round", 1).with("wave", at / 3) } else { record }
        }))
    };
    let compared = |has_waves: bool| {
        let old = [100.0, 110.0, 121.0, 101.0, 109.0, 120.0, 99.0, 111.0, 122.0, 102.0, 108.0, 119.0];
        let new = [116.0, 125.0, 138.0, 115.0, 127.0, 137.0, 117.0, 126.0, 139.0, 114.0, 128.0, 140.0];
        compare(&run(old, has_waves), &run(new, has_waves), &["--fail-if", "duration>5%"])
    };
    compared(false).fails_with(1, &["f: 128 MB: duration changed by +15.2 %"]);
    let comparison = &compared(true).succeeds().of_type("comparison")[0];
    for (field, expected) in [
        ("costChange", 0.151_285_930_4),
        ("costChangeLow", -0.018_738_658_71),
        ("costChangeHigh", 0.321_310_519_5),
        ("costPValue", 0.068_745_005_02),
        ("durationChange", 0.152_272_727_3),
        ("durationChangeLow", -0.090_484_060_85),
        ("durationChangeHigh", 0.395_029_515_4),
        ("durationPValue", 0.155_391_178_0),
    ] {
        let value = comparison[field].as_f64().unwrap_or_else(|| panic!("no {field}: {comparison}"));
        assert!((value - expected).abs() < 1e-6 * expected.abs(), "{field}: {value}, not {expected}");
    }
}

/// Of 72 invocations, as many as it takes, in three environments.
#[test]
fn a_change_of_a_percentile_contains_what_differs_between_environments_if_waves_were_sent() {
    let run = |by: f64, has_waves: bool| {
        whole((0..72).map(|at| {
            let duration = by * (100.0 + 10.0 * f64::from(at % 3) + 0.1 * f64::from(at / 3));
            let record = invocation("f").duration(duration);
            if has_waves { record.with("round", 1).with("wave", at / 3) } else { record }
        }))
    };
    let width = |has_waves: bool| {
        let ran = compare(&run(1.0, has_waves), &run(1.1, has_waves), &[]).succeeds();
        let of = |field: &str| ran.of_type("comparison")[0][field].as_f64().unwrap();
        of("p95ChangeHigh") - of("p95ChangeLow")
    };
    assert!(width(true) > 2.0 * width(false), "{} and {}", width(true), width(false));
}

#[test]
fn a_change_is_corrected_for_the_number_of_comparisons() {
    let run = |of_first: &[f64]| {
        let sizes = (1..=20_u32).flat_map(|size| {
            let durations = if size == 1 { of_first } else { &OLD[..] };
            durations.iter().map(move |duration| invocation("f").memory(size * 128).duration(*duration))
        });
        whole(sizes.collect::<Vec<_>>())
    };
    let new = OLD.map(|duration| duration * 1.06);
    let alone = compare(&measured(OLD), &measured(new), &["--fail-if", "duration>5%"]);
    alone.fails_with(1, &["duration changed by +6.0 %"]);
    let among = compare(&run(&OLD), &run(&new), &["--fail-if", "duration>5%"]).succeeds();
    let first = &among.of_type("comparison")[0];
    assert!(first["durationPValue"].as_f64().unwrap() < 0.05, "{first}");
    assert!(first["durationAdjustedPValue"].as_f64().unwrap() > 0.05, "{first}");
}

#[test]
fn a_percentile_is_compared_if_there_are_enough_invocations() {
    let run = |count: u32, factor: f64| {
        measured((0..count).map(|at| factor * (100.0 + f64::from(at * 37 % count) / f64::from(count))))
    };
    let limit = ["--fail-if", "p95>5%"];
    compare(&run(100, 1.0), &run(80, 1.1), &limit).fails_with(1, &["f: 128 MB: p95 changed by +10.0 %"]);
    let few = compare(&run(100, 1.0), &run(71, 1.1), &limit);
    assert_eq!(few.code, Some(0), "{}", few.stderr);
    let warning = "warning: f: 128 MB: --fail-if cannot tell whether p95 changed, with 100 before and 71 invocations now; it takes 72 each time";
    assert!(few.stderr.contains(warning), "{}", few.stderr);
}

#[test]
fn sizes_that_one_side_lacks_are_named_and_do_not_fail() {
    let at = |memory: u32| OLD.map(|duration| invocation("f").memory(memory).duration(duration)).to_vec();
    let (old, new) = (whole([at(128), at(256)].concat()), whole([at(256), at(512), at(1024)].concat()));
    let ran = compare(&old, &new, &["--fail-if", "cost>5%"]);
    assert_eq!((ran.code, ran.of_type("comparison").len()), (Some(0), 1), "{}", ran.stderr);
    for warning in [
        "f: 512, 1024 MB: not compared, because the file of --compare has no such size",
        "f: 128 MB: not compared, because the file of --compare alone has this size",
    ] {
        assert!(ran.stderr.contains(warning), "{}", ran.stderr);
    }
    let nothing = compare(&whole(at(128)), &whole(at(512)), &["--fail-if", "cost>5%"]);
    assert_eq!(nothing.code, Some(1));
    assert!(nothing.stderr.contains("no size is both in the input and in the file"), "{}", nothing.stderr);
}

#[test]
fn an_earlier_measurement_may_be_a_folder_of_tables() {
    let folder = Folder::new();
    let import = ["--to", "csv", "--partition-by", "functionArn", "--output"];
    let imported = Tool::new("lpt-import").args(import).arg(folder.path("runs")).stdin(measured(OLD));
    imported.run().succeeds();
    let ran = Tool::new("lpt-analyze").arg("--compare").arg(folder.path("runs")).stdin(measured(NEW)).run();
    let from_file = compare(&measured(OLD), &measured(NEW), &[]);
    assert_eq!(ran.succeeds().stdout, from_file.stdout);
}

#[test]
fn a_bad_earlier_measurement_is_an_error() {
    let new = measured(NEW);
    // The records that undo a run are passed on.
    let bad = compare("{}\n", &(plan("f").line() + &new), &[]).fails_with(65, &["old.ndjson:1: type"]);
    assert!(bad.stdout.starts_with(&plan("f").line()), "{}", bad.stdout);
    compare(&end("lpt-invoke").line(), &new, &[]).fails_with(1, &["old.ndjson: has no invocation"]);
    Tool::new("lpt-analyze").args(["--compare", "nowhere"]).stdin(&*new).run().fails_with(1, &["nowhere"]);
    Tool::new("lpt-analyze").args(["--compare", "-"]).stdin(&*new).run().fails_with(2, &["stdin"]);
    let cut_off = compare(&lines(OLD.map(|duration| invocation("f").duration(duration))), &new, &[]);
    assert_eq!(cut_off.code, Some(0));
    assert!(cut_off.stderr.contains("old.ndjson has no end record"), "{}", cut_off.stderr);
}

#[test]
fn a_limit_that_says_nothing_is_a_usage_error() {
    for limit in ["cost", "cost>5", "memory>5%", "cost>-1%", "cost>nan%", ">5%", "cost<5%"] {
        let ran = compare(&measured(OLD), &measured(NEW), &["--fail-if", limit]);
        ran.fails_with(2, &["--fail-if", "expected cost, duration or p95"]);
    }
    let alone = Tool::new("lpt-analyze").args(["--fail-if", "cost>5%"]).stdin(measured(NEW)).run();
    alone.fails_with(2, &["--compare"]);
}

#[test]
fn different_choices_of_invocations_are_not_compared_in_silence() {
    let cold = |record: Record| record.with("coldStart", true);
    let of_cold = plan("f").with("onlyColdStarts", true);
    let old =
        whole([of_cold].into_iter().chain(OLD.map(|duration| cold(invocation("f").duration(duration)))));
    let ran = compare(&old, &measured(NEW), &[]);
    let warning =
        "f: 128 MB: compares all starts and a share of 0.2 with cold starts and a share of 0 before";
    assert!(ran.stderr.contains(warning), "{}", ran.stderr);
}

#[test]
fn the_comparison_is_written_in_each_format() {
    let run = |format| compare(&measured(OLD), &measured(NEW), &["--format", format]).succeeds().stdout;
    let table = run("table");
    let (_, changes) = table.split_once("f (x86_64), change in %\n").unwrap();
    let row: Vec<&str> = changes.lines().nth(1).unwrap().split_whitespace().collect();
    assert!(row.windows(3).any(|words| words[0] == "+27.8" && words[2] == "*"), "{table}");
    assert!(
        changes.ends_with("\n* not by chance, at 5 % after the correction for the number of comparisons\n")
    );
    let json: Value = serde_json::from_str(&run("json")).unwrap();
    assert_eq!((json.as_array().unwrap().len(), &json[0]["type"]), (1, &json!("comparison")));
    assert!(run("csv").lines().next().unwrap().contains(",shiftPValue,"));
}

#[test]
fn a_dry_run_is_not_compared() {
    let dry = plan("f").with("dryRun", true).line() + &invocation("f").with("runId", RUN).line();
    let new = dry + &end("lpt-invoke").line();
    let by_plan = compare(&measured(OLD), &new, &["--fail-if", "cost>5%"]).succeeds();
    let by_flag = compare(&measured(OLD), &measured(NEW), &["--dry-run", "--fail-if", "cost>5%"]).succeeds();
    assert_eq!((by_plan.of_type("comparison").len(), by_flag.of_type("comparison").len()), (0, 0));
}

/// Without --group-by they would be compared together.
#[test]
fn groups_are_compared_each_by_itself() {
    let run = |of_b: &[f64]| {
        let of = |payload: &'static str, durations: &[f64]| {
            let records = durations.iter().map(move |duration| invocation("f").duration(*duration));
            records.map(move |record| record.with("tag.payload", payload)).collect::<Vec<_>>()
        };
        whole([of("a", &OLD), of("b", of_b)].concat())
    };
    let ran = compare(&run(&OLD), &run(&NEW), &["--group-by", "tag.payload"]).succeeds();
    let groups: Vec<(Value, f64)> = (ran.of_type("comparison").iter())
        .map(|record| (record["group"].clone(), record["durationChange"].as_f64().unwrap()))
        .collect();
    assert_eq!(groups[0], (json!("tag.payload=a"), 0.0));
    assert!(groups[1].0 == "tag.payload=b" && groups[1].1 > 0.2, "{groups:?}");
}

#[test]
fn cold_starts_are_weighed_as_in_production() {
    let cold = invocation("f").duration(100.0).with("coldStart", true).with("initDurationMs", 400.0);
    let cold = cold.with("billedDurationMs", 500);
    let warm = || invocation("f").duration(100.0).with("coldStart", false).with("billedDurationMs", 100);
    let records = [cold, warm(), warm(), warm(), warm()];
    let records =
        records.into_iter().enumerate().map(|(at, record)| record.with("requestId", format!("r{at}")));
    let runs = lines(records.chain([end("lpt-invoke")]));
    let size = |flags: &[&str]| {
        let ran = Tool::new("lpt-analyze").args(flags).stdin(runs.clone()).run();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.of_type("statistics")[0].clone()
    };
    let (warm, weighed) = (size(&["--starts", "warm"]), size(&["--cold-start-rate", "10%"]));
    let number = |size: &Value, field: &str| size[field].as_f64().unwrap();
    assert!((number(&weighed, "averageDurationMs") - 140.0).abs() < 1e-9, "0.9 × 100 + 0.1 × 500");
    let cost = number(&warm, "averageCost");
    assert!((number(&weighed, "averageCost") / cost - 1.4).abs() < 1e-9);
    assert_eq!((&weighed["coldStartRate"], &weighed["starts"]), (&json!(0.1), &json!("warm")));
    let only_warm =
        runs.replace("\"coldStart\":true", "\"coldStart\":false").replace("\"initDurationMs\":400.0,", "");
    let ran = Tool::new("lpt-analyze").args(["--cold-start-rate", "0.01"]).stdin(only_warm).run();
    assert!(
        ran.stderr.contains(" MB has no cold start, so its averages are of warm starts only"),
        "{}",
        ran.stderr
    );
}

/// 256 MB is faster on average, and 512 MB in its slowest invocations.
#[test]
fn a_percentile_can_be_the_objective() {
    let runs = |count: u32| {
        let size = |memory: u32, usual: f64, slow: f64| {
            (0..count).map(move |at| {
                let duration = if at % 10 == 0 { slow } else { usual } + f64::from(at % 7) * 0.01;
                let record = invocation("f").memory(memory).duration(duration);
                record.with("requestId", format!("{memory}-{at}"))
            })
        };
        lines(size(256, 100.0, 900.0).chain(size(512, 110.0, 115.0)).chain([end("lpt-invoke")]))
    };
    let ranked = |count: u32, objective: &str| {
        let arguments = ["--strategy", "speed", "--objective", objective];
        let ran = Tool::new("lpt-analyze").args(arguments).stdin(runs(count)).run().succeeds();
        let sizes = ran.of_type("statistics");
        (sizes[0]["rank"].clone(), sizes[1]["rank"].clone(), sizes[1]["verdict"].clone(), ran.stderr)
    };
    let (first, second, ..) = ranked(100, "mean");
    assert_eq!((first, second), (json!(1), json!(2)));
    let (first, second, verdict, _) = ranked(100, "p95");
    assert_eq!((first, second, verdict), (json!(2), json!(1), json!("best")));
    let (first, second, verdict, said) = ranked(20, "p95");
    assert_eq!((first, second, verdict), (json!(2), json!(1), Value::Null));
    assert!(said.contains("too few invocations to know how exact the percentile is"), "{said}");
    Tool::new("lpt-analyze")
        .args(["--objective", "p95"])
        .stdin("")
        .run()
        .fails_with(2, &["--strategy speed"]);
}
