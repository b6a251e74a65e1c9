//! Adapter for OCI runtimes without a daemon. A container is a process that `bench` starts: `runc run` of a bundle.
//! This shows how much of a start the container engine adds.
//!
//! # Layout
//!
//! - `runtime`: finds the runtimes and checks whether they work here
//! - `targets`: combinations of runtime and network, and their fairness ledgers
//! - `bundle`: root file system and configuration for a runtime
//! - `probing`: runs hostile guests under limits
//! - `strays`: removes leftovers of killed runs
//! - `bin/oci-embedded`: our own runtime, built on libcontainer

mod bundle;
mod probing;
mod runtime;
mod strays;
mod targets;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_adapter::protocol::{
    Artefact, Availability, Container, Done, Hello, Launch, Measure, PROTOCOL, Prepare, Prepared,
    Probe, Sample, Target, Workload,
};
use plimsoll_adapter::record::TargetId;
use plimsoll_adapter::record::run::ProgramRecord;
use plimsoll_adapter::size::weigh_all;
use plimsoll_adapter::{Adapter, Error, Probing, adapter_main, programs};

use runtime::{Found, Runtime};
use targets::{ALL, Configuration};

/// Placeholder for a container's name in command lines.
const NAME: &str = "{name}";

/// The adapter, with the result of looking for each runtime.
struct Runtimes(BTreeMap<Runtime, Found>);

impl Runtimes {
    /// Looks for the runtimes and removes leftovers of dead owners.
    fn look() -> Self {
        let found: BTreeMap<_, _> = Runtime::ALL
            .into_iter()
            .map(|runtime| (runtime, runtime.find()))
            .collect();
        strays::reap(&found);
        Runtimes(found)
    }

    fn of(&self, configuration: &Configuration) -> &Found {
        &self.0[&configuration.runtime]
    }

    /// The command lines that create and remove a container of the bundle in `folder`.
    fn launch(
        &self,
        configuration: &Configuration,
        workload: &Workload,
        folder: PathBuf,
        scratch: &Path,
    ) -> Result<Launch, Error> {
        let runtime = match self.of(configuration) {
            Ok(program) => program.path.clone(),
            Err(absent) => return Err(Error::Failed(absent.to_string())),
        };
        let state = text(configuration.runtime.state())?;
        let (program, before) = configuration.runtime.command(text(runtime)?);
        let options = |words: &[&str]| -> Vec<String> {
            let own = configuration.runtime.options();
            let all = ["--root", &state].into_iter().chain(own.iter().copied());
            let all = all.chain(words.iter().copied()).map(str::to_owned);
            before.iter().cloned().chain(all).collect()
        };
        let bundle = text(folder.clone())?;
        Ok(Launch {
            program: program.into(),
            args: options(&["run", "--bundle", &bundle, NAME]),
            // youki and runsc create their own files in folders given by these variables.
            env: BTreeMap::from([("PATH".to_owned(), bundle::PATH.to_owned())]),
            directory: scratch.to_owned(),
            artefact: folder,
            container: Some(Container {
                name: NAME.to_owned(),
                remove: options(&["delete", "--force", NAME]),
                guest: configuration.guest.program(workload),
            }),
        })
    }
}

fn configuration(target: &TargetId) -> Result<&'static Configuration, Error> {
    ALL.iter()
        .find(|configuration| configuration.id == target.as_str())
        .ok_or_else(|| Error::Failed(format!("no target {target} here")))
}

fn text(path: PathBuf) -> Result<String, Error> {
    path.into_os_string().into_string().map_err(|path| {
        Error::Failed(format!(
            "{} is not UTF-8, which the protocol's arguments are",
            path.display()
        ))
    })
}

impl Adapter for Runtimes {
    fn hello(&mut self) -> Hello {
        let versions: Vec<String> = self
            .0
            .iter()
            .filter_map(|(runtime, found)| {
                let version = &found.as_ref().ok()?.version;
                Some(format!("{} {version}", runtime.name()))
            })
            .collect();
        Hello {
            protocol: PROTOCOL,
            adapter: concat!("adapter-oci ", env!("CARGO_PKG_VERSION")).to_owned(),
            engine: "oci".to_owned(),
            engine_version: match versions.is_empty() {
                true => "not known: no OCI runtime is here".to_owned(),
                false => versions.join(", "),
            },
            targets: ALL
                .iter()
                .map(|configuration| Target {
                    id: configuration.id.into(),
                    kind: configuration.guest.kind(),
                    availability: match self.of(configuration) {
                        Ok(_) => Availability::Available,
                        Err(absent) => absent.availability(),
                    },
                    steps: configuration.steps().to_vec(),
                    configuration: configuration.ledger(self.of(configuration).as_ref().ok()),
                    programs: Vec::new(),
                })
                .collect(),
        }
    }

    fn programs(&mut self, target: &TargetId) -> Result<Vec<ProgramRecord>, Error> {
        let runtime = self.of(configuration(target)?).as_ref();
        let runtime = runtime.map_err(|absent| Error::Failed(absent.to_string()))?;
        Ok(vec![programs::of_file("container runtime", &runtime.path)?])
    }

    fn prepare(&mut self, request: &Prepare) -> Result<Prepared, Error> {
        let configuration = configuration(&request.target)?;
        let workload = &request.workload;
        let folder = request.scratch.join("bundle");
        bundle::write(&folder, configuration, workload, None)?;
        let weight = weigh_all(&folder)
            .map_err(|error| Error::failed(format!("weighing {}", folder.display()), error))?;
        Ok(Prepared {
            launch: Some(self.launch(configuration, workload, folder, &request.scratch)?),
            artefacts: vec![Artefact {
                role: "bundle".to_owned(),
                bytes: weight.bytes,
            }],
        })
    }

    fn probe(&mut self, request: &Probe) -> Result<Probing, Error> {
        let configuration = configuration(&request.target)?;
        let limits = probing::Limits::of(request, configuration.runtime)?;
        let folder = request.scratch.join("bundle");
        bundle::write(&folder, configuration, &request.workload, Some(&limits))?;
        let launch = self.launch(configuration, &request.workload, folder, &request.scratch)?;
        probing::run(&launch, request.patience.into()).map(Probing::Ran)
    }

    fn measure(&mut self, request: &Measure, _: &mut dyn FnMut(Sample)) -> Result<Done, Error> {
        Err(Error::Unsupported(format!(
            "the step {} of {} is a process: bench starts it from the launch that prepare gave",
            request.step, request.target
        )))
    }
}

adapter_main!(Runtimes::look());
