//! Changing `$LATEST` although others may change it too.

use super::RunError;
use crate::aws::{FunctionConfiguration, Lambda};
use crate::names::{FunctionArn, Qualifier};

/// How often a change looks at the function again because somebody else was quicker.
const MAX_LOOKS: u32 = 10;

/// Reads `$LATEST` and calls `change` with what it read. Reads and calls again while AWS refuses the change because
/// somebody else has changed the function since it was read: what they changed may decide whether it is still wanted.
///
/// `known` is what was last read of it, which saves the first look.
///
/// # Errors
/// The error of `change`; or of AWS, if `$LATEST` cannot be read.
pub(super) async fn look_and_change<T>(
    lambda: &Lambda,
    function: &FunctionArn,
    mut known: Option<FunctionConfiguration>,
    change: impl AsyncFn(FunctionConfiguration) -> Result<T, RunError>,
) -> Result<T, RunError> {
    let mut looks = 0;
    loop {
        looks += 1;
        let now = match known.take() {
            Some(known) => known,
            None => lambda.settled(function, Qualifier::Latest).await?,
        };
        match change(now).await {
            Err(RunError::Aws(error)) if error.is_overtaken() && looks < MAX_LOOKS => {}
            result => return result,
        }
    }
}
