//! Fuzzes the reader of the record stream, as every tool uses it, and the scanner of invocations beside it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lpt::error::Error;
use lpt::ndjson::{Line, Lines, RecordError, Scanned, Scanner, SizeRef, invocation};
use lpt::records::{Measured, SizeKey};

fuzz_target!(|stream: &[u8]| {
    for (number, line) in (1..).zip(Lines::of_text("fuzz", stream)) {
        if let Err(error) = line.and_then(|line| read_write_read(&line).map_err(Error::from)) {
            // The error of a file that is in another format than NDJSON names no line.
            if let Some(error) = error.fault::<RecordError>() {
                assert_eq!((&*error.source_name, error.line), ("fuzz", number));
            }
        }
    }
    scan(stream);
});

/// Scans each line, and checks that what is scanned is what is parsed.
fn scan(stream: &[u8]) {
    let (mut scanner, mut sizes) = (Scanner::default(), Vec::new());
    let mut rest = stream;
    while !rest.is_empty() {
        let group_of = |size: SizeRef, _: &[Option<&[u8]>]| {
            let SizeRef { function, architecture, memory } = size;
            sizes.push(SizeKey { function: function.parse().expect("an ARN"), architecture, memory });
            sizes.len() - 1
        };
        let line = rest.split_inclusive(|byte| *byte == b'\n').next().expect("it is not empty");
        if let Some(Scanned { group, measured, length }) = scanner.scan(rest, group_of) {
            let parsed = std::str::from_utf8(line).ok().and_then(invocation).expect("it is scanned");
            let size = SizeKey {
                function: parsed.function_arn.clone(),
                architecture: parsed.architecture,
                memory: parsed.memory_size,
            };
            assert_eq!((length, &sizes[group]), (line.len(), &size));
            assert_eq!(Ok(measured), Measured::of(&parsed));
        }
        rest = &rest[line.len()..];
    }
}

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
