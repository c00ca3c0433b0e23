//! Putting `$LATEST` back.

use super::change::look_and_change;
use super::{RunError, Tag, Tagged};
use crate::aws::{FunctionConfiguration, Lambda, LatestChange};
use crate::message;
use crate::names::{FunctionArn, Qualifier};
use crate::records::{Plan, RunId};
use crate::units::MemoryMB;

/// What `$LATEST` was before a run.
#[derive(Debug, Clone, Copy)]
pub struct Original<'a> {
    /// The run.
    pub run_id: RunId,
    /// The function, unqualified.
    pub function_arn: &'a FunctionArn,
    /// Its memory.
    pub memory: MemoryMB,
    /// Its description, empty where it had none.
    pub description: &'a str,
}

impl<'a> From<&'a Plan> for Original<'a> {
    fn from(plan: &'a Plan) -> Original<'a> {
        Original {
            run_id: plan.run_id,
            function_arn: &plan.function_arn,
            memory: plan.original_memory_size,
            description: &plan.original_description,
        }
    }
}

/// As [`restore_latest`], at the end of what changed `$LATEST` and left it as `last`; what could not be set back is
/// said at once, whatever else has failed.
pub async fn restore_after(
    lambda: &Lambda,
    plan: &Plan,
    last: &FunctionConfiguration,
) -> Result<bool, RunError> {
    let was_changed = Tag::of_run(plan.run_id, Tagged::Latest, &last.description).is_some();
    let restored = restore_latest(lambda, plan.into()).await;
    match &restored {
        // A clean-up of this run may have been quicker.
        Ok(false) if was_changed && !is_as_before(lambda, plan).await => message::warning(format_args!(
            "{}: somebody else changed $LATEST during the run, which is left as it is; before the run it had {} MB",
            plan.function_arn, plan.original_memory_size
        )),
        Ok(_) => {}
        Err(error) => message::warning(format_args!(
            "{}: $LATEST could not be set back to {} MB ({}); lpt-cleanup, given these records, does it",
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

/// Sets `$LATEST` back to its `original` memory and description if it still carries the run's tag.
///
/// Without the tag it was restored already, or belongs to whoever changed it since, and stays as it is. So does a
/// memory that is not the run's.
///
/// Returns whether the memory was set back.
pub async fn restore_latest(lambda: &Lambda, original: Original<'_>) -> Result<bool, RunError> {
    let Original { run_id, function_arn, memory, description } = original;
    // Read again where it changed between the look and the change: the tag may be gone.
    look_and_change(lambda, function_arn, None, async |latest| {
        let Some(tag) = Tag::of_run(run_id, Tagged::Latest, &latest.description) else {
            return Ok(false);
        };
        let is_memory_ours = latest.memory == tag.memory;
        let change = LatestChange {
            memory: if is_memory_ours { memory } else { latest.memory },
            description,
            revision_id: Some(&latest.revision_id),
        };
        lambda.update_latest(function_arn, &change).await?;
        Ok(is_memory_ours)
    })
    .await
}
