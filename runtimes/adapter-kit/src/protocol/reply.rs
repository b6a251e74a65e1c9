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

/// What an adapter answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "reply", rename_all = "lowercase")]
pub enum Reply {
    /// Closes [`Request::Hello`].
    Hello(Hello),
    /// Closes [`Request::Prepare`].
    Prepared(Prepared),
    /// One measured value; any number come before [`Reply::Done`].
    Sample(Sample),
    /// Closes [`Request::Measure`]: everything asked for was done.
    Done(Done),
    /// Closes [`Request::Serve`]: a command line that serves until it is ended, which `bench`
    /// starts and ends. Its stdout begins with `listening on ADDRESS` and a line feed, once it
    /// accepts; it ends by itself when its parent does.
    Server(Launch),
    /// Closes [`Request::Serve`]: it is being served, until [`Request::Stop`] or the end of stdin.
    Serving {
        /// Where it accepts, for example `127.0.0.1:40001`.
        address: String,
    },
    /// Closes [`Request::Stop`]: nothing is being served any more.
    Stopped,
    /// Closes [`Request::Claims`].
    Claims {
        /// What the target has.
        proposals: Vec<Proposal>,
    },
    /// Closes [`Request::Programs`].
    Programs {
        /// Each once, by role and name.
        programs: Vec<ProgramRecord>,
    },
    /// What became of one directive, sent before the next is begun.
    Directive(Directive),
    /// Closes [`Request::Script`]: every directive was carried out.
    Scripted {
        /// How many the script has.
        directives: u32,
    },
    /// Closes [`Request::Probe`]: a command line that runs the guest under the limits asked for,
    /// which `bench` starts, watches and ends.
    Probe(Launch),
    /// Closes [`Request::Probe`]: it was run, and nothing of it is left.
    Probed(Probed),
    /// Closes a request: the target cannot do this.
    Unsupported {
        /// Why.
        reason: String,
    },
    /// Closes a request: it was tried and failed.
    Failed {
        /// What was tried, and what happened.
        message: String,
        /// Whether memory ran out.
        #[serde(default)]
        out_of_memory: bool,
    },
}

/// Who an adapter is and what it can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hello {
    /// [`PROTOCOL`] of the adapter.
    pub protocol: u32,
    /// Name and version of the adapter.
    pub adapter: String,
    /// Name of the engine.
    pub engine: String,
    /// Exact version of the engine, or why it is not known.
    pub engine_version: String,
    /// Every target it drives, also those that cannot run here.
    pub targets: Vec<Target>,
}

/// One target that an adapter drives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// Its id.
    pub id: TargetId,
    /// What kind of thing it is.
    pub kind: TargetKind,
    /// Whether it can run here and now.
    pub availability: Availability,
    /// The steps it can do. `process`, `fresh`, `processes`, `idle` and `peak` of a target that gives
    /// a [`Launch`] are done by `bench` itself, with one clock for all.
    pub steps: Vec<Step>,
    /// Every setting that matters, by name: the fairness ledger.
    pub configuration: BTreeMap<String, String>,
    /// The programs and libraries that take part in its trials, the adapter among them. `hello` leaves
    /// them out, which every trial asks for; [`Request::Programs`] asks for them once a run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<ProgramRecord>,
}

/// Whether a target can run here and now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Availability {
    /// It can.
    Available,
    /// It cannot.
    Unavailable {
        /// Why.
        reason: String,
        /// The command, or the words, that change that.
        remedy: String,
    },
}

/// What [`Request::Prepare`] made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Prepared {
    /// How to start the pair as a process from nothing, for a target that is a process.
    pub launch: Option<Launch>,
    /// What was made, for the record.
    pub artefacts: Vec<Artefact>,
}

/// A command line that runs a workload once: stdout is the guest's, and so is the exit code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Launch {
    /// The program, absolute.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment: nothing else is passed on.
    pub env: BTreeMap<String, String>,
    /// Its working directory.
    pub directory: PathBuf,
    /// The artefact, a file or a folder, that is copied first at boundary L6: `program`, or one of
    /// `args`.
    pub artefact: PathBuf,
    /// The container that the program makes, if it does: the guest then is not the program itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
}

/// A container that a [`Launch`] makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Container {
    /// The argument that stands for the container's name: at every start `bench` puts a name there
    /// that no other start has.
    pub name: String,
    /// Arguments of the same program that end the container of that name, whatever it is doing, and
    /// remove it; the name stands in them likewise. For what was killed: a start that ends by itself
    /// leaves nothing.
    pub remove: Vec<String>,
    /// The guest's program as it is called inside; absent if the launched program's own process is
    /// the guest's, inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<PathBuf>,
}

/// Something that [`Request::Prepare`] made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Artefact {
    /// What it is, for example `aot` or `image`.
    pub role: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// One measured value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// Where the clock started and stopped.
    pub boundary: Boundary,
    /// What was measured, in the metric's unit.
    pub metric: Metric,
    /// Repetition inside this request, from 0.
    pub iteration: u32,
    /// The load it was measured under, where that is part of the question: how many instances
    /// were alive, or how many requests a second were offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// The value.
    pub value: u64,
}

/// What became of one directive of a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Directive {
    /// Its number.
    pub index: u32,
    /// What became of it.
    #[serde(flatten)]
    pub went: Went,
}

/// What became of a directive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "went", rename_all = "lowercase")]
pub enum Went {
    /// It did what it should.
    Passed {
        /// Where a refusal or trap is worded otherwise than in the script: both wordings.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        differs: Option<String>,
    },
    /// It did not.
    Failed {
        /// What happened instead.
        message: String,
    },
    /// It is not a question to an engine, whichever: said by the kit alone.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// What became of a guest that was run by its adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Probed {
    /// How it ended.
    pub end: End,
    /// What it wrote to standard output, as far as that is known.
    pub stdout: String,
    /// The last of what it wrote to standard error, as far as that is known.
    pub stderr: String,
}

/// How a guest ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum End {
    /// By itself, or by the engine's doing, with this code.
    Exited {
        /// The code.
        code: i32,
    },
    /// By this signal.
    Killed {
        /// The signal's number.
        signal: i32,
    },
    /// The kernel killed it for want of memory.
    OutOfMemory,
    /// Not by itself: it was killed when patience was at its end.
    StillRunning,
}

/// The end of a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {
    /// Every distinct thing the guest produced, with how often; at least one.
    pub outputs: Vec<Output>,
    /// Why it ended before everything that was asked for, with what was measured standing: for
    /// example that the memory budget does not hold the next level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// What a guest produced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// Exit code, as a process reports it: 0 to 255. A trap or a signal is not an exit and closes
    /// with [`Reply::Failed`] instead.
    pub exit_code: i32,
    /// Its standard output, byte for byte.
    #[schemars(with = "GuestBytesSchema")]
    pub stdout: GuestBytes,
    /// How many iterations produced exactly this.
    pub times: u32,
}

/// How [`GuestBytes`] travel.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is the schema of another type")]
enum GuestBytesSchema {
    /// What is UTF-8, as it is.
    Text(String),
    /// What is not.
    Base64 {
        /// The bytes in base64, with padding.
        base64: String,
    },
}
