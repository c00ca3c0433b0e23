//! The restoration of `$LATEST`.

use super::change::look_and_change;
use super::{RunError, Tag, Tagged};
use crate::aws::{FunctionConfiguration, Lambda, LatestChange};
use crate::label::label;
use crate::message;
use crate::names::{FunctionArn, Qualifier};
use crate::quote::quoted;
use crate::records::{Plan, RunId};
use crate::units::MemoryMB;

/// The state of `$LATEST` before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Original<'a> {
    pub(crate) run_id: RunId,
    /// The function, unqualified.
    pub(crate) function_arn: &'a FunctionArn,
    pub(crate) memory: MemoryMB,
    /// The description, empty if it had none. `None` keeps the tag, because something else that it proves to
    /// be the run's is still there.
    pub(crate) description: Option<&'a str>,
}

impl<'a> From<&'a Plan> for Original<'a> {
    fn from(plan: &'a Plan) -> Original<'a> {
        Original {
            run_id: plan.own_run(),
            function_arn: &plan.function_arn,
            memory: plan.original_memory_size,
            description: Some(&plan.original_description),
        }
    }
}

impl<'a> Original<'a> {
    /// Returns what the plan says, if the tag on `$LATEST` says the same.
    pub(crate) fn agreed(plan: &'a Plan, tag: &Tag) -> Result<Original<'a>, RunError> {
        if tag.agrees_with(plan.original_memory_size, &plan.original_description) {
            return Ok(plan.into());
        }
        Err(RunError::Disagreement {
            function: plan.function_arn.clone(),
            what: format!(
                "the tag says {}, the plan record {}",
                in_words(tag.original_memory, tag.original_description.as_deref()),
                in_words(plan.original_memory_size, Some(&plan.original_description))
            ),
        })
    }

    /// Returns what the tag on the `$LATEST` of `function` says. Its description may not have fitted in the
    /// tag, and is then `lost`.
    pub(crate) fn of_tag(
        function_arn: &'a FunctionArn,
        tag: &'a Tag,
        lost: Option<&'a str>,
    ) -> Result<Original<'a>, RunError> {
        let Some(description) = tag.original_description.as_deref().or(lost) else {
            return Err(RunError::NoPlan {
                function: function_arn.clone(),
                original_memory: tag.original_memory,
            });
        };
        Ok(Original {
            run_id: tag.run_id,
            function_arn,
            memory: tag.original_memory,
            description: Some(description),
        })
    }
}

/// Returns a memory and a description as a message shows them.
fn in_words(memory: MemoryMB, description: Option<&str>) -> String {
    match description {
        Some(description) => format!("{memory} MB and the description {}", quoted(description)),
        None => format!("{memory} MB and a description too long for a tag"),
    }
}

/// What has become of a `$LATEST` that a run changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterRun {
    /// It is as it was before the run, or somebody else has changed it.
    Settled,
    /// lpt-cleanup has ended the run, and may have missed what the run published since.
    Ended,
}

/// Restores `$LATEST` at the end of a run that left it as `last`. Does the same as [`restore_latest`], and
/// warns at once if `$LATEST` is not restored, whatever else has failed.
pub(crate) async fn restore_after(
    lambda: &Lambda,
    plan: &Plan,
    original: Original<'_>,
    last: &FunctionConfiguration,
) -> Result<AfterRun, RunError> {
    let was_changed = Tag::of_run(plan.own_run(), Tagged::Latest, &last.description).is_some();
    match restore_latest(lambda, original, None).await {
        Ok(false) if was_changed => {
            let now = lambda.settled(&plan.function_arn, Qualifier::Latest).await;
            if now.is_ok_and(|now| is_as_before(&now, plan, last)) {
                return Ok(AfterRun::Ended);
            }
            message::warning(format_args!(
                "{}: somebody else changed $LATEST during the run, so it is left as it is; before the run it had {} MB",
                label(&plan.function_arn),
                plan.original_memory_size
            ));
            Ok(AfterRun::Settled)
        }
        Ok(_) => Ok(AfterRun::Settled),
        Err(error) => {
            message::warning(format_args!(
                "{}: $LATEST could not be restored to {} MB ({}); to restore it, run lpt-cleanup on these records",
                label(&plan.function_arn),
                plan.original_memory_size,
                error.error_type()
            ));
            Err(error)
        }
    }
}

/// Whether `now` is the `$LATEST` that the run found, and not one that somebody else deployed since the run
/// left it as `last`.
pub(super) fn is_as_before(now: &FunctionConfiguration, plan: &Plan, last: &FunctionConfiguration) -> bool {
    now.memory == plan.original_memory_size
        && now.description == plan.original_description
        && now.differences_from(last).is_empty()
}

/// Gives `$LATEST` its `original` memory and description if it still carries the run's tag. Returns whether
/// the memory was restored.
///
/// Without the tag, `$LATEST` is restored already or belongs to whoever changed it since, and stays as it is.
/// A memory that the run did not set stays too. `known` is the last known state of `$LATEST`, and saves a read.
pub(crate) async fn restore_latest(
    lambda: &Lambda,
    original: Original<'_>,
    known: Option<FunctionConfiguration>,
) -> Result<bool, RunError> {
    let Original { run_id, function_arn, memory, description } = original;
    // Each attempt looks for the tag again: it may be gone if somebody changed the function meanwhile.
    look_and_change(lambda, function_arn, known, async |latest| {
        let Some(tag) = Tag::of_run(run_id, Tagged::Latest, &latest.description) else {
            return Ok(false);
        };
        let is_memory_of_run = latest.memory == tag.memory;
        let change = LatestChange {
            memory: if is_memory_of_run { memory } else { latest.memory },
            description: description.unwrap_or(&latest.description),
            revision_id: Some(&latest.revision_id),
        };
        lambda.update_latest(function_arn, &change).await?;
        Ok(is_memory_of_run)
    })
    .await
}
