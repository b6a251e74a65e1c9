//! An adapter process and its messages.
//!
//! An adapter is third-party code: it may crash, hang or print garbage at any moment. Every such failure
//! becomes a [`Fault`], and dropping [`AdapterChild`] ends the process group.

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

/// Maximum size of an adapter's message, which contains the guest's output.
const LONGEST_MESSAGE: usize = 64 << 20;
/// How long an adapter may take to exit after its stdin is closed.
const GOODBYE: Duration = Duration::from_secs(5);
/// How long an adapter may take to clean up (for example to remove a container) after SIGTERM.
const CLEAN_UP: Duration = Duration::from_secs(5);

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// The process could not be started.
    #[error("cannot start {program}: {message}")]
    Start {
        /// The adapter.
        program: String,
        /// The system's error.
        message: String,
    },
    /// It exited or closed its pipe during a request.
    #[error("the adapter {how} in the middle of {during}")]
    Crashed {
        /// How it ended.
        how: String,
        /// The request.
        during: &'static str,
    },
    /// It missed the deadline of a request and was killed.
    #[error("the adapter did not answer {during} within {limit:?} and was killed")]
    Deadline {
        /// The request.
        during: &'static str,
        /// The time limit.
        limit: Duration,
    },
    /// It exceeded its memory limit and was killed.
    #[error("the adapter took more than {limit_bytes} bytes of memory in {during} and was killed")]
    Memory {
        /// The request.
        during: &'static str,
        /// The memory limit.
        limit_bytes: u64,
    },
    /// It sent a message that violates the protocol.
    #[error("the adapter sent a line that is not of the protocol: {0}")]
    Protocol(String),
    /// The user interrupted the run.
    #[error("interrupted")]
    Interrupted,
}

impl Fault {
    /// The kind of failure to record for a trial; `None` for an interruption, which is no outcome.
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

/// The result of a request to prepare a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preparation {
    /// Prepared.
    Ready(Prepared),
    /// The target cannot run this workload; with the reason.
    Unsupported(String),
    /// Preparation failed.
    Failed {
        /// The attempted action and the error.
        message: String,
        /// Whether it ran out of memory.
        out_of_memory: bool,
    },
}

/// A running adapter. Dropping it ends its process group.
#[derive(Debug)]
pub struct AdapterChild {
    process: Group,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: Option<ChildStderr>,
    /// Bytes of an incomplete line.
    pending: Vec<u8>,
    stderr_tail: Vec<u8>,
    interrupt: Interrupt,
    memory: Option<Memory>,
}

/// Interval between memory checks of an adapter with a limit.
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
        // SIGTERM instead of SIGKILL, so that it can remove what it created outside its own process.
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

    /// From now on, kills it if more than `limit_bytes` of it are resident. Checked every 40 ms while waiting
    /// for replies.
    pub fn limit_memory(&mut self, limit_bytes: u64) {
        self.memory = Some(Memory {
            pid: self.process.id(),
            limit_bytes,
            every: LOOK,
            looked: Instant::now(),
        });
    }

    /// The end of its standard error.
    pub fn stderr(&self) -> String {
        text::lines(&String::from_utf8_lossy(&self.stderr_tail)).into_owned()
    }

    /// Requests its description and checks its protocol version.
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

    /// Requests preparation of a pair.
    ///
    /// # Errors
    /// [`Fault`]; an unsupported pair or a failed preparation is no fault.
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

    /// Requests the proposals that a target supports.
    ///
    /// # Errors
    /// [`Fault`]; an adapter that refuses the request claims none.
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

    /// Requests the programs that a target's trials use.
    ///
    /// # Errors
    /// [`Fault`]; for an adapter that does not know the request the result is empty.
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

    /// Sends a request; the result reads its replies.
    ///
    /// # Errors
    /// [`Fault::Crashed`] if the adapter no longer reads.
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

    /// Closes its stdin, which tells it to exit, and waits for the exit.
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
                // SIGKILL at once: a process that eats memory does not exit when requested.
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

    /// Waits for the process to exit and reads its standard error meanwhile.
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

/// A request in progress.
#[derive(Debug)]
pub struct Exchange<'a> {
    adapter: &'a mut AdapterChild,
    during: &'static str,
    limit: Duration,
    until: Instant,
}

impl Exchange<'_> {
    /// The next reply, with the full time limit again.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn next_reply(&mut self) -> Result<Reply, Fault> {
        self.until = Instant::now() + self.limit;
        self.reply()
    }

    /// The next reply, within what is left of the time limit.
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

/// An adapter's description of itself, escaped for display.
fn shown(hello: &Hello) -> Result<Hello, Fault> {
    let escaped = serde_json::to_value(hello).and_then(|mut value| {
        text::escape(&mut value);
        serde_json::from_value(value)
    });
    escaped.map_err(|error| Fault::Protocol(format!("hello ({error})")))
}

/// The fault for a reply that does not match its request.
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
