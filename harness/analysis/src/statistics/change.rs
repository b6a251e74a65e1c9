//! Where a series of medians changed its level: one value a run, over weeks.
//!
//! Binary segmentation with Pettitt's test (Applied Statistics 28, 1979): the split whose two
//! sides differ most by rank, and whether the same values in any other order would have such a
//! split (his approximation of that is useless below fifteen values, so orders are drawn). Ranks, because medians of runs have outliers and no known distribution. Each side is
//! then looked at again. A series of many rows is looked at in many places, so a split also has to
//! be larger than a least step, which is what a reader would call a change.

use rand::seq::SliceRandom;

use super::generator;
use super::order::median;

/// Level of one split.
pub const LEVEL: f64 = 0.01;

/// The least step, as a share of 1, that is called a change: what runs of the same thing differ by
/// on a virtual machine with neighbours ([`crate::noise::LEAST_FLOOR`]).
pub const LEAST_STEP: f64 = crate::noise::LEAST_FLOOR;

/// Orders that are drawn for a p-value.
const ORDERS: usize = 999;

/// Fewest runs on each side of a change.
pub const LEAST_SIDE: usize = 4;

/// A change of level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The first value of the new level.
    pub at: usize,
    /// Median before it, back to the change before.
    pub before: f64,
    /// Median from it on, up to the next change.
    pub after: f64,
    /// How likely such a split is by chance where nothing changed.
    pub p_value: f64,
}

/// The changes of level in `values`, which are in the order of time, first to last.
pub fn changes(values: &[f64]) -> Vec<Change> {
    let mut splits = Vec::new();
    split(values, 0, &mut splits);
    splits.sort_unstable_by_key(|(at, _)| *at);
    // Levels are between neighbouring changes, so they are known only now; a change whose levels
    // turn out to be the same was an artefact of an outer split.
    loop {
        let bounds: Vec<usize> = [0]
            .into_iter()
            .chain(splits.iter().map(|(at, _)| *at))
            .chain([values.len()])
            .collect();
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

fn is_step(before: f64, after: f64) -> bool {
    match before > 0.0 && after > 0.0 {
        true => (after / before).ln().abs() > LEAST_STEP.ln_1p(),
        false => before != after,
    }
}

fn split(values: &[f64], offset: usize, splits: &mut Vec<(usize, f64)>) {
    if values.len() < 2 * LEAST_SIDE {
        return;
    }
    let Some((at, p_value)) = pettitt(values) else {
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

/// The split that differs most by rank, with [`LEAST_SIDE`] values on either side, and how often
/// the same values in another order have one that differs as much.
fn pettitt(values: &[f64]) -> Option<(usize, f64)> {
    let mut ranks = ranks(values);
    let (at, most) = largest(&ranks)?;
    let mut rng = generator(values.len() as u64, "change of level");
    let as_large = (0..ORDERS)
        .filter(|_| {
            ranks.shuffle(&mut rng);
            largest(&ranks).is_some_and(|(_, by_chance)| by_chance >= most)
        })
        .count();
    // The order in which they were measured is one of them.
    Some((at, (as_large + 1) as f64 / (ORDERS + 1) as f64))
}

/// The split with the largest Pettitt statistic, and the statistic.
fn largest(ranks: &[f64]) -> Option<(usize, f64)> {
    let n = ranks.len();
    let mut sum = 0.0;
    let mut best: Option<(usize, f64)> = None;
    for at in 1..n {
        sum += ranks[at - 1];
        let statistic = (2.0 * sum - (at * (n + 1)) as f64).abs();
        let wide = at >= LEAST_SIDE && n - at >= LEAST_SIDE;
        if wide && best.is_none_or(|(_, most)| statistic > most) {
            best = Some((at, statistic));
        }
    }
    best
}

/// The rank of each value, from 1; equal values share the middle of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let below = |value: f64| values.iter().filter(|&&v| v < value).count();
    let equal = |value: f64| values.iter().filter(|&&v| v == value).count();
    let rank = |&value: &f64| below(value) as f64 + (equal(value) as f64 + 1.0) / 2.0;
    values.iter().map(rank).collect()
}
