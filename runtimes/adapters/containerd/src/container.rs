//! Creates and removes containers and images in containerd.
//!
//! They are named after the process that created them ([`Owner::name`]), in a namespace that only this project uses. If
//! that process is killed, the next one finds its leftovers by name and spares those of live processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use plimsoll_adapter::owner::{Life, Owner};
use plimsoll_adapter::{Error, cgroup};
use rustix::process::{Pid, Signal, kill_process};

use crate::ctr::{Ctr, NAMESPACE};

/// Time limit for a command that creates or removes something.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Time limit after which a shim is considered hanging; `bench` waits 20 s for an adapter to start.
const ANSWER: Duration = Duration::from_secs(4);
/// Where the shim's library stores container state: a folder per shim name, then per namespace.
const SHIM: &str = "/run/containerd/plimsoll";
const SHIM_STATE: &str = "/run/containerd/plimsoll/plimsoll";
/// Folder of the pipes of running containers, one subfolder each.
const PIPES: &str = "/run/plimsoll/containerd";
/// Mount point of cgroups; containerd creates a group with the namespace's name in each hierarchy.
const GROUPS: &str = "/sys/fs/cgroup";

/// An image's name; the tag identifies its owner.
pub(crate) fn image_name(workload: &str, tag: &str) -> String {
    format!("docker.io/plimsoll/{workload}:{tag}")
}

/// The folder for a container's pipes.
pub(crate) fn pipes(container: &str) -> PathBuf {
    Path::new(PIPES).join(container)
}

/// Removes a container and kills its processes. If its shim does not answer, it is killed, and containerd then forgets
/// what the shim had started.
///
/// # Errors
///
/// If it exists and cannot be removed.
pub(crate) fn remove_container(ctr: &Ctr, name: &str) -> Result<(), Error> {
    // The task may not exist.
    let _ = ctr.output(&["tasks", "rm", "--force", name], ANSWER);
    let remove = || ctr.output(&["containers", "rm", name], ANSWER).map(drop);
    let mut removed = remove();
    if removed.is_err() && kill_shims(name) > 0 {
        for _ in 0..10 {
            thread::sleep(Duration::from_millis(500));
            removed = remove();
            if removed.is_ok() {
                break;
            }
        }
    }
    let _ = fs::remove_dir_all(pipes(name));
    removed
}

/// Kills the shims of a container and returns their number. A shim's command line names its container (containerd
/// runtime v2: `-id`).
fn kill_shims(container: &str) -> usize {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let shims = processes.filter_map(|process| {
        let pid: i32 = process.file_name().to_str()?.parse().ok()?;
        let line = fs::read(process.path().join("cmdline")).ok()?;
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        let its = words
            .windows(2)
            .any(|pair| pair == [&b"-id"[..], container.as_bytes()]);
        its.then(|| Pid::from_raw(pid)).flatten()
    });
    shims
        .filter(|pid| kill_process(*pid, Signal::KILL).is_ok())
        .count()
}

/// Removes an image, waiting until its content and snapshots are gone.
///
/// # Errors
///
/// If it exists and cannot be removed.
pub(crate) fn remove_image(ctr: &Ctr, name: &str) -> Result<(), Error> {
    ctr.output(&["images", "rm", "--sync", name], PATIENCE)
        .map(drop)
}

/// Removes leftovers of dead owners; returns the number of containers and images removed.
///
/// # Errors
///
/// If they cannot be listed, or one cannot be removed; the others are still tried.
pub(crate) fn reap(ctr: &Ctr) -> Result<usize, Error> {
    remove_where(ctr, &|owner| matches!(owner.life(), Ok(Life::Dead)))
}

/// Removes everything that this owner created.
///
/// # Errors
///
/// As [`reap`].
pub(crate) fn remove_all_of(ctr: &Ctr, owner: &Owner) -> Result<usize, Error> {
    remove_where(ctr, &|of| of == owner)
}

fn remove_where(ctr: &Ctr, condemned: &dyn Fn(&Owner) -> bool) -> Result<usize, Error> {
    let condemned = |name: &str| Owner::of_name(name).is_some_and(|owner| condemned(&owner));
    let mut failed = None;
    let mut removed = 0;
    let mut count = |done: Result<(), Error>| match done {
        Ok(()) => removed += 1,
        Err(error) => failed = failed.take().or(Some(error)),
    };
    for name in listed(ctr, &["containers", "ls", "-q"])? {
        if condemned(&name) {
            count(remove_container(ctr, &name));
        }
    }
    let images = listed(ctr, &["images", "ls", "-q"])?;
    for name in &images {
        if name.rsplit(':').next().is_some_and(&condemned) {
            count(remove_image(ctr, name));
        }
    }
    for folder in [SHIM_STATE, PIPES] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(&condemned) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
    cgroup::remove_condemned(&condemned);
    // Fails unless the namespace is empty, that is, not in use by other processes.
    if ctr
        .output(&["namespaces", "rm", NAMESPACE], PATIENCE)
        .is_ok()
    {
        for hierarchy in fs::read_dir(GROUPS).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(hierarchy.path().join(NAMESPACE));
        }
        for folder in [SHIM_STATE, SHIM, PIPES] {
            let _ = fs::remove_dir(folder);
        }
    }
    match failed {
        None => Ok(removed),
        Some(error) => Err(error),
    }
}

fn listed(ctr: &Ctr, args: &[&str]) -> Result<Vec<String>, Error> {
    let told = ctr.output(args, PATIENCE)?;
    let lines = told.lines().map(str::trim);
    Ok(lines
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect())
}
