//! The execution input of AWS Lambda Power Tuning's state machine, so that its users can keep it: each tool
//! uses the keys that concern it.
//!
//! <https://github.com/alexcasalboni/aws-lambda-power-tuning/blob/master/README.md#state-machine-input-at-execution-time>

use std::fmt::Display;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::aws::S3Url;
use crate::error::Error;
use crate::message;
use crate::names::{AliasName, Callee, FunctionRef};
use crate::quote::{json, quoted};
use crate::records::Strategy;

/// The keys of the file. A key that is absent or `null` is `None`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionInput {
    /// The function to tune.
    #[serde(rename = "lambdaARN", default, deserialize_with = "name")]
    pub lambda_arn: Option<FunctionRef>,
    /// The number of invocations for each size.
    #[serde(default, deserialize_with = "count")]
    pub num: Option<NonZeroU32>,
    /// The memory sizes, as `--power-values` takes them.
    #[serde(default, deserialize_with = "power_values")]
    pub power_values: Option<String>,
    /// The payload, or a list of payloads with weights, unparsed.
    pub payload: Option<Box<RawValue>>,
    /// The place of the payload at S3. It takes precedence over `payload`.
    #[serde(rename = "payloadS3", default, deserialize_with = "name")]
    pub payload_s3: Option<S3Url>,
    /// Whether a size's invocations are sent at once.
    #[serde(default, deserialize_with = "boolean")]
    pub parallel_invocation: Option<bool>,
    /// The strategy by which a size is the best.
    #[serde(default, deserialize_with = "strategy")]
    pub strategy: Option<Strategy>,
    /// The weight of cost in `balanced`, from 0 to 1, not yet checked.
    #[serde(default, deserialize_with = "number")]
    pub balanced_weight: Option<f64>,
    /// Whether to apply what was selected.
    #[serde(default, deserialize_with = "boolean")]
    pub auto_optimize: Option<bool>,
    /// The alias to move when it is applied.
    #[serde(default, deserialize_with = "name")]
    pub auto_optimize_alias: Option<AliasName>,
    /// Whether the run only tries what is allowed.
    #[serde(default, deserialize_with = "boolean")]
    pub dry_run: Option<bool>,
    /// The function to call before each invocation.
    #[serde(rename = "preProcessorARN", default, deserialize_with = "name")]
    pub pre_processor_arn: Option<Callee>,
    /// The function to call after each invocation.
    #[serde(rename = "postProcessorARN", default, deserialize_with = "name")]
    pub post_processor_arn: Option<Callee>,
    /// The share of invocations to drop at each end, not yet checked.
    #[serde(default, deserialize_with = "number")]
    pub discard_top_bottom: Option<f64>,
    /// The pause between two invocations of a size, in milliseconds.
    #[serde(default, deserialize_with = "whole")]
    pub sleep_between_runs_ms: Option<u64>,
    /// Whether payloads stay out of messages.
    #[serde(default, deserialize_with = "boolean")]
    pub disable_payload_logs: Option<bool>,
    /// Whether the output document holds the statistics of all sizes.
    #[serde(default, deserialize_with = "boolean")]
    pub include_output_results: Option<bool>,
    /// Whether each invocation is to be a cold start.
    #[serde(default, deserialize_with = "boolean")]
    pub only_cold_starts: Option<bool>,
    /// The error types that count as results.
    #[serde(default, deserialize_with = "texts")]
    pub allowed_exceptions: Option<Vec<String>>,
    /// The path of the file, for messages.
    #[serde(skip)]
    file: PathBuf,
}

impl ExecutionInput {
    /// Reads the file of `--input`.
    ///
    /// # Errors
    /// The file cannot be read or is not a JSON object, or a key of it is unknown or has a value of another
    /// kind.
    pub(crate) fn from_file(file: &Path) -> Result<ExecutionInput, Error> {
        let text = std::fs::read(file).map_err(Error::io(format!("--input {}", file.display())))?;
        let mut input = ExecutionInput::from_json(&text)
            .map_err(|why| Error::Usage(format!("--input {}: {why}", file.display())))?;
        input.file = file.to_owned();
        Ok(input)
    }

    /// Parses JSON.
    ///
    /// # Errors
    /// As of [`ExecutionInput::from_file`], in words.
    pub fn from_json(text: &[u8]) -> Result<ExecutionInput, String> {
        if !text.trim_ascii_start().starts_with(b"{") {
            return Err("expected a JSON object".to_owned());
        }
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let mut unknown = None;
        let mut note_unknown = |path: serde_ignored::Path<'_>| {
            unknown.get_or_insert_with(|| path.to_string());
        };
        let mut track = serde_path_to_error::Track::new();
        let read = ExecutionInput::deserialize(serde_ignored::Deserializer::new(
            serde_path_to_error::Deserializer::new(&mut deserializer, &mut track),
            &mut note_unknown,
        ));
        let input = read.and_then(|input| deserializer.end().map(|()| input)).map_err(|error| {
            let path = track.path().to_string();
            if path == "." { error.to_string() } else { format!("{path}: {error}") }
        })?;
        match unknown {
            None => Ok(input),
            Some(key) => Err(format!("unknown key {}{}", quoted(&key), suggestion(&key))),
        }
    }

    /// Returns the path of the file.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Returns the functions that were `typed`, or otherwise the one of the file.
    ///
    /// # Errors
    /// There is no function. `nothing` is the message then.
    pub(crate) fn functions_or<F: From<FunctionRef>>(
        &self,
        typed: Vec<F>,
        nothing: &str,
    ) -> Result<Vec<F>, Error> {
        if !typed.is_empty() {
            return Ok(typed);
        }
        let own = self.lambda_arn.clone().ok_or_else(|| Error::Usage(nothing.to_owned()))?;
        Ok(vec![own.into()])
    }

    /// Returns an error about the value of `key`.
    pub(crate) fn error(&self, key: &str, why: impl Display) -> Error {
        Error::Usage(format!("{}: {why}", self.place_of(key)))
    }

    /// Warns if the number of `key` is out of range, so that the nearest one is used, as the state machine does.
    pub(crate) fn warn_if_clamped(&self, key: &str, typed: f64, used: f64) {
        if used != typed {
            message::warning(format_args!("{} {typed} is out of range; using {used}", self.place_of(key)));
        }
    }

    /// Returns the place of `key`, for messages.
    pub(crate) fn place_of(&self, key: &str) -> String {
        format!("--input {}: {key}", self.file.display())
    }
}

/// Returns the question whether the known key that is most like `key` is meant.
fn suggestion(key: &str) -> String {
    let known = serde_aux::serde_introspection::serde_introspect::<ExecutionInput>();
    let likeness = |known: &str| strsim::jaro_winkler(&known.to_lowercase(), &key.to_lowercase());
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"))
}

/// Parses a name that AWS gives to something. An empty one is `None`, as in the state machine.
fn name<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = Option::<String>::deserialize(deserializer)?;
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| text.parse()).transpose().map_err(D::Error::custom)
}

/// Parses the name of a strategy.
fn strategy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Strategy>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Option::deserialize(&value).map_err(|_| {
        let names = Strategy::ALL.map(|strategy| format!("\"{}\"", strategy.as_str())).join(", ");
        D::Error::custom(format_args!("expected one of {names}, found {}", json(&value)))
    })
}

/// Parses a list of strings.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Option::deserialize(&value)
        .map_err(|_| D::Error::custom(format_args!("expected a list of strings, found {}", json(&value))))
}

/// Parses a boolean, or a number as JavaScript converts it to one.
fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Bool(boolean) => Ok(Some(boolean)),
        Value::Number(number) => Ok(Some(number.as_f64() != Some(0.0))),
        other => Err(D::Error::custom(format_args!("expected true or false, found {}", json(&other)))),
    }
}

/// Parses a number, or a string that holds one.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = match &value {
        Value::Null => return Ok(None),
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_f64(),
    };
    let number = number.filter(|number: &f64| number.is_finite());
    number
        .map(Some)
        .ok_or_else(|| D::Error::custom(format_args!("expected a number, found {}", json(&value))))
}

/// Parses a whole number of 0 or more, in any notation that [`number`] reads.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number = number(deserializer)?;
    let whole = |number: f64| {
        let is_whole = number.fract() == 0.0 && (0.0..=EXACT).contains(&number);
        is_whole.then_some(number as u64).ok_or_else(|| {
            D::Error::custom(format_args!("expected a whole number of 0 or more, found {number}"))
        })
    };
    number.map(whole).transpose()
}

/// Parses a whole number from 1 on.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroU32>, D::Error> {
    let count = |number: u64| {
        let count = u32::try_from(number).ok().and_then(NonZeroU32::new);
        count.ok_or_else(|| {
            D::Error::custom(format_args!("expected a whole number from 1 to {}, found {number}", u32::MAX))
        })
    };
    whole(deserializer)?.map(count).transpose()
}

/// Parses a list of integers or of strings, or `"ALL"`, into the text that `--power-values` takes.
fn power_values<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let size = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        // 128.0 is 128.
        Value::Number(number) => number.as_f64().map(|number| number.to_string()),
        _ => None,
    };
    let text = match &value {
        Value::Null => return Ok(None),
        // For an empty list the state machine uses its own sizes.
        Value::Array(sizes) if sizes.is_empty() => return Ok(None),
        Value::Array(sizes) => {
            sizes.iter().map(size).collect::<Option<Vec<_>>>().map(|sizes| sizes.join(","))
        }
        value => size(value),
    };
    text.map(Some).ok_or_else(|| {
        D::Error::custom(format_args!(
            "expected a list of integers or strings, or \"ALL\", found {}",
            json(&value)
        ))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::strategy::Strategy;
    use serde_json::{Value, json};

    use super::*;

    fn read(input: &Value) -> Result<ExecutionInput, String> {
        ExecutionInput::from_json(input.to_string().as_bytes())
    }

    #[test]
    fn every_key_of_the_state_machine_is_known_and_a_missing_one_is_none() {
        let input = read(&json!({
            "lambdaARN": "f", "num": 10, "powerValues": [128, "256"], "payload": {"a": 1.50},
            "payloadS3": "s3://b/k", "parallelInvocation": true, "strategy": "balanced", "balancedWeight": 0.3,
            "autoOptimize": true, "autoOptimizeAlias": "live", "dryRun": false, "preProcessorARN": "p",
            "postProcessorARN": "q", "discardTopBottom": 0.1, "sleepBetweenRunsMs": 7,
            "disablePayloadLogs": true, "includeOutputResults": true, "onlyColdStarts": null,
            "allowedExceptions": ["A"],
        }))
        .expect("all of its keys");
        assert_eq!(input.power_values.as_deref(), Some("128,256"));
        assert_eq!(input.payload.expect("a payload").get(), r#"{"a":1.5}"#);
        assert_eq!((input.only_cold_starts, input.dry_run), (None, Some(false)));
        assert_eq!(read(&json!({})).expect("no key at all").num, None);
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest_known_one_in_any_place() {
        for (key, nearest) in [
            ("powerValue", "powerValues"),
            ("lambdaArn", "lambdaARN"),
            ("parallel", "parallelInvocation"),
            ("PAYLOADS3", "payloadS3"),
            ("onlyColdStart", "onlyColdStarts"),
        ] {
            let why = read(&json!({"num": 10, key: {"any": "thing"}})).expect_err("an unknown key");
            assert_eq!(why, format!("unknown key {key:?}; did you mean {nearest}?"));
        }
        assert!(read(&json!({"payload": {"powerValue": 1}})).is_ok(), "a payload has keys of its own");
    }

    /// Generates a value, sometimes of the right kind and sometimes of another.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
            Just(json!("ALL")),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,4}", inner, 0..3).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_value_of_a_key_is_accepted_or_the_key_is_named(at in 0..19_usize, value in value()) {
            let key = serde_aux::serde_introspection::serde_introspect::<ExecutionInput>()[at];
            if let Err(why) = read(&json!({key: value})) {
                prop_assert!(why.starts_with(&format!("{key}: ")) || why.starts_with(&format!("{key}[")), "{}", why);
            }
        }

        #[test]
        fn any_bytes_are_an_input_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = ExecutionInput::from_json(&bytes);
        }
    }
}
