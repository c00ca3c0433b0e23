//! The publication of `$LATEST` with another memory size.

use super::change::look_and_change;
use super::{RunError, Tag, remove_versions_described};
use crate::aws::{FunctionConfiguration, Lambda, LatestChange};
use crate::message;
use crate::names::Version;
use crate::records::Plan;
use crate::units::MemoryMB;

/// Gives `$LATEST` the memory, and publishes it as a version with `description`, which no other version has.
///
/// `$LATEST` keeps the memory and the run's tag until it is restored. `latest` is its state as this run last
/// read or set it, before the call and after it.
///
/// # Errors
/// Fails if AWS refuses a call, or if somebody else has changed the function since this run did. Nothing of
/// theirs is overwritten.
pub(crate) async fn publish(
    lambda: &Lambda,
    plan: &Plan,
    memory: MemoryMB,
    description: &str,
    latest: &mut FunctionConfiguration,
) -> Result<Version, RunError> {
    let tag = Tag::on_latest(plan, memory).to_string();
    let changed = change_latest(lambda, latest, memory, &tag).await?;
    // This run has set them, whatever somebody else has set since.
    latest.memory = memory;
    latest.description.clone_from(&tag);
    require_same(&changed, latest, memory, &tag)?;
    *latest = changed;
    let published = publish_unchanged(lambda, latest, description).await;
    // A version may exist all the same: the response may be lost, or may not be as it should.
    if published.is_err()
        && let Err(error) = remove_versions_described(lambda, &plan.function_arn, description, &[]).await
    {
        message::warning(format_args!(
            "{}: a version with the description {description:?} may be left: {error}",
            plan.function_arn
        ));
    }
    published
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
) -> Result<Version, RunError> {
    look_and_change(lambda, &latest.function_arn, Some(latest.clone()), async |now| {
        require_same(&now, latest, latest.memory, &latest.description)?;
        let published = lambda.publish_version(&now, description).await?;
        // If AWS sees no change, it returns the last version, which is the user's.
        require_same(&published, latest, latest.memory, description)?;
        published.version.ok_or_else(|| changed(&published, "version"))
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
