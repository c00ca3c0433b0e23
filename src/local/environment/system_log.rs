//! The lines that the platform writes into the log of an invocation.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::log::Log;
use super::report::{Report, ReportedDuration, Status};
use crate::local::function::{LogFormat, Logging, SystemLogLevel};

const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Writes the platform's lines about one invocation, in the function's log format.
#[derive(Debug)]
pub(super) struct SystemLog<'a> {
    pub(super) logging: &'a Logging,
    pub(super) request_id: &'a str,
    pub(super) clock: fn() -> OffsetDateTime,
}

/// A failure that the platform logs because the function can't.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) error_type: &'static str,
    pub(super) message: String,
}

impl SystemLog<'_> {
    /// Writes that the invocation begins.
    pub(super) fn start(&self, log: &mut Log, version: &str) {
        if self.only_warnings() {
            return;
        }
        let id = self.request_id;
        match self.logging.format {
            LogFormat::Text => log.push_line(&format!("START RequestId: {id} Version: {version}")),
            LogFormat::Json => {
                log.push_line(&self.event("platform.start", json!({"requestId": id, "version": version})));
            }
        }
    }

    /// Writes that an initialization failed or took too long. The first one is the phase `init`. The second
    /// one is a part of the invocation, and its phase is `invoke`.
    pub(super) fn init_report(
        &self,
        log: &mut Log,
        phase: &str,
        duration: ReportedDuration,
        status: &Status,
    ) {
        match self.logging.format {
            LogFormat::Text => {
                let mut line = format!(
                    "INIT_REPORT Init Duration: {} ms\tPhase: {phase}\tStatus: {}",
                    duration.text(),
                    status.name()
                );
                if let Status::Error(error_type) = status {
                    line.push_str(&format!("\tError Type: {error_type}"));
                }
                log.push_line(&line);
            }
            LogFormat::Json => {
                let mut record = json!({
                    "initializationType": "on-demand",
                    "phase": phase,
                    "status": status.name(),
                    "metrics": {"durationMs": duration.milliseconds()},
                });
                if let Status::Error(error_type) = status {
                    record["errorType"] = json!(error_type);
                }
                log.push_line(&self.event("platform.initReport", record));
            }
        }
    }

    /// Writes why the process is gone or did not answer.
    pub(super) fn fault(&self, log: &mut Log, fault: &Fault) {
        let id = self.request_id;
        match self.logging.format {
            LogFormat::Text => match fault.error_type {
                "Sandbox.Timedout" => {
                    log.push_line(&format!("{} {id} {}\n", timestamp((self.clock)()), fault.message));
                }
                error_type => {
                    log.push_line(&format!("RequestId: {id} Error: {}", fault.message));
                    log.push_line(error_type);
                }
            },
            LogFormat::Json => log.push_line(
                &json!({
                    "timestamp": timestamp((self.clock)()),
                    "level": "ERROR",
                    "requestId": id,
                    "errorType": fault.error_type,
                    "message": fault.message,
                })
                .to_string(),
            ),
        }
    }

    /// Writes that the invocation is over, with its report.
    pub(super) fn end(&self, log: &mut Log, report: &Report) {
        if self.only_warnings() && report.status == Status::Success {
            return;
        }
        match self.logging.format {
            LogFormat::Text => {
                log.push_line(&format!("END RequestId: {}", self.request_id));
                log.push_line(&self.text_report(report));
            }
            LogFormat::Json => log.push_line(&self.event("platform.report", self.json_report(report))),
        }
    }

    /// Whether events that are not warnings are left out.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>
    fn only_warnings(&self) -> bool {
        self.logging.format == LogFormat::Json && self.logging.system_level == SystemLogLevel::Warn
    }

    fn text_report(&self, report: &Report) -> String {
        let mut line = format!(
            "REPORT RequestId: {}\tDuration: {} ms\tBilled Duration: {} ms\tMemory Size: {} MB\t",
            self.request_id,
            report.duration.text(),
            report.billed_ms,
            report.memory,
        );
        if let Some(used) = report.max_memory_used {
            line.push_str(&format!("Max Memory Used: {used} MB\t"));
        }
        if let Some(init) = report.init {
            line.push_str(&format!("Init Duration: {} ms\t", init.text()));
        }
        if report.status != Status::Success {
            line.push_str(&format!("Status: {}\t", report.status.name()));
        }
        if let Status::Error(error_type) = &report.status {
            line.push_str(&format!("Error Type: {error_type}\t"));
        }
        line
    }

    fn json_report(&self, report: &Report) -> Value {
        let mut record = json!({
            "requestId": self.request_id,
            "status": report.status.name(),
            "metrics": {
                "durationMs": report.duration.milliseconds(),
                "billedDurationMs": report.billed_ms,
                "memorySizeMB": report.memory,
            },
        });
        if let Some(used) = report.max_memory_used {
            record["metrics"]["maxMemoryUsedMB"] = json!(used);
        }
        if let Some(init) = report.init {
            record["metrics"]["initDurationMs"] = json!(init.milliseconds());
        }
        if let Status::Error(error_type) = &report.status {
            record["errorType"] = json!(error_type);
        }
        record
    }

    fn event(&self, event_type: &str, record: Value) -> String {
        // Formatted by hand to keep Lambda's order, which is the easiest to read.
        format!(r#"{{"time":"{}","type":"{event_type}","record":{record}}}"#, timestamp((self.clock)()))
    }
}

/// Formats a time as logs have it.
pub(super) fn timestamp(time: OffsetDateTime) -> String {
    time.format(TIMESTAMP).expect("a date of this millennium has this form")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::datetime;

    use super::*;
    use crate::local::environment::report::billed_ms;

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

    fn system_log(logging: &Logging) -> SystemLog<'_> {
        SystemLog { logging, request_id: ID, clock: || NOW }
    }

    fn report(duration_us: u64, init_us: Option<u64>, status: Status) -> Report {
        let reported = |us| ReportedDuration::of(Duration::from_micros(us));
        let (duration, init) = (reported(duration_us), init_us.map(reported));
        Report {
            duration,
            billed_ms: billed_ms(duration, init),
            init,
            memory: 512,
            max_memory_used: Some(70),
            status,
        }
    }

    fn text(log: &Log) -> &str {
        std::str::from_utf8(log.tail()).unwrap()
    }

    #[test]
    fn a_text_log_has_tabs_and_only_the_fields_that_apply() {
        let mut log = Log::default();
        let logging = logging(LogFormat::Text);
        let system_log = system_log(&logging);
        system_log.start(&mut log, "$LATEST");
        log.push(b"no end of line");
        system_log.end(&mut log, &report(12_340, Some(265_720), Status::Success));
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
    fn the_report_of_a_failed_invocation_has_its_status_and_type() {
        let logging = logging(LogFormat::Text);
        let system_log = system_log(&logging);
        let error = Status::Error("Runtime.ExitError".to_owned());
        let mut log = Log::default();
        system_log.end(&mut log, &report(1_000, None, error));
        assert!(
            text(&log)
                .ends_with("\tMax Memory Used: 70 MB\tStatus: error\tError Type: Runtime.ExitError\t\n")
        );
        let mut log = Log::default();
        system_log.end(&mut log, &report(1_000, None, Status::Timeout));
        assert!(text(&log).ends_with("\tStatus: timeout\t\n"));
    }

    #[test]
    fn a_json_log_has_one_event_a_line() {
        let mut log = Log::default();
        let logging = logging(LogFormat::Json);
        let system_log = system_log(&logging);
        system_log.start(&mut log, "3");
        system_log.end(&mut log, &report(12_340, None, Status::Success));
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
        let system_log = system_log(&logging);
        let mut log = Log::default();
        system_log.start(&mut log, "3");
        system_log.end(&mut log, &report(12_340, None, Status::Success));
        assert_eq!(text(&log), "");
        system_log.end(&mut log, &report(12_340, None, Status::Timeout));
        assert!(text(&log).contains("platform.report"));
    }
}
