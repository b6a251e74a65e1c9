//! The rows of one measurement.

use plimsoll_record::{Recorded, Unit};

use super::evidence::{Doubt, doubt, why_lost};
use super::report::{Kind, Reading, Settings};
use super::verdict::kind;
use crate::series::{Series, SeriesKey, series};
use crate::statistics::{Generator, Paired, generator};

/// Three runs of one plan, measured together.
#[derive(Debug, Clone, Copy)]
pub struct Measurement<'a> {
    /// The side to compare with.
    pub base: &'a Recorded,
    /// A second run of base.
    pub again: &'a Recorded,
    /// The side to judge.
    pub head: &'a Recorded,
}

/// One row of a measurement, before any verdict.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: SeriesKey,
    pub(super) kind: Kind,
    pub(super) base: Option<f64>,
    pub(super) head: Option<f64>,
    /// A reason against a verdict.
    pub(super) doubt: Option<Doubt>,
    /// The trials' values: of both runs of base, and of head.
    pub(super) values: [Vec<f64>; 2],
    pub(super) reading: Option<Reading>,
    /// Base against base, if values vary.
    pub(super) unchanged: Option<Paired>,
    /// Head against base, if values vary.
    pub(super) changed: Option<Paired>,
}

/// The rows of `measurement`, in table order.
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
            let kind = kind(key);
            if kind == Kind::Shown {
                return None;
            }
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
    let doubt = match (low, high, &base, &head) {
        (None, None, _, _) => return None,
        (Some(_), None, _, head) => Some(Doubt::Lost(why_lost(head.as_ref()))),
        (Some(_), Some(_), Some(base), Some(head)) => doubt(base, head),
        _ => None,
    };
    let mut found = Row {
        key: key.clone(),
        kind,
        base: low,
        head: high,
        doubt,
        values: [Vec::new(), Vec::new()],
        reading: None,
        unchanged: None,
        changed: None,
    };
    let (Some(base), Some(again), Some(head)) = (&base, &again, &head) else {
        return Some(found);
    };
    let mut known = base.trial_medians();
    known.extend(again.trial_medians());
    found.values = [known, head.trial_medians()];
    if kind == Kind::Deterministic {
        return Some(found);
    }
    found.unchanged = paired(key, &[base], again);
    found.changed = paired(key, &[base, again], head);
    let mut rng = generator(seed, &key.name());
    if let (Some(unchanged), Some(changed)) = (&found.unchanged, &found.changed) {
        found.reading = Some(timed(unchanged, changed, settings.threshold, &mut rng));
    }
    Some(found)
}

/// Ratios of head to every base of the same block, inverted if more is better.
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
