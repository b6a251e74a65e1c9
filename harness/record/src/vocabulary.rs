//! The project's terms: names of suites, boundaries, steps, metrics and targets.

mod metric;
mod step;

use std::fmt;

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

/// A group of measurements that `bench run --suite` selects.
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
    JsonSchema,
    strum::Display,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Suite {
    /// The time until an instance runs, boundary by boundary.
    Coldstart,
    /// The time of a complete run of the guest's own code.
    Throughput,
    /// The cost of one more instance, process or container on a machine with many.
    Density,
    /// Idle and peak memory of a process or container.
    Memory,
    /// Size on disk, and bytes to deploy.
    Size,
    /// Latency of requests at constant rates, and the highest rate sustained.
    Serve,
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
    pub const ALL: &'static [Suite] = <Suite as strum::VariantArray>::VARIANTS;

    /// The suite's name on the command line.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Where a measurement begins and ends. L0 to L6 are the ladder of a start. Metrics that are counted, not timed, have
/// boundaries of their own.
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
    JsonSchema,
    strum::Display,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Boundary {
    /// Instance requested to instance ready, compiled module in memory.
    #[serde(rename = "L0")]
    #[strum(serialize = "L0")]
    L0,
    /// Artefact file to instance ready: deserialise or map ahead-of-time code, then L0.
    #[serde(rename = "L1")]
    #[strum(serialize = "L1")]
    L1,
    /// `.wasm` bytes to instance ready: validate, compile, instantiate.
    #[serde(rename = "L2")]
    #[strum(serialize = "L2")]
    L2,
    /// Spawn of a process, or start of a created container, to the first byte of the guest's output.
    #[serde(rename = "L3")]
    #[strum(serialize = "L3")]
    L3,
    /// Spawn of a process, or creation of a container, until its exit is observed.
    #[serde(rename = "L4")]
    #[strum(serialize = "L4")]
    L4,
    /// As L4, and removal of the container.
    #[serde(rename = "L5")]
    #[strum(serialize = "L5")]
    L5,
    /// As L5, and before it the copy of the artefact or the load of the image.
    #[serde(rename = "L6")]
    #[strum(serialize = "L6")]
    L6,
    /// Instance requested to the first byte of the guest's output, in a running host that has the compiled
    /// module in memory. Ends where L3 ends.
    FirstOutputWarm,
    /// As [`Boundary::FirstOutputWarm`], from the artefact file.
    FirstOutputArtefact,
    /// The scheduled time of a request to the last byte of its response. The server keeps its process, or
    /// one instance per connection, from request to request.
    Request,
    /// As [`Boundary::Request`], with a new instance per request.
    FreshRequest,
    /// Spawn of a server process, or creation of a container, to the last byte of its first response.
    #[serde(alias = "zero")]
    FirstResponse,
    /// The guest's own code from its first instruction to its end: `_start` of a ready instance, or a native
    /// program from `exec` to `exit`.
    Run,
    /// One step of a program's own loop, timed by the program.
    Tick,
    /// Files and images on disk.
    #[serde(alias = "rest")]
    OnDisk,
    /// One process or container that waits for input, with its descendants and its shim.
    Idle,
    /// The maximum over one run of the workload in a process or container.
    Peak,
    /// A host process with N live instances; each has run to its end and is kept.
    Instances,
    /// One more instance in a running host: the slope of a line through [`Boundary::Instances`].
    Instance,
    /// N live processes or containers, each with one waiting instance.
    Processes,
    /// One more process or container: the slope of a line through [`Boundary::Processes`].
    Process,
    /// The daemons that all containers of an engine share. Shown as an item of their own, never added to one container.
    Daemon,
    /// The fixed cost: the intercept of such a line.
    Base,
    /// As [`Boundary::Request`], of a native server that shares its processor with the target, which runs the workload.
    Beside,
    /// As [`Boundary::Beside`], with the target under a quota of processor time.
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

    /// Boundaries of metrics that are counted.
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

    /// The name in rows and samples, for example `L0`, `run` or `on-disk`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// One line for tables and help.
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

/// One way to measure. A trial does one step, which yields samples at one or more boundaries.
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
    JsonSchema,
    strum::Display,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Step {
    /// Makes instances of a compiled module in a loop: L0.
    Instantiate,
    /// Loads an artefact file and instantiates it in a loop: L1.
    Load,
    /// Compiles `.wasm` bytes and instantiates the module in a loop: L2.
    Compile,
    /// Makes and runs instances of a compiled module in a loop: [`Boundary::FirstOutputWarm`].
    FirstOutputWarm,
    /// Loads an artefact file, instantiates it and runs it in a loop: [`Boundary::FirstOutputArtefact`].
    FirstOutputArtefact,
    /// Starts one process or container and waits for its end: L3, L4 and, for containers, L5.
    Process,
    /// Copies the artefact or loads the image, then as [`Step::Process`]: L6.
    #[serde(alias = "fresh")]
    Deploy,
    /// Sends requests to a server at increasing rates: [`Boundary::Request`].
    Serve,
    /// As [`Step::Serve`], with a new instance per request: [`Boundary::FreshRequest`].
    ServeFresh,
    /// Starts a server and sends one request: [`Boundary::FirstResponse`].
    #[serde(alias = "zero")]
    FirstResponse,
    /// Runs the guest in a loop, each time in a new instance or process. The clock covers the guest's own code: `run`.
    #[serde(alias = "iterate")]
    Execute,
    /// Makes instances in one host, level by level, runs each to its end and keeps it.
    Instances,
    /// Starts processes or containers that wait, level by level.
    Processes,
    /// Reads the memory of one waiting process or container.
    Idle,
    /// Runs the workload once and reads its peak memory.
    Peak,
    /// Reads the sizes of files and images.
    Size,
    /// Loads a native server while the target runs the workload on the same processor: [`Boundary::Beside`].
    Beside,
    /// As [`Step::Beside`], with the target under a quota of processor time: [`Boundary::BesideLimited`].
    BesideLimited,
    /// Runs the workload once under valgrind, which counts its instructions.
    Count,
    /// Runs one group of the specification's test scripts.
    Conformance,
    /// Runs one hostile program without any grant.
    #[serde(alias = "capability")]
    Sandbox,
}

impl Step {
    /// All steps; those of the ladder come first, in its order.
    pub const ALL: &'static [Step] = <Step as strum::VariantArray>::VARIANTS;

    /// Whether its workload is a server.
    pub fn serves(self) -> bool {
        self.spec().needs == Needs::Server
    }

    /// The step's name in the protocol.
    pub fn name(self) -> &'static str {
        self.into()
    }
}
