//! The `bench` command.

use std::process::ExitCode;

use clap::Parser;
use plimsoll::cli::Cli;

fn main() -> ExitCode {
    plimsoll::run(Cli::parse()).into()
}
