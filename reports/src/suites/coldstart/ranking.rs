//! Two short rankings: each engine by its quickest configuration.

use plimsoll_analysis::Row;
use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, WorkloadId};

use crate::facts::{Against, Facts, median};

/// One line of a ranking.
#[derive(Debug)]
pub(crate) struct Standing<'f> {
    pub(crate) row: &'f Row,
    pub(crate) kind: TargetKind,
    /// Held against the ranking's reference; absent for the reference itself.
    pub(crate) against: Option<Against>,
}

/// A ranking by median, quickest first: each engine by its quickest configuration.
#[derive(Debug)]
pub(crate) struct Ranking<'f> {
    pub(crate) standings: Vec<Standing<'f>>,
    /// What the ratios are to.
    pub(crate) reference: Option<&'f Row>,
}

/// The boundary of a start on a platform that is already running. All stop at the first output.
fn running_boundary(kind: TargetKind) -> Boundary {
    match kind {
        TargetKind::Wasm => Boundary::FirstOutputArtefact,
        // The container engine's daemon is the platform that runs; a process needs none.
        TargetKind::Container | TargetKind::Native => Boundary::L3,
    }
}

/// A platform that is already running: an artefact in a running host, a process, and a container of a
/// running daemon, each to its first byte of output.
pub(crate) fn running<'f>(facts: &'f Facts<'_>, workload: &WorkloadId) -> Ranking<'f> {
    let mut ranking = rank(facts, workload, running_boundary);
    // A container of no daemon is made from nothing: its L3 is not that of one that a daemon has made.
    ranking
        .standings
        .retain(|s| !facts.is_without_daemon(&s.row.target));
    let quickest = ranking.standings.first().map(|s| s.row);
    ranking.hold(facts, quickest);
    ranking
}

/// From nothing: a process, or a container, to its first byte of output.
pub(crate) fn from_nothing<'f>(facts: &'f Facts<'_>, workload: &WorkloadId) -> Ranking<'f> {
    let mut ranking = rank(facts, workload, |_| Boundary::L3);
    if ranking.standings.is_empty() {
        // A program that writes nothing has no first byte: its exit is observed instead.
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
