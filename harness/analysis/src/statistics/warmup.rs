//! Whether the iterations of a process have settled: looked at, never assumed.
//!
//! Trials start alike, so what belongs to the start shows at the same place in each: iteration by
//! iteration the median over trials is taken, which a spike in one trial does not move, and held
//! against the level that each trial comes to in its second half. Whether a trial has come to a
//! level at all is decided by that second half alone: its two quarters must agree. The scatter is
//! estimated from differences of neighbours, which a change of level does not inflate.

use serde::{Deserialize, Serialize};

use super::order::median;

/// Fewest iterations of a trial from which anything is said: below it a quarter is one iteration.
pub const WARMUP_ITERATIONS: usize = 8;

/// Fewest trials from which anything is said: the median of two is moved by either.
pub const WARMUP_TRIALS: usize = 3;

/// Differences below this, on a logarithmic scale, are no warm-up to anybody.
const NEGLIGIBLE: f64 = 0.02;

/// Standard errors beyond which an iteration is out of level: one false start in a thousand
/// looks of a normal variable, and there are some ten looks a series.
const BEYOND: f64 = 3.5;

/// Turns a median of absolute values of a normal variable into its standard deviation.
const MAD_TO_SIGMA: f64 = 1.4826;

/// Standard error of a median over that of a mean, for normal data: the root of pi over 2.
const MEDIAN_OVER_MEAN: f64 = 1.2533;

/// What a series of iterations does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum WarmUp {
    /// The first iteration is like the last.
    Steady,
    /// The first iterations take longer than what it comes to.
    SlowStart {
        /// How many of them.
        iterations: u32,
        /// By how much the first one is slower, as a share of 1.
        first: f64,
    },
    /// It comes to no level, or to a slower one than it had.
    NoSteadyState,
    /// There are too few trials or iterations to say.
    TooShort,
}

impl WarmUp {
    /// The verdict in a few words.
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

/// Judges trials by their iterations' times in the order in which they were taken.
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
    // Of a median over trials, of deviations from levels that are medians themselves.
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

/// Standard deviation of one iteration about its trial's level at the time.
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
