//! What the host gives a guest, opened once and turned into descriptors for every context.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::net::SocketType;

use super::abi::{FdFlags, FileType, Rights};
use super::capture::Capture;
use super::descriptor::{Descriptor, Directory, Handle, Object, Stream};
use super::{Errno, WasiError, resolve};

/// What a guest may do beneath a granted directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Read and list. Everything that would change something answers `Rofs`.
    ReadOnly,
    /// Read, list, create, change and remove.
    ReadWrite,
}

/// Where a guest's standard input comes from.
#[derive(Debug, Default)]
pub enum Stdin {
    /// Nothing: end of file at once.
    #[default]
    Null,
    /// The host process's own.
    Inherit,
    /// An open file, pipe or socket.
    File(OwnedFd),
    /// These bytes, then end of file.
    Bytes(Arc<[u8]>),
}

/// Where a guest's standard output or error goes.
#[derive(Debug, Default)]
pub enum Stdout {
    /// Nowhere: everything is accepted and dropped.
    #[default]
    Null,
    /// The host process's own.
    Inherit,
    /// An open file, memfd, pipe or socket.
    File(OwnedFd),
    /// The host's memory.
    Capture(Capture),
}

/// A directory to grant, before it is opened.
#[derive(Debug)]
pub(crate) enum Source {
    Path(PathBuf),
    File(OwnedFd),
}

/// One granted object: enough to make its descriptor again, without a system call.
#[derive(Debug)]
pub(crate) enum Grant {
    Null(Rights),
    Bytes(Arc<[u8]>),
    Capture(Capture),
    Standard {
        stream: Stream,
        kind: FileType,
        rights: Rights,
    },
    File {
        fd: Arc<OwnedFd>,
        kind: FileType,
        rights: Rights,
    },
    Directory {
        fd: Arc<OwnedFd>,
        name: Arc<[u8]>,
        access: Access,
    },
}

impl Grant {
    pub(crate) fn stdin(stdin: Stdin) -> Result<Grant, WasiError> {
        let may = Rights::ALL
            .without(Rights::FD_WRITE)
            .without(Rights::FD_ALLOCATE)
            .without(Rights::FD_FILESTAT_SET_SIZE)
            .without(Rights::FD_FILESTAT_SET_TIMES);
        match stdin {
            Stdin::Null => Ok(Grant::Null(Rights::STREAM.without(Rights::FD_WRITE))),
            Stdin::Inherit => Grant::standard(Stream::Input, may),
            Stdin::File(fd) => Grant::file(fd, may, "standard input"),
            Stdin::Bytes(bytes) => Ok(Grant::Bytes(bytes)),
        }
    }

    pub(crate) fn stdout(stdout: Stdout, stream: Stream) -> Result<Grant, WasiError> {
        let may = Rights::ALL.without(Rights::FD_READ);
        match stdout {
            Stdout::Null => Ok(Grant::Null(Rights::STREAM.without(Rights::FD_READ))),
            // Others write to it, too: the guest can neither cut it off nor write over what is there.
            Stdout::Inherit => Grant::standard(stream, may).map(Grant::append_only),
            Stdout::File(fd) => Grant::file(fd, may, "standard output or error"),
            Stdout::Capture(capture) => Ok(Grant::Capture(capture)),
        }
    }

    fn standard(stream: Stream, may: Rights) -> Result<Grant, WasiError> {
        let handle = Handle::Standard(stream);
        let (kind, rights) = inspect(handle.as_fd()).map_err(|errno| WasiError::Inspect {
            what: "a standard stream",
            errno,
        })?;
        Ok(Grant::Standard {
            stream,
            kind,
            rights: rights.intersection(may),
        })
    }

    /// A standard stream without the rights to change what it already holds. A device keeps that to seek,
    /// without which the C library would take it for a terminal.
    fn append_only(self) -> Grant {
        match self {
            Grant::Standard {
                stream,
                kind,
                rights,
            } if kind != FileType::CharacterDevice => Grant::Standard {
                stream,
                kind,
                rights: rights
                    .without(Rights::FD_SEEK)
                    .without(Rights::FD_ALLOCATE)
                    .without(Rights::FD_FILESTAT_SET_SIZE)
                    .without(Rights::FD_FILESTAT_SET_TIMES),
            },
            other => other,
        }
    }

    fn file(fd: OwnedFd, may: Rights, what: &'static str) -> Result<Grant, WasiError> {
        let (kind, rights) =
            inspect(fd.as_fd()).map_err(|errno| WasiError::Inspect { what, errno })?;
        if kind == FileType::Directory {
            return Err(WasiError::NotAStream { what });
        }
        Ok(Grant::File {
            fd: Arc::new(fd),
            kind,
            rights: rights.intersection(may),
        })
    }

    pub(crate) fn socket(fd: OwnedFd) -> Result<Grant, WasiError> {
        let (kind, rights) = inspect(fd.as_fd()).map_err(|errno| WasiError::Inspect {
            what: "a socket",
            errno,
        })?;
        match kind {
            FileType::SocketStream | FileType::SocketDatagram => Ok(Grant::File {
                fd: Arc::new(fd),
                kind,
                rights,
            }),
            _ => Err(WasiError::NotASocket),
        }
    }

    /// Opens a directory, and proves that paths can be confined to it.
    pub(crate) fn directory(
        source: Source,
        name: OsString,
        access: Access,
    ) -> Result<Grant, WasiError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = match source {
            Source::Path(path) => rustix::fs::open(&path, flags, Mode::empty()),
            Source::File(fd) => rustix::fs::openat(&fd, ".", flags, Mode::empty()),
        };
        let fd = opened.map_err(|errno| WasiError::Open {
            name: name.to_string_lossy().into_owned(),
            errno,
        })?;
        resolve::prove_confinement(fd.as_fd())?;
        Ok(Grant::Directory {
            fd: Arc::new(fd),
            name: name.as_bytes().into(),
            access,
        })
    }

    /// The descriptor a new guest starts with.
    pub(crate) fn descriptor(&self) -> Descriptor {
        let (object, kind, rights, inheriting, access) = match self {
            Grant::Null(rights) => (
                Object::Null,
                FileType::Unknown,
                *rights,
                Rights::NONE,
                Access::ReadWrite,
            ),
            Grant::Bytes(bytes) => (
                Object::Bytes {
                    bytes: bytes.clone(),
                    position: 0,
                },
                FileType::Unknown,
                Rights::STREAM.without(Rights::FD_WRITE),
                Rights::NONE,
                Access::ReadWrite,
            ),
            Grant::Capture(capture) => (
                Object::Capture(capture.clone()),
                FileType::Unknown,
                Rights::STREAM.without(Rights::FD_READ),
                Rights::NONE,
                Access::ReadWrite,
            ),
            Grant::Standard {
                stream,
                kind,
                rights,
            } => (
                Object::Host(Handle::Standard(*stream)),
                *kind,
                *rights,
                *rights,
                Access::ReadWrite,
            ),
            Grant::File { fd, kind, rights } => (
                Object::Host(Handle::Granted(fd.clone())),
                *kind,
                *rights,
                *rights,
                Access::ReadWrite,
            ),
            Grant::Directory { fd, name, access } => (
                Object::Directory(Directory {
                    handle: Handle::Granted(fd.clone()),
                    listing: None,
                    preopened_as: Some(name.clone()),
                }),
                FileType::Directory,
                Rights::DIRECTORY,
                Rights::DIRECTORY.union(Rights::FILE),
                *access,
            ),
        };
        Descriptor {
            object,
            kind,
            rights,
            inheriting,
            flags: FdFlags::NONE,
            access,
        }
    }
}

/// The kind of an open file, and the rights that apply to it.
pub(crate) fn inspect(fd: BorrowedFd<'_>) -> Result<(FileType, Rights), Errno> {
    let stat = rustix::fs::fstat(fd)?;
    let kind = match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
        rustix::fs::FileType::Socket => match rustix::net::sockopt::socket_type(fd)? {
            SocketType::STREAM => FileType::SocketStream,
            _ => FileType::SocketDatagram,
        },
        other => other.into(),
    };
    let rights = match kind {
        FileType::RegularFile | FileType::BlockDevice => Rights::FILE,
        FileType::Directory => Rights::DIRECTORY,
        FileType::SocketStream | FileType::SocketDatagram => Rights::SOCKET,
        // The C library takes a character device that cannot seek for a terminal, and buffers its
        // output by lines: so only terminals go without.
        FileType::CharacterDevice if !rustix::termios::isatty(fd) => {
            Rights::STREAM.union(Rights::FD_SEEK).union(Rights::FD_TELL)
        }
        FileType::CharacterDevice | FileType::SymbolicLink | FileType::Unknown => Rights::STREAM,
    };
    Ok((kind, rights))
}
