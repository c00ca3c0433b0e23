//! The restoration of `$LATEST`.

use super::change::look_and_change;
use super::{RunError, Tag, Tagged};
use crate::aws::{FunctionConfiguration, Lambda, LatestChange};
use crate::message;
use crate::names::{FunctionArn, Qualifier};
use crate::records::{Plan, RunId};
use crate::units::MemoryMB;

/// The state of `$LATEST` before a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Original<'a> {
    pub(crate) run_id: RunId,
    /// The function, unqualified.
    pub(crate) function_arn: &'a FunctionArn,
    pub(crate) memory: MemoryMB,
    /// The description, empty if it had none.
    pub(crate) description: &'a str,
}

impl<'a> From<&'a Plan> for Original<'a> {
    fn from(plan: &'a Plan) -> Original<'a> {
        Original {
            run_id: plan.own_run(),
            function_arn: &plan.function_arn,
            memory: plan.original_memory_size,
            description: &plan.original_description,
        }
    }
}

/// Restores `$LATEST` at the end of a run that left it as `last`. Does the same as [`restore_latest`], and
/// warns at once if `$LATEST` is not restored, whatever else has failed.
pub(crate) async fn restore_after(
    lambda: &Lambda,
    plan: &Plan,
    last: &FunctionConfiguration,
) -> Result<bool, RunError> {
    let was_changed = Tag::of_run(plan.own_run(), Tagged::Latest, &last.description).is_some();
    let restored = restore_latest(lambda, plan.into()).await;
    match &restored {
        // lpt-cleanup on the records of this run may have been quicker.
        Ok(false) if was_changed && !is_as_before(lambda, plan).await => message::warning(format_args!(
            "{}: somebody else changed $LATEST during the run, so it is left as it is; before the run it had {} MB",
            plan.function_arn, plan.original_memory_size
        )),
        Ok(_) => {}
        Err(error) => message::warning(format_args!(
            "{}: $LATEST could not be restored to {} MB ({}); to restore it, run lpt-cleanup on these records",
            plan.function_arn,
            plan.original_memory_size,
            error.error_type()
        )),
    }
    restored
}

/// Whether `$LATEST` has the memory and the description that it had before the run.
async fn is_as_before(lambda: &Lambda, plan: &Plan) -> bool {
    lambda.settled(&plan.function_arn, Qualifier::Latest).await.is_ok_and(|latest| {
        latest.memory == plan.original_memory_size && latest.description == plan.original_description
    })
}

/// Gives `$LATEST` its `original` memory and description if it still carries the run's tag. Returns whether
/// the memory was restored.
///
/// Without the tag, `$LATEST` is restored already or belongs to whoever changed it since, and stays as it is.
/// A memory that the run did not set stays too.
pub(crate) async fn restore_latest(lambda: &Lambda, original: Original<'_>) -> Result<bool, RunError> {
    let Original { run_id, function_arn, memory, description } = original;
    // Each attempt looks for the tag again: it may be gone if somebody changed the function meanwhile.
    look_and_change(lambda, function_arn, None, async |latest| {
        let Some(tag) = Tag::of_run(run_id, Tagged::Latest, &latest.description) else {
            return Ok(false);
        };
        let is_memory_of_run = latest.memory == tag.memory;
        let change = LatestChange {
            memory: if is_memory_of_run { memory } else { latest.memory },
            description,
            revision_id: Some(&latest.revision_id),
        };
        lambda.update_latest(function_arn, &change).await?;
        Ok(is_memory_of_run)
    })
    .await
}
