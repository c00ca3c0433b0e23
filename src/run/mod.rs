//! What a run does to a function, and how that is undone.
//!
//! A run marks everything that it makes or changes with its [`Tag`]. Only what carries the tag is restored or removed,
//! whatever the records say.

mod publish;
mod restore;
mod remove;
mod change;
mod plan;
mod tag;
mod error;

pub use error::RunError;
pub use plan::plan_before;
pub use publish::publish;
pub use remove::{Removed, maker_of_alias, maker_of_version, remove_described, remove_versions};
pub use restore::{Original, restore_after, restore_latest};
pub use tag::{Tag, Tagged, description_for_alias, is_description_for_alias};
