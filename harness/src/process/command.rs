//! Runs the tools that set things up (cargo, the scripts) in the foreground, interruptibly.

use std::io;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use thiserror::Error;

use crate::machine::interrupt::Interrupt;
use crate::process::group::{Bounds, Cut, Group};
use crate::process::status::describe;

/// Why a tool did not do its work.
#[derive(Debug, Error)]
pub enum ToolError {
    /// It could not be started.
    #[error("cannot start {tool}: {source}")]
    Start {
        /// The tool.
        tool: String,
        /// What the system said.
        source: io::Error,
    },
    /// It failed; what it said is on the terminal.
    #[error("`{command}` {how}; its output is above")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        how: String,
        /// Its exit code, unless a signal ended it.
        code: Option<i32>,
    },
    /// The user wants to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Runs `command` to its end, its output going to our standard error. An interruption ends its
/// whole process group.
///
/// # Errors
/// [`ToolError`] unless it exits with 0.
pub fn run(command: &mut Command, interrupt: &Interrupt) -> Result<(), ToolError> {
    let shown = show(command);
    let start = |source| ToolError::Start {
        tool: shown.clone(),
        source,
    };
    let mut tool =
        Group::start(command.stdin(Stdio::null()).stdout(io::stderr())).map_err(start)?;
    let mut bounds = Bounds {
        interrupt: Some(interrupt),
        until: None,
        memory: None,
    };
    loop {
        match bounds.wait([Some(tool.exit())]).map_err(start)? {
            Ok([true]) => break,
            Ok([false]) => {}
            Err(Cut::Interrupted | Cut::Deadline | Cut::Memory) => {
                tool.signal(Signal::TERM);
                let _ = tool.wait();
                return Err(ToolError::Interrupted);
            }
        }
    }
    let status = tool.wait().map_err(start)?;
    match status.success() {
        true => Ok(()),
        false => Err(ToolError::Failed {
            command: shown,
            how: describe(status),
            code: status.code(),
        }),
    }
}

fn show(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The first line that `program args` prints, if it runs.
pub fn first_line(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().next()?.trim().to_owned())
}
