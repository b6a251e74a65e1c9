//! Adapter for wasmi.
//!
//! # Layout
//!
//! - the library: runs WASI commands
//! - `targets`: the configuration and its fairness ledger
//! - `engine`: wasmi as a [`plimsoll_adapter::timed::Engine`]
//! - `specification`: wasmi as a [`plimsoll_adapter::wast::Engine`]
//! - `bin/runner.rs`: runs wasmi in its own process

mod engine;
mod specification;
mod targets;

use plimsoll_adapter::in_process::About;

fn about() -> About {
    About {
        adapter: concat!("adapter-wasmi ", env!("CARGO_PKG_VERSION")),
        engine: "wasmi",
        engine_version: targets::ENGINE_VERSION.to_owned(),
    }
}

plimsoll_adapter::in_process_main!(about(), targets::ALL, http);
