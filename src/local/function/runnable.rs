//! The code and configuration that an execution environment runs.

use std::sync::Arc;

use super::code::Code;
use super::configuration::Configuration;
use super::name::FunctionId;
use super::recording::Replay;

/// A configuration and code that an execution environment is made for. A published version has one
/// `Runnable` forever. `$LATEST` gets a new one with each change, so that no warm environment outlives
/// the change.
#[derive(Debug)]
pub(crate) struct Runnable {
    pub(crate) function: FunctionId,
    /// `$LATEST` or the number of a version.
    pub(crate) version: String,
    /// Differs from that of every other runnable of this service.
    pub(crate) generation: u64,
    pub(crate) configuration: Configuration,
    pub(crate) code: Arc<Code>,
    /// The environments of a recording, if the code is one.
    pub(crate) replay: Replay,
}
