//! `lpt-select`: `statistics` → `selection`, and `proposal` if asked.

mod args; // the arguments as typed
mod interpolate; // sizes to measure, predicted from those measured
mod state_machine; // the output document of AWS Lambda Power Tuning
mod between; // functions, architectures or groups against each other
mod summary; // the table and the sentences for people
mod savings; // what the selected size saves in a month
mod visualization; // the link to AWS Lambda Power Tuning's chart

use std::collections::{BTreeSet, HashSet};

pub use args::Args;

use crate::cli::StrategyArgs;
use crate::decide::{Choice, Conditions, NoChoice, choose, is_sound};
use crate::entry::Pipe;
use crate::error::Error;
use crate::exit::Exit;
use crate::label::{label_of_group, note_function};
use crate::message::{self, counted};
use crate::ndjson::{Line, Upstream};
use crate::records::{
    BalancedWeight, Configuration, ConfigurationState, Failure, Plan, Record as _, RunName, Selection,
    SizeKey, Skipped, Statistics, Strategy,
};
use crate::report::{Format, Output, Text, Tone};
use crate::units::{MemoryMB, Millis};
use between::Alternative;
use savings::Month;

/// The options that the arguments become.
#[derive(Debug)]
struct Options {
    /// The strategy; without a flag, that of the statistics. It is the one of the execution input, which lpt-analyze has
    /// read.
    strategy: StrategyArgs,
    conditions: Conditions,
    /// For what to say what is saved in a month.
    month: Option<Month>,
    /// What to compare, each at its own best size; nothing, or at least two.
    between: Vec<Alternative>,
    /// Whether to select although the stream is incomplete.
    allow_incomplete: bool,
    /// Whether to propose sizes that were not measured.
    interpolate: bool,
    format: Option<Format>,
    /// Whether the state machine's output contains the statistics of all sizes.
    include_output_results: bool,
    /// Whether to pass on everything unchanged. A plan may ask for that, too.
    dry_run: bool,
}

/// Reads all of the input, passes on each record that is not statistics, and writes the selections at the end.
///
/// # Errors
/// The input is incomplete or has a bad record, or no size of any function can be selected.
async fn run(options: &Options, pipe: &mut Pipe) -> Result<Exit, Error> {
    let mut output = Output::new(&mut pipe.output, options.format);
    let mut select = Select::new(options, &mut pipe.upstream);
    if let Some(error) = pipe.input.for_each(|line| select.handle(line, &mut output)).await? {
        return Err(error);
    }
    select.pass_earlier(&mut output)?;
    select.upstream.require_complete(options.allow_incomplete)?;
    select.decide(&mut output)
}

/// The state of a run of the tool: the records that it has read.
struct Select<'a> {
    options: &'a Options,
    upstream: &'a mut Upstream,
    statistics: Vec<Statistics>,
    /// Selection records, for example of a folder with the results of earlier runs.
    earlier: Vec<Line>,
    plans: Vec<Plan>,
    /// The functions that could not be prepared.
    failures: Vec<Failure>,
    /// The sizes that the account or the function does not allow, or that need not be measured, each with its run.
    left_out: HashSet<(RunName, SizeKey)>,
}

impl<'a> Select<'a> {
    fn new(options: &'a Options, upstream: &'a mut Upstream) -> Select<'a> {
        Select {
            options,
            upstream,
            failures: Vec::new(),
            statistics: Vec::new(),
            earlier: Vec::new(),
            plans: Vec::new(),
            left_out: HashSet::new(),
        }
    }

    /// Keeps a statistics record, and passes any other line on.
    fn handle(&mut self, line: &Line, output: &mut Output<'_>) -> Result<(), Error> {
        let Some(record_type) = self.upstream.admit(line)? else {
            return Ok(());
        };
        if record_type == Statistics::TYPE && !self.options.dry_run {
            self.statistics.push(line.parse()?);
            return Ok(());
        }
        if record_type == Selection::TYPE {
            self.earlier.push(line.clone());
            return Ok(());
        }
        output.pass(line)?;
        match &*record_type {
            Plan::TYPE => {
                let plan: Plan = line.parse()?;
                if !self.plans.contains(&plan) {
                    self.plans.push(plan);
                }
            }
            Failure::TYPE => {
                let failure: Failure = line.parse()?;
                if !self.failures.contains(&failure) {
                    self.failures.push(failure);
                }
            }
            Configuration::TYPE => {
                let configuration: Configuration = line.parse()?;
                if configuration.state == ConfigurationState::Failed {
                    let size = configuration.size_key();
                    self.left_out.insert((configuration.run_id, size));
                }
            }
            Skipped::TYPE => {
                let skipped: Skipped = line.parse()?;
                let size = skipped.size_key();
                self.left_out.insert((skipped.run_id, size));
            }
            _ => {}
        }
        Ok(())
    }

    /// Passes selection records on, except those of functions of which a size is selected now.
    fn pass_earlier(&self, output: &mut Output<'_>) -> Result<(), Error> {
        let selected: HashSet<_> =
            self.statistics.iter().map(|size| (size.function_arn.clone(), size.architecture)).collect();
        let is_replaced = |line: &Line| {
            line.parse().is_ok_and(|earlier: Selection| {
                selected.contains(&(earlier.function_arn, earlier.architecture))
            })
        };
        self.earlier.iter().filter(|line| !is_replaced(line)).try_for_each(|line| output.pass(line))
    }

    /// Selects a size of each function and architecture, shows the tables, and writes the selections.
    fn decide(&self, output: &mut Output<'_>) -> Result<Exit, Error> {
        if self.statistics.is_empty() {
            let is_dry = self.options.dry_run || self.plans.iter().any(|plan| plan.dry_run);
            if is_dry {
                message::note("dry run: nothing is selected");
                return Ok(Exit::Done);
            }
            return Err(Error::Failed(
                "the input has no statistics records; pipe the output of lpt-analyze into this".to_owned(),
            ));
        }
        let mut sorted: Vec<&Statistics> = self.statistics.iter().collect();
        sorted.sort_by_cached_key(|statistics| statistics.sort_key());
        // Of a file that is given twice.
        sorted.dedup();
        sorted.iter().for_each(|statistics| note_function(&statistics.function_arn));
        let is_table = output.format() == Format::Table;
        let (mut selections, mut tables, mut documents) = (vec![], Text::default(), vec![]);
        let mut proposals = Vec::new();
        let mut selected = Vec::new();
        let mut functions = self.failures.len();
        for rivals in sorted.chunk_by(|a, b| a.is_rival_of(b)) {
            functions += 1;
            let name = label_of_group(&rivals[0].function_arn, rivals[0].group.as_deref());
            let (selection, table) = self.select_one(&name, rivals, !is_table)?;
            tables.append(table);
            if let Some(selection) = selection {
                documents.push(state_machine::output(
                    &selection,
                    rivals,
                    self.options.include_output_results,
                ));
                if self.options.interpolate {
                    let by = (selection.strategy, selection.balanced_weight);
                    proposals.extend(interpolate::propose(&name, rivals, by));
                }
                let size = rivals.iter().find(|rival| rival.memory_size == selection.memory_size);
                selected.extend(size.map(|size| (*size, selection.strategy)));
                selections.push(selection);
            }
        }
        for failure in self.failures.iter().map(summary::failure) {
            if is_table {
                tables.append(failure);
            } else {
                failure.show();
            }
        }
        output.records(&selections, |format| match format {
            Format::StateMachine => documents.join("\n"),
            _ => tables.for_stdout(),
        })?;
        // The documents are of the selections alone.
        if output.format() == Format::Ndjson {
            output.records(&proposals, |_| String::new())?;
        }
        if !self.options.between.is_empty() && !selections.is_empty() {
            let compared = between::compare(&self.options.between, &selected)?;
            if output.format() == Format::Ndjson {
                output.records(&compared, |_| String::new())?;
            }
        }
        match selections.len() {
            0 => Err(Error::Failed("nothing was selected".to_owned())),
            count if count == functions => Ok(Exit::Done),
            _ => Ok(Exit::Partly),
        }
    }

    /// Selects the best of the sizes of one function and architecture, and returns it with their table, unless that is to be
    /// shown at once.
    fn select_one(
        &self,
        name: &str,
        rivals: &[&Statistics],
        is_shown: bool,
    ) -> Result<(Option<Selection>, Text), Error> {
        let judged_by = (rivals[0].strategy, rivals[0].balanced_weight);
        let by = self.options.strategy.resolve(None, judged_by)?;
        if by != judged_by && rivals.iter().any(|rival| rival.verdict.is_some()) {
            let [asked, judged] = [by.0, judged_by.0].map(Strategy::as_str);
            let how = if asked == judged { "--balanced-weight" } else { "--strategy" };
            message::note(format_args!(
                "{name}: how sure the choice by {asked} is, is not known: the verdicts are by {judged}; give {how} to lpt-analyze too"
            ));
        }
        if by.0 == Strategy::Balanced && self.options.conditions.within.is_some() {
            return Err(Error::Usage(
                "--within is for the strategies cost and speed, and the strategy is balanced; add --strategy cost or --strategy speed, or leave --within out".to_owned(),
            ));
        }
        let original = self.plans_of(rivals).last().map(|plan| plan.original_memory_size);
        let failed = rivals.iter().filter(|rival| !is_sound(rival));
        let (current, others): (Vec<&Statistics>, Vec<&Statistics>) =
            failed.partition(|failed| Some(failed.memory_size) == original);
        let warn = |failed: &&Statistics| message::warning(summary::unsound(name, failed, original));
        // That the function fails as it is now is the first thing to know.
        current.iter().for_each(warn);
        let choice = self.choose(name, rivals, by);
        let selection = choice.as_ref().map(|choice| self.selection(name, rivals, by, choice));
        let chosen = selection.as_ref().zip(choice.as_ref());
        let mut table = summary::summary(name, rivals, chosen, self.options);
        let left_out = self.left_out_beside(rivals);
        if !left_out.is_empty() {
            table.paragraph(Tone::Plain, &format!("Left out: {} MB.", left_out.join(", ")));
        }
        if is_shown {
            std::mem::take(&mut table).show();
        }
        others.iter().for_each(warn);
        Ok((selection, table))
    }

    /// Chooses one of the sizes of one function and architecture, or warns why none can be selected.
    fn choose<'r>(
        &self,
        name: &str,
        rivals: &[&'r Statistics],
        by: (Strategy, BalancedWeight),
    ) -> Option<Choice<'r>> {
        let choice = match choose(rivals, by, &self.options.conditions) {
            Ok(choice) => choice,
            Err(NoChoice::Unsound) => {
                let is_out_of_memory = |rival: &&Statistics| rival.out_of_memory_errors > 0;
                let why = if rivals.iter().all(is_out_of_memory) {
                    "it runs out of memory at each one; measure larger ones with lpt-prepare --power-values"
                } else {
                    "at each one the function fails or has no usable invocation"
                };
                message::warning(format_args!("{name}: no size can be selected: {why}"));
                return None;
            }
            Err(NoChoice::Limits { nearest }) => {
                let limits = &self.options.conditions.limits;
                message::warning(summary::no_size_meets(name, limits, nearest));
                return None;
            }
        };
        let mut choice = choice;
        for limit in &self.options.conditions.limits {
            if let Some(needed) = limit.needs_more(choice.selected) {
                message::warning(format_args!(
                    "{name}: {} MB: {} are too few to know whether it meets its limit of a percentile; that takes {needed}",
                    choice.selected.memory_size,
                    counted(choice.selected.invocations, "invocation")
                ));
                choice.doubt();
            }
        }
        let unmeasured = self.unmeasured(rivals);
        if !unmeasured.is_empty() {
            // One of them may be better.
            choice.doubt();
        }
        if unmeasured.is_empty() || self.options.allow_incomplete {
            return Some(choice);
        }
        message::warning(format_args!(
            "{name}: nothing is selected, because its plan has sizes that were not measured ({} MB); measure again, or select from the others with --allow-incomplete",
            unmeasured.join(", ")
        ));
        None
    }

    /// Returns the plans of the function and architecture of `rivals`.
    fn plans_of(&self, rivals: &[&Statistics]) -> impl Iterator<Item = &Plan> {
        let SizeKey { function, architecture, .. } = rivals[0].size_key();
        self.plans
            .iter()
            .filter(move |plan| plan.function_arn == function && plan.architecture == architecture)
    }

    /// Returns the sizes of the function that were left out, and so have no statistics.
    fn left_out_beside(&self, rivals: &[&Statistics]) -> Vec<String> {
        let SizeKey { function, architecture, .. } = rivals[0].size_key();
        let is_beside = |size: &&SizeKey| {
            size.function == function
                && size.architecture == architecture
                && !rivals.iter().any(|rival| rival.memory_size == size.memory)
        };
        let sizes: BTreeSet<&SizeKey> =
            self.left_out.iter().map(|(_, size)| size).filter(is_beside).collect();
        sizes.into_iter().map(|size| size.memory.to_string()).collect()
    }

    /// Returns the sizes that the function's plans name and that were neither left out nor measured.
    fn unmeasured(&self, rivals: &[&Statistics]) -> Vec<String> {
        let is_left_out = |plan: &Plan, memory| {
            let size = SizeKey { memory, ..rivals[0].size_key() };
            self.left_out.contains(&(plan.run_id.clone(), size))
        };
        self.plans_of(rivals)
            .filter(|plan| !plan.dry_run)
            .flat_map(|plan| plan.power_values.iter().map(move |memory| (plan, *memory)))
            .filter(|(_, memory)| !rivals.iter().any(|rival| rival.memory_size == *memory))
            .filter(|(plan, memory)| !is_left_out(plan, *memory))
            .map(|(_, memory)| memory.to_string())
            .collect()
    }

    /// Returns the record of a choice. Warns if it is not known what it saves, although the user asks for that.
    fn selection(
        &self,
        name: &str,
        rivals: &[&Statistics],
        (strategy, balanced_weight): (Strategy, BalancedWeight),
        choice: &Choice<'_>,
    ) -> Selection {
        let Choice { selected, ranked, certainty, .. } = choice;
        // Summed from the best to the worst, as in AWS Lambda Power Tuning: the last digits depend on the order.
        let failed = rivals.iter().filter(|rival| !ranked.contains(rival));
        let lambda_cost = ranked.iter().chain(failed).map(|rival| rival.total_cost).sum();
        let original_memory_size = self.plans_of(rivals).last().map(|plan| plan.original_memory_size);
        let original = ranked.iter().find(|rival| Some(rival.memory_size) == original_memory_size);
        let change = |figure: fn(&Statistics) -> Option<f64>| {
            let original = figure(original?).filter(|original| *original > 0.0)?;
            Some((figure(selected)? - original) / original)
        };
        let savings = self.options.month.as_ref().and_then(|month| {
            let savings = month.savings(original.copied(), selected);
            let warn = |why: &String| {
                message::warning(format_args!("{name}: what is saved in a month is not known: {why}"));
            };
            savings.inspect_err(warn).ok()
        });
        let mut indistinguishable_from: Vec<MemoryMB> = certainty
            .iter()
            .flat_map(|certainty| [&certainty.equivalent, &certainty.undecided])
            .flatten()
            .copied()
            .collect();
        indistinguishable_from.sort_unstable();
        const RESULT: &str = "a size with a result has both averages";
        Selection {
            function_arn: selected.function_arn.clone(),
            architecture: selected.architecture,
            memory_size: selected.memory_size,
            group: selected.group.clone(),
            strategy,
            balanced_weight,
            average_cost: selected.average_cost.expect(RESULT),
            average_duration_ms: selected.average_duration_ms.expect(RESULT),
            currency: selected.currency.clone(),
            original_memory_size,
            cost_change: change(|size| size.average_cost.map(|cost| cost.0)),
            duration_change: change(|size| size.average_duration_ms.map(Millis::get)),
            monthly_savings: savings,
            confidence: certainty.as_ref().and_then(|certainty| certainty.confidence),
            certain: certainty.as_ref().map(|certainty| certainty.is_certain),
            indistinguishable_from,
            visualization: visualization::visualization(rivals),
            lambda_cost,
        }
    }
}
