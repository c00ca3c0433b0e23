//! Examples and properties of the whole module.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::foreign::{self, Foreign};
use super::*;
use crate::exit::Exit;
use crate::records::{AnyRecord, Cleaned, Measured, Record, SizeKey, Status};
use crate::units::{MemoryMB, Millis};

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename = "sample", rename_all = "camelCase")]
struct Sample {
    duration_ms: Millis,
    #[serde(rename = "memorySizeMB")]
    memory_size: MemoryMB,
}

impl Record for Sample {
    const TYPE: &'static str = "sample";
}

fn why(text: &str) -> String {
    let line = Lines::of_text("stdin", text).next().expect("a line").expect("readable");
    let error = line.record_type().err().or_else(|| line.parse::<Sample>().err());
    let error = error.expect("a bad record").to_string();
    error.split(" (fix").next().expect("split yields one at least").to_owned()
}

#[test]
fn the_error_of_a_bad_line_names_its_place_field_and_fault() {
    let cases = [
        (
            r#"{"type":"sample","durationMs":"1","memorySizeMB":128}"#,
            "stdin:1: durationMs: expected a number, found a string",
        ),
        (
            r#"{"type":"sample","durationMs":-1,"memorySizeMB":128}"#,
            "stdin:1: durationMs: expected a number from 0 to 10^12, found -1",
        ),
        (
            r#"{"type":"sample","durationMs":1,"memorySizeMB":64}"#,
            "stdin:1: memorySizeMB: expected an integer from 128 to 10240, found 64",
        ),
        (
            r#"{"type":"sample","durationMs":1,"memorySizeMB":128.5}"#,
            "stdin:1: memorySizeMB: expected an integer from 128 to 10240, found 128.5",
        ),
        (r#"{"type":"sample","durationMs":1}"#, "stdin:1: memorySizeMB: missing"),
        (r#"{"durationMs":1}"#, "stdin:1: type: missing"),
        (r#"{"type":7}"#, "stdin:1: type: expected a string, found a number"),
        ("[1]", "stdin:1: expected an object, found an array"),
    ];
    for (text, expected) in cases {
        assert_eq!(why(text), expected, "for {text}");
    }
    for text in [r#"{"type":"sample","durationMs":NaN,"memorySizeMB":128}"#, "{\"type\":\"sample\"", "\n"] {
        assert!(why(text).starts_with("stdin:1: not a JSON object: "), "for {text}: {}", why(text));
    }
}

#[test]
fn a_missing_part_of_a_field_is_named_with_its_place() {
    let text = r#"{"type":"cleaned","runId":"01a20741590276d1a58656c56c1ccb3a","functionArn":"arn:aws:lambda:us-east-1:123456789012:function:f","aliasesDeleted":[],"versionsDeleted":[],"memoryRestored":true,"left":[{}]}"#;
    let line = Lines::of_text("stdin", text).next().expect("a line").expect("readable");
    let error = line.parse::<Cleaned>().expect_err("left lacks its fields");
    assert_eq!((error.field.as_deref(), &*error.what), (Some("left[0].resource"), "missing"));
}

#[test]
fn what_serde_expects_is_named_in_plain_words() {
    let text = r#"{"type":"cleaned","runId":"01a20741590276d1a58656c56c1ccb3a","functionArn":"arn:aws:lambda:us-east-1:123456789012:function:f","aliasesDeleted":[],"versionsDeleted":[],"memoryRestored":true,"left":[]}"#;
    for (left, place, what) in [
        ("7", "left", "expected an array, found a number"),
        ("[7]", "left[0]", "expected an object, found a number"),
    ] {
        let text = text.replace("\"left\":[]", &format!("\"left\":{left}"));
        let error = line(text).parse::<Cleaned>().expect_err("left is no list of resources");
        assert_eq!((error.field.as_deref(), &*error.what), (Some(place), what));
    }
}

#[test]
fn lines_are_numbered_and_the_last_newline_is_optional() {
    let numbers: Vec<u64> =
        Lines::of_text("x", "{}\n{}\n{}").map(|line| line.expect("readable").number()).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn only_the_beginning_of_an_object_at_the_end_of_a_source_is_cut_off() {
    let record = r#"{"type":"sample","é":"ü\n\u00e9","a":[true,null,{"b":-1.5e-7}]}"#.as_bytes();
    for end in 1..record.len() {
        let last = |text: &[u8]| Lines::of_text("x", text).last().expect("a line");
        let cut = &record[..end];
        assert!(last(&[b"{}\n", cut].concat()).expect("readable").is_cut(), "{}", cut.escape_ascii());
        let followed = last(&[cut, b"\n"].concat());
        assert!(followed.is_err() || followed.is_ok_and(|line| !line.is_cut()), "a newline follows");
    }
    for whole in ["{}", "7", "[", "nonsense", "{\"type\":nonsense}", "{\"a\" 1"] {
        assert!(!line(whole).is_cut(), "{whole}");
    }
}

#[test]
fn a_utf_8_mark_is_skipped() {
    let texts: Vec<_> = Lines::of_text("x", "\u{feff}{}\n\u{feff}{}\n")
        .map(|line| line.expect("readable").text().to_owned())
        .collect();
    assert_eq!(texts, ["{}", "\u{feff}{}"]);
}

#[test]
fn a_line_passes_through_byte_for_byte() {
    let text = "{\"type\" : \"other\",  \"é\":1e3 }";
    let mut written = Vec::new();
    let mut writer = Writer::new(&mut written);
    for line in Lines::of_text("x", text) {
        writer.pass(&line.expect("readable")).expect("a vector takes all");
    }
    assert_eq!(written, format!("{text}\n").into_bytes());
}

#[test]
fn type_is_the_first_field() {
    let mut written = Vec::new();
    let (_, end) = Upstream::default().conclude(Exit::Done);
    Writer::new(&mut written).end(end).expect("a vector takes all");
    assert_eq!(
        String::from_utf8(written).expect("UTF-8"),
        "{\"type\":\"end\",\"tool\":\"lpt\",\"records\":0,\"status\":\"complete\"}\n"
    );
}

#[test]
fn a_stream_without_an_end_is_interrupted_and_the_worst_end_counts() {
    let status = |upstream: &Upstream| upstream.conclude(Exit::Done).1.status;
    let mut upstream = Upstream::new(false);
    assert_eq!(status(&upstream), Status::Interrupted);
    assert!(upstream.require_complete(false).is_err());
    for status in ["complete", "failed", "complete"] {
        let text = format!(r#"{{"type":"end","tool":"x","records":0,"status":"{status}"}}"#);
        let line = Lines::of_text("x", text).next().expect("a line").expect("readable");
        assert_eq!(upstream.admit(&line), Ok(None), "an end record");
    }
    assert_eq!(status(&upstream), Status::Failed);
    assert!(upstream.require_complete(false).is_err());
    assert!(upstream.require_complete(true).is_ok());
}

/// Returns the example of each record type in `lpt-records.5`, in the order of the pipe.
fn examples() -> Vec<serde_json::Map<String, Value>> {
    include_str!("../../man/lpt-records.5")
        .lines()
        .filter(|line| line.starts_with("{\"type\":"))
        .map(|line| serde_json::from_str(&line.replace("\\:", "").replace("\\-", "-")).expect("JSON"))
        .collect()
}

fn line(text: impl Into<Vec<u8>>) -> Line {
    Lines::of_text("x", text).next().expect("a line").expect("readable")
}

/// Parses `first`, writes the record, parses that, and checks that both are equal.
fn read_write_read(first: &Line) -> Result<(), RecordError> {
    if let Some(record) = first.record()? {
        let second = line(serde_json::to_string(&record).expect("string keys"));
        assert_eq!(second.record_type(), first.record_type());
        assert_eq!(second.record(), Ok(Some(record)), "of {}", first.text());
    }
    Ok(())
}

/// Generates any JSON value.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-2..20_000_i32).prop_map(Value::from),
        (-2..20_000_i32).prop_map(|number| Value::from(f64::from(number))),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Generates a value for a field: one that some field has or can have, or any other.
fn value() -> impl Strategy<Value = Value> {
    let known: Vec<Value> = examples().into_iter().flat_map(|example| example.into_values()).collect();
    prop_oneof![
        select(known),
        "(19|20)[0-9]{2}-0[1-9]-[0-2][1-8]T0[0-9]:00:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]0[0-9]:30)"
            .prop_map(Value::from),
        Just(serde_json::json!([{"resource": "f", "errorType": "e", "errorMessage": "m"}])),
        Just(serde_json::json!([{"resource": "f", "errorType": 7}])),
        json(),
    ]
}

/// Generates a name for a field: a known one of any record, or any other.
fn name() -> impl Strategy<Value = String> {
    let known = examples().into_iter().flat_map(|example| example.into_iter().map(|(name, _)| name));
    let absent = ["errorType", "errorMessage", "restoreDurationMs", "billedRestoreDurationMs", "logStream"];
    prop_oneof![
        8 => select(known.chain(absent.map(str::to_owned)).collect::<Vec<_>>()),
        1 => any::<String>(),
    ]
}

#[test]
fn each_example_is_read_back_as_it_is_written() {
    let examples = examples();
    let types: Vec<_> = examples.iter().map(|example| example["type"].as_str().expect("a string")).collect();
    assert_eq!(types, AnyRecord::TYPES);
    for example in &examples {
        read_write_read(&line(Value::from(example.clone()).to_string())).expect("a record");
    }
}

/// Scans the first line of `text`, and checks that the scanner has found what the parser finds, or nothing. Returns
/// whether it has found something.
fn scan_as_parsed(scanner: &mut Scanner<usize>, sizes: &mut Vec<SizeKey>, text: &[u8]) -> bool {
    let group_of = |size: SizeRef, _: &[Option<&[u8]>]| {
        let SizeRef { function, architecture, memory } = size;
        sizes.push(SizeKey { function: function.parse().expect("an ARN"), architecture, memory });
        sizes.len() - 1
    };
    let Some(Scanned { group, measured, length }) = scanner.scan(text, group_of) else {
        return false;
    };
    let line = text.split_inclusive(|byte| *byte == b'\n').next().expect("a line");
    let line = std::str::from_utf8(line).expect("the scanner has checked it");
    let parsed = invocation(line).unwrap_or_else(|| panic!("scanned, but not parsed: {line}"));
    assert_eq!((length, &sizes[group]), (line.len(), &parsed.size_key()), "{line}");
    assert_eq!(Ok(measured), Measured::of(&parsed), "{line}");
    true
}

/// Writes an object as programs do: with or without spaces, its fields in an order of their own, and a line end of either
/// kind.
fn written(record: &[(String, Value)], style: u8) -> String {
    let [comma, colon, end] =
        [[",", ":", "\n"], [", ", ": ", "\n"], [",", ":", "\r\n"], [" , ", " :", " \n"]]
            [usize::from(style % 4)];
    let fields: Vec<String> =
        record.iter().map(|(name, value)| format!("{}{colon}{value}", Value::from(name.as_str()))).collect();
    format!("{{{}}}{end}", fields.join(comma))
}

fn invocation_example() -> Vec<(String, Value)> {
    examples()
        .into_iter()
        .find(|example| example["type"] == "invocation")
        .expect("it is there")
        .into_iter()
        .collect()
}

#[test]
fn the_lines_of_the_tools_are_scanned() {
    let (mut scanner, mut sizes) = (Scanner::default(), Vec::new());
    let saved = include_str!("../../tests/data/1-invocations.ndjson");
    let lines: Vec<&str> = saved.split_inclusive('\n').collect();
    let of_invocations = lines.iter().filter(|line| line.contains("\"invocation\""));
    assert!(of_invocations.clone().count() > 10);
    for line in of_invocations {
        assert!(scan_as_parsed(&mut scanner, &mut sizes, line.as_bytes()), "{line}");
    }
    // In another order, with spaces, and with a field that we do not know, as in other programs.
    let mut fields = invocation_example();
    fields.reverse();
    fields.push(("tag.commit".to_owned(), "é \" ü".into()));
    for style in 0..4 {
        for _ in 0..2 {
            let line = written(&fields, style);
            assert!(scan_as_parsed(&mut scanner, &mut sizes, line.as_bytes()), "{line}");
        }
    }
}

/// Generates a line of a stream: an invocation as tools write it, or with one thing changed.
fn stream_line() -> impl Strategy<Value = Vec<u8>> {
    let figure = prop_oneof![
        (0..100_000_000_u32).prop_map(|hundredths| Value::from(f64::from(hundredths) / 100.0)),
        (0..2_000_u32).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::Null),
    ];
    let of_report = select(vec![
        "durationMs",
        "initDurationMs",
        "restoreDurationMs",
        "billedDurationMs",
        "billedRestoreDurationMs",
        "maxMemoryUsedMB",
        "clientDurationMs",
        "memorySizeMB",
        "index",
    ]);
    let change = prop_oneof![
        4 => (of_report.prop_map(str::to_owned), figure),
        4 => (name(), value()),
        1 => (Just("tag.commit".to_owned()), value()),
    ];
    let record = (vec(change, 0..3), vec(any::<prop::sample::Index>(), 0..2), any::<bool>(), 0..8_u8);
    let edit = prop_oneof![9 => Just(None), 1 => (any::<prop::sample::Index>(), "\\PC{0,2}").prop_map(Some)];
    (record, edit).prop_map(|((changes, removed, is_reversed, style), edit)| {
        let mut fields = invocation_example();
        for (name, value) in changes {
            match fields.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => fields.push((name, value)),
            }
        }
        for at in removed {
            fields.remove(at.index(fields.len()));
        }
        if is_reversed {
            fields.reverse();
        }
        let mut line: Vec<char> = written(&fields, style / 2).chars().collect();
        if let Some((at, edit)) = edit {
            let at = at.index(line.len());
            line.splice(at..=at, edit.chars());
        }
        line.into_iter().collect::<String>().into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_scanned_is_what_is_parsed(lines in vec(stream_line(), 1..12)) {
        let (mut scanner, mut sizes) = (Scanner::default(), Vec::new());
        for line in &lines {
            scan_as_parsed(&mut scanner, &mut sizes, line);
        }
        // The values that are captured are those that a parser finds.
        let names = ["payloadIndex", "tag.commit", "outcome"].map(str::to_owned);
        let mut scanner: Scanner<()> = Scanner::capturing(&names);
        for line in &lines {
            let mut captured = Vec::new();
            let scanned = scanner.scan(line, |_, values| captured = values.to_vec()).is_some();
            if scanned {
                let fields: Value = serde_json::from_slice(line).expect("it was scanned");
                let value = |value: &Option<&[u8]>| value.map(|value| serde_json::from_slice(value).expect("JSON"));
                let found: Vec<Option<Value>> = captured.iter().map(value).collect();
                prop_assert_eq!(found, names.iter().map(|name| fields.get(name).cloned()).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_changed_value_is_read_back_as_it_is_written_or_its_field_is_named(
        mut record in select(examples()),
        name in name(),
        value in value(),
    ) {
        // A record of another type lacks other fields.
        prop_assume!(name != "type" || !value.is_string());
        record.insert(name.clone(), value);
        if let Err(error) = read_write_read(&line(Value::from(record).to_string())) {
            let field = error.field.as_deref().unwrap_or_default();
            let is_named = field.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']));
            prop_assert!(is_named, "{}", error);
            prop_assert!(error.to_string().starts_with(&format!("x:1: {field}: ")), "{}", error);
        }
    }

    #[test]
    fn a_record_without_a_field_is_read_or_the_field_is_named(
        (mut record, at) in (select(examples()), any::<prop::sample::Index>()),
    ) {
        let name = record.keys().nth(at.index(record.len())).expect("in range").clone();
        record.remove(&name);
        if let Err(error) = read_write_read(&line(Value::from(record).to_string())) {
            prop_assert_eq!((error.field.as_deref(), &*error.what), (Some(&*name), "missing"));
        }
    }

    #[test]
    fn any_line_is_read_or_its_place_is_named(
        before in 0..3_usize,
        text in prop_oneof![
            json().prop_map(|value| value.to_string()),
            (select(examples()), any::<prop::sample::Index>(), "\\PC{0,3}").prop_map(|(record, at, edit)| {
                // One character of a record, or more, is another.
                let mut text: Vec<char> = Value::from(record).to_string().chars().collect();
                let at = at.index(text.len());
                text.splice(at..=at, edit.chars());
                text.into_iter().collect()
            }),
            "[^\n]{0,200}",
        ],
    ) {
        prop_assume!(before > 0 || Foreign::recognize("x", text.as_bytes()).is_none());
        let stream = "\n".repeat(before) + &text + "\n";
        let text = if before == 0 { text.strip_prefix('\u{feff}').unwrap_or(&text) } else { &text };
        let line = Lines::of_text("x", stream).nth(before).expect("a line").expect("UTF-8");
        prop_assert_eq!(line.text(), text);
        if let Err(error) = read_write_read(&line) {
            let place = format!("x:{}: ", before + 1);
            prop_assert!(error.to_string().starts_with(&place), "{}", error);
        }
    }

    #[test]
    fn any_bytes_pass_through_or_their_lines_are_named(bytes in vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..60)) {
        let first_line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        prop_assume!(Foreign::recognize("x", first_line).is_none() && !foreign::is_csv(first_line));
        let mut written = Vec::new();
        let mut writer = Writer::new(&mut written);
        let mut expected = Vec::new();
        let mut numbers = Vec::new();
        for (read, bytes) in Lines::of_text("x", bytes.clone()).zip(bytes.split(|byte| *byte == b'\n')) {
            match read {
                Ok(line) if line.is_cut() => numbers.push(line.number()),
                Ok(line) => {
                    expected.extend([bytes, b"\n"].concat());
                    numbers.push(line.number());
                    writer.pass(&line).expect("a vector takes all");
                }
                Err(error) => {
                    prop_assert!(std::str::from_utf8(bytes).is_err());
                    numbers.push(error.fault::<RecordError>().expect("a bad record").line);
                }
            }
        }
        prop_assert_eq!(written, expected);
        prop_assert!((1..).zip(numbers).all(|(expected, number)| expected == number));
    }
}
