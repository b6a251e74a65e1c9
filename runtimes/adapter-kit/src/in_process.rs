//! The adapter of an engine that runs inside the adapter's own process: a table of configurations,
//! and every request answered over it, in the same words for all such engines.
//!
//! What an engine has to give is a [`Configuration`] for each target: which engine, what of a
//! `.wasm` it runs, which program it is as a process from nothing. `main` is then
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
use crate::runner::{unlimited, working_directory};
use crate::timed::{self, Engine};
use crate::{Adapter, Error, Probing, artefact, programs};
#[cfg(feature = "http")]
use crate::{Served, http};

/// What the adapter and its engine are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Name and version of the adapter.
    pub adapter: &'static str,
    /// Name of the engine.
    pub engine: &'static str,
    /// Exact version of the engine.
    pub engine_version: String,
}

/// Every step that a target can do which loads artefacts compiled ahead of time.
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

/// Every step that a target can do which runs the `.wasm` itself: what it loads is that, so that L1
/// would be L2 under another name.
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

/// Every step of a target that differs from another only in that it compiles at every start.
pub const COMPILES_AT_START: &[Step] = &[
    Step::Compile,
    Step::Process,
    Step::Deploy,
    Step::FirstResponse,
];

/// A fairness ledger of these entries.
pub fn ledger<'e>(
    entries: impl IntoIterator<Item = (&'e str, &'e str)>,
) -> BTreeMap<String, String> {
    let owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
    entries.into_iter().map(owned).collect()
}

/// What of a workload a target runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The artefact that `prepare` leaves.
    Artefact {
        /// Name of the file.
        file: &'static str,
        /// What it is, for example `aot`.
        role: &'static str,
    },
    /// The `.wasm`, compiled at every start.
    Wasm,
}

/// A target as a process from nothing: a runner ([`runner`](crate::runner) has its command line).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The program, built or not.
    pub program: PathBuf,
    /// Options that stand before everything else.
    pub options: Vec<String>,
    /// Whether the guest's name is an argument of its own, after the file.
    pub name: GuestName,
}

/// How a runner learns what its guest is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestName {
    /// It takes the name as the argument after the file.
    Argument,
    /// It makes one of the file's name.
    OfTheFile,
}

/// One target of an engine that runs in its adapter's process.
pub trait Configuration: 'static {
    /// The engine.
    type Engine: Engine;

    /// The target's id.
    fn id(&self) -> &'static str;

    /// The steps that it is measured by.
    fn steps(&self) -> &[Step];

    /// The fairness ledger: every setting that a sceptical reader would ask about.
    fn ledger(&self) -> BTreeMap<String, String>;

    /// What of a workload it runs.
    fn code(&self) -> Code;

    /// What it is as a process from nothing; none where it is a configuration of a host that
    /// already runs.
    fn process(&self) -> Option<Process>;

    /// An engine so configured.
    ///
    /// # Errors
    ///
    /// What the engine says, with what was tried.
    fn engine(&self) -> Result<Self::Engine, Error>;

    /// Whether it does the step `count`: [`Configuration::portable_engine`] gives an engine, and its
    /// process is one that valgrind can run.
    fn is_counted(&self) -> bool {
        false
    }

    /// An engine whose artefacts run on any processor of x86-64-v2, which valgrind presents.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] where the engine only compiles for this processor.
    fn portable_engine(&self) -> Result<Self::Engine, Error> {
        let why = "its artefacts run on this processor only";
        Err(Error::Unsupported(why.to_owned()))
    }

    /// The artefact of a `.wasm`; `scratch` is a directory to work in. Asked also of targets that
    /// compile at every start, so that a module that is refused is found before the trials.
    ///
    /// # Errors
    ///
    /// When the engine refuses the module.
    fn serialise(
        &self,
        engine: &Self::Engine,
        wasm: &[u8],
        scratch: &Path,
    ) -> Result<Vec<u8>, Error>;

    /// What holds a guest to `limits` (there is at least one): an engine whose artefacts can be so
    /// held, and options of the process.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for a limit that the engine does not have, or that is not set here.
    fn held(&self, limits: &[Limit]) -> Result<Held<Self::Engine>, Error> {
        Err(Error::Unsupported(unlimited(limits)))
    }

    /// The engine's libraries, where it is not linked into the adapter: `programs::loaded_libraries`.
    ///
    /// # Errors
    ///
    /// When one cannot be read.
    fn libraries(&self) -> Result<Vec<ProgramRecord>, Error> {
        Ok(Vec::new())
    }

    /// The proposals that it has, by its own account; for targets of the step `conformance`.
    fn claims(&self) -> Vec<Proposal> {
        Vec::new()
    }

    /// Carries out one of the specification's scripts: `wast::run` does it (feature `wast`).
    ///
    /// # Errors
    ///
    /// When the engine cannot be made, or the script cannot be read.
    fn script(&self, request: &Script, _: &mut dyn FnMut(Directive)) -> Result<u32, Error> {
        Err(Error::Unsupported(format!(
            "{} does not carry out the specification's scripts",
            request.target
        )))
    }
}

/// What holds a guest to limits.
#[derive(Debug)]
pub struct Held<E> {
    /// An engine whose artefacts can be held to them.
    pub engine: E,
    /// Options of the process, which stand before everything else but its own.
    pub options: Vec<String>,
}

/// The adapter of these targets.
#[derive(Debug)]
pub struct InProcess<C: 'static> {
    about: About,
    targets: &'static [C],
}

impl<C: Configuration> InProcess<C> {
    /// An adapter of `targets`.
    pub fn new(about: About, targets: &'static [C]) -> Self {
        InProcess { about, targets }
    }

    /// The engine of the target of this name.
    ///
    /// # Errors
    ///
    /// When there is no such target, or its engine cannot be made.
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

/// What the target runs of a workload: a file.
fn file(configuration: &impl Configuration, workload: &Workload, scratch: &Path) -> PathBuf {
    match configuration.code() {
        Code::Artefact { file, .. } => scratch.join(file),
        Code::Wasm => workload.wasm.clone(),
    }
}

/// How the pair is started from nothing, if the target is a process.
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

/// Makes what the target runs of a module, if it runs an artefact.
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

/// A program that a build leaves beside the adapter, built or not.
pub fn beside(name: &str) -> PathBuf {
    own_executable().with_file_name(name)
}

/// A program that a build for `triple` leaves in the build directory that the adapter is in, built
/// or not: static programs need the triple said.
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

/// The `main` of an adapter whose engine runs inside it: [`About`] it, and its targets.
#[macro_export]
macro_rules! in_process_main {
    ($about:expr, $targets:expr) => {
        $crate::adapter_main!($crate::in_process::InProcess::new($about, $targets));
    };
    // Its engine also serves over HTTP, by the kit's front.
    ($about:expr, $targets:expr, http) => {
        $crate::adapter_main!(
            $crate::in_process::InProcess::new($about, $targets),
            http: |asked| $crate::in_process::InProcess::new($about, $targets).engine(&asked.target)
        );
    };
}
