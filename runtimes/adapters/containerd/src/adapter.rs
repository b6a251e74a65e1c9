//! The protocol's requests, and the signals that end this process.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use plimsoll_adapter::guest::Outputs;
use plimsoll_adapter::protocol::{
    Artefact, Done, Hello, Measure, PROTOCOL, Prepare, Prepared, Sample, Target as Told, Workload,
};
use plimsoll_adapter::record::{Boundary, Metric, Nanoseconds, Step};
use plimsoll_adapter::{Adapter, Error, artefact, native};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::containerd::{Absent, Daemon};
use crate::ctr::{self, Ran, said};
use crate::image::{self, Program};
use crate::namespace::{self, Namespace};
use crate::owner::Owner;
use crate::targets::{self, ALL, Runs, Target};

/// What `prepare` leaves.
const ARCHIVE: &str = "image.tar";
/// How long a container may run: a runtime that hangs must not hang the run.
const LONGEST: Duration = Duration::from_secs(120);
/// How long compiling a module may take.
const COMPILING: Duration = Duration::from_secs(120);

/// The adapter of the `containerd/...` targets.
///
/// Everything that it makes on the daemon is gone when it is dropped, or when SIGTERM, SIGINT or
/// SIGHUP ends the process; what a SIGKILL leaves, the next one removes.
pub(crate) struct Containerd {
    daemon: Result<Daemon, Absent>,
    /// This process's own, once something has been made in it.
    namespace: Arc<Mutex<Option<Namespace>>>,
    /// Archives that have been imported.
    imported: BTreeSet<PathBuf>,
    /// How many containers have been made.
    made: u32,
}

impl Containerd {
    /// Looks for a daemon, and removes what dead owners left on it. Without a daemon this is an
    /// adapter all the same: it says why there is none.
    pub(crate) fn start() -> Self {
        let daemon = Daemon::find();
        if let Ok(daemon) = &daemon
            && let Err(error) = namespace::reap(&daemon.ctr)
        {
            eprintln!("removing what an earlier run left on containerd: {error}");
        }
        let namespace = Arc::default();
        end_on_signal(&namespace);
        Containerd {
            daemon,
            namespace,
            imported: BTreeSet::new(),
            made: 0,
        }
    }

    /// The namespace of this process.
    fn namespace(&self) -> Result<Namespace, Error> {
        let daemon = self
            .daemon
            .as_ref()
            .map_err(|absent| Error::Failed(absent.to_string()))?;
        let mut held = self
            .namespace
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(namespace) = &*held {
            return Ok(namespace.clone());
        }
        let owner = Owner::this_process()
            .map_err(|error| Error::failed("finding out which process this is", error))?;
        let namespace = Namespace::new(&daemon.ctr, owner.namespace());
        *held = Some(namespace.clone());
        Ok(namespace)
    }

    /// One container from create to remove.
    fn iteration(
        &mut self,
        target: &Target,
        workload: &Workload,
    ) -> Result<(Ran, Readings), Error> {
        let namespace = self.namespace()?;
        self.made += 1;
        let id = format!("c{}", self.made);
        let (image, runtime) = (image::name(workload), target.runtime());
        let began = Instant::now();
        let create = ["containers", "create", "--runtime", &runtime, &image, &id];
        namespace.output(&create)?;
        let started =
            namespace
                .ctr()
                .run(Some(namespace.name()), &["tasks", "start", &id], LONGEST);
        let ran = match started {
            Ok(ran) => ran,
            Err(error) => {
                // What hangs must not be there any more when the next one starts.
                let _ = namespace.remove_container(&id);
                return Err(error);
            }
        };
        let removed = namespace.output(&["containers", "rm", &id]);
        let gone = Instant::now();
        if removed.is_err() {
            namespace.remove_container(&id)?;
        }
        let readings = Readings {
            first_byte: ran.first_byte.map(|at| at - ran.began),
            exit: ran.ended - began,
            removed: removed.is_ok().then(|| gone - began),
        };
        Ok((ran, readings))
    }
}

/// What the clock said of one container.
struct Readings {
    first_byte: Option<Duration>,
    exit: Duration,
    /// None where it could be removed by force only.
    removed: Option<Duration>,
}

impl Drop for Containerd {
    fn drop(&mut self) {
        clean_up(&self.namespace);
    }
}

fn clean_up(namespace: &Mutex<Option<Namespace>>) {
    let held = namespace
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(namespace) = held
        && let Err(error) = namespace.remove()
    {
        eprintln!("removing the namespace {}: {error}", namespace.name());
    }
}

fn end_on_signal(namespace: &Arc<Mutex<Option<Namespace>>>) {
    let namespace = Arc::clone(namespace);
    let mut signals = match Signals::new([SIGTERM, SIGINT, SIGHUP]) {
        Ok(signals) => signals,
        Err(error) => return eprintln!("asking for signals: {error}"),
    };
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            clean_up(&namespace);
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
            steps: vec![Step::Process],
            configuration: target.ledger(self.daemon.as_ref().ok()),
        };
        Hello {
            protocol: PROTOCOL,
            adapter: concat!("adapter-containerd ", env!("CARGO_PKG_VERSION")).to_owned(),
            engine: "containerd".to_owned(),
            engine_version: match &self.daemon {
                Ok(daemon) => daemon.version.clone(),
                Err(absent) => format!("not known: {absent}"),
            },
            targets: ALL.iter().map(told).collect(),
        }
    }

    fn prepare(&mut self, request: &Prepare) -> Result<Prepared, Error> {
        let workload = &request.workload;
        let archive = request.scratch.join(ARCHIVE);
        let (program, file) = match find(request.target.as_str())?.runs {
            Runs::Runc => (Program::Linux, native::require(workload)?.to_owned()),
            Runs::Wasm => {
                artefact::read_wasm(&workload.wasm)?;
                (Program::Shim, workload.wasm.clone())
            }
            Runs::Artefact => {
                let compiled = request.scratch.join("module.cwasm");
                compile(&workload.wasm, &compiled)?;
                (Program::Shim, compiled)
            }
        };
        let written = image::write(&archive, workload, program, &file)
            .and_then(|()| std::fs::metadata(&archive));
        let bytes = written
            .map_err(|error| Error::failed(format!("writing {}", archive.display()), error))?
            .len();
        Ok(Prepared {
            launch: None,
            artefacts: vec![Artefact {
                role: "image".to_owned(),
                bytes,
            }],
        })
    }

    fn measure(
        &mut self,
        request: &Measure,
        samples: &mut dyn FnMut(Sample),
    ) -> Result<Done, Error> {
        let target = find(request.target.as_str())?;
        let archive = request.scratch.join(ARCHIVE);
        artefact::require(&archive)?;
        // Untimed: an earlier process's image went with that process.
        if self.imported.insert(archive.clone()) {
            let archive = archive.to_string_lossy();
            self.namespace()?.output(&["images", "import", &archive])?;
        }
        let budget = Duration::from(request.budget);
        let began = Instant::now();
        let mut outputs = Outputs::default();
        for iteration in 0..request.iterations.max(1) {
            if iteration > 0 && began.elapsed() >= budget {
                break;
            }
            let (ran, readings) = self.iteration(target, &request.workload)?;
            let Some(code) = ran.status.code() else {
                let signal = ran.status.signal().unwrap_or_default();
                return Err(Error::Failed(format!("ctr was ended by signal {signal}")));
            };
            if code != 0 {
                eprintln!("ctr tasks start: {}", said(&ran));
            }
            let taken = [
                (Boundary::L3, readings.first_byte),
                (Boundary::L4, Some(readings.exit)),
                (Boundary::L5, readings.removed),
            ];
            for (boundary, elapsed) in taken {
                if let Some(elapsed) = elapsed {
                    samples(Sample {
                        boundary,
                        metric: Metric::WallTime,
                        iteration,
                        at: None,
                        value: Nanoseconds::from(elapsed).0,
                    });
                }
            }
            outputs.add(code, &ran.stdout);
        }
        Ok(Done {
            outputs: outputs.into_vec(),
            stopped: None,
        })
    }
}

fn find(target: &str) -> Result<&'static Target, Error> {
    ALL.iter()
        .find(|known| known.id == target)
        .ok_or_else(|| Error::Failed(format!("no target {target} here")))
}

/// Has the shim compile a module ahead of time: an artefact is for the very build that made it.
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
