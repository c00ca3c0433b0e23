//! `lpt-apply`: `selection` → `applied`.

mod applied;
mod args;

use std::collections::{BTreeSet, HashMap};
use std::io::Write;

pub use applied::{Applied, AppliedState, is_version_of};
pub use args::Args;

use crate::aws::{
    Alias, AliasName, Aws, AwsError, AwsOptions, FunctionArn, FunctionConfiguration, Lambda, LatestChange,
    Qualifier, Version,
};
use crate::error::{Error, Exit};
use crate::message;
use crate::ndjson::{Line, Reader, Record as _, Upstream, Writer};
use crate::prepare::{Plan, RunId, Tag, publish, restore_after};
use crate::select::Selection;
use applied::version_description;

/// How to apply.
#[derive(Debug)]
pub struct Options {
    /// Whether to apply anything at all.
    pub auto_optimize: bool,
    /// Whether only to look at what would be changed.
    pub dry_run: bool,
    /// The alias to move, instead of changing `$LATEST`.
    pub alias: Option<AliasName>,
    /// Whether to act on part of a stream.
    pub allow_incomplete: bool,
    /// Whether to act on other code than was measured, or than the alias points at.
    pub allow_changed_code: bool,
    /// Where AWS is.
    pub aws: AwsOptions,
}

/// Reads all of `input`, passing everything on, and then applies its selections one after another.
///
/// # Errors
/// The input is incomplete or has a bad record; or no selection could be applied, with the first reason.
pub async fn run(options: &Options, input: Reader, output: impl Write) -> Result<Exit, Error> {
    let mut apply = Apply {
        options,
        writer: Writer::new(output),
        upstream: Upstream::default(),
        selections: Vec::new(),
        plans: HashMap::new(),
    };
    let bad_input = input.for_each(|line| apply.take(line)).await?;
    let done = match bad_input {
        Some(error) => Err(error),
        None if !options.auto_optimize => {
            message::note(
                "nothing is applied: autoOptimize in the execution input is not true; --auto-optimize applies",
            );
            Ok(Exit::Done)
        }
        None => match apply.upstream.require_complete(options.allow_incomplete) {
            Ok(()) => apply.all().await,
            Err(error) => Err(error),
        },
    };
    if done.is_err() {
        apply.upstream.fail();
    }
    apply.writer.end(apply.upstream.status())?;
    done
}

struct Apply<'a, W: Write> {
    options: &'a Options,
    writer: Writer<W>,
    upstream: Upstream,
    selections: Vec<Selection>,
    plans: HashMap<FunctionArn, Plan>,
}

impl<W: Write> Apply<'_, W> {
    fn take(&mut self, line: &Line) -> Result<(), Error> {
        let Some(record_type) = self.upstream.take(line)? else {
            return Ok(());
        };
        match &*record_type {
            Selection::TYPE => self.selections.push(line.parse()?),
            Plan::TYPE => {
                let plan: Plan = line.parse()?;
                self.plans.insert(plan.function_arn.clone(), plan);
            }
            _ => {}
        }
        self.writer.pass(line)
    }

    async fn all(&mut self) -> Result<Exit, Error> {
        let aws = Aws::load(&self.options.aws).await;
        if self.options.dry_run || self.plans.values().any(|plan| plan.dry_run) {
            return self.look(&aws).await;
        }
        let selections = std::mem::take(&mut self.selections);
        if selections.is_empty() {
            return Err(Error::Failed(
                "the input has no selection to apply; is lpt-select before this?".to_owned(),
            ));
        }
        if let Some(twice) = selections.iter().enumerate().find_map(|(at, selection)| {
            selections[..at].iter().find(|earlier| earlier.function_arn == selection.function_arn)
        }) {
            return Err(Error::Failed(format!(
                "{}: has more than one selection; apply one of them only",
                twice.function_arn
            )));
        }
        let mut first_error = None;
        let mut applied = 0;
        for selection in &selections {
            let lambda = aws.lambda(&selection.function_arn);
            let result = match &self.options.alias {
                None => self.change_latest(&lambda, selection).await,
                Some(alias) => self.move_alias_to(&lambda, selection, alias).await,
            };
            match result {
                Ok(()) => applied += 1,
                Err(error) if error.is_closed_pipe() => return Err(error),
                Err(error) => {
                    if selections.len() > 1 {
                        message::error(&error);
                    }
                    first_error.get_or_insert(error);
                }
            }
        }
        match first_error {
            None => Ok(Exit::Done),
            Some(_) if applied > 0 => Ok(Exit::Partly),
            Some(error) => Err(error),
        }
    }

    /// Reads what would be changed, and says what would become of it.
    async fn look(&self, aws: &Aws) -> Result<Exit, Error> {
        let selected = self.selections.iter().map(|selection| &selection.function_arn);
        let functions: BTreeSet<&FunctionArn> = selected.chain(self.plans.keys()).collect();
        for function in functions {
            let lambda = aws.lambda(function);
            let name = function.name();
            let latest = self.latest(&lambda, function).await?;
            let what = match &self.options.alias {
                None => format!("{name}: $LATEST, which has {} MB, would get", latest.memory),
                Some(alias) => match lambda.alias(function, alias).await? {
                    Some(Alias { version: Some(version), .. }) => format!(
                        "{name}:{alias}, which is at version {version}, would move to a new version and get"
                    ),
                    _ => format!("{name}:{alias} would be made for a new version and get"),
                },
            };
            for selection in self.selections.iter().filter(|selection| selection.function_arn == *function) {
                message::note(format_args!("dry run: {what} {} MB", selection.memory_size));
            }
        }
        message::note(format_args!("dry run: nothing is applied; allowed are {}", aws.proved().join(", ")));
        Ok(Exit::Done)
    }

    /// Reads `$LATEST`, unless a run is at work on it, or it is not what was measured.
    async fn latest(&self, lambda: &Lambda, function: &FunctionArn) -> Result<FunctionConfiguration, Error> {
        let latest = lambda.settled(function, Qualifier::Latest).await?;
        if let Some(tag) = Tag::parse(&latest.description) {
            return Err(Error::Failed(tag.at_work_on(function)));
        }
        if let Some(plan) = self.plans.get(function)
            && plan.code_sha256 != latest.code_sha256
        {
            self.allow_changed_code(format_args!("{function}: its code was changed since it was measured"))?;
        }
        Ok(latest)
    }

    async fn change_latest(&mut self, lambda: &Lambda, selection: &Selection) -> Result<(), Error> {
        let function = &selection.function_arn;
        let latest = self.latest(lambda, function).await?;
        let mut applied = Applied {
            function_arn: function.clone(),
            memory_size: selection.memory_size,
            previous_memory_size: Some(latest.memory),
            alias: None,
            version: None,
            previous_version: None,
            version_description: None,
            state: AppliedState::Unchanged,
        };
        if latest.memory == selection.memory_size {
            message::note(format_args!("{}: has {} MB already", function.name(), latest.memory));
            return self.writer.write(&applied);
        }
        applied.state = AppliedState::Applying;
        self.writer.write(&applied)?;
        let change = LatestChange {
            memory: selection.memory_size,
            description: &latest.description,
            revision_id: Some(&latest.revision_id),
        };
        let result = lambda.update_latest(function, &change).await;
        applied.state = if result.is_ok() { AppliedState::Applied } else { AppliedState::Failed };
        // What happened in the account goes before what happened to the pipe.
        let written = self.writer.write(&applied);
        result?;
        message::note(format_args!(
            "{}: $LATEST has {} MB now, it had {} MB",
            function.name(),
            selection.memory_size,
            latest.memory
        ));
        message::note(undo(
            function,
            format_args!("update-function-configuration --memory-size {}", latest.memory),
        ));
        written
    }

    async fn move_alias_to(
        &mut self,
        lambda: &Lambda,
        selection: &Selection,
        alias: &AliasName,
    ) -> Result<(), Error> {
        let function = &selection.function_arn;
        let latest = self.latest(lambda, function).await?;
        let from = lambda.alias(function, alias).await?;
        if from.as_ref().is_some_and(|from| from.is_split) {
            return Err(Error::Failed(format!(
                "{function}:{alias}: sends a part of its traffic to another version; end that first"
            )));
        }
        let previous_version = from.as_ref().and_then(|from| from.version);
        let previous = match previous_version {
            Some(version) => Some(lambda.configuration(function, Qualifier::Version(version)).await?),
            None => None,
        };
        let mut applied = Applied {
            function_arn: function.clone(),
            memory_size: selection.memory_size,
            previous_memory_size: previous.as_ref().map(|previous| previous.memory),
            alias: Some(alias.clone()),
            version: None,
            previous_version,
            version_description: None,
            state: AppliedState::Unchanged,
        };
        if let Some(previous) = &previous {
            let differences = latest.differences_from(previous);
            if !differences.is_empty() {
                self.allow_changed_code(format_args!(
                    "{function}:{alias}: $LATEST, which would be published, differs from the version that it points at: {}",
                    differences.join(", ")
                ))?;
            } else if previous.memory == selection.memory_size {
                applied.version = previous.version;
                message::note(format_args!(
                    "{}:{alias}: has {} MB already",
                    function.name(),
                    previous.memory
                ));
                return self.writer.write(&applied);
            }
        }
        let plan = self.plan_for(&latest)?;
        // Until it is restored, `$LATEST` carries the run's tag; the version does not, for it is to stay.
        let description = version_description(selection.memory_size, plan.run_id);
        applied.version_description = Some(description.clone());
        applied.state = AppliedState::Applying;
        self.writer.write(&applied)?;
        let mut latest = latest;
        let published = publish(lambda, &plan, selection.memory_size, &description, &mut latest).await;
        let restored = restore_after(lambda, &plan, &latest).await;
        let mut announced = Ok(());
        let result = match published {
            Ok(version) => {
                applied.version = Some(version);
                // Begun is finished, also where nobody reads of it.
                announced = self.writer.write(&applied);
                point(lambda, function, alias, from.as_ref(), version).await.map(|()| version)
            }
            Err(error) => Err(error),
        };
        applied.version = result.as_ref().ok().copied();
        applied.state = if result.is_ok() { AppliedState::Applied } else { AppliedState::Failed };
        let written = self.writer.write(&applied);
        let version = result?;
        restored?;
        let from = previous_version
            .map_or_else(|| "a new alias".to_owned(), |version| format!("it was at version {version}"));
        message::note(format_args!(
            "{}:{alias}: points at version {version} with {} MB now; {from}",
            function.name(),
            selection.memory_size
        ));
        message::note(match previous_version {
            Some(previous) => {
                undo(function, format_args!("update-alias --name {alias} --function-version {previous}"))
            }
            None => undo(function, format_args!("delete-alias --name {alias}")),
        });
        announced.and(written)
    }

    /// Goes on with other code than was measured or is in use, if the user allowed that.
    fn allow_changed_code(&self, what: impl std::fmt::Display) -> Result<(), Error> {
        if self.options.allow_changed_code {
            message::warning(what);
            return Ok(());
        }
        Err(Error::Failed(format!("{what}; go on with --allow-changed-code if that is wanted")))
    }

    /// The plan that restores `$LATEST` after a version has been published from it: the run's own, which is in the
    /// stream already, if `$LATEST` is still as that one says; else a new one, written ahead.
    fn plan_for(&mut self, latest: &FunctionConfiguration) -> Result<Plan, Error> {
        let known = self.plans.get(&latest.function_arn);
        if let Some(plan) = known
            && plan.original_memory_size == latest.memory
            && plan.original_description == latest.description
        {
            return Ok(plan.clone());
        }
        let plan = Plan::before(RunId::new(), latest);
        self.writer.write(&plan)?;
        Ok(plan)
    }
}

/// The command of AWS's own tool that undoes a change, with the call that it is to make.
fn undo(function: &FunctionArn, call: impl std::fmt::Display) -> String {
    format!("to undo that: aws lambda {call} --function-name {function} --region {}", function.region())
}

/// Points the alias at the version. One that no alias came to point at is removed again.
async fn point(
    lambda: &Lambda,
    function: &FunctionArn,
    alias: &AliasName,
    from: Option<&Alias>,
    version: Version,
) -> Result<(), AwsError> {
    let pointed = match from {
        Some(from) => lambda.move_alias(function, alias, from, version).await,
        None => lambda.create_alias(function, alias, version, "memory chosen by lpt").await,
    };
    let Err(error) = pointed else {
        return Ok(());
    };
    if let Err(left) = lambda.delete_version(function, version).await {
        message::warning(format_args!("version {version} was published in vain, and is left: {left}"));
    }
    Err(error)
}
