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
    /// A row per suite, workload, target, boundary and metric.
    pub rows: Vec<Row>,
    /// Throughput: how many times as long a target takes as native code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ratios: Vec<RatioRow>,
}

/// How many times as long a target takes as the reference: on one workload, or as the geometric
/// mean over several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RatioRow {
    /// Name of the run that it is from.
    pub run: String,
    /// The target that is compared.
    pub target: TargetId,
    /// The reference.
    pub to: TargetId,
    /// The programs: one, or those of a geometric mean.
    pub workloads: Vec<WorkloadId>,
    /// Where the clock started and stopped.
    pub boundary: Boundary,
    /// What was measured there.
    pub metric: Metric,
    /// Median over median, or the geometric mean of these.
    pub ratio: f64,
    /// Its bootstrap 95 % interval over blocks of the plan, `[low, high]`.
    pub ci95: Option<[f64; 2]>,
    /// Workloads left out of a geometric mean, because no ratio exists where a median is zero.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u32,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// One number of a report, with what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Name of the run that the row is from.
    #[serde(default)]
    pub run: String,
    /// The question.
    pub suite: Suite,
    /// The program.
    pub workload: WorkloadId,
    /// What was measured.
    pub target: TargetId,
    /// Where the clock started and stopped.
    pub boundary: Boundary,
    /// What was measured there.
    pub metric: Metric,
    /// The load it was measured under, where that is part of the question: how many were alive, or
    /// how many requests a second were offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// The unit of every value of this row.
    pub unit: Unit,
    /// Median over trials of the trials' medians; absent unless `status` is `ok`.
    pub median: Option<f64>,
    /// Bootstrap 95 % interval of `median` over trials, `[low, high]`.
    pub ci95: Option<[f64; 2]>,
    /// 99th percentile over samples, where there are enough of them to carry it.
    pub p99: Option<f64>,
    /// Smallest sample.
    pub min: Option<f64>,
    /// Largest sample.
    pub max: Option<f64>,
    /// Trials that count.
    pub trials: u32,
    /// Samples that count.
    pub samples: u32,
    /// Of these samples, how many lie far outside the others; they are counted, never dropped.
    #[serde(default)]
    pub outliers: u32,
    /// Whether the row holds a number.
    pub status: Status,
    /// What a reader must know of this row.
    pub note: Option<String>,
}

impl Row {
    /// Whether it is a figure of speed: what a mark is about.
    pub fn is_speed(&self) -> bool {
        matches!(self.unit, Unit::Nanoseconds | Unit::PerSecond)
    }

    /// Puts before its note the mark of its target on its workload, if `marked` has one.
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

    /// What one more costs at most, where chance has put the slope below nothing: the upper end of
    /// its interval, or nothing. Tables show this instead of a negative cost; the row keeps what
    /// was fitted.
    pub fn at_most(&self) -> Option<f64> {
        let sloped = matches!(self.boundary, Boundary::Instance | Boundary::Process);
        let below = self.median.is_some_and(|median| median < 0.0);
        (sloped && below).then(|| self.ci95.map_or(0.0, |[_, high]| high.max(0.0)))
    }
}

/// Whether a row holds a number, and if not why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Measured, output verified.
    Ok,
    /// The target cannot do this.
    Unsupported,
    /// Tried and failed in every trial, or not reached before the run ended: the note says which.
    Failed,
    /// The guest's output was wrong: no number counts.
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
