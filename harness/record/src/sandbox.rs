//! What a guest that was granted nothing can and cannot do: the words, and what is recorded.
//!
//! These are facts and no marks: a container that lets its program start processes does what it is
//! for. So there is no best answer, and nothing is added up.

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
    /// In the order of tables.
    pub questions: Vec<Question>,
}

/// One thing that a guest tries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Its name; a trial's workload.
    pub id: WorkloadId,
    /// What is tried, as the end of "can it".
    pub title: String,
    /// The limits that the target was asked to set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// The program that tries it.
    pub probe: String,
    /// SHA-256 of its sources, hexadecimal.
    pub source_sha256: String,
    /// SHA-256 of its `.wasm`, hexadecimal.
    pub wasm_sha256: String,
    /// SHA-256 of its native binary, hexadecimal, if one was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_sha256: Option<String>,
}

/// A line of `samples.ndjson`: the answer of one target to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactLine {
    /// Index of the trial in the plan.
    pub trial: u32,
    /// Which try at that trial this is.
    pub attempt: u32,
    /// The answer.
    pub answer: Answer,
    /// What it rests on: the guest's own words, or how it ended and what the engine said.
    pub evidence: String,
}

/// What came of what a guest tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It did it.
    Granted,
    /// It was told no and could go on, or its module was not accepted.
    Refused,
    /// It was ended for it by the target: a trap, a kill.
    Stopped,
    /// It went on until the harness killed it.
    NotStopped,
    /// The target has no limit of the kind that was asked of it, or its adapter sets none.
    Unsupported,
}

impl Answer {
    /// Every answer.
    pub const ALL: &'static [Answer] = &[
        Answer::Granted,
        Answer::Refused,
        Answer::Stopped,
        Answer::NotStopped,
        Answer::Unsupported,
    ];

    /// The answer as tables have it.
    pub fn word(self) -> &'static str {
        match self {
            Answer::Granted => "granted",
            Answer::Refused => "refused",
            Answer::Stopped => "stopped",
            Answer::NotStopped => "not stopped",
            Answer::Unsupported => "no such limit",
        }
    }

    /// What it means, in one line.
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
