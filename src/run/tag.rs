//! What marks everything that one run makes, so that nothing else is ever taken for it.

use std::fmt;

use crate::records::{Plan, RunId};
use crate::units::{MemoryMB, Timestamp};

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

    /// Reads a description. Returns `None` if it is not a run's.
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

    /// Reads the description of something that the run `run_id` made or changed; `None` where it is not.
    pub fn of_run(run_id: RunId, on: Tagged, description: &str) -> Option<Tag> {
        Tag::parse(description).filter(|tag| tag.run_id == run_id && tag.on == on)
    }
}

/// Returns the description of a version that lpt-apply publishes for an alias. No other version has it, because it
/// holds the time.
///
/// It is no [`Tag`]: the version is to stay.
pub fn description_for_alias(memory: MemoryMB, run_id: RunId) -> String {
    format!("{memory}{PUBLISHED_AT}{}{IN_RUN}{run_id}", Timestamp::now())
}

/// Whether a description is that of a version that lpt-apply published for an alias in the run `run_id`.
pub fn is_description_for_alias(run_id: RunId, description: &str) -> bool {
    description.contains(PUBLISHED_AT) && description.ends_with(&format!("{IN_RUN}{run_id}"))
}

const PUBLISHED_AT: &str = " MB, published by lpt-apply at ";
const IN_RUN: &str = " in the run ";

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
            schema_version: crate::records::SchemaVersion,
            function_arn: "arn:aws:lambda:us-east-1:123456789012:function:f".parse().expect("an ARN"),
            architecture: crate::names::Architecture::Arm64,
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

    fn run_id() -> impl Strategy<Value = RunId> {
        any::<u128>().prop_map(|bits| uuid::Uuid::from_u128(bits).to_string().parse().expect("a UUID"))
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
    }
}
