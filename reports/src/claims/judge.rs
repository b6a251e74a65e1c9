//! A verdict a claim, with every figure it rests on.

use plimsoll_analysis::series::Series;
use plimsoll_analysis::statistics::Interval;
use plimsoll_analysis::throughput::geometric_mean;
use plimsoll_analysis::{Analysed, Row, Status};
use plimsoll_record::glob::matches;
use plimsoll_record::run::{TargetKind, TargetRecord};
use plimsoll_record::{Boundary, Run, TargetId, WorkloadId};

use super::{Claim, Claims, Mean, Range, Reading, Side, Source, Standing, Verdict};

/// One figure that a claim is held against.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The run it is from.
    pub run: String,
    /// What is looked at.
    pub view: String,
    /// The program, or those of a mean.
    pub workloads: Vec<WorkloadId>,
    /// What was measured.
    pub target: TargetId,
    /// Where.
    pub boundary: Boundary,
    /// What it is divided by, of a ratio.
    pub over: Option<(TargetId, Boundary)>,
    /// The side that the claim is about: of Wasm beside something else the Wasm, of a container beside native
    /// code the container, else `target`.
    pub judged: TargetId,
    /// In the claim's unit.
    pub value: f64,
    /// Its 95 % interval, in the claim's unit.
    pub ci95: Option<Interval>,
    /// Where it stands beside the claimed range.
    pub standing: Standing,
    /// How many others of the run have the very same figure and are not listed.
    pub alike: u32,
}

/// A claim with its verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement<'c> {
    /// The claim.
    pub claim: &'c Claim,
    /// Where it was published.
    pub source: &'c Source,
    /// What can be said.
    pub verdict: Verdict,
    /// What it rests on, in the order of the claim's readings.
    pub findings: Vec<Finding>,
}

/// A verdict on every claim, from everything that `runs` measured.
pub fn judge<'c>(claims: &'c Claims, runs: &[Analysed<'_>]) -> Vec<Judgement<'c>> {
    judge_some(claims, &runs.iter().collect::<Vec<_>>())
}

/// The same from some runs of several.
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
                // The same file weighed for several targets is one figure.
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

/// A figure in the unit of rows, or a bare ratio.
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

/// Of the two sides of a ratio the one with the higher rank is judged.
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

/// How many of the named programs each target ran to a verified output.
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
            // What a target was never given, because its adapter has no way to, says nothing of it.
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
                // A program runs or it does not.
                ci95: Some(Interval {
                    low: share,
                    high: share,
                }),
            })
        })
        .collect()
}

/// What is weighed twice weighs the same: it needs no second trial for an interval.
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

/// Every pair of the two sides: of the same workload, unless the sides name different ones.
fn pairs<'a>(of: &Side, over: &Side, evidence: &'a Analysed<'_>) -> Vec<(&'a Series, &'a Series)> {
    let (tops, bottoms) = (of_side(of, evidence), of_side(over, evidence));
    // Of two sides that differ in the metric alone every target is held against itself.
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
    // A mean over one program is that program, which has a view of its own.
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
