//! Judges claims, and lists every figure that a verdict is based on.

use plimsoll_analysis::series::Series;
use plimsoll_analysis::statistics::Interval;
use plimsoll_analysis::throughput::geometric_mean;
use plimsoll_analysis::{Analysed, Row, Status};
use plimsoll_record::glob::matches;
use plimsoll_record::run::{TargetKind, TargetRecord};
use plimsoll_record::{Boundary, Run, TargetId, WorkloadId};

use super::{Claim, Claims, Mean, Range, Reading, Side, Source, Standing, Verdict};

/// One figure that is compared with a claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Id of the run.
    pub run: String,
    /// What is compared: the reading's `view`.
    pub view: String,
    /// The workload, or those of a mean.
    pub workloads: Vec<WorkloadId>,
    /// The measured target.
    pub target: TargetId,
    /// The measured boundary.
    pub boundary: Boundary,
    /// Denominator of a ratio.
    pub over: Option<(TargetId, Boundary)>,
    /// The target that the claim is about: in a ratio, Wasm before anything else and a container before native code;
    /// otherwise `target`.
    pub judged: TargetId,
    /// The value in the claim's unit.
    pub value: f64,
    /// 95 % interval in the claim's unit.
    pub ci95: Option<Interval>,
    /// Position relative to the claimed range.
    pub standing: Standing,
    /// Number of identical figures in the run that are not listed.
    pub alike: u32,
}

/// A claim with its verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement<'c> {
    /// The judged claim.
    pub claim: &'c Claim,
    /// Where it was published.
    pub source: &'c Source,
    /// The conclusion.
    pub verdict: Verdict,
    /// The figures that it is based on, in the order of the claim's readings.
    pub findings: Vec<Finding>,
}

/// Judges every claim by all measurements in `runs`.
pub fn judge<'c>(claims: &'c Claims, runs: &[Analysed<'_>]) -> Vec<Judgement<'c>> {
    judge_some(claims, &runs.iter().collect::<Vec<_>>())
}

/// Like [`judge`], for borrowed runs.
pub(crate) fn judge_some<'c>(claims: &'c Claims, runs: &[&Analysed<'_>]) -> Vec<Judgement<'c>> {
    claims
        .iter()
        .map(|(claim, source)| {
            let findings = findings(claim, runs);
            Judgement {
                claim,
                source,
                verdict: Verdict::of(findings.iter().map(|f| f.standing)),
                findings,
            }
        })
        .collect()
}

fn findings(claim: &Claim, runs: &[&Analysed<'_>]) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for reading in &claim.measured {
        for evidence in runs
            .iter()
            .filter(|run| run.recorded.run.suite == reading.suite)
        {
            let figures = match (&reading.over, reading.mean) {
                _ if !reading.share_of.is_empty() => shares(reading, evidence),
                (None, _) => values(&reading.of, evidence),
                (Some(over), None) => ratios(&reading.of, over, evidence),
                (Some(over), Some(Mean::Geometric)) => means(&reading.of, over, evidence),
            };
            let from = found.len();
            for figure in figures {
                // A file measured for several targets counts as one figure.
                let twin = found[from..].iter_mut().find(|other| {
                    figure.boundary == Boundary::OnDisk
                        && other.workloads == figure.workloads
                        && other.value == in_unit(claim, figure.value)
                });
                match twin {
                    Some(twin) => twin.alike += 1,
                    None => found.push(finding(claim, reading, &evidence.recorded.run, figure)),
                }
            }
        }
    }
    found
}

/// A value in the unit of rows, or a plain ratio.
struct Figure {
    workloads: Vec<WorkloadId>,
    target: TargetId,
    boundary: Boundary,
    over: Option<(TargetId, Boundary)>,
    value: f64,
    ci95: Option<Interval>,
}

fn in_unit(claim: &Claim, value: f64) -> f64 {
    value / claim.unit.map_or(1.0, super::ClaimUnit::scale)
}

fn finding(claim: &Claim, reading: &Reading, run: &Run, figure: Figure) -> Finding {
    let range = Range {
        low: claim.low,
        high: claim.high,
    };
    let ci95 = figure.ci95.map(|ci| Interval {
        low: in_unit(claim, ci.low),
        high: in_unit(claim, ci.high),
    });
    let judged = match &figure.over {
        Some((over, _)) if rank(run, over) > rank(run, &figure.target) => over.clone(),
        _ => figure.target.clone(),
    };
    Finding {
        run: run.id.clone(),
        judged,
        view: reading.view.clone(),
        workloads: figure.workloads,
        target: figure.target,
        boundary: figure.boundary,
        over: figure.over,
        value: in_unit(claim, figure.value),
        ci95,
        standing: range.standing(ci95),
        alike: 0,
    }
}

/// In a ratio, the side with the higher rank is judged.
fn rank(run: &Run, target: &TargetId) -> u8 {
    let record = run.targets.iter().find(|record| record.target == *target);
    match record.map(|record| record.kind) {
        Some(TargetKind::Wasm) => 2,
        Some(TargetKind::Container) => 1,
        Some(TargetKind::Native) | None => 0,
    }
}

fn takes(side: &Side, run: &Run, target: &TargetId, workload: &WorkloadId) -> bool {
    let kind = |wanted: TargetKind| {
        let mut targets = run.targets.iter();
        let excluded = |glob: &String| matches(glob, target.as_str());
        let runs = |record: &TargetRecord| side.family.is_none() || side.family == record.family;
        targets.any(|record| record.target == *target && record.kind == wanted && runs(record))
            && !side.not_by_kind.iter().any(excluded)
    };
    side.kind.is_none_or(kind)
        && side
            .target
            .as_ref()
            .is_none_or(|glob| matches(glob, target.as_str()))
        && matches(&side.workload, workload.as_str())
}

fn values(side: &Side, evidence: &Analysed<'_>) -> Vec<Figure> {
    let meant = |row: &&Row| {
        (row.boundary, row.metric, row.at) == (side.boundary, side.metric, None)
            && takes(side, &evidence.recorded.run, &row.target, &row.workload)
    };
    let rows = evidence.rows.iter().filter(meant);
    rows.filter_map(|row| {
        let value = row.median?;
        let ci95 = row.ci95.map(|[low, high]| Interval { low, high });
        Some(Figure {
            workloads: vec![row.workload.clone()],
            target: row.target.clone(),
            boundary: row.boundary,
            over: None,
            value,
            ci95: ci95.or_else(|| exact(row.boundary, value)),
        })
    })
    .collect()
}

/// The share of the named programs that each target ran with verified output.
fn shares(reading: &Reading, evidence: &Analysed<'_>) -> Vec<Figure> {
    let programs: Vec<WorkloadId> = reading
        .share_of
        .iter()
        .map(|id| WorkloadId::from(id.as_str()))
        .collect();
    let side = &reading.of;
    let asked = |target: &TargetId, program: &WorkloadId| {
        evidence.rows.iter().find(|row| {
            (row.boundary, row.metric, row.at) == (side.boundary, side.metric, None)
                && row.target == *target
                && row.workload == *program
        })
    };
    let targets = evidence.recorded.run.targets.iter();
    targets
        .filter(|record| takes(side, &evidence.recorded.run, &record.target, &programs[0]))
        .filter_map(|record| {
            let rows: Option<Vec<&Row>> = programs
                .iter()
                .map(|program| asked(&record.target, program))
                .collect();
            let rows = rows?;
            // A target whose adapter supports none of the programs has no figure.
            if rows.iter().all(|row| row.status == Status::Unsupported) {
                return None;
            }
            let ran = rows.iter().filter(|row| row.status == Status::Ok).count();
            let share = ran as f64 / programs.len() as f64;
            Some(Figure {
                workloads: programs.clone(),
                target: record.target.clone(),
                boundary: side.boundary,
                over: None,
                value: share,
                // Exact, because a program either runs or does not.
                ci95: Some(Interval {
                    low: share,
                    high: share,
                }),
            })
        })
        .collect()
}

/// Sizes are exact and need no second trial for an interval.
fn exact(boundary: Boundary, value: f64) -> Option<Interval> {
    (boundary == Boundary::OnDisk).then_some(Interval {
        low: value,
        high: value,
    })
}

fn of_side<'a>(side: &Side, evidence: &'a Analysed<'_>) -> Vec<&'a Series> {
    let all = evidence.series.iter();
    all.filter(|series| {
        let key = &series.key;
        series.tally.ok > 0
            && (key.boundary, key.metric, key.at) == (side.boundary, side.metric, None)
            && takes(side, &evidence.recorded.run, &key.target, &key.workload)
    })
    .collect()
}

/// Pairs of the two sides with the same workload, unless the sides name different ones.
fn pairs<'a>(of: &Side, over: &Side, evidence: &'a Analysed<'_>) -> Vec<(&'a Series, &'a Series)> {
    let (tops, bottoms) = (of_side(of, evidence), of_side(over, evidence));
    // If the sides differ only in the metric, each target is compared with itself.
    let by_metric = of.metric != over.metric
        && *of
            == Side {
                metric: of.metric,
                ..over.clone()
            };
    let mut pairs = Vec::new();
    for bottom in bottoms {
        for &top in &tops {
            let alike = of.workload != over.workload || top.key.workload == bottom.key.workload;
            let itself = !by_metric || top.key.target == bottom.key.target;
            if alike && itself && top.key != bottom.key {
                pairs.push((top, bottom));
            }
        }
    }
    pairs
}

fn ratios(of: &Side, over: &Side, evidence: &Analysed<'_>) -> Vec<Figure> {
    let pairs = pairs(of, over, evidence);
    pairs
        .into_iter()
        .filter_map(|(top, bottom)| {
            let held = evidence.ratio(&top.key, &bottom.key)?;
            let exact = || exact(top.key.boundary, held.ratio);
            Some(Figure {
                workloads: vec![top.key.workload.clone()],
                target: top.key.target.clone(),
                boundary: top.key.boundary,
                over: Some((bottom.key.target.clone(), bottom.key.boundary)),
                value: held.ratio,
                ci95: held.ci95.or_else(exact),
            })
        })
        .collect()
}

fn means(of: &Side, over: &Side, evidence: &Analysed<'_>) -> Vec<Figure> {
    let throughput = evidence.throughput.as_ref();
    let common = throughput.map_or(&[][..], |throughput| &throughput.common);
    let mut groups: Vec<Vec<(&Series, &Series)>> = Vec::new();
    for pair in pairs(of, over, evidence) {
        let targets =
            |(top, bottom): (&Series, &Series)| (top.key.target.clone(), bottom.key.target.clone());
        if !common.contains(&pair.0.key.workload) {
            continue;
        }
        let mut known = groups.iter_mut();
        match known.find(|group| targets(group[0]) == targets(pair)) {
            Some(group) => group.push(pair),
            None => groups.push(vec![pair]),
        }
    }
    // A mean of one program would duplicate that program's own reading.
    groups.retain(|group| group.len() > 1 && group.len() == common.len());
    groups
        .into_iter()
        .filter_map(|group| {
            let (top, bottom) = (&group[0].0.key, &group[0].1.key);
            let purpose = format!("claim {} over {}", top.target, bottom.target);
            let mean = geometric_mean(&purpose, top.metric, &group, evidence.recorded.run.seed)?;
            Some(Figure {
                workloads: group.iter().map(|p| p.0.key.workload.clone()).collect(),
                target: top.target.clone(),
                boundary: top.boundary,
                over: Some((bottom.target.clone(), bottom.boundary)),
                value: mean.ratio,
                ci95: mean.ci95,
            })
        })
        .collect()
}
