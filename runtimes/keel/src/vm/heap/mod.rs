//! The heap of a store: structures and arrays, collected.
//!
//! A reference is a 32-bit offset into one reservation, a multiple of 8; zero is null, and the first
//! [`NULL_BYTES`] are never accessible, so that an access through null faults. Odd numbers are 31-bit
//! integers, and numbers with 2 in their lowest two bits references of the host's.
//!
//! The heap is divided into blocks and those into lines. Objects are allocated one behind the other in a
//! *hole*, a run of free lines, by code itself: it writes the object and then moves the cursor. A
//! collection marks what is reachable and the lines it lies in; nothing is moved, and the lines that are
//! not marked are the holes of the time after. What is larger than [`MEDIUM_BYTES`] has blocks of its own.
//!
//! Whatever is on the stack is looked at as if it were a reference, or an address within an object: see
//! [`find`]. All other roots, and what objects hold, are known exactly.

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

/// Bytes at the start that are never accessible: more than the largest structure has.
pub(crate) const NULL_BYTES: usize = 1 << 20;
/// Bytes of address space that a heap reserves.
pub(crate) const HEAP_BYTES: usize = 4 << 30;
/// Where compiled code finds the cursor of the current hole, and its end.
#[cfg(feature = "compiler")]
pub(crate) const CURSOR: i32 = std::mem::offset_of!(Heap, cursor) as i32;
/// See [`CURSOR`].
#[cfg(feature = "compiler")]
pub(crate) const LIMIT: i32 = std::mem::offset_of!(Heap, limit) as i32;
/// Set in 31-bit integers, in no other reference.
pub(crate) const INTEGER_TAG: i64 = 1;
/// The bits that tell integers and the host's references from others.
pub(crate) const TAG_MASK: i64 = 3;
/// What those bits are in references of the host's.
pub(crate) const HOST_TAG: i64 = 2;
/// The bits that are zero in references to objects, and in no others.
#[cfg(feature = "compiler")]
pub(crate) const OBJECT_MASK: i64 = GRANULE as i64 - 1;
/// What a function of the runtime yields where a range of an array is out of bounds: no reference.
pub(crate) const ARRAY_OUT_OF_BOUNDS: u32 = 1;
/// Set in the headers of exceptions.
const EXCEPTION: u32 = 1 << 31;
const BLOCK_BYTES: u32 = 32 << 10;
const LINE_BYTES: u32 = 128;
const LINES: usize = (BLOCK_BYTES / LINE_BYTES) as usize;
/// The largest object that shares blocks with others.
const MEDIUM_BYTES: u32 = 8 << 10;
/// What is allocated at least between two collections.
const MIN_ALLOWANCE: u64 = 8 << 20;

/// A heap of which no more than this part is free after a collection is exhausted.
const NEARLY_FULL: u64 = 32;

/// A run of free lines that objects are allocated in.
#[derive(Clone, Copy, Default)]
struct Hole {
    start: u32,
    cursor: u32,
    end: u32,
}

/// The heap of a store. Compiled code reads and writes the first two fields.
#[repr(C)]
pub(crate) struct Heap {
    /// Where in the current hole the next object goes.
    cursor: u64,
    /// Where the current hole ends; zero where every allocation is to come here.
    limit: u64,
    /// The current hole, but for its cursor.
    hole: Hole,
    /// Where objects go that are larger than a line and than the current hole.
    overflow: Hole,
    space: Space,
    /// Pieces that objects were allocated in since the last collection.
    fresh: Vec<(u32, u32)>,
    /// How types lie, by place in the registry.
    layouts: Vec<Option<Traced>>,
    /// How the exceptions of tags lie, by the number in their headers.
    exceptions: Vec<Traced>,
    /// References that the host holds, and those that are about to be stored somewhere.
    pub(crate) handles: Handles,
    /// Bytes that may be allocated before the next collection.
    allowance: u64,
    /// Collects before every allocation, for tests.
    stress: bool,
    /// Objects that are marked and not yet traced.
    pending: Vec<u32>,
    /// Whether `pending` could not grow, so that some marked objects are not in it.
    overflowed: bool,
    live_bytes: u64,
    pub(crate) collections: u64,
}

/// What the collector has to know of a type.
struct Traced {
    kind: Kind,
    /// Where references are, in structures.
    references: Box<[u32]>,
}

#[derive(Clone, Copy)]
enum Kind {
    Struct { bytes: u32 },
    Array { element: u8, traced: bool },
}

/// References that the host holds, each at a place of its own.
#[derive(Default)]
pub(crate) struct Handles {
    places: Vec<(u32, u32)>,
    free: Vec<u32>,
}

impl Handles {
    /// Keeps a reference: its place, and what tells it from others that have had that place.
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

    /// The reference at a place; nothing if it was given up.
    pub(crate) fn get(&self, place: u32, generation: u32) -> Option<u32> {
        let entry = self.places.get(place as usize)?;
        (entry.1 == generation && entry.0 != 0).then_some(entry.0)
    }

    /// Gives a reference up.
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

/// The heap is at its limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exhausted;

impl Heap {
    /// An empty heap of at most `limit` bytes that count in a budget, which collects before every allocation where `stress` says so.
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

    /// The address that references are offsets to.
    pub(crate) fn base(&self) -> *mut u8 {
        self.space.base()
    }

    /// Makes a type known, before there are objects of it.
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

    /// Makes a tag known whose exceptions lie like this: what their headers say.
    pub(crate) fn know_exception(&mut self, bytes: u32, places: &[Place]) -> u32 {
        let traced = places.iter().filter(|place| place.traced);
        self.exceptions.push(Traced {
            kind: Kind::Struct { bytes },
            references: traced.map(|place| place.offset).collect(),
        });
        EXCEPTION | (self.exceptions.len() as u32 - 1)
    }

    /// What the collector has to know of the type that a header names.
    fn traced(&self, header: u32) -> Option<&Traced> {
        match header & EXCEPTION {
            0 => self.layouts.get(header as usize)?.as_ref(),
            _ => self.exceptions.get((header & !EXCEPTION) as usize),
        }
    }

    /// A structure of the type at a place of the registry, all of its fields zero.
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

    /// An array of the type at a place of the registry, its elements zero.
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

    /// The length of an array.
    pub(crate) fn array_length(&self, array: u32) -> u32 {
        self.read_u32(array + ARRAY_LENGTH as u32)
    }

    /// The place in the registry of an object's type.
    pub(crate) fn type_of(&self, object: u32) -> u32 {
        self.read_u32(object)
    }

    /// Where a range of an array's elements is; nothing if it is out of bounds.
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
        // SAFETY: a reference of this heap, or near one: the reservation has every 32-bit offset, and what
        // objects lie in is accessible.
        unsafe { self.base().add(offset as usize).cast::<u32>().read() }
    }

    fn write_u32(&mut self, offset: u32, value: u32) {
        // SAFETY: as above.
        unsafe { self.base().add(offset as usize).cast::<u32>().write(value) }
    }

    /// Bytes of an object.
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

    /// Room for an object.
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
                // A heap that is nearly full would collect for every few objects.
                let limit = self.space.limit();
                if limit - self.live_bytes.min(limit) < limit / NEARLY_FULL {
                    return Err(Exhausted);
                }
                self.take(bytes).ok_or(Exhausted)?
            }
        };
        if zeroed {
            // SAFETY: the room was just found, and is nobody else's.
            unsafe {
                self.base()
                    .add(place as usize)
                    .write_bytes(0, bytes as usize)
            };
        }
        Ok(place)
    }

    /// Room for an object without a collection.
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

    /// Gives the current hole up, and notes what lies in it.
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
