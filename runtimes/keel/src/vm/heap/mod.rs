//! The garbage-collected heap of a store, for structures and arrays.
//!
//! A reference is a 32-bit offset into one reservation and a multiple of 8. Zero is null. The first
//! [`NULL_BYTES`] are never accessible, so an access through null faults. Odd numbers are 31-bit
//! integers, and numbers with 2 in their lowest two bits are host references.
//!
//! The heap consists of blocks, and blocks of lines. Compiled code allocates objects itself,
//! contiguously in a *hole*, which is a run of free lines: it writes the object and then moves the
//! cursor. A collection marks the reachable objects and their lines. Nothing is moved, and the
//! unmarked lines become the next holes. An object above [`MEDIUM_BYTES`] has blocks of its own.
//!
//! The stack is scanned conservatively: every word may be a reference, or an address inside an
//! object. See [`find`]. All other roots, and the contents of objects, are known exactly.

mod collect;
mod find;
mod space;
#[cfg(test)]
mod tests;

use crate::types::layout::{ARRAY_ELEMENTS, ARRAY_LENGTH, GRANULE, Layout, Place};
use crate::types::registry::TypeInfo;
use crate::vm::budget::Budget;
use space::Space;
use std::sync::Arc;

pub(crate) use collect::Roots;

/// Inaccessible bytes at the start: more than the largest structure has.
pub(crate) const NULL_BYTES: usize = 1 << 20;
/// The address space that a heap reserves, bytes.
pub(crate) const HEAP_BYTES: usize = 4 << 30;
/// The offset in [`Heap`] of the cursor of the current hole; [`LIMIT`] is that of the hole's end.
#[cfg(feature = "compiler")]
pub(crate) const CURSOR: i32 = std::mem::offset_of!(Heap, cursor) as i32;
/// See [`CURSOR`].
#[cfg(feature = "compiler")]
pub(crate) const LIMIT: i32 = std::mem::offset_of!(Heap, limit) as i32;
/// The bit that is set in 31-bit integers and in no other reference.
pub(crate) const INTEGER_TAG: i64 = 1;
/// The bits that distinguish integers and host references from other references.
pub(crate) const TAG_MASK: i64 = 3;
/// The value of those bits in host references.
pub(crate) const HOST_TAG: i64 = 2;
/// The bits that are zero in object references and in no others.
#[cfg(feature = "compiler")]
pub(crate) const OBJECT_MASK: i64 = GRANULE as i64 - 1;
/// The result of a runtime function if a range of an array is out of bounds; not a valid reference.
pub(crate) const ARRAY_OUT_OF_BOUNDS: u32 = 1;
/// The bit that is set in the headers of exceptions.
const EXCEPTION: u32 = 1 << 31;
const BLOCK_BYTES: u32 = 32 << 10;
const LINE_BYTES: u32 = 128;
const LINES: usize = (BLOCK_BYTES / LINE_BYTES) as usize;
/// The largest object that shares blocks with others, bytes.
const MEDIUM_BYTES: u32 = 8 << 10;
/// The minimum allocation between two collections, bytes.
const MIN_ALLOWANCE: u64 = 8 << 20;

/// A heap is exhausted if less than its size divided by this is free after a collection.
const NEARLY_FULL: u64 = 32;

/// A run of free lines for allocation.
#[derive(Clone, Copy, Default)]
struct Hole {
    start: u32,
    cursor: u32,
    end: u32,
}

/// The heap of a store. Compiled code accesses the first two fields.
#[repr(C)]
pub(crate) struct Heap {
    /// The offset of the next object in the current hole.
    cursor: u64,
    /// The end of the current hole; zero if compiled code must call the runtime for every
    /// allocation.
    limit: u64,
    /// The current hole. Its cursor is in the field above.
    hole: Hole,
    /// A hole for objects that are larger than a line and do not fit the current hole.
    overflow: Hole,
    space: Space,
    /// The ranges that objects were allocated in since the last collection.
    fresh: Vec<(u32, u32)>,
    /// The layouts of types, by registry index.
    layouts: Vec<Option<Traced>>,
    /// The layouts of tags' exceptions, by the number in their headers.
    exceptions: Vec<Traced>,
    /// References from the host, and temporary roots.
    pub(crate) handles: Handles,
    /// The bytes that may be allocated before the next collection.
    allowance: u64,
    /// Whether to collect before every allocation, for tests.
    stress: bool,
    /// Marked objects that are not traced yet.
    pending: Vec<u32>,
    /// Whether `pending` could not grow, so that it lacks some marked objects.
    overflowed: bool,
    live_bytes: u64,
    pub(crate) collections: u64,
}

/// The collector's view of a type.
struct Traced {
    kind: Kind,
    /// The offsets of the references in a structure.
    references: Box<[u32]>,
}

#[derive(Clone, Copy)]
enum Kind {
    Struct { bytes: u32 },
    Array { element: u8, traced: bool },
}

/// References from the host, each with an index and a generation.
#[derive(Default)]
pub(crate) struct Handles {
    places: Vec<(u32, u32)>,
    free: Vec<u32>,
}

impl Handles {
    /// Adds a reference. Returns its index, and its generation, which distinguishes it from earlier
    /// ones at that index.
    pub(crate) fn add(&mut self, reference: u32) -> (u32, u32) {
        match self.free.pop() {
            Some(place) => {
                let entry = &mut self.places[place as usize];
                entry.0 = reference;
                (place, entry.1)
            }
            None => {
                self.places.push((reference, 0));
                (self.places.len() as u32 - 1, 0)
            }
        }
    }

    /// The reference at an index; `None` if it was removed.
    pub(crate) fn get(&self, place: u32, generation: u32) -> Option<u32> {
        let entry = self.places.get(place as usize)?;
        (entry.1 == generation && entry.0 != 0).then_some(entry.0)
    }

    /// Removes a reference. Does nothing if it was already removed.
    pub(crate) fn remove(&mut self, place: u32, generation: u32) {
        if self.get(place, generation).is_some() {
            self.places[place as usize] = (0, generation.wrapping_add(1));
            self.free.push(place);
        }
    }

    fn all(&self) -> impl Iterator<Item = u32> {
        self.places.iter().map(|(reference, _)| *reference)
    }
}

/// The heap has reached its limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exhausted;

impl Heap {
    /// An empty heap of at most `limit` bytes, which count in `budget`. With `stress`, it collects
    /// before every allocation.
    pub(crate) fn new(limit: u64, budget: &Arc<Budget>, stress: bool) -> crate::Result<Heap> {
        Ok(Heap {
            cursor: 0,
            limit: 0,
            hole: Hole::default(),
            overflow: Hole::default(),
            space: Space::new(limit, budget)?,
            fresh: Vec::new(),
            layouts: Vec::new(),
            exceptions: Vec::new(),
            handles: Handles::default(),
            allowance: MIN_ALLOWANCE,
            stress,
            pending: Vec::new(),
            overflowed: false,
            live_bytes: 0,
            collections: 0,
        })
    }

    /// The address that references are relative to.
    pub(crate) fn base(&self) -> *mut u8 {
        self.space.base()
    }

    /// Registers a type. Must be called before an object of it is allocated.
    pub(crate) fn know(&mut self, ty: &TypeInfo) {
        let index = ty.id.index as usize;
        let Some(layout) = &ty.layout else { return };
        if self.layouts.len() <= index {
            self.layouts.resize_with(index + 1, || None);
        }
        self.layouts[index] = Some(match layout {
            Layout::Struct { bytes, fields } => Traced {
                kind: Kind::Struct { bytes: *bytes },
                references: fields
                    .iter()
                    .filter(|field| field.traced)
                    .map(|field| field.offset)
                    .collect(),
            },
            Layout::Array(element) => Traced {
                kind: Kind::Array {
                    element: element.bytes,
                    traced: element.traced,
                },
                references: Box::default(),
            },
        });
    }

    /// Registers the exceptions of a tag, which have this layout. Returns the header of these
    /// exceptions.
    pub(crate) fn know_exception(&mut self, bytes: u32, places: &[Place]) -> u32 {
        let traced = places.iter().filter(|place| place.traced);
        self.exceptions.push(Traced {
            kind: Kind::Struct { bytes },
            references: traced.map(|place| place.offset).collect(),
        });
        EXCEPTION | (self.exceptions.len() as u32 - 1)
    }

    /// The collector's view of the type in a header.
    fn traced(&self, header: u32) -> Option<&Traced> {
        match header & EXCEPTION {
            0 => self.layouts.get(header as usize)?.as_ref(),
            _ => self.exceptions.get((header & !EXCEPTION) as usize),
        }
    }

    /// Allocates a structure with a type's registry index and zero fields.
    pub(crate) fn new_struct(
        &mut self,
        roots: &Roots<'_>,
        ty: u32,
        bytes: u32,
    ) -> Result<u32, Exhausted> {
        let reference = self.allocate(roots, bytes.into(), true)?;
        self.write_u32(reference, ty);
        Ok(reference)
    }

    /// Allocates an array with a type's registry index and zero elements.
    pub(crate) fn new_array(
        &mut self,
        roots: &Roots<'_>,
        ty: u32,
        element: u8,
        length: u32,
    ) -> Result<u32, Exhausted> {
        let bytes = array_bytes(element, length);
        let reference = self.allocate(roots, bytes, true)?;
        self.write_u32(reference, ty);
        self.write_u32(reference + ARRAY_LENGTH as u32, length);
        Ok(reference)
    }

    /// The number of elements of an array.
    pub(crate) fn array_length(&self, array: u32) -> u32 {
        self.read_u32(array + ARRAY_LENGTH as u32)
    }

    /// The registry index of an object's type.
    pub(crate) fn type_of(&self, object: u32) -> u32 {
        self.read_u32(object)
    }

    /// The address of a range of elements; `None` if it is out of bounds.
    pub(crate) fn elements(
        &self,
        array: u32,
        element: u8,
        from: u32,
        length: u32,
    ) -> Option<*mut u8> {
        let end = from.checked_add(length)?;
        if end > self.array_length(array) {
            return None;
        }
        let offset =
            array as usize + ARRAY_ELEMENTS as usize + from as usize * usize::from(element);
        Some(self.base().wrapping_add(offset))
    }

    fn read_u32(&self, offset: u32) -> u32 {
        // SAFETY: the offset is in or just behind an object of this heap. The reservation covers
        // every 32-bit offset, and objects are in accessible blocks.
        unsafe { self.base().add(offset as usize).cast::<u32>().read() }
    }

    fn write_u32(&mut self, offset: u32, value: u32) {
        // SAFETY: as above.
        unsafe { self.base().add(offset as usize).cast::<u32>().write(value) }
    }

    /// The size of an object in bytes; `None` if its header is invalid.
    fn object_bytes(&self, object: u32) -> Option<u32> {
        let ty = self.read_u32(object);
        match self.traced(ty)?.kind {
            Kind::Struct { bytes } => Some(bytes),
            Kind::Array { element, .. } => {
                let bytes = array_bytes(element, self.array_length(object));
                u32::try_from(bytes).ok()
            }
        }
    }

    /// Allocates an object, after a collection if needed.
    fn allocate(&mut self, roots: &Roots<'_>, bytes: u64, zeroed: bool) -> Result<u32, Exhausted> {
        let bytes = bytes.next_multiple_of(GRANULE.into());
        if bytes > self.space.limit() {
            return Err(Exhausted);
        }
        let bytes = bytes as u32;
        if self.stress || (bytes > MEDIUM_BYTES && u64::from(bytes) > self.allowance) {
            self.collect(roots);
        }
        let place = match self.take(bytes) {
            Some(place) => place,
            None => {
                self.collect(roots);
                // A nearly full heap would otherwise collect after every few allocations.
                let limit = self.space.limit();
                if limit - self.live_bytes.min(limit) < limit / NEARLY_FULL {
                    return Err(Exhausted);
                }
                self.take(bytes).ok_or(Exhausted)?
            }
        };
        if zeroed {
            // SAFETY: the range was just allocated, and nothing else uses it.
            unsafe {
                self.base()
                    .add(place as usize)
                    .write_bytes(0, bytes as usize)
            };
        }
        Ok(place)
    }

    /// Allocates an object without a collection.
    fn take(&mut self, bytes: u32) -> Option<u32> {
        if bytes > MEDIUM_BYTES {
            let place = self.space.take_blocks(bytes)?;
            self.allowance = self.allowance.saturating_sub(bytes.into());
            return Some(place);
        }
        loop {
            let cursor = self.cursor as u32;
            if self.hole.end - cursor >= bytes {
                self.cursor += u64::from(bytes);
                return Some(cursor);
            }
            if bytes > LINE_BYTES {
                if self.overflow.end - self.overflow.cursor >= bytes {
                    let place = self.overflow.cursor;
                    self.overflow.cursor += bytes;
                    return Some(place);
                }
                if self.hole.end != 0 && self.allowance > 0 {
                    let block = self.space.take_block()?;
                    self.retire_overflow();
                    self.allowance = self.allowance.saturating_sub(BLOCK_BYTES.into());
                    self.overflow = Hole {
                        start: block,
                        cursor: block,
                        end: block + BLOCK_BYTES,
                    };
                    continue;
                }
            }
            if self.allowance == 0 {
                return None;
            }
            let (start, end) = self.space.next_hole()?;
            self.retire();
            self.allowance = self.allowance.saturating_sub((end - start).into());
            self.open(start, end);
        }
    }

    fn open(&mut self, start: u32, end: u32) {
        self.hole = Hole {
            start,
            cursor: start,
            end,
        };
        self.cursor = start.into();
        self.limit = if self.stress { 0 } else { end.into() };
    }

    /// Closes the current hole, and records the objects in it.
    fn retire(&mut self) {
        let cursor = self.cursor as u32;
        if cursor > self.hole.start {
            self.fresh.push((self.hole.start, cursor));
        }
        self.hole = Hole::default();
        (self.cursor, self.limit) = (0, 0);
    }

    fn retire_overflow(&mut self) {
        if self.overflow.cursor > self.overflow.start {
            self.fresh.push((self.overflow.start, self.overflow.cursor));
        }
        self.overflow = Hole::default();
    }
}

fn array_bytes(element: u8, length: u32) -> u64 {
    ARRAY_ELEMENTS as u64 + u64::from(element) * u64::from(length)
}
