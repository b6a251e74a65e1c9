//! Calls on descriptors that move no bytes: `fd_fdstat_*`, `fd_filestat_*`, sizes, syncing, closing
//! and renumbering, and the names of granted directories.

use std::num::NonZeroU64;
use std::os::fd::AsFd;

use rustix::fs::{Advice, FallocateFlags, OFlags, Stat, Timespec, Timestamps};
use rustix::fs::{UTIME_NOW, UTIME_OMIT};

use crate::wasi::abi::{FdFlags, FileType, Rights, TimeFlags};
use crate::wasi::descriptor::{Descriptor, Object};
use crate::wasi::memory;
use crate::wasi::{Errno, WasiCtx};

/// Advises the host on future access to a file.
///
/// # Errors
/// `Badf`, `Notcapable`, `Inval` for unknown advice, `Spipe`.
pub fn fd_advise(
    ctx: &mut WasiCtx,
    _memory: &mut [u8],
    fd: u32,
    offset: u64,
    len: u64,
    advice: u32,
) -> Result<(), Errno> {
    let advice = match advice {
        0 => Advice::Normal,
        1 => Advice::Sequential,
        2 => Advice::Random,
        3 => Advice::WillNeed,
        4 => Advice::DontNeed,
        5 => Advice::NoReuse,
        _ => return Err(Errno::Inval),
    };
    let descriptor = ctx.stream(fd, Rights::FD_ADVISE)?;
    if offset > i64::MAX as u64 || len > i64::MAX as u64 {
        return Err(Errno::Inval);
    }
    Ok(rustix::fs::fadvise(
        descriptor.host()?,
        offset,
        NonZeroU64::new(len),
        advice,
    )?)
}

/// Reserves storage, and extends the file to at least `offset + len` bytes.
///
/// # Errors
/// `Badf`, `Notcapable`, `Rofs`, `Inval`, `Notsup` if the file system does not support it, `Nospc`.
pub fn fd_allocate(
    ctx: &mut WasiCtx,
    _memory: &mut [u8],
    fd: u32,
    offset: u64,
    len: u64,
) -> Result<(), Errno> {
    let descriptor = ctx.stream(fd, Rights::FD_ALLOCATE)?;
    descriptor.require_writable()?;
    if offset > i64::MAX as u64 || len > i64::MAX as u64 {
        return Err(Errno::Inval);
    }
    Ok(rustix::fs::fallocate(
        descriptor.host()?,
        FallocateFlags::empty(),
        offset,
        len,
    )?)
}

/// Closes a descriptor; granted directories and standard streams too. The host's own descriptor
/// stays open.
///
/// # Errors
/// `Badf`.
pub fn fd_close(ctx: &mut WasiCtx, _memory: &mut [u8], fd: u32) -> Result<(), Errno> {
    ctx.close(fd)
}

/// Waits until a file's data is stored. Metadata may follow later.
///
/// # Errors
/// `Badf`, `Notcapable`, and the host's errors.
pub fn fd_datasync(ctx: &mut WasiCtx, _memory: &mut [u8], fd: u32) -> Result<(), Errno> {
    let descriptor = ctx.stream(fd, Rights::FD_DATASYNC)?;
    Ok(rustix::fs::fdatasync(descriptor.host()?)?)
}

/// Waits until a file's data and metadata are stored.
///
/// # Errors
/// `Badf`, `Notcapable`, and the host's errors.
pub fn fd_sync(ctx: &mut WasiCtx, _memory: &mut [u8], fd: u32) -> Result<(), Errno> {
    let descriptor = ctx.stream(fd, Rights::FD_SYNC)?;
    Ok(rustix::fs::fsync(descriptor.host()?)?)
}

/// Writes a descriptor's type, flags and rights (24 bytes).
///
/// # Errors
/// `Badf`, `Fault`.
pub fn fd_fdstat_get(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    result: u32,
) -> Result<(), Errno> {
    let descriptor = ctx.get(fd)?;
    let mut record = [0; 24];
    record[0] = descriptor.kind as u8;
    record[2..4].copy_from_slice(&flags(descriptor)?.bits().to_le_bytes());
    record[8..16].copy_from_slice(&descriptor.rights.bits().to_le_bytes());
    record[16..24].copy_from_slice(&descriptor.inheriting.bits().to_le_bytes());
    memory::write(memory, result, &record)
}

/// The flags that the guest sees. For a shared file, those of the open file plus the emulated ones.
fn flags(descriptor: &Descriptor) -> Result<FdFlags, Errno> {
    match &descriptor.object {
        Object::Host(handle) if handle.is_shared() => {
            let host = rustix::fs::fcntl_getfl(handle.as_fd())?;
            let mut flags = descriptor.flags;
            for (host_flag, flag) in [
                (OFlags::APPEND, FdFlags::APPEND),
                (OFlags::NONBLOCK, FdFlags::NONBLOCK),
                (OFlags::DSYNC, FdFlags::DSYNC),
                (OFlags::SYNC, FdFlags::SYNC),
            ] {
                if host.contains(host_flag) {
                    flags = flags.union(flag);
                }
            }
            Ok(flags)
        }
        _ => Ok(descriptor.flags),
    }
}

/// Sets a descriptor's flags. Only `APPEND` and `NONBLOCK` can change.
///
/// # Errors
/// `Badf`, `Notcapable`, `Inval` for an unknown flag, `Notsup` for a change of another flag.
pub fn fd_fdstat_set_flags(
    ctx: &mut WasiCtx,
    _memory: &mut [u8],
    fd: u32,
    new: u32,
) -> Result<(), Errno> {
    let new = FdFlags::parse(new)?;
    let descriptor = ctx.get_mut(fd)?;
    descriptor.require(Rights::FD_FDSTAT_SET_FLAGS)?;
    let old = flags(descriptor)?;
    let changed = old.without(new).union(new.without(old));
    match &descriptor.object {
        Object::Host(handle) if handle.is_shared() => {
            if !FdFlags::NONBLOCK.contains(changed) {
                return Err(Errno::Notsup);
            }
            descriptor.flags = new.intersection(FdFlags::NONBLOCK);
        }
        Object::Host(handle) => {
            if !FdFlags::APPEND.union(FdFlags::NONBLOCK).contains(changed) {
                return Err(Errno::Notsup);
            }
            let mut host = OFlags::empty();
            host.set(OFlags::APPEND, new.contains(FdFlags::APPEND));
            host.set(OFlags::NONBLOCK, new.contains(FdFlags::NONBLOCK));
            rustix::fs::fcntl_setfl(handle.as_fd(), host)?;
            descriptor.flags = new;
        }
        // These objects never block, so `NONBLOCK` needs no action.
        _ if !FdFlags::NONBLOCK.contains(changed) => return Err(Errno::Notsup),
        _ => descriptor.flags = new,
    }
    Ok(())
}

/// Drops rights of a descriptor. They cannot be regained.
///
/// # Errors
/// `Badf`; `Notcapable` for a right that the descriptor lacks, without any change.
pub fn fd_fdstat_set_rights(
    ctx: &mut WasiCtx,
    _memory: &mut [u8],
    fd: u32,
    base: u64,
    inheriting: u64,
) -> Result<(), Errno> {
    let (base, inheriting) = (Rights::from_guest(base), Rights::from_guest(inheriting));
    let descriptor = ctx.get_mut(fd)?;
    if !descriptor.rights.contains(base) || !descriptor.inheriting.contains(inheriting) {
        return Err(Errno::Notcapable);
    }
    (descriptor.rights, descriptor.inheriting) = (base, inheriting);
    Ok(())
}

/// Writes the attributes of an open file (64 bytes).
///
/// # Errors
/// `Badf`, `Notcapable`, `Fault`.
pub fn fd_filestat_get(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    result: u32,
) -> Result<(), Errno> {
    let descriptor = ctx.stream(fd, Rights::FD_FILESTAT_GET)?;
    let record = match &descriptor.object {
        Object::Host(_) | Object::Directory(_) => {
            filestat(&rustix::fs::fstat(descriptor.host()?)?, descriptor.kind)
        }
        Object::Bytes { bytes, .. } => {
            let mut record = [0; FILESTAT_BYTES];
            record[32..40].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
            record
        }
        Object::Null | Object::Capture(_) => [0; FILESTAT_BYTES],
    };
    memory::write(memory, result, &record)
}

/// The size of a `filestat`, bytes.
pub(crate) const FILESTAT_BYTES: usize = 64;

/// Converts the host's attributes to a `filestat`.
pub(crate) fn filestat(stat: &Stat, kind: FileType) -> [u8; FILESTAT_BYTES] {
    let mut record = [0; FILESTAT_BYTES];
    record[16] = kind as u8;
    for (at, value) in [
        (0, stat.st_dev),
        (8, stat.st_ino),
        (24, stat.st_nlink),
        (32, u64::try_from(stat.st_size).unwrap_or(0)),
        (40, timestamp(stat.st_atime, stat.st_atime_nsec)),
        (48, timestamp(stat.st_mtime, stat.st_mtime_nsec)),
        (56, timestamp(stat.st_ctime, stat.st_ctime_nsec)),
    ] {
        record[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    record
}

/// Nanoseconds since 1970, saturating at 0 and at the maximum.
fn timestamp(seconds: i64, nanoseconds: u64) -> u64 {
    u64::try_from(seconds).map_or(0, |seconds| {
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(nanoseconds)
    })
}

/// Sets a file's length to `size` bytes.
///
/// # Errors
/// `Badf`, `Notcapable`, `Rofs`, `Inval` for a size that exceeds the host's range, `Fbig`.
pub fn fd_filestat_set_size(
    ctx: &mut WasiCtx,
    _memory: &mut [u8],
    fd: u32,
    size: u64,
) -> Result<(), Errno> {
    let descriptor = ctx.stream(fd, Rights::FD_FILESTAT_SET_SIZE)?;
    descriptor.require_writable()?;
    if i64::try_from(size).is_err() {
        return Err(Errno::Inval);
    }
    Ok(rustix::fs::ftruncate(descriptor.host()?, size)?)
}

/// Sets an open file's times, in nanoseconds since 1970.
///
/// # Errors
/// `Badf`, `Notcapable`, `Rofs`, `Inval` for contradictory flags.
pub fn fd_filestat_set_times(
    ctx: &mut WasiCtx,
    _memory: &mut [u8],
    fd: u32,
    atim: u64,
    mtim: u64,
    which: u32,
) -> Result<(), Errno> {
    let times = timestamps(atim, mtim, which)?;
    let descriptor = ctx.stream(fd, Rights::FD_FILESTAT_SET_TIMES)?;
    descriptor.require_writable()?;
    Ok(rustix::fs::futimens(descriptor.host()?, &times)?)
}

/// Converts the arguments of `*_filestat_set_times` to the host's form.
pub(crate) fn timestamps(atim: u64, mtim: u64, which: u32) -> Result<Timestamps, Errno> {
    let which = TimeFlags::parse(which)?;
    let one = |value: u64, given: TimeFlags, now: TimeFlags| match (
        which.contains(given),
        which.contains(now),
    ) {
        (true, true) => Err(Errno::Inval),
        (false, false) => Ok(Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        }),
        (false, true) => Ok(Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_NOW,
        }),
        (true, false) => Ok(Timespec {
            tv_sec: (value / 1_000_000_000) as i64,
            tv_nsec: (value % 1_000_000_000) as i64,
        }),
    };
    Ok(Timestamps {
        last_access: one(atim, TimeFlags::ATIM, TimeFlags::ATIM_NOW)?,
        last_modification: one(mtim, TimeFlags::MTIM, TimeFlags::MTIM_NOW)?,
    })
}

/// Writes the type and name length of a granted directory (8 bytes).
///
/// # Errors
/// `Badf` for any other descriptor, `Fault`.
pub fn fd_prestat_get(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    result: u32,
) -> Result<(), Errno> {
    let len = memory::size(preopen_name(ctx, fd)?.len());
    let mut record = [0; 8];
    record[4..].copy_from_slice(&len.to_le_bytes());
    memory::write(memory, result, &record)
}

/// Writes a granted directory's name, without a NUL.
///
/// # Errors
/// `Badf` for any other descriptor, `Nametoolong` if the name does not fit, `Fault`.
pub fn fd_prestat_dir_name(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    let name = preopen_name(ctx, fd)?;
    if path_len < memory::size(name.len()) {
        return Err(Errno::Nametoolong);
    }
    memory::write(memory, path, name)
}

fn preopen_name(ctx: &WasiCtx, fd: u32) -> Result<&[u8], Errno> {
    match &ctx.get(fd)?.object {
        Object::Directory(directory) => directory.preopened_as.as_deref().ok_or(Errno::Badf),
        _ => Err(Errno::Badf),
    }
}

/// Moves a descriptor to the number of another open descriptor, which is closed.
///
/// # Errors
/// `Badf` unless both are open.
pub fn fd_renumber(ctx: &mut WasiCtx, _memory: &mut [u8], from: u32, to: u32) -> Result<(), Errno> {
    ctx.renumber(from, to)
}
