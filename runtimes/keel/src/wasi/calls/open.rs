//! `path_open`.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{Mode, OFlags};

use crate::wasi::abi::{FdFlags, FileType, LookupFlags, OpenFlags, Rights};
use crate::wasi::descriptor::{Descriptor, Directory, Handle, Object};
use crate::wasi::grant::inspect;
use crate::wasi::memory;
use crate::wasi::resolve;
use crate::wasi::{Access, Errno, WasiCtx};

/// The mode of a new file, before the host's umask applies.
const NEW_FILE: Mode = Mode::RUSR
    .union(Mode::WUSR)
    .union(Mode::RGRP)
    .union(Mode::WGRP)
    .union(Mode::ROTH)
    .union(Mode::WOTH);

/// The rights for which a file is opened for reading, and for writing.
const READS: Rights = Rights::FD_READ;
const WRITES: Rights = Rights::FD_WRITE
    .union(Rights::FD_ALLOCATE)
    .union(Rights::FD_FILESTAT_SET_SIZE);

/// Opens a file or directory, or creates a file, and writes its descriptor.
///
/// The requested rights determine whether it is opened for reading, writing or both. A right that
/// the directory does not pass on is `Notcapable`; one that does not apply to the file's type is
/// dropped.
///
/// # Errors
/// `Badf`, `Notdir`, `Notcapable`, `Rofs`, `Perm` for a path that leads outside, `Inval` for
/// unknown flags, `Acces` for a file under `/proc`, `Mfile`, `Fault`, and the errors of the host's
/// open.
#[expect(clippy::too_many_arguments, reason = "the call has that many")]
pub fn path_open(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    lookup: u32,
    path: u32,
    path_len: u32,
    open: u32,
    base: u64,
    inheriting: u64,
    flags: u32,
    opened: u32,
) -> Result<(), Errno> {
    memory::reserve(memory, opened, 4)?;
    let request = Request {
        lookup: LookupFlags::parse(lookup)?,
        open: OpenFlags::parse(open)?,
        base: Rights::from_guest(base),
        inheriting: Rights::from_guest(inheriting),
        flags: FdFlags::parse(flags)?,
    };
    ctx.require_room()?;
    let parent = ctx.get(fd)?;
    let descriptor = request.run(parent, memory::text(memory, path, path_len)?)?;
    let number = ctx.insert(descriptor)?;
    memory::write_u32(memory, opened, number)
}

/// Whether a file is in the kernel's process file system.
fn is_kernels_own(file: BorrowedFd<'_>) -> Result<bool, Errno> {
    let system = rustix::fs::fstatfs(file)?;
    Ok(system.f_type == rustix::fs::PROC_SUPER_MAGIC)
}

struct Request {
    lookup: LookupFlags,
    open: OpenFlags,
    base: Rights,
    inheriting: Rights,
    flags: FdFlags,
}

impl Request {
    fn run(&self, parent: &Descriptor, path: &str) -> Result<Descriptor, Errno> {
        let beneath = parent.directory(self.needs())?;
        self.require_inheritable(parent)?;
        if self
            .open
            .contains(OpenFlags::CREAT.union(OpenFlags::DIRECTORY))
        {
            return Err(Errno::Inval);
        }
        let is_read_only = parent.access == Access::ReadOnly;
        if is_read_only && (self.base.intersects(WRITES) || self.open.contains(OpenFlags::TRUNC)) {
            // An error in the path itself takes precedence, as on a read-only file system.
            resolve::locate(beneath, path, self.follow())?;
            return Err(Errno::Rofs);
        }
        let mut flags = self.host_flags();
        if is_read_only && self.open.contains(OpenFlags::CREAT) {
            flags.remove(OFlags::CREATE | OFlags::EXCL);
        }
        let mode = if flags.contains(OFlags::CREATE) {
            NEW_FILE
        } else {
            Mode::empty()
        };
        let file = match resolve::open(beneath, path, flags, mode) {
            Err(Errno::Noent) if is_read_only && self.open.contains(OpenFlags::CREAT) => {
                return Err(Errno::Rofs);
            }
            Ok(_) if is_read_only && self.open.contains(OpenFlags::EXCL) => {
                return Err(Errno::Exist);
            }
            answer => answer?,
        };
        let (kind, applicable) = if self.open.contains(OpenFlags::DIRECTORY) {
            (FileType::Directory, Rights::DIRECTORY)
        } else {
            let found = inspect(file.as_fd())?;
            // A process's files under `/proc` give access to its memory, and the guest's process is
            // this one.
            if is_kernels_own(file.as_fd())? {
                return Err(Errno::Acces);
            }
            found
        };
        let handle = Handle::Opened(file);
        let object = match kind {
            FileType::Directory => Object::Directory(Directory {
                handle,
                listing: None,
                preopened_as: None,
            }),
            _ => Object::Host(handle),
        };
        Ok(Descriptor {
            object,
            kind,
            rights: self
                .base
                .intersection(parent.inheriting)
                .intersection(applicable),
            inheriting: self.inheriting.intersection(parent.inheriting),
            flags: self.flags,
            access: parent.access,
        })
    }

    /// The rights that the directory itself must have.
    fn needs(&self) -> Rights {
        let mut needs = Rights::PATH_OPEN;
        if self.open.contains(OpenFlags::CREAT) {
            needs = needs.union(Rights::PATH_CREATE_FILE);
        }
        if self.open.contains(OpenFlags::TRUNC) {
            needs = needs.union(Rights::PATH_FILESTAT_SET_SIZE);
        }
        needs
    }

    fn require_inheritable(&self, parent: &Descriptor) -> Result<(), Errno> {
        let meaningful = match self.open.contains(OpenFlags::DIRECTORY) {
            true => Rights::DIRECTORY,
            false => Rights::FILE,
        };
        let asked = self.base.intersection(meaningful);
        if parent.inheriting.contains(asked) {
            Ok(())
        } else {
            Err(Errno::Notcapable)
        }
    }

    fn follow(&self) -> resolve::Follow {
        match self.lookup.contains(LookupFlags::SYMLINK_FOLLOW) {
            true => resolve::Follow::Always,
            false => resolve::Follow::Never,
        }
    }

    fn host_flags(&self) -> OFlags {
        let reads = self.base.intersects(READS);
        let mut flags = match (reads, self.base.intersects(WRITES)) {
            (true, true) => OFlags::RDWR,
            (false, true) => OFlags::WRONLY,
            (_, false) => OFlags::RDONLY,
        };
        // A terminal must not become the host process's controlling terminal.
        flags |= OFlags::NOCTTY;
        flags.set(
            OFlags::NOFOLLOW,
            !self.lookup.contains(LookupFlags::SYMLINK_FOLLOW),
        );
        flags.set(OFlags::CREATE, self.open.contains(OpenFlags::CREAT));
        flags.set(OFlags::DIRECTORY, self.open.contains(OpenFlags::DIRECTORY));
        flags.set(OFlags::EXCL, self.open.contains(OpenFlags::EXCL));
        flags.set(OFlags::TRUNC, self.open.contains(OpenFlags::TRUNC));
        flags.set(OFlags::APPEND, self.flags.contains(FdFlags::APPEND));
        flags.set(OFlags::NONBLOCK, self.flags.contains(FdFlags::NONBLOCK));
        // `O_SYNC` and `O_RSYNC` contain the bit of `O_DSYNC`, so flags are added and never
        // cleared.
        for (flag, host) in [
            (FdFlags::DSYNC, OFlags::DSYNC),
            (FdFlags::RSYNC, OFlags::RSYNC),
            (FdFlags::SYNC, OFlags::SYNC),
        ] {
            if self.flags.contains(flag) {
                flags |= host;
            }
        }
        flags
    }
}
