//! The `bench` command.

use std::process::ExitCode;

use plimsoll::cli::Cli;

fn main() -> ExitCode {
    plimsoll::run(Cli::read()).into()
}
