//! `lpt-cleanup`: `plan`, `configuration` → `cleaned`.

mod args; // the arguments as typed
mod leftovers; // --leftovers: finds and removes what runs have left, without their records

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::{fmt, io};

use futures_util::future::join_all;

pub use args::Args;

use crate::aws::{Aws, Lambda};
use crate::entry::Pipe;
use crate::error::{Error, Fault as _};
use crate::exit::Exit;
use crate::label::label;
use crate::message::{self, counted};
use crate::names::{FunctionArn, Qualifier};
use crate::ndjson::{Line, Upstream, Writer};
use crate::progress::{self, SECOND};
use crate::quote::excerpt;
use crate::records::{Cleaned, Configuration, Left, Plan, Record as _, RunId, RunName};
use crate::run::{Made, Original, Removed, RunError, Tag, Tagged, restore_latest};

#[derive(Debug)]
struct Options {
    /// Whether `$LATEST` gets what the plan record says, even if its tag says otherwise.
    trust_records: bool,
}

/// Reads all of the input, passes on what it does not consume, and then cleans up, however the input ends.
///
/// It finds what to remove in the account, by the tags of the runs that the records name. So it also finds a
/// version whose number never reached a record.
///
/// # Errors
/// Fails if the input has a bad record or the output is closed, after everything that the good records name
/// has been cleaned up. The result is [`Exit::Failed`] if the tool before it in the pipe was cut off. If something could
/// not be removed, it is the exit code of the first error, or [`Exit::Partly`] if all of another function or run was
/// cleaned up.
async fn run(options: &Options, aws: &Aws, pipe: &mut Pipe) -> Result<Exit, Error> {
    let Pipe { input, upstream, output: writer, .. } = pipe;
    let mut targets = Targets::default();
    let mut first_error = None;
    let read = input.for_each(|line| {
        // It cleans up even if the output is closed.
        match targets.handle(line, upstream, writer) {
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
        message::note(format_args!(
            "the run {} is not one of lpt, so nothing of it is removed",
            excerpt(&run.to_string())
        ));
    }
    if targets.runs.is_empty() && targets.others.is_empty() && first_error.is_none() && !upstream.has_spoken()
    {
        message::note("the input has no plan or configuration record, so there is nothing to clean up");
    }
    let mut unreachable = Vec::new();
    for (key, target) in &targets.runs {
        if let Some(plan) = &target.plan
            && let Err(error) = aws.follow(plan).await
        {
            unreachable.push(key.clone());
            match first_error {
                // The caller shows the first error, at the end.
                None => first_error = Some(error),
                Some(_) => message::error(error),
            }
        }
    }
    targets.runs.retain(|key, _| !unreachable.contains(key));
    let removal = Removal::default();
    let results = removal
        .shown(targets.runs.iter().map(async |((run_id, function), target)| {
            let source = match &target.plan {
                Some(plan) if options.trust_records => Source::Plan(plan),
                Some(plan) => Source::PlanAndTag(plan),
                None => Source::Tag,
            };
            CleanUp::of(*run_id, function, target.had_versions)
                .run(&aws.lambda(function), source, &removal)
                .await
        }))
        .await;
    for CleanUp { cleaned, .. } in results.iter().filter(|result| result.errors.is_empty()) {
        upstream.forget_run(&cleaned.function_arn, cleaned.run_id);
    }
    let exit = report_all(results, writer, first_error)?;
    let Some(why) = upstream.cut_off() else {
        return Ok(exit);
    };
    // The shell shows the status of the last tool, and this is mostly the last.
    message::warning(why);
    Ok(exit.worse(Exit::Failed))
}

/// Reports the result for each run to the user and as a record.
fn report_all(
    results: Vec<CleanUp>,
    writer: &mut Writer,
    mut first_error: Option<Error>,
) -> Result<Exit, Error> {
    let mut clean = 0;
    let mut first_failure = None;
    for CleanUp { cleaned, errors, had_versions } in results {
        clean += usize::from(errors.is_empty());
        report(&cleaned, had_versions);
        if let Err(error) = writer.write(&cleaned) {
            first_error.get_or_insert(error);
        }
        for error in errors {
            message::error(&error);
            first_failure.get_or_insert(error);
        }
    }
    match (first_error, first_failure) {
        (Some(error), _) => Err(error),
        (None, Some(_)) if clean > 0 => Ok(Exit::Partly),
        (None, Some(failure)) => Ok(failure.exit()),
        (None, None) => Ok(Exit::Done),
    }
}

/// Tells the user what was done for one function of a run.
fn report(cleaned: &Cleaned, had_versions: bool) {
    let Cleaned { run_id, function_arn, aliases_deleted, versions_deleted, memory_restored, left } = cleaned;
    let name = label(function_arn);
    let is_untouched = aliases_deleted.is_empty() && versions_deleted.is_empty() && !memory_restored;
    if is_untouched && !left.is_empty() {
        // The error says it all.
    } else if is_untouched && had_versions {
        message::note(format_args!("{name}: the versions of the run {run_id} were cleaned up already"));
    } else if is_untouched {
        message::note(format_args!("{name}: nothing of the run {run_id} is there to clean up"));
    } else {
        message::note(format_args!(
            "{name}: removed {} and {} of the run {run_id}{}",
            counted(versions_deleted.len(), "version"),
            counted(aliases_deleted.len(), "alias"),
            if *memory_restored { ", and restored $LATEST" } else { "" }
        ));
    }
}

/// The runs to clean up, as the records name them.
#[derive(Default)]
struct Targets {
    /// The functions of each run.
    runs: BTreeMap<(RunId, FunctionArn), Target>,
    /// The runs of other programs. Neither a tag nor an alias has their names, so nothing can be found of them.
    others: BTreeSet<RunName>,
}

#[derive(Default)]
struct Target {
    /// The plan, if the input has it.
    plan: Option<Plan>,
    /// Whether a configuration has the number of its version.
    had_versions: bool,
}

impl Targets {
    /// Adds what a line names, and passes on a line that this tool does not consume.
    fn handle<W: io::Write>(
        &mut self,
        line: &Line,
        upstream: &mut Upstream,
        writer: &mut Writer<W>,
    ) -> Result<(), Error> {
        let Some(record_type) = upstream.admit(line)? else {
            return Ok(());
        };
        match &*record_type {
            Plan::TYPE => {
                let plan: Plan = line.parse()?;
                match self.target(&plan.run_id, &plan.function_arn) {
                    Some(target) => target.plan = Some(plan),
                    None => drop(self.others.insert(plan.run_id)),
                }
                Ok(())
            }
            Configuration::TYPE => {
                let configuration: Configuration = line.parse()?;
                match self.target(&configuration.run_id, &configuration.function_arn) {
                    Some(target) => target.had_versions |= configuration.version.is_some(),
                    None => drop(self.others.insert(configuration.run_id)),
                }
                Ok(())
            }
            _ => writer.pass(line),
        }
    }

    /// Returns the function of a run, unless the run is one of another program.
    fn target(&mut self, run: &RunName, function: &FunctionArn) -> Option<&mut Target> {
        Some(self.runs.entry((run.id()?, function.clone())).or_default())
    }
}

/// Where the memory and the description of `$LATEST` before the run are known from.
#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    /// The plan, if the tag agrees with it.
    PlanAndTag(&'a Plan),
    /// The plan, whatever the tag says.
    Plan(&'a Plan),
    /// The tag. If the description did not fit in it, `$LATEST` is left to the user, who may have the plan
    /// elsewhere.
    Tag,
    /// The tag. A description that did not fit in it is nowhere else, and an empty one is better than the tag,
    /// which is of no further use and keeps the next run away.
    TagAlone,
}

impl<'a> Source<'a> {
    fn original(self, function: &'a FunctionArn, tag: &'a Tag) -> Result<Original<'a>, RunError> {
        match self {
            Source::PlanAndTag(plan) => Original::agreed(plan, tag),
            Source::Plan(plan) => Ok(plan.into()),
            Source::Tag => Original::of_tag(function, tag, None),
            Source::TagAlone => Original::of_tag(function, tag, Some("")),
        }
    }
}

/// The versions and aliases of all functions that were found, and those that are removed.
#[derive(Default)]
struct Removal {
    found: Cell<usize>,
    done: Cell<usize>,
}

impl Removal {
    /// Cleans up side by side, and shows how far that is.
    async fn shown(&self, work: impl Iterator<Item: Future<Output = CleanUp>>) -> Vec<CleanUp> {
        let line = || match (self.done.get(), self.found.get()) {
            (_, 0) => "looking for what to remove".to_owned(),
            (done, found) if done == found => "restoring $LATEST".to_owned(),
            (done, found) => format!("removed {done} of {found} versions and aliases"),
        };
        progress::during(SECOND, line, join_all(work)).await
    }
}

/// The cleaning up of one function of one run.
struct CleanUp {
    cleaned: Cleaned,
    errors: Vec<RunError>,
    /// Whether the records name a version that was there.
    had_versions: bool,
}

impl CleanUp {
    fn of(run_id: RunId, function: &FunctionArn, had_versions: bool) -> CleanUp {
        let cleaned = Cleaned {
            run_id,
            function_arn: function.clone(),
            aliases_deleted: Vec::new(),
            versions_deleted: Vec::new(),
            memory_restored: false,
            left: Vec::new(),
        };
        CleanUp { cleaned, errors: Vec::new(), had_versions }
    }

    /// Restores the function, and removes what the run made of it. Goes on after a failure.
    async fn run(mut self, lambda: &Lambda, source: Source<'_>, removal: &Removal) -> CleanUp {
        let run_id = self.cleaned.run_id;
        let function = &self.cleaned.function_arn.clone();
        let latest = match lambda.settled(function, Qualifier::Latest).await {
            Ok(latest) => Some(latest),
            // Everything that was made of a function is deleted with it.
            Err(error) if error.is_not_found() => return self,
            Err(error) => {
                self.fail(function, error.into());
                None
            }
        };
        let description = latest.as_ref().map_or("", |latest| &latest.description);
        let tag = Tag::of_run(run_id, Tagged::Latest, description);
        let original = tag.as_ref().map(|tag| source.original(function, tag)).transpose();
        if let Err(error @ RunError::Disagreement { .. }) = original {
            self.fail(function, error);
            return self;
        }
        let mut made = Made::find(lambda, function, description).await.unwrap_or_else(|error| {
            self.fail(format_args!("versions and aliases of {function}"), error.into());
            Made::default()
        });
        made = made.by(run_id);
        removal.found.update(|found| found + made.count());
        // These first, because the tag on `$LATEST` proves that they are the run's.
        let first = Made { for_alias: std::mem::take(&mut made.for_alias), ..Made::default() };
        self.note(first.remove(lambda, function, &removal.done).await);
        let keeps_tag = !self.errors.is_empty();
        // The rest proves itself, so it goes while `$LATEST` is restored, which takes a second or two.
        let restore = async {
            let Some(original) = original? else {
                return Ok(false);
            };
            let description = original.description.filter(|_| !keeps_tag);
            restore_latest(lambda, Original { description, ..original }, latest).await
        };
        let (restored, removed) = tokio::join!(restore, made.remove(lambda, function, &removal.done));
        match restored {
            Ok(restored) => self.cleaned.memory_restored = restored,
            Err(error) => self.fail(function, error),
        }
        self.note(removed);
        self
    }

    /// Notes what was removed, and what was not.
    fn note(&mut self, removed: Removed) {
        self.cleaned.aliases_deleted.extend(removed.aliases);
        self.cleaned.versions_deleted.extend(removed.versions);
        for (resource, error) in removed.failures {
            self.fail(resource, error);
        }
    }

    /// Adds a resource that could not be removed or restored because of `error`.
    fn fail(&mut self, resource: impl fmt::Display, error: RunError) {
        self.cleaned.left.push(Left {
            resource: resource.to_string(),
            error_type: error.error_type().to_owned(),
            error_message: error.error_message(),
        });
        self.errors.push(error);
    }
}
