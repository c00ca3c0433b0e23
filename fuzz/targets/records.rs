//! The record stream, as any tool reads it.
#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use lpt::analyze::Statistics;
use lpt::apply::Applied;
use lpt::cleanup::Cleaned;
use lpt::error::Error;
use lpt::invoke::Invocation;
use lpt::ndjson::{End, Line, Reader, Record, RecordError, Writer};
use lpt::prepare::{Configuration, Plan};
use lpt::select::Selection;

fuzz_target!(|stream: &[u8]| {
    for (number, line) in (1..).zip(Reader::of("fuzz", stream)) {
        let result = line.and_then(|line| read_write_read(&line).map_err(Error::from));
        match result {
            Ok(()) => {}
            Err(Error::Record(error)) => assert_eq!((&*error.source_name, error.line), ("fuzz", number)),
            Err(other) => panic!("{other}"),
        }
    }
});

/// Reads a line as the record that it says it is, and what is written of that once more.
fn read_write_read(line: &Line) -> Result<(), RecordError> {
    fn of<R: Record + PartialEq + Debug>(line: &Line) -> Result<(), RecordError> {
        let record: R = line.parse()?;
        let mut written = Vec::new();
        Writer::new(&mut written).write(&record).expect("a vector takes all");
        let line = Reader::of("written", written).next().expect("a line").expect("UTF-8");
        assert_eq!(line.parse(), Ok(record));
        Ok(())
    }
    match &*line.record_type()? {
        Plan::TYPE => of::<Plan>(line),
        Configuration::TYPE => of::<Configuration>(line),
        Invocation::TYPE => of::<Invocation>(line),
        Statistics::TYPE => of::<Statistics>(line),
        Selection::TYPE => of::<Selection>(line),
        Applied::TYPE => of::<Applied>(line),
        Cleaned::TYPE => of::<Cleaned>(line),
        End::TYPE => of::<End>(line),
        _ => Ok(()),
    }
}
