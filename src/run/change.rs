//! Changes of `$LATEST`, which others may change too.

use super::RunError;
use crate::aws::{FunctionConfiguration, Lambda};
use crate::names::{FunctionArn, Qualifier};

/// The maximum number of times that a change is tried, because somebody else was quicker.
const MAX_ATTEMPTS: u32 = 10;

/// Reads `$LATEST` and calls `change` with the result. Reads and calls again while AWS refuses the change
/// because somebody else has changed the function since it was read: what they changed may decide whether the
/// change is still wanted.
///
/// `known` is the last known state of `$LATEST`. It saves the first read.
///
/// # Errors
/// Fails if `change` fails, or if `$LATEST` cannot be read.
pub(super) async fn look_and_change<T>(
    lambda: &Lambda,
    function: &FunctionArn,
    mut known: Option<FunctionConfiguration>,
    change: impl AsyncFn(FunctionConfiguration) -> Result<T, RunError>,
) -> Result<T, RunError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let now = match known.take() {
            Some(known) => known,
            None => lambda.settled(function, Qualifier::Latest).await?,
        };
        match change(now).await {
            Err(RunError::Aws(error)) if error.is_overtaken() && attempts < MAX_ATTEMPTS => {}
            result => return result,
        }
    }
}
