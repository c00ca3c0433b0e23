//! The store, and the actions on functions and versions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::alias::Alias;
use super::moment::Moment;
use super::version::{Progress, Version, check_no_change_in_progress, in_progress, pending};
use crate::local::function::{
    AccountRegion, Code, Configuration, FunctionId, Qualifier, Runnable, Target, check_description,
    check_name,
};
use crate::local::refusal::Refusal;

#[derive(Debug)]
pub(crate) struct Store {
    rules: Rules,
    pub(crate) functions: BTreeMap<FunctionId, Function>,
    generations: u64,
}

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) id: FunctionId,
    latest: Version,
    published: BTreeMap<u64, Version>,
    /// The last version number in use. A number is not used twice, even after its version is deleted.
    last_number: u64,
    pub(crate) aliases: BTreeMap<String, Alias>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// What PublishVersion makes a new version of. AWS's reference names code and configuration. Users report both that
/// a `Description` of the request's own is enough, and that it is not.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NewVersionIf {
    /// A change of `$LATEST` since the last version was published.
    LatestChanged,
    /// The same, or a description that differs from that of the last version.
    LatestOrDescriptionChanged,
}

/// How the service behaves where AWS's functions differ, or where its reference leaves a choice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// How long creating or changing a function takes.
    pub(crate) update_delay: Duration,
    /// How long a new version is pending.
    pub(crate) version_delay: Duration,
    pub(crate) new_version_if: NewVersionIf,
    /// Whether a pending version keeps `$LATEST` from being changed or published. AWS's page on states refuses both while
    /// "function creation is pending" and during an update, and says nothing of versions.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>
    pub(crate) pending_version_refuses: bool,
}

/// The parameters of PublishVersion.
#[derive(Debug, Default)]
pub(crate) struct Publish {
    pub(crate) code_sha256: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) revision: Option<String>,
}

/// The code that an invocation runs, and the ARN that it was called by.
#[derive(Debug)]
pub(crate) struct ResolvedTarget {
    pub(crate) runnable: Arc<Runnable>,
    pub(crate) arn: String,
}

impl Function {
    /// Refuses a change or publication of `$LATEST` while another operation is in progress: one on `$LATEST`, and where
    /// that `refuses` too, the creation of a version.
    fn check_no_operation_in_progress(&mut self, refuses: bool, now: Moment) -> Result<(), Refusal> {
        check_no_change_in_progress(&self.latest, &self.id)?;
        for version in self.published.values_mut() {
            version.advance(now);
        }
        match self.published.values().any(Version::is_pending) {
            true if refuses => Err(in_progress(&self.id)),
            _ => Ok(()),
        }
    }
}

impl Store {
    pub(crate) fn new(rules: Rules) -> Store {
        Store { rules, functions: BTreeMap::new(), generations: 0 }
    }

    /// Returns how long a change takes to take effect.
    pub(crate) fn update_delay(&self) -> Duration {
        self.rules.update_delay
    }

    /// Returns the functions of one account in one region in the order of their names, beginning at `start`.
    pub(crate) fn functions(
        &mut self,
        account_region: &AccountRegion,
        start: &str,
        now: Moment,
    ) -> impl Iterator<Item = (&Function, &Version)> {
        let first = FunctionId { account_region: account_region.clone(), name: start.to_owned() };
        self.functions.range_mut(first..).take_while(move |(id, _)| id.account_region == *account_region).map(
            move |(_, function)| {
                function.latest.advance(now);
                (&*function, &function.latest)
            },
        )
    }

    pub(crate) fn function(&self, id: &FunctionId) -> Result<&Function, Refusal> {
        self.functions.get(id).ok_or_else(|| no_function(id))
    }

    pub(crate) fn function_mut(&mut self, id: &FunctionId, now: Moment) -> Result<&mut Function, Refusal> {
        let function = self.functions.get_mut(id).ok_or_else(|| no_function(id))?;
        function.latest.advance(now);
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
            replay: Default::default(),
        })
    }

    /// Does CreateFunction. The version is pending until the update delay is over.
    pub(crate) fn create(
        &mut self,
        id: &FunctionId,
        configuration: Configuration,
        code: Code,
        tags: BTreeMap<String, String>,
        now: Moment,
    ) -> Result<Version, Refusal> {
        check_name(&id.name, 64)?;
        if self.functions.contains_key(id) {
            return Err(Refusal::conflict(format!("Function already exist: {}", id.name)));
        }
        let code = Arc::new(code);
        let serving = self.runnable(id, "$LATEST".to_owned(), &configuration, &code);
        let latest = Version {
            number: None,
            published_from: configuration.clone(),
            configuration,
            code,
            modified: now.date,
            revision: Uuid::new_v4(),
            progress: Progress::Creating { until: now.instant + self.rules.update_delay },
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

    /// Returns the version that a target means.
    pub(crate) fn version(&mut self, target: &Target, now: Moment) -> Result<&Version, Refusal> {
        let missing = Refusal::no_function(&target.to_string());
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
        version.advance(now);
        Ok(version)
    }

    /// Returns what an invocation runs. The fraction, from 0 to 1, picks a version of an alias with weights.
    pub(crate) fn invoke(
        &mut self,
        target: &Target,
        fraction: f64,
        now: Moment,
    ) -> Result<ResolvedTarget, Refusal> {
        let arn = target.to_string();
        let mut target = target.clone();
        if let Some(Qualifier::Alias(name)) = &target.qualifier
            && let Some(alias) = self.function(&target.function)?.aliases.get(name)
        {
            target.qualifier = Some(alias.pick(fraction)?);
        }
        let version = self.version(&target, now)?;
        if version.is_pending() {
            return Err(pending());
        }
        Ok(ResolvedTarget { runnable: Arc::clone(&version.serving), arn })
    }

    /// Does UpdateFunctionConfiguration or UpdateFunctionCode: `change` makes the change.
    pub(crate) fn update(
        &mut self,
        id: &FunctionId,
        revision: Option<&str>,
        change: impl FnOnce(&mut Configuration, &mut Arc<Code>) -> Result<(), Refusal>,
        now: Moment,
    ) -> Result<Version, Refusal> {
        let until = now.instant + self.rules.update_delay;
        let refuses = self.rules.pending_version_refuses;
        let function = self.function_mut(id, now)?;
        function.check_no_operation_in_progress(refuses, now)?;
        let latest = &function.latest;
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

    /// Does PublishVersion. Returns the last published version if code and configuration have not changed since.
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html>
    pub(crate) fn publish(
        &mut self,
        id: &FunctionId,
        publish: &Publish,
        now: Moment,
    ) -> Result<Version, Refusal> {
        check_description(publish.description.as_deref().unwrap_or_default())?;
        let refuses = self.rules.pending_version_refuses;
        let function = self.function_mut(id, now)?;
        function.check_no_operation_in_progress(refuses, now)?;
        let latest = &function.latest;
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

    /// Publishes `$LATEST` without checking for a change in progress: with `Publish: true` the change is made by
    /// the same request.
    pub(crate) fn publish_latest(
        &mut self,
        id: &FunctionId,
        description: Option<&str>,
        now: Moment,
    ) -> Result<Version, Refusal> {
        let Rules { version_delay, new_version_if, .. } = self.rules;
        let until = now.instant + version_delay;
        let function = self.function_mut(id, now)?;
        let mut version = function.latest.clone();
        version.published_from = version.configuration.clone();
        if let Some(description) = description {
            version.configuration.description = description.to_owned();
        }
        if let Some(last) = function.published.get_mut(&function.last_number)
            && last.code.sha256 == version.code.sha256
            && match new_version_if {
                NewVersionIf::LatestChanged => last.published_from == version.published_from,
                NewVersionIf::LatestOrDescriptionChanged => last.configuration == version.configuration,
            }
        {
            last.advance(now);
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
        // Lambda gives $LATEST a new revision too, as a comparison with LocalStack found:
        // localstack/localstack, services/lambda_/provider.py, _publish_version_from_existing_version.
        function.latest.revision = Uuid::new_v4();
        Ok(version)
    }

    /// Returns a page of versions, `$LATEST` first and the oldest next, and where the next page begins. The page
    /// begins at the number `start`, where 0 is `$LATEST`, and has at most `limit` versions.
    pub(crate) fn versions(
        &mut self,
        id: &FunctionId,
        start: u64,
        limit: usize,
        now: Moment,
    ) -> Result<(Vec<Version>, Option<u64>), Refusal> {
        let function = self.function_mut(id, now)?;
        for version in function.published.values_mut() {
            version.advance(now);
        }
        let latest = (start == 0).then_some(&function.latest);
        let mut versions =
            latest.into_iter().chain(function.published.range(start..).map(|(_, version)| version));
        let page: Vec<Version> = versions.by_ref().take(limit).cloned().collect();
        let next = versions.next().and_then(|version| version.number);
        Ok((page, next))
    }

    /// Does DeleteFunction: deletes one version, or without a qualifier the whole function.
    pub(crate) fn delete(&mut self, target: &Target, now: Moment) -> Result<(), Refusal> {
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
                let aliases: Vec<&str> = function
                    .aliases
                    .values()
                    .filter(|alias| alias.points_at(*number))
                    .map(|alias| alias.name.as_str())
                    .collect();
                if !aliases.is_empty() {
                    return Err(Refusal::conflict(format!(
                        "Unable to delete version because the following aliases reference it: [{}]",
                        aliases.join(", ")
                    )));
                }
                match function.published.remove(number) {
                    Some(_) => Ok(()),
                    None => Err(Refusal::no_function(&target.to_string())),
                }
            }
        }
    }
}

fn no_function(id: &FunctionId) -> Refusal {
    Refusal::no_function(&id.to_string())
}
