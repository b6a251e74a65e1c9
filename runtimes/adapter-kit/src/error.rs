//! Errors of an adapter.

use std::fmt::Display;

use crate::protocol::Reply;

/// Why an adapter could not fulfil a request. Each kind has its own reply, so that `bench` never mistakes a gap for a
/// failure or a failure for a zero.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The target cannot do this with this workload; the row says so and the run continues.
    #[error("{0}")]
    Unsupported(String),
    /// The attempt failed: an engine error, a trap, a missing file.
    #[error("{0}")]
    Failed(String),
    /// The attempt ran out of memory.
    #[error("{0}")]
    OutOfMemory(String),
}

impl Error {
    /// A failure: what was tried (`"compiling json"`) and the engine's error with its causes.
    pub fn failed(tried: impl Display, said: impl Display) -> Self {
        Error::Failed(format!("{tried}: {said:#}"))
    }
}

impl From<Error> for Reply {
    fn from(error: Error) -> Self {
        match error {
            Error::Unsupported(reason) => Reply::Unsupported { reason },
            Error::Failed(message) => Reply::Failed {
                message,
                out_of_memory: false,
            },
            Error::OutOfMemory(message) => Reply::Failed {
                message,
                out_of_memory: true,
            },
        }
    }
}
