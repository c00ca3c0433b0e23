//! Fuzzes the search for Lambda's report in the end of a log, whose other lines a function printed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lpt::telemetry::Report;

const ID: &str = "6f1b4f0c-5d4b-4a3e-9d5f-0a1b2c3d4e5f";

/// Reports in text and in JSON, with durations that the seeds do not have.
const TEXT: &str = "REPORT RequestId: 6f1b4f0c-5d4b-4a3e-9d5f-0a1b2c3d4e5f\tDuration: 87654.32 ms\tBilled Duration: 87655 ms\t";
const JSON: &str = r#"{"type":"platform.report","record":{"requestId":"6f1b4f0c-5d4b-4a3e-9d5f-0a1b2c3d4e5f","metrics":{"durationMs":87654.32,"billedDurationMs":87655}}}"#;

fuzz_target!(|front: &[u8]| {
    let front = String::from_utf8_lossy(front);
    if let Some(report) = Report::find(&front, ID) {
        assert!(front.contains(ID), "{report:?} is of another invocation");
    }
    // Whatever a function prints, the report that follows is the right one, even after an unclosed quote or
    // bracket.
    for real in [TEXT, JSON] {
        let report = Report::find(&format!("{front}\n{real}\n"), ID).expect("a report");
        assert_eq!((report.duration.get(), report.billed_duration.0), (87654.32, 87655));
        assert!(!report.is_cold_start());
    }
});
