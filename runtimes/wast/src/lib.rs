//! Runs the specification's test scripts (`.wast`) on any engine.
//!
//! An engine implements [`Engine`]; this crate interprets directives and decides whether they pass. A directive passes
//! if the engine does *what* the script says. An engine may word a rejection or trap differently: [`Outcome::Passed`]
//! reports the difference, and the caller decides whether it matters.
//!
//! # Layout
//!
//! - [`forms`]: splits a script into directives, so that an unreadable one affects only itself
//! - [`value`]: arguments, and comparison of results with expectations
//! - [`spectest`]: the host module that scripts import from, as a table
//! - [`outcome`]: results of directives
//! - `executor`: runs one script, directive by directive; `threads`: its `thread` and `wait`
//! - [`module`]: encodes the modules of directives
//! - [`scripts`]: scripts that the published collection lacks

mod executor;
pub mod forms;
pub mod module;
pub mod outcome;
pub mod scripts;
pub mod spectest;
mod threads;
pub mod value;

pub use executor::{Selection, run};
pub use outcome::{Differs, Outcome};
pub use value::{Null, Ref, Value};

/// An engine that can run scripts. Imports resolve to registered instances and to the host module [`spectest`], which
/// the engine provides from the start.
pub trait Engine {
    /// A validated module.
    type Module;
    /// An instance, which lives as long as the engine.
    type Instance: Clone;

    /// Validates and compiles a binary module.
    ///
    /// # Errors
    /// The engine's error for a module that it rejects.
    fn compile(&mut self, wasm: &[u8]) -> Result<Self::Module, String>;

    /// Creates an instance and runs its start function.
    ///
    /// # Errors
    /// [`Fault::Link`] if imports do not match, [`Fault::Trap`] if the start function traps.
    fn instantiate(&mut self, module: &Self::Module) -> Result<Self::Instance, Fault>;

    /// Makes the exports of an instance importable as `name`, replacing any earlier registration.
    ///
    /// # Errors
    /// The engine's error.
    fn register(&mut self, name: &str, instance: &Self::Instance) -> Result<(), Fault>;

    /// Calls an exported function.
    ///
    /// # Errors
    /// [`Fault::Trap`] or [`Fault::Exception`] if the guest traps or throws.
    fn invoke(
        &mut self,
        instance: &Self::Instance,
        function: &str,
        arguments: &[Value],
    ) -> Result<Vec<Value>, Fault>;

    /// Reads an exported global.
    ///
    /// # Errors
    /// [`Fault::Other`] if there is none.
    fn global(&mut self, instance: &Self::Instance, name: &str) -> Result<Value, Fault>;

    /// Prepares an engine for a thread of the script, which can access only `shared`.
    ///
    /// # Errors
    /// [`Fault::Other`] if this engine cannot run a script in several threads.
    fn thread(&mut self, _shared: Option<&Self::Instance>) -> Result<Enter<Self>, Fault>
    where
        Self: Sized,
    {
        Err(Fault::Other(
            "this engine runs a script in one thread only".to_owned(),
        ))
    }
}

/// Called in the new thread: creates its engine and returns the shared instance in it.
pub type Enter<E> = Box<dyn FnOnce() -> Result<(E, Option<<E as Engine>::Instance>), Fault> + Send>;

/// Why an engine operation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The guest trapped, for example by exhausting the stack.
    #[error("trap: {0}")]
    Trap(String),
    /// The guest threw an exception that it did not catch.
    #[error("exception: {0}")]
    Exception(String),
    /// Imports are missing or have the wrong type.
    #[error("link: {0}")]
    Link(String),
    /// Any other failure.
    #[error("{0}")]
    Other(String),
}
