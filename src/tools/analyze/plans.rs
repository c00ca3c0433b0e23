//! The `plan` and `configuration` records of the runs that are analyzed.

use std::collections::{BTreeMap, BTreeSet};

use crate::names::{AliasName, Architecture, FunctionArn};
use crate::records::{Configuration, ConfigurationState, Plan, RunName, SizeKey};

/// The plans of all runs, and the versions that were published for each size.
#[derive(Default)]
pub(super) struct Plans {
    plans: Vec<Plan>,
    changed: BTreeSet<FunctionArn>,
    /// The versions, each by its alias.
    versions: BTreeMap<SizeKey, BTreeSet<AliasName>>,
}

impl Plans {
    pub fn add(&mut self, plan: Plan) {
        // A plan without sizes is from lpt-apply, which publishes a version but measures nothing. A file may be given
        // twice.
        if plan.power_values.is_empty() || self.plans.contains(&plan) {
            return;
        }
        let first = self.plans.iter().find(|known| known.function_arn == plan.function_arn);
        if first.is_some_and(|first| first.code_sha256 != plan.code_sha256) {
            self.changed.insert(plan.function_arn.clone());
        }
        self.plans.push(plan);
    }

    pub fn add_configuration(&mut self, configuration: Configuration) {
        if configuration.state == ConfigurationState::Ready {
            self.versions.entry(configuration.size_key()).or_default().insert(configuration.alias);
        }
    }

    /// Returns the functions that have plans of different code.
    pub fn changed(&self) -> impl Iterator<Item = &FunctionArn> {
        self.changed.iter()
    }

    /// Whether a run is a dry run.
    pub fn is_dry(&self, run_id: &RunName) -> bool {
        self.plans.iter().any(|plan| plan.run_id == *run_id && plan.dry_run)
    }

    /// Whether any run is a dry run.
    pub fn any_is_dry(&self) -> bool {
        self.plans.iter().any(|plan| plan.dry_run)
    }

    /// Returns the last plan of a function on an architecture.
    pub fn plan(&self, function: &FunctionArn, architecture: Architecture) -> Option<&Plan> {
        self.plans_of(function, architecture).next_back()
    }

    /// Whether each invocation of a function had its own version, and so a cold start.
    pub fn are_only_cold_starts(&self, function: &FunctionArn, architecture: Architecture) -> bool {
        let mut plans = self.plans_of(function, architecture).peekable();
        plans.peek().is_some() && plans.all(|plan| plan.only_cold_starts)
    }

    /// Returns the number of versions that were published with this size.
    pub fn versions(&self, size: &SizeKey) -> usize {
        self.versions.get(size).map_or(0, BTreeSet::len)
    }

    fn plans_of(
        &self,
        function: &FunctionArn,
        architecture: Architecture,
    ) -> impl DoubleEndedIterator<Item = &Plan> {
        let function = function.clone();
        self.plans
            .iter()
            .filter(move |plan| plan.function_arn == function && plan.architecture == architecture)
    }
}
