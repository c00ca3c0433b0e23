//! A version of a function, and the progress of its creation or change.

use std::sync::Arc;
use std::time::Instant;

use time::OffsetDateTime;
use uuid::Uuid;

use super::moment::Moment;
use crate::local::function::{Code, Configuration, FunctionId, Runnable};
use crate::local::refusal::Refusal;

/// `$LATEST`, or a copy of it that was published.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    /// None is `$LATEST`.
    pub(crate) number: Option<u64>,
    pub(crate) configuration: Configuration,
    /// The configuration of `$LATEST` that it was published from, which may have another description. Meaningless in
    /// `$LATEST` itself.
    pub(crate) published_from: Configuration,
    pub(crate) code: Arc<Code>,
    pub(crate) modified: OffsetDateTime,
    pub(crate) revision: Uuid,
    pub(crate) progress: Progress,
    /// The code that invocations run. Until a change takes effect, it is the code before the change.
    pub(crate) serving: Arc<Runnable>,
}

/// The progress of a creation or a change, each of which takes a while.
#[derive(Debug, Clone)]
pub(crate) enum Progress {
    Creating { until: Instant },
    Updating { until: Instant, next: Arc<Runnable> },
    Done,
}

impl Version {
    /// Returns `$LATEST`, or the number.
    pub(crate) fn label(&self) -> String {
        match self.number {
            Some(number) => number.to_string(),
            None => "$LATEST".to_owned(),
        }
    }

    /// Whether the version is being created and can't be invoked yet.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.progress, Progress::Creating { .. })
    }

    /// Whether a change has not taken effect yet.
    pub(crate) fn is_updating(&self) -> bool {
        matches!(self.progress, Progress::Updating { .. })
    }

    /// Finishes a creation or change that is due.
    pub(crate) fn advance(&mut self, now: Moment) {
        match &self.progress {
            Progress::Creating { until } if *until <= now.instant => {}
            Progress::Updating { until, next } if *until <= now.instant => self.serving = Arc::clone(next),
            _ => return,
        }
        self.progress = Progress::Done;
        // Lambda's own change of the status makes a new revision, like any other change: in LocalStack, which is tested
        // against AWS, each replaced configuration has one (services/lambda_/provider.py).
        self.revision = Uuid::new_v4();
    }

    pub(crate) fn check_revision(&self, expected: Option<&str>) -> Result<(), Refusal> {
        check_revision(self.revision, expected)
    }
}

pub(crate) fn check_revision(actual: Uuid, expected: Option<&str>) -> Result<(), Refusal> {
    match expected {
        Some(expected) if expected != actual.to_string() => Err(Refusal::stale_revision()),
        _ => Ok(()),
    }
}

/// Refuses a change while an earlier one has not taken effect.
pub(crate) fn check_no_change_in_progress(latest: &Version, id: &FunctionId) -> Result<(), Refusal> {
    if latest.is_pending() {
        return Err(pending());
    }
    if latest.is_updating() {
        return Err(in_progress(id));
    }
    Ok(())
}

/// Refuses an action on a function while another is in progress.
pub(crate) fn in_progress(id: &FunctionId) -> Refusal {
    Refusal::conflict(format!(
        "The operation cannot be performed at this time. An update is in progress for resource: {id}"
    ))
}

/// Refuses an action on a version that is being created. Invoke refuses with the same words:
/// <https://github.com/localstack/localstack/issues/6566>.
pub(crate) fn pending() -> Refusal {
    Refusal::conflict(
        "The operation cannot be performed at this time. \
         The function is currently in the following state: Pending",
    )
}
