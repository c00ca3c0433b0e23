//! Publishing `$LATEST` with another memory.

use super::{Plan, Tag, Tagged};
use crate::aws::{AwsError, AwsErrorKind, FunctionConfiguration, Lambda, LatestChange, Qualifier, Version};
use crate::units::MemoryMB;

/// Gives `$LATEST` the memory, and publishes it as a version with `description`. `$LATEST` keeps the memory and the
/// run's tag until it is restored. `latest` is what was last read of it or set, before and after.
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
    let function = &plan.function_arn;
    // Publishing a version gives `$LATEST` another revision id too, so that it has to be read again; whether it is
    // still ours is seen by what is in it.
    let now = lambda.settled(function, Qualifier::Latest).await?;
    require_same(&now, latest, latest.memory, &latest.description)?;
    let tag = Tag {
        on: Tagged::Latest,
        run_id: plan.run_id,
        memory,
        original_memory: plan.original_memory_size,
        index: None,
    }
    .to_string();
    let change = LatestChange { memory, description: &tag, revision_id: Some(&now.revision_id) };
    let changed = lambda.update_latest(function, &change).await?;
    // Set by this run, whatever somebody else has set since.
    latest.memory = memory;
    latest.description.clone_from(&tag);
    require_same(&changed, latest, memory, &tag)?;
    *latest = changed;
    let published = lambda.publish_version(latest, description).await?;
    // AWS gives out the last version again where it sees no change: never take a version for ours that is not.
    require_same(&published, latest, memory, description)?;
    published.version.ok_or_else(|| changed_meanwhile(&published, "version"))
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
    if differences.is_empty() { Ok(()) } else { Err(changed_meanwhile(now, &differences.join(" and "))) }
}

fn changed_meanwhile(now: &FunctionConfiguration, what: &str) -> AwsError {
    AwsError {
        action: "lambda:PublishVersion",
        on: now.function_arn.to_string(),
        kind: AwsErrorKind::Precondition,
        code: "PreconditionFailedException".to_owned(),
        message: format!("the function's {what} is not as this run left it"),
    }
}
