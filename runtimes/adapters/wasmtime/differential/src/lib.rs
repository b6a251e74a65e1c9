//! Differential tests of keel against Wasmtime: generated modules must behave the same on both.
//!
//! # Layout
//! - [`generate`]: generates a module from a seed
//! - [`mutate`]: mutates modules into equivalent ones
//! - [`process`]: an engine in its own process, built in its own package, that describes a module's behaviour
//! - [`compare`](mod@compare): compares two descriptions
//! - [`corpus`]: stored modules with their behaviour

pub mod compare;
pub mod corpus;
pub mod generate;
pub mod mutate;
pub mod process;

pub use compare::{Comparison, compare};
pub use process::{Engine, Process};
