//! Exit codes, which scripts rely on, and the errors that a mistyped command ends with.

use std::process::ExitCode;

use thiserror::Error;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: everything asked for was done.
    Ok,
    /// 1: something is slower than it was, beyond doubt.
    Regression,
    /// 2: the command line or a file it names makes no sense.
    Usage,
    /// 3: something could not be measured.
    Incomplete,
    /// Also 3: interrupted by Ctrl-C or SIGTERM; what was measured is recorded.
    Interrupted,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Regression => 1,
            Exit::Usage => 2,
            Exit::Incomplete | Exit::Interrupted => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// A command that makes no sense as it was given; the message says what would.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Usage(pub String);
