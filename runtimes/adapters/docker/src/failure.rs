//! Errors from the engine and its containers.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bollard::errors::Error as EngineError;
use plimsoll_adapter::Error;

// Time limits for the engine's answers. Each is about 100 times what an idle machine needs, so that a busy engine can
// be measured and a hung one is noticed.

/// For information about the engine.
pub(crate) const SAY: Duration = Duration::from_secs(10);
/// For listings.
pub(crate) const LIST: Duration = Duration::from_secs(30);
/// For creating a container and attaching to it.
pub(crate) const CREATE: Duration = Duration::from_secs(60);
/// For a container from start to exit, including the guest's work.
pub(crate) const RUN: Duration = Duration::from_secs(600);
/// For removing a container or image.
pub(crate) const REMOVE: Duration = Duration::from_secs(60);
/// For loading an image.
pub(crate) const LOAD: Duration = Duration::from_secs(300);

/// An error from the engine, a container or an archive.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The engine answered with an error.
    #[error("{doing}: the Docker engine says: {message} (HTTP {status})")]
    Refused {
        /// The operation that failed.
        doing: &'static str,
        /// HTTP status code.
        status: u16,
        /// The engine's message.
        message: String,
    },
    /// The client library cannot parse the engine's answer.
    #[error("{doing}: the Docker engine's answer cannot be read: {source}")]
    Garbled {
        /// The operation that failed.
        doing: &'static str,
        /// The parse error.
        source: EngineError,
    },
    /// The engine stopped answering.
    #[error(
        "{doing}: the Docker engine stopped answering: {}; see that it runs \
         (`scripts/docker-engine status`, `scripts/docker-engine start`)",
        with_causes(source)
    )]
    Lost {
        /// The operation that failed.
        doing: &'static str,
        /// The connection error.
        source: EngineError,
    },
    /// The engine or the guest exceeded a time limit.
    #[error("{doing}: no end after {} s", after.as_secs())]
    Late {
        /// The operation that failed.
        doing: &'static str,
        /// The time limit.
        after: Duration,
    },
    /// The container was created but could not start.
    #[error(
        "the container did not start: {message}; its program must be a static executable for \
         this machine (`scripts/build-workloads --native` builds it)"
    )]
    NotStarted {
        /// The engine's message.
        message: String,
    },
    /// The kernel's OOM killer killed the guest.
    #[error("the container was killed: it ran out of memory")]
    OutOfMemory,
    /// A signal killed the guest, or it exited with such a code: the engine reports both alike.
    #[error(
        "the container ended with status {status}: signal {} ended its program, or the program exited with \
         that code; the engine does not tell which{}",
        status - 128,
        said(stderr)
    )]
    Killed {
        /// 128 plus the signal's number, or the exit code.
        status: i32,
        /// End of the guest's stderr.
        stderr: String,
    },
    /// The engine closed the guest's output in the middle of a message.
    #[error("the Docker engine cut the container's output short")]
    CutShort,
    /// The container's processes are not visible from this process.
    #[error(
        "the container's processes cannot be seen from here: the Docker engine runs on another \
         machine or in another namespace of process ids; run bench where the engine runs"
    )]
    Unseen,
    /// The container exited before the engine registered the wait: nothing was measured, and a retry can succeed.
    #[error("the container ended before the wait for its end was in place")]
    WaitMissed,
    /// The program ended, or printed something other than its address.
    #[error("the container does not serve: {}", said.trim())]
    NotServing {
        /// The program's output.
        said: String,
    },
    /// The image's archive could not be written or read.
    #[error("{doing} {}: {source}", path.display())]
    Archive {
        /// The operation that failed.
        doing: &'static str,
        /// Path of the file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The adapter received a signal to end.
    #[error("the adapter was told to end")]
    Ending,
}

impl Failure {
    /// Classifies an error of the client library.
    pub(crate) fn of(doing: &'static str, source: EngineError) -> Self {
        match source {
            EngineError::DockerResponseServerError {
                status_code,
                message,
            } => Failure::Refused {
                doing,
                status: status_code,
                message,
            },
            EngineError::DockerStreamError { error } => Failure::Refused {
                doing,
                status: 200,
                message: error,
            },
            source @ (EngineError::JsonDataError { .. } | EngineError::JsonSerdeError { .. }) => {
                Failure::Garbled { doing, source }
            }
            source => Failure::Lost { doing, source },
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::OutOfMemory => Error::OutOfMemory(failure.to_string()),
            _ => Error::Failed(failure.to_string()),
        }
    }
}

/// An error with all its causes: the client library's own message includes only the last.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Some errors already include their cause.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

fn said(stderr: &str) -> String {
    match stderr.trim() {
        "" => String::new(),
        text => format!("; its stderr ends: {text}"),
    }
}

/// Awaits an answer of the engine with a time limit.
pub(crate) async fn bounded<T>(
    doing: &'static str,
    limit: Duration,
    answer: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Failure::of(doing, error)),
        Err(_) => Err(Failure::Late {
            doing,
            after: limit,
        }),
    }
}

/// A missing resource, or one that is being removed by another process, needs no removal.
pub(crate) fn tolerate_missing(removal: Result<(), Failure>) -> Result<(), Failure> {
    match removal {
        Err(Failure::Refused { status: 404, .. }) => Ok(()),
        Err(Failure::Refused {
            status: 409,
            message,
            ..
        }) if message.contains("already in progress") => Ok(()),
        other => other,
    }
}
