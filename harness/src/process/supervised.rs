//! Runs a hostile guest with a deadline and with limits for memory and CPU time.
//!
//! Nothing here is timed. The process is forked, so that limits can be set between fork and exec, and so that
//! the kernel kills it when `bench` dies.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ChildStderr, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use plimsoll_adapter::protocol::Launch;
use rustix::process::{Resource, Rlimit, Signal, setrlimit};

use super::group::{self, Cut, Group, Memory};
use super::pipe::{STDERR_KEPT, keep_tail, open, read_once};
use crate::machine::interrupt::Interrupt;

/// Maximum memory of a hostile guest's process, bytes.
pub const MEMORY_BYTES: u64 = 1 << 30;
/// Maximum private writable mappings, bytes: the limit for memory taken between two checks.
const DATA_BYTES: u64 = 3 << 30;
/// Maximum CPU time, seconds: the limit if nothing else ends the process.
const PROCESSOR_SECONDS: u64 = 60;
/// Interval between memory checks.
const LOOK: Duration = Duration::from_millis(10);
/// How long pipes are drained after the process ended.
const DRAIN: Duration = Duration::from_millis(500);
/// Maximum kept from the start of stdout and of stderr, bytes.
const KEPT: usize = 64 << 10;

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub end: Ending,
    /// The start of its stdout.
    pub stdout: String,
    /// The start and the end of its stderr.
    pub stderr: String,
}

/// How a hostile guest's process or container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With this exit code.
    Exited(i32),
    /// By this signal, not sent by `bench`.
    Killed(i32),
    /// By the kernel, because the target's memory limit was reached.
    OutOfMemory,
    /// By `bench`, at the deadline.
    Impatience(Duration),
    /// By `bench`, because it exceeded this memory limit, bytes.
    Memory(u64),
}

/// The limits of a hostile guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Deadline, from its start.
    pub patience: Duration,
    /// Maximum memory of its process, bytes.
    pub memory_bytes: u64,
    /// Its standard input.
    pub stdin: Stdin,
}

/// The standard input of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdin {
    /// At end of file: /dev/null.
    Empty,
    /// A pipe that never has data.
    Silent,
}

/// Runs `launch` within `bounds`; `None` if the user interrupted.
///
/// # Errors
/// If it cannot be started or watched.
pub fn run(launch: &Launch, bounds: Bounds, interrupt: &Interrupt) -> io::Result<Option<Ran>> {
    let mut process = spawn(launch, bounds.stdin)?;
    let mut pipes = Pipes::of(&mut process)?;
    let mut memory = Memory {
        pid: process.id(),
        limit_bytes: bounds.memory_bytes,
        every: LOOK,
        looked: Instant::now(),
    };
    let mut wait = group::Bounds {
        interrupt: Some(interrupt),
        until: Some(Instant::now() + bounds.patience),
        memory: Some(&mut memory),
    };
    let cut = loop {
        match pipes.wait(&mut wait, Some(process.exit()))? {
            Ok(true) => break None,
            Ok(false) => {}
            Err(Cut::Interrupted) => return Ok(None),
            // This thread may be late: a process that has ended was in time.
            Err(cut) => break process.ended()?.is_none().then_some(cut),
        }
    };
    let status = process.end()?;
    let mut drained = group::Bounds {
        interrupt: None,
        until: Some(Instant::now() + DRAIN),
        memory: None,
    };
    while pipes.are_open() && pipes.wait(&mut drained, None)?.is_ok() {}
    let end = match (cut, status.code(), status.signal()) {
        (Some(Cut::Memory), ..) => Ending::Memory(bounds.memory_bytes),
        (Some(_), ..) => Ending::Impatience(bounds.patience),
        (None, Some(code), _) => Ending::Exited(code),
        (None, None, signal) => Ending::Killed(signal.unwrap_or_default()),
    };
    Ok(Some(Ran {
        end,
        stdout: String::from_utf8_lossy(&pipes.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&[pipes.stderr, pipes.tail].concat()).into_owned(),
    }))
}

fn spawn(launch: &Launch, stdin: Stdin) -> io::Result<Group> {
    let mut command = group::command(launch);
    command
        .stdin(match stdin {
            Stdin::Empty => Stdio::null(),
            // The child's handle keeps it open until the process is waited for.
            Stdin::Silent => Stdio::piped(),
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    group::dies_with_bench(&mut command, Signal::KILL);
    // SAFETY: setrlimit is async-signal-safe, allocates nothing and touches no memory of ours but the
    // limits on this stack.
    unsafe {
        command.pre_exec(|| {
            limit(Resource::Data, DATA_BYTES)?;
            limit(Resource::Cpu, PROCESSOR_SECONDS)?;
            limit(Resource::Core, 0)
        });
    }
    Group::start(&mut command)
}

fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let both = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    Ok(setrlimit(resource, both)?)
}

/// The kept output of a process.
struct Pipes {
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// The end of stderr, after the start.
    tail: Vec<u8>,
}

impl Pipes {
    fn of(process: &mut Group) -> io::Result<Self> {
        let missing = || io::Error::other("its pipes are missing");
        Ok(Pipes {
            out: Some(process.child().stdout.take().ok_or_else(missing)?),
            err: Some(process.child().stderr.take().ok_or_else(missing)?),
            stdout: Vec::new(),
            stderr: Vec::new(),
            tail: Vec::new(),
        })
    }

    fn are_open(&self) -> bool {
        self.out.is_some() || self.err.is_some()
    }

    /// Waits once and keeps new output; returns whether `exit` is ready.
    fn wait(
        &mut self,
        bounds: &mut group::Bounds<'_>,
        exit: Option<BorrowedFd<'_>>,
    ) -> io::Result<Result<bool, Cut>> {
        let [out, err, exited] = match bounds.wait([open(&self.out), open(&self.err), exit])? {
            Ok(ready) => ready,
            Err(cut) => return Ok(Err(cut)),
        };
        let mut chunk = [0; 16 << 10];
        if out
            && read(&mut self.out, &mut chunk, |bytes| {
                let room = KEPT.saturating_sub(self.stdout.len());
                self.stdout
                    .extend_from_slice(&bytes[..bytes.len().min(room)]);
            })?
        {
            self.out = None;
        }
        if err
            && read(&mut self.err, &mut chunk, |bytes| {
                // Engines print the cause first or last, so keep both ends.
                let room = KEPT.saturating_sub(self.stderr.len()).min(bytes.len());
                self.stderr.extend_from_slice(&bytes[..room]);
                keep_tail(&mut self.tail, &bytes[room..], STDERR_KEPT);
            })?
        {
            self.err = None;
        }
        Ok(Ok(exited))
    }
}

/// Reads once; true at end of file.
fn read(
    pipe: &mut Option<impl AsFd>,
    chunk: &mut [u8],
    mut keep: impl FnMut(&[u8]),
) -> io::Result<bool> {
    let Some(pipe) = pipe else { return Ok(true) };
    let read = read_once(pipe, chunk)?;
    keep(&chunk[..read]);
    Ok(read == 0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use plimsoll_adapter::footprint;

    use super::*;

    const LITTLE: u64 = 64 << 20;

    fn shell(script: &str, patience: Duration) -> Ran {
        fed(Stdin::Empty, script, patience)
    }

    fn fed(stdin: Stdin, script: &str, patience: Duration) -> Ran {
        let launch = Launch {
            program: PathBuf::from("/bin/sh"),
            args: vec!["-c".to_owned(), script.to_owned()],
            env: BTreeMap::new(),
            directory: PathBuf::from("/"),
            artefact: PathBuf::from("/bin/sh"),
            container: None,
        };
        let never = Interrupt::never().unwrap();
        let bounds = Bounds {
            patience,
            memory_bytes: LITTLE,
            stdin,
        };
        run(&launch, bounds, &never)
            .unwrap()
            .expect("not interrupted")
    }

    #[test]
    fn an_end_is_told_from_a_kill_and_from_our_own() {
        let ample = Duration::from_secs(30);
        let ran = shell("echo begun; echo why >&2; exit 3", ample);
        assert_eq!(ran.end, Ending::Exited(3));
        assert_eq!(
            (ran.stdout.as_str(), ran.stderr.as_str()),
            ("begun\n", "why\n")
        );
        assert_eq!(shell("kill -SEGV $$", ample).end, Ending::Killed(11));
        let short = Duration::from_millis(200);
        let ran = shell("echo begun; while :; do :; done", short);
        assert_eq!(ran.end, Ending::Impatience(short));
        assert_eq!(ran.stdout, "begun\n");
        let ended = "read line || echo ended";
        assert_eq!(shell(ended, ample).stdout, "ended\n");
        assert_eq!(
            fed(Stdin::Silent, ended, short).end,
            Ending::Impatience(short)
        );
    }

    #[test]
    fn what_it_started_is_gone_with_it() {
        let ran = shell("sleep 300 & echo $!; wait", Duration::from_millis(300));
        let left: u32 = ran.stdout.trim().parse().expect("a process id");
        // Its parent is gone, and the process that inherits it takes a moment to reap it.
        let until = Instant::now() + Duration::from_secs(10);
        while footprint::resident_bytes(left).is_some_and(|bytes| bytes > 0) {
            assert!(Instant::now() < until, "process {left} is still there");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn one_that_eats_memory_is_killed_before_the_machine_has_none() {
        let ran = shell(
            "x=$(head -c 200000000 /dev/zero | tr '\\0' x); sleep 300",
            Duration::from_secs(60),
        );
        assert_eq!(ran.end, Ending::Memory(LITTLE), "{ran:?}");
    }
}
