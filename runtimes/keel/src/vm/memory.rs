//! Linear memories: address space reserved once, made accessible as it is needed, never moved.

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

/// Bytes that one page of the processor's last table of addresses describes.
const TABLE_BYTES: usize = 2 << 20;

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
        Reservation::near(std::ptr::null_mut(), length)
    }

    /// As [`Reservation::new`], at a wanted address if nothing is there.
    fn near(wanted: *mut u8, length: usize) -> Result<Reservation> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping, at a place that the kernel chooses.
        let base = unsafe { mmap_anonymous(wanted.cast(), length, ProtFlags::empty(), flags) };
        let base = base.map_err(|error| Error::System {
            what: format!("reserving {length} bytes of address space"),
            source: error.into(),
        })?;
        let base = NonNull::new(base.cast())
            .ok_or_else(|| Error::Limit("the kernel gave address zero".to_owned()))?;
        Ok(Reservation { base, length })
    }

    /// As [`Reservation::new`], from a multiple of [`TABLE_BYTES`] on, where the kernel gives that.
    pub(crate) fn aligned(length: usize) -> Result<Reservation> {
        let length = length.next_multiple_of(TABLE_BYTES);
        let found = Reservation::new(length)?;
        let above = found.base.addr().get() % TABLE_BYTES;
        if above == 0 {
            // As it is behind another one: the kernel places each right below the one before.
            return Ok(found);
        }
        let wanted = found.base.as_ptr().wrapping_sub(above);
        drop(found);
        Reservation::near(wanted, length)
    }

    /// Bytes of it.
    pub(super) fn length(&self) -> usize {
        self.length
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
    /// In its instance's context, in the object itself, or in what several stores share.
    pub(crate) definition: NonNull<Definition>,
    backing: Backing,
    ty: MemoryType,
    /// Bytes from the base on that may be accessed already, at least the memory's length.
    accessible: u64,
    /// The most bytes that the store allows.
    limit: u64,
    /// What it has of its store's total; a shared memory belongs to no store.
    share: Option<Share>,
}

/// Whose address space a memory is in.
enum Backing {
    /// A slot's, with the definition in the slot's context.
    Slot,
    /// The memory's own, with the definition in a context.
    Own { reservation: Reservation },
    /// The memory's own, with the definition in an allocation that is the memory's.
    Host { reservation: Reservation },
    /// Shared with other stores, the definition as well.
    Shared(SharedMemory),
}

impl Drop for MemoryObject {
    fn drop(&mut self) {
        if let Backing::Host { .. } = self.backing {
            // SAFETY: made by `Box::leak` in `new`; whatever points to it goes with this memory.
            drop(unsafe { Box::from_raw(self.definition.as_ptr()) });
        }
    }
}

/// Bytes of address space for a memory that may have `limit` bytes.
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

/// Bytes of the whole host pages that hold a number of bytes.
pub(super) fn host_pages(length: u64) -> u64 {
    length.next_multiple_of(PAGE as u64)
}

impl MemoryObject {
    /// A memory with a reservation of its own, kept at `place`, or in the object itself.
    pub(crate) fn new(
        ty: MemoryType,
        place: Option<NonNull<Definition>>,
        limit: u64,
        budget: &Arc<Budget>,
    ) -> Result<MemoryObject> {
        if ty.sharing == Sharing::Shared {
            let shared = SharedMemory::with_limit(ty, limit, Some(budget))?;
            if let Some(place) = place {
                // SAFETY: a field of a context that is being made, which is this memory's: code
                // expects base and place of the definition there, as of an imported memory.
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
                // SAFETY: a field of a context that is being made, which is this memory's.
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

    /// A memory that other stores may have, too.
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

    /// The memory of a slot, which is kept in its context and has its address space there.
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

    /// What several stores share, where the memory is shared.
    pub(crate) fn shared(&self) -> Option<&SharedMemory> {
        match &self.backing {
            Backing::Shared(shared) => Some(shared),
            _ => None,
        }
    }

    /// The first byte.
    pub(crate) fn base(&self) -> *mut u8 {
        // SAFETY: the definition lives as long as the memory's instance or the object does, and its
        // base never changes.
        unsafe { (*self.definition.as_ptr()).base }
    }

    /// Present length in bytes. A shared memory may be longer by the time that the caller has it.
    pub(crate) fn length(&self) -> u64 {
        match &self.backing {
            Backing::Shared(shared) => shared.length(),
            // SAFETY: the definition lives as long as the memory's instance or the object does, and
            // no other thread is in this store.
            _ => unsafe { (*self.definition.as_ptr()).length },
        }
    }

    /// Whether an address lies where nothing but this memory can: an access there that faults is out of
    /// its bounds.
    pub(crate) fn reserves(&self, address: usize) -> bool {
        let length = match &self.backing {
            Backing::Slot => (MEMORY_RESERVE_BYTES + MEMORY_GUARD_BYTES) as usize,
            Backing::Own { reservation } | Backing::Host { reservation } => reservation.length,
            Backing::Shared(shared) => shared.reserved(),
        };
        (self.base() as usize..).contains(&address) && address - (self.base() as usize) < length
    }

    /// Bytes that have been made accessible.
    pub(crate) fn accessible(&self) -> u64 {
        self.accessible
    }

    /// The type, with the present size as its minimum.
    pub(crate) fn ty(&self) -> MemoryType {
        MemoryType {
            minimum: self.length() >> self.ty.page_size_log2,
            ..self.ty
        }
    }

    /// Grows by some pages; the size before in pages, or nothing if it cannot.
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
            // SAFETY: within what is reserved behind the base for all that the limit allows, and
            // beyond what anything has been given access to.
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
        // SAFETY: the definition is alive, and no other thread is in this store.
        unsafe { (*self.definition.as_ptr()).length = new };
        Some(old >> self.ty.page_size_log2)
    }

    /// A range of its bytes, if it is within bounds.
    pub(crate) fn range(&self, start: u64, length: u64) -> Option<*mut u8> {
        let end = start.checked_add(length)?;
        (end <= self.length()).then(|| self.base().wrapping_add(start as usize))
    }

    /// Copies a range out; nothing if that is out of bounds.
    pub(crate) fn read(&self, start: u64, to: &mut [u8]) -> Option<()> {
        let from = self.range(start, to.len() as u64)?;
        // SAFETY: the range was checked; the slice is the host's.
        unsafe {
            match self.backing {
                Backing::Shared(_) => racy::copy(to.as_mut_ptr(), from, to.len()),
                _ => to.as_mut_ptr().copy_from_nonoverlapping(from, to.len()),
            }
        }
        Some(())
    }

    /// Copies bytes into a range; nothing if that is out of bounds.
    pub(crate) fn write(&self, start: u64, bytes: &[u8]) -> Option<()> {
        let to = self.range(start, bytes.len() as u64)?;
        // SAFETY: the range was checked; the bytes are no part of a memory.
        unsafe {
            match self.backing {
                Backing::Shared(_) => racy::copy(to, bytes.as_ptr(), bytes.len()),
                _ => to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()),
            }
        }
        Some(())
    }

    /// Fills a range with a byte; nothing if that is out of bounds.
    pub(crate) fn fill(&self, start: u64, value: u8, length: u64) -> Option<()> {
        let to = self.range(start, length)?;
        // SAFETY: the range was checked.
        unsafe {
            match self.backing {
                Backing::Shared(_) => racy::fill(to, value, length as usize),
                _ => to.write_bytes(value, length as usize),
            }
        }
        Some(())
    }

    /// Copies a range of another memory, or of this one, into a range; nothing if one is out of bounds.
    pub(crate) fn copy(&self, start: u64, from: &MemoryObject, at: u64, length: u64) -> Option<()> {
        let to = self.range(start, length)?;
        let source = from.range(at, length)?;
        let plain = self.shared().is_none() && from.shared().is_none();
        // SAFETY: the ranges were checked, and may overlap.
        unsafe {
            match plain {
                true => to.copy_from(source, length as usize),
                false => racy::copy(to, source, length as usize),
            }
        }
        Some(())
    }
}

/// The length of a memory that has grown, unless its type or the limit forbids it.
pub(super) fn grown(ty: &MemoryType, length: u64, pages: u64, limit: u64) -> Option<u64> {
    let pages = (length >> ty.page_size_log2).checked_add(pages)?;
    let new = pages.checked_mul(ty.page_bytes())?;
    (pages <= ty.most_pages() && new <= limit).then_some(new)
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
