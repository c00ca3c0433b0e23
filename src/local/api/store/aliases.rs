//! The actions on aliases.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::alias::Alias;
use super::functions::Store;
use super::moment::Moment;
use super::version::check_revision;
use crate::local::function::{FunctionId, Qualifier, Target, check_name};
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
            return Err(Refusal::invalid(format!("'{alias}' is the name of a version")));
        }
        let arn = id.qualified(alias);
        let version = self.existing_version(id, version, now)?;
        self.check_weights(id, &weights, now)?;
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
        self.function(id)?.aliases.get(alias).ok_or_else(|| Refusal::not_found("Alias", &id.qualified(alias)))
    }

    pub(crate) fn update_alias(
        &mut self,
        id: &FunctionId,
        alias: &str,
        update: AliasUpdate,
        now: Moment,
    ) -> Result<Alias, Refusal> {
        check_revision(self.alias(id, alias)?.revision, update.revision.as_deref())?;
        let version = match &update.version {
            Some(version) => Some(self.existing_version(id, version, now)?),
            None => None,
        };
        if let Some(weights) = &update.weights {
            self.check_weights(id, weights, now)?;
        }
        let missing = Refusal::not_found("Alias", &id.qualified(alias));
        let alias = self.function_mut(id, now)?.aliases.get_mut(alias).ok_or(missing)?;
        if let Some(version) = version {
            alias.version = version;
        }
        if let Some(description) = update.description {
            alias.description = description;
        }
        if let Some(weights) = update.weights {
            alias.weights = weights;
        }
        alias.revision = Uuid::new_v4();
        Ok(alias.clone())
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
            return Err(Refusal::invalid(format!("'{version}' is not a version")));
        }
        let target = Target { function: id.clone(), qualifier: Some(qualifier.clone()) };
        self.version(&target, now)?;
        Ok(qualifier)
    }

    fn check_weights(
        &mut self,
        id: &FunctionId,
        weights: &BTreeMap<String, f64>,
        now: Moment,
    ) -> Result<(), Refusal> {
        for (version, weight) in weights {
            self.existing_version(id, version, now)?;
            if !(0.0..=1.0).contains(weight) {
                return Err(Refusal::invalid(format!(
                    "The weight {weight} of version {version} is not from 0 to 1"
                )));
            }
        }
        Ok(())
    }
}
