//! The invocations of an interrupted run, which need not be made again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::label::label;
use crate::message;
use crate::names::FunctionArn;
use crate::ndjson::{Line, Lines};
use crate::quote::operand;
use crate::records::{Configuration, Invocation, Plan, Record as _, RunName, SizeKey};

/// The size and the index of an invocation, which are the same in the interrupted run and in this one.
type Key = (SizeKey, u32);

/// The records of an interrupted run.
#[derive(Debug, Default)]
pub(super) struct Resumed {
    file: PathBuf,
    /// The invocations of the run; None if none with this key is usable.
    invocations: HashMap<Key, Option<Kept>>,
    plans: HashMap<FunctionArn, Plan>,
    dry_runs: HashSet<RunName>,
}

#[derive(Debug)]
struct Kept {
    line: Line,
    is_cold: bool,
}

impl Resumed {
    /// Reads `file`. Its last line may be cut off.
    ///
    /// # Errors
    /// The file cannot be read, another line of it is not a record, or it has no invocation.
    pub(super) fn read(file: &Path) -> Result<Resumed, Error> {
        let mut resumed = Resumed { file: file.to_owned(), ..Resumed::default() };
        for line in Lines::of_files(&[file.to_owned()]) {
            let line = line?;
            if line.is_cut() {
                line.warn_of_cut();
            } else {
                resumed.add(line)?;
            }
        }
        // With `--resume FILE > FILE` the shell empties the file before lpt-invoke reads it.
        if resumed.is_empty() {
            return Err(Error::Usage(format!(
                "--resume {}: has no invocation; if the output goes to the same file, the shell has emptied it: name another",
                file.display()
            )));
        }
        Ok(resumed)
    }

    /// Adds one line of the interrupted run.
    fn add(&mut self, line: Line) -> Result<(), Error> {
        match &*line.record_type()? {
            Plan::TYPE => {
                let plan: Plan = line.parse()?;
                if plan.dry_run {
                    self.dry_runs.insert(plan.run_id);
                // A plan without sizes is from lpt-apply, which publishes a version but measures nothing.
                } else if !plan.power_values.is_empty() {
                    self.plans.insert(plan.function_arn.clone(), plan);
                }
            }
            Invocation::TYPE => {
                let invocation: Invocation = line.parse()?;
                let is_dry = invocation.run_id.as_ref().is_some_and(|run| self.dry_runs.contains(run));
                if let Some(key) = key(&invocation).filter(|_| !is_dry) {
                    let known = self.invocations.entry(key).or_default();
                    if known.is_none() && invocation.outcome.is_usable() {
                        *known = Some(Kept { line, is_cold: invocation.cold_start == Some(true) });
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether there are no invocations to resume.
    pub(super) fn is_empty(&self) -> bool {
        self.invocations.is_empty()
    }

    fn has_invocations_of(&self, function: &FunctionArn) -> bool {
        self.invocations.keys().any(|(size, _)| size.function == *function)
    }

    /// Whether the interrupted run made `invocation`, or one with the same size and index.
    pub(super) fn has(&self, invocation: &Invocation) -> bool {
        key(invocation).is_some_and(|key| self.invocations.contains_key(&key))
    }

    /// Returns the invocations among `indices` that need not be made again with `configuration`, by their index.
    pub(super) fn kept(&self, configuration: &Configuration, indices: Range<u32>) -> BTreeMap<u32, Line> {
        let size = configuration.size_key();
        let kept = |index| {
            let kept = self.invocations.get(&(size.clone(), index));
            // A version that is for one invocation is for a cold start, so a warm one is not kept.
            let kept = kept?.as_ref().filter(|kept| kept.is_cold || configuration.index.is_none())?;
            Some((index, kept.line.clone()))
        };
        if self.is_empty() { BTreeMap::new() } else { indices.filter_map(kept).collect() }
    }

    /// Checks that the invocations of the interrupted run and those of this one can be analyzed together.
    ///
    /// # Errors
    /// The code of the function has changed, or only one of the runs measures cold starts only.
    pub(super) fn check(&self, plan: &Plan) -> Result<(), Error> {
        let Some(before) = self.plans.get(&plan.function_arn) else {
            if self.has_invocations_of(&plan.function_arn) {
                message::warning(format_args!(
                    "{}: {} has no plan record of this function; its code may have changed since",
                    label(&plan.function_arn),
                    self.file.display()
                ));
            }
            return Ok(());
        };
        let difference = if before.code_sha256 != plan.code_sha256 {
            "the code of the function has changed"
        } else if before.only_cold_starts != plan.only_cold_starts {
            "only one of the two runs is of cold starts only"
        } else {
            return Ok(());
        };
        Err(Error::Failed(format!(
            "{}: the run in {} cannot be resumed, because {difference}; measure without --resume",
            label(&plan.function_arn),
            self.file.display()
        )))
    }
}

/// Returns what to type for the invocations that a run has not made. `file` has those that it has made, `num` of each
/// size are asked for if its plans do not say so.
pub(super) fn how_to(file: &str, plans: &[&Plan], num: Option<u32>) -> String {
    let file = operand(file);
    let asked = |plan: &Plan| {
        let sizes: Vec<String> = plan.power_values.iter().map(ToString::to_string).collect();
        let only_cold_starts = if plan.only_cold_starts { " --only-cold-starts" } else { "" };
        let profile = plan.profile.as_deref().map(|name| format!(" --profile={}", operand(name)));
        format!(
            "--power-values {} --num {}{only_cold_starts}{}",
            sizes.join(","),
            num.filter(|_| !plan.only_cold_starts).unwrap_or(plan.num),
            profile.unwrap_or_default()
        )
    };
    // An alias that the user named is the one to move.
    let named = |plan: &Plan| match &plan.alias {
        Some(alias) => format!("{}:{alias}", plan.function_arn),
        None => plan.function_arn.to_string(),
    };
    match plans {
        [first, others @ ..] if others.iter().all(|plan| asked(plan) == asked(first)) => {
            let functions: Vec<String> = plans.iter().map(|plan| named(plan)).collect();
            format!(
                "to make only the others, type this with the other flags of this run: lpt-tune --resume {file} {} {}",
                asked(first),
                functions.join(" ")
            )
        }
        _ => format!("to make only the others, add --resume {file} to the flags of this run"),
    }
}

fn key(invocation: &Invocation) -> Option<Key> {
    Some((invocation.size_key(), invocation.index?))
}
