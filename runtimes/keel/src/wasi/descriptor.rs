//! Descriptors: host files, in-memory bytes, or null.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use super::abi::{FdFlags, FileType, Rights};
use super::capture::Capture;
use super::{Access, Errno};

/// One of the process's standard streams, borrowed for the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Input,
    Output,
    Error,
}

/// A host descriptor, by how its open file is shared.
#[derive(Debug)]
pub(crate) enum Handle {
    /// The process's own stream, which is never closed.
    Standard(Stream),
    /// Granted by the host, and shared by all contexts of the same grant.
    Granted(Arc<OwnedFd>),
    /// Opened by this guest, and not shared.
    Opened(OwnedFd),
}

impl Handle {
    /// Whether others would see a change of the open file's flags.
    pub(crate) fn is_shared(&self) -> bool {
        !matches!(self, Handle::Opened(_))
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Handle::Standard(Stream::Input) => rustix::stdio::stdin(),
            Handle::Standard(Stream::Output) => rustix::stdio::stdout(),
            Handle::Standard(Stream::Error) => rustix::stdio::stderr(),
            Handle::Granted(fd) => fd.as_fd(),
            Handle::Opened(fd) => fd.as_fd(),
        }
    }
}

/// The directory part of a descriptor.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) handle: Handle,
    /// A second open file for `fd_readdir`, with a position of the guest's own. Not needed for a
    /// directory that the guest opened itself.
    pub(crate) listing: Option<OwnedFd>,
    /// The guest's name for it, if the host granted it.
    pub(crate) preopened_as: Option<Arc<[u8]>>,
}

impl Directory {
    /// The open file to read entries from.
    pub(crate) fn listing(&mut self) -> Result<BorrowedFd<'_>, Errno> {
        if let Handle::Opened(fd) = &self.handle {
            return Ok(fd.as_fd());
        }
        if self.listing.is_none() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            self.listing = Some(rustix::fs::openat(&self.handle, ".", flags, Mode::empty())?);
        }
        self.listing.as_ref().map(AsFd::as_fd).ok_or(Errno::Badf)
    }
}

/// The target of a descriptor.
#[derive(Debug)]
pub(crate) enum Object {
    /// A file, pipe, terminal, device or socket of the host.
    Host(Handle),
    /// A host directory, beneath which paths are resolved.
    Directory(Directory),
    /// End of file on reads; accepts and drops writes.
    Null,
    /// In-memory input, and the number of bytes read.
    Bytes { bytes: Arc<[u8]>, position: usize },
    /// Output captured for the host.
    Capture(Capture),
}

/// An open descriptor: the object and its rights.
#[derive(Debug)]
pub(crate) struct Descriptor {
    pub(crate) object: Object,
    pub(crate) kind: FileType,
    pub(crate) rights: Rights,
    pub(crate) inheriting: Rights,
    /// The flags as the guest set them. For a shared host file, only `NONBLOCK` is kept here and
    /// emulated, because setting it on the open file would affect the host.
    pub(crate) flags: FdFlags,
    /// The access that its grant permits, whatever its rights are.
    pub(crate) access: Access,
}

impl Descriptor {
    /// Fails with `Notcapable` unless the descriptor has all of `rights`.
    pub(crate) fn require(&self, rights: Rights) -> Result<(), Errno> {
        if self.rights.contains(rights) {
            Ok(())
        } else {
            Err(Errno::Notcapable)
        }
    }

    /// Fails with `Rofs` if it comes from a read-only grant.
    pub(crate) fn require_writable(&self) -> Result<(), Errno> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(Errno::Rofs),
        }
    }

    /// The host's descriptor, for calls on files of any type.
    pub(crate) fn host(&self) -> Result<BorrowedFd<'_>, Errno> {
        match &self.object {
            Object::Host(handle) | Object::Directory(Directory { handle, .. }) => {
                Ok(handle.as_fd())
            }
            Object::Null | Object::Bytes { .. } | Object::Capture(_) => Err(Errno::Inval),
        }
    }

    /// The directory beneath which to resolve paths.
    pub(crate) fn directory(&self, rights: Rights) -> Result<BorrowedFd<'_>, Errno> {
        match &self.object {
            Object::Directory(directory) => {
                self.require(rights)?;
                Ok(directory.handle.as_fd())
            }
            _ => Err(Errno::Notdir),
        }
    }

    /// The socket, for `sock_*` calls.
    pub(crate) fn socket(&self, rights: Rights) -> Result<BorrowedFd<'_>, Errno> {
        match (&self.object, self.kind) {
            (Object::Host(handle), FileType::SocketStream | FileType::SocketDatagram) => {
                self.require(rights)?;
                Ok(handle.as_fd())
            }
            _ => Err(Errno::Notsock),
        }
    }
}
