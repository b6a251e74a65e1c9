//! Holds keel against Wasmtime: generated modules must do the same on both.
//!
//! # Layout
//! - [`generate`]: a module from a seed
//! - [`mutate`]: other modules that do what a module does
//! - [`process`]: an engine as a process of its own, built where it is at home, which says what a
//!   module does there
//! - [`compare`](mod@compare): two such texts, held against each other
//! - [`corpus`]: modules that are kept, with what they do

pub mod compare;
pub mod corpus;
pub mod generate;
pub mod mutate;
pub mod process;

pub use compare::{Comparison, compare};
pub use process::{Engine, Process};
