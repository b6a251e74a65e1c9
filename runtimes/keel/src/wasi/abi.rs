//! The constants of preview 1: rights, flags and file types, with the numbers that guests use.
//!
//! Parsing is strict where the specification lists every value: an unknown flag or type is `Inval`.
//! It is lenient for rights, because guests pass all ones to request every right there is.

use super::Errno;

/// Defines a set of flags, over the integer that the guest passes.
macro_rules! bits {
    ($(#[$doc:meta])* $name:ident: $repr:ty { $($(#[$item:meta])* $member:ident = $bit:expr;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $name($repr);

        impl $name {
            $($(#[$item])* pub const $member: $name = $name(1 << $bit);)*

            /// All flags.
            pub const ALL: $name = $name(0 $(| (1 << $bit))*);

            /// The empty set.
            pub const NONE: $name = $name(0);

            /// The guest's representation.
            #[must_use]
            pub const fn bits(self) -> $repr {
                self.0
            }

            /// Whether the set contains all of `other`.
            #[must_use]
            pub const fn contains(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether the set contains any of `other`.
            #[must_use]
            pub const fn intersects(self, other: $name) -> bool {
                self.0 & other.0 != 0
            }

            /// The flags in either set.
            #[must_use]
            pub const fn union(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }

            /// The flags in both sets.
            #[must_use]
            pub const fn intersection(self, other: $name) -> $name {
                $name(self.0 & other.0)
            }

            /// The flags that are not in `other`.
            #[must_use]
            pub const fn without(self, other: $name) -> $name {
                $name(self.0 & !other.0)
            }
        }
    };
}

/// Adds a strict parser, which rejects undefined bits.
macro_rules! strict {
    ($($name:ident: $repr:ty),*) => {
        $(impl $name {
            /// Parses a guest's flags.
            ///
            /// # Errors
            /// `Inval` for an undefined bit.
            pub fn parse(raw: u32) -> Result<$name, Errno> {
                if raw & !u32::from(Self::ALL.0) == 0 {
                    Ok($name(raw as $repr))
                } else {
                    Err(Errno::Inval)
                }
            }
        })*
    };
}

bits! {
    /// The operations that a descriptor permits.
    Rights: u64 {
        /// `fd_datasync`.
        FD_DATASYNC = 0;
        /// `fd_read`, and `fd_pread` together with `FD_SEEK`.
        FD_READ = 1;
        /// `fd_seek`; it includes `FD_TELL`.
        FD_SEEK = 2;
        /// `fd_fdstat_set_flags`.
        FD_FDSTAT_SET_FLAGS = 3;
        /// `fd_sync`.
        FD_SYNC = 4;
        /// `fd_tell`, and `fd_seek` without movement.
        FD_TELL = 5;
        /// `fd_write`, and `fd_pwrite` together with `FD_SEEK`.
        FD_WRITE = 6;
        /// `fd_advise`.
        FD_ADVISE = 7;
        /// `fd_allocate`.
        FD_ALLOCATE = 8;
        /// `path_create_directory`.
        PATH_CREATE_DIRECTORY = 9;
        /// `path_open` with creation.
        PATH_CREATE_FILE = 10;
        /// `path_link`, for the directory of the old name.
        PATH_LINK_SOURCE = 11;
        /// `path_link`, for the directory of the new name.
        PATH_LINK_TARGET = 12;
        /// `path_open`.
        PATH_OPEN = 13;
        /// `fd_readdir`.
        FD_READDIR = 14;
        /// `path_readlink`.
        PATH_READLINK = 15;
        /// `path_rename`, for the directory of the old name.
        PATH_RENAME_SOURCE = 16;
        /// `path_rename`, for the directory of the new name.
        PATH_RENAME_TARGET = 17;
        /// `path_filestat_get`.
        PATH_FILESTAT_GET = 18;
        /// `path_open` with truncation.
        PATH_FILESTAT_SET_SIZE = 19;
        /// `path_filestat_set_times`.
        PATH_FILESTAT_SET_TIMES = 20;
        /// `fd_filestat_get`.
        FD_FILESTAT_GET = 21;
        /// `fd_filestat_set_size`.
        FD_FILESTAT_SET_SIZE = 22;
        /// `fd_filestat_set_times`.
        FD_FILESTAT_SET_TIMES = 23;
        /// `path_symlink`.
        PATH_SYMLINK = 24;
        /// `path_remove_directory`.
        PATH_REMOVE_DIRECTORY = 25;
        /// `path_unlink_file`.
        PATH_UNLINK_FILE = 26;
        /// `poll_oneoff` on this descriptor.
        POLL_FD_READWRITE = 27;
        /// `sock_shutdown`.
        SOCK_SHUTDOWN = 28;
        /// `sock_accept`.
        SOCK_ACCEPT = 29;
    }
}

impl Rights {
    /// The rights that apply to a stream: a pipe, or a file of unknown type.
    pub const STREAM: Rights = Rights::FD_READ
        .union(Rights::FD_WRITE)
        .union(Rights::FD_FDSTAT_SET_FLAGS)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::POLL_FD_READWRITE);

    /// The rights that apply to a regular file.
    pub const FILE: Rights = Rights::STREAM
        .union(Rights::FD_DATASYNC)
        .union(Rights::FD_SEEK)
        .union(Rights::FD_SYNC)
        .union(Rights::FD_TELL)
        .union(Rights::FD_ADVISE)
        .union(Rights::FD_ALLOCATE)
        .union(Rights::FD_FILESTAT_SET_SIZE)
        .union(Rights::FD_FILESTAT_SET_TIMES);

    /// The rights that apply to a directory.
    pub const DIRECTORY: Rights = Rights::FD_FDSTAT_SET_FLAGS
        .union(Rights::FD_DATASYNC)
        .union(Rights::FD_SYNC)
        .union(Rights::FD_READDIR)
        .union(Rights::FD_FILESTAT_GET)
        .union(Rights::FD_FILESTAT_SET_TIMES)
        .union(Rights::PATH_CREATE_DIRECTORY)
        .union(Rights::PATH_CREATE_FILE)
        .union(Rights::PATH_LINK_SOURCE)
        .union(Rights::PATH_LINK_TARGET)
        .union(Rights::PATH_OPEN)
        .union(Rights::PATH_READLINK)
        .union(Rights::PATH_RENAME_SOURCE)
        .union(Rights::PATH_RENAME_TARGET)
        .union(Rights::PATH_FILESTAT_GET)
        .union(Rights::PATH_FILESTAT_SET_SIZE)
        .union(Rights::PATH_FILESTAT_SET_TIMES)
        .union(Rights::PATH_SYMLINK)
        .union(Rights::PATH_REMOVE_DIRECTORY)
        .union(Rights::PATH_UNLINK_FILE);

    /// The rights that apply to a socket.
    pub const SOCKET: Rights = Rights::STREAM
        .union(Rights::SOCK_SHUTDOWN)
        .union(Rights::SOCK_ACCEPT);

    /// Parses a guest's rights. Undefined bits are dropped, because guests request every right by
    /// passing all ones.
    #[must_use]
    pub const fn from_guest(raw: u64) -> Rights {
        Rights(raw & Rights::ALL.0)
    }
}

bits! {
    /// The behaviour of a descriptor.
    FdFlags: u16 {
        /// Write at the end of the file.
        APPEND = 0;
        /// Writes wait until data, but not all metadata, is stored.
        DSYNC = 1;
        /// Calls return `Again` instead of waiting.
        NONBLOCK = 2;
        /// Reads wait as `DSYNC` and `SYNC` do for writes.
        RSYNC = 3;
        /// Writes wait until data and metadata are stored.
        SYNC = 4;
    }
}

bits! {
    /// The mode of `path_open`.
    OpenFlags: u16 {
        /// Create the file if it does not exist.
        CREAT = 0;
        /// Fail unless it is a directory.
        DIRECTORY = 1;
        /// Fail if it exists.
        EXCL = 2;
        /// Truncate it to zero bytes.
        TRUNC = 3;
    }
}

bits! {
    /// The mode of a path look-up.
    LookupFlags: u32 {
        /// Follow a symbolic link in the last component.
        SYMLINK_FOLLOW = 0;
    }
}

bits! {
    /// The times to set.
    TimeFlags: u16 {
        /// Set the access time to the given value.
        ATIM = 0;
        /// Set the access time to now.
        ATIM_NOW = 1;
        /// Set the modification time to the given value.
        MTIM = 2;
        /// Set the modification time to now.
        MTIM_NOW = 3;
    }
}

bits! {
    /// The mode of `sock_recv`.
    ReceiveFlags: u16 {
        /// Leave the data in the queue.
        PEEK = 0;
        /// Wait until the buffers are full.
        WAITALL = 1;
    }
}

bits! {
    /// The directions that `sock_shutdown` closes.
    ShutdownFlags: u8 {
        /// Receiving.
        READ = 0;
        /// Sending.
        WRITE = 1;
    }
}

strict!(
    FdFlags: u16,
    OpenFlags: u16,
    LookupFlags: u32,
    TimeFlags: u16,
    ReceiveFlags: u16,
    ShutdownFlags: u8
);

/// The type of the file that a descriptor or directory entry refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FileType {
    /// Any other type: a pipe, or bytes in the host's memory.
    Unknown = 0,
    /// A block device.
    BlockDevice = 1,
    /// A character device. Guests treat one that cannot seek as a terminal.
    CharacterDevice = 2,
    /// A directory.
    Directory = 3,
    /// A regular file.
    RegularFile = 4,
    /// A datagram socket.
    SocketDatagram = 5,
    /// A stream socket.
    SocketStream = 6,
    /// A symbolic link.
    SymbolicLink = 7,
}

impl From<rustix::fs::FileType> for FileType {
    fn from(host: rustix::fs::FileType) -> Self {
        use rustix::fs::FileType as Host;
        match host {
            Host::RegularFile => FileType::RegularFile,
            Host::Directory => FileType::Directory,
            Host::Symlink => FileType::SymbolicLink,
            Host::CharacterDevice => FileType::CharacterDevice,
            Host::BlockDevice => FileType::BlockDevice,
            // The type of a socket is unknown until it is connected. Stream is the common one.
            Host::Socket => FileType::SocketStream,
            _ => FileType::Unknown,
        }
    }
}
