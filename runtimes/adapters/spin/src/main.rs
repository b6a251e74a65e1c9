//! Adapter for Fermyon Spin: `spin up` of the command on PATH.
//!
//! Experimental: Spin's command is in no registry that this project builds from, so it was tested **only against a mock
//! `spin`** (`tests/spin.rs` of the end-to-end tests). The ledger says so.
//!
//! # Layout
//!
//! - `adapter`: protocol requests and the fairness ledger
//! - `command`: finds `spin` on PATH and checks that it is Fermyon's
//! - `up`: runs `spin up` as a server that `bench` can start and end

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
