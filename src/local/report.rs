//! The log of one invocation: its last 4 KB, and the lines that the platform itself writes into it.

use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::function::{LogFormat, Logging, SystemLogLevel};

/// As much of a log as an invocation returns.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_ResponseSyntax>
const TAIL: usize = 4096;

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// The end of a log. What came before is gone, so that a function may print as much as it likes.
#[derive(Debug, Default)]
pub struct Log {
    bytes: Vec<u8>,
}

impl Log {
    /// Adds what the function or the platform wrote.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // Now and then rather than each time: moving the tail costs more than keeping twice of it.
        if self.bytes.len() > 2 * TAIL {
            self.bytes.drain(..self.bytes.len() - TAIL);
        }
    }

    /// The last 4,096 bytes, which may begin in the middle of a line or of a character.
    pub fn tail(&self) -> &[u8] {
        &self.bytes[self.bytes.len().saturating_sub(TAIL)..]
    }

    fn line(&mut self, line: &str) {
        // A function that ended in the middle of a line does not spoil the platform's.
        if self.bytes.last().is_some_and(|last| *last != b'\n') {
            self.push(b"\n");
        }
        self.push(line.as_bytes());
        self.push(b"\n");
    }
}

/// A time span in hundredths of a millisecond, which is as fine as a report gets: what is billed is
/// computed from what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(u64);

impl Span {
    /// To the nearest hundredth of a millisecond.
    pub fn of(duration: Duration) -> Span {
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Span(microseconds.saturating_add(5) / 10)
    }

    fn text(self) -> String {
        format!("{}.{:02}", self.0 / 100, self.0 % 100)
    }

    fn number(self) -> f64 {
        self.0 as f64 / 100.0
    }
}

/// How an invocation ended, as its report says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    Success,
    /// With the error's type.
    Error(String),
    Timeout,
}

/// What the platform says about an invocation when it is over.
#[derive(Debug, Clone)]
pub struct Report {
    pub duration: Span,
    /// On a cold start only.
    pub init: Option<Span>,
    /// The function's memory, in MB.
    pub memory: u32,
    /// The most of it that was in use, in MB.
    pub max_memory_used: u32,
    pub status: Status,
}

impl Report {
    /// Whole milliseconds of duration and, since 2025-08-01, of initialization.
    /// <https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/>
    pub fn billed_ms(&self) -> u64 {
        let init = self.init.map_or(0, |init| init.0);
        (self.duration.0 + init).div_ceil(100).max(1)
    }
}

/// Writes the platform's lines about one invocation, as the function logs.
#[derive(Debug)]
pub struct Platform<'a> {
    pub logging: &'a Logging,
    pub request_id: &'a str,
    /// What the time is.
    pub clock: fn() -> OffsetDateTime,
}

impl Platform<'_> {
    /// Whether an event that is no warning is left out.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>
    fn only_warnings(&self) -> bool {
        self.logging.format == LogFormat::Json && self.logging.system_level == SystemLogLevel::Warn
    }

    /// The invocation begins.
    pub fn start(&self, log: &mut Log, version: &str) {
        if self.only_warnings() {
            return;
        }
        let id = self.request_id;
        match self.logging.format {
            LogFormat::Text => log.line(&format!("START RequestId: {id} Version: {version}")),
            LogFormat::Json => {
                log.line(&self.event("platform.start", json!({"requestId": id, "version": version})))
            }
        }
    }

    /// The initialization failed or took too long: the first one, or the second, which is a part of the
    /// invocation.
    pub fn init_report(&self, log: &mut Log, phase: &str, duration: Span, status: &Status) {
        match self.logging.format {
            LogFormat::Text => {
                let mut line = format!(
                    "INIT_REPORT Init Duration: {} ms\tPhase: {phase}\tStatus: {}",
                    duration.text(),
                    word(status)
                );
                if let Status::Error(kind) = status {
                    line.push_str(&format!("\tError Type: {kind}"));
                }
                log.line(&line);
            }
            LogFormat::Json => {
                let mut record = json!({
                    "initializationType": "on-demand",
                    "phase": phase,
                    "status": word(status),
                    "metrics": {"durationMs": duration.number()},
                });
                if let Status::Error(kind) = status {
                    record["errorType"] = json!(kind);
                }
                log.line(&self.event("platform.initReport", record));
            }
        }
    }

    /// The process is gone, or never answered: what happened, as the platform puts it.
    pub fn fault(&self, log: &mut Log, error: &Fault) {
        let id = self.request_id;
        match self.logging.format {
            LogFormat::Text => match error.kind {
                "Sandbox.Timedout" => {
                    log.line(&format!("{} {id} {}\n", stamp((self.clock)()), error.message))
                }
                kind => {
                    log.line(&format!("RequestId: {id} Error: {}", error.message));
                    log.line(kind);
                }
            },
            LogFormat::Json => log.line(
                &json!({
                    "timestamp": stamp((self.clock)()),
                    "level": "ERROR",
                    "requestId": id,
                    "errorType": error.kind,
                    "message": error.message,
                })
                .to_string(),
            ),
        }
    }

    /// The invocation is over.
    pub fn end(&self, log: &mut Log, report: &Report) {
        if self.only_warnings() && report.status == Status::Success {
            return;
        }
        match self.logging.format {
            LogFormat::Text => {
                log.line(&format!("END RequestId: {}", self.request_id));
                log.line(&self.text_report(report));
            }
            LogFormat::Json => log.line(&self.event("platform.report", self.json_report(report))),
        }
    }

    fn text_report(&self, report: &Report) -> String {
        let mut line = format!(
            "REPORT RequestId: {}\tDuration: {} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
            self.request_id,
            report.duration.text(),
            report.billed_ms(),
            report.memory,
            report.max_memory_used,
        );
        if let Some(init) = report.init {
            line.push_str(&format!("Init Duration: {} ms\t", init.text()));
        }
        if report.status != Status::Success {
            line.push_str(&format!("Status: {}\t", word(&report.status)));
        }
        if let Status::Error(kind) = &report.status {
            line.push_str(&format!("Error Type: {kind}\t"));
        }
        line
    }

    fn json_report(&self, report: &Report) -> Value {
        let mut record = json!({
            "requestId": self.request_id,
            "status": word(&report.status),
            "metrics": {
                "durationMs": report.duration.number(),
                "billedDurationMs": report.billed_ms(),
                "memorySizeMB": report.memory,
                "maxMemoryUsedMB": report.max_memory_used,
            },
        });
        if let Some(init) = report.init {
            record["metrics"]["initDurationMs"] = json!(init.number());
        }
        if let Status::Error(kind) = &report.status {
            record["errorType"] = json!(kind);
        }
        record
    }

    fn event(&self, kind: &str, record: Value) -> String {
        // By hand for Lambda's order, in which a person reads it best.
        format!(r#"{{"time":"{}","type":"{kind}","record":{record}}}"#, stamp((self.clock)()))
    }
}

/// What the platform has to say where the function has nothing more to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: &'static str,
    pub message: String,
}

/// Now, as logs write it.
pub fn stamp(now: OffsetDateTime) -> String {
    now.format(TIME).expect("a date of this millennium has this form")
}

fn word(status: &Status) -> &'static str {
    match status {
        Status::Success => "success",
        Status::Error(_) => "error",
        Status::Timeout => "timeout",
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-23 06:44:28.123 UTC);
    const ID: &str = "6f747a00-9d6b-4d0e-8d6a-4f6d3c5d3b11";

    fn logging(format: LogFormat) -> Logging {
        Logging {
            format,
            application_level: None,
            system_level: SystemLogLevel::Info,
            group: "/aws/lambda/f".to_owned(),
        }
    }

    fn platform(logging: &Logging) -> Platform<'_> {
        Platform { logging, request_id: ID, clock: || NOW }
    }

    fn report(duration_us: u64, init_us: Option<u64>, status: Status) -> Report {
        Report {
            duration: Span::of(Duration::from_micros(duration_us)),
            init: init_us.map(|init| Span::of(Duration::from_micros(init))),
            memory: 512,
            max_memory_used: 70,
            status,
        }
    }

    fn text(log: &Log) -> &str {
        std::str::from_utf8(log.tail()).unwrap()
    }

    #[test]
    fn a_cold_start_is_billed_with_its_init() {
        // AWS's own example: 133.61 + 80.00 ms are billed as 214.
        assert_eq!(report(133_610, Some(80_000), Status::Success).billed_ms(), 214);
        assert_eq!(report(133_610, None, Status::Success).billed_ms(), 134);
        assert_eq!(report(2_000, None, Status::Success).billed_ms(), 2);
        assert_eq!(report(0, None, Status::Success).billed_ms(), 1);
    }

    #[test]
    fn what_is_billed_follows_from_what_is_shown() {
        // 5.0004 ms shows as 5.00.
        assert_eq!(Span::of(Duration::from_nanos(5_000_400)).text(), "5.00");
        assert_eq!(report(5_004, None, Status::Success).billed_ms(), 5);
    }

    #[test]
    fn a_text_log_has_tabs_and_the_parts_that_apply() {
        let mut log = Log::default();
        let logging = logging(LogFormat::Text);
        let platform = platform(&logging);
        platform.start(&mut log, "$LATEST");
        log.push(b"no end of line");
        platform.end(&mut log, &report(12_340, Some(265_720), Status::Success));
        assert_eq!(
            text(&log),
            format!(
                "START RequestId: {ID} Version: $LATEST\nno end of line\nEND RequestId: {ID}\n\
                 REPORT RequestId: {ID}\tDuration: 12.34 ms\tBilled Duration: 279 ms\tMemory Size: 512 MB\t\
                 Max Memory Used: 70 MB\tInit Duration: 265.72 ms\t\n"
            )
        );
    }

    #[test]
    fn a_failed_invocation_says_its_status_and_type() {
        let logging = logging(LogFormat::Text);
        let platform = platform(&logging);
        let error = Status::Error("Runtime.ExitError".to_owned());
        let mut log = Log::default();
        platform.end(&mut log, &report(1_000, None, error));
        assert!(
            text(&log)
                .ends_with("\tMax Memory Used: 70 MB\tStatus: error\tError Type: Runtime.ExitError\t\n")
        );
        let mut log = Log::default();
        platform.end(&mut log, &report(1_000, None, Status::Timeout));
        assert!(text(&log).ends_with("\tStatus: timeout\t\n"));
    }

    #[test]
    fn a_json_log_has_an_event_in_a_line() {
        let mut log = Log::default();
        let logging = logging(LogFormat::Json);
        let platform = platform(&logging);
        platform.start(&mut log, "3");
        platform.end(&mut log, &report(12_340, None, Status::Success));
        let lines: Vec<Value> = text(&log).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            lines[0],
            json!({"time": "2026-11-23T06:44:28.123Z", "type": "platform.start",
                   "record": {"requestId": ID, "version": "3"}})
        );
        assert_eq!(
            lines[1],
            json!({"time": "2026-11-23T06:44:28.123Z", "type": "platform.report", "record": {
                "requestId": ID, "status": "success",
                "metrics": {"durationMs": 12.34, "billedDurationMs": 13, "memorySizeMB": 512, "maxMemoryUsedMB": 70}}})
        );
    }

    #[test]
    fn a_log_of_warnings_has_no_report_of_a_success() {
        let mut logging = logging(LogFormat::Json);
        logging.system_level = SystemLogLevel::Warn;
        let platform = platform(&logging);
        let mut log = Log::default();
        platform.start(&mut log, "3");
        platform.end(&mut log, &report(12_340, None, Status::Success));
        assert_eq!(text(&log), "");
        platform.end(&mut log, &report(12_340, None, Status::Timeout));
        assert!(text(&log).contains("platform.report"));
    }

    #[test]
    fn a_tail_is_the_last_4096_bytes_wherever_they_begin() {
        let mut log = Log::default();
        for _ in 0..10_000 {
            log.push("ää\n".as_bytes());
        }
        log.push(b"!!");
        assert_eq!(log.tail().len(), 4096);
        assert!(log.tail().ends_with("ää\n!!".as_bytes()));
        assert!(std::str::from_utf8(log.tail()).is_err());
    }
}
