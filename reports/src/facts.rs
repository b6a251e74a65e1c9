//! An analysed run, prepared for the page and Markdown.

use std::collections::BTreeMap;

use plimsoll_analysis::columns::Column;
use plimsoll_analysis::marks::Marked;
use plimsoll_analysis::reference::Ratio;
use plimsoll_analysis::series::{Series, SeriesKey};
use plimsoll_analysis::statistics::holm;
use plimsoll_analysis::throughput::Throughput;
use plimsoll_analysis::{Analysed, LEVEL, Row, lost_trials};
use plimsoll_record::run::{TargetKind, TargetRecord, WorkloadRecord};
use plimsoll_record::{Boundary, Metric, Outcome, Recorded, TargetId, WorkloadId};

/// An analysed run and the ratios of its rows to reference rows.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) recorded: &'a Recorded,
    pub(crate) rows: &'a [Row],
    pub(crate) analysed: &'a Analysed<'a>,
    against: BTreeMap<(SeriesKey, TargetId), Against>,
}

/// A ratio, and whether it is a significant difference after correction for all ratios of the report.
#[derive(Debug, Clone)]
pub(crate) struct Against {
    pub(crate) ratio: Ratio,
    pub(crate) difference: Difference,
}

/// Whether a difference is significant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Difference {
    Shown,
    NotShown,
}

/// Numbers of trials by outcome.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) planned: u64,
    pub(crate) verified: u64,
    pub(crate) unsupported: u64,
    pub(crate) failed: u64,
    pub(crate) wrong_output: u64,
    pub(crate) not_reached: u64,
}

impl<'a> Facts<'a> {
    /// The facts of each of `runs`.
    pub(crate) fn all(runs: &'a [Analysed<'a>]) -> Vec<Self> {
        runs.iter().map(Facts::of).collect()
    }

    /// The mark of a target's figures for a workload, if any.
    pub(crate) fn mark(&self, target: &TargetId, workload: &WorkloadId) -> Option<&Marked> {
        let mut marked = self.analysed.marked.iter();
        marked.find(|one| one.target == *target && one.workload == *workload)
    }

    pub(crate) fn of(analysed: &'a Analysed<'a>) -> Self {
        let mut facts = Self {
            recorded: analysed.recorded,
            rows: &analysed.rows,
            analysed,
            against: BTreeMap::new(),
        };
        facts.compare_with_references();
        facts
    }

    fn compare_with_references(&mut self) {
        let references: Vec<TargetId> = [self.native(), self.container()]
            .into_iter()
            .flatten()
            .map(|target| target.target.clone())
            .collect();
        let mut found = Vec::new();
        for reference in &references {
            let series = self.analysed.series.iter().map(|series| &series.key);
            for of in series.filter(|key| key.target != *reference) {
                let to = SeriesKey {
                    target: reference.clone(),
                    ..of.clone()
                };
                let ratio = self.analysed.ratio(of, &to);
                found.extend(ratio.map(|ratio| (reference.clone(), ratio)));
            }
        }
        let tested: Vec<f64> = found.iter().filter_map(|(_, r)| r.p_value).collect();
        let mut adjusted = holm(&tested).into_iter();
        for (reference, ratio) in found {
            let p = ratio.p_value.and_then(|_| adjusted.next());
            let difference = difference(&ratio, p);
            self.against
                .insert((ratio.of.clone(), reference), Against { ratio, difference });
        }
    }

    /// Targets in the order of the run's ledger.
    pub(crate) fn targets(&self) -> &'a [TargetRecord] {
        &self.recorded.run.targets
    }

    /// Workloads in the run's order, but the smallest first: `hello` if it was measured, because it shows the cold
    /// start itself.
    pub(crate) fn workloads(&self) -> Vec<&'a WorkloadRecord> {
        let mut workloads: Vec<_> = self.recorded.run.workloads.iter().collect();
        workloads.sort_by_key(|w| w.workload.as_str() != "hello");
        workloads.retain(|w| self.rows.iter().any(|row| row.workload == w.workload));
        workloads
    }

    /// The first workload with a measured number.
    pub(crate) fn lead(&self) -> Option<&'a WorkloadRecord> {
        self.workloads().into_iter().find(|w| {
            let mut rows = self.rows.iter();
            rows.any(|row| row.workload == w.workload && row.median.is_some())
        })
    }

    /// The native target, the main reference.
    pub(crate) fn native(&self) -> Option<&'a TargetRecord> {
        self.first(TargetKind::Native)
    }

    /// The first container target of the ledger.
    pub(crate) fn container(&self) -> Option<&'a TargetRecord> {
        self.first(TargetKind::Container)
    }

    fn first(&self, kind: TargetKind) -> Option<&'a TargetRecord> {
        self.targets().iter().find(|target| target.kind == kind)
    }

    pub(crate) fn kind(&self, target: &TargetId) -> TargetKind {
        let mut targets = self.targets().iter();
        let found = targets.find(|record| record.target == *target);
        found.map_or(TargetKind::Wasm, |record| record.kind)
    }

    /// The row of a workload and target with this boundary, metric and load.
    pub(crate) fn row(
        &self,
        workload: &WorkloadId,
        target: &TargetId,
        (boundary, metric): (Boundary, Metric),
        at: Option<u64>,
    ) -> Option<&Row> {
        let key = SeriesKey {
            workload: workload.clone(),
            target: target.clone(),
            boundary,
            metric,
            at,
        };
        self.analysed.row_of(&key)
    }

    /// The wall time row at a boundary.
    pub(crate) fn wall(
        &self,
        workload: &WorkloadId,
        target: &TargetId,
        boundary: Boundary,
    ) -> Option<&Row> {
        self.row(workload, target, (boundary, Metric::WallTime), None)
    }

    /// The row of a column.
    pub(crate) fn of_column(
        &self,
        workload: &WorkloadId,
        target: &TargetId,
        column: &Column,
    ) -> Option<&Row> {
        self.row(workload, target, (column.boundary, column.metric), None)
    }

    pub(crate) fn series(&self, key: &SeriesKey) -> Option<&Series> {
        self.analysed
            .series_of(key)
            .filter(|series| series.tally.ok > 0)
    }

    /// Describes a row's trials that do not count; `None` if all count.
    pub(crate) fn lost_trials(&self, row: &Row) -> Option<String> {
        let lost = lost_trials(&self.analysed.series_of(&key_of(row))?.tally);
        (!lost.is_empty()).then(|| lost.join("; "))
    }

    /// The ratio of a row to the same row of `reference`.
    pub(crate) fn against(&self, row: &Row, reference: &TargetId) -> Option<&Against> {
        self.against.get(&(key_of(row), reference.clone()))
    }

    /// The ratio of any two rows of the run.
    pub(crate) fn ratio(&self, of: &Row, to: &Row) -> Option<Against> {
        let ratio = self.analysed.ratio(&key_of(of), &key_of(to))?;
        let difference = difference(&ratio, ratio.p_value);
        Some(Against { ratio, difference })
    }

    /// The boundaries with wall time measurements of `workload`.
    pub(crate) fn boundaries(&self, workload: &WorkloadId) -> Vec<Boundary> {
        let has = |boundary: &Boundary| {
            self.rows.iter().any(|row| {
                row.workload == *workload
                    && row.boundary == *boundary
                    && row.metric == Metric::WallTime
            })
        };
        let ladder = Boundary::LADDER.iter();
        ladder
            .chain(Boundary::FIRST_OUTPUT)
            .chain(&[Boundary::Run])
            .copied()
            .filter(has)
            .collect()
    }

    /// Whether a program reports step times of its own loop.
    pub(crate) fn has_ticks(&self, workload: &WorkloadId) -> bool {
        let mut rows = self.rows.iter();
        rows.any(|row| row.workload == *workload && row.boundary == Boundary::Tick)
    }

    /// Throughput results, if the run measured them.
    pub(crate) fn throughput(&self) -> Option<&Throughput> {
        self.analysed.throughput.as_ref()
    }

    /// A one-line description of a workload.
    pub(crate) fn title(&self, workload: &WorkloadId) -> &str {
        let mut workloads = self.recorded.run.workloads.iter();
        let found = workloads.find(|record| record.workload == *workload);
        found.map_or("", |record| record.title.as_str())
    }

    /// Counts the trials by outcome.
    pub(crate) fn ended(&self) -> Ended {
        let mut ended = Ended::default();
        for plan in &self.recorded.run.plan {
            ended.planned += 1;
            let trial = self.recorded.trials.get(&plan.index);
            let count = match trial.map(|trial| &trial.outcome.outcome) {
                None => &mut ended.not_reached,
                Some(Outcome::Ok) => &mut ended.verified,
                Some(Outcome::Unsupported { .. }) => &mut ended.unsupported,
                Some(Outcome::Failed { .. }) => &mut ended.failed,
                Some(Outcome::WrongOutput { .. }) => &mut ended.wrong_output,
            };
            *count += 1;
        }
        ended
    }

    /// Number of samples from verified trials.
    pub(crate) fn samples(&self) -> u64 {
        self.rows.iter().map(|row| u64::from(row.samples)).sum()
    }

    /// Whether a target's containers need no daemon: its ledger has `daemon: none`.
    pub(crate) fn is_without_daemon(&self, target: &TargetId) -> bool {
        let mut targets = self.targets().iter();
        let found = targets.find(|record| record.target == *target);
        found.is_some_and(|record| {
            record
                .configuration
                .get("daemon")
                .is_some_and(|d| d == "none")
        })
    }

    /// Whether this project made the target's engine: its ledger has `made by: this project`.
    pub(crate) fn is_ours(&self, target: &TargetId) -> bool {
        let mut targets = self.targets().iter();
        let found = targets.find(|record| record.target == *target);
        let made_by = found.and_then(|record| record.configuration.get("made by"));
        made_by.is_some_and(|by| by == "this project")
    }
}

fn difference(ratio: &Ratio, p: Option<f64>) -> Difference {
    let apart = ratio.ci95.is_some_and(|ci| ci.low > 1.0 || ci.high < 1.0);
    if apart && p.is_some_and(|p| p < LEVEL) {
        Difference::Shown
    } else {
        Difference::NotShown
    }
}

fn key_of(row: &Row) -> SeriesKey {
    SeriesKey {
        workload: row.workload.clone(),
        target: row.target.clone(),
        boundary: row.boundary,
        metric: row.metric,
        at: row.at,
    }
}

/// The median of a row; infinite if there is none, so that the row sorts last.
pub(crate) fn median(row: &Row) -> f64 {
    row.median.unwrap_or(f64::INFINITY)
}
