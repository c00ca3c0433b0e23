//! `lpt-apply --alias`: publishes a version with the selected memory, and points an alias at it.

use super::{Apply, undo_message};
use crate::aws::{Alias, Aws, AwsError, FunctionConfiguration, Lambda};
use crate::error::Error;
use crate::label::label;
use crate::message;
use crate::names::{AliasName, FunctionArn, Qualifier, Version};
use crate::records::{Applied, AppliedState, Plan, Selection};
use crate::run::{ForAlias, Original, RunError, Tag, publish, restore_after, withdraw};

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
        aws: &Aws,
        selection: &Selection,
        alias: &AliasName,
    ) -> Result<(), Error> {
        let lambda = &aws.lambda(&selection.function_arn);
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
        let plan = self.plan_for(aws, &before.latest)?;
        let change = self.announce(plan, before.latest, alias, &mut applied)?;
        let (version, written) =
            self.change_alias(lambda, &change, before.alias.as_ref(), &mut applied).await;
        let version = version?;
        report_move(&applied, alias, version);
        written
    }

    /// Publishes the announced version, points the alias at it, and restores `$LATEST`, however that ends.
    /// Returns the version, and whether the records were written.
    async fn change_alias(
        &mut self,
        lambda: &Lambda,
        change: &Change,
        before: Option<&Alias>,
        applied: &mut Applied,
    ) -> (Result<Version, Error>, Result<(), Error>) {
        let mut latest = change.latest.clone();
        let published = match publish(lambda, &change.tag, &change.description, &mut latest).await {
            Ok(published) => published.until_active(lambda).await.map(|()| published.version()),
            Err(error) => Err(error),
        };
        let mut announced = Ok(());
        let pointed = match published {
            Ok(version) => {
                applied.version = Some(version);
                // The change has begun, so it is finished even if nobody reads the record.
                announced = self.writer.write(applied);
                point(lambda, &applied.function_arn, &change.alias, before, version)
                    .await
                    .map(|()| version)
                    .map_err(RunError::from)
            }
            Err(error) => Err(error),
        };
        let restored = restore(lambda, change, &latest, pointed.is_ok()).await;
        applied.version = pointed.as_ref().ok().copied();
        applied.state = if pointed.is_ok() { AppliedState::Applied } else { AppliedState::Failed };
        let written = self.writer.write(applied);
        let done = pointed.and_then(|version| restored.map(|()| version));
        (done.map_err(Error::from), announced.and(written))
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
                "{}:{name}: sends part of its traffic to another version; point it at a single version first",
                label(function)
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
                "{}:{alias}: $LATEST, which would be published, differs from the version of the alias: {}",
                label(function),
                differences.join(", ")
            ))?;
            return Ok(true);
        }
        let differs = version.memory != selection.memory_size;
        if !differs {
            message::note(format_args!("{}:{alias}: has {} MB already", label(function), version.memory));
        }
        Ok(differs)
    }

    /// Writes the record of the change that is about to be made.
    fn announce(
        &mut self,
        plan: Plan,
        latest: FunctionConfiguration,
        alias: &AliasName,
        applied: &mut Applied,
    ) -> Result<Change, Error> {
        let tag = Tag::on_latest(&plan, applied.memory_size);
        let description = ForAlias::beside(&tag, alias.clone()).expect("the tag has a time").to_string();
        applied.version_description = Some(description.clone());
        applied.state = AppliedState::Applying;
        self.writer.write(applied)?;
        Ok(Change { plan, latest, alias: alias.clone(), tag, description })
    }
}

/// A change of an alias that was announced.
struct Change {
    /// The plan that restores `$LATEST` afterwards.
    plan: Plan,
    /// `$LATEST` before the change.
    latest: FunctionConfiguration,
    alias: AliasName,
    /// The tag of `$LATEST` until the alias points at the version.
    tag: Tag,
    /// The description of the version.
    description: String,
}

/// Restores the `$LATEST` that was left as `latest`, and before that deletes the version that the alias does
/// not point at. If the version may be left, `$LATEST` gets its memory back and keeps the tag, by which
/// lpt-cleanup finds the version.
async fn restore(
    lambda: &Lambda,
    change: &Change,
    latest: &FunctionConfiguration,
    is_used: bool,
) -> Result<(), RunError> {
    let plan = &change.plan;
    let mut original = Original::from(plan);
    if !is_used && let Err(error) = withdraw(lambda, latest, &change.description).await {
        let function = &plan.function_arn;
        message::warning(format_args!(
            "{}: a version for the alias {} may be left ({error}); to remove it, run lpt-cleanup on these records, or lpt-cleanup --leftovers --function {function}",
            label(function),
            change.alias
        ));
        original.description = None;
    }
    restore_after(lambda, plan, original, latest).await.map(drop)
}

/// Points the alias at the version.
async fn point(
    lambda: &Lambda,
    function: &FunctionArn,
    alias: &AliasName,
    before: Option<&Alias>,
    version: Version,
) -> Result<(), AwsError> {
    match before {
        Some(before) => lambda.move_alias(function, alias, before, version).await,
        None => lambda.create_alias(function, alias, version, "memory chosen by lpt").await,
    }
}

/// Tells the user what has changed, and the commands that undo it.
fn report_move(applied: &Applied, alias: &AliasName, version: Version) {
    let Applied { function_arn, memory_size, previous_version, .. } = applied;
    let before = previous_version.map_or_else(
        || "the alias is new".to_owned(),
        |version| format!("before it pointed at version {version}"),
    );
    message::note(format_args!(
        "{}:{alias}: points at version {version} with {memory_size} MB now; {before}",
        label(function_arn)
    ));
    let pointer = match previous_version {
        Some(previous) => format!("update-alias --name {alias} --function-version {previous}"),
        None => format!("delete-alias --name {alias}"),
    };
    // The qualifier comes first: a command that was copied in part must not delete the function.
    let version = format!("delete-function --qualifier {version}");
    message::note(undo_message(function_arn, &[&pointer, &version]));
}
