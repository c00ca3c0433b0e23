//! The tests of the store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::alias::Alias;
use super::aliases::AliasUpdate;
use super::functions::{NewVersionIf, Publish, ResolvedTarget, Rules, Store};
use super::moment::Moment;
use super::version::Version;
use crate::local::function::{AccountRegion, Code, Configuration, FunctionId, Qualifier, Runtime, Target};
use crate::local::refusal::{Exception, Refusal};
use crate::units::MemoryMB;

const DELAY: Duration = Duration::from_millis(100);

const RULES: Rules = Rules {
    update_delay: DELAY,
    version_delay: DELAY,
    new_version_if: NewVersionIf::LatestChanged,
    pending_version_refuses: false,
};

/// A store with the function `f`, and a clock that the test moves.
struct Fixture {
    store: Store,
    now: Moment,
}

impl Fixture {
    fn new() -> Fixture {
        Fixture::publishing(NewVersionIf::LatestChanged)
    }

    fn publishing(new_version_if: NewVersionIf) -> Fixture {
        Fixture::with(Rules { new_version_if, ..RULES })
    }

    fn with(rules: Rules) -> Fixture {
        let mut store = Store::new(rules);
        let now = Moment::now();
        let runtime = Runtime::parse("provided.al2023").unwrap();
        let configuration = Configuration::new(&id(), runtime, "bootstrap".to_owned());
        // Code that is never started can be any folder, such as this source.
        let code = Code::open(Path::new("src/local"), Path::new("/nowhere")).unwrap();
        store.create(&id(), configuration, code, BTreeMap::new(), now).unwrap();
        let mut fixture = Fixture { store, now };
        fixture.wait();
        fixture
    }

    fn wait(&mut self) {
        self.now.instant += DELAY;
    }

    fn resize(&mut self, memory: u32) -> Result<Version, Refusal> {
        self.resize_if(memory, None)
    }

    fn resize_if(&mut self, memory: u32, revision: Option<&str>) -> Result<Version, Refusal> {
        let change = |configuration: &mut Configuration, _: &mut Arc<Code>| {
            configuration.memory = MemoryMB::new(memory).unwrap();
            Ok(())
        };
        self.store.update(&id(), revision, change, self.now)
    }

    fn publish(&mut self) -> Result<u64, Refusal> {
        let version = self.store.publish(&id(), &Publish::default(), self.now)?;
        Ok(version.number.unwrap())
    }

    /// Publishes with a description, and returns the version's number and description.
    fn publish_described(&mut self, description: &str) -> (u64, String) {
        let publish = Publish { description: Some(description.to_owned()), ..Publish::default() };
        let version = self.store.publish(&id(), &publish, self.now).unwrap();
        (version.number.unwrap(), version.configuration.description)
    }

    /// Resizes, waits and publishes.
    fn publish_with(&mut self, memory: u32) -> u64 {
        self.resize(memory).unwrap();
        self.wait();
        self.publish().unwrap()
    }

    fn alias(&mut self, name: &str, version: u64) -> Result<Alias, Refusal> {
        self.weighted(name, &version.to_string(), &[])
    }

    fn weighted(&mut self, name: &str, version: &str, weights: &[(&str, f64)]) -> Result<Alias, Refusal> {
        self.store.create_alias(&id(), name, version, String::new(), weights_of(weights), self.now)
    }

    fn delete(&mut self, qualifier: Option<Qualifier>) -> Result<(), Refusal> {
        self.store.delete(&target(qualifier), self.now)
    }

    fn invoke(&mut self, qualifier: Option<Qualifier>) -> Result<ResolvedTarget, Refusal> {
        self.store.invoke(&target(qualifier), 0.5, self.now)
    }

    fn revision(&mut self) -> String {
        let now = self.now;
        self.store.version(&target(None), now).unwrap().revision.to_string()
    }
}

fn weights_of(weights: &[(&str, f64)]) -> BTreeMap<String, f64> {
    weights.iter().map(|(version, weight)| ((*version).to_owned(), *weight)).collect()
}

fn id() -> FunctionId {
    in_region("us-east-1")
}

fn in_region(region: &str) -> FunctionId {
    let account_region = AccountRegion { account: "123456789012".to_owned(), region: region.to_owned() };
    FunctionId { account_region, name: "f".to_owned() }
}

fn target(qualifier: Option<Qualifier>) -> Target {
    Target { function: id(), qualifier }
}

#[test]
fn a_name_is_taken_in_one_account_and_region_only() {
    let Fixture { mut store, now } = Fixture::new();
    let mut in_other_account = id();
    in_other_account.account_region.account = "210987654321".to_owned();
    for other in [in_region("eu-west-1"), in_other_account] {
        let latest = store.version(&target(None), now).unwrap().clone();
        let code = Code::open(Path::new("src/local"), Path::new("/nowhere")).unwrap();
        store.create(&other, latest.configuration, code, BTreeMap::new(), now).unwrap();
        let listed: Vec<FunctionId> = store
            .functions(&other.account_region, "", now)
            .map(|(function, _)| function.id.clone())
            .collect();
        assert_eq!(listed, [other]);
    }
    store.delete(&target(None), now).unwrap();
    assert_eq!(store.functions.len(), 2);
}

#[test]
fn publishing_without_a_change_returns_the_last_version() {
    let mut f = Fixture::new();
    assert_eq!(f.publish(), Ok(1));
    assert_eq!(f.publish(), Ok(1));
    assert_eq!(f.publish_with(256), 2);
    assert_eq!(f.publish(), Ok(2));
    // The configuration of version 1 again is a change since the last publish.
    assert_eq!(f.publish_with(128), 3);
}

#[test]
fn a_description_of_its_own_makes_a_new_version_in_one_reading_only() {
    let mut f = Fixture::publishing(NewVersionIf::LatestOrDescriptionChanged);
    assert_eq!(f.publish(), Ok(1));
    assert_eq!(f.publish_described("tuning"), (2, "tuning".to_owned()));
    assert_eq!(f.publish_described("tuning"), (2, "tuning".to_owned()));
    let mut f = Fixture::publishing(NewVersionIf::LatestChanged);
    assert_eq!(f.publish_described("release 1"), (1, "release 1".to_owned()));
    assert_eq!(f.publish_described("tuning"), (1, "release 1".to_owned()));
    f.resize(256).unwrap();
    f.wait();
    assert_eq!(f.publish_described("tuning"), (2, "tuning".to_owned()));
}

#[test]
fn a_version_number_is_not_used_twice() {
    let mut f = Fixture::new();
    assert_eq!(f.publish(), Ok(1));
    f.delete(Some(Qualifier::Version(1))).unwrap();
    assert_eq!(f.publish(), Ok(2));
}

#[test]
fn a_version_with_an_alias_cannot_be_deleted() {
    let mut f = Fixture::new();
    f.publish().unwrap();
    f.publish_with(256);
    f.alias("live", 1).unwrap();
    f.weighted("canary", "1", &[("2", 0.1)]).unwrap();
    for number in [1, 2] {
        let refusal = f.delete(Some(Qualifier::Version(number))).unwrap_err();
        assert_eq!(refusal.exception(), Exception::ResourceConflict);
    }
    f.store.delete_alias(&id(), "canary", f.now).unwrap();
    f.delete(Some(Qualifier::Version(2))).unwrap();
    f.delete(None).unwrap();
    assert_eq!(f.publish().unwrap_err().exception(), Exception::ResourceNotFound);
}

#[test]
fn latest_and_aliases_cannot_be_deleted_as_versions() {
    let mut f = Fixture::new();
    for qualifier in [Qualifier::Latest, Qualifier::Alias("live".to_owned())] {
        let refusal = f.delete(Some(qualifier)).unwrap_err();
        assert_eq!(refusal.exception(), Exception::InvalidParameterValue);
    }
    let refusal = f.delete(Some(Qualifier::Version(9))).unwrap_err();
    assert_eq!(refusal.exception(), Exception::ResourceNotFound);
}

#[test]
fn a_change_is_refused_while_another_is_in_progress() {
    let mut f = Fixture::new();
    assert!(f.resize(256).unwrap().is_updating());
    assert_eq!(f.resize(512).unwrap_err().exception(), Exception::ResourceConflict);
    assert_eq!(f.publish().unwrap_err().exception(), Exception::ResourceConflict);
    f.wait();
    assert_eq!(f.publish(), Ok(1));
}

#[test]
fn invocations_run_the_old_configuration_until_the_new_one_takes_effect() {
    let mut f = Fixture::new();
    let before = f.invoke(None).unwrap().runnable;
    f.resize(256).unwrap();
    assert_eq!(f.invoke(None).unwrap().runnable.generation, before.generation);
    f.wait();
    let after = f.invoke(None).unwrap().runnable;
    assert_ne!(after.generation, before.generation);
    assert_eq!(after.configuration.memory.get(), 256);
}

#[test]
fn a_pending_version_cannot_be_invoked() {
    let mut f = Fixture::new();
    f.publish().unwrap();
    let refusal = f.invoke(Some(Qualifier::Version(1))).unwrap_err();
    assert_eq!(refusal.exception(), Exception::ResourceConflict);
    f.wait();
    let invoked = f.invoke(Some(Qualifier::Version(1))).unwrap();
    assert_eq!(invoked.runnable.version, "1");
    assert_eq!(invoked.arn, "arn:aws:lambda:us-east-1:123456789012:function:f:1");
}

#[test]
fn a_pending_version_keeps_latest_from_changing_only_where_it_is_said_to() {
    let version_delay = 10 * DELAY;
    let mut f = Fixture::with(Rules { version_delay, ..RULES });
    f.publish().unwrap();
    f.resize(256).unwrap();
    f.wait();
    assert_eq!(f.publish(), Ok(2));
    assert!(f.invoke(Some(Qualifier::Version(1))).is_err(), "it is pending");

    let mut f = Fixture::with(Rules { version_delay, pending_version_refuses: true, ..RULES });
    f.publish().unwrap();
    f.wait();
    assert_eq!(f.resize(256).unwrap_err().exception(), Exception::ResourceConflict);
    assert_eq!(f.publish().unwrap_err().exception(), Exception::ResourceConflict);
    f.now.instant += version_delay;
    f.resize(256).unwrap();
}

#[test]
fn a_change_and_its_completion_each_make_a_revision() {
    let mut f = Fixture::new();
    let created = f.revision();
    f.resize(256).unwrap();
    let updating = f.revision();
    f.wait();
    let updated = f.revision();
    f.publish().unwrap();
    let published = f.revision();
    let of_version =
        |f: &mut Fixture| f.store.version(&target(Some(Qualifier::Version(1))), f.now).unwrap().revision;
    let pending = of_version(&mut f);
    f.wait();
    let active = of_version(&mut f);
    let of_version = [pending, active].map(|revision| revision.to_string());
    let all = [created, updating, updated, published.clone()].into_iter().chain(of_version);
    assert_eq!(all.collect::<BTreeSet<_>>().len(), 6);
    assert_eq!(f.publish(), Ok(1));
    assert_eq!(f.revision(), published, "publishing nothing changes nothing");
}

#[test]
fn a_stale_revision_is_refused_and_changes_nothing() {
    let mut f = Fixture::new();
    let stale = f.revision();
    f.resize(256).unwrap();
    f.wait();
    let refusal = f.resize_if(512, Some(&stale)).unwrap_err();
    assert_eq!(refusal.exception(), Exception::PreconditionFailed);
    let fresh = f.revision();
    assert!(f.resize_if(512, Some(&fresh)).is_ok());
    let publish = Publish { revision: Some(stale), ..Publish::default() };
    f.wait();
    let refusal = f.store.publish(&id(), &publish, f.now).unwrap_err();
    assert_eq!(refusal.exception(), Exception::PreconditionFailed);
}

#[test]
fn an_alias_has_a_revision_of_its_own() {
    let mut f = Fixture::new();
    f.publish().unwrap();
    f.publish_with(256);
    let created = f.alias("live", 1).unwrap();
    let update = |revision: &Uuid| AliasUpdate {
        version: Some("2".to_owned()),
        revision: Some(revision.to_string()),
        ..AliasUpdate::default()
    };
    let moved = f.store.update_alias(&id(), "live", update(&created.revision), f.now).unwrap();
    assert_eq!(moved.version, Qualifier::Version(2));
    let refusal = f.store.update_alias(&id(), "live", update(&created.revision), f.now).unwrap_err();
    assert_eq!(refusal.exception(), Exception::PreconditionFailed);
}

/// Which weights AWS accepts: <https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html>.
#[test]
fn an_alias_has_one_other_published_version_besides_its_own() {
    let mut f = Fixture::new();
    f.publish().unwrap();
    f.publish_with(256);
    f.publish_with(512);
    let (invalid, validation) = (Exception::InvalidParameterValue, Exception::Validation);
    for (version, weights, exception, words) in [
        ("1", &[("1", 0.1)][..], invalid, "already included in routing configuration"),
        ("1", &[("2", 0.1), ("3", 0.1)], invalid, "greater than 1"),
        ("$LATEST", &[("1", 0.1)], invalid, "$LATEST is not supported"),
        ("1", &[("$LATEST", 0.1)], validation, "[0-9]+"),
        ("1", &[("live", 0.1)], validation, "[0-9]+"),
        ("1", &[("2", 1.1)], validation, "from 0.0 to 1.0"),
        ("1", &[("2", f64::NAN)], validation, "from 0.0 to 1.0"),
        ("live", &[], validation, "functionVersion"),
        ("1", &[("9", 0.1)], Exception::ResourceNotFound, "function:f:9"),
    ] {
        let refusal = f.weighted("canary", version, weights).unwrap_err();
        assert_eq!(refusal.exception(), exception, "{version} {weights:?}: {refusal}");
        assert!(refusal.to_string().contains(words), "{version} {weights:?}: {refusal}");
    }
    f.weighted("canary", "1", &[("2", 0.1)]).unwrap();
}

#[test]
fn the_weights_that_an_update_leaves_out_must_suit_its_version() {
    let mut f = Fixture::new();
    f.publish().unwrap();
    f.publish_with(256);
    f.weighted("canary", "1", &[("2", 0.1)]).unwrap();
    let to = |version: &str| AliasUpdate { version: Some(version.to_owned()), ..AliasUpdate::default() };
    for version in ["2", "$LATEST"] {
        let refusal = f.store.update_alias(&id(), "canary", to(version), f.now).unwrap_err();
        assert_eq!(refusal.exception(), Exception::InvalidParameterValue, "{refusal}");
    }
    let without_weights = AliasUpdate { weights: Some(BTreeMap::new()), ..to("2") };
    let moved = f.store.update_alias(&id(), "canary", without_weights, f.now).unwrap();
    assert_eq!((moved.version, moved.weights), (Qualifier::Version(2), BTreeMap::new()));
}

#[test]
fn both_versions_of_an_alias_have_one_role() {
    let mut f = Fixture::new();
    f.publish().unwrap();
    let change = |configuration: &mut Configuration, _: &mut Arc<Code>| {
        configuration.role = "arn:aws:iam::123456789012:role/other".to_owned();
        Ok(())
    };
    f.store.update(&id(), None, change, f.now).unwrap();
    f.wait();
    f.publish().unwrap();
    let refusal = f.weighted("canary", "1", &[("2", 0.1)]).unwrap_err();
    assert!(refusal.to_string().contains("execution role"), "{refusal}");
}

#[test]
fn a_description_has_at_most_256_characters() {
    let mut f = Fixture::new();
    let publish = |length| Publish { description: Some("x".repeat(length)), ..Publish::default() };
    let refusal = f.store.publish(&id(), &publish(257), f.now).unwrap_err();
    assert_eq!(refusal.exception(), Exception::Validation);
    f.store.publish(&id(), &publish(256), f.now).unwrap();
    let create = |f: &mut Fixture, length| {
        f.store.create_alias(&id(), "live", "1", "x".repeat(length), BTreeMap::new(), f.now)
    };
    assert_eq!(create(&mut f, 257).unwrap_err().exception(), Exception::Validation);
    create(&mut f, 256).unwrap();
    let update = AliasUpdate { description: Some("ä".repeat(257)), ..AliasUpdate::default() };
    let refusal = f.store.update_alias(&id(), "live", update, f.now).unwrap_err();
    assert_eq!(refusal.exception(), Exception::Validation);
}

#[test]
fn the_name_of_an_alias_is_not_a_number() {
    let mut f = Fixture::new();
    f.publish().unwrap();
    assert_eq!(f.alias("7", 1).unwrap_err().exception(), Exception::Validation);
    f.alias("7th", 1).unwrap();
}

#[test]
fn an_alias_points_at_versions_that_exist() {
    let mut f = Fixture::new();
    assert_eq!(f.alias("live", 1).unwrap_err().exception(), Exception::ResourceNotFound);
    f.publish().unwrap();
    f.alias("live", 1).unwrap();
    assert_eq!(f.alias("live", 1).unwrap_err().exception(), Exception::ResourceConflict);
}

#[test]
fn the_pages_of_a_list_leave_nothing_out() {
    let mut f = Fixture::new();
    for memory in 128..133 {
        f.publish_with(memory);
    }
    let mut seen = Vec::new();
    let mut next_start = Some(0);
    while let Some(start) = next_start {
        let (page, next) = f.store.versions(&id(), start, 2, f.now).unwrap();
        assert!(page.len() <= 2);
        seen.extend(page.iter().map(Version::label));
        next_start = next;
    }
    assert_eq!(seen, ["$LATEST", "1", "2", "3", "4", "5"]);
    for (name, version) in [("a", 1), ("b", 2), ("c", 1)] {
        f.alias(name, version).unwrap();
    }
    let (page, next) = f.store.aliases(&id(), None, "", 2).unwrap();
    assert_eq!((page.len(), next), (2, Some("c")));
    let (page, next) = f.store.aliases(&id(), Some("1"), "", 50).unwrap();
    assert_eq!((page.len(), next), (2, None));
}
