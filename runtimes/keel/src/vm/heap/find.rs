//! Conservative scanning of the stack.
//!
//! Compiled code keeps references in registers and spills them anywhere. It also derives addresses
//! from them, such as those of elements, and may keep only those across a call. Therefore every
//! word is treated as an address in the heap and as an offset, and each half as an offset. Every
//! object that one of them points into is kept.

use super::space::Block;
use super::{BLOCK_BYTES, HEAP_BYTES, Heap, MEDIUM_BYTES};
use crate::types::layout::GRANULE;

impl Heap {
    /// Adds the objects that the words of a stack range may refer to.
    ///
    /// # Safety
    /// The range is readable, and aligned to 8 bytes.
    pub(super) unsafe fn find(&self, stack: std::ops::Range<usize>, found: &mut Vec<u32>) {
        let base = self.base() as usize;
        let mut candidates = Vec::new();
        for place in stack.step_by(8) {
            // SAFETY: the caller guarantees that the range is readable.
            let word = unsafe { (place as *const usize).read_volatile() };
            let address = word.wrapping_sub(base);
            if address < HEAP_BYTES {
                self.note(address as u32, &mut candidates);
            }
            self.note(word as u32, &mut candidates);
            self.note((word >> 32) as u32, &mut candidates);
        }
        candidates.sort_unstable();
        candidates.dedup();
        found.extend(
            candidates
                .iter()
                .filter_map(|offset| self.object_at(*offset)),
        );
    }

    fn note(&self, offset: u32, candidates: &mut Vec<u32>) {
        let block = self.space.block_of(offset);
        if block.is_some_and(|block| self.space.kind(block) != Block::Free) {
            candidates.push(offset);
        }
    }

    /// The object that an offset points into. `fresh` has all ranges with newly allocated objects,
    /// sorted.
    fn object_at(&self, offset: u32) -> Option<u32> {
        let block = self.space.block_of(offset)?;
        match self.space.kind(block) {
            Block::Free => None,
            Block::Large | Block::Rest => Some(self.space.large_start(block)),
            Block::Shared => {
                let next = self.fresh.partition_point(|(start, _)| *start <= offset);
                match next.checked_sub(1).map(|i| self.fresh[i]) {
                    Some((start, end)) if offset < end => self.fresh_object(start, end, offset),
                    _ => self.old_object(block, offset),
                }
            }
        }
    }

    /// The object at an offset in a range of newly allocated, contiguous objects.
    fn fresh_object(&self, start: u32, end: u32, offset: u32) -> Option<u32> {
        let mut object = start;
        while object < end {
            let next = object + self.object_bytes(object)?.next_multiple_of(GRANULE);
            if offset < next {
                return Some(object);
            }
            object = next;
        }
        None
    }

    /// The object at an offset that the last collection marked.
    fn old_object(&self, block: usize, offset: u32) -> Option<u32> {
        let granule = offset % BLOCK_BYTES / GRANULE;
        let lowest = granule.saturating_sub(MEDIUM_BYTES / GRANULE) / 64;
        let mut word = granule / 64;
        // Only marks at or before the offset.
        let mut marks =
            self.space.mark_word(block, word as usize) & (u64::MAX >> (63 - granule % 64));
        while marks == 0 && word > lowest {
            word -= 1;
            marks = self.space.mark_word(block, word as usize);
        }
        if marks == 0 {
            return None;
        }
        let start = word * 64 + 63 - marks.leading_zeros();
        let object = offset / BLOCK_BYTES * BLOCK_BYTES + start * GRANULE;
        let bytes = self.object_bytes(object)?;
        (offset - object < bytes).then_some(object)
    }
}
