//! Runs one container from create to remove, and records times.

use std::pin::pin;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error as EngineError;
use bollard::models::{ContainerCreateBody, ContainerState, ContainerStateStatusEnum};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder,
    WaitContainerOptionsBuilder,
};
use futures_util::StreamExt;
use plimsoll_adapter::cgroup::killed_for_memory;
use tokio::sync::watch;

use crate::bounds::Bounds;
use crate::failure::{CREATE, Failure, REMOVE, RUN, SAY, bounded};
use crate::image::Image;
use crate::owner::{self, Owner};
use crate::stopwatch::Stopwatch;
use crate::targets::Configuration;

/// Output and times of a container, by CLOCK_MONOTONIC.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Before sending the create request.
    pub create_requested: Instant,
    /// Before sending the start request.
    pub start_requested: Instant,
    /// First byte of the guest's stdout received; `None` if there was none.
    pub first_byte: Option<Instant>,
    /// Exit received.
    pub exited: Instant,
    /// The engine confirmed the removal.
    pub removed: Instant,
    /// The guest's exit code.
    pub exit_code: i32,
    /// Complete standard output.
    pub stdout: Vec<u8>,
    /// Complete standard error.
    pub stderr: Vec<u8>,
}

/// What to run, and how.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The image to start.
    pub image: &'a Image,
    /// Configuration of the container.
    pub configuration: &'a Configuration,
    /// Owner of the container.
    pub owner: &'a Owner,
    /// Makes the container's name unique to the owner.
    pub sequence: u32,
    /// Runs the program under the stopwatch if present.
    pub inside: Option<&'a Stopwatch>,
    /// Limits for a hostile guest.
    pub bounds: Option<&'a Bounds<'a>>,
}

/// How the guest ended; the container still exists.
struct Ended {
    create_requested: Instant,
    start_requested: Instant,
    first_byte: Option<Instant>,
    exited: Instant,
    exit_code: i32,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// Runs one container from create to remove.
///
/// In all cases the container is removed afterwards, or removing it failed too. When `ending` becomes true, this
/// process must end and does not wait for the guest.
///
/// # Errors
///
/// If the engine fails at any step, or the guest is killed.
pub async fn run(
    docker: &Docker,
    plan: Plan<'_>,
    ending: &mut watch::Receiver<bool>,
) -> Result<Ran, Failure> {
    run_watched(docker, plan, ending, |_| {}).await
}

/// Like [`run`], but passes the container's id to `created` before starting it.
///
/// # Errors
///
/// As [`run`].
pub async fn run_watched(
    docker: &Docker,
    plan: Plan<'_>,
    ending: &mut watch::Receiver<bool>,
    created: impl FnOnce(&str),
) -> Result<Ran, Failure> {
    let name = name(&plan);
    let ended = match start_to_end(docker, plan, &name, ending, created).await {
        Ok(ended) => ended,
        Err(failure) => {
            if let Err(also) = owner::remove_container(docker, &name).await {
                eprintln!("container {name} may be left until the next start: {also}");
            }
            return Err(failure);
        }
    };
    // Not forced, as in `docker rm` and `docker run --rm`: the container has exited.
    let options = RemoveContainerOptionsBuilder::new().v(true).build();
    let removing = docker.remove_container(&name, Some(options));
    bounded("removing the container", REMOVE, removing).await?;
    let removed = Instant::now();
    let Ended {
        create_requested,
        start_requested,
        first_byte,
        exited,
        exit_code,
        stdout,
        stderr,
    } = ended;
    Ok(Ran {
        create_requested,
        start_requested,
        first_byte,
        exited,
        removed,
        exit_code,
        stdout,
        stderr,
    })
}

/// Name of a plan's container in the engine.
pub(crate) fn name(plan: &Plan<'_>) -> String {
    format!("plimsoll-{}-{}", plan.owner.word(), plan.sequence)
}

/// Body of the create request.
pub(crate) fn body(plan: &Plan<'_>) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(plan.image.name.clone()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        labels: Some(owner::labels(plan.owner)),
        host_config: Some(match plan.bounds {
            None => plan.configuration.host_config(),
            Some(bounds) => bounds.set(plan.configuration.host_config()),
        }),
        cmd: plan.image.command(),
        entrypoint: plan.inside.map(|stopwatch| stopwatch.entrypoint.clone()),
        ..ContainerCreateBody::default()
    }
}

/// The exit code of a container whose guest has ended or is about to.
pub(crate) async fn exit_code(docker: &Docker, name: &str) -> Result<i32, Failure> {
    let options = WaitContainerOptionsBuilder::new()
        .condition("not-running")
        .build();
    let exit = docker.wait_container(name, Some(options)).next().await;
    let code = exit_status(exit)?;
    if code > SIGNALLED {
        return Err(killed(docker, name, code, b"", None).await);
    }
    Ok(code)
}

async fn start_to_end(
    docker: &Docker,
    plan: Plan<'_>,
    name: &str,
    ending: &mut watch::Receiver<bool>,
    created: impl FnOnce(&str),
) -> Result<Ended, Failure> {
    let options = CreateContainerOptionsBuilder::new().name(name).build();
    let body = body(&plan);

    let kills = killed_for_memory();
    let create_requested = Instant::now();
    // Creation is never abandoned, because the engine would finish it after this process ended.
    let creating = docker.create_container(Some(options), body);
    let container = bounded("creating the container", CREATE, creating).await?;
    created(&container.id);
    if let Some(stopwatch) = plan.inside {
        stopwatch.put_into(docker, name).await?;
    }
    if *ending.borrow() {
        return Err(Failure::Ending);
    }
    let options = AttachContainerOptionsBuilder::new()
        .stream(true)
        .stdout(true)
        .stderr(true)
        .build();
    let attaching = docker.attach_container(name, Some(options));
    let attached = bounded("attaching to the container", CREATE, attaching).await?;
    let mut output = attached.output;

    let options = WaitContainerOptionsBuilder::new()
        .condition("next-exit")
        .build();
    let mut exits = pin!(docker.wait_container(name, Some(options)));
    let mut starting = pin!(docker.start_container(name, None));
    let patience = plan.bounds.map_or(RUN, |bounds| bounds.patience);
    let mut deadline = pin!(tokio::time::sleep(patience));
    let mut watch = Watch::default();

    let start_requested = Instant::now();
    while !watch.is_complete() {
        tokio::select! {
            // In this order, so that the wait request is sent before the start request.
            biased;
            exit = exits.next(), if watch.exit.is_none() => {
                let now = Instant::now();
                watch.exit = Some((now, exit_status(exit)?));
            }
            started = &mut starting, if !watch.started => {
                started.map_err(not_started)?;
                watch.started = true;
            }
            message = output.next(), if !watch.output_ended => {
                let now = Instant::now();
                match message {
                    Some(Ok(message)) => watch.take(now, message)?,
                    Some(Err(error)) => return Err(Failure::of("reading the output", error)),
                    None => watch.output_ended = true,
                }
            }
            () = tokio::time::sleep(LULL), if watch.only_the_exit_is_missing() => {
                watch.lulls = if has_ended(&inspect(docker, name).await?) {
                    watch.lulls + 1
                } else {
                    0
                };
                if watch.lulls > 1 {
                    return Err(Failure::WaitMissed);
                }
            }
            // If the sender is gone, the container continues.
            Ok(_) = ending.wait_for(|ending| *ending) => return Err(Failure::Ending),
            () = &mut deadline => {
                return Err(Failure::Late { doing: RUNNING, after: patience });
            }
        }
    }
    let Watch {
        exit,
        first_byte,
        stdout,
        stderr,
        ..
    } = watch;
    // The loop ends only after an exit.
    let (exited, exit_code) = exit.ok_or(Failure::WaitMissed)?;
    if exit_code > SIGNALLED {
        return Err(killed(docker, name, exit_code, &stderr, kills).await);
    }
    Ok(Ended {
        create_requested,
        start_requested,
        first_byte,
        exited,
        exit_code,
        stdout,
        stderr,
    })
}

/// Description of the operation, for errors.
pub(crate) const RUNNING: &str = "running the container";

/// How long to wait for the exit after the end of the output before inspecting the container; about 100 times what the
/// engine needs on an idle machine.
const LULL: Duration = Duration::from_secs(1);

/// A status above this is 128 plus the number of the signal that killed the guest.
const SIGNALLED: i32 = 128;
const SIGKILL: i32 = 9;

/// Number of bytes at the end of stderr that a message quotes.
const QUOTED: usize = 1000;

/// State of a running container.
#[derive(Default)]
struct Watch {
    started: bool,
    output_ended: bool,
    exit: Option<(Instant, i32)>,
    first_byte: Option<Instant>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// Consecutive inspections that found it ended while the wait had not returned.
    lulls: u32,
}

impl Watch {
    fn is_complete(&self) -> bool {
        self.started && self.output_ended && self.exit.is_some()
    }

    /// The engine answers at once if the wait request arrived before the exit. If it arrived later, the wait never
    /// returns.
    fn only_the_exit_is_missing(&self) -> bool {
        self.started && self.output_ended && self.exit.is_none()
    }

    fn take(&mut self, now: Instant, message: LogOutput) -> Result<(), Failure> {
        match message {
            LogOutput::StdOut { message } => {
                if !message.is_empty() {
                    self.first_byte = self.first_byte.or(Some(now));
                }
                self.stdout.extend_from_slice(&message);
            }
            LogOutput::StdErr { message } => self.stderr.extend_from_slice(&message),
            // Without a terminal this stream does not exist: it is the rest of a truncated message.
            LogOutput::Console { .. } | LogOutput::StdIn { .. } => return Err(Failure::CutShort),
        }
        Ok(())
    }
}

/// The status in the wait's response.
fn exit_status(
    exit: Option<Result<bollard::models::ContainerWaitResponse, EngineError>>,
) -> Result<i32, Failure> {
    const DOING: &str = "waiting for the container's exit";
    let code = match exit {
        Some(Ok(exit)) => exit.status_code,
        // The client library reports every non-zero status as an error.
        Some(Err(EngineError::DockerContainerWaitError { code, error })) if error.is_empty() => {
            code
        }
        Some(Err(EngineError::DockerContainerWaitError { error, .. })) => {
            return Err(Failure::Refused {
                doing: DOING,
                status: 200,
                message: error,
            });
        }
        Some(Err(error)) => return Err(Failure::of(DOING, error)),
        None => {
            let source = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
            return Err(Failure::of(DOING, source.into()));
        }
    };
    i32::try_from(code).map_err(|_| Failure::Refused {
        doing: DOING,
        status: 200,
        message: format!("exit status {code}"),
    })
}

/// The engine refuses to start a container whose program it cannot execute.
pub(crate) fn not_started(error: EngineError) -> Failure {
    match Failure::of("starting the container", error) {
        Failure::Refused {
            status: 400 | 500,
            message,
            ..
        } => Failure::NotStarted { message },
        failure => failure,
    }
}

/// Why a signal killed the guest. `kills` is an earlier result of [`killed_for_memory`].
async fn killed(
    docker: &Docker,
    name: &str,
    status: i32,
    stderr: &[u8],
    kills: Option<u64>,
) -> Failure {
    if status == SIGNALLED + SIGKILL {
        // The engine learns of the OOM kill and the exit separately; the exit may come first.
        for _ in 0..5 {
            match inspect(docker, name).await {
                Ok(state) if state.oom_killed == Some(true) => return Failure::OutOfMemory,
                Ok(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(failure) => return failure,
            }
        }
        // If a container is killed as soon as it runs, the engine never learns why. On the same machine the kernel's
        // counter shows it.
        if kills.is_some() && killed_for_memory() > kills {
            return Failure::OutOfMemory;
        }
    }
    let tail = &stderr[stderr.len().saturating_sub(QUOTED)..];
    Failure::Killed {
        status,
        stderr: String::from_utf8_lossy(tail).into_owned(),
    }
}

async fn inspect(docker: &Docker, name: &str) -> Result<ContainerState, Failure> {
    let inspecting = docker.inspect_container(name, None);
    let inspected = bounded("inspecting the container", SAY, inspecting).await?;
    Ok(inspected.state.unwrap_or_default())
}

fn has_ended(state: &ContainerState) -> bool {
    matches!(
        state.status,
        Some(ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::DEAD)
    )
}
