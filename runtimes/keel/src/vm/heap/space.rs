//! The blocks and lines of a heap, and the mark bits of its objects.

use std::sync::Arc;

use super::{BLOCK_BYTES, HEAP_BYTES, LINE_BYTES, LINES, NULL_BYTES};
use crate::error::Result;
use crate::limits::Resource;
use crate::types::layout::GRANULE;
use crate::vm::budget::{Budget, Share};
use crate::vm::memory::Reservation;

/// The use of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    Free,
    /// Contiguous objects.
    Shared,
    /// The first block of a large object.
    Large,
    /// A further block of a large object.
    Rest,
}

/// The mark bits of a block, one per granule, in bytes.
const MARK_BYTES: usize = (BLOCK_BYTES / GRANULE / 8) as usize;
/// The side table of a block: mark bits, then one byte per line; in bytes.
const SIDE_BYTES: usize = MARK_BYTES + LINES;
const FIRST_BLOCK: usize = NULL_BYTES / BLOCK_BYTES as usize;
const BLOCKS: usize = HEAP_BYTES / BLOCK_BYTES as usize;
/// The number of blocks that become accessible at a time.
const GROWTH: usize = 32;

/// The address space of a heap, divided into blocks.
pub(super) struct Space {
    heap: Reservation,
    side: Reservation,
    /// The bytes of the accessible blocks in the store's budget.
    share: Share,
    /// The use of each block, from the first one behind the null area on.
    blocks: Vec<Block>,
    /// The number of blocks in use.
    used: usize,
    /// The maximum number of blocks in use.
    limit: usize,
    /// The number of accessible blocks.
    accessible: usize,
    /// Where the search for free lines continues; the next field is that for free blocks.
    next_line: (usize, usize),
    next_free: usize,
}

impl Space {
    pub(super) fn new(limit: u64, budget: &Arc<Budget>) -> Result<Space> {
        let limit = (limit / u64::from(BLOCK_BYTES)).min((BLOCKS - FIRST_BLOCK) as u64) as usize;
        Ok(Space {
            heap: Reservation::new(HEAP_BYTES)?,
            side: Reservation::new(BLOCKS * SIDE_BYTES)?,
            share: Share::new(budget, Resource::Heap, 0)?,
            blocks: Vec::new(),
            used: 0,
            limit,
            accessible: 0,
            next_line: (0, 0),
            next_free: 0,
        })
    }

    pub(super) fn base(&self) -> *mut u8 {
        self.heap.base().as_ptr()
    }

    /// The maximum size of the blocks in use, bytes.
    pub(super) fn limit(&self) -> u64 {
        self.limit as u64 * u64::from(BLOCK_BYTES)
    }

    /// The offset of a block's first byte.
    fn start(block: usize) -> u32 {
        ((FIRST_BLOCK + block) * BLOCK_BYTES as usize) as u32
    }

    /// The block that contains an offset; `None` if the heap has no such block.
    pub(super) fn block_of(&self, offset: u32) -> Option<usize> {
        let block = (offset / BLOCK_BYTES) as usize;
        block
            .checked_sub(FIRST_BLOCK)
            .filter(|block| *block < self.blocks.len())
    }

    pub(super) fn kind(&self, block: usize) -> Block {
        self.blocks[block]
    }

    /// The offset of the large object that a block belongs to.
    pub(super) fn large_start(&self, mut block: usize) -> u32 {
        while self.blocks[block] == Block::Rest {
            block -= 1;
        }
        Space::start(block)
    }

    /// Finds `count` consecutive free blocks, and counts them as used.
    fn take_run(&mut self, count: usize) -> Option<usize> {
        if self.used + count > self.limit {
            return None;
        }
        let free = self.blocks.len() - self.used;
        let mut found = None;
        if free >= count {
            let length = self.blocks.len();
            let again = length.min(self.next_free + count);
            found = self
                .free_run(self.next_free, length, count)
                .or_else(|| self.free_run(0, again, count));
        }
        let first = match found {
            Some(first) => first,
            None => self.grow(count)?,
        };
        self.next_free = first + count;
        self.used += count;
        Some(first)
    }

    /// The first of `count` consecutive free blocks in a range.
    fn free_run(&self, from: usize, to: usize, count: usize) -> Option<usize> {
        let mut run = 0;
        for block in from..to {
            run = if self.blocks[block] == Block::Free {
                run + 1
            } else {
                0
            };
            if run == count {
                return Some(block + 1 - count);
            }
        }
        None
    }

    /// Adds free blocks at the end, until the last `count` are free. Returns the first of these.
    fn grow(&mut self, count: usize) -> Option<usize> {
        let mut first = self.blocks.len();
        while first > 0 && self.blocks[first - 1] == Block::Free {
            first -= 1;
        }
        let end = first + count;
        if end > BLOCKS - FIRST_BLOCK {
            return None;
        }
        self.blocks.try_reserve(end - self.blocks.len()).ok()?;
        if end > self.accessible {
            let more = (end - self.accessible)
                .next_multiple_of(GROWTH)
                .min(self.limit.max(end) - self.accessible);
            let bytes = (self.accessible + more) as u64 * u64::from(BLOCK_BYTES);
            if !self.share.grow_to(bytes) {
                return None;
            }
            let start = Space::start(self.accessible) as usize;
            let (from, to) = (
                FIRST_BLOCK + self.accessible,
                FIRST_BLOCK + self.accessible + more,
            );
            let page = crate::artifact::format::PAGE;
            let side = from * SIDE_BYTES / page * page;
            let side_end = (to * SIDE_BYTES).next_multiple_of(page);
            self.heap
                .make_accessible(start, more * BLOCK_BYTES as usize)
                .ok()?;
            self.side.make_accessible(side, side_end - side).ok()?;
            self.accessible += more;
        }
        self.blocks.resize(end, Block::Free);
        Some(first)
    }

    /// Takes a block for objects that share it.
    pub(super) fn take_block(&mut self) -> Option<u32> {
        let block = self.take_run(1)?;
        self.blocks[block] = Block::Shared;
        // No line is free until the next collection.
        self.lines(block).fill(1);
        Some(Space::start(block))
    }

    /// Takes the blocks of a large object.
    pub(super) fn take_blocks(&mut self, bytes: u32) -> Option<u32> {
        let count = bytes.div_ceil(BLOCK_BYTES) as usize;
        let first = self.take_run(count)?;
        self.blocks[first] = Block::Large;
        self.blocks[first + 1..first + count].fill(Block::Rest);
        Some(Space::start(first))
    }

    /// The next run of free lines, or else a new block.
    pub(super) fn next_hole(&mut self) -> Option<(u32, u32)> {
        while self.next_line.0 < self.blocks.len() {
            let (block, line) = self.next_line;
            if self.blocks[block] != Block::Shared {
                self.next_line = (block + 1, 0);
                continue;
            }
            let lines = self.lines(block);
            let Some(first) = lines[line..].iter().position(|mark| *mark == 0) else {
                self.next_line = (block + 1, 0);
                continue;
            };
            let first = line + first;
            let length = lines[first..].iter().position(|mark| *mark != 0);
            let end = length.map_or(LINES, |length| first + length);
            self.next_line = (block, end);
            let at = |line: usize| Space::start(block) + line as u32 * LINE_BYTES;
            return Some((at(first), at(end)));
        }
        let start = self.take_block()?;
        Some((start, start + BLOCK_BYTES))
    }

    /// The line bytes of a block: nonzero if the line has an object.
    fn lines(&mut self, block: usize) -> &mut [u8] {
        let start = (FIRST_BLOCK + block) * SIDE_BYTES + MARK_BYTES;
        // SAFETY: the side table of an accessible block is accessible, and borrowed with `self`.
        unsafe {
            let start = self.side.base().as_ptr().add(start);
            std::slice::from_raw_parts_mut(start, LINES)
        }
    }

    /// A 64-bit word of a block's mark bits.
    pub(super) fn mark_word(&self, block: usize, word: usize) -> u64 {
        debug_assert!(block < self.blocks.len() && word < MARK_BYTES / 8);
        let start = (FIRST_BLOCK + block) * SIDE_BYTES + word * 8;
        // SAFETY: the side table of an accessible block is accessible, and its words are aligned.
        unsafe { self.side.base().as_ptr().add(start).cast::<u64>().read() }
    }

    /// Marks an object. Returns whether it was unmarked.
    pub(super) fn mark(&mut self, object: u32) -> bool {
        let block = (object / BLOCK_BYTES) as usize;
        let granule = object % BLOCK_BYTES / GRANULE;
        let start = block * SIDE_BYTES + (granule / 8) as usize;
        debug_assert!(block - FIRST_BLOCK < self.blocks.len());
        // SAFETY: as above; an object is in an accessible block.
        unsafe {
            let byte = self.side.base().as_ptr().add(start);
            let bit = 1u8 << (granule % 8);
            let before = byte.read();
            byte.write(before | bit);
            before & bit == 0
        }
    }

    /// The first marked object after an offset.
    pub(super) fn marked_after(&self, offset: u32) -> Option<u32> {
        let next = (offset / GRANULE + 1) as usize;
        let in_block = (BLOCK_BYTES / GRANULE) as usize;
        let first = next.max(FIRST_BLOCK * in_block);
        let mut word = first / 64;
        let mut keep = u64::MAX << (first % 64);
        let words = in_block / 64;
        while word < (FIRST_BLOCK + self.blocks.len()) * words {
            let marks = self.mark_word(word / words - FIRST_BLOCK, word % words) & keep;
            if marks != 0 {
                let granule = word * 64 + marks.trailing_zeros() as usize;
                return Some(granule as u32 * GRANULE);
            }
            keep = u64::MAX;
            word += 1;
        }
        None
    }

    /// Marks the lines of an object.
    pub(super) fn mark_lines(&mut self, object: u32, bytes: u32) {
        let block = (object / BLOCK_BYTES) as usize - FIRST_BLOCK;
        if self.blocks[block] != Block::Shared {
            return;
        }
        let first = (object % BLOCK_BYTES / LINE_BYTES) as usize;
        let last = ((object % BLOCK_BYTES + bytes - 1) / LINE_BYTES) as usize;
        self.lines(block)[first..=last].fill(1);
    }

    /// Clears all marks.
    pub(super) fn clear_marks(&mut self) {
        let start = FIRST_BLOCK * SIDE_BYTES;
        let length = self.blocks.len() * SIDE_BYTES;
        // SAFETY: the side tables of accessible blocks are accessible.
        unsafe { self.side.base().as_ptr().add(start).write_bytes(0, length) };
    }

    /// Frees the blocks without marks.
    pub(super) fn sweep(&mut self) {
        let mut marked = false;
        for block in 0..self.blocks.len() {
            let kept = match self.blocks[block] {
                Block::Free => continue,
                Block::Shared => self.lines(block).iter().any(|mark| *mark != 0),
                Block::Large => {
                    marked = self.mark_word(block, 0) & 1 != 0;
                    marked
                }
                Block::Rest => marked,
            };
            if !kept {
                self.blocks[block] = Block::Free;
                self.used -= 1;
            }
        }
        self.next_line = (0, 0);
        self.next_free = 0;
    }
}
