//! Speed of the guest's own code compared with native code, by workload and as a geometric mean over the
//! workloads that every compared target completed.

use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, Metric, Proposal, Recorded, Run, TargetId, WorkloadId};
use serde::{Deserialize, Serialize};

use crate::reference::{Ratio, pairs, quotient, ratio};
use crate::series::{Series, SeriesKey};
use crate::statistics::bootstrap::geometric_mean_interval;
use crate::statistics::{Interval, WarmUp, generator};

/// The metrics that are compared with native code, in table order.
pub const METRICS: [Metric; 4] = [
    Metric::WallTime,
    Metric::CpuTime,
    Metric::CycleTime,
    Metric::Instructions,
];

/// A run's comparison with native code.
#[derive(Debug, Clone, PartialEq)]
pub struct Throughput {
    /// The native target that all others are compared with; `None` if it was not measured.
    pub reference: Option<TargetId>,
    /// Every planned workload, in the run's order.
    pub workloads: Vec<WorkloadId>,
    /// The workloads of the means: those that every compared target completed, except another workload's
    /// program built with SIMD.
    pub common: Vec<WorkloadId>,
    /// Every target with planned trials, in the run's order, including the reference.
    pub standings: Vec<Standing>,
}

/// One target's results.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The target.
    pub target: TargetId,
    /// Native process, WebAssembly engine or container.
    pub kind: TargetKind,
    /// One per workload planned for it.
    pub cells: Vec<Cell>,
    /// Geometric means over the common workloads, one per metric that has one.
    pub means: Vec<Mean>,
}

/// One workload on one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The workload.
    pub workload: WorkloadId,
    /// Median wall time of a run, nanoseconds; `None` if no trial counts.
    pub median: Option<f64>,
    /// Ratios to native, one per metric that both have.
    pub ratios: Vec<Ratio>,
    /// Whether the iterations of a process have settled.
    pub warm_up: WarmUp,
}

/// A geometric mean of ratios.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// The metric.
    pub metric: Metric,
    /// The mean ratio to native.
    pub ratio: f64,
    /// Its 95 % interval over trials; the workloads are taken as fixed.
    pub ci95: Option<Interval>,
    /// Common workloads missing from it, because a median of zero has no ratio.
    pub left_out: u32,
}

impl Throughput {
    /// The workloads in a mean of `metric`: those of [`Throughput::common`] on which every target with any
    /// ratio has one.
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

    /// The [`METRICS`] with any comparison to native code. Only some machines count instructions.
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
    /// What is missing because there is no ratio, one sentence each: single ratios, and workloads of the
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
    /// The cell of a workload; `None` if it was not planned.
    pub fn cell(&self, workload: &WorkloadId) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.workload == *workload)
    }

    /// The mean of a metric; `None` if it has none.
    pub fn mean(&self, metric: Metric) -> Option<&Mean> {
        self.means.iter().find(|mean| mean.metric == metric)
    }
}

impl Cell {
    /// The ratio to native by a metric; `None` if it has none.
    pub fn ratio(&self, metric: Metric) -> Option<&Ratio> {
        self.ratios.iter().find(|ratio| ratio.of.metric == metric)
    }
}

/// Whether it is another workload's program built with SIMD. Native code is the same for both, so a mean with
/// both would count it twice.
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

/// Computes the throughput of `recorded`; `None` if none was planned. `series` are all its series.
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
    // The workloads of a mean depend on the cells of every target.
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

/// The series of a target's runs of a workload; `None` if no trial counts.
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

/// The workload of `wall` on its target, compared with `reference`.
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

/// The geometric mean of the ratios of `members`, first over second. Members without a ratio are omitted and
/// counted; `None` if none is left. `purpose` names it, and its resampling depends on nothing else.
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
