//! Adapter for keel.
//!
//! # Layout
//!
//! - `targets`: configurations and their fairness ledgers
//! - `engine`: keel as a [`plimsoll_adapter::timed::Engine`]

mod engine;
mod specification;
mod targets;

use plimsoll_adapter::in_process::About;

fn about() -> About {
    About {
        adapter: concat!("adapter-keel ", env!("CARGO_PKG_VERSION")),
        engine: "keel",
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

plimsoll_adapter::in_process_main!(about(), targets::ALL, http);
