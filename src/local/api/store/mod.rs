//! Functions, versions and aliases, and when an action on them is allowed. It is pure state: it starts nothing,
//! waits for nothing, and is told the time.

mod aliases; // the actions on aliases
mod functions; // the store, and the actions on functions and versions
mod version; // one version
mod alias; // one alias
mod moment; // the time of a request

#[cfg(test)]
mod tests;

pub(crate) use self::alias::Alias;
pub(crate) use self::aliases::AliasUpdate;
pub(crate) use self::functions::{NewVersionIf, Publish, Rules, Store};
pub(crate) use self::moment::Moment;
pub(crate) use self::version::Version;
