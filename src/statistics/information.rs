//! What it is worth to know more.

use statrs::distribution::{Continuous, ContinuousCDF, Normal};

/// Returns the mean of max(0, −x) for a normal x with this mean and standard deviation: what is lost on average by a choice
/// that seems to be better by `mean`, if the truth scatters about it.
///
/// H. Raiffa and R. Schlaifer, "Applied Statistical Decision Theory" (1961), section 5.7: the unit normal loss integral.
pub fn expected_loss(mean: f64, standard_deviation: f64) -> f64 {
    if standard_deviation <= 0.0 {
        return (-mean).max(0.0);
    }
    let (normal, z) = (Normal::standard(), mean / standard_deviation);
    standard_deviation * (normal.pdf(z) - z * normal.sf(z))
}
