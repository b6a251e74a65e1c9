//! Intervals over machines with several trials each.
//!
//! Trials of one machine are no independent draws from all machines, so an interval over all trials together
//! would be far too narrow. Machines are drawn with replacement, then trials within each drawn machine
//! (Davison and Hinkley, *Bootstrap Methods*, 1997, section 3.8).
//!
//! Few machines cannot be resampled: three values have only ten different samples. They get Student's
//! interval on the logarithms of the machines' medians, and two machines get none. The example
//! `across-coverage` simulates the coverage of these intervals.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::bootstrap::{
    Interval, Pair, RESAMPLES, RESAMPLING_TRIALS, percentile_interval, student_interval,
};
use super::order::median;

/// Minimum machines for an interval: with two, Student's has one degree of freedom and spans several times
/// their range.
pub const FEWEST_MACHINES: usize = 3;

/// Minimum machines for resampling: as for trials, the range of five covers their median in only 93.75 %.
pub const RESAMPLED_MACHINES: usize = RESAMPLING_TRIALS;

/// The method of an interval over machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Below [`FEWEST_MACHINES`]: only the range, no interval.
    Range,
    /// Student's on the logarithms of the machines' medians, widened to their range.
    Student,
    /// Machines resampled, then the trials of each.
    Hierarchical,
}

impl Method {
    /// The method for that number of machines.
    pub fn of(machines: usize) -> Self {
        match machines {
            0..FEWEST_MACHINES => Method::Range,
            FEWEST_MACHINES..RESAMPLED_MACHINES => Method::Student,
            _ => Method::Hierarchical,
        }
    }
}

/// The values of one trial, from which a machine's result is computed.
pub trait Draw: Copy {
    /// The result of a machine with these trials; `None` if there is none.
    fn figure(trials: &[Self]) -> Option<f64>;
}

impl Draw for f64 {
    fn figure(trials: &[Self]) -> Option<f64> {
        median(trials)
    }
}

impl Draw for Pair {
    fn figure(trials: &[Self]) -> Option<f64> {
        let side = |of: fn(&Pair) -> f64| median(&trials.iter().map(of).collect::<Vec<_>>());
        let (top, bottom) = (side(|pair| pair.numerator)?, side(|pair| pair.denominator)?);
        crate::reference::quotient(top, bottom)
    }
}

/// The 95 % interval of the median over machines, from the trials of each. `None` for fewer than
/// [`FEWEST_MACHINES`] machines, or if a machine has no result.
pub fn over_machines<T: Draw>(machines: &[Vec<T>], rng: &mut impl Rng) -> Option<Interval> {
    let figures: Vec<f64> = machines
        .iter()
        .map(|trials| T::figure(trials))
        .collect::<Option<_>>()?;
    match Method::of(machines.len()) {
        Method::Range => None,
        Method::Student => Some(student_interval(&figures)),
        Method::Hierarchical => hierarchical(machines, rng),
    }
}

/// Draws machines with replacement, then the trials of each; the ends are expanded percentiles.
pub fn hierarchical<T: Draw>(machines: &[Vec<T>], rng: &mut impl Rng) -> Option<Interval> {
    let (mut trials, mut figures) = (Vec::new(), Vec::with_capacity(machines.len()));
    let mut replicates = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        figures.clear();
        for _ in machines {
            let machine = &machines[rng.random_range(0..machines.len())];
            trials.clear();
            trials.extend(
                machine
                    .iter()
                    .map(|_| machine[rng.random_range(0..machine.len())]),
            );
            figures.push(T::figure(&trials)?);
        }
        replicates.push(median(&figures)?);
    }
    percentile_interval(replicates, machines.len())
}
