//! Fractions as percentages in sentences.

/// Formats a fraction that somebody typed, as it was typed: 100 × 0.07 is 7.000000000000001 in binary.
pub fn percentage(fraction: f64) -> String {
    ((fraction * 1e6).round() / 1e4).to_string()
}

/// Formats a fraction below one with a decimal, rounded down, because it is the least that is certain.
pub fn percentage_at_least(fraction: f64) -> String {
    // 1000 × 0.943 must not become 942.999….
    format!("{:.1}", (fraction * 1000.0 + 1e-6).floor() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_shown_as_it_was_typed() {
        let shown = [0.07, 0.95, 0.975, 0.9999, 0.0005, 0.55, 1.0].map(percentage);
        assert_eq!(shown, ["7", "95", "97.5", "99.99", "0.05", "55", "100"]);
    }

    #[test]
    fn what_is_certain_is_never_rounded_up() {
        let shown = [0.95, 0.975, 0.999, 0.9999, 0.943, 0.9599].map(percentage_at_least);
        assert_eq!(shown, ["95.0", "97.5", "99.9", "99.9", "94.3", "95.9"]);
    }
}
