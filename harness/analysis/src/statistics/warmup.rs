//! Determines whether the iterations of a process have settled.
//!
//! Trials start alike, so start-up effects appear at the same iterations in each. The median over trials of
//! each iteration (robust against a spike in one trial) is compared with the level of the trials' second
//! halves. A trial has a level at all only if the two quarters of its second half agree. The scatter is
//! estimated from differences of neighbours, which a change of level does not inflate.

use serde::{Deserialize, Serialize};

use super::order::median;

/// Minimum iterations of a trial for a verdict: with fewer a quarter is one iteration.
pub const WARMUP_ITERATIONS: usize = 8;

/// Minimum trials for a verdict: a single trial can shift the median of two.
pub const WARMUP_TRIALS: usize = 3;

/// Smaller differences, on a logarithmic scale, do not count as warm-up.
const NEGLIGIBLE: f64 = 0.02;

/// Standard errors beyond which an iteration is off level: a false positive in one of a thousand checks of a
/// normal variable, with about ten checks per series.
const BEYOND: f64 = 3.5;

/// Converts a median of absolute values of a normal variable to its standard deviation.
const MAD_TO_SIGMA: f64 = 1.4826;

/// Standard error of a median over that of a mean, for normal data: the root of pi over 2.
const MEDIAN_OVER_MEAN: f64 = 1.2533;

/// The shape of a series of iterations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum WarmUp {
    /// The first iteration takes as long as the last.
    Steady,
    /// The first iterations take longer than the final level.
    SlowStart {
        /// Number of slow iterations.
        iterations: u32,
        /// How much slower the first one is, as a share of 1.
        first: f64,
    },
    /// It reaches no level, or a slower one than at first.
    NoSteadyState,
    /// Too few trials or iterations for a verdict.
    TooShort,
}

impl WarmUp {
    /// A short description.
    pub fn words(&self) -> String {
        match self {
            WarmUp::Steady => "steady".to_owned(),
            WarmUp::SlowStart { iterations, first } => {
                format!("slow start ({iterations}: +{:.0} %)", first * 100.0)
            }
            WarmUp::NoSteadyState => "no steady state".to_owned(),
            WarmUp::TooShort => "too short to say".to_owned(),
        }
    }
}

/// Judges the iterations' times of several trials, in order of measurement.
pub fn warm_up(trials: &[&[f64]]) -> WarmUp {
    let length = trials.iter().map(|trial| trial.len()).min().unwrap_or(0);
    if length < WARMUP_ITERATIONS || trials.len() < WARMUP_TRIALS {
        return WarmUp::TooShort;
    }
    let logs: Vec<Vec<f64>> = trials
        .iter()
        .map(|trial| trial[..length].iter().map(|v| v.max(1.0).ln()).collect())
        .collect();
    let sigma = scatter(&logs);
    if logs
        .iter()
        .filter(|trial| still_moves(trial, sigma))
        .count()
        * 2
        > logs.len()
    {
        return WarmUp::NoSteadyState;
    }
    // Standard error of a median over trials of deviations from levels, which are themselves medians.
    let trials = logs.len() as f64;
    let level = length.div_ceil(2) as f64;
    let error = MEDIAN_OVER_MEAN * sigma * (1.0 / trials + 1.0 / (trials * level)).sqrt();
    let reach = NEGLIGIBLE.max(BEYOND * error);
    let deviation = |iteration: usize| {
        let apart: Vec<f64> = logs
            .iter()
            .map(|trial| trial[iteration] - middle(&trial[length / 2..]))
            .collect();
        middle(&apart)
    };
    let leading = |out: &dyn Fn(f64) -> bool| {
        let mut first = 0..length / 2;
        first.by_ref().take_while(|&i| out(deviation(i))).count()
    };
    let slow = leading(&|by| by > reach);
    let quick = leading(&|by| by < -reach);
    match (slow, quick) {
        (0, 0) => WarmUp::Steady,
        (0, _) => WarmUp::NoSteadyState,
        (slow, _) => WarmUp::SlowStart {
            iterations: slow as u32,
            first: deviation(0).exp_m1(),
        },
    }
}

/// Standard deviation of one iteration around its trial's current level.
fn scatter(logs: &[Vec<f64>]) -> f64 {
    let steps: Vec<f64> = logs
        .iter()
        .flat_map(|trial| trial.windows(2).map(|pair| (pair[1] - pair[0]).abs()))
        .collect();
    MAD_TO_SIGMA * middle(&steps) / 2.0_f64.sqrt()
}

/// Whether the third and the fourth quarter of a trial differ.
fn still_moves(logs: &[f64], sigma: f64) -> bool {
    let (half, quarter) = (logs.len() / 2, logs.len() * 3 / 4);
    let (third, fourth) = (&logs[half..quarter], &logs[quarter..]);
    let error =
        MEDIAN_OVER_MEAN * sigma * (1.0 / third.len() as f64 + 1.0 / fourth.len() as f64).sqrt();
    (middle(fourth) - middle(third)).abs() > NEGLIGIBLE.max(BEYOND * error)
}

/// The median of at least one value.
fn middle(values: &[f64]) -> f64 {
    median(values).unwrap_or_default()
}
