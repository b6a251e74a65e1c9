//! The command line: what can be asked, and how `--help` says it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

const READING: &str = "\
How to read the ladder: each column is a boundary, a place where a clock starts and stops. \
L0 to L2 are a platform that is already running; L3 to L6 start from nothing. Compare targets \
within a column, never across.

Exit codes: 0 held, 1 regression, 2 usage, 3 something could not be measured or the run was \
interrupted.";

/// Measures what WebAssembly on the server costs beside containers and native code.
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

/// What `bench` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what can run here, what cannot, and the one command that would change that
    Doctor(Doctor),
    /// Build adapters and native workloads
    Setup(Setup),
    /// List what can be asked for
    List(List),
    /// Measure
    Run(Run),
    /// Show a recorded run
    Report(Report),
    /// Hold one run against another: ratios with intervals
    Compare(Compare),
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
    /// Measure the harness's own share: our L4 of native programs beside `hyperfine -N` of the
    /// same programs, interleaved
    #[arg(long)]
    pub overhead: bool,
}

/// Arguments of `bench setup`.
#[derive(Debug, Args)]
pub struct Setup {
    /// Adapters or targets, as globs; without any, the default set
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Everything that can be set up here
    #[arg(long, conflicts_with = "targets")]
    pub all: bool,
}

/// Arguments of `bench list`.
#[derive(Debug, Args)]
pub struct List {
    /// What to list
    pub what: Listed,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

/// What `bench list` lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// Every target, and whether it can run here.
    Targets,
    /// Every workload.
    Workloads,
    /// Every suite.
    Suites,
}

/// Arguments of `bench run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The question: see `bench list suites`
    #[arg(long, value_name = "SUITE", required_unless_present = "resume")]
    pub suite: Option<String>,
    /// Targets, as globs (repeatable); without any, the default set and what else is set up
    #[arg(long = "target", value_name = "GLOB")]
    pub targets: Vec<String>,
    /// Workloads, as globs (repeatable); without any, what the suite says. In the suite `conformance`
    /// they are groups of tests
    #[arg(long = "workload", value_name = "GLOB")]
    pub workloads: Vec<String>,
    /// Fresh processes for each target, workload and step, instead of what the suite says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub trials: Option<u32>,
    /// The smallest honest run
    #[arg(long)]
    pub quick: bool,
    /// Hold noise down where this machine lets it: one processor for what is measured, priority,
    /// address space layout, clock speed. Says what it set and what not, and undoes it at the end
    #[arg(long)]
    pub denoise: bool,
    /// Seed of the order of trials and of the bootstrap; drawn and recorded if not given
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Where to record the run, instead of results/<utc time>-<suite>; results/latest then stays
    /// as it is
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Continue an interrupted run: trials that have an outcome are kept
    #[arg(long, value_name = "DIR", conflicts_with_all = ["suite", "targets", "workloads", "trials", "quick", "denoise", "seed", "out"])]
    pub resume: Option<PathBuf>,
    /// Seconds after which a trial is killed and recorded as failed, instead of what the suite says
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub deadline: Option<u64>,
    /// Memory that all that is alive at once may take, for the suite `density`: bytes, or a number
    /// with k, M or G (1024); without it a quarter of what the machine has to give
    #[arg(long, value_name = "BYTES", value_parser = bytes, conflicts_with = "resume")]
    pub memory_budget: Option<u64>,
    /// Where the specification's tests are, for the suite `conformance`: a checkout of the specification
    /// or of its testsuite, instead of the tests that bench brings along
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub spec_dir: Option<PathBuf>,
    /// Record what the suite `conformance` finds passing as what must pass from now on
    #[arg(long, conflicts_with = "spec_dir")]
    pub record_passes: bool,
    /// If another run is measuring on this machine, wait for it instead of giving up
    #[arg(long)]
    pub wait: bool,
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
    /// The deadline that was asked for.
    pub fn asked_deadline(&self) -> Option<Duration> {
        self.deadline.map(Duration::from_secs)
    }
}

/// Arguments of `bench report`.
#[derive(Debug, Args)]
pub struct Report {
    /// Run directories; without any, results/latest
    #[arg(value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// One self-contained offline file (default: report.html in the run's directory)
    #[arg(long, value_name = "FILE", num_args = 0..=1, group = "format")]
    pub html: Option<Option<PathBuf>>,
    /// Tables in Markdown, on standard output
    #[arg(long, group = "format")]
    pub markdown: bool,
    /// Rows for programs, schema plimsoll.report/1, on standard output
    #[arg(long, group = "format")]
    pub json: bool,
    /// The same rows as CSV, on standard output
    #[arg(long, group = "format")]
    pub csv: bool,
    /// A badge (SVG) with what a target passes of the specification, on standard output: of a run of
    /// the suite `conformance`
    #[arg(long, value_name = "TARGET", group = "format")]
    pub badge: Option<String>,
}

/// Arguments of `bench compare`.
#[derive(Debug, Args)]
pub struct Compare {
    /// The run that is held against
    pub base: PathBuf,
    /// The run that is looked at
    pub candidate: PathBuf,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

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
