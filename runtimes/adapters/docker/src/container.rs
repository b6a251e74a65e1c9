//! One container from create to remove, with the clock's readings.

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

/// What a container did, and when: readings of CLOCK_MONOTONIC.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The create request was about to be sent.
    pub create_requested: Instant,
    /// The start request was about to be sent.
    pub start_requested: Instant,
    /// The first byte of the guest's standard output was here; absent if there was none.
    pub first_byte: Option<Instant>,
    /// The exit was known here.
    pub exited: Instant,
    /// The engine had answered that the container is removed.
    pub removed: Instant,
    /// The guest's exit code.
    pub exit_code: i32,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: Vec<u8>,
}

/// What is run, and how.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The image.
    pub image: &'a Image,
    /// How the container is configured.
    pub configuration: &'a Configuration,
    /// Whose it is.
    pub owner: &'a Owner,
    /// The container's number among its owner's.
    pub sequence: u32,
    /// What runs the program inside, if the container does not do so itself.
    pub inside: Option<&'a Stopwatch>,
    /// What it is held to, if it is hostile.
    pub bounds: Option<&'a Bounds<'a>>,
}

/// How the guest ended, with the container still there.
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
/// Whatever happens, the container is gone afterwards, or its removal was tried and failed too.
/// `ending` turns true when this process has been told to end: then the guest is not waited for.
///
/// # Errors
///
/// When the engine fails at any step, or the guest is killed.
pub async fn run(
    docker: &Docker,
    plan: Plan<'_>,
    ending: &mut watch::Receiver<bool>,
) -> Result<Ran, Failure> {
    run_watched(docker, plan, ending, |_| {}).await
}

/// As [`run`]; `created` is told the container's id before it is started.
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
    // Not forced, as `docker rm` and `docker run --rm` do it: the container has ended.
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

/// The name of a plan's container on the engine.
pub(crate) fn name(plan: &Plan<'_>) -> String {
    format!("plimsoll-{}-{}", plan.owner.word(), plan.sequence)
}

/// What the engine is asked to create.
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

/// The exit code of a container whose guest has ended, or is about to.
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
    // Creation is never abandoned half way: the engine would finish it after we had gone.
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
            // In this order, so that the wait's request goes out before the start's.
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
            // Nobody left who could tell it to end is no reason to.
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
    // The loop ends with an exit seen.
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

/// What was being done when a container did not end.
pub(crate) const RUNNING: &str = "running the container";

/// With its output at its end, how long a container's exit is waited for before it is looked
/// at; some hundred times what the engine needs on an idle machine.
const LULL: Duration = Duration::from_secs(1);

/// A status above this is 128 and the number of the signal that ended the guest.
const SIGNALLED: i32 = 128;
const SIGKILL: i32 = 9;

/// How much of stderr a message quotes, in bytes from its end.
const QUOTED: usize = 1000;

/// What has been seen of a running container.
#[derive(Default)]
struct Watch {
    started: bool,
    output_ended: bool,
    exit: Option<(Instant, i32)>,
    first_byte: Option<Instant>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// How often in a row it was found ended without its exit having been told.
    lulls: u32,
}

impl Watch {
    fn is_complete(&self) -> bool {
        self.started && self.output_ended && self.exit.is_some()
    }

    /// The engine answers a wait that was in place before the exit at once. One that it took
    /// note of later waits for an exit that never comes.
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
            // Without a terminal there is no such stream: it is the rest of a message that was
            // not sent to its end.
            LogOutput::Console { .. } | LogOutput::StdIn { .. } => return Err(Failure::CutShort),
        }
        Ok(())
    }
}

/// The status that the wait was answered with.
fn exit_status(
    exit: Option<Result<bollard::models::ContainerWaitResponse, EngineError>>,
) -> Result<i32, Failure> {
    const DOING: &str = "waiting for the container's exit";
    let code = match exit {
        Some(Ok(exit)) => exit.status_code,
        // The client library reports every status that is not 0 as an error.
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

/// The engine refuses to start a container whose program it cannot run.
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

/// Why a guest that a signal ended was killed. `kills` is what [`killed_for_memory`] said before.
async fn killed(
    docker: &Docker,
    name: &str,
    status: i32,
    stderr: &[u8],
    kills: Option<u64>,
) -> Failure {
    if status == SIGNALLED + SIGKILL {
        // The engine hears of the kill and of the exit on two ways; the exit can be first.
        for _ in 0..5 {
            match inspect(docker, name).await {
                Ok(state) if state.oom_killed == Some(true) => return Failure::OutOfMemory,
                Ok(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(failure) => return failure,
            }
        }
        // Of a container that is killed as soon as it runs the engine never hears why. Where it runs
        // on this machine the kernel has counted.
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
