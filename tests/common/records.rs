//! Records as the tools write them: `selection("f").memory(512)` is one, and valid, and becomes a line of NDJSON.

use serde_json::{Map, Value, json};

/// The run of all records that name a run.
pub const RUN: &str = "01a2074c9c607396b384c6f5252e05c0";

/// A record that is being built.
#[derive(Debug, Clone)]
pub struct Record {
    record_type: String,
    fields: Map<String, Value>,
}

/// Returns the ARN that a function has in lpt-local, in its default account and region.
pub fn arn(function: &str) -> String {
    format!("arn:aws:lambda:us-east-1:123456789012:function:{function}")
}

pub fn plan(function: &str) -> Record {
    Record::new(
        "plan",
        json!({
            "runId": RUN, "schemaVersion": 1, "functionArn": arn(function), "architecture": "x86_64",
            "packageType": "Zip", "snapStart": false, "originalMemorySizeMB": 512, "originalRevisionId": "r",
            "codeSha256": "c", "powerValues": [128], "num": 5, "onlyColdStarts": false,
            "createdAt": "2026-11-23T07:26:31.017Z",
        }),
    )
}

/// A version with 128 MB that is ready.
pub fn configuration(function: &str) -> Record {
    Record::new(
        "configuration",
        json!({
            "runId": RUN, "functionArn": arn(function), "architecture": "x86_64", "memorySizeMB": 128,
            "alias": format!("lpt-{RUN}-128"), "state": "ready", "version": "1",
        }),
    )
}

/// An invocation as another program may record it, with only the fields that are needed to analyze it.
pub fn invocation(function: &str) -> Record {
    Record::new("invocation", json!({"functionArn": arn(function), "memorySizeMB": 128})).duration(1.0)
}

pub fn statistics(function: &str) -> Record {
    Record::new(
        "statistics",
        json!({
            "functionArn": arn(function), "memorySizeMB": 128, "currency": "USD", "invocations": 9,
            "discarded": 0, "errors": 0, "coldStarts": 1, "averageDurationMs": 5, "averageCost": 1e-6,
            "totalCost": 1e-5, "discardTopBottom": 0, "strategy": "cost", "balancedWeight": 0.5,
        }),
    )
}

pub fn selection(function: &str) -> Record {
    Record::new(
        "selection",
        json!({
            "functionArn": arn(function), "memorySizeMB": 128, "strategy": "cost", "balancedWeight": 0.5,
            "averageCost": 1e-6, "averageDurationMs": 5, "currency": "USD", "lambdaCost": 0.001,
        }),
    )
}

/// What lpt-apply writes before it publishes a version for an alias.
pub fn applied(function: &str) -> Record {
    let fields = json!({"functionArn": arn(function), "memorySizeMB": 128, "state": "applying"});
    Record::new("applied", fields)
}

/// The end of a stream in which nothing is missing.
pub fn end(tool: &str) -> Record {
    Record::new("end", json!({"tool": tool, "records": 0, "status": "complete"}))
}

impl Record {
    fn new(record_type: &str, fields: Value) -> Record {
        let Value::Object(fields) = fields else { panic!("fields are an object: {fields}") };
        Record { record_type: record_type.to_owned(), fields }
    }

    /// Takes a record that a tool wrote, to change it.
    pub fn of(value: &Value) -> Record {
        let mut record = Record::new(value["type"].as_str().unwrap(), value.clone());
        record.fields.remove("type");
        record
    }

    /// Sets any field, also to a value that it cannot have.
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Record {
        self.fields.insert(field.to_owned(), value.into());
        self
    }

    pub fn without(mut self, field: &str) -> Record {
        assert!(self.fields.remove(field).is_some(), "{self:?} has no {field}");
        self
    }

    pub fn memory(self, megabytes: u32) -> Record {
        self.with("memorySizeMB", megabytes)
    }

    /// Sets the duration, and the billed duration as Lambda rounds it up.
    pub fn duration(self, milliseconds: f64) -> Record {
        self.with("durationMs", milliseconds).with("billedDurationMs", milliseconds.ceil() as u64)
    }

    pub fn outcome(self, outcome: &str) -> Record {
        self.with("outcome", outcome)
    }

    pub fn region(self, region: &str) -> Record {
        let arn = self.fields["functionArn"].as_str().unwrap().replace("us-east-1", region);
        self.with("functionArn", arn)
    }

    /// Returns the record as it is read from a tool's output.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// Returns the line, which begins with the type and ends with a newline.
    pub fn line(&self) -> String {
        let fields = Value::Object(self.fields.clone()).to_string();
        format!("{{\"type\":\"{}\",{}\n", self.record_type, &fields[1..])
    }
}

impl From<Record> for String {
    fn from(record: Record) -> String {
        record.line()
    }
}

impl From<Record> for Vec<u8> {
    fn from(record: Record) -> Vec<u8> {
        String::from(record).into_bytes()
    }
}

/// Returns the lines of several records.
pub fn lines(records: impl IntoIterator<Item = Record>) -> String {
    records.into_iter().map(|record| record.line()).collect()
}

/// Parses the records in a text, and asserts that each is one: an object whose first field is its type.
#[track_caller]
pub fn parse(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "a line is cut off: {text}");
    text.lines()
        .map(|line| {
            assert!(line.starts_with("{\"type\":\""), "no record: {line}");
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        })
        .collect()
}
