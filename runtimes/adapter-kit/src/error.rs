//! Why an adapter could not do what it was asked.

use std::fmt::Display;

use crate::protocol::Reply;

/// Why an adapter could not do what it was asked. Each kind is a reply of its own, so that
/// `bench` never mistakes a gap for a failure or a failure for a zero.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The target cannot do this, whatever the workload: the row says so and the run goes on.
    #[error("{0}")]
    Unsupported(String),
    /// It was tried and failed: an engine's error, a trap, a missing file.
    #[error("{0}")]
    Failed(String),
    /// It was tried and memory ran out.
    #[error("{0}")]
    OutOfMemory(String),
}

impl Error {
    /// A failure: what was tried (`"compiling json"`), and what the engine said, causes included.
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
