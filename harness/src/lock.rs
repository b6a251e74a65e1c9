//! One run at a time on a machine: two would measure each other.

use std::env;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process;

use thiserror::Error;

/// Why the machine could not be had.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another run has it.
    #[error(
        "another run is measuring on this machine ({holder}); wait for it, or give --wait to be next"
    )]
    Held {
        /// Who, in words.
        holder: String,
    },
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
    pub fn take(name: &str, when_held: WhenHeld) -> Result<Self, LockError> {
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
        match (file.try_lock(), when_held) {
            (Ok(()), _) => {}
            (Err(TryLockError::WouldBlock), WhenHeld::Wait) => file.lock().map_err(at)?,
            (Err(TryLockError::WouldBlock), WhenHeld::Refuse) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                return Err(LockError::Held {
                    holder: holder.trim().to_owned(),
                });
            }
            (Err(TryLockError::Error(source)), _) => return Err(at(source)),
        }
        // Who holds it is a courtesy: a full disk must not stop a run here.
        let _ = file.set_len(0);
        let _ = file.rewind();
        let _ = write!(file, "process {}, {name}", process::id());
        Ok(Self { _file: file })
    }
}
