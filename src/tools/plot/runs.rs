//! The functions in the input, and what is known of their sizes in each run.
//!
//! Statistics name no run. It is that of their group where lpt-analyze grouped by `runId` or `date`, and otherwise that
//! of the plan of their function before them in the stream.

use std::collections::BTreeMap;

use serde::Serialize;

use super::dots::{Dots, OfSize};
use crate::decide::{Conditions, choose};
use crate::error::Error;
use crate::label::note_function;
use crate::names::{Architecture, FunctionArn};
use crate::ndjson::{Line, Upstream};
use crate::records::{
    BalancedWeight, Invocation, Plan, Proposal, Record as _, RunName, Selection, Statistics, Strategy,
};
use crate::units::{MemoryMB, Money, Timestamp};

/// A function, architecture and group of invocations: what one size is to be selected for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub function: FunctionArn,
    pub architecture: Architecture,
    /// The group, without what tells the run.
    pub group: Option<String>,
}

/// A function, with its runs from the first to the last, of which there is at least one.
pub(super) struct Function {
    pub key: Key,
    pub runs: Vec<Run>,
}

impl Function {
    /// Returns the run that is shown in detail.
    pub fn last(&self) -> &Run {
        self.runs.last().expect("a function has a run")
    }

    /// Returns the invocations of that run, by its sizes.
    pub fn dots_of_last(&self, dots: &Dots) -> Vec<OfSize> {
        let Key { function, architecture, group } = &self.key;
        // Which invocations are of a group is not known here.
        if group.is_some() {
            return Vec::new();
        }
        let run = self.last();
        let sizes: Vec<MemoryMB> = run.sizes.iter().map(|size| size.memory_size).collect();
        dots.of_sizes((function, *architecture), &sizes, |name, time| run.has(name, time))
    }
}

/// What is known of a function in one run.
pub(super) struct Run {
    id: RunId,
    pub began_at: Option<Timestamp>,
    /// The runs whose invocations were measured; none: they are not known.
    members: Vec<RunName>,
    /// The memory before the run.
    pub original: Option<MemoryMB>,
    /// The stream that its statistics are from.
    analyzed_in: Option<usize>,
    /// By size.
    pub sizes: Vec<Statistics>,
    selection: Option<Selection>,
    pub proposals: Vec<Proposal>,
}

/// The size that a function is to have.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chosen {
    /// Whether lpt-select has selected it. Otherwise it is what lpt-select selects if it is told nothing else.
    pub is_selected: bool,
    pub memory: MemoryMB,
    pub strategy: Strategy,
    balanced_weight: BalancedWeight,
    /// These are as in a selection record.
    confidence: Option<f64>,
    certain: Option<bool>,
    pub indistinguishable_from: Vec<MemoryMB>,
    monthly_savings: Option<Money>,
}

impl Run {
    /// Returns what the run is called, with `position` among the function's runs, from 1.
    pub fn name(&self, position: usize) -> String {
        match (&self.id, self.began_at) {
            (RunId::Date(date), _) => date.clone(),
            (_, Some(time)) => time.to_string().replace('T', " ")[..16].to_owned() + " UTC",
            (RunId::Named(name), None) => name.to_string(),
            (RunId::Stream(_), None) => format!("input {position}"),
        }
    }

    /// Returns the size that was selected, or that is to be; `None` if no size works.
    pub fn chosen(&self) -> Option<Chosen> {
        if let Some(selection) = &self.selection {
            return Some(Chosen {
                is_selected: true,
                memory: selection.memory_size,
                strategy: selection.strategy,
                balanced_weight: selection.balanced_weight,
                confidence: selection.confidence,
                certain: selection.certain,
                indistinguishable_from: selection.indistinguishable_from.clone(),
                monthly_savings: selection.monthly_savings,
            });
        }
        let rivals: Vec<&Statistics> = self.sizes.iter().collect();
        let (strategy, balanced_weight) = (rivals[0].strategy, rivals[0].balanced_weight);
        let choice = choose(&rivals, (strategy, balanced_weight), &Conditions::default()).ok()?;
        let certainty = choice.certainty.as_ref();
        let alike = certainty.map(|certainty| [&certainty.equivalent[..], &certainty.undecided].concat());
        let mut indistinguishable_from = alike.unwrap_or_default();
        indistinguishable_from.sort_unstable();
        Some(Chosen {
            is_selected: false,
            memory: choice.selected.memory_size,
            strategy,
            balanced_weight,
            confidence: certainty.and_then(|certainty| certainty.confidence),
            certain: certainty.map(|certainty| certainty.is_certain),
            indistinguishable_from,
            monthly_savings: None,
        })
    }

    /// Whether the statistics that a selection was made from are these: it has the averages of one of them.
    fn is_of(&self, selection: &Selection) -> bool {
        self.sizes.iter().any(|size| {
            size.memory_size == selection.memory_size
                && size.average_cost == Some(selection.average_cost)
                && size.average_duration_ms == Some(selection.average_duration_ms)
        })
    }

    /// Whether an invocation of this run and time belongs to it.
    pub fn has(&self, run: Option<&RunName>, started_at: Option<Timestamp>) -> bool {
        match &self.id {
            RunId::Date(date) => started_at.is_some_and(|time| time.to_string().starts_with(date)),
            _ => self.members.is_empty() || run.is_some_and(|run| self.members.contains(run)),
        }
    }
}

/// What a record is about.
struct About {
    key: Key,
    id: RunId,
    began_at: Option<Timestamp>,
    members: Vec<RunName>,
    original: Option<MemoryMB>,
}

/// What tells runs apart.
#[derive(Debug, Clone, PartialEq)]
enum RunId {
    Named(RunName),
    Date(String),
    /// A stream without a plan, by its number.
    Stream(usize),
}

/// The records that have been read.
#[derive(Default)]
pub(super) struct Runs {
    functions: BTreeMap<Key, Vec<Run>>,
    selections: Vec<(Key, Selection)>,
    proposals: Vec<(Key, RunId, Proposal)>,
    dots: Dots,
    /// The plans of the present stream.
    plans: Vec<Plan>,
    /// The number of streams before it.
    stream: usize,
}

impl Runs {
    /// Takes a line of the input.
    pub fn take(&mut self, line: &Line, upstream: &mut Upstream) -> Result<(), Error> {
        let Some(record_type) = upstream.admit(line)? else {
            // The end of a stream, whose plans say nothing of the next one.
            self.plans.clear();
            self.stream += 1;
            return Ok(());
        };
        match &*record_type {
            Plan::TYPE => self.plans.push(line.parse()?),
            Invocation::TYPE => {
                let missing = |field| line.error(Some(field), "missing, although the outcome is ok");
                self.dots.add(line.parse()?).map_err(missing)?;
            }
            Statistics::TYPE => {
                let statistics: Statistics = line.parse()?;
                let about = self.about(&statistics.function_arn, statistics.architecture, &statistics.group);
                let (stream, run) = (self.stream, self.run(about));
                // The first analysis of a run, such as that on stdin, is shown whole, and no other beside it: files of
                // records may have results beside them.
                if *run.analyzed_in.get_or_insert(stream) == stream {
                    run.sizes.retain(|other| other.memory_size != statistics.memory_size);
                    run.sizes.push(statistics);
                }
            }
            Selection::TYPE => {
                let selection: Selection = line.parse()?;
                let about = self.about(&selection.function_arn, selection.architecture, &selection.group);
                self.selections.push((about.key, selection));
            }
            Proposal::TYPE => {
                let proposal: Proposal = line.parse()?;
                let about = self.about(&proposal.function_arn, proposal.architecture, &proposal.group);
                self.proposals.push((about.key, about.id, proposal));
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns what a record of the present stream is about.
    fn about(&self, function: &FunctionArn, architecture: Architecture, group: &Option<String>) -> About {
        let is_of_function =
            |plan: &&Plan| plan.function_arn == *function && plan.architecture == architecture;
        let plans: Vec<&Plan> = self.plans.iter().filter(is_of_function).collect();
        let original = plans.last().map(|plan| plan.original_memory_size);
        let (group, told) = split(group.as_deref());
        let (id, began_at, members) = match (told, plans.last()) {
            (Some(RunId::Named(name)), _) => {
                let began_at = name.id().and_then(|id| id.begun_at());
                (RunId::Named(name.clone()), began_at, vec![name])
            }
            (Some(RunId::Date(date)), _) => {
                let midnight = format!("{date}T00:00:00Z").parse().ok();
                (RunId::Date(date), midnight, Vec::new())
            }
            (_, Some(last)) => {
                let members = plans.iter().map(|plan| plan.run_id.clone()).collect();
                (RunId::Named(last.run_id.clone()), Some(last.created_at), members)
            }
            (_, None) => (RunId::Stream(self.stream), None, Vec::new()),
        };
        let key = Key { function: function.clone(), architecture, group };
        About { key, id, began_at, members, original }
    }

    fn run(&mut self, about: About) -> &mut Run {
        let About { key, id, began_at, members, original } = about;
        let runs = self.functions.entry(key).or_default();
        let at = runs.iter().position(|run| run.id == id).unwrap_or(runs.len());
        if at == runs.len() {
            let (sizes, proposals) = (Vec::new(), Vec::new());
            let analyzed_in = None;
            runs.push(Run {
                id,
                began_at,
                members,
                original,
                analyzed_in,
                sizes,
                selection: None,
                proposals,
            });
        }
        &mut runs[at]
    }

    /// Returns the functions that have statistics, and the invocations.
    pub fn finish(self) -> (Vec<Function>, Dots) {
        let functions = self.functions.into_iter().map(|(key, mut runs)| {
            runs.iter_mut().for_each(|run| run.sizes.sort_by_key(|size| size.memory_size));
            // Of a file that is given twice.
            runs.dedup_by(|one, other| one.sizes == other.sizes);
            runs.sort_by_key(|run| run.began_at);
            let last = runs.len() - 1;
            for (at, run) in runs.iter_mut().enumerate() {
                let mut selections = self.selections.iter().rev().filter(|(of, _)| *of == key);
                let selection = selections.find(|(_, selection)| run.is_of(selection));
                run.selection = selection.map(|(_, selection)| selection.clone());
                // In a stream without a plan, they are of the last run.
                let is_of_run = |id: &RunId| *id == run.id || at == last && matches!(id, RunId::Stream(_));
                let proposals = self.proposals.iter().filter(|(of, id, _)| *of == key && is_of_run(id));
                run.proposals = proposals.map(|(.., proposal)| proposal.clone()).collect();
            }
            note_function(&key.function);
            Function { key, runs }
        });
        (functions.collect(), self.dots)
    }
}

/// Splits the group of statistics, such as `tag.commit=abc, runId=…`, into what tells the run and the rest.
fn split(group: Option<&str>) -> (Option<String>, Option<RunId>) {
    let (mut rest, mut told) = (Vec::new(), None);
    for part in group.into_iter().flat_map(|group| group.split(", ")) {
        match part.split_once('=') {
            Some(("runId", name)) if !name.is_empty() => {
                let Ok(name) = name.parse();
                told = Some(RunId::Named(name));
            }
            Some(("date", date)) if told.is_none() && !date.is_empty() => {
                told = Some(RunId::Date(date.to_owned()));
            }
            _ => rest.push(part),
        }
    }
    ((!rest.is_empty()).then(|| rest.join(", ")), told)
}

/// Returns the cost of a billed millisecond, by which the cost of each invocation is known.
pub(super) fn cost_of_billed_ms(size: &Statistics) -> Option<Money> {
    // A rate of cold starts weighs costs, and not billed durations.
    let billed = size.average_billed_duration_ms;
    let billed = billed.filter(|billed| *billed > 0.0 && size.cold_start_rate.is_none());
    Some(Money(size.average_cost?.0 / billed?))
}
