//! The strategies, as records and flags name them.

use serde::{Deserialize, Serialize};

/// What to look for, as AWS Lambda Power Tuning names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The least average cost; of equals, the fastest
    #[default]
    Cost,
    /// The least average duration; of equals, the cheapest
    Speed,
    /// The least weighted sum of both, each as a share of its greatest
    Balanced,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Strategy; 3] = [Strategy::Cost, Strategy::Speed, Strategy::Balanced];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Strategy::Cost => "cost",
            Strategy::Speed => "speed",
            Strategy::Balanced => "balanced",
        }
    }
}

/// The weight of cost in [`Strategy::Balanced`], 0 to 1; duration has the rest.
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
            .ok_or_else(|| format!("a weight is from 0 to 1, not {weight}"))
    }
}

impl BalancedWeight {
    /// Returns the nearest weight to `weight`, which is not NaN.
    pub fn clamped(weight: f64) -> BalancedWeight {
        BalancedWeight(weight.clamp(0.0, 1.0))
    }

    /// The weight.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Default for BalancedWeight {
    fn default() -> BalancedWeight {
        BalancedWeight(0.5)
    }
}
