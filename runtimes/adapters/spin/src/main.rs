//! Drives Fermyon Spin for `bench`: `spin up` of the command that is on PATH.
//!
//! Spin's command is in no registry that this project builds from, so **nobody of this project has run
//! it**: what is here is held against a stand-in that speaks the same command line (`tests/spin.rs` of
//! the end-to-end tests), and the ledger says so.
//!
//! # Layout
//!
//! - `adapter`: the protocol's requests, and the ledger
//! - `command`: which `spin` is on PATH, and whether it is the one that is meant
//! - `up`: `spin up` as a server that `bench` can start and end

mod adapter;
mod command;
mod up;

use std::process::ExitCode;

fn main() -> ExitCode {
    match up::Asked::of_this_process() {
        Some(asked) => up::main(asked),
        None => plimsoll_adapter::serve::main(|| adapter::AdapterSpin(command::on_path())),
    }
}
