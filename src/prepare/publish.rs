//! Publishing `$LATEST` with another memory.

use super::restore::MAX_LOOKS;
use super::{Plan, Tag, remove_described};
use crate::aws::{AwsError, AwsErrorKind, FunctionConfiguration, Lambda, LatestChange, Qualifier, Version};
use crate::message;
use crate::units::MemoryMB;

/// Gives `$LATEST` the memory, and publishes it as a version with `description`, which no other version has.
/// `$LATEST` keeps the memory and the run's tag until it is restored. `latest` is what was last read of it or set,
/// before and after.
///
/// # Errors
/// AWS refuses; or the function is not as this run left it, because somebody else changed it. Nothing of theirs is
/// overwritten.
pub async fn publish(
    lambda: &Lambda,
    plan: &Plan,
    memory: MemoryMB,
    description: &str,
    latest: &mut FunctionConfiguration,
) -> Result<Version, AwsError> {
    let tag = Tag::on_latest(plan, memory).to_string();
    let changed = change_latest(lambda, latest, memory, &tag).await?;
    // Set by this run, whatever somebody else has set since.
    latest.memory = memory;
    latest.description.clone_from(&tag);
    require_same(&changed, latest, memory, &tag)?;
    *latest = changed;
    let published = async {
        let published = publish_unchanged(lambda, latest, description).await?;
        // AWS gives out the last version again where it sees no change: never take a version for ours that is not.
        require_same(&published, latest, memory, description)?;
        published.version.ok_or_else(|| by_somebody_else(&published, "version"))
    };
    let published = published.await;
    // The answer may have been lost, or not have been what it should be.
    if published.is_err()
        && let Err(error) = remove_described(lambda, &plan.function_arn, description, &[]).await
    {
        message::warning(format_args!(
            "{}: a version with the description {description:?} may be left: {error}",
            plan.function_arn
        ));
    }
    published
}

/// Gives `$LATEST` the memory and the description, if it still is as `before`.
async fn change_latest(
    lambda: &Lambda,
    before: &FunctionConfiguration,
    memory: MemoryMB,
    description: &str,
) -> Result<FunctionConfiguration, AwsError> {
    let function = &before.function_arn;
    let mut looks = 0;
    loop {
        looks += 1;
        // Publishing a version gives `$LATEST` another revision id too, so that it has to be read again; whether it
        // is still ours is seen by what is in it.
        let now = lambda.settled(function, Qualifier::Latest).await?;
        if let Some(tag) = Tag::parse(&now.description)
            && now.description != before.description
        {
            return Err(changed_meanwhile(&now, tag.at_work()));
        }
        require_same(&now, before, before.memory, &before.description)?;
        let change = LatestChange { memory, description, revision_id: Some(&now.revision_id) };
        match lambda.update_latest(function, &change).await {
            // Somebody else was quicker: look at what they changed.
            Err(error)
                if matches!(error.kind, AwsErrorKind::Precondition | AwsErrorKind::Conflict)
                    && looks < MAX_LOOKS => {}
            result => return result,
        }
    }
}

/// Publishes `$LATEST` if it still is as `latest`.
async fn publish_unchanged(
    lambda: &Lambda,
    latest: &FunctionConfiguration,
    description: &str,
) -> Result<FunctionConfiguration, AwsError> {
    let mut now = latest.clone();
    let mut looks = 0;
    loop {
        looks += 1;
        match lambda.publish_version(&now, description).await {
            // Somebody else changes something: look at what.
            Err(error)
                if matches!(error.kind, AwsErrorKind::Precondition | AwsErrorKind::Conflict)
                    && looks < MAX_LOOKS =>
            {
                now = lambda.settled(&latest.function_arn, Qualifier::Latest).await?;
                require_same(&now, latest, latest.memory, &latest.description)?;
            }
            result => return result,
        }
    }
}

/// That nobody else has changed what this run looks at: all but memory and description as in `before`.
fn require_same(
    now: &FunctionConfiguration,
    before: &FunctionConfiguration,
    memory: MemoryMB,
    description: &str,
) -> Result<(), AwsError> {
    let mut differences = now.differences_from(before);
    if now.memory != memory {
        differences.push("memory");
    }
    if now.description != description {
        differences.push("description");
    }
    if differences.is_empty() { Ok(()) } else { Err(by_somebody_else(now, &differences.join(", "))) }
}

fn by_somebody_else(now: &FunctionConfiguration, what: &str) -> AwsError {
    changed_meanwhile(now, format!("somebody else changed the function meanwhile: {what}"))
}

fn changed_meanwhile(now: &FunctionConfiguration, message: String) -> AwsError {
    AwsError {
        action: "lambda:PublishVersion",
        on: now.function_arn.to_string(),
        kind: AwsErrorKind::Precondition,
        code: "PreconditionFailedException".to_owned(),
        message,
    }
}
