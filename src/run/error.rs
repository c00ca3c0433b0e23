//! Errors of a run.

use crate::aws::AwsError;
use crate::error::Fault;
use crate::exit::Exit;
use crate::label::label;
use crate::names::FunctionArn;
use crate::records::RunId;
use crate::units::MemoryMB;

/// The reason why a function was not changed, or a change not undone.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum RunError {
    /// AWS refused the call, or could not be reached.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// Somebody else changed the function while the run worked on it.
    #[error("{}: somebody else changed the function meanwhile: {what}; check it, and start again", label(.function))]
    Changed {
        function: FunctionArn,
        /// The names of the settings that they changed.
        what: String,
    },
    /// `$LATEST` carries the tag of a run, which may be at work.
    #[error("{}: is being tuned by the run {run_id}, or that run was cut off; wait for it, or undo it with lpt-cleanup FILE, where FILE has its records, or with lpt-cleanup --leftovers --function {function}", label(.function))]
    AtWork {
        function: FunctionArn,
        /// The run whose tag the function carries.
        run_id: RunId,
    },
    /// lpt-cleanup has ended the run while it worked.
    #[error("{}: lpt-cleanup has ended the run {run_id} meanwhile, and $LATEST is as before it; to measure, start again", label(.function))]
    Ended {
        function: FunctionArn,
        /// The run that was ended.
        run_id: RunId,
    },
    /// The plan record and the tag on `$LATEST` differ in what `$LATEST` was before the run.
    #[error("{}: nothing is changed, because the tag on $LATEST and the plan record differ in what it had before the run: {what}; to restore what the tag says, run lpt-cleanup --leftovers --yes --function {function}; to restore what the record says, add --trust-records", label(.function))]
    Disagreement {
        function: FunctionArn,
        /// The memory and the description that each of them says.
        what: String,
    },
    /// The description that `$LATEST` had before the run is neither in the input nor in the tag.
    #[error("{}: $LATEST had {original_memory} MB before the run and is not restored, because the input lacks the plan record, which has its description; run lpt-cleanup on a file that has it, or restore the memory with an empty description: lpt-cleanup --leftovers --yes --function {function}", label(.function))]
    NoPlan {
        function: FunctionArn,
        /// The memory of `$LATEST` before the run.
        original_memory: MemoryMB,
    },
}

impl RunError {
    /// Returns the `errorType` for a record. An error that AWS sent keeps the name that AWS gave it.
    pub(crate) fn error_type(&self) -> &str {
        match self {
            RunError::Aws(error) => &error.code,
            RunError::Changed { .. } => "FunctionChanged",
            RunError::AtWork { .. } => "RunAtWork",
            RunError::Ended { .. } => "RunEnded",
            RunError::Disagreement { .. } => "RecordsDisagree",
            RunError::NoPlan { .. } => "NoPlan",
        }
    }

    /// Returns the `errorMessage` for a record. An error that AWS sent keeps the message that AWS gave it.
    pub(crate) fn error_message(&self) -> String {
        match self {
            RunError::Aws(error) => error.message.clone(),
            other => other.to_string(),
        }
    }

    /// Whether the function does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, RunError::Aws(error) if error.is_not_found())
    }
}

impl Fault for RunError {
    fn exit(&self) -> Exit {
        match self {
            RunError::Aws(error) => error.exit(),
            _ => Exit::Failed,
        }
    }
}
