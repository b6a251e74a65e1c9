//! Paths, confined to a directory by the kernel.
//!
//! Whatever has an `openat2` form is resolved in one call with `RESOLVE_BENEATH`, which refuses
//! absolute paths, `..` above the directory and symbolic links that lead out, and notices renames
//! that happen meanwhile. The rest (creating, removing, renaming) opens the parent that way and
//! then names one component in it, which the kernel never follows when it is a link: so a component
//! handed to such a call must hold no slash, must not be `.` or `..`, and must not be empty.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno as Host;

use super::{Errno, WasiError};

/// How often a lookup is tried again that a rename elsewhere made unsafe to finish (`EAGAIN`).
const LOOKUP_TRIES: usize = 64;

const CONFINED: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);

/// Fails unless this kernel can confine a lookup to a directory.
pub(crate) fn prove_confinement(directory: BorrowedFd<'_>) -> Result<(), WasiError> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    match rustix::fs::openat2(directory, ".", flags, Mode::empty(), CONFINED) {
        Ok(_) => Ok(()),
        Err(errno) => Err(WasiError::NoConfinement { errno }),
    }
}

/// Opens `path` beneath `directory`. A path that leads out is `Perm`.
pub(crate) fn open(
    directory: BorrowedFd<'_>,
    path: &str,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    for _ in 0..LOOKUP_TRIES {
        match rustix::fs::openat2(directory, path, flags | OFlags::CLOEXEC, mode, CONFINED) {
            // The kernel says "another device" for what is not beneath; mount points are crossed.
            Err(Host::XDEV) => return Err(Errno::Perm),
            Err(Host::AGAIN) => {}
            answer => return Ok(answer?),
        }
    }
    Err(Errno::Again)
}

/// Opens `path` only as a place: for asking what it is, not for reading it.
pub(crate) fn locate(
    directory: BorrowedFd<'_>,
    path: &str,
    follow: Follow,
) -> Result<OwnedFd, Errno> {
    let flags = match follow {
        Follow::Always => OFlags::PATH,
        Follow::Never => OFlags::PATH | OFlags::NOFOLLOW,
    };
    open(directory, path, flags, Mode::empty())
}

/// What to do with a symbolic link in the last component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follow {
    Always,
    Never,
}

/// The directory that holds a path's last component.
pub(crate) enum Parent<'a> {
    Given(BorrowedFd<'a>),
    Opened(OwnedFd),
}

impl AsFd for Parent<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Parent::Given(fd) => *fd,
            Parent::Opened(fd) => fd.as_fd(),
        }
    }
}

/// A path as its parent, opened, and one component in it.
pub(crate) struct Place<'a> {
    pub(crate) parent: Parent<'a>,
    /// Never empty, never `.` or `..`, without a slash.
    pub(crate) name: &'a str,
    /// Whether the path ended in a slash, and so can only mean a directory.
    pub(crate) is_directory_only: bool,
}

/// Finds the place of `path`'s last component. A path whose last component is `.` or `..` has no
/// such place: it answers `dots`, after the lookup itself has been tried, so that leading out is
/// `Perm` for these too.
pub(crate) fn place<'a>(
    directory: BorrowedFd<'a>,
    path: &'a str,
    dots: Errno,
) -> Result<Place<'a>, Errno> {
    if path.starts_with('/') {
        return Err(Errno::Perm);
    }
    let trimmed = path.trim_end_matches('/');
    let is_directory_only = trimmed.len() < path.len();
    let (parent, name) = match trimmed.rsplit_once('/') {
        Some((parent, name)) => (Some(parent), name),
        None => (None, trimmed),
    };
    if matches!(name, "." | "..") {
        locate(directory, trimmed, Follow::Always)?;
        return Err(dots);
    }
    if name.is_empty() {
        return Err(Errno::Noent);
    }
    let parent = match parent {
        None => Parent::Given(directory),
        Some(parent) => {
            let flags = OFlags::PATH | OFlags::DIRECTORY;
            Parent::Opened(open(directory, parent, flags, Mode::empty())?)
        }
    };
    Ok(Place {
        parent,
        name,
        is_directory_only,
    })
}
