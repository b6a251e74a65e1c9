//! The adapter of an engine that runs in the adapter's process: answers every request from a table of targets, with the
//! same messages for all such engines.
//!
//! Each target implements [`Configuration`]: its engine, the file it runs, and its runner program. `main` is then
//! [`in_process_main!`](crate::in_process_main).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_record::run::{ProgramRecord, TargetKind};
use plimsoll_record::sandbox::Limit;
use plimsoll_record::{Proposal, Step, TargetId};

#[cfg(feature = "http")]
use crate::protocol::Serve;
use crate::protocol::{
    Artefact, Availability, Directive, Done, Hello, Launch, Measure, PROTOCOL, Prepare, Prepared,
    Probe, Sample, Script, Target, Workload,
};
use crate::runner::working_directory;
use crate::timed::{self, Engine};
use crate::{Adapter, Error, Probing, artefact, programs};
#[cfg(feature = "http")]
use crate::{Served, http};

/// Names and versions of the adapter and its engine, for [`Hello`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Name and version of the adapter.
    pub adapter: &'static str,
    /// Name of the engine.
    pub engine: &'static str,
    /// Exact version of the engine.
    pub engine_version: String,
}

/// The steps of a target that loads artefacts compiled ahead of time.
pub const LOADS: &[Step] = &[
    Step::Instantiate,
    Step::Load,
    Step::FirstOutputWarm,
    Step::FirstOutputArtefact,
    Step::Process,
    Step::Deploy,
    Step::Instances,
    Step::Execute,
    Step::Serve,
    Step::ServeFresh,
    Step::FirstResponse,
    Step::Conformance,
];

/// The steps of a target that runs the `.wasm` itself. [`Step::Load`] is missing because L1 would equal L2.
pub const RUNS_WASM: &[Step] = &[
    Step::Instantiate,
    Step::Compile,
    Step::FirstOutputWarm,
    Step::Process,
    Step::Deploy,
    Step::Instances,
    Step::Execute,
    Step::Serve,
    Step::ServeFresh,
    Step::FirstResponse,
    Step::Conformance,
];

/// The steps of a target that differs from another only in compiling at every start.
pub const COMPILES_AT_START: &[Step] = &[
    Step::Compile,
    Step::Process,
    Step::Deploy,
    Step::FirstResponse,
];

/// Builds a fairness ledger from setting and value pairs.
pub fn ledger<'e>(
    entries: impl IntoIterator<Item = (&'e str, &'e str)>,
) -> BTreeMap<String, String> {
    let owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
    entries.into_iter().map(owned).collect()
}

/// The file that a target runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The artefact that `prepare` wrote.
    Artefact {
        /// File name in the pair's scratch directory.
        file: &'static str,
        /// Kind of artefact, for example `aot`.
        role: &'static str,
    },
    /// The `.wasm`, compiled at every start.
    Wasm,
}

/// How a target starts as a process: through a runner (see [`runner`](crate::runner) for its command line).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Path of the program; it may not be built yet.
    pub program: PathBuf,
    /// Options placed before all others.
    pub options: Vec<String>,
    /// Whether the command line has the guest's name as an argument after the file.
    pub name: GuestName,
}

/// How a runner learns what its guest is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestName {
    /// From the argument after the file.
    Argument,
    /// From the file's name.
    OfTheFile,
}

/// One target of an engine that runs in the adapter's process.
pub trait Configuration: 'static {
    /// The engine type.
    type Engine: Engine;

    /// The target's id, as in runtimes/targets.toml.
    fn id(&self) -> &'static str;

    /// The steps that the target supports, without `count` (see [`Configuration::is_counted`]).
    fn steps(&self) -> &[Step];

    /// The fairness ledger: every setting that a sceptical reader would want to see.
    fn ledger(&self) -> BTreeMap<String, String>;

    /// The file that the target runs.
    fn code(&self) -> Code;

    /// How the target starts as a process; `None` if it is only a configuration of a host that already runs.
    fn process(&self) -> Option<Process>;

    /// Creates an engine with this configuration.
    ///
    /// # Errors
    ///
    /// The engine's error, with what was tried.
    fn engine(&self) -> Result<Self::Engine, Error>;

    /// Whether the target supports the step `count`: [`Configuration::portable_engine`] must work and valgrind must be
    /// able to run its process.
    fn is_counted(&self) -> bool {
        false
    }

    /// An engine whose artefacts run on any x86-64-v2 CPU, which is what valgrind emulates.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if the engine compiles only for the host CPU.
    fn portable_engine(&self) -> Result<Self::Engine, Error> {
        let why = "its artefacts run on this processor only";
        Err(Error::Unsupported(why.to_owned()))
    }

    /// Compiles a `.wasm` to an artefact; `scratch` is a working directory. Also called for targets that compile at
    /// every start, so that a rejected module is found before the trials.
    ///
    /// # Errors
    ///
    /// If the engine rejects the module.
    fn serialise(
        &self,
        engine: &Self::Engine,
        wasm: &[u8],
        scratch: &Path,
    ) -> Result<Vec<u8>, Error>;

    /// An engine and process options that enforce `limits`, which is not empty.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if the engine lacks a limit or this adapter does not set it.
    fn held(&self, limits: &[Limit]) -> Result<Held<Self::Engine>, Error> {
        Err(Error::Unsupported(unlimited(limits)))
    }

    /// The engine's shared libraries, if it is not statically linked: see `programs::loaded_libraries`.
    ///
    /// # Errors
    ///
    /// If a library cannot be read.
    fn libraries(&self) -> Result<Vec<ProgramRecord>, Error> {
        Ok(Vec::new())
    }

    /// The proposals that the engine claims to support; used if the target has the step `conformance`.
    fn claims(&self) -> Vec<Proposal> {
        Vec::new()
    }

    /// Runs one of the specification's test scripts; implement it with `wast::run` (feature `wast`).
    ///
    /// # Errors
    ///
    /// If the engine cannot be created or the script cannot be read.
    fn script(&self, request: &Script, _: &mut dyn FnMut(Directive)) -> Result<u32, Error> {
        Err(Error::Unsupported(format!(
            "{} does not carry out the specification's scripts",
            request.target
        )))
    }
}

/// An engine and process options that enforce limits.
#[derive(Debug)]
pub struct Held<E> {
    /// An engine whose artefacts can be limited.
    pub engine: E,
    /// Process options, placed after [`Process::options`] and before all others.
    pub options: Vec<String>,
}

/// The error message for `limits` that an adapter cannot enforce.
pub fn unlimited(limits: &[Limit]) -> String {
    let words: Vec<String> = limits.iter().map(ToString::to_string).collect();
    format!("its adapter cannot hold it to {}", words.join(" and "))
}

/// An [`Adapter`] over a table of targets.
#[derive(Debug)]
pub struct InProcess<C: 'static> {
    about: About,
    targets: &'static [C],
}

impl<C: Configuration> InProcess<C> {
    /// An adapter for `targets`.
    pub fn new(about: About, targets: &'static [C]) -> Self {
        InProcess { about, targets }
    }

    /// Creates the engine of a target.
    ///
    /// # Errors
    ///
    /// If the target is unknown or its engine cannot be created.
    pub fn engine(&self, target: &TargetId) -> Result<C::Engine, Error> {
        self.find(target)?.engine()
    }

    fn find(&self, target: &TargetId) -> Result<&'static C, Error> {
        self.targets
            .iter()
            .find(|configuration| configuration.id() == target.as_str())
            .ok_or_else(|| Error::Failed(format!("no target {target} here")))
    }
}

/// Path of the file that the target runs for a workload.
fn file(configuration: &impl Configuration, workload: &Workload, scratch: &Path) -> PathBuf {
    match configuration.code() {
        Code::Artefact { file, .. } => scratch.join(file),
        Code::Wasm => workload.wasm.clone(),
    }
}

/// The command line that starts the pair, if the target is a process.
fn launch(
    configuration: &impl Configuration,
    workload: &Workload,
    scratch: &Path,
    options: Vec<String>,
) -> Result<Option<Launch>, Error> {
    let Some(process) = configuration.process() else {
        return Ok(None);
    };
    let file = file(configuration, workload, scratch);
    let mut args = process.options;
    args.extend(options);
    if workload.input.is_some() {
        args.extend(working_directory(workload.grants.folder).map(str::to_owned));
    }
    for (name, value) in &workload.grants.env {
        args.extend(["--env".to_owned(), format!("{name}={value}")]);
    }
    args.push(text(&file)?);
    if process.name == GuestName::Argument {
        args.push(workload.id.to_string());
    }
    args.extend(workload.args.iter().cloned());
    Ok(Some(Launch {
        program: process.program,
        args,
        env: BTreeMap::new(),
        directory: workload.input.clone().unwrap_or(scratch.to_owned()),
        artefact: file,
        container: None,
    }))
}

impl<C: Configuration> Adapter for InProcess<C> {
    fn hello(&mut self) -> Hello {
        let target = |configuration: &C| Target {
            id: TargetId::from(configuration.id()),
            kind: TargetKind::Wasm,
            availability: available(configuration),
            steps: steps(configuration),
            configuration: configuration.ledger(),
            programs: Vec::new(),
        };
        Hello {
            protocol: PROTOCOL,
            adapter: self.about.adapter.to_owned(),
            engine: self.about.engine.to_owned(),
            engine_version: self.about.engine_version.clone(),
            targets: self.targets.iter().map(target).collect(),
        }
    }

    fn programs(&mut self, target: &TargetId) -> Result<Vec<ProgramRecord>, Error> {
        let configuration = self.find(target)?;
        let mut programs = configuration.libraries()?;
        if let Some(process) = configuration.process() {
            programs.push(programs::of_file("runner", &process.program)?);
        }
        Ok(programs)
    }

    fn claims(&mut self, target: &TargetId) -> Vec<Proposal> {
        self.find(target).map_or_else(|_| Vec::new(), C::claims)
    }

    fn script(&mut self, request: &Script, went: &mut dyn FnMut(Directive)) -> Result<u32, Error> {
        self.find(&request.target)?.script(request, went)
    }

    fn prepare(&mut self, request: &Prepare) -> Result<Prepared, Error> {
        let configuration = self.find(&request.target)?;
        let wasm = artefact::read_wasm(&request.workload.wasm)?;
        let engine = match request.portable {
            false => configuration.engine()?,
            true => configuration.portable_engine()?,
        };
        let (workload, scratch) = (&request.workload, &request.scratch);
        let artefacts = serialised(configuration, &engine, &wasm, scratch)?;
        let launch = launch(configuration, workload, scratch, Vec::new())?;
        Ok(Prepared { launch, artefacts })
    }

    fn probe(&mut self, request: &Probe) -> Result<Probing, Error> {
        let configuration = self.find(&request.target)?;
        let wasm = artefact::read_wasm(&request.workload.wasm)?;
        let held = match request.limits.as_slice() {
            [] => Held {
                engine: configuration.engine()?,
                options: Vec::new(),
            },
            limits => configuration.held(limits)?,
        };
        let (workload, scratch) = (&request.workload, &request.scratch);
        serialised(configuration, &held.engine, &wasm, scratch)?;
        let launch = launch(configuration, workload, scratch, held.options)?;
        let launch = launch.map(Probing::By);
        launch.ok_or_else(|| Error::Unsupported(format!("{} is no process", request.target)))
    }

    fn measure(
        &mut self,
        request: &Measure,
        samples: &mut dyn FnMut(Sample),
    ) -> Result<Done, Error> {
        let configuration = self.find(&request.target)?;
        let engine = configuration.engine()?;
        let _entered = engine.enter();
        let file = file(configuration, &request.workload, &request.scratch);
        timed::measure(&engine, request, &file, samples)
    }

    #[cfg(feature = "http")]
    fn serve(&mut self, request: &Serve) -> Result<Served, Error> {
        let configuration = self.find(&request.target)?;
        let file = file(configuration, &request.workload, &request.scratch);
        let code = match configuration.code() {
            Code::Artefact { .. } => http::Code::Artefact(&file),
            Code::Wasm => http::Code::Wasm(&file),
        };
        http::launch(request, code).map(Served::By)
    }
}

fn steps(configuration: &impl Configuration) -> Vec<Step> {
    let counted = configuration.is_counted().then_some(Step::Count);
    configuration
        .steps()
        .iter()
        .copied()
        .chain(counted)
        .collect()
}

/// Compiles a module and, if the target runs an artefact, writes it. The module is checked in either case.
fn serialised<C: Configuration>(
    configuration: &C,
    engine: &C::Engine,
    wasm: &[u8],
    scratch: &Path,
) -> Result<Vec<Artefact>, Error> {
    let made = configuration.serialise(engine, wasm, scratch)?;
    match configuration.code() {
        Code::Artefact { file, role } => {
            Ok(vec![artefact::write(&scratch.join(file), role, &made)?])
        }
        Code::Wasm => Ok(Vec::new()),
    }
}

fn available(configuration: &impl Configuration) -> Availability {
    match configuration.process() {
        None => Availability::Available,
        Some(process) if process.program.is_file() => Availability::Available,
        Some(process) => Availability::Unavailable {
            reason: format!(
                "its runner {} has not been built",
                process.program.display()
            ),
            remedy: format!("bench setup {}", configuration.id()),
        },
    }
}

/// Path of a program that is built beside the adapter; it may not exist yet.
pub fn beside(name: &str) -> PathBuf {
    own_executable().with_file_name(name)
}

/// Path of a program that is built for `triple` in the adapter's build directory; it may not exist yet. Static programs
/// need an explicit triple.
pub fn built_for(triple: &str, name: &str) -> PathBuf {
    let own = own_executable();
    let directory = own.ancestors().nth(2).unwrap_or(Path::new(""));
    directory.join(triple).join("release").join(name)
}

fn own_executable() -> PathBuf {
    std::env::current_exe().unwrap_or_default()
}

fn text(path: &Path) -> Result<String, Error> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::Failed(format!(
            "{} is not UTF-8, which the protocol's arguments are",
            path.display()
        ))
    })
}

/// The `main` of an in-process engine's adapter, from its [`About`] and its targets.
#[macro_export]
macro_rules! in_process_main {
    ($about:expr, $targets:expr) => {
        $crate::adapter_main!($crate::in_process::InProcess::new($about, $targets));
    };
    // The engine also serves over HTTP, with the kit's server.
    ($about:expr, $targets:expr, http) => {
        $crate::adapter_main!(
            $crate::in_process::InProcess::new($about, $targets),
            http: |asked| $crate::in_process::InProcess::new($about, $targets).engine(&asked.target)
        );
    };
}
