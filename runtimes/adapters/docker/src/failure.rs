//! Everything that can go wrong between the engine and a container's end.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bollard::errors::Error as EngineError;
use plimsoll_adapter::Error;

// How long the engine may take to answer. Each is some hundred times what an idle machine needs,
// so that a busy one is measured and a hung engine is still noticed.

/// For what the engine says of itself.
pub(crate) const SAY: Duration = Duration::from_secs(10);
/// For a list.
pub(crate) const LIST: Duration = Duration::from_secs(30);
/// For a container's creation, and for the attachment to it.
pub(crate) const CREATE: Duration = Duration::from_secs(60);
/// For a container from its start to its end, the guest's own work included.
pub(crate) const RUN: Duration = Duration::from_secs(600);
/// For the removal of a container or an image.
pub(crate) const REMOVE: Duration = Duration::from_secs(60);
/// For an image to be read in.
pub(crate) const LOAD: Duration = Duration::from_secs(300);

/// Something that went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The engine answered with an error.
    #[error("{doing}: the Docker engine says: {message} (HTTP {status})")]
    Refused {
        /// What was tried.
        doing: &'static str,
        /// The API's status code.
        status: u16,
        /// The engine's words.
        message: String,
    },
    /// The engine answered something that the client library cannot read.
    #[error("{doing}: the Docker engine's answer cannot be read: {source}")]
    Garbled {
        /// What was tried.
        doing: &'static str,
        /// What was wrong with it.
        source: EngineError,
    },
    /// The engine went away.
    #[error(
        "{doing}: the Docker engine stopped answering: {}; see that it runs \
         (`scripts/docker-engine status`, `scripts/docker-engine start`)",
        with_causes(source)
    )]
    Lost {
        /// What was tried.
        doing: &'static str,
        /// What was seen of it.
        source: EngineError,
    },
    /// The engine, or the guest, took too long.
    #[error("{doing}: no end after {} s", after.as_secs())]
    Late {
        /// What was tried.
        doing: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// The container was created and could not be started.
    #[error(
        "the container did not start: {message}; its program must be a static executable for \
         this machine (`scripts/build-workloads --native` builds it)"
    )]
    NotStarted {
        /// The engine's words.
        message: String,
    },
    /// The kernel killed the guest for want of memory.
    #[error("the container was killed: it ran out of memory")]
    OutOfMemory,
    /// A signal ended the guest, or it exited with a code that looks so: the engine reports both alike.
    #[error(
        "the container ended with status {status}: signal {} ended its program, or the program exited with \
         that code; the engine does not tell which{}",
        status - 128,
        said(stderr)
    )]
    Killed {
        /// 128 and the signal's number, or the exit code.
        status: i32,
        /// The end of what the guest wrote to stderr.
        stderr: String,
    },
    /// The engine closed the guest's output in the middle of a message.
    #[error("the Docker engine cut the container's output short")]
    CutShort,
    /// The container's processes are not among those that can be looked at here.
    #[error(
        "the container's processes cannot be seen from here: the Docker engine runs on another \
         machine or in another namespace of process ids; run bench where the engine runs"
    )]
    Unseen,
    /// The container ended before the engine had taken note that its end was waited for: nothing
    /// was measured, and the same can be tried again.
    #[error("the container ended before the wait for its end was in place")]
    WaitMissed,
    /// The program ended, or said something else than where it listens.
    #[error("the container does not serve: {}", said.trim())]
    NotServing {
        /// What it said.
        said: String,
    },
    /// The image's archive could not be written or read.
    #[error("{doing} {}: {source}", path.display())]
    Archive {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The adapter was told to end.
    #[error("the adapter was told to end")]
    Ending,
}

impl Failure {
    /// Sorts what the client library reports.
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

/// An error with everything that caused it: the client library says only the last in itself.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Some errors quote their cause already.
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

/// Waits for an answer of the engine for so long and no longer.
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

/// What is not there, or is being removed by somebody else this moment, needs no removal.
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
