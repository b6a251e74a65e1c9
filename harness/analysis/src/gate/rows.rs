//! The rows of one measurement.

use std::collections::BTreeMap;

use plimsoll_record::{Boundary, Metric, Outcome, Recorded, Step, TargetId, Unit, WorkloadId};

use super::pinned;
use super::report::{Kind, Reading, Settings};
use crate::series::{Series, SeriesKey, series};
use crate::statistics::{Generator, Interval, Paired, generator};

/// Three runs of one plan, measured together.
#[derive(Debug, Clone, Copy)]
pub struct Measurement<'a> {
    /// What head is held against.
    pub base: &'a Recorded,
    /// The same once more.
    pub again: &'a Recorded,
    /// What is looked at.
    pub head: &'a Recorded,
}

/// How a series is judged; `None` for what is shown and not judged.
pub fn kind(key: &SeriesKey) -> Option<Kind> {
    match (key.boundary, key.metric) {
        (Boundary::OnDisk, Metric::ArtefactCompressedBytes | Metric::TransferCompressedBytes) => {
            None
        }
        (Boundary::OnDisk, _) | (_, Metric::PeakRss) => Some(Kind::Deterministic),
        // Nothing, in a run that went well: there is no ratio to nothing.
        (_, Metric::Errors | Metric::Timeouts) => None,
        // The kernel's own accounting comes in batches of pages, one for each processor.
        (_, Metric::CgroupPeak) => None,
        (boundary, _) if boundary.slope().is_some() => None,
        _ => Some(Kind::Timed),
    }
}

/// One row of a measurement, before anything is decided.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: SeriesKey,
    pub(super) kind: Kind,
    pub(super) base: Option<f64>,
    pub(super) head: Option<f64>,
    /// Why head has none, if it has none.
    pub(super) lost: Option<String>,
    pub(super) reading: Option<Reading>,
    /// Base against base, where chance enters.
    pub(super) unchanged: Option<Paired>,
    /// Head against base, where chance enters.
    pub(super) changed: Option<Paired>,
}

/// The rows of `measurement`, in the order of tables.
pub(super) fn rows(measurement: Measurement<'_>, settings: &Settings, seed: u64) -> Vec<Row> {
    let [base, again, head] = [measurement.base, measurement.again, measurement.head].map(series);
    let find = |all: &[Series], key: &SeriesKey| all.iter().position(|s| s.key == *key);
    let mut keys: Vec<&SeriesKey> = base.iter().map(|s| &s.key).collect();
    keys.extend(
        head.iter()
            .map(|s| &s.key)
            .filter(|key| find(&base, key).is_none()),
    );
    keys.into_iter()
        .filter_map(|key| {
            let kind = kind(key)?;
            let of = |all: &[Series]| find(all, key).map(|at| all[at].clone());
            let (base, again, head) = (of(&base), of(&again), of(&head));
            row(key, kind, [base, again, head], settings, seed)
        })
        .collect()
}

fn row(
    key: &SeriesKey,
    kind: Kind,
    [base, again, head]: [Option<Series>; 3],
    settings: &Settings,
    seed: u64,
) -> Option<Row> {
    let median = |series: &Option<Series>| series.as_ref().and_then(Series::median);
    let (low, high) = (median(&base), median(&head));
    let lost = match (low, high) {
        (Some(_), None) => Some(why_lost(head.as_ref())),
        (None, None) => return None,
        _ => None,
    };
    let mut found = Row {
        key: key.clone(),
        kind,
        base: low,
        head: high,
        lost,
        reading: None,
        unchanged: None,
        changed: None,
    };
    if let (Some(base), Some(again), Some(head)) = (&base, &again, &head) {
        match kind {
            Kind::Deterministic => {
                let mut known = base.trial_medians();
                known.extend(again.trial_medians());
                found.reading = counted(key, &known, &head.trial_medians(), settings.growth);
            }
            Kind::Timed => {
                found.unchanged = paired(key, &[base], again);
                found.changed = paired(key, &[base, again], head);
                let mut rng = generator(seed, &key.name());
                found.reading = match (&found.unchanged, &found.changed) {
                    (Some(unchanged), Some(changed)) => {
                        Some(timed(unchanged, changed, settings.threshold, &mut rng))
                    }
                    _ => None,
                };
            }
        }
    }
    Some(found)
}

/// Ratios of head to every base of the same block, turned round where more is better.
fn paired(key: &SeriesKey, bases: &[&Series], head: &Series) -> Option<Paired> {
    let of = |series: &Series, block: u32| {
        let mut trials = series.trials.iter();
        let trial = trials.find(|trial| trial.block == block)?;
        Some(trial.values.median())
    };
    let ratio = |base: f64, head: f64| match key.metric.unit() {
        Unit::PerSecond => base / head,
        _ => head / base,
    };
    let blocks: Vec<Vec<f64>> = head
        .trials
        .iter()
        .filter_map(|trial| {
            let head = trial.values.median();
            let ratios = bases
                .iter()
                .map(|base| Some(ratio(of(base, trial.block)?, head)));
            ratios.collect()
        })
        .collect();
    Paired::new(&blocks)
}

fn timed(unchanged: &Paired, changed: &Paired, threshold: f64, rng: &mut Generator) -> Reading {
    let idle = unchanged.interval(rng);
    let noise = idle.high.max(1.0 / idle.low) - 1.0;
    let floor = threshold.max(noise);
    Reading {
        blocks: changed.blocks(),
        ratio: changed.ratio(),
        ci95: changed.interval(rng),
        noise,
        floor,
        p_value: Some(changed.p_value(floor.ln_1p(), rng)),
    }
}

/// Ranges instead of intervals: the best of head against the worst of base.
pub(super) fn counted(key: &SeriesKey, base: &[f64], head: &[f64], growth: f64) -> Option<Reading> {
    let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (base_low, base_high) = (least(base), most(base));
    let (head_low, head_high) = (least(head), most(head));
    if base_low <= 0.0 || head_low <= 0.0 || !base_high.is_finite() || !head_high.is_finite() {
        return None;
    }
    let (low, high) = (head_low / base_high, head_high / base_low);
    let middle = |values: &[f64]| crate::statistics::median(values);
    let ratio = middle(head)? / middle(base)?;
    let (ratio, low, high) = match key.metric.unit() {
        Unit::PerSecond => (1.0 / ratio, 1.0 / high, 1.0 / low),
        _ => (ratio, low, high),
    };
    Some(Reading {
        blocks: head.len(),
        ratio,
        ci95: Interval { low, high },
        noise: base_high / base_low - 1.0,
        floor: growth,
        p_value: None,
    })
}

fn why_lost(head: Option<&Series>) -> String {
    let reasons = head.map(|series| crate::lost_trials(&series.tally));
    match reasons {
        Some(reasons) if !reasons.is_empty() => reasons.join("; "),
        _ => "head has no such row".to_owned(),
    }
}

/// The (target, workload, step)s that have to be measured a second time: those that gave a timed
/// row that the first measurement calls worse.
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
    let mut gave: BTreeMap<(TargetId, WorkloadId, Step), ()> = BTreeMap::new();
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
            let cell = (plan.target.clone(), plan.workload.clone(), plan.step);
            gave.insert(cell, ());
        }
    }
    gave.into_keys().collect()
}
