//! `fd_read`, `fd_write`, `fd_pread`, `fd_pwrite`, `fd_seek` and `fd_tell`.

use std::io::{IoSlice, IoSliceMut};

use rustix::event::PollFlags;
use rustix::fs::SeekFrom;

use crate::wasi::abi::{FileType, Rights};
use crate::wasi::descriptor::{Descriptor, Object};
use crate::wasi::memory;
use crate::wasi::{Errno, WasiCtx};

/// Reads from the descriptor's position into the buffers in `iovs`.
///
/// # Errors
/// `Badf`, `Notcapable`, `Isdir`, `Again`, `Intr`, `Fault`, and the errors of the host's read.
pub fn fd_read(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nread: u32,
) -> Result<(), Errno> {
    memory::reserve(memory, nread, 4)?;
    let descriptor = ctx.stream(fd, Rights::FD_READ)?;
    let count = match &descriptor.object {
        Object::Host(_) => {
            let file = ctx.ready(descriptor, PollFlags::IN)?;
            memory::destinations(memory, iovs, iovs_len, |buffers| match buffers {
                [only] => Ok(rustix::io::read(file, &mut **only)?),
                several => Ok(rustix::io::readv(file, several)?),
            })?
        }
        Object::Bytes { .. } => read_bytes(ctx, memory, fd, iovs, iovs_len)?,
        Object::Null => memory::destinations(memory, iovs, iovs_len, |_| Ok(0))?,
        Object::Directory(_) => return Err(Errno::Isdir),
        Object::Capture(_) => return Err(Errno::Notcapable),
    };
    memory::write_u32(memory, nread, memory::size(count))
}

/// Writes the buffers in `iovs` at the descriptor's position, or at the end of a file with
/// `APPEND`.
///
/// # Errors
/// `Badf`, `Notcapable`, `Isdir`, `Again`, `Intr`, `Fault`, and the errors of the host's write.
pub fn fd_write(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nwritten: u32,
) -> Result<(), Errno> {
    memory::reserve(memory, nwritten, 4)?;
    let descriptor = ctx.stream(fd, Rights::FD_WRITE)?;
    let count = match &descriptor.object {
        Object::Host(_) => {
            let file = ctx.ready(descriptor, PollFlags::OUT)?;
            memory::sources(memory, iovs, iovs_len, |buffers| {
                if is_socket(descriptor) {
                    super::socket::send(file, buffers)
                } else {
                    Ok(rustix::io::writev(file, buffers)?)
                }
            })?
        }
        Object::Null => memory::sources(memory, iovs, iovs_len, |buffers| Ok(total(buffers)))?,
        Object::Capture(capture) => {
            memory::sources(memory, iovs, iovs_len, |buffers| capture.write(buffers))?
        }
        Object::Directory(_) => return Err(Errno::Isdir),
        Object::Bytes { .. } => return Err(Errno::Notcapable),
    };
    memory::write_u32(memory, nwritten, memory::size(count))
}

/// Reads at `offset` bytes from the start, without moving the descriptor's position.
///
/// # Errors
/// As `fd_read`; `Spipe` for a stream; `Inval` for an offset that exceeds the host's range.
pub fn fd_pread(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nread: u32,
) -> Result<(), Errno> {
    memory::reserve(memory, nread, 4)?;
    let descriptor = positioned(ctx, fd, Rights::FD_READ)?;
    let file = descriptor.host()?;
    require_offset(offset)?;
    let count = memory::destinations(memory, iovs, iovs_len, |buffers| {
        Ok(rustix::io::preadv(file, buffers, offset)?)
    })?;
    memory::write_u32(memory, nread, memory::size(count))
}

/// Writes at `offset` bytes from the start, without moving the descriptor's position. On a file
/// with `APPEND` the bytes go to the end, as on Linux.
///
/// # Errors
/// As `fd_write`; `Spipe` for a stream; `Inval` for an offset that exceeds the host's range.
pub fn fd_pwrite(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nwritten: u32,
) -> Result<(), Errno> {
    memory::reserve(memory, nwritten, 4)?;
    let descriptor = positioned(ctx, fd, Rights::FD_WRITE)?;
    let file = descriptor.host()?;
    require_offset(offset)?;
    let count = memory::sources(memory, iovs, iovs_len, |buffers| {
        Ok(rustix::io::pwritev(file, buffers, offset)?)
    })?;
    memory::write_u32(memory, nwritten, memory::size(count))
}

/// Moves the descriptor's position and writes the new one, in bytes from the start.
///
/// # Errors
/// `Badf`, `Notcapable`, `Spipe`, `Inval` for an unknown base or a position before the start,
/// `Fault`.
pub fn fd_seek(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    delta: i64,
    whence: u32,
    position: u32,
) -> Result<(), Errno> {
    memory::reserve(memory, position, 8)?;
    let to = match whence {
        0 => SeekFrom::Start(u64::try_from(delta).map_err(|_| Errno::Inval)?),
        1 => SeekFrom::Current(delta),
        2 => SeekFrom::End(delta),
        _ => return Err(Errno::Inval),
    };
    let descriptor = ctx.get(fd)?;
    // Querying the position needs fewer rights than moving it.
    let asks_only = to == SeekFrom::Current(0) && descriptor.rights.contains(Rights::FD_TELL);
    if !asks_only {
        require_seekable(descriptor, Rights::FD_SEEK)?;
    }
    let now = rustix::fs::seek(descriptor.host()?, to)?;
    memory::write_u64(memory, position, now)
}

/// Writes the descriptor's position, in bytes from the start.
///
/// # Errors
/// `Badf`, `Notcapable`, `Spipe`, `Fault`.
pub fn fd_tell(ctx: &mut WasiCtx, memory: &mut [u8], fd: u32, position: u32) -> Result<(), Errno> {
    memory::reserve(memory, position, 8)?;
    let descriptor = ctx.get(fd)?;
    require_seekable(descriptor, Rights::FD_TELL)?;
    let now = rustix::fs::tell(descriptor.host()?)?;
    memory::write_u64(memory, position, now)
}

fn positioned(ctx: &WasiCtx, fd: u32, right: Rights) -> Result<&Descriptor, Errno> {
    let descriptor = ctx.stream(fd, right)?;
    require_seekable(descriptor, Rights::FD_SEEK)?;
    Ok(descriptor)
}

/// Checks a right to positions. A stream gets `Spipe`, which programs test for; anything else gets
/// `Notcapable`.
fn require_seekable(descriptor: &Descriptor, right: Rights) -> Result<(), Errno> {
    let is_stream = match descriptor.object {
        Object::Host(_) => matches!(
            descriptor.kind,
            FileType::Unknown | FileType::SocketStream | FileType::SocketDatagram
        ),
        Object::Directory(_) => false,
        Object::Null | Object::Bytes { .. } | Object::Capture(_) => true,
    };
    if is_stream {
        Err(Errno::Spipe)
    } else {
        descriptor.require(right)
    }
}

fn require_offset(offset: u64) -> Result<(), Errno> {
    i64::try_from(offset).map(drop).map_err(|_| Errno::Inval)
}

fn is_socket(descriptor: &Descriptor) -> bool {
    matches!(
        descriptor.kind,
        FileType::SocketStream | FileType::SocketDatagram
    )
}

fn total(buffers: &[IoSlice<'_>]) -> usize {
    buffers.iter().map(|buffer| buffer.len()).sum()
}

fn read_bytes(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    iovs: u32,
    iovs_len: u32,
) -> Result<usize, Errno> {
    let Object::Bytes { bytes, position } = &mut ctx.get_mut(fd)?.object else {
        return Err(Errno::Badf);
    };
    let count = memory::destinations(memory, iovs, iovs_len, |buffers| {
        Ok(scatter(&bytes[*position..], buffers))
    })?;
    *position += count;
    Ok(count)
}

fn scatter(mut source: &[u8], buffers: &mut [IoSliceMut<'_>]) -> usize {
    let before = source.len();
    for buffer in buffers {
        let (now, rest) = source.split_at(source.len().min(buffer.len()));
        buffer[..now.len()].copy_from_slice(now);
        source = rest;
    }
    before - source.len()
}
