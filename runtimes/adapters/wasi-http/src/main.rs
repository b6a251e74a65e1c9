//! Adapter that serves wasi:http/proxy components on Wasmtime the way Fermyon Spin and `wasmtime serve` do.
//!
//! # Layout
//!
//! - `targets`: targets and their fairness ledgers
//! - `adapter`: protocol requests
//! - `engine`: Wasmtime as either configures it
//! - `command`: the command line of a server process
//! - `server`: the HTTP server
//! - `workers`: the instances of `wasmtime serve`

mod adapter;
mod command;
mod engine;
mod server;
mod targets;
mod workers;

use std::process::ExitCode;

fn main() -> ExitCode {
    match command::Asked::of_this_process() {
        Some(asked) => server::main(asked),
        None => plimsoll_adapter::serve::main(|| adapter::WasiHttp),
    }
}
