//! Output in place of the record stream, for people and other programs.

mod document; // a tool's output in each of its formats
mod table; // the table of a function's sizes
mod changes; // the table of what changed at them

pub use changes::{changes, percent};
pub use document::{Format, Output};
pub use table::table;
