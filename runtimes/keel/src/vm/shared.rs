//! Memories that several stores use at once, in several threads.
//!
//! Nothing of the host's ever has a reference to such a memory's bytes: another thread may write them at
//! any time. It reads and writes them by atomics, or by instructions of its own ([`racy`]).

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

/// A memory that belongs to no store, and that stores in several threads may import. It never moves.
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

/// As [`Definition`], for compiled code of several threads.
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
    /// Held by whoever grows the memory.
    growing: Mutex<Growing>,
    parking: Parking,
}

struct Growing {
    /// Bytes that are accessible.
    accessible: u64,
    /// What a memory that an instance made has of its store's budget, as long as any store has the memory.
    share: Option<Share>,
}

// SAFETY: the bytes are accessed by atomics or by machine code alone, the rest by locks.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl SharedMemory {
    /// A memory of a shared type, which has a maximum.
    ///
    /// # Errors
    /// [`Error::Type`] if the type is not shared or has no maximum, [`Error::Limit`] if the memory would
    /// start larger than the limits allow, [`Error::System`] if there is no address space left.
    pub fn new(ty: MemoryType, limits: &Limits) -> Result<SharedMemory> {
        SharedMemory::with_limit(ty, limits.memory_bytes, None)
    }

    /// As [`SharedMemory::new`]; its bytes are those of a budget, if there is one.
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

    /// The type, with the present size as the minimum.
    pub fn ty(&self) -> MemoryType {
        MemoryType {
            minimum: self.length() >> self.0.ty.page_size_log2,
            ..self.0.ty
        }
    }

    /// Present length in bytes. It may have grown by the time that the caller has it, and never shrinks.
    pub fn length(&self) -> u64 {
        self.0.definition.length.load(Ordering::SeqCst)
    }

    /// Grows the memory for all that share it; gives its size before, in pages.
    ///
    /// # Errors
    /// [`Error::Limit`] if it cannot grow so much.
    pub fn grow(&self, pages: u64) -> Result<u64> {
        self.grow_by(pages)
            .ok_or_else(|| Error::Limit(format!("the memory cannot grow by {pages} pages")))
    }

    /// Copies bytes out, each of them as some thread has written it.
    ///
    /// # Errors
    /// [`Error::Limit`] if the range is out of bounds.
    pub fn read(&self, at: u64, bytes: &mut [u8]) -> Result<()> {
        let from = self.range(at, bytes.len())?;
        // SAFETY: the range was checked, and a shared memory never shrinks; `bytes` is the caller's.
        unsafe { racy::copy(bytes.as_mut_ptr(), from, bytes.len()) };
        Ok(())
    }

    /// Copies bytes in.
    ///
    /// # Errors
    /// [`Error::Limit`] if the range is out of bounds.
    pub fn write(&self, at: u64, bytes: &[u8]) -> Result<()> {
        let to = self.range(at, bytes.len())?;
        // SAFETY: as in `read`.
        unsafe { racy::copy(to, bytes.as_ptr(), bytes.len()) };
        Ok(())
    }

    /// Four bytes, to access atomically; nothing if they are out of bounds or not aligned.
    pub fn atomic_u32(&self, at: u64) -> Option<&AtomicU32> {
        let place = self.aligned(at, 4)?;
        // SAFETY: in bounds, aligned, and alive as long as `self`; whoever else accesses it does so by
        // atomics or by machine code.
        Some(unsafe { AtomicU32::from_ptr(place.cast()) })
    }

    /// Eight bytes, to access atomically; nothing if they are out of bounds or not aligned.
    pub fn atomic_u64(&self, at: u64) -> Option<&AtomicU64> {
        let place = self.aligned(at, 8)?;
        // SAFETY: as in `atomic_u32`.
        Some(unsafe { AtomicU64::from_ptr(place.cast()) })
    }

    /// Wakes up to `count` threads that wait at an address, those that came first; gives how many.
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

    /// Bytes of address space behind the base that are the memory's.
    pub(super) fn reserved(&self) -> usize {
        self.0.reservation.length()
    }

    /// The type as it was declared.
    pub(super) fn declared(&self) -> MemoryType {
        self.0.ty
    }

    /// What compiled code reads base and length from.
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

/// Access to bytes that other threads access at the same time. For Rust such an access is undefined, so
/// instructions do it that the compiler does not look into: each byte is moved whole, in some order.
pub(super) mod racy {
    use std::arch::asm;

    /// # Safety
    /// Both ranges are accessible for as long as the call lasts. They may overlap.
    pub(in crate::vm) unsafe fn copy(to: *mut u8, from: *const u8, length: usize) {
        let behind = (to as usize).wrapping_sub(from as usize) < length;
        // SAFETY: as the caller promises; the direction flag is clear again at the end.
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
    /// The range is accessible for as long as the call lasts.
    pub(in crate::vm) unsafe fn fill(to: *mut u8, value: u8, length: usize) {
        // SAFETY: as the caller promises.
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
