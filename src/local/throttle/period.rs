//! The period that CPU shares are counted in.

use std::time::Duration;

/// The time after which a function gets a new quota of CPU time. Lambda's own period is 20 ms. With the kernel's default
/// of 100 ms a short function at 128 MB would run all of its first 7 ms at full speed.
/// <https://arxiv.org/abs/2506.01283>
pub(super) const PERIOD: Duration = Duration::from_millis(20);
