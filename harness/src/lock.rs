//! One run at a time on a machine: two would measure each other.

use std::env;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use thiserror::Error;

use crate::interrupt::Interrupt;
use crate::progress::say;
use crate::trial::spawn::{poll, readable};

/// How often the lock is tried again.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Why the machine could not be had.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another run has it.
    #[error(
        "another run is measuring on this machine ({holder}); wait for it, or let `bench run --wait` do so"
    )]
    Held {
        /// Who, in words.
        holder: String,
    },
    /// The user wants to stop waiting.
    #[error("interrupted while waiting for another run on this machine")]
    Interrupted,
    /// The lock file cannot be used.
    #[error("cannot use the lock file {path}: {source}; remove it or set TMPDIR")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What to do when another run is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenHeld {
    /// Say so and give up.
    Refuse,
    /// Wait for it to end.
    Wait,
}

/// The machine, until dropped. The system gives it back when the process ends, however it ends.
#[derive(Debug)]
pub struct MachineLock {
    _file: File,
}

impl MachineLock {
    /// Takes the machine for the run called `name`.
    ///
    /// # Errors
    /// [`LockError`] if another run has it and `when_held` is [`WhenHeld::Refuse`], or if the
    /// lock file cannot be opened.
    pub fn take(name: &str, when_held: WhenHeld, interrupt: &Interrupt) -> Result<Self, LockError> {
        let path = env::temp_dir().join("plimsoll-bench.lock");
        let at = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        // Opened without O_CREAT first: in a sticky directory the kernel refuses O_CREAT on a
        // file that another user made (fs.protected_regular).
        let open = |create| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(create)
                .truncate(false)
                .mode(0o666)
                .open(&path)
        };
        let mut file = open(false).or_else(|_| open(true)).map_err(at)?;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(at(source)),
                Err(TryLockError::WouldBlock) => {}
            }
            let holder = holder(&mut file);
            if when_held == WhenHeld::Refuse {
                return Err(LockError::Held { holder });
            }
            if !told {
                say(&format!(
                    "waiting for another run on this machine ({holder})"
                ));
                told = true;
            }
            let mut waiting = [readable(&interrupt.descriptor())];
            poll(&mut waiting, LOOK_EVERY).map_err(at)?;
            if interrupt.asked() {
                return Err(LockError::Interrupted);
            }
        }
        // Who holds it is a courtesy: a full disk must not stop a run here.
        let _ = file.set_len(0);
        let _ = file.rewind();
        let _ = write!(file, "process {}, {name}", process::id());
        Ok(Self { _file: file })
    }
}

/// Who wrote the lock file, in words.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.rewind();
    let _ = file.read_to_string(&mut text);
    text.trim().to_owned()
}
