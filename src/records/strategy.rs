//! The strategies, as records and flags name them.

use serde::{Deserialize, Serialize};

/// The goal of a selection, with the name that AWS Lambda Power Tuning gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The lowest average cost; the fastest of equals.
    #[default]
    Cost,
    /// The lowest average duration; the cheapest of equals.
    Speed,
    /// The lowest weighted sum of both, each as a share of its greatest value among the sizes.
    Balanced,
}

/// The duration that `speed` and `balanced` compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// The average.
    #[default]
    Mean,
    /// The median.
    P50,
    /// The 90th percentile.
    P90,
    /// The 95th percentile.
    P95,
    /// The 99th percentile.
    P99,
}

impl Objective {
    /// Returns the share of invocations that take at most this long; `None` for the mean.
    pub(crate) fn quantile(self) -> Option<f64> {
        match self {
            Objective::Mean => None,
            Objective::P50 => Some(0.5),
            Objective::P90 => Some(0.9),
            Objective::P95 => Some(0.95),
            Objective::P99 => Some(0.99),
        }
    }
}

impl Strategy {
    pub(crate) const ALL: [Strategy; 3] = [Strategy::Cost, Strategy::Speed, Strategy::Balanced];

    /// Returns the name that records and flags have for the strategy.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Strategy::Cost => "cost",
            Strategy::Speed => "speed",
            Strategy::Balanced => "balanced",
        }
    }
}

/// The weight of cost in [`Strategy::Balanced`], from 0 to 1. The rest is the weight of the duration.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct BalancedWeight(f64);

impl From<BalancedWeight> for f64 {
    fn from(weight: BalancedWeight) -> f64 {
        weight.0
    }
}

impl TryFrom<f64> for BalancedWeight {
    type Error = String;

    fn try_from(weight: f64) -> Result<BalancedWeight, String> {
        let is_weight = (0.0..=1.0).contains(&weight);
        is_weight
            .then_some(BalancedWeight(weight))
            .ok_or_else(|| format!("expected a number from 0 to 1, found {weight}"))
    }
}

impl BalancedWeight {
    /// Returns the nearest weight to `weight`, which is not NaN.
    pub(crate) fn clamped(weight: f64) -> BalancedWeight {
        BalancedWeight(weight.clamp(0.0, 1.0))
    }

    pub(crate) fn get(self) -> f64 {
        self.0
    }
}

impl Default for BalancedWeight {
    fn default() -> BalancedWeight {
        BalancedWeight(0.5)
    }
}
