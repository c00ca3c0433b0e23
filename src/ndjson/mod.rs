//! The record stream: numbered lines in, lines out, and what the `end` records say of the tools before.
//!
//! lpt-records(5) describes the format; [`crate::records`] has the types.

mod reader;
mod upstream;
mod writer;
mod line;

#[cfg(test)]
mod tests;

pub use line::{Line, RecordError};
pub use reader::{Lines, Reader};
pub use upstream::Upstream;
pub use writer::Writer;
