//! The record stream: numbered lines in, lines out, and the `end` records of the previous tools.
//!
//! lpt-records(5) describes the format; [`crate::records`] has the types.

mod reader; // the lines of the input
mod blocks; // the input in blocks, which several threads read
mod scan; // invocations, read from their lines without building a record
mod upstream; // the end records of the input, taken together
mod writer; // the output of a tool
mod bad_input; // what is wrong with the input
mod line; // one line, and what can be wrong with it
mod source; // files and stdin, and what is in them
mod partition; // folders of records, and the fields that their names hold
mod foreign; // files that hold something else than records

#[cfg(test)]
mod tests;

/// The name of stdin as the source of lines.
const STDIN: &str = "stdin";

pub(crate) use bad_input::BadInput;
pub(crate) use blocks::{Consume, Scan};
pub(crate) use foreign::is_csv as is_csv_header;
pub use line::{Line, RecordError};
pub(crate) use reader::reading;
pub use reader::{Lines, Reader};
pub use scan::{Scanned, Scanner, SizeRef, invocation};
pub(crate) use source::{Text, raw_lines, unreadable};
pub use upstream::Upstream;
pub use writer::Writer;
