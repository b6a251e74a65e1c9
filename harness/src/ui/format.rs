//! Formats quantities for the terminal as in reports, but without the space before the unit, so that a ladder
//! of seven boundaries fits into 80 columns.

use std::time::Duration;

use plimsoll_record::Unit;
use reports::quantity;

const NO_BREAK: char = '\u{a0}';

/// A duration in nanoseconds: `123ns`, `1.23µs`, `45.6ms`, `7.89s`.
pub fn nanoseconds(ns: f64) -> String {
    quantity::duration(ns).replace(NO_BREAK, "")
}

/// As [`nanoseconds`], for a [`Duration`].
pub fn duration(duration: Duration) -> String {
    nanoseconds(duration.as_secs_f64() * 1e9)
}

/// A size in decimal units: `123B`, `1.23kB`, `45.6MB`.
pub fn bytes(bytes: u64) -> String {
    quantity::bytes(bytes).replace(NO_BREAK, "")
}

/// A value with its unit: `1.23µs`, `45.6MB`, `2.00`; negative: `-1.23µs`.
pub fn value(value: f64, unit: Unit) -> String {
    quantity::value(value, unit).replace(NO_BREAK, "")
}

/// `1 trial`, `2 trials`.
pub fn count(number: usize, noun: &str) -> String {
    quantity::count(number as u64, noun).replace(NO_BREAK, " ")
}

/// The first `kept` characters of a text, on one line.
pub fn clipped(text: &str, kept: usize) -> String {
    let line = text.replace(|c: char| c.is_control(), " ");
    match line.char_indices().nth(kept) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_at_most_six_characters_wide() {
        for exponent in 0..10 {
            for digits in [1.0, 1.234, 9.994, 9.996] {
                let text = nanoseconds(digits * 10f64.powi(exponent));
                assert!(text.chars().count() <= 6, "{text}");
                assert!(!text.contains(NO_BREAK));
            }
        }
    }
}
