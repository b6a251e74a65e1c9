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
    /// Energy that the machine's processor packages took over L4 of a process (powercap), whoever used it.
    Energy,
}

impl Metric {
    /// The percentiles of latency, each with its quantile, from 0 to 1.
    pub const PERCENTILES: &'static [(Metric, f64)] = &[
        (Metric::P50, 0.5),
        (Metric::P90, 0.9),
        (Metric::P99, 0.99),
        (Metric::P999, 0.999),
        (Metric::P9999, 0.9999),
    ];

    /// The metric's name as rows and samples spell it.
    pub fn name(self) -> &'static str {
        match self {
            Metric::WallTime => "wall_time",
            Metric::CpuTime => "cpu_time",
            Metric::CycleTime => "cycle_time",
            Metric::Instructions => "instructions",
            Metric::P50 => "p50",
            Metric::P90 => "p90",
            Metric::P99 => "p99",
            Metric::P999 => "p99.9",
            Metric::P9999 => "p99.99",
            Metric::Max => "max",
            Metric::AchievedRate => "achieved_rate",
            Metric::Errors => "errors",
            Metric::Timeouts => "timeouts",
            Metric::Pss => "pss",
            Metric::Rss => "rss",
            Metric::Private => "private",
            Metric::PageTables => "page_tables",
            Metric::PeakRss => "peak_rss",
            Metric::CgroupPeak => "cgroup_peak",
            Metric::ModuleBytes => "module_bytes",
            Metric::ArtefactBytes => "artefact_bytes",
            Metric::RunnerBytes => "runner_bytes",
            Metric::TransferBytes => "transfer_bytes",
            Metric::ArtefactCompressedBytes => "artefact_compressed_bytes",
            Metric::TransferCompressedBytes => "transfer_compressed_bytes",
            Metric::FileDescriptors => "file_descriptors",
            Metric::IdleCpu => "idle_cpu",
            Metric::Energy => "energy",
        }
    }

    /// The unit its values are in.
    pub fn unit(self) -> Unit {
        match self {
            Metric::P50
            | Metric::P90
            | Metric::P99
            | Metric::P999
            | Metric::P9999
            | Metric::Max => Unit::Nanoseconds,
            Metric::AchievedRate => Unit::PerSecond,
            Metric::WallTime | Metric::CpuTime | Metric::CycleTime | Metric::IdleCpu => {
                Unit::Nanoseconds
            }
            Metric::Pss
            | Metric::Rss
            | Metric::Private
            | Metric::PageTables
            | Metric::PeakRss
            | Metric::CgroupPeak
            | Metric::ModuleBytes
            | Metric::ArtefactBytes
            | Metric::RunnerBytes
            | Metric::TransferBytes
            | Metric::ArtefactCompressedBytes
            | Metric::TransferCompressedBytes => Unit::Bytes,
            Metric::FileDescriptors | Metric::Errors | Metric::Timeouts | Metric::Instructions => {
                Unit::Count
            }
            Metric::Energy => Unit::Microjoules,
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
    /// Events a second.
    #[serde(rename = "1/s")]
    PerSecond,
    /// Bytes.
    #[serde(rename = "bytes")]
    Bytes,
    /// Whole things.
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
