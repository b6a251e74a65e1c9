//! The rows of `plimsoll.report/1`: one number with its interval per row.

use plimsoll_record::{Boundary, Metric, Suite, TargetId, Unit, WorkloadId};
use serde::{Deserialize, Serialize};

use crate::marks::Marked;

/// The schema of [`Report`].
pub const SCHEMA: &str = "plimsoll.report/1";

/// Every row of one or more runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Always [`SCHEMA`] when written by this version.
    pub schema: String,
    /// One row per suite, workload, target, boundary and metric.
    pub rows: Vec<Row>,
    /// Suite `throughput`: ratios of targets to native code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ratios: Vec<RatioRow>,
}

/// The ratio of a target to the reference, on one workload or as the geometric mean over several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RatioRow {
    /// Name of the run that it is from.
    pub run: String,
    /// The target that is compared.
    pub target: TargetId,
    /// The reference.
    pub to: TargetId,
    /// The workload, or those of a geometric mean.
    pub workloads: Vec<WorkloadId>,
    /// Where the clock started and stopped.
    pub boundary: Boundary,
    /// What was measured there.
    pub metric: Metric,
    /// Ratio of medians, or the geometric mean of such ratios.
    pub ratio: f64,
    /// Its bootstrap 95 % interval over blocks of the plan, `[low, high]`.
    pub ci95: Option<[f64; 2]>,
    /// Workloads missing from a geometric mean, because a median of zero has no ratio.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u32,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// One number of a report, with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Name of the run that the row is from.
    #[serde(default)]
    pub run: String,
    /// The suite that the number belongs to.
    pub suite: Suite,
    /// The program that was run.
    pub workload: WorkloadId,
    /// The engine in one configuration.
    pub target: TargetId,
    /// Where the clock started and stopped.
    pub boundary: Boundary,
    /// What was measured there.
    pub metric: Metric,
    /// The level it was measured at: the number alive, or requests offered per second. `None` for metrics
    /// without levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// The unit of every value of this row.
    pub unit: Unit,
    /// Median over trials of the trials' medians; `None` unless `status` is `ok`.
    pub median: Option<f64>,
    /// Bootstrap 95 % interval of `median` over trials, `[low, high]`.
    pub ci95: Option<[f64; 2]>,
    /// 99th percentile over samples; `None` if there are too few.
    pub p99: Option<f64>,
    /// Smallest sample.
    pub min: Option<f64>,
    /// Largest sample.
    pub max: Option<f64>,
    /// Trials that count.
    pub trials: u32,
    /// Samples that count.
    pub samples: u32,
    /// Number of these samples far outside the others; they are counted, never dropped.
    #[serde(default)]
    pub outliers: u32,
    /// Whether the row holds a number.
    pub status: Status,
    /// A note for readers of this row.
    pub note: Option<String>,
}

impl Row {
    /// Whether it is a time or a rate, which can be marked.
    pub fn is_speed(&self) -> bool {
        matches!(self.unit, Unit::Nanoseconds | Unit::PerSecond)
    }

    /// Prepends the mark of its target and workload to its note, if `marked` has one.
    pub(crate) fn mark(&mut self, marked: &[Marked]) {
        let of = |one: &&Marked| one.target == self.target && one.workload == self.workload;
        if let (true, Some(one)) = (self.is_speed(), marked.iter().find(of)) {
            let mark = one.words();
            self.note = Some(match self.note.take() {
                None => mark,
                Some(note) => format!("{mark}; {note}"),
            });
        }
    }

    /// The maximum cost of one more if noise made the slope negative: the upper end of its interval, at least
    /// zero. Tables show this instead of a negative cost; the row keeps the fitted value.
    pub fn at_most(&self) -> Option<f64> {
        let sloped = matches!(self.boundary, Boundary::Instance | Boundary::Process);
        let below = self.median.is_some_and(|median| median < 0.0);
        (sloped && below).then(|| self.ci95.map_or(0.0, |[_, high]| high.max(0.0)))
    }
}

/// Whether a row has a number, and if not the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Measured, output verified.
    Ok,
    /// The target does not support this.
    Unsupported,
    /// Every trial failed, or none was reached before the run ended; the note has the reason.
    Failed,
    /// The guest's output was wrong, so there is no number.
    WrongOutput,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slope(boundary: Boundary, median: f64, ci95: Option<[f64; 2]>) -> Row {
        Row {
            run: String::new(),
            suite: Suite::Density,
            workload: WorkloadId::from("idle"),
            target: TargetId::from("engine"),
            boundary,
            metric: Metric::IdleCpu,
            at: None,
            unit: Unit::Nanoseconds,
            median: Some(median),
            ci95,
            p99: None,
            min: None,
            max: None,
            trials: 6,
            samples: 6,
            outliers: 0,
            status: Status::Ok,
            note: None,
        }
    }

    #[test]
    fn a_slope_below_nothing_is_shown_as_what_it_is_at_most() {
        let at_most = |median, ci95| slope(Boundary::Instance, median, ci95).at_most();
        assert_eq!(at_most(-3.0, Some([-7.0, 2.0])), Some(2.0));
        assert_eq!(at_most(-3.0, Some([-7.0, -1.0])), Some(0.0));
        assert_eq!(at_most(-3.0, None), Some(0.0));
        assert_eq!(at_most(3.0, Some([-7.0, 9.0])), None);
        assert_eq!(slope(Boundary::Base, -3.0, None).at_most(), None);
    }
}
