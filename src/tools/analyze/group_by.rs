//! The fields by which invocations are grouped, besides function, architecture and memory size.

use std::str::{FromStr, from_utf8};
use std::sync::Arc;

use serde_json::Value;

use crate::ndjson::{Line, RecordError};
use crate::records::{Record as _, Statistics};

/// Names of fields, in their order. Usually there are none.
#[derive(Debug, Default)]
pub(super) struct GroupBy(Vec<String>);

/// The name of a field to group by.
#[derive(Debug, Clone)]
pub(super) struct FieldName(String);

impl FromStr for FieldName {
    type Err = String;

    fn from_str(name: &str) -> Result<FieldName, String> {
        match name {
            "" => Err("expected the name of a field".to_owned()),
            "functionArn" | "architecture" | "memorySizeMB" => {
                Err(format!("statistics are those of each {name} anyway; leave it out"))
            }
            // Such as coldStarts and errors, by which nobody means a field of an invocation.
            _ if Statistics::fields().contains(&name) => {
                Err(format!("{name} is a field of statistics, and not of invocations"))
            }
            _ => Ok(FieldName(name.to_owned())),
        }
    }
}

impl GroupBy {
    pub fn new(names: Vec<FieldName>) -> GroupBy {
        let mut unique = Vec::new();
        for FieldName(name) in names {
            if !unique.contains(&name) {
                unique.push(name);
            }
        }
        GroupBy(unique)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Returns the group of an invocation, by what its line has as the values of the fields. `None` if they are not
    /// simple.
    pub fn of_values(&self, values: &[Option<&[u8]>]) -> Option<Arc<str>> {
        let texts = values.iter().map(|value| match value {
            None => Some(String::new()),
            Some(value) => text(&serde_json::from_str(from_utf8(value).ok()?).ok()?),
        });
        Some(self.join(texts.collect::<Option<Vec<_>>>()?))
    }

    /// Returns the group of an invocation, if they are grouped.
    ///
    /// # Errors
    /// A field has an array or an object.
    pub fn of_line(&self, line: &Line) -> Result<Option<Arc<str>>, RecordError> {
        if self.is_empty() {
            return Ok(None);
        }
        let fields = line.fields()?;
        let texts = self.0.iter().map(|name| {
            text(fields.get(name).unwrap_or(&Value::Null))
                .ok_or_else(|| line.error(Some(name), "expected a text, a number or a boolean to group by"))
        });
        Ok(Some(self.join(texts.collect::<Result<Vec<_>, _>>()?)))
    }

    fn join(&self, texts: Vec<String>) -> Arc<str> {
        let parts: Vec<String> =
            self.0.iter().zip(texts).map(|(name, text)| format!("{name}={text}")).collect();
        parts.join(", ").into()
    }
}

/// Returns a value as a group has it. An absent one is empty.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
