//! What earlier runs left behind, found and removed without their records.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use futures_util::future::join_all;

use super::{clean, conclude};
use crate::aws::{Aws, AwsError, Lambda, ListedAlias, ListedVersion};
use crate::entry::Pipe;
use crate::error::Error;
use crate::exit::Exit;
use crate::message;
use crate::names::{FunctionArn, FunctionRef, Qualifier};
use crate::records::RunId;
use crate::run::{Original, Tag, Tagged, maker_of_alias, maker_of_version};

/// What to look for, and what to do with it.
#[derive(Debug)]
pub struct Options {
    /// Where to look.
    pub functions: Vec<FunctionRef>,
    /// Whether to remove what is found.
    pub yes: bool,
    /// Whether to remove also what may belong to a run at work.
    pub even_if_recent: bool,
}

/// A run that has shown itself within this time may be at work: most take minutes.
const RECENT: Duration = Duration::from_secs(60 * 60);

/// Shows what runs have left of each function, and removes it if that is wanted. `output` gets a record for each run
/// whose leftovers were removed.
///
/// # Errors
/// A function could not be looked at; a run may be at work; or something could not be removed. The rest is, all the
/// same.
pub async fn run(options: &Options, aws: &Aws, pipe: &mut Pipe) -> Result<Exit, Error> {
    let found = join_all(options.functions.iter().map(async |function| {
        let lambda = aws.lambda_of_ref(function)?;
        find(&lambda, function).await
    }))
    .await;
    let mut first_error = None;
    let mut fail = |error: Error| match first_error {
        // The first one is said last, by whoever gets it.
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
                let keyed = found.into_iter().map(|left| ((left.run_id, left.function_arn.clone()), left));
                all.extend(keyed);
            }
        }
    }
    for leftovers in all.values() {
        message::summary(leftovers);
    }
    if !options.yes && !all.is_empty() {
        message::note("nothing is changed; --yes removes these versions and aliases and sets $LATEST back");
    }
    all.retain(|_, leftovers| {
        let is_kept = leftovers.may_be_at_work() && !options.even_if_recent;
        if is_kept && options.yes {
            fail(Error::Failed(leftovers.at_work()));
        } else if is_kept {
            message::warning(leftovers.at_work());
        }
        options.yes && !is_kept
    });
    let results = join_all(all.values().map(async |leftovers| {
        let lambda = aws.lambda(&leftovers.function_arn);
        let Leftovers { run_id, function_arn, .. } = leftovers;
        clean(&lambda, *run_id, function_arn, leftovers.original()).await
    }))
    .await;
    conclude(results, &mut pipe.output, first_error)
}

/// What one run has left of one function.
#[derive(Debug)]
struct Leftovers {
    run_id: RunId,
    function_arn: FunctionArn,
    /// The tag of `$LATEST`, where it still carries this run's.
    latest: Option<Tag>,
    versions: Vec<ListedVersion>,
    aliases: Vec<ListedAlias>,
}

/// Looks for all runs that have left something of `function`.
async fn find(lambda: &Lambda, function: &FunctionRef) -> Result<Vec<Leftovers>, AwsError> {
    let latest = lambda.settled(function, Qualifier::Latest).await?;
    let function_arn = latest.function_arn;
    let tag = Tag::parse(&latest.description).filter(|tag| tag.on == Tagged::Latest);
    let versions = lambda.versions(&function_arn).await?;
    let aliases = lambda.aliases(&function_arn).await?;
    let runs: BTreeSet<RunId> = (tag.iter().map(|tag| tag.run_id))
        .chain(versions.iter().filter_map(maker_of_version))
        .chain(aliases.iter().filter_map(|alias| maker_of_alias(alias, &versions)))
        .collect();
    let left_by = |run_id| Leftovers {
        run_id,
        function_arn: function_arn.clone(),
        latest: tag.clone().filter(|tag| tag.run_id == run_id),
        versions: versions
            .iter()
            .filter(|listed| maker_of_version(listed) == Some(run_id))
            .cloned()
            .collect(),
        aliases: aliases
            .iter()
            .filter(|alias| maker_of_alias(alias, &versions) == Some(run_id))
            .cloned()
            .collect(),
    };
    Ok(runs.into_iter().map(left_by).collect())
}

impl Leftovers {
    /// What to set `$LATEST` back to. A description that did not fit in the tag is nowhere else: none is then better
    /// than the tag, which says nothing more to anybody and keeps the next run away.
    fn original(&self) -> Option<Original<'_>> {
        self.latest.as_ref().map(|tag| Original {
            run_id: self.run_id,
            function_arn: &self.function_arn,
            memory: tag.original_memory,
            description: tag.original_description.as_deref().unwrap_or_default(),
        })
    }

    /// Whether the run began or changed `$LATEST` a short while ago. Of one whose id is not of lpt's making it is not
    /// known, so that it may.
    fn may_be_at_work(&self) -> bool {
        let set_at = self.latest.as_ref().and_then(|tag| tag.set_at);
        let last_seen = self.run_id.begun_at().max(set_at);
        last_seen.is_none_or(|time| !time.is_older_than(RECENT))
    }

    fn at_work(&self) -> String {
        format!(
            "{}: the run {} was at work less than an hour ago, and may be still; wait for it, or add --even-if-recent",
            self.function_arn, self.run_id
        )
    }
}

/// For the person who is to decide whether to remove it.
impl fmt::Display for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: left by the run {}", self.function_arn.name(), self.run_id)?;
        if let Some(begun_at) = self.run_id.begun_at() {
            write!(f, " of {begun_at}")?;
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["version", "memory MB", "alias"]);
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        for listed in &self.versions {
            let names = self.aliases.iter().filter(|alias| alias.version == Some(listed.version));
            let names: Vec<String> = names.map(|alias| alias.name.to_string()).collect();
            let memory = listed.memory.map(|memory| memory.to_string());
            let names = (!names.is_empty()).then(|| names.join(", "));
            table.add_row([listed.version.to_string(), text(memory), text(names)]);
        }
        let is_own =
            |alias: &&ListedAlias| self.versions.iter().any(|listed| alias.version == Some(listed.version));
        for alias in self.aliases.iter().filter(|alias| !is_own(alias)) {
            table.add_row(["-".to_owned(), "-".to_owned(), alias.name.to_string()]);
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
        write!(f, "\n$LATEST has {} MB of this run; before it had {} MB", tag.memory, tag.original_memory)?;
        match &tag.original_description {
            Some(description) => write!(f, " and the description {description:?}"),
            None => f.write_str(
                " and a description that was too long to be kept in the tag: it is lost, and will be empty",
            ),
        }
    }
}
