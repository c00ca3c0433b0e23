//! The id of a run, the names that come from it, and what other programs write in its place.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::names::AliasName;
use crate::quote::quoted;
use crate::text::serde_as_text;
use crate::units::{MemoryMB, Timestamp};

/// The id of a run: a UUID of version 7 without hyphens, so that later runs sort after earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(Uuid);

impl RunId {
    /// Returns another id at each call.
    pub(crate) fn new() -> RunId {
        RunId(Uuid::now_v7())
    }

    /// Returns the name of the alias of the version with `memory`. `index` tells apart the versions of one
    /// size, if each invocation has its own.
    pub(crate) fn alias(self, memory: MemoryMB, index: Option<u32>) -> AliasName {
        let name = match index {
            Some(index) => format!("{}{memory}-{index}", self.alias_prefix()),
            None => format!("{}{memory}", self.alias_prefix()),
        };
        name.parse().expect("at most 60 letters, digits and hyphens")
    }

    /// Returns the time at which the run began. Only a UUID of version 7 contains it.
    pub(crate) fn begun_at(self) -> Option<Timestamp> {
        let (seconds, nanoseconds) = self.0.get_timestamp()?.to_unix();
        Timestamp::from_unix(seconds, nanoseconds)
    }

    /// Returns the prefix that the names of all aliases of this run have, and of no other run.
    fn alias_prefix(self) -> String {
        format!("lpt-{self}-")
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl FromStr for RunId {
    type Err = String;

    fn from_str(text: &str) -> Result<RunId, String> {
        Uuid::try_parse(text)
            .map(RunId)
            .map_err(|_| format!("expected a run id (a UUID), found {}", quoted(text)))
    }
}

serde_as_text!(RunId);

/// The field `runId` of a record: a run of lpt, or any text with which another program tells its runs apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunName {
    /// The id of a run of lpt.
    Lpt(RunId),
    /// The text of another program. No tag, version or alias has it, so there is nothing of such a run to undo.
    Other(Box<str>),
}

impl RunName {
    /// Returns the id of the run, if it is one of lpt.
    pub(crate) fn id(&self) -> Option<RunId> {
        match self {
            RunName::Lpt(run_id) => Some(*run_id),
            RunName::Other(_) => None,
        }
    }
}

impl From<RunId> for RunName {
    fn from(run_id: RunId) -> RunName {
        RunName::Lpt(run_id)
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunName::Lpt(run_id) => run_id.fmt(f),
            RunName::Other(text) => text.fmt(f),
        }
    }
}

impl FromStr for RunName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<RunName, Infallible> {
        Ok(text.parse().map_or_else(|_| RunName::Other(text.into()), RunName::Lpt))
    }
}

serde_as_text!(RunName);

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_run_id_of_version_7_contains_the_time_at_which_the_run_began() {
        let begun =
            |text: &str| text.parse::<RunId>().expect("an id").begun_at().map(|time| time.to_string());
        let june = Some("2024-06-10T02:35:18.400Z".to_owned());
        assert_eq!(begun("01900000000070008000000000000000"), june);
        assert_eq!(begun("01900000000040008000000000000000"), None, "of version 4");
        assert!(!RunId::new().begun_at().expect("a time").is_older_than(std::time::Duration::from_secs(60)));
    }

    fn run_id() -> impl Strategy<Value = RunId> {
        any::<u128>().prop_map(|bits| RunId(Uuid::from_u128(bits)))
    }

    fn memory() -> impl Strategy<Value = MemoryMB> {
        (128..=10_240_u32).prop_map(|size| MemoryMB::new(size).expect("in range"))
    }

    proptest! {
        #[test]
        fn a_run_id_is_read_back_as_it_is_written(id in run_id()) {
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            let json = serde_json::to_string(&id).expect("a string");
            prop_assert_eq!(serde_json::from_str::<RunId>(&json).ok(), Some(id));
        }

        #[test]
        fn any_text_is_parsed_as_a_run_id_or_refused_without_a_panic(text in prop_oneof![any::<String>(), "[0-9a-f{}:-]{32,40}"]) {
            if let Ok(id) = text.parse::<RunId>() {
                prop_assert_eq!(id.to_string().parse(), Ok(id));
            }
        }

        #[test]
        fn any_text_names_a_run_and_is_read_back_as_it_is_written(text in prop_oneof![any::<String>(), "[0-9a-f{}:-]{32,40}"]) {
            let json = serde_json::to_string(&text).expect("a string");
            let name: RunName = serde_json::from_str(&json).expect("any text");
            prop_assert_eq!(name.id(), text.parse().ok());
            if name.id().is_none() {
                prop_assert_eq!(name.to_string(), text);
            }
            prop_assert_eq!(name.to_string().parse(), Ok(name));
        }

        #[test]
        fn an_alias_has_the_prefix_of_its_run_and_of_no_other(
            one in run_id(),
            other in run_id(),
            memory in memory(),
            index in option::of(any::<u32>()),
        ) {
            let alias = one.alias(memory, index).to_string();
            prop_assert!(alias.starts_with(&one.alias_prefix()));
            prop_assert_eq!(alias.starts_with(&other.alias_prefix()), one == other);
        }
    }
}
