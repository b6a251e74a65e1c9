//! What a guest without any grants can and cannot do: the terms, and the recorded format.
//!
//! Answers are facts, not scores: a container that lets its program start processes does its job.
//! So there is no best answer and no total.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::vocabulary::WorkloadId;

/// A limit that a target is asked to set for a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "limit", rename_all = "kebab-case")]
pub enum Limit {
    /// No more memory than this.
    Memory {
        /// Bytes.
        bytes: u64,
    },
    /// No longer than this, or no more work than is about as long.
    Time {
        /// Nanoseconds.
        nanoseconds: u64,
    },
    /// No more processes and threads than this.
    Tasks {
        /// How many, those that are there from the start included.
        most: u32,
    },
    /// No file may be written.
    NoWriting,
    /// No network.
    NoNetwork,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Memory { bytes } => write!(f, "{} MiB of memory", bytes >> 20),
            Limit::Time { nanoseconds } => write!(f, "{} ms", nanoseconds / 1_000_000),
            Limit::Tasks { most } => write!(f, "{most} processes and threads"),
            Limit::NoWriting => f.write_str("nothing to be written"),
            Limit::NoNetwork => f.write_str("no network"),
        }
    }
}

/// The questions of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// In table order.
    pub questions: Vec<Question>,
}

/// One thing that a guest tries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Its name, also the workload of its trials.
    pub id: WorkloadId,
    /// The attempt, worded as the end of "can it".
    pub title: String,
    /// The limits that the target had to set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// The program that makes the attempt.
    pub probe: String,
    /// SHA-256 of its sources, hexadecimal.
    pub source_sha256: String,
    /// SHA-256 of its `.wasm`, hexadecimal.
    pub wasm_sha256: String,
    /// SHA-256 of its native binary, hexadecimal; `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_sha256: Option<String>,
}

/// A line of `samples.ndjson`: the answer of one target to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactLine {
    /// Index of the trial in the plan.
    pub trial: u32,
    /// Number of the attempt at that trial.
    pub attempt: u32,
    /// The answer.
    pub answer: Answer,
    /// The evidence: the guest's output, or how it ended and what the engine reported.
    pub evidence: String,
}

/// The result of a guest's attempt.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::VariantArray,
)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It succeeded.
    Granted,
    /// It got an error and could go on, or its module was rejected.
    Refused,
    /// The target ended it for the attempt: a trap, a kill.
    Stopped,
    /// It went on until the harness killed it.
    NotStopped,
    /// The target has no limit of that kind, or its adapter sets none.
    Unsupported,
}

impl Answer {
    /// Every answer, in table order.
    pub const ALL: &'static [Answer] = <Answer as strum::VariantArray>::VARIANTS;

    /// The answer's name in tables.
    pub fn word(self) -> &'static str {
        match self {
            Answer::Granted => "granted",
            Answer::Refused => "refused",
            Answer::Stopped => "stopped",
            Answer::NotStopped => "not stopped",
            Answer::Unsupported => "no such limit",
        }
    }

    /// A one-line explanation.
    pub fn meaning(self) -> &'static str {
        match self {
            Answer::Granted => "the guest did it",
            Answer::Refused => "the guest got an error and could go on, or its module was rejected",
            Answer::Stopped => "the target ended the guest for it: a trap, a kill",
            Answer::NotStopped => "the guest went on until the harness killed it",
            Answer::Unsupported => "the target has no such limit, or its adapter sets none",
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
