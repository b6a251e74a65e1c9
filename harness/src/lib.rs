//! `bench`: measures what WebAssembly on the server costs beside containers and native code.
//!
//! Nothing here names an engine: an engine is a row of `runtimes/targets.toml` and a program
//! that speaks the protocol.
//!
//! # Layout, in the order of the flow
//!
//! - [`cli`], [`cmd`]: what can be asked, one file a command
//! - [`checkout`], [`table`], [`workloads`], [`suite`], [`select`],
//!   [`gather`], [`own`]: what there is to measure
//! - [`environment`], [`preflight`], [`denoise`], [`lock`]: the machine it is measured on
//! - [`plan`]: every trial, in seeded random order
//! - [`conformance`]: the specification's own tests, and how they are put to an engine
//! - [`capabilities`]: what guests try, and which answer an end is
//! - [`session`], [`adapter`], [`trial`]: the plan carried out, each trial recorded as it ends
//! - [`gate`]: base and head measured side by side
//! - [`history`]: runs over time
//! - [`terminal`], [`progress`], [`format`](mod@format), [`exit`]: what a user sees
//! - [`interrupt`], [`tool`]: signals, and programs run in the foreground

pub mod adapter;
pub mod capabilities;
pub mod checkout;
pub mod cli;
pub mod cmd;
pub mod conformance;
pub mod denoise;
pub mod environment;
pub mod exit;
pub mod format;
pub mod gate;
pub mod gather;
pub mod history;
pub mod interrupt;
pub mod load;
pub mod lock;
pub mod own;
pub mod plan;
pub mod preflight;
pub mod progress;
pub mod select;
pub mod session;
pub mod suite;
pub mod table;
pub mod terminal;
pub mod tool;
pub mod trial;
pub mod workloads;

use std::io;

use anstream::ColorChoice;

use crate::cli::{Cli, Color};
use crate::exit::{Exit, Usage};

/// Does what the command line says, and tells a failure on standard error.
pub fn run(cli: Cli) -> Exit {
    match cli.color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
    .write_global();
    match cmd::dispatch(cli.command) {
        Ok(exit) => exit,
        // Whoever read our output has seen enough, `bench list targets | head` for one.
        Err(error) if is_broken_pipe(&error) => Exit::Held,
        Err(error) => {
            progress::say(&format!(
                "{} {}",
                terminal::styled(terminal::BAD, "error:"),
                told(&error)
            ));
            match error.is::<Usage>() || error.is::<plimsoll_record::ReadError>() {
                true => Exit::Usage,
                false => Exit::Incomplete,
            }
        }
    }
}

/// The error and its causes, without a cause that the error before it has told already.
fn told(error: &anyhow::Error) -> String {
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
            told(&error.context("the run stopped")),
            "the run stopped: cannot write x: no space left; free some"
        );
        assert_eq!(told(&anyhow::anyhow!("b").context("a")), "a: b");
    }
}
