//! Every message between `bench` and an adapter: newline-delimited JSON, a message a line.
//!
//! `bench` writes a [`Request`] to the adapter's stdin and reads [`Reply`]s from its stdout
//! until one of them closes the request: [`Reply::Hello`], [`Reply::Prepared`],
//! [`Reply::Done`], [`Reply::Server`], [`Reply::Serving`], [`Reply::Stopped`],
//! [`Reply::Claims`], [`Reply::Scripted`], [`Reply::Probe`], [`Reply::Probed`], [`Reply::Unsupported`] or [`Reply::Failed`]. One request is under way at a
//! time. End of file on stdin means: stop, and leave nothing running. What a guest prints must
//! never reach the adapter's own stdout.

use std::collections::BTreeMap;
use std::path::PathBuf;

use plimsoll_record::conformance::Proposal;
use plimsoll_record::run::TargetKind;
use plimsoll_record::sandbox::Limit;
use plimsoll_record::{Boundary, Metric, Nanoseconds, Step, TargetId, WorkloadId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the protocol that these types speak.
pub const PROTOCOL: u32 = 2;

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
    /// How many are to be alive.
    ///
    /// # Errors
    ///
    /// When the request does not say.
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
    /// A folder, and an environment of `NAME=VALUE`; what has no `=` is no variable.
    pub fn of(folder: Access, env: &[String]) -> Self {
        let pairs = env.iter().filter_map(|variable| variable.split_once('='));
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Grants {
            folder,
            env: pairs.collect(),
        }
    }

    /// Whether there is nothing beyond.
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
    /// Exit code; a trap or a signal is not an exit and closes with [`Reply::Failed`] instead.
    pub exit_code: i32,
    /// Its standard output; workloads print UTF-8.
    pub stdout: String,
    /// How many iterations produced exactly this.
    pub times: u32,
}
