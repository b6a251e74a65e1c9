//! Runs a program repeatedly under the stopwatch and collects readings.

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

/// A program to run.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// Path of the executable.
    pub program: &'a Path,
    /// Arguments, without the program's name.
    pub args: &'a [String],
    /// Working directory; `None` for that of this process.
    pub directory: Option<&'a Path>,
    /// The complete environment.
    pub env: &'a BTreeMap<String, String>,
}

/// How often to run the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// Maximum iterations; at least one is done.
    pub iterations: u32,
    /// No iteration starts after this much time.
    pub budget: Duration,
}

/// All readings and outputs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// One reading per iteration, in order, including the first.
    pub readings: Vec<Reading>,
    /// The distinct outputs of the program.
    pub outputs: Vec<Output>,
}

/// Clock readings of one iteration, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// First instruction to exit call, by CLOCK_MONOTONIC.
    pub run_ns: u64,
    /// User and system time over the same span, by the process's CPU clock.
    pub cpu_ns: u64,
    /// Spawn to observed exit, by CLOCK_MONOTONIC.
    pub cycle_ns: u64,
    /// User-mode instructions over the same span as `run_ns`, if counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<u64>,
}

/// A program's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The process's exit code.
    pub exit_code: i32,
    /// Complete standard output.
    pub stdout: GuestBytes,
    /// Number of iterations with exactly this output.
    pub times: u32,
}

/// Why a measurement failed.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The program could not be started.
    #[error("starting {}: {source}", program.display())]
    Start {
        /// Path of the program.
        program: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Stopping the program with ptrace failed.
    #[error("{doing}: {source}; ptrace of own children must be allowed here")]
    Trace {
        /// The operation that failed.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// A signal killed the program.
    #[error("the program was killed by signal {signal}")]
    Killed {
        /// The signal's number.
        signal: i32,
    },
    /// The program's output could not be stored or read.
    #[error("keeping what the program writes: {0}")]
    Output(#[source] io::Error),
}

/// Runs `program` repeatedly and times its own code. Its stdin is /dev/null, its stdout goes to memory, and it inherits
/// stderr.
///
/// # Errors
///
/// [`WatchError`]; a non-zero exit code is an output, not an error.
pub fn watch(program: Program<'_>, amount: Amount) -> Result<Watched, WatchError> {
    let mut watched = Watched::default();
    // Checked once, so that without a counter no iteration's cycle time includes the attempt.
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

/// What to count in addition to timing.
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

/// A file in memory: unlike a pipe it never fills up, so no one has to read it while the clock runs.
fn memory_file() -> io::Result<File> {
    // SAFETY: the name is a NUL-terminated string that outlives the call.
    let descriptor = unsafe { libc::memfd_create(c"stdout".as_ptr(), libc::MFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just created and has no other owner.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
