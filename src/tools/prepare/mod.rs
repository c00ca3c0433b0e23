//! `lpt-prepare`: flags → `plan`, `configuration`.

mod args; // the arguments as typed
mod named; // a version or alias that the user names, and whether $LATEST is like it
mod policy; // the IAM policy for a run
mod power_values; // the sizes to measure, as the user lists them

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;

pub use args::Args;
pub use power_values::PowerValues;

use crate::aws::{Aws, AwsError, AwsErrorKind, FunctionConfiguration, Lambda};
use crate::entry::{Interrupt, Pipe};
use crate::error::Error;
use crate::exit::Exit;
use crate::label::label;
use crate::message::{self, counted};
use crate::names::{Callee, FunctionArn, Qualifier};
use crate::ndjson::{Upstream, Writer};
use crate::progress;
use crate::records::{Configuration, Failure, Plan, RunId};
use crate::run::{
    AfterRun, Published, RunError, Tag, begin, configuration_of, finish, plan_before, remove_made,
    restore_after,
};

#[derive(Debug)]
pub(crate) struct Options {
    /// The functions. They are prepared side by side, and the sizes of each one after another.
    pub functions: Vec<Callee>,
    pub power_values: PowerValues,
    /// The number of invocations for each size.
    pub num: u32,
    /// Whether each invocation gets a version of its own.
    pub only_cold_starts: bool,
    /// Whether the run only tries what is allowed.
    pub dry_run: bool,
}

/// Prepares all functions, side by side, and writes their records.
///
/// # Errors
/// Fails if the records cannot be written, if a signal interrupts the work, or if the only function fails.
/// The errors of several functions are shown when they happen: the result is then the exit code of the first
/// one if all failed, and otherwise [`Exit::Partly`].
async fn run(options: &Options, aws: &Aws, pipe: &mut Pipe) -> Result<Exit, Error> {
    let run = Run {
        options,
        run_id: RunId::new(),
        writer: RefCell::new(&mut pipe.output),
        upstream: RefCell::new(&mut pipe.upstream),
        begun: RefCell::default(),
        planned: Cell::default(),
        published: Cell::default(),
        interrupt: &pipe.interrupt,
    };
    // Whoever reads the records shows what becomes of them.
    let is_followed = !run.writer.borrow().is_last();
    let work = join_all(options.functions.iter().map(async |function| {
        let mut arn = None;
        let result = run.prepare(aws, function, &mut arn).await;
        match result {
            Err(error) if !matches!(error, Error::Io { .. } | Error::Interrupted) => {
                if options.functions.len() > 1 {
                    message::error(&error);
                }
                run.writer.borrow_mut().write(&run.failure(function, arn, &error)).and(Err(error))
            }
            other => other,
        }
    }));
    let mut results =
        if is_followed { work.await } else { progress::during(Duration::ZERO, || run.line(), work).await };
    let failed = results.iter().filter(|result| result.is_err()).count();
    let is_output_error = |result: &Result<_, _>| matches!(result, Err(Error::Io { .. }));
    let output_error = match results.iter().position(is_output_error) {
        Some(at) => results.swap_remove(at).err(),
        None => run.writer.borrow().check_reader().err(),
    };
    if let Some(error) = output_error {
        run.remove_all().await?;
        return Err(error);
    }
    if run.interrupt.is_cancelled() {
        return Err(Error::Interrupted);
    }
    if options.dry_run {
        message::note(format_args!("dry run: these actions are allowed: {}", aws.proved().join(", ")));
    }
    let all_done = results.iter().all(|result| matches!(result, Ok(Exit::Done)));
    match results.into_iter().find_map(Result::err) {
        // The errors of several functions are on stderr already: each was shown when it happened.
        Some(error) if failed == options.functions.len() && failed > 1 => Ok(error.exit()),
        Some(error) if failed == options.functions.len() => Err(error),
        _ if all_done => Ok(Exit::Done),
        _ => Ok(Exit::Partly),
    }
}

/// The work on all functions.
struct Run<'a> {
    options: &'a Options,
    run_id: RunId,
    writer: RefCell<&'a mut Writer>,
    /// Where the versions are noted that exist.
    upstream: RefCell<&'a mut Upstream>,
    /// The functions whose preparation has begun. They are needed to remove what the run has made if its
    /// records cannot be written, and to notice a function that is named twice, in two forms.
    begun: RefCell<BTreeMap<FunctionArn, Lambda>>,
    /// The versions to publish, and those that are.
    planned: Cell<usize>,
    published: Cell<usize>,
    interrupt: &'a Interrupt,
}

impl Run<'_> {
    /// Returns the line of progress.
    fn line(&self) -> String {
        match (self.published.get(), self.planned.get()) {
            _ if self.interrupt.is_cancelled() => "stopping, and restoring $LATEST".to_owned(),
            (_, 0) => format!("looking at {}", counted(self.options.functions.len(), "function")),
            (published, planned) if published == planned => "restoring $LATEST".to_owned(),
            (published, planned) => format!("publishing {published} of {planned}"),
        }
    }

    /// Prepares one function, and restores `$LATEST` even if that fails.
    ///
    /// Sets `arn` as soon as it is known.
    async fn prepare(
        &self,
        aws: &Aws,
        function: &Callee,
        arn: &mut Option<FunctionArn>,
    ) -> Result<Exit, Error> {
        let lambda = &aws.lambda_of_ref(function.function())?;
        let mut latest = lambda.settled(function.function(), Qualifier::Latest).await?;
        *arn = Some(latest.function_arn.clone());
        if self.begun.borrow_mut().insert(latest.function_arn.clone(), lambda.clone()).is_some() {
            message::warning(format_args!("{function}: is named twice; it is prepared once"));
            return Ok(Exit::Done);
        }
        let alias = named::alias(lambda, function, &latest).await?;
        let plan = Plan { alias, ..self.plan(aws, &latest)? };
        self.writer.borrow_mut().write(&plan)?;
        let versions = plan.power_values.len() * plan.versions_of_a_size() as usize;
        self.planned.update(|planned| planned + versions);
        let (published, restored) = self.publish_all(lambda, &plan, &mut latest).await;
        if let Ok(AfterRun::Ended) = restored {
            // Whoever ended the run may have missed what was published since.
            let removed = remove_made(lambda, self.run_id, &plan.function_arn).await;
            removed.failures.into_iter().try_for_each(|(_, error)| Err(error))?;
            let ended = RunError::Ended { function: plan.function_arn.clone(), run_id: self.run_id };
            return published.and(Err(ended.into()));
        }
        match published {
            // A failed restoration takes precedence: the user should hear of it even if nobody reads the
            // records.
            Err(Error::Io { .. }) => restored.map_err(Error::from).and(published),
            Err(error) => Err(error),
            Ok(exit) => Ok(restored.map(|_| exit)?),
        }
    }

    /// Returns the record of a function that could not be prepared.
    fn failure(&self, function: &Callee, arn: Option<FunctionArn>, error: &Error) -> Failure {
        let (error_type, error_message) = if let Some(error) = error.fault::<AwsError>() {
            (&*error.code, error.message.clone())
        } else if let Some(error) = error.fault::<RunError>() {
            (error.error_type(), error.error_message())
        } else {
            ("NotPrepared", error.to_string())
        };
        Failure {
            run_id: self.run_id.into(),
            function: function.to_string(),
            function_arn: arn,
            error_type: error_type.to_owned(),
            error_message,
        }
    }

    /// Removes everything that this run has made, because nobody else can know of it without the records.
    async fn remove_all(&self) -> Result<(), RunError> {
        let begun = self.begun.take();
        self.upstream.borrow_mut().forget_published();
        let removals = begun.iter().map(|(function, lambda)| remove_made(lambda, self.run_id, function));
        let mut versions = 0;
        let mut failures = Vec::new();
        for removed in join_all(removals).await {
            versions += removed.versions.len();
            failures.extend(removed.failures);
        }
        match versions {
            0 => message::warning("the records can't be written"),
            _ => message::warning(format_args!(
                "the records can't be written; removed the {} published so far",
                counted(versions, "version")
            )),
        }
        failures.into_iter().try_for_each(|(_, error)| Err(error))
    }

    /// Returns the plan for a function.
    ///
    /// # Errors
    /// Fails if the function cannot be tuned, or if another run is at work on it.
    fn plan(&self, aws: &Aws, latest: &FunctionConfiguration) -> Result<Plan, Error> {
        let function = &latest.function_arn;
        if latest.managed_instances {
            return Err(Error::Failed(format!(
                "{}: runs on Lambda Managed Instances, which are not billed by duration, so lpt cannot compare the costs of its sizes",
                label(function)
            )));
        }
        if let Some(tag) = Tag::parse(&latest.description) {
            return Err(RunError::AtWork { function: function.clone(), run_id: tag.run_id }.into());
        }
        Ok(Plan {
            power_values: self.options.power_values.sizes().to_vec(),
            num: self.options.num,
            only_cold_starts: self.options.only_cold_starts,
            dry_run: self.options.dry_run,
            ..plan_before(self.run_id, latest, aws.profile_of(function))
        })
    }

    /// Publishes a version for each size, or for each invocation of each size, and restores `$LATEST`. Returns the
    /// result of each of the two.
    ///
    /// A version that was published takes a while until it is active, and does not keep `$LATEST` from the next change.
    /// So the versions are finished while the next ones are begun and `$LATEST` is restored.
    async fn publish_all(
        &self,
        lambda: &Lambda,
        plan: &Plan,
        latest: &mut FunctionConfiguration,
    ) -> (Result<Exit, Error>, Result<AfterRun, RunError>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let progress = Progress::default();
        let beginning = async {
            let begun = self.begin_all(lambda, plan, latest, &progress, sender).await;
            (begun, restore_after(lambda, plan, plan.into(), latest).await)
        };
        let finishing = self.finish_all(lambda, plan, &progress, receiver);
        let ((begun, restored), finished) = tokio::join!(beginning, finishing);
        let published = match (begun, finished) {
            // If the records cannot be written, the versions are removed, whatever else has failed.
            (_, Err(error @ Error::Io { .. })) | (Err(error), _) => Err(error),
            (Ok(()), finished) => finished,
        };
        (published, restored)
    }

    /// Begins each version and hands it to [`Run::finish_all`]. Ends at the first one that fails, unless it is only
    /// that a size is not allowed.
    ///
    /// # Errors
    /// Fails if the records cannot be written, or if a signal interrupts it.
    async fn begin_all(
        &self,
        lambda: &Lambda,
        plan: &Plan,
        latest: &mut FunctionConfiguration,
        progress: &Progress,
        begun: mpsc::UnboundedSender<Begun>,
    ) -> Result<(), Error> {
        for &memory in &plan.power_values {
            let numbered = (0..plan.versions_of_a_size()).map(|index| plan.only_cold_starts.then_some(index));
            for index in numbered {
                if self.interrupt.is_cancelled() {
                    return Err(Error::Interrupted);
                }
                if progress.has_failed.get() {
                    return Ok(());
                }
                let configuration = configuration_of(plan, memory, index);
                let written = self.writer.borrow_mut().write(&configuration);
                written.inspect_err(|_| progress.is_useless.set(true))?;
                let published = begin(lambda, plan, &configuration, latest).await;
                let failure = published.as_ref().err().map(is_of_size);
                // The other end is not dropped before this one.
                let _ = begun.send(Begun { configuration, published });
                match failure {
                    None => {}
                    // The account or the function does not allow this size, but may allow the next one.
                    Some(true) => break,
                    Some(false) => return Ok(()),
                }
            }
        }
        Ok(())
    }

    /// Finishes the versions side by side, and writes their records in the order in which they were begun.
    ///
    /// # Errors
    /// Fails if the records cannot be written, or with the first version that failed. All others are finished.
    async fn finish_all(
        &self,
        lambda: &Lambda,
        plan: &Plan,
        progress: &Progress,
        begun: mpsc::UnboundedReceiver<Begun>,
    ) -> Result<Exit, Error> {
        let begun = stream::unfold(begun, async |mut begun| Some((begun.recv().await?, begun)));
        let finished = begun.map(|Begun { configuration, published }| {
            finish(lambda, plan, configuration, published, || !progress.is_useless.get())
        });
        let finished = finished.buffered(usize::MAX);
        let mut finished = std::pin::pin!(finished);
        let mut result = Ok(Exit::Done);
        let (mut versions, mut sizes) = (0_usize, Vec::new());
        while let Some((configuration, failure)) = finished.next().await {
            self.published.update(|published| published + 1);
            self.upstream.borrow_mut().note_published(&configuration);
            if failure.is_none() {
                versions += 1;
                sizes.push(configuration.memory_size.to_string());
            }
            if !progress.is_useless.get()
                && let Err(error) = self.writer.borrow_mut().write(&configuration)
            {
                progress.is_useless.set(true);
                progress.has_failed.set(true);
                result = Err(error);
            }
            match failure {
                None => {}
                Some(error) if is_of_size(&error) => {
                    let memory = configuration.memory_size;
                    message::warning(format_args!("{memory} MB is left out: {error}"));
                    result = result.map(|_| Exit::Partly);
                }
                Some(error) => {
                    progress.has_failed.set(true);
                    result = result.and(Err(error.into()));
                }
            }
        }
        if versions > 0 && result.is_ok() {
            sizes.dedup();
            let (name, versions) = (label(&plan.function_arn), counted(versions, "version"));
            let text = format!("{name}: published {versions} of {} MB", sizes.join(", "));
            self.writer.borrow_mut().summary(text)?;
        }
        result
    }
}

/// What those who begin versions of a function and those who finish them tell each other.
#[derive(Debug, Default)]
struct Progress {
    /// Whether a version has failed, so that no other is begun.
    has_failed: Cell<bool>,
    /// Whether the records cannot be written, so that all versions are removed.
    is_useless: Cell<bool>,
}

/// A version that was published, or why it was not.
#[derive(Debug)]
struct Begun {
    /// Its record in the state `creating`.
    configuration: Configuration,
    published: Result<Published, RunError>,
}

/// Whether the account or the function does not allow a size, but may allow another.
fn is_of_size(error: &RunError) -> bool {
    matches!(error, RunError::Aws(error) if error.kind == AwsErrorKind::Invalid)
}
