//! One run at a time on a machine: two would measure each other. Waiting runs are served in the order in
//! which they came.
//!
//! The lock file lies at one place per machine, whatever TMPDIR says: in the first of [`FOLDERS`] that
//! every user may write to. Its mode decides, not the user's own rights, so that all users agree. A
//! container with such a folder of its own has a lock of its own.
//!
//! Whoever waits has a ticket: a file of the queue's folder, named by the time of coming and locked
//! for as long as its process lives. The machine is taken by the first ticket only; a ticket that
//! nobody holds any more is removed by whoever finds it.

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

/// Where the lock file may lie, in the order of preference.
const FOLDERS: [&str; 4] = ["/run/lock", "/var/lock", "/tmp", "/var/tmp"];

/// Names another folder: for tests of `bench` itself, and machines that have none of [`FOLDERS`].
pub const OVERRIDE: &str = "PLIMSOLL_LOCK_DIR";

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
    /// No folder is for every user.
    #[error(
        "no folder for the machine's lock: none of {} has mode 1777; make one of them so, or name another \
         with {OVERRIDE}",
        FOLDERS.join(", ")
    )]
    NoFolder,
    /// The lock file cannot be used.
    #[error(
        "cannot use the lock file {path}: {source}; remove it, or make it writable for everybody"
    )]
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
        Self::take_in(&folder()?, name, when_held, interrupt)
    }

    /// The same with lock file and queue in `folder`.
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
                // Who does not wait must not pass those who do.
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

/// The folder that the lock file of this machine lies in.
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

/// Opens a file that every user may lock. Opened without O_CREAT first: in a sticky directory the
/// kernel refuses O_CREAT on a file that another user made (fs.protected_regular).
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

/// Whatever the umask of who made it.
fn for_every_user(file: &File) {
    let _ = file.set_permissions(fs::Permissions::from_mode(0o666));
}

/// A place in the queue, given up when dropped or when the process ends.
#[derive(Debug)]
struct Ticket {
    path: PathBuf,
    _file: File,
}

impl Ticket {
    /// Takes the last place.
    fn draw(queue: &Path) -> io::Result<Self> {
        match DirBuilder::new().mode(0o777).create(queue) {
            // For every user, whatever the umask of the first one.
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
            // Between the two somebody may have taken it for one that nobody holds, and removed it.
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

/// The ticket of who has waited longest; those that nobody holds any more are removed.
fn first(queue: &Path) -> Option<PathBuf> {
    let mut tickets: Vec<PathBuf> = fs::read_dir(queue)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    tickets.sort();
    tickets.into_iter().find(|path| {
        let Ok(file) = File::open(path) else {
            // Its holder has just given it up, or is another user's: then it counts.
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

/// Who wrote the lock file, in words.
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
                // The next one comes when this one has its ticket.
                while fs::read_dir(&queue).map_or(0, Iterator::count) <= nth {
                    thread::yield_now();
                }
            }
            scope.spawn(|| {
                all_wait.wait();
                // Held, or free with somebody waiting: it is not for one who does not wait.
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
