//! An alias of a function.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::local::function::Qualifier;
use crate::local::refusal::Refusal;

/// A name that points at a version.
#[derive(Debug, Clone)]
pub(crate) struct Alias {
    pub(crate) name: String,
    pub(crate) version: Qualifier,
    pub(crate) description: String,
    /// Other versions, each with the share of invocations that it gets.
    pub(crate) weights: BTreeMap<String, f64>,
    pub(crate) revision: Uuid,
}

impl Alias {
    pub(crate) fn points_at(&self, number: u64) -> bool {
        self.version == Qualifier::Version(number) || self.weights.contains_key(&number.to_string())
    }

    /// Returns the version that an invocation runs. The fraction, from 0 to 1, picks it by the weights.
    pub(crate) fn pick(&self, fraction: f64) -> Result<Qualifier, Refusal> {
        let mut below = 0.0;
        for (version, weight) in &self.weights {
            below += weight;
            if fraction < below {
                return Qualifier::parse(version);
            }
        }
        Ok(self.version.clone())
    }
}
