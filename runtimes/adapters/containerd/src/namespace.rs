//! What is made in a namespace of containerd's, and its removal.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_adapter::Error;

use crate::ctr::Ctr;
use crate::owner::Owner;

/// How long one command may take that makes or removes something.
const PATIENCE: Duration = Duration::from_secs(20);
/// Where the groups of a namespace's containers lie, below each hierarchy.
const GROUPS: &str = "/sys/fs/cgroup";
/// Where the shim's library keeps what it knows of containers, a folder a namespace.
const SHIM_STATE: &str = "/run/containerd/plimsoll";

/// A namespace of containerd's own, with whatever is made in it.
#[derive(Debug, Clone)]
pub(crate) struct Namespace {
    ctr: Ctr,
    name: String,
}

impl Namespace {
    pub(crate) fn new(ctr: &Ctr, name: String) -> Self {
        Namespace {
            ctr: ctr.clone(),
            name,
        }
    }

    pub(crate) fn ctr(&self) -> &Ctr {
        &self.ctr
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A command in it that must succeed.
    ///
    /// # Errors
    ///
    /// What it said, or that it took too long.
    pub(crate) fn output(&self, args: &[&str]) -> Result<String, Error> {
        self.ctr.output(Some(&self.name), args, PATIENCE)
    }

    fn listed(&self, args: &[&str]) -> Result<Vec<String>, Error> {
        let told = self.output(args)?;
        let lines = told.lines().map(str::trim);
        Ok(lines
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect())
    }

    /// Removes a container and what runs in it.
    ///
    /// # Errors
    ///
    /// When it is there and cannot be removed.
    pub(crate) fn remove_container(&self, id: &str) -> Result<(), Error> {
        // There may be no task any more, or never was one.
        let _ = self.output(&["tasks", "rm", "--force", id]);
        self.output(&["containers", "rm", id]).map(drop)
    }

    /// Removes everything in it, and itself.
    ///
    /// # Errors
    ///
    /// The first thing that could not be removed; the rest is tried all the same.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        let mut failed = None;
        let mut tried = |done: Result<(), Error>| {
            if let Err(error) = done {
                failed.get_or_insert(error);
            }
        };
        // Asked anew: one that began a moment ago may have made another.
        for _ in 0..2 {
            for id in self.listed(&["containers", "ls", "-q"])? {
                tried(self.remove_container(&id));
            }
        }
        for image in self.listed(&["images", "ls", "-q"])? {
            // Then the collector has gone over content and snapshots before it returns.
            tried(self.output(&["images", "rm", "--sync", &image]).map(drop));
        }
        tried(self.output(&["namespaces", "rm", &self.name]).map(drop));
        for group in groups(Path::new(GROUPS), &self.name) {
            tried(remove_group(&group).map_err(|error| {
                Error::failed(
                    format!("removing the control group {}", group.display()),
                    error,
                )
            }));
        }
        // Empty once its containers are gone; where there is none, all the better.
        let _ = fs::remove_dir(Path::new(SHIM_STATE).join(&self.name));
        match failed {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }
}

/// Removes what dead owners left; gives how many namespaces that were.
///
/// # Errors
///
/// When the namespaces cannot be listed, or one cannot be removed.
pub(crate) fn reap(ctr: &Ctr) -> Result<usize, Error> {
    let listed = ctr.output(None, &["namespaces", "ls", "-q"], PATIENCE)?;
    let gone = |name: &&str| Owner::of(name).is_some_and(|owner| owner.is_gone());
    let mut reaped = 0;
    for name in listed.lines().map(str::trim).filter(gone) {
        Namespace::new(ctr, name.to_owned()).remove()?;
        reaped += 1;
    }
    Ok(reaped)
}

/// The control groups of this name: one below each hierarchy of the first version, or one.
fn groups(root: &Path, name: &str) -> Vec<PathBuf> {
    let below = fs::read_dir(root).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = below
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path().join(name))
        .chain([root.join(name)])
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}

/// Removes a control group and those below it.
fn remove_group(group: &Path) -> io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_group(&entry.path())?;
        }
    }
    match fs::remove_dir(group) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_in_every_hierarchy_and_removed_from_the_inside() -> io::Result<()> {
        let root = tempfile::tempdir()?;
        for path in ["memory/plimsoll-1/c0", "cpu/plimsoll-1", "cpu/other"] {
            fs::create_dir_all(root.path().join(path))?;
        }
        let found = groups(root.path(), "plimsoll-1");
        let expected = ["cpu/plimsoll-1", "memory/plimsoll-1"].map(|path| root.path().join(path));
        assert_eq!(found, expected);
        for group in found {
            remove_group(&group)?;
        }
        assert!(groups(root.path(), "plimsoll-1").is_empty());
        assert!(root.path().join("cpu/other").is_dir());
        Ok(())
    }
}
