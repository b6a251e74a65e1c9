//! Adapter for WasmEdge.
//!
//! # Layout
//!
//! - the library: a wrapper around WasmEdge's C API, and its script engine
//! - `targets`: configurations and their fairness ledgers
//! - `engine`: one configuration as a [`plimsoll_adapter::timed::Engine`]
//! - `bin/runner.rs`: runs one configuration in its own process

mod engine;
mod targets;

use plimsoll_adapter::in_process::About;

fn about() -> About {
    About {
        adapter: concat!("adapter-wasmedge ", env!("CARGO_PKG_VERSION")),
        engine: "wasmedge",
        engine_version: adapter_wasmedge::version(),
    }
}

plimsoll_adapter::in_process_main!(about(), targets::ALL, http);
