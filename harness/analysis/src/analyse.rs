//! Computes everything that is shown of a run.

use std::cell::RefCell;
use std::collections::BTreeMap;

use plimsoll_record::{Boundary, Metric, Recorded, Run, TargetId, WorkloadId};

use crate::capability::{self, FactRow, facts};
use crate::conformance::{self, ConformanceRow, Matrix, matrix};
use crate::marks::{Marked, Marks, note};
use crate::reference::{Ratio, ratio};
use crate::rows::{RatioRow, Row, Status};
use crate::series::{Reasons, Series, SeriesKey, Tally, series};
use crate::statistics::bootstrap::{RESAMPLING_TRIALS, median_interval};
use crate::statistics::generator;
use crate::statistics::order::{P99_SAMPLES, P99_TRIALS};
use crate::throughput::{Throughput, throughput};

/// The source of every output of a run: terminal, Markdown, page, JSON, CSV, claims. Each interval is
/// resampled only once.
#[derive(Debug)]
pub struct Analysed<'r> {
    /// The run.
    pub recorded: &'r Recorded,
    /// In table order.
    pub series: Vec<Series>,
    /// One per series, in the same order.
    pub rows: Vec<Row>,
    /// `None` if no trials at `run` were planned.
    pub throughput: Option<Throughput>,
    /// `None` unless the run has the specification's tests.
    pub matrix: Option<Matrix<'r>>,
    /// `None` unless the run has the suite `sandbox`.
    pub answers: Option<capability::Facts<'r>>,
    /// Results of targets that fail tests of a feature that a workload uses, according to the conformance
    /// runs analysed together with this one.
    pub marked: Vec<Marked>,
    places: BTreeMap<SeriesKey, usize>,
    ratios: RefCell<BTreeMap<(SeriesKey, SeriesKey), Option<Ratio>>>,
}

/// Pure and deterministic: the run's seed is the seed of every interval.
///
/// Trials with a wrong output or another failure never count; the row's note mentions them.
pub fn analyse(recorded: &Recorded) -> Analysed<'_> {
    let series = series(recorded);
    let rows = series
        .iter()
        .map(|series| row(&recorded.run, series))
        .collect();
    let places = series.iter().enumerate();
    let places = places.map(|(n, series)| (series.key.clone(), n)).collect();
    let throughput = throughput(recorded, &series);
    let ratios = throughput.iter().flat_map(|throughput| {
        let cells = throughput.standings.iter().flat_map(|one| &one.cells);
        cells.flat_map(|cell| &cell.ratios)
    });
    let ratios = ratios
        .map(|ratio| ((ratio.of.clone(), ratio.to.clone()), Some(ratio.clone())))
        .collect();
    Analysed {
        recorded,
        rows,
        matrix: matrix(recorded),
        answers: facts(recorded),
        marked: Vec::new(),
        places,
        ratios: RefCell::new(ratios),
        throughput,
        series,
    }
}

/// Analyses each of `runs`, and marks them by each other's conformance results.
pub fn analyse_all(runs: &[Recorded]) -> Vec<Analysed<'_>> {
    let mut all: Vec<Analysed<'_>> = runs.iter().map(analyse).collect();
    let marks = Marks::of(all.iter().filter_map(|one| one.matrix.as_ref()));
    for one in &mut all {
        one.marked = marks.marked(&one.recorded.run);
        note(&one.marked, &mut one.rows);
    }
    all
}

impl Analysed<'_> {
    /// The series of a key; `None` if the run lacks it.
    pub fn series_of(&self, key: &SeriesKey) -> Option<&Series> {
        Some(&self.series[*self.places.get(key)?])
    }

    /// The row of a key; `None` if the run lacks it.
    pub fn row_of(&self, key: &SeriesKey) -> Option<&Row> {
        Some(&self.rows[*self.places.get(key)?])
    }

    /// The median of `of` over that of `to`, resampled at the first call. `None` if either has no result, or
    /// `to` is zero.
    pub fn ratio(&self, of: &SeriesKey, to: &SeriesKey) -> Option<Ratio> {
        let pair = (of.clone(), to.clone());
        if let Some(known) = self.ratios.borrow().get(&pair) {
            return known.clone();
        }
        let seed = self.recorded.run.seed;
        let (top, bottom) = (self.series_of(of)?, self.series_of(to)?);
        let found = ratio(top, bottom, seed);
        self.ratios.borrow_mut().insert(pair, found.clone());
        found
    }

    /// Every target's times compared with native ones, and their geometric means.
    pub fn ratio_rows(&self) -> Vec<RatioRow> {
        self.throughput
            .as_ref()
            .map_or_else(Vec::new, |throughput| {
                ratios(&self.recorded.run, throughput)
            })
    }

    /// One row per target and group of the specification's tests.
    pub fn conformance_rows(&self) -> Vec<ConformanceRow> {
        let run = &self.recorded.run;
        let matrix = self.matrix.as_ref();
        matrix.map_or_else(Vec::new, |matrix| conformance::rows(run, matrix))
    }

    /// One row per target and question of the suite `sandbox`.
    pub fn fact_rows(&self) -> Vec<FactRow> {
        let run = &self.recorded.run;
        let answers = self.answers.as_ref();
        answers.map_or_else(Vec::new, |answers| capability::rows(run, answers))
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
            // File sizes do not vary.
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

fn ratios(run: &Run, throughput: &Throughput) -> Vec<RatioRow> {
    let Some(reference) = &throughput.reference else {
        return Vec::new();
    };
    let row = |target: &TargetId, workloads: Vec<WorkloadId>, metric, ratio, ci95| RatioRow {
        left_out: 0,
        run: run.id.clone(),
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

/// The status of a row: `ok` if at least one trial was verified; otherwise the worst outcome.
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

/// Notes on the trials that do not count, one sentence fragment per kind of outcome; empty if all count.
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
