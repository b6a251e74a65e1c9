//! Groups a run's samples by subject: one [`Series`] per workload, target, boundary, metric and level, trial
//! by trial, with counts of the trials without a value and the reasons.

mod fitted;

use std::collections::BTreeMap;

use plimsoll_record::reader::Trial;
use plimsoll_record::run::{TargetKind, TrialPlan};
use plimsoll_record::{Boundary, Metric, Outcome, Recorded, Step, TargetId, WorkloadId};
use serde::{Deserialize, Serialize};

use crate::load::{self, Derivation};
use crate::statistics::{Sorted, WarmUp, warm_up};

/// The identity of a series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeriesKey {
    /// The program.
    pub workload: WorkloadId,
    /// What was measured.
    pub target: TargetId,
    /// Where the clock started and stopped.
    pub boundary: Boundary,
    /// What was measured there.
    pub metric: Metric,
    /// The level it was measured at; `None` for series without levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
}

impl SeriesKey {
    /// Boundary, metric and level.
    fn place(&self) -> (Boundary, Metric, Option<u64>) {
        (self.boundary, self.metric, self.at)
    }

    /// The rate of the damaged histogram that this series would come from, if there is one.
    fn damaged_at(&self, derived: &Derivation) -> Option<u64> {
        let mut percentiles = Metric::PERCENTILES.iter();
        let at = self.at?;
        let is_damaged = derived.damaged.contains(&(self.boundary, at));
        (is_damaged && percentiles.any(|(metric, _)| *metric == self.metric)).then_some(at)
    }

    /// The key as a string, the same in every run.
    pub fn name(&self) -> String {
        let name = format!(
            "{} {} {} {}",
            self.workload, self.target, self.boundary, self.metric
        );
        match self.at {
            Some(at) => format!("{name} at {at}"),
            None => name,
        }
    }
}

/// Every counting trial of one key, and the outcomes of the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What it is of.
    pub key: SeriesKey,
    /// The trials that count, in the order of the plan.
    pub trials: Vec<TrialSamples>,
    /// Outcomes of every planned trial.
    pub tally: Tally,
    /// A note on how the values were obtained.
    pub note: Option<String>,
}

/// The samples of one verified trial, one value per iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialSamples {
    /// The trial's block in the plan.
    pub block: u32,
    /// The values, ascending, in the unit of the metric.
    pub values: Sorted,
    /// The value of the first iteration.
    pub first: f64,
    /// The values in order of measurement.
    pub in_order: Vec<f64>,
}

/// Outcomes of the planned trials of a series, with the first reason for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Number of planned trials.
    pub planned: u32,
    /// Measured and verified.
    pub ok: u32,
    /// Refused by the target as unsupported.
    pub unsupported: Reasons,
    /// Crashed, hung, violated the protocol or reported an error.
    pub failed: Reasons,
    /// The guest's output was wrong.
    pub wrong_output: Reasons,
    /// Recorded in a unit other than the metric's; their values do not count.
    pub other_unit: Reasons,
    /// Recorded, but damaged; their values do not count.
    pub damaged: Reasons,
    /// Without an outcome: the run ended before or during them.
    pub not_reached: u32,
    /// Notes on trials that count.
    pub noted: Reasons,
}

/// The number of trials with one outcome, and the reason of the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reasons {
    /// Number of trials.
    pub count: u32,
    /// The first reason, as reported.
    pub first: Option<String>,
}

impl Reasons {
    fn add(&mut self, reason: &str) {
        self.count += 1;
        self.first.get_or_insert_with(|| reason.to_owned());
    }
}

impl Series {
    /// The median of each trial, in the order of the plan.
    pub fn trial_medians(&self) -> Vec<f64> {
        self.trials
            .iter()
            .map(|trial| trial.values.median())
            .collect()
    }

    /// The median over trials of the trials' medians; `None` if no trial counts.
    pub fn median(&self) -> Option<f64> {
        Sorted::new(self.trial_medians()).map(|medians| medians.median())
    }

    /// Whether the iterations of its trials have settled.
    pub fn warm_up(&self) -> WarmUp {
        let trials: Vec<&[f64]> = self.trials.iter().map(|t| t.in_order.as_slice()).collect();
        warm_up(&trials)
    }

    /// Every counting sample, ascending; `None` if no trial counts.
    pub fn pooled(&self) -> Option<Sorted> {
        Sorted::new(
            self.trials
                .iter()
                .flat_map(|trial| trial.values.values().iter().copied())
                .collect(),
        )
    }
}

/// All series of a run: workloads and targets in the run's order, then boundaries up the ladder. A step
/// without any sample still gets a series at each of its boundaries, so that no gap is silent.
pub fn series(recorded: &Recorded) -> Vec<Series> {
    let mut groups: BTreeMap<(&TargetId, &WorkloadId, Step), Vec<&TrialPlan>> = BTreeMap::new();
    for plan in &recorded.run.plan {
        groups
            .entry((&plan.target, &plan.workload, plan.step))
            .or_default()
            .push(plan);
    }
    let derived: BTreeMap<u32, Derivation> = recorded
        .trials
        .iter()
        .map(|(index, trial)| (*index, load::derived(trial)))
        .collect();
    let mut found: BTreeMap<SeriesKey, Series> = BTreeMap::new();
    for ((target, workload, step), plans) in groups {
        for (boundary, metric, at) in measured(recorded, &derived, target, step, &plans) {
            let key = SeriesKey {
                workload: workload.clone(),
                target: target.clone(),
                boundary,
                metric,
                at,
            };
            let series = found.entry(key.clone()).or_insert_with(|| Series::of(key));
            for plan in &plans {
                let more = derived.get(&plan.index);
                series.take(plan, recorded.trials.get(&plan.index).zip(more));
            }
        }
    }
    for fitted in fitted::lines(&found) {
        found.insert(fitted.key.clone(), fitted);
    }
    let mut all: Vec<Series> = found.into_values().collect();
    let workload_at = |id: &WorkloadId| {
        let mut known = recorded.run.workloads.iter();
        known.position(|w| w.workload == *id).unwrap_or(usize::MAX)
    };
    let target_at = |id: &TargetId| {
        let mut known = recorded.run.targets.iter();
        known.position(|t| t.target == *id).unwrap_or(usize::MAX)
    };
    all.sort_by_cached_key(|series| {
        let key = &series.key;
        (
            (workload_at(&key.workload), key.workload.clone()),
            (target_at(&key.target), key.target.clone()),
            (key.boundary, key.metric, key.at),
        )
    });
    all
}

impl Series {
    fn of(key: SeriesKey) -> Self {
        Series {
            key,
            trials: Vec::new(),
            tally: Tally::default(),
            note: None,
        }
    }

    fn take(&mut self, plan: &TrialPlan, trial: Option<(&Trial, &Derivation)>) {
        let tally = &mut self.tally;
        tally.planned += 1;
        let Some((trial, derived)) = trial else {
            tally.not_reached += 1;
            return;
        };
        match &trial.outcome.outcome {
            Outcome::Ok => {
                let unit = self.key.metric.unit();
                let mut samples = trial.samples.iter();
                let other = samples
                    .find(|s| (s.boundary, s.metric, s.at) == self.key.place() && s.unit != unit);
                if let Some(sample) = other {
                    let reason = format!(
                        "{} is recorded in {} instead of {unit}",
                        sample.metric, sample.unit
                    );
                    tally.other_unit.add(&reason);
                    return;
                }
                if let Some(at) = self.key.damaged_at(derived) {
                    let reason = format!("the histogram at {at} requests per second is damaged");
                    tally.damaged.add(&reason);
                    return;
                }
                let values: Vec<f64> = trial
                    .samples
                    .iter()
                    .filter(|s| (s.boundary, s.metric, s.at) == self.key.place())
                    .map(|s| s.value as f64)
                    .chain(
                        derived
                            .values
                            .iter()
                            .filter(|d| d.place == self.key.place())
                            .map(|d| d.value),
                    )
                    .collect();
                let first = values.first().copied();
                let in_order = values.clone();
                // A verified trial without a sample did not measure this: steps do not yield every metric
                // each time.
                if let (Some(first), Some(values)) = (first, Sorted::new(values)) {
                    tally.ok += 1;
                    if let Some(note) = &trial.outcome.note {
                        tally.noted.add(note);
                    }
                    self.trials.push(TrialSamples {
                        block: plan.block,
                        values,
                        first,
                        in_order,
                    });
                }
            }
            Outcome::Unsupported { reason } => tally.unsupported.add(reason),
            Outcome::Failed { message, .. } => tally.failed.add(message),
            Outcome::WrongOutput { message } => tally.wrong_output.add(message),
        }
    }
}

/// The boundaries, metrics and levels that a step measured; without a verified trial, those that it should
/// have.
fn measured(
    recorded: &Recorded,
    derived: &BTreeMap<u32, Derivation>,
    target: &TargetId,
    step: Step,
    plans: &[&TrialPlan],
) -> Vec<(Boundary, Metric, Option<u64>)> {
    let mut seen: Vec<(Boundary, Metric, Option<u64>)> = plans
        .iter()
        .filter_map(|plan| Some((plan.index, recorded.trials.get(&plan.index)?)))
        .filter(|(_, trial)| matches!(trial.outcome.outcome, Outcome::Ok))
        .flat_map(|(index, trial)| {
            let derived = derived.get(&index);
            let values = derived.into_iter().flat_map(|derived| &derived.values);
            // A damaged histogram still gets a row, which reports the damage.
            let damaged = derived.into_iter().flat_map(|derived| &derived.damaged);
            let damaged = damaged.flat_map(|&(boundary, at)| {
                [Metric::P50, Metric::P99].map(|metric| (boundary, metric, Some(at)))
            });
            let samples = trial.samples.iter().map(|s| (s.boundary, s.metric, s.at));
            samples.chain(values.map(|d| d.place)).chain(damaged)
        })
        .collect();
    if seen.is_empty() {
        let mut targets = recorded.run.targets.iter();
        let kind = targets.find(|t| t.target == *target).map(|t| t.kind);
        seen.extend(due(step, kind).map(|(boundary, metric)| (boundary, metric, None)));
    }
    seen.sort_unstable();
    seen.dedup();
    seen
}

/// The boundaries that a step should measure, from [`Step::spec`], with its main metric.
fn due(step: Step, kind: Option<TargetKind>) -> impl Iterator<Item = (Boundary, Metric)> {
    let spec = step.spec();
    let rows = match kind {
        Some(TargetKind::Container) => spec.rows.len(),
        _ => spec.rows.len() - spec.only_containers,
    };
    let rows = spec.rows[..rows].iter();
    rows.filter_map(move |&boundary| Some((boundary, spec.first_metric?)))
}
