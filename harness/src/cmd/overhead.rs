//! `bench doctor --overhead`: measures the harness's own overhead, in comparison with hyperfine.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use plimsoll_adapter::protocol::Launch;
use serde::Deserialize;

use crate::catalog::checkout::Checkout;
use crate::exit::Exit;
use crate::machine::denoise;
use crate::machine::interrupt::Interrupt;
use crate::machine::lock::{MachineLock, WhenHeld};
use crate::process::spawn::Exited;
use crate::run::trial::process::{self, Ended};
use crate::ui::format;

/// The programs to start: one does nothing, one prints a line.
const PROGRAMS: [&str; 2] = ["empty", "hello"];
/// Turns per tool, alternating, so that drift affects both alike.
const TURNS: usize = 60;
/// Processes per turn: few, so that consecutive turns of the two tools see the same machine.
const PER_TURN: usize = 20;
/// Maximum relative difference between the two.
const ALLOWED: f64 = 0.10;

pub(super) fn run(checkout: &Checkout) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::install(denoise::put_files_back)?;
    let _machine = MachineLock::take("overhead", WhenHeld::Wait, &interrupt)?;
    let mut within = true;
    super::print(&format!(
        "{:6} {:>10} {:>13} {:>12} {:>6}\n",
        "", "our L3", "our L4", "hyperfine -N", "ratio"
    ))?;
    for name in PROGRAMS {
        let program = checkout.native_binaries().join(name);
        if !program.exists() {
            bail!("{name} is not built; build it with `scripts/build-workloads --native {name}`");
        }
        let (mut first, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        let mut ratios = Vec::new();
        for _ in 0..TURNS {
            if interrupt.requested() {
                return Ok(Exit::Interrupted);
            }
            let mut their_turn = hyperfine(checkout, &program)?;
            let mut our_turn = Vec::with_capacity(PER_TURN);
            for _ in 0..PER_TURN {
                let (first_byte, exit) = start(checkout, &program, &interrupt)?;
                first.extend(first_byte);
                our_turn.push(exit);
            }
            ratios.push(median(&mut our_turn) / median(&mut their_turn));
            ours.extend(our_turn);
            theirs.extend(their_turn);
        }
        let (ours, theirs) = (median(&mut ours), median(&mut theirs));
        let ratio = median(&mut ratios);
        within &= (ratio - 1.0).abs() <= ALLOWED;
        let first = match first.is_empty() {
            true => "-".to_owned(),
            false => format::nanoseconds(median(&mut first) * 1e9),
        };
        super::print(&format!(
            "{name:6} {first:>10} {:>13} {:>12} {ratio:>6.3}\n",
            format::nanoseconds(ours * 1e9),
            format::nanoseconds(theirs * 1e9),
        ))?;
    }
    super::print(&format!(
        "medians of {} starts each; the ratio is the median over {TURNS} alternating turns;\n\
         the exit of `empty` is its first visible effect\n",
        TURNS * PER_TURN
    ))?;
    Ok(match within {
        true => Exit::Ok,
        false => Exit::Incomplete,
    })
}

/// Seconds to first byte and to exit.
fn start(
    checkout: &Checkout,
    program: &Path,
    interrupt: &Interrupt,
) -> anyhow::Result<(Option<f64>, f64)> {
    let launch = Launch {
        program: program.to_owned(),
        args: Vec::new(),
        env: BTreeMap::new(),
        directory: checkout.root.clone(),
        artefact: program.to_owned(),
        container: None,
    };
    let trial = process::run(&launch, None, 64, Duration::from_secs(10), interrupt)
        .with_context(|| format!("cannot start {}", program.display()))?;
    if trial.ended != Ended::Exited(Exited::Code(0)) {
        bail!(
            "{} did not end as it should: {:?}",
            program.display(),
            trial.ended
        );
    }
    Ok((
        trial.first_byte.map(|first| first.as_secs_f64()),
        trial.exit.as_secs_f64(),
    ))
}

#[derive(Deserialize)]
struct Exported {
    results: Vec<Timed>,
}

#[derive(Deserialize)]
struct Timed {
    times: Vec<f64>,
}

/// Seconds, measured by hyperfine without a shell and with piped output, as in `bench`.
fn hyperfine(checkout: &Checkout, program: &Path) -> anyhow::Result<Vec<f64>> {
    let export = checkout.scratch().with_file_name("hyperfine-overhead.json");
    let status = Command::new("hyperfine")
        // Children inherit the environment and exec copies it; `bench` passes an empty one.
        .env_clear()
        .args(["-N", "--style", "none", "--output", "pipe", "--runs"])
        .arg(PER_TURN.to_string())
        .arg("--export-json")
        .arg(&export)
        .arg(program)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("cannot start hyperfine; install it with `apt-get install hyperfine` or `cargo install hyperfine`")?;
    if !status.success() {
        bail!("hyperfine -N {} failed: {status}", program.display());
    }
    let text = std::fs::read(&export)?;
    let _ = std::fs::remove_file(&export);
    let exported: Exported = serde_json::from_slice(&text).context("hyperfine's export")?;
    Ok(exported
        .results
        .into_iter()
        .flat_map(|timed| timed.times)
        .collect())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
