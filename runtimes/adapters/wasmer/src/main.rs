//! Drives Wasmer for `bench`.
//!
//! # Layout
//!
//! - `targets`: which configurations are measured, and what the ledger says of each
//! - `engine`: one configuration as a [`plimsoll_adapter::timed::Engine`]
//! - `connection`: a connection as a guest's standard stream
//! - `specification`: one compiler as a [`plimsoll_adapter::wast::Engine`]

mod connection;
mod engine;
mod specification;
mod targets;

use plimsoll_adapter::in_process::About;

use targets::ENGINE_VERSION;

fn about() -> About {
    About {
        adapter: concat!("adapter-wasmer ", env!("CARGO_PKG_VERSION")),
        engine: "wasmer",
        engine_version: ENGINE_VERSION.to_owned(),
    }
}

plimsoll_adapter::in_process_main!(about(), targets::ALL, http);
