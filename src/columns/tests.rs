//! Each record comes back from a table, and so do those that other programs write; tests/data/columns has such tables.

use std::fs::{File, read_to_string};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::record::Field;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};

use super::parquet::Meaning;
use super::*;
use crate::records::{Invocation, Record as _};
use crate::units::Millis;

/// Generates any JSON value, none of which is a number that JSON cannot write back as it is.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,9}".prop_map(Value::from),
        Just(Value::from("2026-11-23T07:26:31.469Z")),
        Just(Value::from("2026-11-23T07:26:31Z")),
        Just(Value::from("1960-02-29T00:00:00.001Z")),
        Just(Value::from("9999-12-31T23:59:59.999Z")),
        Just(Value::from("")),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map("[a-z]{1,5}", inner, 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn record() -> impl Strategy<Value = Map<String, Value>> {
    let names: Vec<String> =
        COLUMNS.iter().map(|(name, _)| (*name).to_owned()).filter(|name| name != "type").collect();
    let name = prop_oneof![3 => select(names), 1 => "tag\\.[a-z]{1,5}|[a-z]{1,5}"];
    let record_type = select(vec!["invocation", "invocation", "plan", "end"]);
    (record_type, btree_map(name, json(), 0..12)).prop_map(|(record_type, fields)| {
        let mut record: Map<String, Value> = fields.into_iter().collect();
        record.insert("type".to_owned(), record_type.into());
        record
    })
}

/// Returns what is to come back of a record: a null in a column is an absent field, and a whole number in a column of
/// numbers with a fraction is one of them.
fn expected(mut record: Map<String, Value>) -> Value {
    for (name, kind) in COLUMNS {
        let value = record.get(name).cloned();
        match value {
            Some(Value::Null) => drop(record.remove(name)),
            Some(Value::Number(number)) if kind == Kind::Double => {
                let is_exact = number.is_f64()
                    || number.as_f64().is_some_and(|value| value.abs() <= 9_007_199_254_740_992.0);
                if is_exact {
                    record.insert(name.to_owned(), number.as_f64().into());
                }
            }
            _ => {}
        }
    }
    Value::from(record)
}

fn parsed(lines: impl IntoIterator<Item = String>) -> Vec<Value> {
    lines.into_iter().map(|line| serde_json::from_str(&line).expect("JSON")).collect()
}

proptest! {
    #[test]
    fn each_record_comes_back_from_a_table(records in vec(record(), 1..9)) {
        let mut csv = Vec::new();
        let mut rows = CsvWriter::new(&mut csv).expect("a vector takes all");
        let mut parquet = Vec::new();
        let mut columns = ParquetWriter::new(&mut parquet).expect("a vector takes all");
        for record in &records {
            rows.write(record.clone()).expect("a vector takes all");
            columns.write(record.clone()).expect("a vector takes all");
        }
        rows.finish().expect("a vector takes all");
        columns.finish().expect("a vector takes all");
        let of_csv = parsed(lines_of_csv(&*csv).map(|line| line.expect("a row")));
        let wanted: Vec<Value> = records.into_iter().map(expected).collect();
        let file = ParquetFile::in_memory(parquet).expect("a table");
        let of_parquet = (0..file.row_groups()).flat_map(|group| file.lines(group).expect("rows"));
        let mut of_parquet = parsed(of_parquet);
        // There, other records come before the invocations with which they arrived.
        let key = |value: &Value| value.to_string();
        of_parquet.sort_by_key(key);
        let mut sorted = wanted.clone();
        sorted.sort_by_key(key);
        prop_assert_eq!(of_parquet, sorted);
        prop_assert_eq!(of_csv, wanted);
    }
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn open(name: &str) -> ParquetFile {
    let file = File::open(data("columns").join(name)).expect("a table of the repository");
    ParquetFile::open(Arc::new(file)).expect("a table")
}

fn invocations(lines: impl IntoIterator<Item = String>) -> Vec<Invocation> {
    lines.into_iter().map(|line| serde_json::from_str(&line).expect("an invocation")).collect()
}

/// Returns the invocations of which the tables were made.
fn originals() -> Vec<Invocation> {
    let text = read_to_string(data("1-invocations.ndjson")).expect("a file of the repository");
    let start = format!(r#"{{"type":"{}","#, Invocation::TYPE);
    invocations(text.lines().filter(|line| line.starts_with(&start)).map(str::to_owned))
}

#[test]
fn invocations_come_back_from_the_tables_of_other_programs() {
    for name in ["duckdb", "polars", "pyarrow-nanoseconds", "pyarrow-int96"] {
        let lines = open(&format!("{name}.parquet")).lines(0).expect("rows");
        assert_eq!(invocations(lines), originals(), "{name}");
    }
    for name in ["duckdb.csv", "polars.csv"] {
        let file = File::open(data("columns").join(name)).expect("a table of the repository");
        let lines = lines_of_csv(file).map(|line| line.expect("a row"));
        assert_eq!(invocations(lines), originals(), "{name}");
    }
    let decimals = invocations(open("duckdb-decimal.parquet").lines(0).expect("rows"));
    let durations = |of: &[Invocation]| -> Vec<_> {
        of.iter().map(|row| (row.request_id.clone(), row.duration_ms, row.billed_duration_ms)).collect()
    };
    assert_eq!(durations(&decimals), durations(&originals()));
}

#[test]
fn a_chunk_has_what_the_lines_have() {
    for name in ["duckdb", "polars", "pyarrow-nanoseconds", "pyarrow-int96"] {
        let chunk = open(&format!("{name}.parquet")).chunk(0).expect("columns of our types");
        let mut originals = originals().into_iter();
        let rows = chunk.for_each(|row| {
            let of = originals.next().expect("a row for each invocation");
            let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            assert_eq!(text(row.function), Some(of.function_arn.to_string()), "{name}");
            assert_eq!(text(row.request_id), of.request_id, "{name}");
            assert_eq!(text(row.architecture), Some(of.architecture.to_string()), "{name}");
            assert_eq!(row.memory, Some(of.memory_size.get().into()), "{name}");
            assert_eq!(row.cold_start, of.cold_start, "{name}");
            assert_eq!(row.duration, of.duration_ms.map(Millis::get), "{name}");
            assert_eq!(row.init, of.init_duration_ms.map(Millis::get), "{name}");
            assert_eq!(row.restore, None, "{name}");
            assert_eq!(
                row.billed,
                of.billed_duration_ms.and_then(|billed| billed.0.try_into().ok()),
                "{name}"
            );
            assert_eq!(row.max_memory_used, of.max_memory_used.map(Into::into), "{name}");
            Some(())
        });
        assert_eq!(rows.expect("a file that can be read"), Some(24), "{name}");
    }
}

/// A billed duration of 233.00 ms is 23300 in the file.
#[test]
fn decimals_are_never_read_as_whole_numbers() {
    assert!(open("duckdb-decimal.parquet").chunk(0).is_none());
}

#[test]
fn a_table_that_cannot_be_read_says_what_to_do() {
    let error = |name: &str| open(name).lines(0).expect_err("a refusal").to_string();
    assert_eq!(error("duckdb-interval.parquet"), "the column pause is of type INTERVAL; leave it out");
    assert!(error("pyarrow-lz4.parquet").ends_with("write it with zstd, Snappy or gzip"));
}

#[test]
fn a_number_that_json_does_not_have_is_left_to_the_reader_of_the_record() {
    for (field, text) in [(Field::Float(f32::NAN), "NaN"), (Field::Double(f64::INFINITY), "inf")] {
        assert_eq!(parquet::value(&field, Meaning::AsIs), text);
    }
}
