//! The cost of one more: per trial, a line fitted to the values at each level.
//!
//! Each trial gets its own line, fitted by least squares to the levels that it reached. Its slope (the cost
//! of one more) and base (independent of their number) are that trial's values. So the trial stays the unit
//! of resampling, and the interval is of the same kind as for other rows.

use std::collections::BTreeMap;

use plimsoll_record::{Boundary, Metric};

use super::{Series, SeriesKey, TrialSamples};
use crate::statistics::{Line, Sorted};

/// From this deviation on, as a share of a level's value, a row notes that its line is not straight.
const CROOKED: f64 = 0.1;

/// Whether a metric grows linearly with their number. Private pages become shared as soon as there are two;
/// RSS counts shared pages once per mapping.
fn adds_up(metric: Metric) -> bool {
    !matches!(metric, Metric::Private | Metric::Rss)
}

/// The slope and base series of every group of series that differ only in level.
pub(super) fn lines(found: &BTreeMap<SeriesKey, Series>) -> Vec<Series> {
    let mut groups: BTreeMap<SeriesKey, Vec<&Series>> = BTreeMap::new();
    for series in found.values() {
        let key = &series.key;
        if key.boundary.slope().is_some() && key.at.is_some() && adds_up(key.metric) {
            let key = SeriesKey {
                at: None,
                ..series.key.clone()
            };
            groups.entry(key).or_default().push(series);
        }
    }
    groups
        .iter()
        .filter_map(|(key, levels)| Some((key, levels, key.boundary.slope()?)))
        .flat_map(|(key, levels, slope)| {
            [
                fitted(key, levels, slope, |line| line.slope),
                fitted(key, levels, Boundary::Base, |line| line.base),
            ]
        })
        .collect()
}

fn fitted(
    key: &SeriesKey,
    levels: &[&Series],
    boundary: Boundary,
    value: impl Fn(&Line) -> f64,
) -> Series {
    let mut series = Series::of(SeriesKey {
        boundary,
        ..key.clone()
    });
    // Every trial is in the first level's tally, even if it got no further.
    if let Some(first) = levels.iter().max_by_key(|level| level.tally.ok) {
        series.tally.clone_from(&first.tally);
    }
    let mut points: BTreeMap<u32, Vec<(f64, f64)>> = BTreeMap::new();
    for level in levels {
        let at = level.key.at.unwrap_or_default() as f64;
        for trial in &level.trials {
            let point = (at, trial.values.median());
            points.entry(trial.block).or_default().push(point);
        }
    }
    for (block, points) in points {
        let Some(value) = Line::through(&points).map(|line| value(&line)) else {
            continue;
        };
        if let Some(values) = Sorted::new(vec![value]) {
            series.trials.push(TrialSamples {
                block,
                values,
                first: value,
                in_order: vec![value],
            });
        }
    }
    series.note = note(levels, &series);
    if series.trials.is_empty() {
        series.tally.ok = 0;
    }
    series
}

/// A note about the fit.
fn note(levels: &[&Series], fitted: &Series) -> Option<String> {
    if fitted.trials.is_empty() {
        return Some("fewer than two levels were reached, so no line can be fitted".to_owned());
    }
    let points: Vec<(f64, f64)> = levels
        .iter()
        .filter_map(|level| Some((level.key.at? as f64, level.median()?)))
        .collect();
    let (at, miss) = Line::through(&points)?.worst(&points)?;
    (miss.abs() > CROOKED).then(|| {
        format!(
            "not a straight line: with {at} alive it is off by {:.0} %",
            100.0 * miss.abs()
        )
    })
}
