//! Handles protocol requests and the signals that end this process.

mod images;
mod steps;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use plimsoll_adapter::guest::Outputs;
use plimsoll_adapter::protocol::{
    Artefact, Availability, Done, Hello, Measure, PROTOCOL, Prepare, Prepared, Probe, Sample,
    Serve, Target,
};
use plimsoll_adapter::record::run::{ProgramRecord, TargetKind};
use plimsoll_adapter::record::{Boundary, Metric, Nanoseconds, Step, TargetId};
use plimsoll_adapter::{Adapter, Error, Probing, Served, programs, ticks};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::base::Base;
use crate::container::{self, Plan, Ran};
use crate::engine::{self, Engine, Unusable};
use crate::failure::Failure;
use crate::image::{Image, Source};
use crate::ledger;
use crate::owner::Owner;
use crate::stopwatch;
use crate::targets::{self, Configuration, Under};

/// How often to retry an iteration that measured nothing ([`Failure::WaitMissed`]).
const RETRIES: u32 = 2;

/// The adapter of the `docker/...` targets.
///
/// Everything that it creates in the engine is removed when it is dropped and on SIGTERM, SIGINT or SIGHUP. After
/// SIGKILL the next adapter process cleans up.
#[derive(Debug)]
pub struct Containers {
    session: Arc<Mutex<Session>>,
}

/// Operations on the engine, one at a time.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) runtime: Runtime,
    pub(crate) engine: Result<Engine, Unusable>,
    /// The distribution below the program in some images, if the engine has it.
    base: Result<Base, Unusable>,
    owner: Owner,
    configurations: Vec<Configuration>,
    /// By scratch directory.
    images: BTreeMap<PathBuf, Image>,
    /// Name of the serving container.
    serving: Option<String>,
    /// Number of names generated.
    names: Cell<u32>,
    pub(crate) ending: watch::Receiver<bool>,
}

impl Containers {
    /// Connects to the engine from the environment and removes leftovers of dead owners. Without an engine the adapter
    /// still starts and reports why there is none.
    ///
    /// # Panics
    ///
    /// If this process cannot create a thread or pipe, or read /proc.
    pub fn start() -> Self {
        let (end, ending) = watch::channel(false);
        let runtime = runtime();
        let engine = runtime.block_on(Engine::from_environment());
        let containers = Containers::with(runtime, engine, targets::ALL.to_vec(), ending);
        let session = Arc::clone(&containers.session);
        thread::spawn(move || end_on_signal(&session, &end));
        containers
    }

    /// Connects to the engine on this socket, with these configurations. Installs no signal handlers.
    ///
    /// # Panics
    ///
    /// As [`Containers::start`].
    pub fn on(socket: &std::path::Path, configurations: Vec<Configuration>) -> Self {
        let runtime = runtime();
        let engine = runtime.block_on(Engine::at(socket));
        let (_, never) = watch::channel(false);
        Containers::with(runtime, engine, configurations, never)
    }

    fn with(
        runtime: Runtime,
        engine: Result<Engine, Unusable>,
        configurations: Vec<Configuration>,
        ending: watch::Receiver<bool>,
    ) -> Self {
        let base = match &engine {
            Ok(engine) => runtime.block_on(Base::find(&engine.docker)),
            Err(_) => Err(Unusable::NoBase),
        };
        let session = Session {
            runtime,
            engine,
            base,
            owner: Owner::this_process().expect("/proc is mounted"),
            configurations,
            images: BTreeMap::new(),
            serving: None,
            names: Cell::new(0),
            ending,
        };
        session.reap();
        Containers {
            session: Arc::new(Mutex::new(session)),
        }
    }
}

fn runtime() -> Runtime {
    // Single-threaded, so that reading the clock never waits for another thread to wake up.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("an event loop needs an epoll descriptor")
}

fn lock(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    // There is still something to remove after a panic.
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a signal, lets the current operation on the engine finish, removes everything and exits.
fn end_on_signal(session: &Mutex<Session>, end: &watch::Sender<bool>) {
    let number = runtime().block_on(async {
        let listen = |kind| signal(kind).map(|signal| (signal, kind));
        let (Ok((mut term, _)), Ok((mut int, _)), Ok((mut hup, _))) = (
            listen(SignalKind::terminate()),
            listen(SignalKind::interrupt()),
            listen(SignalKind::hangup()),
        ) else {
            return None;
        };
        Some(tokio::select! {
            _ = term.recv() => SignalKind::terminate().as_raw_value(),
            _ = int.recv() => SignalKind::interrupt().as_raw_value(),
            _ = hup.recv() => SignalKind::hangup().as_raw_value(),
        })
    });
    let Some(number) = number else {
        eprintln!("no signal can be waited for: end this process by closing its stdin");
        return;
    };
    end.send_replace(true);
    let mut session = lock(session);
    session.remove_all();
    process::exit(128 + number);
}

impl Drop for Containers {
    fn drop(&mut self) {
        lock(&self.session).remove_all();
    }
}

impl Adapter for Containers {
    fn hello(&mut self) -> Hello {
        lock(&self.session).hello()
    }

    fn programs(&mut self, target: &TargetId) -> Result<Vec<ProgramRecord>, Error> {
        let mut found = programs::running("container engine", "dockerd")?;
        found.extend(programs::running("container engine", "containerd")?);
        let runtime = lock(&self.session).configuration(target)?.runtime.name();
        found.extend(programs::on_path("container runtime", runtime)?);
        found.extend(programs::on_path("shim", "containerd-shim-runc-v2")?);
        let stopwatch = stopwatch::path();
        if stopwatch.is_file() {
            found.push(programs::of_file("stopwatch", &stopwatch)?);
        }
        Ok(found)
    }

    fn prepare(&mut self, request: &Prepare) -> Result<Prepared, Error> {
        lock(&self.session).prepare(request)
    }

    fn measure(
        &mut self,
        request: &Measure,
        samples: &mut dyn FnMut(Sample),
    ) -> Result<Done, Error> {
        lock(&self.session).measure(request, samples)
    }

    fn serve(&mut self, request: &Serve) -> Result<Served, Error> {
        lock(&self.session).serve(request)
    }

    fn probe(&mut self, request: &Probe) -> Result<Probing, Error> {
        lock(&self.session).probe(request)
    }

    fn stop(&mut self) -> Result<(), Error> {
        lock(&self.session).stop()
    }
}

impl Session {
    fn hello(&self) -> Hello {
        let version = match &self.engine {
            Ok(engine) => engine.version.version.clone().unwrap_or_default(),
            Err(unusable) => format!("not known: {unusable}"),
        };
        Hello {
            protocol: PROTOCOL,
            adapter: concat!("adapter-docker ", env!("CARGO_PKG_VERSION")).to_owned(),
            engine: "docker".to_owned(),
            engine_version: version,
            targets: self
                .configurations
                .iter()
                .map(|configuration| Target {
                    id: configuration.id.into(),
                    kind: TargetKind::Container,
                    availability: self.availability(configuration),
                    steps: configuration.steps.to_vec(),
                    configuration: ledger::of(configuration, self.engine.as_ref().ok()),
                    programs: Vec::new(),
                })
                .collect(),
        }
    }

    fn availability(&self, configuration: &Configuration) -> Availability {
        match &self.engine {
            Ok(engine) => match (engine.has(configuration.runtime), &self.base) {
                (Err(unusable), _) => unusable.availability(),
                (Ok(()), Err(unusable)) if configuration.under == Under::Debian => {
                    unusable.availability()
                }
                (Ok(()), _) => Availability::Available,
            },
            Err(unusable) => unusable.availability(),
        }
    }

    fn prepare(&mut self, request: &Prepare) -> Result<Prepared, Error> {
        self.reap();
        if let (Some(image), Ok(engine)) = (self.images.remove(&request.scratch), &self.engine) {
            // A repeated prepare may have another binary.
            self.runtime.block_on(image.remove(&engine.docker))?;
        }
        let under = self.configuration(&request.target)?.under;
        let image = self.image(under, &request.workload, &request.scratch)?;
        let engine = usable(&self.engine)?;
        let bytes = self.runtime.block_on(image.size(&engine.docker))?;
        let artefact = |role: &str, bytes| Artefact {
            role: role.to_owned(),
            bytes,
        };
        let mut artefacts = vec![artefact("image", bytes)];
        if let Source::Written { archive, .. } = &image.source {
            let archive = fs::metadata(archive).map_err(|error| {
                Error::failed(format!("looking at {}", archive.display()), error)
            })?;
            artefacts.push(artefact("image archive", archive.len()));
        }
        Ok(Prepared {
            launch: None,
            artefacts,
        })
    }

    fn measure(
        &mut self,
        request: &Measure,
        samples: &mut dyn FnMut(Sample),
    ) -> Result<Done, Error> {
        let configuration = self.configuration(&request.target)?;
        // Untimed: the image of an earlier process was removed when that process ended.
        let image = self.image(configuration.under, &request.workload, &request.scratch)?;
        let engine = usable(&self.engine)?;
        match request.step {
            Step::Deploy | Step::Size | Step::Peak | Step::Execute if image.is_given() => {
                return Err(Error::Unsupported(format!(
                    "the step {} is for images that are made here, and {} is the user's own",
                    request.step, image.name
                )));
            }
            Step::Processes | Step::Idle => {
                return self.waiting(engine, &image, &configuration, request, samples);
            }
            Step::Peak => {
                let program = image.program(&request.workload);
                return self.peak(engine, &image, &configuration, &program, samples);
            }
            Step::Execute => {
                return self.iterate(engine, &image, &configuration, request, samples);
            }
            _ => {}
        }
        let budget = Duration::from(request.budget);
        let began = Instant::now();
        let mut outputs = Outputs::default();
        for iteration in 0..request.iterations.max(1) {
            if iteration > 0 && began.elapsed() >= budget {
                break;
            }
            // Also run the image whose size is measured, to verify that it works.
            let (clock_started, ran) = match self.iteration(engine, &image, &configuration, request)
            {
                Ok(measured) => measured,
                Err(failure) => {
                    if engine::is_missing(&failure) {
                        // Another process removed the image: the next trial loads it again.
                        self.images.remove(&request.scratch);
                    }
                    return Err(failure.into());
                }
            };
            if request.step == Step::Size {
                let bytes = self.runtime.block_on(image.size(&engine.docker))?;
                let weights = image.weigh().map_err(|error| {
                    Error::failed(format!("weighing the archive of {}", image.name), error)
                })?;
                steps::sizes(bytes, weights)
                    .into_iter()
                    .for_each(&mut *samples);
            }
            for (boundary, elapsed) in readings(request.step, clock_started, &ran) {
                samples(Sample {
                    boundary,
                    metric: Metric::WallTime,
                    iteration,
                    at: None,
                    value: Nanoseconds::from(elapsed).0,
                });
            }
            if request.step == Step::Process {
                let said = ticks::samples(&ran.stderr).into_iter();
                said.map(|sample| Sample {
                    iteration,
                    ..sample
                })
                .for_each(&mut *samples);
            }
            if ran.exit_code != 0 && !ran.stderr.is_empty() {
                eprintln!(
                    "the guest's stderr: {}",
                    String::from_utf8_lossy(&ran.stderr)
                );
            }
            outputs.add(ran.exit_code, &ran.stdout);
        }
        Ok(Done {
            outputs: outputs.into_vec(),
            stopped: None,
        })
    }

    pub(crate) fn configuration(&self, target: &TargetId) -> Result<Configuration, Error> {
        self.configurations
            .iter()
            .copied()
            .find(|configuration| configuration.id == target.as_str())
            .ok_or_else(|| Error::Failed(format!("no target {target} here")))
    }

    /// Runs one container that measured something; also returns when the clock started.
    fn iteration(
        &self,
        engine: &Engine,
        image: &Image,
        configuration: &Configuration,
        request: &Measure,
    ) -> Result<(Instant, Ran), Failure> {
        let mut tries = 0;
        loop {
            match self.container(engine, image, configuration, request) {
                Err(Failure::WaitMissed) if tries < RETRIES => {
                    tries += 1;
                    eprintln!("{}; trying again", Failure::WaitMissed);
                }
                done => return done,
            }
        }
    }

    fn container(
        &self,
        engine: &Engine,
        image: &Image,
        configuration: &Configuration,
        request: &Measure,
    ) -> Result<(Instant, Ran), Failure> {
        let docker = &engine.docker;
        let step = request.step;
        let anew = match (step, image.base()) {
            (Step::Deploy, Some(base)) => Some(self.anew(base, request)?),
            _ => None,
        };
        let image = anew.as_ref().unwrap_or(image);
        let plan = self.plan(image, configuration, self.next_name());
        let mut ending = self.ending.clone();
        let ran = self.runtime.block_on(async {
            if step == Step::Deploy {
                image.remove(docker).await?;
            }
            let clock_started = Instant::now();
            if step == Step::Deploy {
                image.load(docker).await?;
            }
            let ran = container::run(docker, plan, &mut ending).await?;
            Ok((clock_started, ran))
        });
        if let Some(Source::Written { archive, .. }) = anew.as_ref().map(|image| &image.source) {
            // Remove now instead of at exit, because each is as large as its distribution.
            let _ = fs::remove_file(archive);
            if let Err(failure) = self.runtime.block_on(image.remove(docker)) {
                eprintln!("{failure}; the adapter's next start removes it");
            }
        }
        ran
    }

    pub(crate) fn plan<'a>(
        &'a self,
        image: &'a Image,
        configuration: &'a Configuration,
        sequence: u32,
    ) -> Plan<'a> {
        Plan {
            image,
            configuration,
            owner: &self.owner,
            sequence,
            inside: None,
            bounds: None,
        }
    }

    pub(crate) fn next_name(&self) -> u32 {
        self.names.set(self.names.get() + 1);
        self.names.get()
    }
}

pub(crate) fn usable(engine: &Result<Engine, Unusable>) -> Result<&Engine, Error> {
    engine
        .as_ref()
        .map_err(|unusable| Error::Failed(format!("{unusable}; {}", unusable.remedy())))
}

/// The boundaries measured on one container.
fn readings(step: Step, clock_started: Instant, ran: &Ran) -> Vec<(Boundary, Duration)> {
    if step == Step::Size {
        return Vec::new();
    }
    if step == Step::Deploy {
        return vec![(Boundary::L6, ran.removed - clock_started)];
    }
    let first_byte = ran
        .first_byte
        .map(|first_byte| (Boundary::L3, first_byte - ran.start_requested));
    first_byte
        .into_iter()
        .chain([
            (Boundary::L4, ran.exited - ran.create_requested),
            (Boundary::L5, ran.removed - ran.create_requested),
        ])
        .collect()
}
