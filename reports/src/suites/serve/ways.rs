//! Ways of serving: a target that keeps its instance or makes one per request; and what each sustains.

use plimsoll_analysis::Row;
use plimsoll_analysis::load::is_sustained;
use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, Life, Metric, TargetId, WorkloadId};

use crate::facts::Facts;

/// A target in one way of serving.
pub(crate) struct Way<'f> {
    pub(crate) target: &'f TargetId,
    pub(crate) kind: TargetKind,
    pub(crate) boundary: Boundary,
    /// Life of what answers.
    pub(crate) life: Option<Life>,
    /// Index of the curve's style.
    pub(crate) place: usize,
}

impl Way<'_> {
    pub(crate) fn target(&self) -> &TargetId {
        self.target
    }

    /// Its name, with the life of what answers.
    pub(crate) fn name(&self) -> String {
        match self.life {
            Some(life) => format!("{}, {}", self.target, life.name()),
            None => self.target.to_string(),
        }
    }
}

/// All ways of serving a workload that were tried, in the order of the ledger.
pub(crate) fn ways<'f>(facts: &'f Facts<'_>, workload: &WorkloadId) -> Vec<Way<'f>> {
    let mut ways = Vec::new();
    for record in facts.targets() {
        for boundary in [Boundary::Request, Boundary::FreshRequest] {
            let tried = facts.rows.iter().any(|row| {
                row.workload == *workload && row.target == record.target && row.boundary == boundary
            });
            if tried {
                ways.push(Way {
                    target: &record.target,
                    kind: record.kind,
                    boundary,
                    life: record.life(boundary),
                    place: ways.len(),
                });
            }
        }
    }
    ways
}

/// The lives among ways of serving, from the most to the least isolation.
pub(crate) fn lives(ways: &[Way<'_>]) -> Vec<Life> {
    let is_there = |life: &Life| ways.iter().any(|way| way.life == Some(*life));
    Life::ALL.into_iter().filter(is_there).collect()
}

/// The row of a way of serving at a rate.
pub(crate) fn row<'f>(
    facts: &'f Facts<'_>,
    workload: &WorkloadId,
    way: &Way<'_>,
    metric: Metric,
    at: Option<u64>,
) -> Option<&'f Row> {
    facts.row(workload, way.target, (way.boundary, metric), at)
}

/// The planned rates.
pub(crate) fn rates(facts: &Facts<'_>) -> Vec<u64> {
    let load = facts.recorded.run.load.as_ref();
    load.map(|load| load.rates.clone()).unwrap_or_default()
}

/// Whether the median trial answered nearly all requests at this rate.
pub(crate) fn sustains(facts: &Facts<'_>, workload: &WorkloadId, way: &Way<'_>, rate: u64) -> bool {
    row(facts, workload, way, Metric::AchievedRate, Some(rate))
        .and_then(|row| row.median)
        .is_some_and(|achieved| is_sustained(achieved, rate))
}

/// The highest rate that every way with a number sustained, or the lowest rate if there is none.
pub(crate) fn common_rate(facts: &Facts<'_>, workload: &WorkloadId) -> Option<u64> {
    let rates = rates(facts);
    let mut ways = ways(facts, workload);
    ways.retain(|way| {
        row(facts, workload, way, Metric::AchievedRate, None).is_some_and(|r| r.median.is_some())
    });
    let all_sustain = |rate: &&u64| {
        ways.iter()
            .all(|way| sustains(facts, workload, way, **rate))
    };
    let common = rates.iter().rev().find(all_sustain);
    common.or(rates.first()).copied()
}
