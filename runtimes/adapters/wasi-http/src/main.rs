//! Serves components of the world wasi:http/proxy on Wasmtime for `bench`, the way Fermyon Spin does.
//!
//! # Layout
//!
//! - `targets`: what is measured, and what the ledger says of it
//! - `adapter`: the protocol's requests
//! - `engine`: Wasmtime, configured as Spin configures it
//! - `command`: a server's command line
//! - `server`: a server, from its start to the response

mod adapter;
mod command;
mod engine;
mod server;
mod targets;

use std::process::ExitCode;

fn main() -> ExitCode {
    match command::Asked::of_this_process() {
        Some(asked) => server::main(asked),
        None => plimsoll_adapter::serve::main(|| adapter::WasiHttp),
    }
}
