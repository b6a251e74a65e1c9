//! Measures L3, L4 and L6 of a target that is a process, all with one clock.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plimsoll_adapter::launch::copy_folder;
use plimsoll_adapter::protocol::Launch;

use super::container_cleanup;
use crate::machine::interrupt::Interrupt;
use crate::machine::{denoise, energy};
use crate::process::pipe::{STDERR_KEPT, keep_tail, read_once, ready};
use crate::process::spawn::{Exited, Spawn, Spawned};

/// How long pipes are drained after the exit, in case another process holds them open.
const DRAIN: Duration = Duration::from_millis(500);

/// The result of running one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessTrial {
    /// Spawn to first byte of output; `None` if it printed nothing.
    pub first_byte: Option<Duration>,
    /// Spawn (or start of the copy) to observed exit.
    pub exit: Duration,
    /// User and system time, from wait4.
    pub cpu: Duration,
    /// Energy of the processor packages from spawn to exit, microjoules; `None` without a counter.
    pub energy_uj: Option<u64>,
    /// How it ended.
    pub ended: Ended,
    /// Its output, up to the given limit.
    pub stdout: Vec<u8>,
    /// Total bytes of its output.
    pub stdout_bytes: usize,
    /// The end of its standard error.
    pub stderr: Vec<u8>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself.
    Exited(Exited),
    /// Killed at its deadline.
    Deadline,
    /// Killed because the user interrupted the run.
    Interrupted,
}

/// A copy of the artefact that is made before the process starts, inside the clock.
#[derive(Debug, Clone, Copy)]
pub struct Copy<'a> {
    /// The artefact.
    pub from: &'a Path,
    /// A path that does not exist yet.
    pub to: &'a Path,
}

impl Copy<'_> {
    #[inline]
    fn make(self, is_folder: bool) -> io::Result<()> {
        match is_folder {
            true => copy_folder(self.from, self.to),
            false => fs::copy(self.from, self.to).map(drop),
        }
    }
}

/// What a process needs besides its command line.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    /// The copy of its artefact to make first.
    pub copy: Option<Copy<'a>>,
    /// Its standard input; `None` means /dev/null.
    pub stdin: Option<&'a Path>,
}

/// A path for a copy of `artefact` in `scratch`.
pub fn copy_path(scratch: &Path, artefact: &Path) -> PathBuf {
    let name = artefact.file_name().unwrap_or_default();
    let mut copy = std::ffi::OsString::from("fresh-");
    copy.push(name);
    scratch.join(copy)
}

/// Runs `launch` once. Keeps at most `keep` bytes of its output and counts the rest.
///
/// # Errors
/// If copying or starting fails.
pub fn run(
    launch: &Launch,
    copy: Option<Copy<'_>>,
    keep: usize,
    deadline: Duration,
    interrupt: &Interrupt,
) -> io::Result<ProcessTrial> {
    let given = Given { copy, stdin: None };
    run_with(launch, given, keep, deadline, interrupt)
}

/// As [`run`], with a standard input.
///
/// # Errors
/// As [`run`]; if the standard input cannot be opened.
pub fn run_with(
    launch: &Launch,
    given: Given<'_>,
    keep: usize,
    deadline: Duration,
    interrupt: &Interrupt,
) -> io::Result<ProcessTrial> {
    let launch = launch.named()?;
    let trial = started(&launch, given, keep, deadline, interrupt);
    let by_itself = |trial: &ProcessTrial| trial.ended == Ended::Exited(Exited::Code(0));
    if !trial.as_ref().is_ok_and(by_itself) {
        container_cleanup::clear(&launch);
    }
    trial
}

fn started(
    launch: &Launch,
    Given { copy, stdin }: Given<'_>,
    keep: usize,
    deadline: Duration,
    interrupt: &Interrupt,
) -> io::Result<ProcessTrial> {
    let mut output = Collected::with_room_for(keep);
    let mut errors = Collected::with_room_for(STDERR_KEPT);
    let spawn = Spawn::prepare(
        &launch.program,
        &launch.args,
        &launch.env,
        &launch.directory,
        stdin,
    )?;

    let is_folder = copy.is_some_and(|copy| copy.from.is_dir());

    let meter = energy::Meter::open();
    let energy = || meter.as_ref().and_then(|meter| meter.read().ok());
    let starting = denoise::starting();
    let energy_before = energy();
    let start = Instant::now();
    if let Some(copy) = copy {
        copy.make(is_folder)?;
    }
    let process = spawn.spawn()?;
    drop(starting);
    let mut first_byte = None;
    let mut killed = None;
    let mut stdout = Some(process.stdout.as_fd());
    let mut stderr = Some(process.stderr.as_fd());
    let exited = Some(process.exit.as_fd());
    let mut interrupted = Some(interrupt.as_fd());
    let waited = loop {
        let left = deadline.saturating_sub(start.elapsed());
        let [out, err, has_exited, is_interrupted] =
            ready([stdout, stderr, exited, interrupted], left)?;
        if out {
            let read = output.read(&process.stdout)?;
            if read > 0 && first_byte.is_none() {
                first_byte = Some(start.elapsed());
            }
            if read == 0 {
                stdout = None;
            }
        }
        if err && errors.read_tail(&process.stderr)? == 0 {
            stderr = None;
        }
        if has_exited {
            break process.wait()?;
        }
        if killed.is_none() {
            killed = cut(is_interrupted, start.elapsed() >= deadline);
            if killed.is_some() {
                process.kill();
                interrupted = None;
            }
        }
    };
    let exit = start.elapsed();
    let energy_after = energy();

    drain(&process, &mut output, &mut errors)?;
    // Remaining processes of its group must not disturb the next trial.
    process.kill();
    Ok(ProcessTrial {
        first_byte,
        exit,
        cpu: waited.cpu,
        energy_uj: (meter.as_ref().zip(energy_before).zip(energy_after))
            .map(|((meter, before), after)| meter.between(&before, &after)),
        ended: killed.unwrap_or(Ended::Exited(waited.exited)),
        stdout: output.kept,
        stdout_bytes: output.total,
        stderr: errors.kept,
    })
}

/// Why a process is killed now, if it is.
fn cut(is_interrupted: bool, is_late: bool) -> Option<Ended> {
    match (is_interrupted, is_late) {
        (true, _) => Some(Ended::Interrupted),
        (false, true) => Some(Ended::Deadline),
        (false, false) => None,
    }
}

fn drain(process: &Spawned, output: &mut Collected, errors: &mut Collected) -> io::Result<()> {
    let until = Instant::now() + DRAIN;
    let mut stdout = Some(process.stdout.as_fd());
    let mut stderr = Some(process.stderr.as_fd());
    while stdout.is_some() || stderr.is_some() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let [out, err] = ready([stdout, stderr], left)?;
        if out && output.read(&process.stdout)? == 0 {
            stdout = None;
        }
        if err && errors.read_tail(&process.stderr)? == 0 {
            stderr = None;
        }
    }
    Ok(())
}

/// Bounded storage for a pipe's output, allocated before the clock starts.
struct Collected {
    kept: Vec<u8>,
    limit: usize,
    total: usize,
    chunk: Box<[u8]>,
}

impl Collected {
    fn with_room_for(limit: usize) -> Self {
        Self {
            kept: Vec::with_capacity(limit * 2),
            limit,
            total: 0,
            chunk: vec![0; 64 * 1024].into_boxed_slice(),
        }
    }

    /// Reads once and keeps the first bytes.
    fn read(&mut self, pipe: &impl AsFd) -> io::Result<usize> {
        let read = read_once(pipe, &mut self.chunk)?;
        let room = self.limit - self.kept.len().min(self.limit);
        self.kept.extend_from_slice(&self.chunk[..read.min(room)]);
        self.total += read;
        Ok(read)
    }

    /// Reads once and keeps the last bytes.
    fn read_tail(&mut self, pipe: &impl AsFd) -> io::Result<usize> {
        let read = read_once(pipe, &mut self.chunk)?;
        keep_tail(&mut self.kept, &self.chunk[..read], self.limit);
        self.total += read;
        Ok(read)
    }
}
