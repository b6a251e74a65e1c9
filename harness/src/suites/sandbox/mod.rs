//! The suite `sandbox`: what a guest that was granted nothing can and cannot do.
//!
//! A trial is one (target, question): one run of one hostile program under a deadline, bounded in
//! memory and processor time whatever the target does about it.
//!
//! # Layout
//!
//! - [`questions`]: the questions, from `workloads/sandbox`
//! - [`host`]: what the guests try to get at, made for one run
//! - [`probe`]: one question to one target
//! - [`judge`]: which answer an end is

pub mod host;
pub mod judge;
pub mod probe;
pub mod questions;
