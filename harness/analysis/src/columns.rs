//! The columns of each suite's tables, shared by terminal, Markdown and HTML. The ladder's columns are
//! boundaries and those of load tables are rates, so they need no list here.

use plimsoll_record::{Boundary, Metric, Suite};

/// One table, with one line per target, for every workload that has a row in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// The subject of its columns.
    pub title: &'static str,
    /// Its columns, the main one first.
    pub columns: &'static [Column],
}

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// At most seven characters.
    pub heading: &'static str,
    /// Where it was measured.
    pub boundary: Boundary,
    /// What was measured.
    pub metric: Metric,
}

const fn column(heading: &'static str, boundary: Boundary, metric: Metric) -> Column {
    Column {
        heading,
        boundary,
        metric,
    }
}

const fn one_more(at: Boundary) -> [Column; 6] {
    [
        column("memory", at, Metric::Pss),
        column("tables", at, Metric::PageTables),
        column("time", at, Metric::WallTime),
        column("files", at, Metric::FileDescriptors),
        column("idle/s", at, Metric::IdleCpu),
        column("base", Boundary::Base, Metric::Pss),
    ]
}

const INSTANCE: &[Column] = &one_more(Boundary::Instance);
const PROCESS: &[Column] = &one_more(Boundary::Process);

const IDLE: &[Column] = &[
    column("memory", Boundary::Idle, Metric::Pss),
    column("private", Boundary::Idle, Metric::Private),
    column("rss", Boundary::Idle, Metric::Rss),
    column("tables", Boundary::Idle, Metric::PageTables),
    column("files", Boundary::Idle, Metric::FileDescriptors),
    column("daemons", Boundary::Daemon, Metric::Pss),
];
const PEAK: &[Column] = &[
    column("peak", Boundary::Peak, Metric::PeakRss),
    column("cgroup", Boundary::Peak, Metric::CgroupPeak),
];

const REST: &[Column] = &[
    column("deploy", Boundary::OnDisk, Metric::TransferBytes),
    column("gzip", Boundary::OnDisk, Metric::TransferCompressedBytes),
    column("file", Boundary::OnDisk, Metric::ArtefactBytes),
    column("gzip", Boundary::OnDisk, Metric::ArtefactCompressedBytes),
    column("runner", Boundary::OnDisk, Metric::RunnerBytes),
    column("module", Boundary::OnDisk, Metric::ModuleBytes),
];

const TASK: &[Column] = &[
    column("exit", Boundary::L4, Metric::WallTime),
    column("output", Boundary::L3, Metric::WallTime),
    column("cpu", Boundary::L4, Metric::CpuTime),
    column("module", Boundary::OnDisk, Metric::ModuleBytes),
    column("file", Boundary::OnDisk, Metric::ArtefactBytes),
    column("gzip", Boundary::OnDisk, Metric::ArtefactCompressedBytes),
];

const COUNT: &[Column] = &[
    column("guest", Boundary::Run, Metric::Instructions),
    column("process", Boundary::L4, Metric::Instructions),
];

const BESIDE: &[Column] = &[
    column("p50", Boundary::Beside, Metric::P50),
    column("p99", Boundary::Beside, Metric::P99),
    column("rnds", Boundary::Beside, Metric::NeighbourRate),
    column("p50/q", Boundary::BesideLimited, Metric::P50),
    column("p99/q", Boundary::BesideLimited, Metric::P99),
    column("rnds/q", Boundary::BesideLimited, Metric::NeighbourRate),
];

/// The steps that a program times itself, in any suite with complete runs.
pub const TICKS: Table = Table {
    title: "the program's own steps",
    columns: &[
        column("p50", Boundary::Tick, Metric::P50),
        column("p90", Boundary::Tick, Metric::P90),
        column("p99", Boundary::Tick, Metric::P99),
        column("max", Boundary::Tick, Metric::Max),
    ],
};

/// The rule for these values, for readers.
pub const TICKS_RULE: &str = "The program times its own steps with its own clock, in the run of L4 above; the \
     first step counts. Percentiles over the steps of one run; medians over trials.";

/// The tables of a suite.
pub fn tables(suite: Suite) -> &'static [Table] {
    match suite {
        Suite::Coldstart
        | Suite::Throughput
        | Suite::Serve
        | Suite::Conformance
        | Suite::Sandbox => &[],
        Suite::Density => &[
            Table {
                title: "one more instance in a running host",
                columns: INSTANCE,
            },
            Table {
                title: "one more waiting process or container",
                columns: PROCESS,
            },
        ],
        Suite::Memory => &[
            Table {
                title: "one waiting process or container",
                columns: IDLE,
            },
            Table {
                title: "peak of one run",
                columns: PEAK,
            },
        ],
        Suite::Size => &[Table {
            title: "bytes on disk",
            columns: REST,
        }],
        Suite::Instructions => &[Table {
            title: "instructions in user mode",
            columns: COUNT,
        }],
        Suite::Neighbours => &[Table {
            title: "a native server's latency beside this neighbour",
            columns: BESIDE,
        }],
        Suite::Languages => &[Table {
            title: "one small task, from start to exit",
            columns: TASK,
        }],
    }
}

/// The rule for a suite's values, for readers; printed with its tables.
pub fn rule(suite: Suite) -> Option<&'static str> {
    match suite {
        Suite::Serve => Some(
            "Latency: from the time at which a request was due, at a constant rate, to the last byte of its response. \
             fresh: a new instance for every request; otherwise a connection keeps its instance, or the program is \
             itself the server. most: the highest number of correct responses per second at any offered rate. zero: \
             from nothing running to the last byte of the first response.",
        ),
        Suite::Coldstart | Suite::Throughput => None,
        Suite::Conformance => Some(
            "Share of the directives that an engine passes. Directives that only test a parser of the text format are \
             left out for every target. Proposals that a target does not claim count as not passed.",
        ),
        Suite::Sandbox => {
            Some("Each answer was found by trying it. There is no ranking and no score.")
        }
        Suite::Density => Some(
            "Each trial fits a line through the totals at each level by least squares; a figure is its slope, the \
             median over trials. memory: PSS (private pages plus a share of shared ones) of every process that exists \
             because of the instances. tables: page tables, not included in memory. time: from creation to the end of \
             the run, or to waiting. files: open descriptors. idle/s: CPU time per second while all wait. base: the \
             fixed part, the line at zero instances.",
        ),
        Suite::Memory => Some(
            "One rule for every target. memory: PSS (private pages plus a share of shared ones) of the process and its \
             descendants; of a container, everything inside it and its shim. private, rss: the same without shared \
             pages, or with all of them. tables: page tables, not included in the others. daemons: PSS of the engine's \
             daemons, which serve all containers; never added. peak: VmHWM of the guest's process at its exit, with \
             shared pages and mapped files in full and without a shim. cgroup: the maximum charged to its own control \
             group, with kernel memory and without file pages that were in memory before; of a container with its start.",
        ),
        Suite::Instructions => Some(
            "Counted by valgrind's callgrind on code compiled for x86-64-v2, the CPU that valgrind presents. guest: from the \
             call of _start to its return, host calls included; of a native program the whole process. process: from \
             exec to exit. The kernel, page faults and caches are not counted.",
        ),
        Suite::Languages => Some(
            "One task, one text, one output: count its words. exit: from spawning a process or creating a container to \
             its exit (L4). output: to its first byte of output (L3), which every program writes before it reads the \
             text, so this is the start of the language itself. cpu: CPU time of the process until it exits. module: \
             the .wasm. file: what the target runs, as in suite size; a script is an input and not included.",
        ),
        Suite::Neighbours => Some(
            "Every target is a neighbour of the same native server, on one processor; requests come from another at a \
             constant rate. p50, p99: latency of the server's responses, from when a request was due. rnds: rounds of \
             work that the neighbour did per second; a workload's notes say what a round is. /q: the neighbour under a \
             quota of a tenth of the processor (10 ms of every 100 ms). neighbour-asleep does nothing: what the others \
             are compared with.",
        ),
        Suite::Size => Some(
            "deploy: what a new host needs, file and runner. file: what the target runs: code compiled ahead of time, the \
             .wasm if it is compiled at every start, the stripped static binary, or an image's layers unpacked. Input \
             files are in an image and in nothing else. runner: the engine's program as built, deployed once for all \
             artefacts. Shared system libraries, the container engine and the kernel are assumed to be there. gzip: each \
             file by itself at gzip's default level, unpacked again and compared.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_fits_into_its_column() {
        for &suite in Suite::ALL {
            for table in tables(suite) {
                assert!(table.columns.iter().all(|column| column.heading.len() <= 7));
                assert!(table.columns.len() <= 6, "{}", table.title);
            }
            assert!(tables(suite).is_empty() || rule(suite).is_some());
        }
    }
}
