//! How Wasmer and WASIX are set up, said once for the adapters and for the runners that are a
//! process of their own.

mod command;
#[cfg(any(feature = "compilers", feature = "llvm"))]
mod compilers;
mod wasix;

pub use command::run_command;
#[cfg(any(feature = "compilers", feature = "llvm"))]
pub use compilers::{Compiler, Settings, engine, with_features};
pub use wasix::{Host, Ready, exit_code};

/// An engine that carries no compiler, for artefacts.
pub fn headless() -> wasmer::Engine {
    wasmer::sys::EngineBuilder::headless().engine().into()
}
