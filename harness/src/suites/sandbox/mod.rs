//! The suite `sandbox`: what a guest without grants can and cannot do.
//!
//! A trial is one (target, question): it runs one hostile program with a deadline and with limits for memory
//! and CPU time, independent of the target's own limits.
//!
//! # Layout
//!
//! - [`questions`]: the questions, from `workloads/sandbox`
//! - [`host`]: the resources that guests try to access
//! - [`probe`]: runs one question on one target
//! - [`judge`]: derives the answer from how a guest ended

pub mod host;
pub mod judge;
pub mod probe;
pub mod questions;
