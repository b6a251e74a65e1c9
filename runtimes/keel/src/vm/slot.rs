//! A slot: context, memory 0 and guard in one reservation, ready for an instance of one module.
//!
//! ```text
//! [ a page | context pages | memory 0: 4 GiB | guard ]
//!                          ^ the context pointer
//! ```
//! A slot starts where a table of addresses does, so that its context and what is used first of its memory are
//! described by one. The page before the context is never accessible: without it the kernel might give the
//! context and a large memory one huge page.
//!
//! Where the module's initial memory is known, it is mapped copy-on-write from the artefact, or copied
//! where it is so small that a mapping would cost more. A slot that
//! was used is reset by copying back what was touched, which keeps the touched pages resident: the next
//! instance takes no page fault for them. When its module goes, a slot is emptied and left to the
//! engine's next module: [`BlankSlot`].

use std::ops::Range;
use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap};

use super::context::Context;
use super::memory::Reservation;
use super::{MEMORY_GUARD_BYTES, MEMORY_RESERVE_BYTES, pagemap};
use crate::artifact::Artifact;
use crate::artifact::format::PAGE;
use crate::error::{Error, Result};

/// Bytes that a reset copies back at most; a slot that touched more gives its pages back.
const MAX_KEEP_BYTES: usize = 1 << 20;
/// Bytes that a blank slot keeps resident at most.
const MAX_BLANK_BYTES: usize = 64 << 10;
/// The largest image that is copied: to map one costs as much as two page faults.
const MAX_COPIED_IMAGE_BYTES: usize = 2 * PAGE;

/// Bytes before the context's pages.
const LEAD: usize = PAGE;

/// A slot.
pub(crate) struct Slot {
    reservation: Reservation,
    shape: Shape,
    /// Bytes of memory 0 that are accessible.
    accessible: u64,
    /// What was written of it, where that is known: by the last reset, after which nobody has used it.
    touched: Option<Touched>,
}

/// A few ranges.
#[derive(Default)]
struct Touched {
    ranges: [Range<usize>; 8],
    count: usize,
}

impl Touched {
    /// With one range more, if there is room.
    fn with(mut self, range: Range<usize>) -> Option<Touched> {
        *self.ranges.get_mut(self.count)? = range;
        self.count += 1;
        Some(self)
    }

    fn ranges(&self) -> &[Range<usize>] {
        &self.ranges[..self.count]
    }
}

/// What a slot must have for the instances of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes before memory 0: [`LEAD`] and the context's pages.
    context_bytes: usize,
    /// Bytes of memory 0 that a fresh instance has; nothing if the module defines no memory 0.
    initial: Option<u64>,
}

impl Shape {
    /// For a context of `context_size` bytes and `initial` bytes of memory, if memory 0 lies in the slot
    /// at all.
    pub(crate) fn new(context_size: u32, initial: Option<u64>) -> Shape {
        Shape {
            context_bytes: LEAD + (context_size as usize).next_multiple_of(PAGE),
            initial,
        }
    }

    /// Bytes of memory 0 that a fresh instance has.
    fn initial(self) -> u64 {
        self.initial.unwrap_or(0)
    }
}

/// A slot that belongs to no module: its memory reads as zero, with a few pages of it still there, and
/// what its context's pages hold means nothing.
pub(crate) struct BlankSlot {
    reservation: Reservation,
    context_bytes: usize,
    /// Bytes of memory 0 that are accessible.
    accessible: u64,
}

impl BlankSlot {
    /// Whether it can be made a slot of this shape.
    pub(crate) fn fits(&self, shape: Shape) -> bool {
        shape.context_bytes == self.context_bytes && shape.initial.is_some()
    }
}

/// Whether an image is copied and not mapped. An empty one needs neither.
fn is_copied(image: &[u8]) -> bool {
    image.len() <= MAX_COPIED_IMAGE_BYTES
}

impl Slot {
    /// A slot of this shape, made of a blank one that fits, or from nothing.
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

    /// Takes everything of its module and of its instances out of a slot that no instance uses any more,
    /// `accessible` bytes of its memory being accessible. Nothing for a slot without a memory.
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
            // SAFETY: the range is within the accessible part of this slot's memory, which no
            // instance uses any more.
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

    /// Puts the artefact's image into memory that reads as zero.
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
            // SAFETY: within this slot's accessible memory, as was just checked, which nothing uses yet.
            unsafe { at.copy_from_nonoverlapping(image.as_ptr(), image.len()) };
            return Ok(());
        }
        let file = artifact.image_file()?;
        // SAFETY: replaces pages of this slot's memory, which are in its reservation as was just
        // checked, before anything uses them.
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

    /// Notes that an instance is about to use the slot.
    pub(crate) fn begin(&mut self) {
        self.touched = None;
    }

    /// The context of the slot's instance.
    pub(crate) fn context(&self) -> Context {
        // SAFETY: right behind the context pages.
        unsafe { Context::new(self.memory()) }
    }

    fn memory(&self) -> NonNull<u8> {
        // SAFETY: within the reservation, or one past it.
        unsafe { self.reservation.base().add(self.shape.context_bytes) }
    }

    /// Bytes of memory that are accessible.
    pub(crate) fn accessible(&self) -> u64 {
        self.accessible
    }

    /// Makes the memory as it was before anything ran, `accessible` bytes of it having been in use.
    /// The context stays as it is: every instance writes its own.
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

    /// Has every range of memory that was written to written anew. False if that would be more than
    /// `most` bytes, or the kernel does not tell: then only some have been.
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

    /// Takes back what the memory has grown by, `accessible` bytes of it being accessible.
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

    /// Gives pages of memory back: they read as the image or zero again.
    fn discard(&self, start: usize, length: usize) -> Result<()> {
        if length == 0 {
            return Ok(());
        }
        // SAFETY: pages of this slot's memory, which no instance uses any more.
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

    /// Writes what a range of memory starts with.
    fn restore(&self, artifact: &Artifact, range: Range<usize>) {
        let image = artifact.image();
        let image_start = artifact.header().image_address as usize;
        let image_end = image_start + image.len();
        let start = range.start.clamp(image_start, image_end);
        let end = range.end.clamp(image_start, image_end);
        let memory = self.memory().as_ptr();
        // SAFETY: the range is within the accessible part of this slot's memory, which no instance
        // uses any more.
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
