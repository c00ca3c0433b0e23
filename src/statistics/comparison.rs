//! Estimates, and the difference of two of them.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// An estimated mean, and how exact it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The degrees of freedom of the standard error, above 0.
    pub degrees_of_freedom: f64,
}

impl Estimate {
    /// Returns the interval that contains the true mean with this confidence.
    pub fn interval(&self, confidence: f64) -> (f64, f64) {
        let half = quantile(self.degrees_of_freedom, 0.5 + confidence / 2.0) * self.standard_error;
        (self.mean - half, self.mean + half)
    }
}

/// The difference of two means, by Welch's t.
///
/// B. L. Welch, "The generalization of 'Student's' problem when several different population variances are involved",
/// Biometrika 34 (1947), 28–35. Of two trimmed means with Yuen's standard errors it is the test of Yuen (1974).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// The first mean minus the second.
    pub difference: f64,
    /// The standard error of the difference.
    pub standard_error: f64,
    /// Its degrees of freedom, by Welch and Satterthwaite.
    pub degrees_of_freedom: f64,
}

impl Comparison {
    /// Compares `a` with `b`.
    pub fn of(a: &Estimate, b: &Estimate) -> Comparison {
        let squares = [a, b].map(|estimate| estimate.standard_error.powi(2));
        let variance: f64 = squares.iter().sum();
        let parts = [a, b]
            .into_iter()
            .zip(squares)
            .map(|(estimate, square)| square.powi(2) / estimate.degrees_of_freedom);
        let degrees_of_freedom = variance.powi(2) / parts.sum::<f64>();
        Comparison {
            difference: a.mean - b.mean,
            standard_error: variance.sqrt(),
            // Without any variance there is no doubt, whatever they are.
            degrees_of_freedom: if degrees_of_freedom.is_finite() { degrees_of_freedom } else { 1.0 },
        }
    }

    /// Returns the probability of a difference like this one, or a greater one, if `a` were not greater than `b`.
    pub fn p_greater(&self) -> f64 {
        match self.difference / self.standard_error {
            t if t.is_finite() => distribution(self.degrees_of_freedom).sf(t),
            _ if self.difference > 0.0 => 0.0,
            _ => 1.0,
        }
    }

    /// Returns the probability of a difference as far from 0 as this one, or farther, if the two were equal.
    pub fn p_two_sided(&self) -> f64 {
        let distance = Comparison { difference: self.difference.abs(), ..*self };
        (2.0 * distance.p_greater()).min(1.0)
    }

    /// Returns the interval that contains the true difference with this confidence.
    pub fn interval(&self, confidence: f64) -> (f64, f64) {
        let Comparison { difference, standard_error, degrees_of_freedom } = *self;
        Estimate { mean: difference, standard_error, degrees_of_freedom }.interval(confidence)
    }
}

fn distribution(degrees_of_freedom: f64) -> StudentsT {
    StudentsT::new(0.0, 1.0, degrees_of_freedom).expect("the degrees of freedom are above 0")
}

fn quantile(degrees_of_freedom: f64, p: f64) -> f64 {
    distribution(degrees_of_freedom).inverse_cdf(p)
}
