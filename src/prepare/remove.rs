//! Removing what a run made.

use super::{RunId, Tag, Tagged};
use crate::aws::{AliasName, AwsError, FunctionArn, Lambda, ListedVersion, Version};

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

/// Removes the aliases and versions that `run_id` made of `function`. They are found in the account, by the run's
/// name and tag: one whose number never reached a record is found too, and nothing else is.
///
/// Aliases go first, for a version that one points at cannot be deleted.
pub async fn remove_versions(lambda: &Lambda, run_id: RunId, function: &FunctionArn) -> Removed {
    let mut removed = Removed::default();
    match lambda.aliases(function).await {
        Err(error) => removed.left.push((format!("aliases of {function}"), error)),
        Ok(aliases) => {
            let prefix = run_id.alias_prefix();
            for alias in aliases.into_iter().filter(|alias| alias.to_string().starts_with(&prefix)) {
                match lambda.delete_alias(function, &alias).await {
                    Ok(()) => removed.aliases.push(alias),
                    Err(error) => removed.left.push((format!("{function}:{alias}"), error)),
                }
            }
        }
    }
    match lambda.versions(function).await {
        Err(error) => removed.left.push((format!("versions of {function}"), error)),
        Ok(versions) => {
            let is_own = |listed: &ListedVersion| {
                let tag = Tag::of_run(run_id, Tagged::Version, &listed.description);
                tag.is_some_and(|tag| listed.memory == Some(tag.memory))
            };
            for listed in versions.into_iter().filter(is_own) {
                match lambda.delete_version(function, listed.version).await {
                    Ok(()) => removed.versions.push(listed.version),
                    Err(error) => removed.left.push((format!("{function}:{}", listed.version), error)),
                }
            }
        }
    }
    removed
}
