//! How much two runs of the same thing differ on this machine, estimated from the runs
//! themselves.
//!
//! The scatter of a run's trials says how well that run's median is known *under what the machine
//! was doing then*. Two runs, one after the other, differ by more: neighbours on the machine come
//! and go, frequencies drift. Two things in the runs show by how much, and the larger counts:
//!
//! - **anchors**: native programs, the same bytes in both runs. By as much as they moved, anything
//!   may have moved.
//! - **halves**: the first half of a run's blocks against its second. What they differ by beyond
//!   what the scatter of their trials explains is drift.

use std::collections::BTreeMap;

use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, Recorded, TargetId, WorkloadId};
use serde::{Deserialize, Serialize};

use crate::reference::quotient;
use crate::series::Series;
use crate::statistics::{Shift, Sorted, median};

/// The floor that is never gone below, as a share: on a virtual machine with neighbours one run's
/// medians repeat no better than to about 2 %, whatever its own halves say.
pub const LEAST_FLOOR: f64 = 0.02;

/// The least floor where the two runs share no unchanged native program: then nothing in the runs
/// can show how the machine moved between them.
pub const LEAST_FLOOR_WITHOUT_ANCHORS: f64 = 0.05;

/// Median of the square of a standard normal variable: turns a median of squares into a variance
/// that a few wild rows do not move.
const MEDIAN_OF_CHI_SQUARED: f64 = 0.4549;

/// What kind of cost a boundary is made of: boundaries of one kind drift alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Inside a process that is running (L0 to L2, `run`, `tick`).
    InProcess,
    /// A process or container from its start (L3 to L6).
    FromNothing,
    /// Memory and processor time of live instances, level by level.
    Alive,
    /// Files that nothing changes: they have no noise.
    AtRest,
}

impl Place {
    /// Where a boundary's clock runs.
    pub fn of(boundary: Boundary) -> Self {
        match boundary {
            Boundary::L0 | Boundary::L1 | Boundary::L2 => Place::InProcess,
            Boundary::L3 | Boundary::L4 | Boundary::L5 | Boundary::L6 => Place::FromNothing,
            Boundary::FirstOutputWarm | Boundary::FirstOutputArtefact => Place::InProcess,
            Boundary::Run | Boundary::Tick => Place::InProcess,
            Boundary::Request | Boundary::FreshRequest => Place::InProcess,
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

/// By how much two runs of the same thing may differ here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// Series of unchanged native programs that both runs hold.
    pub anchors: u32,
    /// The difference, as a share of 1, that nine of ten anchors stayed within; absent without
    /// anchors.
    pub anchor_shift: Option<f64>,
    /// Drift between the halves of a run, as a share of 1 and two standard deviations wide, by
    /// place.
    pub drift: BTreeMap<Place, f64>,
    /// The floor by place, as a share of 1: differences below it are never called differences.
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

/// By how much each series of an unchanged native program moved, on the logarithmic scale.
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

/// What the halves of a run differ by beyond the scatter of their trials: two standard
/// deviations, as a share of 1. `None` where no series has trials enough to be halved.
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
