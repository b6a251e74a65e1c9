//! Carries out a plan: prepares every pair, then does trial after trial, each recorded before
//! the next begins.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plimsoll_adapter::protocol::{Instances, Launch, Levels, Measure, Prepare, Sample, Serve};
use plimsoll_record::run::{ArtefactRecord, Density, Load, TargetKind, TrialPlan};
use plimsoll_record::{
    Boundary, FailureKind, HistogramLine, Line, Metric, Nanoseconds, Outcome, OutcomeLine,
    RunWriter, SampleLine, Step, TargetId, WorkloadId, WriteError,
};
use thiserror::Error;

use crate::adapter::child::{AdapterChild, Fault, Preparation, signal_name};
use crate::checkout::Checkout;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::table::{AdapterRow, Table};
use crate::trial::process::{self, Copy, Ended, ProcessTrial};
use crate::trial::serving::{self, ServingTrial};
use crate::trial::size::Scales;
use crate::trial::spawn::Exited;
use crate::trial::{Yield, alive, conversation, peak, verify};
use crate::workloads::Ready;

/// How long the processor time of one process that waits is watched.
const IDLE_WINDOW: Nanoseconds = Nanoseconds(200_000_000);

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
    scales: RefCell<Scales>,
    scratch: Scratch,
    pairs: BTreeMap<(TargetId, WorkloadId), Pair>,
    hangs: BTreeMap<(TargetId, WorkloadId, Step), u32>,
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
        fs::create_dir_all(&path).map_err(|source| Stopped::Scratch {
            path: path.clone(),
            source,
        })?;
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
            scales: RefCell::default(),
            scratch: Scratch(path),
            pairs: BTreeMap::new(),
            hangs: BTreeMap::new(),
        })
    }

    /// Prepares every pair of `plan`, and says what was made. A pair that cannot be prepared is
    /// told about and remembered; its trials get that outcome.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn prepare(&mut self, plan: &[TrialPlan]) -> Result<Vec<ArtefactRecord>, Stopped> {
        let mut wanted: Vec<(TargetId, WorkloadId)> = Vec::new();
        for trial in plan {
            let pair = (trial.target.clone(), trial.workload.clone());
            if !wanted.contains(&pair) {
                wanted.push(pair);
            }
        }
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
            let yielded = match self.one(trial) {
                Ok(yielded) => yielded,
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
            let lines = lines(trial, attempt(trial.index), started, took, yielded);
            if let Err(error) = writer.append(&lines) {
                progress.finish();
                return Err(error.into());
            }
        }
        progress.finish();
        Ok(verdict)
    }

    fn one(&mut self, trial: &TrialPlan) -> Result<Yield, Fault> {
        let cell = (trial.target.clone(), trial.workload.clone(), trial.step);
        let hangs = self.hangs.get(&cell).copied().unwrap_or(0);
        if hangs >= HANGS_BELIEVED {
            return Ok(Yield::nothing(Outcome::Failed {
                kind: FailureKind::Deadline,
                message: format!("not tried: it missed its deadline {hangs} times in a row"),
                stderr: String::new(),
            }));
        }
        let yielded = self.attempt(trial)?;
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

    fn attempt(&self, trial: &TrialPlan) -> Result<Yield, Fault> {
        let pair = (trial.target.clone(), trial.workload.clone());
        let (row, ready) = match self.find(&trial.target, &trial.workload) {
            Ok(found) => found,
            Err(outcome) => return Ok(Yield::nothing(outcome)),
        };
        let launch = match self.pairs.get(&pair) {
            Some(Pair::Ready { launch }) => launch.as_deref(),
            Some(Pair::Refused(outcome)) => return Ok(Yield::nothing(outcome.clone())),
            None => None,
        };
        let scratch = self.pair_scratch(&trial.target, &trial.workload);
        match (launch, trial.step) {
            (Some(launch), Step::Process | Step::Fresh) => {
                self.launched(launch, trial.step, &scratch, &ready.expected)
            }
            (_, Step::Serve | Step::ServeFresh | Step::Zero) => {
                self.serving(row, ready, trial, scratch)
            }
            (Some(launch), Step::Processes) => self.alive(launch, &ready.expected),
            (Some(launch), Step::Idle) => {
                let asked = alive::Asked {
                    launch,
                    levels: &one(),
                    boundary: Boundary::Idle,
                    expected: &ready.expected,
                    deadline: self.deadline,
                };
                alive::run(&asked, self.interrupt)
            }
            (Some(launch), Step::Size) => {
                // Run once: what is weighed must be what works.
                let mut yielded =
                    self.launched(launch, Step::Process, &scratch, &ready.expected)?;
                let weighed = self
                    .scales
                    .borrow_mut()
                    .samples(launch, &ready.workload.wasm);
                match weighed {
                    Ok(samples) => yielded.samples = samples,
                    Err(error) => {
                        yielded = Yield::nothing(Outcome::Failed {
                            kind: FailureKind::Start,
                            message: format!("weighing {error}"),
                            stderr: String::new(),
                        });
                    }
                }
                Ok(yielded)
            }
            (Some(launch), Step::Peak) => {
                let asked = peak::Asked {
                    launch,
                    expected: &ready.expected,
                    deadline: self.deadline,
                };
                peak::run(&asked, self.interrupt)
            }
            _ => conversation::run(
                &row.executable(self.checkout),
                &self.checkout.root,
                &Measure {
                    target: trial.target.clone(),
                    workload: ready.workload.clone(),
                    scratch,
                    step: trial.step,
                    iterations: trial.iterations,
                    budget: Nanoseconds(trial.budget_ns),
                    levels: self.levels(trial.step),
                },
                &ready.expected,
                self.deadline,
                self.interrupt,
            ),
        }
    }

    fn serving(
        &self,
        row: &AdapterRow,
        ready: &Ready,
        trial: &TrialPlan,
        scratch: PathBuf,
    ) -> Result<Yield, Fault> {
        let (Some(load), false) = (&self.load, ready.exchanges.is_empty()) else {
            return Ok(Yield::nothing(Outcome::Unsupported {
                reason: format!("{} is no program that answers requests", trial.workload),
            }));
        };
        let serve = Serve {
            target: trial.target.clone(),
            workload: ready.workload.clone(),
            scratch,
            instances: match (trial.step, self.kinds.get(&trial.target)) {
                // A platform that runs nothing makes an instance for the request.
                (Step::ServeFresh, _) | (Step::Zero, Some(TargetKind::Wasm)) => Instances::Fresh,
                _ => Instances::Kept,
            },
        };
        let container = self.kinds.get(&trial.target) == Some(&TargetKind::Container);
        let prepare = container.then(|| Prepare {
            target: serve.target.clone(),
            workload: serve.workload.clone(),
            scratch: serve.scratch.clone(),
        });
        serving::run(&ServingTrial {
            prepare: prepare.as_ref(),
            adapter: &row.executable(self.checkout),
            directory: &self.checkout.root,
            serve: &serve,
            step: trial.step,
            load,
            exchanges: &ready.exchanges,
            deadline: self.deadline,
            interrupt: self.interrupt,
        })
    }

    /// How many an adapter is to have alive at a step.
    fn levels(&self, step: Step) -> Option<Levels> {
        if step == Step::Idle {
            return Some(one());
        }
        let density = self.density.as_ref()?;
        match step {
            Step::Instances => Some(within(density, &density.instances)),
            // What is a process is started by `bench`: an adapter does this with containers alone.
            Step::Processes => Some(within(density, &density.containers)),
            _ => None,
        }
    }

    /// Processes that `bench` itself starts and has wait.
    fn alive(&self, launch: &Launch, expected: &[u8]) -> Result<Yield, Fault> {
        let Some(density) = &self.density else {
            return Ok(Yield::nothing(Outcome::Unsupported {
                reason: "the run does not say how many are to be alive".to_owned(),
            }));
        };
        let asked = alive::Asked {
            launch,
            levels: &within(density, &density.processes),
            boundary: Boundary::Processes,
            expected,
            deadline: self.deadline,
        };
        alive::run(&asked, self.interrupt)
    }

    fn launched(
        &self,
        launch: &Launch,
        step: Step,
        scratch: &Path,
        expected: &[u8],
    ) -> Result<Yield, Fault> {
        // One byte more than expected tells a longer output from an equal one.
        let keep = expected.len() + 1;
        let result = match step {
            Step::Fresh => {
                let to = process::copy_path(scratch, &launch.artefact);
                let moved = process::relocated(launch, &to);
                let copy = Copy {
                    from: &launch.artefact,
                    to: &to,
                };
                let result = process::run(&moved, Some(copy), keep, self.deadline, self.interrupt);
                // Outside the clock: whoever deploys an artefact does not remove it at once.
                let _ = fs::remove_file(&to);
                result
            }
            _ => process::run(launch, None, keep, self.deadline, self.interrupt),
        };
        match result {
            Err(error) => Ok(Yield::nothing(Outcome::Failed {
                kind: FailureKind::Start,
                message: format!("cannot start {}: {error}", launch.program.display()),
                stderr: String::new(),
            })),
            Ok(trial) if trial.ended == Ended::Interrupted => Err(Fault::Interrupted),
            Ok(trial) => Ok(Yield {
                samples: samples(step, &trial),
                histograms: Vec::new(),
                outcome: judge(&trial, expected, self.deadline),
                note: None,
            }),
        }
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

/// One that is alive, with all the memory it asks for.
fn one() -> Levels {
    Levels {
        alive: vec![1],
        memory_budget_bytes: u64::MAX,
        idle_window: IDLE_WINDOW,
    }
}

fn within(density: &Density, alive: &[u64]) -> Levels {
    Levels {
        alive: alive.to_vec(),
        memory_budget_bytes: density.memory_budget_bytes,
        idle_window: Nanoseconds(density.idle_window_ns),
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

/// The samples of a process: L3 and L4, or L6.
fn samples(step: Step, trial: &ProcessTrial) -> Vec<Sample> {
    let sample = |boundary, metric, value: Duration| Sample {
        boundary,
        metric,
        iteration: 0,
        at: None,
        value: Nanoseconds::from(value).0,
    };
    if step == Step::Fresh {
        return vec![sample(Boundary::L6, Metric::WallTime, trial.exit)];
    }
    trial
        .first_byte
        .map(|first| sample(Boundary::L3, Metric::WallTime, first))
        .into_iter()
        .chain([
            sample(Boundary::L4, Metric::WallTime, trial.exit),
            sample(Boundary::L4, Metric::CpuTime, trial.cpu),
        ])
        .collect()
}

fn judge(trial: &ProcessTrial, expected: &[u8], deadline: Duration) -> Outcome {
    let failed = |kind, message: String| Outcome::Failed {
        kind,
        message,
        stderr: String::from_utf8_lossy(&trial.stderr).into_owned(),
    };
    match trial.ended {
        Ended::Exited(Exited::Code(0)) => {
            match verify::verify(&trial.stdout, trial.stdout_bytes, expected) {
                Ok(()) => Outcome::Ok,
                Err(message) => Outcome::WrongOutput { message },
            }
        }
        Ended::Exited(Exited::Code(code)) => failed(
            FailureKind::Crashed,
            format!("exited with code {code} instead of 0"),
        ),
        Ended::Exited(Exited::Signal(signal)) => failed(
            FailureKind::Crashed,
            format!("was killed by {}", signal_name(signal)),
        ),
        Ended::Deadline | Ended::Interrupted => failed(
            FailureKind::Deadline,
            format!("did not end within {deadline:?} and was killed"),
        ),
    }
}

fn lines(
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
