//! Whatever the records say, only what a run made is removed: a property of the decision, without a service.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::*;
use crate::aws::{ListedAlias, ListedVersion};
use crate::names::Version;
use crate::ndjson::Lines;
use crate::units::MemoryMB;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";
const RUNS: [&str; 3] = [
    "01900000000070008000000000000000",
    "01900000000170008000000000000000",
    "01900000000070008000000000000001",
];
const TIMES: [&str; 2] = ["2026-11-23T06:00:00.123Z", "2026-11-23T06:00:00.124Z"];
const SIZES: [u32; 3] = [128, 512, 1024];

/// A version or a `$LATEST` of a run.
#[derive(Debug, Clone, Copy)]
struct Work {
    run: &'static str,
    size: u32,
    time: &'static str,
    index: Option<u8>,
}

impl Work {
    /// Returns the tag on `$LATEST`, as lpt(7) has it.
    fn latest(self) -> String {
        let Work { run, size, time, .. } = self;
        format!(
            "lpt latest runId={run} memorySizeMB={size} originalMemorySizeMB=256 setAt={time} originalDescription=\"mine\""
        )
    }

    /// Returns the tag of a version to measure, as lpt(7) has it.
    fn version(self) -> String {
        let Work { run, size, index, .. } = self;
        let index = index.map_or_else(String::new, |index| format!(" index={index}"));
        format!("lpt version runId={run} memorySizeMB={size} originalMemorySizeMB=256{index}")
    }

    /// Returns the name of the alias of a version to measure.
    fn alias(self) -> String {
        let Work { run, size, index, .. } = self;
        let index = index.map_or_else(String::new, |index| format!("-{index}"));
        format!("lpt-{run}-{size}{index}")
    }

    /// Returns the description of a version that is published for an alias.
    fn for_alias(self) -> String {
        let Work { run, size, time, .. } = self;
        format!("{size} MB for the alias live, published by lpt-apply at {time} in the run {run}")
    }
}

fn made() -> impl Strategy<Value = Work> {
    (select(&RUNS[..]), select(&SIZES[..]), select(&TIMES[..]), option::of(0..2_u8))
        .prop_map(|(run, size, time, index)| Work { run, size, time, index })
}

/// Returns descriptions that a user may have written, each close to one that a run writes.
fn close_to(description: &str) -> Vec<String> {
    let with = |from: &str, to: &str| description.replacen(from, to, 1);
    let hyphens = |run: &str| format!("{}-{}", &run[..8], &run[8..]);
    let mut close = vec![
        String::new(),
        "mine".to_owned(),
        "lpt is nice".to_owned(),
        format!(" {description}"),
        format!("{description} "),
        format!("{description}\n"),
        format!("{description} and more"),
        format!("{description} note=mine"),
        format!("my copy of: {description}"),
        description.to_uppercase(),
        description[..description.len() - 1].to_owned(),
        with(" ", "  "),
        with(" ", "\t"),
        with("lpt version", "lpt latest"),
        with("lpt version", "lpt  version"),
        with("memorySizeMB=", "memorySizeMB=0"),
        with("memorySizeMB=", "memorySizeMB=+"),
        with(" originalMemorySizeMB=256", ""),
        with("originalMemorySizeMB=256", "originalMemorySizeMB=256 originalMemorySizeMB=256"),
        with("runId=", "runId=x runId="),
        with(" for the alias live", ""),
        with("the alias live", "the alias not/a/name"),
        with("lpt-apply", "Bob"),
    ];
    for run in RUNS {
        close.push(with(run, &hyphens(run)));
        close.push(with(run, &run[1..]));
        close.push(with(run, &format!("{{{run}}}")));
    }
    close.retain(|close| close != description);
    close
}

/// A version, and an alias that may point at it.
#[derive(Debug, Clone)]
struct Planted {
    description: String,
    memory: u32,
    alias: Option<(String, String)>,
    /// What it is if it is a run's.
    is: Option<(Kind, Work)>,
    /// Whether the alias is the run's.
    has_own_alias: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    ToMeasure,
    ForAlias,
}

/// What the user may have done to something that looks like a run's.
#[derive(Debug, Clone, Copy)]
enum Change {
    None,
    Description,
    Memory,
    AliasName,
    AliasDescription,
}

fn planted() -> impl Strategy<Value = Planted> {
    let kind = select(vec![Kind::ToMeasure, Kind::ForAlias]);
    let change = select(vec![
        Change::None,
        Change::None,
        Change::Description,
        Change::Memory,
        Change::AliasName,
        Change::AliasDescription,
    ]);
    (made(), kind, change, any::<bool>(), any::<Index>()).prop_map(
        |(made, kind, change, has_alias, index)| {
            let description = if kind == Kind::ToMeasure { made.version() } else { made.for_alias() };
            let has_own_alias = has_alias && kind == Kind::ToMeasure;
            let alias =
                if has_own_alias { (made.alias(), made.version()) } else { ("live".into(), "mine".into()) };
            let mut planted = Planted {
                alias: has_alias.then_some(alias),
                description,
                memory: made.size,
                is: Some((kind, made)),
                has_own_alias,
            };
            match change {
                Change::None => {}
                Change::Description => {
                    let close = close_to(&planted.description);
                    planted.description = index.get(&close).clone();
                    (planted.is, planted.has_own_alias) = (None, false);
                }
                Change::Memory => {
                    planted.memory += 1;
                    (planted.is, planted.has_own_alias) = (None, false);
                }
                Change::AliasName => {
                    planted.has_own_alias = false;
                    planted.alias.iter_mut().for_each(|(name, _)| name.push_str("-1"));
                }
                Change::AliasDescription => {
                    planted.has_own_alias = false;
                    planted.alias.iter_mut().for_each(|(_, text)| text.push(' '));
                }
            }
            planted
        },
    )
}

/// A record of any type, some fields of which were edited, moved between records, or removed.
fn record() -> impl Strategy<Value = String> {
    let records = |made: Work| {
        let Work { run, size, .. } = made;
        let of_function = json!({"functionArn": FUNCTION, "runId": run, "memorySizeMB": size});
        let fields = [
            (
                "plan",
                json!({"schemaVersion": 1, "architecture": "x86_64", "packageType": "Zip", "snapStart": false,
                "originalMemorySizeMB": 256, "originalDescription": "mine", "originalRevisionId": "r",
                "codeSha256": "c", "powerValues": [size], "num": 5, "onlyColdStarts": false,
                "createdAt": TIMES[0]}),
            ),
            ("configuration", json!({"alias": made.alias(), "state": "ready", "version": "1"})),
            ("invocation", json!({"durationMs": 1, "billedDurationMs": 1, "version": "1"})),
            ("statistics", json!({"currency": "USD", "invocations": 9})),
            ("selection", json!({"strategy": "cost", "currency": "USD"})),
            (
                "applied",
                json!({"alias": "live", "state": "applying", "versionDescription": made.for_alias()}),
            ),
            (
                "cleaned",
                json!({"aliasesDeleted": [], "versionsDeleted": ["1"], "memoryRestored": false, "left": []}),
            ),
            ("end", json!({"tool": "lpt-prepare", "records": 1, "status": "complete"})),
        ];
        fields.map(|(name, fields)| {
            let mut record = json!({"type": name});
            for part in [of_function.clone(), fields] {
                let part = part.as_object().expect("an object").clone();
                record.as_object_mut().expect("an object").extend(part);
            }
            record
        })
    };
    (made(), made(), any::<Index>(), option::of((any::<Index>(), any::<Index>()))).prop_map(
        move |(made, other, which, edit)| {
            let mut record = which.get(&records(made)).clone();
            let fields = record.as_object_mut().expect("an object");
            if let Some((field, value)) = edit {
                let keys: Vec<String> = fields.keys().cloned().collect();
                let values = [
                    Value::Null,
                    json!(""),
                    json!(other.run),
                    json!(other.version()),
                    json!(other.for_alias()),
                    json!("$LATEST"),
                    json!("*"),
                    json!(other.size),
                    json!(["1", "2"]),
                ];
                fields.insert(field.get(&keys).clone(), value.get(&values).clone());
            }
            record.to_string()
        },
    )
}

/// Returns the versions and aliases of an account that has all of these.
fn listed(planted: &[Planted]) -> (Vec<ListedVersion>, Vec<ListedAlias>) {
    let numbered = || planted.iter().zip(1_u32..);
    let version = |number: u32| number.to_string().parse::<Version>().expect("a version");
    let versions = numbered().map(|(planted, number)| ListedVersion {
        version: version(number),
        description: planted.description.clone(),
        memory: MemoryMB::new(planted.memory),
    });
    let aliases = numbered().filter_map(|(planted, number)| {
        let (name, description) = planted.alias.clone()?;
        Some(ListedAlias {
            name: name.parse().ok()?,
            version: Some(version(number)),
            additional_versions: Vec::new(),
            description,
        })
    });
    (versions.collect(), aliases.collect())
}

#[test]
fn a_version_for_an_alias_that_gets_a_part_of_the_traffic_is_the_users() {
    let work = Work { run: RUNS[0], size: SIZES[0], time: TIMES[0], index: None };
    let version: Version = "1".parse().expect("a version");
    let other: Version = "2".parse().expect("a version");
    let versions =
        [ListedVersion { version, description: work.for_alias(), memory: MemoryMB::new(work.size) }];
    let alias = |additional_versions| ListedAlias {
        name: "live".parse().expect("a name"),
        version: Some(other),
        additional_versions,
        description: String::new(),
    };
    let made = |additional| Made::of(&work.latest(), &versions, &[alias(additional)]).for_alias.len();
    assert_eq!((made(Vec::new()), made(vec![version])), (1, 0));
}

/// Returns the runs whose things the records let lpt-cleanup remove.
fn runs_named_in(records: &[String]) -> BTreeSet<RunId> {
    let mut targets = Targets::default();
    let (mut upstream, mut writer) = (Upstream::default(), Writer::new(Vec::new()));
    for line in Lines::of_text("stdin", records.join("\n")) {
        // A line that is not a record stops nothing.
        let _ = targets.handle(&line.expect("readable"), &mut upstream, &mut writer);
    }
    let of_function = targets.runs.keys().filter(|(_, function)| function.to_string() == FUNCTION);
    of_function.map(|(run_id, _)| *run_id).collect()
}

proptest! {
    #[test]
    fn exactly_what_a_run_made_is_removed_whatever_the_records_say(
        planted in vec(planted(), 1..12),
        records in vec(record(), 0..12),
        latest in option::of((made(), option::weighted(0.3, any::<Index>()))),
    ) {
        let (versions, aliases) = listed(&planted);
        let description = match latest {
            None => "mine".to_owned(),
            Some((made, None)) => made.latest(),
            Some((made, Some(index))) => index.get(&close_to(&made.latest())).clone(),
        };
        let is_beside = |made: &Work| {
            latest.is_some_and(|(latest, edited)| {
                edited.is_none() && (latest.run, latest.size, latest.time) == (made.run, made.size, made.time)
            })
        };
        let runs = runs_named_in(&records);
        let is_named = |made: &Work| runs.contains(&made.run.parse().expect("an id"));
        let is_own = |planted: &Planted| match &planted.is {
            Some((Kind::ToMeasure, made)) => is_named(made),
            Some((Kind::ForAlias, made)) => is_named(made) && is_beside(made) && planted.alias.is_none(),
            None => false,
        };
        let numbers = |is: &dyn Fn(&Planted) -> bool| -> BTreeSet<String> {
            let numbered = planted.iter().zip(1_u32..).filter(|(planted, _)| is(planted));
            numbered.map(|(_, number)| number.to_string()).collect()
        };

        let all = Made::of(&description, &versions, &aliases);
        let removed: Vec<_> = runs.iter().map(|run_id| all.clone().by(*run_id)).collect();
        let removed_versions: BTreeSet<String> =
            removed.iter().flat_map(|made| made.versions()).map(|own| own.version().to_string()).collect();
        let removed_aliases: BTreeSet<String> =
            removed.iter().flat_map(|made| &made.aliases).map(|own| own.version().to_string()).collect();
        prop_assert_eq!(removed_versions, numbers(&is_own));
        prop_assert_eq!(removed_aliases, numbers(&|planted| planted.has_own_alias && is_own(planted)));
    }
}
