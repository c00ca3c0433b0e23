//! Lambda's report of an invocation, by itself or in the tail of its log.
//!
//! The tail is the last 4 KB of the log, so it may begin in the middle of a line or of a character. The report is text
//! or JSON, depending on the function's logging configuration. A function may print text that looks like a report, so
//! only the last report with the request id of the invocation counts. A report is a whole line or a whole document:
//! one that is quoted in a line, is part of another document, or cannot be read in full does not count.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::records::Outcome;
use crate::units::{BilledMillis, MemoryMB, Millis};

/// Lambda's report of an invocation.
/// <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report>
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The memory of the function.
    pub memory_size: Option<MemoryMB>,
    /// The time that the function itself took.
    pub duration: Millis,
    /// The billed time, which includes that of init and restore.
    pub billed_duration: BilledMillis,
    /// The most memory that the execution environment has used so far, in MB.
    pub max_memory_used: Option<u32>,
    /// The time of the initialization, on a cold start.
    pub init_duration: Option<Millis>,
    /// The time to restore the snapshot, on a cold start with SnapStart.
    pub restore_duration: Option<Millis>,
    /// The part of the billed duration that is for the restore.
    pub billed_restore_duration: Option<BilledMillis>,
    /// `success`, `error`, `timeout` or `failure`; absent in older partitions.
    pub status: Option<String>,
    /// The type of the error, such as `Runtime.OutOfMemory`.
    pub error_type: Option<String>,
}

impl Report {
    /// Finds the report of `request_id` in a log tail in base64, the form in which the API returns it.
    pub(crate) fn from_log_result(log_result: &str, request_id: &str) -> Option<Report> {
        let tail = BASE64_STANDARD.decode(log_result).ok()?;
        Report::find(&String::from_utf8_lossy(&tail), request_id)
    }

    /// Finds the report of `request_id` in a log tail.
    pub fn find(tail: &str, request_id: &str) -> Option<Report> {
        if request_id.is_empty() {
            return None;
        }
        let text = last_text_report(tail, request_id);
        let json = last_json_report(tail, request_id);
        let last = text.into_iter().chain(json).max_by_key(|(position, _)| *position);
        last.map(|(_, report)| report)
    }

    /// Reads a text that should be one report, in text or JSON, and returns it with its request id. Returns `None` if it
    /// is mangled or cut off.
    pub fn read(message: &str) -> Option<(String, Report)> {
        let message = message.trim_start();
        match message.strip_prefix(TEXT_START) {
            Some(rest) => {
                let request_id = rest.split_whitespace().next()?;
                Some((request_id.to_owned(), text_report(message)?))
            }
            None => {
                let PlatformReport { event, record } = serde_json::from_str(message).ok()?;
                let request_id = record.request_id.clone();
                (event == JSON_TYPE).then(|| (request_id, record.into_report()))
            }
        }
    }

    /// Returns the outcome that the report tells. In text it tells nothing of an error that the function returned.
    pub fn outcome(&self) -> Outcome {
        match (self.status.as_deref(), self.error_type.as_deref()) {
            (Some("timeout"), _) | (_, Some("Sandbox.Timedout")) => Outcome::Timeout,
            (_, Some("Runtime.OutOfMemory")) => Outcome::OutOfMemory,
            (None | Some("success"), _) => Outcome::Ok,
            _ => Outcome::FunctionError,
        }
    }

    /// Whether an execution environment was created for the invocation.
    pub fn is_cold_start(&self) -> bool {
        self.init_duration.is_some() || self.restore_duration.is_some()
    }
}

/// How a report in text begins.
pub(crate) const TEXT_START: &str = "REPORT RequestId: ";

/// The type of the event that is a report in JSON.
pub(crate) const JSON_TYPE: &str = "platform.report";

/// Finds the last text report and its position. It is a line `REPORT RequestId: …` with tab-separated fields
/// `Name: value` in no guaranteed order. The fields of X-Ray may be on the line below.
fn last_text_report(tail: &str, request_id: &str) -> Option<(usize, Report)> {
    tail.rmatch_indices(TEXT_START)
        .filter(|(at, _)| {
            let rest = &tail[at + TEXT_START.len()..];
            (*at == 0 || tail[..*at].ends_with('\n'))
                && rest
                    .strip_prefix(request_id)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
        })
        .find_map(|(at, _)| Some((at, text_report(&tail[at..])?)))
}

fn text_report(text: &str) -> Option<Report> {
    let mut lines = text.lines();
    let first = lines.next()?;
    let below = lines.next().filter(|line| line.starts_with("XRAY TraceId:")).unwrap_or_default();
    let field = |name: &str| {
        let mut fields = first.split('\t').chain(below.split('\t')).filter_map(|field| field.split_once(':'));
        fields.find(|(field, _)| field.trim() == name).map(|(_, value)| value.trim())
    };
    let word = |name| field(name).filter(|value| !value.is_empty()).map(str::to_owned);
    Some(Report {
        memory_size: field("Memory Size").and_then(|value| value.strip_suffix(" MB")?.parse().ok()),
        duration: millis(field("Duration")?)?,
        billed_duration: billed_millis(field("Billed Duration")?)?,
        max_memory_used: readable(field("Max Memory Used"), |value| value.strip_suffix(" MB")?.parse().ok())?,
        init_duration: readable(field("Init Duration"), millis)?,
        restore_duration: readable(field("Restore Duration"), millis)?,
        billed_restore_duration: readable(field("Billed Restore Duration"), billed_millis)?,
        status: word("Status"),
        error_type: word("Error Type"),
    })
}

fn millis(value: &str) -> Option<Millis> {
    value.strip_suffix(" ms")?.parse().ok().and_then(Millis::new)
}

fn billed_millis(value: &str) -> Option<BilledMillis> {
    value.strip_suffix(" ms")?.parse().ok().and_then(BilledMillis::new)
}

/// Reads a field that may be absent. Returns `None` if it is present but cannot be read: a cold start without its init
/// would be taken for a warm one.
fn readable<T>(value: Option<&str>, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    match value {
        Some(value) => read(value).map(Some),
        None => Some(None),
    }
}

/// Finds the last JSON report and its position. It is an object `{"type":"platform.report","record":{…}}` on one or
/// more lines: alone, in an array or among other lines.
///
/// Each object is read as a whole, so a report inside another object is skipped. A brace that is never closed is
/// skipped alone, and the text after it is searched, because a tail may begin anywhere. At worst this takes quadratic
/// time, in 4 KB.
fn last_json_report(tail: &str, request_id: &str) -> Option<(usize, Report)> {
    let mut last = None;
    let mut at = 0;
    while let Some(to_next) = tail[at..].find('{') {
        at += to_next;
        let mut documents = serde_json::Deserializer::from_str(&tail[at..]).into_iter::<&RawValue>();
        let Some(Ok(document)) = documents.next() else {
            at += 1;
            continue;
        };
        if let Ok(PlatformReport { event, record }) = serde_json::from_str(document.get())
            && event == JSON_TYPE
            && record.request_id == request_id
        {
            last = Some((at, record.into_report()));
        }
        at += documents.byte_offset();
    }
    last
}

#[derive(Deserialize)]
struct PlatformReport {
    #[serde(rename = "type")]
    event: String,
    record: PlatformReportRecord,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlatformReportRecord {
    request_id: String,
    status: Option<String>,
    error_type: Option<String>,
    metrics: PlatformReportMetrics,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlatformReportMetrics {
    duration_ms: Millis,
    billed_duration_ms: BilledMillis,
    #[serde(rename = "memorySizeMB")]
    memory_size: Option<u32>,
    #[serde(rename = "maxMemoryUsedMB")]
    max_memory_used: Option<u32>,
    init_duration_ms: Option<Millis>,
    restore_duration_ms: Option<Millis>,
    billed_restore_duration_ms: Option<BilledMillis>,
}

impl PlatformReportRecord {
    fn into_report(self) -> Report {
        let metrics = self.metrics;
        Report {
            memory_size: metrics.memory_size.and_then(MemoryMB::new),
            duration: metrics.duration_ms,
            billed_duration: metrics.billed_duration_ms,
            max_memory_used: metrics.max_memory_used,
            init_duration: metrics.init_duration_ms,
            restore_duration: metrics.restore_duration_ms,
            billed_restore_duration: metrics.billed_restore_duration_ms,
            status: self.status,
            error_type: self.error_type,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use serde_json::{Value, json};

    use super::*;

    const ID: &str = "6f1b4f0c-5d4b-4a3e-9d5f-0a1b2c3d4e5f";
    const OTHER: &str = "00000000-5d4b-4a3e-9d5f-0a1b2c3d4e5f";

    fn text(id: &str, duration: &str) -> String {
        format!(
            "REPORT RequestId: {id}\tDuration: {duration} ms\tBilled Duration: 13 ms\tMemory Size: 512 MB\tMax Memory Used: 70 MB\t"
        )
    }

    fn json(id: &str, duration: &str) -> String {
        format!(
            r#"{{"time":"2026-11-23T06:00:00.000Z","type":"platform.report","record":{{"requestId":"{id}","status":"success","metrics":{{"durationMs":{duration},"billedDurationMs":13,"memorySizeMB":512,"maxMemoryUsedMB":70}}}}}}"#
        )
    }

    fn duration(tail: &str) -> Option<f64> {
        Report::find(tail, ID).map(|report| report.duration.get())
    }

    #[test]
    fn a_warm_text_report_has_no_init_duration() {
        let tail =
            format!("START RequestId: {ID} Version: 1\nhello\nEND RequestId: {ID}\n{}\n", text(ID, "12.34"));
        let report = Report::find(&tail, ID).expect("a report");
        assert_eq!(report.duration, Millis::new(12.34).expect("positive"));
        assert_eq!(report.billed_duration, BilledMillis(13));
        assert_eq!(report.max_memory_used, Some(70));
        assert_eq!(report.init_duration, None);
        assert!(!report.is_cold_start());
    }

    #[test]
    fn all_fields_are_read_in_any_order() {
        let tail = format!(
            "REPORT RequestId: {ID}\tStatus: error\tBilled Restore Duration: 75 ms\tRestore Duration: 474.16 ms\tMax Memory Used: 70 MB\tError Type: Runtime.ExitError\tBilled Duration: 610 ms\tInit Duration: 265.72 ms\tDuration: 306.34 ms\t\nXRAY TraceId: 1-5e\tSegmentId: 6\tSampled: true\t\n"
        );
        let report = Report::find(&tail, ID).expect("a report");
        assert_eq!(report.status.as_deref(), Some("error"));
        assert_eq!(report.error_type.as_deref(), Some("Runtime.ExitError"));
        assert_eq!(report.restore_duration, Millis::new(474.16));
        assert_eq!(report.init_duration, Millis::new(265.72));
        assert_eq!(report.duration, Millis::new(306.34).expect("positive"));
        assert_eq!(report.billed_restore_duration, Some(BilledMillis(75)));
        assert_eq!(report.billed_duration, BilledMillis(610));
        assert!(report.is_cold_start());
    }

    #[test]
    fn a_json_report_is_found_alone_pretty_printed_in_an_array_and_among_text() {
        let pretty = {
            let value: Value = serde_json::from_str(&json(ID, "12.34")).expect("JSON");
            serde_json::to_string_pretty(&value).expect("JSON")
        };
        let one = json(ID, "12.34");
        for tail in [
            one.clone(),
            pretty.clone(),
            format!("[{{\"type\":\"platform.start\"}},{one}]"),
            format!("plain text {{ \n{pretty}\nEXTENSION done\n"),
            format!("\u{fffd}alf a line\"}}\n{one}\n"),
        ] {
            assert_eq!(duration(&tail), Some(12.34), "{tail}");
        }
    }

    #[test]
    fn only_the_last_report_with_the_request_id_counts() {
        let tail = format!("{}\n{}\n{}\n{}\n", text(ID, "1"), json(ID, "2"), text(ID, "3"), text(OTHER, "4"));
        assert_eq!(duration(&tail), Some(3.0));
        let tail = format!("{}\n{}\n{}\n", text(ID, "3"), json(ID, "2"), json(OTHER, "4"));
        assert_eq!(duration(&tail), Some(2.0));
        assert_eq!(duration(&text(&format!("{ID}0"), "1")), None, "another id with the same beginning");
    }

    #[test]
    fn an_incomplete_report_is_not_found() {
        for tail in [
            String::new(),
            "hello\n".to_owned(),
            format!("REPORT RequestId: {ID}"),
            format!("REPORT RequestId: {ID}\tDuration: 12.34 ms\t"),
            format!("REPORT RequestId: {ID}\tDuration: NaN ms\tBilled Duration: 13 ms"),
            format!("REPORT RequestId: {ID}\tDuration: -1 ms\tBilled Duration: 13 ms"),
            json(ID, "12.34")[..60].to_owned(),
            json(ID, "-1"),
        ] {
            assert_eq!(duration(&tail), None, "{tail}");
        }
        assert_eq!(Report::find(&text("", "1"), ""), None);
    }

    #[test]
    fn a_tail_cut_in_the_middle_of_a_character_is_read() {
        let mut bytes = "é\n".as_bytes()[1..].to_vec();
        bytes.extend(text(ID, "12.34").into_bytes());
        let report = Report::from_log_result(&BASE64_STANDARD.encode(bytes), ID);
        assert_eq!(report.map(|report| report.duration.get()), Some(12.34));
    }

    #[test]
    fn text_quoted_in_a_line_or_a_document_is_not_a_report() {
        let text = text(ID, "0.01");
        let json = json(ID, "0.01");
        for tail in [
            format!("got {text}\n"),
            format!("{}\n", json!({"message": text})),
            format!("{{\"message\":\"{text}\"}}\n"),
            format!("{{\"message\":{json}}}\n"),
            format!("{{\n  \"events\": [\n{json}\n  ]\n}}\n"),
            format!("{}\n", json!({"message": json})),
            json.replace("platform.report", "platform.runtimeDone"),
        ] {
            assert_eq!(duration(&tail), None, "{tail}");
            let real = self::json(ID, "12.34");
            assert_eq!(duration(&format!("{real}\n{tail}")), Some(12.34), "{tail}");
            assert_eq!(duration(&format!("{tail}{real}\n")), Some(12.34), "{tail}");
        }
    }

    #[test]
    fn a_json_report_need_not_begin_a_line() {
        // The last line that a function prints may have no newline, and the front of an array may be cut off.
        let report = json(ID, "12.34");
        assert_eq!(duration(&format!("{{\"a\": no end of line{report}\n")), Some(12.34));
        assert_eq!(duration(&format!("d\":\"x\"}}}},{report},{}]\n", json(OTHER, "1"))), Some(12.34));
    }

    #[test]
    fn a_tail_of_unclosed_brackets_is_read_to_its_end() {
        for hostile in ["{", "[", "{\"\":", "[{\"a\":", "{\"a\":\"", "REPORT RequestId: "] {
            let front = hostile.repeat(4096 / hostile.len());
            assert_eq!(duration(&front), None, "{hostile}");
            assert_eq!(duration(&format!("{front}\n{}", json(ID, "12.34"))), Some(12.34), "{hostile}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(2000), "]".repeat(2000));
        assert_eq!(duration(&deep), None);
    }

    /// Generates a report, with durations in hundredths of a millisecond, as Lambda writes them.
    fn a_report() -> impl Strategy<Value = Report> {
        let millis =
            || (0..100_000_000_u32).prop_map(|n| Millis::new(f64::from(n) / 100.0).expect("positive"));
        let billed = || (0..1_000_000_u64).prop_map(BilledMillis);
        (
            (millis(), billed(), option::of(0..=10_240_u32)),
            (option::of(millis()), option::of(millis()), option::of(billed())),
            option::of(select(vec!["success", "error", "timeout", "failure"])),
            option::of(select(vec![
                "Runtime.ExitError",
                "Runtime.OutOfMemory",
                "Sandbox.Timedout",
                "Fehler é",
            ])),
        )
            .prop_map(|(always, starts, status, error_type)| Report {
                memory_size: MemoryMB::new(512),
                duration: always.0,
                billed_duration: always.1,
                max_memory_used: always.2,
                init_duration: starts.0,
                restore_duration: starts.1,
                billed_restore_duration: starts.2,
                status: status.map(str::to_owned),
                error_type: error_type.map(str::to_owned),
            })
    }

    /// Returns the fields of a text report, in their usual order.
    fn fields(report: &Report) -> Vec<String> {
        let millis = |name: &str, value: Option<Millis>| Some(format!("{name}: {:.2} ms", value?.get()));
        let billed = |name: &str, value: Option<BilledMillis>| Some(format!("{name}: {} ms", value?.0));
        [
            millis("Duration", Some(report.duration)),
            billed("Billed Duration", Some(report.billed_duration)),
            Some("Memory Size: 512 MB".to_owned()),
            report.max_memory_used.map(|used| format!("Max Memory Used: {used} MB")),
            millis("Init Duration", report.init_duration),
            millis("Restore Duration", report.restore_duration),
            billed("Billed Restore Duration", report.billed_restore_duration),
            report.status.as_ref().map(|status| format!("Status: {status}")),
            report.error_type.as_ref().map(|error_type| format!("Error Type: {error_type}")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn text_line(id: &str, fields: &[String]) -> String {
        format!("REPORT RequestId: {id}\t{}\t", fields.join("\t"))
    }

    fn event(id: &str, report: &Report) -> Value {
        let mut metrics = json!({
            "durationMs": report.duration,
            "billedDurationMs": report.billed_duration,
            "memorySizeMB": 512,
            "maxMemoryUsedMB": report.max_memory_used,
            "initDurationMs": report.init_duration,
            "restoreDurationMs": report.restore_duration,
            "billedRestoreDurationMs": report.billed_restore_duration,
        });
        let mut record = json!({"requestId": id, "status": report.status, "errorType": report.error_type});
        for object in [&mut metrics, &mut record] {
            object.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        }
        record["metrics"] = metrics;
        json!({"time": "2026-11-23T06:00:00.000Z", "type": "platform.report", "record": record})
    }

    /// Generates a report of `id` in one of its forms, and its range in that text.
    fn written(id: &'static str, report: Report) -> impl Strategy<Value = (String, Range<usize>)> {
        let fields = fields(&report);
        let event = event(id, &report);
        let start = json!({"type": "platform.start", "record": {"requestId": id, "version": "1"}});
        let text =
            (Just(fields).prop_shuffle(), select(vec!["", "\n"])).prop_map(move |(mut fields, line)| {
                let xray = "XRAY TraceId: 1-5e34a44f\tSegmentId: 5f41\tSampled: true\t";
                fields.push(format!("{line}{xray}"));
                text_line(id, &fields)
            });
        let json = (any::<bool>(), 0..3).prop_map(move |(is_pretty, others)| {
            let print = |value: &Value| if is_pretty { format!("{value:#}") } else { value.to_string() };
            match others {
                0 => print(&event),
                1 => print(&json!([start, event])),
                _ => print(&json!([event, start])),
            }
        });
        prop_oneof![text.boxed(), json.boxed()].prop_map(|form| {
            let is_text = form.starts_with("REPORT");
            // In an array, the report is the object.
            let from = if is_text { 0 } else { object_with(&form, "platform.report").start };
            let to = if is_text { form.len() } else { object_with(&form, "platform.report").end };
            (form, from..to)
        })
    }

    /// Returns the range of the outermost object that contains `part`, in JSON without braces in its strings.
    fn object_with(json: &str, part: &str) -> Range<usize> {
        let at = json.find(part).expect("it contains the part");
        let (mut depth, mut from) = (0, 0);
        for (position, byte) in json.bytes().enumerate() {
            match byte {
                b'{' => {
                    if depth == 0 {
                        from = position;
                    }
                    depth += 1;
                }
                b'}' => {
                    depth -= 1;
                    if depth == 0 && position > at {
                        return from..position + 1;
                    }
                }
                _ => {}
            }
        }
        panic!("{json} has no whole object with {part}");
    }

    fn cut(text: &str, at: Index) -> String {
        let end = at.index(text.len() + 1);
        String::from_utf8_lossy(&text.as_bytes()[..end]).into_owned()
    }

    /// Generates one or more lines that a function or an extension prints and that are not a report of [`ID`]: any
    /// text, reports of other invocations, and reports that are quoted or cut off.
    fn other_line() -> impl Strategy<Value = String> {
        prop_oneof![
            "\\PC{0,80}",
            any::<String>().prop_map(|text| text.replace('\n', "\r")),
            "x[{}\\[\\]\":,\\\\]{0,40}",
            Just(format!("START RequestId: {ID} Version: 1")),
            Just(format!("END RequestId: {ID}")),
            (a_report(), any::<bool>()).prop_map(|(report, is_text)| {
                if is_text { text_line(OTHER, &fields(&report)) } else { event(OTHER, &report).to_string() }
            }),
            a_report().prop_map(|report| format!("got {}", text_line(ID, &fields(&report)))),
            a_report().prop_map(|report| json!({"message": event(ID, &report)}).to_string()),
            a_report().prop_map(|report| format!("{:#}", json!({"message": [event(ID, &report)]}))),
            a_report().prop_map(|report| json!({"message": text_line(ID, &fields(&report))}).to_string()),
            a_report().prop_map(|report| json!({"message": event(ID, &report).to_string()}).to_string()),
            (a_report(), any::<Index>()).prop_map(|(report, at)| {
                let line = event(ID, &report).to_string();
                cut(&line[..line.len() - 1], at) + "…"
            }),
            any::<Index>()
                .prop_map(|at| cut(
                    &format!("REPORT RequestId: {ID}\tDuration: 0.01 ms\tBilled Duration: 1 ms"),
                    at
                ))
                .prop_filter("it is cut off", |line| !line.ends_with("1 ms")),
        ]
    }

    /// Generates lines that a function prints before its report. They may look like one.
    fn line_before() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => other_line(),
            1 => "[{}\\[\\]\":,\\\\a]{0,40}a",
            1 => a_report().prop_flat_map(|report| written(ID, report)).prop_map(|(form, _)| form),
        ]
    }

    fn lines(lines: Vec<String>) -> String {
        lines.into_iter().map(|line| line + "\n").collect()
    }

    fn find(tail: &[u8]) -> Option<Report> {
        Report::from_log_result(&BASE64_STANDARD.encode(tail), ID)
    }

    proptest! {
        #[test]
        fn a_whole_report_is_found_among_any_lines_and_wherever_the_tail_begins(
            (report, (form, place)) in a_report()
                .prop_flat_map(|report| (Just(report.clone()), written(ID, report))),
            before in vec(line_before(), 0..6).prop_map(lines),
            after in vec(other_line(), 0..6).prop_map(lines),
        ) {
            // Lines after the report can push its front out of the tail, but are whole themselves.
            prop_assume!(after.len() <= 4096);
            let log = format!("{before}{form}\n{after}");
            let tail = &log.as_bytes()[log.len().saturating_sub(4096)..];
            let is_whole = after.len() + 1 + form.len() - place.start <= 4096;
            prop_assert_eq!(find(tail), is_whole.then_some(report));
        }

        #[test]
        fn a_report_whose_front_is_cut_off_is_not_found(
            (form, place) in a_report().prop_flat_map(|report| written(ID, report)),
            at in any::<Index>(),
            after in vec(other_line(), 0..6).prop_map(lines),
        ) {
            let at = place.start + 1 + at.index(place.len());
            let tail = [&form.as_bytes()[at..], b"\n", after.as_bytes()].concat();
            prop_assert_eq!(find(&tail), None);
        }

        #[test]
        fn a_report_whose_end_is_cut_off_is_not_found_or_has_its_own_durations(
            (report, (form, place)) in a_report()
                .prop_flat_map(|report| (Just(report.clone()), written(ID, report))),
            at in any::<Index>(),
        ) {
            let at = at.index(place.end);
            if let Some(found) = find(&form.as_bytes()[..at]) {
                prop_assert!(form.starts_with("REPORT"), "a document counts only as a whole");
                prop_assert_eq!(found.duration, report.duration);
                prop_assert_eq!(found.billed_duration, report.billed_duration);
                for (found, all) in [
                    (found.init_duration, report.init_duration),
                    (found.restore_duration, report.restore_duration),
                ] {
                    prop_assert!(found.is_none() || found == all);
                }
            }
        }

        #[test]
        fn a_report_with_an_unreadable_field_is_not_found(
            report in a_report(),
            at in any::<Index>(),
            value in prop_oneof![
                select(vec!["", "ms", "NaN", "inf", "-1", "1e13", "0x1", "1,5", "12 s", "--", "null"])
                    .prop_map(str::to_owned),
                any::<f64>().prop_map(|value| (-value.abs() - 1e-9).to_string()),
                "[a-zA-Z{}\\[\\]:,é ]{0,12}",
            ],
        ) {
            let fields: Vec<String> =
                fields(&report).into_iter().filter(|field| field.ends_with(" ms")).collect();
            let at = at.index(fields.len());
            let (name, _) = fields[at].split_once(": ").expect("a field");
            let mut damaged = fields.clone();
            damaged[at] = format!("{name}: {value} ms");
            prop_assert_eq!(find(text_line(ID, &damaged).as_bytes()), None);
            damaged[at] = format!("{name}: {value}");
            prop_assert_eq!(find(text_line(ID, &damaged).as_bytes()), None);

            let name = camel_case(name);
            let mut event = event(ID, &report);
            let metric = &mut event["record"]["metrics"][&name];
            *metric = value.clone().into();
            prop_assert_eq!(find(event.to_string().as_bytes()), None);
            let bare = event.to_string().replacen(&json!(value).to_string(), &value, 1);
            let is_absent = value == "null" && !["durationMs", "billedDurationMs"].contains(&name.as_str());
            prop_assert_eq!(find(bare.as_bytes()).is_some(), is_absent, "{}", bare);
        }

        #[test]
        fn a_report_without_one_of_its_two_durations_is_not_found(
            report in a_report(),
            name in select(vec!["Duration", "Billed Duration"]),
        ) {
            let mut fields = fields(&report);
            fields.retain(|field| !field.starts_with(&format!("{name}: ")));
            prop_assert_eq!(find(text_line(ID, &fields).as_bytes()), None);
            let mut event = event(ID, &report);
            event["record"]["metrics"].as_object_mut().expect("an object").remove(&camel_case(name));
            prop_assert_eq!(find(event.to_string().as_bytes()), None);
        }

        #[test]
        fn valid_durations_are_read_and_all_others_refused(number in any::<f64>()) {
            let expected = Millis::new(number).map(Millis::get);
            prop_assert_eq!(duration(&text(ID, &number.to_string())), expected);
            prop_assert_eq!(duration(&json(ID, &format!("{number:e}"))), expected);
        }

        #[test]
        fn a_repeated_field_is_ignored_in_text_and_refused_in_json(report in a_report(), other in a_report()) {
            let text = text_line(ID, &[fields(&report), fields(&other)].concat());
            prop_assert_eq!(find(text.as_bytes()).map(|found| found.duration), Some(report.duration));
            let json = event(ID, &report).to_string().replacen("{\"", "{\"type\":\"platform.report\",\"", 1);
            prop_assert_eq!(find(json.as_bytes()), None, "{}", json);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(tail in vec(any::<u8>(), 0..4096), text in any::<String>()) {
            prop_assert_eq!(find(&tail), None);
            prop_assert_eq!(Report::from_log_result(&text, ID), None);
        }
    }

    /// Returns the JSON name of the text report's field `name`: `billedDurationMs` for `Billed Duration`.
    fn camel_case(name: &str) -> String {
        let joined = name.replace(' ', "");
        format!("{}{}Ms", joined[..1].to_lowercase(), &joined[1..])
    }
}
