//! Changes of `$LATEST`, which others may change too.

use std::time::Instant;

use super::RunError;
use crate::aws::{FunctionConfiguration, Lambda};
use crate::names::{FunctionArn, Qualifier};

/// The maximum number of times that a change is tried, because somebody else was quicker.
const MAX_ATTEMPTS: u32 = 10;

/// Reads `$LATEST` and calls `change` with the result. Reads and calls again while AWS refuses the change
/// because somebody else has changed the function since it was read: what they changed may decide whether the
/// change is still wanted.
///
/// AWS also refuses a change while another operation on the function is in progress, with a
/// `ResourceConflictException`. That of `$LATEST` shows in its `LastUpdateStatus`. Whether a version that is still
/// `Pending` is another such operation, AWS does not say: its page on states names creation and updates of functions. In
/// practice it is not. If it is, the change is made when it is over.
/// <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>
/// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html#API_UpdateFunctionConfiguration_Errors>
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
    let mut overtaken = 0;
    let mut refused_since = None;
    loop {
        let now = match known.take() {
            Some(known) => known,
            None => lambda.settled(function, Qualifier::Latest).await?,
        };
        match change(now).await {
            Err(RunError::Aws(error)) if error.is_conflict() => {
                let since = *refused_since.get_or_insert_with(Instant::now);
                lambda.wait_out(error, since).await?;
            }
            Err(RunError::Aws(error)) if error.is_overtaken() && overtaken + 1 < MAX_ATTEMPTS => {
                overtaken += 1;
            }
            result => return result,
        }
    }
}
