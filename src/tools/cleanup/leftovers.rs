//! The leftovers of earlier runs, found and removed without their records.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use futures_util::future::join_all;

use super::{CleanUp, Removal, Source, report_all};
use crate::aws::{Aws, AwsError, Lambda};
use crate::entry::Pipe;
use crate::error::Error;
use crate::exit::Exit;
use crate::label::label;
use crate::message;
use crate::names::{FunctionArn, FunctionRef, Qualifier};
use crate::quote::quoted;
use crate::records::RunId;
use crate::run::{Made, Tag, Tagged};

#[derive(Debug)]
pub(super) struct Options {
    pub(super) functions: Vec<FunctionRef>,
    /// Whether to remove the leftovers. Otherwise they are only shown.
    pub(super) yes: bool,
    /// Whether to remove the leftovers of a run that may be at work, too.
    pub(super) even_if_recent: bool,
}

/// The time for which a run counts as at work after the last sign of it. Most runs take minutes.
const RECENT: Duration = Duration::from_secs(60 * 60);

/// Shows what runs have left of each function, and removes it with `--yes`. Writes a record for each run
/// whose leftovers were removed.
///
/// # Errors
/// Fails if a function could not be searched, or if a run may be at work. The other leftovers are removed all
/// the same. If something could not be removed, the result is the exit code of the first error.
pub(super) async fn run(options: &Options, aws: &Aws, pipe: &mut Pipe) -> Result<Exit, Error> {
    let found = join_all(options.functions.iter().map(async |function| {
        let lambda = aws.lambda_of_ref(function)?;
        find(&lambda, function).await
    }))
    .await;
    let mut first_error = None;
    let mut fail = |error: Error| match first_error {
        // The caller shows the first error, at the end.
        None => first_error = Some(error),
        Some(_) => message::error(error),
    };
    // A function may be named twice, in two forms.
    let mut all = BTreeMap::new();
    for (function, found) in options.functions.iter().zip(found) {
        match found {
            Err(error) => fail(error.into()),
            Ok(found) if found.is_empty() => {
                message::note(format_args!("{function}: no run has left anything"));
            }
            Ok(found) => {
                let key = |leftovers: &Leftovers| (leftovers.run_id, leftovers.function_arn.clone());
                let keyed = found.into_iter().map(|leftovers| (key(&leftovers), leftovers));
                all.extend(keyed);
            }
        }
    }
    for leftovers in all.values() {
        message::summary(leftovers);
    }
    if !options.yes && !all.is_empty() {
        let is_recent = all.values().any(Leftovers::may_be_at_work);
        let and = if is_recent { " and, if no run is at work any more, --even-if-recent" } else { "" };
        message::note(format_args!(
            "nothing is changed; to remove these versions and aliases and restore $LATEST, add --yes{and}"
        ));
    }
    all.retain(|_, leftovers| {
        let is_kept = leftovers.may_be_at_work() && !options.even_if_recent;
        if is_kept && options.yes {
            fail(Error::Failed(leftovers.at_work_message()));
        } else if is_kept {
            message::warning(leftovers.at_work_message());
        }
        options.yes && !is_kept
    });
    let removal = Removal::default();
    let results = removal
        .shown(all.values().map(async |leftovers| {
            let lambda = aws.lambda(&leftovers.function_arn);
            let Leftovers { run_id, function_arn, .. } = leftovers;
            CleanUp::of(*run_id, function_arn, true).run(&lambda, Source::TagAlone, &removal).await
        }))
        .await;
    report_all(results, &mut pipe.output, first_error)
}

/// The leftovers of one run on one function.
#[derive(Debug)]
struct Leftovers {
    run_id: RunId,
    function_arn: FunctionArn,
    /// The tag of `$LATEST`, if it is still that of this run.
    latest: Option<Tag>,
    made: Made,
}

/// Returns the leftovers of all runs on `function`.
async fn find(lambda: &Lambda, function: &FunctionRef) -> Result<Vec<Leftovers>, AwsError> {
    let latest = lambda.settled(function, Qualifier::Latest).await?;
    let function_arn = latest.function_arn;
    let tag = Tag::parse_on(Tagged::Latest, &latest.description);
    let made = Made::find(lambda, &function_arn, &latest.description).await?;
    let runs: BTreeSet<RunId> = tag.iter().map(|tag| tag.run_id).chain(made.runs()).collect();
    let left_by = |run_id| Leftovers {
        run_id,
        function_arn: function_arn.clone(),
        latest: tag.clone().filter(|tag| tag.run_id == run_id),
        made: made.clone().by(run_id),
    };
    Ok(runs.into_iter().map(left_by).collect())
}

impl Leftovers {
    /// Whether the run began or changed `$LATEST` a short while ago. A run whose id was not made by lpt may
    /// be at work too, because the time when it began is not known.
    fn may_be_at_work(&self) -> bool {
        let set_at = self.latest.as_ref().and_then(|tag| tag.set_at);
        let last_seen = self.run_id.begun_at().max(set_at);
        last_seen.is_none_or(|time| !time.is_older_than(RECENT))
    }

    fn at_work_message(&self) -> String {
        format!(
            "{}: the run {} was at work less than an hour ago, and may be still; wait until it ends, or add --even-if-recent",
            label(&self.function_arn),
            self.run_id
        )
    }
}

/// Shows the leftovers to the user, who decides whether to remove them.
impl fmt::Display for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: left by the run {}", label(&self.function_arn), self.run_id)?;
        if let Some(begun_at) = self.run_id.begun_at() {
            write!(f, " of {begun_at}")?;
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["version", "memory MB", "alias"]);
        for own in self.made.versions() {
            let aliases = self.made.aliases.iter().filter(|alias| alias.version() == own.version());
            let names: Vec<String> = aliases.map(|alias| alias.name().to_string()).collect();
            let alias = match own.meant_for() {
                Some(alias) => format!("meant for {alias}"),
                None if names.is_empty() => "-".to_owned(),
                None => names.join(", "),
            };
            table.add_row([own.version().to_string(), own.memory().to_string(), alias]);
        }
        for column in table.column_iter_mut().take(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if table.row_count() > 0 {
            write!(f, "\n{}", table.trim_fmt())?;
        }
        let Some(tag) = &self.latest else {
            return Ok(());
        };
        write!(
            f,
            "\n$LATEST has {} MB, set by this run; before it had {} MB",
            tag.memory, tag.original_memory
        )?;
        match &tag.original_description {
            Some(description) => write!(f, " and the description {}", quoted(description)),
            None => f.write_str(
                " and a description that was too long to be kept in the tag; without the plan record it is lost and becomes empty",
            ),
        }
    }
}
