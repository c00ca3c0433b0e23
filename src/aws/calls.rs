//! What all clients of a tool share about the calls that they make.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Instant;

use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};

use super::backoff::patiently;
use super::error::AwsError;
use crate::message;

/// Makes calls, and keeps what they have shown.
#[derive(Debug, Default)]
pub(super) struct Calls {
    proved: RefCell<BTreeSet<&'static str>>,
}

impl Calls {
    /// Makes a call, and makes it again while it is throttled.
    pub async fn make<O, E, R>(
        &self,
        action: &'static str,
        on: impl fmt::Display,
        send: impl AsyncFn() -> Result<O, SdkError<E, R>>,
    ) -> Result<O, AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: fmt::Debug + 'static,
    {
        let on = on.to_string();
        patiently(async || self.make_once(action, &on, &send).await).await
    }

    /// Makes a call once.
    pub async fn make_once<O, E, R>(
        &self,
        action: &'static str,
        on: &str,
        send: impl AsyncFn() -> Result<O, SdkError<E, R>>,
    ) -> Result<O, AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: fmt::Debug + 'static,
    {
        let begun = Instant::now();
        // Boxed, for the SDK's futures are large and nested deeper than the compiler likes to follow.
        let result = Box::pin(send()).await.map_err(|error| AwsError::from_sdk(action, on, &error));
        let outcome = result.as_ref().map_or_else(|error| &*error.code, |_| "done");
        message::detail(format_args!("{on}: {action}: {outcome} in {} ms", begun.elapsed().as_millis()));
        // Who may not ask is not told either that there is nothing.
        if result.as_ref().map_or_else(AwsError::is_not_found, |_| true) {
            self.proved.borrow_mut().insert(action);
        }
        result
    }

    /// The actions that were allowed.
    pub fn proved(&self) -> Vec<&'static str> {
        self.proved.borrow().iter().copied().collect()
    }
}
