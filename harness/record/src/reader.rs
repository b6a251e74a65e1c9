//! Reads a run directory back, also one that was cut short.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::conformance::ScriptLine;
use crate::line::{HistogramLine, Line, Outcome, OutcomeLine, SampleLine};
use crate::run::{READABLE, Run};
use crate::sandbox::FactLine;

/// Name of the file that says what was planned.
pub const RUN_FILE: &str = "run.json";
/// Name of the file that holds samples and outcomes.
pub const SAMPLES_FILE: &str = "samples.ndjson";

/// Why a run directory could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// There is no `run.json`.
    #[error("{0} is not a run directory: it has no run.json; `bench run` makes one")]
    NotARun(PathBuf),
    /// A file is there but cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `run.json` is truncated or is not what this version knows.
    #[error("{path} is damaged: {source}; the raw samples beside it may still be whole")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The run was written in a format that this version does not know.
    #[error(
        "{path} has schema {found:?}, this version reads {}; use the version of bench that wrote it",
        READABLE.join(" and ")
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// What it says it is.
        found: String,
    },
}

/// A run read back from its directory.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Where it was read from.
    pub directory: PathBuf,
    /// `run.json`.
    pub run: Run,
    /// Every trial that has an outcome, by its index in the plan; of several attempts the last.
    pub trials: BTreeMap<u32, Trial>,
    /// Highest attempt number seen for each trial, interrupted attempts included.
    pub attempts: BTreeMap<u32, u32>,
    /// Lines that could not be read, and outcomes of an attempt that already had one: more than a torn
    /// last line means damage.
    pub unreadable_lines: usize,
}

/// One finished trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// How it ended.
    pub outcome: OutcomeLine,
    /// Its raw samples, in the order they were taken.
    pub samples: Vec<SampleLine>,
    /// Its histograms, in the order they were taken.
    pub histograms: Vec<HistogramLine>,
    /// What became of the specification's scripts, in the order they were run.
    pub scripts: Vec<ScriptLine>,
    /// What its guest could or could not do.
    pub fact: Option<FactLine>,
}

/// What was read of a trial whose outcome was not yet.
#[derive(Default)]
struct Open {
    samples: Vec<SampleLine>,
    histograms: Vec<HistogramLine>,
    scripts: Vec<ScriptLine>,
    fact: Option<FactLine>,
}

impl Recorded {
    /// Reads the run in `directory`.
    ///
    /// # Errors
    /// [`ReadError`] if there is no run, or if its `run.json` is damaged or of another version.
    /// Damage to `samples.ndjson` is no error: the readable lines are returned and the others
    /// counted.
    pub fn read(directory: &Path) -> Result<Self, ReadError> {
        let run = read_run(directory)?;
        let path = directory.join(SAMPLES_FILE);
        let content = match fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(ReadError::Io { path, source }),
        };
        let mut recorded = Recorded {
            directory: directory.to_owned(),
            run,
            trials: BTreeMap::new(),
            attempts: BTreeMap::new(),
            unreadable_lines: 0,
        };
        let mut open: BTreeMap<(u32, u32), Open> = BTreeMap::new();
        let mut closed: BTreeSet<(u32, u32)> = BTreeSet::new();
        for line in content
            .split(|&b| b == b'\n')
            .filter(|line| !line.is_empty())
        {
            match serde_json::from_slice(line) {
                Ok(Line::Sample(sample)) => {
                    recorded.saw(sample.trial, sample.attempt);
                    open.entry((sample.trial, sample.attempt))
                        .or_default()
                        .samples
                        .push(sample);
                }
                Ok(Line::Histogram(histogram)) => {
                    recorded.saw(histogram.trial, histogram.attempt);
                    open.entry((histogram.trial, histogram.attempt))
                        .or_default()
                        .histograms
                        .push(histogram);
                }
                Ok(Line::Script(script)) => {
                    recorded.saw(script.trial, script.attempt);
                    open.entry((script.trial, script.attempt))
                        .or_default()
                        .scripts
                        .push(script);
                }
                Ok(Line::Fact(fact)) => {
                    recorded.saw(fact.trial, fact.attempt);
                    let trial = open.entry((fact.trial, fact.attempt)).or_default();
                    trial.fact = Some(fact);
                }
                Ok(Line::Outcome(outcome)) => {
                    recorded.saw(outcome.trial, outcome.attempt);
                    let attempt = (outcome.trial, outcome.attempt);
                    let taken = open.remove(&attempt).unwrap_or_default();
                    // The first counts: what repeats it would replace or empty it.
                    if !closed.insert(attempt) {
                        recorded.unreadable_lines += 1;
                        continue;
                    }
                    recorded.trials.insert(
                        outcome.trial,
                        Trial {
                            outcome,
                            samples: taken.samples,
                            histograms: taken.histograms,
                            scripts: taken.scripts,
                            fact: taken.fact,
                        },
                    );
                }
                Err(_) => recorded.unreadable_lines += 1,
            }
        }
        Ok(recorded)
    }

    /// Whether every planned trial has an outcome.
    pub fn is_complete(&self) -> bool {
        self.run
            .plan
            .iter()
            .all(|trial| self.trials.contains_key(&trial.index))
    }

    /// Whether every planned trial was measured and verified.
    pub fn all_ok(&self) -> bool {
        self.is_complete()
            && self
                .trials
                .values()
                .all(|trial| matches!(trial.outcome.outcome, Outcome::Ok))
    }

    fn saw(&mut self, trial: u32, attempt: u32) {
        let highest = self.attempts.entry(trial).or_default();
        *highest = attempt.max(*highest);
    }
}

/// Reads `run.json` alone.
///
/// # Errors
/// As [`Recorded::read`].
pub fn read_run(directory: &Path) -> Result<Run, ReadError> {
    let path = directory.join(RUN_FILE);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ReadError::NotARun(directory.to_owned()));
        }
        Err(source) => return Err(ReadError::Io { path, source }),
    };
    let value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|source| ReadError::Damaged {
            path: path.clone(),
            source,
        })?;
    let schema = value
        .get("schema")
        .and_then(|s| s.as_str())
        .unwrap_or("none");
    if !READABLE.contains(&schema) {
        return Err(ReadError::Schema {
            path,
            found: schema.to_owned(),
        });
    }
    serde_json::from_value(value).map_err(|source| ReadError::Damaged { path, source })
}
