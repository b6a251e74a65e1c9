//! Memories that several stores use concurrently, on several threads.
//!
//! The host never has a reference to such a memory's bytes, because another thread may write them
//! at any time. It uses atomics, or assembly for copies and fills ([`racy`]).

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::budget::{Budget, Share};
use super::context::Definition;
use super::memory::{Reservation, check_limit, grown, host_pages, reservation_bytes};
use super::parking::Parking;
use crate::error::{Error, Result};
use crate::limits::{Limits, Resource};
use crate::types::{MemoryType, Sharing};

/// A memory that belongs to no store. Stores on several threads can import it. It never moves.
///
/// ```
/// use keel::{Limits, MemoryType, SharedMemory, Sharing};
///
/// # fn main() -> keel::Result<()> {
/// let ty = MemoryType {
///     sharing: Sharing::Shared,
///     ..MemoryType::new(1, Some(4))
/// };
/// let memory = SharedMemory::new(ty, &Limits::default())?;
/// memory.write(100, b"hello")?;
/// assert_eq!(memory.atomic_u32(100).expect("aligned").to_le_bytes_now(), *b"hell");
/// # Ok(())
/// # }
/// # trait Now { fn to_le_bytes_now(&self) -> [u8; 4]; }
/// # impl Now for std::sync::atomic::AtomicU32 {
/// #     fn to_le_bytes_now(&self) -> [u8; 4] {
/// #         self.load(std::sync::atomic::Ordering::SeqCst).to_le_bytes()
/// #     }
/// # }
/// ```
#[derive(Clone)]
pub struct SharedMemory(Arc<Inner>);

/// As [`Definition`], with a length that other threads can change.
#[repr(C)]
struct SharedDefinition {
    base: *mut u8,
    length: AtomicU64,
}

struct Inner {
    definition: SharedDefinition,
    reservation: Reservation,
    ty: MemoryType,
    limit: u64,
    /// Locked during growth.
    growing: Mutex<Growing>,
    parking: Parking,
}

struct Growing {
    /// The number of accessible bytes.
    accessible: u64,
    /// The bytes in the budget of the store that created the memory; `None` if the host created it.
    share: Option<Share>,
}

// SAFETY: the bytes are only accessed by atomics or by assembly and compiled code; the other state
// is constant or behind a lock.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl SharedMemory {
    /// Creates a memory. The type must be shared and have a maximum.
    ///
    /// # Errors
    /// [`Error::Type`] if the type is not shared or has no maximum, [`Error::Limit`] if its minimum
    /// exceeds the limits, [`Error::System`] if the address space is exhausted.
    pub fn new(ty: MemoryType, limits: &Limits) -> Result<SharedMemory> {
        SharedMemory::with_limit(ty, limits.memory_bytes, None)
    }

    /// As [`SharedMemory::new`]. The bytes count in `budget`, if there is one.
    pub(super) fn with_limit(
        ty: MemoryType,
        limit: u64,
        budget: Option<&Arc<Budget>>,
    ) -> Result<SharedMemory> {
        if ty.sharing == Sharing::Unshared || ty.maximum.is_none() {
            return Err(Error::Type(
                "a shared memory needs a shared type with a maximum".to_owned(),
            ));
        }
        let length = ty.bytes_of(ty.minimum);
        check_limit(length, limit)?;
        let share = budget.map(|budget| Share::new(budget, Resource::Memory, length));
        let share = share.transpose()?;
        let reservation = Reservation::new(reservation_bytes(&ty, limit))?;
        let accessible = host_pages(length);
        reservation.make_accessible(0, accessible as usize)?;
        Ok(SharedMemory(Arc::new(Inner {
            definition: SharedDefinition {
                base: reservation.base().as_ptr(),
                length: AtomicU64::new(length),
            },
            reservation,
            ty,
            limit,
            growing: Mutex::new(Growing { accessible, share }),
            parking: Parking::default(),
        })))
    }

    /// The type, with the current size as the minimum.
    pub fn ty(&self) -> MemoryType {
        MemoryType {
            minimum: self.length() >> self.0.ty.page_size_log2,
            ..self.0.ty
        }
    }

    /// The current length in bytes. It may already be larger when this returns; it never shrinks.
    pub fn length(&self) -> u64 {
        self.0.definition.length.load(Ordering::SeqCst)
    }

    /// Grows the memory for all stores that share it, and returns its previous size in pages.
    ///
    /// # Errors
    /// [`Error::Limit`] if a limit forbids it.
    pub fn grow(&self, pages: u64) -> Result<u64> {
        self.grow_by(pages)
            .ok_or_else(|| Error::Limit(format!("the memory cannot grow by {pages} pages")))
    }

    /// Copies a range to `bytes`. Concurrent writes may be seen in part, byte by byte.
    ///
    /// # Errors
    /// [`Error::Limit`] if the range is out of bounds.
    pub fn read(&self, at: u64, bytes: &mut [u8]) -> Result<()> {
        let from = self.range(at, bytes.len())?;
        // SAFETY: the range was checked, and a shared memory never shrinks; `bytes` is the caller's.
        unsafe { racy::copy(bytes.as_mut_ptr(), from, bytes.len()) };
        Ok(())
    }

    /// Copies `bytes` into a range, byte by byte.
    ///
    /// # Errors
    /// [`Error::Limit`] if the range is out of bounds.
    pub fn write(&self, at: u64, bytes: &[u8]) -> Result<()> {
        let to = self.range(at, bytes.len())?;
        // SAFETY: as in `read`.
        unsafe { racy::copy(to, bytes.as_ptr(), bytes.len()) };
        Ok(())
    }

    /// Four bytes for atomic access; `None` if they are out of bounds or misaligned.
    pub fn atomic_u32(&self, at: u64) -> Option<&AtomicU32> {
        let place = self.aligned(at, 4)?;
        // SAFETY: in bounds, aligned, and alive as long as `self`. Other accesses are atomics,
        // assembly or compiled code; callers must not overlap `u32` and `u64` accesses without
        // synchronisation.
        Some(unsafe { AtomicU32::from_ptr(place.cast()) })
    }

    /// Eight bytes for atomic access; `None` if they are out of bounds or misaligned.
    pub fn atomic_u64(&self, at: u64) -> Option<&AtomicU64> {
        let place = self.aligned(at, 8)?;
        // SAFETY: as in `atomic_u32`.
        Some(unsafe { AtomicU64::from_ptr(place.cast()) })
    }

    /// Wakes up to `count` threads that wait at an address, in order of arrival, and returns how
    /// many it woke.
    pub fn notify(&self, at: u64, count: u32) -> u32 {
        self.0.parking.notify(at, count)
    }

    pub(super) fn parking(&self) -> &Parking {
        &self.0.parking
    }

    fn aligned(&self, at: u64, bytes: u64) -> Option<*mut u8> {
        let place = self.range(at, bytes as usize).ok()?;
        at.is_multiple_of(bytes).then_some(place)
    }

    fn range(&self, at: u64, length: usize) -> Result<*mut u8> {
        let end = at.checked_add(length as u64);
        if end.is_none_or(|end| end > self.length()) {
            return Err(Error::Limit(format!(
                "{length} bytes at {at} are not all in the memory"
            )));
        }
        Ok(self.base().wrapping_add(at as usize))
    }

    pub(super) fn base(&self) -> *mut u8 {
        self.0.definition.base
    }

    /// The size of the memory's address space, bytes.
    pub(super) fn reserved(&self) -> usize {
        self.0.reservation.length()
    }

    /// The type as declared, with the initial size as the minimum.
    pub(super) fn declared(&self) -> MemoryType {
        self.0.ty
    }

    /// The base and length that compiled code reads.
    pub(super) fn definition(&self) -> NonNull<Definition> {
        NonNull::from(&self.0.definition).cast()
    }

    pub(super) fn grow_by(&self, pages: u64) -> Option<u64> {
        let inner = &*self.0;
        let mut growing = inner.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.length();
        let new = grown(&inner.ty, old, pages, inner.limit)?;
        let mut share = growing.share.as_mut();
        if share.as_mut().is_some_and(|share| !share.grow_to(new)) {
            return None;
        }
        let wanted = host_pages(new);
        if wanted > growing.accessible {
            let length = (wanted - growing.accessible) as usize;
            let start = growing.accessible as usize;
            inner.reservation.make_accessible(start, length).ok()?;
            growing.accessible = wanted;
        }
        inner.definition.length.store(new, Ordering::SeqCst);
        Some(old >> inner.ty.page_size_log2)
    }
}

impl std::fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedMemory")
            .field("ty", &self.ty())
            .finish()
    }
}

/// Access to bytes that other threads access concurrently. In Rust this would be undefined
/// behaviour, so it is done by assembly that the compiler does not look into. Each byte is moved
/// whole, in any order.
pub(super) mod racy {
    use std::arch::asm;

    /// # Safety
    /// Both ranges are accessible during the call. They may overlap.
    pub(in crate::vm) unsafe fn copy(to: *mut u8, from: *const u8, length: usize) {
        let behind = (to as usize).wrapping_sub(from as usize) < length;
        // SAFETY: the caller guarantees it. The direction flag is clear at the end.
        unsafe {
            if behind {
                asm!(
                    "std", "rep movsb", "cld",
                    inout("rcx") length => _,
                    inout("rdi") to.wrapping_add(length).wrapping_sub(1) => _,
                    inout("rsi") from.wrapping_add(length).wrapping_sub(1) => _,
                    options(nostack),
                );
            } else {
                asm!(
                    "rep movsb",
                    inout("rcx") length => _,
                    inout("rdi") to => _,
                    inout("rsi") from => _,
                    options(nostack, preserves_flags),
                );
            }
        }
    }

    /// # Safety
    /// The range is accessible during the call.
    pub(in crate::vm) unsafe fn fill(to: *mut u8, value: u8, length: usize) {
        // SAFETY: the caller guarantees it.
        unsafe {
            asm!(
                "rep stosb",
                inout("rcx") length => _,
                inout("rdi") to => _,
                in("al") value,
                options(nostack, preserves_flags),
            );
        }
    }
}
