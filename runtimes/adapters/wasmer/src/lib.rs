//! Drives Wasmer for `bench`: what its adapters have in common, whichever compilers they carry.
//!
//! # Layout
//!
//! - `targets`: what a configuration is, and what the ledger says of it
//! - `engine`: one configuration as a [`plimsoll_adapter::timed::Engine`]
//! - `connection`: a connection as a guest's standard stream
//! - `specification`: one compiler as a [`plimsoll_adapter::wast::Engine`]
//!
//! The adapter of Cranelift and Singlepass is `main.rs`, that of LLVM is the package in `llvm/`:
//! LLVM takes some megabytes of every process that it is linked into.

mod connection;
mod engine;
mod specification;
mod targets;

pub use engine::{Instance, Wasmer};
pub use targets::{Code, Target, about};
