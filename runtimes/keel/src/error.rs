//! Errors, grouped by what a caller can do about them.

use crate::artifact::ArtifactError;
use crate::exception::ExnRef;
use crate::trap::{Trap, plain};

/// A result with [`Error`] as the default error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed. No error leaves the process in an unusable state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not a valid module.
    #[error("invalid module at offset {offset:#x}: {message}")]
    Invalid {
        /// The offset in the module's bytes.
        offset: u64,
        /// What is wrong there.
        message: String,
    },
    /// The module is valid, but uses a feature that keel does not support.
    #[error("module uses {0}, which keel does not support")]
    Unsupported(String),
    /// The module is valid, but uses a feature that is disabled in the engine's settings.
    #[error("module uses {0}, which this engine has off; switch it on with Config::features")]
    FeatureOff(String),
    /// The text format could not be parsed.
    #[error("malformed text: {0}")]
    Text(String),
    /// The compiler failed on a function.
    #[error("compiling function {}: {message}", plain(function))]
    Compile {
        /// The function's name, or its index if it has none.
        function: String,
        /// The compiler's message.
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
        /// The type that the module requires.
        expected: String,
    },
    /// An import is defined with an incompatible type.
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
        /// The type that the module requires.
        expected: String,
        /// The type of the definition.
        found: String,
    },
    /// A name is already defined in a linker.
    #[error("`{module}` `{name}` is defined twice; use another name or another linker")]
    DuplicateDefinition {
        /// The module name.
        module: String,
        /// The name in it.
        name: String,
    },
    /// Values have the wrong types.
    #[error("type mismatch: {0}")]
    Type(String),
    /// An instance has no export of this name and kind.
    #[error("no export `{name}` of the kind asked for: {found}")]
    UnknownExport {
        /// The requested name.
        name: String,
        /// What was found instead.
        found: String,
    },
    /// A resource limit was reached.
    #[error("{0}")]
    Limit(String),
    /// WebAssembly code trapped.
    #[error("{0}")]
    Trap(Box<Trap>),
    /// An exception that WebAssembly code did not catch. A host function that returns this error
    /// rethrows it.
    #[error("uncaught exception")]
    Exception(ExnRef),
    /// The guest exited with this code.
    #[error("guest exited with code {0}")]
    Exit(i32),
    /// An artefact was rejected.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// A system call failed.
    #[error("{what}: {source}")]
    System {
        /// The operation that failed.
        what: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// A host function failed.
    #[error(transparent)]
    Host(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps any error of a host function.
    pub fn host(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Host(error.into())
    }

    /// The trap, if this is one.
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
