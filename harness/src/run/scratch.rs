//! Scratch folders. Each has one owner, which locks it as long as it lives. The next run removes folders of
//! dead owners, and never one in use.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder that is removed when its last part is dropped, unless the process is killed.
#[derive(Debug, Clone)]
pub struct Scratch {
    path: PathBuf,
    owned: Arc<Owned>,
}

#[derive(Debug)]
struct Owned {
    path: PathBuf,
    /// The system releases the lock when the process ends, even if it is killed.
    _lock: File,
}

impl Drop for Owned {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run.
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Scratch {
    /// Creates the folder `name` in `all`, or `name-2` and so on if that exists. First removes folders of
    /// dead owners from `all`.
    ///
    /// # Errors
    /// If a folder cannot be created or locked.
    pub fn make(all: &Path, name: &str) -> io::Result<Self> {
        fs::create_dir_all(all)?;
        sweep(all)?;
        for number in 1_u32.. {
            let path = match number {
                1 => all.join(name),
                _ => all.join(format!("{name}-{number}")),
            };
            match fs::create_dir(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
            // Before it was locked, a starting run may have removed it as abandoned.
            if let Some(lock) = locked(&path) {
                let owned = Arc::new(Owned {
                    path: path.clone(),
                    _lock: lock,
                });
                return Ok(Self { path, owned });
            }
        }
        Err(io::Error::other("no name is free"))
    }

    /// A subfolder with the same owner.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn part(&self, name: &str) -> io::Result<Self> {
        let path = self.path.join(name);
        fs::create_dir_all(&path)?;
        Ok(Self {
            path,
            owned: Arc::clone(&self.owned),
        })
    }

    /// Its full path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The folder at `path` with its lock; `None` if it is locked or gone.
fn locked(path: &Path) -> Option<File> {
    let lock = File::open(path).ok()?;
    lock.try_lock().ok()?;
    path.is_dir().then_some(lock)
}

/// Removes folders without an owner.
fn sweep(all: &Path) -> io::Result<()> {
    for entry in fs::read_dir(all)? {
        let path = entry?.path();
        let Ok(lock) = File::open(&path) else {
            continue;
        };
        match lock.try_lock() {
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
            Ok(()) if path.is_dir() => {
                let _ = fs::remove_dir_all(&path);
            }
            Ok(()) => {
                let _ = fs::remove_file(&path);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_owner_keeps_its_folder_and_a_dead_ones_is_removed() {
        let all = tempfile::tempdir().unwrap();
        let first = Scratch::make(all.path(), "run").unwrap();
        let file = first.part("pair").unwrap().path().join("artefact");
        fs::write(&file, "kept").unwrap();
        fs::create_dir_all(all.path().join("left-behind/pair")).unwrap();
        let second = Scratch::make(all.path(), "run").unwrap();
        assert_ne!(first.path(), second.path());
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
        assert!(!all.path().join("left-behind").exists());
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists());
        assert!(second.path().is_dir());
    }

    #[test]
    fn the_folder_stays_until_its_last_part_is_dropped() {
        let all = tempfile::tempdir().unwrap();
        let whole = Scratch::make(all.path(), "gate").unwrap();
        let part = whole.part("arm-0").unwrap();
        drop(whole);
        assert!(part.path().is_dir());
        drop(part);
        assert_eq!(fs::read_dir(all.path()).unwrap().count(), 0);
    }
}
