//! The commands, one file each.

mod bundle;
mod compare;
mod doctor;
mod fleet;
mod gate;
mod history;
mod list;
mod man;
mod overhead;
mod report;
mod resume;
mod run;
mod setup;
mod site;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::CommandFactory;

use crate::catalog::checkout::Checkout;
use crate::cli::{Cli, Command};
use crate::exit::{Exit, Usage};

/// Runs one command.
///
/// # Errors
/// The reason for a failure, for the user to read.
pub fn dispatch(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Doctor(args) => doctor::run(&args),
        Command::Setup(args) => setup::run(&args),
        Command::Bundle(args) => bundle::run(&args),
        Command::List(args) => list::run(&args),
        Command::Run(args) => match &args.resume {
            Some(directory) => resume::run(&args, directory),
            None => run::run(&args),
        },
        Command::Report(args) => report::run(&args),
        Command::Site(args) => site::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Gate(args) => gate::run(&args),
        Command::History(args) => history::run(&args),
        Command::Fleet(args) => fleet::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "bench", &mut script);
            print(&String::from_utf8_lossy(&script))?;
            Ok(Exit::Ok)
        }
        Command::Man => man::run(),
    }
}

/// Writes results to standard output.
fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = anstream::stdout();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// The default run directory.
fn latest(checkout: &Checkout) -> anyhow::Result<PathBuf> {
    let latest = checkout.results().join("latest");
    match latest.canonicalize() {
        Ok(directory) => Ok(directory),
        Err(_) => Err(Usage(format!(
            "no run is recorded in {} yet; `bench run --suite coldstart` makes one",
            checkout.shown(&checkout.results())
        ))
        .into()),
    }
}

/// Atomically points `results/latest` to `directory`.
fn point_latest(checkout: &Checkout, directory: &Path) -> std::io::Result<()> {
    let results = checkout.results();
    std::fs::create_dir_all(&results)?;
    let link = results.join("latest");
    let fresh = results.join(".latest.new");
    let target = directory.canonicalize()?;
    let results = results.canonicalize()?;
    let _ = std::fs::remove_file(&fresh);
    std::os::unix::fs::symlink(target.strip_prefix(&results).unwrap_or(&target), &fresh)?;
    std::fs::rename(fresh, link)
}
