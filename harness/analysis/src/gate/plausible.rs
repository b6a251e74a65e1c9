//! Doubts values of head that no measurement gives: they never pass, because the fault is then in what measures them.

use std::collections::BTreeMap;

use plimsoll_record::{Metric, Unit};

use super::report::{GateRow, Kind, RowVerdict};

/// No time between two readings of a clock is shorter, nanoseconds: on x86-64 one reading alone takes longer.
const LEAST_TIME: f64 = 10.0;

/// A head that is better than a recorded run by this factor is more likely damaged, or another thing, than improved.
const LARGEST_GAIN: f64 = 10.0;

/// Equal times in all trials of head are doubted if chance gives them more rarely, by the values that base repeats.
const CHANCE: f64 = 0.001;

/// Changes the verdict of `row` to not judged if the trials' values of head are implausible beside those of base.
/// `is_recorded` says that base is a recorded run.
pub(super) fn doubted(row: GateRow, base: &[f64], head: &[f64], is_recorded: bool) -> GateRow {
    let passes = matches!(
        row.verdict,
        RowVerdict::Held | RowVerdict::Improved | RowVerdict::Inconclusive
    );
    let reason = match passes {
        true => implausible(&row, base, head, is_recorded),
        false => None,
    };
    match reason {
        Some(reason) => GateRow {
            verdict: RowVerdict::NotJudged,
            reason,
            ..row
        },
        None => row,
    }
}

fn implausible(row: &GateRow, base: &[f64], head: &[f64], is_recorded: bool) -> Option<String> {
    let (before, now) = (row.base?, row.head?);
    let by_clock = row.unit == Unit::Nanoseconds
        && !matches!(row.key.metric, Metric::CpuTime | Metric::IdleCpu);
    if by_clock && now < LEAST_TIME && before >= LEAST_TIME {
        return Some(format!(
            "suspect: head took {now} ns, less than reading a clock takes; check what measured it"
        ));
    }
    if row.kind == Kind::Timed
        && let [first, .., last] = head
        && first == last
        && head.iter().all(|value| value == first)
        && chance(base, head.len()) < CHANCE
    {
        return Some(format!(
            "suspect: all {} trials of head have the same value, and those of base vary; check what measured it",
            head.len()
        ));
    }
    let gain = match row.unit {
        Unit::PerSecond => now / before,
        _ => before / now,
    };
    (is_recorded && gain > LARGEST_GAIN).then(|| {
        format!(
            "suspect: better than the pinned run by a factor of {gain:.0}; if that is meant, pin a new run"
        )
    })
}

/// How likely `trials` trials have one value, if values repeat as they do in `base`.
fn chance(base: &[f64], trials: usize) -> f64 {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for value in base {
        *counts.entry(value.to_bits()).or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or(0);
    if base.is_empty() {
        return 1.0;
    }
    let share = most as f64 / base.len() as f64;
    share.powi(i32::try_from(trials).unwrap_or(i32::MAX) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_trials_are_rare_only_where_base_varies() {
        assert!(chance(&[446.0, 446.0, 446.0, 446.0, 447.0, 600.0], 6) > CHANCE);
        assert!(chance(&[440.0, 441.0, 442.0, 443.0, 444.0, 445.0], 6) < CHANCE);
        assert!(chance(&[440.0, 441.0, 442.0, 443.0, 444.0, 445.0], 2) > CHANCE);
        assert_eq!(chance(&[], 6), 1.0);
    }
}
