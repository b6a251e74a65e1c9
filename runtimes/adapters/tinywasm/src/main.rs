//! Adapter for tinywasm.
//!
//! # Layout
//!
//! - the library: runs WASI commands, with the parts of WASI that tinywasm lacks
//! - `targets`: the configuration and its fairness ledger
//! - `engine`: tinywasm as a [`plimsoll_adapter::timed::Engine`]
//! - `specification`: tinywasm as a [`plimsoll_adapter::wast::Engine`]
//! - `bin/runner.rs`: runs tinywasm in its own process

mod engine;
mod specification;
mod targets;

use plimsoll_adapter::in_process::About;

fn about() -> About {
    About {
        adapter: concat!("adapter-tinywasm ", env!("CARGO_PKG_VERSION")),
        engine: "tinywasm",
        engine_version: targets::ENGINE_VERSION.to_owned(),
    }
}

plimsoll_adapter::in_process_main!(about(), targets::ALL, http);
