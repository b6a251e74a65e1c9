//! A process that is not timed, with its process group; and the one wait for such processes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use plimsoll_adapter::footprint;
use plimsoll_adapter::protocol::Launch;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{
    Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, set_parent_process_death_signal,
};

use super::pipe::{STDERR_KEPT, ready};
use crate::machine::interrupt::Interrupt;

/// A child that leads a process group. Dropping it kills the group, unless it was already waited for.
#[derive(Debug)]
pub struct Group {
    child: Child,
    group: Pid,
    exit: OwnedFd,
    ended: Option<ExitStatus>,
}

impl Group {
    /// Starts `command` in its own process group, so that only `bench` gets a terminal's Ctrl-C.
    ///
    /// # Errors
    /// The system's error.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        let group = pid_of(child.id())?;
        Ok(Self {
            child,
            group,
            exit: pidfd_open(group, PidfdFlags::empty())?,
            ended: None,
        })
    }

    /// The process id, which is also the group's.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Becomes readable when the process exits.
    pub fn exit(&self) -> BorrowedFd<'_> {
        self.exit.as_fd()
    }

    /// The child, for access to its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Sends `signal` to the group; does nothing after a wait, because the id may have been reused.
    pub fn signal(&self, signal: Signal) {
        if self.ended.is_none() {
            // The group may be gone already.
            let _ = kill_process_group(self.group, signal);
        }
    }

    /// The exit status if the process has exited; the rest of its group is then killed.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        match ready([Some(self.exit.as_fd())], Duration::ZERO)? {
            [true] => self.end().map(Some),
            [false] => Ok(self.ended),
        }
    }

    /// Waits for the process. Its children may go on.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait()?;
        self.ended = Some(status);
        Ok(status)
    }

    /// Kills the group and waits for the process.
    ///
    /// # Errors
    /// As [`Group::wait`].
    pub fn end(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.ended.is_none() {
            let _ = self.end();
        }
    }
}

/// The command of `launch`, with only its own environment.
pub fn command(launch: &Launch) -> Command {
    let mut command = Command::new(&launch.program);
    command
        .args(&launch.args)
        .env_clear()
        .envs(&launch.env)
        .current_dir(&launch.directory);
    command
}

/// Makes the kernel send `signal` to the child of `command` when `bench` dies.
pub fn dies_with_bench(command: &mut Command, signal: Signal) {
    // SAFETY: prctl is async-signal-safe, allocates nothing and touches no memory of ours.
    unsafe {
        command.pre_exec(move || Ok(set_parent_process_death_signal(Some(signal))?));
    }
}

/// Kills the process group that `pid` leads, if it exists.
pub fn kill(pid: u32) {
    if let Ok(group) = pid_of(pid) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

fn pid_of(pid: u32) -> io::Result<Pid> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| io::Error::other("a process without a number"))
}

/// Why a wait ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// By the user.
    Interrupted,
    /// At the deadline.
    Deadline,
    /// Over its memory limit.
    Memory,
}

/// The limits of every wait for a process.
#[derive(Debug)]
pub struct Bounds<'b> {
    /// Ends the wait on an interruption; `None` for clean-up after one.
    pub interrupt: Option<&'b Interrupt>,
    /// Deadline; `None` for no limit.
    pub until: Option<Instant>,
    /// Memory limit, if there is one.
    pub memory: Option<&'b mut Memory>,
}

/// The memory limit of a process.
#[derive(Debug)]
pub struct Memory {
    /// Process id.
    pub pid: u32,
    /// Maximum resident memory, bytes.
    pub limit_bytes: u64,
    /// Interval between checks.
    pub every: Duration,
    /// Time of the last check.
    pub looked: Instant,
}

impl Memory {
    fn is_over(&mut self) -> bool {
        if self.looked.elapsed() < self.every {
            return false;
        }
        self.looked = Instant::now();
        footprint::resident_bytes(self.pid).is_some_and(|bytes| bytes > self.limit_bytes)
    }
}

/// Maximum pipes per wait.
const PIPES: usize = 3;

impl Bounds<'_> {
    /// Waits for one of `pipes` and returns which are ready: none if a signal came or it is time for a memory
    /// check. The limits also apply to a process that never stops writing.
    ///
    /// # Errors
    /// The error of poll.
    pub fn wait<const N: usize>(
        &mut self,
        pipes: [Option<BorrowedFd<'_>>; N],
    ) -> io::Result<Result<[bool; N], Cut>> {
        const { assert!(N <= PIPES) };
        const FOREVER: Duration = Duration::from_secs(3600);
        let left = self.until.map_or(FOREVER, |until| {
            until.saturating_duration_since(Instant::now())
        });
        if left.is_zero() {
            return Ok(Err(Cut::Deadline));
        }
        if self.memory.as_mut().is_some_and(|memory| memory.is_over()) {
            return Ok(Err(Cut::Memory));
        }
        let every = self.memory.as_ref().map_or(left, |memory| memory.every);
        let mut all = [None; PIPES + 1];
        all[..N].copy_from_slice(&pipes);
        all[PIPES] = self.interrupt.map(Interrupt::as_fd);
        let found = ready(all, left.min(every))?;
        Ok(match found[PIPES] {
            true => Err(Cut::Interrupted),
            false => Ok(std::array::from_fn(|at| found[at])),
        })
    }
}

/// Standard error of processes with unread pipes: an anonymous file.
#[derive(Debug)]
pub struct Errors(File);

impl Errors {
    /// # Errors
    /// If the system has no memory for it.
    pub fn new() -> io::Result<Self> {
        let file = memfd_create("stderr of a process", MemfdFlags::CLOEXEC)?;
        Ok(Self(File::from(file)))
    }

    /// A handle for a process to write to.
    ///
    /// # Errors
    /// If there are no descriptors left.
    pub fn handle(&self) -> io::Result<File> {
        self.0.try_clone()
    }

    /// The end of what was written, at most [`STDERR_KEPT`] bytes.
    pub fn tail(&mut self) -> String {
        let mut tail = Vec::new();
        let from = self.0.seek(SeekFrom::End(0)).unwrap_or(0);
        let _ = self
            .0
            .seek(SeekFrom::Start(from.saturating_sub(STDERR_KEPT as u64)))
            .and_then(|_| self.0.read_to_end(&mut tail));
        String::from_utf8_lossy(&tail).into_owned()
    }
}
