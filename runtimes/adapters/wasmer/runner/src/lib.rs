//! How Wasmer and WASIX are set up, said once for the adapter and for the runner that is a
//! process of its own.

#[cfg(feature = "compilers")]
mod compilers;
mod wasix;

#[cfg(feature = "compilers")]
pub use compilers::{Artefact, Compiler, engine};
pub use wasix::{Host, Ready, exit_code};

/// An engine that carries no compiler, for artefacts.
pub fn headless() -> wasmer::Engine {
    wasmer::sys::EngineBuilder::headless().engine().into()
}
