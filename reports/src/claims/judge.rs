//! A verdict a claim, with every figure it rests on.

use plimsoll_analysis::series::Series;
use plimsoll_analysis::statistics::Interval;
use plimsoll_analysis::throughput::geometric_mean;
use plimsoll_analysis::{Analysed, Row, Status};
use plimsoll_record::glob::matches;
use plimsoll_record::run::{TargetKind, TargetRecord};
use plimsoll_record::{Boundary, Run, TargetId, WorkloadId};
use serde::Serialize;

use super::{Claim, Claims, Mean, Reading, Side, Source};

/// What can be said of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every figure lies inside the claimed range, with its whole interval.
    Holds,
    /// Some figures lie inside, some outside.
    HoldsInPart,
    /// Every figure lies outside.
    DoesNotHold,
    /// Intervals that reach over an end of the range leave it open which of these it is.
    Undecided,
    /// No run has a figure with an interval where the claim can be held against it.
    NotMeasured,
}

impl Verdict {
    /// Every verdict, the best for a claim first.
    pub const ALL: &'static [Verdict] = &[
        Verdict::Holds,
        Verdict::HoldsInPart,
        Verdict::DoesNotHold,
        Verdict::Undecided,
        Verdict::NotMeasured,
    ];

    /// The rule, of where a claim's figures stand: figures without an interval do not count.
    pub fn of(standings: impl IntoIterator<Item = Standing>) -> Self {
        let (mut inside, mut edge, mut outside) = (0, 0, 0);
        for standing in standings {
            match standing {
                Standing::Inside => inside += 1,
                Standing::AtTheEdge => edge += 1,
                Standing::Below | Standing::Above => outside += 1,
                Standing::NoInterval => {}
            }
        }
        match (inside, edge, outside) {
            (0, 0, 0) => Verdict::NotMeasured,
            (_, 0, 0) => Verdict::Holds,
            (0, 0, _) => Verdict::DoesNotHold,
            (1.., _, 1..) => Verdict::HoldsInPart,
            _ => Verdict::Undecided,
        }
    }
}

/// Where a figure stands beside the claimed range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Its whole interval lies in the range.
    Inside,
    /// Its interval reaches over an end of the range.
    AtTheEdge,
    /// Its whole interval lies below the range.
    Below,
    /// Its whole interval lies above the range.
    Above,
    /// Too few trials for an interval: it is shown and does not count.
    NoInterval,
}

/// A claimed range; an end that is missing is not claimed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The least.
    pub low: Option<f64>,
    /// The most.
    pub high: Option<f64>,
}

impl Range {
    /// Where a figure with this 95 % interval stands.
    pub fn standing(&self, ci95: Option<Interval>) -> Standing {
        let Some(ci) = ci95 else {
            return Standing::NoInterval;
        };
        let (low, high) = (
            self.low.unwrap_or(f64::NEG_INFINITY),
            self.high.unwrap_or(f64::INFINITY),
        );
        if ci.high < low {
            Standing::Below
        } else if ci.low > high {
            Standing::Above
        } else if ci.low >= low && ci.high <= high {
            Standing::Inside
        } else {
            Standing::AtTheEdge
        }
    }
}

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
    Finding {
        run: run.id.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(low: f64, high: f64) -> Standing {
        let range = Range {
            low: Some(10.0),
            high: Some(50.0),
        };
        range.standing(Some(Interval { low, high }))
    }

    #[test]
    fn a_figure_is_inside_only_with_its_whole_interval() {
        assert_eq!(standing(10.0, 50.0), Standing::Inside);
        assert_eq!(standing(9.9, 12.0), Standing::AtTheEdge);
        assert_eq!(standing(49.0, 50.1), Standing::AtTheEdge);
        assert_eq!(standing(1.0, 100.0), Standing::AtTheEdge);
        assert_eq!(standing(1.0, 9.9), Standing::Below);
        assert_eq!(standing(50.1, 60.0), Standing::Above);
    }

    #[test]
    fn an_end_that_is_not_claimed_is_never_missed() {
        let at_most = Range {
            low: None,
            high: Some(100.0),
        };
        let at = |low, high| at_most.standing(Some(Interval { low, high }));
        assert_eq!(at(-3.0, 1.0), Standing::Inside);
        assert_eq!(at(99.0, 101.0), Standing::AtTheEdge);
        assert_eq!(at(101.0, 102.0), Standing::Above);
        assert_eq!(at_most.standing(None), Standing::NoInterval);
    }

    #[test]
    fn a_claim_holds_only_if_every_figure_is_inside() {
        use Standing::{Above, AtTheEdge, Below, Inside, NoInterval};
        for (standings, verdict) in [
            (&[][..], Verdict::NotMeasured),
            (&[NoInterval, NoInterval], Verdict::NotMeasured),
            (&[Inside, Inside], Verdict::Holds),
            (&[Inside, NoInterval], Verdict::Holds),
            (&[Inside, Below], Verdict::HoldsInPart),
            (&[Inside, AtTheEdge, Below], Verdict::HoldsInPart),
            (&[AtTheEdge], Verdict::Undecided),
            (&[Inside, AtTheEdge], Verdict::Undecided),
            (&[AtTheEdge, Above], Verdict::Undecided),
            (&[Below, Below], Verdict::DoesNotHold),
            (&[Below, Above], Verdict::DoesNotHold),
        ] {
            let given = standings.iter().copied();
            assert_eq!(Verdict::of(given), verdict, "{standings:?}");
        }
    }
}
