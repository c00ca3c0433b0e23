//! `lpt-analyze`, and the files that stages read in these tests: tests/data holds them in the pipe's order, each
//! stage's output the next one's input. `LPT_BLESS=1` rewrites all but the first, which is a real run's.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::common::{Folder, Local, Tool};

/// A file in tests/data.
pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// That `text` is what the file says, or is written to it on request.
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

const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

/// A record as another program may write it: only what is needed.
fn minimal(memory: u32, duration: f64, billed: u64) -> String {
    format!(
        "{{\"type\":\"invocation\",\"functionArn\":\"{ARN}\",\"memorySizeMB\":{memory},\"durationMs\":{duration},\"billedDurationMs\":{billed}}}\n"
    )
}

const END: &str = "{\"type\":\"end\",\"tool\":\"other\",\"records\":0,\"status\":\"complete\"}\n";

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
    let input: String =
        [10.0, 20.0, 30.0, 40.0, 1000.0].map(|duration| minimal(128, duration, duration as u64)).concat()
            + END;
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
fn trimming_is_floor_of_the_share_at_each_end() {
    let input: String = (1..=10_u64).map(|n| minimal(128, n as f64, n)).collect::<String>() + END;
    for (share, discarded) in [("0", 0), ("0.19", 2), ("0.2", 4), ("0.4", 8)] {
        let ran =
            Tool::new("lpt-analyze").args(["--discard-top-bottom", share]).stdin(&*input).run().succeeds();
        assert_eq!(ran.of_type("statistics")[0]["discarded"], discarded, "{share}");
    }
    let clamped = Tool::new("lpt-analyze").args(["--discard-top-bottom", "0.9"]).stdin(&*input).run();
    assert_eq!(clamped.of_type("statistics")[0]["discardTopBottom"], 0.4);
    assert!(clamped.stderr.contains("--discard-top-bottom 0.9 is taken as 0.4"), "{}", clamped.stderr);
}

#[test]
fn errors_are_counted_and_a_size_with_nothing_else_has_no_rank() {
    let error = |memory| {
        minimal(memory, 5.0, 5).replace("\"memorySizeMB\"", "\"outcome\":\"function-error\",\"memorySizeMB\"")
    };
    let throttled = format!(
        "{{\"type\":\"invocation\",\"functionArn\":\"{ARN}\",\"memorySizeMB\":256,\"outcome\":\"throttled\"}}\n"
    );
    let input = [minimal(128, 5.0, 5), error(128), error(256), throttled, END.to_owned()].concat();
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
    let cold = minimal(128, 100.0, 300).replace("\"durationMs\"", "\"initDurationMs\":200,\"durationMs\"");
    let input = [cold, minimal(128, 50.0, 50), END.to_owned()].concat();
    for (starts, average) in [("cold", 300.0), ("warm", 50.0), ("all", 175.0)] {
        let ran = Tool::new("lpt-analyze").args(["--starts", starts]).stdin(&*input).run().succeeds();
        assert_eq!(ran.of_type("statistics")[0]["averageDurationMs"], average, "{starts}");
    }
}

#[test]
fn functions_and_architectures_are_ranked_apart() {
    let arm = minimal(128, 5.0, 5).replace("\"memorySizeMB\"", "\"architecture\":\"arm64\",\"memorySizeMB\"");
    let other = minimal(128, 5.0, 5).replace(":function:f", ":function:g");
    let input = [minimal(128, 5.0, 5), arm, other, minimal(256, 4.0, 4), END.to_owned()].concat();
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
fn prices_come_from_a_file_where_the_built_in_list_has_none() {
    let input = minimal(128, 8000.0, 8000).replace("us-east-1", "xx-none-1") + END;
    let unpriced = Tool::new("lpt-analyze").stdin(&*input).run();
    assert!(
        unpriced.stdout.starts_with(&minimal(128, 8000.0, 8000).replace("us-east-1", "xx-none-1")),
        "not lost"
    );
    unpriced.fails_with(1, &["xx-none-1", "--prices"]);
    let both = Tool::new("lpt-analyze").stdin(minimal(128, 5.0, 5) + &input).run();
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
fn awss_offer_file_is_known_by_its_content() {
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
    let input = minimal(1024, 1000.0, 1000).replace("us-east-1", "xx-none-1") + END;
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
    let taken = lpt::price::PriceList::taken();
    let help = Tool::new("lpt-analyze").arg("--help").run().succeeds();
    assert!(help.stdout.split_whitespace().collect::<Vec<_>>().join(" ").contains(taken), "{}", help.stdout);
    let unknown = minimal(128, 1.0, 1).replace("us-east-1", "xx-none-1") + END;
    Tool::new("lpt-analyze").stdin(unknown).run().fails_with(1, &["xx-none-1", taken, "--prices FILE"]);
}

#[test]
fn the_tier_is_that_of_what_the_account_uses() {
    let input = minimal(1024, 1000.0, 1000) + END;
    for (used, cost) in [("0", 0.000_016_666_7), ("6e9", 0.000_015), ("15000000000", 0.000_013_333_4)] {
        let ran =
            Tool::new("lpt-analyze").args(["--monthly-gb-seconds", used]).stdin(&*input).run().succeeds();
        assert_eq!(ran.of_type("statistics")[0]["averageCost"], cost, "{used}");
    }
    let elsewhere = input.replace("us-east-1", "eu-west-1");
    let ran = Tool::new("lpt-analyze").args(["--monthly-gb-seconds", "7e9"]).stdin(elsewhere).run();
    assert!(ran.stderr.contains("warning: only one tier of compute is known in eu-west-1"), "{}", ran.stderr);
    let negative = Tool::new("lpt-analyze").args(["--monthly-gb-seconds=-1"]).stdin(input).run();
    negative.fails_with(2, &["--monthly-gb-seconds", "a number of 0 or more"]);
}

#[test]
fn a_price_that_the_list_lacks_is_left_out_and_said_once() {
    let input =
        [128, 256].map(|memory| minimal(memory, 1000.0, 1000)).concat().replace("us-east-1", "cn-north-1");
    let ran = Tool::new("lpt-analyze").stdin(input + END).run();
    let warnings: Vec<_> = ran.stderr.lines().collect();
    assert_eq!(warnings.len(), 1, "{}", ran.stderr);
    for words in [
        "no price for requests in cn-north-1",
        "requestCost and totalCost",
        "cn-north-1,x86_64,requests,PRICE,CNY",
    ] {
        assert!(warnings[0].contains(words), "{}", warnings[0]);
    }
    let statistics = &ran.of_type("statistics")[0];
    assert_eq!((ran.code, statistics.get("requestCost")), (Some(0), None));
    assert_eq!(statistics["currency"], "CNY");
    assert_eq!(statistics["totalCost"], statistics["averageCost"]);
}

const RUN: &str = "01a2074c9c607396b384c6f5252e05c0";

/// A plan with other fields than the usual ones.
fn plan(fields: Value) -> String {
    let mut plan = json!({
        "type": "plan", "runId": RUN, "schemaVersion": 1, "functionArn": ARN, "architecture": "x86_64",
        "packageType": "Zip", "snapStart": false, "originalMemorySizeMB": 512, "originalRevisionId": "r",
        "codeSha256": "c", "powerValues": [2048], "num": 5, "onlyColdStarts": false,
        "createdAt": "2026-11-23T07:26:31.017Z",
    });
    plan.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    line(&plan)
}

/// A record with its type at the beginning of the line.
fn line(record: &Value) -> String {
    let mut fields = record.as_object().unwrap().clone();
    let record_type = fields.remove("type").unwrap();
    let rest = Value::Object(fields).to_string();
    format!("{{\"type\":{record_type},{}\n", &rest[1..])
}

/// Versions of a run, ready.
fn configurations(memory: u32, indices: std::ops::Range<u32>) -> String {
    let ready = |index: u32| {
        json!({"type": "configuration", "runId": RUN, "functionArn": ARN, "architecture": "x86_64",
            "memorySizeMB": memory, "alias": format!("lpt-{RUN}-{memory}-{index}"), "index": index,
            "state": "ready", "version": (index + 1).to_string()})
    };
    let creating = line(&ready(9)).replace("ready", "creating").replace(",\"version\":\"10\"", "");
    indices.map(|index| line(&ready(index))).collect::<String>() + &creating
}

/// A cold start with SnapStart, as four reports show it: what is billed of the restore is part of what is billed.
const RESTORES: [(f64, u64, u64); 4] =
    [(306.34, 303, 610), (127.10, 26, 154), (159.87, 118, 278), (2338.66, 182, 2521)];

fn restored(memory: u32, (duration, billed_restore, billed): (f64, u64, u64)) -> String {
    minimal(memory, duration, billed).replace(
        "\"durationMs\"",
        &format!("\"restoreDurationMs\":400.5,\"billedRestoreDurationMs\":{billed_restore},\"durationMs\""),
    )
}

#[test]
fn a_restore_is_billed_once() {
    let price = 0.000_016_666_7;
    for report in RESTORES {
        let ran = Tool::new("lpt-analyze").stdin(restored(1024, report) + END).run().succeeds();
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
    let invocations = RESTORES.map(|report| restored(2048, report)).concat() + &minimal(2048, 5.0, 5) + END;
    let analyze = |runtime: &str, region: &str| {
        let plan = plan(json!({"snapStart": true, "runtime": runtime}));
        let input = plan + &configurations(2048, 0..3) + &invocations;
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

    let ran = analyze("python3.13", "eu-west-1");
    let warnings: Vec<_> = ran.stderr.lines().collect();
    assert_eq!(warnings.len(), 2, "{}", ran.stderr);
    for (warning, meter) in warnings.iter().zip(["snapstart-cache", "snapstart-restore"]) {
        assert!(warning.contains(&format!("no price for {meter} in eu-west-1")), "{warning}");
    }
    assert_eq!(ran.of_type("statistics")[0]["totalCost"], java["totalCost"]);
}

#[test]
fn tmp_above_512_mb_is_part_of_what_duration_costs() {
    let plan = plan(json!({"ephemeralStorageMB": 2560}));
    let input = plan + &minimal(1024, 500.0, 500) + &minimal(1024, 1500.0, 1500) + END;
    let ran = Tool::new("lpt-analyze").stdin(&*input).run().succeeds();
    let statistics = &ran.of_type("statistics")[0];
    let second = 0.000_016_666_7 + 2.0 * 0.000_000_030_9;
    for (field, expected) in
        [("averageCost", second), ("meanCost", second), ("totalCost", 2.0 * second + 4e-7)]
    {
        assert!((statistics[field].as_f64().unwrap() - expected).abs() < 1e-18, "{field}");
    }
    let elsewhere = Tool::new("lpt-analyze").stdin(input.replace("us-east-1", "eu-west-1")).run();
    assert!(elsewhere.stderr.contains("no price for storage in eu-west-1"), "{}", elsewhere.stderr);
    assert_eq!(elsewhere.of_type("statistics")[0]["meanCost"], 0.000_016_666_7);
}

#[test]
fn lpt_prepare_records_how_much_tmp_is_paid_for() {
    let bootstrap = crate::common::function("cpu-bound");
    let local = Local::with(&[&format!("f={}", bootstrap.display())]);
    let prepare = || local.tool("lpt-prepare").args(["--power-values", "128", "f"]).run().succeeds();
    assert_eq!(prepare().of_type("plan")[0].get("ephemeralStorageMB"), None);
    let (runtime, client) = local.client();
    let storage = aws_sdk_lambda::types::EphemeralStorage::builder().size(1024).build().unwrap();
    let request = client.update_function_configuration().function_name("f").ephemeral_storage(storage);
    runtime.block_on(request.send()).unwrap();
    assert_eq!(prepare().of_type("plan")[0]["ephemeralStorageMB"], 1024);
}

#[test]
fn of_cold_starts_only_none_is_dropped_unless_asked_for() {
    let invocations = (1..=10_u64).map(|n| minimal(128, n as f64, n)).collect::<String>() + END;
    let cold = plan(json!({"onlyColdStarts": true}));
    let warm = plan(json!({}));
    let cases: [(&[&str], &[&String], f64); 7] = [
        (&[], &[&cold], 0.0),
        (&["--discard-top-bottom", "0.3"], &[&cold], 0.3),
        (&["--compat"], &[&cold], 0.0),
        (&["--compat", "--discard-top-bottom", "0.3"], &[&cold], 0.0),
        (&["--compat"], &[&warm], 0.2),
        (&[], &[&cold, &warm], 0.2),
        (&[], &[], 0.2),
    ];
    for (flags, plans, share) in cases {
        let input = plans.iter().map(|plan| plan.as_str()).chain([&*invocations]).collect::<String>();
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
    let record = |&(duration, init, restore, billed, billed_restore): &Report| {
        let mut record = json!({"type": "invocation", "functionArn": ARN.replace("us-east-1", region),
            "architecture": architecture, "memorySizeMB": memory, "durationMs": duration, "billedDurationMs": billed});
        for (field, value) in [("initDurationMs", init), ("restoreDurationMs", restore)] {
            if value > 0.0 {
                record[field] = value.into();
            }
        }
        if billed_restore > 0 {
            record["billedRestoreDurationMs"] = billed_restore.into();
        }
        line(&record)
    };
    reports.iter().map(record).collect()
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
fn compat_is_aws_lambda_power_tunings_arithmetic_to_the_last_digit() {
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
        let input = reported(region, architecture, memory, reports) + END;
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
    let with = |outcome: &str| {
        minimal(256, 40.0, 40).replace("\"durationMs\"", &format!("\"outcome\":\"{outcome}\",\"durationMs\""))
    };
    let no_report = with("no-report").replace(",\"durationMs\":40,\"billedDurationMs\":40", "");
    let compat = |input: String| Tool::new("lpt-analyze").args(["--compat"]).stdin(input + END).run();

    let ran = compat(with("allowed-error") + &minimal(256, 20.0, 21)).succeeds();
    let statistics = &ran.of_type("statistics")[0];
    // (40 + 21) ÷ 2 is 30.5, rounded up.
    assert_eq!(
        (&statistics["averageDurationMs"], &statistics["averageCost"]),
        (&30.0.into(), &(31.0 * 2.1e-9 * 2.0).into())
    );

    let ran = compat(no_report + &minimal(256, 20.0, 21));
    let statistics = &ran.of_type("statistics")[0];
    assert_eq!(
        (&statistics["averageDurationMs"], &statistics["averageCost"]),
        (&10.0.into(), &(11.0 * 2.1e-9 * 2.0).into())
    );
    assert_eq!((&statistics["invocations"], &statistics["errors"]), (&1.into(), &1.into()));

    // A failure ends its run.
    for outcome in ["function-error", "timeout", "throttled"] {
        let ran = compat(with(outcome) + &minimal(256, 20.0, 21) + &minimal(512, 20.0, 21));
        assert!(ran.stderr.contains("f: 256 MB: has no result with --compat"), "{}", ran.stderr);
        let statistics = ran.of_type("statistics");
        assert_eq!((statistics[0].get("averageCost"), statistics[0].get("rank")), (None, None), "{outcome}");
        assert_eq!(statistics[1]["rank"], 1);
    }
}

#[test]
fn compat_needs_no_price_list_and_takes_none() {
    let input = minimal(128, 1.0, 1).replace("us-east-1", "xx-none-1") + END;
    let ran = Tool::new("lpt-analyze").arg("--compat").stdin(&*input).run().succeeds();
    assert_eq!(ran.of_type("statistics")[0]["averageCost"], 2.1e-9);
    for other in [["--prices", "p.csv"], ["--monthly-gb-seconds", "1"], ["--starts", "cold"]] {
        let ran = Tool::new("lpt-analyze").arg("--compat").args(other).stdin(&*input).run();
        ran.fails_with(2, &["--compat", other[0]]);
    }
}

#[test]
fn null_is_an_absent_value() {
    let nulls = minimal(128, 5.0, 5).replace(
        "\"memorySizeMB\"",
        "\"architecture\":null,\"outcome\":null,\"initDurationMs\":null,\"memorySizeMB\"",
    );
    let ran = Tool::new("lpt-analyze").stdin(nulls + END).run().succeeds();
    let statistics = &ran.of_type("statistics")[0];
    assert_eq!((&statistics["architecture"], &statistics["invocations"]), (&"x86_64".into(), &1.into()));
}

#[test]
fn what_is_no_invocation_passes_through_unchanged_and_in_place() {
    let odd = "{\"type\" : \"someone-elses\",  \"x\": [1.0, 2e0 ] }\n";
    let input = [minimal(128, 1.0, 1), odd.to_owned(), minimal(128, 1.0, 1), END.to_owned()].concat();
    let ran = Tool::new("lpt-analyze").stdin(input).run();
    assert!(ran.stdout.starts_with(odd), "{}", ran.stdout);
}

#[test]
fn a_stream_that_was_cut_off_is_analyzed_and_said() {
    let ran = Tool::new("lpt-analyze").stdin(minimal(128, 1.0, 1)).run();
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.contains("warning: the input has no end record"), "{}", ran.stderr);
    assert_eq!(ran.of_type("statistics").len(), 1);
    assert_eq!(ran.records().pop().unwrap()["status"], "interrupted");
}

#[test]
fn a_bad_record_is_named_and_what_undoes_a_run_still_passes() {
    let plan = "{\"type\":\"configuration\",\"runId\":\"1\"}\n";
    let cases: [(&str, &[&str]); 7] = [
        ("{\"type\":\"invocation\"", &["stdin:2: not a JSON object"]),
        ("", &["stdin:2: not a JSON object"]),
        ("7", &["stdin:2: expected an object, found a number"]),
        ("{\"durationMs\":1}", &["stdin:2: type: missing"]),
        (
            &minimal(128, 1.0, 1).replace("\"durationMs\":1", "\"durationMs\":\"1\""),
            &["stdin:2: durationMs: expected a number, found a string"],
        ),
        (&minimal(128, 1.0, 1).replace("\"durationMs\":1,", ""), &["stdin:2: durationMs: missing"]),
        (&minimal(128, 1.0, 1).replace(ARN, "f"), &["stdin:2: functionArn: ", "not a whole function ARN"]),
    ];
    for (line, words) in cases {
        let line = line.trim_end();
        let input = format!("{}{line}\n{plan}{END}", minimal(128, 1.0, 1));
        let ran = Tool::new("lpt-analyze").stdin(input).run();
        assert!(ran.stdout.starts_with(plan), "{}", ran.stdout);
        assert_eq!(ran.records().pop().unwrap()["status"], "failed");
        ran.fails_with(65, words);
    }
}

#[test]
fn several_files_are_read_in_order_and_one_that_is_missing_is_named() {
    let folder = Folder::new();
    let one = folder.file("one.ndjson", &(minimal(128, 1.0, 1) + END));
    let two = folder.file("two.ndjson", &(minimal(128, 3.0, 3) + END));
    let ran = Tool::new("lpt-analyze").arg(&one).arg(&two).run().succeeds();
    assert_eq!(ran.of_type("statistics")[0]["invocations"], 2);
    let missing = folder.path("nosuch.ndjson");
    Tool::new("lpt-analyze").arg(&one).arg(missing).run().fails_with(1, &["nosuch.ndjson: No such file"]);
    let bad = folder.file("bad.ndjson", "{}\n");
    Tool::new("lpt-analyze").arg(&one).arg(bad).run().fails_with(65, &["bad.ndjson:1: type: missing"]);
}

#[test]
fn each_file_needs_an_end_of_its_own() {
    let folder = Folder::new();
    let cut = folder.file("cut.ndjson", &minimal(128, 1.0, 1));
    let whole = folder.file("whole.ndjson", &(minimal(128, 3.0, 3) + END));
    let ran = Tool::new("lpt-analyze").arg(&cut).arg(&whole).run();
    assert!(ran.stderr.contains("no end record"), "{}", ran.stderr);
    assert_eq!(ran.records().pop().unwrap()["status"], "interrupted");
    let joined = Tool::new("lpt-analyze").stdin(minimal(128, 1.0, 1) + END + &minimal(128, 1.0, 1)).run();
    assert_eq!(joined.records().pop().unwrap()["status"], "interrupted", "a line after the last end");
}

#[test]
fn figures_that_cannot_be_are_bad_records() {
    for (from, to, field) in [
        ("\"durationMs\":1", "\"durationMs\":1e308", "durationMs"),
        ("\"billedDurationMs\":1", "\"billedDurationMs\":18446744073709551615", "billedDurationMs"),
        ("\"billedDurationMs\":1", "\"billedDurationMs\":1.5", "billedDurationMs"),
        ("\"type\"", "\"outcome\":\"weird\",\"type\"", "outcome"),
    ] {
        let line = minimal(128, 1.0, 1).replace(from, to);
        let ran = Tool::new("lpt-analyze").stdin(line.clone() + END).run();
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
