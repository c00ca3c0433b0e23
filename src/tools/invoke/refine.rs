//! The publication of a size between those that were measured.

use super::Recorder;
use crate::aws::Lambda;
use crate::names::Qualifier;
use crate::records::{Configuration, Plan};
use crate::run::{AfterRun, RunError, Tag, begin, configuration_of, finish, remove_made, restore_after};
use crate::units::MemoryMB;

/// Publishes a version with another memory size as a part of the run of `plan`, and restores `$LATEST`. The version is in
/// the records before it is made, so lpt-cleanup can undo it whatever happens: if its record cannot be written, it is not
/// made, and `None` is returned.
///
/// # Errors
/// AWS refuses a call, or the function is no longer as the plan says.
pub(super) async fn publish(
    lambda: &Lambda,
    plan: &Plan,
    memory: MemoryMB,
    recorder: &Recorder<'_>,
) -> Result<Option<Configuration>, RunError> {
    let function = &plan.function_arn;
    let mut latest = lambda.settled(function, Qualifier::Latest).await?;
    if let Some(tag) = Tag::parse(&latest.description) {
        return Err(RunError::AtWork { function: function.clone(), run_id: tag.run_id });
    }
    let is_as_planned = latest.code_sha256 == plan.code_sha256
        && latest.memory == plan.original_memory_size
        && latest.description == plan.original_description;
    if !is_as_planned {
        let what = "it is not as it was when its versions were published".to_owned();
        return Err(RunError::Changed { function: function.clone(), what });
    }
    let configuration = configuration_of(plan, memory, None);
    recorder.record(&configuration);
    if recorder.has_failed() {
        return Ok(None);
    }
    let published = begin(lambda, plan, &configuration, &mut latest).await;
    let (restored, (configuration, failure)) = tokio::join!(
        restore_after(lambda, plan, plan.into(), &latest),
        finish(lambda, plan, configuration, published, || true)
    );
    recorder.record(&configuration);
    recorder.note_published(&configuration);
    if let AfterRun::Ended = restored? {
        // Whoever ended the run may have missed what was published since.
        remove_made(lambda, plan.own_run(), function).await;
        return Err(RunError::Ended { function: function.clone(), run_id: plan.own_run() });
    }
    failure.map_or(Ok(Some(configuration)), Err)
}
