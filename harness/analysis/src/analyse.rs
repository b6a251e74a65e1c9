//! A run in, its rows out.

use plimsoll_record::{Boundary, Metric, Recorded, Run, TargetId, WorkloadId};

use crate::rows::{RatioRow, Report, Row, SCHEMA, Status};
use crate::series::{Reasons, Series, Tally, series};
use crate::statistics::bootstrap::{RESAMPLING_TRIALS, median_interval};
use crate::statistics::generator;
use crate::statistics::order::{P99_SAMPLES, P99_TRIALS};
use crate::throughput::throughput;

/// The rows of a run: one per workload, target, boundary and metric, in the order of the run's
/// tables. Pure and deterministic: the run's seed is the seed of every interval.
///
/// Trials with a wrong output or any other failure never count; what became of them is in the
/// row's note.
pub fn analyse(recorded: &Recorded) -> Report {
    let series = series(recorded);
    let rows = series
        .iter()
        .map(|series| row(&recorded.run, series))
        .collect();
    Report {
        schema: SCHEMA.to_owned(),
        rows,
        ratios: ratios(recorded, &series),
    }
}

fn row(run: &Run, series: &Series) -> Row {
    let key = &series.key;
    let mut row = Row {
        run: run.id.clone(),
        suite: run.suite,
        workload: key.workload.clone(),
        target: key.target.clone(),
        boundary: key.boundary,
        metric: key.metric,
        at: key.at,
        unit: key.metric.unit(),
        median: None,
        ci95: None,
        p99: None,
        min: None,
        max: None,
        trials: series.trials.len() as u32,
        samples: 0,
        outliers: 0,
        status: status(&series.tally),
        note: None,
    };
    let mut notes = lost_trials(&series.tally);
    notes.extend(series.note.clone());
    if let (Some(pooled), Some(median)) = (series.pooled(), series.median()) {
        let trials = series.trial_medians();
        let mut rng = generator(run.seed, &key.name());
        row.median = Some(median);
        row.ci95 = median_interval(&trials, &mut rng).map(|ci| [ci.low, ci.high]);
        row.min = Some(pooled.min());
        row.max = Some(pooled.max());
        row.samples = pooled.len() as u32;
        if pooled.len() >= P99_SAMPLES && trials.len() >= P99_TRIALS {
            row.p99 = Some(pooled.quantile(0.99));
        }
        row.outliers = pooled.far_out() as u32;
        if row.outliers > 0 {
            notes.push(format!(
                "{} of {} samples lie far out and are kept",
                row.outliers, row.samples
            ));
        }
        match trials.len() {
            // What is weighed twice weighs the same.
            1 if key.boundary == Boundary::OnDisk => {}
            1 => notes.push("one trial: no interval can be given".to_owned()),
            n if n < RESAMPLING_TRIALS => notes.push(format!(
                "{n} trials: too few to resample, the interval is Student's on logarithms"
            )),
            _ => {}
        }
        if key.boundary == Boundary::Run && key.metric == Metric::WallTime {
            notes.push(series.warm_up().words());
        }
    }
    if !notes.is_empty() {
        row.note = Some(notes.join("; "));
    }
    row
}

/// Every target's runs compared with native ones, and their geometric means.
fn ratios(recorded: &Recorded, series: &[Series]) -> Vec<RatioRow> {
    let Some(throughput) = throughput(recorded, series) else {
        return Vec::new();
    };
    let Some(reference) = &throughput.reference else {
        return Vec::new();
    };
    let row = |target: &TargetId, workloads: Vec<WorkloadId>, metric, ratio, ci95| RatioRow {
        left_out: 0,
        run: recorded.run.id.clone(),
        target: target.clone(),
        to: reference.clone(),
        workloads,
        boundary: Boundary::Run,
        metric,
        ratio,
        ci95,
    };
    let mut rows = Vec::new();
    for standing in throughput
        .standings
        .iter()
        .filter(|s| s.target != *reference)
    {
        let target = &standing.target;
        for cell in &standing.cells {
            rows.extend(cell.ratios.iter().map(|r| {
                let ci95 = r.ci95.map(|ci| [ci.low, ci.high]);
                row(
                    target,
                    vec![cell.workload.clone()],
                    r.of.metric,
                    r.ratio,
                    ci95,
                )
            }));
        }
        if throughput.common.len() > 1 {
            rows.extend(standing.means.iter().map(|mean| {
                let ci95 = mean.ci95.map(|ci| [ci.low, ci.high]);
                let common = throughput.counted(mean.metric);
                RatioRow {
                    left_out: mean.left_out,
                    ..row(target, common, mean.metric, mean.ratio, ci95)
                }
            }));
        }
    }
    rows
}

/// The status of a row: `ok` as soon as one trial was verified; otherwise the gravest of what
/// happened.
fn status(tally: &Tally) -> Status {
    if tally.ok > 0 {
        Status::Ok
    } else if tally.wrong_output.count > 0 {
        Status::WrongOutput
    } else if tally.failed.count == 0
        && tally.other_unit.count == 0
        && tally.damaged.count == 0
        && tally.unsupported.count > 0
    {
        Status::Unsupported
    } else {
        Status::Failed
    }
}

/// What a reader must know of the trials that do not count, a sentence fragment for each way in
/// which they ended; empty if all count.
pub fn lost_trials(tally: &Tally) -> Vec<String> {
    let mut notes = Vec::new();
    let mut say = |reasons: &Reasons, what: &str| {
        if let Some(first) = &reasons.first {
            let Reasons { count, .. } = reasons;
            let planned = tally.planned;
            let first = first.trim();
            notes.push(if *count == 1 && planned == 1 {
                let what = what.replace("do not", "does not").replace("were", "was");
                format!("the one trial {what}: {first}")
            } else {
                format!("{count} of {planned} trials {what}: {first}")
            });
        }
    };
    say(&tally.wrong_output, "gave a wrong output");
    say(&tally.failed, "failed");
    say(&tally.unsupported, "were refused as unsupported");
    say(&tally.other_unit, "do not count");
    say(&tally.damaged, "do not count");
    say(&tally.noted, "ended early");
    if tally.not_reached > 0 {
        notes.push(format!(
            "{} of {} trials were not reached before the run ended",
            tally.not_reached, tally.planned
        ));
    }
    notes
}
