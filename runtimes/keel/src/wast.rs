//! Runs the specification's `.wast` scripts over the embedding API, as any embedder would.

mod script;
mod spectest;
mod values;

pub use script::{Failure, Outcome, run};
