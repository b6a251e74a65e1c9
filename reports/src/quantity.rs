//! Formats quantities for readers: three significant digits and a unit, joined by a no-break space so that no line
//! break separates them.

use plimsoll_analysis::Row;
use plimsoll_analysis::statistics::Interval;
use plimsoll_record::Unit;

const NO_BREAK: char = '\u{a0}';

/// A duration in nanoseconds: `850 ns`, `20.1 µs`, `1.23 ms`, `2.50 s`.
pub fn duration(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        // 999.5 would round to 1000, which is 1.00 of the next unit.
        ns if ns < 999.5 => (ns, "ns"),
        ns if ns < 999.5e3 => (ns / 1e3, "µs"),
        ns if ns < 999.5e6 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    format!("{}{NO_BREAK}{unit}", significant(value))
}

/// An interval of durations in nanoseconds, like [`interval`].
pub fn duration_interval(ends: Interval) -> String {
    interval(ends, Unit::Nanoseconds)
}

/// A row's value in its unit, as by [`duration`] or [`bytes`], or a plain number. Noise can make a slope negative:
/// `-1.23 µs`.
pub fn value(value: f64, unit: Unit) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    let text = match unit {
        Unit::Nanoseconds => duration(value.abs()),
        Unit::Bytes => size(value.abs()),
        Unit::PerSecond => format!("{}/s", significant(value.abs())),
        Unit::Count => counted(value.abs()),
        Unit::Microjoules => energy(value.abs()),
    };
    format!("{sign}{text}")
}

/// A number of things: `602,824`, `333 M`, `1.20 G`.
fn counted(number: f64) -> String {
    match number {
        few if few < 999_999.5 => significant(few),
        many if many < 999.5e6 => format!("{}{NO_BREAK}M", significant(many / 1e6)),
        most => format!("{}{NO_BREAK}G", significant(most / 1e9)),
    }
}

/// An energy in microjoules: `12.3 mJ`, `1.20 J`.
fn energy(microjoules: f64) -> String {
    let (value, unit) = match microjoules {
        uj if uj < 999.5 => (uj, "µJ"),
        uj if uj < 999.5e3 => (uj / 1e3, "mJ"),
        uj => (uj / 1e6, "J"),
    };
    format!("{}{NO_BREAK}{unit}", significant(value))
}

/// The upper limit of a slope that noise made negative: `at most 1.23 µs`.
pub fn at_most(row: &Row) -> String {
    match row.at_most() {
        Some(most) if most > 0.0 => format!("at most {}", value(most, row.unit)),
        _ => "none shown".to_owned(),
    }
}

/// An interval of values, `19.8 to 20.6 µs`; a common unit is written once.
pub fn interval(interval: Interval, unit: Unit) -> String {
    let (low, high) = (value(interval.low, unit), value(interval.high, unit));
    match (low.split_once(NO_BREAK), high.split_once(NO_BREAK)) {
        (Some((value, unit)), Some((_, other))) if unit == other => format!("{value} to {high}"),
        _ => format!("{low} to {high}"),
    }
}

/// A size in bytes: `917 B`, `1.39 MB`; decimal units.
pub fn bytes(bytes: u64) -> String {
    size(bytes as f64)
}

fn size(bytes: f64) -> String {
    let (value, unit) = match bytes {
        b if b < 999.5 => (b, "B"),
        b if b < 999.5e3 => (b / 1e3, "kB"),
        b if b < 999.5e6 => (b / 1e6, "MB"),
        b => (b / 1e9, "GB"),
    };
    format!("{}{NO_BREAK}{unit}", significant(value))
}

/// A ratio: `0.47×`, `3.41×`, `180×`; below a tenth as a fraction, `1/326`.
pub fn ratio(ratio: f64) -> String {
    match is_fraction(ratio) {
        true => format!("1/{}", significant(1.0 / ratio)),
        false => format!("{}×", significant(ratio)),
    }
}

/// An interval of ratios: `3.20 to 3.60×`, `1/344 to 1/307`.
pub fn ratio_interval(interval: Interval) -> String {
    let (low, high) = (ratio(interval.low), ratio(interval.high));
    match is_fraction(interval.low) || is_fraction(interval.high) {
        true => format!("{low} to {high}"),
        false => format!("{} to {high}", significant(interval.low)),
    }
}

/// A ratio, never as a fraction: `0.0031×`, `0.47×`, `180×`.
pub fn times(ratio: f64) -> String {
    match ratio > 0.0 && ratio < 0.001 {
        true => format!("{ratio:.1e}×"),
        false => format!("{}×", significant(ratio)),
    }
}

fn is_fraction(ratio: f64) -> bool {
    ratio > 0.0 && ratio < 0.1
}

/// `1 trial`, `20 trials`, `12,000 samples`.
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{}{NO_BREAK}{noun}{plural}", grouped(number))
}

/// An integer with thousands separators: `12,000`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three significant digits; from 100 up an integer with thousands separators.
fn significant(value: f64) -> String {
    match value.abs() {
        v if !v.is_finite() => "–".to_owned(),
        v if v >= 99.95 => grouped(value.round() as u64),
        v if v >= 9.995 => format!("{value:.1}"),
        v if v >= 0.9995 || v == 0.0 => format!("{value:.2}"),
        v if v >= 0.09995 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [init @ .., last] => format!("{} and {last}", init.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_three_digits_and_the_unit_that_fits() {
        for (ns, text) in [
            (7.0, "7.00 ns"),
            (850.0, "850 ns"),
            (999.7, "1.00 µs"),
            (20_140.0, "20.1 µs"),
            (999_700.0, "1.00 ms"),
            (180_400_000.0, "180 ms"),
            (2_500_000_000.0, "2.50 s"),
        ] {
            assert_eq!(duration(ns).replace(NO_BREAK, " "), text);
        }
    }

    #[test]
    fn an_interval_says_a_shared_unit_once() {
        let text = |low, high| duration_interval(Interval { low, high }).replace(NO_BREAK, " ");
        assert_eq!(text(19_800.0, 20_600.0), "19.8 to 20.6 µs");
        assert_eq!(text(980.0, 1_020.0), "980 ns to 1.02 µs");
    }

    #[test]
    fn large_numbers_have_their_thousands_apart() {
        assert_eq!(grouped(12_000), "12,000");
        assert_eq!(grouped(999), "999");
        assert_eq!(ratio(9_000.4), "9,000×");
    }

    #[test]
    fn a_small_ratio_is_a_fraction() {
        assert_eq!(ratio(1.0 / 326.0), "1/326");
        assert_eq!(ratio(0.47), "0.470×");
        let interval = Interval {
            low: 1.0 / 344.0,
            high: 1.0 / 307.0,
        };
        assert_eq!(ratio_interval(interval), "1/344 to 1/307");
    }
}
