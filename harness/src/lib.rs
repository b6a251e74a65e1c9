//! `bench`: measures the cost of WebAssembly on the server, in comparison with containers and native code.
//!
//! Nothing here names an engine: an engine is a row of `runtimes/targets.toml` and a program
//! that speaks the protocol.
//!
//! # Layout, in the order of the flow
//!
//! - [`cli`], [`cmd`]: arguments, one file per command
//! - [`catalog`]: targets, workloads and suites, and the selection by a command line
//! - [`machine`]: description, preflight, noise, lock and signals
//! - [`process`]: starts and supervises processes
//! - [`run`]: plan, session, trials, load, adapters
//! - [`suites`]: the suites that test behaviour: conformance and sandbox
//! - [`gate`], [`history`]: comparisons, side by side and over time
//! - [`fleet`]: one suite on several machines
//! - [`ui`], [`exit`]: terminal output and exit codes

pub mod catalog;
pub mod cli;
pub mod cmd;
pub mod exit;
pub mod fleet;
pub mod gate;
pub mod history;
pub mod machine;
pub mod process;
pub mod run;
pub mod suites;
pub mod ui;

use std::io;

use anstream::ColorChoice;

use crate::cli::{Cli, Color};
use crate::exit::{Exit, Usage};

/// Runs the command of the command line, and prints a failure on standard error.
pub fn run(cli: Cli) -> Exit {
    match cli.color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
    .write_global();
    match cmd::dispatch(cli.command) {
        Ok(exit) => exit,
        // The reader of our output closed it, as in `bench list targets | head`.
        Err(error) if is_broken_pipe(&error) => Exit::Ok,
        Err(error) => {
            ui::progress::say(&format!(
                "{} {}",
                ui::terminal::styled(ui::terminal::BAD, "error:"),
                describe(&error)
            ));
            match error.is::<Usage>() || error.is::<plimsoll_record::ReadError>() {
                true => Exit::Usage,
                false => Exit::Incomplete,
            }
        }
    }
}

/// The error and its causes, without those that its text already includes.
fn describe(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_was_told_already_is_not_told_again() {
        let cause = io::Error::other("no space left");
        let error = anyhow::Error::new(cause).context("cannot write x: no space left; free some");
        assert_eq!(
            describe(&error.context("the run stopped")),
            "the run stopped: cannot write x: no space left; free some"
        );
        assert_eq!(describe(&anyhow::anyhow!("b").context("a")), "a: b");
    }
}
