//! Linear memories: address space is reserved once, made accessible on demand, and never moved.

use std::ptr::NonNull;
use std::sync::Arc;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use super::budget::{Budget, Share};
use super::context::Definition;
use super::shared::{SharedMemory, racy};
use super::{MEMORY_GUARD_BYTES, MEMORY_RESERVE_BYTES};
use crate::artifact::format::PAGE;
use crate::error::{Error, Result};
use crate::limits::Resource;
use crate::types::{MemoryType, Sharing};

/// The bytes that one last-level page table of the CPU covers.
const TABLE_BYTES: usize = 2 << 20;

/// A range of address space that this value owns.
pub(crate) struct Reservation {
    base: NonNull<u8>,
    length: usize,
}

// SAFETY: an address range is not bound to a thread.
unsafe impl Send for Reservation {}

impl Reservation {
    /// Reserves address space. None of it is accessible.
    pub(crate) fn new(length: usize) -> Result<Reservation> {
        Reservation::near(std::ptr::null_mut(), length)
    }

    /// As [`Reservation::new`], at the address `wanted` if it is free.
    fn near(wanted: *mut u8, length: usize) -> Result<Reservation> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: without `MAP_FIXED`, a new mapping never replaces an existing one.
        let base = unsafe { mmap_anonymous(wanted.cast(), length, ProtFlags::empty(), flags) };
        let base = base.map_err(|error| Error::System {
            what: format!("reserving {length} bytes of address space"),
            source: error.into(),
        })?;
        let base = NonNull::new(base.cast())
            .ok_or_else(|| Error::Limit("the kernel gave address zero".to_owned()))?;
        Ok(Reservation { base, length })
    }

    /// As [`Reservation::new`], aligned to [`TABLE_BYTES`] if the kernel allows it.
    pub(crate) fn aligned(length: usize) -> Result<Reservation> {
        let length = length.next_multiple_of(TABLE_BYTES);
        let found = Reservation::new(length)?;
        let above = found.base.addr().get() % TABLE_BYTES;
        if above == 0 {
            // This is the case after another aligned one: the kernel places each mapping right
            // below the last.
            return Ok(found);
        }
        let wanted = found.base.as_ptr().wrapping_sub(above);
        drop(found);
        Reservation::near(wanted, length)
    }

    /// The size in bytes.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// The first address.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Makes a page-aligned range readable and writable.
    pub(crate) fn make_accessible(&self, start: usize, length: usize) -> Result<()> {
        self.protect(start, length, MprotectFlags::READ | MprotectFlags::WRITE)
    }

    /// Makes a page-aligned range fault on any access.
    pub(crate) fn make_inaccessible(&self, start: usize, length: usize) -> Result<()> {
        self.protect(start, length, MprotectFlags::empty())
    }

    /// Replaces a page-aligned range by new zero pages, readable and writable.
    pub(crate) fn make_anonymous(&self, start: usize, length: usize) -> Result<()> {
        self.check_within(start, length);
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the range is within this mapping, as checked above, and its user no longer needs
        // the old contents.
        let done = unsafe {
            let place = self.base.as_ptr().add(start).cast();
            mmap_anonymous(place, length, access, flags)
        };
        done.map(drop).map_err(|error| Error::System {
            what: format!("mapping {length} fresh bytes"),
            source: error.into(),
        })
    }

    /// Writes a value to an accessible part.
    pub(crate) fn write<T: Copy>(&self, start: usize, value: T) {
        self.check_within(start, size_of::<T>());
        // SAFETY: the range is within this mapping, as checked above, and callers have made it
        // accessible.
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
        // SAFETY: the range is within this mapping, as checked above.
        let done = unsafe { mprotect(self.base.as_ptr().add(start).cast(), length, flags) };
        done.map_err(|error| Error::System {
            what: format!("changing the protection of {length} bytes"),
            source: error.into(),
        })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: this value owns the mapping, and everything that points into it is gone.
        // Unmapping a valid range does not fail.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.length) };
    }
}

/// A memory. Its definition may be in several places.
pub(crate) struct MemoryObject {
    /// In its instance's context, in an allocation of its own, or in a shared memory.
    pub(crate) definition: NonNull<Definition>,
    backing: Backing,
    ty: MemoryType,
    /// Accessible bytes from the base on; at least the memory's length.
    accessible: u64,
    /// The store's limit in bytes.
    limit: u64,
    /// Its bytes in the store's budget; `None` for a shared memory.
    share: Option<Share>,
}

/// The owner of a memory's address space.
enum Backing {
    /// The slot. The definition is in the slot's context.
    Slot,
    /// The memory. The definition is in a context.
    Own { reservation: Reservation },
    /// The memory. The definition is in an allocation of the memory's own.
    Host { reservation: Reservation },
    /// A shared memory, which also has the definition.
    Shared(SharedMemory),
}

impl Drop for MemoryObject {
    fn drop(&mut self) {
        if let Backing::Host { .. } = self.backing {
            // SAFETY: `Box::leak` in `new` made the pointer, and everything that points to it goes
            // with this memory.
            drop(unsafe { Box::from_raw(self.definition.as_ptr()) });
        }
    }
}

/// The address space to reserve for a memory of at most `limit` bytes, in bytes.
pub(super) fn reservation_bytes(ty: &MemoryType, limit: u64) -> usize {
    let most = if ty.is_guarded() {
        MEMORY_RESERVE_BYTES
    } else {
        ty.bytes_of(ty.most_pages()).min(limit)
    };
    let reserve = most.saturating_add(MEMORY_GUARD_BYTES);
    usize::try_from(reserve.saturating_add(PAGE as u64 - 1) / PAGE as u64 * PAGE as u64)
        .unwrap_or(usize::MAX)
}

/// The size in bytes of the host pages that contain `length` bytes.
pub(super) fn host_pages(length: u64) -> u64 {
    length.next_multiple_of(PAGE as u64)
}

impl MemoryObject {
    /// Creates a memory with its own reservation. The definition is at `place`, or else in its own
    /// allocation.
    pub(crate) fn new(
        ty: MemoryType,
        place: Option<NonNull<Definition>>,
        limit: u64,
        budget: &Arc<Budget>,
    ) -> Result<MemoryObject> {
        if ty.sharing == Sharing::Shared {
            let shared = SharedMemory::with_limit(ty, limit, Some(budget))?;
            if let Some(place) = place {
                // SAFETY: `place` is a field of a context under construction, reserved for this
                // memory. For a shared memory, code expects the base and the definition's address
                // there, as for an imported memory.
                unsafe {
                    place.write(Definition {
                        base: shared.base(),
                        length: shared.definition().as_ptr() as u64,
                    });
                }
            }
            return Ok(MemoryObject::of_shared(shared));
        }
        let length = ty.bytes_of(ty.minimum);
        check_limit(length, limit)?;
        let share = Share::new(budget, Resource::Memory, length)?;
        let reservation = Reservation::new(reservation_bytes(&ty, limit))?;
        let accessible = host_pages(length);
        reservation.make_accessible(0, accessible as usize)?;
        let definition = Definition {
            base: reservation.base().as_ptr(),
            length,
        };
        let (definition, backing) = match place {
            Some(place) => {
                // SAFETY: `place` is a field of a context under construction, reserved for this
                // memory.
                unsafe { place.write(definition) };
                (place, Backing::Own { reservation })
            }
            None => {
                let place = NonNull::from(Box::leak(Box::new(definition)));
                (place, Backing::Host { reservation })
            }
        };
        Ok(MemoryObject {
            definition,
            backing,
            ty,
            accessible,
            limit,
            share: Some(share),
        })
    }

    /// A store's view of a shared memory.
    pub(crate) fn of_shared(shared: SharedMemory) -> MemoryObject {
        MemoryObject {
            definition: shared.definition(),
            ty: shared.declared(),
            accessible: 0,
            limit: 0,
            share: None,
            backing: Backing::Shared(shared),
        }
    }

    /// The memory of a slot, with its address space in the slot and its definition in the slot's
    /// context.
    pub(crate) fn in_slot(
        ty: MemoryType,
        definition: NonNull<Definition>,
        accessible: u64,
        limit: u64,
        share: Share,
    ) -> MemoryObject {
        MemoryObject {
            definition,
            backing: Backing::Slot,
            ty,
            accessible,
            limit,
            share: Some(share),
        }
    }

    /// The shared memory, if it is one.
    pub(crate) fn shared(&self) -> Option<&SharedMemory> {
        match &self.backing {
            Backing::Shared(shared) => Some(shared),
            _ => None,
        }
    }

    /// The address of the first byte.
    pub(crate) fn base(&self) -> *mut u8 {
        // SAFETY: the definition lives as long as the memory's instance or this object, and its
        // base never changes.
        unsafe { (*self.definition.as_ptr()).base }
    }

    /// The current length in bytes. A shared memory may already be longer when this returns.
    pub(crate) fn length(&self) -> u64 {
        match &self.backing {
            Backing::Shared(shared) => shared.length(),
            // SAFETY: the definition lives as long as the memory's instance or this object, and no
            // other thread uses this store.
            _ => unsafe { (*self.definition.as_ptr()).length },
        }
    }

    /// Whether an address is in the memory's reservation. A faulting access there is out of the
    /// memory's bounds.
    pub(crate) fn reserves(&self, address: usize) -> bool {
        let length = match &self.backing {
            Backing::Slot => (MEMORY_RESERVE_BYTES + MEMORY_GUARD_BYTES) as usize,
            Backing::Own { reservation } | Backing::Host { reservation } => reservation.length,
            Backing::Shared(shared) => shared.reserved(),
        };
        (self.base() as usize..).contains(&address) && address - (self.base() as usize) < length
    }

    /// The number of accessible bytes.
    pub(crate) fn accessible(&self) -> u64 {
        self.accessible
    }

    /// The type, with the current size as its minimum.
    pub(crate) fn ty(&self) -> MemoryType {
        MemoryType {
            minimum: self.length() >> self.ty.page_size_log2,
            ..self.ty
        }
    }

    /// Grows by `pages` and returns the previous size in pages; `None` if a limit forbids it.
    pub(crate) fn grow(&mut self, pages: u64) -> Option<u64> {
        if let Backing::Shared(shared) = &self.backing {
            return shared.grow_by(pages);
        }
        let old = self.length();
        let new = grown(&self.ty, old, pages, self.limit)?;
        if self.share.as_mut().is_some_and(|share| !share.grow_to(new)) {
            return None;
        }
        let accessible = host_pages(new);
        if accessible > self.accessible {
            let length = (accessible - self.accessible) as usize;
            // SAFETY: the reservation covers everything up to the limit, and the range is behind
            // all bytes that have been accessible.
            let done = unsafe {
                let start = self.base().add(self.accessible as usize);
                mprotect(
                    start.cast(),
                    length,
                    MprotectFlags::READ | MprotectFlags::WRITE,
                )
            };
            done.ok()?;
            self.accessible = accessible;
        }
        // SAFETY: the definition is alive, and no other thread uses this store.
        unsafe { (*self.definition.as_ptr()).length = new };
        Some(old >> self.ty.page_size_log2)
    }

    /// The address of a range; `None` if it is out of bounds.
    pub(crate) fn range(&self, start: u64, length: u64) -> Option<*mut u8> {
        let end = start.checked_add(length)?;
        (end <= self.length()).then(|| self.base().wrapping_add(start as usize))
    }

    /// Copies a range to `to`; `None` if it is out of bounds.
    pub(crate) fn read(&self, start: u64, to: &mut [u8]) -> Option<()> {
        let from = self.range(start, to.len() as u64)?;
        // SAFETY: the range is within bounds, and `to` belongs to the host.
        unsafe {
            match self.backing {
                Backing::Shared(_) => racy::copy(to.as_mut_ptr(), from, to.len()),
                _ => to.as_mut_ptr().copy_from_nonoverlapping(from, to.len()),
            }
        }
        Some(())
    }

    /// Copies `bytes` into a range; `None` if it is out of bounds.
    pub(crate) fn write(&self, start: u64, bytes: &[u8]) -> Option<()> {
        let to = self.range(start, bytes.len() as u64)?;
        // SAFETY: the range is within bounds, and `bytes` is not part of this memory.
        unsafe {
            match self.backing {
                Backing::Shared(_) => racy::copy(to, bytes.as_ptr(), bytes.len()),
                _ => to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()),
            }
        }
        Some(())
    }

    /// Fills a range with a byte; `None` if it is out of bounds.
    pub(crate) fn fill(&self, start: u64, value: u8, length: u64) -> Option<()> {
        let to = self.range(start, length)?;
        // SAFETY: the range is within bounds.
        unsafe {
            match self.backing {
                Backing::Shared(_) => racy::fill(to, value, length as usize),
                _ => to.write_bytes(value, length as usize),
            }
        }
        Some(())
    }

    /// Copies a range of `from`, which may be this memory, into a range; `None` if one is out of
    /// bounds.
    pub(crate) fn copy(&self, start: u64, from: &MemoryObject, at: u64, length: u64) -> Option<()> {
        let to = self.range(start, length)?;
        let source = from.range(at, length)?;
        let plain = self.shared().is_none() && from.shared().is_none();
        // SAFETY: both ranges are within bounds. Both copies allow overlap.
        unsafe {
            match plain {
                true => to.copy_from(source, length as usize),
                false => racy::copy(to, source, length as usize),
            }
        }
        Some(())
    }
}

/// The length in bytes after a growth; `None` if the type or the limit forbids it.
pub(super) fn grown(ty: &MemoryType, length: u64, pages: u64, limit: u64) -> Option<u64> {
    let pages = (length >> ty.page_size_log2).checked_add(pages)?;
    let new = pages.checked_mul(ty.page_bytes())?;
    (pages <= ty.most_pages() && new <= limit).then_some(new)
}

/// Rejects a memory with an initial size above the store's limit.
pub(crate) fn check_limit(length: u64, limit: u64) -> Result<()> {
    if length > limit {
        return Err(Error::Limit(format!(
            "a memory of {length} bytes exceeds the limit of {limit}; raise it with Limits::memory_bytes"
        )));
    }
    Ok(())
}
