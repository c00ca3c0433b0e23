//! The description of a version that lpt-apply publishes for an alias.

use std::fmt;

use super::Tag;
use crate::names::AliasName;
use crate::records::RunId;
use crate::units::{MemoryMB, Timestamp};

/// The description of a version that lpt-apply publishes for an alias. The version keeps it when the alias
/// points at it, so it is in words.
///
/// It names the run, the memory and the time of the [`Tag`] that `$LATEST` has until the alias points at the
/// version. Together they prove that the alias never did: see `OwnVersion`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForAlias {
    memory: MemoryMB,
    alias: AliasName,
    /// The time at which the tag was set on `$LATEST`.
    published_at: Timestamp,
    run_id: RunId,
}

impl fmt::Display for ForAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ForAlias { memory, alias, published_at, run_id } = self;
        write!(
            f,
            "{memory} MB for the alias {alias}, published by lpt-apply at {published_at} in the run {run_id}"
        )
    }
}

impl ForAlias {
    /// Returns the description of the version that is published while `$LATEST` has the tag `latest`. Returns
    /// `None` for a tag that is not one of `$LATEST`.
    pub(crate) fn beside(latest: &Tag, alias: AliasName) -> Option<ForAlias> {
        Some(ForAlias { memory: latest.memory, alias, published_at: latest.set_at?, run_id: latest.run_id })
    }

    /// Parses a description that is, to the letter, one of lpt-apply's.
    pub(crate) fn exact(description: &str) -> Option<ForAlias> {
        let (memory, rest) = description.split_once(" MB for the alias ")?;
        let (alias, rest) = rest.split_once(", published by lpt-apply at ")?;
        let (published_at, run_id) = rest.split_once(" in the run ")?;
        let parsed = ForAlias {
            memory: memory.parse().ok()?,
            alias: alias.parse().ok()?,
            published_at: published_at.parse().ok()?,
            run_id: run_id.parse().ok()?,
        };
        (parsed.to_string() == description).then_some(parsed)
    }

    /// The alias that is to point at the version.
    pub(super) fn into_alias(self) -> AliasName {
        self.alias
    }

    /// Whether `latest` is the tag that `$LATEST` had when this version was published.
    pub(super) fn is_beside(&self, latest: &Tag) -> bool {
        ForAlias::beside(latest, self.alias.clone()).as_ref() == Some(self)
    }
}
