//! Two short rankings of engines by their fastest configurations.

use plimsoll_analysis::Row;
use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, WorkloadId};

use crate::facts::{Against, Facts, median};

/// One row of a ranking.
#[derive(Debug)]
pub(crate) struct Standing<'f> {
    pub(crate) row: &'f Row,
    pub(crate) kind: TargetKind,
    /// Ratio to the ranking's reference; `None` for the reference itself.
    pub(crate) against: Option<Against>,
}

/// Engines by the median of their fastest configuration, fastest first.
#[derive(Debug)]
pub(crate) struct Ranking<'f> {
    pub(crate) standings: Vec<Standing<'f>>,
    /// Reference of the ratios.
    pub(crate) reference: Option<&'f Row>,
}

/// The boundary of a start on a running platform. All end at the first output.
fn running_boundary(kind: TargetKind) -> Boundary {
    match kind {
        TargetKind::Wasm => Boundary::FirstOutputArtefact,
        // For a container, the running platform is the engine's daemon; a process needs none.
        TargetKind::Container | TargetKind::Native => Boundary::L3,
    }
}

/// Starts on a running platform: an artefact in a running host, a process, or a container of a running daemon, each to
/// its first byte of output.
pub(crate) fn running<'f>(facts: &'f Facts<'_>, workload: &WorkloadId) -> Ranking<'f> {
    let mut ranking = rank(facts, workload, running_boundary);
    // A container without a daemon starts from nothing: its L3 is not comparable with that of a daemon's container.
    ranking
        .standings
        .retain(|s| !facts.is_without_daemon(&s.row.target));
    let quickest = ranking.standings.first().map(|s| s.row);
    ranking.hold(facts, quickest);
    ranking
}

/// Starts from nothing: a process or a container, to its first byte of output.
pub(crate) fn from_nothing<'f>(facts: &'f Facts<'_>, workload: &WorkloadId) -> Ranking<'f> {
    let mut ranking = rank(facts, workload, |_| Boundary::L3);
    if ranking.standings.is_empty() {
        // Without output there is no first byte, so use the observed exit instead.
        ranking = rank(facts, workload, |_| Boundary::L4);
    }
    let native = ranking.best(TargetKind::Native);
    ranking.hold(facts, native);
    ranking
}

pub(crate) fn rank<'f>(
    facts: &'f Facts<'_>,
    workload: &WorkloadId,
    boundary: impl Fn(TargetKind) -> Boundary,
) -> Ranking<'f> {
    let mut standings: Vec<Standing<'f>> = facts
        .targets()
        .iter()
        .filter_map(|target| {
            let row = facts.wall(workload, &target.target, boundary(target.kind))?;
            row.median?;
            Some(Standing {
                row,
                kind: target.kind,
                against: None,
            })
        })
        .collect();
    standings.sort_by(|a, b| median(a.row).total_cmp(&median(b.row)));
    let mut engines: Vec<&str> = Vec::new();
    standings.retain(|standing| {
        let engine = standing.row.target.engine();
        let first = !engines.contains(&engine);
        engines.push(engine);
        first
    });
    Ranking {
        standings,
        reference: None,
    }
}

impl<'f> Ranking<'f> {
    fn hold(&mut self, facts: &Facts<'_>, reference: Option<&'f Row>) {
        let Some(reference) = reference else {
            return;
        };
        self.reference = Some(reference);
        for standing in &mut self.standings {
            if standing.row.target != reference.target {
                standing.against = facts.ratio(standing.row, reference);
            }
        }
    }

    pub(crate) fn best(&self, kind: TargetKind) -> Option<&'f Row> {
        let mut standings = self.standings.iter();
        standings.find(|s| s.kind == kind).map(|s| s.row)
    }
}
