//! Selects what a gate must measure again because the first measurement found it worse.

use std::collections::BTreeSet;

use plimsoll_record::{Outcome, Recorded, Step, TargetId, WorkloadId};

use super::pinned;
use super::report::{Kind, Settings};
use super::rows::{Measurement, rows};
use crate::series::SeriesKey;

/// Every (target, workload, step) with a timed row that the first measurement found worse.
pub fn suspects(
    measurement: Measurement<'_>,
    pinned: Option<&Recorded>,
    settings: &Settings,
    seed: u64,
) -> Vec<(TargetId, WorkloadId, Step)> {
    let mut worse: Vec<SeriesKey> = rows(measurement, settings, seed)
        .into_iter()
        .filter(|row| row.kind == Kind::Timed)
        .filter(|row| row.reading.is_some_and(|reading| reading.is_worse()))
        .map(|row| row.key)
        .collect();
    if let Some(pinned) = pinned {
        worse.extend(pinned::slower(pinned, measurement.head, settings));
    }
    let run = measurement.head;
    let mut gave = BTreeSet::new();
    for plan in &run.run.plan {
        let Some(trial) = run.trials.get(&plan.index) else {
            continue;
        };
        let is_worse = |key: &SeriesKey| {
            key.target == plan.target
                && key.workload == plan.workload
                && (trial.samples.iter())
                    .any(|s| (s.boundary, s.metric) == (key.boundary, key.metric))
        };
        if matches!(trial.outcome.outcome, Outcome::Ok) && worse.iter().any(is_worse) {
            gave.insert((plan.target.clone(), plan.workload.clone(), plan.step));
        }
    }
    gave.into_iter().collect()
}
