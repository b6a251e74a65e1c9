//! Configuration of Wasmer and WASIX, shared by the adapters and the runners.

mod command;
#[cfg(any(feature = "compilers", feature = "llvm"))]
mod compilers;
mod wasix;

pub use command::run_command;
#[cfg(any(feature = "compilers", feature = "llvm"))]
pub use compilers::{Compiler, Settings, engine, with_features};
pub use wasix::{Host, Ready, exit_code};

/// An engine without a compiler, which can only load artefacts.
pub fn headless() -> wasmer::Engine {
    wasmer::sys::EngineBuilder::headless().engine().into()
}
