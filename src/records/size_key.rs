//! The key of everything that is measured and compared: a function at one memory size.

use crate::names::{Architecture, FunctionArn};
use crate::units::MemoryMB;

/// One function on one architecture at one memory size. Keys sort by function, then architecture, then
/// memory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SizeKey {
    /// The function's ARN, without a version or an alias.
    pub function: FunctionArn,
    /// The function's architecture.
    pub architecture: Architecture,
    /// The memory size in MB.
    pub memory: MemoryMB,
}
