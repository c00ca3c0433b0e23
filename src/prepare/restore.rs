//! Putting `$LATEST` back.

use super::{Plan, Tag, Tagged};
use crate::aws::{AwsError, AwsErrorKind, FunctionConfiguration, Lambda, LatestChange, Qualifier};
use crate::message;

/// Somebody who changes the function all the time is waited for so often.
const MAX_LOOKS: u32 = 10;

/// As [`restore_latest`], at the end of what changed `$LATEST` and left it as `last`; what could not be set back is
/// said at once, whatever else has failed.
///
/// Where somebody took the run's tag away meanwhile and left its memory, that memory is set back too.
pub async fn restore_after(
    lambda: &Lambda,
    plan: &Plan,
    last: &FunctionConfiguration,
) -> Result<bool, AwsError> {
    let was_tagged = Tag::of_run(plan.run_id, Tagged::Latest, &last.description).is_some();
    let restored = set_back(lambda, plan, was_tagged.then_some(last)).await;
    if let Err(error) = &restored {
        message::warning(format_args!(
            "{}: $LATEST could not be set back to {} MB ({}); lpt-cleanup, given these records, does it",
            plan.function_arn, plan.original_memory_size, error.code
        ));
    }
    restored
}

/// Sets `$LATEST` back to the memory and the description that `plan` names, if it still carries the run's tag.
/// Without the tag it was restored already, or belongs to whoever changed it since: then it is left as it is. So is
/// a memory that is not the run's.
///
/// Gives whether the memory was set back.
pub async fn restore_latest(lambda: &Lambda, plan: &Plan) -> Result<bool, AwsError> {
    set_back(lambda, plan, None).await
}

async fn set_back(
    lambda: &Lambda,
    plan: &Plan,
    last: Option<&FunctionConfiguration>,
) -> Result<bool, AwsError> {
    let mut looks = 0;
    loop {
        looks += 1;
        let latest = lambda.settled(&plan.function_arn, Qualifier::Latest).await?;
        let tag = Tag::of_run(plan.run_id, Tagged::Latest, &latest.description);
        let is_memory_ours = match (tag, last) {
            (Some(tag), _) => latest.memory == tag.memory,
            (None, Some(last)) if latest.memory == last.memory => true,
            (None, _) => return Ok(false),
        };
        let change = LatestChange {
            memory: if is_memory_ours { plan.original_memory_size } else { latest.memory },
            description: if tag.is_some() { &plan.original_description } else { &latest.description },
            revision_id: Some(&latest.revision_id),
        };
        match lambda.update_latest(&plan.function_arn, &change).await {
            Ok(_) if is_memory_ours && tag.is_some() => return Ok(true),
            Ok(_) => {
                message::warning(format_args!(
                    "{}: somebody else changed the {} of $LATEST during the run, which is left as it is",
                    plan.function_arn,
                    if tag.is_some() { "memory" } else { "description" }
                ));
                return Ok(is_memory_ours);
            }
            // Changed between the look and the change: look again, for the tag may be gone.
            Err(error)
                if matches!(error.kind, AwsErrorKind::Precondition | AwsErrorKind::Conflict)
                    && looks < MAX_LOOKS => {}
            Err(error) => return Err(error),
        }
    }
}
