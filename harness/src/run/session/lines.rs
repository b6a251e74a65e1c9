//! The recorded and the printed lines of a trial.

use std::time::Duration;

use plimsoll_record::run::TrialPlan;
use plimsoll_record::text::plain;
use plimsoll_record::{
    HistogramLine, Line, Nanoseconds, Outcome, OutcomeLine, SampleLine, Step, TargetId, WorkloadId,
};

use crate::run::trial::TrialResult;

/// The numbers of trials by outcome.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Measured and verified.
    pub ok: usize,
    /// Unsupported by the target.
    pub unsupported: usize,
    /// Failed, or with a wrong output.
    pub failed: usize,
    shown: Vec<(TargetId, WorkloadId, Step)>,
}

impl Verdict {
    /// Counts an outcome; true for the first failure or refusal of its cell.
    pub(super) fn add(&mut self, trial: &TrialPlan, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Ok => {
                self.ok += 1;
                return false;
            }
            Outcome::Unsupported { .. } => self.unsupported += 1,
            Outcome::Failed { .. } | Outcome::WrongOutput { .. } => self.failed += 1,
        }
        let cell = (trial.target.clone(), trial.workload.clone(), trial.step);
        let first = !self.shown.contains(&cell);
        if first {
            self.shown.push(cell);
        }
        first
    }
}

/// The recorded lines of a trial, in file order.
pub fn lines(
    trial: &TrialPlan,
    attempt: u32,
    started: Duration,
    took: Duration,
    yielded: TrialResult,
) -> Vec<Line> {
    let mut lines: Vec<Line> = yielded
        .samples
        .iter()
        .map(|sample| {
            Line::Sample(SampleLine {
                trial: trial.index,
                attempt,
                boundary: sample.boundary,
                metric: sample.metric,
                iteration: sample.iteration,
                at: sample.at,
                value: sample.value,
                unit: sample.metric.unit(),
            })
        })
        .collect();
    lines.extend(yielded.histograms.into_iter().map(|histogram| {
        Line::Histogram(HistogramLine {
            trial: trial.index,
            attempt,
            boundary: histogram.boundary,
            clock: histogram.clock,
            at: histogram.at,
            second: histogram.second,
            v2: histogram.v2,
        })
    }));
    lines.push(Line::Outcome(OutcomeLine {
        trial: trial.index,
        attempt,
        started_ns: Nanoseconds::from(started).0,
        took_ns: Nanoseconds::from(took).0,
        note: yielded.note,
        outcome: yielded.outcome,
    }));
    lines
}

/// A line about an outcome that is not ok.
pub(super) fn describe(
    target: &TargetId,
    workload: &WorkloadId,
    step: &str,
    outcome: &Outcome,
) -> String {
    let what = match outcome {
        Outcome::Ok => "ok".to_owned(),
        Outcome::Unsupported { reason } => format!("unsupported: {reason}"),
        Outcome::Failed {
            message, stderr, ..
        } => match stderr.trim().lines().last() {
            Some(last) => format!("failed: {message} (stderr: {last})"),
            None => format!("failed: {message}"),
        },
        Outcome::WrongOutput { message } => format!("wrong output: {message}"),
    };
    plain(&format!("{target} {workload} {step}: {what}")).into_owned()
}
