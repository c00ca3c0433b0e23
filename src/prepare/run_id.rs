//! What marks everything that one run makes, so that nothing else is ever taken for it.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::Plan;
use crate::aws::{AliasName, FunctionArn};
use crate::ndjson::stands_as_text;
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

stands_as_text!(RunId);

/// The description that a run gives to `$LATEST` while it works, and to each version that it publishes.
///
/// It proves that a version may be deleted; it says, without any file, which memory to restore; and each one that is
/// set on `$LATEST` makes that new to PublishVersion, which otherwise hands out the user's last version. The two differ, for AWS copies the
/// description of `$LATEST` to a version that somebody else publishes meanwhile, and that one is not the run's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// What carries it.
    pub on: Tagged,
    /// Who made it.
    pub run_id: RunId,
    /// The memory that it was given.
    pub memory: MemoryMB,
    /// What `$LATEST` had before the run.
    pub original_memory: MemoryMB,
    /// Which of several versions with this memory.
    pub index: Option<u32>,
    /// When it was set, on `$LATEST`: two tags of one run are never the same, for PublishVersion makes nothing new of
    /// what has not changed.
    pub set_at: Option<Timestamp>,
    /// The description that `$LATEST` had before the run; only there, and only where it fits.
    pub original_description: Option<String>,
}

/// As long as a description may be. Its characters are counted as bytes here, which are never fewer.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html>
const LONGEST_DESCRIPTION: usize = 256;

/// It stands last in a tag, for there may be anything in it.
const ORIGINAL_DESCRIPTION: &str = " originalDescription=";

/// What carries a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tagged {
    /// `$LATEST`, while the run works.
    Latest,
    /// A version to measure.
    Version,
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tag { on, run_id, memory, original_memory, index, set_at, original_description } = self;
        let on = match on {
            Tagged::Latest => "latest",
            Tagged::Version => "version",
        };
        write!(f, "lpt {on} runId={run_id} memorySizeMB={memory} originalMemorySizeMB={original_memory}")?;
        if let Some(index) = index {
            write!(f, " index={index}")?;
        }
        if let Some(set_at) = set_at {
            write!(f, " setAt={set_at}")?;
        }
        match original_description {
            Some(text) => write!(f, "{ORIGINAL_DESCRIPTION}{}", serde_json::Value::from(text.as_str())),
            None => Ok(()),
        }
    }
}

impl Tag {
    /// For `$LATEST`, now.
    pub fn on_latest(plan: &Plan, memory: MemoryMB) -> Tag {
        let tag = Tag {
            on: Tagged::Latest,
            set_at: Some(Timestamp::now()),
            original_description: Some(plan.original_description.clone()),
            ..Tag::on_version(plan, memory, None)
        };
        if tag.to_string().len() <= LONGEST_DESCRIPTION {
            tag
        } else {
            Tag { original_description: None, ..tag }
        }
    }

    /// For a version to measure.
    pub fn on_version(plan: &Plan, memory: MemoryMB, index: Option<u32>) -> Tag {
        Tag {
            on: Tagged::Version,
            run_id: plan.run_id,
            memory,
            original_memory: plan.original_memory_size,
            index,
            set_at: None,
            original_description: None,
        }
    }

    /// Reads a description; `None` where it is not a run's.
    pub fn parse(description: &str) -> Option<Tag> {
        let (words, original_description) = match description.split_once(ORIGINAL_DESCRIPTION) {
            Some((words, quoted)) => (words, Some(serde_json::from_str(quoted).ok()?)),
            None => (description, None),
        };
        let mut words = words.split(' ');
        if words.next()? != "lpt" {
            return None;
        }
        let on = match words.next()? {
            "latest" => Tagged::Latest,
            "version" => Tagged::Version,
            _ => return None,
        };
        let (mut run_id, mut memory, mut original_memory) = (None, None, None);
        let (mut index, mut set_at) = (None, None);
        for word in words {
            match word.split_once('=')? {
                ("runId", value) => run_id = Some(value.parse().ok()?),
                ("memorySizeMB", value) => memory = Some(value.parse().ok()?),
                ("originalMemorySizeMB", value) => original_memory = Some(value.parse().ok()?),
                ("index", value) => index = Some(value.parse().ok()?),
                ("setAt", value) => set_at = Some(value.parse().ok()?),
                // A later lpt may say more.
                _ => {}
            }
        }
        Some(Tag {
            on,
            run_id: run_id?,
            memory: memory?,
            original_memory: original_memory?,
            index,
            set_at,
            original_description,
        })
    }

    /// Why a function that carries this tag is left alone.
    pub fn at_work_on(&self, function: &FunctionArn) -> String {
        format!("{function}: {}", self.at_work())
    }

    /// The same without the function.
    pub(super) fn at_work(&self) -> String {
        format!(
            "is being tuned by the run {}, or was when that run was cut off; wait for it, or run lpt-cleanup on its records, or with --leftovers where there are none",
            self.run_id
        )
    }

    /// Reads the description of something that the run `run_id` made or changed; `None` where it is not.
    pub fn of_run(run_id: RunId, on: Tagged, description: &str) -> Option<Tag> {
        Tag::parse(description).filter(|tag| tag.run_id == run_id && tag.on == on)
    }
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    #[test]
    fn a_tag_survives_the_way_through_a_description() {
        let size = |size| MemoryMB::new(size).expect("in range");
        for (on, index) in [(Tagged::Latest, None), (Tagged::Version, None), (Tagged::Version, Some(7))] {
            let run_id = RunId::new();
            let set_at = (on == Tagged::Latest).then(|| "2026-11-23T06:00:00.123Z".parse().expect("a time"));
            let original_description = (on == Tagged::Latest).then(|| "my \"own\" words".to_owned());
            let tag = Tag {
                on,
                run_id,
                memory: size(512),
                index,
                original_memory: size(1024),
                set_at,
                original_description,
            };
            assert_eq!(Tag::parse(&tag.to_string()), Some(tag.clone()));
            assert_eq!(Tag::of_run(run_id, on, &tag.to_string()), Some(tag.clone()));
            assert_eq!(Tag::of_run(RunId::new(), on, &tag.to_string()), None);
            assert!(tag.to_string().len() <= 256, "Lambda's limit for a description");
        }
    }

    #[test]
    fn a_users_description_is_no_tag() {
        for text in [
            "",
            "lpt",
            "lpt is nice",
            "lpt latest runId=x memorySizeMB=128 originalMemorySizeMB=256",
            "my function",
        ] {
            assert_eq!(Tag::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_original_description_stands_in_the_tag_where_it_fits() {
        let plan = |length| Plan {
            run_id: RunId::new(),
            schema_version: crate::prepare::plan::SchemaVersion,
            function_arn: "arn:aws:lambda:us-east-1:123456789012:function:f".parse().expect("an ARN"),
            architecture: crate::aws::Architecture::Arm64,
            runtime: None,
            package_type: "Zip".to_owned(),
            snap_start: false,
            ephemeral_storage: None,
            original_memory_size: MemoryMB::new(10_240).expect("in range"),
            original_description: "ä".repeat(length),
            original_revision_id: String::new(),
            code_sha256: String::new(),
            power_values: Vec::new(),
            num: 0,
            only_cold_starts: false,
            dry_run: false,
            created_at: Timestamp::now(),
        };
        for length in 0..=256 {
            let plan = plan(length);
            let tag = Tag::on_latest(&plan, plan.original_memory_size);
            let text = tag.to_string();
            assert!(text.len() <= LONGEST_DESCRIPTION);
            assert_eq!(tag.original_description.is_some(), length <= 53, "{length}: {}", text.len());
            assert_eq!(Tag::parse(&text), Some(tag));
        }
    }

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

    fn tag() -> impl Strategy<Value = Tag> {
        let set_at = "20[0-9]{2}-0[1-9]-[0-2][1-8]T[01][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z"
            .prop_map(|text| text.parse().expect("a time"));
        (
            select(vec![Tagged::Latest, Tagged::Version]),
            run_id(),
            memory(),
            memory(),
            option::of(any::<u32>()),
            option::of(set_at),
            // As much as fits beside all else.
            option::of("[ -~]{0,30}|[ä\n\" =]{0,15}"),
        )
            .prop_map(
                |(on, run_id, memory, original_memory, index, set_at, original_description)| Tag {
                    on,
                    run_id,
                    memory,
                    original_memory,
                    index,
                    set_at,
                    original_description,
                },
            )
    }

    proptest! {
        #[test]
        fn any_tag_survives_the_way_through_a_description(tag in tag(), later in "( [a-z]{1,9}=[^ ]{0,9}){0,2}") {
            let description = tag.to_string();
            prop_assert!(description.len() <= 256, "Lambda's limit for a description");
            prop_assert_eq!(Tag::parse(&description), Some(tag.clone()));
            prop_assert_eq!(Tag::of_run(tag.run_id, tag.on, &description), Some(tag.clone()));
            prop_assume!(!later.contains("index=") && tag.original_description.is_none());
            prop_assert_eq!(Tag::parse(&(description + &later)), Some(tag), "a later lpt may say more");
        }

        #[test]
        fn a_tag_of_another_run_or_on_something_else_is_not_this_ones(tag in tag(), other in run_id()) {
            let on = if tag.on == Tagged::Latest { Tagged::Version } else { Tagged::Latest };
            prop_assert_eq!(Tag::of_run(tag.run_id, on, &tag.to_string()), None);
            prop_assert_eq!(Tag::of_run(other, tag.on, &tag.to_string()).is_some(), other == tag.run_id);
        }

        #[test]
        fn a_description_that_was_cut_or_edited_is_no_tag_of_another_run(
            tag in tag(),
            at in any::<proptest::sample::Index>(),
            edit in "\\PC{0,2}",
        ) {
            let mut description = tag.to_string();
            let at = description.char_indices().nth(at.index(description.chars().count())).expect("within").0;
            prop_assume!(!edit.starts_with(|c: char| c.is_ascii_hexdigit()));
            description.replace_range(at.., &edit);
            if let Some(found) = Tag::parse(&description) {
                prop_assert_eq!((found.run_id, found.on), (tag.run_id, tag.on));
            }
        }

        #[test]
        fn any_description_is_read_without_a_panic(
            text in prop_oneof![any::<String>(), "lpt (latest|version)( (runId|memorySizeMB|originalMemorySizeMB|index|setAt|x)=[0-9a-f:TZ.-]{0,32}){0,6}"],
        ) {
            if let Some(tag) = Tag::parse(&text) {
                prop_assert_eq!(Tag::parse(&tag.to_string()), Some(tag));
            }
        }

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
