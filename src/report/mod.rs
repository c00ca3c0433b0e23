//! Output in place of the record stream, for people and other programs.

mod document; // a tool's output in each of its formats
mod table; // the table of a function's sizes
mod short_names; // the names by which people are told of functions

pub use document::{Format, Output};
pub use short_names::ShortNames;
pub use table::table;
