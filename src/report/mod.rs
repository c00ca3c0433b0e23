//! Output in place of the record stream, for people and other programs.

mod document; // a tool's output in each of its formats
mod table; // the table of a function's sizes
mod chart; // cost and duration by size, as bars
mod changes; // the table of what changed at them
mod percentage; // fractions in sentences
mod text; // lines for people, with colour where that is wanted

pub use changes::{changes, percent};
pub use document::{Format, Output};
pub use percentage::{percentage, percentage_at_least};
pub use table::{Marks, rough_percent, table};
pub use text::{Text, Tone};
