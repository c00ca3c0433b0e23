//! `lpt-import`: logs in each form in which they come, and records in each form.
//!
//! The figures of LOG are those of a real function, as `aws logs filter-log-events` gave them in May 2025.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::analyze::golden;
use crate::common::{Folder, Ran, Tool};

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:f";
const STREAM: &str = "2025/05/12/[7]5b1105a695c440a3b75cb8e9aba09b28";

/// The messages of a log, with their times in milliseconds since 1970: a cold start, a warm one, and a timeout.
const LOG: [(u64, &str); 11] = [
    (
        1_747_081_446_000,
        "INIT_START Runtime Version: python:3.12.v36\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:0\n",
    ),
    (1_747_081_446_154, "START RequestId: 94f4a28a-dbe3-4114-9f2b-0b3ae40f4dbc Version: 7\n"),
    (
        1_747_081_446_200,
        "the function says: REPORT RequestId: 94f4a28a-dbe3-4114-9f2b-0b3ae40f4dbc\tDuration: 1.00 ms\n",
    ),
    (1_747_081_446_310, "END RequestId: 94f4a28a-dbe3-4114-9f2b-0b3ae40f4dbc\n"),
    (
        1_747_081_446_310,
        "REPORT RequestId: 94f4a28a-dbe3-4114-9f2b-0b3ae40f4dbc\tDuration: 155.51 ms\tBilled Duration: 255 ms\tMemory Size: 1769 MB\tMax Memory Used: 40 MB\tInit Duration: 98.71 ms\t\n",
    ),
    (1_747_081_447_163, "START RequestId: 9811ba2c-1356-466e-9cd3-c453eea3ea16 Version: 7\n"),
    (1_747_081_447_319, "END RequestId: 9811ba2c-1356-466e-9cd3-c453eea3ea16\n"),
    (
        1_747_081_447_319,
        "REPORT RequestId: 9811ba2c-1356-466e-9cd3-c453eea3ea16\tDuration: 155.44 ms\tBilled Duration: 156 ms\tMemory Size: 1769 MB\tMax Memory Used: 40 MB\t\n",
    ),
    (1_747_081_450_000, "START RequestId: 0c9e5a0e-2c1f-4b26-b5b0-5a1f3d1f9a11 Version: 7\n"),
    (1_747_081_453_000, "END RequestId: 0c9e5a0e-2c1f-4b26-b5b0-5a1f3d1f9a11\n"),
    (
        1_747_081_453_000,
        "REPORT RequestId: 0c9e5a0e-2c1f-4b26-b5b0-5a1f3d1f9a11\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 1769 MB\tMax Memory Used: 41 MB\tStatus: timeout\n",
    ),
];

fn import() -> Tool {
    Tool::new("lpt-import").args(["--function", FUNCTION, "--architecture", "arm64"])
}

fn invocations(ran: &Ran) -> Vec<Value> {
    ran.of_type("invocation")
}

/// The events as CloudWatch gives them.
fn events() -> Vec<Value> {
    LOG.iter()
        .map(|(timestamp, message)| {
            json!({"logStreamName": STREAM, "timestamp": timestamp, "message": message, "ingestionTime": 1_747_081_455_176_u64, "eventId": "38961218171752760916"})
        })
        .collect()
}

fn json_lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

/// Returns the time of an event, in a form of Python's strftime would give it.
fn at(millis: u64) -> String {
    let seconds = millis / 1000 - 1_747_081_440;
    format!("2025-05-12T20:24:{seconds:02}.{:03}000+00:00", millis % 1000)
}

#[test]
fn the_reports_of_each_form_of_a_log_are_invocations() {
    let events = events();
    let whole = json!({"events": events, "searchedLogStreams": [], "nextToken": "t"});
    let pages = [json!({"events": events[..5]}), json!({"events": events[5..], "nextToken": null})];
    let messages: Vec<&str> = LOG.iter().map(|(_, message)| *message).collect();
    let of_batch: Vec<Value> = LOG
        .iter()
        .map(|(timestamp, message)| json!({"id": "1", "timestamp": timestamp, "message": message}))
        .collect();
    let batch = json!({"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/aws/lambda/f", "logStream": STREAM, "subscriptionFilters": [], "logEvents": of_batch});
    let with = |prefix: &dyn Fn(u64) -> String| -> String {
        LOG.iter().map(|(millis, message)| prefix(*millis) + message).collect()
    };
    let forms = [
        ("filter-log-events", serde_json::to_string_pretty(&whole).unwrap()),
        ("its pages one after another", json_lines(&pages)),
        ("its pages without a newline", json_lines(&pages).replace('\n', "")),
        ("--query events", serde_json::to_string_pretty(&events).unwrap()),
        ("--query events[].message", json!(messages).to_string()),
        ("an event a line", json_lines(&events)),
        (
            "--output text",
            LOG.iter()
                .map(|(millis, message)| {
                    format!("EVENTS\t3896\t1747081455176\t{STREAM}\t{message}\t{millis}\n")
                })
                .collect(),
        ),
        ("--output text of messages", messages.join("\t")),
        ("tail", with(&|millis| format!("{} {STREAM} ", at(millis)))),
        ("tail --format short", with(&|millis| format!("{} ", &at(millis)[..19]))),
        ("an export", with(&|millis| format!("{}Z ", &at(millis)[..23]))),
        (
            "REPORT lines",
            messages
                .iter()
                .filter(|message| message.starts_with("REPORT"))
                .map(|message| (*message).to_owned())
                .collect(),
        ),
        (
            "a subscription",
            batch.to_string() + &json!({"messageType": "CONTROL_MESSAGE", "logEvents": []}).to_string(),
        ),
    ];
    for (form, text) in forms {
        let ran = import().stdin(text.clone()).run().succeeds();
        let records = invocations(&ran);
        let figures: Vec<_> = (records.iter())
            .map(|record| {
                (
                    record["durationMs"].as_f64(),
                    record["billedDurationMs"].as_u64(),
                    record["outcome"].as_str().unwrap(),
                )
            })
            .collect();
        let expected = [
            (Some(155.51), Some(255), "ok"),
            (Some(155.44), Some(156), "ok"),
            (Some(3000.0), Some(3000), "timeout"),
        ];
        assert_eq!(figures, expected, "{form}: {}", ran.stderr);
        let cold: Vec<_> =
            records.iter().map(|record| (&record["coldStart"], &record["initDurationMs"])).collect();
        assert_eq!(
            cold,
            [(&json!(true), &json!(98.71)), (&json!(false), &Value::Null), (&json!(false), &Value::Null)]
        );
        for record in &records {
            assert_eq!(
                (&record["functionArn"], &record["architecture"]),
                (&json!(FUNCTION), &json!("arm64")),
                "{form}"
            );
            assert_eq!(
                (&record["memorySizeMB"], &record["maxMemoryUsedMB"].is_u64()),
                (&json!(1769), &true),
                "{form}"
            );
            if text.contains(STREAM) {
                assert_eq!(
                    (&record["version"], &record["logStream"]),
                    (&json!("7"), &json!(STREAM)),
                    "{form}"
                );
            }
        }
        let has_times =
            !["--query events[].message", "REPORT lines", "--output text of messages"].contains(&form);
        // That of the report, less its duration. Where the form has only seconds, it is as exact as that.
        let expected = if form == "tail --format short" {
            "2025-05-12T20:24:05.844Z"
        } else {
            "2025-05-12T20:24:06.154Z"
        };
        let is_known = has_times && form != "--output text";
        assert_eq!(records[0]["startedAt"], if is_known { json!(expected) } else { Value::Null }, "{form}");
        // They are gzip too, as an export is.
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        let of_gzip = import().stdin(encoder.finish().unwrap()).run().succeeds();
        assert_eq!(of_gzip.stdout, ran.stdout, "{form}");
    }
}

#[test]
fn a_report_in_json_is_an_invocation_by_itself_and_in_an_event() {
    let report = json!({"time": "2025-05-12T20:24:06.310Z", "type": "platform.report", "record": {"requestId": "94f4a28a-dbe3-4114-9f2b-0b3ae40f4dbc", "status": "error", "errorType": "Runtime.OutOfMemory", "metrics": {"durationMs": 155.507, "billedDurationMs": 156, "memorySizeMB": 512, "maxMemoryUsedMB": 512}}});
    let start = json!({"time": "2025-05-12T20:24:06.150Z", "type": "platform.start", "record": {"requestId": "94f4a28a-dbe3-4114-9f2b-0b3ae40f4dbc", "version": "7"}});
    let events: Vec<Value> =
        [&start, &report].map(|event| json!({"timestamp": 1, "message": event.to_string()})).into();
    let forms = [
        format!("{start}\n{report}\n"),
        format!("2025-05-12T20:24:06 {STREAM} {start}\n2025-05-12T20:24:06 {STREAM} {report}\n"),
        json!({"events": events}).to_string(),
        json!([start, report]).to_string(),
    ];
    for text in forms {
        let ran = import().stdin(text.clone()).run().succeeds();
        let records = invocations(&ran);
        assert_eq!(records.len(), 1, "{text}: {}", ran.stderr);
        assert_eq!((&records[0]["durationMs"], &records[0]["memorySizeMB"]), (&json!(155.507), &json!(512)));
        assert_eq!(records[0]["outcome"], json!("out-of-memory"));
        assert!(ran.stderr.contains("1 report; left out: 1 platform events"), "{}", ran.stderr);
    }
}

#[test]
fn a_result_of_logs_insights_is_read_with_messages_or_with_the_fields_of_reports() {
    let quoted: String = (LOG.iter())
        .map(|(_, message)| {
            format!("2025-05-12 20:24:06.310,\"{message}\",{STREAM},123456789012:/aws/lambda/g\n")
        })
        .collect();
    let with_messages = format!("@timestamp,@message,@logStream,@log\n{quoted}");
    let ran = Tool::new("lpt-import")
        .args(["--region", "eu-central-1", "--architecture", "x86_64"])
        .stdin(with_messages)
        .run()
        .succeeds();
    let records = invocations(&ran);
    assert_eq!(records.len(), 3, "{}", ran.stderr);
    assert_eq!(records[0]["functionArn"], json!("arn:aws:lambda:eu-central-1:123456789012:function:g"));
    assert_eq!(
        (&records[0]["version"], &records[0]["startedAt"]),
        (&json!("7"), &json!("2025-05-12T20:24:06.154Z"))
    );
    let with_fields = "@requestId,@duration,@billedDuration,@memorySize,@maxMemoryUsed,@initDuration\n\
        94f4a28a-dbe3-4114-9f2b-0b3ae40f4dbc,155.51,255.0,1.769E9,4.0E7,98.71\n\
        9811ba2c-1356-466e-9cd3-c453eea3ea16,155.44,156.0,1.769E9,4.0E7,\n";
    let ran = import().stdin(with_fields).run().succeeds();
    let records = invocations(&ran);
    let figures: Vec<_> = (records.iter())
        .map(|record| {
            (
                &record["memorySizeMB"],
                &record["maxMemoryUsedMB"],
                &record["billedDurationMs"],
                &record["coldStart"],
            )
        })
        .collect();
    assert_eq!(
        figures,
        [
            (&json!(1769), &json!(40), &json!(255), &json!(true)),
            (&json!(1769), &json!(40), &json!(156), &json!(false))
        ]
    );
    import()
        .stdin("@timestamp,@logStream\n1,2\n")
        .run()
        .fails_with(65, &["stdin:2: expected the column @message"]);
}

#[test]
fn what_is_no_report_is_counted_and_a_mangled_report_is_named() {
    let log: String = LOG.iter().map(|(_, message)| *message).collect();
    let ran = import().stdin(log.clone()).run().succeeds();
    assert_eq!(ran.stderr, "lpt-import: 3 reports; left out: 3 END, 1 INIT_START, 3 START, 1 other lines\n");
    let cut = &log[..log.len() - 70];
    let ran = import().stdin(cut).run();
    assert_eq!((ran.code, invocations(&ran).len()), (Some(65), 2), "what was read before is not lost");
    assert!(ran.stderr.contains("stdin:11: a report that is mangled or cut off"), "{}", ran.stderr);
    let ran = import().stdin("START RequestId: x\n").run();
    assert!(ran.stderr.contains("warning: the input has no report"), "{}", ran.stderr);
    import().stdin("{\"events\": [").run().fails_with(1, &["stdin: not JSON"]);
}

#[test]
fn what_a_report_does_not_say_comes_from_a_flag_and_is_never_guessed() {
    let log: String = LOG.iter().map(|(_, message)| *message).collect();
    let cases: [(&[&str], &str); 2] = [
        (&["--function", FUNCTION], "add --architecture x86_64 or --architecture arm64"),
        (&["--architecture", "arm64"], "add --function with its ARN"),
    ];
    for (args, remedy) in cases {
        Tool::new("lpt-import").args(args).stdin(log.clone()).run().fails_with(2, &[remedy]);
    }
    let batch = json!({"logGroup": "/aws/lambda/f", "logEvents": events()}).to_string();
    let cases: [(&[&str], &str); 3] = [
        (&[], "the log group /aws/lambda/f does not say the region; add --region"),
        (&["--region", "eu-west-1"], "the log group /aws/lambda/f does not say the account; add --account"),
        (&["--account", "12"], "expected the 12 digits of an account"),
    ];
    for (args, remedy) in cases {
        let tool = Tool::new("lpt-import").args(["--architecture", "arm64"]).args(args);
        tool.stdin(batch.clone()).run().fails_with(2, &[remedy]);
    }
}

#[test]
fn imported_reports_are_analyzed_and_selected() {
    let log: String = LOG[..8].iter().map(|(_, message)| *message).collect();
    let imported = import().stdin(log.clone() + &log.replace("1769", "512")).run().succeeds();
    let analyzed = Tool::new("lpt-analyze").stdin(imported.stdout).run();
    assert_eq!((analyzed.code, analyzed.of_type("statistics").len()), (Some(0), 2), "{}", analyzed.stderr);
    let selected = Tool::new("lpt-select").stdin(analyzed.stdout).run();
    assert_eq!(selected.of_type("selection")[0]["memorySizeMB"], json!(512));
}

/// Returns all records but the end records.
fn without_end(ran: &Ran) -> Vec<Value> {
    ran.records().into_iter().filter(|record| record["type"] != "end").collect()
}

#[test]
fn records_survive_each_form_and_give_the_same_statistics() {
    let folder = Folder::new();
    let mut runs = std::fs::read_to_string(golden("1-invocations.ndjson")).unwrap();
    // A field that we do not know, and a value that its column cannot hold.
    runs = runs.replacen(
        "\"attempts\":1}",
        "\"attempts\":1,\"tag.commit\":\"abc\",\"nested\":{\"a\":[1,null]}}",
        3,
    );
    let original = folder.file("runs.ndjson", &runs);
    let expected = Tool::new("lpt-import").arg(&original).run().succeeds();
    assert_eq!(expected.stdout.lines().count(), runs.lines().count());
    let statistics = Tool::new("lpt-analyze").arg(&original).run().succeeds().of_type("statistics");
    for to in ["ndjson", "csv", "parquet"] {
        let file = folder.path(&format!("runs.{to}"));
        let file = if to == "ndjson" { folder.path("copy.ndjson") } else { file };
        let written =
            Tool::new("lpt-import").args(["--to", to, "--output"]).args([&file, &original]).run().succeeds();
        assert_eq!(written.stdout, "");
        let read = Tool::new("lpt-import").arg(&file).run().succeeds();
        let sorted = |ran: &Ran| {
            let mut records: Vec<String> = without_end(ran).iter().map(Value::to_string).collect();
            records.sort();
            records
        };
        assert_eq!(sorted(&read), sorted(&expected), "{to}");
        let analyzed = Tool::new("lpt-analyze").arg(&file).run().succeeds();
        assert_eq!((analyzed.of_type("statistics"), &*analyzed.stderr), (statistics.clone(), ""), "{to}");
        let through_stdin = Tool::new("lpt-analyze").stdin(std::fs::read(&file).unwrap()).run().succeeds();
        assert_eq!(through_stdin.of_type("statistics"), statistics, "{to}");
        let again = Tool::new("lpt-import").args(["--to", to, "--output"]).args([&file, &original]).run();
        again.fails_with(2, &["exists already; name another file"]);
        // The name of a file says its form.
        let named = folder.path(&format!("named.{to}"));
        Tool::new("lpt-import").arg("--output").args([&named, &original]).run().succeeds();
        assert_eq!(std::fs::read(&named).unwrap(), std::fs::read(&file).unwrap(), "{to}");
        std::fs::remove_file(&named).unwrap();
    }
    let left: Vec<_> =
        std::fs::read_dir(folder.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 4, "no file is left half written: {left:?}");
}

#[test]
fn a_file_that_is_not_completed_is_removed() {
    let folder = Folder::new();
    let log: String = LOG.iter().map(|(_, message)| *message).collect();
    let files = || std::fs::read_dir(folder.path("")).unwrap().count();
    let to = ["--to", "parquet", "--output"];
    let table = folder.path("log.parquet");
    Tool::new("lpt-import").args(to).arg(&table).stdin(log.clone()).run().fails_with(2, &["--architecture"]);
    assert_eq!(files(), 0);
    // What can be read is written, and the end record says that something is missing.
    let runs = golden("1-invocations.ndjson");
    let ran = Tool::new("lpt-import").args(to).args([&table, &folder.path("nosuch"), &runs]).run();
    ran.fails_with(1, &["nosuch: No such file"]);
    assert_eq!(files(), 1);
    let read = Tool::new("lpt-import").arg(&table).run();
    assert_eq!((invocations(&read).len(), &read.records().pop().unwrap()["status"]), (24, &json!("failed")));
}

#[test]
fn records_are_partitioned_by_function_and_date() {
    let folder = Folder::new();
    let runs = std::fs::read_to_string(golden("1-invocations.ndjson")).unwrap();
    let two = runs.clone()
        + &runs.replace("function:f", "function:g").replace("\"requestId\":\"", "\"requestId\":\"0");
    let original = folder.file("runs.ndjson", &two);
    let statistics = Tool::new("lpt-analyze").arg(&original).run().succeeds().of_type("statistics");
    for to in ["ndjson", "csv", "parquet"] {
        let root = folder.path(to);
        let partition = ["--to", to, "--partition-by", "functionArn,date", "--output"];
        Tool::new("lpt-import").args(partition).args([&root, &original]).run().succeeds();
        let day = root
            .join("functionArn=arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Ag/date=2026-11-23");
        assert_eq!(std::fs::read_dir(day).unwrap().count(), 1, "{to}");
        let analyzed = Tool::new("lpt-analyze").arg(&root).run().succeeds();
        assert_eq!((analyzed.of_type("statistics"), &*analyzed.stderr), (statistics.clone(), ""), "{to}");
    }
    Tool::new("lpt-import").args(["--partition-by", "date"]).run().fails_with(2, &["--output"]);
}

/// More folders than a process may have files open, whose records come in turn.
#[test]
fn each_folder_of_a_partition_gets_one_file() {
    let folder = Folder::new();
    let record = |round: u32, number: usize| {
        let invocation = json!({"type": "invocation", "memorySizeMB": 512, "durationMs": 1.5, "billedDurationMs": 2,
            "functionArn": format!("arn:aws:lambda:us-east-1:123456789012:function:f{number}"),
            "requestId": format!("{round}-{number}")});
        format!("{invocation}\n")
    };
    for (to, functions) in [("ndjson", 1_100), ("parquet", 100)] {
        let records = (0..3).flat_map(|round| (0..functions).map(move |number| record(round, number)));
        let root = folder.path(to);
        let partition = ["--to", to, "--partition-by", "functionArn", "--output"];
        Tool::new("lpt-import")
            .args(partition)
            .arg(&root)
            .stdin(records.collect::<String>())
            .run()
            .succeeds();
        let folders = std::fs::read_dir(&root).unwrap().map(|folder| folder.unwrap().path());
        let files: Vec<usize> = folders.map(|folder| std::fs::read_dir(folder).unwrap().count()).collect();
        assert_eq!(files, vec![1; functions], "{to}");
        let read = Tool::new("lpt-import").arg(&root).run().succeeds();
        assert_eq!(read.stdout.matches(r#""type":"invocation""#).count(), 3 * functions, "{to}");
    }
}

#[test]
fn a_result_of_messages_alone_is_one_of_insights() {
    let report = "REPORT RequestId: 4f6a7d34-8f5f-4c0b-9d0e-0c1b6a6a4d21\tDuration: 1.50 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 60 MB\t";
    let from = ["--function", "arn:aws:lambda:us-east-1:123456789012:function:f", "--architecture", "x86_64"];
    let ran =
        Tool::new("lpt-import").args(from).stdin(format!("@message\n\"{report}\n\"\n")).run().succeeds();
    assert_eq!(invocations(&ran).len(), 1);
}

#[test]
fn a_text_that_is_neither_records_nor_a_log_is_an_error() {
    let records = std::fs::read_to_string(golden("1-invocations.ndjson")).unwrap();
    for text in [
        format!("# my runs\n{records}"),
        format!("\n{records}"),
        "functionArn;durationMs\nf;1.5\n".to_owned(),
    ] {
        let ran = Tool::new("lpt-import").stdin(text).run();
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert!(ran.stderr.contains("neither records nor reports of Lambda"), "{}", ran.stderr);
    }
    let empty = Tool::new("lpt-import").stdin("{\"events\": []}").run().succeeds();
    assert_eq!(empty.records().pop().unwrap()["status"], "complete");
}

/// A value that is no number, a function that is none, and a negative duration.
#[test]
fn a_bad_row_of_a_table_is_named() {
    let folder = Folder::new();
    let header = "functionArn,memorySizeMB,durationMs,billedDurationMs\n";
    let good = format!("{FUNCTION},512,10.5,11\n");
    for (row, field) in [
        (format!("{FUNCTION},512,fast,11\n"), "durationMs: expected a number, found a string"),
        (format!("{FUNCTION},512,-1,11\n"), "durationMs"),
        ("f,512,10.5,11\n".to_owned(), "functionArn"),
        (format!("{FUNCTION},512,,11\n"), "durationMs: missing"),
    ] {
        let file = folder.file("runs.csv", &format!("{header}{good}{row}{good}"));
        Tool::new("lpt-analyze").arg(&file).run().fails_with(65, &[&format!("runs.csv:2: {field}")]);
    }
    let file = folder.file("runs.csv", &format!("{header}{good}{good}"));
    let ran = Tool::new("lpt-analyze").arg(&file).run();
    assert_eq!(ran.of_type("statistics")[0]["invocations"], json!(2), "{}", ran.stderr);
    let cut = folder.path("cut.parquet");
    std::fs::write(&cut, b"PAR1 and no more").unwrap();
    Tool::new("lpt-analyze").arg(&cut).run().fails_with(1, &["cut.parquet"]);
}
