//! What is measured, and in which unit.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was measured between a boundary's two ends.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Elapsed time by CLOCK_MONOTONIC.
    WallTime,
    /// User and system time: at L4 of the measured process and its waited-for children (wait4);
    /// at `run` of the whole process that holds the guest, over that span.
    CpuTime,
    /// L0 and `run`: the whole cycle, instance requested (or process spawned), guest run to its
    /// end, instance gone or reset (or process gone).
    CycleTime,
    /// `run`: instructions that the processor finished in user mode for the guest, where it has a
    /// counter of them: of a program's process, or of the thread that runs the instance and what
    /// that starts meanwhile.
    Instructions,
    /// Median latency of the requests offered at one rate; at `tick` of one run's steps, as the
    /// other percentiles.
    P50,
    /// 90th percentile of their latency.
    P90,
    /// 99th percentile of their latency.
    P99,
    /// 99.9th percentile of their latency.
    #[serde(rename = "p99.9")]
    P999,
    /// 99.99th percentile of their latency.
    #[serde(rename = "p99.99")]
    P9999,
    /// The longest of them all.
    #[serde(alias = "worst")]
    Max,
    /// Requests answered, and answered right, a second.
    AchievedRate,
    /// Requests that were answered wrong, or whose connection failed.
    Errors,
    /// Requests that were not answered in time.
    Timeouts,
    /// Proportional set size (smaps_rollup): memory of its own, and its share of what is shared.
    Pss,
    /// Resident set size (smaps_rollup): every page in memory, shared ones counted in full.
    Rss,
    /// Pages that nobody else maps, clean and dirty (smaps_rollup).
    Private,
    /// Page tables (VmPTE): kernel memory that is in none of the sizes above.
    PageTables,
    /// The most pages that were in memory at once (VmHWM), shared ones and those of files in full.
    PeakRss,
    /// The most that was charged to a control group of its own: with the kernel's memory for it,
    /// without pages of files that were in memory before.
    CgroupPeak,
    /// The portable module that everything else is made of: the `.wasm`.
    ModuleBytes,
    /// What the target runs: the artefact, the `.wasm`, the static binary, the image's layers.
    ArtefactBytes,
    /// The program that runs it and has to be there once: an engine's runner.
    RunnerBytes,
    /// What must travel to a host that has nothing: artefact and runner.
    #[serde(alias = "travel_bytes")]
    TransferBytes,
    /// [`Metric::ArtefactBytes`] as gzip.
    ArtefactCompressedBytes,
    /// [`Metric::TransferBytes`] as gzip, each file by itself.
    #[serde(alias = "travel_compressed_bytes")]
    TransferCompressedBytes,
    /// Open file descriptors.
    FileDescriptors,
    /// Processor time used in one second in which everything waits.
    IdleCpu,
    /// Rounds of work that a neighbour did per second.
    NeighbourRate,
    /// Energy that the machine's processor packages took over L4 of a process (powercap), whoever used it.
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
    pub const ALL: &'static [Metric] = &[
        Metric::WallTime,
        Metric::CpuTime,
        Metric::CycleTime,
        Metric::Instructions,
        Metric::P50,
        Metric::P90,
        Metric::P99,
        Metric::P999,
        Metric::P9999,
        Metric::Max,
        Metric::AchievedRate,
        Metric::Errors,
        Metric::Timeouts,
        Metric::Pss,
        Metric::Rss,
        Metric::Private,
        Metric::PageTables,
        Metric::PeakRss,
        Metric::CgroupPeak,
        Metric::ModuleBytes,
        Metric::ArtefactBytes,
        Metric::RunnerBytes,
        Metric::TransferBytes,
        Metric::ArtefactCompressedBytes,
        Metric::TransferCompressedBytes,
        Metric::FileDescriptors,
        Metric::IdleCpu,
        Metric::NeighbourRate,
        Metric::Energy,
    ];

    /// The metric's name in rows and samples.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The unit its values are in.
    pub fn unit(self) -> Unit {
        self.spec().unit
    }

    /// The metric's row in the table of metrics.
    pub const fn spec(self) -> MetricSpec {
        match self {
            Metric::WallTime => MetricSpec {
                name: "wall_time",
                unit: Unit::Nanoseconds,
                label: "wall time",
                meaning: "elapsed time by CLOCK_MONOTONIC",
                judged_as: Judged::Timed,
                in_throughput: true,
            },
            Metric::CpuTime => MetricSpec {
                name: "cpu_time",
                unit: Unit::Nanoseconds,
                label: "CPU time",
                meaning: "user and system time",
                judged_as: Judged::Timed,
                in_throughput: true,
            },
            Metric::CycleTime => MetricSpec {
                name: "cycle_time",
                unit: Unit::Nanoseconds,
                label: "cycle time",
                meaning: "from an instance requested to it gone or reset",
                judged_as: Judged::Timed,
                in_throughput: true,
            },
            Metric::Instructions => MetricSpec {
                name: "instructions",
                unit: Unit::Count,
                label: "instructions",
                meaning: "instructions finished in user mode",
                judged_as: Judged::Counted,
                in_throughput: true,
            },
            Metric::P50 => MetricSpec {
                name: "p50",
                unit: Unit::Nanoseconds,
                label: "median latency",
                meaning: "median of the latencies at one rate, or of a loop's steps",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::P90 => MetricSpec {
                name: "p90",
                unit: Unit::Nanoseconds,
                label: "90th percentile",
                meaning: "90th percentile of the same",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::P99 => MetricSpec {
                name: "p99",
                unit: Unit::Nanoseconds,
                label: "99th percentile",
                meaning: "99th percentile of the same",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::P999 => MetricSpec {
                name: "p99.9",
                unit: Unit::Nanoseconds,
                label: "99.9th percentile",
                meaning: "99.9th percentile of the same",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::P9999 => MetricSpec {
                name: "p99.99",
                unit: Unit::Nanoseconds,
                label: "99.99th percentile",
                meaning: "99.99th percentile of the same",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::Max => MetricSpec {
                name: "max",
                unit: Unit::Nanoseconds,
                label: "maximum",
                meaning: "the longest of them",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::AchievedRate => MetricSpec {
                name: "achieved_rate",
                unit: Unit::PerSecond,
                label: "achieved rate",
                meaning: "requests answered correctly per second",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::Errors => MetricSpec {
                name: "errors",
                unit: Unit::Count,
                label: "errors",
                meaning: "requests answered wrong, or with a failed connection",
                judged_as: Judged::Never,
                in_throughput: false,
            },
            Metric::Timeouts => MetricSpec {
                name: "timeouts",
                unit: Unit::Count,
                label: "timeouts",
                meaning: "requests not answered in time",
                judged_as: Judged::Never,
                in_throughput: false,
            },
            Metric::Pss => MetricSpec {
                name: "pss",
                unit: Unit::Bytes,
                label: "PSS",
                meaning: "proportional set size: own memory and a share of what is shared",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::Rss => MetricSpec {
                name: "rss",
                unit: Unit::Bytes,
                label: "RSS",
                meaning: "resident set size: every page in memory",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::Private => MetricSpec {
                name: "private",
                unit: Unit::Bytes,
                label: "private memory",
                meaning: "pages that no other process maps",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::PageTables => MetricSpec {
                name: "page_tables",
                unit: Unit::Bytes,
                label: "page tables",
                meaning: "kernel memory for the address space",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::PeakRss => MetricSpec {
                name: "peak_rss",
                unit: Unit::Bytes,
                label: "peak RSS",
                meaning: "the most pages in memory at once",
                judged_as: Judged::Counted,
                in_throughput: false,
            },
            // The kernel batches this accounting in pages per processor, so it varies.
            Metric::CgroupPeak => MetricSpec {
                name: "cgroup_peak",
                unit: Unit::Bytes,
                label: "peak of the control group",
                meaning: "the most charged to a control group",
                judged_as: Judged::Never,
                in_throughput: false,
            },
            Metric::ModuleBytes => MetricSpec {
                name: "module_bytes",
                unit: Unit::Bytes,
                label: "module size",
                meaning: "size of the .wasm",
                judged_as: Judged::Counted,
                in_throughput: false,
            },
            Metric::ArtefactBytes => MetricSpec {
                name: "artefact_bytes",
                unit: Unit::Bytes,
                label: "artefact size",
                meaning: "size of what the target runs",
                judged_as: Judged::Counted,
                in_throughput: false,
            },
            Metric::RunnerBytes => MetricSpec {
                name: "runner_bytes",
                unit: Unit::Bytes,
                label: "runner size",
                meaning: "size of the program that runs it",
                judged_as: Judged::Counted,
                in_throughput: false,
            },
            Metric::TransferBytes => MetricSpec {
                name: "transfer_bytes",
                unit: Unit::Bytes,
                label: "bytes to deploy",
                meaning: "artefact and runner, for a host that has nothing",
                judged_as: Judged::Counted,
                in_throughput: false,
            },
            Metric::ArtefactCompressedBytes => MetricSpec {
                name: "artefact_compressed_bytes",
                unit: Unit::Bytes,
                label: "artefact size (gzip)",
                meaning: "artefact_bytes as gzip",
                judged_as: Judged::Never,
                in_throughput: false,
            },
            Metric::TransferCompressedBytes => MetricSpec {
                name: "transfer_compressed_bytes",
                unit: Unit::Bytes,
                label: "bytes to deploy (gzip)",
                meaning: "transfer_bytes as gzip",
                judged_as: Judged::Never,
                in_throughput: false,
            },
            Metric::FileDescriptors => MetricSpec {
                name: "file_descriptors",
                unit: Unit::Count,
                label: "file descriptors",
                meaning: "open file descriptors",
                judged_as: Judged::Timed,
                in_throughput: false,
            },
            Metric::NeighbourRate => MetricSpec {
                name: "neighbour_rate",
                unit: Unit::PerSecond,
                label: "neighbour's rate",
                meaning: "rounds of work that the neighbour did per second",
                judged_as: Judged::Never,
                in_throughput: false,
            },
            // Covers the whole machine, not only the measured process.
            Metric::Energy => MetricSpec {
                name: "energy",
                unit: Unit::Microjoules,
                label: "energy",
                meaning: "what the processor packages took over L4",
                judged_as: Judged::Never,
                in_throughput: false,
            },
            Metric::IdleCpu => MetricSpec {
                name: "idle_cpu",
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
    /// Its name in files.
    pub name: &'static str,
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

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The unit of a recorded value.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Unit {
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
    /// Events per second.
    #[serde(rename = "1/s")]
    PerSecond,
    /// Bytes.
    #[serde(rename = "bytes")]
    Bytes,
    /// A number of things.
    #[serde(rename = "count")]
    Count,
    /// Millionths of a joule.
    #[serde(rename = "uJ")]
    Microjoules,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unit::Nanoseconds => f.pad("ns"),
            Unit::PerSecond => f.pad("1/s"),
            Unit::Bytes => f.pad("bytes"),
            Unit::Count => f.pad("count"),
            Unit::Microjoules => f.pad("uJ"),
        }
    }
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
