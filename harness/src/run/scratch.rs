//! Scratch folders. Each has one owner, which holds a lock on it for as long as it lives: what a dead
//! owner left is removed by the next run, what a live one uses is not.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder that is gone when its last part is dropped, however a run ended short of a kill.
#[derive(Debug, Clone)]
pub struct Scratch {
    path: PathBuf,
    owned: Arc<Owned>,
}

#[derive(Debug)]
struct Owned {
    path: PathBuf,
    /// The system gives the lock back when the process ends, however it ends.
    _lock: File,
}

impl Drop for Owned {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run.
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Scratch {
    /// Makes the folder `name` in `all`, or `name-2` and so on where that is taken. What dead owners left
    /// in `all` is removed before.
    ///
    /// # Errors
    /// If a folder cannot be made or locked.
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
            // Between the two a run that starts may have taken it for a dead owner's.
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

    /// A folder in it, which belongs to the same owner.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn part(&self, name: &str) -> io::Result<Self> {
        let path = self.path.join(name);
        fs::create_dir_all(&path)?;
        Ok(Self {
            path,
            owned: Arc::clone(&self.owned),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The folder at `path` with its lock; none if somebody holds it or it is gone.
fn locked(path: &Path) -> Option<File> {
    let lock = File::open(path).ok()?;
    lock.try_lock().ok()?;
    path.is_dir().then_some(lock)
}

/// Removes what nobody holds.
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
