//! Drives tinywasm for `bench`.
//!
//! # Layout
//!
//! - the library beside this: a WASI command on tinywasm, with the part of WASI that tinywasm lacks
//! - `targets`: what is measured, and what the ledger says of it
//! - `engine`: tinywasm as a [`plimsoll_adapter::timed::Engine`]
//! - `specification`: tinywasm as a [`plimsoll_adapter::wast::Engine`]
//! - `bin/runner.rs`: tinywasm as a process of its own

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
