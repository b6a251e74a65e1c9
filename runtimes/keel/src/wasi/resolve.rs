//! Path resolution, confined to a directory by the kernel.
//!
//! Calls with an `openat2` form resolve a path at once with `RESOLVE_BENEATH`. It rejects absolute
//! paths, `..` above the directory and symbolic links that lead outside, and detects concurrent
//! renames. The other calls (creating, removing, renaming) open the parent that way and then name
//! one component in it, which the kernel does not follow if it is a link. That component must
//! therefore contain no slash, and must not be `.`, `..` or empty.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno as Host;

use super::{Errno, WasiError};

/// The number of retries of a look-up that a concurrent rename interrupted (`EAGAIN`).
const LOOKUP_TRIES: usize = 64;

const CONFINED: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);

/// Fails unless this kernel can confine a look-up to a directory.
pub(crate) fn prove_confinement(directory: BorrowedFd<'_>) -> Result<(), WasiError> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    match rustix::fs::openat2(directory, ".", flags, Mode::empty(), CONFINED) {
        Ok(_) => Ok(()),
        Err(errno) => Err(WasiError::NoConfinement { errno }),
    }
}

/// Opens `path` beneath `directory`. A path that leads outside is `Perm`.
pub(crate) fn open(
    directory: BorrowedFd<'_>,
    path: &str,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    for _ in 0..LOOKUP_TRIES {
        match rustix::fs::openat2(directory, path, flags | OFlags::CLOEXEC, mode, CONFINED) {
            // `EXDEV` means that the path leads outside; crossing a mount point is allowed.
            Err(Host::XDEV) => return Err(Errno::Perm),
            Err(Host::AGAIN) => {}
            answer => return Ok(answer?),
        }
    }
    Err(Errno::Again)
}

/// Opens `path` as a location only, to inspect it but not to read it.
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

/// Whether to follow a symbolic link in the last component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follow {
    Always,
    Never,
}

/// The directory of a path's last component.
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

/// A path as an open parent directory and one component in it.
pub(crate) struct Place<'a> {
    pub(crate) parent: Parent<'a>,
    /// Not empty, not `.` or `..`, without a slash.
    pub(crate) name: &'a str,
    /// Whether the path ended in a slash, and so must be a directory.
    pub(crate) is_directory_only: bool,
}

/// The place of `path`'s last component. If that is `.` or `..`, the error is `dots`, after a
/// look-up: a path that leads outside is `Perm` in this case too.
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
