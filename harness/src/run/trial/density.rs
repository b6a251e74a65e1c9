//! Measures idle processes: one for its memory, many for the cost of one more.
//!
//! The guest prints that it is ready and waits for the end of its input. All guests share one pipe as stdin,
//! and `bench` holds its only other end, so all of them end when `bench` closes it or is killed.

use std::io;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStdout, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use plimsoll_adapter::budget::Budget;
use plimsoll_adapter::footprint::{self, Footprint};
use plimsoll_adapter::protocol::{Launch, Levels, Sample};
use plimsoll_record::{Boundary, FailureKind, Metric, Nanoseconds, Outcome};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Resource, Signal, getrlimit, setrlimit};

use super::{TrialResult, container_cleanup, verify};
use crate::machine::interrupt::Interrupt;
use crate::process::group::{self, Bounds, Cut, Errors, Group};
use crate::process::pipe::read_once;
use crate::process::status::describe;
use crate::run::adapter::child::Fault;

/// The guest's output when it starts waiting; measurement starts after all have printed it.
pub const READY: &[u8] = b"ready\n";

/// Pause between readiness and measurement, for background work of the process to finish.
const SETTLE: Duration = Duration::from_millis(100);

/// Number of processes started between two checks of the budget.
const BETWEEN_LOOKS: usize = 8;

/// The parameters of a trial.
#[derive(Debug, Clone, Copy)]
pub struct DensityRequest<'a> {
    /// The command line of each process.
    pub launch: &'a Launch,
    /// The numbers of processes alive.
    pub levels: &'a Levels,
    /// The boundary of the samples; at [`Boundary::Idle`] there is one process and no level.
    pub boundary: Boundary,
    /// The expected output of each process.
    pub expected: &'a [u8],
    /// Time after which all are killed.
    pub deadline: Duration,
}

/// Starts processes level by level, measures them at each level, and ends them.
///
/// # Errors
/// Only [`Fault::Interrupted`]; any other failure is the trial's outcome, together with the samples so far.
pub fn run(request: &DensityRequest<'_>, interrupt: &Interrupt) -> Result<TrialResult, Fault> {
    let mut samples = Vec::new();
    let mut crowd = match Crowd::new(request, interrupt) {
        Ok(crowd) => crowd,
        Err(error) => return Ok(failed(samples, FailureKind::Start, error.to_string(), "")),
    };
    let mut note = None;
    for (reached, &level) in request.levels.alive.iter().enumerate() {
        let grown = crowd
            .grow(level)
            .and_then(|()| crowd.look(level, &mut samples));
        match grown {
            Ok(()) => {}
            Err(Trouble::Interrupted) => return Err(Fault::Interrupted),
            // With at least one level measured, reaching the budget is no failure.
            Err(Trouble::Budget(why)) if reached > 0 => {
                note = Some(why);
                break;
            }
            Err(Trouble::Budget(why)) => {
                return Ok(failed(samples, FailureKind::OutOfMemory, why, ""));
            }
            Err(Trouble::Failed(kind, why)) => {
                let alive = crowd.alive.len();
                let why = format!("with {alive} alive: {why}");
                return Ok(failed(samples, kind, why, &crowd.errors.tail()));
            }
        }
    }
    match crowd.end() {
        Ok(()) => Ok(TrialResult {
            histograms: Vec::new(),
            samples,
            outcome: Outcome::Ok,
            note,
        }),
        Err(Ending::Interrupted) => Err(Fault::Interrupted),
        Err(Ending::Wrong(message)) => Ok(TrialResult {
            histograms: Vec::new(),
            samples,
            outcome: Outcome::WrongOutput { message },
            note,
        }),
        Err(Ending::Failed(kind, why)) => Ok(failed(samples, kind, why, &crowd.errors.tail())),
    }
}

fn failed(samples: Vec<Sample>, kind: FailureKind, message: String, stderr: &str) -> TrialResult {
    TrialResult {
        histograms: Vec::new(),
        samples,
        outcome: Outcome::Failed {
            kind,
            message,
            stderr: stderr.to_owned(),
        },
        note: None,
    }
}

/// Why the next level was not reached.
enum Trouble {
    Interrupted,
    Budget(String),
    Failed(FailureKind, String),
}

/// Why processes did not end as expected.
enum Ending {
    Interrupted,
    Wrong(String),
    Failed(FailureKind, String),
}

impl From<Trouble> for Ending {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Interrupted => Ending::Interrupted,
            Trouble::Budget(why) => Ending::Failed(FailureKind::OutOfMemory, why),
            Trouble::Failed(kind, why) => Ending::Failed(kind, why),
        }
    }
}

/// An unexpected error: reading /proc or our own pipe does not fail while a process lives.
fn odd(error: io::Error) -> Trouble {
    Trouble::Failed(FailureKind::Crashed, format!("looking at it: {error}"))
}

/// The running processes. Dropping it kills their process groups.
struct Crowd<'a> {
    request: &'a DensityRequest<'a>,
    interrupt: &'a Interrupt,
    begun: Instant,
    /// The shared stdin of all processes.
    input: OwnedFd,
    /// Its other end; dropping it ends their input.
    hold: Option<OwnedFd>,
    /// The shared stderr of all processes.
    errors: Errors,
    alive: Vec<Waiting>,
    making: Duration,
    budget: Budget,
    /// Memory taken when they started, bytes: PSS of the first, private memory of the others.
    taken: u64,
}

struct Waiting {
    process: Group,
    stdout: ChildStdout,
    printed: Vec<u8>,
    /// The launch with its container's name filled in.
    launch: Launch,
}

impl<'a> Crowd<'a> {
    fn new(request: &'a DensityRequest<'a>, interrupt: &'a Interrupt) -> io::Result<Self> {
        allow_many_descriptors();
        keep_descriptors_to_ourselves();
        let (input, hold) = pipe_with(PipeFlags::CLOEXEC)?;
        Ok(Crowd {
            request,
            interrupt,
            begun: Instant::now(),
            input,
            hold: Some(hold),
            errors: Errors::new()?,
            alive: Vec::new(),
            making: Duration::ZERO,
            budget: Budget::of(request.levels),
            taken: 0,
        })
    }

    /// Starts processes until `level` of them wait.
    fn grow(&mut self, level: u64) -> Result<(), Trouble> {
        let refused = |error: plimsoll_adapter::Error| Trouble::Budget(error.to_string());
        let have = self.alive.len() as u64;
        self.budget.allows(have, level).map_err(refused)?;
        while (self.alive.len() as u64) < level {
            let begun = Instant::now();
            self.start()?;
            self.making += begun.elapsed();
            let alive = self.alive.len();
            if alive == 1 || alive.is_multiple_of(BETWEEN_LOOKS) {
                self.mind(alive).map_err(odd)?;
                let alive = alive as u64;
                self.budget.holds(alive, self.taken).map_err(refused)?;
            }
        }
        Ok(())
    }

    /// Estimates the memory of the processes started since the last check from the newest one.
    fn mind(&mut self, alive: usize) -> io::Result<()> {
        let last = self.alive.last().map(|waiting| waiting.process.id());
        let one = Footprint::sum(last)?;
        self.taken += match alive {
            1 => one.pss + one.page_tables,
            _ => (one.private + one.page_tables) * BETWEEN_LOOKS as u64,
        };
        Ok(())
    }

    /// Starts one process and waits until it is ready.
    fn start(&mut self) -> Result<(), Trouble> {
        let launch = self.request.launch.named().map_err(odd)?.into_owned();
        let spawned = self.input.try_clone().and_then(|input| {
            let mut command = group::command(&launch);
            command
                .stdin(input)
                .stdout(Stdio::piped())
                .stderr(self.errors.handle()?);
            Group::start(&mut command)
        });
        let mut process = spawned.map_err(|error| {
            let program = launch.program.display();
            Trouble::Failed(
                FailureKind::Start,
                format!("cannot start {program}: {error}"),
            )
        })?;
        let Some(stdout) = process.child().stdout.take() else {
            unreachable!("its stdout was piped");
        };
        self.alive.push(Waiting {
            process,
            stdout,
            printed: Vec::new(),
            launch,
        });
        let last = self.alive.len() - 1;
        while !self.alive[last].printed.starts_with(READY) {
            if self.read(last)? == 0 {
                let ended = self.alive[last].process.wait().map_err(odd)?;
                return Err(Trouble::Failed(
                    FailureKind::Crashed,
                    format!(
                        "the last one never said that it was ready: it {}",
                        describe(ended)
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Reads the next output of one process; 0 bytes mean end of file.
    fn read(&mut self, which: usize) -> Result<usize, Trouble> {
        let mut bounds = self.bounds(self.begun + self.request.deadline);
        let waiting = &mut self.alive[which];
        loop {
            match bounds.wait([Some(waiting.stdout.as_fd())]).map_err(odd)? {
                Ok([false]) => {}
                Ok([true]) => {
                    let mut piece = [0; 4096];
                    let read = read_once(&waiting.stdout, &mut piece).map_err(odd)?;
                    waiting.printed.extend_from_slice(&piece[..read]);
                    return Ok(read);
                }
                Err(Cut::Interrupted) => return Err(Trouble::Interrupted),
                Err(Cut::Deadline | Cut::Memory) => {
                    let limit = self.request.deadline;
                    let why = format!("not done within {limit:?}; all were killed");
                    return Err(Trouble::Failed(FailureKind::Deadline, why));
                }
            }
        }
    }

    fn bounds(&self, until: Instant) -> Bounds<'a> {
        Bounds {
            interrupt: Some(self.interrupt),
            until: Some(until),
            memory: None,
        }
    }

    /// Measures all of them while they wait.
    fn look(&mut self, level: u64, samples: &mut Vec<Sample>) -> Result<(), Trouble> {
        self.sleep(SETTLE)?;
        let roots: Vec<u32> = self.alive.iter().map(|one| one.process.id()).collect();
        let family = footprint::with_descendants(&roots).map_err(odd)?;
        let used = || footprint::cpu_time(family.iter().copied());
        let (before, begun) = (used().map_err(odd)?, Instant::now());
        self.sleep(self.request.levels.idle_window.into())?;
        let (after, waited) = (used().map_err(odd)?, begun.elapsed());
        let idle = footprint::per_second(after.saturating_sub(before), waited);
        let taken = Footprint::sum(family.iter().copied()).map_err(odd)?;
        for which in 0..self.alive.len() {
            if let Some(ended) = self.alive[which].process.ended().map_err(odd)? {
                let why = format!("one of them, which was to wait, {}", describe(ended));
                return Err(Trouble::Failed(FailureKind::Crashed, why));
            }
        }
        self.budget.took(level, taken.pss + taken.page_tables);
        self.taken = taken.pss + taken.page_tables;
        let at = (self.request.boundary != Boundary::Idle).then_some(level);
        samples.extend(taken.samples(self.request.boundary, at));
        let timed = [(Metric::WallTime, self.making), (Metric::IdleCpu, idle)];
        samples.extend(timed.map(|(metric, value)| Sample {
            boundary: self.request.boundary,
            metric,
            iteration: 0,
            at,
            value: Nanoseconds::from(value).0,
        }));
        Ok(())
    }

    fn sleep(&self, time: Duration) -> Result<(), Trouble> {
        let mut bounds = self.bounds(Instant::now() + time);
        loop {
            match bounds.wait([]).map_err(odd)? {
                Ok([]) => {}
                Err(Cut::Interrupted) => return Err(Trouble::Interrupted),
                Err(Cut::Deadline | Cut::Memory) => return Ok(()),
            }
        }
    }

    /// Ends all input, and checks each process's output and exit status.
    fn end(&mut self) -> Result<(), Ending> {
        self.hold = None;
        for which in 0..self.alive.len() {
            while self.read(which)? > 0 {}
            let ended = self.alive[which].process.wait().map_err(odd)?;
            judge(ended, &self.alive[which].printed, self.request.expected)?;
        }
        Ok(())
    }
}

fn judge(ended: ExitStatus, printed: &[u8], expected: &[u8]) -> Result<(), Ending> {
    match (ended.code(), ended.signal()) {
        (Some(0), _) => verify::verify(printed, printed.len(), expected).map_err(Ending::Wrong),
        _ => Err(Ending::Failed(FailureKind::Crashed, describe(ended))),
    }
}

impl Drop for Crowd<'_> {
    fn drop(&mut self) {
        self.hold = None;
        for waiting in &mut self.alive {
            waiting.process.signal(Signal::KILL);
        }
        for waiting in &mut self.alive {
            if !waiting.process.wait().is_ok_and(|ended| ended.success()) {
                container_cleanup::clear(&waiting.launch);
            }
        }
    }
}

/// Each process needs a descriptor here; the usual soft limit of 1024 protects programs that use select.
fn allow_many_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If this fails, starting a process will report it.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// A guest must not inherit descriptors that `bench` itself inherited, because they would be counted as its
/// own.
fn keep_descriptors_to_ourselves() {
    // SAFETY: the arguments are plain numbers, and descriptors stay open here. Kernels before 5.11 lack this
    // flag; guests then inherit as before.
    unsafe {
        libc::close_range(
            3,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC as libc::c_int,
        )
    };
}
