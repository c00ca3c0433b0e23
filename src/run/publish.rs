//! The publication of `$LATEST` with another memory size.

use super::change::look_and_change;
use super::restore::is_as_before;
use super::{RunError, Tag, Tagged};
use crate::aws::{FunctionConfiguration, Lambda, LatestChange, Publication};
use crate::names::{Qualifier, Version};
use crate::records::Plan;
use crate::units::MemoryMB;

/// A version that a run has published, and that may not be active yet. `$LATEST` may be changed meanwhile.
#[derive(Debug)]
pub(crate) struct Published {
    publication: Publication,
    /// `$LATEST` as it was published.
    pub(crate) latest: FunctionConfiguration,
    description: String,
}

impl Published {
    /// Returns the number of the version.
    pub(crate) fn version(&self) -> Version {
        self.publication.version
    }

    /// Waits until the version can be invoked.
    ///
    /// # Errors
    /// Fails if AWS cannot make it ready, or if it is not as `$LATEST` was.
    pub(crate) async fn until_active(&self, lambda: &Lambda) -> Result<(), RunError> {
        let active = lambda.active(self.publication.clone()).await?;
        require_same(&active, &self.latest, self.latest.memory, &self.description)
    }
}

/// Gives `$LATEST` the memory in `tag` and the tag itself, and publishes it as a version with `description`,
/// which no other version has.
///
/// `$LATEST` keeps the memory and the tag until it is restored. `latest` is its state as this run last read or
/// set it, before the call and after it.
///
/// # Errors
/// Fails if AWS refuses a call, or if somebody else has changed the function since this run did. Nothing of
/// theirs is overwritten. The version may exist all the same, because the response may be lost, or may not be
/// as it should: see [`withdraw`](super::withdraw).
pub(crate) async fn publish(
    lambda: &Lambda,
    tag: &Tag,
    description: &str,
    latest: &mut FunctionConfiguration,
) -> Result<Published, RunError> {
    let (memory, tag) = (tag.memory, tag.to_string());
    let changed = change_latest(lambda, latest, memory, &tag).await?;
    // This run has set them, whatever somebody else has set since.
    latest.memory = memory;
    latest.description.clone_from(&tag);
    require_same(&changed, latest, memory, &tag)?;
    *latest = changed;
    publish_unchanged(lambda, latest, description).await
}

/// Replaces an error that comes from the end of the run: lpt-cleanup has restored the `$LATEST` that this run
/// left as `last`, and has removed its versions.
pub(crate) async fn unless_ended(
    lambda: &Lambda,
    plan: &Plan,
    last: &FunctionConfiguration,
    error: RunError,
) -> RunError {
    let may_be_ended = matches!(error, RunError::Changed { .. }) || error.is_not_found();
    let was_changed = Tag::of_run(plan.own_run(), Tagged::Latest, &last.description).is_some();
    if may_be_ended
        && was_changed
        && let Ok(now) = lambda.settled(&plan.function_arn, Qualifier::Latest).await
        && is_as_before(&now, plan, last)
    {
        return RunError::Ended { function: plan.function_arn.clone(), run_id: plan.own_run() };
    }
    error
}

/// Gives `$LATEST` the memory and the description if it is still as `before`.
async fn change_latest(
    lambda: &Lambda,
    before: &FunctionConfiguration,
    memory: MemoryMB,
    description: &str,
) -> Result<FunctionConfiguration, RunError> {
    let function = &before.function_arn;
    // Publishing a version gives `$LATEST` another revision id, so it must be read again. Its settings show
    // whether it is still as this run left it.
    look_and_change(lambda, function, None, async |now| {
        if let Some(tag) = Tag::parse(&now.description)
            && now.description != before.description
        {
            return Err(RunError::AtWork { function: function.clone(), run_id: tag.run_id });
        }
        require_same(&now, before, before.memory, &before.description)?;
        let change = LatestChange { memory, description, revision_id: Some(&now.revision_id) };
        Ok(lambda.update_latest(function, &change).await?)
    })
    .await
}

/// Publishes `$LATEST` if it is still as `latest`.
async fn publish_unchanged(
    lambda: &Lambda,
    latest: &FunctionConfiguration,
    description: &str,
) -> Result<Published, RunError> {
    look_and_change(lambda, &latest.function_arn, Some(latest.clone()), async |now| {
        require_same(&now, latest, latest.memory, &latest.description)?;
        let publication = lambda.publish_version(&now, description).await?;
        // AWS sees no change since somebody else published `$LATEST`, and returns their version.
        if publication.first.description != description {
            let what = format!("they published version {}", publication.version);
            return Err(changed(&publication.first, &what));
        }
        Ok(Published { publication, latest: latest.clone(), description: description.to_owned() })
    })
    .await
}

/// Checks that `now` has `memory` and `description`, and is as `before` in everything else.
fn require_same(
    now: &FunctionConfiguration,
    before: &FunctionConfiguration,
    memory: MemoryMB,
    description: &str,
) -> Result<(), RunError> {
    let mut differences = now.differences_from(before);
    if now.memory != memory {
        differences.push("memory");
    }
    if now.description != description {
        differences.push("description");
    }
    if differences.is_empty() { Ok(()) } else { Err(changed(now, &differences.join(", "))) }
}

fn changed(now: &FunctionConfiguration, what: &str) -> RunError {
    RunError::Changed { function: now.function_arn.clone(), what: what.to_owned() }
}
