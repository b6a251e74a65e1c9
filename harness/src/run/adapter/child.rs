//! One adapter process and the conversation with it.
//!
//! An adapter is somebody else's program: it may crash, hang or print garbage at any moment.
//! Whatever it does ends in a [`Fault`] that says so, with its standard error, and the process
//! group is gone when [`AdapterChild`] is dropped.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use plimsoll_adapter::protocol::{Hello, PROTOCOL, Prepare, Prepared, Reply, Request};
use plimsoll_record::run::ProgramRecord;
use plimsoll_record::{FailureKind, Proposal, TargetId, text};
use rustix::process::Signal;
use thiserror::Error;

use crate::machine::denoise;
use crate::machine::interrupt::Interrupt;
use crate::process::group::{self, Bounds, Cut, Group, Memory};
use crate::process::pipe::{STDERR_KEPT, keep_tail, open, read_once};
use crate::process::status::describe;

/// Longest message an adapter may send: a guest's output is inside it.
const LONGEST_MESSAGE: usize = 64 << 20;
/// How long an adapter has to end after its stdin was closed.
const GOODBYE: Duration = Duration::from_secs(5);
/// How long an adapter has to clean up after SIGTERM: a container must be removed.
const CLEAN_UP: Duration = Duration::from_secs(5);

/// Why a conversation ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// The process could not be started.
    #[error("cannot start {program}: {message}")]
    Start {
        /// The adapter.
        program: String,
        /// What the system said.
        message: String,
    },
    /// It ended, or closed its pipe, in the middle.
    #[error("the adapter {how} in the middle of {during}")]
    Crashed {
        /// How it ended.
        how: String,
        /// What it was asked.
        during: &'static str,
    },
    /// It did not answer in time and was killed.
    #[error("the adapter did not answer {during} within {limit:?} and was killed")]
    Deadline {
        /// What it was asked.
        during: &'static str,
        /// How long it had.
        limit: Duration,
    },
    /// It took more memory than it may and was killed.
    #[error("the adapter took more than {limit_bytes} bytes of memory in {during} and was killed")]
    Memory {
        /// What it was asked.
        during: &'static str,
        /// What it may take.
        limit_bytes: u64,
    },
    /// What it sent is not the protocol.
    #[error("the adapter sent a line that is not of the protocol: {0}")]
    Protocol(String),
    /// The run was asked to end.
    #[error("interrupted")]
    Interrupted,
}

impl Fault {
    /// The kind of failure that a trial is recorded with; none for an interruption, which is
    /// no outcome.
    pub fn kind(&self) -> Option<FailureKind> {
        match self {
            Fault::Start { .. } => Some(FailureKind::Start),
            Fault::Crashed { .. } => Some(FailureKind::Crashed),
            Fault::Deadline { .. } => Some(FailureKind::Deadline),
            Fault::Memory { .. } => Some(FailureKind::OutOfMemory),
            Fault::Protocol(_) => Some(FailureKind::Protocol),
            Fault::Interrupted => None,
        }
    }
}

/// What came of asking to prepare a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preparation {
    /// It is ready.
    Ready(Prepared),
    /// The target cannot run this workload.
    Unsupported(String),
    /// It was tried and failed.
    Failed {
        /// What was tried, and what happened.
        message: String,
        /// Whether memory ran out.
        out_of_memory: bool,
    },
}

/// A running adapter. Dropping it ends its whole process group.
#[derive(Debug)]
pub struct AdapterChild {
    process: Group,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: Option<ChildStderr>,
    /// Read but not yet a whole line.
    pending: Vec<u8>,
    stderr_tail: Vec<u8>,
    interrupt: Interrupt,
    memory: Option<Memory>,
}

/// How often the memory of an adapter is looked at that may only take so much.
const LOOK: Duration = Duration::from_millis(40);

impl AdapterChild {
    /// Starts `program` in `directory`.
    ///
    /// # Errors
    /// [`Fault::Start`].
    pub fn start(program: &Path, directory: &Path, interrupt: &Interrupt) -> Result<Self, Fault> {
        let fault = |error: io::Error| Fault::Start {
            program: program.display().to_string(),
            message: error.to_string(),
        };
        let mut command = Command::new(program);
        command
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // TERM and not KILL, so that it can remove what it made outside its own process.
        group::dies_with_bench(&mut command, Signal::TERM);
        let starting = denoise::starting();
        let mut process = Group::start(&mut command).map_err(fault)?;
        drop(starting);
        let child = process.child();
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(fault(io::Error::other("its pipes are missing")));
        };
        Ok(Self {
            process,
            stdin: Some(stdin),
            stdout,
            stderr: Some(stderr),
            pending: Vec::new(),
            stderr_tail: Vec::new(),
            interrupt: interrupt.clone(),
            memory: None,
        })
    }

    /// Kills it, from now on, when more than so many bytes of it are in memory. That is looked at
    /// while its replies are waited for, every 40 ms.
    pub fn limit_memory(&mut self, limit_bytes: u64) {
        self.memory = Some(Memory {
            pid: self.process.id(),
            limit_bytes,
            every: LOOK,
            looked: Instant::now(),
        });
    }

    /// The last of what it wrote to standard error.
    pub fn stderr(&self) -> String {
        text::lines(&String::from_utf8_lossy(&self.stderr_tail)).into_owned()
    }

    /// Asks who it is, and makes sure that it speaks this version of the protocol.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn hello(&mut self, limit: Duration) -> Result<Hello, Fault> {
        let mut exchange = self.ask(&Request::Hello, "hello", limit)?;
        match exchange.reply()? {
            Reply::Hello(hello) if hello.protocol == PROTOCOL => shown(&hello),
            Reply::Hello(hello) => Err(Fault::Protocol(format!(
                "{} speaks version {} of the protocol, this bench speaks {PROTOCOL}; build both from one checkout",
                hello.adapter, hello.protocol
            ))),
            other => Err(unexpected(&other, "hello")),
        }
    }

    /// Asks to make a pair ready.
    ///
    /// # Errors
    /// [`Fault`]; a target that cannot, or that failed, is no fault.
    pub fn prepare(&mut self, prepare: Prepare, limit: Duration) -> Result<Preparation, Fault> {
        let mut exchange = self.ask(&Request::Prepare(prepare), "prepare", limit)?;
        match exchange.reply()? {
            Reply::Prepared(prepared) => Ok(Preparation::Ready(prepared)),
            Reply::Unsupported { reason } => Ok(Preparation::Unsupported(reason)),
            Reply::Failed {
                message,
                out_of_memory,
            } => Ok(Preparation::Failed {
                message,
                out_of_memory,
            }),
            other => Err(unexpected(&other, "prepare")),
        }
    }

    /// Asks which proposals a target has.
    ///
    /// # Errors
    /// [`Fault`]; an adapter that refuses to say claims nothing.
    pub fn claims(&mut self, target: &TargetId, limit: Duration) -> Result<Vec<Proposal>, Fault> {
        let request = Request::Claims {
            target: target.clone(),
        };
        let mut exchange = self.ask(&request, "claims", limit)?;
        match exchange.reply()? {
            Reply::Claims { proposals } => Ok(proposals),
            Reply::Unsupported { .. } | Reply::Failed { .. } => Ok(Vec::new()),
            other => Err(unexpected(&other, "claims")),
        }
    }

    /// Asks for the programs that take part in a target's trials.
    ///
    /// # Errors
    /// [`Fault`]; an adapter that does not know the request has none to record.
    pub fn programs(
        &mut self,
        target: &TargetId,
        limit: Duration,
    ) -> Result<Vec<ProgramRecord>, Fault> {
        let request = Request::Programs {
            target: target.clone(),
        };
        let mut exchange = self.ask(&request, "programs", limit)?;
        match exchange.reply()? {
            Reply::Programs { programs } => Ok(programs),
            Reply::Unsupported { .. } | Reply::Failed { .. } => Ok(Vec::new()),
            other => Err(unexpected(&other, "programs")),
        }
    }

    /// Sends a request; the replies are read from what this returns.
    ///
    /// # Errors
    /// [`Fault::Crashed`] if it no longer reads.
    pub fn ask(
        &mut self,
        request: &Request,
        during: &'static str,
        limit: Duration,
    ) -> Result<Exchange<'_>, Fault> {
        let mut line = serde_json::to_vec(request)
            .map_err(|error| Fault::Protocol(format!("cannot say {during}: {error}")))?;
        line.push(b'\n');
        let written = match &mut self.stdin {
            Some(stdin) => stdin.write_all(&line),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        if written.is_err() {
            return Err(self.crashed(during));
        }
        Ok(Exchange {
            adapter: self,
            during,
            limit,
            until: Instant::now() + limit,
        })
    }

    /// Closes its stdin, by which it knows to stop, and waits for it to end.
    pub fn goodbye(mut self) {
        self.stdin = None;
        self.await_exit(GOODBYE);
    }

    fn read_line(&mut self, exchange: (&'static str, Duration, Instant)) -> Result<Vec<u8>, Fault> {
        let (during, limit, until) = exchange;
        let mut chunk = [0; 16 * 1024];
        let mut searched = 0;
        loop {
            if let Some(at) = self.pending[searched..].iter().position(|&b| b == b'\n') {
                let rest = self.pending.split_off(searched + at + 1);
                let mut line = std::mem::replace(&mut self.pending, rest);
                line.pop();
                return Ok(line);
            }
            searched = self.pending.len();
            if searched > LONGEST_MESSAGE {
                return Err(Fault::Protocol(format!(
                    "{LONGEST_MESSAGE} bytes without an end of line"
                )));
            }
            let mut bounds = Bounds {
                interrupt: Some(&self.interrupt),
                until: Some(until),
                memory: self.memory.as_mut(),
            };
            let pipes = [Some(self.stdout.as_fd()), open(&self.stderr)];
            let waited = bounds.wait(pipes);
            let [out, err] = match waited.map_err(|error| Fault::Protocol(error.to_string()))? {
                Ok(ready) => ready,
                Err(cut) => return Err(self.cut(cut, during, limit)),
            };
            if err {
                self.read_stderr();
            }
            if out {
                let read = read_once(&self.stdout, &mut chunk).unwrap_or(0);
                if read == 0 {
                    return Err(self.crashed(during));
                }
                self.pending.extend_from_slice(&chunk[..read]);
            }
        }
    }

    fn cut(&self, cut: Cut, during: &'static str, limit: Duration) -> Fault {
        match cut {
            Cut::Interrupted => Fault::Interrupted,
            Cut::Deadline => Fault::Deadline { during, limit },
            Cut::Memory => {
                // At once: what eats memory does not wait to be asked.
                self.process.signal(Signal::KILL);
                Fault::Memory {
                    during,
                    limit_bytes: self.memory.as_ref().map_or(0, |memory| memory.limit_bytes),
                }
            }
        }
    }

    fn read_stderr(&mut self) {
        let mut chunk = [0; 4096];
        let Some(stderr) = &self.stderr else { return };
        match read_once(stderr, &mut chunk) {
            Ok(read) if read > 0 => keep_tail(&mut self.stderr_tail, &chunk[..read], STDERR_KEPT),
            _ => self.stderr = None,
        }
    }

    fn crashed(&mut self, during: &'static str) -> Fault {
        let status = self.await_exit(Duration::from_secs(1));
        Fault::Crashed {
            how: match status {
                Some(status) => describe(status),
                None => "closed its stdout without ending".to_owned(),
            },
            during,
        }
    }

    /// Waits for the process to end, reading its standard error meanwhile.
    fn await_exit(&mut self, limit: Duration) -> Option<ExitStatus> {
        let mut bounds = Bounds {
            interrupt: None,
            until: Some(Instant::now() + limit),
            memory: None,
        };
        loop {
            let pipes = [Some(self.process.exit()), open(&self.stderr)];
            match bounds.wait(pipes).ok()? {
                Ok([_, true]) => self.read_stderr(),
                Ok([true, false]) => return self.process.end().ok(),
                Ok([false, false]) => {}
                Err(_) => return self.process.ended().ok()?,
            }
        }
    }
}

impl Drop for AdapterChild {
    fn drop(&mut self) {
        self.stdin = None;
        if matches!(self.process.ended(), Ok(None)) {
            self.process.signal(Signal::TERM);
            self.await_exit(CLEAN_UP);
        }
    }
}

/// One request that is under way.
#[derive(Debug)]
pub struct Exchange<'a> {
    adapter: &'a mut AdapterChild,
    during: &'static str,
    limit: Duration,
    until: Instant,
}

impl Exchange<'_> {
    /// The next reply, which has the whole time again, whatever the replies before it took.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn next_reply(&mut self) -> Result<Reply, Fault> {
        self.until = Instant::now() + self.limit;
        self.reply()
    }

    /// The next reply.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn reply(&mut self) -> Result<Reply, Fault> {
        let line = self
            .adapter
            .read_line((self.during, self.limit, self.until))?;
        serde_json::from_slice(&line).map_err(|error| {
            Fault::Protocol(format!(
                "{} ({error})",
                excerpt(&String::from_utf8_lossy(&line))
            ))
        })
    }
}

/// What an adapter says of itself, fit to be shown on a terminal.
fn shown(hello: &Hello) -> Result<Hello, Fault> {
    let escaped = serde_json::to_value(hello).and_then(|mut value| {
        text::escape(&mut value);
        serde_json::from_value(value)
    });
    escaped.map_err(|error| Fault::Protocol(format!("hello ({error})")))
}

/// The fault of a reply that does not belong to its request.
pub fn unexpected(reply: &Reply, during: &'static str) -> Fault {
    let said = serde_json::to_string(reply).unwrap_or_default();
    Fault::Protocol(format!("{} in answer to {during}", excerpt(&said)))
}

fn excerpt(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}
