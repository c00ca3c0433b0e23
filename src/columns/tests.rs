//! Properties of tables: each record comes back from both.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};

use super::*;

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
        // In CSV, an empty text is an absent field.
        let without_empty = |values: Vec<Value>| -> Vec<Value> {
            values.into_iter().map(|mut value| {
                let fields = value.as_object_mut().expect("an object");
                fields.retain(|name, value| value != "" || !COLUMNS.iter().any(|(column, _)| column == name));
                value
            }).collect()
        };
        prop_assert_eq!(without_empty(of_csv), without_empty(wanted));
    }
}
