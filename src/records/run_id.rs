//! The id of a run, and the names that come from it.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::names::AliasName;
use crate::text::serde_as_text;
use crate::units::{MemoryMB, Timestamp};

/// The id of a run: a UUID of version 7 without hyphens, so that later runs sort after earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(Uuid);

impl RunId {
    /// A new one.
    #[expect(clippy::new_without_default, reason = "each call gives another value")]
    pub fn new() -> RunId {
        RunId(Uuid::now_v7())
    }

    /// The alias that this run gives to the version with `memory`, the `index`th one where there are several.
    pub fn alias(self, memory: MemoryMB, index: Option<u32>) -> AliasName {
        let name = match index {
            Some(index) => format!("{}{memory}-{index}", self.alias_prefix()),
            None => format!("{}{memory}", self.alias_prefix()),
        };
        name.parse().expect("letters, digits and hyphens, 60 at most")
    }

    /// The run that gives an alias this name.
    pub fn of_alias(name: &AliasName) -> Option<RunId> {
        let text = name.to_string();
        let (run_id, rest) = text.strip_prefix("lpt-")?.split_once('-')?;
        let run_id: RunId = run_id.parse().ok()?;
        let (memory, index) = match rest.split_once('-') {
            Some((memory, index)) => (memory, Some(index.parse().ok()?)),
            None => (rest, None),
        };
        // Numbers can be written in several ways, a run writes them in one.
        (run_id.alias(memory.parse().ok()?, index) == *name).then_some(run_id)
    }

    /// When the run began, which a UUID of version 7 says; another one does not.
    pub fn begun_at(self) -> Option<Timestamp> {
        let (seconds, nanoseconds) = self.0.get_timestamp()?.to_unix();
        Timestamp::from_unix(seconds, nanoseconds)
    }

    /// What the names of all aliases of this run, and of no other, begin with.
    pub fn alias_prefix(self) -> String {
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
        Uuid::try_parse(text).map(RunId).map_err(|_| format!("{text:?} is no run id (a UUID)"))
    }
}

serde_as_text!(RunId);

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_users_alias_is_no_runs() {
        let run = "01900000000070008000000000000000";
        for name in ["lpt-live", "lpt-", "live", &format!("lpt-{run}"), &format!("lpt-{run}-live")] {
            assert_eq!(RunId::of_alias(&name.parse().expect("a name")), None, "{name}");
        }
        for end in ["0128", "64", "128-", "128-01", "128-1-1", "x128"] {
            assert_eq!(RunId::of_alias(&format!("lpt-{run}-{end}").parse().expect("a name")), None, "{end}");
        }
    }

    #[test]
    fn a_run_id_says_when_the_run_began() {
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
        fn any_text_is_a_run_id_or_none_without_a_panic(text in prop_oneof![any::<String>(), "[0-9a-f{}:-]{32,40}"]) {
            if let Ok(id) = text.parse::<RunId>() {
                prop_assert_eq!(id.to_string().parse(), Ok(id));
            }
        }

        #[test]
        fn an_alias_begins_as_those_of_its_run_and_of_no_other(
            one in run_id(),
            other in run_id(),
            memory in memory(),
            index in option::of(any::<u32>()),
        ) {
            let name = one.alias(memory, index);
            let alias = name.to_string();
            prop_assert!(alias.starts_with(&one.alias_prefix()));
            prop_assert_eq!(alias.starts_with(&other.alias_prefix()), one == other);
            prop_assert_eq!(RunId::of_alias(&name), Some(one));
        }
    }
}
