//! A process whose guest may do its worst: under a deadline, bounded in memory and processor time.
//!
//! Nothing here is timed. It is started the common way, by fork, so that bounds can be set between fork
//! and exec, and so that the kernel ends it when `bench` is killed outright.

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

/// Most memory that a process may hold while its guest does its worst, bytes.
pub const MEMORY_BYTES: u64 = 1 << 30;
/// Most private memory that it can map for writing, bytes: what holds it should it take all that
/// between two looks at it.
const DATA_BYTES: u64 = 3 << 30;
/// Most processor time, seconds: what ends it should nobody else be there to.
const PROCESSOR_SECONDS: u64 = 60;
/// How often its memory is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// How long pipes are drained after the end.
const DRAIN: Duration = Duration::from_millis(500);
/// Most of the beginning of its output, and of its standard error, that is kept, bytes.
const KEPT: usize = 64 << 10;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub end: Ending,
    /// The first of what it printed.
    pub stdout: String,
    /// The first and the last of what it wrote to standard error.
    pub stderr: String,
}

/// How a hostile guest's process or container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With this code.
    Exited(i32),
    /// By this signal, which was not ours.
    Killed(i32),
    /// The kernel killed it because the memory that the target may have was used up.
    OutOfMemory,
    /// By us, when patience was at its end.
    Impatience(Duration),
    /// By us, because it held more memory than this, bytes.
    Memory(u64),
}

/// What a guest is held to that does its worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How long it is let go on.
    pub patience: Duration,
    /// Most memory that its process may hold, bytes.
    pub memory_bytes: u64,
    /// What it finds on its standard input.
    pub stdin: Stdin,
}

/// What a process finds on its standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdin {
    /// Its end at once: /dev/null.
    Empty,
    /// A pipe on which nothing ever comes.
    Silent,
}

/// Runs `launch` within `bounds`; `None` if the run was interrupted meanwhile.
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
            // This thread may have been late: what has ended was in time.
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
            // Held open by the child's handle until it is waited for.
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

/// What a process prints, as far as it is kept.
struct Pipes {
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// The last of what it wrote to standard error after that.
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

    /// Waits once and keeps what has come; says whether `exit` is ready.
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
                // An engine says why first and where after it, or the other way round.
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

/// Reads once; true at the end of the file.
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
        // Its parent is gone: whoever inherits it takes a moment to bury it.
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
