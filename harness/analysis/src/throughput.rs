//! How fast the guest's own code runs compared with native code: workload by workload, and as a
//! geometric mean over the workloads that every compared target completed.

use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, Metric, Proposal, Recorded, Run, TargetId, WorkloadId};
use serde::{Deserialize, Serialize};

use crate::reference::{Ratio, pairs, quotient, ratio};
use crate::series::{Series, SeriesKey};
use crate::statistics::bootstrap::geometric_mean_interval;
use crate::statistics::{Interval, WarmUp, generator};

/// The metrics that are compared with native code, in the order of tables.
pub const METRICS: [Metric; 4] = [
    Metric::WallTime,
    Metric::CpuTime,
    Metric::CycleTime,
    Metric::Instructions,
];

/// What a run says of throughput.
#[derive(Debug, Clone, PartialEq)]
pub struct Throughput {
    /// The native target that every other is compared with; `None` if it was not measured.
    pub reference: Option<TargetId>,
    /// Every workload that was planned for any target, in the order of the run.
    pub workloads: Vec<WorkloadId>,
    /// Those of them that every compared target completed, none of them another's program built with
    /// SIMD: what the means are over.
    pub common: Vec<WorkloadId>,
    /// Every target with planned trials, in the order of the run; the reference is one of them.
    pub standings: Vec<Standing>,
}

/// One target.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The target.
    pub target: TargetId,
    /// What kind of thing it is.
    pub kind: TargetKind,
    /// One for each workload that was planned for it.
    pub cells: Vec<Cell>,
    /// Geometric means over the common workloads, one for each metric that has one.
    pub means: Vec<Mean>,
}

/// One workload on one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The workload.
    pub workload: WorkloadId,
    /// Median wall time of a run, nanoseconds; `None` if no trial counts.
    pub median: Option<f64>,
    /// Times native, one for each metric that both have.
    pub ratios: Vec<Ratio>,
    /// Whether the runs of a process have settled.
    pub warm_up: WarmUp,
}

/// A geometric mean of ratios.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// The metric.
    pub metric: Metric,
    /// Times native.
    pub ratio: f64,
    /// Its 95 % interval, over trials; the workloads are taken as given.
    pub ci95: Option<Interval>,
    /// Common workloads that are left out of it, because some target or the reference has a median of
    /// zero there: no ratio exists.
    pub left_out: u32,
}

impl Throughput {
    /// The workloads that a mean of `metric` is over: those of [`Throughput::common`] on which every
    /// target with any ratio has one. A ratio to or of a median of zero does not exist.
    pub fn counted(&self, metric: Metric) -> Vec<WorkloadId> {
        let has = |cell: &Cell| cell.ratio(metric).is_some();
        let compared: Vec<&Standing> = self
            .standings
            .iter()
            .filter(|standing| standing.cells.iter().any(has))
            .collect();
        let mut counted = self.common.clone();
        counted.retain(|w| compared.iter().all(|one| one.cell(w).is_some_and(has)));
        counted
    }

    /// Those of [`METRICS`] by which anything could be compared with native code: instructions are
    /// counted on some machines only.
    pub fn metrics(&self) -> Vec<Metric> {
        let cells = || self.standings.iter().flat_map(|standing| &standing.cells);
        let held = |metric| cells().any(|cell| cell.ratio(metric).is_some());
        METRICS
            .into_iter()
            .filter(|_| self.reference.is_some())
            .filter(|&metric| metric != Metric::Instructions || held(metric))
            .collect()
    }
}

impl Throughput {
    /// What is left out because no ratio exists, a sentence each: single ratios, and workloads of the
    /// geometric means.
    pub fn left_out(&self) -> Vec<String> {
        let Some(reference) = &self.reference else {
            return Vec::new();
        };
        let median = |standing: &Standing, workload| standing.cell(workload)?.median;
        let base = |workload| {
            let mut standings = self.standings.iter();
            let found = standings.find(|standing| standing.target == *reference)?;
            median(found, workload)
        };
        let mut sentences = Vec::new();
        for workload in &self.workloads {
            let without: Vec<&str> = self
                .standings
                .iter()
                .filter(|standing| standing.target != *reference && base(workload).is_some())
                .filter(|standing| median(standing, workload).is_some())
                .filter(|standing| {
                    let cell = standing.cell(workload);
                    cell.is_none_or(|cell| cell.ratio(Metric::WallTime).is_none())
                })
                .map(|standing| standing.target.as_str())
                .collect();
            if !without.is_empty() {
                sentences.push(format!(
                    "No ratio exists for {workload} on {}: a median there or of {reference} is zero.",
                    without.join(", ")
                ));
            }
        }
        for metric in METRICS {
            let mut means = self.standings.iter().filter_map(|one| one.mean(metric));
            if let Some(mean) = means.find(|mean| mean.left_out > 0) {
                sentences.push(format!(
                    "{} of {} common workloads are left out of the geometric means of {metric}: no \
                     ratio exists where a median is zero.",
                    mean.left_out,
                    self.common.len()
                ));
            }
        }
        sentences
    }
}

impl Standing {
    /// The cell of a workload.
    pub fn cell(&self, workload: &WorkloadId) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.workload == *workload)
    }

    /// The mean of a metric.
    pub fn mean(&self, metric: Metric) -> Option<&Mean> {
        self.means.iter().find(|mean| mean.metric == metric)
    }
}

impl Cell {
    /// Times native by a metric.
    pub fn ratio(&self, metric: Metric) -> Option<&Ratio> {
        self.ratios.iter().find(|ratio| ratio.of.metric == metric)
    }
}

/// Whether it is another workload's program built with SIMD: native code is the same for both, and a
/// mean that had both would count it twice.
fn is_variant(run: &Run, workload: &WorkloadId, workloads: &[WorkloadId]) -> bool {
    let record = |id: &WorkloadId| run.workloads.iter().find(|w| w.workload == *id);
    let Some(own) = record(workload).filter(|own| own.uses.contains(&Proposal::Simd)) else {
        return false;
    };
    workloads.iter().filter_map(record).any(|other| {
        !other.uses.contains(&Proposal::Simd)
            && (&other.expected_sha256, &other.language) == (&own.expected_sha256, &own.language)
    })
}

/// What `recorded`, sorted into `series`, says of throughput; `None` if nothing was planned.
pub fn throughput(recorded: &Recorded, series: &[Series]) -> Option<Throughput> {
    let walls: Vec<&Series> = series
        .iter()
        .filter(|s| s.key.boundary == Boundary::Run && s.key.metric == Metric::WallTime)
        .collect();
    if walls.is_empty() {
        return None;
    }
    let run = &recorded.run;
    let workloads: Vec<WorkloadId> = run
        .workloads
        .iter()
        .map(|w| w.workload.clone())
        .filter(|id| walls.iter().any(|s| s.key.workload == *id))
        .collect();
    let targets: Vec<(&TargetId, TargetKind)> = run
        .targets
        .iter()
        .map(|t| (&t.target, t.kind))
        .filter(|(id, _)| walls.iter().any(|s| s.key.target == **id))
        .collect();
    let completed = |target: &TargetId, workload: &WorkloadId| {
        let mut walls = walls.iter();
        walls.any(|s| s.key.target == *target && s.key.workload == *workload && s.tally.ok > 0)
    };
    let took_part = |target: &TargetId| workloads.iter().any(|w| completed(target, w));
    let reference = targets
        .iter()
        .find(|(id, kind)| *kind == TargetKind::Native && took_part(id))
        .map(|(id, _)| (*id).clone());
    let common: Vec<WorkloadId> = workloads
        .iter()
        .filter(|w| {
            targets
                .iter()
                .all(|(t, _)| !took_part(t) || completed(t, w))
        })
        .filter(|w| !is_variant(run, w, &workloads))
        .cloned()
        .collect();
    let standings = targets
        .iter()
        .map(|(target, kind)| {
            let own = walls.iter().filter(|s| s.key.target == **target);
            Standing {
                target: (*target).clone(),
                kind: *kind,
                cells: own
                    .map(|wall| cell(wall, reference.as_ref(), series, run.seed))
                    .collect(),
                means: Vec::new(),
            }
        })
        .collect();
    let mut throughput = Throughput {
        reference,
        workloads,
        common,
        standings,
    };
    // Which workloads a mean is over depends on the cells of every target.
    let means: Vec<Vec<Mean>> = throughput
        .standings
        .iter()
        .map(|standing| means(&throughput, standing, series, run.seed))
        .collect();
    for (standing, means) in throughput.standings.iter_mut().zip(means) {
        standing.means = means;
    }
    Some(throughput)
}

/// The series of a target's runs of a workload, if a trial of it counts.
fn find<'a>(
    series: &'a [Series],
    target: &TargetId,
    workload: &WorkloadId,
    metric: Metric,
) -> Option<&'a Series> {
    let key = SeriesKey {
        workload: workload.clone(),
        target: target.clone(),
        boundary: Boundary::Run,
        metric,
        at: None,
    };
    series.iter().find(|s| s.key == key && s.tally.ok > 0)
}

/// One workload on the target of `wall`, compared with `reference`.
fn cell(wall: &Series, reference: Option<&TargetId>, series: &[Series], seed: u64) -> Cell {
    let workload = &wall.key.workload;
    let compared = |metric| {
        let of = find(series, &wall.key.target, workload, metric)?;
        let to = find(series, reference?, workload, metric)?;
        ratio(of, to, seed)
    };
    Cell {
        workload: workload.clone(),
        median: wall.median(),
        ratios: METRICS
            .iter()
            .filter_map(|&metric| compared(metric))
            .collect(),
        warm_up: wall.warm_up(),
    }
}

/// The geometric means of one target, each over the workloads that count for every target.
fn means(throughput: &Throughput, standing: &Standing, series: &[Series], seed: u64) -> Vec<Mean> {
    let Some(reference) = &throughput.reference else {
        return Vec::new();
    };
    let target = &standing.target;
    METRICS
        .iter()
        .filter_map(|&metric| {
            let counted = throughput.counted(metric);
            let members: Vec<(&Series, &Series)> = counted
                .iter()
                .map(|w| {
                    let of = find(series, target, w, metric)?;
                    Some((of, find(series, reference, w, metric)?))
                })
                .collect::<Option<_>>()?;
            let purpose = format!("{target} {metric} geometric mean");
            let mean = geometric_mean(&purpose, metric, &members, seed)?;
            Some(Mean {
                left_out: (throughput.common.len() - counted.len()) as u32,
                ..mean
            })
        })
        .collect()
}

/// The geometric mean of the ratios of `members`, first over second. Members without a ratio are left
/// out and counted; `None` if none is left. `purpose` names it: what is resampled depends on nothing
/// else.
pub fn geometric_mean(
    purpose: &str,
    metric: Metric,
    members: &[(&Series, &Series)],
    seed: u64,
) -> Option<Mean> {
    let ratios: Vec<(f64, Vec<_>)> = members
        .iter()
        .filter_map(|(of, to)| Some((quotient(of.median()?, to.median()?)?, pairs(of, to))))
        .collect();
    if ratios.is_empty() {
        return None;
    }
    let logs: f64 = ratios.iter().map(|(ratio, _)| ratio.ln()).sum();
    let left_out = (members.len() - ratios.len()) as u32;
    let count = ratios.len() as f64;
    let paired: Vec<_> = ratios.into_iter().map(|(_, pairs)| pairs).collect();
    let mut rng = generator(seed, purpose);
    Some(Mean {
        metric,
        ratio: (logs / count).exp(),
        ci95: geometric_mean_interval(&paired, &mut rng),
        left_out,
    })
}
