//! A private copy of an artefact in memory, so that later changes to the file have no effect. A
//! large file is read in pieces, on demand.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::ptr::NonNull;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use super::format::PAGE;
use crate::error::{Error, Result};

/// A private anonymous mapping with an artefact's length, and the file that it is read from.
pub(super) struct Copy {
    base: NonNull<u8>,
    length: usize,
    file: Option<File>,
}

// SAFETY: the thread that claimed a piece writes it once; other threads read it only after that.
unsafe impl Send for Copy {}
// SAFETY: as above.
unsafe impl Sync for Copy {}

/// When the kernel provides the pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// All at once, which costs less than a fault per page.
    AtOnce,
    /// On demand: some may never be needed.
    Later,
}

impl Copy {
    /// Maps `length` readable and writable bytes, to be read from `file` if there is one.
    pub(super) fn new(length: usize, file: Option<File>, filled: Filled) -> Result<Copy> {
        let mut flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        flags.set(MapFlags::POPULATE, filled == Filled::AtOnce);
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address that the kernel chooses overlaps no other.
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

    /// Copies `bytes` to the start of the mapping.
    ///
    /// # Safety
    /// That range is writable, and no other thread accesses it yet.
    pub(super) unsafe fn take(&self, bytes: &[u8]) {
        let length = bytes.len().min(self.length);
        // SAFETY: the length is limited to the mapping's; the caller guarantees the rest.
        unsafe {
            self.base
                .as_ptr()
                .copy_from_nonoverlapping(bytes.as_ptr(), length);
        }
    }

    /// Reads a range from the file, if there is one. Neither allocates nor locks.
    ///
    /// # Safety
    /// The range lies within the mapping and is writable, and no other thread accesses it yet.
    pub(super) unsafe fn fill(&self, start: usize, end: usize) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let mut at = start;
        while at < end.min(self.length) {
            // SAFETY: the caller guarantees that the range is within the mapping, writable and
            // unshared.
            let place =
                unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr().add(at), end - at) };
            match rustix::io::pread(file, place, at as u64) {
                // The file was truncated after its length was read.
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => at += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Sets the protection of a range. It must start at a page, and is extended to whole pages.
    pub(super) fn protect(&self, start: usize, end: usize, flags: MprotectFlags) -> io::Result<()> {
        let end = end.next_multiple_of(PAGE);
        assert!(start.is_multiple_of(PAGE) && end <= self.length.next_multiple_of(PAGE));
        if start >= end {
            return Ok(());
        }
        // SAFETY: the range lies within the mapping, as asserted above.
        unsafe { mprotect(self.base.as_ptr().add(start).cast(), end - start, flags)? };
        Ok(())
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // SAFETY: this value owns the mapping, and nothing that points into it outlives this value.
        let _ = unsafe {
            let length = self.length.next_multiple_of(PAGE);
            munmap(self.base.as_ptr().cast(), length)
        };
    }
}

/// An in-memory file with these bytes, sealed against writes and changes of length.
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
