//! The specification's own tests: which there are, how they are put to an engine, what counts.
//!
//! A trial is one (target, group of scripts) in one process of the adapter, which is started anew
//! when it dies. Directives are counted here, before any engine sees them.
//!
//! # Layout
//!
//! - [`groups`]: the groups and their scripts, brought along or from a directory
//! - [`script`]: one script
//! - [`drive`]: scripts put to one adapter, whatever it does
//! - [`judge`]: which failures are about what a target does not claim
//! - [`wasi`]: the tests of WASI preview 1
//! - [`testsuite`]: a checkout of WebAssembly/wasi-testsuite
//! - [`uses`]: which proposals a workload's module uses
//! - [`ratchet`]: what passed before must pass

pub mod drive;
pub mod groups;
pub mod judge;
pub mod ratchet;
pub mod script;
pub mod testsuite;
pub mod uses;
pub mod wasi;
