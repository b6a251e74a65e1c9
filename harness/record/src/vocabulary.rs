//! The project's terms: names of suites, boundaries, steps, metrics and targets.

mod metric;
mod step;

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use metric::{Judged, Metric, MetricSpec, Nanoseconds, Unit};
pub use step::{DoneBy, Needs, StepSpec};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }
    };
}

id! {
    /// An engine in one configuration: `engine`, `engine/compiler` or `engine/compiler+label`.
    ///
    /// Labels name what departs from the engine's default, for example
    /// `wasmtime/cranelift+pooling` or `wasmtime/cranelift+jit` (compiles at every start).
    TargetId
}
id! {
    /// One program compiled from one source for every target, for example `json`.
    WorkloadId
}

impl TargetId {
    /// The engine: the part before the first `/` or `+`.
    pub fn engine(&self) -> &str {
        self.0.split(['/', '+']).next().unwrap_or_default()
    }
}

/// A question that runs answer.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Suite {
    /// The time until an instance runs, boundary by boundary.
    Coldstart,
    /// Latency of requests at constant rates, and the highest rate sustained.
    Serve,
    /// The time of a complete run of the guest's own code.
    Throughput,
    /// The cost of one more instance, process or container on a machine with many.
    Density,
    /// Idle and peak memory of a process or container.
    Memory,
    /// Size on disk, and bytes to deploy.
    Size,
    /// The share of the specification's tests that an engine passes.
    Conformance,
    /// What a guest without grants can and cannot do.
    #[serde(alias = "capabilities")]
    Sandbox,
    /// The cost of a language at start-up and deployment: one small task, written in each.
    Languages,
    /// Instructions of a program, counted by valgrind, independent of the machine's load.
    Instructions,
    /// What a server suffers from a neighbour that works as hard as it can on the same processor.
    Neighbours,
}

impl Suite {
    /// Every suite that `bench` can run.
    pub const ALL: &'static [Suite] = &[
        Suite::Coldstart,
        Suite::Throughput,
        Suite::Density,
        Suite::Memory,
        Suite::Size,
        Suite::Serve,
        Suite::Conformance,
        Suite::Sandbox,
        Suite::Languages,
        Suite::Instructions,
        Suite::Neighbours,
    ];

    /// The suite's name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Suite::Coldstart => "coldstart",
            Suite::Serve => "serve",
            Suite::Throughput => "throughput",
            Suite::Density => "density",
            Suite::Memory => "memory",
            Suite::Size => "size",
            Suite::Conformance => "conformance",
            Suite::Sandbox => "sandbox",
            Suite::Languages => "languages",
            Suite::Instructions => "instructions",
            Suite::Neighbours => "neighbours",
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where a measurement begins and ends. Cold start is a ladder of these, never one number; what
/// is counted rather than timed has places of its own.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Boundary {
    /// Instance requested to instance ready, compiled module in memory.
    L0,
    /// Artefact file to instance ready: deserialise or map ahead-of-time code, then L0.
    L1,
    /// `.wasm` bytes to instance ready: validate, compile, instantiate.
    L2,
    /// Spawn of a process (or start of a created container) to the first byte of guest output.
    L3,
    /// Spawn of a process (or create of a container) to its exit observed.
    L4,
    /// As L4, with removal of what was created.
    L5,
    /// As L5, with the artefact or image not yet where the engine looks for it.
    L6,
    /// Instance requested to the guest's first byte of output, in a host that runs and has the compiled
    /// module in memory: ends where L3 ends.
    #[serde(rename = "first-output-warm")]
    FirstOutputWarm,
    /// As [`Boundary::FirstOutputWarm`], from the artefact file.
    #[serde(rename = "first-output-artefact")]
    FirstOutputArtefact,
    /// A request due, by the schedule of the load, to the last byte of its response. The server
    /// is running and keeps what answers it: a process, or an instance for each connection.
    #[serde(rename = "request")]
    Request,
    /// As [`Boundary::Request`], with an instance made for this request alone.
    #[serde(rename = "fresh-request")]
    FreshRequest,
    /// Nothing running, to the last byte of the first response: spawn of a server process or
    /// create of a container, until it accepts, and one request.
    #[serde(rename = "first-response", alias = "zero")]
    FirstResponse,
    /// The guest's own code, from its first instruction to its end: `_start` of an instance that
    /// is ready, or a program from the exec of its file to its call of exit.
    #[serde(rename = "run")]
    Run,
    /// One step of a program's own loop, by its own clock, in a run from nothing to its end.
    #[serde(rename = "tick")]
    Tick,
    /// Files and images at rest, nothing running.
    #[serde(rename = "on-disk", alias = "rest")]
    OnDisk,
    /// One process or container whose instance waits, with all that is its own.
    #[serde(rename = "idle")]
    Idle,
    /// The most that a process or container had at any moment of one run of its workload.
    #[serde(rename = "peak")]
    Peak,
    /// The whole of a host with so many instances alive in it, each run to its end and kept.
    #[serde(rename = "instances")]
    Instances,
    /// One more instance inside a host that runs: the slope of a line through [`Boundary::Instances`].
    #[serde(rename = "instance")]
    Instance,
    /// So many processes or containers alive, each with one instance that waits.
    #[serde(rename = "processes")]
    Processes,
    /// One more process or container: the slope of a line through [`Boundary::Processes`].
    #[serde(rename = "process")]
    Process,
    /// The daemons of an engine that serve everybody: itemised, never added to what is one's own.
    #[serde(rename = "daemon")]
    Daemon,
    /// What is there once however many are alive: where such a line meets none.
    #[serde(rename = "base")]
    Base,
    /// As [`Boundary::Request`], of a native server that shares its processor with the target, which runs the workload.
    #[serde(rename = "beside")]
    Beside,
    /// As [`Boundary::Beside`], with the target under a quota of processor time.
    #[serde(rename = "beside-limited")]
    BesideLimited,
}

impl Boundary {
    /// The boundaries of serving requests.
    pub const SERVE: &'static [Boundary] = &[
        Boundary::Request,
        Boundary::FreshRequest,
        Boundary::FirstResponse,
    ];

    /// From a running host to the guest's first byte of output.
    pub const FIRST_OUTPUT: &'static [Boundary] =
        &[Boundary::FirstOutputWarm, Boundary::FirstOutputArtefact];

    /// The boundaries of the guest's own code.
    pub const GUEST: &'static [Boundary] = &[Boundary::Run, Boundary::Tick];

    /// Boundaries outside the ladder, where something is counted.
    pub const COUNTED: &'static [Boundary] = &[
        Boundary::OnDisk,
        Boundary::Idle,
        Boundary::Peak,
        Boundary::Instances,
        Boundary::Instance,
        Boundary::Processes,
        Boundary::Process,
        Boundary::Daemon,
        Boundary::Base,
        Boundary::Beside,
        Boundary::BesideLimited,
    ];

    /// The ladder, bottom to top.
    pub const LADDER: &'static [Boundary] = &[
        Boundary::L0,
        Boundary::L1,
        Boundary::L2,
        Boundary::L3,
        Boundary::L4,
        Boundary::L5,
        Boundary::L6,
    ];

    /// Its name in rows and samples, for example `L0`, `run` or `on-disk`.
    pub fn name(self) -> &'static str {
        match self {
            Boundary::L0 => "L0",
            Boundary::L1 => "L1",
            Boundary::L2 => "L2",
            Boundary::L3 => "L3",
            Boundary::L4 => "L4",
            Boundary::L5 => "L5",
            Boundary::L6 => "L6",
            Boundary::FirstOutputWarm => "first-output-warm",
            Boundary::FirstOutputArtefact => "first-output-artefact",
            Boundary::Request => "request",
            Boundary::FreshRequest => "fresh-request",
            Boundary::FirstResponse => "first-response",
            Boundary::Run => "run",
            Boundary::Tick => "tick",
            Boundary::OnDisk => "on-disk",
            Boundary::Idle => "idle",
            Boundary::Peak => "peak",
            Boundary::Instances => "instances",
            Boundary::Instance => "instance",
            Boundary::Processes => "processes",
            Boundary::Process => "process",
            Boundary::Daemon => "daemon",
            Boundary::Base => "base",
            Boundary::Beside => "beside",
            Boundary::BesideLimited => "beside-limited",
        }
    }

    /// The start and the end of the clock, in one line.
    pub fn meaning(self) -> &'static str {
        match self {
            Boundary::L0 => "instance requested to instance ready, compiled module in memory",
            Boundary::L1 => "artefact file to instance ready (deserialise or map, instantiate)",
            Boundary::L2 => ".wasm bytes to instance ready (validate, compile, instantiate)",
            Boundary::L3 => {
                "spawn of a process, or start of a container, to first byte of guest output"
            }
            Boundary::L4 => "spawn of a process, or create of a container, to exit observed",
            Boundary::L5 => "as L4, with removal of the container",
            Boundary::L6 => "as L4/L5, with the artefact copied or the image loaded first",
            Boundary::FirstOutputWarm => {
                "in a running host: instance requested to first byte of guest output, module in memory"
            }
            Boundary::FirstOutputArtefact => {
                "in a running host: artefact file to first byte of guest output"
            }
            Boundary::Request => {
                "request due to last byte of its response; the process, or the connection's instance, is kept"
            }
            Boundary::FreshRequest => {
                "request due to last byte of its response, an instance made for it alone"
            }
            Boundary::FirstResponse => "nothing running to last byte of the first response",
            Boundary::Run => "the guest's own code from its first instruction to its end",
            Boundary::Tick => "one step of a program's own loop, by its own clock",
            Boundary::OnDisk => "files and images on disk, nothing running",
            Boundary::Idle => "a waiting process or container, with its descendants and its shim",
            Boundary::Peak => "the maximum over one run of the workload",
            Boundary::Instances => "a host with this many instances alive in it",
            Boundary::Instance => "one more instance in a running host (slope of a fitted line)",
            Boundary::Processes => {
                "this many processes or containers alive, with everything that belongs to them"
            }
            Boundary::Process => "one more process or container (slope of a fitted line)",
            Boundary::Daemon => "the daemons that serve all containers, listed separately",
            Boundary::Base => "the fixed part: the fitted line at zero instances",
            Boundary::Beside => {
                "request due to last byte of a native server's response, the target on its processor"
            }
            Boundary::BesideLimited => "as beside, the target under a quota of processor time",
        }
    }

    /// The event that stops its clock. Only times with the same end can be compared.
    pub fn stops_at(self) -> &'static str {
        match self {
            Boundary::L0 | Boundary::L1 | Boundary::L2 => "instance ready",
            Boundary::L3 | Boundary::FirstOutputWarm | Boundary::FirstOutputArtefact => {
                "first output"
            }
            Boundary::L4 | Boundary::L5 | Boundary::L6 => "exit",
            Boundary::Request | Boundary::FreshRequest | Boundary::FirstResponse => "response",
            other => other.name(),
        }
    }

    /// The boundary of the slope of a line fitted to levels at this one; `None` if it has no
    /// levels.
    pub fn slope(self) -> Option<Boundary> {
        match self {
            Boundary::Instances => Some(Boundary::Instance),
            Boundary::Processes => Some(Boundary::Process),
            _ => None,
        }
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Boundary {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let others = || {
            let counted = Boundary::COUNTED.iter().chain(Boundary::SERVE);
            counted.chain(Boundary::FIRST_OUTPUT)
        };
        Boundary::LADDER
            .iter()
            .chain(others())
            .chain(Boundary::GUEST)
            .copied()
            .find(|b| b.name() == text)
            .ok_or_else(|| {
                let counted: Vec<&str> = others().map(|b| b.name()).collect();
                format!(
                    "{text:?} is no boundary; they are L0 to L6, run, tick and {}",
                    counted.join(", ")
                )
            })
    }
}

/// What one trial does: one procedure that yields samples at one or more boundaries.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Compiled module in memory, instances made in a loop: L0.
    Instantiate,
    /// Artefact file loaded and instantiated in a loop: L1.
    Load,
    /// `.wasm` bytes compiled and instantiated in a loop: L2.
    Compile,
    /// Compiled module in memory, instances made and run in a loop: [`Boundary::FirstOutputWarm`].
    #[serde(rename = "first-output-warm")]
    FirstOutputWarm,
    /// Artefact file loaded, instantiated and run in a loop: [`Boundary::FirstOutputArtefact`].
    #[serde(rename = "first-output-artefact")]
    FirstOutputArtefact,
    /// One process or container from nothing to its end: L3, L4 and, where there is one, L5.
    Process,
    /// As [`Step::Process`] with the artefact copied, or the image loaded, first: L6.
    #[serde(alias = "fresh")]
    Deploy,
    /// A server under load, rate after rate: [`Boundary::Request`].
    Serve,
    /// As [`Step::Serve`], with an instance made for each request: [`Boundary::FreshRequest`].
    #[serde(rename = "serve-fresh")]
    ServeFresh,
    /// A server from nothing to its first response: [`Boundary::FirstResponse`].
    #[serde(rename = "first-response", alias = "zero")]
    FirstResponse,
    /// The guest run in a loop, a fresh instance or process each time, with its own code alone
    /// inside the clock: `run`.
    #[serde(alias = "iterate")]
    Execute,
    /// Instances made in one host, each run to its end and kept alive, level by level.
    Instances,
    /// Processes or containers started and left waiting, level by level.
    Processes,
    /// One process or container that waits, looked at.
    Idle,
    /// One run of the workload, and the most memory that it had.
    Peak,
    /// Files and images weighed.
    Size,
    /// A native server under load while the target runs the workload on the same processor: [`Boundary::Beside`].
    Beside,
    /// As [`Step::Beside`], with the target under a quota of processor time: [`Boundary::BesideLimited`].
    #[serde(rename = "beside-limited")]
    BesideLimited,
    /// One run of the workload under valgrind, which counts its instructions.
    Count,
    /// The specification's tests, a group of scripts.
    Conformance,
    /// One thing that a guest may or may not be able to do, tried.
    #[serde(alias = "capability")]
    Sandbox,
}

impl Step {
    /// Every step, those of the ladder first and in its order.
    pub const ALL: &'static [Step] = &[
        Step::Instantiate,
        Step::Load,
        Step::Compile,
        Step::FirstOutputWarm,
        Step::FirstOutputArtefact,
        Step::Process,
        Step::Deploy,
        Step::Serve,
        Step::ServeFresh,
        Step::FirstResponse,
        Step::Execute,
        Step::Instances,
        Step::Processes,
        Step::Idle,
        Step::Peak,
        Step::Size,
        Step::Count,
        Step::Beside,
        Step::BesideLimited,
        Step::Conformance,
        Step::Sandbox,
    ];

    /// Whether its workload is a server.
    pub fn serves(self) -> bool {
        self.spec().needs == Needs::Server
    }

    /// The step's name in the protocol.
    pub fn name(self) -> &'static str {
        self.spec().name
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
