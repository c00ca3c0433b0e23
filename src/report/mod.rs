//! What people and other programs are shown in place of the record stream.

mod document;
mod table;

pub use document::{Format, Output};
pub use table::table;
