//! The common parts of Wasmer's adapters, independent of their compilers.
//!
//! # Layout
//!
//! - `targets`: configurations and their fairness ledgers
//! - `engine`: one configuration as a [`plimsoll_adapter::timed::Engine`]
//! - `connection`: a connection as a guest's standard stream
//! - `specification`: one compiler as a [`plimsoll_adapter::wast::Engine`]
//!
//! The adapter for Cranelift and Singlepass is `main.rs`; the one for LLVM is the package in `llvm/`, because LLVM
//! takes some megabytes of every process that links it.

mod connection;
mod engine;
mod specification;
mod targets;

pub use engine::{Instance, Wasmer};
pub use targets::{Code, Target, about};
