//! Which rows of a suite stand side by side in a table: said once for the terminal, Markdown and
//! HTML. The columns of the cold-start ladder are its boundaries, and those of load tables are rates:
//! neither needs such a list.

use plimsoll_record::{Boundary, Metric, Suite};

/// One table: a line a target, for every workload that has a row in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// What its columns are of.
    pub title: &'static str,
    /// Its columns, the one that is read first in front.
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
    column("travels", Boundary::OnDisk, Metric::TransferBytes),
    column("as gzip", Boundary::OnDisk, Metric::TransferCompressedBytes),
    column("runs", Boundary::OnDisk, Metric::ArtefactBytes),
    column("as gzip", Boundary::OnDisk, Metric::ArtefactCompressedBytes),
    column("runner", Boundary::OnDisk, Metric::RunnerBytes),
    column("module", Boundary::OnDisk, Metric::ModuleBytes),
];

const TASK: &[Column] = &[
    column("exit", Boundary::L4, Metric::WallTime),
    column("output", Boundary::L3, Metric::WallTime),
    column("cpu", Boundary::L4, Metric::CpuTime),
    column("module", Boundary::OnDisk, Metric::ModuleBytes),
    column("runs", Boundary::OnDisk, Metric::ArtefactBytes),
    column("as gzip", Boundary::OnDisk, Metric::ArtefactCompressedBytes),
];

const COUNT: &[Column] = &[
    column("guest", Boundary::Run, Metric::Instructions),
    column("process", Boundary::L4, Metric::Instructions),
];

/// What a program says of the steps of its own loop: of any suite that runs it from nothing to its end.
pub const TICKS: Table = Table {
    title: "steps of its own loop",
    columns: &[
        column("p50", Boundary::Tick, Metric::P50),
        column("p90", Boundary::Tick, Metric::P90),
        column("p99", Boundary::Tick, Metric::P99),
        column("max", Boundary::Tick, Metric::Max),
    ],
};

/// How those are counted, for people to read.
pub const TICKS_RULE: &str = "Steps of its own loop: the program's, by its own clock, in the run with the L4 \
     above, including the first step. Percentiles of one run's steps; the median over trials.";

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
                title: "one more instance in a host that runs",
                columns: INSTANCE,
            },
            Table {
                title: "one more process or container that waits",
                columns: PROCESS,
            },
        ],
        Suite::Memory => &[
            Table {
                title: "a process or container that waits",
                columns: IDLE,
            },
            Table {
                title: "the most at any moment of a run",
                columns: PEAK,
            },
        ],
        Suite::Size => &[Table {
            title: "bytes at rest",
            columns: REST,
        }],
        Suite::Instructions => &[Table {
            title: "instructions in user mode",
            columns: COUNT,
        }],
        Suite::Languages => &[Table {
            title: "one small task, from nothing to its end",
            columns: TASK,
        }],
    }
}

/// How a suite's figures are counted, for people to read: printed with its tables.
pub fn rule(suite: Suite) -> Option<&'static str> {
    match suite {
        Suite::Serve => Some(
            "Latency is from when a request was due, by a constant rate that waits for nothing, to the last byte \
             of its response. fresh: an instance made for every request; otherwise a connection keeps its \
             instance, or the program serves by itself. most: requests answered right, a second, at whatever \
             rate was offered. zero: nothing running to the last byte of the first response.",
        ),
        Suite::Coldstart | Suite::Throughput => None,
        Suite::Conformance => Some(
            "Share of the directives that are a question to an engine: all but those that only a reader of the text \
             format decides, which no engine is given. What a target does not claim counts and does not pass.",
        ),
        Suite::Sandbox => Some(
            "Each answer was found by trying it; none is better than another, and nothing is added up.",
        ),
        Suite::Density => Some(
            "Each figure is the slope of a line through what all that are alive took, fitted in each trial by least \
             squares; the median over trials. memory: PSS, private pages and a fair share of what is shared, \
             summed over every process that exists because of the instances. tables: page tables, not in memory. \
             time: made, and run to its end or to its waiting. files: open descriptors. idle/s: processor time \
             used in one second while all wait. base: memory of the line at none, there however many are alive.",
        ),
        Suite::Memory => Some(
            "Every target by the same rule. memory: PSS, private pages and a fair share of what is shared, summed over \
             every process that exists because of the instance: the process and what descends from it; for a container \
             all that is inside and its shim. private, rss: likewise, shared pages not at all or in full. tables: page \
             tables, in none of these. daemons: PSS of what serves all containers, itemised and never added. peak: \
             VmHWM of the guest's process as it ends, shared pages and mapped files in full; a shim is not in it. \
             cgroup: the most charged to a control group of its own, with the kernel's memory, without file pages that \
             were in memory before; of a container with what its start took.",
        ),
        Suite::Instructions => Some(
            "Counted by valgrind's callgrind on code compiled for x86-64-v2, which valgrind presents. guest: from the call \
             of _start to its return, with the host calls in between; of a native program its whole process. process: from \
             exec to exit. The kernel, page faults and caches are not in these counts.",
        ),
        Suite::Languages => Some(
            "The same task, the same text, the same output: its words counted. exit: spawn of a process, or create of a \
             container, to its exit observed (L4). output: to its first byte of output (L3), which every program writes \
             before it reads the text: what the language itself takes to start. cpu: processor time of the process up to \
             its exit. module: the .wasm. runs: what the target runs, as in suite size; a script is an input beside it.",
        ),
        Suite::Size => Some(
            "travels: what a host that has nothing must be sent before it can start, what runs and its runner. runs: what \
             the target runs, which is code compiled ahead of time, the .wasm where it is compiled at every start, the \
             stripped static binary, or an image's layers unpacked; input files are in an image and in nothing else. \
             runner: the engine's program as its build leaves it, sent once for all that it runs; shared libraries of \
             the system, a container engine and the kernel are taken to be there. as gzip: each file by itself at \
             gzip's default level, unpacked again and compared.",
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
