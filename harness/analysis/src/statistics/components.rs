//! Components of the spread: between machines, between trials of a machine, within a trial.

use serde::{Deserialize, Serialize};

/// Standard deviations of logarithms by level: 0.05 is about 5 %. Estimated by a nested analysis of variance
/// with unweighted means, cut off at zero. Outliers count like any other value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Components {
    /// Between machines; `None` for one machine.
    pub machines: Option<f64>,
    /// Between the trials of a machine. Without several samples per trial this includes the spread within a
    /// trial. `None` if no machine has two trials.
    pub trials: Option<f64>,
    /// Within a trial, between its samples; `None` if no trial has two.
    pub within: Option<f64>,
}

impl Components {
    /// Each level's share of the variance of one sample, 0 to 1, in the order machines, trials, within.
    pub fn shares(&self) -> [Option<f64>; 3] {
        let levels = [self.machines, self.trials, self.within];
        let total: f64 = levels.iter().flatten().map(|sd| sd * sd).sum();
        levels.map(|sd| sd.filter(|_| total > 0.0).map(|sd| sd * sd / total))
    }
}

/// The components for `machines`: samples by trial by machine. `None` without a trial, or if a sample is
/// zero, negative or infinite, because it has no logarithm.
pub fn components<T: AsRef<[f64]>>(machines: &[Vec<T>]) -> Option<Components> {
    let logs: Vec<Vec<Vec<f64>>> = machines
        .iter()
        .filter(|trials| !trials.is_empty())
        .map(|trials| {
            trials
                .iter()
                .map(|trial| trial.as_ref().iter().map(|v| v.ln()).collect())
                .collect()
        })
        .collect();
    let is_finite = logs
        .iter()
        .flatten()
        .flatten()
        .all(|log: &f64| log.is_finite());
    if logs.is_empty() || !is_finite {
        return None;
    }
    let trial_means: Vec<Vec<f64>> = logs
        .iter()
        .map(|trials| trials.iter().map(|trial| mean(trial)).collect())
        .collect();
    let machine_means: Vec<f64> = trial_means.iter().map(|trials| mean(trials)).collect();
    let within = pooled(logs.iter().flatten());
    // A trial's mean also scatters because of its samples, and a machine's because of its trials.
    let per_trial: Vec<f64> = logs
        .iter()
        .flatten()
        .map(|trial| 1.0 / trial.len() as f64)
        .collect();
    let between_trials = pooled(trial_means.iter());
    let trials = between_trials.map(|all| all - within.unwrap_or(0.0) * mean(&per_trial));
    let per_machine: Vec<f64> = trial_means
        .iter()
        .map(|trials| 1.0 / trials.len() as f64)
        .collect();
    let between_machines = pooled(std::iter::once(&machine_means));
    let of_trials = between_trials.or(within).unwrap_or(0.0);
    let machines = between_machines.map(|all| all - of_trials * mean(&per_machine));
    let deviation = |variance: Option<f64>| variance.map(|variance| variance.max(0.0).sqrt());
    Some(Components {
        machines: deviation(machines),
        trials: deviation(trials),
        within: deviation(within),
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The variance within groups, over all groups; `None` if no group has two values.
fn pooled<'a>(groups: impl Iterator<Item = &'a Vec<f64>>) -> Option<f64> {
    let (mut squares, mut freedom) = (0.0, 0);
    for group in groups {
        let middle = mean(group);
        squares += group
            .iter()
            .map(|value| (value - middle).powi(2))
            .sum::<f64>();
        freedom += group.len() - 1;
    }
    (freedom > 0).then(|| squares / freedom as f64)
}
