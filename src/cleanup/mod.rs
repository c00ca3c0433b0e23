//! `lpt-cleanup`: `plan`, `configuration` → `cleaned`.

mod args;
mod cleaned;
pub mod leftovers;

use std::collections::BTreeMap;
use std::io::Write;

use futures_util::future::join_all;

pub use args::Args;
pub use cleaned::{Cleaned, Left};

use crate::apply::{Applied, AppliedState, is_version_of};
use crate::aws::{Aws, AwsError, AwsErrorKind, AwsOptions, FunctionArn, Lambda, Qualifier, Version};
use crate::error::{Error, Exit};
use crate::message;
use crate::ndjson::{End, Line, Reader, Record as _, Status, Writer};
use crate::prepare::{
    Configuration, Original, Plan, RunId, Tag, Tagged, remove_described, remove_versions, restore_latest,
};

/// How to clean up.
#[derive(Debug)]
pub struct Options {
    /// Where AWS is.
    pub aws: AwsOptions,
}

/// Reads all of `input`, passing on what it does not consume, and then cleans up, whatever the input's end says.
///
/// What there is to remove is found in the account, by the tags of the runs that the records name: a version whose
/// number never reached a record is found too.
///
/// # Errors
/// A bad record or a closed output, after all that the good records name has been cleaned; or something that could
/// not be removed.
pub async fn run(options: &Options, input: Reader, output: impl Write) -> Result<Exit, Error> {
    let mut writer = Writer::new(output);
    let mut runs = Runs::new();
    let mut applying = Applying::new();
    let mut first_error = None;
    let read = input.for_each(|line| {
        // Not even a closed output keeps it from cleaning.
        match take(line, &mut runs, &mut applying, &mut writer) {
            Err(error) if !matches!(error, Error::Record(_)) => drop(first_error.get_or_insert(error)),
            result => return result,
        }
        Ok(())
    });
    match read.await {
        Ok(None) => {}
        Ok(Some(error)) => drop(first_error.get_or_insert(error)),
        Err(error) => drop(first_error.get_or_insert(error)),
    }

    if runs.is_empty() && first_error.is_none() {
        message::note("the input has no plan or configuration record: there is nothing to clean up");
    }
    let aws = Aws::load(&options.aws).await;
    let results = join_all(runs.iter().map(async |((run_id, function), plan)| {
        let lambda = aws.lambda(function);
        let (mut cleaned, mut errors) =
            clean(&lambda, *run_id, function, plan.as_ref().map(Original::from)).await;
        // A record that was edited is not to name a version of the user's.
        let applying = applying.get(function).filter(|description| is_version_of(*run_id, description));
        if let Some(description) = applying {
            match remove_unreached(&lambda, function, description).await {
                Ok(versions) => cleaned.versions_deleted.extend(versions),
                Err(error) => {
                    cleaned.left.push(Left::because(format!("{function}: a version of lpt-apply"), &error));
                    errors.push(error);
                }
            }
        }
        (cleaned, errors)
    }))
    .await;
    conclude(results, &mut writer, first_error)
}

/// Says and writes what became of each run, and ends the stream.
fn conclude<W: Write>(
    results: Vec<(Cleaned, Vec<AwsError>)>,
    writer: &mut Writer<W>,
    mut first_error: Option<Error>,
) -> Result<Exit, Error> {
    let mut all_clean = true;
    let mut first_failure = None;
    for (cleaned, errors) in results {
        all_clean &= cleaned.left.is_empty();
        message::note(format_args!(
            "{}: removed {} versions and {} aliases of the run {}{}",
            cleaned.function_arn.name(),
            cleaned.versions_deleted.len(),
            cleaned.aliases_deleted.len(),
            cleaned.run_id,
            if cleaned.memory_restored { ", and set $LATEST back" } else { "" }
        ));
        if let Err(error) = writer.write(&cleaned) {
            first_error.get_or_insert(error);
        }
        for error in errors {
            message::error(&error);
            first_failure.get_or_insert(error);
        }
    }
    let status = if all_clean && first_error.is_none() { Status::Complete } else { Status::Failed };
    writer.end(status)?;
    match (first_error, first_failure) {
        (Some(error), _) => Err(error),
        (None, Some(failure)) => Ok(failure.exit()),
        (None, None) => Ok(Exit::Done),
    }
}

/// The runs that the records name, with the plan where there is one.
type Runs = BTreeMap<(RunId, FunctionArn), Option<Plan>>;

/// The descriptions of versions that lpt-apply was about to publish when its records break off.
type Applying = BTreeMap<FunctionArn, String>;

fn take<W: Write>(
    line: &Line,
    runs: &mut Runs,
    applying: &mut Applying,
    writer: &mut Writer<W>,
) -> Result<(), Error> {
    match &*line.record_type()? {
        // It cleans up however the stream ended.
        End::TYPE => {
            line.parse::<End>()?;
            Ok(())
        }
        Plan::TYPE => {
            let plan: Plan = line.parse()?;
            runs.insert((plan.run_id, plan.function_arn.clone()), Some(plan));
            Ok(())
        }
        Configuration::TYPE => {
            let configuration: Configuration = line.parse()?;
            runs.entry((configuration.run_id, configuration.function_arn)).or_default();
            Ok(())
        }
        Applied::TYPE => {
            let applied: Applied = line.parse()?;
            match (applied.state, applied.version_description) {
                (AppliedState::Applying, Some(description)) => {
                    applying.insert(applied.function_arn, description);
                }
                _ => drop(applying.remove(&applied.function_arn)),
            }
            writer.pass(line)
        }
        _ => writer.pass(line),
    }
}

/// Removes the version that lpt-apply published, which no other is described as, if no alias points at it.
async fn remove_unreached(
    lambda: &Lambda,
    function: &FunctionArn,
    description: &str,
) -> Result<Vec<Version>, AwsError> {
    let aliases = lambda.aliases(function).await?;
    let reached: Vec<Version> = aliases.iter().filter_map(|alias| alias.version).collect();
    remove_described(lambda, function, description, &reached).await
}

/// Restores `function` and removes what `run_id` made of it.
async fn clean(
    lambda: &Lambda,
    run_id: RunId,
    function: &FunctionArn,
    original: Option<Original<'_>>,
) -> (Cleaned, Vec<AwsError>) {
    let mut cleaned = Cleaned {
        run_id,
        function_arn: function.clone(),
        aliases_deleted: Vec::new(),
        versions_deleted: Vec::new(),
        memory_restored: false,
        left: Vec::new(),
    };
    let mut failed = Vec::new();
    match restore(lambda, run_id, function, original).await {
        Ok(restored) => cleaned.memory_restored = restored,
        // With the function, all that was made of it is gone.
        Err(error) if error.is_not_found() => return (cleaned, Vec::new()),
        Err(error) => failed.push((function.to_string(), error)),
    }
    let removed = remove_versions(lambda, run_id, function).await;
    cleaned.aliases_deleted = removed.aliases;
    cleaned.versions_deleted = removed.versions;
    failed.extend(removed.left);
    cleaned.left = failed.iter().map(|(resource, error)| Left::because(resource, error)).collect();
    (cleaned, failed.into_iter().map(|(_, error)| error).collect())
}

/// Sets `$LATEST` back where it still carries the run's tag. Without the plan that tag says what to; where its
/// description did not fit in there, it is left to the user, who may have the plan elsewhere.
async fn restore(
    lambda: &Lambda,
    run_id: RunId,
    function: &FunctionArn,
    original: Option<Original<'_>>,
) -> Result<bool, AwsError> {
    if let Some(original) = original {
        return restore_latest(lambda, original).await;
    }
    let latest = lambda.configuration(function, Qualifier::Latest).await?;
    let Some(tag) = Tag::of_run(run_id, Tagged::Latest, &latest.description) else {
        return Ok(false);
    };
    match &tag.original_description {
        Some(description) => {
            let memory = tag.original_memory;
            restore_latest(lambda, Original { run_id, function_arn: function, memory, description }).await
        }
        None => Err(AwsError {
            action: "lambda:UpdateFunctionConfiguration",
            on: function.to_string(),
            kind: AwsErrorKind::Invalid,
            code: "NoPlan".to_owned(),
            message: format!(
                "$LATEST had {} MB before the run and is not restored, for the plan record with its description is not in the input; lpt-cleanup --leftovers restores the memory alone",
                tag.original_memory
            ),
        }),
    }
}
