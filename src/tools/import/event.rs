//! The events of a log, in each of the forms in which CloudWatch Logs gives them.

use std::fmt;
use std::io::{self, BufRead};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::ndjson::raw_lines;
use crate::telemetry::{JSON_TYPE, TEXT_START};
use crate::units::Timestamp;

/// An event of a log.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Event {
    /// The log group, such as `/aws/lambda/NAME`, with the account in front where the form has it.
    pub group: Option<String>,
    pub stream: Option<String>,
    /// The time of the event.
    pub at: Option<Timestamp>,
    pub message: Message,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Message {
    /// A line of the log, or the document that is there in place of a line.
    Text(String),
    /// The columns of a result of Logs Insights that has no messages.
    Columns(Map<String, Value>),
}

impl Default for Message {
    fn default() -> Message {
        Message::Text(String::new())
    }
}

/// Takes an event, with the number of its line, or of the event where a document has no lines. Returns whether to go on.
pub(super) type Take<'a> = &'a mut dyn FnMut(u64, Event) -> bool;

/// Reads the lines of a log: REPORT lines alone, or with what the AWS CLI and an export write in front of a message.
/// <https://docs.aws.amazon.com/cli/latest/reference/logs/tail.html>
pub(super) fn of_lines(input: Box<dyn BufRead + Send>, take: Take) -> io::Result<()> {
    for (number, line) in (1..).zip(raw_lines(input)) {
        // A function may print any bytes.
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        let event = of_line(line.trim_end_matches(['\n', '\r']));
        // A message ends with a newline of its own, so what `--output text` writes after it is a line.
        if event.message != Message::default() && !take(number, event) {
            break;
        }
    }
    Ok(())
}

/// Returns the event in a line. In front of a message there may be its time, its stream, and what `--output text` adds.
fn of_line(line: &str) -> Event {
    let mut event = Event::default();
    let mut rest = line;
    loop {
        let word = rest.split([' ', '\t']).next().unwrap_or_default();
        let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(time) = time(word) {
            event.at.get_or_insert(time);
        } else if is_stream(word) {
            event.stream = Some(word.to_owned());
        } else if !(word.is_empty() && !rest.is_empty() || is_number || word == "EVENTS") {
            break;
        }
        match rest[word.len()..].chars().next() {
            Some(_) => rest = &rest[word.len() + 1..],
            None => break,
        }
    }
    event.message = Message::Text(rest.to_owned());
    event
}

/// Whether a word is the name of a log stream of Lambda: `2025/05/12/[$LATEST]5b11…`.
fn is_stream(word: &str) -> bool {
    let mut parts = word.splitn(4, '/');
    let is_date =
        parts.by_ref().take(3).all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    is_date && parts.next().is_some_and(|rest| rest.contains('['))
}

/// Returns the time that a word is: with an offset, or in UTC without one, as `aws logs tail --format short` writes it.
fn time(word: &str) -> Option<Timestamp> {
    if !word.contains('T') || !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    word.parse().or_else(|_| format!("{word}Z").parse()).ok()
}

/// Reads JSON documents one after another: answers of `aws logs filter-log-events` and `get-log-events`, their array of
/// events or of messages alone, the batches of a subscription, or single events. Each event is handed on as it comes.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html>
pub(super) fn of_json(input: Box<dyn BufRead + Send>, take: Take) -> io::Result<()> {
    let mut documents = serde_json::Deserializer::from_reader(input);
    let mut reading = Reading { take, number: 0, of_batch: Event::default(), has_ended: false };
    while documents.end().is_err() && !reading.has_ended {
        reading.of_batch = Event::default();
        let read = Document(&mut reading).deserialize(&mut documents);
        if let Err(error) = read {
            return match reading.has_ended {
                true => Ok(()),
                false if error.is_io() => Err(error.into()),
                false => Err(io::Error::new(io::ErrorKind::InvalidData, format!("not JSON: {error}"))),
            };
        }
    }
    Ok(())
}

/// The state of reading documents.
struct Reading<'a> {
    take: Take<'a>,
    number: u64,
    /// What a batch says of all its events.
    of_batch: Event,
    has_ended: bool,
}

impl Reading<'_> {
    /// Notes what a batch says of all its events.
    fn note_batch(&mut self, fields: &Map<String, Value>) {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        self.of_batch.stream = text("logStream");
        self.of_batch.group = text("logGroup").map(|group| match text("owner") {
            Some(account) => format!("{account}:{group}"),
            None => group,
        });
    }

    fn event(&mut self, value: Value) {
        if self.has_ended {
            return;
        }
        self.number += 1;
        let mut event = self.of_batch.clone();
        match value {
            Value::String(message) => event.message = Message::Text(message),
            // What `--query 'events[].[timestamp,message]'` makes of it.
            Value::Array(values) => {
                for value in values {
                    match value {
                        Value::String(text) => event.message = Message::Text(text),
                        Value::Number(number) => event.at = number.as_u64().and_then(time_of_millis),
                        _ => {}
                    }
                }
            }
            Value::Object(mut fields) => {
                let mut text = |name| match fields.remove(name) {
                    Some(Value::String(text)) => Some(text),
                    _ => None,
                };
                event.stream = text("logStreamName").or(event.stream);
                let message = text("message");
                event.at = fields.get("timestamp").and_then(Value::as_u64).and_then(time_of_millis);
                // A report in JSON may be there without an event around it.
                event.message = Message::Text(message.unwrap_or_else(|| Value::Object(fields).to_string()));
            }
            other => event.message = Message::Text(other.to_string()),
        }
        self.has_ended = !(self.take)(self.number, event);
    }
}

/// Returns the time of so many milliseconds since 1970.
fn time_of_millis(millis: u64) -> Option<Timestamp> {
    Timestamp::from_unix(millis / 1_000, (millis % 1_000) as u32 * 1_000_000)
}

/// A document at the top.
struct Document<'a, 'b>(&'a mut Reading<'b>);

/// An array of events.
struct Events<'a, 'b>(&'a mut Reading<'b>);

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> DeserializeSeed<'de> for Events<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the events of a log")
    }

    fn visit_str<E>(self, message: &str) -> Result<(), E> {
        self.0.event(message.into());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, events: A) -> Result<(), A::Error> {
        Events(self.0).visit_seq(events)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut others = Map::new();
        let mut early = None;
        while let Some(name) = fields.next_key::<String>()? {
            match &*name {
                "events" => {
                    fields.next_value_seed(Events(self.0))?;
                    early.get_or_insert(Value::Null);
                }
                // What the batch says of all of them usually comes before.
                "logEvents" if others.contains_key("logGroup") => {
                    self.0.note_batch(&others);
                    fields.next_value_seed(Events(self.0))?;
                    early.get_or_insert(Value::Null);
                }
                "logEvents" => early = Some(fields.next_value()?),
                _ => drop(others.insert(name, fields.next_value()?)),
            }
        }
        match early {
            None => self.0.event(Value::Object(others)),
            Some(Value::Array(events)) => {
                self.0.note_batch(&others);
                events.into_iter().for_each(|event| self.0.event(event));
            }
            Some(_) => {}
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Events<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<(), A::Error> {
        while let Some(event) = events.next_element()? {
            self.0.event(event);
            if self.0.has_ended {
                return Err(A::Error::custom("nobody takes more"));
            }
        }
        Ok(())
    }
}

/// Reads a result of Logs Insights: with `@message`, or with the fields that it finds in reports itself.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html>
pub(super) fn of_insights(input: Box<dyn BufRead + Send>, take: Take) -> io::Result<()> {
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(input);
    let names = rows.headers()?.clone();
    for row in rows.records() {
        let row = row?;
        let number = row.position().map_or(0, csv::Position::line);
        let cell = |name: &str| {
            let at = names.iter().position(|column| column.trim() == name)?;
            row.get(at).filter(|cell| !cell.is_empty())
        };
        // Its times are in UTC, without saying so.
        let at = cell("@timestamp").and_then(|time| format!("{}Z", time.replacen(' ', "T", 1)).parse().ok());
        let columns = || names.iter().zip(row.iter()).map(|(name, cell)| (name.to_owned(), cell.into()));
        let event = Event {
            group: cell("@log").map(str::to_owned),
            stream: cell("@logStream").map(str::to_owned),
            at,
            message: match cell("@message") {
                Some(message) => Message::Text(message.to_owned()),
                None => Message::Columns(columns().collect()),
            },
        };
        if !take(number, event) {
            break;
        }
    }
    Ok(())
}

/// Whether a line of a log may be a report.
pub(super) fn may_be_report(message: &str) -> bool {
    message.starts_with(TEXT_START) || message.starts_with('{') && message.contains(JSON_TYPE)
}
