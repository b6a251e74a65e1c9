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

/// What `bench` asks of an adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "request", rename_all = "lowercase")]
pub enum Request {
    /// Say who you are and what you can do. Always the first request.
    Hello,
    /// Make ready, untimed, what later measurements of this pair need: compile the artefact,
    /// build the image.
    Prepare(Prepare),
    /// Measure one step of one trial.
    Measure(Measure),
    /// Serve a pair over HTTP, or say how that is done.
    Serve(Serve),
    /// End what [`Reply::Serving`] began.
    Stop,
    /// Hash the programs and libraries that take part in a target's trials.
    Programs {
        /// The target.
        target: TargetId,
    },
    /// Say which proposals a target has, by its own account.
    Claims {
        /// The target.
        target: TargetId,
    },
    /// Carry out one of the specification's test scripts.
    Script(Script),
    /// Run a hostile guest under limits, or say how that is done.
    Probe(Probe),
}

/// Asks to make a (target, workload) pair ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Prepare {
    /// The target.
    pub target: TargetId,
    /// The workload.
    pub workload: Workload,
    /// A directory for this pair alone, already made, kept until the run ends.
    pub scratch: PathBuf,
    /// Whether the artefact is to run on any processor of x86-64-v2 (step `count`), and not only on
    /// this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub portable: bool,
}

/// Asks for one step of one trial. [`Prepare`] for the same pair and scratch directory came
/// before, possibly in an earlier process of this adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Measure {
    /// The target.
    pub target: TargetId,
    /// The workload.
    pub workload: Workload,
    /// The pair's directory, as it was given to [`Prepare`].
    pub scratch: PathBuf,
    /// The step.
    pub step: Step,
    /// Most iterations to do; at least one is done.
    pub iterations: u32,
    /// No further iteration is begun once this much time has passed. A run of the guest that is
    /// done only to verify a heavy one is not charged to it.
    pub budget: Nanoseconds,
    /// How many are to be alive at once: with the steps `instances` and `processes`.
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

/// How many instances, processes or containers are to be alive at once, and what they may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Levels {
    /// How many, ascending; each level is reached from the one before it.
    pub alive: Vec<u64>,
    /// Memory that they may take all together, bytes: no level is begun that would need more.
    pub memory_budget_bytes: u64,
    /// How long processor time is watched while everything waits, at every level.
    pub idle_window: Nanoseconds,
}

/// Asks for a server of a pair: the workload without arguments, which answers the HTTP/1.1
/// requests of its standard input on its standard output, behind a listener on loopback.
/// [`Prepare`] for the same pair and scratch directory came before, possibly in an earlier process
/// of this adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Serve {
    /// The target.
    pub target: TargetId,
    /// The workload.
    pub workload: Workload,
    /// The pair's directory, as it was given to [`Prepare`].
    pub scratch: PathBuf,
    /// What answers a request.
    pub instances: Instances,
}

/// Asks for one of the specification's test scripts (`.wast`), directive by directive, in order.
///
/// Directives are numbered from 0 as they stand in the script. A script that was under way when
/// the adapter ended is asked for again in a new process, without what it ended at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Script {
    /// The target.
    pub target: TargetId,
    /// What to switch on in the engine, as far as it can be switched; the rest off.
    pub features: Vec<Proposal>,
    /// The script, absolute.
    pub script: PathBuf,
    /// The first directive whose verdict is wanted: those before are carried out for what they
    /// leave behind.
    #[serde(default)]
    pub from: u32,
    /// Directives that are not to be carried out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<u32>,
}

/// Asks for one run of a guest that tries what it may not, alone, with nothing granted. Nothing of
/// the pair was prepared before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    /// The target.
    pub target: TargetId,
    /// The guest.
    pub workload: Workload,
    /// A directory for this request alone, already made.
    pub scratch: PathBuf,
    /// The limits that it is to be run under. A target that has none of one of these kinds, or
    /// whose adapter sets none, answers [`Reply::Unsupported`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// How long it is let go on, where the adapter itself runs it: a container.
    pub patience: Nanoseconds,
    /// Most memory that it may take in any case, bytes, where the adapter itself runs it.
    pub memory_bytes: u64,
}

/// What answers a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Instances {
    /// What answered the last one of this connection: an instance a connection, or the server
    /// that a program is by itself.
    Kept,
    /// An instance made for it and given up after it.
    Fresh,
}

/// A workload, with everything an adapter needs to run it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Workload {
    /// Its id.
    pub id: WorkloadId,
    /// The `.wasm`, absolute.
    pub wasm: PathBuf,
    /// The static native binary built from the same source, absolute, if it was built.
    pub native: Option<PathBuf>,
    /// The same program as a component of the world `wasi:http/proxy`, absolute, if there is one: what
    /// a target serves whose own server speaks HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<PathBuf>,
    /// An image that the container engine has, with the same program as its entry point: what a
    /// container runs instead of `native`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Arguments, without the program's name (which is the workload's id).
    pub args: Vec<String>,
    /// Folder of inputs, absolute: preopened as `.`, read-only where the engine can, the working
    /// directory of a process or container.
    pub input: Option<PathBuf>,
    /// What it is given beyond that.
    #[serde(default, skip_serializing_if = "Grants::are_none")]
    pub grants: Grants,
}

/// What a workload is given beyond its arguments and a folder to read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Grants {
    /// What it may do in its folder. One that may be written is the workload's alone, and as new
    /// for every trial.
    #[serde(default)]
    pub folder: Access,
    /// Its environment, all of it.
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

/// What may be done in a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Read, as far as the engine can see to that.
    #[default]
    Read,
    /// Read and write: files made, changed and removed.
    Write,
}
