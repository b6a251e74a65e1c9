//! Executes a plan: prepares every pair, then runs the trials and records each before the next starts.

mod attempt;
mod beside;
mod folder;
mod lines;
mod sandbox;
mod specification;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use plimsoll_adapter::cgroup::killed_for_memory;
use plimsoll_adapter::protocol::{Launch, Prepare};
use plimsoll_record::run::{ArtefactRecord, TargetKind, TrialPlan};
use plimsoll_record::text::plain;
use plimsoll_record::{
    FailureKind, Line, Outcome, RunWriter, Step, TargetId, WorkloadId, WriteError,
};
use thiserror::Error;

use crate::catalog::targets::AdapterRow;
use crate::catalog::workloads::Ready;
use crate::machine::interrupt::Interrupt;
use crate::run::adapter::child::{AdapterChild, Fault, Preparation};
use crate::run::job::Job;
use crate::run::programs::{ADAPTER, Programs};
use crate::run::scratch::Scratch;
use crate::run::trial::TrialResult;
use crate::run::trial::size::Scales;
use crate::ui::progress::Progress;
use folder::Folder;
use lines::describe;
pub use lines::{Verdict, lines};

/// After this number of missed deadlines in a row, a cell is not tried again: each trial would cost a whole
/// deadline and add nothing.
const HANGS_BELIEVED: u32 = 3;

/// Why a plan was not completed. Recorded trials stay.
#[derive(Debug, Error)]
pub enum Stopped {
    /// The user interrupted the run.
    #[error("interrupted")]
    Interrupted,
    /// The run directory cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A program on disk changed since the start.
    #[error(
        "{} was exchanged while the run measured, so trials to come would measure another program; bring \
         the earlier one back and continue, or start a new run",
        .0.display()
    )]
    Exchanged(PathBuf),
    /// A program of the run cannot be read.
    #[error("cannot hash {path}, which takes part in the run: {source}")]
    Program {
        /// The program.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The scratch directory cannot be created.
    #[error(
        "cannot make the scratch directory {path}: {source}; {}",
        remedy(source)
    )]
    Scratch {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// The shared state of all trials of a run.
pub struct Session<'a> {
    job: &'a Job<'a>,
    /// The workloads of the plan; those that write have their own folders.
    workloads: BTreeMap<WorkloadId, Ready>,
    /// The kind of each target.
    kinds: BTreeMap<TargetId, TargetKind>,
    /// Checked before every wait.
    interrupt: &'a Interrupt,
    programs: Programs,
    /// Whether artefacts are compiled for any processor, because their instructions are counted.
    portable: bool,
    scales: RefCell<Scales>,
    scratch: Scratch,
    pairs: BTreeMap<(TargetId, WorkloadId), Pair>,
    hangs: BTreeMap<(TargetId, WorkloadId, Step), u32>,
    /// The folders of workloads that write.
    folders: BTreeMap<WorkloadId, Folder>,
}

/// The result of preparing a (target, workload) pair.
enum Pair {
    Ready {
        launch: Option<Box<Launch>>,
    },
    /// Not possible: this is the outcome of all its trials.
    Refused(Outcome),
}

impl<'a> Session<'a> {
    /// Creates a session that keeps its files in `scratch`.
    ///
    /// # Errors
    /// [`Stopped::Scratch`], [`Stopped::Program`].
    pub fn new(
        job: &'a Job<'a>,
        scratch: Scratch,
        interrupt: &'a Interrupt,
    ) -> Result<Self, Stopped> {
        let mut workloads = job.workloads();
        let folders =
            folder::give(&mut workloads, scratch.path()).map_err(|source| Stopped::Scratch {
                path: scratch.path().to_owned(),
                source,
            })?;
        let targets = job.targets.iter();
        let kinds = targets
            .map(|target| (target.target.id.clone(), target.target.kind))
            .collect();
        let mut session = Self {
            job,
            workloads,
            kinds,
            interrupt,
            programs: Programs::of_bench().map_err(|source| Stopped::Program {
                path: "/proc/self/exe".into(),
                source,
            })?,
            portable: false,
            scales: RefCell::default(),
            scratch,
            pairs: BTreeMap::new(),
            hangs: BTreeMap::new(),
            folders,
        };
        session.hash_adapters()?;
        Ok(session)
    }

    fn hash_adapters(&mut self) -> Result<(), Stopped> {
        for target in &self.job.targets {
            let Some(row) = self.job.table.adapter_of(&target.target.id) else {
                continue;
            };
            let path = row.executable(self.job.checkout);
            let added = self.programs.add(ADAPTER, &row.id, &path);
            added.map_err(|source| Stopped::Program { path, source })?;
        }
        Ok(())
    }

    /// The programs of the run that are known so far; complete after pairs are prepared.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Prepares every pair of `plan`, and returns the artefacts. A pair that cannot be prepared is reported;
    /// its trials get that outcome.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn prepare(&mut self, plan: &[&TrialPlan]) -> Result<Vec<ArtefactRecord>, Stopped> {
        let mut wanted: Vec<(TargetId, WorkloadId)> = Vec::new();
        // Tests have their own modules, and probes are prepared with their limits.
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
            match &pair {
                Pair::Refused(outcome) => {
                    progress.line(&describe(&target, &workload, "prepare", outcome));
                }
                Pair::Ready {
                    launch: Some(launch),
                } => {
                    let path = launch.program.clone();
                    let added = self.programs.add_launch((&target, &workload), launch);
                    added.map_err(|source| Stopped::Program { path, source })?;
                }
                Pair::Ready { launch: None } => {}
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
        let program = row.executable(self.job.checkout);
        let limit = self.job.deadlines.prepare;
        let at = (program.as_path(), self.job.checkout.root.as_path());
        let answer = AdapterChild::once(at, limit, self.interrupt, |adapter, _| {
            adapter.prepare(request, limit)
        });
        Ok(match answer {
            Ok((Preparation::Ready(prepared), _)) => {
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
            Ok((Preparation::Unsupported(reason), _)) => {
                Pair::Refused(Outcome::Unsupported { reason })
            }
            Ok((
                Preparation::Failed {
                    message,
                    out_of_memory,
                },
                stderr,
            )) => Pair::Refused(Outcome::Failed {
                kind: match out_of_memory {
                    true => FailureKind::OutOfMemory,
                    false => FailureKind::Engine,
                },
                message: format!("preparing it: {message}"),
                stderr,
            }),
            Err((fault, stderr)) => match fault.kind() {
                None => return Err(Stopped::Interrupted),
                Some(kind) => Pair::Refused(Outcome::Failed {
                    kind,
                    message: format!("preparing it: {fault}"),
                    stderr,
                }),
            },
        })
    }

    /// Runs `trials` with the attempt numbers of `attempt`, and records each before the next starts. Returns
    /// the numbers of outcomes.
    ///
    /// # Errors
    /// [`Stopped`]; the current trial is then not recorded.
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
            if self.interrupt.requested() {
                progress.finish();
                return Err(Stopped::Interrupted);
            }
            if let Some(path) = self.programs.exchanged() {
                progress.finish();
                return Err(Stopped::Exchanged(path));
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
                let said = format!("{} {} {step}: {note}", trial.target, trial.workload);
                progress.line(&plain(&said));
            }
            if first {
                let step = trial.step.name();
                progress.line(&describe(
                    &trial.target,
                    &trial.workload,
                    step,
                    &yielded.outcome,
                ));
            }
            let mut lines = lines(trial, number, started, took, yielded);
            // The outcome must be a trial's last line.
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

    /// Runs one trial, unless its cell has missed too many deadlines.
    ///
    /// # Errors
    /// Only [`Fault::Interrupted`]; any other failure is the trial's outcome.
    pub fn one(&mut self, trial: &TrialPlan) -> Result<TrialResult, Fault> {
        let cell = (trial.target.clone(), trial.workload.clone(), trial.step);
        let hangs = self.hangs.get(&cell).copied().unwrap_or(0);
        if hangs >= HANGS_BELIEVED {
            let outcome = Outcome::Failed {
                kind: FailureKind::Deadline,
                message: format!("not tried: it missed its deadline {hangs} times in a row"),
                stderr: String::new(),
            };
            return Ok(TrialResult::nothing(outcome));
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

    /// Checks that no program on disk changed since it was hashed.
    ///
    /// # Errors
    /// [`Stopped::Exchanged`].
    pub fn same_programs(&mut self) -> Result<(), Stopped> {
        match self.programs.exchanged() {
            Some(path) => Err(Stopped::Exchanged(path)),
            None => Ok(()),
        }
    }

    fn find(
        &self,
        target: &TargetId,
        workload: &WorkloadId,
    ) -> Result<(&'a AdapterRow, &Ready), Outcome> {
        let unsupported = |what: String| Outcome::Unsupported { reason: what };
        let row =
            self.job.table.adapter_of(target).ok_or_else(|| {
                unsupported(format!("runtimes/targets.toml has no target {target}"))
            })?;
        let ready = self
            .workloads
            .get(workload)
            .ok_or_else(|| unsupported(format!("workload {workload} is not ready")))?;
        Ok((row, ready))
    }

    fn pair_scratch(&self, target: &TargetId, workload: &WorkloadId) -> PathBuf {
        let folder = format!("{target}--{workload}").replace('/', "-");
        self.scratch.path().join(folder)
    }
}

/// What a user can do about a folder that cannot be created.
fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "set CARGO_TARGET_DIR to a folder that can be written"
        }
        _ => "free space or set CARGO_TARGET_DIR",
    }
}

/// The kernel killed a process for lack of memory during a trial: if the trial lost a process, it was that
/// one.
fn blame_memory(outcome: &mut Outcome) {
    if let Outcome::Failed { kind, message, .. } = outcome
        && *kind == FailureKind::Crashed
    {
        *kind = FailureKind::OutOfMemory;
        message.push_str("; meanwhile the kernel killed a process because memory ran out");
    }
}
