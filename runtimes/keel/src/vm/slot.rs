//! A slot: context, memory 0 and guard in one reservation, for one instance at a time of one
//! module.
//!
//! ```text
//! [ a page | context pages | memory 0: 4 GiB | guard ]
//!                          ^ the context pointer
//! ```
//! A slot starts at a page table boundary, so that one page table covers the context and the first
//! part of the memory. The page before the context is never accessible: otherwise the kernel could
//! give the context and a large memory one huge page.
//!
//! The module's initial memory, if known, is mapped copy-on-write from the artefact, or copied if
//! it is so small that a mapping would cost more. A used slot is reset by restoring the pages that
//! were written. They stay resident, so the next instance takes no page faults for them. When the
//! module is dropped, its slots are emptied and given to the engine's next module: [`BlankSlot`].

use std::ops::Range;
use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap};

use super::context::Context;
use super::memory::Reservation;
use super::{MEMORY_GUARD_BYTES, MEMORY_RESERVE_BYTES, pagemap};
use crate::artifact::Artifact;
use crate::artifact::format::PAGE;
use crate::error::{Error, Result};

/// The maximum that a reset restores by copying, bytes. A slot with more written pages gives them
/// all back.
const MAX_KEEP_BYTES: usize = 1 << 20;
/// The maximum that a blank slot keeps resident, bytes.
const MAX_BLANK_BYTES: usize = 64 << 10;
/// The largest image that is copied: mapping one costs as much as two page faults.
const MAX_COPIED_IMAGE_BYTES: usize = 2 * PAGE;

/// Inaccessible bytes before the context's pages.
const LEAD: usize = PAGE;

/// The address space of an instance. See the module's documentation.
pub(crate) struct Slot {
    reservation: Reservation,
    shape: Shape,
    /// The accessible bytes of memory 0.
    accessible: u64,
    /// The written ranges at the last reset; `None` if unknown, or if the slot was used since.
    touched: Option<Touched>,
}

/// A small set of ranges.
#[derive(Default)]
struct Touched {
    ranges: [Range<usize>; 8],
    count: usize,
}

impl Touched {
    /// Adds a range; `None` if there is no room.
    fn with(mut self, range: Range<usize>) -> Option<Touched> {
        *self.ranges.get_mut(self.count)? = range;
        self.count += 1;
        Some(self)
    }

    fn ranges(&self) -> &[Range<usize>] {
        &self.ranges[..self.count]
    }
}

/// The requirements of a module's instances on a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes before memory 0: [`LEAD`] and the context's pages.
    context_bytes: usize,
    /// The initial bytes of memory 0; `None` if the slot has no memory 0.
    initial: Option<u64>,
}

impl Shape {
    /// The shape for a context of `context_size` bytes, and `initial` bytes of memory 0 if it is in
    /// the slot.
    pub(crate) fn new(context_size: u32, initial: Option<u64>) -> Shape {
        Shape {
            context_bytes: LEAD + (context_size as usize).next_multiple_of(PAGE),
            initial,
        }
    }

    /// The initial bytes of memory 0; zero without one.
    fn initial(self) -> u64 {
        self.initial.unwrap_or(0)
    }
}

/// A slot that belongs to no module. Its memory reads as zero, with a few pages resident, and the
/// contents of its context pages are meaningless.
pub(crate) struct BlankSlot {
    reservation: Reservation,
    context_bytes: usize,
    /// The accessible bytes of memory 0.
    accessible: u64,
}

impl BlankSlot {
    /// Whether it can be adapted to this shape.
    pub(crate) fn fits(&self, shape: Shape) -> bool {
        shape.context_bytes == self.context_bytes && shape.initial.is_some()
    }
}

/// Whether an image is copied instead of mapped. Also true for an empty one.
fn is_copied(image: &[u8]) -> bool {
    image.len() <= MAX_COPIED_IMAGE_BYTES
}

impl Slot {
    /// Creates a slot of this shape, from a blank slot that fits if there is one.
    pub(crate) fn new(artifact: &Artifact, shape: Shape, blank: Option<BlankSlot>) -> Result<Slot> {
        let (context_bytes, initial) = (shape.context_bytes, shape.initial());
        let reservation = match blank {
            Some(blank) => {
                debug_assert!(blank.fits(shape));
                let (has, wants) = (blank.accessible as usize, initial as usize);
                if has < wants {
                    let start = context_bytes + has;
                    blank.reservation.make_accessible(start, wants - has)?;
                } else {
                    let start = context_bytes + wants;
                    blank.reservation.make_inaccessible(start, has - wants)?;
                }
                blank.reservation
            }
            None => {
                let memory = (MEMORY_RESERVE_BYTES + MEMORY_GUARD_BYTES) as usize;
                let reservation = match shape.initial {
                    Some(_) => Reservation::aligned(context_bytes + memory)?,
                    None => Reservation::new(context_bytes)?,
                };
                let bytes = context_bytes - LEAD + initial as usize;
                reservation.make_accessible(LEAD, bytes)?;
                reservation
            }
        };
        let slot = Slot {
            reservation,
            shape,
            accessible: initial,
            touched: None,
        };
        slot.put_image(artifact)?;
        Ok(slot)
    }

    /// Removes all contents of the module and its instances from an unused slot. `accessible` bytes
    /// of its memory are accessible. `None` for a slot without a memory.
    pub(crate) fn into_blank(
        mut self,
        artifact: &Artifact,
        accessible: u64,
    ) -> Result<Option<BlankSlot>> {
        if self.shape.initial.is_none() {
            return Ok(None);
        }
        self.shrink(accessible)?;
        if !is_copied(artifact.image()) {
            let start = self.shape.context_bytes + artifact.header().image_address as usize;
            let length = artifact.image().len();
            self.reservation.make_anonymous(start, length)?;
        }
        let touched = self.touched.take();
        let clear = |range: Range<usize>| {
            let start = self.memory().as_ptr().wrapping_add(range.start);
            // SAFETY: the range is in the accessible part of this slot's memory, which no instance
            // uses any more.
            unsafe { start.write_bytes(0, range.len()) };
        };
        let few = |touched: &Touched| {
            let bytes = touched.ranges().iter().map(Range::len);
            bytes.sum::<usize>() <= MAX_BLANK_BYTES
        };
        let cleared = match touched.filter(few) {
            Some(touched) => {
                touched.ranges().iter().cloned().for_each(clear);
                true
            }
            None => self.rewrite_touched(MAX_BLANK_BYTES, clear),
        };
        if !cleared {
            self.discard(0, self.accessible as usize)?;
        }
        Ok(Some(BlankSlot {
            context_bytes: self.shape.context_bytes,
            accessible: self.accessible,
            reservation: self.reservation,
        }))
    }

    /// Places the artefact's image in memory that reads as zero.
    fn put_image(&self, artifact: &Artifact) -> Result<()> {
        let (header, image) = (artifact.header(), artifact.image());
        if image.is_empty() {
            return Ok(());
        }
        let start = header.image_start as usize;
        artifact.ensure(start, start + image.len())?;
        let end = u64::from(header.image_address) + image.len() as u64;
        if end > self.shape.initial() {
            return Err(Error::Limit(
                "the artefact's image exceeds its memory".to_owned(),
            ));
        }
        let at = self
            .memory()
            .as_ptr()
            .wrapping_add(header.image_address as usize);
        if is_copied(image) {
            // SAFETY: the range is in this slot's accessible memory, as checked above, and nothing
            // uses it yet.
            unsafe { at.copy_from_nonoverlapping(image.as_ptr(), image.len()) };
            return Ok(());
        }
        let file = artifact.image_file()?;
        // SAFETY: replaces pages of this slot's memory, as checked above, before anything uses
        // them.
        let mapped = unsafe {
            mmap(
                at.cast(),
                image.len(),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::FIXED,
                file,
                0,
            )
        };
        mapped.map(drop).map_err(|error| Error::System {
            what: "mapping a memory image".to_owned(),
            source: error.into(),
        })
    }

    /// Must be called before an instance uses the slot: the written ranges are unknown from then
    /// on.
    pub(crate) fn begin(&mut self) {
        self.touched = None;
    }

    /// The context pointer of the slot's instance.
    pub(crate) fn context(&self) -> Context {
        // SAFETY: the address is right behind the context pages.
        unsafe { Context::new(self.memory()) }
    }

    fn memory(&self) -> NonNull<u8> {
        // SAFETY: the address is in the reservation, or one past its end.
        unsafe { self.reservation.base().add(self.shape.context_bytes) }
    }

    /// The accessible bytes of memory 0.
    pub(crate) fn accessible(&self) -> u64 {
        self.accessible
    }

    /// Restores the memory's initial state after `accessible` bytes of it were in use. The context
    /// is left as it is, because every instance writes its own.
    pub(crate) fn reset(&mut self, artifact: &Artifact, accessible: u64) -> Result<()> {
        self.shrink(accessible)?;
        let mut touched = Some(Touched::default());
        let restored = self.rewrite_touched(MAX_KEEP_BYTES, |range| {
            self.restore(artifact, range.clone());
            touched = touched.take().and_then(|touched| touched.with(range));
        });
        if restored {
            self.touched = touched;
            return Ok(());
        }
        self.touched = None;
        self.discard(0, self.accessible as usize)?;
        if is_copied(artifact.image()) {
            self.put_image(artifact)?;
        }
        Ok(())
    }

    /// Calls `write` for every written range of memory. Returns false if they exceed `most` bytes,
    /// or the kernel cannot report them: then some ranges may be missing.
    fn rewrite_touched(&self, most: usize, mut write: impl FnMut(Range<usize>)) -> bool {
        let mut touched = 0;
        pagemap::private_pages(self.memory(), self.accessible as usize, |range| {
            touched += range.len();
            if touched > most {
                return false;
            }
            write(range);
            true
        })
    }

    /// Undoes the growth of a memory that has `accessible` accessible bytes.
    fn shrink(&mut self, accessible: u64) -> Result<()> {
        let initial = self.shape.initial();
        self.accessible = accessible;
        if accessible > initial {
            let (start, length) = (initial as usize, (accessible - initial) as usize);
            self.discard(start, length)?;
            self.reservation
                .make_inaccessible(self.shape.context_bytes + start, length)?;
            self.accessible = initial;
        }
        Ok(())
    }

    /// Gives pages of memory back to the kernel. They then read as the image or zero.
    fn discard(&self, start: usize, length: usize) -> Result<()> {
        if length == 0 {
            return Ok(());
        }
        // SAFETY: the pages belong to this slot's memory, which no instance uses any more.
        let done = unsafe {
            madvise(
                self.memory().as_ptr().add(start).cast(),
                length,
                Advice::LinuxDontNeed,
            )
        };
        done.map_err(|error| Error::System {
            what: "giving back pages".to_owned(),
            source: error.into(),
        })
    }

    /// Writes the initial contents of a range of memory.
    fn restore(&self, artifact: &Artifact, range: Range<usize>) {
        let image = artifact.image();
        let image_start = artifact.header().image_address as usize;
        let image_end = image_start + image.len();
        let start = range.start.clamp(image_start, image_end);
        let end = range.end.clamp(image_start, image_end);
        let memory = self.memory().as_ptr();
        // SAFETY: the range is in the accessible part of this slot's memory, which no instance uses
        // any more.
        unsafe {
            if start >= end {
                memory.add(range.start).write_bytes(0, range.len());
                return;
            }
            memory.add(range.start).write_bytes(0, start - range.start);
            let from = &image[start - image_start..end - image_start];
            memory
                .add(start)
                .copy_from_nonoverlapping(from.as_ptr(), from.len());
            memory.add(end).write_bytes(0, range.end - end);
        }
    }
}
