//! The command line and its help.

mod bundle;
pub mod fleet;
pub mod site;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use bundle::Bundle;

const READING: &str = "\
How to read the ladder: each column is a boundary, a place where a clock starts and stops. \
L0 to L2 are a platform that is already running; L3 to L6 start from nothing. Compare targets \
within a column, never across.

Exit codes: 0 success, 1 regression, 2 usage, 3 something could not be measured or the run was \
interrupted.";

/// Heading of the options for the user's own program.
const OWN: &str = "A program of your own";

/// Measures the cost of WebAssembly on the server, in comparison with containers and native code.
#[derive(Debug, Parser)]
#[command(name = "bench", version, after_help = READING, max_term_width = 100)]
pub struct Cli {
    /// When to use colour; NO_COLOR is honoured
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands of `bench`.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one value per process")]
pub enum Command {
    /// Show what can run on this machine, what cannot, and the command that would change that
    Doctor(Doctor),
    /// Build adapters and native workloads
    Setup(Setup),
    /// List targets, workloads, suites or metrics
    List(List),
    /// Measure, and record the run
    Run(Box<Run>),
    /// Show recorded runs, with verdicts on published claims
    Report(Report),
    /// Make a static site of recorded runs
    Site(site::Site),
    /// Compare runs: ratios with intervals
    Compare(Compare),
    /// Measure base and head side by side; fail if head is worse
    Gate(Gate),
    /// Show how rows changed from run to run, and export them
    History(History),
    /// Measure on several machines at once, started by a scheduler
    #[command(subcommand)]
    Fleet(fleet::Fleet),
    /// Write one archive that runs without Rust, this checkout or a network
    Bundle(Bundle),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page (roff)
    Man,
}

/// Arguments of `bench doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Measure the harness's own overhead: L4 of native programs, alternating with `hyperfine -N` on the same
    /// programs
    #[arg(long)]
    pub overhead: bool,
}

/// Arguments of `bench setup`.
#[derive(Debug, Args)]
pub struct Setup {
    /// Adapters or targets, as globs [default: the default set]
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Everything that this machine can have
    #[arg(long, conflicts_with = "targets")]
    pub all: bool,
    /// With --all: only adapters that take at most this many minutes to set up
    #[arg(long, value_name = "N", requires = "all")]
    pub minutes: Option<u32>,
}

/// Arguments of `bench list`.
#[derive(Debug, Args)]
pub struct List {
    /// What to list
    pub what: Listed,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// The tables of `bench list`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// Every target, and whether it can run here.
    Targets,
    /// Every workload.
    Workloads,
    /// Every suite.
    Suites,
    /// Every metric, with its unit.
    Metrics,
}

/// Arguments of `bench run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The suite: see `bench list suites` [default with --wasm: coldstart]
    #[arg(long, value_name = "SUITE", required_unless_present_any = ["resume", "wasm"])]
    pub suite: Option<String>,
    /// Targets, as globs (repeatable) [default: the default set, and others that are set up]
    #[arg(long = "target", value_name = "GLOB")]
    pub targets: Vec<String>,
    /// Workloads, as globs (repeatable) [default: the suite's]. In the suite `conformance`, groups
    /// of tests
    #[arg(long = "workload", value_name = "GLOB")]
    pub workloads: Vec<String>,
    /// Trials (fresh processes) per target, workload and step [default: the suite's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub trials: Option<u32>,
    /// Fewer trials, workloads and targets
    #[arg(long)]
    pub quick: bool,
    /// Print the plan and an estimate of its time; measure nothing
    #[arg(long, conflicts_with_all = ["resume", "out", "denoise", "record_passes"])]
    pub list: bool,
    /// With --list: print JSON
    #[arg(long, requires = "list")]
    pub json: bool,
    /// Reduce noise where permitted: pin the benchmark to one CPU, raise priority, disable ASLR,
    /// fix the clock. Prints what it changed, and restores it at the end
    #[arg(long)]
    pub denoise: bool,
    /// Seed of the order of trials and of the bootstrap [default: random, recorded]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Where to record the run [default: results/<utc time>-<suite>, with results/latest pointing
    /// to it]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Continue an interrupted run; finished trials are kept
    #[arg(long, value_name = "DIR", conflicts_with_all = ["suite", "targets", "workloads", "trials", "quick", "denoise", "seed", "out"])]
    pub resume: Option<PathBuf>,
    /// Seconds after which a trial is killed and recorded as failed [default: the suite's]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub deadline: Option<u64>,
    /// Memory limit for everything alive at once in the suite `density`: bytes, or a number with k,
    /// M or G (1024) [default: a quarter of the available memory]
    #[arg(long, value_name = "BYTES", value_parser = bytes, conflicts_with = "resume")]
    pub memory_budget: Option<u64>,
    /// The specification's tests for the suite `conformance`: a checkout of the specification or of
    /// its testsuite [default: bundled with bench]
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub spec_dir: Option<PathBuf>,
    /// A checkout of WebAssembly/wasi-testsuite; the suite `conformance` then runs its tests of WASI
    /// preview 1 too. Nothing is downloaded
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub wasi_testsuite: Option<PathBuf>,
    /// Record what passes in the suite `conformance`; later runs must pass at least as much
    #[arg(long, conflicts_with = "spec_dir")]
    pub record_passes: bool,
    /// Wait if another run is measuring on this machine, instead of failing
    #[arg(long)]
    pub wait: bool,
    /// Measure your own program instead of the workloads: a WASI command, as .wasm. Its output must be the
    /// same on every target and every time
    #[arg(long, value_name = "FILE", conflicts_with_all = ["workloads", "resume"], help_heading = OWN)]
    pub wasm: Option<PathBuf>,
    /// The same program as a static Linux binary, for native code and containers
    #[arg(long, value_name = "FILE", requires = "wasm", help_heading = OWN)]
    pub native: Option<PathBuf>,
    /// The same program as an image in the container engine
    #[arg(long, value_name = "NAME", requires = "wasm", conflicts_with = "native", help_heading = OWN)]
    pub image: Option<String>,
    /// The folder that it runs in and may read [default: an empty one]
    #[arg(long, value_name = "DIR", requires = "wasm", help_heading = OWN)]
    pub input: Option<PathBuf>,
    /// Its standard input [default: /dev/null]; measures only processes that bench starts itself
    #[arg(long, value_name = "FILE", requires = "wasm", help_heading = OWN)]
    pub stdin: Option<PathBuf>,
    /// A variable of its environment (repeatable); nothing is inherited
    #[arg(long, value_name = "NAME=VALUE", requires = "wasm", help_heading = OWN)]
    pub env: Vec<String>,
    /// A shell command to run before every trial, outside the clock, in the folder of --input or else
    /// the current one
    #[arg(long, value_name = "COMMAND", requires = "wasm", help_heading = OWN)]
    pub prepare: Option<String>,
    /// A parameter and its values (repeatable), with one row per value; {size} stands for the value in
    /// arguments, --env and --prepare
    #[arg(long = "param", value_name = "NAME=A,B,...", requires = "wasm", help_heading = OWN)]
    pub params: Vec<String>,
    /// Its arguments
    #[arg(last = true, value_name = "ARG", requires = "wasm", help_heading = OWN)]
    pub args: Vec<String>,
}

/// A number of bytes: `1048576`, `1024k`, `512M`, `2G`.
fn bytes(text: &str) -> Result<u64, String> {
    let (number, shift) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'm' | 'M')) => (&text[..at], 20),
        Some((at, 'g' | 'G')) => (&text[..at], 30),
        _ => (text, 0),
    };
    let number: Option<u64> = number.parse().ok();
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "give a number of bytes, as 1048576, 1024k, 512M or 2G".to_owned())
}

impl Run {
    /// The time limit of a trial from the command line.
    pub fn requested_deadline(&self) -> Option<Duration> {
        self.deadline.map(Duration::from_secs)
    }
}

/// Arguments of `bench report`.
#[derive(Debug, Args)]
pub struct Report {
    /// Run directories, of one suite or several [default: results/latest]
    #[arg(value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Write one self-contained HTML file [default: report.html in the run directory]
    #[arg(long, value_name = "FILE", num_args = 0..=1, group = "format")]
    pub html: Option<Option<PathBuf>>,
    /// With --html: open the file in the desktop's browser
    #[arg(long, requires = "html")]
    pub open: bool,
    /// Print tables in Markdown
    #[arg(long, group = "format")]
    pub markdown: bool,
    /// Print the rows as JSON, schema plimsoll.report/1
    #[arg(long, group = "format")]
    pub json: bool,
    /// Print the rows as CSV
    #[arg(long, group = "format")]
    pub csv: bool,
    /// Print a badge (SVG) with the share of the specification's tests that a target passes, from a
    /// run of the suite `conformance`
    #[arg(long, value_name = "TARGET", group = "format")]
    pub badge: Option<String>,
    /// Write latencies under load for other tools: per target and rate a percentile distribution (.hgrm) and
    /// a series per second (.csv)
    #[arg(long, value_name = "DIR", group = "format")]
    pub hgrm: Option<PathBuf>,
    /// A table of published claims (TOML, like reports/claims.toml) [default: bundled with bench]
    #[arg(long, value_name = "FILE")]
    pub claims: Option<PathBuf>,
    /// With --html: what a machine costs (TOML, like reports/prices.toml) [default: an example]
    #[arg(long, value_name = "FILE", requires = "html")]
    pub prices: Option<PathBuf>,
    /// Only these targets of the runs, as globs (repeatable)
    #[arg(long = "target", value_name = "GLOB")]
    pub targets: Vec<String>,
    /// Only these workloads of the runs, as globs (repeatable)
    #[arg(long = "workload", value_name = "GLOB")]
    pub workloads: Vec<String>,
}

const COMPARING: &str = "\
How to read it: a row is faster or slower only if the 95 % interval of its ratio, widened by what two \
runs differ by here, leaves out 1, and a corrected test agrees. Rows without a ratio are listed with \
the reason.

Exit codes: 0 compared, 1 what --fail-on names was found, 2 usage, 3 nothing could be compared.";

/// Arguments of `bench compare`.
#[derive(Debug, Args)]
#[command(after_help = COMPARING)]
pub struct Compare {
    /// Run directories: the base and one or more candidates; with --base, candidates only
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<PathBuf>,
    /// The run to compare the others with [default: the first]
    #[arg(long, value_name = "RUN")]
    pub base: Option<PathBuf>,
    /// Exit 1 if the comparison shows this
    #[arg(long, value_name = "WHAT")]
    pub fail_on: Option<FailOn>,
    /// Print JSON, schema plimsoll.comparison/1; an array for several candidates
    #[arg(long)]
    pub json: bool,
}

/// The findings that make `bench compare` exit with 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// A row that is slower or higher, or that a candidate lacks.
    Regression,
    /// Any row that differs, or that one side lacks.
    Any,
}

const GATING: &str = "\
How to read it: a timed row fails only if the 95 % interval of head over base lies beyond both the \
threshold and the noise that base against base showed in the same job, and a second, independent \
measurement shows the same. What does not vary (sizes, counted instructions) fails at once, and so \
does a row that head lost. `detects` is the smallest slowdown that the row would have shown in 80 % \
of all cases. A row that is too noisy is inconclusive. Every row of a baseline gets a verdict.

Exit codes: 0 no regression (inconclusive rows only warn), 1 regression or lost rows, 2 usage, \
3 inconclusive under --strict, or rows that could not be judged or measured.";

/// Arguments of `bench gate`.
#[derive(Debug, Args)]
#[command(after_help = GATING)]
pub struct Gate {
    /// Base: a checkout, a build directory (as target/), an adapter's program, or a .wasm: of the one
    /// --workload, or without one of your own program [default without --base-ref: this checkout]
    #[arg(long, value_name = "PATH", conflicts_with = "base_ref")]
    pub base: Option<PathBuf>,
    /// Base: a commit of this repository, built in its own work tree
    #[arg(long, value_name = "GITREF")]
    pub base_ref: Option<String>,
    /// Head, as --base [default: this checkout]
    #[arg(long, value_name = "PATH")]
    pub head: Option<PathBuf>,
    /// Targets, as globs (repeatable)
    #[arg(
        long = "target",
        value_name = "GLOB",
        required_unless_present = "candidate"
    )]
    pub targets: Vec<String>,
    /// Workloads, as globs (repeatable) [default: those of the suites]
    #[arg(long = "workload", value_name = "GLOB")]
    pub workloads: Vec<String>,
    /// Suites (repeatable) [default: coldstart, memory and size, and conformance unless workloads or a program are
    /// named]
    #[arg(long = "suite", value_name = "SUITE")]
    pub suites: Vec<String>,
    /// A recorded run to compare head with as well. Sizes and counts are judged always, times only if
    /// machine, conditions, engine and program are the same
    #[arg(long, value_name = "RUN")]
    pub baseline: Option<PathBuf>,
    /// Measure nothing: compare this recorded run with the baseline
    #[arg(long, value_name = "RUN", requires = "baseline", conflicts_with_all = ["base", "base_ref", "head", "targets", "workloads", "suites", "blocks"])]
    pub candidate: Option<PathBuf>,
    /// Smaller slowdowns never fail
    #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "2%")]
    pub threshold: f64,
    /// A row holds only if a slowdown of this size is ruled out
    #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "5%")]
    pub detect: f64,
    /// Allowed growth of files and peak memory; at most 0.5 % for counted instructions
    #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "1%")]
    pub growth: f64,
    /// Blocks per measurement [default: the suite's]; fewer than 8 are never conclusive
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub blocks: Option<u32>,
    /// Seconds after which the measurement of a suite starts no further block
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub budget: u64,
    /// Exit 3 if a row is inconclusive
    #[arg(long)]
    pub strict: bool,
    /// Reduce noise, like `bench run --denoise`
    #[arg(long)]
    pub denoise: bool,
    /// Seed of the order of trials and of the bootstrap [default: random, recorded]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Where to record the gate [default: results/<utc time>-gate]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print the report as JSON, schema plimsoll.gate/1, instead of the summary
    #[arg(long)]
    pub json: bool,
    /// Write the report as Markdown, short enough for a comment on a pull request; without FILE, print
    /// it instead of the summary
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub markdown: Option<Option<PathBuf>>,
    /// Write the report as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Wait if another run is measuring on this machine, instead of failing
    #[arg(long)]
    pub wait: bool,
    /// Base of your own program, as an image in the container engine
    #[arg(long, value_name = "NAME", requires = "head_image", help_heading = OWN)]
    pub base_image: Option<String>,
    /// Head, as --base-image. It must have the same output as base
    #[arg(long, value_name = "NAME", requires = "base_image", help_heading = OWN)]
    pub head_image: Option<String>,
    /// Base as a static Linux binary too, for native code and containers
    #[arg(long, value_name = "FILE", requires_all = ["base", "head_native"], conflicts_with = "base_image", help_heading = OWN)]
    pub base_native: Option<PathBuf>,
    /// Head, as --base-native
    #[arg(long, value_name = "FILE", requires_all = ["head", "base_native"], conflicts_with = "head_image", help_heading = OWN)]
    pub head_native: Option<PathBuf>,
    /// The folder that the program runs in and may read [default: an empty one]
    #[arg(long, value_name = "DIR", help_heading = OWN)]
    pub input: Option<PathBuf>,
    /// Its arguments
    #[arg(last = true, value_name = "ARG", help_heading = OWN)]
    pub args: Vec<String>,
}

/// A share of 1: `5%`, `0.5%`, or `5`, which means `5%`.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let share = number.parse::<f64>().ok().map(|percent| percent / 100.0);
    share
        .filter(|share| (0.0..=10.0).contains(share))
        .ok_or_else(|| "give a percentage from 0% to 1000%, as 5% or 0.5%".to_owned())
}

/// Arguments of `bench history`.
#[derive(Debug, Args)]
pub struct History {
    /// The folder with run directories [default: results/]
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Targets, as globs (repeatable)
    #[arg(long = "target", value_name = "GLOB")]
    pub targets: Vec<String>,
    /// Workloads, as globs (repeatable)
    #[arg(long = "workload", value_name = "GLOB")]
    pub workloads: Vec<String>,
    /// Suites (repeatable)
    #[arg(long = "suite", value_name = "SUITE")]
    pub suites: Vec<String>,
    /// The machine to show, as a glob over its description ("2 × AMD EPYC, 23.5 GiB") [default: the newest
    /// run's]
    #[arg(long, value_name = "GLOB")]
    pub machine: Option<String>,
    /// List every run of every series instead of one line per series
    #[arg(long, conflicts_with = "export")]
    pub runs: bool,
    /// Print the rows of the newest run of each suite for a dashboard
    #[arg(long, value_name = "FORMAT")]
    pub export: Option<Export>,
    /// Analyse every run again, and ignore cached analyses
    #[arg(long)]
    pub rebuild: bool,
}

/// The formats of `bench history --export`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Export {
    /// Bencher Metric Format, for Bencher's adapter `json`.
    Bmf,
    /// The array that github-action-benchmark reads as customSmallerIsBetter.
    GithubActionBenchmark,
    /// The array for customBiggerIsBetter, with metrics where more is better.
    GithubActionBenchmarkBigger,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage() {
        assert_eq!(percent("5%"), Ok(0.05));
        assert_eq!(percent("0.5"), Ok(0.005));
        for wrong in ["", "%", "-1%", "x", "nan", "1001%"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_size_is_bytes_or_has_a_binary_suffix() {
        assert_eq!(bytes("4096"), Ok(4096));
        assert_eq!(bytes("64M"), Ok(64 << 20));
        assert_eq!(bytes("2g"), Ok(2 << 30));
        for wrong in ["", "M", "0", "-1", "1.5G", "64MB", "99999999999G", "1é"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
