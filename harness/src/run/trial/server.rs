//! A server process: starts it, waits until it listens, and ends it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use plimsoll_adapter::protocol::Launch;
use thiserror::Error;

use crate::machine::interrupt::Interrupt;
use crate::process::pipe::{STDERR_KEPT, keep_tail, read_once, ready};
use crate::process::spawn::{Exited, Spawn, Spawned};
use crate::process::status::signal_name;

/// A ready server prints this, followed by its address.
const READY: &str = "listening on ";
/// Maximum length of that line.
const LONGEST_LINE: usize = 256;

/// Why a server did not start.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StartError {
    /// The process could not be started.
    #[error("cannot start {program}: {message}")]
    Start {
        /// The program.
        program: String,
        /// The system's error.
        message: String,
    },
    /// It exited before it listened.
    #[error("the server {how} before it accepted connections")]
    Ended {
        /// How it ended.
        how: String,
        /// The end of its standard error.
        stderr: String,
    },
    /// It did not listen before the deadline and was killed.
    #[error("the server did not accept connections within {0:?} and was killed")]
    Deadline(Duration),
    /// It printed something other than its address.
    #[error("the server said {0:?} instead of `listening on ADDRESS`")]
    Nonsense(String),
    /// The user interrupted the run.
    #[error("interrupted")]
    Interrupted,
}

/// A server that accepts connections. Dropping it ends the process.
#[derive(Debug)]
pub struct Server {
    /// The address that it listens on.
    pub address: SocketAddr,
    process: Arc<Spawned>,
    stderr: Arc<Mutex<Vec<u8>>>,
    ended: bool,
}

/// Prepares the start of `launch`, outside every clock.
///
/// # Errors
/// [`StartError::Start`].
pub fn prepare(launch: &Launch) -> Result<Spawn, StartError> {
    Spawn::prepare(
        &launch.program,
        &launch.args,
        &launch.env,
        &launch.directory,
        None,
    )
    .map_err(|error| not_started(launch, &error))
}

/// Starts the server and waits until it accepts connections.
///
/// # Errors
/// [`StartError`]; no process is left running.
pub fn start(
    launch: &Launch,
    spawn: Spawn,
    deadline: Duration,
    interrupt: &Interrupt,
) -> Result<Server, StartError> {
    let until = Instant::now() + deadline;
    let process = spawn.spawn().map_err(|error| not_started(launch, &error))?;
    let mut server = Server {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        process: Arc::new(process),
        stderr: Arc::default(),
        ended: false,
    };
    let mut line = Vec::new();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(StartError::Deadline(deadline));
        }
        let process = &server.process;
        let pipes = [
            Some(process.stdout.as_fd()),
            Some(process.stderr.as_fd()),
            Some(interrupt.as_fd()),
        ];
        let [out, err, is_interrupted] =
            ready(pipes, left).map_err(|error| not_started(launch, &error))?;
        if is_interrupted {
            return Err(StartError::Interrupted);
        }
        let mut chunk = [0; LONGEST_LINE];
        if err {
            let read = read_once(&process.stderr, &mut chunk).unwrap_or(0);
            keep(&server.stderr, &chunk[..read]);
        }
        if out {
            let read = read_once(&process.stdout, &mut chunk).unwrap_or(0);
            if read == 0 {
                let how = server.end();
                return Err(StartError::Ended {
                    how,
                    stderr: server.stderr(),
                });
            }
            line.extend_from_slice(&chunk[..read]);
            if let Some(end) = line.iter().position(|&byte| byte == b'\n') {
                let said = String::from_utf8_lossy(&line[..end]).into_owned();
                let address = said.strip_prefix(READY).and_then(|text| text.parse().ok());
                server.address = address.ok_or(StartError::Nonsense(said))?;
                return Ok(server);
            }
            if line.len() > LONGEST_LINE {
                let said = String::from_utf8_lossy(&line).into_owned();
                return Err(StartError::Nonsense(said));
            }
        }
    }
}

impl Server {
    /// Becomes readable when the process exits.
    pub fn exit(&self) -> BorrowedFd<'_> {
        self.process.exit.as_fd()
    }

    /// From now on reads its output, so that it never blocks on a full pipe.
    pub fn drain(&self) {
        let (process, stderr) = (Arc::clone(&self.process), Arc::clone(&self.stderr));
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            let mut pipes = [Some(process.stdout.as_fd()), Some(process.stderr.as_fd())];
            while pipes.iter().any(Option::is_some) {
                let Ok(found) = ready(pipes, Duration::from_secs(3600)) else {
                    return;
                };
                for (at, pipe) in pipes.iter_mut().enumerate() {
                    let Some(from) = pipe.filter(|_| found[at]) else {
                        continue;
                    };
                    match read_once(&from, &mut chunk) {
                        Ok(read) if read > 0 && at == 1 => keep(&stderr, &chunk[..read]),
                        Ok(read) if read > 0 => {}
                        // At its end or on error, stop waiting for this pipe.
                        _ => *pipe = None,
                    }
                }
            }
        });
    }

    /// The end of its standard error.
    pub fn stderr(&self) -> String {
        let kept = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }

    /// Ends the server if it still runs, and describes how it ended.
    pub fn end(&mut self) -> String {
        if self.ended {
            return "had been ended".to_owned();
        }
        // A process that just closed its stdout or died under load may take a moment to exit.
        let exit = [Some(self.process.exit.as_fd())];
        let by_itself = ready(exit, Duration::from_millis(20)).is_ok_and(|[exited]| exited);
        self.process.kill();
        self.ended = true;
        match self.process.wait() {
            Err(error) => format!("could not be waited for ({error})"),
            Ok(_) if !by_itself => "was ended".to_owned(),
            Ok(waited) => match waited.exited {
                Exited::Code(code) => format!("exited with code {code}"),
                Exited::Signal(signal) => format!("was killed by {}", signal_name(signal)),
            },
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.ended {
            self.process.kill();
            let _ = self.process.wait();
        }
    }
}

fn keep(stderr: &Mutex<Vec<u8>>, chunk: &[u8]) {
    let mut kept = stderr.lock().unwrap_or_else(PoisonError::into_inner);
    keep_tail(&mut kept, chunk, STDERR_KEPT);
}

fn not_started(launch: &Launch, error: &io::Error) -> StartError {
    StartError::Start {
        program: launch.program.display().to_string(),
        message: error.to_string(),
    }
}
