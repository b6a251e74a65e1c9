//! The ratio of one series to another of the same run.

use crate::series::{Series, SeriesKey};
use crate::statistics::bootstrap::{Pair, paired_ratio_interval};
use crate::statistics::{Interval, Shift, generator};

/// One series compared with another.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratio {
    /// The series that is compared.
    pub of: SeriesKey,
    /// The reference.
    pub to: SeriesKey,
    /// The median of `of` over the median of `to`: above 1 is slower than the reference.
    pub ratio: f64,
    /// 95 % interval of `ratio`, resampled over the blocks of the plan that have both.
    pub ci95: Option<Interval>,
    /// p-value of "they take the same time", for correction over all ratios of a table; `None` with too few
    /// trials for a test.
    pub p_value: Option<f64>,
}

/// `of` over `to`; `None` unless both are positive and finite and so is their quotient.
pub fn quotient(of: f64, to: f64) -> Option<f64> {
    let positive = |value: f64| value > 0.0 && value.is_finite();
    let quotient = of / to;
    (positive(of) && positive(to) && positive(quotient)).then_some(quotient)
}

/// The ratio of `of` to `to`; `None` if either has no verified trial or there is no ratio.
///
/// The boundaries may differ: the caller decides whether the comparison makes sense.
pub fn ratio(of: &Series, to: &Series, seed: u64) -> Option<Ratio> {
    let ratio = quotient(of.median()?, to.median()?)?;
    let pairs = pairs(of, to);
    let purpose = format!("{} over {}", of.key.name(), to.key.name());
    Some(Ratio {
        of: of.key.clone(),
        to: to.key.clone(),
        ratio,
        ci95: paired_ratio_interval(&pairs, &mut generator(seed, &purpose)),
        p_value: Shift::between(&to.trial_medians(), &of.trial_medians())
            .map(|shift| shift.p_value(0.0)),
    })
}

/// The trials of two series in the same block of the plan.
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
