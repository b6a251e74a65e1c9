//! Measures waiting containers: one for its idle footprint, or many for the cost of each additional one.
//!
//! The rule is that of processes (`plimsoll_adapter::footprint`): sum each figure over every process that exists
//! because of the container, which are those in it and its shim. The engine's daemons serve all containers: they are
//! reported separately and never added.

use std::collections::BTreeSet;
use std::fs;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error as EngineError;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{AttachContainerOptionsBuilder, CreateContainerOptionsBuilder};
use futures_util::{Stream, StreamExt};
use plimsoll_adapter::Error;
use plimsoll_adapter::budget::Budget;
use plimsoll_adapter::footprint::{self, Footprint};
use plimsoll_adapter::guest::Outputs;
use plimsoll_adapter::protocol::{Done, Levels, Sample};
use plimsoll_adapter::record::{Boundary, Metric, Nanoseconds};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use crate::container::{self, Plan};
use crate::failure::{CREATE, Failure, RUN, SAY, bounded};
use crate::owner;

/// Printed by a guest when it starts to wait.
const READY: &[u8] = b"ready\n";

/// Delay after that, so that the engine's related work can finish.
const SETTLE: Duration = Duration::from_millis(200);

/// The engine's processes that serve all containers.
const DAEMONS: [&str; 2] = ["dockerd", "containerd"];

/// The parameters of a trial.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Plan for each container; `sequence` is that of the first.
    pub plan: Plan<'a>,
    /// Numbers of live containers to measure at.
    pub levels: &'a Levels,
    /// Boundary of the samples; [`Boundary::Idle`] has one container and no levels.
    pub boundary: Boundary,
}

/// Starts the containers level by level, measures each level, ends and removes them.
///
/// In all cases they are removed afterwards, or removing them failed too.
///
/// # Errors
///
/// If the engine fails before the first level is reached, or a guest does not exit by itself. A later failure ends the
/// trial and keeps the earlier levels.
pub async fn measure(
    docker: &Docker,
    asked: Asked<'_>,
    ending: &mut watch::Receiver<bool>,
    samples: &mut dyn FnMut(Sample),
) -> Result<Done, Error> {
    let mut crowd = Crowd {
        docker,
        asked,
        alive: Vec::new(),
        making: Duration::ZERO,
        budget: Budget::of(asked.levels),
    };
    let done = crowd.measure(ending, samples).await;
    for container in &crowd.alive {
        if let Err(failure) = owner::remove_container(docker, &container.name).await {
            let name = &container.name;
            eprintln!("container {name} may be left until the next start: {failure}");
        }
    }
    done
}

/// Live containers and the time it took to create them.
struct Crowd<'a> {
    docker: &'a Docker,
    asked: Asked<'a>,
    alive: Vec<Waiting>,
    making: Duration,
    budget: Budget,
}

/// A container, from its creation on.
struct Waiting {
    name: String,
    started: Option<Started>,
}

/// A running container.
struct Started {
    /// Pid of its first process in this PID namespace.
    init: u32,
    input: Pin<Box<dyn AsyncWrite + Send>>,
    output: Pin<Box<dyn Stream<Item = Result<LogOutput, EngineError>> + Send>>,
    printed: Vec<u8>,
}

impl Crowd<'_> {
    async fn measure(
        &mut self,
        ending: &mut watch::Receiver<bool>,
        samples: &mut dyn FnMut(Sample),
    ) -> Result<Done, Error> {
        let levels = self.asked.levels;
        let mut stopped = None;
        for (reached, &level) in levels.alive.iter().enumerate() {
            match self.grow(level, ending).await {
                Ok(()) => {}
                Err(error) if reached == 0 || *ending.borrow() => return Err(error),
                Err(error) => {
                    stopped = Some(error.to_string());
                    break;
                }
            }
            self.look(level, ending, samples).await?;
        }
        let mut outputs = Outputs::default();
        for container in &mut self.alive {
            // Containers that never started are only removed.
            if let Some(started) = container.started.take() {
                let (code, printed) = started.end(self.docker, &container.name).await?;
                outputs.add(code, &printed);
            }
        }
        Ok(Done {
            outputs: outputs.into_vec(),
            stopped,
        })
    }

    /// Starts containers until `level` are waiting.
    async fn grow(&mut self, level: u64, ending: &mut watch::Receiver<bool>) -> Result<(), Error> {
        self.budget.allows(self.alive.len() as u64, level)?;
        while (self.alive.len() as u64) < level {
            let begun = Instant::now();
            let so_far = u32::try_from(self.alive.len()).unwrap_or(u32::MAX);
            let plan = Plan {
                sequence: self.asked.plan.sequence.saturating_add(so_far),
                ..self.asked.plan
            };
            let name = container::name(&plan);
            // Recorded before it exists, so that a failed start is removed with the others.
            self.alive.push(Waiting {
                name: name.clone(),
                started: None,
            });
            let starting = start(self.docker, plan, &name);
            let started = tokio::select! {
                started = starting => started?,
                // If the sender is gone, the start continues.
                Ok(_) = ending.wait_for(|ending| *ending) => return Err(Failure::Ending.into()),
            };
            if let Some(last) = self.alive.last_mut() {
                last.started = Some(started);
            }
            self.making += begun.elapsed();
            let taken = Footprint::sum(self.family()?).map_err(unseen)?;
            let bytes = taken.pss + taken.page_tables;
            self.budget.holds(self.alive.len() as u64, bytes)?;
        }
        Ok(())
    }

    /// Measures all containers while they wait.
    async fn look(
        &mut self,
        level: u64,
        ending: &mut watch::Receiver<bool>,
        samples: &mut dyn FnMut(Sample),
    ) -> Result<(), Error> {
        let idle_window = self.asked.levels.idle_window.into();
        pause(SETTLE, ending).await?;
        let family = self.family()?;
        let used = || footprint::cpu_time(family.iter().copied()).map_err(unseen);
        let (before, begun) = (used()?, Instant::now());
        pause(idle_window, ending).await?;
        let (after, waited) = (used()?, begun.elapsed());
        let idle = footprint::per_second(after.saturating_sub(before), waited);
        let taken = Footprint::sum(family.iter().copied()).map_err(unseen)?;
        self.budget.took(level, taken.pss + taken.page_tables);
        let boundary = self.asked.boundary;
        let at = (boundary != Boundary::Idle).then_some(level);
        let timed =
            [(Metric::WallTime, self.making), (Metric::IdleCpu, idle)].map(|(metric, value)| {
                Sample {
                    boundary,
                    metric,
                    iteration: 0,
                    at,
                    value: Nanoseconds::from(value).0,
                }
            });
        let daemons = Footprint::sum(called(&DAEMONS)).map_err(unseen)?;
        taken
            .samples(boundary, at)
            .into_iter()
            .chain(timed)
            .chain(daemons.samples(Boundary::Daemon, at))
            .for_each(samples);
        Ok(())
    }

    /// All processes that exist because of these containers.
    fn family(&self) -> Result<BTreeSet<u32>, Error> {
        let inits: Vec<u32> = self
            .alive
            .iter()
            .filter_map(|container| Some(container.started.as_ref()?.init))
            .collect();
        let inside = footprint::with_descendants(&inits).map_err(unseen)?;
        let shims = inits.iter().filter_map(|&init| shim_of(init));
        Ok(inside.into_iter().chain(shims).collect())
    }
}

impl Started {
    /// Closes the guest's input and waits until the container has exited.
    async fn end(mut self, docker: &Docker, name: &str) -> Result<(i32, Vec<u8>), Failure> {
        let ended = async {
            let input = self.input.shutdown().await;
            input.map_err(|error| Failure::of("ending the guest's input", error.into()))?;
            while take(&mut self.output, &mut self.printed).await? {}
            container::exit_code(docker, name).await
        };
        let code = match tokio::time::timeout(RUN, ended).await {
            Ok(code) => code?,
            Err(_) => {
                return Err(Failure::Late {
                    doing: "waiting for the container to end",
                    after: RUN,
                });
            }
        };
        Ok((code, self.printed))
    }
}

/// Creates and starts a container, and waits for its guest's ready line.
async fn start(docker: &Docker, plan: Plan<'_>, name: &str) -> Result<Started, Failure> {
    let options = CreateContainerOptionsBuilder::new().name(name).build();
    let body = ContainerCreateBody {
        attach_stdin: Some(true),
        open_stdin: Some(true),
        // Closing our side closes the guest's stdin.
        stdin_once: Some(true),
        ..container::body(&plan)
    };
    let creating = docker.create_container(Some(options), body);
    bounded("creating the container", CREATE, creating).await?;
    let options = AttachContainerOptionsBuilder::new()
        .stream(true)
        .stdin(true)
        .stdout(true)
        .stderr(true)
        .build();
    let attaching = docker.attach_container(name, Some(options));
    let attached = bounded("attaching to the container", CREATE, attaching).await?;
    let (input, mut output) = (attached.input, attached.output);
    let starting = docker.start_container(name, None);
    bounded("starting the container", CREATE, starting).await?;
    let mut printed = Vec::new();
    let saying = async {
        while !printed.starts_with(READY) {
            if !take(&mut output, &mut printed).await? {
                return Err(Failure::CutShort);
            }
        }
        Ok(())
    };
    match tokio::time::timeout(CREATE, saying).await {
        Ok(said) => said?,
        Err(_) => {
            return Err(Failure::Late {
                doing: "waiting for the guest to be ready",
                after: CREATE,
            });
        }
    }
    let inspecting = docker.inspect_container(name, None);
    let inspected = bounded("inspecting the container", SAY, inspecting).await?;
    let pid = inspected.state.and_then(|state| state.pid);
    let init = pid.and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0);
    let id = inspected.id.unwrap_or_default();
    if !is_of(init, &id) {
        return Err(Failure::Unseen);
    }
    Ok(Started {
        init,
        input,
        output,
        printed,
    })
}

/// Reads the next message of a guest's output; false at its end.
async fn take(
    output: &mut (impl Stream<Item = Result<LogOutput, EngineError>> + Unpin),
    printed: &mut Vec<u8>,
) -> Result<bool, Failure> {
    match output.next().await {
        None => Ok(false),
        Some(Err(error)) => Err(Failure::of("reading the output", error)),
        Some(Ok(LogOutput::StdOut { message })) => {
            printed.extend_from_slice(&message);
            Ok(true)
        }
        Some(Ok(LogOutput::StdErr { message })) => {
            eprint!("{}", String::from_utf8_lossy(&message));
            Ok(true)
        }
        Some(Ok(LogOutput::Console { .. } | LogOutput::StdIn { .. })) => Err(Failure::CutShort),
    }
}

async fn pause(time: Duration, ending: &mut watch::Receiver<bool>) -> Result<(), Error> {
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        Ok(_) = ending.wait_for(|ending| *ending) => Err(Failure::Ending.into()),
    }
}

fn unseen(error: std::io::Error) -> Error {
    Error::failed("looking at the containers' processes", error)
}

/// Whether a process is in the container, whose cgroups are named after it. An engine on another machine or in another
/// PID namespace reports pids that mean something else here.
fn is_of(init: u32, container: &str) -> bool {
    let groups = fs::read_to_string(format!("/proc/{init}/cgroup")).unwrap_or_default();
    !container.is_empty() && groups.contains(container)
}

/// The shim of a container, which is the parent of its first process.
fn shim_of(init: u32) -> Option<u32> {
    let parent = footprint::parent(init)?;
    name_of(parent)?
        .starts_with("containerd-shim")
        .then_some(parent)
}

/// Processes with one of these names.
fn called(names: &[&str]) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| name_of(pid).is_some_and(|name| names.contains(&name.as_str())))
        .collect()
}

fn name_of(pid: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}
