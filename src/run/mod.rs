//! The changes that a run makes to a function, and their undoing.
//!
//! A run marks everything that it makes or changes with its [`Tag`]. Only what carries the tag is restored or
//! removed, whatever the records say.

mod publish; // publishes `$LATEST` with another memory size as a version
mod restore; // gives `$LATEST` back its memory and its description
mod remove; // finds and removes the versions and aliases of a run
mod change; // changes `$LATEST` although others may change it too
mod plan; // the `plan` record of a function as it is now
mod tag; // the description that marks what a run makes or changes
mod error; // errors of a run

pub(crate) use error::RunError;
pub(crate) use plan::plan_before;
pub(crate) use publish::publish;
pub(crate) use remove::{
    remove_versions_and_aliases, remove_versions_described, run_of_alias, run_of_version,
};
pub(crate) use restore::{Original, restore_after, restore_latest};
pub use tag::{Tag, Tagged};
pub(crate) use tag::{description_for_alias, is_description_for_alias};
