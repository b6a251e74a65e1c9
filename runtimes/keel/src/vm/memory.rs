//! Linear memories: address space reserved once, made accessible as it is needed, never moved.

use std::ptr::NonNull;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use super::context::Definition;
use super::{MEMORY_GUARD_BYTES, MEMORY_RESERVE_BYTES};
use crate::error::{Error, Result};
use crate::types::MemoryType;

/// Bytes of a WebAssembly page.
pub(crate) const PAGE_BYTES: u64 = 64 << 10;
/// Pages that a 32-bit memory can have.
const MAX_PAGES: u64 = 1 << 16;

/// A range of address space of our own.
pub(crate) struct Reservation {
    base: NonNull<u8>,
    length: usize,
}

// SAFETY: a range of addresses belongs to no thread.
unsafe impl Send for Reservation {}

impl Reservation {
    /// Reserves address space, none of it accessible.
    pub(crate) fn new(length: usize) -> Result<Reservation> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping, at a place that the kernel chooses.
        let base =
            unsafe { mmap_anonymous(std::ptr::null_mut(), length, ProtFlags::empty(), flags) };
        let base = base.map_err(|error| Error::System {
            what: format!("reserving {length} bytes of address space"),
            source: error.into(),
        })?;
        let base = NonNull::new(base.cast())
            .ok_or_else(|| Error::Limit("the kernel gave address zero".to_owned()))?;
        Ok(Reservation { base, length })
    }

    /// The first address.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Makes a page-aligned part readable and writable.
    pub(crate) fn make_accessible(&self, start: usize, length: usize) -> Result<()> {
        self.protect(start, length, MprotectFlags::READ | MprotectFlags::WRITE)
    }

    /// Makes a page-aligned part fault.
    pub(crate) fn make_inaccessible(&self, start: usize, length: usize) -> Result<()> {
        self.protect(start, length, MprotectFlags::empty())
    }

    /// Maps fresh pages over a page-aligned part, readable and writable, in the place of whatever was
    /// mapped there.
    pub(crate) fn make_anonymous(&self, start: usize, length: usize) -> Result<()> {
        self.check_within(start, length);
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the range is within our mapping, as was just checked, and its owner gives it up.
        let done = unsafe {
            let place = self.base.as_ptr().add(start).cast();
            mmap_anonymous(place, length, access, flags)
        };
        done.map(drop).map_err(|error| Error::System {
            what: format!("mapping {length} fresh bytes"),
            source: error.into(),
        })
    }

    /// Writes a value into a part that is accessible.
    pub(crate) fn write<T: Copy>(&self, start: usize, value: T) {
        self.check_within(start, size_of::<T>());
        // SAFETY: the range is within our mapping, as was just checked, and the caller made it accessible.
        unsafe {
            let place = self.base.as_ptr().add(start).cast::<T>();
            place.write_unaligned(value);
        }
    }

    fn check_within(&self, start: usize, length: usize) {
        let end = start.checked_add(length);
        assert!(end.is_some_and(|end| end <= self.length));
    }

    fn protect(&self, start: usize, length: usize, flags: MprotectFlags) -> Result<()> {
        self.check_within(start, length);
        if length == 0 {
            return Ok(());
        }
        // SAFETY: the range is within our mapping, as was just checked.
        let done = unsafe { mprotect(self.base.as_ptr().add(start).cast(), length, flags) };
        done.map_err(|error| Error::System {
            what: format!("changing the protection of {length} bytes"),
            source: error.into(),
        })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and whatever points into it is gone with its owner. That a
        // mapping of the right range cannot be unmapped does not happen.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.length) };
    }
}

/// A memory, wherever its definition is kept.
pub(crate) struct MemoryObject {
    /// In its instance's context, or in the object itself.
    pub(crate) definition: NonNull<Definition>,
    _own: Option<(Box<Definition>, Reservation)>,
    ty: MemoryType,
    /// Bytes from the base on that may be accessed already, at least the memory's length.
    accessible: u64,
    /// The most bytes that the store allows.
    limit: u64,
}

impl MemoryObject {
    /// A memory with a reservation of its own, kept at `definition`, or in the object itself.
    pub(crate) fn new(
        ty: MemoryType,
        definition: Option<NonNull<Definition>>,
        limit: u64,
    ) -> Result<MemoryObject> {
        let length = u64::from(ty.minimum) * PAGE_BYTES;
        check_limit(length, limit)?;
        let reservation = Reservation::new((MEMORY_RESERVE_BYTES + MEMORY_GUARD_BYTES) as usize)?;
        reservation.make_accessible(0, length as usize)?;
        let mut own = Box::new(Definition {
            base: reservation.base().as_ptr(),
            length,
        });
        let place = match definition {
            Some(place) => {
                // SAFETY: a field of a context that is being made, which is this memory's.
                unsafe { place.write(*own) };
                place
            }
            None => NonNull::from(&mut *own),
        };
        let own = Some((own, reservation));
        Ok(MemoryObject {
            definition: place,
            _own: own,
            ty,
            accessible: length,
            limit,
        })
    }

    /// The memory of a slot, which is kept in its context and has its address space there.
    pub(crate) fn in_slot(
        ty: MemoryType,
        definition: NonNull<Definition>,
        accessible: u64,
        limit: u64,
    ) -> MemoryObject {
        MemoryObject {
            definition,
            _own: None,
            ty,
            accessible,
            limit,
        }
    }

    fn definition(&self) -> Definition {
        // SAFETY: the definition lives as long as the memory's instance or the object does.
        unsafe { self.definition.read() }
    }

    /// The first byte.
    pub(crate) fn base(&self) -> *mut u8 {
        self.definition().base
    }

    /// Present length in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.definition().length
    }

    /// Bytes that have been made accessible.
    pub(crate) fn accessible(&self) -> u64 {
        self.accessible
    }

    /// The type, with the present size as its minimum.
    pub(crate) fn ty(&self) -> MemoryType {
        MemoryType {
            minimum: (self.length() / PAGE_BYTES) as u32,
            ..self.ty
        }
    }

    /// Grows by some pages; the size before in pages, or nothing if it cannot.
    pub(crate) fn grow(&mut self, pages: u32) -> Option<u32> {
        let old = self.length();
        let old_pages = old / PAGE_BYTES;
        let new_pages = old_pages + u64::from(pages);
        let maximum = self.ty.maximum.map_or(MAX_PAGES, u64::from).min(MAX_PAGES);
        let new = new_pages * PAGE_BYTES;
        if new_pages > maximum || new > self.limit {
            return None;
        }
        if new > self.accessible {
            let length = (new - self.accessible) as usize;
            // SAFETY: within the 4 GiB that every memory has reserved behind its base, and beyond
            // what anything has been given access to.
            let done = unsafe {
                let start = self.base().add(self.accessible as usize);
                mprotect(
                    start.cast(),
                    length,
                    MprotectFlags::READ | MprotectFlags::WRITE,
                )
            };
            done.ok()?;
            self.accessible = new;
        }
        // SAFETY: the definition is alive, and no other thread is in this store.
        unsafe { (*self.definition.as_ptr()).length = new };
        Some(old_pages as u32)
    }

    /// A range of its bytes, if it is within bounds.
    pub(crate) fn range(&self, start: u64, length: u64) -> Option<*mut u8> {
        let end = start.checked_add(length)?;
        (end <= self.length()).then(|| self.base().wrapping_add(start as usize))
    }
}

/// Refuses a memory that starts larger than the store allows.
pub(crate) fn check_limit(length: u64, limit: u64) -> Result<()> {
    if length > limit {
        return Err(Error::Limit(format!(
            "a memory of {length} bytes exceeds the limit of {limit}; raise it with Limits::memory_bytes"
        )));
    }
    Ok(())
}
