//! Reads a run directory, even an incomplete one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::conformance::ScriptLine;
use crate::line::{HistogramLine, Line, Outcome, OutcomeLine, SampleLine};
use crate::run::{READABLE, Run};
use crate::sandbox::FactLine;
use crate::text;

/// Name of the file with the plan.
pub const RUN_FILE: &str = "run.json";
/// Name of the file with samples and outcomes.
pub const SAMPLES_FILE: &str = "samples.ndjson";

/// Why a run directory could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// There is no `run.json`.
    #[error("{0} is not a run directory: it has no run.json; `bench run` makes one")]
    NotARun(PathBuf),
    /// A file exists but cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// `run.json` is truncated or does not fit its schema.
    #[error("{path} is damaged: {source}; the raw samples beside it may still be whole")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Position and cause of the error.
        source: serde_json::Error,
    },
    /// Two trials of the plan have the same index.
    #[error(
        "{path} is damaged: trial {index} stands in its plan twice, so its samples cannot be told apart; \
         restore the file or measure again"
    )]
    Plan {
        /// The file.
        path: PathBuf,
        /// The duplicate index.
        index: u32,
    },
    /// The run's schema is unknown to this version.
    #[error(
        "{path} has schema {found:?}, this version reads {}; use the version of bench that wrote it",
        READABLE.join(" and ")
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// The schema that it names.
        found: String,
    },
}

/// A run as read from its directory.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Where it was read from.
    pub directory: PathBuf,
    /// `run.json`.
    pub run: Run,
    /// Every trial that has an outcome, by its index in the plan; the last attempt wins.
    pub trials: BTreeMap<u32, Trial>,
    /// Highest attempt number seen for each trial, interrupted attempts included.
    pub attempts: BTreeMap<u32, u32>,
    /// Lines that could not be read, belong to no planned trial, or repeat an attempt's outcome.
    /// More than one (a torn last line) means damage.
    pub unreadable_lines: usize,
}

/// One finished trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// How it ended.
    pub outcome: OutcomeLine,
    /// Its raw samples, in order of measurement.
    pub samples: Vec<SampleLine>,
    /// Its histograms, in order of measurement.
    pub histograms: Vec<HistogramLine>,
    /// Results of the specification's scripts, in order of execution.
    pub scripts: Vec<ScriptLine>,
    /// What its guest could or could not do; `None` outside the suite `sandbox`.
    pub fact: Option<FactLine>,
}

/// Lines of an attempt without an outcome so far.
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
    /// [`ReadError`] if there is no run, or if `run.json` is damaged or has an unknown schema.
    /// Damage to `samples.ndjson` is no error: unreadable lines are only counted.
    pub fn read(directory: &Path) -> Result<Self, ReadError> {
        let run = read_run(directory)?;
        let path = directory.join(SAMPLES_FILE);
        let content = match fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(ReadError::Io { path, source }),
        };
        let planned = run.plan.iter().map(|trial| trial.index).collect();
        let mut recorded = Recorded {
            directory: directory.to_owned(),
            run,
            trials: BTreeMap::new(),
            attempts: BTreeMap::new(),
            unreadable_lines: 0,
        };
        recorded.add(&content, &planned);
        Ok(recorded)
    }

    /// Adds the lines of `content`. Lines of trials that are not `planned` count as unreadable.
    fn add(&mut self, content: &[u8], planned: &BTreeSet<u32>) {
        let mut open: BTreeMap<(u32, u32), Open> = BTreeMap::new();
        let mut closed: BTreeSet<(u32, u32)> = BTreeSet::new();
        let lines = content.split(|&byte| byte == b'\n');
        for text in lines.filter(|line| !line.is_empty()) {
            let line = match shown_line(text) {
                Ok(line) if planned.contains(&line.of().0) && line.is_sound() => line,
                _ => {
                    self.unreadable_lines += 1;
                    continue;
                }
            };
            let key = line.of();
            let highest = self.attempts.entry(key.0).or_default();
            *highest = key.1.max(*highest);
            let Line::Outcome(outcome) = line else {
                open.entry(key).or_default().add(line);
                continue;
            };
            let taken = open.remove(&key).unwrap_or_default();
            if !closed.insert(key) {
                self.unreadable_lines += 1;
                continue;
            }
            self.trials.insert(key.0, taken.closed(outcome));
        }
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
}

/// Parses a line and escapes its text as [`text`] does, because names and guest output end up on
/// terminals and pages.
fn shown_line(bytes: &[u8]) -> serde_json::Result<Line> {
    // JSON escapes control characters, and bidirectional controls are not ASCII, so such a line
    // needs no escaping.
    if bytes.is_ascii() && !bytes.contains(&b'\\') {
        return serde_json::from_slice(bytes);
    }
    let mut value = serde_json::from_slice(bytes)?;
    text::escape(&mut value);
    serde_json::from_value(value)
}

impl Open {
    fn add(&mut self, line: Line) {
        match line {
            Line::Sample(sample) => self.samples.push(sample),
            Line::Histogram(histogram) => self.histograms.push(histogram),
            Line::Script(script) => self.scripts.push(script),
            Line::Fact(fact) => self.fact = Some(fact),
            Line::Outcome(_) => {}
        }
    }

    fn closed(self, outcome: OutcomeLine) -> Trial {
        Trial {
            outcome,
            samples: self.samples,
            histograms: self.histograms,
            scripts: self.scripts,
            fact: self.fact,
        }
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
    let mut value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|source| ReadError::Damaged {
            path: path.clone(),
            source,
        })?;
    if let Some(fields) = value.as_object_mut() {
        // The command is executed again, not only shown; code that shows it must escape it.
        let fields = fields.iter_mut().filter(|(name, _)| *name != "command");
        fields.for_each(|(_, field)| text::escape(field));
    }
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
    let run: Run = match serde_json::from_value(value) {
        Ok(run) => run,
        Err(source) => return Err(ReadError::Damaged { path, source }),
    };
    let mut seen = BTreeSet::new();
    let mut trials = run.plan.iter();
    match trials.find(|trial| !seen.insert(trial.index)) {
        Some(trial) => Err(ReadError::Plan {
            path,
            index: trial.index,
        }),
        None => Ok(run),
    }
}
