//! The `keel` command.

mod compile;
mod engine;
mod inspect;
mod run;
mod wast;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Compiles and runs WebAssembly.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Args),
    Compile(compile::Args),
    Inspect(inspect::Args),
    Wast(wast::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => run::run(args),
        Command::Compile(args) => compile::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Wast(args) => wast::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        complain(&keel::command::explain(error.as_ref()));
        ExitCode::FAILURE
    })
}

/// Prints an error. A failure to print is ignored: there is nowhere left to report it.
fn complain(message: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "keel: {message}");
}
