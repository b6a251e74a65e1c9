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
use crate::text;

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
    /// The plan contradicts itself.
    #[error(
        "{path} is damaged: trial {index} stands in its plan twice, so its samples cannot be told apart; \
         restore the file or measure again"
    )]
    Plan {
        /// The file.
        path: PathBuf,
        /// The index that is there more than once.
        index: u32,
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
    /// Lines that could not be read, that belong to no trial of the plan, or that are outcomes of an attempt
    /// that already had one: more than a torn last one means damage.
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

    /// Adds the lines of `content`; those of trials that were not `planned` count as unreadable.
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

/// A line, its text escaped as [`text`] does: names and what guests print end on terminals and pages.
fn shown_line(bytes: &[u8]) -> serde_json::Result<Line> {
    // JSON has controls as escapes, and directions as more than one byte.
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
        // The command is run again, not only shown: whoever shows it escapes it.
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
