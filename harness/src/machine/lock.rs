//! Allows one run at a time per machine, because two would disturb each other. Waiting runs are served in
//! order of arrival.
//!
//! All users share one lock file, independent of TMPDIR: in the first of [`FOLDERS`] that every user may
//! write to. The folder's mode decides, not the user's own rights, so that all users agree. A container that
//! has its own such folder has its own lock.
//!
//! A waiting run holds a ticket: a file in the queue's folder, named by arrival time and locked while its
//! process lives. Only the first ticket may take the machine; any run removes tickets without a holder.

use std::env;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::time::{ClockId, clock_gettime};

use thiserror::Error;

use crate::machine::interrupt::Interrupt;
use crate::process::pipe::ready;
use crate::ui::progress::say;

/// Possible folders of the lock file, in order of preference.
const FOLDERS: [&str; 4] = ["/run/lock", "/var/lock", "/tmp", "/var/tmp"];

/// Variable that names another folder: for tests, and for machines that have none of [`FOLDERS`].
pub const OVERRIDE: &str = "PLIMSOLL_LOCK_DIR";

/// Interval between attempts to take the lock.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Why the lock was not taken.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another run has it.
    #[error(
        "another run is measuring on this machine ({holder}); wait for it, or let `bench run --wait` do so"
    )]
    Held {
        /// A description of the other run.
        holder: String,
    },
    /// Interrupted while waiting.
    #[error("interrupted while waiting for another run on this machine")]
    Interrupted,
    /// No folder is writable for every user.
    #[error(
        "no folder for the machine's lock: none of {} has mode 1777; make one of them so, or name another \
         with {OVERRIDE}",
        FOLDERS.join(", ")
    )]
    NoFolder,
    /// The lock file is unusable.
    #[error(
        "cannot use the lock file {path}: {source}; make its folder, or make both writable for everybody"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// What to do if another run holds the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenHeld {
    /// Fail.
    Refuse,
    /// Wait until it ends.
    Wait,
}

/// The machine's lock. The system releases it when the process ends.
#[derive(Debug)]
pub struct MachineLock {
    _file: File,
}

impl MachineLock {
    /// Takes the lock for the run called `name`.
    ///
    /// # Errors
    /// [`LockError`] if another run holds it and `when_held` is [`WhenHeld::Refuse`], or if the lock file
    /// cannot be opened.
    pub fn take(name: &str, when_held: WhenHeld, interrupt: &Interrupt) -> Result<Self, LockError> {
        Self::take_in(&folder()?, name, when_held, interrupt)
    }

    /// As [`MachineLock::take`], with lock file and queue in `folder`.
    fn take_in(
        folder: &Path,
        name: &str,
        when_held: WhenHeld,
        interrupt: &Interrupt,
    ) -> Result<Self, LockError> {
        let path = folder.join("plimsoll-bench.lock");
        let queue = folder.join("plimsoll-bench.queue");
        let at = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        let mut file = open(&path).map_err(at)?;
        let mut ticket: Option<Ticket> = None;
        loop {
            let is_next = match &ticket {
                Some(ticket) => ticket.is_first(),
                // A run that does not wait must not overtake those that do.
                None => first(&queue).is_none(),
            };
            if is_next {
                match file.try_lock() {
                    Ok(()) => break,
                    Err(TryLockError::Error(source)) => return Err(at(source)),
                    Err(TryLockError::WouldBlock) => {}
                }
            }
            let holder = holder(&mut file);
            if when_held == WhenHeld::Refuse {
                return Err(LockError::Held { holder });
            }
            if ticket.is_none() {
                say(&format!(
                    "waiting for another run on this machine ({holder})"
                ));
                let drawn = Ticket::draw(&queue).map_err(|source| LockError::Io {
                    path: queue.clone(),
                    source,
                })?;
                ticket = Some(drawn);
                continue;
            }
            ready([Some(interrupt.as_fd())], LOOK_EVERY).map_err(at)?;
            if interrupt.requested() {
                return Err(LockError::Interrupted);
            }
        }
        // The holder's name is optional: a full disk must not stop a run here.
        let _ = file.set_len(0);
        let _ = file.rewind();
        let _ = write!(file, "process {}, {name}", process::id());
        Ok(Self { _file: file })
    }
}

/// The folder of this machine's lock file.
///
/// # Errors
/// [`LockError::NoFolder`].
pub fn folder() -> Result<PathBuf, LockError> {
    place(env::var_os(OVERRIDE), &FOLDERS.map(Path::new))
}

fn place(named: Option<OsString>, folders: &[&Path]) -> Result<PathBuf, LockError> {
    if let Some(named) = named {
        return Ok(PathBuf::from(named));
    }
    let for_everybody = |folder: &&&Path| {
        let about = fs::metadata(folder);
        about.is_ok_and(|about| about.is_dir() && about.mode() & 0o1777 == 0o1777)
    };
    let folder = folders.iter().find(for_everybody);
    folder
        .map(|folder| folder.to_path_buf())
        .ok_or(LockError::NoFolder)
}

/// Opens a file that every user may lock. Tries without O_CREAT first: in a sticky directory the kernel
/// refuses O_CREAT on another user's file (fs.protected_regular).
fn open(path: &Path) -> io::Result<File> {
    let open = |create| {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(create)
            .truncate(false)
            .mode(0o666)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(path)
    };
    open(false).or_else(|_| {
        let made = open(true)?;
        for_every_user(&made);
        Ok(made)
    })
}

/// Sets the mode regardless of the creator's umask.
fn for_every_user(file: &File) {
    let _ = file.set_permissions(fs::Permissions::from_mode(0o666));
}

/// A place in the queue, released when dropped or when the process ends.
#[derive(Debug)]
struct Ticket {
    path: PathBuf,
    _file: File,
}

impl Ticket {
    /// Takes the last place in the queue.
    fn draw(queue: &Path) -> io::Result<Self> {
        match DirBuilder::new().mode(0o777).create(queue) {
            // Writable for every user, regardless of the umask.
            Ok(()) => fs::set_permissions(queue, fs::Permissions::from_mode(0o1777))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        loop {
            let now = clock_gettime(ClockId::Boottime);
            let nanoseconds = now.tv_sec as u128 * 1_000_000_000 + now.tv_nsec as u128;
            let path = queue.join(format!("{nanoseconds:024}-{}", process::id()));
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o666)
                .open(&path)?;
            for_every_user(&file);
            file.lock()?;
            // Before it was locked, another run may have removed it as abandoned.
            if file.metadata()?.nlink() > 0 {
                return Ok(Self { path, _file: file });
            }
        }
    }

    fn is_first(&self) -> bool {
        let queue = self.path.parent();
        queue.and_then(first).is_none_or(|path| path == self.path)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// The oldest ticket; abandoned ones are removed.
fn first(queue: &Path) -> Option<PathBuf> {
    let mut tickets: Vec<PathBuf> = fs::read_dir(queue)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    tickets.sort();
    tickets.into_iter().find(|path| {
        let Ok(file) = File::open(path) else {
            // Released just now, or owned by another user; it counts if it still exists.
            return path.exists();
        };
        match file.try_lock_shared() {
            Ok(()) => {
                let _ = fs::remove_file(path);
                false
            }
            Err(_) => true,
        }
    })
}

/// The description in the lock file.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.rewind();
    let _ = file.read_to_string(&mut text);
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, Mutex};
    use std::thread;

    use super::*;

    fn take(folder: &Path, name: &str, when_held: WhenHeld) -> Result<MachineLock, LockError> {
        let interrupt = Interrupt::never().expect("a pipe can be made");
        MachineLock::take_in(folder, name, when_held, &interrupt)
    }

    #[test]
    fn who_waits_is_served_in_the_order_of_coming_and_nobody_passes() {
        let folder = tempfile::tempdir().expect("a folder");
        let queue = folder.path().join("plimsoll-bench.queue");
        let held = take(folder.path(), "the first", WhenHeld::Refuse).expect("it is free");
        let served = Mutex::new(Vec::new());
        let all_wait = Barrier::new(2);
        thread::scope(|scope| {
            for nth in 0..4 {
                let (served, folder) = (&served, folder.path());
                scope.spawn(move || {
                    let lock = take(folder, &format!("number {nth}"), WhenHeld::Wait);
                    served.lock().expect("unpoisoned").push(nth);
                    drop(lock.expect("its turn comes"));
                });
                // The next one starts when this one has its ticket.
                while fs::read_dir(&queue).map_or(0, Iterator::count) <= nth {
                    thread::yield_now();
                }
            }
            scope.spawn(|| {
                all_wait.wait();
                // Whether held or free: with others waiting, a run that does not wait is refused.
                let refused = take(folder.path(), "pushing in", WhenHeld::Refuse);
                assert!(
                    matches!(refused, Err(LockError::Held { .. })),
                    "{refused:?}"
                );
                drop(held);
            });
            all_wait.wait();
        });
        assert_eq!(served.into_inner().expect("unpoisoned"), [0, 1, 2, 3]);
        assert_eq!(fs::read_dir(&queue).expect("there").count(), 0);
    }

    #[test]
    fn the_first_folder_that_everybody_may_write_to_has_the_lock() {
        let all = tempfile::tempdir().expect("a folder");
        let (closed, open) = (all.path().join("closed"), all.path().join("open"));
        for (folder, mode) in [(&closed, 0o755), (&open, 0o1777)] {
            fs::create_dir(folder).expect("made");
            fs::set_permissions(folder, fs::Permissions::from_mode(mode)).expect("set");
        }
        let folders = [Path::new("/nowhere"), &closed, &open];
        assert_eq!(place(None, &folders).expect("one is open"), open);
        assert_eq!(
            place(Some("/named".into()), &folders).expect("named"),
            Path::new("/named")
        );
        let none = place(None, &folders[..2]).expect_err("none is open");
        assert!(none.to_string().contains("/run/lock"), "{none}");
    }

    #[test]
    fn a_ticket_that_nobody_holds_any_more_stops_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        let queue = folder.path().join("plimsoll-bench.queue");
        fs::create_dir(&queue).expect("made");
        fs::write(queue.join("000000000000000000000001-7"), "").expect("left behind");
        assert_eq!(first(&queue), None);
        assert!(take(folder.path(), "alone", WhenHeld::Refuse).is_ok());
        assert_eq!(fs::read_dir(&queue).expect("there").count(), 0);
    }
}
