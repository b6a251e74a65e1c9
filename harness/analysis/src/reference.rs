//! How many times as long one series takes as another of the same run.

use crate::series::{Series, SeriesKey};
use crate::statistics::bootstrap::{Pair, paired_ratio_interval};
use crate::statistics::{Interval, Shift, generator};

/// One series held against another.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratio {
    /// What is held against the reference.
    pub of: SeriesKey,
    /// What it is held against.
    pub to: SeriesKey,
    /// The median of `of` over the median of `to`: above 1 is slower than the reference.
    pub ratio: f64,
    /// 95 % interval of `ratio`, resampled over the blocks of the plan that hold both.
    pub ci95: Option<Interval>,
    /// p-value of "they take the same time", for correction over all ratios of a table; absent
    /// where there are too few trials to test.
    pub p_value: Option<f64>,
}

/// Holds `of` against `to`; `None` if either has no verified trial or the reference takes no
/// time at all.
///
/// The boundaries may differ: whether holding them against each other makes sense, and in what
/// words, is for the caller to say.
pub fn ratio(of: &Series, to: &Series, seed: u64) -> Option<Ratio> {
    let bottom = to.median()?;
    if bottom <= 0.0 {
        return None;
    }
    let pairs = pairs(of, to);
    let purpose = format!("{} over {}", of.key.name(), to.key.name());
    Some(Ratio {
        of: of.key.clone(),
        to: to.key.clone(),
        ratio: of.median()? / bottom,
        ci95: paired_ratio_interval(&pairs, &mut generator(seed, &purpose)),
        p_value: Shift::between(&to.trial_medians(), &of.trial_medians())
            .map(|shift| shift.p_value(0.0)),
    })
}

/// The trials of two series that stood in the same block of the plan.
pub fn pairs(of: &Series, to: &Series) -> Vec<Pair> {
    of.trials
        .iter()
        .filter_map(|trial| {
            let mut others = to.trials.iter();
            let other = others.find(|other| other.block == trial.block)?;
            Some(Pair {
                numerator: trial.values.median(),
                denominator: other.values.median(),
            })
        })
        .collect()
}
