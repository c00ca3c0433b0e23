//! The payloads that a function is invoked with. They are never written to a record.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::aws::Blob;
use crate::error::Error;
use crate::quote::excerpt;

/// The largest payload that Lambda accepts for a synchronous invocation.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_BYTES: usize = 6 * 1024 * 1024;

/// An upper limit for weights, far above any useful one. It keeps their sums and products finite.
const MAX_WEIGHT: f64 = 1e12;

/// A JSON document to invoke a function with.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Blob);

impl Payload {
    /// Returns the bytes to send. A clone shares their memory.
    pub fn blob(&self) -> &Blob {
        &self.0
    }

    /// Makes a payload of the bytes that were found at `place`, if they are not too many for Lambda.
    fn new(bytes: &[u8], place: impl fmt::Display) -> Result<Payload, Error> {
        if bytes.len() > MAX_BYTES {
            return Err(Error::Usage(format!(
                "{place}: the payload has {} bytes; Lambda accepts at most {MAX_BYTES}",
                bytes.len()
            )));
        }
        Ok(Payload(bytes.into()))
    }
}

/// Shows only the size of the payload, which may be secret.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.as_ref().len())
    }
}

/// What the value of `--payload` means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed<'a> {
    /// A file with JSON.
    File(PathBuf),
    Json(&'a str),
    /// A text that is sent as a JSON string.
    Text(&'a str),
}

impl Typed<'_> {
    /// Tells what `text` means. A file is named as for AWS CLI, `file://FILE` or `fileb://FILE`, or as for curl, `@FILE`.
    ///
    /// # Errors
    /// The text is surely a mistake: it is empty, begins like JSON and is none, or is the name of a file or an object at
    /// S3. No message contains the text, which may be secret, unless it is the name of a file that exists.
    pub(super) fn of(text: &str) -> Result<Typed<'_>, Error> {
        let file = ["@", "file://", "fileb://"].into_iter().find_map(|prefix| text.strip_prefix(prefix));
        let mistake = match (text, file) {
            ("", _) => "it is empty; leave it out to send {}, or send an empty string with --payload '\"\"'"
                .to_owned(),
            ("-", _) | (_, Some("-")) => "stdin is for the records; name a file: --payload @FILE".to_owned(),
            (_, Some("")) => "no file is named; write --payload @FILE".to_owned(),
            (_, Some(file)) => return Ok(Typed::File(at_home(file))),
            (_, None) if is_json(text) => return Ok(Typed::Json(text)),
            (_, None) if begins_like_json(text) => format!("{}; {IN_QUOTES}", not_json(text.as_bytes())),
            (_, None) if Path::new(text).is_file() => format!(
                "{text} is a file; send what is in it with --payload @{text}, or its name with --payload '\"{text}\"'"
            ),
            (_, None) if text.ends_with(".json") && !text.contains(char::is_whitespace) => {
                format!(
                    "it looks like the name of a file, and there is none; send a file with --payload @FILE; {IN_QUOTES}"
                )
            }
            (_, None) if text.starts_with("s3://") => {
                format!("it looks like an object at S3; send that with --payload-s3; {IN_QUOTES}")
            }
            (_, None) => return Ok(Typed::Text(text)),
        };
        Err(Error::Usage(format!("--payload: {mistake}")))
    }
}

/// What to do with a text that is no mistake, although it looks like one.
const IN_QUOTES: &str = "fix it, or send it as text: --payload '\"TEXT\"'";

/// Returns the path with the home directory in place of `~`, which a shell leaves alone after `@` or `file://`.
fn at_home(file: &str) -> PathBuf {
    let home = file.strip_prefix("~/").zip(std::env::home_dir());
    home.map_or_else(|| file.into(), |(rest, home)| home.join(rest))
}

/// One or more payloads, and the rule by which the invocations get them.
#[derive(Debug, Clone, PartialEq)]
pub struct Payloads {
    all: Vec<Payload>,
    order: Order,
}

/// The rule by which invocations get payloads.
#[derive(Debug, Clone, PartialEq)]
enum Order {
    /// Each payload gets a share by its weight.
    Weighted(Vec<f64>),
    /// The payloads are used in turn, in this order of their indices, and again from the first.
    InTurn(Vec<usize>),
}

impl Payloads {
    /// Parses the text at `place`. JSON is kept unchanged, except that a list of `{"payload": …, "weight": n}` is several
    /// payloads. Any other text becomes a JSON string.
    ///
    /// # Errors
    /// The text begins like JSON and is none, a payload is larger than Lambda accepts, or only some elements of a list
    /// have weights.
    pub fn from_text(text: &str, place: &str) -> Result<Payloads, Error> {
        if is_json(text) {
            return Payloads::from_json(text.as_bytes(), place);
        }
        if begins_like_json(text) {
            return Err(Error::Usage(format!("{place}: {}", not_json(text.as_bytes()))));
        }
        let quoted = serde_json::Value::from(text).to_string();
        Ok(Payloads::one(Payload::new(quoted.as_bytes(), place)?))
    }

    /// Parses the JSON that the execution input or an object at S3 has at `place`. A string that contains JSON becomes
    /// that JSON. Any other value is treated as in [`Payloads::from_text`].
    ///
    /// # Errors
    /// The same as those of [`Payloads::from_text`].
    pub fn from_value(value: &RawValue, place: &str) -> Result<Payloads, Error> {
        Payloads::from_json(unwrapped(value).as_bytes(), place)
    }

    /// Returns shares in which every invocation has the first payload.
    pub fn only_first(&self) -> Shares {
        Shares::InTurn(vec![0])
    }

    /// Reads a file of JSON that `flag` names, which is treated as in [`Payloads::from_text`].
    ///
    /// # Errors
    /// The file cannot be read, is not JSON, has a payload that is larger than Lambda accepts, or has a list of which
    /// only some elements have weights.
    pub(super) fn from_file(file: &Path, flag: &str) -> Result<Payloads, Error> {
        let name = format!("{flag} {}", file.display());
        let bytes = std::fs::read(file).map_err(Error::io(&name))?;
        // Editors on Windows write a byte order mark, which JSON does not know.
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        if !str::from_utf8(bytes).is_ok_and(is_json) {
            return Err(Error::Usage(format!("{name}: {}", not_json(bytes))));
        }
        Payloads::from_json(bytes, &name)
    }

    /// Reads an NDJSON file, whose lines are used in turn. The seed `shuffle` decides their order, which is the same for
    /// each size; without it they keep their order.
    ///
    /// # Errors
    /// The file cannot be read or has no line, or a line is not JSON or is larger than Lambda accepts.
    pub(super) fn from_lines(file: &Path, shuffle: Option<u64>) -> Result<Payloads, Error> {
        let name = format!("--payloads {}", file.display());
        let text = std::fs::read_to_string(file).map_err(Error::io(&name))?;
        let mut all = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            if !is_json(line) {
                return Err(Error::Usage(format!("{name}:{number}: {}", not_json(line.as_bytes()))));
            }
            all.push(Payload::new(line.as_bytes(), format_args!("{name}:{number}"))?);
        }
        if all.is_empty() {
            return Err(Error::Usage(format!("{name}: has no payload; write one JSON document per line")));
        }
        let mut order: Vec<usize> = (0..all.len()).collect();
        if let Some(seed) = shuffle {
            fastrand::Rng::with_seed(seed).shuffle(&mut order);
        }
        Ok(Payloads { all, order: Order::InTurn(order) })
    }

    fn one(payload: Payload) -> Payloads {
        Payloads { all: vec![payload], order: Order::Weighted(vec![1.0]) }
    }

    /// Parses JSON that came from `name`: a list of weighted payloads, or one payload.
    fn from_json(bytes: &[u8], name: &str) -> Result<Payloads, Error> {
        type Object<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;
        let elements = serde_json::from_slice::<Vec<&RawValue>>(bytes).unwrap_or_default();
        let objects: Vec<Object<'_>> =
            elements.iter().map(|element| serde_json::from_str(element.get()).unwrap_or_default()).collect();
        fn weighted<'a>(object: &Object<'a>) -> Option<(&'a RawValue, &'a RawValue)> {
            Some((object.get("payload")?, object.get("weight")?))
        }
        if objects.iter().all(|object| weighted(object).is_none()) {
            // A list without weights is one payload.
            return Ok(Payloads::one(Payload::new(bytes, name)?));
        }
        let (mut all, mut weights) = (Vec::new(), Vec::new());
        for (at, object) in objects.iter().enumerate() {
            let place = format!("{name}: element {at}");
            let Some((payload, weight)) = weighted(object) else {
                return Err(Error::Usage(format!(
                    "{place}: expected an object with payload and weight, like the other elements"
                )));
            };
            let number = serde_json::from_str(weight.get()).ok();
            let Some(number) = number.filter(|number| *number > 0.0 && *number <= MAX_WEIGHT) else {
                return Err(Error::Usage(format!(
                    "{place}: weight: expected a number above 0 and up to {MAX_WEIGHT}, found {}",
                    excerpt(weight.get())
                )));
            };
            all.push(Payload::new(unwrapped(payload).as_bytes(), place)?);
            weights.push(number);
        }
        Ok(Payloads { all, order: Order::Weighted(weights) })
    }

    /// Whether there are several payloads, each with its share of the invocations.
    pub(super) fn are_weighted(&self) -> bool {
        matches!(&self.order, Order::Weighted(weights) if weights.len() > 1)
    }

    /// Shares `num` invocations out among the payloads. Weighted payloads get floor(weight × num ÷ total) each, in their
    /// order, and the last one gets the rest, as in AWS Lambda Power Tuning. Other payloads are used in turn.
    ///
    /// # Errors
    /// A weighted payload would not be sent at all.
    pub fn share_out(&self, num: u32) -> Result<Shares, Error> {
        let weights = match &self.order {
            Order::InTurn(order) => return Ok(Shares::InTurn(order.clone())),
            Order::Weighted(weights) => weights,
        };
        let total: f64 = weights.iter().sum();
        let mut ends = Vec::with_capacity(weights.len());
        let mut end = 0;
        for (at, weight) in weights.iter().enumerate() {
            let is_last = at + 1 == weights.len();
            let share = if is_last { num - end } else { (weight * f64::from(num) / total).floor() as u32 };
            if share == 0 {
                return Err(Error::Usage(format!(
                    "--num {num} is too small for payload {at} with weight {weight} of {total}; raise --num or its weight"
                )));
            }
            end += share;
            ends.push(end);
        }
        Ok(Shares::Ends(ends))
    }

    /// Returns the payload at the index that [`Shares::payload_of`] returns.
    pub fn get(&self, at: usize) -> &Payload {
        &self.all[at]
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Whether a text that is not JSON is surely meant to be: it opens an object, a list, a string or a number, or has more
/// after its first value. The single quotes that some shells leave in place do not matter.
fn begins_like_json(text: &str) -> bool {
    let begin = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\'' || c == '\u{feff}');
    let opens_number = begin.strip_prefix('-').unwrap_or(begin).starts_with(|c: char| c.is_ascii_digit());
    let mut values = serde_json::Deserializer::from_str(begin).into_iter::<IgnoredAny>();
    opens_number || begin.starts_with(['{', '[', '"']) || matches!(values.next(), Some(Ok(_)))
}

/// Returns where and why `bytes` is not JSON, in plain words and without a part of it, which may be secret.
pub(super) fn not_json(bytes: &[u8]) -> String {
    if bytes.trim_ascii().is_empty() {
        return "not JSON: it is empty".to_owned();
    }
    if let Err(error) = str::from_utf8(bytes) {
        return format!("not JSON: byte {} is not UTF-8", error.valid_up_to() + 1);
    }
    let Err(error) = serde_json::from_slice::<IgnoredAny>(bytes) else {
        return "not JSON".to_owned();
    };
    let line = bytes.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    // The error counts bytes; a person counts characters.
    let up_to = String::from_utf8_lossy(&line[..error.column().min(line.len())]);
    let column = up_to.chars().count().max(1);
    format!("not JSON: line {}, column {column}: {}", error.line(), in_plain_words(&error))
}

/// Says what serde_json found, without its names for the parts of a grammar.
fn in_plain_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    let words = match what {
        "EOF while parsing a list" => "the text ends before the ] of a list",
        "EOF while parsing an object" => "the text ends before the } of an object",
        "EOF while parsing a string" => "the text ends before the closing quote of a string",
        "EOF while parsing a value" => "the text ends where a value should be",
        "expected value" => "there is no JSON value here",
        "expected ident" => "the only words of JSON are true, false and null",
        "expected `:`" => "a colon is missing after a key",
        "expected `,` or `]`" => "a comma or ] is missing",
        "expected `,` or `}`" => "a comma or } is missing",
        "key must be a string" => "a key in double quotes is missing here",
        "trailing characters" => "there is more text after the end of the value",
        "invalid escape" => "no escape of JSON follows the backslash",
        "invalid number" => "the number is not written as in JSON",
        "control character (\\u0000-\\u001F) found while parsing a string" => {
            "a line break or tab in a string must be written \\n or \\t"
        }
        other => other,
    };
    words.to_owned()
}

/// Returns the JSON in a string that contains JSON, and any other value unchanged, as AWS Lambda Power Tuning does.
fn unwrapped(value: &RawValue) -> Cow<'_, str> {
    match serde_json::from_str::<String>(value.get()) {
        Ok(text) if is_json(&text) => Cow::Owned(text),
        _ => Cow::Borrowed(value.get()),
    }
}

/// Returns why a string of JSON that is sent as a string is probably meant to be JSON itself.
pub(super) fn doubt(value: &RawValue) -> Option<String> {
    let text: String = serde_json::from_str(value.get()).ok()?;
    (begins_like_json(&text) && !is_json(&text)).then(|| not_json(text.as_bytes()))
}

impl Default for Payloads {
    fn default() -> Payloads {
        Payloads::one(Payload(Blob::new("{}")))
    }
}

/// The payload of each invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shares {
    /// For each payload, the index after the last invocation of its share.
    Ends(Vec<u32>),
    /// The indices of the payloads, which are used in turn, and again from the first.
    InTurn(Vec<usize>),
}

impl Shares {
    /// Returns the index of the payload of the invocation `index`.
    pub fn payload_of(&self, index: u32) -> usize {
        match self {
            Shares::Ends(ends) => ends.partition_point(|end| *end <= index).min(ends.len() - 1),
            Shares::InTurn(order) => order[index as usize % order.len()],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn payloads(text: &str) -> Payloads {
        Payloads::from_text(text, "--payload").expect("payloads")
    }

    #[test]
    fn json_is_sent_unchanged_and_other_text_is_quoted() {
        for (text, sent) in [
            (r#"{"a": 1}"#, r#"{"a": 1}"#),
            ("[1]", "[1]"),
            ("[]", "[]"),
            (r#"[{"payload": 1}]"#, r#"[{"payload": 1}]"#),
            ("\"x\"", "\"x\""),
            ("7", "7"),
            ("say \"hi\"", r#""say \"hi\"""#),
            ("truest", "\"truest\""),
        ] {
            let payloads = payloads(text);
            assert_eq!((payloads.all.len(), payloads.get(0).blob().as_ref()), (1, sent.as_bytes()));
        }
    }

    #[test]
    fn the_value_of_the_flag_is_a_file_json_or_text() {
        let file = |path: &str| Typed::File(path.into());
        for (text, typed) in [
            ("@event.json", file("event.json")),
            ("file://a/event.json", file("a/event.json")),
            ("fileb:///a/event.json", file("/a/event.json")),
            ("file://~/event.json", Typed::File(std::env::home_dir().expect("a home").join("event.json"))),
            ("{\"a\": 1}", Typed::Json("{\"a\": 1}")),
            ("\"@event\"", Typed::Json("\"@event\"")),
            ("hello there", Typed::Text("hello there")),
            ("http://localhost/a", Typed::Text("http://localhost/a")),
            ("run my.json now", Typed::Text("run my.json now")),
            ("truest", Typed::Text("truest")),
        ] {
            assert_eq!(Typed::of(text).expect(text), typed);
        }
    }

    #[test]
    fn a_payload_that_is_surely_a_mistake_is_refused_with_its_place_and_the_remedy() {
        for (text, words) in [
            (r#"{"a":}"#, "--payload: not JSON: line 1, column 6: there is no JSON value here"),
            (r#"{"ä":}"#, "line 1, column 6:"),
            ("{\n  \"a\": 1,\n}", "line 3, column 1: a key in double quotes is missing here"),
            ("{'a': 1}", "line 1, column 2: a key in double quotes is missing"),
            ("'{\"a\": 1}'", "line 1, column 1: there is no JSON value here"),
            ("{\"a\": 1", "line 1, column 7: the text ends before the } of an object"),
            ("[1,]", "line 1, column 4: there is no JSON value here"),
            ("[1, 2", "the text ends before the ] of a list"),
            ("{\"a\" 1}", "a colon is missing after a key"),
            ("[1 2]", "line 1, column 4: a comma or ] is missing"),
            ("{\"a\": True}", "line 1, column 7: there is no JSON value here"),
            ("{\"a\": nul}", "the only words of JSON are true, false and null"),
            ("{\"a\": 1} {}", "line 1, column 10: there is more text after the end of the value"),
            ("true or false", "line 1, column 6: there is more text"),
            ("2026-11-24", "line 1, column 5: there is more text"),
            ("-7x", "line 1, column 3: there is more text"),
            ("\"a", "the text ends before the closing quote of a string"),
            ("\"a\nb\"", "a line break or tab in a string must be written \\n or \\t"),
            ("", "it is empty; leave it out to send {}"),
            ("-", "stdin is for the records; name a file: --payload @FILE"),
            ("@-", "stdin is for the records"),
            ("@", "no file is named"),
            ("Cargo.toml", "Cargo.toml is a file; send what is in it with --payload @Cargo.toml"),
            ("nosuch.json", "it looks like the name of a file, and there is none"),
            ("s3://bucket/key", "--payload-s3"),
        ] {
            let error = Typed::of(text).expect_err(text).to_string();
            assert!(error.starts_with("--payload: ") && error.contains(words), "{text}: {error}");
            let jargon = ["EOF", "ident", "expected", "trailing", "at line"];
            assert!(jargon.iter().all(|word| !error.contains(word)), "{error}");
        }
    }

    #[test]
    fn a_string_that_is_meant_to_be_json_is_doubted() {
        for (value, is_doubted) in
            [(r#""{\"a\":}""#, true), (r#""{\"a\": 1}""#, false), (r#""words""#, false), ("[1]", false)]
        {
            let value: Box<RawValue> = serde_json::from_str(value).expect("JSON");
            assert_eq!(doubt(&value).is_some(), is_doubted, "{value}");
        }
    }

    #[test]
    fn a_string_that_contains_json_is_sent_as_that_json() {
        for (value, sent) in [
            (r#"{"a": 1}"#, r#"{"a": 1}"#),
            (r#""{\"a\": 1}""#, r#"{"a": 1}"#),
            (r#""7""#, "7"),
            (r#""some words""#, r#""some words""#),
            ("[1, 2]", "[1, 2]"),
            (r#"[{"payload": "{\"a\": 1}", "weight": 1}]"#, r#"{"a": 1}"#),
        ] {
            let value: Box<RawValue> = serde_json::from_str(value).expect("JSON");
            let payloads = Payloads::from_value(&value, "payload").expect("a payload");
            assert_eq!((payloads.all.len(), payloads.get(0).blob().as_ref()), (1, sent.as_bytes()));
        }
    }

    #[test]
    fn invocations_are_shared_by_weight_and_the_last_payload_gets_the_rest() {
        let text = r#"[{"payload": {"a": 1}, "weight": 1}, {"weight": 2, "payload": "b"}, {"payload": null, "weight": 3.5}]"#;
        let payloads = payloads(text);
        let sent: Vec<_> =
            (0..3).map(|at| String::from_utf8_lossy(payloads.get(at).blob().as_ref()).into_owned()).collect();
        assert_eq!(sent, [r#"{"a": 1}"#, r#""b""#, "null"]);
        let shares = payloads.share_out(10).expect("enough");
        let indices: Vec<usize> = (0..10).map(|index| shares.payload_of(index)).collect();
        assert_eq!(indices, [0, 1, 1, 1, 2, 2, 2, 2, 2, 2], "1 of 6.5, 2 of 6.5, and the rest");
        assert!(payloads.share_out(6).is_err(), "floor(1 × 6 ÷ 6.5) is 0");
    }

    #[test]
    fn a_list_with_weights_for_only_some_elements_is_refused() {
        for text in [
            r#"[{"payload": 1, "weight": 1}, {"payload": 2}]"#,
            r#"[{"payload": 1, "weight": "1"}, {"payload": 2, "weight": "4"}]"#,
            r#"[{"payload": 1, "weight": null}]"#,
            r#"[{"payload": 1, "weight": 0}]"#,
            r#"[{"payload": 1, "weight": -1}]"#,
            r#"[{"payload": 1, "weight": 1}, 2]"#,
        ] {
            assert!(Payloads::from_text(text, "--payload").is_err(), "{text}");
        }
    }

    #[test]
    fn debug_output_does_not_show_the_payload() {
        assert!(!format!("{:?}", payloads("{\"secret\":1}")).contains("secret"));
    }

    #[test]
    fn a_weight_above_the_limit_is_refused() {
        for text in [
            r#"[{"payload": 1, "weight": 1e308}, {"payload": 2, "weight": 1e308}]"#,
            r#"[{"payload": 1, "weight": 1e13}]"#,
        ] {
            assert!(Payloads::from_text(text, "--payload").is_err(), "{text}");
        }
    }

    fn weights() -> impl Strategy<Value = Vec<f64>> {
        let weight = prop_oneof![
            3 => (1..1_000_u32).prop_map(f64::from),
            2 => (1..100_000_u32).prop_map(|weight| f64::from(weight) / 1000.0),
            1 => proptest::num::f64::POSITIVE | proptest::num::f64::SUBNORMAL,
        ];
        vec(weight, 1..8)
    }

    proptest! {
        #[test]
        fn shares_are_floors_and_sum_to_all_invocations(
            weights in weights(),
            num in prop_oneof![0..200_u32, any::<u32>()],
        ) {
            let elements: Vec<Value> =
                (0..).zip(&weights).map(|(at, weight)| json!({"payload": at, "weight": weight})).collect();
            let Ok(payloads) = Payloads::from_text(&Value::from(elements).to_string(), "--payload") else {
                prop_assert!(weights.iter().any(|weight| *weight <= 0.0 || *weight > MAX_WEIGHT));
                return Ok(());
            };
            let total: f64 = weights.iter().sum();
            let (_, but_last) = weights.split_last().expect("at least one");
            let floors: Vec<u32> =
                but_last.iter().map(|weight| (weight * f64::from(num) / total).floor() as u32).collect();
            let rest = num - floors.iter().sum::<u32>();
            let expected = [floors, vec![rest]].concat();
            match payloads.share_out(num) {
                Err(_) => prop_assert!(expected.contains(&0), "{:?}", expected),
                Ok(Shares::Ends(ends)) => {
                    let starts = std::iter::once(0).chain(ends.iter().copied());
                    let shares: Vec<u32> = starts.zip(&ends).map(|(start, end)| end - start).collect();
                    prop_assert!(!shares.contains(&0));
                    prop_assert_eq!(shares, expected);
                }
                Ok(Shares::InTurn(_)) => prop_assert!(false, "weighted payloads are not sent in turn"),
            }
        }

        #[test]
        fn each_invocation_has_a_payload_and_each_payload_its_share(weights in vec(1..50_u32, 1..6), num in 1..300_u32) {
            let elements: Vec<Value> =
                weights.iter().map(|weight| json!({"payload": null, "weight": weight})).collect();
            let payloads = Payloads::from_text(&Value::from(elements).to_string(), "--payload").expect("payloads");
            if let Ok(shares) = payloads.share_out(num) {
                let of: Vec<usize> = (0..num).map(|index| shares.payload_of(index)).collect();
                prop_assert!(of.is_sorted(), "in their order");
                for (at, weight) in weights.iter().enumerate() {
                    let share = of.iter().filter(|payload| **payload == at).count() as u64;
                    let floor = u64::from(*weight) * u64::from(num) / u64::from(weights.iter().sum::<u32>());
                    let is_last = at + 1 == weights.len();
                    prop_assert!(share == floor.max(1) || is_last && share > floor, "{} of {:?}", share, weights);
                }
            }
        }

        #[test]
        fn any_mistake_is_named_without_the_text(text in prop_oneof![any::<String>(), r#"[\[\]{}",:0-9a-z ]{0,30}"#]) {
            let secret = format!("[\"planted\", {text}");
            if let Err(error) = Typed::of(&secret) {
                prop_assert!(!error.to_string().contains("planted"), "{}", error);
            }
        }

        #[test]
        fn any_text_is_sent_as_one_json_document_or_refused(
            text in prop_oneof![any::<String>(), r#"[\[\]{}",:0-9a-z ]{0,30}"#],
        ) {
            if let Ok(payloads) = Payloads::from_text(&text, "--payload") {
                prop_assert_eq!(payloads.all.len(), 1);
                let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
                let document = if is_json { text } else { Value::from(text).to_string() };
                prop_assert_eq!(payloads.get(0).blob().as_ref(), document.as_bytes());
            }
        }
    }
}
