//! What runs made of a function, proven by the account alone.

use std::cell::Cell;

use futures_util::future::{join_all, try_join};

use super::{ForAlias, RunError, Tag, Tagged};
use crate::aws::{AwsError, FunctionConfiguration, Lambda, ListedAlias, ListedVersion};
use crate::names::{AliasName, FunctionArn, Version};
use crate::records::RunId;
use crate::units::MemoryMB;

/// A version that a run made: the only kind that is ever deleted. No record and no flag can make one.
///
/// It is proven in one of two ways, and the memory that its description names is always the version's own:
/// - Its description is the tag of a version to measure.
/// - Its description is that of a version for an alias, no alias points at it, and `$LATEST` still has the tag
///   that it had when the version was published. That tag goes when the alias points at the version: from then
///   on the version is the user's, even if the alias is moved on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnVersion {
    run_id: RunId,
    version: Version,
    memory: MemoryMB,
    description: String,
    /// The alias that the version was published for, if it is not one to measure.
    meant_for: Option<AliasName>,
}

/// An alias that a run made: its description is the tag of the version that it points at, and its name is the
/// one that the run in the tag gives to the alias of that version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnAlias {
    run_id: RunId,
    name: AliasName,
    version: Version,
}

impl OwnVersion {
    /// Returns the run that made the version.
    pub(crate) fn run_id(&self) -> RunId {
        self.run_id
    }

    /// Returns the number of the version.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Returns the memory of the version.
    pub(crate) fn memory(&self) -> MemoryMB {
        self.memory
    }

    /// Returns the alias that the version was published for, if it is not one to measure.
    pub(crate) fn meant_for(&self) -> Option<&AliasName> {
        self.meant_for.as_ref()
    }

    /// Proves a version to measure.
    fn to_measure(listed: &ListedVersion) -> Option<OwnVersion> {
        let tag = Tag::parse_on(Tagged::Version, &listed.description)?;
        OwnVersion::checked(listed, tag.run_id, tag.memory, None)
    }

    /// Proves a version for an alias. `latest` is the tag of `$LATEST`.
    fn for_alias(listed: &ListedVersion, latest: &Tag, aliases: &[ListedAlias]) -> Option<OwnVersion> {
        let for_alias = ForAlias::exact(&listed.description)?;
        let is_pointed_at = aliases.iter().any(|alias| {
            alias.version == Some(listed.version) || alias.additional_versions.contains(&listed.version)
        });
        if is_pointed_at || !for_alias.is_beside(latest) {
            return None;
        }
        OwnVersion::checked(listed, latest.run_id, latest.memory, Some(for_alias.into_alias()))
    }

    /// Checks the memory that the description names against the version's own.
    fn checked(
        listed: &ListedVersion,
        run_id: RunId,
        memory: MemoryMB,
        meant_for: Option<AliasName>,
    ) -> Option<OwnVersion> {
        let ListedVersion { version, description, .. } = listed.clone();
        (listed.memory == Some(memory)).then_some(OwnVersion {
            run_id,
            version,
            memory,
            description,
            meant_for,
        })
    }

    async fn delete(&self, lambda: &Lambda, function: &FunctionArn) -> Result<(), AwsError> {
        lambda.delete_version(function, self.version).await
    }
}

impl OwnAlias {
    /// Returns the run that made the alias.
    pub(crate) fn run_id(&self) -> RunId {
        self.run_id
    }

    /// Returns the name of the alias.
    pub(crate) fn name(&self) -> &AliasName {
        &self.name
    }

    /// Returns the version that the alias points at.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    fn prove(alias: &ListedAlias, versions: &[OwnVersion]) -> Option<OwnAlias> {
        let own = versions.iter().find(|own| Some(own.version) == alias.version)?;
        let tag = Tag::parse_on(Tagged::Version, &own.description)?;
        let is_own = alias.description == own.description
            && alias.additional_versions.is_empty()
            && alias.name == tag.run_id.alias(tag.memory, tag.index);
        is_own.then(|| OwnAlias { run_id: own.run_id, name: alias.name.clone(), version: own.version })
    }

    async fn delete(&self, lambda: &Lambda, function: &FunctionArn) -> Result<(), AwsError> {
        lambda.delete_alias(function, &self.name).await
    }
}

/// What runs made of a function and is still there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Made {
    /// The versions to measure.
    pub(crate) to_measure: Vec<OwnVersion>,
    /// The versions that were published for an alias, which does not point at them.
    pub(crate) for_alias: Vec<OwnVersion>,
    pub(crate) aliases: Vec<OwnAlias>,
}

impl Made {
    /// Reads what runs made of `function`, whose `$LATEST` has the description `latest`.
    ///
    /// # Errors
    /// Fails if the versions or the aliases cannot be listed.
    pub(crate) async fn find(
        lambda: &Lambda,
        function: &FunctionArn,
        latest: &str,
    ) -> Result<Made, AwsError> {
        let (versions, aliases) = try_join(lambda.versions(function), lambda.aliases(function)).await?;
        Ok(Made::of(latest, &versions, &aliases))
    }

    /// Returns what runs made, among all the versions and aliases of a function.
    pub(crate) fn of(latest: &str, versions: &[ListedVersion], aliases: &[ListedAlias]) -> Made {
        let to_measure: Vec<OwnVersion> = versions.iter().filter_map(OwnVersion::to_measure).collect();
        let latest = Tag::parse_on(Tagged::Latest, latest);
        let for_alias = |listed| OwnVersion::for_alias(listed, latest.as_ref()?, aliases);
        Made {
            for_alias: versions.iter().filter_map(for_alias).collect(),
            aliases: aliases.iter().filter_map(|alias| OwnAlias::prove(alias, &to_measure)).collect(),
            to_measure,
        }
    }

    /// Keeps only what the run `run_id` made.
    pub(crate) fn by(mut self, run_id: RunId) -> Made {
        self.to_measure.retain(|own| own.run_id == run_id);
        self.for_alias.retain(|own| own.run_id == run_id);
        self.aliases.retain(|own| own.run_id == run_id);
        self
    }

    /// Returns the runs that made something.
    pub(crate) fn runs(&self) -> impl Iterator<Item = RunId> {
        let versions = self.versions().map(OwnVersion::run_id);
        versions.chain(self.aliases.iter().map(OwnAlias::run_id))
    }

    /// Returns the versions of both kinds.
    pub(crate) fn versions(&self) -> impl Iterator<Item = &OwnVersion> {
        self.to_measure.iter().chain(&self.for_alias)
    }

    /// Returns the number of versions and aliases.
    pub(crate) fn count(&self) -> usize {
        self.versions().count() + self.aliases.len()
    }

    /// Deletes it, side by side, and counts in `done` what is deleted. Goes on after a failure.
    pub(crate) async fn remove(self, lambda: &Lambda, function: &FunctionArn, done: &Cell<usize>) -> Removed {
        let mut removed = Removed::default();
        // Aliases first, because a version cannot be deleted while an alias points at it.
        removed.remove_aliases(&self.aliases, lambda, function, done).await;
        let mut kept = removed.remove_versions(self.versions().collect(), lambda, function, done).await;
        // The run may be at work still, and have made an alias since they were listed.
        if kept.iter().any(|(_, error)| error.is_conflict())
            && let Ok(now) = Made::find(lambda, function, "").await
        {
            let is_new = |alias: &OwnAlias| {
                !self.aliases.contains(alias) && kept.iter().any(|(own, _)| own.version == alias.version)
            };
            let new: Vec<OwnAlias> = now.aliases.into_iter().filter(is_new).collect();
            if !new.is_empty() {
                removed.remove_aliases(&new, lambda, function, done).await;
                let versions = kept.into_iter().map(|(own, _)| own).collect();
                kept = removed.remove_versions(versions, lambda, function, done).await;
            }
        }
        let failures =
            kept.into_iter().map(|(own, error)| (format!("{function}:{}", own.version), error.into()));
        removed.failures.extend(failures);
        removed
    }
}

/// The result of removing what a run made.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    pub(crate) aliases: Vec<AliasName>,
    pub(crate) versions: Vec<Version>,
    /// The resources that could not be removed, each with the reason.
    pub(crate) failures: Vec<(String, RunError)>,
}

impl Removed {
    async fn remove_aliases(
        &mut self,
        aliases: &[OwnAlias],
        lambda: &Lambda,
        function: &FunctionArn,
        done: &Cell<usize>,
    ) {
        let deleted = aliases.iter().map(|own| own.delete(lambda, function));
        let deleted = join_all(deleted.map(|deletion| counting(deletion, done))).await;
        for (own, deleted) in aliases.iter().zip(deleted) {
            match deleted {
                Ok(()) => self.aliases.push(own.name.clone()),
                Err(error) => self.failures.push((format!("{function}:{}", own.name), error.into())),
            }
        }
    }

    /// Returns those that could not be deleted.
    async fn remove_versions<'a>(
        &mut self,
        versions: Vec<&'a OwnVersion>,
        lambda: &Lambda,
        function: &FunctionArn,
        done: &Cell<usize>,
    ) -> Vec<(&'a OwnVersion, AwsError)> {
        let deleted = versions.iter().map(|own| own.delete(lambda, function));
        let deleted = join_all(deleted.map(|deletion| counting(deletion, done))).await;
        let mut kept = Vec::new();
        for (own, deleted) in versions.into_iter().zip(deleted) {
            match deleted {
                Ok(()) => self.versions.push(own.version),
                Err(error) => kept.push((own, error)),
            }
        }
        kept
    }
}

/// Counts the deletion in `done` if it succeeds.
async fn counting(
    deletion: impl Future<Output = Result<(), AwsError>>,
    done: &Cell<usize>,
) -> Result<(), AwsError> {
    deletion.await.inspect(|()| done.update(|done| done + 1))
}

/// Deletes the version with `description` that may have been published while `$LATEST` was as in `latest`,
/// because the publication, or what was to follow it, has failed.
///
/// # Errors
/// Fails if it is not certain that no such version is left.
pub(crate) async fn withdraw(
    lambda: &Lambda,
    latest: &FunctionConfiguration,
    description: &str,
) -> Result<(), AwsError> {
    let function = &latest.function_arn;
    // Nothing is published before `$LATEST` has the tag.
    if Tag::parse_on(Tagged::Latest, &latest.description).is_none() {
        return Ok(());
    }
    let made = Made::find(lambda, function, &latest.description).await?;
    for own in made.versions().filter(|own| own.description == description) {
        own.delete(lambda, function).await?;
    }
    Ok(())
}
