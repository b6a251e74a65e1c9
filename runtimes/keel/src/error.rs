//! Everything that can go wrong, apart by what a caller can do about it.

use crate::artifact::ArtifactError;
use crate::exception::ExnRef;
use crate::trap::{Trap, plain};

/// A result whose error is [`Error`] unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something failed. The process is never left in a state that would forbid going on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no valid module.
    #[error("invalid module at offset {offset:#x}: {message}")]
    Invalid {
        /// Where in the module's bytes.
        offset: u64,
        /// What is wrong there.
        message: String,
    },
    /// The module is valid, but uses something that keel does not have.
    #[error("module uses {0}, which keel does not support")]
    Unsupported(String),
    /// The module is valid, but uses features that the engine's settings switch off.
    #[error("module uses {0}, which this engine has off; switch it on with Config::features")]
    FeatureOff(String),
    /// The text form could not be read.
    #[error("malformed text: {0}")]
    Text(String),
    /// The compiler failed on a function.
    #[error("compiling function {}: {message}", plain(function))]
    Compile {
        /// The function's name, or its index where it has none.
        function: String,
        /// What the compiler said.
        message: String,
    },
    /// The embedder stopped the compilation.
    #[error("compiling was interrupted")]
    Interrupted,
    /// An import has no definition.
    #[error(
        "unknown import: `{}` `{}` is not defined, but the module needs {expected}",
        plain(module),
        plain(name)
    )]
    UnknownImport {
        /// The import's module name.
        module: String,
        /// The import's name.
        name: String,
        /// Its type.
        expected: String,
    },
    /// An import is defined, but as something else.
    #[error(
        "incompatible import type: `{}` `{}` is {found}, but the module needs {expected}",
        plain(module),
        plain(name)
    )]
    IncompatibleImport {
        /// The import's module name.
        module: String,
        /// The import's name.
        name: String,
        /// The type that the module asks for.
        expected: String,
        /// The type of what was given.
        found: String,
    },
    /// A name is defined twice in a linker.
    #[error("`{module}` `{name}` is defined twice; use another name or another linker")]
    DuplicateDefinition {
        /// The module name.
        module: String,
        /// The name in it.
        name: String,
    },
    /// Values given do not have the types that are needed.
    #[error("type mismatch: {0}")]
    Type(String),
    /// An instance has no such export.
    #[error("no export `{name}` of the kind asked for: {found}")]
    UnknownExport {
        /// The name asked for.
        name: String,
        /// What is there instead.
        found: String,
    },
    /// A resource limit was reached.
    #[error("{0}")]
    Limit(String),
    /// WebAssembly code trapped.
    #[error("{0}")]
    Trap(Box<Trap>),
    /// An exception left WebAssembly code that nothing caught. A host function that returns it throws it
    /// again.
    #[error("uncaught exception")]
    Exception(ExnRef),
    /// The guest asked to exit, with this code.
    #[error("guest exited with code {0}")]
    Exit(i32),
    /// An artefact cannot be used.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The operating system refused something.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A host function failed.
    #[error(transparent)]
    Host(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// An error out of a host function, from any error.
    pub fn host(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Host(error.into())
    }

    /// The trap, where it is one.
    pub fn as_trap(&self) -> Option<&Trap> {
        match self {
            Error::Trap(trap) => Some(trap),
            _ => None,
        }
    }
}

impl From<Trap> for Error {
    fn from(trap: Trap) -> Error {
        Error::Trap(Box::new(trap))
    }
}

#[cfg(feature = "compiler")]
impl From<wasmparser::Error> for Error {
    fn from(error: wasmparser::Error) -> Error {
        Error::Invalid {
            offset: error.offset(),
            message: error.message().to_string(),
        }
    }
}
