//! Removing what a run made.

use super::{Tag, Tagged};
use crate::aws::{AwsError, Lambda, ListedAlias, ListedVersion};
use crate::names::{AliasName, FunctionArn, Version};
use crate::records::RunId;

/// What was removed of a run, and what could not be.
#[derive(Debug, Default)]
pub struct Removed {
    /// By name.
    pub aliases: Vec<AliasName>,
    /// By number.
    pub versions: Vec<Version>,
    /// What is still there, and why.
    pub left: Vec<(String, AwsError)>,
}

/// The run that made a version: its tag is the version's description, and names the memory that the version has.
pub fn maker_of_version(listed: &ListedVersion) -> Option<RunId> {
    let tag = Tag::parse(&listed.description)?;
    (tag.on == Tagged::Version && listed.memory == Some(tag.memory)).then_some(tag.run_id)
}

/// The run that made an alias: it is in the alias's name, and its tag is the alias's description or that of the one
/// of `versions` that the alias points at.
pub fn maker_of_alias(alias: &ListedAlias, versions: &[ListedVersion]) -> Option<RunId> {
    let run_id = RunId::of_alias(&alias.name)?;
    let is_tagged = Tag::of_run(run_id, Tagged::Version, &alias.description).is_some();
    let points_at_own = || {
        let mut pointed_at = versions.iter().filter(|listed| Some(listed.version) == alias.version);
        pointed_at.any(|listed| maker_of_version(listed) == Some(run_id))
    };
    (is_tagged || points_at_own()).then_some(run_id)
}

/// Removes the aliases and versions that `run_id` made of `function`. They are found in the account, by the run's
/// name and tag: one whose number never reached a record is found too, and nothing else is.
///
/// Aliases go first, for a version that one points at cannot be deleted.
pub async fn remove_versions(lambda: &Lambda, run_id: RunId, function: &FunctionArn) -> Removed {
    let mut removed = Removed::default();
    let versions = lambda.versions(function).await.unwrap_or_else(|error| {
        removed.left.push((format!("versions of {function}"), error));
        Vec::new()
    });
    let aliases = lambda.aliases(function).await.unwrap_or_else(|error| {
        removed.left.push((format!("aliases of {function}"), error));
        Vec::new()
    });
    for alias in aliases.into_iter().filter(|alias| maker_of_alias(alias, &versions) == Some(run_id)) {
        match lambda.delete_alias(function, &alias.name).await {
            Ok(()) => removed.aliases.push(alias.name),
            Err(error) => removed.left.push((format!("{function}:{}", alias.name), error)),
        }
    }
    for listed in versions.into_iter().filter(|listed| maker_of_version(listed) == Some(run_id)) {
        match lambda.delete_version(function, listed.version).await {
            Ok(()) => removed.versions.push(listed.version),
            Err(error) => removed.left.push((format!("{function}:{}", listed.version), error)),
        }
    }
    removed
}

/// Removes the versions with a description that no other has, but for those that are `kept`.
pub async fn remove_described(
    lambda: &Lambda,
    function: &FunctionArn,
    description: &str,
    kept: &[Version],
) -> Result<Vec<Version>, AwsError> {
    let mut removed = Vec::new();
    for ListedVersion { version, description: listed, .. } in lambda.versions(function).await? {
        if listed == description && !kept.contains(&version) {
            lambda.delete_version(function, version).await?;
            removed.push(version);
        }
    }
    Ok(removed)
}
