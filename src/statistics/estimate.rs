//! An estimate with its standard error, and the comparison of two.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// An estimate of a mean whose error follows Student's t.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The estimated mean.
    pub mean: f64,
    /// The standard deviation of the estimate.
    pub standard_error: f64,
    /// The degrees of freedom of the standard error, more than 0.
    pub degrees_of_freedom: f64,
}

impl Estimate {
    /// Returns the interval that contains the true mean with this confidence.
    pub fn interval(&self, confidence: f64) -> (f64, f64) {
        around(self.mean, self.standard_error, self.degrees_of_freedom, confidence)
    }
}

/// The difference of two independent estimates a and b, whose variances may differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// a − b.
    pub difference: f64,
    /// The standard deviation of the difference.
    pub standard_error: f64,
    /// The degrees of freedom of the standard error.
    pub degrees_of_freedom: f64,
}

impl Comparison {
    /// Compares two estimates. Of means this is Welch's test, and of trimmed means that of Yuen and Welch.
    ///
    /// The degrees of freedom are those of B. L. Welch, "The generalization of 'Student's' problem when several
    /// different population variances are involved", Biometrika 34 (1947), 28–35, and F. E. Satterthwaite, "An
    /// approximate distribution of estimates of variance components", Biometrics Bulletin 2 (1946), 110–114.
    pub fn of(a: &Estimate, b: &Estimate) -> Comparison {
        // Equal values have means that differ in their last digits if their numbers differ.
        let rounding = 16.0 * f64::EPSILON * a.mean.abs().max(b.mean.abs());
        let beyond_rounding = |value: f64| if value.abs() > rounding { value } else { 0.0 };
        let (variance_a, variance_b) = (a.standard_error.powi(2), b.standard_error.powi(2));
        let standard_error = beyond_rounding((variance_a + variance_b).sqrt());
        // Relative to the sum, because the square of a small variance is 0.
        let part = |variance: f64, freedom: f64| (variance / (variance_a + variance_b)).powi(2) / freedom;
        let degrees_of_freedom = if standard_error > 0.0 {
            1.0 / (part(variance_a, a.degrees_of_freedom) + part(variance_b, b.degrees_of_freedom))
        } else {
            a.degrees_of_freedom + b.degrees_of_freedom
        };
        Comparison { difference: beyond_rounding(a.mean - b.mean), standard_error, degrees_of_freedom }
    }

    /// Returns the comparison as a fraction of `base`, which counts as exact.
    pub fn relative_to(&self, base: f64) -> Comparison {
        let share = |value: f64| if value == 0.0 { 0.0 } else { value / base };
        let (difference, standard_error) = (share(self.difference), share(self.standard_error));
        Comparison { difference, standard_error, ..*self }
    }

    /// Returns the probability of a difference at least as large in either direction, if there is none in truth.
    ///
    /// Without any variance it is 0, or 1 if the difference is 0.
    pub fn p_two_sided(&self) -> f64 {
        (2.0 * upper_tail(self.difference.abs(), self.standard_error, self.degrees_of_freedom)).min(1.0)
    }

    /// Returns the probability of a difference at least as large, if a is not greater than b in truth.
    ///
    /// Without any variance it is 0 if a is greater, and 1 if not.
    pub fn p_greater(&self) -> f64 {
        upper_tail(self.difference, self.standard_error, self.degrees_of_freedom)
    }

    /// Returns the interval that contains the true difference with this confidence.
    pub fn interval(&self, confidence: f64) -> (f64, f64) {
        around(self.difference, self.standard_error, self.degrees_of_freedom, confidence)
    }
}

fn upper_tail(difference: f64, standard_error: f64, degrees_of_freedom: f64) -> f64 {
    if standard_error == 0.0 {
        return if difference > 0.0 { 0.0 } else { 1.0 };
    }
    students_t(degrees_of_freedom).sf(difference / standard_error)
}

fn around(centre: f64, standard_error: f64, degrees_of_freedom: f64, confidence: f64) -> (f64, f64) {
    let half = students_t(degrees_of_freedom).inverse_cdf(0.5 + confidence / 2.0) * standard_error;
    (centre - half, centre + half)
}

fn students_t(degrees_of_freedom: f64) -> StudentsT {
    StudentsT::new(0.0, 1.0, degrees_of_freedom).expect("the degrees of freedom are more than 0")
}
