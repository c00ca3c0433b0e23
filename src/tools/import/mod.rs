//! `lpt-import`: the reports of a log → `invocation`; records → NDJSON, CSV or Parquet.

mod args; // the arguments as typed
mod output; // stdout, files and folders
mod origin; // what a report does not say: its function and architecture
mod event; // the events of a log
mod form; // what a text holds

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::mpsc;

pub use args::Args;

use crate::entry::Pipe;
use crate::error::Error;
use crate::exit::Exit;
use crate::message::{self, counted};
use crate::names::Version;
use crate::ndjson::{BadInput, Line, Lines, RecordError, Text, reading, unreadable};
use crate::records::{Invocation, Tags};
use crate::telemetry::Report;
use crate::units::{BilledMillis, MemoryMB, Millis};
use event::{Event, Message};
use form::Form;
use origin::{Functions, Origin};
use output::{Destination, Format, PartitionBy, Written};

/// The options that the arguments become.
#[derive(Debug)]
struct Options {
    /// The form of the input; None: each text shows it.
    from: Option<Form>,
    to: Format,
    output: Option<PathBuf>,
    partition_by: PartitionBy,
    origin: Origin,
}

/// What is read.
enum Item {
    /// The beginning of a log, which has no records.
    Log,
    /// A line of records.
    Line(Line),
    /// An event of a log, and where it is.
    Event { source: Arc<str>, number: u64, event: Event },
}

/// Reads all of the input, and writes the records in it, or made of it.
///
/// # Errors
/// A bad record or a mangled report, after the rest has been written. Or the function or the architecture of reports is
/// not known.
async fn run(options: Options, pipe: &mut Pipe) -> Result<Exit, Error> {
    let mut destination = Destination::new(options.to, options.output.clone(), options.partition_by)?;
    if destination.is_some() {
        pipe.output.leave_out_end();
    }
    let size = pipe.input.size();
    let mut items = items(pipe.input.texts(), options.from);
    let mut import = Import {
        options: &options,
        pipe,
        destination: &mut destination,
        kinds: Kinds::default(),
        functions: Functions::default(),
    };
    let mut bad_input = BadInput::default();
    reading(size, async {
        loop {
            let item = tokio::select! {
                biased;
                () = import.pipe.interrupt.cancelled() => break,
                item = items.recv() => item,
            };
            match item {
                None => break,
                // The other files are read all the same.
                Some(Err(error)) => bad_input.note(error),
                Some(Ok(item)) => bad_input.after(import.take(item))?,
            }
        }
        Ok::<(), Error>(())
    })
    .await?;
    if let Err(error) = import.kinds.show(options.from) {
        bad_input.note(error);
    }
    if destination.is_none() {
        let records = counted(pipe.output.records(), "record");
        pipe.output.summary(format_args!("{records}; to keep them, redirect stdout or add --output FILE"))?;
    }
    let exit = if pipe.interrupt.is_cancelled() { Exit::Interrupted } else { Exit::Done };
    if let Some(destination) = destination {
        let (_, end) = pipe.upstream.conclude(bad_input.0.as_ref().map_or(exit, Error::exit));
        destination.finish(&end)?;
    }
    bad_input.0.map_or(Ok(exit), Err)
}

/// Reads the texts in a thread of its own, because a read of stdin cannot be cancelled.
fn items(
    texts: impl Iterator<Item = Result<Text, Error>> + Send + 'static,
    from: Option<Form>,
) -> mpsc::Receiver<Result<Item, Error>> {
    let (sender, receiver) = mpsc::channel(1024);
    std::thread::spawn(move || {
        for text in texts {
            let text = match text {
                Ok(text) => text,
                Err(error) => {
                    let _ = sender.blocking_send(Err(error));
                    continue;
                }
            };
            let form = from.unwrap_or_else(|| Form::of(&text));
            let source: Arc<str> = text.name().into();
            if form != Form::Records && sender.blocking_send(Ok(Item::Log)).is_err() {
                return;
            }
            let mut take = |number, event| {
                let source = Arc::clone(&source);
                sender.blocking_send(Ok(Item::Event { source, number, event })).is_ok()
            };
            let read = match form {
                Form::Records => {
                    for line in Lines::of_records(text) {
                        if sender.blocking_send(line.map(Item::Line)).is_err() {
                            return;
                        }
                    }
                    Ok(())
                }
                Form::ReportLines => event::of_lines(text.into_reader(), &mut take),
                Form::CloudWatchJson => event::of_json(text.into_reader(), &mut take),
                Form::InsightsCsv => event::of_insights(text.into_reader(), &mut take),
            };
            if let Err(error) = read {
                let _ = sender.blocking_send(Err(unreadable(&source, error)));
            }
        }
    });
    receiver
}

/// The state of a run of the tool.
struct Import<'a> {
    options: &'a Options,
    pipe: &'a mut Pipe,
    destination: &'a mut Option<Destination>,
    kinds: Kinds,
    functions: Functions,
}

impl Import<'_> {
    fn take(&mut self, item: Item) -> Result<(), Error> {
        match item {
            Item::Log => {
                self.pipe.upstream.expect_no_records();
                Ok(())
            }
            Item::Line(line) => self.line(&line),
            Item::Event { source, number, event } => {
                let place = |what: String| RecordError {
                    source_name: source.to_string(),
                    line: number,
                    field: None,
                    what,
                };
                match event.message.report() {
                    Ok(Some((request_id, report))) => {
                        self.kinds.reports += 1;
                        // Without its origin no report is worth anything, so the first one ends the tool.
                        let invocation =
                            self.invocation(&event, request_id, &report).map_err(Error::Usage)?;
                        match invocation {
                            Some(invocation) => self.write(&invocation),
                            None => Err(place("the report does not say the memory size".to_owned()).into()),
                        }
                    }
                    Ok(None) => {
                        self.kinds.note(&event.message);
                        Ok(())
                    }
                    Err(what) => Err(place(what).into()),
                }
            }
        }
    }

    /// Writes a record in its form.
    fn line(&mut self, line: &Line) -> Result<(), Error> {
        if self.pipe.upstream.admit(line)?.is_none() {
            return Ok(());
        }
        line.record()?;
        match self.destination {
            None => self.pipe.output.pass(line),
            Some(destination) => {
                destination.write(Written { line: line.text().to_owned(), fields: line.fields()? })
            }
        }
    }

    fn write(&mut self, invocation: &Invocation) -> Result<(), Error> {
        match self.destination {
            None => self.pipe.output.write(invocation),
            Some(destination) => destination.write(Written::of(invocation)),
        }
    }

    /// Returns the invocation of a report; `None` if it lacks the memory size.
    fn invocation(
        &mut self,
        event: &Event,
        request_id: String,
        report: &Report,
    ) -> Result<Option<Invocation>, String> {
        let architecture = self.options.origin.architecture()?;
        let function_arn = self.functions.of(event.group.as_deref(), &self.options.origin)?;
        let Some(memory_size) = report.memory_size else {
            return Ok(None);
        };
        Ok(Some(Invocation {
            run_id: None,
            function_arn,
            version: event.stream.as_deref().and_then(version_in),
            alias: None,
            architecture,
            memory_size,
            index: None,
            payload_index: None,
            started_at: event.at.and_then(|at| at.before(report.duration)),
            request_id: Some(request_id),
            outcome: report.outcome(),
            error_type: report.error_type.clone(),
            error_message: None,
            cold_start: Some(report.is_cold_start()),
            duration_ms: Some(report.duration),
            init_duration_ms: report.init_duration,
            restore_duration_ms: report.restore_duration,
            billed_duration_ms: Some(report.billed_duration),
            billed_restore_duration_ms: report.billed_restore_duration,
            max_memory_used: report.max_memory_used,
            client_duration_ms: None,
            attempts: None,
            round: None,
            wave: None,
            log_stream: event.stream.clone(),
            tags: Tags::default(),
        }))
    }
}

/// Returns the version in the name of a log stream, `2025/05/12/[7]5b11…`; `$LATEST` is none.
fn version_in(stream: &str) -> Option<Version> {
    let (_, rest) = stream.split_once('[')?;
    rest.split_once(']')?.0.parse().ok()
}

impl Message {
    /// Returns the report that the event is, with its request id; `None` if it is something else.
    ///
    /// # Errors
    /// It is a report that is mangled or cut off.
    fn report(&self) -> Result<Option<(String, Report)>, String> {
        const MANGLED: &str = "a report that is mangled or cut off";
        match self {
            Message::Text(text) if event::may_be_report(text) => {
                Report::read(text).map(Some).ok_or_else(|| MANGLED.to_owned())
            }
            Message::Text(_) => Ok(None),
            Message::Columns(columns) if !columns.contains_key("@duration") => {
                Err("expected the column @message, or @requestId, @duration, @billedDuration and @memorySize"
                    .to_owned())
            }
            // Another event than a report.
            Message::Columns(columns) if columns["@duration"] == "" => Ok(None),
            Message::Columns(columns) => report_of(columns).map(Some).ok_or_else(|| MANGLED.to_owned()),
        }
    }
}

/// Returns the report in the fields that Logs Insights has found in it. Sizes are in bytes there, a thousand times a
/// thousand for each MB.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-examples.html>
fn report_of(columns: &Map<String, Value>) -> Option<(String, Report)> {
    let cell = |name: &str| columns.get(name).and_then(Value::as_str).filter(|cell| !cell.is_empty());
    let number = |name: &str| cell(name).map_or(Some(None), |cell| cell.parse::<f64>().ok().map(Some));
    let millis = |name: &str| {
        Some(match number(name)? {
            Some(value) => Some(Millis::new(value)?),
            None => None,
        })
    };
    let megabytes = |name: &str| Some(number(name)?.map(|bytes| (bytes / 1e6).round() as u32));
    let billed = number("@billedDuration")??;
    let report = Report {
        memory_size: megabytes("@memorySize")?.and_then(MemoryMB::new),
        duration: millis("@duration")??,
        billed_duration: BilledMillis::new(billed.round() as u64)?,
        max_memory_used: megabytes("@maxMemoryUsed")?,
        init_duration: millis("@initDuration")?,
        restore_duration: None,
        billed_restore_duration: None,
        status: None,
        error_type: None,
    };
    Some((cell("@requestId")?.to_owned(), report))
}

/// The kind of lines that a function may have printed, or that are of no log at all.
const OTHER_LINES: &str = "other lines";

/// What the events of logs were, by kind.
#[derive(Default)]
struct Kinds {
    reports: u64,
    others: BTreeMap<&'static str, u64>,
}

impl Kinds {
    fn note(&mut self, message: &Message) {
        let text = match message {
            Message::Text(text) => text,
            Message::Columns(_) => "",
        };
        let kind = [
            "START",
            "END",
            "INIT_START",
            "INIT_REPORT",
            "RESTORE_START",
            "RESTORE_REPORT",
            "EXTENSION",
            "XRAY",
        ]
        .into_iter()
        .find(|kind| text.strip_prefix(kind).is_some_and(|rest| rest.starts_with(' ')));
        let is_event = || text.starts_with('{') && text.contains("\"platform.");
        let kind = kind.unwrap_or_else(|| if is_event() { "platform events" } else { OTHER_LINES });
        *self.others.entry(kind).or_default() += 1;
    }

    /// Says what was read, if it was a log.
    ///
    /// # Errors
    /// It has no report, and only its look says that it is a log.
    fn show(&self, from: Option<Form>) -> Result<(), Error> {
        if self.reports == 0 && self.others.is_empty() {
            return Ok(());
        }
        let others: Vec<String> = self.others.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let left_out =
            if others.is_empty() { String::new() } else { format!("; left out: {}", others.join(", ")) };
        message::note(format_args!("{}{left_out}", counted(self.reports, "report")));
        if self.reports > 0 {
            return Ok(());
        }
        let is_log = self.others.keys().any(|kind| *kind != OTHER_LINES);
        if from.is_none() && !is_log {
            return Err(Error::Failed(
                "the input has neither records nor reports of Lambda, as far as its first line tells; name its form with --from, or set the function's system log level to INFO"
                    .to_owned(),
            ));
        }
        message::warning("the input has no report; set the function's system log level to INFO");
        Ok(())
    }
}
