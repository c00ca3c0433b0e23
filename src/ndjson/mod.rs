//! The record stream: numbered lines in, lines out, and the `end` records of the previous tools.
//!
//! lpt-records(5) describes the format; [`crate::records`] has the types.

mod reader; // the lines of the input
mod upstream; // the end records of the input, taken together
mod writer; // the output of a tool
mod line; // one line, and what can be wrong with it
mod foreign; // files that hold something else than records

#[cfg(test)]
mod tests;

/// The name of stdin as the source of lines.
const STDIN: &str = "stdin";

pub use line::{Line, RecordError};
pub use reader::{Lines, Reader};
pub use upstream::Upstream;
pub use writer::Writer;
