//! One version of a run, from its record in the state `creating` to its alias.

use std::cell::Cell;

use super::{Made, Published, Removed, RunError, Tag, publish, unless_ended, withdraw};
use crate::aws::{FunctionConfiguration, Lambda};
use crate::label::label;
use crate::message;
use crate::names::FunctionArn;
use crate::records::{Configuration, ConfigurationState, Plan, RunId};
use crate::units::MemoryMB;

/// Returns the record of a version that is about to be made.
pub(crate) fn configuration_of(plan: &Plan, memory: MemoryMB, index: Option<u32>) -> Configuration {
    Configuration {
        run_id: plan.run_id.clone(),
        function_arn: plan.function_arn.clone(),
        architecture: plan.architecture,
        memory_size: memory,
        alias: plan.own_run().alias(memory, index),
        index,
        state: ConfigurationState::Creating,
        version: None,
        error_type: None,
        error_message: None,
    }
}

/// Removes the versions and aliases that the run `run_id` made of `function`.
pub(crate) async fn remove_made(lambda: &Lambda, run_id: RunId, function: &FunctionArn) -> Removed {
    match Made::find(lambda, function, "").await {
        Ok(made) => made.by(run_id).remove(lambda, function, &Cell::default()).await,
        Err(error) => {
            let failures = vec![(function.to_string(), error.into())];
            Removed { failures, ..Removed::default() }
        }
    }
}

/// Publishes the version of `configuration`.
pub(crate) async fn begin(
    lambda: &Lambda,
    plan: &Plan,
    configuration: &Configuration,
    latest: &mut FunctionConfiguration,
) -> Result<Published, RunError> {
    let memory = configuration.memory_size;
    let description = Tag::on_version(plan, memory, configuration.index).to_string();
    match publish(lambda, &Tag::on_latest(plan, memory), &description, latest).await {
        Err(error) => Err(give_up(lambda, plan, configuration, latest, error).await),
        published => published,
    }
}

/// Waits until a version is active, and makes its alias if that `is_wanted`. Returns its record, and why it failed if it
/// did.
pub(crate) async fn finish(
    lambda: &Lambda,
    plan: &Plan,
    mut configuration: Configuration,
    published: Result<Published, RunError>,
    is_wanted: impl Fn() -> bool,
) -> (Configuration, Option<RunError>) {
    let result = match published {
        Ok(published) => match published.until_active(lambda).await {
            Ok(()) => {
                configuration.version = Some(published.version());
                match is_wanted() {
                    true => make_alias(lambda, plan, &configuration, &published).await,
                    false => Ok(()),
                }
            }
            Err(error) => Err(give_up(lambda, plan, &configuration, &published.latest, error).await),
        },
        Err(error) => Err(error),
    };
    match &result {
        Ok(()) => configuration.state = ConfigurationState::Ready,
        Err(error) => {
            configuration.state = ConfigurationState::Failed;
            configuration.error_type = Some(error.error_type().to_owned());
            configuration.error_message = Some(error.error_message());
        }
    }
    (configuration, result.err())
}

async fn make_alias(
    lambda: &Lambda,
    plan: &Plan,
    configuration: &Configuration,
    published: &Published,
) -> Result<(), RunError> {
    let function = &plan.function_arn;
    let tag = Tag::on_version(plan, configuration.memory_size, configuration.index).to_string();
    match lambda.create_alias(function, &configuration.alias, published.version(), &tag).await {
        Err(error) => Err(unless_ended(lambda, plan, &published.latest, error.into()).await),
        Ok(()) => Ok(()),
    }
}

/// Deletes the version that may have been published from `latest`, because that or its activation has failed with
/// `error`. Returns the error to report.
async fn give_up(
    lambda: &Lambda,
    plan: &Plan,
    configuration: &Configuration,
    latest: &FunctionConfiguration,
    error: RunError,
) -> RunError {
    let memory = configuration.memory_size;
    let description = Tag::on_version(plan, memory, configuration.index).to_string();
    if let Err(error) = withdraw(lambda, latest, &description).await {
        message::warning(format_args!(
            "{}: a version with {memory} MB may be left ({error}); lpt-cleanup removes it",
            label(&plan.function_arn)
        ));
    }
    unless_ended(lambda, plan, latest, error).await
}
