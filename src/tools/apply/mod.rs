//! `lpt-apply`: `selection` → `applied`.

mod alias;
mod args;

use std::collections::{BTreeSet, HashMap};
use std::fmt;

pub use args::Args;

use crate::aws::{Alias, Aws, FunctionConfiguration, Lambda, LatestChange};
use crate::entry::Pipe;
use crate::error::Error;
use crate::exit::Exit;
use crate::message;
use crate::names::{AliasName, FunctionArn, Qualifier};
use crate::ndjson::{Line, Upstream, Writer};
use crate::records::{Applied, AppliedState, Plan, Record as _, RunId, Selection};
use crate::run::{RunError, Tag, plan_before};

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
}

/// Reads all of the input, passes everything on, and then applies its selections one after another.
///
/// # Errors
/// The input is incomplete or has a bad record; or no selection could be applied, with the first reason.
pub async fn run(options: &Options, aws: &Aws, pipe: &mut Pipe) -> Result<Exit, Error> {
    let mut apply = Apply {
        options,
        writer: &mut pipe.output,
        upstream: Upstream::default(),
        selections: Vec::new(),
        plans: HashMap::new(),
    };
    let bad_input = pipe.input.for_each(|line| apply.handle(line)).await?;
    let done = match bad_input {
        Some(error) => Err(error),
        None if !options.auto_optimize => {
            message::note(
                "nothing is applied: autoOptimize in the execution input is not true; --auto-optimize applies",
            );
            Ok(Exit::Done)
        }
        None => match apply.upstream.require_complete(options.allow_incomplete) {
            Ok(()) => apply.all(aws).await,
            Err(error) => Err(error),
        },
    };
    if done.is_err() {
        apply.upstream.fail();
    }
    apply.writer.end(apply.upstream.status())?;
    done
}

/// What the input says.
struct Apply<'a> {
    options: &'a Options,
    writer: &'a mut Writer,
    upstream: Upstream,
    selections: Vec<Selection>,
    plans: HashMap<FunctionArn, Plan>,
}

impl Apply<'_> {
    /// Keeps what a line says, and passes it on.
    fn handle(&mut self, line: &Line) -> Result<(), Error> {
        let Some(record_type) = self.upstream.admit(line)? else {
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

    /// Applies all selections. Goes on with the next one after a failure.
    async fn all(&mut self, aws: &Aws) -> Result<Exit, Error> {
        if self.options.dry_run || self.plans.values().any(|plan| plan.dry_run) {
            return self.look(aws).await;
        }
        let selections = std::mem::take(&mut self.selections);
        if selections.is_empty() {
            return Err(Error::Failed(
                "the input has no selection to apply; is lpt-select before this?".to_owned(),
            ));
        }
        let mut functions = BTreeSet::new();
        if let Some(twice) = selections.iter().find(|selection| !functions.insert(&selection.function_arn)) {
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
                Some(alias) => self.move_alias(&lambda, selection, alias).await,
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
            return Err(RunError::AtWork { function: function.clone(), run_id: tag.run_id }.into());
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

    /// Goes on with other code than was measured or is in use, if the user allowed that.
    fn allow_changed_code(&self, what: impl fmt::Display) -> Result<(), Error> {
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
        let plan = plan_before(RunId::new(), latest);
        self.writer.write(&plan)?;
        Ok(plan)
    }
}

/// The command of AWS's own tool that undoes a change, with the call that it is to make.
fn undo(function: &FunctionArn, call: impl fmt::Display) -> String {
    format!("to undo that: aws lambda {call} --function-name {function} --region {}", function.region())
}
