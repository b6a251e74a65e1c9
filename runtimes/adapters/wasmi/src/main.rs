//! Drives wasmi for `bench`.
//!
//! # Layout
//!
//! - the library beside this: a WASI command on wasmi
//! - `targets`: what is measured, and what the ledger says of it
//! - `engine`: wasmi as a [`plimsoll_adapter::timed::Engine`]
//! - `specification`: wasmi as a [`plimsoll_adapter::wast::Engine`]
//! - `bin/runner.rs`: wasmi as a process of its own

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
