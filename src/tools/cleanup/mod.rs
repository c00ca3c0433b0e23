//! `lpt-cleanup`: `plan`, `configuration` → `cleaned`.

mod args;
mod leftovers;

use std::collections::BTreeMap;

use futures_util::future::join_all;

pub use args::Args;

use crate::aws::{Aws, AwsError, Lambda};
use crate::entry::Pipe;
use crate::error::{Error, Fault as _};
use crate::exit::Exit;
use crate::message;
use crate::names::{FunctionArn, Qualifier, Version};
use crate::ndjson::{Line, Writer};
use crate::records::{
    Applied, AppliedState, Cleaned, Configuration, End, Left, Plan, Record as _, RunId, Status,
};
use crate::run::{
    Original, RunError, Tag, Tagged, is_description_for_alias, remove_described, remove_versions,
    restore_latest,
};

/// Reads all of the input, passes on what it does not consume, and then cleans up, however the input ends.
///
/// What there is to remove is found in the account, by the tags of the runs that the records name: a version whose
/// number never reached a record is found too.
///
/// # Errors
/// A bad record or a closed output, after everything that the good records name has been cleaned; or something that
/// could not be removed.
pub async fn run(aws: &Aws, pipe: &mut Pipe) -> Result<Exit, Error> {
    let writer = &mut pipe.output;
    let mut named = Named::default();
    let mut first_error = None;
    let read = pipe.input.for_each(|line| {
        // Not even a closed output keeps it from cleaning.
        match named.handle(line, writer) {
            Err(error) if !error.is_bad_record() => drop(first_error.get_or_insert(error)),
            result => return result,
        }
        Ok(())
    });
    match read.await {
        Ok(None) => {}
        Ok(Some(error)) | Err(error) => drop(first_error.get_or_insert(error)),
    }

    if named.runs.is_empty() && first_error.is_none() {
        message::note("the input has no plan or configuration record: there is nothing to clean up");
    }
    let results = join_all(named.runs.iter().map(async |((run_id, function), plan)| {
        let lambda = aws.lambda(function);
        let (mut cleaned, mut errors) =
            clean(&lambda, *run_id, function, plan.as_ref().map(Original::from)).await;
        // Records can be edited: only a description that lpt-apply gives in this run counts.
        let applying = named.applying.get(function);
        if let Some(description) =
            applying.filter(|description| is_description_for_alias(*run_id, description))
        {
            match remove_unreached(&lambda, function, description).await {
                Ok(versions) => cleaned.versions_deleted.extend(versions),
                Err(error) => {
                    let error = RunError::from(error);
                    cleaned.left.push(left(&format!("{function}: a version of lpt-apply"), &error));
                    errors.push(error);
                }
            }
        }
        (cleaned, errors)
    }))
    .await;
    conclude(results, writer, first_error)
}

/// Says and writes what became of each run, and ends the stream.
fn conclude(
    results: Vec<(Cleaned, Vec<RunError>)>,
    writer: &mut Writer,
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

/// What the records name.
#[derive(Default)]
struct Named {
    /// The runs, with the plan where there is one.
    runs: BTreeMap<(RunId, FunctionArn), Option<Plan>>,
    /// The descriptions of versions that lpt-apply was about to publish when its records break off.
    applying: BTreeMap<FunctionArn, String>,
}

impl Named {
    /// Keeps what a line names, and passes on a line that this tool does not consume.
    fn handle(&mut self, line: &Line, writer: &mut Writer) -> Result<(), Error> {
        match &*line.record_type()? {
            // It cleans up however the stream ended.
            End::TYPE => {
                line.parse::<End>()?;
                Ok(())
            }
            Plan::TYPE => {
                let plan: Plan = line.parse()?;
                self.runs.insert((plan.run_id, plan.function_arn.clone()), Some(plan));
                Ok(())
            }
            Configuration::TYPE => {
                let configuration: Configuration = line.parse()?;
                self.runs.entry((configuration.run_id, configuration.function_arn)).or_default();
                Ok(())
            }
            Applied::TYPE => {
                let applied: Applied = line.parse()?;
                match (applied.state, applied.version_description) {
                    (AppliedState::Applying, Some(description)) => {
                        self.applying.insert(applied.function_arn, description);
                    }
                    _ => drop(self.applying.remove(&applied.function_arn)),
                }
                writer.pass(line)
            }
            _ => writer.pass(line),
        }
    }
}

/// Returns what `cleaned` says of a resource that is left because of `error`.
fn left(resource: &str, error: &RunError) -> Left {
    Left {
        resource: resource.to_owned(),
        error_type: error.error_type().to_owned(),
        error_message: error.error_message(),
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
) -> (Cleaned, Vec<RunError>) {
    let mut cleaned = Cleaned {
        run_id,
        function_arn: function.clone(),
        aliases_deleted: Vec::new(),
        versions_deleted: Vec::new(),
        memory_restored: false,
        left: Vec::new(),
    };
    let mut failed: Vec<(String, RunError)> = Vec::new();
    match restore(lambda, run_id, function, original).await {
        Ok(restored) => cleaned.memory_restored = restored,
        // With the function, all that was made of it is gone.
        Err(error) if error.is_not_found() => return (cleaned, Vec::new()),
        Err(error) => failed.push((function.to_string(), error)),
    }
    let removed = remove_versions(lambda, run_id, function).await;
    cleaned.aliases_deleted = removed.aliases;
    cleaned.versions_deleted = removed.versions;
    failed.extend(removed.left.into_iter().map(|(resource, error)| (resource, error.into())));
    cleaned.left = failed.iter().map(|(resource, error)| left(resource, error)).collect();
    (cleaned, failed.into_iter().map(|(_, error)| error).collect())
}

/// Sets `$LATEST` back where it still carries the run's tag. Without the plan that tag says what to; where its
/// description did not fit in there, it is left to the user, who may have the plan elsewhere.
async fn restore(
    lambda: &Lambda,
    run_id: RunId,
    function: &FunctionArn,
    original: Option<Original<'_>>,
) -> Result<bool, RunError> {
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
        None => Err(RunError::NoPlan { function: function.clone(), original_memory: tag.original_memory }),
    }
}
