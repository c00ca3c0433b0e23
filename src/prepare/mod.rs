//! `lpt-prepare`: flags → `plan`, `configuration`.

mod args;
mod configuration;
mod plan;
mod power_values;
mod remove;
mod restore;
mod run_id;

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::Write;

use futures_util::future::join_all;

pub use args::Args;
pub use configuration::{Configuration, ConfigurationState};
pub use plan::Plan;
pub use power_values::PowerValues;
pub use remove::{Removed, remove_versions};
pub use restore::{restore_after, restore_latest};
pub use run_id::{RunId, Tag};

use crate::aws::{
    Aws, AwsError, AwsErrorKind, AwsOptions, FunctionArn, FunctionConfiguration, FunctionRef, Lambda,
    LatestChange, Qualifier, Version,
};
use crate::entry::Interrupt;
use crate::error::{Error, Exit};
use crate::message;
use crate::ndjson::{Status, Writer};
use crate::units::MemoryMB;

/// What to prepare.
#[derive(Debug)]
pub struct Options {
    /// The functions, which are prepared side by side.
    pub functions: Vec<FunctionRef>,
    /// The sizes of each, one after another.
    pub power_values: PowerValues,
    /// Invocations for each size.
    pub num: u32,
    /// Whether each invocation gets a version of its own.
    pub only_cold_starts: bool,
    /// Where AWS is.
    pub aws: AwsOptions,
}

/// Prepares all functions and writes their records to `output`.
///
/// # Errors
/// Of the first function that failed, if none could be prepared wholly; otherwise failures end in [`Exit::Partly`].
pub async fn run(options: &Options, output: impl Write, interrupt: &Interrupt) -> Result<Exit, Error> {
    let aws = Aws::load(&options.aws).await;
    let run = Run {
        options,
        id: RunId::new(),
        writer: RefCell::new(Writer::new(output)),
        begun: RefCell::default(),
        interrupt,
    };
    let results = join_all(options.functions.iter().map(async |function| {
        let result = run.prepare(&aws, function).await;
        if let Err(error) = &result
            && options.functions.len() > 1
            && !error.is_closed_pipe()
        {
            message::error(error);
        }
        result
    }))
    .await;

    let failed = results.iter().filter(|result| result.is_err()).count();
    let status = if interrupt.is_cancelled() {
        Status::Interrupted
    } else if failed == results.len() {
        Status::Failed
    } else {
        Status::Complete
    };
    run.writer.borrow_mut().end(status)?;
    if interrupt.is_cancelled() {
        return Err(Error::Interrupted);
    }
    let all_done = results.iter().all(|result| matches!(result, Ok(Exit::Done)));
    match results.into_iter().find_map(Result::err) {
        // Several functions' errors have been said, each when it happened.
        Some(error) if failed == options.functions.len() && failed > 1 => Ok(error.exit()),
        Some(error) if failed == options.functions.len() => Err(error),
        _ if all_done => Ok(Exit::Done),
        _ => Ok(Exit::Partly),
    }
}

/// One run of the tool, over all its functions.
struct Run<'a, W: Write> {
    options: &'a Options,
    id: RunId,
    writer: RefCell<Writer<W>>,
    /// One function may be named twice, in two forms.
    begun: RefCell<HashSet<FunctionArn>>,
    interrupt: &'a Interrupt,
}

impl<W: Write> Run<'_, W> {
    /// Prepares one function, and puts `$LATEST` back whatever happens.
    async fn prepare(&self, aws: &Aws, function: &FunctionRef) -> Result<Exit, Error> {
        let lambda = &aws.lambda_of_ref(function)?;
        let latest = lambda.settled(function, Qualifier::Latest).await?;
        if !self.begun.borrow_mut().insert(latest.function_arn.clone()) {
            message::warning(format_args!("{function}: is named twice, and prepared once"));
            return Ok(Exit::Done);
        }
        let plan = self.plan(&latest)?;
        self.writer.borrow_mut().write(&plan)?;
        let published = self.publish_all(lambda, &plan, latest).await;
        let restored = restore_after(lambda, &plan).await;
        if let Err(Error::Io { .. }) = published {
            // Nobody reads the records any more, so that nobody else can know what there is to remove.
            for (_, error) in remove_versions(lambda, plan.run_id, &plan.function_arn).await.left {
                message::error(error);
            }
        }
        let exit = published?;
        restored?;
        Ok(exit)
    }

    fn plan(&self, latest: &FunctionConfiguration) -> Result<Plan, Error> {
        let function = &latest.function_arn;
        if latest.managed_instances {
            return Err(Error::Failed(format!(
                "{function}: runs on Lambda Managed Instances, which are not paid by duration, so that no memory size can be chosen by cost"
            )));
        }
        if let Some(tag) = Tag::parse(&latest.description) {
            return Err(Error::Failed(format!(
                "{function}: is being tuned by the run {run}, or was when that run was cut off; wait for it, or run lpt-cleanup on its records",
                run = tag.run_id
            )));
        }
        Ok(Plan {
            power_values: self.options.power_values.sizes().to_vec(),
            num: self.options.num,
            only_cold_starts: self.options.only_cold_starts,
            ..Plan::before(self.id, latest)
        })
    }

    async fn publish_all(
        &self,
        lambda: &Lambda,
        plan: &Plan,
        mut latest: FunctionConfiguration,
    ) -> Result<Exit, Error> {
        let mut exit = Exit::Done;
        for &memory in &plan.power_values {
            let indices = if plan.only_cold_starts { (0..plan.num).map(Some).collect() } else { vec![None] };
            for index in indices {
                if self.interrupt.is_cancelled() {
                    return Err(Error::Interrupted);
                }
                message::progress(format_args!("{}: {memory} MB", plan.function_arn.name()));
                let mut configuration = Configuration {
                    run_id: plan.run_id,
                    function_arn: plan.function_arn.clone(),
                    architecture: plan.architecture,
                    memory_size: memory,
                    alias: plan.run_id.alias(memory, index),
                    index,
                    state: ConfigurationState::Creating,
                };
                self.writer.borrow_mut().write(&configuration)?;
                let published = publish(lambda, plan, &configuration, &mut latest).await;
                configuration.state = match &published {
                    Ok(version) => ConfigurationState::Ready { version: *version },
                    Err(error) => ConfigurationState::Failed {
                        error_type: error.code.clone(),
                        error_message: error.message.clone(),
                    },
                };
                self.writer.borrow_mut().write(&configuration)?;
                match published {
                    Ok(_) => {}
                    // This size can't be had; the next one may.
                    Err(error) if error.kind == AwsErrorKind::Invalid => {
                        exit = Exit::Partly;
                        message::warning(format_args!("{memory} MB is left out: {error}"));
                        break;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(exit)
    }
}

/// Publishes one version with its alias. `latest` is what this run last read or set, before and after.
async fn publish(
    lambda: &Lambda,
    plan: &Plan,
    configuration: &Configuration,
    latest: &mut FunctionConfiguration,
) -> Result<Version, AwsError> {
    let tag = Tag {
        run_id: plan.run_id,
        memory: configuration.memory_size,
        index: configuration.index,
        original_memory: plan.original_memory_size,
    }
    .to_string();
    // Publishing a version gives `$LATEST` another revision id too, so that it has to be read again; whether it is
    // still ours is seen by what is in it.
    let now = lambda.settled(&plan.function_arn, Qualifier::Latest).await?;
    if !is_as(&now, latest.memory, &latest.description, &plan.code_sha256) {
        return Err(changed_meanwhile(plan));
    }
    let change = LatestChange {
        memory: configuration.memory_size,
        description: &tag,
        revision_id: Some(&now.revision_id),
    };
    let changed = lambda.update_latest(&plan.function_arn, &change).await?;
    if !is_as(&changed, configuration.memory_size, &tag, &plan.code_sha256) {
        return Err(changed_meanwhile(plan));
    }
    *latest = changed;
    let published = lambda.publish_version(latest, &tag).await?;
    // AWS gives out the last version again where it sees no change: never take a version for ours that is not.
    let version = match published.version {
        Some(version) if published.description == tag => version,
        _ => return Err(changed_meanwhile(plan)),
    };
    lambda.create_alias(&plan.function_arn, &configuration.alias, version, &tag).await?;
    Ok(version)
}

/// Whether nobody else has changed what this run looks at.
fn is_as(latest: &FunctionConfiguration, memory: MemoryMB, description: &str, code_sha256: &str) -> bool {
    (latest.memory, &*latest.description, &*latest.code_sha256) == (memory, description, code_sha256)
}

fn changed_meanwhile(plan: &Plan) -> AwsError {
    AwsError {
        action: "lambda:PublishVersion",
        on: plan.function_arn.to_string(),
        kind: AwsErrorKind::Precondition,
        code: "PreconditionFailedException".to_owned(),
        message: "the function's code or configuration is not what this run set".to_owned(),
    }
}
