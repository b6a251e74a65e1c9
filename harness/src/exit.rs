//! Exit codes, which scripts rely on, and the error for a wrong command line.

use std::process::ExitCode;

use thiserror::Error;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: success.
    Ok,
    /// 1: a regression, beyond doubt.
    Regression,
    /// 2: the command line, or a file that it names, is invalid.
    Usage,
    /// 3: something could not be measured.
    Incomplete,
    /// Also 3: interrupted by Ctrl-C or SIGTERM; finished measurements are recorded.
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

/// An invalid command; the message explains a valid one.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Usage(pub String);
