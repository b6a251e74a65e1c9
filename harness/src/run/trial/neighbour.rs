//! Measures a server under load beside a neighbour on the same processor: boundaries `beside`, `beside-limited`.
//!
//! The neighbour starts first, prints that it is ready, and waits for a byte of input. It gets it once the server
//! accepts connections, and works until it is killed. Each of its rounds ends with the same text, so the length of its
//! output says how many there were. Requests are sent from another processor.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use plimsoll_adapter::footprint;
use plimsoll_adapter::protocol::{Launch, Sample};
use plimsoll_record::{Boundary, FailureKind, Metric, Outcome, Step};
use rustix::process::{Pid, setpriority_process};
use rustix::thread::{CpuSet, gettid, sched_setaffinity};

use super::density::READY;
use super::serving::{self, ServingTrial};
use super::{TrialResult, container_cleanup};
use crate::machine::denoise::{Kept, two_processors};
use crate::machine::quota::Quota;
use crate::process::group::{self, Bounds, Cut, Errors, Group};
use crate::process::pipe::read_once;
use crate::process::status::describe;
use crate::run::adapter::child::Fault;

/// Rounds of a neighbour without a byte of input: its expected output holds them.
const ROUNDS: usize = 2;

/// The lowest priority, for reading the output on the load generator's processor.
const LOWEST: i32 = 19;

/// The parameters of a trial.
#[derive(Debug)]
pub struct NeighbourTrial<'a> {
    /// The command line of the neighbour.
    pub launch: &'a Launch,
    /// Its output at the end of its input: [`READY`] and two rounds.
    pub expected: &'a [u8],
    /// Whether it never ends a round.
    pub sleeps: bool,
    /// Whether it is under a quota of processor time.
    pub limited: bool,
    /// The server and its load.
    pub server: ServingTrial<'a>,
}

/// Why there is no neighbour.
enum Trouble {
    Interrupted,
    Outcome(Outcome),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Outcome(failed(FailureKind::Start, error.to_string(), String::new()))
    }
}

/// Runs the trial.
///
/// # Errors
/// Only [`Fault::Interrupted`]; any other failure is the trial's outcome.
pub fn run(trial: &NeighbourTrial<'_>) -> Result<TrialResult, Fault> {
    match measured(trial) {
        Ok(result) => result,
        Err(Trouble::Interrupted) => Err(Fault::Interrupted),
        Err(Trouble::Outcome(outcome)) => Ok(TrialResult::nothing(outcome)),
    }
}

fn measured(trial: &NeighbourTrial<'_>) -> Result<Result<TrialResult, Fault>, Trouble> {
    let unsupported = |what: &str, error: io::Error| {
        Trouble::Outcome(Outcome::Unsupported {
            reason: format!("not supported on this machine: {what}: {error}"),
        })
    };
    let [shared, bench] = two_processors().map_err(|error| unsupported("two processors", error))?;
    // Dropped after the neighbour: only an empty group can be removed.
    let quota = trial.limited.then(Quota::make).transpose();
    let quota = quota.map_err(|error| unsupported("a quota of processor time", error))?;
    // What is started from here to the first request runs on the shared processor.
    let kept = Kept::to(&shared)?;
    let mut neighbour = Neighbour::start(trial)?;
    neighbour.confine(&shared, quota.as_ref())?;
    let working = RefCell::new(None);
    let result = serving::run_after(&trial.server, || {
        sched_setaffinity(None, &bench)?;
        *working.borrow_mut() = Some(neighbour.release(trial.expected)?);
        Ok(())
    });
    let result = match (result, working.into_inner()) {
        (Ok(result), Some(working)) => Ok(judged(trial, result, working, &mut neighbour)),
        (result, _) => result,
    };
    drop(neighbour);
    drop(kept);
    drop(quota);
    Ok(result)
}

/// Adds the neighbour's rate, if it worked to the end.
fn judged(
    trial: &NeighbourTrial<'_>,
    mut result: TrialResult,
    working: Working,
    neighbour: &mut Neighbour,
) -> TrialResult {
    let ended = neighbour.process.ended();
    let stopped = working.stop(neighbour);
    if result.outcome != Outcome::Ok {
        return result;
    }
    let crashed = |message: String, stderr| {
        TrialResult::nothing(failed(FailureKind::Crashed, message, stderr))
    };
    match ended {
        Err(error) => return crashed(format!("looking at the neighbour: {error}"), String::new()),
        Ok(Some(status)) => {
            let why = format!("the neighbour {} before the load ended", describe(status));
            return crashed(why, neighbour.errors.tail());
        }
        Ok(None) => {}
    }
    if stopped.is_wrong {
        return TrialResult::nothing(Outcome::WrongOutput {
            message: "a round of the neighbour did not end with the expected text".to_owned(),
        });
    }
    if stopped.rounds == 0 && !trial.sleeps {
        let why = "the neighbour ended no round while the load was offered".to_owned();
        return crashed(why, neighbour.errors.tail());
    }
    result.samples.push(Sample {
        boundary: match trial.server.step {
            Step::BesideLimited => Boundary::BesideLimited,
            _ => Boundary::Beside,
        },
        metric: Metric::NeighbourRate,
        iteration: 0,
        at: None,
        value: (stopped.rounds as f64 / stopped.seconds).round() as u64,
    });
    result
}

fn failed(kind: FailureKind, message: String, stderr: String) -> Outcome {
    Outcome::Failed {
        kind,
        message,
        stderr,
    }
}

/// The neighbour. Dropping it ends it, with its container.
struct Neighbour {
    process: Group,
    stdout: Option<ChildStdout>,
    errors: Errors,
    launch: Launch,
}

impl Neighbour {
    /// Starts it and waits until it is ready.
    fn start(trial: &NeighbourTrial<'_>) -> Result<Self, Trouble> {
        let launch = trial.launch.named()?.into_owned();
        let errors = Errors::new()?;
        let mut command = group::command(&launch);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors.handle()?);
        let mut process = Group::start(&mut command)?;
        let stdout = process.child().stdout.take();
        let mut neighbour = Self {
            process,
            stdout,
            errors,
            launch,
        };
        let mut bounds = Bounds {
            interrupt: Some(trial.server.interrupt),
            until: Some(Instant::now() + trial.server.deadline),
            memory: None,
        };
        let mut printed = Vec::new();
        while printed.len() < READY.len() {
            let Some(stdout) = &neighbour.stdout else {
                unreachable!("its stdout was piped");
            };
            match bounds.wait([Some(stdout.as_fd())])? {
                Ok([false]) => continue,
                Ok([true]) => {}
                Err(Cut::Interrupted) => return Err(Trouble::Interrupted),
                Err(Cut::Deadline | Cut::Memory) => {
                    let why = format!("not ready within {:?}", trial.server.deadline);
                    let stderr = neighbour.errors.tail();
                    return Err(Trouble::Outcome(failed(FailureKind::Deadline, why, stderr)));
                }
            }
            let mut piece = [0; READY.len()];
            let left = READY.len() - printed.len();
            let read = read_once(stdout, &mut piece[..left])?;
            if read == 0 {
                let how = describe(neighbour.process.wait()?);
                let why = format!("the neighbour never said that it was ready: it {how}");
                let stderr = neighbour.errors.tail();
                return Err(Trouble::Outcome(failed(FailureKind::Crashed, why, stderr)));
            }
            printed.extend_from_slice(&piece[..read]);
        }
        match printed == READY {
            true => Ok(neighbour),
            false => Err(Trouble::Outcome(Outcome::WrongOutput {
                message: format!(
                    "the neighbour began with {:?}",
                    printed.escape_ascii().to_string()
                ),
            })),
        }
    }

    /// Keeps every thread of it to the shared processor (a container's own control group may have lifted what was
    /// inherited), and puts its processes under the quota.
    fn confine(&self, shared: &CpuSet, quota: Option<&Quota>) -> io::Result<()> {
        for pid in footprint::with_descendants(&[self.process.id()])? {
            for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
                let task = task?.file_name();
                let id = task
                    .to_str()
                    .and_then(|id| id.parse().ok())
                    .and_then(Pid::from_raw);
                sched_setaffinity(id, shared)?;
            }
            if let Some(quota) = quota {
                quota.hold(pid)?;
            }
        }
        Ok(())
    }

    /// Lets it work, and begins to count its rounds.
    fn release(&mut self, expected: &[u8]) -> io::Result<Working> {
        let rounds = expected.get(READY.len()..).unwrap_or_default();
        let round = rounds[..rounds.len() / ROUNDS].to_vec();
        let (Some(stdout), false) = (self.stdout.take(), round.is_empty()) else {
            return Err(io::Error::other("the neighbour has no round to count"));
        };
        let count = Arc::new(Count::default());
        let length = round.len();
        let counted = Arc::clone(&count);
        let reader = thread::spawn(move || counted.read(stdout, &round));
        if let Some(stdin) = &mut self.process.child().stdin {
            stdin.write_all(b"g")?;
        }
        Ok(Working {
            count,
            length,
            begun: Instant::now(),
            reader,
        })
    }

    fn end(&mut self) {
        let _ = self.process.end();
        container_cleanup::clear(&self.launch);
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.end();
    }
}

/// What was read of a neighbour's output.
#[derive(Debug, Default)]
struct Count {
    bytes: AtomicU64,
    is_wrong: AtomicBool,
}

impl Count {
    /// Reads to the end, and compares with rounds of `round`.
    fn read(&self, mut stdout: ChildStdout, round: &[u8]) {
        let _ = setpriority_process(Some(gettid()), LOWEST);
        let mut piece = vec![0; 64 << 10];
        let mut at = 0;
        while let Ok(read @ 1..) = stdout.read(&mut piece) {
            for &byte in &piece[..read] {
                if byte != round[at] {
                    self.is_wrong.store(true, Ordering::Relaxed);
                }
                at = (at + 1) % round.len();
            }
            self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        }
    }
}

/// A neighbour that works.
struct Working {
    count: Arc<Count>,
    /// Bytes of a round.
    length: usize,
    begun: Instant,
    reader: JoinHandle<()>,
}

/// What it did.
struct Stopped {
    rounds: u64,
    seconds: f64,
    is_wrong: bool,
}

impl Working {
    fn stop(self, neighbour: &mut Neighbour) -> Stopped {
        let rounds = self.count.bytes.load(Ordering::Relaxed) / self.length as u64;
        let seconds = self.begun.elapsed().as_secs_f64();
        neighbour.end();
        // The pipe has no writer any more.
        let _ = self.reader.join();
        Stopped {
            rounds,
            seconds,
            is_wrong: self.count.is_wrong.load(Ordering::Relaxed),
        }
    }
}
