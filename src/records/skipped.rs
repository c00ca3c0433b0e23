//! The `skipped` record: a size that an adaptive run need not measure.

use serde::{Deserialize, Serialize};

use super::{Record, RunName, SizeKey};
use crate::names::{Architecture, FunctionArn};
use crate::units::MemoryMB;

/// A size that `lpt-invoke --adaptive` did not measure, because a smaller one is clearly dearer than the cheapest already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "skipped", rename_all = "camelCase")]
pub struct Skipped {
    /// The id of the run.
    pub run_id: RunName,
    /// The function's ARN, without a version or an alias.
    pub function_arn: FunctionArn,
    /// The function's architecture; `x86_64` if absent in the input.
    #[serde(default)]
    pub architecture: Architecture,
    /// The memory size in MB.
    #[serde(rename = "memorySizeMB")]
    pub memory_size: MemoryMB,
    /// Why, in plain words.
    pub reason: String,
}

impl Record for Skipped {
    const TYPE: &'static str = "skipped";
}

impl Skipped {
    /// Returns the function, architecture and memory size that was skipped.
    pub(crate) fn size_key(&self) -> SizeKey {
        SizeKey {
            function: self.function_arn.clone(),
            architecture: self.architecture,
            memory: self.memory_size,
        }
    }
}
