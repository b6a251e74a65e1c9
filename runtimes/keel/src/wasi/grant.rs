//! Grants: opened once, and turned into descriptors for every context.

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

/// The access that a guest has beneath a granted directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Read and list. Any change fails with `Rofs`.
    ReadOnly,
    /// Read, list, create, change and remove.
    ReadWrite,
}

/// The source of a guest's standard input.
#[derive(Debug, Default)]
pub enum Stdin {
    /// No input: end of file immediately.
    #[default]
    Null,
    /// The process's own standard input.
    Inherit,
    /// An open file, pipe or socket.
    File(OwnedFd),
    /// These bytes, then end of file.
    Bytes(Arc<[u8]>),
}

/// The destination of a guest's standard output or error.
#[derive(Debug, Default)]
pub enum Stdout {
    /// Accepts and drops all output.
    #[default]
    Null,
    /// The process's own stream.
    Inherit,
    /// An open file, memfd, pipe or socket.
    File(OwnedFd),
    /// The host's memory, up to a limit.
    Capture(Capture),
}

/// A directory to grant, not yet opened if it is a path.
#[derive(Debug)]
pub(crate) enum Source {
    Path(PathBuf),
    File(OwnedFd),
}

/// A granted object. Its descriptor can be recreated without a system call.
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
            // Others write to it too, so the guest must not truncate or overwrite it.
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

    /// Removes the rights to change existing contents of a standard stream. A device keeps the
    /// right to seek; without it, the C library would treat it as a terminal.
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

    /// Opens a directory and checks that paths can be confined to it.
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

    /// The descriptor in a new guest's table.
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

/// The type of an open file, and the rights that apply to it.
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
        // The C library treats a character device that cannot seek as a terminal and uses line
        // buffering, so only terminals lack the right to seek.
        FileType::CharacterDevice if !rustix::termios::isatty(fd) => {
            Rights::STREAM.union(Rights::FD_SEEK).union(Rights::FD_TELL)
        }
        FileType::CharacterDevice | FileType::SymbolicLink | FileType::Unknown => Rights::STREAM,
    };
    Ok((kind, rights))
}
