//! `differential`: searches for modules that behave differently on keel and Wasmtime.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use differential::corpus;
use differential::process::is_unanswered;
use differential::{Comparison, Engine, Process, compare};
use differential::{generate, mutate};

/// Searches for modules that behave differently on keel and on Wasmtime.
///
/// A module depends on its seed alone, so `emit` reproduces the module of a reported seed. Each
/// mismatch is written to keel's corpus with Wasmtime's behaviour, and is a test of keel from then
/// on. The exit code is 1 if there was any.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Command {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    search: Search,
}

#[derive(Subcommand)]
enum Task {
    /// Writes the module of a seed to a file.
    Emit {
        /// The seed.
        #[arg(long)]
        seed: u64,
        /// The file to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Records each module's behaviour on Wasmtime beside it, for keel's tests.
    Record {
        /// The modules, `NAME.wasm`; the text goes to `NAME.txt`.
        modules: Vec<PathBuf>,
    },
}

#[derive(Args)]
struct Search {
    /// Duration of the search, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The seed of the first module. Each further module has the next seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Stop after this many modules, mutants included.
    #[arg(long)]
    modules: Option<u64>,
    /// Mutants to compare besides each module.
    #[arg(long, default_value_t = 0)]
    mutants: usize,
    /// The folder for mismatches; keel's corpus by default.
    #[arg(long)]
    corpus: Option<PathBuf>,
}

fn main() -> Result<()> {
    let command = Command::parse();
    match command.task {
        None => search(&command.search),
        Some(Task::Emit { seed, out }) => {
            let wasm =
                generate::module(seed).with_context(|| format!("seed {seed} gives no module"))?;
            std::fs::write(&out, wasm).with_context(|| format!("writing {}", out.display()))
        }
        Some(Task::Record { modules }) => record(&modules),
    }
}

fn search(search: &Search) -> Result<()> {
    let folder = search.corpus.clone().unwrap_or_else(corpus::folder);
    let mut keel = Process::new(Engine::Keel.program()?);
    let mut wasmtime = Process::new(Engine::Wasmtime.program()?);
    let end = Instant::now() + Duration::from_secs(search.seconds);
    let most = search.modules.unwrap_or(u64::MAX);
    let (mut modules, mut calls, mut traps) = (0, 0, 0);
    let (mut mismatches, mut unanswered) = (0, 0);
    let mut seed = search.seed;
    while Instant::now() < end && modules < most {
        let module = generate::module(seed);
        let mutants = module
            .iter()
            .flat_map(|wasm| mutate::mutants(wasm, seed, search.mutants));
        for (i, wasm) in module.iter().cloned().chain(mutants).enumerate() {
            let expected = wasmtime.describe(&wasm)?;
            if is_unanswered(&expected) {
                unanswered += 1;
                continue;
            }
            let comparison = compare(&expected, &keel.describe(&wasm)?);
            modules += 1;
            calls += comparison.calls;
            traps += comparison.traps;
            if comparison.difference.is_some() {
                mismatches += 1;
                let name = match i {
                    0 => format!("mismatch-{seed}"),
                    i => format!("mismatch-{seed}-mutant-{i}"),
                };
                let path = corpus::keep(&folder, &name, &wasm, &expected)?;
                println!("seed {seed}: {}", path.display());
                show(&comparison);
            }
        }
        seed = seed.wrapping_add(1);
    }
    println!(
        "{modules} modules of seeds {}..{seed}, {calls} calls the same on both, {traps} of them \
         traps; {mismatches} modules are not the same; Wasmtime gave no answer in time for {unanswered} more",
        search.seed
    );
    if mismatches > 0 {
        std::process::exit(1);
    }
    Ok(())
}

fn record(modules: &[PathBuf]) -> Result<()> {
    let mut keel = Process::new(Engine::Keel.program()?);
    let mut wasmtime = Process::new(Engine::Wasmtime.program()?);
    for path in modules {
        let wasm = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let expected = wasmtime.describe(&wasm)?;
        let text = path.with_extension("txt");
        std::fs::write(&text, &expected).with_context(|| format!("writing {}", text.display()))?;
        let comparison = compare(&expected, &keel.describe(&wasm)?);
        println!("{}: {} calls", path.display(), comparison.calls);
        show(&comparison);
    }
    Ok(())
}

fn show(comparison: &Comparison) {
    if let Some(difference) = &comparison.difference {
        println!(
            "  line {}, Wasmtime: {}",
            difference.line, difference.expected
        );
        println!("  line {}, keel:     {}", difference.line, difference.found);
    }
}
