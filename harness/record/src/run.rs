//! The types of `run.json`: the plan, the machine, and every target's configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::conformance::{Proposal, Specification};
use crate::life::Life;
use crate::sandbox::Sandbox;
use crate::vocabulary::{Boundary, Step, Suite, TargetId, WorkloadId};

/// The schema that this version writes.
pub const SCHEMA: &str = "plimsoll.run/2";

/// Every schema that this version reads. Version 1 has other names for some suites, steps,
/// boundaries and metrics; serde aliases read them.
pub const READABLE: &[&str] = &[SCHEMA, "plimsoll.run/1"];

/// Prefix of the subject of preflight notes about the settings that `--denoise` changed.
pub const DENOISE: &str = "denoise:";

/// Subject of the preflight note that says whether this machine counts instructions.
pub const INSTRUCTIONS: &str = "instructions";

/// One recorded `bench run`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Always [`SCHEMA`] when written by this version.
    pub schema: String,
    /// The run's name: `<utc time>-<suite>`, also the name of its directory by default.
    pub id: String,
    /// The suite, which is the question that the run answers.
    pub suite: Suite,
    /// Version of `bench` that made the run.
    pub bench_version: String,
    /// When the run was started, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// End time; `None` while the run is in progress or if it was interrupted.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub ended: Option<OffsetDateTime>,
    /// The command line that repeats this run, including the seed.
    pub command: Vec<String>,
    /// Seed of the trial order and of the bootstrap.
    pub seed: u64,
    /// Whether the run was made with `--quick`.
    pub quick: bool,
    /// Whether `--denoise` was used; `None` in runs of schema 1, where preflight notes record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denoised: Option<bool>,
    /// The machine that the run was made on.
    pub environment: Environment,
    /// Noise sources found before the first trial.
    pub preflight: Vec<PreflightNote>,
    /// Every program involved, with its hash; empty in runs of schema 1.
    #[serde(default)]
    pub programs: Vec<ProgramRecord>,
    /// Every target with its exact configuration: the fairness ledger.
    pub targets: Vec<TargetRecord>,
    /// Every workload, with its hashes.
    pub workloads: Vec<WorkloadRecord>,
    /// The artefacts prepared for each (target, workload) pair, with sizes.
    #[serde(default)]
    pub artefacts: Vec<ArtefactRecord>,
    /// What was skipped, why, and the command that adds it.
    #[serde(alias = "left_out")]
    pub skipped: Vec<Skipped>,
    /// The load offered to servers, in suites with servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// The levels of instances, processes and containers, in the suite `density`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub density: Option<Density>,
    /// The specification's tests, in the suite `conformance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specification: Option<Specification>,
    /// The questions, in the suite `sandbox`.
    #[serde(
        default,
        alias = "capabilities",
        skip_serializing_if = "Option::is_none"
    )]
    pub sandbox: Option<Sandbox>,
    /// Every trial, in order of execution.
    pub plan: Vec<TrialPlan>,
}

/// The load that a run offers to its servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Request rates per second, ascending. A trial's sweep stops at the first rate that the server
    /// cannot sustain.
    pub rates: Vec<u64>,
    /// Duration of each rate, nanoseconds.
    pub window_ns: u64,
    /// Duration of the warm-up at the lowest rate, nanoseconds; not recorded.
    pub warm_up_ns: u64,
    /// Number of connections that share the requests.
    pub connections: u32,
    /// Timeout of a request, counted from its scheduled time, nanoseconds.
    pub timeout_ns: u64,
}

impl Run {
    /// Whether the run used `--denoise`; in schema 1, derived from preflight notes.
    pub fn is_denoised(&self) -> bool {
        self.denoised.unwrap_or_else(|| {
            let mut notes = self.preflight.iter();
            notes.any(|note| note.subject.starts_with(DENOISE))
        })
    }

    /// What the preflight found about counting instructions; `None` if it did not check.
    pub fn instructions(&self) -> Option<&str> {
        let mut notes = self.preflight.iter();
        let note = notes.find(|note| note.subject == INSTRUCTIONS)?;
        Some(&note.found)
    }
}

/// The numbers of instances, processes and containers that a run keeps alive at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Density {
    /// Levels of instances in one host, ascending.
    pub instances: Vec<u64>,
    /// Levels of processes, ascending.
    pub processes: Vec<u64>,
    /// Levels of containers, ascending.
    pub containers: Vec<u64>,
    /// Memory limit for all of them together, bytes; a level that would exceed it is not started.
    pub memory_budget_bytes: u64,
    /// How long idle CPU time is measured at every level, nanoseconds.
    pub idle_window_ns: u64,
}

/// One planned trial: one fresh process or container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialPlan {
    /// Position in the plan, from 0; samples refer to it.
    pub index: u32,
    /// The block of the plan: each holds every (target, workload, step) at most once, shuffled.
    pub block: u32,
    /// The target to measure.
    pub target: TargetId,
    /// The program to run.
    pub workload: WorkloadId,
    /// The procedure.
    pub step: Step,
    /// Maximum iterations inside the trial's process.
    pub iterations: u32,
    /// Time after which no further iteration starts, nanoseconds.
    pub budget_ns: u64,
}

/// The machine that a run was made on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Kernel name and release, from uname.
    pub kernel: String,
    /// Distribution, from os-release.
    pub os: String,
    /// Processor model, from /proc/cpuinfo.
    pub cpu_model: String,
    /// Logical processors that this process may use.
    pub cpus: u32,
    /// Memory of the machine, bytes.
    pub memory_bytes: u64,
    /// Whether the processor reports a hypervisor.
    pub virtualised: bool,
    /// Frequency governor; `None` if the kernel has none.
    pub governor: Option<String>,
    /// Address space layout randomisation, /proc/sys/kernel/randomize_va_space.
    pub aslr: Option<String>,
    /// Transparent huge pages setting.
    pub transparent_hugepages: Option<String>,
    /// cgroup version: `v1`, `v2` or `hybrid`.
    pub cgroup: String,
    /// Other settings, by name.
    pub other: BTreeMap<String, String>,
    /// Identity of the machine; `None` in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
}

/// Distinguishes a machine from others of its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// From `PLIMSOLL_MACHINE` (the node's name in a fleet), else the host name.
    pub name: String,
    /// A hash of /etc/machine-id; `None` without that file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A hash of the kernel's boot id: the same in all containers of a machine until it reboots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
}

impl Identity {
    /// Whether both are the same machine: equal boot id, or equal name and machine id. The machine id alone
    /// is not enough, because copies of a machine's image can share it.
    pub fn is_same(&self, other: &Self) -> bool {
        let equal = |one: &Option<String>, other: &Option<String>| one.is_some() && one == other;
        equal(&self.boot, &other.boot) || (equal(&self.id, &other.id) && self.name == other.name)
    }
}

/// A preflight finding, with its effect on the certainty of results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreflightNote {
    /// The thing checked, for example `load average`.
    pub subject: String,
    /// What was found.
    pub found: String,
    /// Whether it casts doubt on the results.
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

/// One target as measured: a row of the fairness ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// The engine in one configuration.
    pub target: TargetId,
    /// Native process, WebAssembly engine or container.
    pub kind: TargetKind,
    /// Engine name, without the version.
    pub engine: String,
    /// Exact engine version.
    pub engine_version: String,
    /// Name and version of the adapter.
    pub adapter: String,
    /// Every relevant setting, by the adapter's name for it.
    pub configuration: BTreeMap<String, String>,
    /// The steps that the target supports.
    pub steps: Vec<Step>,
    /// How it runs code; `None` if not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// Whether its engine is made by the authors of this harness; absent in runs made before 2026-12,
    /// where the configuration says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<bool>,
    /// Whether its containers need a daemon that already runs. Absent of what is no container, and in
    /// runs made before 2026-12, where the configuration says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daemon: Option<bool>,
    /// The programs and libraries used in its trials, including the adapter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<ProgramRecord>,
    /// Life of the instances that it makes for a request each; absent in runs made before 2026-12.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life: Option<Life>,
}

impl TargetRecord {
    /// The life of what answers a request at `boundary`; `None` if that is no boundary of a server.
    pub fn life(&self, boundary: Boundary) -> Option<Life> {
        match boundary {
            Boundary::FreshRequest => Some(self.life.unwrap_or(Life::Fresh)),
            Boundary::Request if self.kind == TargetKind::Wasm => Some(Life::Reused),
            Boundary::Request => Some(Life::Shared),
            _ => None,
        }
    }

    /// Whether its engine is made by the authors of this harness.
    pub fn is_own(&self) -> bool {
        let said = || self.configuration.get("made by");
        self.own
            .unwrap_or_else(|| said().is_some_and(|by| by == "this project"))
    }

    /// Whether its containers start with no daemon running.
    pub fn is_without_daemon(&self) -> bool {
        let said = || self.configuration.get("daemon");
        match self.daemon {
            Some(daemon) => !daemon,
            None => said().is_some_and(|daemon| daemon == "none"),
        }
    }
}

/// How a target runs a program's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Machine code from a native compiler, as a process.
    Native,
    /// Machine code from a native compiler, in a container.
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

/// One workload as measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadRecord {
    /// The program, with its parameters if it has some.
    pub workload: WorkloadId,
    /// A one-line description.
    pub title: String,
    /// Language of its source.
    pub language: String,
    /// SHA-256 of its source files, hexadecimal.
    pub source_sha256: String,
    /// SHA-256 of the `.wasm`, hexadecimal.
    pub wasm_sha256: String,
    /// Bytes of the `.wasm`.
    pub wasm_bytes: u64,
    /// SHA-256 of the same program as a component, hexadecimal; `None` if it has no component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component_sha256: Option<String>,
    /// Toolchain that built the `.wasm`.
    pub wasm_toolchain: String,
    /// Toolchain of the native binary; `None` without one.
    pub native_toolchain: Option<String>,
    /// SHA-256 of the native binary, hexadecimal; `None` without one.
    pub native_sha256: Option<String>,
    /// SHA-256 of the expected output, hexadecimal.
    pub expected_sha256: String,
    /// Settings from the command line: parameters, environment, standard input, preparation
    /// command.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<String, String>,
    /// The proposals that its `.wasm` uses, which an engine must support.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<Proposal>,
}

/// An artefact that was made for a (target, workload) pair before the first trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtefactRecord {
    /// The target that runs it.
    pub target: TargetId,
    /// The workload that it was made from.
    pub workload: WorkloadId,
    /// Its kind in the adapter's terms, for example `aot` or `image`.
    pub role: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// A target or workload that a run skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// A target or workload id.
    pub what: String,
    /// The reason.
    pub why: String,
    /// The command that adds it, if there is one.
    pub remedy: Option<String>,
    /// Whether it was required, by the user or as part of the default set; the run then cannot exit 0.
    #[serde(alias = "asked_for")]
    pub requested: bool,
}
