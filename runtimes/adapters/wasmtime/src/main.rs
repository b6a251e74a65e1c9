//! Adapter for Wasmtime.
//!
//! # Layout
//!
//! - `targets`: configurations and their fairness ledgers
//! - `engine`: one configuration as a [`plimsoll_adapter::timed::Engine`]

mod engine;
mod specification;
mod targets;

use plimsoll_adapter::in_process::About;

use targets::ENGINE_VERSION;

fn about() -> About {
    About {
        adapter: concat!("adapter-wasmtime ", env!("CARGO_PKG_VERSION")),
        engine: "wasmtime",
        engine_version: ENGINE_VERSION.to_owned(),
    }
}

plimsoll_adapter::in_process_main!(about(), targets::ALL, http);
