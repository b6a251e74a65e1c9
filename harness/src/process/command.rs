//! Runs set-up tools (cargo, the scripts) in the foreground, interruptibly.

use std::io;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use thiserror::Error;

use crate::machine::interrupt::Interrupt;
use crate::process::group::{Bounds, Cut, Group};
use crate::process::pipe::{keep_tail, read_once, ready};
use crate::process::status::describe;
use crate::ui::progress::{Moving, say};

/// Why a tool failed.
#[derive(Debug, Error)]
pub enum ToolError {
    /// It could not be started.
    #[error("cannot start {tool}: {source}")]
    Start {
        /// The tool.
        tool: String,
        /// The system's error.
        source: io::Error,
    },
    /// It exited with an error; its output is on the terminal.
    #[error("`{command}` {how}; its output is above")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        how: String,
        /// Its exit code; `None` if a signal ended it.
        code: Option<i32>,
    },
    /// It would have to build something, which is impossible in a bundle.
    #[error(
        "it is not in this bundle, and nothing is built from a bundle; `bench bundle` in a checkout makes one with it"
    )]
    Bundle,
    /// The user wants to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Maximum output shown of a failed tool, from its end, bytes.
const SHOWN: usize = 8192;

/// Runs `command` with its output on standard error. An interruption ends its process group.
///
/// # Errors
/// [`ToolError`] unless it exits with 0.
pub fn run(command: &mut Command, interrupt: &Interrupt) -> Result<(), ToolError> {
    command.stdout(io::stderr()).stderr(Stdio::inherit());
    ended(command, interrupt, None)
}

/// As [`run`], but shows the output as one moving line called `title`, and its end if the tool fails.
///
/// # Errors
/// [`ToolError`] unless it exits with 0.
pub fn run_quietly(
    command: &mut Command,
    title: &str,
    interrupt: &Interrupt,
) -> Result<(), ToolError> {
    let shown = show(command);
    let start = |source| ToolError::Start {
        tool: shown.clone(),
        source,
    };
    let (ours, theirs) = io::pipe().map_err(start)?;
    command
        .stdout(theirs.try_clone().map_err(start)?)
        .stderr(theirs);
    let moving = Moving::begin(title);
    let mut output = (ours, Vec::new());
    let done = ended(command, interrupt, Some((&mut output, &moving)));
    moving.finish();
    if matches!(done, Err(ToolError::Failed { .. })) {
        say(String::from_utf8_lossy(&output.1).trim_end());
    }
    done
}

/// The pipe with a tool's output, and the end of that output.
type Output = (io::PipeReader, Vec<u8>);

fn ended(
    command: &mut Command,
    interrupt: &Interrupt,
    mut output: Option<(&mut Output, &Moving)>,
) -> Result<(), ToolError> {
    let shown = show(command);
    let start = |source| ToolError::Start {
        tool: shown.clone(),
        source,
    };
    let mut tool = Group::start(command.stdin(Stdio::null())).map_err(start)?;
    let mut bounds = Bounds {
        interrupt: Some(interrupt),
        until: None,
        memory: None,
    };
    loop {
        let pipe = output.as_ref().map(|(output, _)| output.0.as_fd());
        match bounds.wait([Some(tool.exit()), pipe]).map_err(start)? {
            Ok([true, _]) => break,
            Ok([false, readable]) => {
                if let (true, Some((output, moving))) = (readable, &mut output) {
                    take(output, moving).map_err(start)?;
                }
            }
            Err(Cut::Interrupted | Cut::Deadline | Cut::Memory) => {
                tool.signal(Signal::TERM);
                let _ = tool.wait();
                return Err(ToolError::Interrupted);
            }
        }
    }
    let status = tool.wait().map_err(start)?;
    if let Some((output, moving)) = &mut output {
        // Read the remaining output without waiting for end of file: `command` keeps the other end open.
        while ready([Some(output.0.as_fd())], Duration::ZERO).map_err(start)? == [true] {
            take(output, moving).map_err(start)?;
        }
    }
    match status.success() {
        true => Ok(()),
        // Ctrl-C reaches the tool too, which may end before the interruption is seen here.
        false if interrupt.requested() => Err(ToolError::Interrupted),
        false => Err(ToolError::Failed {
            command: shown,
            how: describe(status),
            code: status.code(),
        }),
    }
}

/// Reads available output and shows its last line.
fn take((pipe, kept): &mut Output, moving: &Moving) -> io::Result<()> {
    let mut chunk = [0; 4096];
    let read = read_once(&*pipe, &mut chunk)?;
    keep_tail(kept, &chunk[..read], SHOWN);
    let text = String::from_utf8_lossy(kept);
    if let Some(line) = text.lines().rev().find(|line| !line.trim().is_empty()) {
        moving.show(line.trim());
    }
    Ok(())
}

fn show(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The first line that `program args` prints; `None` if it cannot run.
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
