//! The removal of what a run made.

use super::{Tag, Tagged};
use crate::aws::{AwsError, Lambda, ListedAlias, ListedVersion};
use crate::names::{AliasName, FunctionArn, Version};
use crate::records::RunId;

/// The result of removing what a run made.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    pub(crate) aliases: Vec<AliasName>,
    pub(crate) versions: Vec<Version>,
    /// The resources that could not be removed, each with the reason.
    pub(crate) failures: Vec<(String, AwsError)>,
}

/// Returns the run that made a version, if a run did.
///
/// The version's description is then the run's tag, and the tag names the memory that the version has.
pub(crate) fn run_of_version(listed: &ListedVersion) -> Option<RunId> {
    let tag = Tag::parse(&listed.description)?;
    (tag.on == Tagged::Version && listed.memory == Some(tag.memory)).then_some(tag.run_id)
}

/// Returns the run that made an alias, if a run did.
///
/// The alias's name then has the run's id. The run's tag is the description either of the alias, or of the
/// one of `versions` that the alias points at.
pub(crate) fn run_of_alias(alias: &ListedAlias, versions: &[ListedVersion]) -> Option<RunId> {
    let run_id = RunId::of_alias(&alias.name)?;
    let is_tagged = Tag::of_run(run_id, Tagged::Version, &alias.description).is_some();
    let points_at_own = || {
        let mut pointed_at = versions.iter().filter(|listed| Some(listed.version) == alias.version);
        pointed_at.any(|listed| run_of_version(listed) == Some(run_id))
    };
    (is_tagged || points_at_own()).then_some(run_id)
}

/// Removes the aliases and versions that the run `run_id` made of `function`.
///
/// It finds them in the account, by the run's id and tag. So it also finds a version whose number never
/// reached a record, and removes nothing else.
pub(crate) async fn remove_versions_and_aliases(
    lambda: &Lambda,
    run_id: RunId,
    function: &FunctionArn,
) -> Removed {
    let mut removed = Removed::default();
    let versions = lambda.versions(function).await.unwrap_or_else(|error| {
        removed.failures.push((format!("versions of {function}"), error));
        Vec::new()
    });
    let aliases = lambda.aliases(function).await.unwrap_or_else(|error| {
        removed.failures.push((format!("aliases of {function}"), error));
        Vec::new()
    });
    // Aliases first, because a version cannot be deleted while an alias points at it.
    for alias in aliases.into_iter().filter(|alias| run_of_alias(alias, &versions) == Some(run_id)) {
        match lambda.delete_alias(function, &alias.name).await {
            Ok(()) => removed.aliases.push(alias.name),
            Err(error) => removed.failures.push((format!("{function}:{}", alias.name), error)),
        }
    }
    for listed in versions.into_iter().filter(|listed| run_of_version(listed) == Some(run_id)) {
        match lambda.delete_version(function, listed.version).await {
            Ok(()) => removed.versions.push(listed.version),
            Err(error) => removed.failures.push((format!("{function}:{}", listed.version), error)),
        }
    }
    removed
}

/// Removes the versions that have this description, except for those in `kept`.
///
/// The description must be one that only a run gives, and only once.
pub(crate) async fn remove_versions_described(
    lambda: &Lambda,
    function: &FunctionArn,
    description: &str,
    kept: &[Version],
) -> Result<Vec<Version>, AwsError> {
    let mut removed = Vec::new();
    for listed in lambda.versions(function).await? {
        if listed.description == description && !kept.contains(&listed.version) {
            lambda.delete_version(function, listed.version).await?;
            removed.push(listed.version);
        }
    }
    Ok(removed)
}
