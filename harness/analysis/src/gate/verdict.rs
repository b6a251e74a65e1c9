//! Judges one series: shared by all parts of the gate.

use plimsoll_record::{Boundary, Judged, Metric, Unit};

use super::evidence::Doubt;
use super::report::{GateRow, Kind, Reading, RowVerdict};
use crate::series::SeriesKey;
use crate::statistics::Interval;

/// Minimum trials on each side of a row with values that do not vary, except for files.
const LEAST_COUNTED: usize = 2;

/// Allowed growth of counted instructions, as a share of 1. Counts repeat to about a tenth of that, so
/// anything beyond is a code change.
pub const INSTRUCTIONS_GROWTH: f64 = 0.005;

/// How a series is judged: by the table of metrics, except that the slope of a line is only shown.
pub(super) fn kind(key: &SeriesKey) -> Kind {
    if key.boundary.slope().is_some() {
        return Kind::Shown;
    }
    match key.metric.spec().judged_as {
        Judged::Timed => Kind::Timed,
        Judged::Counted => Kind::Deterministic,
        Judged::Never => Kind::Shown,
    }
}

/// Allowed growth of a deterministic row, as a share of 1.
pub(super) fn growth(key: &SeriesKey, allowed: f64) -> f64 {
    match key.metric {
        Metric::Instructions => allowed.min(INSTRUCTIONS_GROWTH),
        _ => allowed,
    }
}

/// A change as a signed percentage.
pub(super) fn percent(ratio: f64) -> String {
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}

/// Uses ranges instead of intervals: the lowest value of head over the highest of base, and the reverse.
/// `None` if a value is zero, negative or not finite, because there is no ratio.
fn counted(key: &SeriesKey, base: &[f64], head: &[f64], growth: f64) -> Option<Reading> {
    let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (base_low, base_high) = (least(base), most(base));
    let (head_low, head_high) = (least(head), most(head));
    if base_low <= 0.0 || head_low <= 0.0 || !base_high.is_finite() || !head_high.is_finite() {
        return None;
    }
    let (low, high) = (head_low / base_high, head_high / base_low);
    let middle = |values: &[f64]| crate::statistics::median(values);
    let ratio = middle(head)? / middle(base)?;
    let (ratio, low, high) = match key.metric.unit() {
        Unit::PerSecond => (1.0 / ratio, 1.0 / high, 1.0 / low),
        _ => (ratio, low, high),
    };
    Some(Reading {
        blocks: head.len(),
        ratio,
        ci95: Interval { low, high },
        noise: base_high / base_low - 1.0,
        floor: growth,
        p_value: None,
    })
}

/// Judges `row`, a deterministic one, from the trials' values on both sides.
pub(super) fn deterministic(row: GateRow, base: &[f64], head: &[f64], allowed: f64) -> GateRow {
    let growth = growth(&row.key, allowed);
    let reading = counted(&row.key, base, head, growth);
    let fewest = base.len().min(head.len());
    let (verdict, reason) = match reading {
        None => nothing(base, head),
        // A file has one size, so one trial is enough.
        Some(_) if fewest < LEAST_COUNTED && row.key.boundary != Boundary::OnDisk => (
            RowVerdict::Inconclusive,
            "one trial on a side: no verdict rests on one".to_owned(),
        ),
        Some(reading) if reading.is_worse() => (
            RowVerdict::Regression,
            format!(
                "{} at the least, {:.1} % are allowed",
                percent(reading.ci95.low),
                100.0 * growth
            ),
        ),
        Some(reading) if reading.ci95.high < 1.0 => (RowVerdict::Improved, percent(reading.ratio)),
        Some(reading) => (RowVerdict::Held, percent(reading.ratio)),
    };
    GateRow {
        first: reading,
        verdict,
        reason,
        ..row
    }
}

/// The verdict if there is no ratio.
fn nothing(base: &[f64], head: &[f64]) -> (RowVerdict, String) {
    let all_zero = |values: &[f64]| values.iter().all(|value| *value == 0.0);
    match (all_zero(base), all_zero(head)) {
        (true, true) => (RowVerdict::Held, "zero on both sides".to_owned()),
        (true, false) if head.iter().all(|value| *value > 0.0) => (
            RowVerdict::Regression,
            "zero in base, more than zero in head".to_owned(),
        ),
        _ => (
            RowVerdict::NotJudged,
            "zero or less on one side: no ratio exists".to_owned(),
        ),
    }
}

/// The verdict on a timed row without a ratio, because a median is zero or negative; `None` if both are
/// positive.
pub(super) fn without_ratio(key: &SeriesKey, base: f64, head: f64) -> Option<(RowVerdict, String)> {
    if base > 0.0 && head > 0.0 && (head / base).is_finite() {
        return None;
    }
    // The kernel's CPU clock can round a short span to zero.
    let may_be_zero = matches!(key.metric, Metric::IdleCpu | Metric::CpuTime)
        || matches!(key.metric.unit(), Unit::Bytes | Unit::Count);
    Some(match (may_be_zero, base == 0.0 && head == 0.0) {
        (true, true) => (RowVerdict::Held, "zero on both sides".to_owned()),
        (true, false) => (
            RowVerdict::Inconclusive,
            "zero or less on one side: no ratio exists".to_owned(),
        ),
        (false, _) => (
            RowVerdict::NotJudged,
            format!("a {} of zero or less: no ratio exists", key.metric),
        ),
    })
}

/// Makes a row inconclusive that would hold on incomplete evidence; the reason is what is missing.
pub(super) fn weakened(row: GateRow, doubt: Option<Doubt>) -> GateRow {
    match (row.verdict, doubt) {
        (
            RowVerdict::Held | RowVerdict::Improved | RowVerdict::Inconclusive,
            Some(Doubt::Weak(reason)),
        ) => GateRow {
            verdict: RowVerdict::Inconclusive,
            reason,
            ..row
        },
        _ => row,
    }
}
