//! Types of the lines of `samples.ndjson`: results of a trial, and the outcome that closes it.
//!
//! A trial's samples come before its outcome. Samples without an outcome belong to an interrupted
//! trial; they stay in the file but are not analysed.

use serde::{Deserialize, Serialize};

use crate::conformance::ScriptLine;
use crate::sandbox::FactLine;
use crate::vocabulary::{Boundary, Metric, Unit};

/// One line of `samples.ndjson`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Line {
    /// One measured value.
    Sample(SampleLine),
    /// The latencies of all requests offered at one rate.
    Histogram(HistogramLine),
    /// The result of one script of the specification's tests.
    Script(ScriptLine),
    /// What a guest could or could not do.
    Fact(FactLine),
    /// How one trial ended.
    Outcome(OutcomeLine),
}

impl Line {
    /// Index of its trial, and number of the attempt.
    pub fn of(&self) -> (u32, u32) {
        match self {
            Line::Sample(line) => (line.trial, line.attempt),
            Line::Histogram(line) => (line.trial, line.attempt),
            Line::Script(line) => (line.trial, line.attempt),
            Line::Fact(line) => (line.trial, line.attempt),
            Line::Outcome(line) => (line.trial, line.attempt),
        }
    }

    /// Whether the value's unit is that of its metric; true for lines that are not samples.
    pub fn is_sound(&self) -> bool {
        match self {
            Line::Sample(sample) => sample.unit == sample.metric.unit(),
            _ => true,
        }
    }
}

/// One measured value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleLine {
    /// Index of the trial in the plan.
    pub trial: u32,
    /// Number of the attempt: a resumed run repeats an interrupted trial.
    pub attempt: u32,
    /// Where the clock started and stopped.
    pub boundary: Boundary,
    /// What was measured.
    pub metric: Metric,
    /// Repetition inside the trial's process, from 0.
    pub iteration: u32,
    /// The level it was measured at: the number of instances alive, or the requests offered per
    /// second. `None` for samples without levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// In `unit`.
    pub value: u64,
    /// Always the unit of the metric.
    pub unit: Unit,
}

/// The latencies of all requests offered at one rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistogramLine {
    /// Index of the trial in the plan.
    pub trial: u32,
    /// Number of the attempt at that trial.
    pub attempt: u32,
    /// Where the clock started and stopped; see also [`Clock`].
    pub boundary: Boundary,
    /// When each request's clock started.
    pub clock: Clock,
    /// Requests offered per second.
    pub at: u64,
    /// The second of the window, from 0, in which the requests were due; `None` for the whole
    /// window's histogram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<u32>,
    /// Nanoseconds with three significant digits, in HdrHistogram's V2 encoding with DEFLATE and
    /// base64, which every implementation of HdrHistogram reads.
    pub v2: String,
}

/// When a request's clock started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// At its scheduled time, whether or not it could be sent then: the latency.
    Due,
    /// When it was sent: what a client that waits for each response would have measured.
    Sent,
}

/// How one trial ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeLine {
    /// Index of the trial in the plan.
    pub trial: u32,
    /// Number of the attempt at that trial.
    pub attempt: u32,
    /// Nanoseconds from the start of the run (or of its resumption) to the start of the trial.
    pub started_ns: u64,
    /// Duration of the whole trial, harness overhead included, nanoseconds.
    pub took_ns: u64,
    /// A note on a successful trial, for example the level it stopped at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The result.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The result of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Outcome {
    /// Measured, and the guest's output was correct.
    Ok,
    /// The target does not support this.
    Unsupported {
        /// The adapter's explanation.
        reason: String,
    },
    /// Not measured: a crash, a missed deadline, invalid data on the pipe, a failed start.
    Failed {
        /// The category.
        kind: FailureKind,
        /// The attempted action and the error.
        message: String,
        /// The last lines of standard error of the adapter or guest.
        stderr: String,
    },
    /// Measured, but the guest's output was wrong; its samples do not count.
    WrongOutput {
        /// Where the output first differs from the expected one.
        message: String,
    },
}

/// The kinds of failure a trial can end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The process could not be started.
    Start,
    /// The process died of a signal or closed its pipe too early.
    Crashed,
    /// It did not finish before its deadline and was killed.
    Deadline,
    /// The adapter's messages violated the protocol.
    Protocol,
    /// The engine reported an error to the adapter.
    Engine,
    /// Killed for exceeding its memory limit.
    OutOfMemory,
}
