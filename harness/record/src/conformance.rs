//! Results of the specification's tests: the terms, and the recorded format.
//!
//! A test is a *directive* of a script (`.wast`). Scripts form *groups*: a version of the
//! specification, or a proposal. Every directive gets exactly one [`Verdict`], so the counts of a
//! [`Tally`] have the same total for every engine.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::vocabulary::{TargetId, WorkloadId};

/// A proposal to WebAssembly, standardised since or not, by the name of its tests' folder.
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
    JsonSchema,
    strum::Display,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Proposal {
    /// Globals that are imported or exported may be mutable.
    MutableGlobal,
    /// Conversions from floats that saturate.
    #[serde(rename = "nontrapping-float-to-int-conversions")]
    #[strum(serialize = "nontrapping-float-to-int-conversions")]
    SaturatingFloatToInt,
    /// Sign extension of a part of an integer.
    #[serde(rename = "sign-extension-ops")]
    #[strum(serialize = "sign-extension-ops")]
    SignExtension,
    /// Several results of functions and blocks.
    MultiValue,
    /// References as values, several tables.
    ReferenceTypes,
    /// Copying, filling, passive segments.
    BulkMemory,
    /// Vectors of 128 bits.
    Simd,
    /// Vector operators whose results may differ from machine to machine.
    RelaxedSimd,
    /// Calls that replace their caller.
    TailCall,
    /// Arithmetic in constant expressions.
    ExtendedConst,
    /// Several memories.
    MultiMemory,
    /// Memories and tables with 64-bit addresses.
    Memory64,
    /// References to functions of a type.
    FunctionReferences,
    /// Exceptions with references to them.
    Exceptions,
    /// Structures and arrays that are collected.
    Gc,
    /// Annotations in the text format.
    Annotations,
    /// Shared memories and atomic access.
    Threads,
    /// Memories whose pages have another size.
    CustomPageSizes,
    /// Arithmetic on 128 bits.
    WideArithmetic,
}

impl Proposal {
    /// Every proposal, oldest first.
    pub const ALL: &'static [Proposal] = <Proposal as strum::VariantArray>::VARIANTS;

    /// The folder name of its tests.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A version of the specification.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum SpecVersion {
    /// 1.0, of 2019.
    #[serde(rename = "1.0")]
    V1,
    /// 2.0, of 2022.
    #[serde(rename = "2.0")]
    V2,
    /// 3.0, of 2025.
    #[serde(rename = "3.0")]
    V3,
}

impl SpecVersion {
    /// The proposals included in this version and all before it.
    pub fn proposals(self) -> &'static [Proposal] {
        // `Proposal::ALL` is in order of standardisation.
        let taken = match self {
            SpecVersion::V1 => Proposal::MutableGlobal,
            SpecVersion::V2 => Proposal::Simd,
            SpecVersion::V3 => Proposal::Annotations,
        };
        &Proposal::ALL[..=taken as usize]
    }
}

/// The tests of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Specification {
    /// A description of the source.
    pub source: String,
    /// The directory they were read from; `None` for those bundled with `bench`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<std::path::PathBuf>,
    /// The checkout of WebAssembly/wasi-testsuite, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wasi_testsuite: Option<std::path::PathBuf>,
    /// URL template of a script's source, with `{folder}`, `{script}` and `{line}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permalink: Option<String>,
    /// The groups, in table order.
    pub groups: Vec<Group>,
    /// The proposals that each target claims to support.
    #[serde(default)]
    pub claims: BTreeMap<TargetId, Vec<Proposal>>,
}

/// Tests that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name, also the workload of its trials.
    pub id: WorkloadId,
    /// A one-line description.
    pub title: String,
    /// The folder of its scripts in their collection.
    pub folder: String,
    /// The proposal under test, if any; engines that do not claim it are not tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<Proposal>,
    /// Features to enable in engines that allow it.
    pub features: Vec<Proposal>,
    /// Number of scripts.
    pub scripts: u32,
    /// Number of directives: the denominator, the same for every engine.
    pub directives: u32,
    /// SHA-256 over the names and contents of the scripts, hexadecimal.
    pub sha256: String,
}

/// A line of `samples.ndjson`: the result of one script on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptLine {
    /// Index of the trial in the plan.
    pub trial: u32,
    /// Number of the attempt at that trial.
    pub attempt: u32,
    /// The script's file name.
    pub script: String,
    /// How many directives passed.
    pub passed: u32,
    /// Passed directives that were correctly rejected or trapped, with a message that differs from
    /// the script's.
    #[serde(default)]
    pub differing: u32,
    /// Examples of the differing messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// Directives that failed, crashed or took too long, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Directives skipped on every engine, by reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Reason>,
    /// Directives that need something the target does not claim to support, by reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsupported: Vec<Reason>,
}

/// A directive that did not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its line in the script, from 1.
    pub line: u32,
    /// The way in which it did not pass.
    pub how: FailureMode,
    /// What happened instead of the expected result.
    pub message: String,
}

/// How a directive did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureMode {
    /// The result was wrong.
    Failed,
    /// The engine's process died, or was killed for exceeding its memory limit.
    Crashed,
    /// It missed its deadline.
    Timeout,
}

/// Directives that share a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Why they have no result.
    pub reason: String,
    /// Line numbers in the script, from 1.
    pub lines: Vec<u32>,
}

/// The result of one directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Passed, perhaps with a message that differs from the script's.
    Passed {
        /// The differing message.
        differs: Option<String>,
    },
    /// Did not pass.
    Found {
        /// The way in which it did not pass.
        how: FailureMode,
        /// What happened instead of the expected result.
        message: String,
    },
    /// Skipped on every engine.
    Skipped {
        /// Why no engine runs it.
        reason: String,
    },
    /// It needs something the target does not claim to support.
    Unsupported {
        /// The unsupported feature.
        reason: String,
    },
}

/// Maximum messages kept per script: enough to show that they differ.
const WORDS_KEPT: usize = 3;

impl ScriptLine {
    /// Makes the line of a script from its directives' line numbers and verdicts.
    pub fn of(
        trial: u32,
        attempt: u32,
        script: &str,
        verdicts: impl IntoIterator<Item = (u32, Verdict)>,
    ) -> Self {
        let mut line = ScriptLine {
            trial,
            attempt,
            script: script.to_owned(),
            passed: 0,
            differing: 0,
            words: Vec::new(),
            findings: Vec::new(),
            skipped: Vec::new(),
            unsupported: Vec::new(),
        };
        for (at, verdict) in verdicts {
            match verdict {
                Verdict::Passed { differs } => {
                    line.passed += 1;
                    if let Some(words) = differs {
                        line.differing += 1;
                        if line.words.len() < WORDS_KEPT && !line.words.contains(&words) {
                            line.words.push(words);
                        }
                    }
                }
                Verdict::Found { how, message } => line.findings.push(Finding {
                    line: at,
                    how,
                    message,
                }),
                Verdict::Skipped { reason } => add(&mut line.skipped, reason, at),
                Verdict::Unsupported { reason } => add(&mut line.unsupported, reason, at),
            }
        }
        line
    }

    /// The script's counts.
    pub fn tally(&self) -> Tally {
        let found = |how| self.findings.iter().filter(|f| f.how == how).count() as u32;
        let lines = |reasons: &[Reason]| reasons.iter().map(|r| r.lines.len() as u32).sum();
        Tally {
            passed: self.passed,
            failed: found(FailureMode::Failed),
            skipped: lines(&self.skipped),
            crashed: found(FailureMode::Crashed),
            timeout: found(FailureMode::Timeout),
            unsupported: lines(&self.unsupported),
            differing: self.differing,
        }
    }
}

fn add(reasons: &mut Vec<Reason>, reason: String, line: u32) {
    match reasons.iter_mut().find(|one| one.reason == reason) {
        Some(one) => one.lines.push(line),
        None => reasons.push(Reason {
            reason,
            lines: vec![line],
        }),
    }
}

/// Directives counted by result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// As the script expects.
    pub passed: u32,
    /// With a wrong result.
    pub failed: u32,
    /// Skipped on every engine.
    pub skipped: u32,
    /// The engine's process died.
    pub crashed: u32,
    /// Past the deadline.
    pub timeout: u32,
    /// Outside what the target claims to support.
    pub unsupported: u32,
    /// Passed, with a message that differs from the script's.
    pub differing: u32,
}

impl Tally {
    /// The number of directives, skipped ones included.
    pub fn total(&self) -> u32 {
        self.attempted() + self.skipped
    }

    /// The directives that engines are tested with: all but the skipped, the same for every engine.
    pub fn attempted(&self) -> u32 {
        self.passed + self.unpassed() + self.unsupported
    }

    /// Those that failed, crashed or timed out.
    pub fn unpassed(&self) -> u32 {
        self.failed + self.crashed + self.timeout
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.crashed += other.crashed;
        self.timeout += other.timeout;
        self.unsupported += other.unsupported;
        self.differing += other.differing;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_is_counted_once() {
        let found = |how| Verdict::Found {
            how,
            message: "no".to_owned(),
        };
        let reason = || "why".to_owned();
        let verdicts = [
            Verdict::Passed { differs: None },
            Verdict::Passed {
                differs: Some("other".to_owned()),
            },
            found(FailureMode::Failed),
            found(FailureMode::Crashed),
            found(FailureMode::Timeout),
            Verdict::Skipped { reason: reason() },
            Verdict::Skipped { reason: reason() },
            Verdict::Unsupported { reason: reason() },
        ];
        let total = verdicts.len() as u32;
        let line = ScriptLine::of(0, 0, "a.wast", (1..).zip(verdicts));
        let tally = line.tally();
        assert_eq!(tally.total(), total);
        assert_eq!(tally.attempted(), 6);
        assert_eq!((tally.passed, tally.differing, tally.unpassed()), (2, 1, 3));
        assert_eq!(line.skipped[0].lines, [6, 7]);
    }

    #[test]
    fn each_version_takes_in_what_the_one_before_had() {
        assert_eq!(SpecVersion::V1.proposals(), [Proposal::MutableGlobal]);
        assert!(SpecVersion::V2.proposals().ends_with(&[Proposal::Simd]));
        assert!(SpecVersion::V3.proposals().contains(&Proposal::Gc));
        assert!(!SpecVersion::V3.proposals().contains(&Proposal::Threads));
    }
}
