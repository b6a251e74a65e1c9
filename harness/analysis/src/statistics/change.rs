//! Finds changes of level in a series of medians: one value per run, over weeks.
//!
//! Uses binary segmentation. The statistic of a split with at least [`LEAST_SIDE`] runs on either side is the
//! difference of the mean logarithms, scaled by the shape of its standard error, so that a split near an end
//! counts as much as one in the middle (Hinkley, Biometrika 57, 1970). Logarithms are clipped at three robust
//! standard deviations from their densest region, because medians of runs have outliers. The p-value of the
//! largest statistic is the share of random orders of the same values with one at least as large. This
//! assumes independent runs but no distribution. Each side is then searched again, and finally every change
//! is dated again between its neighbours.

use rand::seq::SliceRandom;

use super::generator;
use super::order::median;

/// Significance level of one split.
pub const LEVEL: f64 = 0.01;

/// Expected share of false changes among the series of a table that are reported as changed.
pub const FALSE_DISCOVERIES: f64 = 0.05;

/// Minimum step to report as a change, as a share of 1: the difference between runs of the same thing on a
/// virtual machine with neighbours ([`crate::noise::LEAST_FLOOR`]).
pub const LEAST_STEP: f64 = crate::noise::LEAST_FLOOR;

/// Maximum orders drawn for a p-value.
const ORDERS: usize = 19_999;

/// Drawing stops after this number of orders with a statistic as large. The p-value is then known to about a
/// fifth of itself, and is far from [`LEVEL`] (Besag and Clifford, Biometrika 78, 1991).
const ENOUGH: usize = 25;

/// Minimum runs on each side of a change.
pub const LEAST_SIDE: usize = 4;

/// Clipping distance of logarithms, in robust standard deviations.
const CLIP: f64 = 3.0;

/// Converts the length of the densest two fifths of a normal variable to its standard deviation.
const LENGTH_TO_SIGMA: f64 = 0.9535;

/// Minimum assumed scatter, on the logarithmic scale: file sizes have none.
const LEAST_SCATTER: f64 = 1e-3;

/// A change of level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// Index of the first value of the new level.
    pub at: usize,
    /// Median of the level before it.
    pub before: f64,
    /// Median of the level after it.
    pub after: f64,
    /// Probability of such a clear split without any change.
    pub p_value: f64,
}

/// The changes of level in `values`, which are in order of time.
pub fn changes(values: &[f64]) -> Vec<Change> {
    let mut splits = Vec::new();
    split(values, 0, &mut splits);
    splits.sort_unstable_by_key(|(at, _)| *at);
    let mut splits = dated(values, splits);
    // A level lies between neighbouring changes, so it is known only now. A change between equal levels was
    // an artefact of an outer split.
    loop {
        let bounds = bounds(values, &splits);
        let level = |index: usize| median(&values[bounds[index]..bounds[index + 1]]);
        let found: Vec<Change> = splits
            .iter()
            .enumerate()
            .filter_map(|(index, &(at, p_value))| {
                Some(Change {
                    at,
                    before: level(index)?,
                    after: level(index + 1)?,
                    p_value,
                })
            })
            .collect();
        match found.iter().position(|c| !is_step(c.before, c.after)) {
            Some(index) => splits.remove(index),
            None => return found,
        };
    }
}

/// The bounds of each level: its first index, and one past its last.
fn bounds(values: &[f64], splits: &[(usize, f64)]) -> Vec<usize> {
    let inner = splits.iter().map(|(at, _)| *at);
    [0].into_iter().chain(inner).chain([values.len()]).collect()
}

/// The same splits, each at its clearest place between its neighbours. An outer split is found while later
/// ones still blur both of its sides.
fn dated(values: &[f64], mut splits: Vec<(usize, f64)>) -> Vec<(usize, f64)> {
    let mut index = 0;
    while index < splits.len() {
        let bounds = bounds(values, &splits);
        let (from, to) = (bounds[index], bounds[index + 2]);
        let clearest = clearest(&values[from..to]).filter(|(_, p_value)| *p_value < LEVEL);
        match clearest {
            Some((at, p_value)) => {
                splits[index] = (from + at, p_value);
                index += 1;
            }
            // Without its neighbours' blur the split disappears.
            None => {
                splits.remove(index);
            }
        }
    }
    splits
}

fn is_step(before: f64, after: f64) -> bool {
    match before > 0.0 && after > 0.0 {
        true => (after / before).ln().abs() > LEAST_STEP.ln_1p(),
        false => before != after,
    }
}

fn split(values: &[f64], offset: usize, splits: &mut Vec<(usize, f64)>) {
    let Some((at, p_value)) = clearest(values) else {
        return;
    };
    let sides = (median(&values[..at]), median(&values[at..]));
    let (Some(before), Some(after)) = sides else {
        return;
    };
    if p_value >= LEVEL || !is_step(before, after) {
        return;
    }
    splits.push((offset + at, p_value));
    split(&values[..at], offset, splits);
    split(&values[at..], offset + at, splits);
}

/// The most likely place of a change with [`LEAST_SIDE`] values on either side, and the p-value of the
/// clearest split; `None` with too few values.
fn clearest(values: &[f64]) -> Option<(usize, f64)> {
    if values.len() < 2 * LEAST_SIDE {
        return None;
    }
    let mut scores = scores(values);
    let most = largest(&scores)?;
    let mut rng = generator(values.len() as u64, "change of level");
    let (mut drawn, mut as_large) = (0, 0);
    while drawn < ORDERS && as_large < ENOUGH {
        scores.shuffle(&mut rng);
        drawn += 1;
        // Sums in another order differ in their last digits.
        let by_chance = largest(&scores).unwrap_or(0.0);
        as_large += usize::from(by_chance >= most * (1.0 - 1e-9));
    }
    // The measured order counts as one of them.
    Some((date(values), (as_large + 1) as f64 / (drawn + 1) as f64))
}

/// The split with the least sum of absolute deviations from the medians of both sides. It keeps an outlier
/// next to a large step on its own side, which clipped logarithms cannot distinguish.
fn date(values: &[f64]) -> usize {
    let scaled: Vec<f64> = match values.iter().all(|value| *value > 0.0) {
        true => values.iter().map(|value| value.ln()).collect(),
        false => values.to_vec(),
    };
    let cost = |side: &[f64]| {
        let middle = median(side).unwrap_or_default();
        side.iter().map(|value| (value - middle).abs()).sum::<f64>()
    };
    let apart = |at: &usize| cost(&scaled[..*at]) + cost(&scaled[*at..]);
    (LEAST_SIDE..=values.len() - LEAST_SIDE)
        .min_by(|a, b| apart(a).total_cmp(&apart(b)))
        .unwrap_or(LEAST_SIDE)
}

/// The largest statistic of any split.
fn largest(scores: &[f64]) -> Option<f64> {
    let n = scores.len();
    let mean = scores.iter().sum::<f64>() / n as f64;
    let mut sum = 0.0;
    let statistics = (1..=n - LEAST_SIDE).map(|at| {
        sum += scores[at - 1] - mean;
        let sides = (at * (n - at)) as f64 / n as f64;
        (at, sum.abs() / sides.sqrt())
    });
    let wide = statistics.filter(|(at, _)| *at >= LEAST_SIDE);
    wide.map(|(_, statistic)| statistic).max_by(f64::total_cmp)
}

/// The inputs of the statistic: clipped logarithms, or ranks if a value has no logarithm.
fn scores(values: &[f64]) -> Vec<f64> {
    if values.iter().any(|value| *value <= 0.0) {
        return ranks(values);
    }
    let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    let (middle, scatter) = densest(&logs);
    let reach = CLIP * scatter.max(LEAST_SCATTER);
    let clipped = |log: &f64| (log - middle).clamp(-reach, reach);
    logs.iter().map(clipped).collect()
}

/// The middle of the shortest interval with two fifths of `logs`, and the standard deviation for its length
/// (after Rousseeuw and Leroy, Statistica Neerlandica 42, 1988). Of two levels it sees only one, while the
/// median and deviations from it include the step between them.
fn densest(logs: &[f64]) -> (f64, f64) {
    let mut sorted = logs.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let parts = sorted.windows((2 * sorted.len()).div_ceil(5).max(2));
    let ends = parts.map(|part| (part[0], part[part.len() - 1]));
    let shortest = ends.min_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)));
    let (low, high) = shortest.unwrap_or_default();
    (f64::midpoint(low, high), LENGTH_TO_SIGMA * (high - low))
}

/// The rank of each value, from 1; equal values share their mean rank.
fn ranks(values: &[f64]) -> Vec<f64> {
    let below = |value: f64| values.iter().filter(|&&v| v < value).count();
    let equal = |value: f64| values.iter().filter(|&&v| v == value).count();
    let rank = |&value: &f64| below(value) as f64 + (equal(value) as f64 + 1.0) / 2.0;
    values.iter().map(rank).collect()
}

/// Selects the series to report as changed, from the smallest p-value of each: Benjamini and Hochberg
/// (Journal of the Royal Statistical Society B 57, 1995) at [`FALSE_DISCOVERIES`]. `None` is a series without
/// a change, which still counts as one that was searched.
pub fn discoveries(p_values: &[Option<f64>]) -> Vec<bool> {
    let mut sorted: Vec<f64> = p_values.iter().flatten().copied().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let searched = p_values.len() as f64;
    let limit = sorted
        .iter()
        .enumerate()
        .filter(|(rank, p)| **p <= FALSE_DISCOVERIES * (rank + 1) as f64 / searched)
        .map(|(_, p)| *p)
        .next_back();
    let is_found = |p: &Option<f64>| p.zip(limit).is_some_and(|(p, limit)| p <= limit);
    p_values.iter().map(is_found).collect()
}
