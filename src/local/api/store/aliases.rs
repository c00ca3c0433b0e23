//! The actions on aliases.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::alias::Alias;
use super::functions::Store;
use super::moment::Moment;
use super::version::check_revision;
use crate::local::function::{FunctionId, Qualifier, Target, check_description, check_name};
use crate::local::refusal::Refusal;

/// The parameters of UpdateAlias.
#[derive(Debug, Default)]
pub(crate) struct AliasUpdate {
    pub(crate) version: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) weights: Option<BTreeMap<String, f64>>,
    pub(crate) revision: Option<String>,
}

impl Store {
    pub(crate) fn create_alias(
        &mut self,
        id: &FunctionId,
        alias: &str,
        version: &str,
        description: String,
        weights: BTreeMap<String, f64>,
        now: Moment,
    ) -> Result<Alias, Refusal> {
        check_name(alias, 128)?;
        if !matches!(Qualifier::parse(alias)?, Qualifier::Alias(_)) {
            return Err(Refusal::constraint(
                alias,
                "name",
                "satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)",
            ));
        }
        check_description(&description)?;
        let arn = id.qualified(alias);
        let version = self.existing_version(id, version, now)?;
        self.check_weights(id, &version, &weights, now)?;
        let function = self.function_mut(id, now)?;
        if function.aliases.contains_key(alias) {
            return Err(Refusal::conflict(format!("Alias already exists: {arn}")));
        }
        let created =
            Alias { name: alias.to_owned(), version, description, weights, revision: Uuid::new_v4() };
        function.aliases.insert(alias.to_owned(), created.clone());
        Ok(created)
    }

    pub(crate) fn alias(&self, id: &FunctionId, alias: &str) -> Result<&Alias, Refusal> {
        self.function(id)?.aliases.get(alias).ok_or_else(|| Refusal::no_alias(&id.qualified(alias)))
    }

    pub(crate) fn update_alias(
        &mut self,
        id: &FunctionId,
        alias: &str,
        update: AliasUpdate,
        now: Moment,
    ) -> Result<Alias, Refusal> {
        let current = self.alias(id, alias)?.clone();
        check_revision(current.revision, update.revision.as_deref())?;
        let version = match &update.version {
            Some(version) => self.existing_version(id, version, now)?,
            None => current.version,
        };
        // Weights that the update leaves out stay, and must suit the new version too.
        let weights = update.weights.unwrap_or(current.weights);
        self.check_weights(id, &version, &weights, now)?;
        let description = update.description.unwrap_or(current.description);
        check_description(&description)?;
        let updated = Alias { name: current.name, version, description, weights, revision: Uuid::new_v4() };
        self.function_mut(id, now)?.aliases.insert(alias.to_owned(), updated.clone());
        Ok(updated)
    }

    /// Does DeleteAlias. As at Lambda, it succeeds if the alias does not exist.
    pub(crate) fn delete_alias(&mut self, id: &FunctionId, alias: &str, now: Moment) -> Result<(), Refusal> {
        self.function_mut(id, now)?.aliases.remove(alias);
        Ok(())
    }

    /// Returns a page of aliases in the order of their names, and where the next page begins. The page begins at
    /// the name `start`, has at most `limit` aliases, and only those that point at `version` if that is given.
    pub(crate) fn aliases(
        &self,
        id: &FunctionId,
        version: Option<&str>,
        start: &str,
        limit: usize,
    ) -> Result<(Vec<&Alias>, Option<&str>), Refusal> {
        let version = version.map(Qualifier::parse).transpose()?;
        let mut aliases = self
            .function(id)?
            .aliases
            .range(start.to_owned()..)
            .map(|(_, alias)| alias)
            .filter(|alias| version.as_ref().is_none_or(|version| alias.version == *version));
        let page = aliases.by_ref().take(limit).collect();
        Ok((page, aliases.next().map(|alias| alias.name.as_str())))
    }

    /// Parses the version that an alias is to point at, and checks that it exists.
    fn existing_version(
        &mut self,
        id: &FunctionId,
        version: &str,
        now: Moment,
    ) -> Result<Qualifier, Refusal> {
        let qualifier = Qualifier::parse(version)?;
        if matches!(qualifier, Qualifier::Alias(_)) {
            return Err(Refusal::constraint(
                version,
                "functionVersion",
                r"satisfy regular expression pattern: (\$LATEST|[0-9]+)",
            ));
        }
        let target = Target { function: id.clone(), qualifier: Some(qualifier.clone()) };
        self.version(&target, now)?;
        Ok(qualifier)
    }

    /// Checks the weights of an alias that points at `version`. The messages are AWS's, as LocalStack's tests against AWS
    /// have them: localstack/localstack, services/lambda_/provider.py, _create_routing_config_model.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html>
    fn check_weights(
        &mut self,
        id: &FunctionId,
        version: &Qualifier,
        weights: &BTreeMap<String, f64>,
        now: Moment,
    ) -> Result<(), Refusal> {
        const AT: &str = "routingConfig.additionalVersionWeights";
        if weights.len() > 1 {
            return Err(Refusal::invalid(
                "Number of items in AdditionalVersionWeights cannot be greater than 1",
            ));
        }
        for (additional, weight) in weights {
            if !(0.0..=1.0).contains(weight) {
                return Err(Refusal::constraint(weight, AT, "have value from 0.0 to 1.0"));
            }
            if *version == Qualifier::Latest {
                return Err(Refusal::invalid(
                    "$LATEST is not supported for an alias pointing to more than 1 version",
                ));
            }
            let qualifier = Qualifier::parse(additional)?;
            if !matches!(qualifier, Qualifier::Version(_)) {
                return Err(Refusal::constraint(
                    additional,
                    AT,
                    "satisfy regular expression pattern: [0-9]+",
                ));
            }
            if qualifier == *version {
                return Err(Refusal::invalid(format!(
                    "Invalid function version {version}. Function version {version} is already included in routing configuration."
                )));
            }
            if self.role(id, &qualifier, now)? != self.role(id, version, now)? {
                return Err(Refusal::invalid("Both versions of an alias must have the same execution role."));
            }
        }
        Ok(())
    }

    fn role(&mut self, id: &FunctionId, version: &Qualifier, now: Moment) -> Result<String, Refusal> {
        let target = Target { function: id.clone(), qualifier: Some(version.clone()) };
        Ok(self.version(&target, now)?.configuration.role.clone())
    }
}
