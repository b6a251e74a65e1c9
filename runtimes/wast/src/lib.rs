//! Carries out the specification's test scripts (`.wast`) on any engine.
//!
//! An engine implements [`Engine`]; this crate decides what a directive means and whether it passed.
//! A directive passes if the engine does *what* the script says. An engine may word a refusal or a trap
//! in its own way: [`Outcome::Passed`] carries the difference, and the caller decides what it is worth.
//!
//! # Layout
//!
//! - [`forms`]: a script cut into its directives, so that one that cannot be read costs only itself
//! - [`value`]: arguments, and results held against what a script expects
//! - [`spectest`]: the host module that scripts import from, as a table
//! - [`outcome`]: what became of a directive
//! - `executor`: one script, directive by directive; `threads`: its `thread` and `wait`
//! - [`module`]: the modules of directives, in binary
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

/// An engine as scripts need it. Imports are found among what was registered and the host module
/// `spectest` ([`spectest`] says what is in it), which the engine has from the start.
pub trait Engine {
    /// A module that was found valid.
    type Module;
    /// An instance, which stays alive as long as the engine.
    type Instance: Clone;

    /// Validates and compiles a module in binary.
    ///
    /// # Errors
    /// What the engine says of a module that it refuses.
    fn compile(&mut self, wasm: &[u8]) -> Result<Self::Module, String>;

    /// Makes an instance and runs its start function.
    ///
    /// # Errors
    /// [`Fault::Link`] for imports that do not fit, [`Fault::Trap`] for what it traps at.
    fn instantiate(&mut self, module: &Self::Module) -> Result<Self::Instance, Fault>;

    /// Makes the exports of an instance importable under `name`, in place of what was so before.
    ///
    /// # Errors
    /// What the engine says.
    fn register(&mut self, name: &str, instance: &Self::Instance) -> Result<(), Fault>;

    /// Calls an exported function.
    ///
    /// # Errors
    /// [`Fault::Trap`] or [`Fault::Exception`] for what comes out of the guest.
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

    /// Prepares an engine for a thread of the script, which sees `shared` and nothing else.
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

/// Called in the new thread: makes its engine there, and gives the shared instance in it.
pub type Enter<E> = Box<dyn FnOnce() -> Result<(E, Option<<E as Engine>::Instance>), Fault> + Send>;

/// Why an engine did not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The guest trapped; an exhausted stack is a trap.
    #[error("trap: {0}")]
    Trap(String),
    /// An exception left the guest.
    #[error("exception: {0}")]
    Exception(String),
    /// Imports are missing or do not fit.
    #[error("link: {0}")]
    Link(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}
