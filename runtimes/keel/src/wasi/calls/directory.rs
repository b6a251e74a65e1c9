//! `fd_readdir`.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, RawDir, SeekFrom};

use crate::wasi::abi::{FileType, Rights};
use crate::wasi::descriptor::Object;
use crate::wasi::memory;
use crate::wasi::{Errno, WasiCtx};

/// The size of a `dirent` without its name, bytes.
const DIRENT_BYTES: usize = 24;

/// The buffer for one system call, bytes: enough for the longest entry, and for a few hundred
/// typical entries.
const KERNEL_BUFFER_BYTES: usize = 8192;

/// Writes directory entries, including `.` and `..`, until the buffer is full. The last one may be
/// truncated. A full buffer means that there may be more.
///
/// `cookie` is 0 for the start, or an earlier entry's `d_next`. It is the kernel's position in the
/// directory, so no state is kept between calls, and removing entries while listing skips no
/// others. The serial number of `..` is 0, because it may be outside the grant.
///
/// # Errors
/// `Badf`, `Notdir`, `Notcapable`, `Inval` for a cookie that the host rejects, `Fault`.
pub fn fd_readdir(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    buffer: u32,
    buffer_len: u32,
    cookie: u64,
    used: u32,
) -> Result<(), Errno> {
    memory::reserve(memory, used, 4)?;
    let descriptor = ctx.get_mut(fd)?;
    let has_right = descriptor.rights.contains(Rights::FD_READDIR);
    let Object::Directory(directory) = &mut descriptor.object else {
        return Err(Errno::Notdir);
    };
    if !has_right {
        return Err(Errno::Notcapable);
    }
    let out = memory::bytes_mut(memory, buffer, buffer_len)?;
    let start = i64::try_from(cookie).map_err(|_| Errno::Inval)?;
    let filled = if out.is_empty() {
        0
    } else {
        fill(directory.listing()?, start, out)?
    };
    memory::write_u32(memory, used, memory::size(filled))
}

fn fill(listing: BorrowedFd<'_>, start: i64, out: &mut [u8]) -> Result<usize, Errno> {
    rustix::fs::seek(listing, SeekFrom::Start(start.unsigned_abs()))?;
    let mut kernel_buffer = [MaybeUninit::uninit(); KERNEL_BUFFER_BYTES];
    let mut entries = RawDir::new(listing, &mut kernel_buffer);
    let mut filled = 0;
    while filled < out.len() {
        let Some(entry) = entries.next() else { break };
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        let serial = if name == b".." { 0 } else { entry.ino() };
        let mut record = [0; DIRENT_BYTES];
        record[0..8].copy_from_slice(&entry.next_entry_cookie().to_le_bytes());
        record[8..16].copy_from_slice(&serial.to_le_bytes());
        record[16..20].copy_from_slice(&memory::size(name.len()).to_le_bytes());
        record[20] = kind(listing, entry.file_name(), entry.file_type()) as u8;
        filled += copy(&record, &mut out[filled..]);
        filled += copy(name, &mut out[filled..]);
    }
    Ok(filled)
}

/// The type of an entry. Some file systems do not store it with the name; then the file itself is
/// inspected.
fn kind(listing: BorrowedFd<'_>, name: &std::ffi::CStr, kind: rustix::fs::FileType) -> FileType {
    if kind != rustix::fs::FileType::Unknown {
        return kind.into();
    }
    rustix::fs::statat(listing.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW)
        .map_or(FileType::Unknown, |stat| {
            rustix::fs::FileType::from_raw_mode(stat.st_mode).into()
        })
}

fn copy(source: &[u8], to: &mut [u8]) -> usize {
    let count = source.len().min(to.len());
    to[..count].copy_from_slice(&source[..count]);
    count
}
