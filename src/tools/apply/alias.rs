//! `lpt-apply --alias`: publishes a version with the selected memory, and points an alias at it.

use super::{Apply, undo_message};
use crate::aws::{Alias, AwsError, FunctionConfiguration, Lambda};
use crate::error::Error;
use crate::message;
use crate::names::{AliasName, FunctionArn, Qualifier, Version};
use crate::records::{Applied, AppliedState, Plan, Selection};
use crate::run::{RunError, description_for_alias, publish, restore_after};

/// The state of the function and its alias before the change.
struct Before {
    latest: FunctionConfiguration,
    /// The alias, or `None` if it does not exist.
    alias: Option<Alias>,
    /// The version that the alias points at.
    version: Option<FunctionConfiguration>,
}

impl Apply<'_> {
    /// Publishes a version with the selected memory and points `alias` at it. `$LATEST` stays as it is.
    pub(super) async fn move_alias(
        &mut self,
        lambda: &Lambda,
        selection: &Selection,
        alias: &AliasName,
    ) -> Result<(), Error> {
        let before = self.inspect(lambda, &selection.function_arn, alias).await?;
        let mut applied = Applied {
            function_arn: selection.function_arn.clone(),
            memory_size: selection.memory_size,
            previous_memory_size: before.version.as_ref().map(|version| version.memory),
            alias: Some(alias.clone()),
            version: None,
            previous_version: before.alias.as_ref().and_then(|alias| alias.version),
            version_description: None,
            state: AppliedState::Unchanged,
        };
        if let Some(version) = &before.version
            && !self.needs_new_version(&before.latest, version, selection, alias)?
        {
            applied.version = version.version;
            return self.writer.write(&applied);
        }
        let plan = self.announce(&before.latest, &mut applied)?;
        let (published, restored) = publish_and_restore(lambda, &plan, &applied, before.latest).await;
        let mut announced = Ok(());
        let result = match published {
            Ok(version) => {
                applied.version = Some(version);
                // The change has begun, so it is finished even if nobody reads the record.
                announced = self.writer.write(&applied);
                let pointed =
                    point(lambda, &selection.function_arn, alias, before.alias.as_ref(), version).await;
                pointed.map(|()| version).map_err(RunError::from)
            }
            Err(error) => Err(error),
        };
        applied.version = result.as_ref().ok().copied();
        applied.state = if result.is_ok() { AppliedState::Applied } else { AppliedState::Failed };
        let written = self.writer.write(&applied);
        let version = result?;
        restored?;
        report_move(&applied, alias, version);
        announced.and(written)
    }

    /// Reads the function, the alias and the version that it points at.
    async fn inspect(
        &self,
        lambda: &Lambda,
        function: &FunctionArn,
        name: &AliasName,
    ) -> Result<Before, Error> {
        let latest = self.latest(lambda, function).await?;
        let alias = lambda.alias(function, name).await?;
        if alias.as_ref().is_some_and(|alias| alias.is_split) {
            return Err(Error::Failed(format!(
                "{function}:{name}: sends part of its traffic to another version; point it at a single version first"
            )));
        }
        let version = match alias.as_ref().and_then(|alias| alias.version) {
            Some(version) => Some(lambda.configuration(function, Qualifier::Version(version)).await?),
            None => None,
        };
        Ok(Before { latest, alias, version })
    }

    /// Whether the alias needs another version than the one that it points at.
    ///
    /// # Errors
    /// Fails if publishing `$LATEST` would change more than the memory, and the user did not allow that.
    fn needs_new_version(
        &self,
        latest: &FunctionConfiguration,
        version: &FunctionConfiguration,
        selection: &Selection,
        alias: &AliasName,
    ) -> Result<bool, Error> {
        let function = &selection.function_arn;
        let differences = latest.differences_from(version);
        if !differences.is_empty() {
            self.allow_changed_code(format_args!(
                "{function}:{alias}: $LATEST, which would be published, differs from the version of the alias: {}",
                differences.join(", ")
            ))?;
            return Ok(true);
        }
        let differs = version.memory != selection.memory_size;
        if !differs {
            message::note(format_args!("{}:{alias}: has {} MB already", function.name(), version.memory));
        }
        Ok(differs)
    }

    /// Writes the record of the change that is about to be made. Returns the plan that restores `$LATEST`
    /// afterwards.
    fn announce(&mut self, latest: &FunctionConfiguration, applied: &mut Applied) -> Result<Plan, Error> {
        let plan = self.plan_for(latest)?;
        // The version does not get the run's tag, because it is to stay.
        applied.version_description = Some(description_for_alias(applied.memory_size, plan.own_run()));
        applied.state = AppliedState::Applying;
        self.writer.write(applied)?;
        Ok(plan)
    }
}

/// Publishes the announced version, and restores `$LATEST` even if that fails.
async fn publish_and_restore(
    lambda: &Lambda,
    plan: &Plan,
    applied: &Applied,
    mut latest: FunctionConfiguration,
) -> (Result<Version, RunError>, Result<bool, RunError>) {
    let description = applied.version_description.as_deref().expect("it was announced");
    let published = publish(lambda, plan, applied.memory_size, description, &mut latest).await;
    let restored = restore_after(lambda, plan, &latest).await;
    (published, restored)
}

/// Points the alias at the version, and deletes the version again if that fails.
async fn point(
    lambda: &Lambda,
    function: &FunctionArn,
    alias: &AliasName,
    before: Option<&Alias>,
    version: Version,
) -> Result<(), AwsError> {
    let pointed = match before {
        Some(before) => lambda.move_alias(function, alias, before, version).await,
        None => lambda.create_alias(function, alias, version, "memory chosen by lpt").await,
    };
    let Err(error) = pointed else {
        return Ok(());
    };
    if let Err(delete_error) = lambda.delete_version(function, version).await {
        message::warning(format_args!(
            "{function}: version {version} is not used, and could not be deleted: {delete_error}"
        ));
    }
    Err(error)
}

/// Tells the user what has changed, and the command that undoes it.
fn report_move(applied: &Applied, alias: &AliasName, version: Version) {
    let Applied { function_arn, memory_size, previous_version, .. } = applied;
    let before = previous_version.map_or_else(
        || "the alias is new".to_owned(),
        |version| format!("before it pointed at version {version}"),
    );
    message::note(format_args!(
        "{}:{alias}: points at version {version} with {memory_size} MB now; {before}",
        function_arn.name()
    ));
    message::note(match previous_version {
        Some(version) => undo_message(
            function_arn,
            format_args!("update-alias --name {alias} --function-version {version}"),
        ),
        None => undo_message(function_arn, format_args!("delete-alias --name {alias}")),
    });
}
