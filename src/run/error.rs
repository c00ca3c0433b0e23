//! Why a run leaves a function as it is.

use crate::aws::AwsError;
use crate::error::Fault;
use crate::exit::Exit;
use crate::names::FunctionArn;
use crate::records::RunId;
use crate::units::MemoryMB;

/// Why a change of a function, or its undoing, did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RunError {
    /// AWS refused, or could not be reached.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// Somebody else changed the function while the run worked on it.
    #[error(
        "{function}: somebody else changed the function meanwhile: {what}; look at it, and start the run again"
    )]
    Changed {
        /// The function.
        function: FunctionArn,
        /// The names of what they changed.
        what: String,
    },
    /// The function carries the tag of a run.
    #[error(
        "{function}: is being tuned by the run {run_id}, or was when that run was cut off; wait for it, or run lpt-cleanup on its records, or with --leftovers where there are none"
    )]
    AtWork {
        /// The function.
        function: FunctionArn,
        /// The run whose tag it carries.
        run_id: RunId,
    },
    /// The description that `$LATEST` had before the run is neither in the input nor in the tag.
    #[error(
        "{function}: $LATEST had {original_memory} MB before the run and is not restored, because the plan record with its description is not in the input; lpt-cleanup --leftovers restores the memory alone"
    )]
    NoPlan {
        /// The function.
        function: FunctionArn,
        /// The memory that it had before the run.
        original_memory: MemoryMB,
    },
}

impl RunError {
    /// Returns the name of this error for the `errorType` of a record: AWS's own where the error is AWS's.
    pub fn error_type(&self) -> &str {
        match self {
            RunError::Aws(error) => &error.code,
            RunError::Changed { .. } => "FunctionChanged",
            RunError::AtWork { .. } => "RunAtWork",
            RunError::NoPlan { .. } => "NoPlan",
        }
    }

    /// Returns the words of this error for the `errorMessage` of a record: AWS's own where the error is AWS's.
    pub fn error_message(&self) -> String {
        match self {
            RunError::Aws(error) => error.message.clone(),
            other => other.to_string(),
        }
    }

    /// Whether the function does not exist.
    pub fn is_not_found(&self) -> bool {
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
