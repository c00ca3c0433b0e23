//! What an earlier run has measured that did not come to its end.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::message;
use crate::names::FunctionArn;
use crate::ndjson::{Line, Lines};
use crate::records::{Configuration, Invocation, Plan, Record as _, RunId, SizeKey};

/// The size and the index of an invocation: the same in each run that would make it.
type Key = (SizeKey, u32);

/// The records of an earlier run.
#[derive(Debug, Default)]
pub struct Resumed {
    file: PathBuf,
    /// Those that are not usable are none.
    invocations: HashMap<Key, Option<Kept>>,
    plans: HashMap<FunctionArn, Plan>,
    dry_runs: HashSet<RunId>,
}

#[derive(Debug)]
struct Kept {
    line: Line,
    is_cold: bool,
}

impl Resumed {
    /// Reads `file`, of which the last line may be cut off.
    ///
    /// # Errors
    /// It can't be read, or another line of it is no record.
    pub fn read(file: &Path) -> Result<Resumed, Error> {
        let mut resumed = Resumed { file: file.to_owned(), ..Resumed::default() };
        let mut bad_line = None;
        for line in Lines::of_files(&[file.to_owned()]) {
            if let Some(error) = bad_line.take() {
                return Err(error);
            }
            match line.and_then(|line| resumed.add(line)) {
                Err(error) if error.is_bad_record() => bad_line = Some(error),
                result => result?,
            }
        }
        if let Some(error) = bad_line {
            message::warning(format_args!("the last line is left out: {error}"));
        }
        // A shell empties the file that it is to write to before lpt-invoke can read it.
        if resumed.is_empty() {
            return Err(Error::Usage(format!(
                "--resume {}: has no invocation to keep; is it also what the output goes to?",
                file.display()
            )));
        }
        Ok(resumed)
    }

    /// Keeps what a line says of the earlier run.
    fn add(&mut self, line: Line) -> Result<(), Error> {
        match &*line.record_type()? {
            Plan::TYPE => {
                let plan: Plan = line.parse()?;
                if plan.dry_run {
                    self.dry_runs.insert(plan.run_id);
                // lpt-apply writes one to publish a version, and measures nothing.
                } else if !plan.power_values.is_empty() {
                    self.plans.insert(plan.function_arn.clone(), plan);
                }
            }
            Invocation::TYPE => {
                let invocation: Invocation = line.parse()?;
                let is_dry = invocation.run_id.is_some_and(|run| self.dry_runs.contains(&run));
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

    /// Whether `invocation` is one of these, or measured in the place of one.
    pub(super) fn has(&self, invocation: &Invocation) -> bool {
        key(invocation).is_some_and(|key| self.invocations.contains_key(&key))
    }

    /// Those of `indices` that need not be measured again with `configuration`.
    pub(super) fn kept(&self, configuration: &Configuration, indices: Range<u32>) -> BTreeMap<u32, Line> {
        let size = configuration.size_key();
        let kept = |index| {
            let kept = self.invocations.get(&(size.clone(), index));
            // A version for one invocation is for a cold start.
            let kept = kept?.as_ref().filter(|kept| kept.is_cold || configuration.index.is_none())?;
            Some((index, kept.line.clone()))
        };
        if self.is_empty() { BTreeMap::new() } else { indices.filter_map(kept).collect() }
    }

    /// That what was measured before and what is measured now can be taken together.
    ///
    /// # Errors
    /// The function is another one by now, or is measured in another way.
    pub(super) fn check(&self, plan: &Plan) -> Result<(), Error> {
        let Some(before) = self.plans.get(&plan.function_arn) else {
            if self.has_invocations_of(&plan.function_arn) {
                message::warning(format_args!(
                    "{}: {} has no plan of it, so that nobody knows whether its code is the same",
                    plan.function_arn,
                    self.file.display()
                ));
            }
            return Ok(());
        };
        let difference = if before.code_sha256 != plan.code_sha256 {
            "of other code"
        } else if before.only_cold_starts != plan.only_cold_starts {
            "of cold starts only, or this one is"
        } else {
            return Ok(());
        };
        Err(Error::Failed(format!(
            "{}: the run in {} is {difference}, and can't be resumed; measure without --resume",
            plan.function_arn,
            self.file.display()
        )))
    }
}

fn key(invocation: &Invocation) -> Option<Key> {
    Some((invocation.size_key(), invocation.index?))
}
