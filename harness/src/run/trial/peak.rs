//! Measures the peak memory of a process, read just before it exits.
//!
//! Two metrics count different things. VmHWM is its peak resident memory, with shared and file pages in full.
//! The control group's peak (if one can be created) includes the kernel's memory but no file pages that were
//! already in memory. See [`plimsoll_adapter::trace`] for why wait4 is not used.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use plimsoll_adapter::cgroup::MemoryGroup;
use plimsoll_adapter::footprint;
use plimsoll_adapter::protocol::{Container, Launch, Sample};
use plimsoll_adapter::trace::{self, Forks, Stop};
use plimsoll_record::{Boundary, FailureKind, Metric, Outcome};
use rustix::pipe::{PipeFlags, pipe_with};

use super::{TrialResult, container_cleanup, verify};
use crate::machine::interrupt::Interrupt;
use crate::process::group::{self, Bounds, Cut, Errors, kill};
use crate::process::pipe::read_once;
use crate::process::status::describe;
use crate::run::adapter::child::Fault;

/// The parameters of a trial.
#[derive(Debug, Clone, Copy)]
pub struct PeakRequest<'a> {
    /// The command line.
    pub launch: &'a Launch,
    /// Its standard input; `None` means /dev/null.
    pub stdin: Option<&'a Path>,
    /// The expected output.
    pub expected: &'a [u8],
    /// Time after which it is killed.
    pub deadline: Duration,
}

/// The result of following a process.
#[derive(Default)]
struct Followed {
    ended: Option<ExitStatus>,
    peak_rss: Option<u64>,
    cgroup_peak: Option<u64>,
}

/// Interval between checks whether a process that closed its output, or was killed, has exited.
const LOOK: Duration = Duration::from_millis(5);

/// Runs the process once and reads its peak memory.
///
/// # Errors
/// Only [`Fault::Interrupted`]; any other failure is the trial's outcome.
pub fn run(request: &PeakRequest<'_>, interrupt: &Interrupt) -> Result<TrialResult, Fault> {
    let pipes = || io::Result::Ok((pipe_with(PipeFlags::CLOEXEC)?, Errors::new()?));
    let ((output, child_output), mut errors) = match pipes() {
        Ok(pipes) => pipes,
        Err(error) => return failed(FailureKind::Start, error.to_string(), String::new()),
    };
    let launch = match request.launch.named() {
        Ok(launch) => launch,
        Err(error) => return failed(FailureKind::Start, error.to_string(), String::new()),
    };
    let launch = &*launch;
    let stdin = request.stdin;
    let child_errors = errors.handle();
    let (sender, receiver) = mpsc::channel();
    let (printed, followed) = thread::scope(|scope| {
        // ptrace ties a process to one thread: this one starts and follows it.
        let tracer = scope.spawn(move || {
            let mut command = group::command(launch);
            command
                .stdin(File::open(stdin.unwrap_or(Path::new("/dev/null")))?)
                .stdout(child_output)
                .stderr(child_errors?)
                .process_group(0);
            match &launch.container {
                None => follow(command, &sender),
                Some(container) => follow_inside(command, container, &sender),
            }
        });
        let printed = match receiver.recv() {
            Ok(pid) => {
                let mut watch = Watch {
                    pid,
                    launch,
                    interrupt,
                    deadline: request.deadline,
                    begun: Instant::now(),
                    cut: None,
                };
                let printed = watch.read_all(&output);
                // The process may have closed its output and gone on.
                while !tracer.is_finished() {
                    watch.wait();
                }
                printed.map(|printed| (printed, watch.cut))
            }
            // It did not start; the tracer returns the error.
            Err(_) => Ok((Vec::new(), None)),
        };
        let followed = tracer
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread that followed it panicked")));
        (printed, followed)
    });
    let stderr = errors.tail();
    let by_itself = |ended: &Followed| ended.ended.is_some_and(|status| status.success());
    if !followed.as_ref().is_ok_and(by_itself) {
        container_cleanup::clear(launch);
    }
    judged(request, launch, printed, followed, stderr)
}

fn failed(kind: FailureKind, message: String, stderr: String) -> Result<TrialResult, Fault> {
    Ok(TrialResult::nothing(Outcome::Failed {
        kind,
        message,
        stderr,
    }))
}

/// The trial's outcome, with samples if it counts.
fn judged(
    request: &PeakRequest<'_>,
    launch: &Launch,
    printed: io::Result<(Vec<u8>, Option<Cut>)>,
    followed: io::Result<Followed>,
    stderr: String,
) -> Result<TrialResult, Fault> {
    let followed = match followed {
        Ok(followed) => followed,
        Err(error) => {
            let program = launch.program.display();
            let why = format!("cannot start {program} and follow it: {error}");
            return failed(FailureKind::Start, why, stderr);
        }
    };
    let (printed, cut) = match printed {
        Ok(printed) => printed,
        Err(error) => return failed(FailureKind::Crashed, error.to_string(), stderr),
    };
    match (cut, followed.ended) {
        (Some(Cut::Interrupted), _) => return Err(Fault::Interrupted),
        (Some(Cut::Deadline | Cut::Memory), _) => {
            let limit = request.deadline;
            let why = format!("did not end within {limit:?} and was killed");
            return failed(FailureKind::Deadline, why, stderr);
        }
        (None, Some(ended)) if ended.success() => {}
        (None, ended) => {
            let how = ended.map_or_else(|| "ended unseen".to_owned(), describe);
            return failed(FailureKind::Crashed, how, stderr);
        }
    }
    if followed.peak_rss.is_none() {
        let why = "its peak was not read: it was not seen at its end".to_owned();
        return failed(FailureKind::Engine, why, stderr);
    }
    let outcome = match verify::verify(&printed, printed.len(), request.expected) {
        Ok(()) => Outcome::Ok,
        Err(message) => Outcome::WrongOutput { message },
    };
    let samples = [
        (Metric::PeakRss, followed.peak_rss),
        (Metric::CgroupPeak, followed.cgroup_peak),
    ]
    .into_iter()
    .filter_map(|(metric, value)| {
        Some(Sample {
            boundary: Boundary::Peak,
            metric,
            iteration: 0,
            at: None,
            value: value?,
        })
    })
    .collect();
    Ok(TrialResult {
        histograms: Vec::new(),
        samples,
        outcome,
        note: None,
    })
}

/// Starts the command, in its own control group if possible, sends its process id, and follows it until it
/// exits.
fn follow(mut command: Command, tell: &mpsc::Sender<u32>) -> io::Result<Followed> {
    // `None` if this user may not; VmHWM needs no privilege.
    let group = MemoryGroup::make().ok();
    let entrance = match &group {
        Some(group) => Some(File::options().write(true).open(group.processes())?),
        None => None,
    };
    if let Some(entrance) = entrance {
        // SAFETY: the closure only calls write, through rustix; write is async-signal-safe.
        unsafe {
            command.pre_exec(move || Ok(rustix::io::write(&entrance, b"0").map(drop)?));
        }
    }
    let started = trace::spawn(&mut command);
    // Its copy of the pipe would prevent end of file.
    drop(command);
    let mut followed = Followed::default();
    let ended = started.and_then(|child| {
        let root = child.id();
        // The receiver is gone only if the trial is already over.
        let _ = tell.send(root);
        let ended = trace::follow(root, Forks::Ignored, |stop| {
            if stop == Stop::Exit(root) {
                followed.peak_rss = footprint::peak(root).ok();
                followed.cgroup_peak = group.as_ref().and_then(|group| group.peak().ok());
            }
        });
        // Remaining processes of its group must not disturb the next trial.
        kill(root);
        ended
    });
    if let Some(group) = &group {
        group.remove();
    }
    followed.ended = ended?.map(|trace::Ended(status)| ExitStatus::from_raw(status));
    Ok(followed)
}

/// Starts a command that makes a container, sends its process id, and follows it and all its children until
/// they exit. Only the guest's memory is read.
///
/// The control group is the container's, which also held the program that became the guest; VmHWM restarts at
/// each exec.
fn follow_inside(
    mut command: Command,
    container: &Container,
    tell: &mpsc::Sender<u32>,
) -> io::Result<Followed> {
    let child = trace::spawn(&mut command)?;
    // Its copy of the pipe would prevent end of file.
    drop(command);
    let root = child.id();
    // The receiver is gone only if the trial is already over.
    let _ = tell.send(root);
    let mut followed = Followed::default();
    let mut guest = None;
    let ended = trace::follow(root, Forks::Followed, |stop| {
        match (stop, &container.guest) {
            (Stop::Exec(pid), Some(program)) if runs(pid, program) => guest = Some(pid),
            (Stop::Exit(pid), Some(_)) if guest == Some(pid) => followed.look(pid),
            // Any process inside may be the guest: use the one with the highest peak.
            (Stop::Exit(pid), None) if is_inside(pid) => followed.look(pid),
            _ => {}
        }
    });
    kill(root);
    followed.ended = ended?.map(|trace::Ended(status)| ExitStatus::from_raw(status));
    Ok(followed)
}

/// Whether a process runs `program`, a path in its own file system. Compares files, because in a changed root the
/// link shows a path that the process does not know.
fn runs(pid: u32, program: &Path) -> bool {
    let file = |path: PathBuf| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    let process = PathBuf::from(format!("/proc/{pid}"));
    let Ok(within) = program.strip_prefix("/") else {
        return false;
    };
    match (
        file(process.join("exe")),
        file(process.join("root").join(within)),
    ) {
        (Ok(runs), Ok(meant)) => runs == meant,
        _ => false,
    }
}

/// Whether a process is in another pid namespace.
fn is_inside(pid: u32) -> bool {
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/pid")).ok();
    namespace(&pid.to_string()) != namespace("self")
}

impl Followed {
    /// Reads the peak of a process about to exit, and keeps it if it is the highest so far.
    fn look(&mut self, pid: u32) {
        let peak_rss = footprint::peak(pid).ok();
        if peak_rss >= self.peak_rss {
            self.peak_rss = peak_rss;
            self.cgroup_peak = MemoryGroup::of(pid).and_then(|group| group.peak()).ok();
        }
    }
}

/// Kills a followed process that does not exit by itself.
struct Watch<'w> {
    pid: u32,
    launch: &'w Launch,
    interrupt: &'w Interrupt,
    deadline: Duration,
    begun: Instant,
    cut: Option<Cut>,
}

impl Watch<'_> {
    /// Reads the output until end of file.
    fn read_all(&mut self, output: &impl AsFd) -> io::Result<Vec<u8>> {
        let mut printed = Vec::new();
        let mut piece = vec![0; 64 * 1024];
        loop {
            // After a kill only end of file is awaited.
            let mut bounds = match self.cut {
                None => Bounds {
                    interrupt: Some(self.interrupt),
                    until: Some(self.begun + self.deadline),
                    memory: None,
                },
                Some(_) => Bounds {
                    interrupt: None,
                    until: None,
                    memory: None,
                },
            };
            match bounds.wait([Some(output.as_fd())])? {
                Ok([false]) => {}
                Ok([true]) => match read_once(output, &mut piece)? {
                    0 => return Ok(printed),
                    read => printed.extend_from_slice(&piece[..read]),
                },
                Err(cut) => self.end(cut),
            }
        }
    }

    /// Sleeps for one interval, and checks interruption and deadline.
    fn wait(&mut self) {
        thread::sleep(LOOK);
        if self.interrupt.requested() {
            self.end(Cut::Interrupted);
        } else if self.begun.elapsed() >= self.deadline {
            self.end(Cut::Deadline);
        }
    }

    /// Kills the process, once.
    fn end(&mut self, cut: Cut) {
        if self.cut.is_some() {
            return;
        }
        self.cut = Some(cut);
        kill(self.pid);
        // A container outlives the program that made it, and holds the output open.
        container_cleanup::clear(self.launch);
    }
}
