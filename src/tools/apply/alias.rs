//! `lpt-apply --alias`: publishing a version with the selected memory, and moving an alias to it.

use super::{Apply, undo};
use crate::aws::{Alias, AwsError, FunctionConfiguration, Lambda};
use crate::error::Error;
use crate::message;
use crate::names::{AliasName, FunctionArn, Qualifier, Version};
use crate::records::{Applied, AppliedState, Plan, Selection};
use crate::run::{RunError, description_for_alias, publish, restore_after};

/// The function and its alias, as they were before the change.
struct Before {
    latest: FunctionConfiguration,
    /// `None` if there is no such alias.
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
                // It has begun, so it is finished, even if nobody reads of it.
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
        say_moved(&applied, alias, version);
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
                "{function}:{name}: sends a part of its traffic to another version; end that first"
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
    /// Publishing `$LATEST` would change more than the memory, and the user did not allow that.
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
                "{function}:{alias}: $LATEST, which would be published, differs from the version that it points at: {}",
                differences.join(", ")
            ))?;
            return Ok(true);
        }
        let is_new = version.memory != selection.memory_size;
        if !is_new {
            message::note(format_args!("{}:{alias}: has {} MB already", function.name(), version.memory));
        }
        Ok(is_new)
    }

    /// Writes what is about to change, and returns the plan that restores `$LATEST` afterwards.
    fn announce(&mut self, latest: &FunctionConfiguration, applied: &mut Applied) -> Result<Plan, Error> {
        let plan = self.plan_for(latest)?;
        // The version does not carry the run's tag, because it is to stay.
        applied.version_description = Some(description_for_alias(applied.memory_size, plan.run_id));
        applied.state = AppliedState::Applying;
        self.writer.write(applied)?;
        Ok(plan)
    }
}

/// Publishes the announced version, and restores `$LATEST` whether that succeeded or not.
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
    if let Err(left) = lambda.delete_version(function, version).await {
        message::warning(format_args!("version {version} was published in vain, and is left: {left}"));
    }
    Err(error)
}

/// Says what changed, and the command that undoes it.
fn say_moved(applied: &Applied, alias: &AliasName, version: Version) {
    let Applied { function_arn, memory_size, previous_version, .. } = applied;
    let before = previous_version
        .map_or_else(|| "a new alias".to_owned(), |version| format!("it was at version {version}"));
    message::note(format_args!(
        "{}:{alias}: points at version {version} with {memory_size} MB now; {before}",
        function_arn.name()
    ));
    message::note(match previous_version {
        Some(version) => {
            undo(function_arn, format_args!("update-alias --name {alias} --function-version {version}"))
        }
        None => undo(function_arn, format_args!("delete-alias --name {alias}")),
    });
}
