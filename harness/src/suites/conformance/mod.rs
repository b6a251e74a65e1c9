//! The specification's tests: which exist, how engines run them, what counts.
//!
//! A trial is one (target, group of scripts) in one adapter process, which is restarted if it dies.
//! Directives are counted here, before any engine runs them.
//!
//! # Layout
//!
//! - [`groups`]: the groups and their scripts, bundled or from a directory
//! - [`drive`]: runs scripts on one adapter, whatever it does
//! - [`judge`]: finds failures outside of a target's claims
//! - [`wasi`]: the tests of WASI preview 1
//! - [`testsuite`]: a checkout of WebAssembly/wasi-testsuite
//! - [`uses`]: which proposals a workload's module uses
//! - [`ratchet`]: checks that earlier passes still pass

pub mod drive;
pub mod groups;
pub mod judge;
pub mod ratchet;
pub mod testsuite;
pub mod uses;
pub mod wasi;
