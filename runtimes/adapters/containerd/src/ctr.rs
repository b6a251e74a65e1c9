//! Runs a command of containerd's client with a clock and a deadline.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use plimsoll_adapter::Error;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// The containerd namespace for everything created here.
pub(crate) const NAMESPACE: &str = "plimsoll";
/// Number of stderr bytes to keep.
const STDERR_KEPT: usize = 4096;
/// How long to wait for output after the command exited, in case another process keeps the pipe open.
const LINGER: Duration = Duration::from_millis(500);

/// The client and the daemon's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ctr {
    /// Absolute path of `ctr`.
    pub(crate) program: PathBuf,
    /// Path of the daemon's socket.
    pub(crate) socket: PathBuf,
}

/// Result of a command.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Start time.
    pub(crate) began: Instant,
    /// Arrival of the first byte of stdout.
    pub(crate) first_byte: Option<Instant>,
    /// When the exit was observed.
    pub(crate) ended: Instant,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    /// Its first `STDERR_KEPT` bytes.
    pub(crate) stderr: Vec<u8>,
}

impl Ctr {
    /// Runs a command to completion, successful or not.
    ///
    /// # Errors
    ///
    /// If it cannot start, or is killed because it exceeds `patience`.
    pub(crate) fn run(&self, args: &[&str], patience: Duration) -> Result<Ran, Error> {
        let mut command = Command::new(&self.program);
        command.arg("--address").arg(&self.socket);
        command.args(["--namespace", NAMESPACE]).args(args);
        run(&mut command, patience).map_err(|error| Error::failed(shown(args), error))
    }

    /// The stdout of a command that must succeed.
    ///
    /// # Errors
    ///
    /// As [`Ctr::run`], and if the command fails, with its stderr.
    pub(crate) fn output(&self, args: &[&str], patience: Duration) -> Result<String, Error> {
        let ran = self.run(args, patience)?;
        match ran.status.success() {
            true => Ok(String::from_utf8_lossy(&ran.stdout).into_owned()),
            false => Err(Error::failed(shown(args), said(&ran))),
        }
    }
}

fn shown(args: &[&str]) -> String {
    format!("ctr {}", args.join(" "))
}

/// The exit status and stderr of a command on one line.
pub(crate) fn said(ran: &Ran) -> String {
    let stderr = String::from_utf8_lossy(&ran.stderr);
    let stderr = stderr.trim().replace('\n', "; ");
    match stderr.is_empty() {
        true => ran.status.to_string(),
        false => format!("{} ({stderr})", ran.status),
    }
}

/// Runs any command to completion with a clock and a deadline.
///
/// # Errors
///
/// If it cannot start, or is killed because it exceeds `patience`.
pub(crate) fn run(command: &mut Command, patience: Duration) -> io::Result<Ran> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let began = Instant::now();
    let mut child = command.spawn()?;
    let ran = watch(&mut child, began, patience);
    if ran.is_err() {
        // It may have exited already, which is fine.
        let _ = child.kill();
        let _ = child.wait();
    }
    ran
}

/// One pipe of the command: the bytes read, and `from` while it is open.
struct Pipe<R> {
    from: Option<R>,
    bytes: Vec<u8>,
    first_byte: Option<Instant>,
}

impl<R: Read> Pipe<R> {
    fn new(from: Option<R>) -> Self {
        Pipe {
            from,
            bytes: Vec::new(),
            first_byte: None,
        }
    }

    /// Reads once without blocking; keeps at most `keep` bytes in total.
    fn read(&mut self, keep: usize) -> io::Result<()> {
        let Some(from) = &mut self.from else {
            return Ok(());
        };
        let mut chunk = [0; 16 << 10];
        let read = from.read(&mut chunk)?;
        if read == 0 {
            self.from = None;
        } else {
            self.first_byte = self.first_byte.or_else(|| Some(Instant::now()));
        }
        let room = keep.saturating_sub(self.bytes.len()).min(read);
        self.bytes.extend_from_slice(&chunk[..room]);
        Ok(())
    }
}

fn watch(child: &mut Child, began: Instant, patience: Duration) -> io::Result<Ran> {
    let exit = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let mut stdout = Pipe::new(child.stdout.take());
    let mut stderr = Pipe::new(child.stderr.take());
    let mut ended: Option<Instant> = None;
    loop {
        let open = stdout.from.is_some() || stderr.from.is_some();
        let left = match ended {
            Some(_) if !open => break,
            Some(ended) => LINGER.saturating_sub(ended.elapsed()),
            None => patience.saturating_sub(began.elapsed()),
        };
        if left.is_zero() && ended.is_none() {
            let why = format!("it had not ended after {patience:?} and was killed");
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        // Poll only open pipes: a closed one would be ready forever.
        let waited = [
            stdout.from.as_ref().map(AsFd::as_fd),
            stderr.from.as_ref().map(AsFd::as_fd),
            ended.is_none().then(|| exit.as_fd()),
        ];
        let mut polled: Vec<PollFd<'_>> = waited
            .iter()
            .flatten()
            .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
            .collect();
        let timeout = Timespec {
            tv_sec: left.as_secs() as _,
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut polled, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut events = polled.iter().map(|one| !one.revents().is_empty());
        let ready = waited.map(|fd| fd.is_some() && events.next().unwrap_or(false));
        if ready[0] {
            stdout.read(usize::MAX)?;
        }
        if ready[1] {
            stderr.read(STDERR_KEPT)?;
        }
        if ready[2] {
            ended = Some(Instant::now());
        }
        // Once LINGER has passed, still read everything available, however late this process was scheduled.
        if left.is_zero() && !ready.contains(&true) {
            break;
        }
    }
    Ok(Ran {
        began,
        first_byte: stdout.first_byte,
        ended: ended.unwrap_or_else(Instant::now),
        status: child.wait()?,
        stdout: stdout.bytes,
        stderr: stderr.bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, patience: Duration) -> io::Result<Ran> {
        run(Command::new("/bin/sh").args(["-c", script]), patience)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_a_command_prints_and_how_it_ends_is_told_apart_from_what_it_complains_of() {
        let ran = shell("echo said; echo why >&2; exit 3", LONG).expect("a shell is there");
        assert_eq!(ran.stdout, b"said\n");
        assert_eq!(said(&ran), "exit status: 3 (why)");
        let first = ran.first_byte.expect("it printed");
        assert!(ran.began <= first && ran.began < ran.ended);
    }

    #[test]
    fn a_command_that_does_not_end_is_killed_even_if_it_has_closed_its_output() {
        for script in ["exec sleep 60", "exec sleep 60 >&- 2>&-"] {
            let why = shell(script, Duration::from_millis(50)).expect_err("too late");
            assert_eq!(why.kind(), io::ErrorKind::TimedOut);
        }
    }

    #[test]
    fn a_pipe_that_somebody_else_holds_open_is_not_waited_for() {
        let ran = shell("sleep 60 >&1 & echo done", LONG).expect("it ends");
        assert_eq!(ran.stdout, b"done\n");
    }
}
