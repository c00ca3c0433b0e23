//! The changes that a run makes to a function, and their undoing.
//!
//! A run marks everything that it makes or changes with its [`Tag`]. Only what carries the tag is restored or
//! removed, whatever the records say.

mod version; // one version from its record to its alias
mod publish; // publishes `$LATEST` with another memory size as a version
mod restore; // gives `$LATEST` back its memory and its description
mod own; // proves that versions and aliases are a run's, and removes them
mod change; // changes `$LATEST` although others may change it too
mod plan; // the `plan` record of a function as it is now
mod error; // errors of a run
mod for_alias; // the description of a version that is published for an alias
mod tag; // the description that marks what a run makes or changes

pub(crate) use error::RunError;
pub(crate) use for_alias::ForAlias;
pub(crate) use own::{Made, Removed, withdraw};
pub(crate) use plan::plan_before;
pub(crate) use publish::{Published, publish, unless_ended};
pub(crate) use restore::{AfterRun, Original, restore_after, restore_latest};
pub use tag::{Tag, Tagged};
pub(crate) use version::{begin, configuration_of, finish, remove_made};
