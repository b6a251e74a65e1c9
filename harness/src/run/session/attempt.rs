//! Runs one trial of a session: selects the code for its step and returns the result.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_adapter::protocol::{Instances, Launch, Levels, Measure, Prepare, Sample, Serve};
use plimsoll_adapter::ticks;
use plimsoll_record::run::{Density, TargetKind, TrialPlan};
use plimsoll_record::{Boundary, FailureKind, Metric, Nanoseconds, Outcome, Step, TargetId};

use super::{Pair, Session};
use crate::catalog::targets::AdapterRow;
use crate::catalog::user_program::shell;
use crate::catalog::workloads::Ready;
use crate::process::command::{self, ToolError};
use crate::process::spawn::Exited;
use crate::process::status::signal_name;
use crate::run::adapter::child::Fault;
use crate::run::trial::process::{self, Copy, Ended, Given, ProcessTrial};
use crate::run::trial::serving::{self, ServingTrial};
use crate::run::trial::{TrialResult, conversation, count, density, peak, verify};

/// How long the CPU time of one idle process is measured.
const IDLE_WINDOW: Nanoseconds = Nanoseconds(200_000_000);

impl Session<'_> {
    pub(super) fn attempt(&self, trial: &TrialPlan) -> Result<TrialResult, Fault> {
        let pair = (trial.target.clone(), trial.workload.clone());
        let (row, ready) = match self.find(&trial.target, &trial.workload) {
            Ok(found) => found,
            Err(outcome) => return Ok(TrialResult::nothing(outcome)),
        };
        let launch = match self.pairs.get(&pair) {
            Some(Pair::Ready { launch }) => launch.as_deref(),
            Some(Pair::Refused(outcome)) => return Ok(TrialResult::nothing(outcome.clone())),
            None => None,
        };
        // Outside every clock: removes what an earlier trial left.
        if let Some(folder) = self.folders.get(&trial.workload)
            && let Err(error) = folder.renew()
        {
            return Ok(TrialResult::nothing(Outcome::Failed {
                kind: FailureKind::Start,
                message: format!(
                    "emptying the folder that {} writes: {error}",
                    trial.workload
                ),
                stderr: String::new(),
            }));
        }
        if let Some(line) = &ready.prepare
            && let Err(outcome) = self.prepared_by(line, ready)?
        {
            return Ok(TrialResult::nothing(outcome));
        }
        let scratch = self.pair_scratch(&trial.target, &trial.workload);
        match (launch, trial.step) {
            (Some(launch), Step::Process | Step::Deploy) => {
                self.launched(launch, trial.step, &scratch, ready)
            }
            (_, Step::Serve | Step::ServeFresh | Step::FirstResponse) => {
                self.serving(row, ready, trial, scratch)
            }
            (Some(launch), Step::Beside | Step::BesideLimited) => self.beside(launch, ready, trial),
            (Some(launch), Step::Processes) => self.alive(launch, &trial.target, &ready.expected),
            (Some(launch), Step::Idle) => {
                let request = density::DensityRequest {
                    launch,
                    levels: &one(),
                    boundary: Boundary::Idle,
                    expected: &ready.expected,
                    deadline: self.job.deadlines.trial,
                };
                density::run(&request, self.interrupt)
            }
            (Some(launch), Step::Size) => self.weighed(launch, &scratch, ready),
            (Some(launch), Step::Count) => self.counted(launch, &trial.target, &scratch, ready),
            (Some(launch), Step::Peak) => {
                let request = peak::PeakRequest {
                    launch,
                    stdin: ready.stdin.as_deref(),
                    expected: &ready.expected,
                    deadline: self.job.deadlines.trial,
                };
                peak::run(&request, self.interrupt)
            }
            _ => conversation::run(
                &row.executable(self.job.checkout),
                &self.job.checkout.root,
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
                self.job.deadlines.trial,
                self.interrupt,
            ),
        }
    }

    fn weighed(
        &self,
        launch: &Launch,
        scratch: &Path,
        ready: &Ready,
    ) -> Result<TrialResult, Fault> {
        // Run it once, because only a working program may be measured.
        let mut result = self.launched(launch, Step::Process, scratch, ready)?;
        let weighed = self
            .scales
            .borrow_mut()
            .samples(launch, &ready.workload.wasm);
        match weighed {
            Ok(samples) => result.samples = samples,
            Err(error) => {
                result = TrialResult::nothing(Outcome::Failed {
                    kind: FailureKind::Start,
                    message: format!("weighing {error}"),
                    stderr: String::new(),
                });
            }
        }
        Ok(result)
    }

    /// Runs a workload's preparation command before a trial, outside every clock.
    fn prepared_by(&self, line: &str, ready: &Ready) -> Result<Result<(), Outcome>, Fault> {
        let folder = ready.workload.input.as_deref();
        match command::run(&mut shell(line, folder), self.interrupt) {
            Ok(()) => Ok(Ok(())),
            Err(ToolError::Interrupted) => Err(Fault::Interrupted),
            Err(error) => Ok(Err(Outcome::Failed {
                kind: FailureKind::Start,
                message: format!("--prepare: {error}"),
                stderr: String::new(),
            })),
        }
    }

    fn serving(
        &self,
        row: &AdapterRow,
        ready: &Ready,
        trial: &TrialPlan,
        scratch: PathBuf,
    ) -> Result<TrialResult, Fault> {
        let (Some(load), false) = (&self.job.load, ready.exchanges.is_empty()) else {
            return Ok(TrialResult::nothing(Outcome::Unsupported {
                reason: format!("{} is no program that answers requests", trial.workload),
            }));
        };
        let serve = Serve {
            target: trial.target.clone(),
            workload: ready.workload.clone(),
            scratch,
            instances: match (trial.step, self.kinds.get(&trial.target)) {
                // A Wasm platform without a running instance makes one for the request.
                (Step::ServeFresh, _) | (Step::FirstResponse, Some(TargetKind::Wasm)) => {
                    Instances::Fresh
                }
                _ => Instances::Kept,
            },
        };
        let container = self.kinds.get(&trial.target) == Some(&TargetKind::Container);
        let prepare = container.then(|| Prepare {
            target: serve.target.clone(),
            workload: serve.workload.clone(),
            scratch: serve.scratch.clone(),
            portable: false,
        });
        serving::run(&ServingTrial {
            prepare: prepare.as_ref(),
            adapter: &row.executable(self.job.checkout),
            directory: &self.job.checkout.root,
            serve: &serve,
            step: trial.step,
            load,
            exchanges: &ready.exchanges,
            deadline: self.job.deadlines.trial,
            interrupt: self.interrupt,
        })
    }

    /// The numbers of instances or containers for an adapter to keep alive at a step.
    fn levels(&self, step: Step) -> Option<Levels> {
        if step == Step::Idle {
            return Some(one());
        }
        let density = self.job.density.as_ref()?;
        match step {
            Step::Instances => Some(within(density, &density.instances)),
            // `bench` starts whatever has a command line; adapters start only containers.
            Step::Processes => Some(within(density, &density.containers)),
            _ => None,
        }
    }

    /// Starts processes with `bench` itself and keeps them waiting.
    fn alive(
        &self,
        launch: &Launch,
        target: &TargetId,
        expected: &[u8],
    ) -> Result<TrialResult, Fault> {
        let Some(density) = &self.job.density else {
            return Ok(TrialResult::nothing(Outcome::Unsupported {
                reason: "the run does not say how many are to be alive".to_owned(),
            }));
        };
        let alive = match self.kinds.get(target) {
            Some(TargetKind::Container) => &density.containers,
            _ => &density.processes,
        };
        let request = density::DensityRequest {
            launch,
            levels: &within(density, alive),
            boundary: Boundary::Processes,
            expected,
            deadline: self.job.deadlines.trial,
        };
        density::run(&request, self.interrupt)
    }

    /// One run under valgrind, with its output verified as usual.
    fn counted(
        &self,
        launch: &Launch,
        target: &TargetId,
        scratch: &Path,
        ready: &Ready,
    ) -> Result<TrialResult, Fault> {
        if let Some(reason) = count::absent() {
            return Ok(TrialResult::nothing(Outcome::Unsupported { reason }));
        }
        let failed = |error: io::Error| {
            TrialResult::nothing(Outcome::Failed {
                kind: FailureKind::Start,
                message: format!("counting instructions of {target}: {error}"),
                stderr: String::new(),
            })
        };
        let under = match count::under_valgrind(launch, scratch) {
            Ok(under) => under,
            Err(error) => return Ok(failed(error)),
        };
        let mut yielded = self.launched(&under, Step::Process, scratch, ready)?;
        if yielded.outcome != Outcome::Ok {
            yielded.samples.clear();
            return Ok(yielded);
        }
        match count::samples(scratch, self.kinds.get(target).copied()) {
            Ok(samples) => yielded.samples = samples,
            Err(error) => yielded = failed(error),
        }
        Ok(yielded)
    }

    fn launched(
        &self,
        launch: &Launch,
        step: Step,
        scratch: &Path,
        ready: &Ready,
    ) -> Result<TrialResult, Fault> {
        let expected = &ready.expected;
        let (deadline, interrupt) = (self.job.deadlines.trial, self.interrupt);
        let stdin = ready.stdin.as_deref();
        // One more byte than expected shows that an output is longer.
        let keep = expected.len() + 1;
        let result = match step {
            Step::Deploy => {
                let to = process::copy_path(scratch, &launch.artefact);
                let moved = launch.relocated(&to);
                let copy = Copy {
                    from: &launch.artefact,
                    to: &to,
                };
                let copy = Some(copy);
                let given = Given { copy, stdin };
                let result = process::run_with(&moved, given, keep, deadline, interrupt);
                // Outside the clock: a real deployment does not remove its artefact at once.
                let _ = match launch.artefact.is_dir() {
                    true => fs::remove_dir_all(&to),
                    false => fs::remove_file(&to),
                };
                result
            }
            _ => {
                let given = Given { copy: None, stdin };
                process::run_with(launch, given, keep, deadline, interrupt)
            }
        };
        match result {
            Err(error) => Ok(TrialResult::nothing(Outcome::Failed {
                kind: FailureKind::Start,
                message: format!("cannot start {}: {error}", launch.program.display()),
                stderr: String::new(),
            })),
            Ok(trial) if trial.ended == Ended::Interrupted => Err(Fault::Interrupted),
            Ok(trial) => Ok(TrialResult {
                samples: samples(step, launch, &trial),
                histograms: Vec::new(),
                outcome: judge(&trial, expected, deadline),
                note: None,
            }),
        }
    }
}

/// A single level of one, with unlimited memory.
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

/// The samples of a process: L3, L4 and its own ticks, or L6. A process that makes a container ends after its
/// removal, so it also gives L5.
fn samples(step: Step, launch: &Launch, trial: &ProcessTrial) -> Vec<Sample> {
    let sample = |boundary, metric, value: Duration| Sample {
        boundary,
        metric,
        iteration: 0,
        at: None,
        value: Nanoseconds::from(value).0,
    };
    if step == Step::Deploy {
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
        // Without a counter there is no sample, not a zero.
        .chain(trial.energy_uj.map(|value| Sample {
            boundary: Boundary::L4,
            metric: Metric::Energy,
            iteration: 0,
            at: None,
            value,
        }))
        .chain(
            launch
                .container
                .iter()
                .map(|_| sample(Boundary::L5, Metric::WallTime, trial.exit)),
        )
        .chain(ticks::samples(&trial.stderr))
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
