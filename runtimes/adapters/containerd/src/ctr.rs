//! One command of containerd's client, with its clock and its deadline.

use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use plimsoll_adapter::Error;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Bytes of standard error that are kept.
const STDERR_KEPT: usize = 4096;

/// The client, told where the daemon is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ctr {
    /// The program, absolute.
    pub(crate) program: PathBuf,
    /// The daemon's socket.
    pub(crate) socket: PathBuf,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    /// When it was started.
    pub(crate) began: Instant,
    /// When the first byte of its output came.
    pub(crate) first_byte: Option<Instant>,
    /// When its exit was seen.
    pub(crate) ended: Instant,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Ctr {
    /// Runs a command to its end, whatever that is.
    ///
    /// # Errors
    ///
    /// When it cannot be started or has not ended within `patience`; it is killed then.
    pub(crate) fn run(
        &self,
        namespace: Option<&str>,
        args: &[&str],
        patience: Duration,
    ) -> Result<Ran, Error> {
        let mut command = Command::new(&self.program);
        command.arg("--address").arg(&self.socket);
        if let Some(namespace) = namespace {
            command.args(["--namespace", namespace]);
        }
        command.args(args);
        run(&mut command, patience).map_err(|error| Error::failed(shown(args), error))
    }

    /// The output of a command that must succeed.
    ///
    /// # Errors
    ///
    /// As [`Ctr::run`], and when it fails: with what it said.
    pub(crate) fn output(
        &self,
        namespace: Option<&str>,
        args: &[&str],
        patience: Duration,
    ) -> Result<String, Error> {
        let ran = self.run(namespace, args, patience)?;
        match ran.status.success() {
            true => Ok(String::from_utf8_lossy(&ran.stdout).into_owned()),
            false => Err(Error::failed(shown(args), said(&ran))),
        }
    }
}

fn shown(args: &[&str]) -> String {
    format!("ctr {}", args.join(" "))
}

/// How a command ended and what it said of that, on one line.
pub(crate) fn said(ran: &Ran) -> String {
    let stderr = String::from_utf8_lossy(&ran.stderr);
    let stderr = stderr.trim().replace('\n', "; ");
    match stderr.is_empty() {
        true => ran.status.to_string(),
        false => format!("{} ({stderr})", ran.status),
    }
}

/// Runs any command to its end, with a clock and a deadline.
///
/// # Errors
///
/// When it cannot be started, or has not ended in time: it is killed then.
pub(crate) fn run(command: &mut Command, patience: Duration) -> io::Result<Ran> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let began = Instant::now();
    let mut child = command.spawn()?;
    let ran = watch(&mut child, began, patience);
    if ran.is_err() {
        // It may have gone in between, which is as good.
        let _ = child.kill();
        let _ = child.wait();
    }
    ran
}

fn watch(child: &mut Child, began: Instant, patience: Duration) -> io::Result<Ran> {
    let pid = Pid::from_child(child);
    let exit = pidfd_open(pid, PidfdFlags::empty())?;
    let pipes = child.stdout.take().zip(child.stderr.take());
    let (mut stdout, mut stderr) = pipes.ok_or_else(|| io::Error::other("it has no pipes"))?;
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let mut first_byte = None;
    let mut chunk = [0; 16 << 10];
    let (mut reading, mut warning, mut ended) = (true, true, None);
    while reading || ended.is_none() {
        let left = patience.saturating_sub(began.elapsed());
        if left.is_zero() {
            let why = format!("it had not ended after {patience:?} and was killed");
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        let wanted = |wanted: bool| match wanted {
            true => PollFlags::IN,
            false => PollFlags::empty(),
        };
        let mut waiting = [
            PollFd::new(&stdout, wanted(reading)),
            PollFd::new(&stderr, wanted(warning)),
            PollFd::new(&exit, wanted(ended.is_none())),
        ];
        let timeout = Timespec {
            tv_sec: left.as_secs() as _,
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut waiting, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = waiting.map(|one| !one.revents().is_empty());
        if reading && ready[0] {
            let read = stdout.read(&mut chunk)?;
            if read > 0 && first_byte.is_none() {
                first_byte = Some(Instant::now());
            }
            reading = read > 0;
            output.extend_from_slice(&chunk[..read]);
        }
        if warning && ready[1] {
            let read = stderr.read(&mut chunk)?;
            warning = read > 0;
            errors.extend_from_slice(&chunk[..read]);
            errors.truncate(STDERR_KEPT);
        }
        if ended.is_none() && ready[2] {
            ended = Some(Instant::now());
        }
        // A process that has ended and left its pipes to others is not waited for by them.
        if let Some(ended) = ended
            && ended.elapsed() > Duration::from_millis(500)
        {
            reading = false;
        }
        // Once nothing but a closed pipe could wake it, the loop would spin on it.
        if !warning && !reading && ended.is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    Ok(Ran {
        began,
        first_byte,
        ended: ended.unwrap_or_else(Instant::now),
        status: child.wait()?,
        stdout: output,
        stderr: errors,
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
    fn a_command_that_does_not_end_is_killed() {
        let why = shell("exec sleep 60", Duration::from_millis(50)).expect_err("too late");
        assert_eq!(why.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_pipe_that_somebody_else_holds_open_is_not_waited_for() {
        let ran = shell("sleep 60 >&1 & echo done", LONG).expect("it ends");
        assert_eq!(ran.stdout, b"done\n");
    }
}
