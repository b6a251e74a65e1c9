//! Replies: what an adapter sends to `bench`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use plimsoll_record::conformance::Proposal;
use plimsoll_record::run::{ProgramRecord, TargetKind};
use plimsoll_record::{Boundary, Metric, Step, TargetId};
use plimsoll_stopwatch::GuestBytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(doc)]
use super::Request;

/// A reply from an adapter to `bench`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "reply", rename_all = "lowercase")]
pub enum Reply {
    /// Closes [`Request::Hello`].
    Hello(Hello),
    /// Closes [`Request::Prepare`].
    Prepared(Prepared),
    /// One measured value; any number of them may precede [`Reply::Done`].
    Sample(Sample),
    /// Closes [`Request::Measure`]: the measurement is complete.
    Done(Done),
    /// Closes [`Request::Serve`]: a command line for a server that `bench` starts and stops. Once it accepts
    /// connections it prints `listening on ADDRESS` and a line feed as its first output; it exits with its parent.
    Server(Launch),
    /// Closes [`Request::Serve`]: the server runs until [`Request::Stop`] or end of file on stdin.
    Serving {
        /// The server's address, for example `127.0.0.1:40001`.
        address: String,
    },
    /// Closes [`Request::Stop`]: the server has stopped.
    Stopped,
    /// Closes [`Request::Claims`].
    Claims {
        /// Proposals that the target claims to support.
        proposals: Vec<Proposal>,
    },
    /// Closes [`Request::Programs`].
    Programs {
        /// Each once, by role and name.
        programs: Vec<ProgramRecord>,
    },
    /// Result of one directive, sent before the next one starts.
    Directive(Directive),
    /// Closes [`Request::Script`]: every directive has run.
    Scripted {
        /// Number of directives in the script.
        directives: u32,
    },
    /// Closes [`Request::Probe`]: a command line that runs the guest under the requested limits; `bench` starts,
    /// supervises and ends it.
    Probe(Launch),
    /// Closes [`Request::Probe`]: the adapter ran the guest and cleaned up.
    Probed(Probed),
    /// Closes a request that the target does not support.
    Unsupported {
        /// The reason.
        reason: String,
    },
    /// Closes a request that failed.
    Failed {
        /// What was tried, and the error.
        message: String,
        /// Whether it ran out of memory.
        #[serde(default)]
        out_of_memory: bool,
    },
}

/// Names, versions and targets of an adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hello {
    /// The adapter's [`PROTOCOL`].
    pub protocol: u32,
    /// Name and version of the adapter.
    pub adapter: String,
    /// Name of the engine.
    pub engine: String,
    /// Exact version of the engine, or why it is unknown.
    pub engine_version: String,
    /// All targets, including those that cannot run here.
    pub targets: Vec<Target>,
}

/// One target that an adapter drives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// Id of the target.
    pub id: TargetId,
    /// Kind of target.
    pub kind: TargetKind,
    /// Whether it can run on this machine now.
    pub availability: Availability,
    /// The steps that it supports. If a target returns a [`Launch`], `bench` itself does `process`, `deploy`,
    /// `processes`, `idle` and `peak`, with one clock for all.
    pub steps: Vec<Step>,
    /// The fairness ledger: every setting that matters, by name.
    pub configuration: BTreeMap<String, String>,
    /// The programs and libraries that take part in its trials, including the adapter. Empty in `hello`, which is sent
    /// for every trial; [`Request::Programs`] requests them once per run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<ProgramRecord>,
}

/// Whether a target can run on this machine now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Availability {
    /// It can run.
    Available,
    /// It cannot run.
    Unavailable {
        /// The reason.
        reason: String,
        /// The command or advice that fixes it.
        remedy: String,
    },
}

/// Result of [`Request::Prepare`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Prepared {
    /// How to start the pair as a process, for a target that is a process.
    pub launch: Option<Launch>,
    /// The prepared artefacts, for the record.
    pub artefacts: Vec<Artefact>,
}

/// A command line that runs a workload once, with the guest's stdout and exit code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Launch {
    /// Absolute path of the program.
    pub program: PathBuf,
    /// Arguments of the program.
    pub args: Vec<String>,
    /// The complete environment; nothing else is inherited.
    pub env: BTreeMap<String, String>,
    /// Working directory of the program.
    pub directory: PathBuf,
    /// The artefact, a file or folder, that boundary L6 copies first: `program` or one of `args`.
    pub artefact: PathBuf,
    /// The container that the program creates, if any: the guest is then another process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
}

/// A container created by a [`Launch`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Container {
    /// Placeholder argument for the container's name: `bench` replaces it with a unique name at every start.
    pub name: String,
    /// Arguments of the same program that kill and remove the container with that name; the placeholder is replaced in
    /// them too. For killed starts only: one that exits by itself leaves nothing.
    pub remove: Vec<String>,
    /// The guest's program path in the container; absent if the launched program's own process runs the guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<PathBuf>,
}

/// An artefact made by [`Request::Prepare`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Artefact {
    /// Kind of artefact, for example `aot` or `image`.
    pub role: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// One measured value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// Where the clock starts and stops.
    pub boundary: Boundary,
    /// The measured quantity, which determines the unit.
    pub metric: Metric,
    /// Iteration in this request, from 0.
    pub iteration: u32,
    /// The load, if the step has one: the number of live instances, or the offered requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// The value in the metric's unit.
    pub value: u64,
}

/// Result of one directive of a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Directive {
    /// Index in the script, from 0.
    pub index: u32,
    /// The outcome.
    #[serde(flatten)]
    pub went: Went,
}

/// Result of a directive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "went", rename_all = "lowercase")]
pub enum Went {
    /// The engine did what the script expects.
    Passed {
        /// Both wordings, if a rejection or trap is worded differently from the script.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        differs: Option<String>,
    },
    /// The engine did something else.
    Failed {
        /// What it did.
        message: String,
    },
    /// The directive does not test an engine; decided only by the kit.
    Skipped {
        /// The reason.
        reason: String,
    },
}

/// Result of a guest that its adapter ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Probed {
    /// How the guest ended.
    pub end: End,
    /// Its stdout, as far as known.
    pub stdout: String,
    /// The end of its stderr, as far as known.
    pub stderr: String,
}

/// How a guest ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum End {
    /// It exited, or the engine ended it, with this code.
    Exited {
        /// Exit code.
        code: i32,
    },
    /// A signal killed it.
    Killed {
        /// Number of the signal.
        signal: i32,
    },
    /// The kernel's OOM killer killed it.
    OutOfMemory,
    /// It exceeded the time limit and was killed.
    StillRunning,
}

/// Result of a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {
    /// The distinct outputs of the guest with their counts; at least one.
    pub outputs: Vec<Output>,
    /// Why the measurement ended early, for example because the memory budget does not allow the next level. Earlier
    /// values remain valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// An output of a guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// Exit code as reported by a process: 0 to 255. A trap or signal closes the request with [`Reply::Failed`]
    /// instead.
    pub exit_code: i32,
    /// Complete standard output.
    #[schemars(with = "GuestBytesSchema")]
    pub stdout: GuestBytes,
    /// Number of iterations with exactly this output.
    pub times: u32,
}

/// JSON format of [`GuestBytes`].
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is the schema of another type")]
enum GuestBytesSchema {
    /// UTF-8 output as a string.
    Text(String),
    /// Other output.
    Base64 {
        /// The bytes in base64, with padding.
        base64: String,
    },
}
