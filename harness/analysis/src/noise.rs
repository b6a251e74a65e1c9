//! Estimates from two runs how much runs of the same thing differ on this machine.
//!
//! The scatter of a run's trials shows how well its median is known *in the conditions at that time*. Two
//! consecutive runs differ more: neighbours on the machine change, frequencies drift. There are two
//! estimates, and the larger counts:
//!
//! - **anchors**: native programs, the same bytes in both runs. Anything may have shifted as much as they
//!   did.
//! - **halves**: the first half of a run's blocks against the second. A difference beyond their trials'
//!   scatter is drift.

use std::collections::BTreeMap;

use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, Recorded, TargetId, WorkloadId};
use serde::{Deserialize, Serialize};

use crate::reference::quotient;
use crate::series::Series;
use crate::statistics::{Shift, Sorted, median};

/// The minimum floor, as a share of 1: on a virtual machine with neighbours, medians of a run repeat no
/// better than to about 2 %, whatever its halves show.
pub const LEAST_FLOOR: f64 = 0.02;

/// The minimum floor if the two runs share no unchanged native program, because nothing else shows how the
/// machine shifted between them.
pub const LEAST_FLOOR_WITHOUT_ANCHORS: f64 = 0.05;

/// Median of the square of a standard normal variable: turns a median of squares into a variance that is
/// robust against outliers.
const MEDIAN_OF_CHI_SQUARED: f64 = 0.4549;

/// The kind of cost at a boundary: boundaries of one kind drift alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Inside a running process (L0 to L2, `run`, `tick`).
    InProcess,
    /// A process or container from its start (L3 to L6).
    FromNothing,
    /// Memory and CPU time of live instances, level by level.
    Alive,
    /// Unchanging files, without noise.
    AtRest,
}

impl Place {
    /// The kind of a boundary.
    pub fn of(boundary: Boundary) -> Self {
        match boundary {
            Boundary::L0 | Boundary::L1 | Boundary::L2 => Place::InProcess,
            Boundary::L3 | Boundary::L4 | Boundary::L5 | Boundary::L6 => Place::FromNothing,
            Boundary::FirstOutputWarm | Boundary::FirstOutputArtefact => Place::InProcess,
            Boundary::Run | Boundary::Tick => Place::InProcess,
            Boundary::Request
            | Boundary::FreshRequest
            | Boundary::Beside
            | Boundary::BesideLimited => Place::InProcess,
            Boundary::FirstResponse => Place::FromNothing,
            Boundary::OnDisk => Place::AtRest,
            Boundary::Idle
            | Boundary::Peak
            | Boundary::Instances
            | Boundary::Instance
            | Boundary::Processes
            | Boundary::Process
            | Boundary::Daemon
            | Boundary::Base => Place::Alive,
        }
    }
}

/// How much two runs of the same thing may differ here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// Series of unchanged native programs in both runs.
    pub anchors: u32,
    /// The 90th percentile of the anchors' differences, as a share of 1; `None` without anchors.
    pub anchor_shift: Option<f64>,
    /// Drift between the halves of a run, by place: two standard deviations, as a share of 1.
    pub drift: BTreeMap<Place, f64>,
    /// The floor by place, as a share of 1: smaller differences are never reported as differences.
    pub floor: BTreeMap<Place, f64>,
}

impl Noise {
    /// The floor at a boundary, as a share of 1.
    pub fn floor_at(&self, boundary: Boundary) -> f64 {
        if Place::of(boundary) == Place::AtRest {
            return 0.0;
        }
        let floor = self.floor.get(&Place::of(boundary));
        floor.copied().unwrap_or(LEAST_FLOOR_WITHOUT_ANCHORS)
    }
}

/// A run with its series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) recorded: &'a Recorded,
    pub(crate) series: &'a [Series],
}

/// Estimates the noise between two runs.
pub(crate) fn noise_between(base: Side<'_>, candidate: Side<'_>) -> Noise {
    let shifts = anchor_shifts(base, candidate);
    let anchor_shift = Sorted::new(shifts.clone()).map(|s| s.quantile(0.9).exp_m1());
    let least = match anchor_shift {
        Some(shift) => shift.max(LEAST_FLOOR),
        None => LEAST_FLOOR_WITHOUT_ANCHORS,
    };
    let places = [Place::InProcess, Place::FromNothing, Place::Alive];
    let drift: BTreeMap<Place, f64> = places
        .into_iter()
        .filter_map(|place| {
            let runs = [base.series, candidate.series];
            let drift = runs.iter().filter_map(|run| drift_within(run, place));
            drift.max_by(f64::total_cmp).map(|drift| (place, drift))
        })
        .collect();
    let floor = places
        .into_iter()
        .map(|place| (place, drift.get(&place).copied().unwrap_or(0.0).max(least)))
        .collect();
    Noise {
        anchors: shifts.len() as u32,
        anchor_shift,
        drift,
        floor,
    }
}

/// How much each series of an unchanged native program shifted, on the logarithmic scale.
fn anchor_shifts(base: Side<'_>, candidate: Side<'_>) -> Vec<f64> {
    let is_anchor = |series: &&Series| {
        let key = &series.key;
        let same = binary(base.recorded, &key.workload);
        is_native(base.recorded, &key.target)
            && is_native(candidate.recorded, &key.target)
            && same.is_some()
            && same == binary(candidate.recorded, &key.workload)
    };
    base.series
        .iter()
        .filter(is_anchor)
        .filter_map(|series| {
            let mut others = candidate.series.iter();
            let other = others.find(|other| other.key == series.key)?;
            let ratio = quotient(other.median()?, series.median()?)?;
            Some(ratio.ln().abs())
        })
        .collect()
}

fn is_native(recorded: &Recorded, target: &TargetId) -> bool {
    let mut targets = recorded.run.targets.iter();
    targets.any(|t| t.target == *target && t.kind == TargetKind::Native)
}

fn binary<'a>(recorded: &'a Recorded, workload: &WorkloadId) -> Option<&'a str> {
    let mut workloads = recorded.run.workloads.iter();
    let workload = workloads.find(|w| w.workload == *workload)?;
    workload.native_sha256.as_deref()
}

/// Difference between the halves of a run beyond their trials' scatter: two standard deviations, as a share
/// of 1. `None` if no series has enough trials to halve.
fn drift_within(series: &[Series], place: Place) -> Option<f64> {
    let halves: Vec<Shift> = series
        .iter()
        .filter(|series| Place::of(series.key.boundary) == place)
        .filter_map(|series| {
            let medians = series.trial_medians();
            let (first, second) = medians.split_at(medians.len() / 2);
            Shift::between(first, second)
        })
        .collect();
    let seen: Vec<f64> = halves.iter().map(|h| h.log_ratio.powi(2)).collect();
    let explained: Vec<f64> = halves.iter().map(|h| h.standard_error.powi(2)).collect();
    let excess = median(&seen)? / MEDIAN_OF_CHI_SQUARED - median(&explained)?;
    Some(excess.max(0.0).sqrt().exp_m1())
}
