//! A line of `samples.ndjson`: one sample, or the outcome that closes one trial.
//!
//! Samples of a trial stand before its outcome. Samples without an outcome belong to a trial
//! that was interrupted: they are kept in the file and left out of analysis.

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
    /// The latencies of every request that was offered at one rate.
    Histogram(HistogramLine),
    /// What became of one script of the specification's tests.
    Script(ScriptLine),
    /// What a guest could or could not do.
    Fact(FactLine),
    /// How one trial ended.
    Outcome(OutcomeLine),
}

impl Line {
    /// The trial that it belongs to, and the attempt at that trial.
    pub fn of(&self) -> (u32, u32) {
        match self {
            Line::Sample(line) => (line.trial, line.attempt),
            Line::Histogram(line) => (line.trial, line.attempt),
            Line::Script(line) => (line.trial, line.attempt),
            Line::Fact(line) => (line.trial, line.attempt),
            Line::Outcome(line) => (line.trial, line.attempt),
        }
    }

    /// Whether a sample's value is in the unit of its metric.
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
    /// Which try at that trial this is; a resumed run tries an interrupted trial again.
    pub attempt: u32,
    /// Where the clock started and stopped.
    pub boundary: Boundary,
    /// What was measured.
    pub metric: Metric,
    /// Repetition inside the trial's process, from 0.
    pub iteration: u32,
    /// The load it was measured under, where that is part of the question: how many instances
    /// were alive, or how many requests a second were offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// The value, in `unit`.
    pub value: u64,
    /// The value's unit.
    pub unit: Unit,
}

/// The latencies of every request that was offered at one rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistogramLine {
    /// Index of the trial in the plan.
    pub trial: u32,
    /// Which try at that trial this is.
    pub attempt: u32,
    /// Where the clock started and stopped; [`Clock`] says it more closely.
    pub boundary: Boundary,
    /// When the clock of each request was started.
    pub clock: Clock,
    /// Requests offered a second.
    pub at: u64,
    /// The second of the window, from 0, that the requests were due in; absent from the histogram of the
    /// whole window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<u32>,
    /// The histogram, nanoseconds, three significant digits: HdrHistogram's V2 encoding with
    /// DEFLATE, in base64, as every implementation of HdrHistogram reads it.
    pub v2: String,
}

/// When the clock of a request was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// When it was due by the schedule, whether it could be sent then or not: the latency.
    Due,
    /// When it was sent: what a client that waits for each response would have seen.
    Sent,
}

/// How one trial ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeLine {
    /// Index of the trial in the plan.
    pub trial: u32,
    /// Which try at that trial this is.
    pub attempt: u32,
    /// Nanoseconds from the start of the run (or of its resumption) to the start of the trial.
    pub started_ns: u64,
    /// Nanoseconds the whole trial took, the harness's share included.
    pub took_ns: u64,
    /// What a reader must know of a trial that counts: for example at which level it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Outcome {
    /// Measured, and the guest's output was the expected one.
    Ok,
    /// The target says it cannot do this.
    Unsupported {
        /// Why, in the adapter's words.
        reason: String,
    },
    /// Not measured: a crash, a missed deadline, garbage on the pipe, a failed start.
    Failed {
        /// What kind of failure.
        kind: FailureKind,
        /// What was tried, and what happened.
        message: String,
        /// The last lines of the adapter's or guest's standard error.
        stderr: String,
    },
    /// Measured, but the guest's output was not the expected one: its samples do not count.
    WrongOutput {
        /// Where the output first differs from the expected one, in words.
        message: String,
    },
}

/// The kinds of failure a trial can end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The process could not be started.
    Start,
    /// The process ended by a signal or closed its pipe in the middle.
    Crashed,
    /// It did not finish before its deadline and was killed.
    Deadline,
    /// What came over the pipe was not the protocol.
    Protocol,
    /// The adapter reported an error of the engine.
    Engine,
    /// Killed for using too much memory.
    OutOfMemory,
}
