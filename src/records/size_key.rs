//! What is measured and compared: a function at one memory size.

use crate::names::{Architecture, FunctionArn};
use crate::units::MemoryMB;

/// A function on one architecture at one memory size. Keys sort by function, then architecture, then memory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SizeKey {
    /// The function, unqualified.
    pub function: FunctionArn,
    /// Its architecture.
    pub architecture: Architecture,
    /// Its memory.
    pub memory: MemoryMB,
}
