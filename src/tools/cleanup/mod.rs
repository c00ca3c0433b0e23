//! `lpt-cleanup`: `plan`, `configuration` → `cleaned`.

mod args; // the arguments as typed
mod leftovers; // --leftovers: finds and removes what runs have left, without their records

use std::collections::{BTreeMap, BTreeSet};

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
    Applied, AppliedState, Cleaned, Configuration, End, Left, Plan, Record as _, RunId, RunName, Status,
};
use crate::run::{
    Original, RunError, Tag, Tagged, is_description_for_alias, remove_versions_and_aliases,
    remove_versions_described, restore_latest,
};

/// Reads all of the input, passes on what it does not consume, and then cleans up, however the input ends.
///
/// It finds what to remove in the account, by the tags of the runs that the records name. So it also finds a
/// version whose number never reached a record.
///
/// # Errors
/// Fails if the input has a bad record or the output is closed, after everything that the good records name
/// has been cleaned up. If something could not be removed, the result is the exit code of the first error.
async fn run(aws: &Aws, pipe: &mut Pipe) -> Result<Exit, Error> {
    let writer = &mut pipe.output;
    let mut targets = Targets::default();
    let mut first_error = None;
    let read = pipe.input.for_each(|line| {
        // It cleans up even if the output is closed.
        match targets.handle(line, writer) {
            Err(error) if !error.is_bad_record() => drop(first_error.get_or_insert(error)),
            result => return result,
        }
        Ok(())
    });
    match read.await {
        Ok(None) => {}
        Ok(Some(error)) | Err(error) => drop(first_error.get_or_insert(error)),
    }

    for run in &targets.others {
        message::note(format_args!("the run {run} is not one of lpt, so nothing of it is removed"));
    }
    if targets.runs.is_empty() && targets.others.is_empty() && first_error.is_none() {
        message::note("the input has no plan or configuration record, so there is nothing to clean up");
    }
    let results = join_all(targets.runs.iter().map(async |((run_id, function), plan)| {
        let lambda = aws.lambda(function);
        let (mut cleaned, mut errors) =
            clean_up(&lambda, *run_id, function, plan.as_ref().map(Original::from)).await;
        // Records can be edited: only a description that lpt-apply gives in this run counts.
        let unconfirmed = targets.unconfirmed.get(function);
        if let Some(description) =
            unconfirmed.filter(|description| is_description_for_alias(*run_id, description))
        {
            match remove_unused_version(&lambda, function, description).await {
                Ok(versions) => cleaned.versions_deleted.extend(versions),
                Err(error) => {
                    let error = RunError::from(error);
                    cleaned.left.push(not_removed(&format!("{function}: a version of lpt-apply"), &error));
                    errors.push(error);
                }
            }
        }
        (cleaned, errors)
    }))
    .await;
    report_and_end(results, writer, first_error)
}

/// Reports the result for each run to the user and as a record, and ends the stream.
fn report_and_end(
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
            if cleaned.memory_restored { ", and restored $LATEST" } else { "" }
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

/// The runs and versions to clean up, as the records name them.
#[derive(Default)]
struct Targets {
    /// The functions of each run, with the plan if the input has it.
    runs: BTreeMap<(RunId, FunctionArn), Option<Plan>>,
    /// The description of the version that lpt-apply was about to publish when its records broke off.
    unconfirmed: BTreeMap<FunctionArn, String>,
    /// The runs of other programs. Neither a tag nor an alias has their names, so nothing can be found of them.
    others: BTreeSet<RunName>,
}

impl Targets {
    /// Adds what a line names, and passes on a line that this tool does not consume.
    fn handle(&mut self, line: &Line, writer: &mut Writer) -> Result<(), Error> {
        match &*line.record_type()? {
            // Any status will do: it cleans up however the stream ended.
            End::TYPE => {
                line.parse::<End>()?;
                Ok(())
            }
            Plan::TYPE => {
                let plan: Plan = line.parse()?;
                match plan.run_id.id() {
                    Some(run_id) => drop(self.runs.insert((run_id, plan.function_arn.clone()), Some(plan))),
                    None => drop(self.others.insert(plan.run_id)),
                }
                Ok(())
            }
            Configuration::TYPE => {
                let configuration: Configuration = line.parse()?;
                match configuration.run_id.id() {
                    Some(run_id) => {
                        self.runs.entry((run_id, configuration.function_arn)).or_default();
                    }
                    None => drop(self.others.insert(configuration.run_id)),
                }
                Ok(())
            }
            Applied::TYPE => {
                let applied: Applied = line.parse()?;
                match (applied.state, applied.version_description) {
                    (AppliedState::Applying, Some(description)) => {
                        self.unconfirmed.insert(applied.function_arn, description);
                    }
                    _ => drop(self.unconfirmed.remove(&applied.function_arn)),
                }
                writer.pass(line)
            }
            _ => writer.pass(line),
        }
    }
}

/// Returns the entry in `cleaned` of a resource that could not be removed because of `error`.
fn not_removed(resource: &str, error: &RunError) -> Left {
    Left {
        resource: resource.to_owned(),
        error_type: error.error_type().to_owned(),
        error_message: error.error_message(),
    }
}

/// Removes the version with this description, which only lpt-apply gives, unless an alias points at it.
async fn remove_unused_version(
    lambda: &Lambda,
    function: &FunctionArn,
    description: &str,
) -> Result<Vec<Version>, AwsError> {
    let aliases = lambda.aliases(function).await?;
    let used: Vec<Version> = aliases.iter().filter_map(|alias| alias.version).collect();
    remove_versions_described(lambda, function, description, &used).await
}

/// Restores `function`, and removes what the run `run_id` made of it.
async fn clean_up(
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
        // Everything that was made of a function is deleted with it.
        Err(error) if error.is_not_found() => return (cleaned, Vec::new()),
        Err(error) => failed.push((function.to_string(), error)),
    }
    let removed = remove_versions_and_aliases(lambda, run_id, function).await;
    cleaned.aliases_deleted = removed.aliases;
    cleaned.versions_deleted = removed.versions;
    failed.extend(removed.failures.into_iter().map(|(resource, error)| (resource, error.into())));
    cleaned.left = failed.iter().map(|(resource, error)| not_removed(resource, error)).collect();
    (cleaned, failed.into_iter().map(|(_, error)| error).collect())
}

/// Restores `$LATEST` if it still carries the run's tag. Returns whether the memory was restored.
///
/// Without `original`, the memory and the description are those in the tag. If the description did not fit in
/// the tag, `$LATEST` is left to the user, who may have the plan elsewhere.
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
