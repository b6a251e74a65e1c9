//! A process of which nothing is timed, with everything that it starts; and the one wait for it.

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

/// A child that leads a process group. Dropping it kills the group, unless it was waited for.
#[derive(Debug)]
pub struct Group {
    child: Child,
    group: Pid,
    exit: OwnedFd,
    ended: Option<ExitStatus>,
}

impl Group {
    /// Starts `command` in a group of its own: a terminal's Ctrl-C is for `bench` alone.
    ///
    /// # Errors
    /// What the system says.
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

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Readable once it has exited.
    pub fn exit(&self) -> BorrowedFd<'_> {
        self.exit.as_fd()
    }

    /// For its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Sends `signal` to all of it. What was waited for is left alone: its number may be
    /// somebody else's.
    pub fn signal(&self, signal: Signal) {
        if self.ended.is_none() {
            // It may be gone already, which is what is wanted.
            let _ = kill_process_group(self.group, signal);
        }
    }

    /// How it ended, if it has; what it left behind in its group is killed.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        match ready([Some(self.exit.as_fd())], Duration::ZERO)? {
            [true] => self.end().map(Some),
            [false] => Ok(self.ended),
        }
    }

    /// Waits for its end. What it started may go on.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait()?;
        self.ended = Some(status);
        Ok(status)
    }

    /// Kills what is left of it and waits.
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

/// The command line of `launch`, with its environment and nothing of ours.
pub fn command(launch: &Launch) -> Command {
    let mut command = Command::new(&launch.program);
    command
        .args(&launch.args)
        .env_clear()
        .envs(&launch.env)
        .current_dir(&launch.directory);
    command
}

/// Has the kernel send `signal` to what `command` starts when `bench` is killed outright.
pub fn dies_with_bench(command: &mut Command, signal: Signal) {
    // SAFETY: prctl is async-signal-safe, allocates nothing and touches no memory of ours.
    unsafe {
        command.pre_exec(move || Ok(set_parent_process_death_signal(Some(signal))?));
    }
}

/// Kills the process group that `pid` leads, if it is still there.
pub fn kill(pid: u32) {
    if let Ok(group) = pid_of(pid) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

fn pid_of(pid: u32) -> io::Result<Pid> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| io::Error::other("a process without a number"))
}

/// Why a wait ends before what it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The user wants to stop.
    Interrupted,
    /// Time is up.
    Deadline,
    /// The process holds more memory than it may.
    Memory,
}

/// What ends every wait for a process, whatever it waits for.
#[derive(Debug)]
pub struct Bounds<'b> {
    /// By the user. `None` for what must be done after an interruption.
    pub interrupt: Option<&'b Interrupt>,
    /// At a moment.
    pub until: Option<Instant>,
    /// By how much memory a process holds.
    pub memory: Option<&'b mut Memory>,
}

/// How much memory a process may hold.
#[derive(Debug)]
pub struct Memory {
    /// The process.
    pub pid: u32,
    /// What it may hold, bytes.
    pub limit_bytes: u64,
    /// How often that is looked at.
    pub every: Duration,
    /// When it was last.
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

/// Most pipes that are waited for at once.
const PIPES: usize = 3;

impl Bounds<'_> {
    /// Waits for one of `pipes` and says which; for none if it was only time to look at the memory,
    /// or a signal came. A process that never stops writing is cut as well as a silent one.
    ///
    /// # Errors
    /// What poll says.
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

/// Standard error of processes whose pipes nobody reads: a file without a name.
#[derive(Debug)]
pub struct Errors(File);

impl Errors {
    /// # Errors
    /// If the system has no memory for it.
    pub fn new() -> io::Result<Self> {
        let file = memfd_create("stderr of a process", MemfdFlags::CLOEXEC)?;
        Ok(Self(File::from(file)))
    }

    /// For a process to write to.
    ///
    /// # Errors
    /// If there are no descriptors left.
    pub fn handle(&self) -> io::Result<File> {
        self.0.try_clone()
    }

    /// The last of what was written, at most [`STDERR_KEPT`] bytes.
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
