//! Putting `$LATEST` back.

use super::{Plan, Tag};
use crate::aws::{AwsError, AwsErrorKind, Lambda, LatestChange, Qualifier};
use crate::message;

/// As [`restore_latest`], at the end of what changed `$LATEST`; a failure is said at once, whatever else has failed.
pub async fn restore_after(lambda: &Lambda, plan: &Plan) -> Result<bool, AwsError> {
    let restored = restore_latest(lambda, plan).await;
    if let Err(error) = &restored {
        message::warning(format_args!(
            "{}: $LATEST could not be set back to {} MB ({}); lpt-cleanup, given these records, does it",
            plan.function_arn, plan.original_memory_size, error.code
        ));
    }
    restored
}

/// Somebody who changes the function all the time is waited for so often.
const MAX_LOOKS: u32 = 10;

/// Sets `$LATEST` back to the memory and the description that `plan` names, if it still carries the run's tag.
/// Without the tag it was restored already, or belongs to whoever changed it since: then it is left as it is.
///
/// Gives whether it was set back.
pub async fn restore_latest(lambda: &Lambda, plan: &Plan) -> Result<bool, AwsError> {
    let mut looks = 0;
    loop {
        looks += 1;
        let latest = lambda.settled(&plan.function_arn, Qualifier::Latest).await?;
        if !Tag::is_of(plan.run_id, &latest.description) {
            return Ok(false);
        }
        let change = LatestChange {
            memory: plan.original_memory_size,
            description: &plan.original_description,
            revision_id: Some(&latest.revision_id),
        };
        match lambda.update_latest(&plan.function_arn, &change).await {
            Ok(_) => return Ok(true),
            // Changed between the look and the change: look again, for the tag may be gone.
            Err(error)
                if matches!(error.kind, AwsErrorKind::Precondition | AwsErrorKind::Conflict)
                    && looks < MAX_LOOKS => {}
            Err(error) => return Err(error),
        }
    }
}
