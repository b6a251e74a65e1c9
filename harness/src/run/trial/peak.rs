//! The most memory that a process had at any moment of its run, read as it is about to end.
//!
//! Two figures, which differ in what they count: VmHWM, its pages at their most, shared ones and
//! those of mapped files in full; and, where a control group can be made for it, the most that was
//! charged to that, which leaves out file pages that were in memory before and includes the
//! kernel's own memory. See [`plimsoll_adapter::trace`] for why it is not taken from wait4.

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

/// What is asked of a trial.
#[derive(Debug, Clone, Copy)]
pub struct PeakRequest<'a> {
    /// The command line.
    pub launch: &'a Launch,
    /// The file that is its standard input; /dev/null without.
    pub stdin: Option<&'a Path>,
    /// What it must print.
    pub expected: &'a [u8],
    /// Time after which it is killed.
    pub deadline: Duration,
}

/// What became of the process that was followed.
#[derive(Default)]
struct Followed {
    ended: Option<ExitStatus>,
    peak_rss: Option<u64>,
    cgroup_peak: Option<u64>,
}

/// How often it is looked whether a process that has closed its output, or was killed, is gone.
const LOOK: Duration = Duration::from_millis(5);

/// Runs the process once and reads the most that it had.
///
/// # Errors
/// Only [`Fault::Interrupted`]: everything else is the trial's outcome.
pub fn run(asked: &PeakRequest<'_>, interrupt: &Interrupt) -> Result<TrialResult, Fault> {
    let pipes = || io::Result::Ok((pipe_with(PipeFlags::CLOEXEC)?, Errors::new()?));
    let ((output, child_output), mut errors) = match pipes() {
        Ok(pipes) => pipes,
        Err(error) => return failed(FailureKind::Start, error.to_string(), String::new()),
    };
    let launch = match asked.launch.named() {
        Ok(launch) => launch,
        Err(error) => return failed(FailureKind::Start, error.to_string(), String::new()),
    };
    let launch = &*launch;
    let stdin = asked.stdin;
    let child_errors = errors.handle();
    let (tell, told) = mpsc::channel();
    let (printed, followed) = thread::scope(|scope| {
        // All of ptrace is between a process and one thread: this one starts and follows it.
        let tracer = scope.spawn(move || {
            let mut command = group::command(launch);
            command
                .stdin(File::open(stdin.unwrap_or(Path::new("/dev/null")))?)
                .stdout(child_output)
                .stderr(child_errors?)
                .process_group(0);
            match &launch.container {
                None => follow(command, &tell),
                Some(container) => follow_inside(command, container, &tell),
            }
        });
        let printed = match told.recv() {
            Ok(pid) => {
                let mut watch = Watch {
                    pid,
                    launch,
                    interrupt,
                    deadline: asked.deadline,
                    begun: Instant::now(),
                    cut: None,
                };
                let printed = watch.read_all(&output);
                // It may have closed its output and gone on.
                while !tracer.is_finished() {
                    watch.wait();
                }
                printed.map(|printed| (printed, watch.cut))
            }
            // It did not start: the tracer says why.
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
    judged(asked, launch, printed, followed, stderr)
}

fn failed(kind: FailureKind, message: String, stderr: String) -> Result<TrialResult, Fault> {
    Ok(TrialResult::nothing(Outcome::Failed {
        kind,
        message,
        stderr,
    }))
}

/// The trial's outcome, with its samples if it counts.
fn judged(
    asked: &PeakRequest<'_>,
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
            let limit = asked.deadline;
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
    let outcome = match verify::verify(&printed, printed.len(), asked.expected) {
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

/// Starts the command in a control group of its own where one can be made, tells its process id,
/// and follows it to its end.
fn follow(mut command: Command, tell: &mpsc::Sender<u32>) -> io::Result<Followed> {
    // None where this user may not: the other figure needs no privilege.
    let group = MemoryGroup::make().ok();
    let entrance = match &group {
        Some(group) => Some(File::options().write(true).open(group.processes())?),
        None => None,
    };
    if let Some(entrance) = entrance {
        // SAFETY: write is async-signal-safe, and rustix calls it without anything else.
        unsafe {
            command.pre_exec(move || Ok(rustix::io::write(&entrance, b"0").map(drop)?));
        }
    }
    let started = trace::spawn(&mut command);
    // Its copy of the pipe would keep the output from ever ending.
    drop(command);
    let mut followed = Followed::default();
    let ended = started.and_then(|child| {
        let root = child.id();
        // Nobody is there to be told only if the trial is over already.
        let _ = tell.send(root);
        let ended = trace::follow(root, Forks::Ignored, |stop| {
            if stop == Stop::Exit(root) {
                followed.peak_rss = footprint::peak(root).ok();
                followed.cgroup_peak = group.as_ref().and_then(|group| group.peak().ok());
            }
        });
        // Whatever it left behind in its group must not disturb the next trial.
        kill(root);
        ended
    });
    if let Some(group) = &group {
        group.remove();
    }
    followed.ended = ended?.map(|trace::Ended(status)| ExitStatus::from_raw(status));
    Ok(followed)
}

/// Starts a command that makes a container, tells its process id, and follows it and all that it
/// forks to their ends: what is read is the guest's.
///
/// The control group is the one that the container was put into, where the program that makes it was
/// before it became the guest; VmHWM begins anew with each program.
fn follow_inside(
    mut command: Command,
    container: &Container,
    tell: &mpsc::Sender<u32>,
) -> io::Result<Followed> {
    let child = trace::spawn(&mut command)?;
    // Its copy of the pipe would keep the output from ever ending.
    drop(command);
    let root = child.id();
    // Nobody is there to be told only if the trial is over already.
    let _ = tell.send(root);
    let mut followed = Followed::default();
    let mut guest = None;
    let ended = trace::follow(root, Forks::Followed, |stop| {
        match (stop, &container.guest) {
            (Stop::Exec(pid), Some(program)) if runs(pid, program) => guest = Some(pid),
            (Stop::Exit(pid), Some(_)) if guest == Some(pid) => followed.look(pid),
            // The guest is one of the processes inside, whichever: the one that had most.
            (Stop::Exit(pid), None) if is_inside(pid) => followed.look(pid),
            _ => {}
        }
    });
    kill(root);
    followed.ended = ended?.map(|trace::Ended(status)| ExitStatus::from_raw(status));
    Ok(followed)
}

/// Whether that is the program of a process, as it is called where the process is. Compared by file: below a root
/// that was changed, the link shows a path that the process does not know.
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

/// Whether a process sees other processes than this one does.
fn is_inside(pid: u32) -> bool {
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/pid")).ok();
    namespace(&pid.to_string()) != namespace("self")
}

impl Followed {
    /// Takes what a process that is about to end has had, if it is more than that of one before.
    fn look(&mut self, pid: u32) {
        let peak_rss = footprint::peak(pid).ok();
        if peak_rss >= self.peak_rss {
            self.peak_rss = peak_rss;
            self.cgroup_peak = MemoryGroup::of(pid).and_then(|group| group.peak()).ok();
        }
    }
}

/// What ends a followed process that does not end by itself.
struct Watch<'w> {
    pid: u32,
    launch: &'w Launch,
    interrupt: &'w Interrupt,
    deadline: Duration,
    begun: Instant,
    cut: Option<Cut>,
}

impl Watch<'_> {
    /// Reads its output to the end.
    fn read_all(&mut self, output: &impl AsFd) -> io::Result<Vec<u8>> {
        let mut printed = Vec::new();
        let mut piece = vec![0; 64 * 1024];
        loop {
            // Once it is cut, only its end is waited for.
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

    /// Waits a moment for its end.
    fn wait(&mut self) {
        thread::sleep(LOOK);
        if self.interrupt.asked() {
            self.end(Cut::Interrupted);
        } else if self.begun.elapsed() >= self.deadline {
            self.end(Cut::Deadline);
        }
    }

    /// Ends it, once.
    fn end(&mut self, cut: Cut) {
        if self.cut.is_some() {
            return;
        }
        self.cut = Some(cut);
        kill(self.pid);
        // A container lives on without the program that made it, and holds the output open.
        container_cleanup::clear(self.launch);
    }
}
