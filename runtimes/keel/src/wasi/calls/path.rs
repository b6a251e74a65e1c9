//! `path_*`, except `path_open`.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, CWD, Mode};
use rustix::io::Errno as Host;

use crate::wasi::abi::{FileType, LookupFlags, Rights};
use crate::wasi::memory;
use crate::wasi::resolve::{self, Follow, Place};
use crate::wasi::{Errno, WasiCtx};

use super::file::{FILESTAT_BYTES, filestat, timestamps};

/// The mode of a new directory, before the host's umask applies.
const NEW_DIRECTORY: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

/// Creates a directory in a granted one.
///
/// # Errors
/// `Badf`, `Notdir`, `Notcapable`, `Rofs`, `Perm` for a path that leads outside, `Exist`, `Noent`.
pub fn path_create_directory(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    let directory = ctx.get(fd)?;
    let beneath = directory.directory(Rights::PATH_CREATE_DIRECTORY)?;
    let path = memory::text(memory, path, path_len)?;
    let place = resolve::place(beneath, path, Errno::Exist)?;
    directory.require_writable()?;
    Ok(rustix::fs::mkdirat(
        &place.parent,
        place.name,
        NEW_DIRECTORY,
    )?)
}

/// Writes the attributes of the file at a path (64 bytes).
///
/// # Errors
/// `Badf`, `Notdir`, `Notcapable`, `Perm` for a path that leads outside, `Noent`, `Loop`.
pub fn path_filestat_get(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    lookup: u32,
    path: u32,
    path_len: u32,
    result: u32,
) -> Result<(), Errno> {
    memory::reserve(memory, result, FILESTAT_BYTES as u32)?;
    let follow = follow(lookup)?;
    let beneath = ctx.get(fd)?.directory(Rights::PATH_FILESTAT_GET)?;
    let path = memory::text(memory, path, path_len)?;
    // A single component that is not followed cannot lead outside, so one system call replaces
    // three.
    let is_plain = !path.contains('/') && !matches!(path, "" | "." | "..");
    let stat = if is_plain && follow == Follow::Never {
        rustix::fs::statat(beneath, path, AtFlags::SYMLINK_NOFOLLOW)?
    } else {
        rustix::fs::fstat(resolve::locate(beneath, path, follow)?)?
    };
    let kind = FileType::from(rustix::fs::FileType::from_raw_mode(stat.st_mode));
    memory::write(memory, result, &filestat(&stat, kind))
}

/// Sets the times of the file at a path, in nanoseconds since 1970.
///
/// # Errors
/// `Badf`, `Notdir`, `Notcapable`, `Rofs`, `Perm` for a path that leads outside, `Noent`, `Inval`
/// for contradictory flags.
#[expect(clippy::too_many_arguments, reason = "the call has that many")]
pub fn path_filestat_set_times(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    lookup: u32,
    path: u32,
    path_len: u32,
    atim: u64,
    mtim: u64,
    which: u32,
) -> Result<(), Errno> {
    let follow = follow(lookup)?;
    let times = timestamps(atim, mtim, which)?;
    let directory = ctx.get(fd)?;
    let beneath = directory.directory(Rights::PATH_FILESTAT_SET_TIMES)?;
    let path = memory::text(memory, path, path_len)?;
    let file = resolve::locate(beneath, path, follow)?;
    directory.require_writable()?;
    Ok(rustix::fs::utimensat(
        file,
        "",
        &times,
        AtFlags::EMPTY_PATH,
    )?)
}

/// Creates a hard link to a file.
///
/// Both directories must be writable grants. Otherwise, a second name in a writable directory would
/// make a read-only file writable.
///
/// # Errors
/// `Badf`, `Notdir`, `Notcapable`, `Rofs`, `Perm` for a path that leads outside or for a directory,
/// `Exist`, `Noent`, `Xdev`.
#[expect(clippy::too_many_arguments, reason = "the call has that many")]
pub fn path_link(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    old_fd: u32,
    old_lookup: u32,
    old_path: u32,
    old_path_len: u32,
    new_fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result<(), Errno> {
    let follow = follow(old_lookup)?;
    let old_directory = ctx.get(old_fd)?;
    let old_beneath = old_directory.directory(Rights::PATH_LINK_SOURCE)?;
    let new_directory = ctx.get(new_fd)?;
    let new_beneath = new_directory.directory(Rights::PATH_LINK_TARGET)?;
    let old = memory::text(memory, old_path, old_path_len)?;
    let new = memory::text(memory, new_path, new_path_len)?;
    let to = resolve::place(new_beneath, new, Errno::Exist)?;
    if follow == Follow::Always {
        let file = resolve::locate(old_beneath, old, follow)?;
        require_link(&to)?;
        old_directory.require_writable()?;
        new_directory.require_writable()?;
        // Linking an open file needs a privilege on older kernels; `/proc` is the alternative.
        return match rustix::fs::linkat(&file, "", &to.parent, to.name, AtFlags::EMPTY_PATH) {
            Err(Host::NOENT | Host::PERM) => {
                let open_file = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
                let flags = AtFlags::SYMLINK_FOLLOW;
                Ok(rustix::fs::linkat(
                    CWD, open_file, &to.parent, to.name, flags,
                )?)
            }
            answer => Ok(answer?),
        };
    }
    let from = resolve::place(old_beneath, old, Errno::Perm)?;
    if from.is_directory_only {
        require_directory(&from)?;
    }
    require_link(&to)?;
    old_directory.require_writable()?;
    new_directory.require_writable()?;
    Ok(rustix::fs::linkat(
        &from.parent,
        from.name,
        &to.parent,
        to.name,
        AtFlags::empty(),
    )?)
}

/// Writes a symbolic link's text, truncated to the buffer, and its length in bytes.
///
/// # Errors
/// `Badf`, `Notdir`, `Notcapable`, `Perm` for a path that leads outside, `Noent`, `Inval` for a
/// file of another type.
#[expect(clippy::too_many_arguments, reason = "the call has that many")]
pub fn path_readlink(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    path: u32,
    path_len: u32,
    buffer: u32,
    buffer_len: u32,
    used: u32,
) -> Result<(), Errno> {
    memory::reserve(memory, used, 4)?;
    let beneath = ctx.get(fd)?.directory(Rights::PATH_READLINK)?;
    let link = resolve::locate(
        beneath,
        memory::text(memory, path, path_len)?,
        Follow::Never,
    )?;
    let out = memory::bytes_mut(memory, buffer, buffer_len)?;
    let stat = rustix::fs::fstat(&link)?;
    if rustix::fs::FileType::from_raw_mode(stat.st_mode) != rustix::fs::FileType::Symlink {
        return Err(Errno::Inval);
    }
    // The kernel rejects an empty buffer, but preview 1 does not.
    let count = if out.is_empty() {
        0
    } else {
        rustix::fs::readlinkat_raw(&link, "", out)?
    };
    memory::write_u32(memory, used, memory::size(count))
}

/// Removes an empty directory.
///
/// # Errors
/// `Badf`, `Notdir`, `Notcapable`, `Rofs`, `Perm` for a path that leads outside, `Noent`,
/// `Notempty`.
pub fn path_remove_directory(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    let directory = ctx.get(fd)?;
    let beneath = directory.directory(Rights::PATH_REMOVE_DIRECTORY)?;
    let path = memory::text(memory, path, path_len)?;
    let place = resolve::place(beneath, path, Errno::Inval)?;
    directory.require_writable()?;
    Ok(rustix::fs::unlinkat(
        &place.parent,
        place.name,
        AtFlags::REMOVEDIR,
    )?)
}

/// Renames a file or directory. Replaces a file or an empty directory at the new name.
///
/// # Errors
/// `Badf`, `Notdir`, `Notcapable`, `Rofs`, `Perm` for a path that leads outside, `Noent`, `Isdir`,
/// `Notempty`, `Xdev`, `Busy` for `.` and `..`, `Inval` for a directory moved into itself.
#[expect(clippy::too_many_arguments, reason = "the call has that many")]
pub fn path_rename(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    old_fd: u32,
    old_path: u32,
    old_path_len: u32,
    new_fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result<(), Errno> {
    let old_directory = ctx.get(old_fd)?;
    let old_beneath = old_directory.directory(Rights::PATH_RENAME_SOURCE)?;
    let new_directory = ctx.get(new_fd)?;
    let new_beneath = new_directory.directory(Rights::PATH_RENAME_TARGET)?;
    let old = memory::text(memory, old_path, old_path_len)?;
    let new = memory::text(memory, new_path, new_path_len)?;
    let from = resolve::place(old_beneath, old, Errno::Busy)?;
    let to = resolve::place(new_beneath, new, Errno::Busy)?;
    // A trailing slash on either name means a directory.
    if from.is_directory_only || to.is_directory_only {
        require_directory(&from)?;
    }
    old_directory.require_writable()?;
    new_directory.require_writable()?;
    Ok(rustix::fs::renameat(
        &from.parent,
        from.name,
        &to.parent,
        to.name,
    )?)
}

/// Creates a symbolic link. Its text is not resolved now; when it is, it is confined like any path.
/// An absolute text is rejected: guests could never follow it, and it could mislead the host.
///
/// # Errors
/// `Badf`, `Notdir`, `Notcapable`, `Rofs`, `Perm` for an absolute text or a path that leads
/// outside, `Exist`, `Noent`.
pub fn path_symlink(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    text: u32,
    text_len: u32,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    let directory = ctx.get(fd)?;
    let beneath = directory.directory(Rights::PATH_SYMLINK)?;
    let text = memory::text(memory, text, text_len)?;
    let path = memory::text(memory, path, path_len)?;
    let place = resolve::place(beneath, path, Errno::Exist)?;
    require_link(&place)?;
    if text.starts_with('/') {
        return Err(Errno::Perm);
    }
    directory.require_writable()?;
    Ok(rustix::fs::symlinkat(text, &place.parent, place.name)?)
}

/// Removes a file's name. Directories are rejected.
///
/// # Errors
/// `Badf`, `Notdir`, `Notcapable`, `Rofs`, `Perm` for a path that leads outside, `Noent`, `Isdir`.
pub fn path_unlink_file(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<(), Errno> {
    let directory = ctx.get(fd)?;
    let beneath = directory.directory(Rights::PATH_UNLINK_FILE)?;
    let path = memory::text(memory, path, path_len)?;
    let place = resolve::place(beneath, path, Errno::Isdir)?;
    if place.is_directory_only {
        // With a trailing slash it can only be a directory, which this call does not remove.
        require_directory(&place)?;
        return Err(Errno::Isdir);
    }
    directory.require_writable()?;
    Ok(rustix::fs::unlinkat(
        &place.parent,
        place.name,
        AtFlags::empty(),
    )?)
}

fn follow(lookup: u32) -> Result<Follow, Errno> {
    let lookup = LookupFlags::parse(lookup)?;
    Ok(match lookup.contains(LookupFlags::SYMLINK_FOLLOW) {
        true => Follow::Always,
        false => Follow::Never,
    })
}

/// Fails unless the place is a directory, and not a link to one.
fn require_directory(place: &Place<'_>) -> Result<(), Errno> {
    let stat = rustix::fs::statat(place.parent.as_fd(), place.name, AtFlags::SYMLINK_NOFOLLOW)?;
    match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
        rustix::fs::FileType::Directory => Ok(()),
        _ => Err(Errno::Notdir),
    }
}

/// Fails if a new name for a non-directory ends in a slash. The existing file determines the error.
fn require_link(place: &Place<'_>) -> Result<(), Errno> {
    if !place.is_directory_only {
        return Ok(());
    }
    require_directory(place)?;
    Err(Errno::Exist)
}
