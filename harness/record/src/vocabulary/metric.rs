//! What is measured, and in which unit.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A quantity measured at a boundary.
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
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Metric {
    /// Elapsed time by CLOCK_MONOTONIC.
    WallTime,
    /// User and system time. At L4: of the process and its children (wait4). At `run`: of the whole process that
    /// contains the guest.
    CpuTime,
    /// At L0 and `run`, the whole cycle: instance requested or process spawned, guest run to its end, instance
    /// dropped or reset, or process gone.
    CycleTime,
    /// At `run`: instructions retired in user mode (perf_event), of a native program's process, or of the thread that
    /// runs the instance and the threads that it starts.
    Instructions,
    /// Median latency of the requests sent at one rate; at `tick`, of the steps of one run.
    P50,
    /// 90th percentile of the same latencies.
    P90,
    /// 99th percentile of the same latencies.
    P99,
    /// 99.9th percentile of the same latencies.
    #[serde(rename = "p99.9")]
    #[strum(serialize = "p99.9")]
    P999,
    /// 99.99th percentile of the same latencies.
    #[serde(rename = "p99.99")]
    #[strum(serialize = "p99.99")]
    P9999,
    /// The longest of the same latencies.
    #[serde(alias = "worst")]
    Max,
    /// Correct responses per second.
    AchievedRate,
    /// Requests with a wrong response or a failed connection.
    Errors,
    /// Requests without a response within the time limit.
    Timeouts,
    /// Proportional set size (smaps_rollup): private pages, and a share of shared ones.
    Pss,
    /// Resident set size (smaps_rollup): all pages in memory, shared ones in full.
    Rss,
    /// Pages that no other process maps, clean and dirty (smaps_rollup).
    Private,
    /// Page tables (VmPTE): kernel memory that none of the sizes above contains.
    PageTables,
    /// Peak resident set (VmHWM): shared pages and pages of files in full.
    PeakRss,
    /// Peak charge of a control group of its own: includes kernel memory, excludes pages of files that were in
    /// memory before.
    CgroupPeak,
    /// The portable module: the `.wasm`.
    ModuleBytes,
    /// What the target runs: the artefact, the `.wasm`, the static binary, the image's layers.
    ArtefactBytes,
    /// The program that runs the artefact and is installed once: an engine's runner.
    RunnerBytes,
    /// Bytes to send to a host that has nothing: artefact and runner.
    #[serde(alias = "travel_bytes")]
    TransferBytes,
    /// [`Metric::ArtefactBytes`] as gzip.
    ArtefactCompressedBytes,
    /// [`Metric::TransferBytes`] as gzip, each file by itself.
    #[serde(alias = "travel_compressed_bytes")]
    TransferCompressedBytes,
    /// Open file descriptors.
    FileDescriptors,
    /// CPU time used in one second while every instance waits.
    IdleCpu,
    /// Rounds of work that a neighbour did per second.
    NeighbourRate,
    /// Energy of the machine's processor packages during L4 of a process (powercap), from all processes.
    Energy,
}

impl Metric {
    /// The percentiles of latency with their quantiles, from 0 to 1.
    pub const PERCENTILES: &'static [(Metric, f64)] = &[
        (Metric::P50, 0.5),
        (Metric::P90, 0.9),
        (Metric::P99, 0.99),
        (Metric::P999, 0.999),
        (Metric::P9999, 0.9999),
    ];

    /// Every metric.
    pub const ALL: &'static [Metric] = <Metric as strum::VariantArray>::VARIANTS;

    /// The metric's name in rows and samples.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The unit its values are in.
    pub fn unit(self) -> Unit {
        self.spec().unit
    }

    /// The metric's row in the table of metrics.
    pub const fn spec(self) -> MetricSpec {
        match self {
            Metric::WallTime => MetricSpec {
                unit: Unit::Nanoseconds,
                label: "wall time",
                meaning: "elapsed time by CLOCK_MONOTONIC",
                judged_as: Judged::Timed,
                in_throughput: true,
            },
            Metric::CpuTime => MetricSpec {
                unit: Unit::Nanoseconds,
                label: "CPU time",
                meaning: "user and system time",
                judged_as: Judged::Timed,
                in_throughput: true,
            },
            Metric::CycleTime => MetricSpec {
                unit: Unit::Nanoseconds,
                label: "cycle time",
                meaning: "from an instance requested to it gone or reset",
                judged_as: Judged::Timed,
                in_throughput: true,
            },
            Metric::Instructions => MetricSpec {
                unit: Unit::Count,
                label: "instructions",
                meaning: "instructions finished in user mode",
                judged_as: Judged::Counted,
                in_throughput: true,
            },
            Metric::P50 => MetricSpec {
                unit: Unit::Nanoseconds,
                label: "median latency",
                meaning: "median of the latencies at one rate, or of a loop's steps",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::P90 => MetricSpec {
                unit: Unit::Nanoseconds,
                label: "90th percentile",
                meaning: "90th percentile of the same",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::P99 => MetricSpec {
                unit: Unit::Nanoseconds,
                label: "99th percentile",
                meaning: "99th percentile of the same",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::P999 => MetricSpec {
                unit: Unit::Nanoseconds,
                label: "99.9th percentile",
                meaning: "99.9th percentile of the same",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::P9999 => MetricSpec {
                unit: Unit::Nanoseconds,
                label: "99.99th percentile",
                meaning: "99.99th percentile of the same",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::Max => MetricSpec {
                unit: Unit::Nanoseconds,
                label: "maximum",
                meaning: "the longest of them",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::AchievedRate => MetricSpec {
                unit: Unit::PerSecond,
                label: "achieved rate",
                meaning: "requests answered correctly per second",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::Errors => MetricSpec {
                unit: Unit::Count,
                label: "errors",
                meaning: "requests answered wrong, or with a failed connection",
                judged_as: Judged::Never,
                in_throughput: false,
            },
            Metric::Timeouts => MetricSpec {
                unit: Unit::Count,
                label: "timeouts",
                meaning: "requests not answered in time",
                judged_as: Judged::Never,
                in_throughput: false,
            },
            Metric::Pss => MetricSpec {
                unit: Unit::Bytes,
                label: "PSS",
                meaning: "proportional set size: own memory and a share of what is shared",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::Rss => MetricSpec {
                unit: Unit::Bytes,
                label: "RSS",
                meaning: "resident set size: every page in memory",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::Private => MetricSpec {
                unit: Unit::Bytes,
                label: "private memory",
                meaning: "pages that no other process maps",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::PageTables => MetricSpec {
                unit: Unit::Bytes,
                label: "page tables",
                meaning: "kernel memory for the address space",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::PeakRss => MetricSpec {
                unit: Unit::Bytes,
                label: "peak RSS",
                meaning: "the most pages in memory at once",
                judged_as: Judged::Counted,
                in_throughput: false,
            },
            // The kernel batches this accounting in pages per processor, so it varies.
            Metric::CgroupPeak => MetricSpec {
                unit: Unit::Bytes,
                label: "peak of the control group",
                meaning: "the most charged to a control group",
                judged_as: Judged::Never,
                in_throughput: false,
            },
            Metric::ModuleBytes => MetricSpec {
                unit: Unit::Bytes,
                label: "module size",
                meaning: "size of the .wasm",
                judged_as: Judged::Counted,
                in_throughput: false,
            },
            Metric::ArtefactBytes => MetricSpec {
                unit: Unit::Bytes,
                label: "artefact size",
                meaning: "size of what the target runs",
                judged_as: Judged::Counted,
                in_throughput: false,
            },
            Metric::RunnerBytes => MetricSpec {
                unit: Unit::Bytes,
                label: "runner size",
                meaning: "size of the program that runs it",
                judged_as: Judged::Counted,
                in_throughput: false,
            },
            Metric::TransferBytes => MetricSpec {
                unit: Unit::Bytes,
                label: "bytes to deploy",
                meaning: "artefact and runner, for a host that has nothing",
                judged_as: Judged::Counted,
                in_throughput: false,
            },
            Metric::ArtefactCompressedBytes => MetricSpec {
                unit: Unit::Bytes,
                label: "artefact size (gzip)",
                meaning: "artefact_bytes as gzip",
                judged_as: Judged::Never,
                in_throughput: false,
            },
            Metric::TransferCompressedBytes => MetricSpec {
                unit: Unit::Bytes,
                label: "bytes to deploy (gzip)",
                meaning: "transfer_bytes as gzip",
                judged_as: Judged::Never,
                in_throughput: false,
            },
            Metric::FileDescriptors => MetricSpec {
                unit: Unit::Count,
                label: "file descriptors",
                meaning: "open file descriptors",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::NeighbourRate => MetricSpec {
                unit: Unit::PerSecond,
                label: "neighbour's rate",
                meaning: "rounds of work that the neighbour did per second",
                judged_as: Judged::Never,
                in_throughput: false,
            },
            // Covers the whole machine, not only the measured process.
            Metric::Energy => MetricSpec {
                unit: Unit::Microjoules,
                label: "energy",
                meaning: "what the processor packages took over L4",
                judged_as: Judged::Never,
                in_throughput: false,
            },
            Metric::IdleCpu => MetricSpec {
                unit: Unit::Nanoseconds,
                label: "idle CPU",
                meaning: "processor time used in one second of waiting",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
        }
    }
}

/// A row of the table of metrics: everything needed to record, show and judge one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricSpec {
    /// The unit of its values.
    pub unit: Unit,
    /// Its display name.
    pub label: &'static str,
    /// A one-line explanation.
    pub meaning: &'static str,
    /// How a gate judges changes of it.
    pub judged_as: Judged,
    /// Whether the suite `throughput` compares it with native.
    pub in_throughput: bool,
}

/// How a gate judges a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// By intervals over trials, because values vary.
    Timed,
    /// Exactly, without statistics, because values do not vary.
    Counted,
    /// Not judged, only shown.
    Never,
}

impl Judged {
    /// The display name.
    pub fn name(self) -> &'static str {
        match self {
            Judged::Timed => "by intervals",
            Judged::Counted => "exactly",
            Judged::Never => "not judged",
        }
    }
}

/// The unit of a recorded value.
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
)]
pub enum Unit {
    /// Nanoseconds.
    #[serde(rename = "ns")]
    #[strum(serialize = "ns")]
    Nanoseconds,
    /// Events per second.
    #[serde(rename = "1/s")]
    #[strum(serialize = "1/s")]
    PerSecond,
    /// Bytes.
    #[serde(rename = "bytes")]
    #[strum(serialize = "bytes")]
    Bytes,
    /// A number of things.
    #[serde(rename = "count")]
    #[strum(serialize = "count")]
    Count,
    /// Millionths of a joule.
    #[serde(rename = "uJ")]
    #[strum(serialize = "uJ")]
    Microjoules,
}

/// A duration in whole nanoseconds, as samples are recorded.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Nanoseconds(pub u64);

impl From<Duration> for Nanoseconds {
    fn from(duration: Duration) -> Self {
        // 584 years fit; a longer duration is a broken clock, not a measurement.
        Nanoseconds(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Nanoseconds> for Duration {
    fn from(ns: Nanoseconds) -> Self {
        Duration::from_nanos(ns.0)
    }
}
