//! The loop, and what it yields.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::FromRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::bytes::GuestBytes;
use crate::instructions;
use crate::traced::{self, Traced};

/// What is run, and where.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// The executable.
    pub program: &'a Path,
    /// Its arguments, without its own name.
    pub args: &'a [String],
    /// Its working directory; this process's own if none is given.
    pub directory: Option<&'a Path>,
    /// Its environment, all of it.
    pub env: &'a BTreeMap<String, String>,
}

/// How often it is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// Most iterations; at least one is done.
    pub iterations: u32,
    /// No further iteration is begun once this much time has passed.
    pub budget: Duration,
}

/// Everything that was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// A reading an iteration, in order, the first one too.
    pub readings: Vec<Reading>,
    /// Every distinct thing the program produced.
    pub outputs: Vec<Output>,
}

/// What the clocks said of one iteration, nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// First instruction to call of exit, by CLOCK_MONOTONIC.
    pub run_ns: u64,
    /// User and system time over the same span, by the process's own clock.
    pub cpu_ns: u64,
    /// Spawn to exit observed, by CLOCK_MONOTONIC.
    pub cycle_ns: u64,
    /// Instructions finished in user mode over the same span as `run_ns`, where they are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<u64>,
}

/// What the program produced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its exit code.
    pub exit_code: i32,
    /// What it wrote to stdout.
    pub stdout: GuestBytes,
    /// How many iterations produced exactly this.
    pub times: u32,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The program cannot be started.
    #[error("starting {}: {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The kernel does not let it be stopped at its ends.
    #[error("{doing}: {source}; ptrace of own children must be allowed here")]
    Trace {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A signal ended it.
    #[error("the program was killed by signal {signal}")]
    Killed {
        /// The signal's number.
        signal: i32,
    },
    /// What it wrote could not be kept or read.
    #[error("keeping what the program writes: {0}")]
    Output(#[source] io::Error),
}

/// Runs `program` again and again and times its own code. Its stdin is /dev/null, its stdout goes to memory, its stderr is this process's.
///
/// # Errors
///
/// [`WatchError`]; an exit code other than 0 is no error but an output.
pub fn watch(program: Program<'_>, amount: Amount) -> Result<Watched, WatchError> {
    let mut watched = Watched::default();
    // Asked once: where there is no counter, no iteration's cycle pays for trying.
    let counts = match instructions::supported() {
        Ok(()) => Counts::Instructions,
        Err(_) => Counts::Nothing,
    };
    let begun = Instant::now();
    for iteration in 0..amount.iterations.max(1) {
        if iteration > 0 && begun.elapsed() >= amount.budget {
            break;
        }
        once(program, counts, &mut watched)?;
    }
    Ok(watched)
}

/// What is counted beside what is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
    Instructions,
    Nothing,
}

fn once(program: Program<'_>, counts: Counts, watched: &mut Watched) -> Result<(), WatchError> {
    let mut stdout = memory_file().map_err(WatchError::Output)?;
    let mut command = Command::new(program.program);
    command
        .args(program.args)
        .env_clear()
        .envs(program.env)
        .stdin(Stdio::null())
        .stdout(stdout.try_clone().map_err(WatchError::Output)?);
    if let Some(directory) = program.directory {
        command.current_dir(directory);
    }
    traced::asks_to_be_traced(&mut command);

    let requested = Instant::now();
    let child = command.spawn().map_err(|source| WatchError::Start {
        program: program.program.to_owned(),
        source,
    })?;
    let mut traced = Traced::stopped_at_exec(child)?;
    if counts == Counts::Instructions {
        traced.count_instructions();
    }
    let busy_before = traced.processor_time()?;
    let started = Instant::now();
    traced.resume()?;
    traced.wait_for_exit_call()?;
    let ended = Instant::now();
    let busy_after = traced.processor_time()?;
    let instructions = traced.instructions();
    let exit_code = traced.finish()?;
    let gone = Instant::now();

    watched.readings.push(Reading {
        run_ns: nanoseconds(ended - started),
        cpu_ns: nanoseconds(busy_after.saturating_sub(busy_before)),
        cycle_ns: nanoseconds(gone - requested),
        instructions,
    });
    let mut bytes = Vec::new();
    stdout
        .rewind()
        .and_then(|()| stdout.read_to_end(&mut bytes))
        .map_err(WatchError::Output)?;
    watched.add(exit_code, bytes);
    Ok(())
}

impl Watched {
    fn add(&mut self, exit_code: i32, stdout: Vec<u8>) {
        let mut outputs = self.outputs.iter_mut();
        match outputs.find(|output| output.exit_code == exit_code && output.stdout.0 == stdout) {
            Some(output) => output.times += 1,
            None => self.outputs.push(Output {
                exit_code,
                stdout: GuestBytes(stdout),
                times: 1,
            }),
        }
    }
}

/// A file in memory: unlike a pipe it is never full, so nobody has to read while the clock runs.
fn memory_file() -> io::Result<File> {
    // SAFETY: the name is a NUL-terminated string that outlives the call.
    let descriptor = unsafe { libc::memfd_create(c"stdout".as_ptr(), libc::MFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and belongs to nobody else.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
