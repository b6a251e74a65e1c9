//! The bytes of an artefact in memory of our own: whoever changes or cuts off the file later changes
//! nothing here. A large file is read piece by piece, when a piece is needed.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::ptr::NonNull;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use super::format::PAGE;
use crate::error::{Error, Result};

/// A private mapping of an artefact's length, and the file that fills it.
pub(super) struct Copy {
    base: NonNull<u8>,
    length: usize,
    file: Option<File>,
}

// SAFETY: a piece is written once, by whoever has claimed it, before others read it.
unsafe impl Send for Copy {}
// SAFETY: as above.
unsafe impl Sync for Copy {}

/// When the bytes come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// Right away: the kernel gives all pages together, which costs less than a fault for each.
    AtOnce,
    /// Piece by piece, not all of them perhaps.
    Later,
}

impl Copy {
    /// Room for `length` bytes, readable and writable, to be filled from `file` where there is one.
    pub(super) fn new(length: usize, file: Option<File>, filled: Filled) -> Result<Copy> {
        let mut flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        flags.set(MapFlags::POPULATE, filled == Filled::AtOnce);
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at a place that the kernel chooses.
        let base = unsafe {
            let length = length.next_multiple_of(PAGE);
            mmap_anonymous(std::ptr::null_mut(), length, access, flags)
        };
        let base = base.map_err(|error| Error::System {
            what: format!("reserving {length} bytes for an artefact"),
            source: error.into(),
        })?;
        let base = NonNull::new(base.cast())
            .ok_or_else(|| Error::Limit("the kernel gave address zero".to_owned()))?;
        Ok(Copy { base, length, file })
    }

    pub(super) fn base(&self) -> NonNull<u8> {
        self.base
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Takes bytes of memory, from the start on.
    ///
    /// # Safety
    /// The range is writable, and nothing reads it yet.
    pub(super) unsafe fn take(&self, bytes: &[u8]) {
        let length = bytes.len().min(self.length);
        // SAFETY: within the mapping; as the caller promises.
        unsafe {
            self.base
                .as_ptr()
                .copy_from_nonoverlapping(bytes.as_ptr(), length);
        }
    }

    /// Reads a range from the file, where there is one. Neither allocates nor locks.
    ///
    /// # Safety
    /// The range is writable, and nothing reads it yet.
    pub(super) unsafe fn fill(&self, start: usize, end: usize) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let mut at = start;
        while at < end.min(self.length) {
            // SAFETY: within the mapping; as the caller promises.
            let place =
                unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr().add(at), end - at) };
            match rustix::io::pread(file, place, at as u64) {
                // A file that was cut off: what is missing stays zero, and no checksum holds.
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => at += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Sets what may be done with a range that starts at a page; it is widened to whole pages.
    pub(super) fn protect(&self, start: usize, end: usize, flags: MprotectFlags) -> io::Result<()> {
        let end = end.next_multiple_of(PAGE);
        assert!(start.is_multiple_of(PAGE) && end <= self.length.next_multiple_of(PAGE));
        if start >= end {
            return Ok(());
        }
        // SAFETY: within the mapping, as was just checked.
        unsafe { mprotect(self.base.as_ptr().add(start).cast(), end - start, flags)? };
        Ok(())
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nothing that points into it outlives its owner.
        let _ = unsafe {
            let length = self.length.next_multiple_of(PAGE);
            munmap(self.base.as_ptr().cast(), length)
        };
    }
}

/// A file in memory with these bytes, which can neither be written nor change its length again.
pub(super) fn sealed(bytes: &[u8]) -> Result<OwnedFd> {
    let system = |source| Error::System {
        what: format!("writing {} bytes to a file in memory", bytes.len()),
        source,
    };
    let made = memfd_create(c"keel", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING);
    let file = made.map_err(|error| system(error.into()))?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = rustix::io::write(&file, rest).map_err(|error| system(error.into()))?;
        rest = &rest[written..];
    }
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    fcntl_add_seals(file.as_fd(), seals).map_err(|error| system(error.into()))?;
    Ok(file)
}
