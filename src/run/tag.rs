//! The tag that marks everything that one run makes or changes, so that nothing else is ever taken for it.

use std::fmt;

use crate::records::{Plan, RunId};
use crate::units::{MemoryMB, Timestamp};

/// The description that a run gives to `$LATEST` while it works, and to each version that it publishes.
///
/// It has three uses:
/// - It proves that a version is the run's, which may then be deleted.
/// - It names the memory to restore, without any file.
/// - It makes `$LATEST` differ from every published version. PublishVersion would otherwise return the user's
///   last version.
///
/// The tag of `$LATEST` differs from those of the versions, because AWS copies the description of `$LATEST`
/// to a version that somebody else publishes meanwhile, and that version is not the run's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The kind of resource that carries the tag.
    pub on: Tagged,
    /// The run that set the tag.
    pub run_id: RunId,
    /// The memory that the run gave to the resource.
    pub memory: MemoryMB,
    /// The memory of `$LATEST` before the run.
    pub original_memory: MemoryMB,
    /// The number of this version, from 0, if there are several with this memory.
    pub index: Option<u32>,
    /// The time when the tag was set on `$LATEST`, absent on a version. It makes each tag of a run a new one,
    /// because PublishVersion publishes nothing if nothing has changed.
    pub set_at: Option<Timestamp>,
    /// The description of `$LATEST` before the run, absent on a version and if it does not fit.
    pub original_description: Option<String>,
}

/// The maximum length of a description, in characters. It is compared with the number of bytes, which is
/// never lower.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html>
const MAX_DESCRIPTION_LENGTH: usize = 256;

/// The key of the original description. It is the last one in a tag, because its value may contain anything.
const ORIGINAL_DESCRIPTION: &str = " originalDescription=";

/// The kinds of resources that carry a tag.
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
    /// Returns the tag for `$LATEST`, with the time now.
    pub(crate) fn on_latest(plan: &Plan, memory: MemoryMB) -> Tag {
        let tag =
            Tag { on: Tagged::Latest, set_at: Some(Timestamp::now()), ..Tag::on_version(plan, memory, None) };
        tag.with_original(plan.original_memory_size, &plan.original_description)
    }

    /// Whether a run that found this memory and description set this tag on `$LATEST`.
    pub(crate) fn agrees_with(&self, memory: MemoryMB, description: &str) -> bool {
        self.clone().with_original(memory, description) == *self
    }

    fn with_original(self, memory: MemoryMB, description: &str) -> Tag {
        let tag = Tag { original_memory: memory, original_description: Some(description.to_owned()), ..self };
        if tag.to_string().len() <= MAX_DESCRIPTION_LENGTH {
            tag
        } else {
            Tag { original_description: None, ..tag }
        }
    }

    /// Returns the tag for a version to measure.
    pub(crate) fn on_version(plan: &Plan, memory: MemoryMB, index: Option<u32>) -> Tag {
        Tag {
            on: Tagged::Version,
            run_id: plan.own_run(),
            memory,
            original_memory: plan.original_memory_size,
            index,
            set_at: None,
            original_description: None,
        }
    }

    /// Parses a description. Returns `None` if it is not, to the letter, a tag that a run writes: the description of a
    /// user's may come close to one.
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
                _ => return None,
            }
        }
        let tag = Tag {
            on,
            run_id: run_id?,
            memory: memory?,
            original_memory: original_memory?,
            index,
            set_at,
            original_description,
        };
        let is_complete = match on {
            Tagged::Latest => tag.set_at.is_some() && tag.index.is_none(),
            Tagged::Version => tag.set_at.is_none() && tag.original_description.is_none(),
        };
        (is_complete && tag.to_string() == description).then_some(tag)
    }

    /// Parses the description of a resource of the kind `on`. Returns `None` if it is not a tag of such a resource.
    pub(crate) fn parse_on(on: Tagged, description: &str) -> Option<Tag> {
        Tag::parse(description).filter(|tag| tag.on == on)
    }

    /// Parses the description of a resource. Returns `None` if it is not a tag of the run `run_id` on such a
    /// resource.
    pub(crate) fn of_run(run_id: RunId, on: Tagged, description: &str) -> Option<Tag> {
        Tag::parse_on(on, description).filter(|tag| tag.run_id == run_id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    #[test]
    fn a_tag_can_be_read_back_from_a_description() {
        let memory = |megabytes| MemoryMB::new(megabytes).expect("in range");
        for (on, index) in [(Tagged::Latest, None), (Tagged::Version, None), (Tagged::Version, Some(7))] {
            let run_id = RunId::new();
            let set_at = (on == Tagged::Latest).then(|| "2026-11-23T06:00:00.123Z".parse().expect("a time"));
            let original_description = (on == Tagged::Latest).then(|| "my \"own\" words".to_owned());
            let tag = Tag {
                on,
                run_id,
                memory: memory(512),
                index,
                original_memory: memory(1024),
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
    fn a_description_of_the_user_is_not_a_tag() {
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
    fn a_tag_has_the_original_description_if_it_fits() {
        let plan = |length| Plan {
            run_id: RunId::new().into(),
            schema_version: crate::records::SchemaVersion,
            function_arn: "arn:aws:lambda:us-east-1:123456789012:function:f".parse().expect("an ARN"),
            architecture: crate::names::Architecture::Arm64,
            runtime: None,
            package_type: "Zip".to_owned(),
            snap_start: false,
            ephemeral_storage: None,
            timeout_seconds: None,
            original_memory_size: MemoryMB::new(10_240).expect("in range"),
            original_description: "ä".repeat(length),
            original_revision_id: String::new(),
            code_sha256: String::new(),
            power_values: Vec::new(),
            num: 0,
            only_cold_starts: false,
            alias: None,
            profile: None,
            dry_run: false,
            created_at: Timestamp::now(),
        };
        for length in 0..=256 {
            let plan = plan(length);
            let tag = Tag::on_latest(&plan, plan.original_memory_size);
            let text = tag.to_string();
            assert!(text.len() <= MAX_DESCRIPTION_LENGTH);
            assert_eq!(tag.original_description.is_some(), length <= 53, "{length}: {}", text.len());
            assert_eq!(Tag::parse(&text), Some(tag));
        }
    }

    fn run_id() -> impl Strategy<Value = RunId> {
        any::<u128>().prop_map(|bits| uuid::Uuid::from_u128(bits).to_string().parse().expect("a UUID"))
    }

    fn memory() -> impl Strategy<Value = MemoryMB> {
        (128..=10_240_u32).prop_map(|megabytes| MemoryMB::new(megabytes).expect("in range"))
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
            set_at,
            // Short enough to fit beside everything else.
            option::of("[ -~]{0,30}|[ä\n\" =]{0,15}"),
        )
            .prop_map(
                |(on, run_id, memory, original_memory, index, set_at, original_description)| {
                    let is_latest = on == Tagged::Latest;
                    Tag {
                        on,
                        run_id,
                        memory,
                        original_memory,
                        index: index.filter(|_| !is_latest),
                        set_at: is_latest.then_some(set_at),
                        original_description: original_description.filter(|_| is_latest),
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn any_tag_can_be_read_back_from_a_description(tag in tag(), more in " [a-z]{1,9}=[^ ]{0,9}|[ -~]{1,3}") {
            let description = tag.to_string();
            prop_assert!(description.len() <= 256, "Lambda's limit for a description");
            prop_assert_eq!(Tag::parse(&description), Some(tag.clone()));
            prop_assert_eq!(Tag::of_run(tag.run_id, tag.on, &description), Some(tag.clone()));
            // Which would go on with the last number, or be one.
            prop_assume!(!more.starts_with(|c: char| c.is_ascii_digit()) && !more.starts_with(" index="));
            prop_assert_eq!(Tag::parse(&format!("{description}{more}")), None, "more was added");
            prop_assert_eq!(Tag::parse(&description.replacen(' ', "  ", 1)), None, "a space was added");
        }

        #[test]
        fn a_tag_of_another_run_or_resource_does_not_match(tag in tag(), other in run_id()) {
            let on = if tag.on == Tagged::Latest { Tagged::Version } else { Tagged::Latest };
            prop_assert_eq!(Tag::of_run(tag.run_id, on, &tag.to_string()), None);
            prop_assert_eq!(Tag::of_run(other, tag.on, &tag.to_string()).is_some(), other == tag.run_id);
        }

        #[test]
        fn a_cut_or_edited_tag_is_never_that_of_another_run(
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
        fn parsing_any_description_does_not_panic(
            text in prop_oneof![any::<String>(), "lpt (latest|version)( (runId|memorySizeMB|originalMemorySizeMB|index|setAt|x)=[0-9a-f:TZ.-]{0,32}){0,6}"],
        ) {
            if let Some(tag) = Tag::parse(&text) {
                prop_assert_eq!(Tag::parse(&tag.to_string()), Some(tag));
            }
        }
    }
}
