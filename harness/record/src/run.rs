//! The types of `run.json`: what was planned, on what, and under which configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::conformance::{Proposal, Specification};
use crate::sandbox::Sandbox;
use crate::vocabulary::{Step, Suite, TargetId, WorkloadId};

/// The schema that this version writes.
pub const SCHEMA: &str = "plimsoll.run/2";

/// Every schema that this version reads. Version 1 has other names for some suites, steps,
/// boundaries and metrics: serde aliases read them.
pub const READABLE: &[&str] = &[SCHEMA, "plimsoll.run/1"];

/// What the subject of every preflight note begins with that says what a denoised run has set.
pub const DENOISE: &str = "denoise:";

/// The subject of the preflight note that says whether this machine counts instructions.
pub const INSTRUCTIONS: &str = "instructions";

/// One recorded `bench run`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Always [`SCHEMA`] when written by this version.
    pub schema: String,
    /// The run's name: `<utc time>-<suite>`, also the name of its directory by default.
    pub id: String,
    /// The question that was asked.
    pub suite: Suite,
    /// Version of `bench` that made the run.
    pub bench_version: String,
    /// When the run was started, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// When it ended; absent while it is under way or if it was interrupted.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub ended: Option<OffsetDateTime>,
    /// The command line that makes this run again, seed included.
    pub command: Vec<String>,
    /// Seed of the trial order and of the bootstrap.
    pub seed: u64,
    /// Whether the run was asked to be the smallest honest one.
    pub quick: bool,
    /// Whether noise was held down with `--denoise`; absent in runs of schema 1, where notes of the
    /// preflight say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denoised: Option<bool>,
    /// The machine.
    pub environment: Environment,
    /// What makes this machine noisy, looked at before the first trial.
    pub preflight: Vec<PreflightNote>,
    /// Every program that takes part, by its content; empty in runs of schema 1.
    #[serde(default)]
    pub programs: Vec<ProgramRecord>,
    /// The fairness ledger: every target, exactly as it was configured.
    pub targets: Vec<TargetRecord>,
    /// Every workload, with its hashes.
    pub workloads: Vec<WorkloadRecord>,
    /// What preparing each (target, workload) pair made, with its size.
    #[serde(default)]
    pub artefacts: Vec<ArtefactRecord>,
    /// What of the asked-for was left out, why, and the command that adds it.
    #[serde(alias = "left_out")]
    pub skipped: Vec<Skipped>,
    /// The load that servers are put under, where that is the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// How many are alive at once, where that is the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub density: Option<Density>,
    /// The specification's tests, where they are the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specification: Option<Specification>,
    /// What guests try, where that is the question.
    #[serde(
        default,
        alias = "capabilities",
        skip_serializing_if = "Option::is_none"
    )]
    pub sandbox: Option<Sandbox>,
    /// Every trial, in the order of execution.
    pub plan: Vec<TrialPlan>,
}

/// The load that a server is put under, in a run that asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Requests offered a second, ascending; a trial's sweep ends at the first that the server
    /// does not carry.
    pub rates: Vec<u64>,
    /// How long each rate is offered, nanoseconds.
    pub window_ns: u64,
    /// How long the lowest rate is offered before, and not recorded, nanoseconds.
    pub warm_up_ns: u64,
    /// Connections that the requests are spread over.
    pub connections: u32,
    /// Time from due, after which a request is given up, nanoseconds.
    pub timeout_ns: u64,
}

impl Run {
    /// Whether it was made with `--denoise`.
    pub fn is_denoised(&self) -> bool {
        self.denoised.unwrap_or_else(|| {
            let mut notes = self.preflight.iter();
            notes.any(|note| note.subject.starts_with(DENOISE))
        })
    }

    /// Whether instructions were counted, in the words of the preflight; `None` where it did not
    /// look.
    pub fn instructions(&self) -> Option<&str> {
        let mut notes = self.preflight.iter();
        let note = notes.find(|note| note.subject == INSTRUCTIONS)?;
        Some(&note.found)
    }
}

/// How many instances, processes and containers are alive at once in a run that asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Density {
    /// Instances in one host, ascending.
    pub instances: Vec<u64>,
    /// Processes, ascending.
    pub processes: Vec<u64>,
    /// Containers, ascending.
    pub containers: Vec<u64>,
    /// Memory that they may take all together, bytes: no level is begun that would need more.
    pub memory_budget_bytes: u64,
    /// How long processor time is watched while everything waits, at every level, nanoseconds.
    pub idle_window_ns: u64,
}

/// One planned trial: one fresh process or container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialPlan {
    /// Position in the plan, from 0; samples refer to it.
    pub index: u32,
    /// The block of the plan: each block holds every (target, workload, step) once, shuffled.
    pub block: u32,
    /// What is measured.
    pub target: TargetId,
    /// Which program.
    pub workload: WorkloadId,
    /// Which procedure.
    pub step: Step,
    /// Most iterations inside the trial's process.
    pub iterations: u32,
    /// Time after which no further iteration is begun, nanoseconds.
    pub budget_ns: u64,
}

/// The machine that a run was made on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Kernel name and release, as uname gives them.
    pub kernel: String,
    /// Distribution, as os-release gives it.
    pub os: String,
    /// Processor model, as /proc/cpuinfo gives it.
    pub cpu_model: String,
    /// Logical processors this process may use.
    pub cpus: u32,
    /// Memory of the machine in bytes.
    pub memory_bytes: u64,
    /// Whether the processor reports a hypervisor.
    pub virtualised: bool,
    /// Frequency governor, where the kernel has one.
    pub governor: Option<String>,
    /// Address space layout randomisation, /proc/sys/kernel/randomize_va_space.
    pub aslr: Option<String>,
    /// Transparent huge pages setting.
    pub transparent_hugepages: Option<String>,
    /// cgroup version: `v1`, `v2` or `hybrid`.
    pub cgroup: String,
    /// Anything else worth keeping, by name.
    pub other: BTreeMap<String, String>,
    /// Which machine it is; absent in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
}

/// What tells a machine from others of its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The name that `PLIMSOLL_MACHINE` gives it (a fleet's node), else the host name.
    pub name: String,
    /// A hash of /etc/machine-id, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A hash of the kernel's boot id: the same in every container of a machine, until it boots again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
}

impl Identity {
    /// Whether both are one machine: of one boot, or of one name and machine id. Copies of a machine's
    /// image can share the machine id, so that alone does not suffice.
    pub fn is_same(&self, other: &Self) -> bool {
        let equal = |one: &Option<String>, other: &Option<String>| one.is_some() && one == other;
        equal(&self.boot, &other.boot) || (equal(&self.id, &other.id) && self.name == other.name)
    }
}

/// Something that makes figures from this machine less certain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreflightNote {
    /// What was looked at, for example `load average`.
    pub subject: String,
    /// What was found.
    pub found: String,
    /// Whether it is reason to doubt the figures.
    pub severity: Severity,
}

/// How much a preflight finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// Reason to doubt small differences.
    Noisy,
}

/// What kind of thing a target is.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// A static native binary run as a process.
    Native,
    /// A WebAssembly engine.
    Wasm,
    /// A container.
    Container,
}

/// One target as it was measured: a row of the fairness ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// The target.
    pub target: TargetId,
    /// What kind of thing it is.
    pub kind: TargetKind,
    /// Engine name.
    pub engine: String,
    /// Exact engine version.
    pub engine_version: String,
    /// Adapter name and version.
    pub adapter: String,
    /// Every setting that matters, by name, in the adapter's words.
    pub configuration: BTreeMap<String, String>,
    /// The steps that the target can do.
    pub steps: Vec<Step>,
    /// How it runs code, where the run says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// The programs and libraries that took part in its trials, the adapter among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<ProgramRecord>,
}

/// How a target runs a program's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Machine code of a native compiler, as a process.
    Native,
    /// The same, in a container.
    Container,
    /// WebAssembly, interpreted.
    Interpreter,
    /// WebAssembly, compiled in one pass.
    Baseline,
    /// WebAssembly, compiled by an optimising compiler.
    Optimising,
}

/// A program, library or image that took part in trials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ProgramRecord {
    /// Its part, for example `adapter`, `runner`, `engine library`, `container runtime`, `image`.
    pub role: String,
    /// Its name: of a file, without the folder.
    pub name: String,
    /// SHA-256 of its content, hexadecimal.
    pub sha256: String,
}

/// One workload as it was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadRecord {
    /// The workload.
    pub workload: WorkloadId,
    /// One line on what it does.
    pub title: String,
    /// Language of its source.
    pub language: String,
    /// SHA-256 of its source files, hexadecimal.
    pub source_sha256: String,
    /// SHA-256 of the `.wasm`, hexadecimal.
    pub wasm_sha256: String,
    /// Bytes of the `.wasm`.
    pub wasm_bytes: u64,
    /// SHA-256 of the same program as a component, hexadecimal, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component_sha256: Option<String>,
    /// Toolchain that built the `.wasm`.
    pub wasm_toolchain: String,
    /// Toolchain that built the native binary, if one was built.
    pub native_toolchain: Option<String>,
    /// SHA-256 of the native binary, hexadecimal.
    pub native_sha256: Option<String>,
    /// SHA-256 of the expected output, hexadecimal.
    pub expected_sha256: String,
    /// What the command line gives it: parameters, environment, standard input, a preparing command.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<String, String>,
    /// The proposals that its `.wasm` uses: what an engine must have to run it rightly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<Proposal>,
}

/// Something that was made for a (target, workload) pair before the first trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtefactRecord {
    /// The target.
    pub target: TargetId,
    /// The workload.
    pub workload: WorkloadId,
    /// What it is, for example `aot` or `image`, in the adapter's words.
    pub role: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Something that was left out of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// A target or workload id.
    pub what: String,
    /// Why it was left out.
    pub why: String,
    /// The command that adds it, where there is one.
    pub remedy: Option<String>,
    /// Whether it had been asked for: then the run cannot exit 0.
    #[serde(alias = "asked_for")]
    pub requested: bool,
}
