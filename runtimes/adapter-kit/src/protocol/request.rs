//! Requests: what `bench` sends to an adapter.

use std::collections::BTreeMap;
use std::path::PathBuf;

use plimsoll_record::conformance::Proposal;
use plimsoll_record::sandbox::Limit;
use plimsoll_record::{Nanoseconds, Step, TargetId, WorkloadId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(doc)]
use super::Reply;

/// A request from `bench` to an adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "request", rename_all = "lowercase")]
pub enum Request {
    /// Describe the adapter, its engine and its targets. Always the first request.
    Hello,
    /// Prepare a pair, untimed, for later measurements: compile the artefact, build the image.
    Prepare(Prepare),
    /// Measure one step of one trial.
    Measure(Measure),
    /// Serve a pair over HTTP, or return a command line that does.
    Serve(Serve),
    /// Stop the server of [`Reply::Serving`].
    Stop,
    /// Hash the programs and libraries that take part in a target's trials.
    Programs {
        /// The target to inspect.
        target: TargetId,
    },
    /// List the proposals that a target claims to support.
    Claims {
        /// The target to inspect.
        target: TargetId,
    },
    /// Run one of the specification's test scripts.
    Script(Script),
    /// Run a hostile guest under limits, or return a command line that does.
    Probe(Probe),
}

/// Prepares a (target, workload) pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Prepare {
    /// The target of the pair.
    pub target: TargetId,
    /// The workload of the pair.
    pub workload: Workload,
    /// An existing directory for this pair only, kept until the run ends.
    pub scratch: PathBuf,
    /// Whether the artefact must run on any x86-64-v2 CPU (step `count`), not only on the host's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub portable: bool,
}

/// Measures one step of one trial. [`Prepare`] came earlier for the same pair and scratch directory, possibly in
/// another process of this adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Measure {
    /// The target of the pair.
    pub target: TargetId,
    /// The workload of the pair.
    pub workload: Workload,
    /// The scratch directory given to [`Prepare`].
    pub scratch: PathBuf,
    /// The step to measure.
    pub step: Step,
    /// Maximum iterations; at least one is done.
    pub iterations: u32,
    /// No iteration starts after this much time. The verification run of a heavy guest is not charged.
    pub budget: Nanoseconds,
    /// Numbers of live instances or processes, for the steps `instances` and `processes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<Levels>,
}

impl Measure {
    /// The levels of the request.
    ///
    /// # Errors
    ///
    /// If the request has none.
    pub fn required_levels(&self) -> Result<&Levels, crate::Error> {
        self.levels.as_ref().ok_or_else(|| {
            let step = self.step;
            crate::Error::Failed(format!(
                "the step {step} needs `levels`: how many are to be alive"
            ))
        })
    }
}

/// Numbers of live instances, processes or containers to measure at, with limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Levels {
    /// Ascending; each level is reached from the one before.
    pub alive: Vec<u64>,
    /// Memory limit in bytes for all of them together: no level starts that would exceed it.
    pub memory_budget_bytes: u64,
    /// How long to measure idle CPU time at each level.
    pub idle_window: Nanoseconds,
}

/// Starts a server for a pair: the workload without arguments, which reads HTTP/1.1 requests from stdin and writes
/// responses to stdout, behind a loopback listener. [`Prepare`] came earlier for the same pair and scratch directory,
/// possibly in another process of this adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Serve {
    /// The target of the pair.
    pub target: TargetId,
    /// The workload of the pair.
    pub workload: Workload,
    /// The scratch directory given to [`Prepare`].
    pub scratch: PathBuf,
    /// Which instance serves a request.
    pub instances: Instances,
}

/// Runs one of the specification's test scripts (`.wast`), directive by directive.
///
/// Directives are numbered from 0 in the script's order. If the adapter dies during a script, the request is repeated
/// in a new process without the directive that killed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Script {
    /// The target to test.
    pub target: TargetId,
    /// Proposals to enable; all others are disabled, as far as the engine has switches.
    pub features: Vec<Proposal>,
    /// Absolute path of the script.
    pub script: PathBuf,
    /// First directive to report; earlier ones run only for their effects.
    #[serde(default)]
    pub from: u32,
    /// Directives to skip.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<u32>,
}

/// Runs a hostile guest alone and without grants. The pair was not prepared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    /// The target to probe.
    pub target: TargetId,
    /// The hostile guest.
    pub workload: Workload,
    /// An existing directory for this request only.
    pub scratch: PathBuf,
    /// Limits to enforce. If the target or its adapter does not support one, the reply is [`Reply::Unsupported`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// Time limit if the adapter itself runs the guest, in a container.
    pub patience: Nanoseconds,
    /// Memory limit in bytes, regardless of `limits`, if the adapter itself runs the guest.
    pub memory_bytes: u64,
}

/// Which instance serves a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Instances {
    /// The connection's instance, or a program that is a server itself.
    Kept,
    /// A new instance for each request.
    Fresh,
}

/// A workload, with everything that an adapter needs to run it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Workload {
    /// The workload's id.
    pub id: WorkloadId,
    /// Absolute path of the `.wasm`.
    pub wasm: PathBuf,
    /// Absolute path of the static native binary built from the same source, if built.
    pub native: Option<PathBuf>,
    /// Absolute path of the same program as a `wasi:http/proxy` component, if it exists: used by targets whose own
    /// server speaks HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<PathBuf>,
    /// An image in the container engine with the same program as its entry point, used by containers instead of
    /// `native`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Arguments, without the program's name (which is the workload's id).
    pub args: Vec<String>,
    /// Absolute path of the input folder: preopened as `.`, read-only where the engine can; the working directory of a
    /// process or container.
    pub input: Option<PathBuf>,
    /// Additional access.
    #[serde(default, skip_serializing_if = "Grants::are_none")]
    pub grants: Grants,
}

/// Access beyond arguments and a read-only folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Grants {
    /// Access to the input folder. A writable folder belongs only to this workload and is new for every trial.
    #[serde(default)]
    pub folder: Access,
    /// The complete environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

impl Grants {
    /// Builds grants from a folder's access and `NAME=VALUE` strings; strings without `=` are ignored.
    pub fn of(folder: Access, env: &[String]) -> Self {
        let pairs = env.iter().filter_map(|variable| variable.split_once('='));
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Grants {
            folder,
            env: pairs.collect(),
        }
    }

    /// Whether the workload gets only its arguments and a read-only folder.
    pub fn are_none(&self) -> bool {
        *self == Grants::default()
    }
}

/// Access to a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Read-only, as far as the engine can enforce it.
    #[default]
    Read,
    /// Create, change and remove files.
    Write,
}
