//! Carries out a plan: prepares every pair, then does trial after trial, each recorded before
//! the next begins.

mod attempt;
mod folder;
mod sandbox;
mod specification;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use plimsoll_adapter::cgroup::killed_for_memory;
use plimsoll_adapter::protocol::{Launch, Prepare};
use plimsoll_record::run::{ArtefactRecord, Density, Load, TargetKind, TrialPlan};
use plimsoll_record::{
    FailureKind, HistogramLine, Line, Nanoseconds, Outcome, OutcomeLine, RunWriter, SampleLine,
    Step, TargetId, WorkloadId, WriteError,
};
use thiserror::Error;

use crate::catalog::checkout::Checkout;
use crate::catalog::targets::{AdapterRow, Table};
use crate::catalog::workloads::Ready;
use crate::machine::interrupt::Interrupt;
use crate::run::adapter::child::{AdapterChild, Fault, Preparation};
use crate::run::trial::Yield;
use crate::run::trial::size::Scales;
use crate::suites::conformance::groups::Tests;
use crate::suites::sandbox::questions::Questions;
use crate::ui::progress::Progress;
use folder::Folder;

/// A cell that missed its deadline this often in a row is not tried again: every further trial
/// would cost a whole deadline and tell nothing new.
const HANGS_BELIEVED: u32 = 3;

/// Why a plan was not carried out to its end. What was recorded stays.
#[derive(Debug, Error)]
pub enum Stopped {
    /// The user wants to stop.
    #[error("interrupted")]
    Interrupted,
    /// The run directory cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The scratch directory cannot be made.
    #[error(
        "cannot make the scratch directory {path}: {source}; free space or set CARGO_TARGET_DIR"
    )]
    Scratch {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What every trial of a run shares.
pub struct Session<'a> {
    /// Where things are.
    pub checkout: &'a Checkout,
    /// Which adapter drives which target.
    pub table: &'a Table,
    /// The workloads of the plan, verified.
    pub workloads: BTreeMap<WorkloadId, Ready>,
    /// Time after which a trial is killed.
    pub deadline: Duration,
    /// Time after which preparing a pair is given up.
    pub prepare_deadline: Duration,
    /// The load that servers are put under, in a run that asks for it.
    pub load: Option<Load>,
    /// What kind of thing each target is.
    pub kinds: BTreeMap<TargetId, TargetKind>,
    /// Asked before every wait.
    pub interrupt: &'a Interrupt,
    /// How many are to be alive at once, where that is the question.
    pub density: Option<Density>,
    /// The specification's tests, where they are the question.
    pub tests: Option<Tests>,
    /// What guests try, where that is the question.
    pub questions: Option<Questions>,
    /// Whether artefacts are made for any processor, because their instructions are counted.
    portable: bool,
    scales: RefCell<Scales>,
    scratch: Scratch,
    pairs: BTreeMap<(TargetId, WorkloadId), Pair>,
    hangs: BTreeMap<(TargetId, WorkloadId, Step), u32>,
    /// The folders of workloads that write.
    folders: BTreeMap<WorkloadId, Folder>,
}

/// What preparing a (target, workload) pair came to.
enum Pair {
    Ready {
        launch: Option<Box<Launch>>,
    },
    /// No trial of it can be done: this is the outcome of each.
    Refused(Outcome),
}

/// A directory that is gone when the run is over, however it ended short of a kill.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is removed at the start of the next run.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl<'a> Session<'a> {
    /// Makes a session with a scratch directory for the run called `id`. The machine's lock must
    /// be held: what earlier, killed runs left there is removed.
    ///
    /// # Errors
    /// [`Stopped::Scratch`].
    pub fn new(
        checkout: &'a Checkout,
        table: &'a Table,
        workloads: BTreeMap<WorkloadId, Ready>,
        deadlines: (Duration, Duration),
        interrupt: &'a Interrupt,
        id: &str,
    ) -> Result<Self, Stopped> {
        let all = checkout.scratch();
        let _ = fs::remove_dir_all(&all);
        let path = all.join(id);
        Self::within(path, checkout, table, workloads, deadlines, interrupt)
    }

    /// As [`Session::new`], for one of several sessions at once: with the scratch directory `path`,
    /// and nothing is removed before.
    ///
    /// # Errors
    /// [`Stopped::Scratch`].
    pub fn within(
        path: PathBuf,
        checkout: &'a Checkout,
        table: &'a Table,
        mut workloads: BTreeMap<WorkloadId, Ready>,
        deadlines: (Duration, Duration),
        interrupt: &'a Interrupt,
    ) -> Result<Self, Stopped> {
        let unmade = |source| Stopped::Scratch {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(&path).map_err(unmade)?;
        let folders = folder::give(&mut workloads, &path).map_err(unmade)?;
        Ok(Self {
            checkout,
            table,
            workloads,
            deadline: deadlines.0,
            prepare_deadline: deadlines.1,
            load: None,
            kinds: BTreeMap::new(),
            interrupt,
            density: None,
            tests: None,
            questions: None,
            portable: false,
            scales: RefCell::default(),
            scratch: Scratch(path),
            pairs: BTreeMap::new(),
            hangs: BTreeMap::new(),
            folders,
        })
    }

    /// Prepares every pair of `plan`, and says what was made. A pair that cannot be prepared is
    /// told about and remembered; its trials get that outcome.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn prepare(&mut self, plan: &[TrialPlan]) -> Result<Vec<ArtefactRecord>, Stopped> {
        let mut wanted: Vec<(TargetId, WorkloadId)> = Vec::new();
        // A test brings its own module, and a probe is prepared for its limits.
        let own = |step| matches!(step, Step::Conformance | Step::Sandbox);
        for trial in plan.iter().filter(|one| !own(one.step)) {
            let pair = (trial.target.clone(), trial.workload.clone());
            if !wanted.contains(&pair) {
                wanted.push(pair);
            }
        }
        self.portable = plan.iter().any(|trial| trial.step == Step::Count);
        wanted.sort();
        let progress = Progress::begin("preparing", wanted.len());
        let mut artefacts = Vec::new();
        for (target, workload) in wanted {
            progress.next(|| format!("{target} {workload}"));
            let pair = self.prepare_pair(&target, &workload, &mut artefacts)?;
            if let Pair::Refused(outcome) = &pair {
                progress.line(&told(&target, &workload, "prepare", outcome));
            }
            self.pairs.insert((target, workload), pair);
        }
        progress.finish();
        Ok(artefacts)
    }

    fn prepare_pair(
        &self,
        target: &TargetId,
        workload: &WorkloadId,
        artefacts: &mut Vec<ArtefactRecord>,
    ) -> Result<Pair, Stopped> {
        let (row, ready) = match self.find(target, workload) {
            Ok(found) => found,
            Err(outcome) => return Ok(Pair::Refused(outcome)),
        };
        let scratch = self.pair_scratch(target, workload);
        fs::create_dir_all(&scratch).map_err(|source| Stopped::Scratch {
            path: scratch.clone(),
            source,
        })?;
        let request = Prepare {
            target: target.clone(),
            workload: ready.workload.clone(),
            scratch,
            portable: self.portable,
        };
        let program = row.executable(self.checkout);
        let mut stderr = String::new();
        let answer = AdapterChild::start(&program, &self.checkout.root, self.interrupt).and_then(
            |mut adapter| {
                let answer = adapter
                    .hello(self.prepare_deadline)
                    .and_then(|_| adapter.prepare(request, self.prepare_deadline));
                stderr = adapter.stderr();
                if answer.is_ok() {
                    adapter.goodbye();
                }
                answer
            },
        );
        Ok(match answer {
            Ok(Preparation::Ready(prepared)) => {
                artefacts.extend(prepared.artefacts.into_iter().map(|made| ArtefactRecord {
                    target: target.clone(),
                    workload: workload.clone(),
                    role: made.role,
                    bytes: made.bytes,
                }));
                Pair::Ready {
                    launch: prepared.launch.map(Box::new),
                }
            }
            Ok(Preparation::Unsupported(reason)) => Pair::Refused(Outcome::Unsupported { reason }),
            Ok(Preparation::Failed {
                message,
                out_of_memory,
            }) => Pair::Refused(Outcome::Failed {
                kind: match out_of_memory {
                    true => FailureKind::OutOfMemory,
                    false => FailureKind::Engine,
                },
                message: format!("preparing it: {message}"),
                stderr,
            }),
            Err(fault) => match fault.kind() {
                None => return Err(Stopped::Interrupted),
                Some(kind) => Pair::Refused(Outcome::Failed {
                    kind,
                    message: format!("preparing it: {fault}"),
                    stderr,
                }),
            },
        })
    }

    /// Does `trials`, each with the attempt number that `attempt` gives it, and records each
    /// before the next begins. Returns whether all of them were measured and verified.
    ///
    /// # Errors
    /// [`Stopped`]; the trial under way is then not recorded.
    pub fn measure(
        &mut self,
        trials: &[&TrialPlan],
        attempt: impl Fn(u32) -> u32,
        writer: &mut RunWriter,
    ) -> Result<Verdict, Stopped> {
        let progress = Progress::begin("measuring", trials.len());
        let begun = Instant::now();
        let mut verdict = Verdict::default();
        let mut noted = BTreeSet::new();
        for trial in trials {
            if self.interrupt.asked() {
                progress.finish();
                return Err(Stopped::Interrupted);
            }
            progress.next(|| format!("{} {} {}", trial.target, trial.workload, trial.step));
            let started = begun.elapsed();
            let number = attempt(trial.index);
            let done = match trial.step {
                Step::Conformance => self.specification(trial, number).map(|(yielded, scripts)| {
                    (yielded, scripts.into_iter().map(Line::Script).collect())
                }),
                Step::Sandbox => self
                    .sandbox(trial, number)
                    .map(|(yielded, fact)| (yielded, fact.into_iter().map(Line::Fact).collect())),
                _ => self.one(trial).map(|yielded| (yielded, Vec::new())),
            };
            let (yielded, more): (_, Vec<Line>) = match done {
                Ok(done) => done,
                Err(_) => {
                    progress.finish();
                    return Err(Stopped::Interrupted);
                }
            };
            let took = begun.elapsed() - started;
            let first = verdict.add(trial, &yielded.outcome);
            if let Some(note) = &yielded.note
                && noted.insert((trial.target.clone(), trial.workload.clone(), trial.step))
            {
                let step = trial.step.name();
                progress.line(&format!(
                    "{} {} {step}: {note}",
                    trial.target, trial.workload
                ));
            }
            if first {
                let step = trial.step.name();
                progress.line(&told(
                    &trial.target,
                    &trial.workload,
                    step,
                    &yielded.outcome,
                ));
            }
            let mut lines = lines(trial, number, started, took, yielded);
            // The outcome closes a trial.
            let outcome = lines.len().saturating_sub(1);
            lines.splice(outcome..outcome, more);
            if let Err(error) = writer.append(&lines) {
                progress.finish();
                return Err(error.into());
            }
        }
        progress.finish();
        Ok(verdict)
    }

    /// Does one trial, unless its cell has hung too often to be believed.
    ///
    /// # Errors
    /// [`Fault::Interrupted`] alone; what else goes wrong is the trial's outcome.
    pub fn one(&mut self, trial: &TrialPlan) -> Result<Yield, Fault> {
        let cell = (trial.target.clone(), trial.workload.clone(), trial.step);
        let hangs = self.hangs.get(&cell).copied().unwrap_or(0);
        if hangs >= HANGS_BELIEVED {
            let outcome = Outcome::Failed {
                kind: FailureKind::Deadline,
                message: format!("not tried: it missed its deadline {hangs} times in a row"),
                stderr: String::new(),
            };
            return Ok(Yield::nothing(outcome));
        }
        let killed_before = killed_for_memory();
        let mut yielded = self.attempt(trial)?;
        let killed = killed_for_memory().zip(killed_before);
        if killed.is_some_and(|(after, before)| after > before) {
            blame_memory(&mut yielded.outcome);
        }
        let hung = matches!(
            yielded.outcome,
            Outcome::Failed {
                kind: FailureKind::Deadline,
                ..
            }
        );
        self.hangs.insert(cell, if hung { hangs + 1 } else { 0 });
        Ok(yielded)
    }

    fn find(
        &self,
        target: &TargetId,
        workload: &WorkloadId,
    ) -> Result<(&'a AdapterRow, &Ready), Outcome> {
        let unsupported = |what: String| Outcome::Unsupported { reason: what };
        let row = self
            .table
            .adapter_of(target)
            .ok_or_else(|| unsupported(format!("runtimes/targets.toml has no target {target}")))?;
        let ready = self
            .workloads
            .get(workload)
            .ok_or_else(|| unsupported(format!("workload {workload} is not ready")))?;
        Ok((row, ready))
    }

    fn pair_scratch(&self, target: &TargetId, workload: &WorkloadId) -> PathBuf {
        let folder = format!("{target}--{workload}").replace('/', "-");
        self.scratch.0.join(folder)
    }
}

/// The kernel killed something for want of memory during a trial: if the trial lost a process, it
/// was that one.
fn blame_memory(outcome: &mut Outcome) {
    if let Outcome::Failed { kind, message, .. } = outcome
        && *kind == FailureKind::Crashed
    {
        *kind = FailureKind::OutOfMemory;
        message.push_str("; meanwhile the kernel killed a process because memory ran out");
    }
}

/// What came of the trials that were done.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Trials that were measured and verified.
    pub ok: usize,
    /// Trials that the target says it cannot do.
    pub unsupported: usize,
    /// Trials that failed or gave a wrong output.
    pub failed: usize,
    told: Vec<(TargetId, WorkloadId, Step)>,
}

impl Verdict {
    /// Counts an outcome; true if it is the first of its cell that is not ok.
    fn add(&mut self, trial: &TrialPlan, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Ok => {
                self.ok += 1;
                return false;
            }
            Outcome::Unsupported { .. } => self.unsupported += 1,
            Outcome::Failed { .. } | Outcome::WrongOutput { .. } => self.failed += 1,
        }
        let cell = (trial.target.clone(), trial.workload.clone(), trial.step);
        let first = !self.told.contains(&cell);
        if first {
            self.told.push(cell);
        }
        first
    }
}

/// What is recorded of a trial, in the order of the file.
pub fn lines(
    trial: &TrialPlan,
    attempt: u32,
    started: Duration,
    took: Duration,
    yielded: Yield,
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

/// A line on an outcome that is not ok.
fn told(target: &TargetId, workload: &WorkloadId, step: &str, outcome: &Outcome) -> String {
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
    format!("{target} {workload} {step}: {what}")
}
