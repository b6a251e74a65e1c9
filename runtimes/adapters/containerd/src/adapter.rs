//! Handles protocol requests and the signals that end this process.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use plimsoll_adapter::guest::Outputs;
use plimsoll_adapter::image::Content;
use plimsoll_adapter::owner::Owner;
use plimsoll_adapter::protocol::{
    Artefact, Done, Hello, Measure, PROTOCOL, Prepare, Prepared, Sample, Target as Told, Workload,
};
use plimsoll_adapter::record::run::ProgramRecord;
use plimsoll_adapter::record::{Boundary, Metric, Nanoseconds, Step, TargetId};
use plimsoll_adapter::{Adapter, Error, artefact, programs};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::container::{self, PATIENCE};
use crate::containerd::{Absent, Daemon};
use crate::ctr::{self, Ctr, Ran, said};
use crate::targets::{self, ALL, Runs, Target};

/// Time limit of a container, unless `bench` ends this process first.
const LONGEST: Duration = Duration::from_secs(600);
/// Time limit for compiling a module.
const COMPILING: Duration = Duration::from_secs(120);

/// The adapter of the `containerd/...` targets.
///
/// Everything that it creates in containerd is removed when it is dropped and on SIGTERM, SIGINT or SIGHUP. After
/// SIGKILL the next adapter process cleans up.
pub(crate) struct Containerd {
    daemon: Result<Daemon, Absent>,
    owner: Owner,
    /// By scratch directory.
    images: BTreeMap<PathBuf, Image>,
    /// Number of names generated.
    names: u32,
}

/// A pair's image: its archive in the scratch directory, and its name in containerd.
#[derive(Debug, Clone)]
struct Image {
    name: String,
    archive: PathBuf,
}

/// Times of one container.
struct Readings {
    ran: Ran,
    first_byte: Option<Duration>,
    exit: Duration,
    removed: Duration,
}

impl Containerd {
    /// Connects to the daemon and removes leftovers of dead owners. Without a daemon the adapter still starts and
    /// reports why there is none.
    ///
    /// # Panics
    ///
    /// If /proc cannot be read.
    pub(crate) fn start() -> Self {
        let owner = Owner::this_process().expect("/proc is mounted");
        let daemon = Daemon::find();
        if let Ok(daemon) = &daemon {
            match container::reap(&daemon.ctr) {
                Ok(0) => {}
                Ok(removed) => eprintln!("removed what an interrupted run had left: {removed}"),
                Err(error) => eprintln!("looking for what interrupted runs have left: {error}"),
            }
            end_on_signal(daemon.ctr.clone(), owner.clone());
        }
        Containerd {
            daemon,
            owner,
            images: BTreeMap::new(),
            names: 0,
        }
    }

    fn ctr(&self) -> Result<&Ctr, Error> {
        match &self.daemon {
            Ok(daemon) => Ok(&daemon.ctr),
            Err(absent) => Err(Error::failed(&absent.reason, absent.remedy)),
        }
    }

    fn next_name(&mut self) -> String {
        self.names += 1;
        self.owner.name(self.names)
    }

    /// Loads the pair's image into the daemon. `prepare` stores the program; each process writes its own archive,
    /// because the image's name contains the owner.
    fn image(
        &mut self,
        target: &Target,
        workload: &Workload,
        scratch: &Path,
    ) -> Result<Image, Error> {
        if let Some(image) = self.images.get(scratch) {
            return Ok(image.clone());
        }
        let program = target.program(workload, scratch)?;
        artefact::require(&program)?;
        let tag = self.next_name();
        let image = Image {
            name: container::image_name(workload.id.as_str(), &tag),
            archive: scratch.join("image.tar"),
        };
        let content = Content {
            name: &image.name,
            workload,
            program: &program,
            below: None,
            labels: BTreeMap::new(),
        };
        content.write(&image.archive).map_err(|error| {
            Error::failed(format!("writing {}", image.archive.display()), error)
        })?;
        self.import(&image)?;
        self.images.insert(scratch.to_owned(), image.clone());
        Ok(image)
    }

    fn import(&self, image: &Image) -> Result<(), Error> {
        let archive = image.archive.to_string_lossy();
        let import = ["images", "import", &archive];
        self.ctr()?.output(&import, PATIENCE).map(drop)
    }

    /// Runs one container from create to remove; at L6 it imports the image first.
    fn iteration(&mut self, target: &Target, image: &Image, step: Step) -> Result<Readings, Error> {
        let name = self.next_name();
        let ctr = self.ctr()?.clone();
        if step == Step::Deploy {
            container::remove_image(&ctr, &image.name)?;
        }
        let measured = self.container(&ctr, target, image, (&name, step));
        if measured.is_err() {
            // A hanging container must be gone before the next one starts.
            let _ = container::remove_container(&ctr, &name);
        }
        measured
    }

    fn container(
        &self,
        ctr: &Ctr,
        target: &Target,
        image: &Image,
        (name, step): (&str, Step),
    ) -> Result<Readings, Error> {
        let pipes = container::pipes(name);
        fs::create_dir_all(&pipes)
            .map_err(|error| Error::failed(format!("making {}", pipes.display()), error))?;
        let (runtime, pipes_at) = (target.runtime(), pipes.to_string_lossy());
        let create = [
            "containers",
            "create",
            "--runtime",
            &runtime,
            &image.name,
            name,
        ];
        let start = ["tasks", "start", "--fifo-dir", &pipes_at, name];
        let began = Instant::now();
        if step == Step::Deploy {
            self.import(image)?;
        }
        ctr.output(&create, PATIENCE)?;
        let ran = ctr.run(&start, LONGEST)?;
        ctr.output(&["containers", "rm", name], PATIENCE)?;
        let gone = Instant::now();
        let _ = fs::remove_dir_all(pipes);
        Ok(Readings {
            first_byte: ran.first_byte.map(|at| at - ran.began),
            exit: ran.ended - began,
            removed: gone - began,
            ran,
        })
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        if self.names > 0
            && let Ok(daemon) = &self.daemon
        {
            clean_up(&daemon.ctr, &self.owner);
        }
    }
}

fn clean_up(ctr: &Ctr, owner: &Owner) {
    if let Err(error) = container::remove_all_of(ctr, owner) {
        eprintln!("something may be left on containerd until the next start: {error}");
    }
}

fn end_on_signal(ctr: Ctr, owner: Owner) {
    let mut signals = match Signals::new([SIGTERM, SIGINT, SIGHUP]) {
        Ok(signals) => signals,
        Err(error) => return eprintln!("asking for signals: {error}"),
    };
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            clean_up(&ctr, &owner);
            std::process::exit(128 + signal);
        }
    });
}

impl Adapter for Containerd {
    fn hello(&mut self) -> Hello {
        let told = |target: &Target| Told {
            id: target.id.into(),
            kind: target.kind(),
            availability: target.availability(&self.daemon),
            steps: vec![Step::Process, Step::Deploy],
            configuration: target.ledger(self.daemon.as_ref().ok()),
            programs: Vec::new(),
        };
        Hello {
            protocol: PROTOCOL,
            adapter: concat!("adapter-containerd ", env!("CARGO_PKG_VERSION")).to_owned(),
            engine: "containerd".to_owned(),
            engine_version: match &self.daemon {
                Ok(daemon) => daemon.version.clone(),
                Err(absent) => format!("not known: {}", absent.reason),
            },
            targets: ALL.iter().map(told).collect(),
        }
    }

    fn programs(&mut self, _: &TargetId) -> Result<Vec<ProgramRecord>, Error> {
        let mut found = programs::running("container engine", "containerd")?;
        found.push(programs::of_file("client", &self.ctr()?.program)?);
        found.extend(programs::on_path("shim", "containerd-shim-runc-v2")?);
        found.extend(programs::on_path("container runtime", "runc")?);
        let shim = targets::shim();
        if shim.is_file() {
            found.push(programs::of_file("shim", &shim)?);
        }
        Ok(found)
    }

    fn prepare(&mut self, request: &Prepare) -> Result<Prepared, Error> {
        let target = find(request.target.as_str())?;
        if let Some(image) = self.images.remove(&request.scratch) {
            // A repeated prepare may have another program.
            container::remove_image(self.ctr()?, &image.name)?;
        }
        let (workload, scratch) = (&request.workload, &request.scratch);
        let program = target.program(workload, scratch)?;
        match target.runs {
            Runs::Native => {}
            // Copied without execute permission, so that the shim's library does not treat it as a Linux program.
            Runs::Wasm => drop(artefact::write(
                &program,
                "wasm",
                &artefact::read_wasm(&workload.wasm)?,
            )?),
            Runs::Artefact => compile(&workload.wasm, &program)?,
        }
        let image = self.image(target, workload, scratch)?;
        let archive = fs::metadata(&image.archive).map_err(|error| {
            Error::failed(format!("looking at {}", image.archive.display()), error)
        })?;
        Ok(Prepared {
            launch: None,
            artefacts: vec![Artefact {
                role: "image archive".to_owned(),
                bytes: archive.len(),
            }],
        })
    }

    fn measure(
        &mut self,
        request: &Measure,
        samples: &mut dyn FnMut(Sample),
    ) -> Result<Done, Error> {
        let target = find(request.target.as_str())?;
        // Untimed: the image of an earlier process was removed when that process ended.
        let image = self.image(target, &request.workload, &request.scratch)?;
        let budget = Duration::from(request.budget);
        let began = Instant::now();
        let mut outputs = Outputs::default();
        for iteration in 0..request.iterations.max(1) {
            if iteration > 0 && began.elapsed() >= budget {
                break;
            }
            let readings = match self.iteration(target, &image, request.step) {
                Ok(readings) => readings,
                Err(error) => {
                    // The image may be gone too: the next trial imports it again.
                    self.images.remove(&request.scratch);
                    return Err(error);
                }
            };
            let ran = &readings.ran;
            let Some(code) = ran.status.code() else {
                let signal = ran.status.signal().unwrap_or_default();
                return Err(Error::Failed(format!("ctr was ended by signal {signal}")));
            };
            if code != 0 {
                eprintln!("ctr tasks start: {}", said(ran));
            }
            for (boundary, elapsed) in taken(request.step, &readings) {
                samples(Sample {
                    boundary,
                    metric: Metric::WallTime,
                    iteration,
                    at: None,
                    value: Nanoseconds::from(elapsed).0,
                });
            }
            outputs.add(code, &ran.stdout);
        }
        Ok(Done {
            outputs: outputs.into_vec(),
            stopped: None,
        })
    }
}

/// The boundaries measured on one container.
fn taken(step: Step, readings: &Readings) -> Vec<(Boundary, Duration)> {
    if step == Step::Deploy {
        return vec![(Boundary::L6, readings.removed)];
    }
    let first_byte = readings.first_byte.map(|elapsed| (Boundary::L3, elapsed));
    first_byte
        .into_iter()
        .chain([
            (Boundary::L4, readings.exit),
            (Boundary::L5, readings.removed),
        ])
        .collect()
}

fn find(target: &str) -> Result<&'static Target, Error> {
    ALL.iter()
        .find(|known| known.id == target)
        .ok_or_else(|| Error::Failed(format!("no target {target} here")))
}

/// Compiles a module with the shim, because an artefact works only with the build that made it.
fn compile(wasm: &Path, artefact: &Path) -> Result<(), Error> {
    let mut command = Command::new(targets::shim());
    command.arg("compile").arg(wasm).arg(artefact);
    let tried = || format!("compiling {}", wasm.display());
    let ran = ctr::run(&mut command, COMPILING).map_err(|error| Error::failed(tried(), error))?;
    match ran.status.success() {
        true => Ok(()),
        false => Err(Error::failed(tried(), said(&ran))),
    }
}
