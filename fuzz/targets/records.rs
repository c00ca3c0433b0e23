//! Fuzzes the reader of the record stream, as every tool uses it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lpt::error::Error;
use lpt::ndjson::{Line, Lines, RecordError};

fuzz_target!(|stream: &[u8]| {
    for (number, line) in (1..).zip(Lines::of_text("fuzz", stream)) {
        if let Err(error) = line.and_then(|line| read_write_read(&line).map_err(Error::from)) {
            let error: &RecordError = error.fault().unwrap_or_else(|| panic!("{error}"));
            assert_eq!((&*error.source_name, error.line), ("fuzz", number));
        }
    }
});

/// Reads a line as a record of the type that it names, writes the record, and checks that it reads back the
/// same.
fn read_write_read(line: &Line) -> Result<(), RecordError> {
    if let Some(record) = line.record()? {
        let written = serde_json::to_string(&record).expect("string keys");
        let line = Lines::of_text("written", written).next().expect("a line").expect("UTF-8");
        assert_eq!(line.record(), Ok(Some(record)));
    }
    Ok(())
}
