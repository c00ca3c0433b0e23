//! Functions, their versions and aliases, and what may be done with them when. Pure state: it starts
//! nothing and waits for nothing; time is handed in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use uuid::Uuid;

use super::code::Code;
use super::function::{Configuration, Runnable};
use super::name::{FunctionId, Home, Qualifier, Target, check_word};
use super::refusal::Refusal;

/// All functions of the service.
#[derive(Debug)]
pub struct Store {
    update_delay: Duration,
    functions: BTreeMap<FunctionId, Function>,
    generations: u64,
}

/// Now, by the clock that only goes forward and by the one that people read.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    pub instant: Instant,
    pub date: OffsetDateTime,
}

impl Now {
    /// The present.
    pub fn get() -> Now {
        Now { instant: Instant::now(), date: OffsetDateTime::now_utc() }
    }
}

/// One function.
#[derive(Debug)]
pub struct Function {
    pub id: FunctionId,
    latest: Version,
    published: BTreeMap<u64, Version>,
    /// The last number that was given out: none is given twice, even after its version is deleted.
    last_number: u64,
    aliases: BTreeMap<String, Alias>,
    pub tags: BTreeMap<String, String>,
}

/// `$LATEST`, or what it was when it was published.
#[derive(Debug, Clone)]
pub struct Version {
    /// None is `$LATEST`.
    pub number: Option<u64>,
    pub configuration: Configuration,
    pub code: Arc<Code>,
    pub modified: OffsetDateTime,
    pub revision: Uuid,
    progress: Progress,
    /// What invocations run: the state before a change, until the change is in force.
    serving: Arc<Runnable>,
}

/// How far a creation or a change is; all of them take a while.
#[derive(Debug, Clone)]
enum Progress {
    Creating { until: Instant },
    Updating { until: Instant, next: Arc<Runnable> },
    Settled,
}

/// A name for a version.
#[derive(Debug, Clone)]
pub struct Alias {
    pub name: String,
    pub version: Qualifier,
    pub description: String,
    /// Versions that get a share of the invocations instead.
    pub weights: BTreeMap<String, f64>,
    pub revision: Uuid,
}

impl Version {
    /// `$LATEST` or its number.
    pub fn label(&self) -> String {
        match self.number {
            Some(number) => number.to_string(),
            None => "$LATEST".to_owned(),
        }
    }

    /// Whether it can not yet be invoked.
    pub fn is_pending(&self) -> bool {
        matches!(self.progress, Progress::Creating { .. })
    }

    /// Whether a change is not yet in force.
    pub fn is_updating(&self) -> bool {
        matches!(self.progress, Progress::Updating { .. })
    }

    /// Lets what is due come into force.
    fn settle(&mut self, now: Now) {
        match &self.progress {
            Progress::Creating { until } if *until <= now.instant => {}
            Progress::Updating { until, next } if *until <= now.instant => {
                self.serving = Arc::clone(next);
                // Lambda's own bookkeeping is a revision like any other.
                self.revision = Uuid::new_v4();
            }
            _ => return,
        }
        self.progress = Progress::Settled;
    }

    fn check_revision(&self, expected: Option<&str>) -> Result<(), Refusal> {
        check_revision(self.revision, expected)
    }
}

fn check_revision(actual: Uuid, expected: Option<&str>) -> Result<(), Refusal> {
    match expected {
        Some(expected) if expected != actual.to_string() => Err(Refusal::stale_revision()),
        _ => Ok(()),
    }
}

/// What PublishVersion can ask for.
#[derive(Debug, Default)]
pub struct Publish {
    pub code_sha256: Option<String>,
    pub description: Option<String>,
    pub revision: Option<String>,
}

/// What UpdateAlias can ask for.
#[derive(Debug, Default)]
pub struct AliasUpdate {
    pub version: Option<String>,
    pub description: Option<String>,
    pub weights: Option<BTreeMap<String, f64>>,
    pub revision: Option<String>,
}

/// Which function and version an invocation runs, and what it was called.
#[derive(Debug)]
pub struct Invoked {
    pub runnable: Arc<Runnable>,
    pub arn: String,
}

impl Store {
    /// A store without functions.
    pub fn new(update_delay: Duration) -> Store {
        Store { update_delay, functions: BTreeMap::new(), generations: 0 }
    }

    /// How long a change takes to come into force.
    pub fn update_delay(&self) -> Duration {
        self.update_delay
    }

    /// The functions of one account in one region, by name, from the name `from` on.
    pub fn functions(
        &mut self,
        home: &Home,
        from: &str,
        now: Now,
    ) -> impl Iterator<Item = (&Function, &Version)> {
        let first = FunctionId { home: home.clone(), name: from.to_owned() };
        self.functions.range_mut(first..).take_while(move |(id, _)| id.home == *home).map(
            move |(_, function)| {
                function.latest.settle(now);
                (&*function, &function.latest)
            },
        )
    }

    /// A function, wherever it is.
    pub fn function(&self, id: &FunctionId) -> Result<&Function, Refusal> {
        self.functions.get(id).ok_or_else(|| no_function(id))
    }

    fn function_mut(&mut self, id: &FunctionId, now: Now) -> Result<&mut Function, Refusal> {
        let function = self.functions.get_mut(id).ok_or_else(|| no_function(id))?;
        function.latest.settle(now);
        Ok(function)
    }

    fn runnable(
        &mut self,
        id: &FunctionId,
        version: String,
        configuration: &Configuration,
        code: &Arc<Code>,
    ) -> Arc<Runnable> {
        self.generations += 1;
        Arc::new(Runnable {
            function: id.clone(),
            version,
            generation: self.generations,
            configuration: configuration.clone(),
            code: Arc::clone(code),
        })
    }

    /// CreateFunction.
    pub fn create(
        &mut self,
        id: &FunctionId,
        configuration: Configuration,
        code: Code,
        tags: BTreeMap<String, String>,
        now: Now,
    ) -> Result<Version, Refusal> {
        check_word(&id.name, 64)?;
        if self.functions.contains_key(id) {
            return Err(Refusal::conflict(format!("Function already exist: {}", id.name)));
        }
        let code = Arc::new(code);
        let serving = self.runnable(id, "$LATEST".to_owned(), &configuration, &code);
        let latest = Version {
            number: None,
            configuration,
            code,
            modified: now.date,
            revision: Uuid::new_v4(),
            progress: Progress::Creating { until: now.instant + self.update_delay },
            serving,
        };
        let function = Function {
            id: id.clone(),
            latest: latest.clone(),
            published: BTreeMap::new(),
            last_number: 0,
            aliases: BTreeMap::new(),
            tags,
        };
        self.functions.insert(id.clone(), function);
        Ok(latest)
    }

    /// What the request means, settled, for the Get calls.
    pub fn version(&mut self, target: &Target, now: Now) -> Result<&Version, Refusal> {
        let missing = Refusal::not_found("Function", &target.to_string());
        let function = self.function_mut(&target.function, now)?;
        let number = match &target.qualifier {
            None | Some(Qualifier::Latest) => None,
            Some(Qualifier::Version(number)) => Some(*number),
            Some(Qualifier::Alias(alias)) => match function.aliases.get(alias).map(|alias| &alias.version) {
                Some(Qualifier::Version(number)) => Some(*number),
                Some(_) => None,
                None => return Err(missing),
            },
        };
        let version = match number {
            None => &mut function.latest,
            Some(number) => function.published.get_mut(&number).ok_or(missing)?,
        };
        version.settle(now);
        Ok(version)
    }

    /// What an invocation runs. `draw`, from 0 to 1, decides where an alias splits its invocations.
    pub fn invoke(&mut self, target: &Target, draw: f64, now: Now) -> Result<Invoked, Refusal> {
        let arn = target.to_string();
        let mut target = target.clone();
        if let Some(Qualifier::Alias(name)) = &target.qualifier
            && let Some(alias) = self.function(&target.function)?.aliases.get(name)
        {
            target.qualifier = Some(alias.draw(draw)?);
        }
        let version = self.version(&target, now)?;
        if version.is_pending() {
            return Err(pending());
        }
        Ok(Invoked { runnable: Arc::clone(&version.serving), arn })
    }

    /// UpdateFunctionConfiguration and UpdateFunctionCode: `change` gets what is to be changed.
    pub fn update(
        &mut self,
        id: &FunctionId,
        revision: Option<&str>,
        change: impl FnOnce(&mut Configuration, &mut Arc<Code>) -> Result<(), Refusal>,
        now: Now,
    ) -> Result<Version, Refusal> {
        let until = now.instant + self.update_delay;
        let function = self.function_mut(id, now)?;
        let latest = &function.latest;
        check_settled(latest, id)?;
        latest.check_revision(revision)?;
        let (mut configuration, mut code) = (latest.configuration.clone(), Arc::clone(&latest.code));
        change(&mut configuration, &mut code)?;
        let next = self.runnable(id, "$LATEST".to_owned(), &configuration, &code);
        let latest = &mut self.function_mut(id, now)?.latest;
        latest.configuration = configuration;
        latest.code = code;
        latest.modified = now.date;
        latest.revision = Uuid::new_v4();
        latest.progress = Progress::Updating { until, next };
        Ok(latest.clone())
    }

    /// PublishVersion. Makes none where code and configuration are those of the last one that was published.
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html>
    pub fn publish(&mut self, id: &FunctionId, publish: &Publish, now: Now) -> Result<Version, Refusal> {
        let function = self.function_mut(id, now)?;
        let latest = &function.latest;
        check_settled(latest, id)?;
        latest.check_revision(publish.revision.as_deref())?;
        if let Some(sha256) = &publish.code_sha256
            && *sha256 != latest.code.sha256
        {
            return Err(Refusal::invalid(format!(
                "CodeSHA256 ({sha256}) is different from current CodeSHA256 in $LATEST ({}). \
                 Please try again with the CodeSHA256 in $LATEST.",
                latest.code.sha256
            )));
        }
        self.publish_latest(id, publish.description.as_deref(), now)
    }

    /// What `Publish: true` does in the same request that creates or changes the function, which is
    /// therefore still at it.
    pub fn publish_latest(
        &mut self,
        id: &FunctionId,
        description: Option<&str>,
        now: Now,
    ) -> Result<Version, Refusal> {
        let until = now.instant + self.update_delay;
        let function = self.function_mut(id, now)?;
        let mut version = function.latest.clone();
        if let Some(description) = description {
            version.configuration.description = description.to_owned();
        }
        if let Some(last) = function.published.get_mut(&function.last_number)
            && last.configuration == version.configuration
            && last.code.sha256 == version.code.sha256
        {
            last.settle(now);
            return Ok(last.clone());
        }
        let number = function.last_number + 1;
        version.number = Some(number);
        version.revision = Uuid::new_v4();
        version.progress = Progress::Creating { until };
        version.serving = self.runnable(id, number.to_string(), &version.configuration, &version.code);
        let function = self.function_mut(id, now)?;
        function.last_number = number;
        function.published.insert(number, version.clone());
        // Lambda gives $LATEST a new revision too, as those found who compared an imitation with it:
        // localstack/localstack, services/lambda_/provider.py, _publish_version_from_existing_version.
        function.latest.revision = Uuid::new_v4();
        Ok(version)
    }

    /// `$LATEST` and then the published versions, oldest first, from `from` on: at most `most`, and where
    /// the next page begins.
    pub fn versions(
        &mut self,
        id: &FunctionId,
        from: u64,
        most: usize,
        now: Now,
    ) -> Result<(Vec<Version>, Option<u64>), Refusal> {
        let function = self.function_mut(id, now)?;
        let latest = (from == 0).then_some(&function.latest);
        let mut versions =
            latest.into_iter().chain(function.published.range(from..).map(|(_, version)| version));
        let page: Vec<Version> = versions.by_ref().take(most).cloned().collect();
        let next = versions.next().and_then(|version| version.number);
        Ok((page, next))
    }

    /// DeleteFunction: one version, or without a qualifier all that there is of the function.
    pub fn delete(&mut self, target: &Target, now: Now) -> Result<(), Refusal> {
        let function = self.function_mut(&target.function, now)?;
        match &target.qualifier {
            None => {
                self.functions.remove(&target.function);
                Ok(())
            }
            Some(Qualifier::Latest) => {
                Err(Refusal::invalid("$LATEST version cannot be deleted without deleting the function."))
            }
            Some(Qualifier::Alias(_)) => {
                Err(Refusal::invalid("Deletion of aliases is not currently supported."))
            }
            Some(Qualifier::Version(number)) => {
                let pointing: Vec<&str> = function
                    .aliases
                    .values()
                    .filter(|alias| alias.points_at(*number))
                    .map(|alias| alias.name.as_str())
                    .collect();
                if !pointing.is_empty() {
                    return Err(Refusal::conflict(format!(
                        "Unable to delete version because the following aliases reference it: [{}]",
                        pointing.join(", ")
                    )));
                }
                match function.published.remove(number) {
                    Some(_) => Ok(()),
                    None => Err(Refusal::not_found("Function", &target.to_string())),
                }
            }
        }
    }

    /// CreateAlias.
    pub fn create_alias(
        &mut self,
        id: &FunctionId,
        alias: &str,
        version: &str,
        description: String,
        weights: BTreeMap<String, f64>,
        now: Now,
    ) -> Result<Alias, Refusal> {
        check_word(alias, 128)?;
        if !matches!(Qualifier::parse(alias)?, Qualifier::Alias(_)) {
            return Err(Refusal::invalid(format!("'{alias}' is the name of a version")));
        }
        let arn = id.qualified(alias);
        let version = self.pointable(id, version, now)?;
        self.check_weights(id, &weights, now)?;
        let function = self.function_mut(id, now)?;
        if function.aliases.contains_key(alias) {
            return Err(Refusal::conflict(format!("Alias already exists: {arn}")));
        }
        let made = Alias { name: alias.to_owned(), version, description, weights, revision: Uuid::new_v4() };
        function.aliases.insert(alias.to_owned(), made.clone());
        Ok(made)
    }

    /// GetAlias.
    pub fn alias(&self, id: &FunctionId, alias: &str) -> Result<&Alias, Refusal> {
        self.function(id)?.aliases.get(alias).ok_or_else(|| Refusal::not_found("Alias", &id.qualified(alias)))
    }

    /// UpdateAlias.
    pub fn update_alias(
        &mut self,
        id: &FunctionId,
        alias: &str,
        update: AliasUpdate,
        now: Now,
    ) -> Result<Alias, Refusal> {
        check_revision(self.alias(id, alias)?.revision, update.revision.as_deref())?;
        let version = match &update.version {
            Some(version) => Some(self.pointable(id, version, now)?),
            None => None,
        };
        if let Some(weights) = &update.weights {
            self.check_weights(id, weights, now)?;
        }
        let missing = Refusal::not_found("Alias", &id.qualified(alias));
        let alias = self.function_mut(id, now)?.aliases.get_mut(alias).ok_or(missing)?;
        if let Some(version) = version {
            alias.version = version;
        }
        if let Some(description) = update.description {
            alias.description = description;
        }
        if let Some(weights) = update.weights {
            alias.weights = weights;
        }
        alias.revision = Uuid::new_v4();
        Ok(alias.clone())
    }

    /// DeleteAlias; one that is not there is as good as deleted, as Lambda sees it.
    pub fn delete_alias(&mut self, id: &FunctionId, alias: &str, now: Now) -> Result<(), Refusal> {
        self.function_mut(id, now)?.aliases.remove(alias);
        Ok(())
    }

    /// The aliases by name, from `from` on, those that point at `version` where it is given: at most
    /// `most`, and where the next page begins.
    pub fn aliases(
        &self,
        id: &FunctionId,
        version: Option<&str>,
        from: &str,
        most: usize,
    ) -> Result<(Vec<&Alias>, Option<&str>), Refusal> {
        let version = version.map(Qualifier::parse).transpose()?;
        let mut aliases = self
            .function(id)?
            .aliases
            .range(from.to_owned()..)
            .map(|(_, alias)| alias)
            .filter(|alias| version.as_ref().is_none_or(|version| alias.version == *version));
        let page = aliases.by_ref().take(most).collect();
        Ok((page, aliases.next().map(|alias| alias.name.as_str())))
    }

    /// What an alias is asked to point at, if it is there.
    fn pointable(&mut self, id: &FunctionId, version: &str, now: Now) -> Result<Qualifier, Refusal> {
        let qualifier = Qualifier::parse(version)?;
        if matches!(qualifier, Qualifier::Alias(_)) {
            return Err(Refusal::invalid(format!("'{version}' is no version")));
        }
        let target = Target { function: id.clone(), qualifier: Some(qualifier.clone()) };
        self.version(&target, now)?;
        Ok(qualifier)
    }

    fn check_weights(
        &mut self,
        id: &FunctionId,
        weights: &BTreeMap<String, f64>,
        now: Now,
    ) -> Result<(), Refusal> {
        for (version, weight) in weights {
            self.pointable(id, version, now)?;
            if !(0.0..=1.0).contains(weight) {
                return Err(Refusal::invalid(format!(
                    "The weight {weight} of version {version} is not from 0 to 1"
                )));
            }
        }
        Ok(())
    }
}

impl Alias {
    fn points_at(&self, number: u64) -> bool {
        self.version == Qualifier::Version(number) || self.weights.contains_key(&number.to_string())
    }

    fn draw(&self, draw: f64) -> Result<Qualifier, Refusal> {
        let mut below = 0.0;
        for (version, weight) in &self.weights {
            below += weight;
            if draw < below {
                return Qualifier::parse(version);
            }
        }
        Ok(self.version.clone())
    }
}

fn no_function(id: &FunctionId) -> Refusal {
    Refusal::not_found("Function", &id.to_string())
}

/// A change has to wait until the one before it is in force.
fn check_settled(latest: &Version, id: &FunctionId) -> Result<(), Refusal> {
    if latest.is_pending() {
        return Err(pending());
    }
    if latest.is_updating() {
        return Err(Refusal::conflict(format!(
            "The operation cannot be performed at this time. An update is in progress for resource: {id}"
        )));
    }
    Ok(())
}

/// What Invoke answers too: <https://github.com/localstack/localstack/issues/6566> and many a log.
fn pending() -> Refusal {
    Refusal::conflict(
        "The operation cannot be performed at this time. \
         The function is currently in the following state: Pending",
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::function::Runtime;
    use super::super::refusal::Kind;
    use super::*;
    use crate::units::MemoryMB;

    const DELAY: Duration = Duration::from_millis(100);

    /// A store with the function `f`, and a clock that the test moves.
    struct Fixture {
        store: Store,
        now: Now,
    }

    impl Fixture {
        fn new() -> Fixture {
            let mut store = Store::new(DELAY);
            let now = Now::get();
            let runtime = Runtime::parse("provided.al2023").unwrap();
            let configuration = Configuration::new(&id(), runtime, "bootstrap".to_owned());
            // This test's own source is as good as any code that is not started.
            let code = Code::at(Path::new("src/local"), Path::new("/nowhere")).unwrap();
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

        /// Resizes, waits and publishes.
        fn publish_with(&mut self, memory: u32) -> u64 {
            self.resize(memory).unwrap();
            self.wait();
            self.publish().unwrap()
        }

        fn alias(&mut self, name: &str, version: u64) -> Result<Alias, Refusal> {
            self.store.create_alias(
                &id(),
                name,
                &version.to_string(),
                String::new(),
                BTreeMap::new(),
                self.now,
            )
        }

        fn delete(&mut self, qualifier: Option<Qualifier>) -> Result<(), Refusal> {
            self.store.delete(&target(qualifier), self.now)
        }

        fn invoke(&mut self, qualifier: Option<Qualifier>) -> Result<Invoked, Refusal> {
            self.store.invoke(&target(qualifier), 0.5, self.now)
        }

        fn revision(&mut self) -> String {
            let now = self.now;
            self.store.version(&target(None), now).unwrap().revision.to_string()
        }
    }

    fn id() -> FunctionId {
        in_region("us-east-1")
    }

    fn in_region(region: &str) -> FunctionId {
        let home = Home { account: "123456789012".to_owned(), region: region.to_owned() };
        FunctionId { home, name: "f".to_owned() }
    }

    fn target(qualifier: Option<Qualifier>) -> Target {
        Target { function: id(), qualifier }
    }

    #[test]
    fn a_name_is_taken_in_one_account_and_region_only() {
        let Fixture { mut store, now } = Fixture::new();
        let mut abroad = id();
        abroad.home.account = "210987654321".to_owned();
        for other in [in_region("eu-west-1"), abroad] {
            let latest = store.version(&target(None), now).unwrap().clone();
            let code = Code::at(Path::new("src/local"), Path::new("/nowhere")).unwrap();
            store.create(&other, latest.configuration, code, BTreeMap::new(), now).unwrap();
            let listed: Vec<FunctionId> =
                store.functions(&other.home, "", now).map(|(function, _)| function.id.clone()).collect();
            assert_eq!(listed, [other]);
        }
        store.delete(&target(None), now).unwrap();
        assert_eq!(store.functions.len(), 2);
    }

    #[test]
    fn publishing_what_has_not_changed_returns_the_last_version() {
        let mut f = Fixture::new();
        assert_eq!(f.publish(), Ok(1));
        assert_eq!(f.publish(), Ok(1));
        assert_eq!(f.publish_with(256), 2);
        assert_eq!(f.publish(), Ok(2));
        // Back to what version 1 is: still a change since the last publish.
        assert_eq!(f.publish_with(128), 3);
    }

    #[test]
    fn a_description_of_its_own_makes_a_version_new() {
        let mut f = Fixture::new();
        assert_eq!(f.publish(), Ok(1));
        let publish = Publish { description: Some("tuning".to_owned()), ..Publish::default() };
        let version = f.store.publish(&id(), &publish, f.now).unwrap();
        assert_eq!((version.number, version.configuration.description.as_str()), (Some(2), "tuning"));
        assert_eq!(f.store.publish(&id(), &publish, f.now).unwrap().number, Some(2));
    }

    #[test]
    fn no_number_is_given_twice() {
        let mut f = Fixture::new();
        assert_eq!(f.publish(), Ok(1));
        f.delete(Some(Qualifier::Version(1))).unwrap();
        assert_eq!(f.publish(), Ok(2));
    }

    #[test]
    fn a_version_that_an_alias_points_at_stays() {
        let mut f = Fixture::new();
        f.publish().unwrap();
        f.publish_with(256);
        f.alias("live", 1).unwrap();
        let weights = BTreeMap::from([("2".to_owned(), 0.1)]);
        f.store.create_alias(&id(), "canary", "1", String::new(), weights, f.now).unwrap();
        for number in [1, 2] {
            let refusal = f.delete(Some(Qualifier::Version(number))).unwrap_err();
            assert_eq!(refusal.kind(), Kind::ResourceConflict);
        }
        f.store.delete_alias(&id(), "canary", f.now).unwrap();
        f.delete(Some(Qualifier::Version(2))).unwrap();
        f.delete(None).unwrap();
        assert_eq!(f.publish().unwrap_err().kind(), Kind::ResourceNotFound);
    }

    #[test]
    fn latest_and_aliases_are_not_deleted_as_versions() {
        let mut f = Fixture::new();
        for qualifier in [Qualifier::Latest, Qualifier::Alias("live".to_owned())] {
            let refusal = f.delete(Some(qualifier)).unwrap_err();
            assert_eq!(refusal.kind(), Kind::InvalidParameterValue);
        }
        let refusal = f.delete(Some(Qualifier::Version(9))).unwrap_err();
        assert_eq!(refusal.kind(), Kind::ResourceNotFound);
    }

    #[test]
    fn a_change_is_refused_while_another_is_at_work() {
        let mut f = Fixture::new();
        assert!(f.resize(256).unwrap().is_updating());
        assert_eq!(f.resize(512).unwrap_err().kind(), Kind::ResourceConflict);
        assert_eq!(f.publish().unwrap_err().kind(), Kind::ResourceConflict);
        f.wait();
        assert_eq!(f.publish(), Ok(1));
    }

    #[test]
    fn invocations_run_the_old_configuration_until_the_new_one_is_in_force() {
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
        assert_eq!(refusal.kind(), Kind::ResourceConflict);
        f.wait();
        let invoked = f.invoke(Some(Qualifier::Version(1))).unwrap();
        assert_eq!(invoked.runnable.version, "1");
        assert_eq!(invoked.arn, "arn:aws:lambda:us-east-1:123456789012:function:f:1");
    }

    #[test]
    fn every_change_makes_a_revision_and_so_does_its_completion() {
        let mut f = Fixture::new();
        let created = f.revision();
        f.resize(256).unwrap();
        let updating = f.revision();
        f.wait();
        let updated = f.revision();
        f.publish().unwrap();
        let published = f.revision();
        let mut all = vec![&created, &updating, &updated, &published];
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 4);
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
        assert_eq!(refusal.kind(), Kind::PreconditionFailed);
        let fresh = f.revision();
        assert!(f.resize_if(512, Some(&fresh)).is_ok());
        let publish = Publish { revision: Some(stale), ..Publish::default() };
        f.wait();
        let refusal = f.store.publish(&id(), &publish, f.now).unwrap_err();
        assert_eq!(refusal.kind(), Kind::PreconditionFailed);
    }

    #[test]
    fn an_alias_has_a_revision_of_its_own() {
        let mut f = Fixture::new();
        f.publish().unwrap();
        f.publish_with(256);
        let made = f.alias("live", 1).unwrap();
        let update = |revision: &Uuid| AliasUpdate {
            version: Some("2".to_owned()),
            revision: Some(revision.to_string()),
            ..AliasUpdate::default()
        };
        let moved = f.store.update_alias(&id(), "live", update(&made.revision), f.now).unwrap();
        assert_eq!(moved.version, Qualifier::Version(2));
        let refusal = f.store.update_alias(&id(), "live", update(&made.revision), f.now).unwrap_err();
        assert_eq!(refusal.kind(), Kind::PreconditionFailed);
    }

    #[test]
    fn an_alias_points_at_versions_that_are_there() {
        let mut f = Fixture::new();
        assert_eq!(f.alias("live", 1).unwrap_err().kind(), Kind::ResourceNotFound);
        f.publish().unwrap();
        f.alias("live", 1).unwrap();
        assert_eq!(f.alias("live", 1).unwrap_err().kind(), Kind::ResourceConflict);
    }

    #[test]
    fn lists_come_in_pages_that_leave_nothing_out() {
        let mut f = Fixture::new();
        for memory in 128..133 {
            f.publish_with(memory);
        }
        let mut seen = Vec::new();
        let mut from = Some(0);
        while let Some(start) = from {
            let (page, next) = f.store.versions(&id(), start, 2, f.now).unwrap();
            assert!(page.len() <= 2);
            seen.extend(page.iter().map(Version::label));
            from = next;
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
}
