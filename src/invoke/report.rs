//! Lambda's report of an invocation, found in the tail of its log.
//!
//! The tail is the last 4 KB, so that it may begin in the middle of a line or of a character; a report in it may be
//! text or JSON, by the function's logging configuration; and a function may print what looks like one. Only the
//! last one that carries the invocation's own request id counts.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;

use crate::units::{BilledMillis, Millis};

/// What Lambda reports of an invocation.
/// <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report>
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The function's own time.
    pub duration: Millis,
    /// What is billed, init and restore included.
    pub billed_duration: BilledMillis,
    /// In MB.
    pub max_memory_used: Option<u32>,
    /// On a cold start.
    pub init_duration: Option<Millis>,
    /// On a cold start with SnapStart.
    pub restore_duration: Option<Millis>,
    /// The part of the billed duration that is for the restore.
    pub billed_restore_duration: Option<BilledMillis>,
    /// `success`, `error`, `timeout` or `failure`; older partitions do not say.
    pub status: Option<String>,
    /// Such as `Runtime.OutOfMemory`.
    pub error_type: Option<String>,
}

impl Report {
    /// Finds the report of `request_id` in a log tail as the API gives it, base64.
    pub fn from_log_result(log_result: &str, request_id: &str) -> Option<Report> {
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

    /// Whether an execution environment was made for the invocation.
    pub fn is_cold_start(&self) -> bool {
        self.init_duration.is_some() || self.restore_duration.is_some()
    }
}

/// `REPORT RequestId: …`, then tab-separated fields `Name: value`, in no promised order; those of X-Ray may stand on
/// a line of their own below.
fn last_text_report(tail: &str, request_id: &str) -> Option<(usize, Report)> {
    const START: &str = "REPORT RequestId: ";
    tail.rmatch_indices(START)
        .filter(|(at, _)| {
            let rest = &tail[at + START.len()..];
            rest.strip_prefix(request_id)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
        })
        .find_map(|(at, _)| Some((at, text_report(&tail[at..])?)))
}

fn text_report(text: &str) -> Option<Report> {
    let mut lines = text.lines();
    let first = lines.next()?;
    let below = lines.next().filter(|line| line.starts_with("XRAY TraceId:")).unwrap_or_default();
    let field = |name: &str| {
        let fields = first.split('\t').chain(below.split('\t'));
        let mut values = fields.filter_map(|field| field.trim().strip_prefix(name)?.strip_prefix(": "));
        values.next()
    };
    let millis = |name| field(name)?.strip_suffix(" ms")?.parse().ok().and_then(Millis::new);
    let billed = |name| field(name)?.strip_suffix(" ms")?.parse().ok().map(BilledMillis);
    Some(Report {
        duration: millis("Duration")?,
        billed_duration: billed("Billed Duration")?,
        max_memory_used: field("Max Memory Used").and_then(|value| value.strip_suffix(" MB")?.parse().ok()),
        init_duration: millis("Init Duration"),
        restore_duration: millis("Restore Duration"),
        billed_restore_duration: billed("Billed Restore Duration"),
        status: field("Status").map(str::to_owned),
        error_type: field("Error Type").map(str::to_owned),
    })
}

/// `{"type":"platform.report","record":{…}}`, on one line or several, alone, in an array or among other lines.
fn last_json_report(tail: &str, request_id: &str) -> Option<(usize, Report)> {
    tail.rmatch_indices('{').find_map(|(at, _)| {
        let mut documents = serde_json::Deserializer::from_str(&tail[at..]).into_iter::<PlatformReport>();
        let document = documents.next()?.ok()?;
        let record = document.record;
        let is_own = document.event == "platform.report" && record.request_id == request_id;
        is_own.then(|| (at, record.into_report()))
    })
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
    fn all_fields_are_read_whatever_their_order() {
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
            let value: serde_json::Value = serde_json::from_str(&json(ID, "12.34")).expect("JSON");
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
    fn only_the_last_report_with_the_own_request_id_counts() {
        let tail = format!("{}\n{}\n{}\n{}\n", text(ID, "1"), json(ID, "2"), text(ID, "3"), text(OTHER, "4"));
        assert_eq!(duration(&tail), Some(3.0));
        let tail = format!("{}\n{}\n{}\n", text(ID, "3"), json(ID, "2"), json(OTHER, "4"));
        assert_eq!(duration(&tail), Some(2.0));
        assert_eq!(duration(&text(&format!("{ID}0"), "1")), None, "another id that begins alike");
    }

    #[test]
    fn a_tail_without_a_whole_report_has_none() {
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
}
