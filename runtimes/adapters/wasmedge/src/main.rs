//! Drives WasmEdge for `bench`.
//!
//! # Layout
//!
//! - the library beside this: WasmEdge's C API, owned, and as scripts of the specification need it
//! - `targets`: which configurations are measured, and what the ledger says of each
//! - `engine`: one configuration as a [`plimsoll_adapter::timed::Engine`]
//! - `bin/runner.rs`: one configuration as a process of its own

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
