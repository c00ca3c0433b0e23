//! `lpt-select`: `statistics` → `selection`.

mod args;
mod selection;
mod state_machine;
mod summary;
mod visualization;

use std::io::Write;

pub use args::Args;
pub use selection::Selection;

use crate::analyze::Statistics;
use crate::error::{Error, Exit};
use crate::format::{Format, Output};
use crate::message;
use crate::ndjson::{Line, Reader, Record as _, Upstream};
use crate::prepare::{Configuration, ConfigurationState, Plan};
use crate::strategy::{BalancedWeight, Strategy, standings};

/// How to select.
#[derive(Debug)]
pub struct Options {
    /// What is best, or as the statistics say.
    pub strategy: Option<Strategy>,
    /// Its weight, or as the statistics say.
    pub balanced_weight: Option<BalancedWeight>,
    /// Whether to decide on part of a stream.
    pub allow_incomplete: bool,
    /// The form of the output.
    pub format: Format,
    /// Whether the state machine's output holds the statistics of all sizes.
    pub include_output_results: bool,
    /// Whether to pass everything on as it is; a plan may say so of its run, too.
    pub dry_run: bool,
}

/// Reads all of `input`, passing on what is no statistics, and writes the selections at its end.
///
/// # Errors
/// The input is incomplete or has a bad record, or no size of any function has a result.
pub async fn run(options: &Options, input: Reader, output: impl Write) -> Result<Exit, Error> {
    let mut output = Output::new(output, options.format);
    let mut state = State::default();
    let bad_input = input.for_each(|line| state.take(line, options, &mut output)).await?;
    let decided = match bad_input {
        Some(error) => Err(error),
        None => state
            .upstream
            .require_complete(options.allow_incomplete)
            .and_then(|()| state.decide(options, &mut output)),
    };
    if decided.is_err() {
        state.upstream.fail();
    }
    output.end(state.upstream.status())?;
    decided
}

#[derive(Default)]
struct State {
    upstream: Upstream,
    statistics: Vec<Statistics>,
    plans: Vec<Plan>,
    /// Of sizes that the account or the function refused.
    refused: Vec<Configuration>,
}

impl State {
    fn take<W: Write>(
        &mut self,
        line: &Line,
        options: &Options,
        output: &mut Output<W>,
    ) -> Result<(), Error> {
        let Some(record_type) = self.upstream.take(line)? else {
            return Ok(());
        };
        if record_type == Statistics::TYPE && !options.dry_run {
            self.statistics.push(line.parse()?);
            return Ok(());
        }
        output.pass(line)?;
        match &*record_type {
            Plan::TYPE => self.plans.push(line.parse()?),
            Configuration::TYPE => {
                let configuration: Configuration = line.parse()?;
                if configuration.state == ConfigurationState::Failed {
                    self.refused.push(configuration);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn decide<W: Write>(&self, options: &Options, output: &mut Output<W>) -> Result<Exit, Error> {
        let is_dry = options.dry_run || self.plans.iter().any(|plan| plan.dry_run);
        if self.statistics.is_empty() && is_dry {
            message::note("dry run: nothing is selected");
            return Ok(Exit::Done);
        }
        if self.statistics.is_empty() {
            return Err(Error::Failed(
                "the input has no statistics to select from; is lpt-analyze before this?".to_owned(),
            ));
        }
        let mut sorted: Vec<&Statistics> = self.statistics.iter().collect();
        sorted.sort_by_key(|statistics| statistics.key());
        let (mut selected, mut summaries, mut results, mut without) = (vec![], vec![], vec![], 0);
        for rivals in sorted.chunk_by(|a, b| a.is_rival_of(b)) {
            let function = &rivals[0].function_arn;
            let unmeasured = self.unmeasured(rivals);
            let selection = match self.best(options, rivals) {
                None => {
                    message::warning(format_args!(
                        "{function}: no size can be selected: at each, the function fails or no invocation counts"
                    ));
                    None
                }
                Some(_) if !unmeasured.is_empty() && !options.allow_incomplete => {
                    message::warning(format_args!(
                        "{function}: nothing is selected, for its plan has sizes that were not measured ({} MB); measure again, or take what there is with --allow-incomplete",
                        unmeasured.join(", ")
                    ));
                    None
                }
                selection => selection,
            };
            let summary = summary::summary(rivals, selection.as_ref());
            if options.format == Format::Table {
                summaries.push(summary);
            } else {
                message::summary(summary);
            }
            for rival in rivals.iter().filter(|rival| !rival.is_sound()) {
                message::warning(format_args!(
                    "{}: {} MB is not considered: the function failed at {} of {} invocations",
                    function.name(),
                    rival.memory_size,
                    rival.function_errors,
                    rival.invocations + rival.errors
                ));
            }
            match selection {
                Some(selection) => {
                    if options.format == Format::StateMachine {
                        results.push(state_machine::output(
                            &selection,
                            rivals,
                            options.include_output_results,
                        ));
                    }
                    selected.push(selection);
                }
                None => without += 1,
            }
        }
        output.records(&selected, |format| match format {
            Format::StateMachine => results.join("\n"),
            _ => summaries.join("\n\n"),
        })?;
        match (selected.len(), without) {
            (0, _) => Err(Error::Failed("nothing was selected".to_owned())),
            (_, 0) => Ok(Exit::Done),
            _ => Ok(Exit::Partly),
        }
    }

    /// The plans of the function and architecture that `rivals` are of.
    fn plans_of(&self, rivals: &[&Statistics]) -> impl Iterator<Item = &Plan> {
        let key = (rivals[0].function_arn.clone(), rivals[0].architecture);
        self.plans.iter().filter(move |plan| (&plan.function_arn, plan.architecture) == (&key.0, key.1))
    }

    /// The sizes that the function's plans name, and that neither were refused nor have statistics.
    fn unmeasured(&self, rivals: &[&Statistics]) -> Vec<String> {
        let is_refused = |plan: &Plan, size| {
            let mut refused = self.refused.iter();
            refused.any(|refused| refused.run_id == plan.run_id && refused.memory_size == size)
        };
        self.plans_of(rivals)
            .flat_map(|plan| plan.power_values.iter().map(move |size| (plan, *size)))
            .filter(|(_, size)| !rivals.iter().any(|rival| rival.memory_size == *size))
            .filter(|(plan, size)| !is_refused(plan, *size))
            .map(|(_, size)| size.to_string())
            .collect()
    }

    /// The best of the sizes of one function and architecture, if any has a result.
    fn best(&self, options: &Options, rivals: &[&Statistics]) -> Option<Selection> {
        let strategy = options.strategy.unwrap_or(rivals[0].strategy);
        let balanced_weight = options.balanced_weight.unwrap_or(rivals[0].balanced_weight);
        if !rivals.iter().any(|rival| rival.is_sound() && rival.candidate().is_some()) {
            return None;
        }
        let (measured, candidates): (Vec<&Statistics>, Vec<_>) =
            rivals.iter().filter_map(|rival| rival.candidate().map(|candidate| (*rival, candidate))).unzip();
        let standings = standings(strategy, balanced_weight, &candidates);
        let mut ranked: Vec<_> = measured.iter().zip(&candidates).zip(&standings).collect();
        ranked.sort_by_key(|(_, standing)| standing.rank);
        let ((winner, candidate), _) = *ranked.first()?;
        // From the best to the worst, as AWS Lambda Power Tuning sums: the last digits hang on the order.
        let measured_cost = ranked.iter().map(|((rival, _), _)| rival.total_cost);
        let failed = rivals.iter().filter(|rival| rival.candidate().is_none());
        let lambda_cost = measured_cost.chain(failed.map(|rival| rival.total_cost)).sum();
        let original_memory_size = self.plans_of(rivals).last().map(|plan| plan.original_memory_size);
        let original = measured
            .iter()
            .zip(&candidates)
            .find(|(rival, _)| Some(rival.memory_size) == original_memory_size);
        let change = |best: f64, original: f64| (original > 0.0).then(|| (best - original) / original);
        Some(Selection {
            function_arn: winner.function_arn.clone(),
            architecture: winner.architecture,
            memory_size: winner.memory_size,
            strategy,
            balanced_weight,
            average_cost: candidate.average_cost,
            average_duration_ms: candidate.average_duration,
            currency: winner.currency.clone(),
            original_memory_size,
            cost_change: original
                .and_then(|(_, original)| change(candidate.average_cost.0, original.average_cost.0)),
            duration_change: original.and_then(|(_, original)| {
                change(candidate.average_duration.get(), original.average_duration.get())
            }),
            visualization: visualization::visualization(rivals),
            lambda_cost,
        })
    }
}
