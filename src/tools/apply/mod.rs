//! `lpt-apply`: `selection` → `applied`.

mod alias; // publishes a version with the selected memory, and points an alias at it
mod args; // the arguments as typed

use std::collections::{BTreeSet, HashMap};
use std::fmt;

pub use args::Args;

use crate::aws::{Alias, Aws, FunctionConfiguration, Lambda, LatestChange};
use crate::entry::Pipe;
use crate::error::Error;
use crate::exit::Exit;
use crate::label::label;
use crate::message;
use crate::names::{AliasName, FunctionArn, Qualifier};
use crate::ndjson::{Line, Upstream, Writer};
use crate::records::{Applied, AppliedState, Plan, Record as _, RunId, Selection};
use crate::run::{RunError, Tag, plan_before};

#[derive(Debug)]
struct Options {
    /// Whether to apply anything at all.
    auto_optimize: bool,
    /// Whether to only show what would be changed.
    dry_run: bool,
    /// The alias to move, before that of the plan and that of the execution input. Without any, `$LATEST` is changed.
    alias: Option<AliasName>,
    input_alias: Option<AliasName>,
    /// Whether to apply the selections of an incomplete stream.
    allow_incomplete: bool,
    /// Whether to go on if the code is not the measured one, or not that of the alias.
    allow_changed_code: bool,
    /// Whether to apply only what is certain.
    if_certain: bool,
}

/// Reads all of the input, passes everything on, and then applies the selections one after another.
///
/// # Errors
/// Fails if the input is incomplete or has a bad record, or if no selection could be applied, with the first
/// error.
async fn run(options: &Options, aws: &Aws, pipe: &mut Pipe) -> Result<Exit, Error> {
    let mut apply = Apply {
        options,
        writer: &mut pipe.output,
        upstream: &mut pipe.upstream,
        selections: Vec::new(),
        plans: HashMap::new(),
    };
    if let Some(error) = pipe.input.for_each(|line| apply.handle(line)).await? {
        return Err(error);
    }
    if !options.auto_optimize {
        message::note(
            "nothing is applied: autoOptimize is not true in --input, or --auto-optimize=false was given; to apply, add --auto-optimize",
        );
        return Ok(Exit::Done);
    }
    apply.upstream.require_complete(options.allow_incomplete)?;
    apply.apply_all(aws).await
}

/// The input that was read, and what to do with it.
struct Apply<'a> {
    options: &'a Options,
    writer: &'a mut Writer,
    upstream: &'a mut Upstream,
    selections: Vec<Selection>,
    plans: HashMap<FunctionArn, Plan>,
}

impl Apply<'_> {
    /// Keeps a selection or plan, and passes the line on.
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
    async fn apply_all(&mut self, aws: &Aws) -> Result<Exit, Error> {
        if self.options.dry_run || self.plans.values().any(|plan| plan.dry_run) {
            return self.show_changes(aws).await;
        }
        let selections = std::mem::take(&mut self.selections);
        if selections.is_empty() {
            return Err(Error::Failed(
                "the input has no selection record; pipe the output of lpt-select into lpt-apply".to_owned(),
            ));
        }
        let mut functions = BTreeSet::new();
        if let Some(duplicate) =
            selections.iter().find(|selection| !functions.insert(&selection.function_arn))
        {
            return Err(Error::Failed(format!(
                "{}: has more than one selection in the input; pass only one of them",
                label(&duplicate.function_arn)
            )));
        }
        let mut first_error = None;
        let mut applied = 0;
        for selection in &selections {
            match self.apply(aws, selection).await {
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

    async fn apply(&mut self, aws: &Aws, selection: &Selection) -> Result<(), Error> {
        let function = &selection.function_arn;
        self.require_certain(selection)?;
        self.follow_plan(aws, function).await?;
        match self.alias_of(function) {
            None => self.change_latest(&aws.lambda(function), selection).await,
            Some(alias) => self.move_alias(aws, selection, &alias).await,
        }
    }

    /// Makes the calls about a function with the profile of its plan.
    async fn follow_plan(&self, aws: &Aws, function: &FunctionArn) -> Result<(), Error> {
        match self.plans.get(function) {
            Some(plan) => aws.follow(plan).await,
            None => Ok(()),
        }
    }

    /// Returns the alias to move: that of the flag, of the plan or of the execution input.
    fn alias_of(&self, function: &FunctionArn) -> Option<AliasName> {
        let of_plan = self.plans.get(function).and_then(|plan| plan.alias.as_ref());
        self.options.alias.as_ref().or(of_plan).or(self.options.input_alias.as_ref()).cloned()
    }

    /// Fails if only what is certain is to be applied, and the selection is not.
    fn require_certain(&self, selection: &Selection) -> Result<(), Error> {
        let why = match selection.certain {
            _ if !self.options.if_certain => return Ok(()),
            Some(true) => return Ok(()),
            Some(false) => "is not certain; measure more invocations, or leave out --if-certain",
            None => {
                "does not say whether it is certain; analyze and select again, with the same --strategy for lpt-analyze and lpt-select"
            }
        };
        let (name, size) = (label(&selection.function_arn), selection.memory_size);
        Err(Error::Failed(format!("{name}: not applied: the selection of {size} MB {why}")))
    }

    /// Reads what would be changed, and shows how it would change.
    async fn show_changes(&self, aws: &Aws) -> Result<Exit, Error> {
        let selected = self.selections.iter().map(|selection| &selection.function_arn);
        let functions: BTreeSet<&FunctionArn> = selected.chain(self.plans.keys()).collect();
        for function in functions {
            self.follow_plan(aws, function).await?;
            let lambda = aws.lambda(function);
            let name = label(function);
            let latest = self.latest(&lambda, function).await?;
            let change = match &self.alias_of(function) {
                None => format!("{name}: $LATEST, which has {} MB, would get", latest.memory),
                Some(alias) => match lambda.alias(function, alias).await? {
                    Some(Alias { version: Some(version), .. }) => format!(
                        "{name}:{alias}, which is at version {version}, would point at a new version with"
                    ),
                    _ => format!("{name}:{alias} would be created and point at a new version with"),
                },
            };
            for selection in self.selections.iter().filter(|selection| selection.function_arn == *function) {
                match self.require_certain(selection) {
                    Ok(()) => message::note(format_args!("dry run: {change} {} MB", selection.memory_size)),
                    Err(why) => message::note(format_args!("dry run: {why}")),
                }
            }
        }
        message::note(format_args!(
            "dry run: nothing is applied; these actions are allowed: {}",
            aws.proved().join(", ")
        ));
        Ok(Exit::Done)
    }

    /// Reads `$LATEST`.
    ///
    /// # Errors
    /// Fails if a run is at work on the function, or if its code has changed since it was measured and the
    /// user did not allow that.
    async fn latest(&self, lambda: &Lambda, function: &FunctionArn) -> Result<FunctionConfiguration, Error> {
        let latest = lambda.settled(function, Qualifier::Latest).await?;
        if let Some(tag) = Tag::parse(&latest.description) {
            return Err(RunError::AtWork { function: function.clone(), run_id: tag.run_id }.into());
        }
        if let Some(plan) = self.plans.get(function)
            && plan.code_sha256 != latest.code_sha256
        {
            self.allow_changed_code(format_args!(
                "{}: its code has changed since it was measured",
                label(function)
            ))?;
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
            message::note(format_args!("{}: has {} MB already", label(function), latest.memory));
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
        // A failed change takes precedence over a closed output.
        let written = self.writer.write(&applied);
        result?;
        message::note(format_args!(
            "{}: $LATEST has {} MB now, it had {} MB",
            label(function),
            selection.memory_size,
            latest.memory
        ));
        message::note(undo_message(
            function,
            &[&format!("update-function-configuration --memory-size {}", latest.memory)],
        ));
        written
    }

    /// Warns of a difference in code or settings if the user allowed it, and fails otherwise.
    fn allow_changed_code(&self, difference: impl fmt::Display) -> Result<(), Error> {
        if self.options.allow_changed_code {
            message::warning(difference);
            return Ok(());
        }
        Err(Error::Failed(format!("{difference}; to go on all the same, add --allow-changed-code")))
    }

    /// Returns the plan that restores `$LATEST` after a version has been published from it.
    ///
    /// It is the plan of the run, which is in the stream already, if `$LATEST` is still as before the run.
    /// Otherwise it is a new one, which is written before anything is changed.
    fn plan_for(&mut self, aws: &Aws, latest: &FunctionConfiguration) -> Result<Plan, Error> {
        let known = self.plans.get(&latest.function_arn);
        if let Some(plan) = known
            && plan.run_id.id().is_some()
            && plan.original_memory_size == latest.memory
            && plan.original_description == latest.description
        {
            return Ok(plan.clone());
        }
        let profile = aws.profile_of(&latest.function_arn);
        let plan = plan_before(RunId::new(), latest, profile);
        self.writer.write(&plan)?;
        Ok(plan)
    }
}

/// Returns the message that has the commands of AWS's own tool, which undo a change with `calls`.
fn undo_message(function: &FunctionArn, calls: &[&str]) -> String {
    let region = function.region();
    let command = |call: &&str| format!("aws lambda {call} --function-name {function} --region {region}");
    format!("to undo that: {}", calls.iter().map(command).collect::<Vec<_>>().join(" && "))
}
